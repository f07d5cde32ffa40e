//! The rules of Algorithm 1, each by the lines of the paper.

use std::collections::BTreeSet;

use super::slots::Phase;
use super::{
    Agreement, AgreementMessage, Attempt, Polka, Record, Round, Stage, Turn, Vote, VoteKind,
    closing,
};
use crate::actor::Signed;
use crate::codec::Digest;
use crate::quorum::QuorumCertificate;

impl Agreement {
    /// Every rule that can act does, until none can. Each acts at most once a stage, and nothing
    /// here moves on to a round that nobody has named, so it ends.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>) {
        while self.decision.is_none() && self.act(turn) {}
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> bool {
        self.decide_on_precommits(turn)
            || self.skip()
            || self.take_valid(turn)
            || self.propose(turn)
            || self.prevote_first_proposal(turn)
            || self.prevote_proposal_with_valid_round(turn)
            || self.schedule_prevote_timeout()
            || self.lock(turn)
            || self.precommit_nil_after_prevotes(turn)
            || self.schedule_precommit_timeout()
    }

    /// Line 11: `StartRound`.
    pub(super) fn start_round(&mut self, round: Round, left: Vec<Signed<Vote>>) {
        debug_assert!(round >= self.attempt.round, "rounds only grow");
        self.attempt = Attempt::new(round, left);
        self.slots.enter(round);
        self.values.asked.clear();
    }

    /// Lines 14 to 19: the coordinator proposes its valid value, else its own.
    fn propose(&mut self, turn: &mut Turn<'_>) -> bool {
        if !turn.may_sign() || !self.due() {
            return false;
        }
        let (value, valid_round) = match (&self.locks.valid, self.values.candidate) {
            (Some(valid), _) => (valid.value, Some(valid.round)),
            (None, Some(candidate)) => (candidate, None),
            (None, None) => return false,
        };
        self.attempt.proof_of_lock.clone_from(&self.locks.valid);
        self.say(VoteKind::Proposal { value, valid_round }, turn);
        if let (Some(ground), Some(message)) = (&self.attempt.proof_of_lock, &mut turn.output.send)
        {
            message.quorums.push(ground.prevotes.claim());
        }
        true
    }

    /// Lines 22 to 27: a proposal without a valid round is prevoted when it is good and we are not
    /// locked on another.
    fn prevote_first_proposal(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some((value, None)) = self
            .proposed()
            .filter(|_| self.attempt.stage == Stage::Propose)
        else {
            return false;
        };
        let free = self.locks.locked.is_none_or(|(_, locked)| locked == value);
        self.prevote(value, free, turn)
    }

    /// Lines 28 to 33: a proposal with a valid round frees us from any lock not newer than that.
    fn prevote_proposal_with_valid_round(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some((value, Some(valid_round))) = self
            .proposed()
            .filter(|_| self.attempt.stage == Stage::Propose)
        else {
            return false;
        };
        if valid_round >= self.attempt.round || !self.grounded(value, valid_round) {
            return false;
        }
        let free = |(round, locked)| round <= valid_round || locked == value;
        let free = self.locks.locked.is_none_or(free);
        self.prevote(value, free, turn)
    }

    /// Whether a quorum of prevotes for `value` in `round` is here.
    fn grounded(&self, value: Digest, round: Round) -> bool {
        let mut polkas = [
            &self.attempt.proof_of_lock,
            &self.locks.valid,
            &self.locks.newest,
        ]
        .into_iter()
        .flatten();
        polkas.any(|polka| (polka.value, polka.round) == (value, round))
    }

    /// Waits as long as it is not known whether the value is good.
    fn prevote(&mut self, value: Digest, free: bool, turn: &mut Turn<'_>) -> bool {
        let Some(good) = self.values.opinions.get(&value).copied() else {
            return false;
        };
        self.attempt.stage = Stage::Prevote;
        self.say(VoteKind::Prevote((good && free).then_some(value)), turn);
        true
    }

    /// Lines 34 to 35: a quorum has prevoted, this or that: do not wait for ever.
    fn schedule_prevote_timeout(&mut self) -> bool {
        let voted = self.slots.votes(Phase::Prevote).count();
        let due = self.attempt.stage == Stage::Prevote
            && self.attempt.timers.prevote.is_none()
            && voted >= self.voter.committee.quorum();
        if due {
            self.attempt.timers.prevote = Some(0);
        }
        due
    }

