//! The impostor: it says to everybody at once what others never said.
//!
//! It attacks all that is known about a member. What stops it: a statement counts with its signer's
//! signature on just that, and a packet's return address says nothing about anybody. The
//! [`Forger`](super::Forger) tampers with single packets; the impostor lets nobody hear the truth
//! first.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Signed, Verified};
use crate::deterministic_secure_broadcast::{Body, ChangeApproval, Packet, Summary};
use crate::dot::Frontier;
use crate::membership::{Approval, Change, Report, VoteKind};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Ticks on which it wants somebody to leave, in all.
const LIES: u32 = 64;

/// Says this in the names of all others, whenever it is news: that they have all that there is,
/// signed in their names or only sent from their addresses; that they want somebody to leave; that
/// they hold nothing at the end of a generation; and now and then that they precommit nothing. Of
/// itself it announces nothing. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Impostor {
    /// Ticks on which it has so far.
    told: u32,
    /// Where it said that all stand.
    stood: Option<Frontier>,
    /// The last generation at whose end it reported for the others.
    reported: Option<Generation>,
}

/// Counts one lie, however many hear it.
fn tell<A: WireAlgorithm>(hand: &mut Hand<'_, A>, from: Actor, body: &Body) {
    for other in hand.others() {
        hand.send_as(from, other, body.clone());
    }
    hand.lied(Vice::Impostor.name());
}

/// The same claim, as if another had signed it.
fn renamed<T>(claim: Verified<T>, signer: Actor) -> Signed<T> {
    Signed {
        signer,
        ..claim.into_claim()
    }
}

impl Impostor {
    /// Its own summary is everybody's.
    ///
    /// Twice: in the victim's name from its own address, and in its own name from the victim's
    /// address.
    fn stand<A: WireAlgorithm>(hand: &mut Hand<'_, A>, victim: Actor) {
        let (me, half) = (hand.actor(), hand.half());
        let summary = Summary {
            generation: half.generation(),
            frontier: half.frontier(),
            convicted: half.convicted().keys().copied().collect(),
        };
        for (from, signer) in [(me, victim), (victim, me)] {
            let claim = hand.sign(summary.clone());
            let body = Body::Announce(Arc::new(renamed(claim, signer)));
            tell(hand, from, &body);
        }
    }

    /// The first of the others is to leave, by the word of all.
    fn approve<A: WireAlgorithm>(hand: &mut Hand<'_, A>, victim: Actor) {
        let Some(leaver) = hand.others().first().copied() else {
            return;
        };
        let change = Change::Leave(leaver);
        let approval = hand.sign(Approval {
            generation: hand.half().generation(),
            change: change.key(),
        });
        let approval = renamed(approval, victim);
        let approved = Body::Approve(Arc::new(ChangeApproval { change, approval }));
        tell(hand, hand.actor(), &approved);
    }

    /// Once it is frozen, for each of the others: that they hold nothing and are bound to nothing.
    fn report<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) {
        let generation = hand.half().generation();
        if !hand.half().is_frozen() || self.reported == Some(generation) {
            return;
        }
        self.reported = Some(generation);
        for victim in hand.others() {
            let report = Report::of(hand.half().boundary());
            let report = Arc::new(renamed(hand.sign(report), victim));
            let changes = Vec::new();
            tell(hand, hand.actor(), &Body::Report { report, changes });
        }
    }

    /// Its own vote, and the opposite by somebody else.
    fn vote<A: WireAlgorithm>(hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        let Body::Agreement { message, .. } = &mut packet.body else {
            return;
        };
        let mut own = message.votes.iter().filter(|vote| vote.signer == me);
        let own = own.find(|vote| matches!(vote.statement.kind, VoteKind::Precommit(Some(_))));
        if let (Some(own), Some(victim)) = (own.copied(), hand.draw_other())
            && hand.random().random_bool(0.5)
        {
            let mut nil = own;
            nil.statement.kind = VoteKind::Precommit(None);
            nil.signer = victim;
            message.votes = vec![own, nil];
            hand.lied(Vice::Impostor.name());
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for Impostor {
    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        // Said again, it would be answered again, to those whom it is about.
        let frontier = hand.half().frontier();
        if self.stood.as_ref() != Some(&frontier) {
            self.stood = Some(frontier);
            hand.others()
                .into_iter()
                .for_each(|victim| Self::stand(hand, victim));
        }
        if self.told < LIES {
            self.told += 1;
            hand.others()
                .into_iter()
                .for_each(|victim| Self::approve(hand, victim));
        }
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        self.report(hand);
        let me = hand.actor();
        packets.retain(|packet| match &packet.body {
            Body::Announce(summary) => (summary.signer, packet.from) != (me, me),
            _ => true,
        });
        packets
            .iter_mut()
            .for_each(|packet| Self::vote(hand, packet));
    }
}
