//! A register that keeps what was written concurrently, for the reader to decide.
//!
//! ```
//! use bft_crdts::types::MvRegister;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let [alice, bob] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
//! let mut place = MvRegister::<&str>::new(alice);
//! let hers = place.write("library");
//! let his = MvRegister::new(bob).write("garden");
//! place.apply(hers);
//! place.apply(his);
//! assert_eq!(place.values().count(), 2, "neither knew of the other");
//! place.apply(place.write("library"));
//! assert_eq!(place.values().collect::<Vec<_>>(), [&"library"]);
//! ```
//!
//! # What a liar cannot do
//!
//! - *Grow the register without bound*: a write replaces its source's own, whatever it says, so
//!   there are at most as many values as sources, each of at most [`Budget::op_bytes`].
//! - *Overwrite what it has not seen*, or what comes later: `over` names writes that are applied,
//!   by number; one that is not here yet makes the write `NotYet` valid, and one of its own to come
//!   `Never`.
//! - *Write in another's name*: `Never`.
//!
//! A liar may leave `over` empty, and so keep one value of its own in everybody's sight.
//!
//! Verdict and `apply` cost O(log n) for each write in `over`, with `n` sources, and the size of
//! the value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lww_register::Value;
use crate::actor::Actor;
use crate::budget::{Budget, size};
use crate::codec;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// For each source the last of its writes that is meant; all earlier ones are meant as well.
/// Counted from 1.
pub type Seen = BTreeMap<Actor, u64>;

/// A register of all values that no other write has replaced. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MvRegister<V: Value> {
    actor: Actor,
    budget: Budget,
    state: State<V>,
}

/// A write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Write<V> {
    /// Who writes.
    pub by: Actor,
    /// The writes of others that it replaces. Its own are replaced in any case and not named.
    pub over: Seen,
    /// What is written.
    pub value: V,
}

/// What all replicas that applied the same writes agree on: how many writes each source made, and
/// the latest of those whose latest was not replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<V>")]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
pub struct State<V> {
    writes: Seen,
    values: BTreeMap<Actor, V>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
struct Unchecked<V> {
    writes: Seen,
    values: BTreeMap<Actor, V>,
}

impl<V> TryFrom<Unchecked<V>> for State<V> {
    type Error = &'static str;

    fn try_from(Unchecked { writes, values }: Unchecked<V>) -> Result<Self, &'static str> {
        if !writes.values().all(|&number| is_number(number)) {
            return Err("no write has this number");
        }
        if !values.keys().all(|source| writes.contains_key(source)) {
            return Err("a value that its source did not write");
        }
        Ok(Self { writes, values })
    }
}

/// Whether a write can have this number. Without `u64::MAX` there is always a next.
fn is_number(number: u64) -> bool {
    (1..u64::MAX).contains(&number)
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            writes: Seen::new(),
            values: BTreeMap::new(),
        }
    }
}

impl<V: Value> MvRegister<V> {
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

    /// The operation that writes `value` over all that is seen here.
    #[must_use]
    pub fn write(&self, value: V) -> Write<V> {
        let by = self.actor;
        let others = self.state.values.keys().filter(|source| **source != by);
        let over = others.map(|source| (*source, self.writes_of(source)));
        Write {
            by,
            over: over.collect(),
            value,
        }
    }

    /// The values, by their sources.
    pub fn iter(&self) -> impl Iterator<Item = (&Actor, &V)> {
        self.state.values.iter()
    }

    /// The values, in the order of their sources: none before the first write, one when no two were
    /// concurrent.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.state.values.values()
    }

    fn writes_of(&self, source: &Actor) -> u64 {
        self.state.writes.get(source).copied().unwrap_or(0)
    }

    fn own(&self, from: &Actor) -> u64 {
        self.writes_of(from)
    }

    /// Numbers only rise, so what is named stays named.
    fn judge(&self, from: &Actor, own: &mut u64, op: &Write<V>) -> Result<(), Verdict> {
        if op.by != *from {
            return Err(Verdict::Never("a write in another's name"));
        }
        if op.over.contains_key(from) {
            return Err(Verdict::Never("a write that names its source's own"));
        }
        if !op.over.values().all(|&number| is_number(number)) {
            return Err(Verdict::Never("no write has this number"));
        }
        if !self.budget.allows_op(size(&op.value)) {
            return Err(Verdict::Never("a value beyond the budget"));
        }
        let next = *own + 1;
        if !is_number(next) {
            return Err(Verdict::Never("its source has used up its numbers"));
        }
        let known = |(source, number): (&Actor, &u64)| *number <= self.writes_of(source);
        if !op.over.iter().all(known) {
            return Err(Verdict::NotYet("a write that it replaces"));
        }
        *own = next;
        Ok(())
    }
}

impl<V: Value> SecureBroadcastAlgorithm for MvRegister<V> {
    type Op = Write<V>;
    type ReplicatedState = State<V>;

    const NAME: &'static str = "mv-register/1";

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
        for (source, number) in &op.over {
            if self.writes_of(source) <= *number {
                self.state.values.remove(source);
            }
        }
        *self.state.writes.entry(op.by).or_default() += 1;
        self.state.values.insert(op.by, op.value);
    }

    /// Whether each value is within the budget.
    fn admits(&self, state: &State<V>) -> bool {
        let mut values = state.values.values();
        values.all(|value| self.budget.allows_op(size(value)))
    }

    /// Of each value one: who wrote it, and its canonical bytes.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        self.iter()
            .map(|(writer, value)| (writer.as_bytes().to_vec(), codec::encode(value)))
    }

    /// The budget.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&self.budget)
    }
}
