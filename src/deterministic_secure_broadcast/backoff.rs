//! When to say something again: after 1, 2, 4, ... ticks, and then at a steady pace.

/// The longest wait between two repetitions, in ticks.
pub(super) const CAP: u64 = 64;

/// A clock of repetitions. Its unit is whatever the caller counts: ticks nearly everywhere, and
/// moments (ticks and deliveries together) for early messages.
///
/// Repetitions are what makes a lossy network good enough: what is said for long enough arrives.
/// They have to become rare, or a member that is down for a week costs the others a packet a tick;
/// and they must not become arbitrarily rare, or a member that comes back waits as long again as it
/// was away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// The first time at which it fires again.
    due: u64,
    /// How long after the next time the one after it comes: doubled each time, up to [`CAP`].
    wait: u64,
}

impl Backoff {
    /// First due at `tick`.
    ///
    /// Whoever repeats what it has just said itself starts at the next tick, so that the answer has
    /// a tick to arrive; what has not been said starts now.
    pub(super) fn starting(tick: u64) -> Self {
        Self { due: tick, wait: 1 }
    }

    /// There is a new reason: soon again, but not at once.
    ///
    /// Were it at once, each packet of a peer would lead to one of ours, and two replicas could
    /// keep each other busy without a tick.
    pub(super) fn hurry(&mut self, now: u64) {
        self.wait = 1;
        self.due = self.due.min(now.saturating_add(1));
    }

    /// Whether it is time.
    ///
    /// Changes nothing: for who wants to look at a lane only if it pays.
    pub(super) fn is_due(&self, now: u64) -> bool {
        now >= self.due
    }

    /// Whether it is time; if so, the next time is farther away.
    ///
    /// The caller must do what it asks about when the answer is yes: the occasion is used up.
    pub(super) fn fire(&mut self, now: u64) -> bool {
        if !self.is_due(now) {
            return false;
        }
        self.due = now.saturating_add(self.wait);
        self.wait = (self.wait * 2).min(CAP);
        true
    }
}
