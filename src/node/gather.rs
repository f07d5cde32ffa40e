//! When our next message leaves: mostly at once, and with callers that are about to come back.
//!
//! Whoever makes one operation after the other has the next one ready a moment after the last was
//! answered. A message that leaves the moment before carries the others' alone, so that those who
//! work side by side share two messages in turns; one that leaves the moment after carries all.

use std::time::{Duration, Instant};

/// How long callers that were answered have for coming back.
///
/// They take some hundredths of it. It is what an operation may come later at whose side nobody
/// comes back.
const GAP: Duration = Duration::from_millis(1);

/// Messages that leave at once after callers did not come back.
const REST: u32 = 32;

/// Operations beside which nobody is waited for: their message is large enough.
const ENOUGH: usize = 512;

/// Invariant: nothing is waited for longer than [`GAP`].
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// Until when the next message waits.
    until: Option<Instant>,
    /// With how many operations it leaves before.
    wanted: usize,
    /// How many messages leave at once.
    rest: u32,
}

impl Gather {
    /// Whether as many operations as somebody waits for are to be kept together.
    pub(super) fn is_worth_it(&self, waiting: usize) -> bool {
        waiting > 1 && self.rest == 0
    }

    /// A message of ours was delivered. So many who waited for it are answered, or none where the
    /// next one is not held; and so many operations wait for that.
    pub(super) fn begin(&mut self, now: Instant, answered: usize, pending: usize) {
        self.rest = self.rest.saturating_sub(1);
        if answered > 0 {
            (self.until, self.wanted) = (Some(now + GAP), answered + pending);
        }
    }

    /// Until when the next message waits; `None` when it leaves, with so many operations.
    pub(super) fn wait(&mut self, now: Instant, pending: usize) -> Option<Instant> {
        let until = self.until?;
        let enough = pending >= self.wanted.min(ENOUGH);
        if now < until && !enough {
            return Some(until);
        }
        if !enough {
            self.rest = REST;
        }
        self.until = None;
        None
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leaves_when_all_have_come_back_and_at_once_after_they_did_not() {
        let mut gather = Gather::default();
        let begin = Instant::now();
        assert!(gather.is_worth_it(2) && !gather.is_worth_it(1));
        assert!(gather.wait(begin, 0).is_none());
        gather.begin(begin, 3, 2);
        assert_eq!(gather.wait(begin, 4), Some(begin + GAP));
        assert!(gather.wait(begin, 5).is_none(), "all are there");
        gather.begin(begin, 3, ENOUGH);
        assert!(gather.wait(begin, ENOUGH).is_none(), "it is large");
        assert!(gather.is_worth_it(2));
        gather.begin(begin, 3, 2);
        assert!(gather.wait(begin + GAP, 4).is_none(), "it is time");
        for _ in 0..REST {
            assert!(!gather.is_worth_it(2));
            gather.begin(begin, 0, 0);
        }
        assert!(gather.is_worth_it(2));
    }
}
