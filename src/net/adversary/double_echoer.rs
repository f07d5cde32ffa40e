//! The double echoer: it echoes whatever it sees, valid or not, two messages at one dot, and in
//! other generations.
//!
//! It attacks consistency from the side of the members, and helps an equivocator. What stops it:
//! `f` double echoes are too few for two quorums, an echo counts in its own generation only, and
//! two echoes at one dot convict.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Statement;
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Proposal};
use crate::dot::Dot;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Proposals that are remembered.
const SEEN: usize = 64;

/// Echoes every proposal that it is shown, to who showed it and to its source, now and then also in
/// the next generation or the first; now and then shows somebody one that it has seen. Otherwise it
/// behaves.
#[derive(Clone, Debug, Default)]
pub struct DoubleEchoer {
    /// The first digest that it echoed at each dot: another one there is a lie.
    echoed: BTreeMap<Dot, Digest>,
    /// The first that it was shown.
    seen: Vec<Arc<Proposal>>,
}

impl DoubleEchoer {
    /// It asks for no verdict, and records nothing.
    fn echo<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
        packet: &Packet,
        proposal: &Proposal,
    ) {
        let dot = proposal.message.dot();
        let digest = proposal.message.digest(hand.half().network());
        let now = hand.half().generation();
        let other = match hand.random().random_range(0..8u8) {
            0 => now.next(),
            1 => Some(Generation::GENESIS).filter(|first| *first != now),
            _ => None,
        };
        let twice = *self.echoed.entry(dot).or_insert(digest) != digest;
        if twice || other.is_some() {
            hand.lied(Vice::DoubleEchoer.name());
        }
        for generation in [Some(now), other].into_iter().flatten() {
            let echo = Echo {
                generation,
                dot,
                digest,
            };
            let echo = hand.sign(echo).into_claim();
            hand.send(packet.from, Body::Echo(echo));
            if proposal.message.source != packet.from {
                hand.send(proposal.message.source, Body::Echo(echo));
            }
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for DoubleEchoer {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        let Body::Proposal(proposal) = &packet.body else {
            return Some(packet);
        };
        self.echo(hand, &packet, proposal);
        if self.seen.len() < SEEN && !self.seen.contains(proposal) {
            self.seen.push(Arc::clone(proposal));
        }
        None
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if hand.random().random_bool(0.2)
            && let Some(proposal) = hand.draw(&self.seen).map(Arc::clone)
            && let Some(to) = hand.draw_other()
        {
            hand.send(to, Body::Proposal(proposal));
        }
        Some(tick)
    }
}
