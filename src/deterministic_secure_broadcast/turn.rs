//! The input that is being taken in: when it came, and what it has led to so far.
//!
//! State: the time, and the step that grows with what the rules write, send and tell. Inputs: the
//! rules. Output: one [`Step`] an input. Invariant: between inputs there is no step, so that
//! nothing is handed out with another input than the one that led to it.

use super::step::{Fault, Record, Step};

#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Ticks since the start.
    pub(super) now: u64,
    /// What is to be done about this input.
    pub(super) step: Step,
}

impl Turn {
    /// To be made durable, after what was written before.
    pub(super) fn write(&mut self, record: Record) {
        self.step.persist.push(record);
    }

    /// To be told to whoever operates the replica.
    pub(super) fn report(&mut self, fault: Fault) {
        self.step.faults.push(fault);
    }

    /// What this input has led to; the turn is over.
    pub(super) fn end(&mut self) -> Step {
        std::mem::take(&mut self.step)
    }

    /// The input is refused, or was taken in before a crash: nothing of it is done.
    pub(super) fn forget(&mut self) {
        self.step = Step::default();
    }
}
