//! The words for a place in a source's log: numbers, dots, heads.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::codec::{Digest, NetworkId, decimal};

/// A message's number in its lane: 1, 2, 3, ...; 0 stands for "none yet".
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Seq(#[serde(with = "decimal")] u64);

impl Seq {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// After the last message.
    pub const MAX: Self = Self(u64::MAX);

    /// A number read from outside.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The one after it, or `None` when numbers are exhausted.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// Whether this is the number right after `earlier`.
    #[must_use]
    pub fn follows(self, earlier: Self) -> bool {
        earlier.next() == Some(self)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a message: nobody ever accepts two at one dot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dot {
    /// Whose message.
    pub source: Actor,
    /// Which of them.
    pub seq: Seq,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{}", self.source, self.seq)
    }
}

/// Where one operation stands in its source's log, which is its name for good: the message, and
/// which of its operations it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The message.
    pub dot: Dot,
    /// Operations of the message before it.
    pub index: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => self.dot.fmt(f),
            index => write!(f, "{}#{}", self.dot, u64::from(index) + 1),
        }
    }
}

/// The end of a lane: the number of its last message and its digest, which proves all before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Head {
    /// The number of the last message.
    pub seq: Seq,
    /// The digest of the last message.
    pub digest: Digest,
}

impl Head {
    /// The end of an empty lane: the first message's parent is the network itself.
    #[must_use]
    pub fn empty(network: &NetworkId) -> Self {
        Self {
            seq: Seq::ZERO,
            digest: network.digest(),
        }
    }
}

/// Where each lane ends. A lane that is absent is empty.
pub type Frontier = BTreeMap<Actor, Head>;
