//! What can be done to a map, and a map at rest: sorted, canonical, and checked when it is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::budget::size;
use crate::types::mv_register::Seen;
use crate::types::rank::{Ranks, Stamp};

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op<K, V> {
    /// The key has this value.
    Put {
        /// Its source, and how late it was.
        stamp: Stamp,
        /// Under which key.
        key: K,
        /// What is put.
        value: V,
        /// The ranks of the puts of others under this key that it replaces. Its source's own is
        /// replaced in any case and not named.
        over: Seen,
    },
    /// The key has no value, so far as `over` names them.
    Remove {
        /// Which key.
        key: K,
        /// The ranks of the puts that the remover had seen under this key.
        over: Seen,
    },
}

/// A value under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put<V> {
    /// Its source, and how late it was.
    pub stamp: Stamp,
    /// What was put.
    pub value: V,
}

/// What all replicas that applied the same operations agree on. Under each key at least one put, in
/// the order of their sources, each of which has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<K, V>")]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct State<K, V> {
    pub(super) ranks: Ranks,
    pub(super) puts: BTreeMap<K, Vec<Put<V>>>,
}

impl<K: Serialize, V: Serialize> State<K, V> {
    /// The bytes of each put, with its source.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Actor, u64)> {
        let puts = self.puts.iter();
        puts.flat_map(|(key, puts)| {
            puts.iter()
                .map(move |put| (put.stamp.by, bytes(key, &put.value)))
        })
    }
}

/// What a put counts in its source's budget.
pub(super) fn bytes<K: Serialize, V: Serialize>(key: &K, value: &V) -> u64 {
    size(key) + size(value)
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
struct Unchecked<K, V> {
    ranks: Ranks,
    puts: BTreeMap<K, Vec<Put<V>>>,
}

impl<K, V> TryFrom<Unchecked<K, V>> for State<K, V> {
    type Error = &'static str;

    fn try_from(Unchecked { ranks, puts }: Unchecked<K, V>) -> Result<Self, &'static str> {
        let mut names = BTreeSet::new();
        for puts in puts.values() {
            if !puts.iter().all(|put| names.insert(put.stamp)) {
                return Err("two puts of one name");
            }
            if puts.is_empty() {
                return Err("a key without a value");
            }
            if !puts.is_sorted_by(|one, next| one.stamp.by < next.stamp.by) {
                return Err("values out of order, or two of one source");
            }
            let made = |put: &Put<V>| (1..=ranks.last(&put.stamp.by)).contains(&put.stamp.rank);
            if !puts.iter().all(made) {
                return Err("a rank that its source has not used");
            }
        }
        Ok(Self { ranks, puts })
    }
}

impl<K, V> Default for State<K, V> {
    fn default() -> Self {
        Self {
            ranks: Ranks::default(),
            puts: BTreeMap::new(),
        }
    }
}
