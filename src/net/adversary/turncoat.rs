//! The turncoat: in the agreement on a generation it helps one member alone to a decision, and
//! proposes another value in the next round, as if nothing had been decided.
//!
//! It attacks the agreement: one member has decided, the others have not. What stops it: who
//! precommitted is locked, and prevotes no other value until a quorum did in a later round.

use std::sync::Arc;

use rand::RngExt;

use super::false_coordinator::{follow_up, show};
use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Actor;
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::membership::{CheckedReport, GenerationProposal, Report, Round, Vote, VoteKind};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Ticks for which it does not want to know of a decision: it must not end before its turn comes.
const STUBBORN: u8 = 200;

/// Precommits what one member only gets to see, or, as chance decides, prevotes so, and nothing to
/// the others; as coordinator of a later round it proposes a value of its own, and votes for it. Of
/// a decision it will not hear before that. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Turncoat {
    /// Who gets to see the truth; drawn with the first packet.
    confidant: Option<Actor>,
    /// Which of the two it hides, drawn once.
    hides_prevotes: Option<bool>,
    /// The value of its own, and when it proposed it.
    proposed: Option<(Generation, Round, Digest)>,
    /// Ticks for which it has been frozen.
    waited: u8,
}

impl Turncoat {
    /// Where it proposes in a later round the value is replaced first, and each vote of that round
    /// then names it.
    fn lie<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let (me, to) = (hand.actor(), packet.to);
        let drawn = self.confidant.or_else(|| hand.draw_other());
        self.confidant = drawn;
        let Body::Agreement { message, value, .. } = &mut packet.body else {
            return;
        };
        let mut own = message
            .votes
            .iter()
            .filter(|vote| vote.signer == me)
            .map(|vote| vote.statement);
        let proposal = own.find(|vote| matches!(vote.kind, VoteKind::Proposal { .. }));
        if let (Some(vote), Some(value)) = (proposal, value)
            && vote.round > Round::FIRST
            && let Some((other, report)) = Self::other(hand, value)
        {
            let digest = other.digest(hand.half().network());
            self.proposed = Some((vote.generation, vote.round, digest));
            *value = Arc::new(other);
            if let Some(report) = report {
                show(hand, to, &report);
            }
        }
        let hides_prevotes = *self
            .hides_prevotes
            .get_or_insert_with(|| hand.random().random());
        let hidden = |kind: VoteKind| match kind {
            VoteKind::Precommit(Some(_)) if !hides_prevotes => Some(VoteKind::Precommit(None)),
            VoteKind::Prevote(Some(_)) if hides_prevotes => Some(VoteKind::Prevote(None)),
            _ => None,
        };
        let stranger = Some(to) != drawn;
        for vote in message.votes.iter_mut().filter(|b| b.signer == me) {
            let statement = vote.statement;
            let other = self.instead(&statement);
            let other = other.or_else(|| hidden(statement.kind).filter(|_| stranger));
            if let Some(kind) = other {
                *vote = hand.sign(Vote { kind, ..statement }).into_claim();
                hand.lied(Vice::Turncoat.name());
            }
        }
    }

    /// The same value with another report of its own, which goes along, or with one report less.
    ///
    /// None when its own report is that already and no more than a quorum is there.
    fn other<A: WireAlgorithm>(
        hand: &Hand<'_, A>,
        value: &GenerationProposal,
    ) -> Option<(GenerationProposal, Option<CheckedReport>)> {
        let (me, half) = (hand.actor(), hand.half());
        let mut other = value.clone();
        let nothing = hand.sign(Report::of(half.boundary()));
        let empty = CheckedReport::of(half.boundary(), nothing).expect("an empty report counts");
        let reports = &mut other.draft.reports;
        let own = reports.get_mut(&me);
        let report = if let Some(own) = own.filter(|own| **own != empty.digest()) {
            *own = empty.digest();
            Some(empty)
        } else if reports.len() > half.committee().quorum() {
            reports.pop_last();
            None
        } else {
            return None;
        };
        let other = follow_up(half, other, report.as_ref());
        Some((other, report))
    }

    /// What it says instead, in a round in which it proposed a value of its own.
    fn instead(&self, vote: &Vote) -> Option<VoteKind> {
        let (generation, round, value) = self.proposed?;
        if (generation, round) != (vote.generation, vote.round) {
            return None;
        }
        Some(match vote.kind {
            VoteKind::Proposal { .. } => VoteKind::Proposal {
                value,
                valid_round: None,
            },
            VoteKind::Prevote(_) => VoteKind::Prevote(Some(value)),
            VoteKind::Precommit(_) => VoteKind::Precommit(Some(value)),
        })
    }
}

/// A precommit for a value: a quorum of them decides.
fn decides(vote: &Vote) -> bool {
    matches!(vote.kind, VoteKind::Precommit(Some(_)))
}

impl<A: WireAlgorithm> Adversary<A> for Turncoat {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, mut packet: Packet) -> Option<Packet> {
        let (me, generation) = (hand.actor(), hand.half().generation());
        if let Body::Agreement { message, .. } = &mut packet.body {
            // Its half would fall silent if it heard what it never said.
            message.votes.retain(|vote| vote.signer != me);
            let own = self.proposed.map(|(.., value)| value);
            message
                .quorums
                .retain(|quorum| match quorum.statement.kind {
                    VoteKind::Prevote(value) | VoteKind::Precommit(value) => {
                        value.is_none() || value != own
                    }
                    VoteKind::Proposal { .. } => true,
                });
        }
        let done = self.proposed.is_some_and(|(when, ..)| when == generation);
        if done || self.waited >= STUBBORN {
            return Some(packet);
        }
        match &mut packet.body {
            Body::GenerationProof(_) => return None,
            Body::Agreement { message, .. } => {
                message.votes.retain(|vote| !decides(&vote.statement));
                message.quorums.retain(|quorum| !decides(&quorum.statement));
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
