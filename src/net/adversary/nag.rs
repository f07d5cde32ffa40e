//! The nag: it proposes what can never be valid, and proposes it again and again.
//!
//! It attacks whoever is told of faults: what is told again and again drowns what is told once.
//! What stops it: a fault is told once a dot and digest.

use std::sync::Arc;

use super::{Adversary, Hand, Tick, Vice};
use crate::deterministic_secure_broadcast::{Body, Proposal};
use crate::traits::WireAlgorithm;

/// Times that it proposes it to everybody.
const TIMES: u8 = 200;

/// Times in one tick.
const AT_ONCE: u8 = 4;

/// Instead of the first operation that it is to propose it proposes bytes that are none, several
/// times on every tick. It proposes nothing else. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Nag {
    /// The same message each time, with one signature: it convicts nobody.
    said: Option<Arc<Proposal>>,
    /// To each of the others, so far.
    times: u8,
}

impl<A: WireAlgorithm> Adversary<A> for Nag {
    fn on_propose(&mut self, hand: &mut Hand<'_, A>, _: A::Op) -> Option<A::Op> {
        if self.said.is_none() {
            let head = hand.half().head(&hand.actor())?;
            self.said = Some(hand.sign_message(head.seq.next()?, head.digest, vec![0xff; 17]));
        }
        None
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let Some(said) = self.said.as_ref().filter(|_| self.times < TIMES) else {
            return Some(tick);
        };
        self.times += AT_ONCE;
        for other in hand.others() {
            for _ in 0..AT_ONCE {
                hand.send(other, Body::Proposal(Arc::clone(said)));
            }
        }
        hand.lied(Vice::Nag.name());
        Some(tick)
    }
}
