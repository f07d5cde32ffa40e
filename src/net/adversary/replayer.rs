//! The replayer: it says again what it once heard, late, and to others than it was meant for.
//!
//! It attacks whatever takes an old word for a new one. What stops it: statements name their
//! generation and dot and only ever grow in force, and a certificate of an earlier generation meets
//! the closing rule.

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::deterministic_secure_broadcast::Packet;
use crate::traits::WireAlgorithm;

/// Packets that are remembered.
const SEEN: usize = 128;

/// Sends on every second tick, of all the packets that it has heard since the beginning, one to
/// somebody. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Replayer {
    /// A quarter of them from the beginning, the rest of all times.
    seen: Vec<Packet>,
}

impl<A: WireAlgorithm> Adversary<A> for Replayer {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        if self.seen.len() < SEEN {
            self.seen.push(packet.clone());
        } else {
            // The oldest are worth most, and some of all times are kept.
            let slot = hand.random().random_range(SEEN / 4..SEEN);
            self.seen[slot] = packet.clone();
        }
        Some(packet)
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if hand.random().random_bool(0.5)
            && let Some(old) = hand.draw(&self.seen)
            && let Some(to) = hand.draw_other()
        {
            let as_it_was = hand.random().random_bool(0.5);
            let from = if as_it_was { old.from } else { hand.actor() };
            hand.send_as(from, to, old.body.clone());
            hand.lied(Vice::Replayer.name());
        }
        Some(tick)
    }
}
