//! The contract between an algorithm and the broadcast around it.
//!
//! # The laws
//!
//! An algorithm survives liars without consensus because of these six; [`crate::laws::check`] tries
//! to break them and prints the operation that did.
//!
//! 1. *Pure.* `validate`, `verdict` and `apply` depend on the state and the operation alone: no
//!    clock, no chance, no map order.
//! 2. *One opinion.* `validate(f, op)` is `verdict(f, op).is_valid()`; `verdict_batch` is the
//!    verdict of a walk that applies each operation after judging it and stops at the first that is
//!    not `Valid`.
//! 3. *Stable.* Once `Valid` for `(from, op)`, still `Valid` until another operation *of that
//!    source* is applied. This is what makes a broadcast per source enough (Guerraoui et al.: The
//!    Consensus Number of a Cryptocurrency, PODC 2019, section 4).
//! 4. *Final.* Once `Never` for `(from, op)`, still `Never` until another operation of that source
//!    is applied.
//! 5. *Commuting.* Valid operations of different sources lead to equal `state()` in either order.
//! 6. *Faithful.* `sync_from(state())` into a fresh replica gives an equal `state()`; equal states
//!    have equal canonical bytes and equal `records()`, no two under one key, and give equal
//!    verdicts. So no `HashMap` inside a state, and everything that `verdict` reads is in `state()`
//!    or in `configuration()`.
//!
//! Operations and states cross the wire in the crate's canonical encoding: plain data, no
//! `HashMap`, no recursion, no collections of zero-sized elements.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::Actor;
use crate::summary::short;

/// An eventually consistent algorithm: a set, a bank, your own. See the [module](self) for its
/// laws.
pub trait SecureBroadcastAlgorithm: Clone + Debug + Eq {
    /// The set of ops this algorithm accepts.
    type Op: Debug + Clone + Hash + Eq + Serialize;
    /// The snapshot that newcomers start from.
    type ReplicatedState: Clone + Debug + Eq;

    /// Name and version. Networks whose algorithms differ in it do not understand each other.
    const NAME: &'static str = "unnamed/0";

    /// A new replica of this algorithm, owned by `actor`.
    fn new(actor: Actor) -> Self;

    /// A snapshot of the replicated state, equal on all replicas that applied the same operations.
    fn state(&self) -> Self::ReplicatedState;

    /// Starts a replica from a snapshot: nothing of the state that it was in is left.
    fn sync_from(&mut self, other: Self::ReplicatedState);

    /// Whether `op`, issued by `from`, may be applied to this very state.
    fn validate(&self, from: &Actor, op: &Self::Op) -> bool;

    /// An operation in a word or two, for charts and recordings, of which more than a line is cut
    /// off. By default what [`Debug`] shows of it.
    fn summary(op: &Self::Op) -> String {
        short(op)
    }

    /// Applies an operation that is valid on this very state.
    fn apply(&mut self, op: Self::Op);

    /// Like [`validate`](Self::validate), and tells early from forged: what is not valid *yet* is
    /// held and judged again, what never will be is refused and reported.
    fn verdict(&self, from: &Actor, op: &Self::Op) -> Verdict {
        if self.validate(from, op) {
            Verdict::Valid
        } else {
            Verdict::NotYet("not valid on this state")
        }
    }

    /// Judges `ops` as if they were applied one after the other.
    ///
    /// The default walks a clone of the whole state; override it when states grow large.
    fn verdict_batch(&self, from: &Actor, ops: &[Self::Op]) -> Verdict {
        match ops {
            [] => return Verdict::Valid,
            [op] => return self.verdict(from, op),
            _ => {}
        }
        let mut walker = self.clone();
        for op in ops {
            match walker.verdict(from, op) {
                Verdict::Valid => walker.apply(op.clone()),
                verdict => return verdict,
            }
        }
        Verdict::Valid
    }

    /// Whether valid operations can lead to `state` under this replica's configuration. What
    /// decodes as a state is one that the type can be in; whether it is within the budgets, only
    /// the configuration tells. A snapshot that is not admitted is not installed.
    ///
    /// Must admit every state that a correct replica of the same configuration is in. The default
    /// admits all.
    fn admits(&self, state: &Self::ReplicatedState) -> bool {
        let _ = state;
        true
    }

    /// The state as records, each a key and a value, which can be shown one by one to who holds no
    /// replica: at each boundary the members certify a digest of all of them. One a key, in any
    /// order; equal states have equal records.
    ///
    /// They are agreed on: another version of the algorithm that makes others of the same state
    /// needs another [`NAME`](Self::NAME). The default has none: then nobody can be shown a part of
    /// the state.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        std::iter::empty()
    }

    /// The canonical bytes of everything that `verdict` reads and `state()` does not hold; agreed
    /// in the genesis.
    fn configuration(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// An algorithm whose operations and states can be decoded: what a network needs. Implemented for
/// all such.
pub trait WireAlgorithm:
    SecureBroadcastAlgorithm<Op: DeserializeOwned, ReplicatedState: Serialize + DeserializeOwned>
    + 'static
{
}

impl<A> WireAlgorithm for A
where
    A: SecureBroadcastAlgorithm + 'static,
    A::Op: DeserializeOwned,
    A::ReplicatedState: Serialize + DeserializeOwned,
{
}

/// What an algorithm says of an operation on its present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may be applied to this very state.
    Valid,
    /// Something it rests on is missing here: hold it and ask again.
    NotYet(&'static str),
    /// Nothing that others do can make it valid: only a liar or a bug issues it.
    Never(&'static str),
}

impl Verdict {
    /// Whether it is [`Verdict::Valid`].
    #[must_use]
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid)
    }
}
