//! When to say something again: after 1, 2, 4, ... ticks, and then at a steady pace.

/// The longest wait between two repetitions, in ticks.
pub(super) const CAP: u64 = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    due: u64,
    wait: u64,
}

impl Backoff {
    /// First due at `tick`.
    pub(super) fn starting(tick: u64) -> Self {
        Self { due: tick, wait: 1 }
    }

    /// There is a new reason: soon again, but not at once.
    pub(super) fn hurry(&mut self, now: u64) {
        self.wait = 1;
        self.due = self.due.min(now.saturating_add(1));
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: u64) -> bool {
        now >= self.due
    }

    /// Whether it is time; if so, the next time is farther away.
    pub(super) fn fire(&mut self, now: u64) -> bool {
        if !self.is_due(now) {
            return false;
        }
        self.due = now.saturating_add(self.wait);
        self.wait = (self.wait * 2).min(CAP);
        true
    }
}
