//! Agreeing on the value that ends a generation: drives the membership room's agreement with what only the broadcast
//! knows, namely whether lanes, messages and state are as a value says.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::closing::Candidate;
use super::error::Refusal;
use super::message::Equivocation;
use super::packet::{Body, Want};
use super::step::{Record, Step};
use crate::actor::Actor;
use crate::codec::Digest;
use crate::dot::Dot;
use crate::membership::{
    self, Agreement, Founding, Mark, Pace, Report, Said, Speech, Terms, Turn, Value,
};
use crate::traits::Wire;

impl<A: Wire> Replica<A> {
    /// Takes our seat in the agreement that ends this generation; after a crash, where we left it.
    pub(super) fn open_agreement(&mut self, step: &mut Step<A::Op>) {
        if self.closing.agreement.is_some() {
            return;
        }
        let ballots = std::mem::take(&mut self.closing.ballots);
        let opened = Agreement::open(&self.boundary, self.key.clone(), Pace::default(), ballots);
        match opened {
            Ok(mut agreement) => {
                let turn = agreement.start();
                self.closing.agreement = Some(agreement);
                self.drive(turn, None, step);
            }
            Err(error) => tracing::error!(me = ?self.actor(), %error, "no part in the agreement"),
        }
    }

    pub(super) fn handle_speech(
        &mut self,
        from: Actor,
        speech: &Speech,
        value: Option<Arc<Value>>,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        let Some(agreement) = &mut self.closing.agreement else {
            // Not frozen yet: the reports that are on their way bring the reason, and this is said again.
            return Ok(());
        };
        let turn = agreement.hear(speech)?;
        if let Some(value) = value {
            self.take_value(value);
        }
        self.drive(turn, Some(from), step);
        Ok(())
    }

    pub(super) fn tick_agreement(&mut self, step: &mut Step<A::Op>) {
        if let Some(agreement) = &mut self.closing.agreement {
            let turn = agreement.tick();
            self.drive(turn, None, step);
            self.repeat_wants(step);
        }
        self.pursue(step);
    }

    /// Spends a turn of the agreement, and those that answers to its questions lead to.
    fn drive(&mut self, turn: Turn, from: Option<Actor>, step: &mut Step<A::Op>) {
        let mut turns = VecDeque::from([turn]);
        while let Some(turn) = turns.pop_front() {
            step.persist.extend(self.values_of(&turn.persist));
            let ballots = turn.persist.into_iter().map(Record::Ballot);
            step.persist
                .extend(ballots.filter(|_| !bug!(BallotNotDurable)));
            if let Some(speech) = turn.send {
                let body = self.speech(speech);
                self.send_to_members(&body, step);
            }
            if let (Some(speech), Some(from)) = (turn.reply, from) {
                let body = self.speech(speech);
                self.send(from, body, step);
            }
            for conflict in turn.faults {
                self.convict_member(Equivocation::Ballot(conflict), step);
            }
            if let Some(forgotten) = turn.forgotten {
                tracing::error!(?forgotten, "a ballot of ours that we do not remember");
                self.silence(step);
            }
            for digest in turn.judge {
                if let Some(good) = self.opinion(digest, step)
                    && let Some(agreement) = &mut self.closing.agreement
                {
                    turns.push_back(agreement.judged(digest, good));
                }
            }
            if let Some(decision) = turn.decided {
                self.closing.decided = Some(decision);
                self.conclude(step);
            }
        }
    }

    /// A speech on its way; a proposal takes its value along.
    fn speech(&self, speech: Speech) -> Body {
        let proposed = speech
            .ballots
            .iter()
            .find_map(|ballot| match ballot.statement.said {
                Said::Proposal { value, .. } => Some(value),
                _ => None,
            });
        let candidate = proposed.and_then(|digest| self.closing.candidate(&digest));
        Body::Speech {
            generation: self.generation(),
            value: candidate.map(|candidate| Arc::clone(&candidate.value)),
            speech,
        }
    }

    /// Takes in a value that we asked for; others are not worth their check.
    pub(super) fn take_value(&mut self, value: Arc<Value>) {
        let digest = value.digest(&self.network);
        let asked = self.closing.agreement.as_ref().map(Agreement::questions);
        let decided = self
            .closing
            .decided
            .as_ref()
            .map(|decision| decision.statement.said);
        if asked.is_some_and(|asked| asked.contains(&digest))
            || decided == Some(Said::Precommit(Some(digest)))
        {
            self.hold_value(value, digest);
        }
    }

    /// The values that these ballots precommit to, where they are not durable yet.
    fn values_of(&mut self, ballots: &[membership::Record]) -> Vec<Record> {
        let mut values = Vec::new();
        for ballot in ballots {
            if let membership::Record::Said(ballot) = ballot
                && let Said::Precommit(Some(digest)) = ballot.statement.said
                && self.closing.durable != Some(digest)
                && let Some(candidate) = self.closing.candidate(&digest)
            {
                values.push(Record::Value(Arc::clone(&candidate.value)));
                self.closing.durable = Some(digest);
            }
        }
        values
    }

    pub(super) fn hold_value(&mut self, value: Arc<Value>, digest: Digest) {
        if self.closing.candidate(&digest).is_none() {
            let check = value.check(&self.boundary).map(Box::new);
            self.closing.hold(Candidate {
                digest,
                value,
                check,
            });
        }
    }

