//! What those who lost their seat are still told: how they lost it, and nothing that came after.
//!
//! A replica serves whoever asks, for what it serves proves itself. Who may ask is for the operator
//! to say: members, guests, contacts, and with `observers` anybody. Of these a former member is
//! none; but it has to learn that it is out, or it would wait for its seat for ever.

use std::sync::Arc;

use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Body, PullResponse};
use crate::dot::Seq;
use crate::membership::{Boundary, GenerationProof};
use crate::quorum::Generation;

/// The part of `body` that a former member gets. It lost its seat when the generation `left` began,
/// and `here` is where ours did.
///
/// Bodies that say nothing of what came after, such as our summary, go through as they are. Without
/// this a member that was expelled would read on.
pub(super) fn farewell(body: Body, left: Generation, here: &Boundary) -> Option<Body> {
    match body {
        Body::Proposal(proposal) => {
            let message = &proposal.message;
            is_before(message.source, message.seq, left, here).then_some(Body::Proposal(proposal))
        }
        Body::Certificate(certificate) => {
            let dot = certificate.statement.dot;
            is_before(dot.source, dot.seq, left, here).then_some(Body::Certificate(certificate))
        }
        Body::GenerationProof(proof) => {
            founds(&proof, left).then_some(Body::GenerationProof(proof))
        }
        Body::Snapshot { generation, part } => {
            (generation <= left).then_some(Body::Snapshot { generation, part })
        }
        Body::PullResponse(answer) => Some(Body::PullResponse(shortened(answer, left, here))),
        other => Some(other),
    }
}

/// Also with nothing in it an answer says where we stand, by which who leaves knows that it is
/// needed no longer.
fn shortened(mut answer: PullResponse, left: Generation, here: &Boundary) -> PullResponse {
    answer.proofs.retain(|proof| founds(proof, left));
    answer.segments.retain(|segment| {
        let last = segment.proposals.last();
        last.is_some_and(|last| is_before(segment.source, last.message.seq, left, here))
    });
    answer
}

/// Whether this is the beginning of a generation up to `left`.
///
/// The proof names the generation that it ends.
fn founds(proof: &Arc<GenerationProof>, left: Generation) -> bool {
    proof.certificate.statement.generation < left
}

/// Whether a message was delivered before the generation `left` began. Where earlier generations
/// began is not kept: whoever missed the end of its seat and the generation after learns that it
/// has none, and no more.
fn is_before(source: Actor, seq: Seq, left: Generation, here: &Boundary) -> bool {
    left == here.generation() && seq <= here.head(&source).seq
}
