//! The false server: whoever asks it for what it lacks is shown lanes that are cut short, that do
//! not chain, or generations that nobody founded.
//!
//! It attacks whoever catches up. What stops it: each segment of a lane and each generation proves
//! itself, and there are several peers to ask.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Message, Packet, Proposal, PullResponse};
use crate::membership::GenerationProof;
use crate::traits::WireAlgorithm;

/// How an answer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FalseAnswer {
    /// The last message of each segment is missing.
    Truncated,
    /// The first message of each segment has another parent.
    Unchained,
    /// Each generation is founded by another value than the one that was decided.
    Forged,
    /// It claims to have pruned what is asked for, and shows nothing.
    Pruned,
}

/// Lies in each answer, by default as chance decides, and in what it shows of generations.
/// Otherwise it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct FalseServer {
    /// `None` when chance decides for each packet.
    always: Option<FalseAnswer>,
}

impl FalseServer {
    /// A server that lies in this way only.
    #[must_use]
    pub fn with(lie: FalseAnswer) -> Self {
        Self { always: Some(lie) }
    }

    /// Counted only where the packet is another one then.
    fn lie<A: WireAlgorithm>(self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let lie = match hand.random().random_range(0..4u8) {
            0 => FalseAnswer::Truncated,
            1 => FalseAnswer::Unchained,
            2 => FalseAnswer::Forged,
            _ => FalseAnswer::Pruned,
        };
        let lie = self.always.unwrap_or(lie);
        let before = packet.body.clone();
        match &mut packet.body {
            Body::PullResponse(answer) => falsify(answer, lie),
            Body::GenerationProof(proof) if lie == FalseAnswer::Forged => forge(proof),
            _ => {}
        }
        if packet.body != before {
            hand.lied(Vice::FalseServer.name());
        }
    }
}

/// An answer without segments, or without generations, may stay as it is: then nothing is counted
/// as a lie.
fn falsify(answer: &mut PullResponse, lie: FalseAnswer) {
    match lie {
        FalseAnswer::Truncated => {
            for segment in &mut answer.segments {
                segment.proposals.pop();
            }
        }
        FalseAnswer::Unchained => {
            for segment in &mut answer.segments {
                if let Some(first) = segment.proposals.first_mut() {
                    *first = unchained(first);
                }
            }
        }
        FalseAnswer::Forged => answer.proofs.iter_mut().for_each(forge),
        FalseAnswer::Pruned => {
            answer.pruned = true;
            answer.segments.clear();
        }
    }
}

/// The signature stays, and is on another digest now.
fn unchained(proposal: &Proposal) -> Arc<Proposal> {
    let mut parent = *proposal.message.parent.as_bytes();
    parent[0] ^= 1;
    let message = Message {
        parent: Digest::from_bytes(parent),
        ..proposal.message.clone()
    };
    Arc::new(Proposal {
        message,
        ..Proposal::clone(proposal)
    })
}

/// The certificate stays, and decides another header.
fn forge(proof: &mut Arc<GenerationProof>) {
    let proof = Arc::make_mut(proof);
    proof.header.state.snapshot = proof.header.parent;
}

impl<A: WireAlgorithm> Adversary<A> for FalseServer {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            self.lie(hand, packet);
        }
    }
}
