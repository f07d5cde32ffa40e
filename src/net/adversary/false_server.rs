//! The false server: whoever asks it for what it lacks is shown lanes that are cut short, that do
//! not chain, or generations that nobody founded.
//!
//! It attacks whoever catches up. What stops it: each stretch of a lane and each generation proves
//! itself, and there are several peers to ask.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Answer, Body, Message, Packet, Proposal};
use crate::membership::{Founding, Value};
use crate::traits::WireAlgorithm;

/// How an answer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FalseAnswer {
    /// The last message of each stretch is missing.
    Truncated,
    /// The first message of each stretch has another parent.
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
    always: Option<FalseAnswer>,
}

impl FalseServer {
    /// A server that lies in this way only.
    #[must_use]
    pub fn with(lie: FalseAnswer) -> Self {
        Self { always: Some(lie) }
    }

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
            Body::Answer(answer) => falsify(answer, lie),
            Body::Founding(founding) if lie == FalseAnswer::Forged => forge(founding),
            _ => {}
        }
        if packet.body != before {
            hand.lied(Vice::FalseServer.name());
        }
    }
}

fn falsify(answer: &mut Answer, lie: FalseAnswer) {
    match lie {
        FalseAnswer::Truncated => {
            for chunk in &mut answer.segments {
                chunk.proposals.pop();
            }
        }
        FalseAnswer::Unchained => {
            for chunk in &mut answer.segments {
                if let Some(first) = chunk.proposals.first_mut() {
                    *first = unchained(first);
                }
            }
        }
        FalseAnswer::Forged => answer.foundings.iter_mut().for_each(forge),
        FalseAnswer::Pruned => {
            answer.pruned = true;
            answer.segments.clear();
        }
    }
}

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

fn forge(founding: &mut Arc<Founding>) {
    let mut value = Value::clone(&founding.value);
    value.state = value.terms.parent;
    *founding = Arc::new(Founding {
        value: Arc::new(value),
        certificate: Arc::clone(&founding.certificate),
    });
}

impl<A: WireAlgorithm> Adversary<A> for FalseServer {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            self.lie(hand, packet);
        }
    }
}
