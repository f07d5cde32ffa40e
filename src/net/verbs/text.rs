//! The text's own verbs on the simulated network.

use std::ops::Range;

use crate::actor::Actor;
use crate::deterministic_secure_broadcast::ProposeError;
use crate::net::{Net, Subject};
use crate::types::Text;

impl Net<Text> {
    /// `who` inserts `text` at position `at` of what it sees. Whether there is such a position.
    ///
    /// # Errors
    /// [`ProposeError`] of its replica.
    ///
    /// # Panics
    /// When `who` is down or no member.
    #[inline]
    pub fn insert(&mut self, who: &Actor, at: usize, text: &str) -> Result<bool, ProposeError> {
        match self.ahead(who).insert(at, text) {
            Some(op) => self.propose(who, op).map(|()| true),
            None => Ok(false),
        }
    }

    /// `who` deletes the characters in `range` of what it sees. Whether there are any, and all of
    /// them.
    ///
    /// # Errors
    /// [`ProposeError`] of its replica.
    ///
    /// # Panics
    /// When `who` is down or no member.
    #[inline]
    pub fn delete(&mut self, who: &Actor, range: Range<usize>) -> Result<bool, ProposeError> {
        match self.ahead(who).delete(range) {
            Some(op) => self.propose(who, op).map(|()| true),
            None => Ok(false),
        }
    }
}

impl Subject {
    /// A text that members write into and delete from.
    #[must_use]
    #[inline]
    pub fn text() -> Self {
        Self::new(
            "text",
            |builder| builder,
            |text: &Text, _, pick| {
                let at = usize::from(pick >> 3) % (text.len() + 1);
                match pick % 8 {
                    0..5 => text.insert(
                        at,
                        ["a", "be", "sea", "deed", "eerie"][usize::from(pick % 8)],
                    ),
                    _ => text.delete(at..text.len().min(at + usize::from(pick % 8) - 4)),
                }
            },
        )
    }
}
