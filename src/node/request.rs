//! What callers ask of the replica, on its way to the thread that owns it.

use tokio::sync::oneshot;

use super::batch::{After, Outcome};
use crate::deterministic_secure_broadcast::{Replica, Step};
use crate::dot::Place;
use crate::traits::{SecureBroadcastAlgorithm, WireAlgorithm};

/// Makes operations on the state with our own pending operations applied.
///
/// It runs on the replica's thread, so that no other operation of ours comes in between; a panic in
/// it is caught where it is made.
pub(super) type Make<A> = Box<dyn FnOnce(&A) -> Vec<<A as SecureBroadcastAlgorithm>::Op> + Send>;

/// A request to the replica. Its answer is given when all before it is durable.
pub(super) type Ask<A> = Box<dyn FnOnce(&mut Replica<A>) -> (Step, After) + Send>;

/// Whom to tell of operations that were proposed at once: where the last one stands, once it is
/// durable, and what became of it.
///
/// The first is answered after the write, the second when nothing that is unwritten could undo it.
/// What the replica refuses is answered at once, as nothing is written for it.
pub(super) struct Replies {
    pub(super) accepted: oneshot::Sender<Place>,
    pub(super) outcome: Outcome,
}

/// Operations that somebody waits for.
pub(super) struct Wish<A: WireAlgorithm> {
    pub(super) make: Make<A>,
    pub(super) replies: Replies,
}

/// Operations for which there was no room.
pub(super) struct Stalled<Op> {
    pub(super) ops: Vec<Op>,
    pub(super) replies: Replies,
    /// Of their encodings.
    pub(super) bytes: usize,
}