    /// Whether a value is good, from facts alone; `None` as long as something is missing here, which is asked for.
    fn opinion(&mut self, digest: Digest, step: &mut Step<A::Op>) -> Option<bool> {
        let Some(candidate) = self.closing.candidate(&digest) else {
            self.want_value(digest, step);
            return None;
        };
        let Ok(succession) = &candidate.check else {
            return Some(false);
        };
        if bug!(PrevoteWithoutHolding) {
            return Some(true);
        }
        let obligations = succession.obligations.clone();
        let frontier = succession.next.frontier().clone();
        if !self.reaches(&obligations.heads) {
            self.pull_from_all(step);
            return None;
        }
        if bug!(NilWhenBeyond) && self.frontier() != frontier {
            return Some(false);
        }
        let payloads = obligations
            .payloads
            .iter()
            .map(|(dot, digest)| (*dot, *digest));
        if !self.holds_payloads(payloads.collect(), step) {
            return None;
        }
        // There is none where another message was delivered than the value covers.
        let state = self
            .snapshot_at(&frontier)
            .map(|snapshot| snapshot.manifest().digest());
        Some(state.is_some_and(|state| state == obligations.state || bug!(StateUnchecked)))
    }

    /// Goes on with whatever new messages, reports and values make possible.
    pub(super) fn pursue(&mut self, step: &mut Step<A::Op>) {
        if self.closing.agreement.is_some() {
            self.offer(step);
            self.answer_questions(step);
            self.conclude(step);
        }
        self.install_if_level(step);
    }

    fn answer_questions(&mut self, step: &mut Step<A::Op>) {
        let Some(agreement) = &self.closing.agreement else {
            return;
        };
        for digest in agreement.questions() {
            if self.closing.candidate(&digest).is_none() {
                continue;
            }
            if let Some(good) = self.opinion(digest, step)
                && let Some(agreement) = &mut self.closing.agreement
            {
                let turn = agreement.judged(digest, good);
                self.drive(turn, None, step);
            }
        }
    }

    /// Puts a value together, when it is our turn: of every report that we can back, if they are a quorum.
    fn offer(&mut self, step: &mut Step<A::Op>) {
        let agreement = self.closing.agreement.as_ref();
        if !agreement.is_some_and(Agreement::awaits_offer) {
            return;
        }
        let reports: Vec<_> = self.closing.reports.values().cloned().collect();
        let backed: Vec<_> = reports
            .into_iter()
            .filter(|r| self.backs(&r.statement, step))
            .collect();
        let all = bug!(EveryReportAwaited) && backed.len() < self.committee.size();
        if backed.len() < self.committee.quorum() || all {
            return;
        }
        let terms = Terms::gather(&self.boundary, self.closing.changes.values(), &backed);
        let Ok(frontier) = terms.frontier(&self.boundary) else {
            return;
        };
        let Some(snapshot) = self.snapshot_at(&frontier) else {
            return;
        };
        let value = Arc::new(terms.with_state(snapshot.manifest().digest()));
        let digest = value.digest(&self.network);
        self.hold_value(value, digest);
        let good = self
            .closing
            .candidate(&digest)
            .is_some_and(|c| c.check.is_ok());
        if let Some(agreement) = self.closing.agreement.as_mut().filter(|_| good) {
            let turn = agreement.offer(digest);
            self.drive(turn, None, step);
        }
    }

    /// Whether we hold, and can serve, all that a report speaks of: what a liar will not back is left out.
    fn backs(&mut self, report: &Report, step: &mut Step<A::Op>) -> bool {
        let mut backed = true;
        for (source, head) in &report.heads {
            let dot = Dot {
                source: *source,
                seq: head.seq,
            };
            backed &= self.delivered(&dot) == Some(head.digest);
        }
        if !backed {
            self.pull_from_all(step);
        }
        let locks = report.marks.values().filter_map(|mark| match mark {
            Mark::Lock(lock) => Some((lock.statement.dot, lock.statement.digest)),
            Mark::Seal(_) => None,
        });
        let ahead = |dot: &Dot| {
            self.head(&dot.source)
                .is_some_and(|head| dot.seq > head.seq)
        };
        let locks: Vec<_> = locks.filter(|(dot, _)| ahead(dot)).collect();
        self.holds_payloads(locks, step) && backed
    }

    pub(super) fn pull_from_all(&mut self, step: &mut Step<A::Op>) {
        for member in self.peers.keys().copied().collect::<Vec<_>>() {
            self.pull(member, step);
        }
    }

    /// Asks for the value that was decided: once a tick, not at each input, or those who all lack it would answer each
    /// other's questions with more of them.
    fn want_decided(&mut self, digest: Digest, step: &mut Step<A::Op>) {
        if self.closing.asked == Some(self.now) {
            return;
        }
        self.closing.asked = Some(self.now);
        self.want_value(digest, step);
    }

    fn want_value(&self, digest: Digest, step: &mut Step<A::Op>) {
        let want = Want {
            value: Some(digest),
            payloads: Vec::new(),
        };
        self.send_to_members(&Body::Want(want), step);
    }

    /// The decision is there: with its value it founds the next generation.
    fn conclude(&mut self, step: &mut Step<A::Op>) {
        let Some(decision) = self.closing.decided.clone() else {
            return;
        };
        let Said::Precommit(Some(digest)) = decision.statement.said else {
            return;
        };
        let Some(candidate) = self.closing.candidate(&digest) else {
            self.want_decided(digest, step);
            return;
        };
        if let (true, Ok(succession)) = (self.pending.is_empty(), &candidate.check) {
            let founding = Arc::new(Founding::of(Arc::clone(&candidate.value), &decision));
            let next = succession.next.clone();
            self.expect_generation(founding, next);
        }
        self.closing.decided = None;
    }

    pub(super) fn convict_member(&mut self, evidence: Equivocation, step: &mut Step<A::Op>) {
        let accused = evidence.accused();
        if !self.convicted.contains_key(&accused) {
            self.convict(accused, Arc::new(evidence), step);
        }
    }
}
