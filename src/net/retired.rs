//! The keys of members that have left, in the wrong hands: the protocol promises nothing about them, so what they sign
//! must be worth nothing. What stops them is the closing rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Net;
use super::coverage::Kind;
use super::participant::Mind;
use super::schedule::Happening;
use crate::actor::{Actor, SigningActor, Statement};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Certificate, Echo, Message, Packet, Proposal};
use crate::dot::Head;
use crate::membership::{Boundary, Seat};
use crate::traits::Wire;

/// An old generation of which one owner has a quorum of keys.
struct Heist {
    boundary: Boundary,
    signers: Vec<(Seat, SigningActor)>,
    source: SigningActor,
}

impl<A: Wire> Net<A> {
    /// Somebody who has a quorum of the keys of an old generation, of members that have left and of liars, shows one new
    /// message of one of them, certified, to each second member and another to the rest. `op` says what is in them.
    ///
    /// Nothing happens while a correct member is down or in an old generation, which believes its keys still: that is a
    /// known limit.
    pub(super) fn misuse_retired_keys(&mut self, op: impl Fn(&A, &Actor, u16) -> Option<A::Op>) {
        let Some(heist) = self.heist() else {
            return;
        };
        let who = heist.source.actor();
        let victims = self.members();
        self.coverage
            .hit(Kind::Fault("a certificate by retired keys"));
        for (_, key) in &heist.signers {
            self.checks.excuse(&key.actor());
        }
        self.links.disturb();
        for (side, victim) in (0..2).cycle().zip(victims) {
            let Some(replica) = self.replica(&victim) else {
                continue;
            };
            let mut own = (self.algorithm)(who);
            own.sync_from(replica.algorithm().state());
            let op = op(&own, &who, side);
            if let (Some(op), Some(head)) = (op, replica.head(&who)) {
                self.show(&heist, head, op, victim);
            }
        }
    }

    fn heist(&self) -> Option<Heist> {
        let correct = self.participants.keys();
        if correct.clone().any(|who| self.is_late(who)) {
            return None;
        }
        let newest = self.committee();
        let stolen: BTreeSet<_> = correct
            .filter(|who| !newest.contains(who) || self.participants[*who].is_liar())
            .collect();
        let mut old = self.checks.rules.boundaries().rev().skip(1).cloned();
        old.find_map(|boundary| {
            let seats = boundary.committee().seats();
            let signers = seats.filter(|(_, actor)| stolen.contains(actor));
            let key = |actor: &Actor| self.participants[actor].key.clone();
            let signers: Vec<_> = signers.map(|(seat, actor)| (seat, key(&actor))).collect();
            let mut retired = signers.iter().map(|(_, key)| key);
            let source = retired.find(|key| !newest.contains(&key.actor()))?.clone();
            let enough = signers.len() >= boundary.committee().quorum();
            enough.then_some(Heist {
                boundary,
                signers,
                source,
            })
        })
    }

    /// Whether a correct member is down, or in an older generation than others.
    fn is_late(&self, who: &Actor) -> bool {
        let newest = self.committee();
        let generation = newest.generation();
        newest.contains(who)
            && match &self.participants[who].mind {
                Mind::Down => true,
                Mind::Correct(replica) => replica.generation() < generation,
                Mind::Liar { .. } => false,
            }
    }

    fn show(&mut self, heist: &Heist, head: Head, op: A::Op, victim: Actor) {
        let (source, Some(seq)) = (heist.source.actor(), head.seq.next()) else {
            return;
        };
        let message = Message {
            source,
            seq,
            parent: head.digest,
            ops: encode(&vec![op]).into(),
        };
        let (dot, digest) = (message.dot(), Statement::digest(&message, &self.network));
        let statement = Echo {
            generation: heist.boundary.generation(),
            dot,
            digest,
        };
        let signers = heist
            .signers
            .iter()
            .take(heist.boundary.committee().quorum());
        let signatures = signers.map(|(seat, key)| (*seat, key.sign(&self.network, statement).sig));
        let certificate = Arc::new(Certificate {
            statement,
            signatures: signatures.collect(),
        });
        let proposal = Arc::new(Proposal {
            message,
            generation: statement.generation,
            sig: heist.source.sign(&self.network, statement).sig,
        });
        for (after, body) in [
            (1, Body::Certificate(certificate)),
            (2, Body::Proposal(proposal)),
        ] {
            let packet = Packet {
                from: source,
                to: victim,
                body,
            };
            let (to, bytes) = (victim, packet.encode());
            self.schedule.after(
                after,
                Happening::Arrival {
                    to,
                    bytes,
                    stirred: Some(0),
                },
            );
        }
    }
}
