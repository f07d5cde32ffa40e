//! How much was signed, checked and walked.

use std::cell::Cell;

/// What a network costs, for benchmarks and for metrics: signatures that were really made and
/// checked, and states that were walked as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Made.
    pub signatures: u64,
    /// Checked, one by one or together; those of a batch that failed, and so were checked twice,
    /// once.
    pub verifications: u64,
    /// Snapshots made of an algorithm's state: each walks all of it.
    pub snapshots: u64,
}

impl Work {
    /// Of this thread since it started, with what other threads checked for it: those of feature
    /// `parallel`, and the one beside a node's replica.
    #[must_use]
    pub fn so_far() -> Self {
        WORK.get()
    }
}

/// Counts one signature made.
pub(super) fn count_signature() {
    let work = WORK.get();
    let signatures = work.signatures + 1;
    WORK.set(Work { signatures, ..work });
}

/// Counts one snapshot made.
pub(crate) fn count_snapshot() {
    let work = WORK.get();
    let snapshots = work.snapshots + 1;
    WORK.set(Work { snapshots, ..work });
}

/// Counts signatures checked on behalf of this thread, by whichever.
pub(crate) fn count_verifications(count: u64) {
    let work = WORK.get();
    let verifications = work.verifications + count;
    WORK.set(Work {
        verifications,
        ..work
    });
}

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work { signatures: 0, verifications: 0, snapshots: 0 }) };
}
