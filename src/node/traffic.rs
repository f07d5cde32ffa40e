//! What crosses the links, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What crossed the links since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets that were written.
    pub sent: u64,
    /// Packets that came in.
    pub received: u64,
    /// Packets that were dropped: no room, or nobody there.
    pub dropped: u64,
    /// Connections that were refused, and frames for which one was closed.
    pub refused: u64,
    /// Bytes of the packets that were written, with their frames.
    pub sent_bytes: u64,
    /// Bytes of the frames that came in.
    pub received_bytes: u64,
}

/// Counts [`Traffic`] while links work.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            sent: read(&self.sent),
            received: read(&self.received),
            dropped: read(&self.dropped),
            refused: read(&self.refused),
            sent_bytes: read(&self.sent_bytes),
            received_bytes: read(&self.received_bytes),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn add(counter: &AtomicU64, len: usize) {
    counter.fetch_add(len as u64, Ordering::Relaxed);
}
