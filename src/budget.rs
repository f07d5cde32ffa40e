//! What one source may make all others keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::codec::encoded_len;

/// What one source may make every replica keep, per operation and in all.
///
/// The broadcast proves who wrote an operation and that all write the same; it does not stop a
/// member from writing valid operations until the disks of all others are full. A budget does. It
/// belongs to the configuration of an algorithm, so that all members of a network judge by the same
/// one.
///
/// What counts is what is *alive*. Where only the source's own operations can free it, an operation
/// beyond the budget is `Never` valid; where others can free it too, it is `NotYet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// Bytes of content that one operation brings, in the canonical encoding.
    pub op_bytes: u64,
    /// Entries of one source: members of a set, keys of a map, nodes of a tree.
    pub entries: u64,
    /// Bytes of the content of all these entries, in the canonical encoding.
    pub bytes: u64,
}

impl Default for Budget {
    /// 64 KiB an operation, 1,048,576 entries and 64 MiB a source.
    ///
    /// With the default [`Limits`](crate::codec::Limits), an operation that brings or takes away so
    /// many bytes, and names what all lanes did there, fits into one message: what can be put can
    /// be replaced and removed.
    fn default() -> Self {
        Self {
            op_bytes: 64 << 10,
            entries: 1 << 20,
            bytes: 64 << 20,
        }
    }
}

impl Budget {
    /// Whether a source may have so much alive.
    pub(crate) fn allows(&self, usage: Usage) -> bool {
        usage.entries <= self.entries && usage.bytes <= self.bytes
    }

    /// Whether sources may have these entries alive, of so many bytes each.
    pub(crate) fn admits(&self, entries: impl IntoIterator<Item = (Actor, u64)>) -> bool {
        let mut each = true;
        let entries = entries.into_iter();
        let alive: Alive = entries
            .inspect(|(_, bytes)| each &= self.allows_op(*bytes))
            .collect();
        each && alive.0.values().all(|usage| self.allows(*usage))
    }

    /// Whether one operation may bring so many bytes.
    pub(crate) fn allows_op(&self, bytes: u64) -> bool {
        bytes <= self.op_bytes
    }
}

/// What a source makes all others keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Entries that are alive.
    pub entries: u64,
    /// Bytes of their content, in the canonical encoding.
    pub bytes: u64,
}

impl Usage {
    /// One entry of so many bytes.
    pub(crate) fn entry(bytes: u64) -> Self {
        Self { entries: 1, bytes }
    }

    /// Both. Saturates: what no budget allows is not told apart.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_add(other.entries),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// This without a part of it.
    #[must_use]
    pub(crate) fn minus(self, part: Self) -> Self {
        let entries = self.entries.checked_sub(part.entries);
        let bytes = self.bytes.checked_sub(part.bytes);
        Self {
            entries: entries.expect("a part has no more entries than the whole"),
            bytes: bytes.expect("a part has no more bytes than the whole"),
        }
    }
}

/// What each source has alive. Derived from a state, so that equal states have equal ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alive(BTreeMap<Actor, Usage>);

impl Alive {
    pub(crate) fn of(&self, source: &Actor) -> Usage {
        self.0.get(source).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, source: Actor, usage: Usage) {
        let alive = self.0.entry(source).or_default();
        *alive = alive.plus(usage);
    }

    pub(crate) fn remove(&mut self, source: &Actor, usage: Usage) {
        let alive = self.of(source).minus(usage);
        if alive == Usage::default() {
            self.0.remove(source);
        } else {
            self.0.insert(*source, alive);
        }
    }
}

/// Of entries of so many bytes each.
impl FromIterator<(Actor, u64)> for Alive {
    fn from_iter<I: IntoIterator<Item = (Actor, u64)>>(entries: I) -> Self {
        let mut alive = Self::default();
        for (source, bytes) in entries {
            alive.add(source, Usage::entry(bytes));
        }
        alive
    }
}

/// The bytes of the canonical encoding of `content`.
pub(crate) fn size<T: Serialize + ?Sized>(content: &T) -> u64 {
    encoded_len(content) as u64
}
