//! Agreeing on the value that ends a generation: drives the membership room's agreement with what
//! only the broadcast knows, namely whether lanes, messages and state are as a value says.
//!
//! Inputs: messages of the agreement, values, and whatever arrives in lanes meanwhile. Outputs:
//! records before messages, messages, and the proof of the next generation. Invariant: nothing
//! about a value is on record or voted for unless the value, the reports that it rests on and the
//! messages that it adopts are on record, so that whoever counts on them finds them, even after all
//! members have crashed at once. So a liar that shows its report to a coordinator alone locks
//! nobody in.
//!
//! An opinion on a value is a fact of the value and the boundary alone: all correct members that
//! hold what it rests on have the same, whenever they form it. As long as something is missing
//! there is no opinion, and the missing is asked for. That makes it the predicate `valid` of
//! Buchman, Kwon and Milosevic (The latest gossip on BFT consensus, 2018), on which correct
//! processes agree.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::history::Founded;
use super::message::{Echo, Equivocation};
use super::packet::Body;
use super::step::Record;
use super::transition::Decided;
use crate::actor::{Actor, Signed};
use crate::codec::Digest;
use crate::dot::{Dot, Frontier, Head};
use crate::membership::{
    self, Agreement, AgreementMessage, AgreementOutput, Foundation, GenerationDraft,
    GenerationProof, GenerationProposal, Mark, Report, Timeouts, VoteKind,
};
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// Takes our seat in the agreement that ends this generation; after a crash, where we left it.
    ///
    /// Called when we freeze, for each change again, and after a restart or a doubt; the second
    /// call does nothing. From here on the agreement remembers for itself, and the records are let
    /// go. Where they are not of our key no part is taken, now or at the next change, which is
    /// logged, and the replica follows what others decide.
    pub(super) fn open_agreement(&mut self) {
        if self.transition.agreement.is_some() {
            return;
        }
        if !self.signer.may_sign() {
            return;
        }
        let me = self.actor();
        let records = self.transition.agreement_records.clone();
        let opened = Agreement::open(&self.history.boundary, me, Timeouts::default(), records);
        match opened {
            Ok(mut agreement) => {
                let output = agreement.start(&self.signer);
                self.transition.agreement = Some(agreement);
                self.transition.agreement_records.clear();
                self.drive(output, None);
            }
            Err(error) => tracing::error!(me = ?self.actor(), %error, "no part in the agreement"),
        }
    }

    /// Hears what a member says in the agreement, whoever brings it. The agreement checks each
    /// signature in it, and counts what is new.
    ///
    /// The message is heard before its value is held, since only then it is known whether the value
    /// counts.
    ///
    /// # Errors
    /// When a part of it is malformed, or not of this generation's agreement.
    pub(super) fn handle_agreement(
        &mut self,
        from: Actor,
        message: &AgreementMessage,
        value: Option<Arc<GenerationProposal>>,
    ) -> Result<(), PacketError> {
        let Some(agreement) = &mut self.transition.agreement else {
            // Not frozen yet: the reports that are on their way bring the reason, and this is said
            // again.
            return Ok(());
        };
        let known = self.checked.signatures();
        let output = agreement.hear_knowing(message, &self.signer, known)?;
        if let Some(value) = value {
            self.take_value(value);
        }
        self.drive(output, Some(from));
        Ok(())
    }

    /// Lets time pass in the agreement: its timeouts are in ticks, so that only how soon it ends
    /// depends on time, and never what it decides.
    pub(super) fn tick_agreement(&mut self) {
        if let Some(agreement) = &mut self.transition.agreement {
            let output = agreement.tick(&self.signer);
            self.drive(output, None);
        }
    }

    /// Spends an output of the agreement, and those that answers to its questions lead to.
    ///
    /// The order is that of a step: what is to be durable goes before what is sent. `from` is who
    /// brought the message that led here, if one did: replies go there. A loop and not a recursion,
    /// as an opinion may lead to another output; it ends, since each value gets an opinion once.
    fn drive(&mut self, output: AgreementOutput, from: Option<Actor>) {
        let mut outputs = VecDeque::from([output]);
        while let Some(output) = outputs.pop_front() {
            for record in output.persist {
                self.record(record);
            }
            if let Some(message) = output.send {
                let body = self.agreement_body(message);
                self.send_to_members(body);
            }
            if let (Some(message), Some(from)) = (output.reply, from) {
                let body = self.agreement_body(message);
                self.send(from, body);
            }
            for conflict in output.faults {
                self.convict_member(Equivocation::Vote(conflict));
            }
            if let Some(forgotten) = output.forgotten {
                tracing::error!(?forgotten, "a vote of ours that we do not remember");
                self.silence();
            }
            for digest in output.validate {
                if let Some(good) = self.opinion(digest)
                    && let Some(agreement) = &mut self.transition.agreement
                {
                    outputs.push_back(agreement.validated(digest, good, &self.signer));
                }
            }
            if let Some(decision) = output.decided {
                self.transition.decided = Some(Decided::by(decision));
                self.conclude();
            }
        }
        self.transition.forget_values();
    }

    /// Makes durable what we say in the agreement; the value that it names first.
    ///
    /// The caller holds the value: the agreement names only such as it has an opinion on, or as we
    /// offered.
    fn record(&mut self, record: membership::Record) {
        if let Some(value) = record.value() {
            self.make_durable(value);
        }
        self.turn.write(Record::Agreement(record));
    }

    /// A message of the agreement on its way; a proposal takes its value along.
    ///
    /// Votes name a value by its digest alone, as those who lack it [ask](Self::want_value) for it.
    fn agreement_body(&self, message: AgreementMessage) -> Body {
        let proposed = message
            .votes
            .iter()
            .find_map(|vote| match vote.statement.kind {
                VoteKind::Proposal { value, .. } => Some(value),
                _ => None,
            });
        let candidate = proposed.and_then(|digest| self.transition.candidate(&digest));
        Body::Agreement {
            generation: self.generation(),
            value: candidate.map(|candidate| Arc::clone(&candidate.value)),
            message,
        }
    }

    /// Whether a value is good, from facts alone; `None` as long as something is missing here,
    /// which is asked for.
    ///
    /// The order is that of cost: reports and shape, lanes, messages, state, verdicts.
    /// `Some(false)` is final; `None` is asked again as things arrive and at each tick.
    fn opinion(&mut self, digest: Digest) -> Option<bool> {
        if self.transition.candidate(&digest).is_none() {
            self.want_value(digest);
            return None;
        }
        let Ok(checked) = self.judged(digest)? else {
            return Some(false);
        };
        let preconditions = checked.preconditions.clone();
        let frontier = checked.next.frontier().clone();
        if !self.lanes.reach(&preconditions.heads) {
            self.pull_from_all();
            return None;
        }
        let payloads = preconditions
            .payloads
            .iter()
            .map(|(dot, digest)| (*dot, *digest));
        if !self.holds_payloads(payloads.collect()) {
            return None;
        }
        let locks = preconditions
            .payloads
            .iter()
            .map(|(dot, digest)| (*dot, *digest));
        // There is no state where another message was delivered than the value covers.
        let state = self.certifiable_at(&frontier).map(|(_, state)| state);
        let same = state == Some(preconditions.state);
        Some(
            same && self
                .unfounded_among(locks, &frontier)
                .is_some_and(|bad| bad.is_empty()),
        )
    }

    /// Those of these messages that no correct member can have echoed right after `frontier`.
    /// `None` when there is no state there.
    ///
    /// Executes up to the frontier, once for all of them.
    fn unfounded_among(
        &mut self,
        locks: impl Iterator<Item = (Dot, Digest)>,
        frontier: &Frontier,
    ) -> Option<BTreeSet<(Dot, Digest)>> {
        self.execute(frontier);
        let algorithm = self.executed_at(frontier)?;
        let bad = |lock: &(Dot, Digest)| !self.is_founded(*lock, frontier, algorithm);
        Some(locks.filter(bad).collect())
    }

    /// Whether a correct member can have echoed this message right after `frontier`, where
    /// `algorithm` is.
    ///
    /// It is a fact of the message and the frontier alone, so that all correct members give the
    /// same answer. And whatever a correct reporter is locked on passes: it found the message valid
    /// when it had delivered a part of the frontier with the same end of that lane. The frontier is
    /// closed, so that the rest of it can be applied to that part in some order; none of the rest
    /// is the source's own; and by the law *stable* what is valid for a source stays valid until an
    /// operation of that source is applied.
    fn is_founded(&self, lock: (Dot, Digest), frontier: &Frontier, algorithm: &A) -> bool {
        let (dot, digest) = lock;
        let Some(entry) = self.message(&dot, &digest) else {
            return false;
        };
        let head = frontier
            .get(&dot.source)
            .copied()
            .unwrap_or_else(|| Head::empty(&self.history.network));
        let message = entry.message();
        let placed = message.dot() == dot && message.parent == head.digest;
        let ops = message.decode::<A::Op>(self.limits());
        let valid = |ops: Vec<A::Op>| algorithm.verdict_batch(&dot.source, &ops).is_valid();
        placed && ops.is_ok_and(valid)
    }

    /// Goes on with whatever new messages, reports and values make possible.
    ///
    /// Called at the end of each input. It costs little as long as no agreement is open and no
    /// generation waits to be installed.
    ///
    /// Before the trusted checkpoint nothing is said of a generation, whoever froze us before.
    pub(super) fn pursue(&mut self) {
        if self.awaits_checkpoint() {
            return;
        }
        if self.transition.agreement.is_some() {
            self.offer();
            self.answer_questions();
            self.conclude();
        }
        self.recall_ending();
        self.finish_if_whole();
        self.install_if_level();
        self.want_ending();
    }

    /// Gives the agreement an opinion on each value that it awaits one on, as far as all that a
    /// value rests on has arrived.
    fn answer_questions(&mut self) {
        let Some(agreement) = &self.transition.agreement else {
            return;
        };
        for digest in agreement.awaiting_validation() {
            if self.transition.candidate(&digest).is_none() {
                continue;
            }
            if let Some(good) = self.opinion(digest)
                && let Some(agreement) = &mut self.transition.agreement
            {
                let output = agreement.validated(digest, good, &self.signer);
                self.drive(output, None);
            }
        }
    }

    /// Puts a value together, when it is our turn. We ask of it what we would ask of another's.
    ///
    /// Does nothing until it is our turn in the agreement, and until the messages of the last
    /// boundary are here: whoever offers a value has to serve what it carries on. Each round of the
    /// loop leaves out at least one more report, and it ends when too few are left.
    fn offer(&mut self) {
        let agreement = self.transition.agreement.as_ref();
        if !agreement.is_some_and(Agreement::awaits_offer) {
            return;
        }
        let carried = self.history.boundary.adopted().values().map(message_of);
        if !self.holds_payloads(self.beyond(carried)) {
            return;
        }
        while let Some(draft) = self.backed_draft() {
            let held = |of: &Actor, digest: &Digest| self.transition.reports.find(of, digest);
            let reports = draft
                .resolve(held)
                .expect("a draft is made of reports that are here");
            let Ok(ending) = draft.ending(&self.history.boundary, &reports) else {
                return;
            };
            let adopted = ending.adopted.values().map(message_of);
            let Some(bad) = self.unfounded_among(adopted, &ending.frontier) else {
                return;
            };
            if bad.is_empty() {
                let (_, state) = self
                    .certifiable_at(&ending.frontier)
                    .expect("what is founded is judged on this state");
                let value = draft.found(&self.history.boundary, &ending, state);
                return self.offer_value(value);
            }
            if !self.set_aside(&bad) {
                return;
            }
        }
    }

    /// Backs no more reports that are locked on any of these. Whether there is one.
    ///
    /// A correct member's report is never among them while no more than `f` lie: what it is locked
    /// on [passes](Self::is_founded).
    fn set_aside(&mut self, bad: &BTreeSet<(Dot, Digest)>) -> bool {
        let reports = self.transition.reports.held.values();
        let locked =
            reports.filter(|report| locks(&report.statement).any(|lock| bad.contains(&lock)));
        let locked: Vec<_> = locked.map(|report| report.signer).collect();
        let before = self.transition.reports.unfounded.len();
        self.transition.reports.unfounded.extend(locked);
        self.transition.reports.unfounded.len() > before
    }

    /// Every report that we can back, if they are a quorum.
    ///
    /// `None` as long as fewer than a quorum can be backed.
    fn backed_draft(&mut self) -> Option<GenerationDraft> {
        let reports: Vec<_> = self
            .transition
            .reports
            .held
            .values()
            .filter(|r| !self.transition.reports.unfounded.contains(&r.signer))
            .cloned()
            .collect();
        let backed: Vec<_> = reports
            .into_iter()
            .filter(|r| self.backs(&r.statement))
            .collect();
        if backed.len() < self.history.committee.quorum() {
            return None;
        }
        Some(GenerationDraft::gather(
            &self.history.boundary,
            self.transition.changes.values(),
            &backed,
        ))
    }

    /// Offers our value to the agreement, which proposes it when it is our turn. One that does not
    /// pass its own check is not offered: others would vote against it, and the round be lost.
    fn offer_value(&mut self, value: GenerationProposal) {
        let value = Arc::new(value);
        let digest = value.digest(&self.history.network);
        self.hold_value(value, digest, false);
        let good = self.judged(digest).is_some_and(Result::is_ok);
        if let Some(agreement) = self.transition.agreement.as_mut().filter(|_| good) {
            let output = agreement.offer(digest, &self.signer);
            self.drive(output, None);
        }
    }

    /// Whether we hold, and can serve, all that a report speaks of: what a liar will not back is
    /// left out.
    ///
    /// A reporter that names heads that nobody has, or messages that it does not serve, keeps
    /// nobody waiting but itself: its report is left out.
    fn backs(&mut self, report: &Report) -> bool {
        let mut backed = true;
        for (source, head) in &report.heads {
            let dot = Dot {
                source: *source,
                seq: head.seq,
            };
            backed &= self.delivered(&dot) == Some(head.digest);
        }
        if !backed {
            self.pull_from_all();
        }
        self.holds_payloads(self.beyond(locks(report))) && backed
    }

    /// Those of these messages that are not delivered here.
    ///
    /// What is delivered here is served from the log, and proves itself there.
    fn beyond(&self, messages: impl Iterator<Item = (Dot, Digest)>) -> Vec<(Dot, Digest)> {
        let ahead = |dot: &Dot| {
            self.head(&dot.source)
                .is_some_and(|head| dot.seq > head.seq)
        };
        messages.filter(|(dot, _)| ahead(dot)).collect()
    }

    /// Asks everybody for what we lack: a value rests on lanes that we do not have, and who has
    /// them is not known.
    ///
    /// Each peer's pace bounds how often it is asked, so that a caller need not.
    pub(super) fn pull_from_all(&mut self) {
        for member in self.peers.actors() {
            self.pull(member);
        }
    }

    /// The decision is there: with its value it founds the next generation.
    ///
    /// Called after each input as long as a decision waits for its value. A generation that came by
    /// another way meanwhile is not founded a second time.
    fn conclude(&mut self) {
        let Some(mut decided) = self.transition.decided.take() else {
            return;
        };
        let digest = decided.value();
        if let Some(check) = self.judged(digest) {
            let next = check.as_ref().ok().map(|checked| checked.next.clone());
            if let (true, Some(next)) = (self.history.pending.is_empty(), next) {
                let candidate = self.transition.candidate(&digest);
                let value = &candidate.expect("what is judged is held").value;
                let proof = GenerationProof::of(value, &next, &decided.certificate);
                self.expect_generation(Founded {
                    proof: Arc::new(proof),
                    foundation: Foundation::clone(&next),
                    boundary: Some(next),
                });
                self.settle();
            }
            return;
        }
        // Also when reports are missing: who has gone on has none, and shows what it has instead.
        if decided.is_due(self.turn.now) {
            self.want_value(digest);
        }
        self.transition.decided = Some(decided);
    }

    /// Convicts who contradicted itself in the agreement, unless it is convicted.
    pub(super) fn convict_member(&mut self, evidence: Equivocation) {
        let accused = evidence.accused();
        if !self.lanes.is_convicted(&accused) {
            self.convict(accused, Arc::new(evidence));
        }
    }
}

/// The messages that a report is locked on.
fn locks(report: &Report) -> impl Iterator<Item = (Dot, Digest)> {
    report.marks.values().filter_map(|mark| match mark {
        Mark::Lock(lock) => Some(message_of(lock)),
        Mark::Seal(_) => None,
    })
}

fn message_of(lock: &Signed<Echo>) -> (Dot, Digest) {
    (lock.statement.dot, lock.statement.digest)
}
