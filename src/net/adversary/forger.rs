//! The forger: it speaks in the names of others, with its own key and with signatures of theirs
//! that belong to something else.
//!
//! It attacks whoever is believed, and above all the accused: evidence against a correct member.
//! What stops it: a statement counts with its signer's signature on just that, a source's signature
//! binds dot and digest, and a packet's `from` is never believed.

use std::sync::Arc;

use rand::RngExt;

use super::claims::each_claim;
use super::{Adversary, Hand, Vice};
use crate::actor::{Actor, Sig, Signed, Statement};
use crate::deterministic_secure_broadcast::{Body, Echo, Equivocation, Message, Packet, Proposal};
use crate::evidence::Conflict;
use crate::traits::WireAlgorithm;

/// Signatures of others that are remembered.
const SEEN: usize = 32;

/// Adds a forged packet to about every fourth that it sends, and for every second proposal of
/// another a second one in that one's name, and evidence of both. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Forger {
    /// The newest, in a ring.
    seen: Vec<(Actor, Sig)>,
    /// How many it has seen: the next place in the ring.
    turn: usize,
}

impl Forger {
    /// Signatures alone, without what they are on.
    fn remember(&mut self, mut body: Body) {
        each_claim(&mut body, |signer, sig| {
            let slot = self.turn % SEEN;
            self.turn += 1;
            match self.seen.get_mut(slot) {
                Some(seen) => *seen = (*signer, *sig),
                None => self.seen.push((*signer, *sig)),
            }
        });
    }

    /// The same packet with another's return address, with another's name under what we signed, or
    /// with another's signature on something else.
    ///
    /// `None` where nothing of the packet can be forged so.
    fn forge<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
        packet: &Packet,
    ) -> Option<Packet> {
        let mut forged = packet.clone();
        let victim = hand.draw_other()?;
        match hand.random().random_range(0..3u8) {
            0 => forged.from = victim,
            1 => each_claim(&mut forged.body, |signer, _| *signer = victim),
            _ => {
                let (other, stolen) = *hand.draw(&self.seen)?;
                each_claim(&mut forged.body, |signer, sig| {
                    (*signer, *sig) = (other, stolen);
                });
            }
        }
        (forged != *packet).then_some(forged)
    }

    /// Shows somebody another message in the name of the source of this one, and somebody else
    /// evidence of both.
    fn frame<A: WireAlgorithm>(hand: &mut Hand<'_, A>, proposal: &Proposal) {
        let network = *hand.half().network();
        let bind = |message: &Message| Echo {
            generation: proposal.generation,
            dot: message.dot(),
            digest: message.digest(&network),
        };
        let victim = proposal.message.source;
        let mut message = proposal.message.clone();
        message.parent = message.digest(&network);
        let left = Signed {
            statement: bind(&proposal.message),
            signer: victim,
            sig: proposal.sig,
        };
        let right = Signed {
            signer: victim,
            ..hand.sign(bind(&message)).into_claim()
        };
        let sig = right.sig;
        let evidence = Arc::new(Equivocation::Echo(Conflict { left, right }));
        let second = Arc::new(Proposal {
            message,
            generation: proposal.generation,
            sig,
        });
        for body in [Body::Proposal(second), Body::Evidence(evidence)] {
            if let Some(to) = hand.draw_other() {
                hand.send(to, body);
                hand.lied(Vice::Forger.name());
            }
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for Forger {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        self.remember(packet.body.clone());
        if let Body::Proposal(proposal) = &packet.body
            && proposal.message.source != hand.actor()
            && hand.random().random_bool(0.5)
        {
            Self::frame(hand, proposal);
        }
        Some(packet)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for index in 0..packets.len() {
            if hand.random().random_bool(0.25)
                && let Some(forged) = self.forge(hand, &packets[index])
            {
                packets.push(forged);
                hand.lied(Vice::Forger.name());
            }
        }
    }
}
