//! The false certifier: it shows one message to some and another to the rest, and to each a quorum
//! that is none.
//!
//! It attacks consistency, at the certificate. What stops it: a certificate is as many good
//! signatures as make a quorum, each of another seat, over what it names; and an echo counts for
//! who signed it, if that is a member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::{Actor, Sig, Signed, SigningActor, Statement};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Certificate, Echo, Packet, Proposal};
use crate::dot::Head;
use crate::quorum::Seat;
use crate::traits::WireAlgorithm;

/// How somebody with one key makes a quorum.
#[derive(Clone, Copy, Debug)]
enum Quorum {
    /// Of its own signature at every seat.
    Garbage,
    /// Of its own signature at its own seat, again and again.
    Repeated,
    /// Of all that it really got, one less than a quorum.
    Short,
    /// The tally's own: of echoes in the names of others.
    Borrowed,
    /// The tally's own: of echoes by keys that nobody knows.
    Outsiders,
}

/// One of its two messages.
#[derive(Debug)]
struct Lie {
    proposal: Arc<Proposal>,
    /// Who is shown it, and each false certificate of it.
    to: BTreeSet<Actor>,
    /// Those that it got for it, and its own.
    echoes: BTreeMap<Seat, Sig>,
}

/// Keeps the first operation that it is to propose until a second comes, signs both at one dot, and
/// certifies each falsely, in one way that chance chooses, to those that it showed it to. Otherwise
/// it behaves.
#[derive(Debug, Default)]
pub struct FalseCertifier {
    /// The operation that waits for a second one, encoded.
    first: Option<Vec<u8>>,
    /// Two, once it has had two operations; from then on it proposes as it should.
    lies: Vec<Lie>,
    /// Drawn with the first echo, and the same from then on.
    quorum: Option<Quorum>,
}

impl FalseCertifier {
    /// Nothing happens where its lane has no number left.
    fn tell<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
        head: Head,
        ops: Vec<u8>,
        to: BTreeSet<Actor>,
    ) {
        let Some(proposal) = hand.propose_to(&to, head, ops) else {
            return;
        };
        self.lies.push(Lie {
            proposal,
            to,
            echoes: BTreeMap::new(),
        });
    }

    /// An echo of one of its lies came.
    ///
    /// `None` when the echo is of none of its lies, or when it has too few for the kind of quorum
    /// that it shows.
    fn forge<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
        echo: &Signed<Echo>,
    ) -> Option<()> {
        let quorums = [
            Quorum::Garbage,
            Quorum::Repeated,
            Quorum::Short,
            Quorum::Borrowed,
            Quorum::Outsiders,
        ];
        let drawn = quorums[hand.random().random_range(0..quorums.len())];
        let kind = *self.quorum.get_or_insert(drawn);
        let network = *hand.half().network();
        let digest = echo.statement.digest;
        let mut lies = self.lies.iter_mut();
        let lie = lies.find(|lie| lie.proposal.message.digest(&network) == digest)?;
        let committee = hand.half().committee().clone();
        let own = hand.sign(echo.statement).into_claim();
        for claim in [&own, echo] {
            let seat = committee.seat(&claim.signer);
            lie.echoes.extend(seat.map(|seat| (seat, claim.sig)));
        }
        let all = committee.seats().map(|(seat, _)| seat);
        let signatures: Vec<_> = match kind {
            Quorum::Garbage => all.map(|seat| (seat, own.sig)).collect(),
            Quorum::Repeated => vec![(committee.seat(&own.signer)?, own.sig); committee.quorum()],
            Quorum::Short if lie.echoes.len() + 1 < committee.quorum() => return None,
            Quorum::Short => {
                let all = lie.echoes.iter().map(|(seat, sig)| (*seat, *sig));
                all.take(committee.quorum() - 1).collect()
            }
            Quorum::Borrowed | Quorum::Outsiders => {
                Self::echo_for_others(hand, kind, echo);
                return None;
            }
        };
        let signatures = signatures.into_iter().take(committee.quorum()).collect();
        let certificate = Arc::new(Certificate {
            statement: echo.statement,
            signatures,
        });
        for member in &lie.to {
            hand.send(*member, Body::Certificate(Arc::clone(&certificate)));
        }
        hand.lied(Vice::FalseCertifier.name());
        Some(())
    }

    /// Whoever echoed tallies too.
    ///
    /// So that the tally of the member that echoed counts to a false quorum.
    fn echo_for_others<A: WireAlgorithm>(
        hand: &mut Hand<'_, A>,
        kind: Quorum,
        echo: &Signed<Echo>,
    ) {
        let own = hand.sign(echo.statement).into_claim();
        let network = *hand.half().network();
        for other in hand.others() {
            let claim = match kind {
                Quorum::Outsiders => {
                    let outsider = SigningActor::generate_with(hand.random());
                    outsider.sign(&network, echo.statement).into_claim()
                }
                _ => Signed {
                    signer: other,
                    ..own
                },
            };
            hand.send(echo.signer, Body::Echo(claim));
        }
        hand.lied(Vice::FalseCertifier.name());
    }
}

impl<A: WireAlgorithm> Adversary<A> for FalseCertifier {
    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        if !self.lies.is_empty() {
            return Some(op);
        }
        let ops = encode(&vec![op]);
        let Some(first) = self.first.take() else {
            self.first = Some(ops);
            return None;
        };
        let head = hand.half().head(&hand.actor())?;
        let others = hand.others();
        let (left, right) = others.split_at(others.len() / 2);
        self.tell(hand, head, first, left.iter().copied().collect());
        self.tell(hand, head, ops, right.iter().copied().collect());
        None
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match &packet.body {
            Body::Echo(echo) if echo.statement.dot.source == hand.actor() => {
                self.forge(hand, echo);
                None
            }
            _ => Some(packet),
        }
    }
}
