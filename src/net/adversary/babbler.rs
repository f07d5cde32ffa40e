//! The babbler: it sends bytes that are no packets, or hardly.
//!
//! It attacks the decoder. What stops it: decoding never recurses on input, never allocates more
//! than the input's own length allows, and takes one encoding of each value only.

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::deterministic_secure_broadcast::Packet;
use crate::traits::WireAlgorithm;

/// Packets that are larger than the bound, in all: they are as slow to make as to send.
const OVERSIZED: u8 = 2;

/// Sends somebody noise on every second tick: random bytes, or the last packet that it sent cut
/// short, with a bit flipped, with a length that is too large, or within too many bytes. Otherwise
/// it behaves.
#[derive(Clone, Debug, Default)]
pub struct Babbler {
    /// The last packet of its own that it sent; empty before the first.
    last: Vec<u8>,
    /// Packets beyond the bound so far.
    oversized: u8,
}

impl Babbler {
    /// One of five ways, of which random bytes stand in where there is no packet yet to spoil.
    fn noise<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) -> Vec<u8> {
        let most = hand.half().limits().packet_bytes as usize;
        let random = hand.random();
        let mut bytes = self.last.clone();
        let at = (!bytes.is_empty()).then(|| random.random_range(0..bytes.len()));
        match (random.random_range(0..16u8), at) {
            (0, _) if self.oversized < OVERSIZED => {
                self.oversized += 1;
                bytes.resize(most + 1, 0);
            }
            (1..=4, Some(at)) => bytes.truncate(at),
            (5..=8, Some(at)) => bytes[at] ^= 1 << random.random_range(0..8u32),
            (9..=12, Some(at)) => bytes
                .iter_mut()
                .skip(at)
                .take(8)
                .for_each(|byte| *byte = 0xff),
            _ => {
                bytes = (0..random.random_range(0..96u8))
                    .map(|_| random.random())
                    .collect()
            }
        }
        bytes
    }
}

impl<A: WireAlgorithm> Adversary<A> for Babbler {
    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if hand.random().random_bool(0.5)
            && let Some(to) = hand.draw_other()
        {
            let noise = self.noise(hand);
            hand.send_bytes(to, noise);
            hand.lied(Vice::Babbler.name());
        }
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        // With its own return address: whoever can read it answers the babbler.
        let mut own = packets.iter().filter(|packet| packet.from == hand.actor());
        if let Some(packet) = own.next_back() {
            self.last = packet.encode();
        }
    }
}
