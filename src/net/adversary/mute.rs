//! The mute: takes everything in and says nothing, as if it had crashed for good.
//!
//! It attacks whatever waits for all. What stops it: a quorum is `n - f`, so no phase of the
//! protocol waits for more.

use super::{Adversary, Hand, Tick, Vice};
use crate::deterministic_secure_broadcast::Packet;
use crate::traits::WireAlgorithm;

/// Says nothing, ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mute;

impl<A: WireAlgorithm> Adversary<A> for Mute {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, _: Packet) -> Option<Packet> {
        hand.lied(Vice::Mute.name());
        None
    }

    fn on_tick(&mut self, _: &mut Hand<'_, A>, _: Tick) -> Option<Tick> {
        None
    }

    fn on_propose(&mut self, hand: &mut Hand<'_, A>, _: A::Op) -> Option<A::Op> {
        hand.lied(Vice::Mute.name());
        None
    }

    fn on_send(&mut self, _: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        packets.clear();
    }
}
