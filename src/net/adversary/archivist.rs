//! The archivist: it keeps something of every kind and every generation, and says all of it again
//! and again, above all to those who said it.
//!
//! It attacks whatever a member remembers a bounded number of, its own words included: an old word
//! that comes back must not push a newer one out. What stops it: what is ours we take from
//! ourselves alone, and what was dropped does not come back. The [`Replayer`](super::Replayer)
//! repeats single packets by chance; the archivist forgets no kind, and repeats in bursts.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::traits::WireAlgorithm;

/// Packets of one kind that are remembered.
const SEEN: usize = 48;

/// Packets in one burst.
const BURST: usize = 24;

/// Bursts in all.
const BURSTS: u16 = 128;

/// On about every fourth tick says again, in the order in which it heard them, several packets of
/// one kind to one member. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Archivist {
    /// By the kind of packet, in the order in which they came; of each body one.
    seen: BTreeMap<&'static str, VecDeque<Body>>,
    /// So far. They end, as the network is to fall silent.
    bursts: u16,
}

impl<A: WireAlgorithm> Adversary<A> for Archivist {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        let kept = self.seen.entry(packet.body.kind()).or_default();
        if !kept.contains(&packet.body) {
            kept.push_back(packet.body.clone());
            if kept.len() > SEEN {
                // Some of all times are kept.
                kept.remove(hand.random().random_range(0..SEEN));
            }
        }
        Some(packet)
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if self.bursts >= BURSTS || !hand.random().random_bool(0.25) {
            return Some(tick);
        }
        let kinds: Vec<_> = self.seen.keys().copied().collect();
        let to: Option<Actor> = hand.draw_other();
        if let (Some(kind), Some(to)) = (hand.draw(&kinds).copied(), to)
            && let Some(kept) = self.seen.get(kind)
        {
            self.bursts += 1;
            let first = hand.random().random_range(0..kept.len());
            for body in kept.iter().skip(first).take(BURST) {
                hand.send(to, body.clone());
            }
            hand.lied(Vice::Archivist.name());
        }
        Some(tick)
    }
}
