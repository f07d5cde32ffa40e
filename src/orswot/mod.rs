//! A set that anybody may add to and remove from, and that no liar can corrupt.
//!
//! The set is the observed-remove set without tombstones of Bieniusa et al. (An optimized
//! conflict-free replicated set, 2012). Each [`Op::Add`] is named by a [`Dot`]; an [`Op::Rm`] names
//! the dots that its author had seen, and takes away those alone. So an addition that the remover
//! had not seen survives: *add wins*.
//!
//! It does the same as `crdts::Orswot` on what correct authors write, which a test holds it to.
//! That one trusts its authors; what a liar could do to it is closed here, in the verdict:
//!
//! | a liar writes | `crdts` would | the verdict |
//! |---|---|---|
//! | an addition under a used dot, or another actor's | drop it on some replicas, or corrupt | `Never` |
//! | an addition that skips dots, or under dot 0 or `u64::MAX` | accept it, then wrap around | `Never` |
//! | a removal of dots that nobody has made yet | hold it for ever, slow each addition, erase later ones | `NotYet` |
//! | a removal of its own dots to come | the same | `Never` |
//! | a removal of dot 0 or `u64::MAX`, or of no dots | tell equal clocks apart | `Never` |
//! | an operation on no member | move the clock | `Never` |
//! | an operation on more than [`MEMBERS_PER_OP`] members | work without bound | `Never` |
//!
//! Invariants:
//! - nothing is ever deferred: a removal is valid only when all the dots that it names are here;
//! - an actor's counter in the set's clock is the number of its additions, below `u64::MAX`;
//! - [`State`] is sorted and holds neither empty clocks nor zero counters: equal sets, equal bytes.
//!
//! Members cross the wire inside operations, so a member must have at least one byte.

mod additions;
mod bft_orswot;
mod members;
mod op;
mod sources;
mod state;

pub use bft_orswot::{Member, Orswot};
pub use members::Members;
pub use op::{Clock, Dot, MEMBERS_PER_OP, Op};
pub use state::State;
