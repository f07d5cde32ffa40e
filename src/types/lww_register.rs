//! A register in which the last write wins, and no liar decides what is last.
//!
//! ```
//! use bft_crdts::types::LwwRegister;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let mut motto = LwwRegister::<String>::new(alice);
//! let write = motto.write("Festina lente".to_string());
//! assert!(motto.validate(&alice, &write));
//! motto.apply(write);
//! assert_eq!(motto.get().map(String::as_str), Some("Festina lente"));
//! ```
//!
//! # What a liar cannot do
//!
//! - *Pin the value* with a time from the future: a rank more than one above the largest applied is
//!   `NotYet` valid, so each correct member's next write is as late as the liar's, or later.
//! - *Win each tie* with a key ground for it: ties go to the larger digest of rank and source. The
//!   digest does not know the key of a register under [`Keyed`](super::Keyed); that of a
//!   [`Map`](super::Map) does.
//! - *Write in another's name*, or *return to an old rank*: `Never`.
//! - *Fill the memory*: of each source one rank is kept, and of all values one, of at most
//!   [`Budget::op_bytes`].
//!
//! A member can always overwrite: that is what a shared register is for. Where one member's writes
//! must not hide those of others, use [`MvRegister`](super::MvRegister).
//!
//! Verdict and `apply` cost O(log n) for `n` sources, and the size of the value.

use std::fmt::Debug;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::rank::{Ranks, Stamp};
use crate::actor::Actor;
use crate::budget::{Budget, size};
use crate::codec;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// What a register can hold. Implemented for all such types; to be replicated over a network, a
/// value must also decode.
pub trait Value: Debug + Clone + Hash + Eq + Serialize {}

impl<V: Debug + Clone + Hash + Eq + Serialize> Value for V {}

/// A register that holds the write of the largest rank. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LwwRegister<V: Value> {
    actor: Actor,
    budget: Budget,
    state: State<V>,
}

/// A write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Write<V> {
    /// Its source and how late it was.
    pub stamp: Stamp,
    /// What is written.
    pub value: V,
}

/// What all replicas that applied the same writes agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<V>")]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
pub struct State<V> {
    ranks: Ranks,
    current: Option<Write<V>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
struct Unchecked<V> {
    ranks: Ranks,
    current: Option<Write<V>>,
}

impl<V> TryFrom<Unchecked<V>> for State<V> {
    type Error = &'static str;

    fn try_from(Unchecked { ranks, current }: Unchecked<V>) -> Result<Self, &'static str> {
        let winner = current.as_ref().map(|write| write.stamp);
        let of_the_last = winner.is_none_or(|stamp| ranks.last(&stamp.by) == stamp.rank);
        if !of_the_last || winner.map_or(0, |stamp| stamp.rank) != ranks.largest() {
            return Err("a value of another rank than the largest");
        }
        let beaten = |stamp: Stamp| ranks.all().any(|other| other.beats(&stamp, &()));
        if winner.is_some_and(beaten) {
            return Err("a value that lost its tie");
        }
        Ok(Self { ranks, current })
    }
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            ranks: Ranks::default(),
            current: None,
        }
    }
}

impl<V: Value> LwwRegister<V> {
    /// A replica in a network whose writes are bounded by [`Budget::op_bytes`] of `budget`.
    #[must_use]
    pub fn with_budget(actor: Actor, budget: Budget) -> Self {
        let state = State::default();
        Self {
            actor,
            budget,
            state,
        }
    }

    /// The operation that writes `value`.
    #[must_use]
    pub fn write(&self, value: V) -> Write<V> {
        let (rank, by) = (self.state.ranks.next(), self.actor);
        let stamp = Stamp { rank, by };
        Write { stamp, value }
    }

    /// The value, if any was written.
    #[must_use]
    pub fn get(&self) -> Option<&V> {
        Some(&self.current()?.value)
    }

    /// The write that won, with its source.
    #[must_use]
    pub fn current(&self) -> Option<&Write<V>> {
        self.state.current.as_ref()
    }

    fn own(&self, from: &Actor) -> u64 {
        self.state.ranks.last(from)
    }

    fn judge(&self, from: &Actor, own: &mut u64, op: &Write<V>) -> Result<(), Verdict> {
        if op.stamp.by != *from {
            return Err(Verdict::Never("a write in another's name"));
        }
        if !self.budget.allows_op(size(&op.value)) {
            return Err(Verdict::Never("a value beyond the budget"));
        }
        self.state.ranks.judge(own, op.stamp.rank)
    }
}

impl<V: Value> SecureBroadcastAlgorithm for LwwRegister<V> {
    type Op = Write<V>;
    type ReplicatedState = State<V>;

    const NAME: &'static str = "lww-register/1";

    fn new(actor: Actor) -> Self {
        Self::with_budget(actor, Budget::default())
    }

    fn state(&self) -> State<V> {
        self.state.clone()
    }

    fn sync_from(&mut self, other: State<V>) {
        self.state = other;
    }

    judged_in_order!();

    fn apply(&mut self, op: Write<V>) {
        self.state.ranks.insert(op.stamp.by, op.stamp.rank);
        let wins = |current: &Write<V>| op.stamp.beats(&current.stamp, &());
        if self.state.current.as_ref().is_none_or(wins) {
            self.state.current = Some(op);
        }
    }

    /// Whether the value is within the budget.
    fn admits(&self, state: &State<V>) -> bool {
        let current = state.current.as_ref();
        current.is_none_or(|write| self.budget.allows_op(size(&write.value)))
    }

    /// One, under the empty key, once it was written: the canonical bytes of the value.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let value = self.get().into_iter();
        value.map(|value| (Vec::new(), codec::encode(value)))
    }

    /// The budget.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&self.budget)
    }
}
