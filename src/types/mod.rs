//! The family of data types: what a liar cannot pin, flood or fork.
//!
//! One broadcast per source gives each source's operations an order, and those of different sources
//! none. What works on it has operations whose validity no other source can take away, and a state
//! that is a function of the set of valid operations. Three tricks make ordinary data types so:
//!
//! 1. *Derive, do not believe.* A time, a rank, a position that a liar could choose is bounded by
//!    what is applied already.
//! 2. *Only the owner spends.* What can run out belongs to one source, whose own operations are in
//!    order.
//! 3. *Keep losers.* An operation that another overrules stays valid; the view shows the winner.
//!
//! | type | what it is |
//! |---|---|
//! | [`Counter`] | a sum that cannot overflow |
//! | [`BoundedCounter`] | a stock or quota that is never overdrawn |
//! | [`LwwRegister`] | the last write wins, and nobody decides what is last |
//! | [`MvRegister`] | concurrent writes are kept for the reader to decide |
//! | [`Map`] | keys to values, observed remove |
//! | [`Keyed`] | one instance of another type under each key |
//! | `(A, B)`, [`product!`](crate::product) | several types in one network |
//! | [`MerkleReg`] | a register with its whole history, each node named by its digest |
//! | [`Graph`] | vertices and edges, observed remove |
//! | [`Tree`] | a tree whose nodes move, without cycles in what is shown |
//! | [`Text`], [`List`] | what several authors write at once, in one order |
//! | [`Poll`] | votes that stay, and what `k` of them approve |
//!
//! The set is [`Orswot`](crate::orswot::Orswot), money is [`Bank`](crate::bank::Bank).
//!
//! # Rules that all of them keep
//!
//! - **The author is in the operation.** `apply` is not told whose operation it applies, so each
//!   operation names its author, and the verdict on one that names another is `Never`.
//! - **Budgets.** What one source can make all others keep is bounded, per operation and in all:
//!   see [`Budget`].
//! - **Canonical states.** Equal states have equal bytes, and what decodes is a state that the type
//!   can be in.
//! - **No copies.** Judging one operation or a batch copies no state.
//! - **Look-ups by hash.** An operation costs the same among few elements and among many, but for
//!   the memory that is waited for. The hash has a random key, so that no liar makes elements
//!   collide; what is shown or encoded is sorted then.
//!
//! The laws are checked by [`laws::check`](crate::laws::check), with forged, early and batched
//! operations.

/// The three ways to judge, for a type with `own`, what is known of a source, and `judge`, which
/// judges one operation on it and makes it what it is after that operation. All that a source's
/// operation changes for the verdict on its next must be in `own`.
macro_rules! judged_in_order {
    () => {
        fn validate(&self, from: &$crate::actor::Actor, op: &Self::Op) -> bool {
            self.verdict(from, op).is_valid()
        }

        fn verdict(&self, from: &$crate::actor::Actor, op: &Self::Op) -> $crate::traits::Verdict {
            self.verdict_batch(from, ::std::slice::from_ref(op))
        }

        fn verdict_batch(
            &self,
            from: &$crate::actor::Actor,
            ops: &[Self::Op],
        ) -> $crate::traits::Verdict {
            let mut own = self.own(from);
            for op in ops {
                if let Err(verdict) = self.judge(from, &mut own, op) {
                    return verdict;
                }
            }
            $crate::traits::Verdict::Valid
        }
    };
}

pub mod bounded_counter;
pub mod counter;
pub mod graph;
pub mod keyed;
pub mod lww_register;
pub mod map;
pub mod merkle_reg;
pub mod mv_register;
pub mod poll;
pub mod product;
mod rank;
pub mod text;
pub mod tree;

pub use crate::budget::{Budget, Usage};
pub use bounded_counter::BoundedCounter;
pub use counter::Counter;
pub use graph::Graph;
pub use keyed::Keyed;
pub use lww_register::{LwwRegister, Value};
pub use map::{Key, Map};
pub use merkle_reg::MerkleReg;
pub use mv_register::MvRegister;
pub use poll::Poll;
pub use product::Part;
pub use rank::Stamp;
pub use text::{List, Text};
pub use tree::Tree;

use crate::actor::Actor;
use crate::traits::{Verdict, WireAlgorithm};

/// The place of the first of `ops` that is not valid, and the verdict on it: for types that are
/// composed of others, which judge the operations of each part as a batch.
pub(crate) fn first_fault<A: WireAlgorithm>(
    algorithm: &A,
    from: &Actor,
    ops: &[A::Op],
) -> Option<(usize, Verdict)> {
    let mut verdict = algorithm.verdict_batch(from, ops);
    if verdict.is_valid() {
        return None;
    }
    // So many from the front are valid, and so many are not.
    let (mut valid, mut faulty) = (0, ops.len());
    while faulty - valid > 1 {
        let middle = valid.midpoint(faulty);
        match algorithm.verdict_batch(from, &ops[..middle]) {
            Verdict::Valid => valid = middle,
            fault => (faulty, verdict) = (middle, fault),
        }
    }
    Some((faulty - 1, verdict))
}
