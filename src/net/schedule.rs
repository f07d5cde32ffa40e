//! Virtual time: what happens next, in an order that the seed alone decides.

use std::collections::BTreeMap;

use crate::actor::Actor;

/// What can happen by itself.
#[derive(Debug)]
pub(super) enum Happening {
    /// Bytes reach a participant.
    Arrival {
        to: Actor,
        bytes: Vec<u8>,
        /// The number under which a participant sent it.
        number: Option<u64>,
        /// How many answers ago somebody sent something who is not correct, if that is what began
        /// it.
        stirred: Option<u8>,
    },
    /// A participant's clock ticks.
    Tick { who: Actor },
}

/// An event queue. Things due at one time happen in the order in which they were scheduled.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    now: u64,
    scheduled: u64,
    queue: BTreeMap<(u64, u64), Happening>,
}

impl Schedule {
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn after(&mut self, micros: u64, happening: Happening) {
        self.scheduled += 1;
        let key = (self.now.saturating_add(micros), self.scheduled);
        self.queue.insert(key, happening);
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many things are to happen.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn pop(&mut self) -> Option<Happening> {
        let ((at, _), happening) = self.queue.pop_first()?;
        self.now = at;
        Some(happening)
    }

    /// Moves time forward to `until`; nothing earlier may be left.
    pub(super) fn advance(&mut self, until: u64) {
        self.now = self.now.max(until);
    }
}
