//! The order of the children on one side of a node.
//!
//! Correct replicas make siblings only when they insert at one place at the same time. Which of
//! them comes first must not be for a liar to choose: were it the smaller actor, whoever ground
//! such a key would always come first. So it is by lot: by a digest of the place and the source.
//! The lot of a source at a place is one, whatever counters it burns.

use std::collections::BTreeMap;

use super::op::{Id, Side};
use crate::actor::Actor;
use crate::codec::{Digest, Domain, NetworkId};

/// An element, by the number that this replica has given to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) lane: u32,
    pub(super) counter: u32,
}

/// A sibling's place among its siblings. Two of one source are in the order of its count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    lot: Digest,
    source: Actor,
    counter: u32,
}

impl Rank {
    pub(super) fn new(parent: Option<Id>, side: Side, id: Id) -> Self {
        Self {
            lot: Digest::of(Domain::Tie, &NetworkId::NONE, &(parent, side, id.source)),
            source: id.source,
            counter: id.counter,
        }
    }
}

/// The children on one side, without one that follows its parent in the parent's own run. Nearly
/// always there is one alone, which needs no rank.
#[derive(Clone, Debug)]
pub(super) enum Siblings {
    One(Key),
    Many(BTreeMap<Rank, Key>),
}

impl Siblings {
    /// The first of them.
    pub(super) fn first(&self) -> Key {
        match self {
            Self::One(key) => *key,
            Self::Many(keys) => *keys.first_key_value().expect("there are two at least").1,
        }
    }

    /// The last one before `rank`.
    pub(super) fn before(&self, rank: &Rank, rank_of: impl Fn(Key) -> Rank) -> Option<Key> {
        match self {
            Self::One(key) => Some(*key).filter(|key| rank_of(*key) < *rank),
            Self::Many(keys) => keys.range(..rank).next_back().map(|(_, key)| *key),
        }
    }

    pub(super) fn insert(&mut self, key: Key, rank_of: impl Fn(Key) -> Rank) {
        match self {
            Self::One(other) => {
                let both = [*other, key].map(|key| (rank_of(key), key));
                *self = Self::Many(both.into());
            }
            Self::Many(keys) => {
                keys.insert(rank_of(key), key);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Key> {
        let (one, many) = match self {
            Self::One(key) => (Some(*key), None),
            Self::Many(keys) => (None, Some(keys.values().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
