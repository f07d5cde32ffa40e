//! The procrastinator: it has one message certified just before a generation ends, shows the proof
//! to one member only, and begins the next generation with another message at the same dot. It
//! echoes neither for others.
//!
//! It attacks consistency across generations. What stops it: whoever echoed reports its lock, a
//! reported lock is adopted by everybody, and of two reported ones neither is echoed any more.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Signed, Statement};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Proposal};
use crate::membership::Mark;
use crate::quorum::{Generation, Tally};
use crate::traits::WireAlgorithm;

/// How it goes about it.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Ticks and packets that it waits.
    patience: u8,
    /// Who is shown the proof.
    friend: Option<Actor>,
    /// Whether it reports the second message, which it showed nobody.
    convicts_itself: bool,
}

/// A message that it showed.
#[derive(Debug)]
struct Told {
    proposal: Arc<Proposal>,
    /// Of the generation in which it was shown.
    tally: Tally<Echo>,
    /// The second waits until this one is over.
    in_generation: Generation,
}

/// Keeps what it is to propose until it has two messages and a while has passed, then acts as its
/// file says. Otherwise it behaves.
#[derive(Debug, Default)]
pub struct Procrastinator {
    /// Each as the operations of one message, of which the first two count.
    ops: Vec<Vec<u8>>,
    /// Drawn once.
    plan: Option<Plan>,
    /// The first in one generation, the second in a later one.
    told: Vec<Told>,
}

impl Procrastinator {
    fn plan<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) -> &mut Plan {
        self.plan.get_or_insert_with(|| Plan {
            patience: hand.random().random_range(0..12),
            friend: hand.draw_other(),
            convicts_itself: hand.random().random(),
        })
    }

    /// Its message with these operations right after the boundary.
    fn message<A: WireAlgorithm>(hand: &Hand<'_, A>, ops: &[u8]) -> Option<Arc<Proposal>> {
        let head = hand.half().boundary().head(&hand.actor());
        Some(hand.sign_message(head.seq.next()?, head.digest, ops.to_vec()))
    }

    /// The next of its messages, to all but `but`.
    fn tell<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, but: Option<Actor>) {
        let ops = self.ops.get(self.told.len());
        let Some(proposal) = ops.and_then(|ops| Self::message(hand, ops)) else {
            return;
        };
        let tally = hand.tally(&proposal);
        for member in hand.others().into_iter().filter(|who| Some(*who) != but) {
            hand.send(member, Body::Proposal(Arc::clone(&proposal)));
        }
        hand.lied(Vice::Procrastinator.name());
        self.told.push(Told {
            proposal,
            tally,
            in_generation: hand.half().generation(),
        });
    }

    /// The second is told once the generation has changed, if the first was told before.
    fn go_on<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) {
        let plan = self.plan(hand);
        plan.patience = plan.patience.saturating_sub(1);
        let (patience, friend) = (plan.patience, plan.friend);
        if patience > 0 || self.ops.len() < 2 {
            return;
        }
        let generation = hand.half().generation();
        match self.told.as_slice() {
            [] => self.tell(hand, None),
            [first] if first.in_generation < generation => self.tell(hand, friend),
            _ => {}
        }
    }

    /// The first certificate is for its friend alone, the second for all.
    fn count<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, echo: Signed<Echo>) {
        let committee = hand.half().committee().clone();
        let friend = self.plan(hand).friend;
        let mut told = (0..).zip(&mut self.told);
        let Some((index, told)) = told.find(|(_, t)| *t.tally.statement() == echo.statement) else {
            return;
        };
        if let Ok(fact) = committee.verify(hand.half().network(), echo)
            && let Some(certificate) = told.tally.add(&committee, &fact)
        {
            let only = friend.filter(|_| index == 0);
            let to = only.map_or_else(|| hand.others(), |friend| vec![friend]);
            for member in to {
                hand.send(member, Body::Certificate(certificate.claim()));
                hand.send(member, Body::Proposal(Arc::clone(&told.proposal)));
            }
        }
    }

    /// Puts the lock on its second message into its report.
    fn report<A: WireAlgorithm>(&self, hand: &Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        if let Body::Report { report, .. } = &mut packet.body
            && report.signer == me
            && let [_] = self.told.as_slice()
            && let Some(second) = self.ops.get(1).and_then(|ops| Self::message(hand, ops))
        {
            let echo = Echo {
                generation: second.generation,
                dot: second.message.dot(),
                digest: second.message.digest(hand.half().network()),
            };
            let lock = hand.sign(echo).into_claim();
            let mut other = report.statement.clone();
            other.heads.remove(&me);
            other.marks.insert(me, Mark::Lock(lock));
            *report = Arc::new(hand.sign(other).into_claim());
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for Procrastinator {
    fn on_propose(&mut self, _: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        self.ops.push(encode(&vec![op]));
        None
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        if let Body::Echo(echo) = &packet.body
            && echo.statement.dot.source == hand.actor()
        {
            self.count(hand, *echo);
            return None;
        }
        self.go_on(hand);
        Some(packet)
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        self.go_on(hand);
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let me = hand.actor();
        packets.retain(|packet| match &packet.body {
            Body::Echo(echo) => (echo.signer, echo.statement.dot.source) != (me, me),
            _ => true,
        });
        if self.plan(hand).convicts_itself {
            packets
                .iter_mut()
                .for_each(|packet| self.report(hand, packet));
        }
    }
}
