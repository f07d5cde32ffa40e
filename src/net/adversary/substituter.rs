//! The substituter: it shows somebody the certificate of one message, and brings another message to
//! it.
//!
//! It attacks consistency, at the payload. What stops it: a certificate names a digest, and a
//! message is taken for it only if it has that one.

use std::sync::Arc;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Signed};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Certificate, Echo, Packet, Proposal};
use crate::quorum::Tally;
use crate::traits::WireAlgorithm;

/// Times that the other message is brought.
const TIMES: u8 = 8;

/// Its two messages at one dot.
#[derive(Debug)]
struct Lie {
    /// Who is brought the other message.
    victim: Actor,
    /// To all but the victim, who is to believe that the other one was certified.
    shown: Arc<Proposal>,
    /// To the victim alone.
    brought: Arc<Proposal>,
    tally: Tally<Echo>,
    /// Of the one that was shown, once it has a quorum of echoes.
    certificate: Option<Arc<Certificate>>,
    /// So far: it ends when everybody knows the certificate.
    times: u8,
}

/// Keeps the first operation that it is to propose until a second comes, proposes the one to all
/// but one member, and brings that one the other, with the certificate of the first. Otherwise it
/// behaves.
#[derive(Debug, Default)]
pub struct Substituter {
    first: Option<Vec<u8>>,
    lie: Option<Lie>,
}

impl Substituter {
    /// Only echoes of the message that was shown are worth anything to it.
    fn count<A: WireAlgorithm>(lie: &mut Lie, hand: &mut Hand<'_, A>, echo: Signed<Echo>) {
        let committee = hand.half().committee().clone();
        if *lie.tally.statement() == echo.statement
            && let Ok(fact) = committee.verify(hand.half().network(), echo)
            && let Some(certificate) = lie.tally.add(&committee, &fact)
        {
            lie.certificate = Some(certificate.claim());
            Self::bring(lie, hand);
        }
    }

    /// The last time everybody gets the certificate, so that the message is delivered in the end.
    fn bring<A: WireAlgorithm>(lie: &mut Lie, hand: &mut Hand<'_, A>) {
        let Some(certificate) = lie.certificate.as_ref().filter(|_| lie.times < TIMES) else {
            return;
        };
        lie.times += 1;
        for other in hand.others() {
            if other == lie.victim || lie.times == TIMES {
                hand.send(other, Body::Certificate(Arc::clone(certificate)));
            }
        }
        hand.send(lie.victim, Body::Proposal(Arc::clone(&lie.brought)));
        hand.lied(Vice::Substituter.name());
    }
}

impl<A: WireAlgorithm> Adversary<A> for Substituter {
    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        if self.lie.is_some() {
            return Some(op);
        }
        let ops = encode(&vec![op]);
        let Some(first) = self.first.take() else {
            self.first = Some(ops);
            return None;
        };
        let (victim, head) = (hand.draw_other()?, hand.half().head(&hand.actor())?);
        let seq = head.seq.next()?;
        let shown = hand.sign_message(seq, head.digest, first);
        let brought = hand.sign_message(seq, head.digest, ops);
        let tally = hand.tally(&shown);
        for other in hand.others().into_iter().filter(|who| *who != victim) {
            hand.send(other, Body::Proposal(Arc::clone(&shown)));
        }
        self.lie = Some(Lie {
            victim,
            shown,
            brought,
            tally,
            certificate: None,
            times: 0,
        });
        None
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match (&packet.body, &mut self.lie) {
            (Body::Echo(echo), Some(lie)) if echo.statement.dot == lie.shown.message.dot() => {
                Self::count(lie, hand, *echo);
                None
            }
            _ => Some(packet),
        }
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if let Some(lie) = &mut self.lie {
            Self::bring(lie, hand);
        }
        Some(tick)
    }
}