    /// Lines 36 to 41: a quorum prevoted a good value in our round, which is the valid one now:
    /// lock it and precommit.
    fn lock(&mut self, turn: &mut Turn<'_>) -> bool {
        let here = self
            .locks
            .valid
            .as_ref()
            .filter(|polka| polka.round == self.attempt.round);
        let Some(value) = here.map(|polka| polka.value) else {
            return false;
        };
        if self.attempt.stage != Stage::Prevote {
            return false;
        }
        let before = self.locks.locked.map(|(round, _)| round);
        debug_assert!(
            before < Some(self.attempt.round),
            "a value is locked once a round"
        );
        self.locks.locked = Some((self.attempt.round, value));
        self.attempt.stage = Stage::Precommit;
        self.say(VoteKind::Precommit(Some(value)), turn);
        true
    }

    /// Lines 42 to 43: the newest good value that a quorum prevoted, durable before it is
    /// precommitted: proposed from now on.
    ///
    /// The paper takes it from our own round only. One of an earlier round that others pass on
    /// serves as well: it is only ever proposed together with its quorum of prevotes.
    fn take_valid(&mut self, turn: &mut Turn<'_>) -> bool {
        if let Some(polka) = self.slots.quorum(Phase::Prevote).and_then(Polka::of) {
            self.take_note(polka);
        }
        let newer = |newest: &&Polka| {
            self.locks
                .valid
                .as_ref()
                .is_none_or(|valid| valid.round < newest.round)
        };
        let ripe = |newest: &&Polka| {
            newest.round < self.attempt.round || self.attempt.stage > Stage::Propose
        };
        let good = |newest: &&Polka| self.values.opinions.get(&newest.value) == Some(&true);
        let newest = self
            .locks
            .newest
            .as_ref()
            .filter(newer)
            .filter(ripe)
            .filter(good);
        let Some(valid) = newest.cloned() else {
            return false;
        };
        turn.output
            .persist
            .push(Record::Valid(valid.prevotes.claim()));
        self.locks.valid = Some(valid);
        true
    }

    /// Lines 44 to 46: a quorum prevoted nil, and we precommit it.
    fn precommit_nil_after_prevotes(&mut self, turn: &mut Turn<'_>) -> bool {
        let nil =
            |quorum: QuorumCertificate<Vote>| quorum.statement.kind == VoteKind::Prevote(None);
        if self.attempt.stage != Stage::Prevote
            || !self.slots.quorum(Phase::Prevote).is_some_and(nil)
        {
            return false;
        }
        self.precommit_nil(turn);
        true
    }

    fn precommit_nil(&mut self, turn: &mut Turn<'_>) {
        self.attempt.stage = Stage::Precommit;
        self.say(VoteKind::Precommit(None), turn);
    }

    /// Lines 47 to 48: a quorum has precommitted, this or that: do not wait for ever.
    fn schedule_precommit_timeout(&mut self) -> bool {
        let voted = self.slots.votes(Phase::Precommit).count();
        let due = self.attempt.timers.precommit.is_none() && voted >= self.voter.committee.quorum();
        if due {
            self.attempt.timers.precommit = Some(0);
        }
        due
    }

    /// Lines 49 to 54: a quorum of precommits of one round decides. Not waiting for the proposal:
    /// of that quorum, correct members have it and have found it good.
    fn decide_on_precommits(&mut self, turn: &mut Turn<'_>) -> bool {
        let quorum = self.slots.quorum(Phase::Precommit);
        match quorum.filter(|quorum| super::is_decision(&quorum.statement)) {
            Some(decision) => {
                self.decide(decision, turn);
                true
            }
            None => false,
        }
    }

    pub(super) fn decide(&mut self, decision: QuorumCertificate<Vote>, turn: &mut Turn<'_>) {
        debug_assert!(self.decision.is_none(), "it is decided once");
        debug_assert!(super::is_decision(&decision.statement));
        let message = turn.output.send.get_or_insert_default();
        message.quorums = closing(&decision).quorums;
        turn.output.decided = Some(decision.clone());
        self.decision = Some(decision);
    }

    /// Lines 55 to 56: `f + 1` members are beyond our round, so a correct one is.
    fn skip(&mut self) -> bool {
        match self.slots.overtaken() {
            Some(round) => {
                self.start_round(round, Vec::new());
                true
            }
            None => false,
        }
    }

