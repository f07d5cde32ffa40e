//! The turncoat: in the agreement on a generation it helps one member alone to a decision, and
//! proposes another value in the next round, as if nothing had been decided.
//!
//! It attacks the agreement: one member has decided, the others have not. What stops it: who
//! precommitted is locked, and prevotes no other value until a quorum did in a later round.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Actor;
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::membership::{Ballot, Generation, Report, Round, Said, Value};
use crate::traits::WireAlgorithm;

/// Ticks for which it does not want to know of a decision: it must not end before its turn comes.
const STUBBORN: u8 = 200;

/// Precommits what one member only gets to see, or, as chance decides, prevotes so, and nothing to
/// the others; as coordinator of a later round it proposes a value of its own, and votes for it. Of
/// a decision it will not hear before that. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Turncoat {
    confidant: Option<Actor>,
    hides_prevotes: Option<bool>,
    proposed: Option<(Generation, Round, Digest)>,
    waited: u8,
}

impl Turncoat {
    fn lie<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let (me, to) = (hand.actor(), packet.to);
        let drawn = self.confidant.or_else(|| hand.draw_other());
        self.confidant = drawn;
        let Body::Speech { speech, value, .. } = &mut packet.body else {
            return;
        };
        let mut own = speech
            .ballots
            .iter()
            .filter(|ballot| ballot.signer == me)
            .map(|ballot| ballot.statement);
        let proposal = own.find(|ballot| matches!(ballot.said, Said::Proposal { .. }));
        if let (Some(ballot), Some(value)) = (proposal, value)
            && ballot.round > Round::FIRST
            && let Some(other) = Self::other(hand, value)
        {
            let digest = other.digest(hand.half().network());
            self.proposed = Some((ballot.generation, ballot.round, digest));
            *value = Arc::new(other);
        }
        let hides_prevotes = *self
            .hides_prevotes
            .get_or_insert_with(|| hand.random().random());
        let hidden = |said: Said| match said {
            Said::Precommit(Some(_)) if !hides_prevotes => Some(Said::Precommit(None)),
            Said::Prevote(Some(_)) if hides_prevotes => Some(Said::Prevote(None)),
            _ => None,
        };
        let stranger = Some(to) != drawn;
        for ballot in speech.ballots.iter_mut().filter(|b| b.signer == me) {
            let statement = ballot.statement;
            let other = self.said(&statement);
            let other = other.or_else(|| hidden(statement.said).filter(|_| stranger));
            if let Some(said) = other {
                *ballot = hand.sign(Ballot { said, ..statement }).into_claim();
                hand.lied(Vice::Turncoat.name());
            }
        }
    }

    /// The same value with another report of its own, or with one report less.
    fn other<A: WireAlgorithm>(hand: &Hand<'_, A>, value: &Value) -> Option<Value> {
        let half = hand.half();
        let mut other = value.clone();
        let empty = Report::of(half.boundary());
        let reports = &mut other.terms.reports;
        let own = reports
            .iter_mut()
            .find(|report| report.signer == hand.actor() && report.statement != empty);
        if let Some(own) = own {
            *own = hand.sign(empty).into_claim();
        } else if reports.len() > half.committee().quorum() {
            reports.pop();
        } else {
            return None;
        }
        Some(other)
    }

    /// What it says instead, in a round in which it proposed a value of its own.
    fn said(&self, ballot: &Ballot) -> Option<Said> {
        let (generation, round, value) = self.proposed?;
        if (generation, round) != (ballot.generation, ballot.round) {
            return None;
        }
        Some(match ballot.said {
            Said::Proposal { .. } => Said::Proposal {
                value,
                valid_round: None,
            },
            Said::Prevote(_) => Said::Prevote(Some(value)),
            Said::Precommit(_) => Said::Precommit(Some(value)),
        })
    }
}

fn decides(ballot: &Ballot) -> bool {
    matches!(ballot.said, Said::Precommit(Some(_)))
}

impl<A: WireAlgorithm> Adversary<A> for Turncoat {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, mut packet: Packet) -> Option<Packet> {
        let (me, generation) = (hand.actor(), hand.half().generation());
        if let Body::Speech { speech, .. } = &mut packet.body {
            // Its half would fall silent if it heard what it never said.
            speech.ballots.retain(|ballot| ballot.signer != me);
            let own = self.proposed.map(|(.., value)| value);
            speech.quorums.retain(|quorum| match quorum.statement.said {
                Said::Prevote(value) | Said::Precommit(value) => value.is_none() || value != own,
                Said::Proposal { .. } => true,
            });
        }
        let done = self.proposed.is_some_and(|(when, ..)| when == generation);
        if done || self.waited >= STUBBORN {
            return Some(packet);
        }
        match &mut packet.body {
            Body::Founding(_) => return None,
            Body::Speech { speech, .. } => {
                speech.ballots.retain(|ballot| !decides(&ballot.statement));
                speech.quorums.retain(|quorum| !decides(&quorum.statement));
            }
            _ => {}
        }
        Some(packet)
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        self.waited = self
            .waited
            .saturating_add(u8::from(hand.half().is_frozen()));
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            self.lie(hand, packet);
        }
    }
}
