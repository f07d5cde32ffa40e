//! A list of characters.

use std::fmt::{self, Write};
use std::ops::Range;

use super::list::List;
use super::op::Op;

/// Text that several authors write at once. Its positions count Unicode scalar values, not bytes.
pub type Text = List<char>;

impl Text {
    /// The operation that inserts `text` so that it begins at position `at`; `None` when that is
    /// beyond the end.
    ///
    /// Of an empty text, or beyond the budget, it is never valid.
    #[must_use]
    pub fn insert(&self, at: usize, text: &str) -> Option<Op<char>> {
        self.insert_all(at, text.chars())
    }

    /// The text at the positions in `range`, as far as there is any.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> String {
        self.range(range).collect()
    }
}

/// The text.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|letter| f.write_char(*letter))
    }
}
