//! Ranks: an order of writes that no liar can run ahead of.
//!
//! A rank is a logical time (Lamport: Time, Clocks, and the Ordering of Events in a Distributed
//! System, 1978) that is derived, not believed: it rises by at most one beyond the largest that was
//! applied, so that nobody holds a place for ever with a time from the future.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::actor::Actor;
use crate::codec::{Digest, Domain, NetworkId};
use crate::traits::Verdict;

/// The last rank of each source, and the largest of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranks {
    last: BTreeMap<Actor, u64>,
    /// Derived from `last`.
    largest: u64,
}

impl Ranks {
    /// The last rank of `source`, 0 before its first.
    pub(super) fn last(&self, source: &Actor) -> u64 {
        self.last.get(source).copied().unwrap_or(0)
    }

    /// The last write of each source.
    pub(super) fn all(&self) -> impl Iterator<Item = Stamp> {
        let last = self.last.iter();
        last.map(|(by, rank)| Stamp {
            rank: *rank,
            by: *by,
        })
    }

    /// The largest rank, 0 before the first.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    /// The rank of a write that knows all that is applied here.
    pub(super) fn next(&self) -> u64 {
        self.largest.saturating_add(1)
    }

    /// Judges the rank of a write of a source whose last rank is `own`, and makes it that.
    pub(super) fn judge(&self, own: &mut u64, rank: u64) -> Result<(), Verdict> {
        if rank <= *own {
            return Err(Verdict::Never("a rank that is not above its source's last"));
        }
        if rank > self.largest.max(*own).saturating_add(1) {
            return Err(Verdict::NotYet("a write of the rank before"));
        }
        *own = rank;
        Ok(())
    }

    pub(super) fn insert(&mut self, source: Actor, rank: u64) {
        self.last.insert(source, rank);
        self.largest = self.largest.max(rank);
    }
}

impl Serialize for Ranks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.last.serialize(serializer)
    }
}

/// Refuses a rank of 0, which no write has.
impl<'de> Deserialize<'de> for Ranks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let last = BTreeMap::<Actor, u64>::deserialize(deserializer)?;
        if last.values().any(|&rank| rank == 0) {
            return Err(serde::de::Error::custom("a rank of 0"));
        }
        let largest = last.values().copied().max().unwrap_or(0);
        Ok(Self { last, largest })
    }
}

/// One write: its rank and its source. A source gives no rank twice, so it is also the write's
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// How late it was: one more than the largest that its source had seen.
    pub rank: u64,
    /// Who wrote.
    pub by: Actor,
}

impl Stamp {
    /// Whether this write at `place` wins over `other` there.
    ///
    /// Equal ranks are decided by a digest of place, rank and source. Were it the source alone,
    /// whoever ground a large key would win each tie.
    pub(super) fn beats<P: Serialize>(&self, other: &Self, place: &P) -> bool {
        let lot = |stamp: &Self| Digest::of(Domain::Tie, &NetworkId::NONE, &(place, stamp));
        match self.rank.cmp(&other.rank) {
            std::cmp::Ordering::Equal => lot(self) > lot(other),
            order => order.is_gt(),
        }
    }
}
