//! The backdater: once a message of its own is delivered, it signs another one at the same dot, in
//! the name of the generation in which it signed the first, or of another.
//!
//! It attacks accountability, and whoever believes a source because of when it spoke. What stops
//! it: two signatures of one generation convict it wherever and whenever they meet; and of another
//! generation nobody delivers what a boundary does not name.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Sig, Statement};
use crate::deterministic_secure_broadcast::{Body, Echo, Message, Proposal};
use crate::dot::Dot;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Times that it shows the other message to somebody.
const TIMES: u8 = 4;

/// Says of the end of its own lane something else than it said before, some times, to one member
/// each time. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Backdater {
    /// So far.
    times: u8,
}

/// A generation to sign in at a dot that was delivered.
///
/// That in which it signed what was delivered, the one before the present one, or the one after,
/// each with the same chance.
fn another<A: WireAlgorithm>(hand: &mut Hand<'_, A>, dot: &Dot) -> Generation {
    let now = hand.half().generation();
    let earlier = now.number().checked_sub(1).map(Generation::numbered);
    let later = now.next().unwrap_or(now);
    let said = hand.half().delivered_echo(dot);
    match hand.random().random_range(0..3u8) {
        0 => earlier.unwrap_or(later),
        1 => said.map_or(now, |echo| echo.generation),
        _ => later,
    }
}

impl<A: WireAlgorithm> Adversary<A> for Backdater {
    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let me = hand.actor();
        let head = hand.half().head(&me).filter(|head| head.seq.number() > 0);
        if self.times >= TIMES || !hand.random().random_bool(0.1) {
            return Some(tick);
        }
        if let (Some(head), Some(to)) = (head, hand.draw_other()) {
            let message = Message {
                source: me,
                seq: head.seq,
                parent: head.digest,
                ops: vec![0xff; 9].into(),
            };
            let echo = Echo {
                generation: another(hand, &message.dot()),
                dot: message.dot(),
                digest: message.digest(hand.half().network()),
            };
            let claim = hand.sign(echo).into_claim();
            let (generation, sig): (_, Sig) = (echo.generation, claim.sig);
            let body = match hand.random().random() {
                true => Body::Echo(claim),
                false => Body::Proposal(Arc::new(Proposal {
                    message,
                    generation,
                    sig,
                })),
            };
            self.times += 1;
            hand.send(to, body);
            hand.lied(Vice::Backdater.name());
        }
        Some(tick)
    }
}
