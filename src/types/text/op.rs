//! What can be done to a list.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;

/// Spans in one operation.
pub const SPANS_PER_OP: usize = 2048;

/// The name of an element: the `counter`th that `source` inserted, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id {
    /// Who inserted it.
    pub source: Actor,
    /// Which of that source's elements.
    pub counter: u32,
}

/// On which side of its parent a node of the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Before its parent.
    Left,
    /// After its parent.
    Right,
}

/// Elements of one source that follow each other in its count, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Who inserted them.
    pub source: Actor,
    /// The first of them.
    pub first: u32,
    /// The last of them.
    pub last: u32,
}

/// An operation on a list of `T`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op<T> {
    /// The elements are in the list, the first as a child of `parent`, each further one as the
    /// right child of the one before.
    Insert {
        /// The name of the first element. Its source is the author of the operation.
        id: Id,
        /// The element that the first one is placed by; `None` is the start of the list, which only
        /// has a right side.
        parent: Option<Id>,
        /// The side of the parent that the first element is on.
        side: Side,
        /// At least one.
        elements: Vec<T>,
    },
    /// The elements are in the list no more. Those that are deleted already stay so.
    Delete {
        /// 1 to [`SPANS_PER_OP`] of them, in order, with a gap between two of one source.
        spans: Vec<Span>,
    },
}

impl Span {
    /// How many elements it names, when it is one that an operation may have.
    #[must_use]
    pub(super) fn len(&self) -> u64 {
        u64::from(self.last) + 1 - u64::from(self.first)
    }

    /// Whether it is in order, and after `before` with a gap.
    pub(super) fn follows(&self, before: Option<&Self>) -> bool {
        let apart = before.is_none_or(|before| match before.source.cmp(&self.source) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => u64::from(before.last) + 1 < u64::from(self.first),
            std::cmp::Ordering::Greater => false,
        });
        apart && 1 <= self.first && self.first <= self.last
    }
}

/// A label for charts, of at most 40 characters: `+word`, `-4`.
impl<T: fmt::Display> fmt::Display for Op<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label(T::to_string))
    }
}

impl<T> Op<T> {
    /// The first elements of an insertion, in at most 39 characters; how many a deletion takes
    /// away.
    pub(super) fn label(&self, name: impl Fn(&T) -> String) -> String {
        match self {
            Self::Insert { elements, .. } => {
                let text: String = elements.iter().take(39).map(name).collect();
                match text.chars().count() > 39 || elements.len() > 39 {
                    true => format!("+{}…", text.chars().take(38).collect::<String>()),
                    false => format!("+{text}"),
                }
            }
            Self::Delete { spans } => {
                let count: u64 = spans.iter().map(Span::len).sum();
                format!("-{count}")
            }
        }
    }
}
