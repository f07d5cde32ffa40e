//! The poisoner: it serves what nobody asked it for, and forges the parts of it that nothing seems
//! to need.
//!
//! It attacks what is kept and passed on. A certificate vouches for a message and not for the
//! signature of its source: who keeps a copy with a forged one serves it to all that come later,
//! and they refuse it. What stops it: what is kept was checked, a good copy is not replaced, and
//! each segment of an answer is judged by itself.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Sig, Signed};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Packet, Proposal, PullResponse, Segment, Summary,
};
use crate::quorum::Tally;
use crate::traits::WireAlgorithm;

/// Segments that are remembered.
const SEEN: usize = 16;

/// Keeps the first operation that it is to propose until a second comes, shows one of the two
/// messages to as many as make a quorum with it and the other to the rest, and pushes the first,
/// certified, with a forged signature to those that echoed it. Of the segments that it hears of,
/// it pushes some with a forged part to whoever did not ask, and forges a part of about every
/// second answer of its own. Otherwise it behaves.
#[derive(Debug, Default)]
pub struct Poisoner {
    /// The operation that waits for a second one, encoded.
    first: Option<Vec<u8>>,
    /// At one dot in all.
    lie: Option<Lie>,
    /// Those that wait for their certificates to become segments.
    proposals: VecDeque<Arc<Proposal>>,
    /// The newest that it heard of or put together.
    seen: VecDeque<Segment>,
}

/// The first of its two messages.
#[derive(Debug)]
struct Lie {
    proposal: Arc<Proposal>,
    /// Who was shown it: as many as make a quorum with the liar.
    to: BTreeSet<Actor>,
    /// Counts their echoes, and the liar's own.
    tally: Tally<Echo>,
}

/// The newest push out the oldest.
fn remember<T>(all: &mut VecDeque<T>, one: T) {
    all.push_back(one);
    if all.len() > SEEN {
        all.pop_front();
    }
}

/// The same proposal with a signature that is nobody's.
fn forged(proposal: &Proposal) -> Arc<Proposal> {
    Arc::new(Proposal {
        sig: Sig::from_bytes([7; 64]),
        ..proposal.clone()
    })
}

impl Poisoner {
    /// Shows everybody one of two messages. Whether there were two.
    fn tell<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, ops: [Vec<u8>; 2]) -> Option<()> {
        let head = hand.half().head(&hand.actor())?;
        let mut others = hand.others();
        let few = hand.half().committee().quorum().checked_sub(1)?;
        let mut to = BTreeSet::new();
        while to.len() < few && !others.is_empty() {
            let index = hand.random().random_range(0..others.len());
            to.insert(others.swap_remove(index));
        }
        let [one, two] = ops;
        let proposal = hand.propose_to(&to, head, one)?;
        let rest = others.into_iter().collect();
        hand.propose_to(&rest, head, two)?;
        let tally = hand.tally(&proposal);
        self.lie = Some(Lie {
            proposal,
            to,
            tally,
        });
        Some(())
    }

    /// The segment is pushed once, when the certificate is there: those that echoed hold a good
    /// copy, which the forged one is to replace.
    fn count<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, echo: Signed<Echo>) {
        let committee = hand.half().committee().clone();
        let Some(lie) = &mut self.lie else {
            return;
        };
        if *lie.tally.statement() == echo.statement
            && let Ok(fact) = committee.verify(hand.half().network(), echo)
            && let Some(certificate) = lie.tally.add(&committee, &fact)
        {
            let segment = Segment {
                source: hand.actor(),
                proposals: vec![forged(&lie.proposal)],
                certificate: Some(certificate.claim()),
            };
            for member in &lie.to {
                push(hand, *member, segment.clone());
            }
        }
    }

    /// A segment of one message, once its certificate is heard of.
    fn pair(&mut self, certificate: &Arc<Certificate>) {
        let dot = certificate.statement.dot;
        let mut proposals = self.proposals.iter();
        if let Some(proposal) = proposals.find(|proposal| proposal.message.dot() == dot) {
            let segment = Segment {
                source: dot.source,
                proposals: vec![Arc::clone(proposal)],
                certificate: Some(Arc::clone(certificate)),
            };
            remember(&mut self.seen, segment);
        }
    }

    /// The same segment with a part of it forged or swapped, or as it is.
    fn spoil<A: WireAlgorithm>(&self, hand: &mut Hand<'_, A>, segment: &mut Segment) {
        let other = self.seen.front().and_then(|seen| seen.certificate.clone());
        match hand.random().random_range(0..5u8) {
            0 => segment.certificate = other,
            1 => segment.certificate = None,
            2 => {
                if let Some(last) = segment.proposals.last_mut() {
                    let mut swapped = Proposal::clone(last);
                    swapped.generation = hand.half().generation();
                    *last = Arc::new(swapped);
                }
            }
            3 => {}
            _ => {
                let all = segment.proposals.iter();
                segment.proposals = all.map(|proposal| forged(proposal)).collect();
            }
        }
    }
}

/// An answer to a question that was not asked.
///
/// With its own summary, signed as it should be: only the segment is bad.
fn push<A: WireAlgorithm>(hand: &mut Hand<'_, A>, to: Actor, segment: Segment) {
    let half = hand.half();
    let summary = Summary {
        generation: half.generation(),
        frontier: half.frontier(),
        convicted: half.convicted().keys().copied().collect(),
    };
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(Arc::new(hand.sign(summary).into_claim())),
    };
    hand.send(to, Body::PullResponse(answer));
    hand.lied(Vice::Poisoner.name());
}

impl<A: WireAlgorithm> Adversary<A> for Poisoner {
    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        if self.lie.is_none() {
            let ops = encode(&vec![op]);
            match self.first.take() {
                Some(first) => drop(self.tell(hand, [first, ops])),
                None => self.first = Some(ops),
            }
        }
        None
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match &packet.body {
            Body::Echo(echo) if echo.statement.dot.source == hand.actor() => {
                self.count(hand, *echo);
                return None;
            }
            Body::Proposal(proposal) => remember(&mut self.proposals, Arc::clone(proposal)),
            Body::Certificate(certificate) => self.pair(certificate),
            Body::PullResponse(answer) => {
                let segments = answer.segments.iter().cloned();
                segments.for_each(|segment| remember(&mut self.seen, segment));
            }
            _ => {}
        }
        Some(packet)
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let index = hand.random().random_range(0..2 * SEEN);
        if let Some(mut segment) = self.seen.get(index).cloned()
            && let Some(to) = hand.draw_other()
        {
            self.spoil(hand, &mut segment);
            push(hand, to, segment);
        }
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            if let Body::PullResponse(answer) = &mut packet.body
                && hand.random().random_bool(0.5)
                && let Some(segment) = answer.segments.first_mut()
            {
                self.spoil(hand, segment);
                hand.lied(Vice::Poisoner.name());
            }
        }
    }
}
