//! The reviser: in each generation it signs something else at the next dot of its lane, once, and
//! reports what it signed in the one before.
//!
//! It attacks what members keep of a generation that is over. A lock that outlives its boundary
//! stands against what the source signs in the next one; a mark that was signed before seals the
//! dot; and whoever convicts by two generations convicts a source that lost its store. What stops
//! it: signatures count in their own generation, and all else in the boundary's choice.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Signed;
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Proposal};
use crate::dot::Dot;
use crate::membership::Mark;
use crate::quorum::{Generation, Tally};
use crate::traits::WireAlgorithm;

/// Operations that it keeps to choose from.
const KEPT: usize = 4;

/// Times that it signs something, and that it shows something again.
const TIMES: usize = 16;

/// Signs its operations in turns, another one in each generation, at the dot after what was
/// delivered of it, unless the boundary carries something on there: then it is content. Shows them
/// to a part of the members, which is another one each time, and its certificate likewise.
/// Otherwise it behaves.
#[derive(Debug, Default)]
pub struct Reviser {
    /// Encoded, as what it signs next.
    ops: Vec<Vec<u8>>,
    /// How often it has signed so far.
    times: usize,
    /// How often it has shown it again.
    shown: usize,
    /// In this generation.
    now: Option<Word>,
    /// In the generation before, at whatever dot.
    before: Option<Signed<Echo>>,
}

/// What it signed in one generation at one dot.
#[derive(Debug)]
struct Word {
    proposal: Arc<Proposal>,
    /// Its own echo is in it from the start.
    tally: Tally<Echo>,
}

impl Word {
    fn is_of(&self, generation: Generation, dot: Dot) -> bool {
        let echo = self.tally.statement();
        (echo.generation, echo.dot) == (generation, dot)
    }
}

impl Reviser {
    /// Signs at the next dot, if it has not in this generation and the boundary leaves it to it.
    fn revise<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) {
        let (me, generation) = (hand.actor(), hand.half().generation());
        let head = hand.half().head(&me);
        let next = head.and_then(|head| Some((head, head.seq.next()?)));
        let Some((head, seq)) = next.filter(|_| !self.ops.is_empty() && self.times < TIMES) else {
            return;
        };
        let dot = Dot { source: me, seq };
        let said = self.now.as_ref();
        if said.is_some_and(|word| word.is_of(generation, dot)) {
            return;
        }
        let ops = self.ops[self.times % self.ops.len()].clone();
        let proposal = hand.sign_message(seq, head.digest, ops);
        let tally = hand.tally(&proposal);
        if !hand.half().boundary().echoes(tally.statement()) {
            return;
        }
        self.times += 1;
        let word = self.now.replace(Word { proposal, tally });
        let over = word.filter(|word| word.proposal.generation < generation);
        self.before = over.map(|word| {
            let statement = *word.tally.statement();
            let (signer, sig) = (me, word.proposal.sig);
            Signed {
                statement,
                signer,
                sig,
            }
        });
        self.show(hand);
    }

    /// To about half of the members.
    fn show<A: WireAlgorithm>(&self, hand: &mut Hand<'_, A>) {
        let Some(word) = &self.now else {
            return;
        };
        for member in hand.draw_others() {
            hand.send(member, Body::Proposal(Arc::clone(&word.proposal)));
        }
        hand.lied(Vice::Reviser.name());
    }

    /// Counts an echo of what it said. Whether it was one.
    fn count<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, echo: Signed<Echo>) -> bool {
        let word = self.now.as_mut();
        let Some(word) = word.filter(|word| *word.tally.statement() == echo.statement) else {
            return false;
        };
        let committee = hand.half().committee().clone();
        if let Ok(fact) = committee.verify(hand.half().network(), echo)
            && let Some(certificate) = word.tally.add(&committee, &fact)
        {
            for member in hand.draw_others() {
                hand.send(member, Body::Certificate(certificate.claim()));
            }
        }
        true
    }
}

impl<A: WireAlgorithm> Adversary<A> for Reviser {
    fn on_propose(&mut self, _: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        if self.ops.len() < KEPT {
            self.ops.push(encode(&vec![op]));
        }
        None
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match &packet.body {
            Body::Echo(echo) if self.count(hand, *echo) => None,
            // Its half knows nothing of what it signs, and would sign nothing more.
            Body::Proposal(proposal) if proposal.message.source == hand.actor() => None,
            _ => Some(packet),
        }
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        self.revise(hand);
        if self.shown < TIMES && hand.random().random_bool(0.1) {
            self.shown += 1;
            self.show(hand);
        }
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let me = hand.actor();
        for packet in packets {
            let Body::Report { report, .. } = &mut packet.body else {
                continue;
            };
            let Some(before) = self.before.filter(|_| report.signer == me) else {
                continue;
            };
            let mut other = report.statement.clone();
            other.marks.insert(me, Mark::Lock(before));
            *report = Arc::new(hand.sign(other).into_claim());
            hand.lied(Vice::Reviser.name());
        }
    }
}
