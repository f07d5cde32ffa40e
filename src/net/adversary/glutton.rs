//! The glutton: of everything that is counted it sends more than there may be, or less than there
//! has to be.
//!
//! It attacks whoever makes room for what is announced, and whoever takes the length of a list for
//! granted. What stops it: every bound of the network is checked before anything is taken in, and a
//! quorum is exactly a quorum.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::SigningActor;
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::dot::{Dot, Frontier, Head, Seq};
use crate::membership::{GenerationProof, Vote, VoteKind};
use crate::quorum::Certificate;
use crate::traits::WireAlgorithm;

/// Spoils about every fourth packet in which something is counted. Otherwise it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glutton;

impl Glutton {
    /// Bodies in which nothing is counted stay as they are. Where it signs, it signs what it says:
    /// the length alone is wrong.
    fn spoil<A: WireAlgorithm>(hand: &mut Hand<'_, A>, body: &mut Body) {
        let limits = hand.half().limits().clone();
        let lanes = limits.lanes as usize + 1;
        match body {
            Body::Certificate(certificate) => {
                Arc::make_mut(certificate).signatures.pop();
            }
            Body::Announce(summary) | Body::SummaryAck(summary) => {
                let mut more = summary.statement.clone();
                more.frontier = Self::heads(hand, lanes);
                *summary = Arc::new(hand.sign(more).into_claim());
            }
            Body::Report { report, .. } if report.signer == hand.actor() => {
                let mut more = report.statement.clone();
                more.heads = Self::heads(hand, lanes);
                *report = Arc::new(hand.sign(more).into_claim());
            }
            Body::FetchPayloads(fetch) => {
                let (source, digest) = (hand.actor(), Digest::from_bytes([0; 32]));
                let seq = Seq::new(1);
                fetch.payloads = vec![(Dot { source, seq }, digest); lanes];
            }
            Body::PullResponse(answer) => {
                for segment in &mut answer.segments {
                    let most = limits.segment_messages as usize + 1;
                    segment.proposals = segment
                        .proposals
                        .iter()
                        .cycle()
                        .take(most)
                        .cloned()
                        .collect();
                }
            }
            Body::Agreement { message, .. } if hand.random().random_bool(0.5) => {
                let most = hand.half().committee().size() + 8;
                let votes = message.votes.iter().cycle().take(most);
                message.votes = votes.copied().collect();
            }
            Body::Agreement { message, .. } => {
                let empty = |vote: &Vote| Vote {
                    kind: VoteKind::Prevote(None),
                    ..*vote
                };
                let own = message.votes.first().map(|vote| empty(&vote.statement));
                message.quorums.extend(own.map(|statement| {
                    let signatures = Vec::new();
                    Arc::new(Certificate {
                        statement,
                        signatures,
                    })
                }));
            }
            Body::GenerationProof(proof) => *proof = undecided(proof),
            _ => {}
        }
    }

    /// Lanes of actors that nobody knows.
    fn heads<A: WireAlgorithm>(hand: &mut Hand<'_, A>, lanes: usize) -> Frontier {
        let head = Head {
            seq: Seq::new(1),
            digest: Digest::from_bytes([0; 32]),
        };
        let actor = |_| (SigningActor::generate_with(hand.random()).actor(), head);
        (0..lanes).map(actor).collect()
    }
}

/// The same generation, as if it had been decided that there is none.
fn undecided(proof: &GenerationProof) -> Arc<GenerationProof> {
    let mut certificate = Certificate::clone(&proof.certificate);
    certificate.statement.kind = VoteKind::Precommit(None);
    Arc::new(GenerationProof {
        header: proof.header.clone(),
        ending: proof.ending.clone(),
        certificate: Arc::new(certificate),
    })
}

impl<A: WireAlgorithm> Adversary<A> for Glutton {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            if hand.random().random_bool(0.25) {
                let before = packet.body.clone();
                Self::spoil(hand, &mut packet.body);
                if packet.body != before {
                    hand.lied(Vice::Glutton.name());
                }
            }
        }
    }
}
