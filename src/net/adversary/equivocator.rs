//! The equivocator: two messages at one dot, shown to different members; the double spender.
//!
//! It attacks consistency. What stops it: a member echoes one message a dot, and two quorums share
//! a correct member; the two signatures together convict it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Signed};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Proposal};
use crate::dot::Head;
use crate::quorum::Tally;
use crate::traits::WireAlgorithm;

/// Keeps the first operation that it is to propose until a second comes, then signs both at one
/// dot, shows each to a part of the members, collects the echoes of both, echoes both itself, and
/// shows each certificate that it gets to a part of the members. Otherwise it behaves.
#[derive(Debug, Default)]
pub struct Equivocator {
    /// The operation that waits for a second one, encoded.
    first: Option<Vec<u8>>,
    /// The two, or none yet: it lies at one dot in all.
    lies: Vec<Lie>,
    /// Who is shown the first; `None` when chance splits them.
    split: Option<BTreeSet<Actor>>,
}

/// One of the two messages, with those that are shown it.
#[derive(Debug)]
struct Lie {
    proposal: Arc<Proposal>,
    /// Who is shown it, and its certificate.
    to: BTreeSet<Actor>,
    /// Its own echo is in it from the start.
    tally: Tally<Echo>,
}

impl Equivocator {
    /// Shows the first message to `members` and the second to all others; by default chance splits
    /// them.
    #[must_use]
    pub fn splitting(members: impl IntoIterator<Item = Actor>) -> Self {
        Self {
            split: Some(members.into_iter().collect()),
            ..Self::default()
        }
    }

    /// As correct sources do it, but for the other message.
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
        let tally = hand.tally(&proposal);
        hand.lied(Vice::Equivocator.name());
        self.lies.push(Lie {
            proposal,
            to,
            tally,
        });
    }

    /// Counts an echo of one of its lies. Whether it was one.
    fn count<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, echo: Signed<Echo>) -> bool {
        let lie = self
            .lies
            .iter_mut()
            .find(|lie| *lie.tally.statement() == echo.statement);
        let Some(lie) = lie else {
            return false;
        };
        let committee = hand.half().committee().clone();
        if let Ok(fact) = committee.verify(hand.half().network(), echo)
            && let Some(certificate) = lie.tally.add(&committee, &fact)
        {
            for member in lie.to.clone() {
                hand.send(member, Body::Certificate(certificate.claim()));
            }
        }
        true
    }
}

impl<A: WireAlgorithm> Adversary<A> for Equivocator {
    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        let ops = encode(&vec![op]);
        let Some(first) = self.first.take() else {
            self.first = Some(ops);
            return None;
        };
        let me = hand.actor();
        let head = hand.half().head(&me).filter(|_| self.lies.is_empty())?;
        let others: BTreeSet<_> = hand.others().into_iter().collect();
        let chosen = match &self.split {
            Some(split) => split & &others,
            None => hand.draw_others(),
        };
        let rest = &others - &chosen;
        self.tell(hand, head, first, chosen);
        self.tell(hand, head, ops, rest);
        None
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match packet.body {
            Body::Echo(echo) if self.count(hand, echo) => None,
            _ => Some(packet),
        }
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        for lie in &self.lies {
            let dot = lie.tally.statement().dot;
            let delivered = hand
                .half()
                .head(&dot.source)
                .is_some_and(|head| head.seq >= dot.seq);
            if !delivered && hand.random().random_bool(0.1) {
                for member in &lie.to {
                    hand.send(*member, Body::Proposal(Arc::clone(&lie.proposal)));
                }
            }
        }
        Some(tick)
    }
}
