//! A counter that everybody moves up and down, and nobody beyond what can be counted.
//!
//! ```
//! use bft_crdts::types::Counter;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let mut visits = Counter::new(alice);
//! let add = visits.add(3);
//! assert!(visits.validate(&alice, &add));
//! visits.apply(add);
//! visits.apply(visits.add(-1));
//! assert_eq!(visits.value(), 2);
//! ```
//!
//! # What a liar cannot do
//!
//! - *Overflow the sum*: what one source has added, in all, stays within [`Counter::MOST`] either
//!   way, so no sum of all lanes leaves an `i64`. Only the source's own operations move it there,
//!   so one too many is `Never` valid.
//! - *Count in another's name*, or *twice*: the author is in the operation and checked, and the
//!   broadcast delivers each once.
//! - *Fill the memory*: one number is kept of each source.
//!
//! A member can add what it likes within these bounds; where it must not, use
//! [`BoundedCounter`](super::BoundedCounter).
//!
//! Verdict and `apply` cost O(log n) for `n` sources, reading O(1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// A sum of what all have added. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    actor: Actor,
    state: State,
    /// Derived from the state.
    value: i64,
}

/// Adds an amount, which may be negative and is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Add {
    /// Who adds.
    pub by: Actor,
    /// How much.
    pub amount: i64,
}

/// What all replicas that applied the same operations agree on: the sum of what each source added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Actor, i64>")]
pub struct State(BTreeMap<Actor, i64>);

impl TryFrom<BTreeMap<Actor, i64>> for State {
    type Error = &'static str;

    fn try_from(sums: BTreeMap<Actor, i64>) -> Result<Self, &'static str> {
        if sums.len() > MOST_SOURCES || !sums.values().all(|&sum| is_within(sum)) {
            return Err("sums that overflow");
        }
        Ok(Self(sums))
    }
}

/// [`Limits::check`](crate::codec::Limits::check) passes no network of so many lanes: their heads
/// would not fit a packet.
const MOST_SOURCES: usize = 1 << 26;

fn is_within(sum: i64) -> bool {
    (-Counter::MOST..=Counter::MOST).contains(&sum)
}

impl Counter {
    /// The most that the amounts of one source may sum up to, and less 0 the least: 2^37 - 1.
    pub const MOST: i64 = i64::MAX >> 26;

    /// The operation that adds `amount`. Of 0 it is never valid.
    #[must_use]
    pub fn add(&self, amount: i64) -> Add {
        let by = self.actor;
        Add { by, amount }
    }

    /// The sum of all.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.value
    }

    /// The sum of what `source` added.
    #[must_use]
    pub fn value_of(&self, source: &Actor) -> i64 {
        self.state.0.get(source).copied().unwrap_or(0)
    }

    fn own(&self, from: &Actor) -> i64 {
        self.value_of(from)
    }

    fn judge(&self, from: &Actor, own: &mut i64, op: &Add) -> Result<(), Verdict> {
        if op.by != *from {
            return Err(Verdict::Never("adds in another's name"));
        }
        if op.amount == 0 {
            return Err(Verdict::Never("adds nothing"));
        }
        let sum = own.checked_add(op.amount).filter(|sum| is_within(*sum));
        *own = sum.ok_or(Verdict::Never("beyond what one source may add in all"))?;
        Ok(())
    }
}

impl SecureBroadcastAlgorithm for Counter {
    type Op = Add;
    type ReplicatedState = State;

    const NAME: &'static str = "counter/1";

    fn new(actor: Actor) -> Self {
        let state = State::default();
        Self {
            actor,
            state,
            value: 0,
        }
    }

    fn state(&self) -> State {
        self.state.clone()
    }

    fn sync_from(&mut self, other: State) {
        self.value = other.0.values().sum();
        self.state = other;
    }

    /// One, under the empty key: the canonical bytes of the value.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        std::iter::once((Vec::new(), crate::codec::encode(&self.value)))
    }

    judged_in_order!();

    fn apply(&mut self, op: Add) {
        *self.state.0.entry(op.by).or_default() += op.amount;
        self.value += op.amount;
    }
}
