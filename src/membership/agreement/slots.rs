//! What each seat has said: two slots a seat, one for our round and one for the highest round it
//! has spoken in.
//!
//! The second slot has no horizon: were statements of far rounds dropped, a member left behind
//! would never learn that others have moved on. A liar that names a far round fills its own slot
//! only.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::vote::{Round, Vote, VoteKind};
use crate::actor::{Sig, Signed, Verified};
use crate::codec::Digest;
use crate::evidence::Conflict;
use crate::quorum::{Committee, QuorumCertificate, Seat, Tally};

/// The three things that a seat can say in one round, the first of each kind.
#[derive(Clone, Debug, Default)]
struct Slot {
    proposal: Option<Verified<Vote>>,
    prevote: Option<Verified<Vote>>,
    precommit: Option<Verified<Vote>>,
}

impl Slot {
    fn place(&mut self, kind: &VoteKind) -> &mut Option<Verified<Vote>> {
        match kind {
            VoteKind::Proposal { .. } => &mut self.proposal,
            VoteKind::Prevote(_) => &mut self.prevote,
            VoteKind::Precommit(_) => &mut self.precommit,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Verified<Vote>> {
        [&self.proposal, &self.prevote, &self.precommit]
            .into_iter()
            .flatten()
    }
}

#[derive(Clone, Debug, Default)]
struct Spoken {
    here: Slot,
    beyond: Option<(Round, Slot)>,
}

/// One of the two votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Prevote,
    Precommit,
}

/// The statements of all seats.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    committee: Arc<Committee>,
    round: Round,
    seats: Vec<Spoken>,
}

impl Slots {
    pub(super) fn new(committee: Arc<Committee>, round: Round) -> Self {
        let seats = vec![Spoken::default(); committee.size()];
        Self {
            committee,
            round,
            seats,
        }
    }

    /// Moves to a later round: what was said in it becomes what is said here.
    pub(super) fn enter(&mut self, round: Round) {
        self.round = round;
        for seat in &mut self.seats {
            let beyond = seat.beyond.take();
            seat.here = Slot::default();
            match beyond {
                Some((there, slot)) if there == round => seat.here = slot,
                Some((there, slot)) if there > round => seat.beyond = Some((there, slot)),
                _ => {}
            }
        }
    }

    /// Remembers a statement; evidence when its speaker said another in its place. The first one
    /// counts.
    pub(super) fn hear(&mut self, fact: Verified<Vote>) -> Option<Conflict<Vote>> {
        let seat = self.committee.seat(&fact.signer)?;
        let round = fact.statement.round;
        let spoken = self.seats.get_mut(seat.index())?;
        let slot = if round == self.round {
            &mut spoken.here
        } else if round < self.round || spoken.beyond.as_ref().is_some_and(|(far, _)| *far > round)
        {
            return None;
        } else if spoken.beyond.as_ref().is_none_or(|(far, _)| *far < round) {
            &mut spoken.beyond.insert((round, Slot::default())).1
        } else {
            &mut spoken.beyond.as_mut()?.1
        };
        let place = slot.place(&fact.statement.kind);
        let first = place.get_or_insert(fact);
        Conflict::between(first, &fact)
    }

    /// The `(f + 1)`-th highest round of those beyond ours: at least one correct member is there or
    /// further.
    pub(super) fn overtaken(&self) -> Option<Round> {
        let beyond = self.seats.iter().filter_map(|seat| seat.beyond.as_ref());
        let mut rounds: Vec<Round> = beyond.map(|(round, _)| *round).collect();
        rounds.sort_unstable();
        rounds.into_iter().rev().nth(self.committee.tolerated())
    }

    /// What the member at `seat` has said in our round.
    pub(super) fn said(&self, seat: Seat) -> impl Iterator<Item = &Verified<Vote>> {
        let spoken = self.seats.get(seat.index()).into_iter();
        spoken.flat_map(|spoken| spoken.here.all())
    }

    /// All that is held of what the member at `seat` has said.
    pub(super) fn all_said(&self, seat: Seat) -> impl Iterator<Item = &Verified<Vote>> {
        let spoken = self.seats.get(seat.index()).into_iter();
        spoken.flat_map(|spoken| {
            let beyond = spoken.beyond.iter().flat_map(|(_, slot)| slot.all());
            spoken.here.all().chain(beyond)
        })
    }

    /// What the member at `seat` proposed in our round.
    pub(super) fn proposal(&self, seat: Seat) -> Option<&Verified<Vote>> {
        self.seats.get(seat.index())?.here.proposal.as_ref()
    }

    /// All votes of one kind in our round, in seat order.
    pub(super) fn votes(&self, phase: Phase) -> impl Iterator<Item = &Verified<Vote>> {
        self.seats.iter().filter_map(move |seat| match phase {
            Phase::Prevote => seat.here.prevote.as_ref(),
            Phase::Precommit => seat.here.precommit.as_ref(),
        })
    }

    /// A quorum that voted alike in our round.
    pub(super) fn quorum(&self, phase: Phase) -> Option<QuorumCertificate<Vote>> {
        let mut counts: BTreeMap<Option<Digest>, (usize, &Verified<Vote>)> = BTreeMap::new();
        for fact in self.votes(phase) {
            if let VoteKind::Prevote(value) | VoteKind::Precommit(value) = fact.statement.kind {
                counts.entry(value).or_insert((0, fact)).0 += 1;
            }
        }
        let enough = |(count, _): &(usize, _)| *count >= self.committee.quorum();
        let (_, fact) = counts.into_values().find(enough)?;
        let mut tally = Tally::new(fact.statement);
        self.votes(phase)
            .find_map(|fact| tally.add(&self.committee, fact))
    }

    /// The signature on this very statement that was verified here before.
    pub(super) fn known(&self, seat: Seat, vote: &Vote) -> Option<Sig> {
        let spoken = self.seats.get(seat.index())?;
        let beyond = spoken.beyond.iter().flat_map(|(_, slot)| slot.all());
        let mut facts = spoken.here.all().chain(beyond);
        facts
            .find(|fact| fact.statement == *vote)
            .map(|fact| fact.sig)
    }

    /// Evidence against whoever signed the statement of `quorum` and another in its place here.
    pub(super) fn contradicting<'a>(
        &'a self,
        quorum: &'a QuorumCertificate<Vote>,
    ) -> impl Iterator<Item = Conflict<Vote>> + 'a {
        quorum.signatures.iter().filter_map(|(seat, sig)| {
            let right = Signed {
                statement: quorum.statement,
                signer: *self.committee.actors().get(seat.index())?,
                sig: *sig,
            };
            let spoken = self.seats.get(seat.index())?;
            let beyond = spoken.beyond.iter().flat_map(|(_, slot)| slot.all());
            let mut facts = spoken.here.all().chain(beyond);
            let left = facts.find(|fact| {
                let vote = &fact.statement;
                vote.round == right.statement.round
                    && vote.kind.alike(&right.statement.kind)
                    && *vote != right.statement
            })?;
            Some(Conflict {
                left: Signed::clone(left),
                right,
            })
        })
    }
}