    /// Lines 57 to 67: the three timeouts, each for its stage of this round.
    pub(super) fn on_timeouts(&mut self, turn: &mut Turn<'_>) {
        let limit = self.pace.ticks(self.attempt.round);
        let ring = |timer: &mut u32| {
            *timer = timer.saturating_add(1);
            *timer >= limit
        };
        let propose =
            self.attempt.stage == Stage::Propose && ring(&mut self.attempt.timers.propose);
        let prevote = self.attempt.timers.prevote.as_mut().is_some_and(ring);
        let precommit = self.attempt.timers.precommit.as_mut().is_some_and(ring);
        if propose {
            self.on_propose_timeout(turn);
        }
        if prevote {
            self.on_prevote_timeout(turn);
        }
        if precommit {
            self.on_precommit_timeout(turn);
        }
    }

    /// Lines 57 to 60: no good proposal came in time, and nil is prevoted.
    fn on_propose_timeout(&mut self, turn: &mut Turn<'_>) {
        self.attempt.stage = Stage::Prevote;
        self.say(VoteKind::Prevote(None), turn);
    }

    /// Lines 61 to 64: the prevotes did not agree in time, and nil is precommitted.
    fn on_prevote_timeout(&mut self, turn: &mut Turn<'_>) {
        if self.attempt.stage == Stage::Prevote {
            self.precommit_nil(turn);
        }
    }

    /// Lines 65 to 67: what takes those who are behind along must outlast a crash of all, in which
    /// their memory of our votes is lost too.
    fn on_precommit_timeout(&mut self, turn: &mut Turn<'_>) {
        if let Some(next) = self.attempt.round.next() {
            let left = self
                .slots
                .votes(Phase::Precommit)
                .take(self.voter.committee.quorum());
            let left: Vec<_> = left.map(|fact| Signed::clone(fact)).collect();
            turn.output.persist.push(Record::Left(left.clone()));
            self.start_round(next, left);
        }
    }
}

/// What a member says and repeats, and what it asks of its replica.
impl Agreement {
    /// Signs, counts and records a statement of ours, in one step.
    fn say(&mut self, kind: VoteKind, turn: &mut Turn<'_>) {
        let vote = Vote {
            generation: self.voter.committee.generation(),
            round: self.attempt.round,
            kind,
        };
        let spoken = self
            .slots
            .said(self.voter.seat)
            .any(|fact| fact.statement.kind.alike(&kind));
        if spoken {
            return;
        }
        let Some(fact) = turn.sign(vote) else {
            return;
        };
        let evidence = self.slots.hear(fact);
        debug_assert!(evidence.is_none(), "one statement of a kind in a round");
        turn.output.persist.push(Record::Vote(*fact));
        turn.output.send.get_or_insert_default().votes.push(*fact);
    }

    /// What the coordinator of our round proposed: the value and its valid round.
    pub(super) fn proposed(&self) -> Option<(Digest, Option<Round>)> {
        let seat = self
            .voter
            .committee
            .seat(&self.coordinator(self.attempt.round))?;
        match self.slots.proposal(seat)?.statement.kind {
            VoteKind::Proposal { value, valid_round } => Some((value, valid_round)),
            _ => None,
        }
    }

    /// Whether it is our turn to propose and we have not.
    pub(super) fn due(&self) -> bool {
        self.attempt.stage == Stage::Propose
            && self.coordinator(self.attempt.round) == self.voter.actor
            && self.proposed().is_none()
    }

    /// The values whose goodness matters now and is not known.
    pub fn awaiting_validation(&self) -> BTreeSet<Digest> {
        let proposed = self.proposed().map(|(value, _)| value);
        let newest = self.locks.newest.as_ref().map(|polka| polka.value);
        let open = |value: &Digest| !self.values.opinions.contains_key(value);
        proposed.into_iter().chain(newest).filter(open).collect()
    }

    pub(super) fn ask(&mut self, turn: &mut Turn<'_>) {
        if self.decision.is_none() {
            for value in self.awaiting_validation() {
                if self.values.asked.insert(value) {
                    turn.output.validate.insert(value);
                }
            }
        }
    }

    /// What we say again on each tick: our statements of this round, and what of others moved us.
    pub(super) fn repetition(&self) -> AgreementMessage {
        let own = self
            .slots
            .said(self.voter.seat)
            .map(|fact| Signed::clone(fact));
        let ground = self
            .attempt
            .proof_of_lock
            .iter()
            .filter(|_| self.coordinator(self.attempt.round) == self.voter.actor);
        let mut quorums: Vec<_> = ground
            .chain(&self.locks.valid)
            .map(|p| p.prevotes.claim())
            .collect();
        quorums.dedup();
        AgreementMessage {
            votes: own.chain(self.attempt.left.iter().copied()).collect(),
            quorums,
        }
    }
}
