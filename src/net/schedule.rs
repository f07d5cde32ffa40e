//! Virtual time: what happens next, in an order that the seed alone decides.

use std::collections::BTreeMap;

use crate::actor::Actor;

/// What can happen by itself.
///
/// Everything else in a network is an answer to one of these, or done by hand.
#[derive(Debug)]
pub(super) enum Happening {
    /// Bytes reach a participant.
    Arrival {
        to: Actor,
        bytes: Vec<u8>,
        /// The number under which a participant sent it.
        ///
        /// `None` for what no participant sent: noise, and what is whispered.
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
    /// In microseconds. It never goes back.
    now: u64,
    /// Things that were scheduled so far: the second part of their place in the queue.
    scheduled: u64,
    /// By the time at which it happens, and by the order in which it was scheduled.
    queue: BTreeMap<(u64, u64), Happening>,
}

impl Schedule {
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// `micros` from now.
    pub(super) fn after(&mut self, micros: u64, happening: Happening) {
        self.scheduled += 1;
        let key = (self.now.saturating_add(micros), self.scheduled);
        self.queue.insert(key, happening);
    }

    /// `None` when nothing is to happen; with a participant there is always a tick.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// What will reach this participant, in its order.
    ///
    /// Walks over all that is scheduled.
    pub(super) fn arrivals_for(&self, who: Actor) -> impl Iterator<Item = &[u8]> {
        self.queue.values().filter_map(move |next| match next {
            Happening::Arrival { to, bytes, .. } if *to == who => Some(&bytes[..]),
            Happening::Arrival { .. } | Happening::Tick { .. } => None,
        })
    }

    /// How many things are to happen.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Time is then what it was scheduled for.
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
