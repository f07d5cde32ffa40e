//! How the present generation ends: approvals, the freeze, reports.
//!
//! A quorum of approvals certifies a change. Whoever holds a certified change signs no more
//! echoes in this generation and reports, once, where its lanes end and what it is bound to after
//! that; the report carries the approvals, so that whoever receives it freezes too. A minority can
//! thus freeze nobody.
//!
//! What is ours in this, approvals and the report, is taken from ourselves alone: what others show
//! of it is known here, or our key is used elsewhere.
//!
//! A frozen member goes on delivering what is certified. That is safe: what a quorum certified in
//! this generation was echoed by a correct member that reports, before it froze, so that the next
//! boundary covers, adopts or seals it whoever delivers it and when. And it is needed: a member
//! that is far behind could not catch up otherwise, and the change might want its vote.

use std::sync::Arc;

use super::Replica;
use super::error::{ApproveError, PacketError};
use super::message::{Echo, Equivocation};
use super::packet::{Body, ChangeApproval};
use super::step::{Record, Step};
use crate::actor::{Actor, Signed, Statement, Verified};
use crate::dot::Dot;
use crate::membership::{
    self, Approval, CertifiedChange, Change, ChangeCertificate, ChangeKey, CheckedReport, Mark,
    Report,
};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// Whether a certified change has ended echoing in this generation.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        !self.transition.changes.is_empty()
    }

    /// Whether we consented to a change that is not made yet.
    #[must_use]
    pub fn has_approvals(&self) -> bool {
        let seat = self.history.committee.seat(&self.actor());
        seat.is_some_and(|seat| self.transition.approvals.of(seat).next().is_some())
    }

    /// Approves a change of the committee, for this generation. A quorum of approvals makes it
    /// happen. An approval is not taken back; of
    /// [`CHANGES`](crate::membership::CHANGES) newcomers that nobody else lets in, a
    /// [renewal](Change::Renew) frees us.
    ///
    /// # Errors
    /// [`ApproveError`] when it cannot be made or is not ours to approve.
    pub fn approve(&mut self, change: Change) -> Result<Step, ApproveError> {
        if self.signer.is_silenced() {
            return Err(ApproveError::Silenced);
        }
        if !self.history.committee.contains(&self.actor()) || self.awaits_checkpoint() {
            return Err(ApproveError::NotAMember);
        }
        if self.is_in_doubt() {
            return Err(ApproveError::InDoubt);
        }
        change.check(&self.history.boundary)?;
        let approval = Approval {
            generation: self.generation(),
            change: change.key(),
        };
        let fact = self.signer.sign(approval).ok_or(ApproveError::Silenced)?;
        let approval = Signed::clone(&fact);
        let boundary = &self.history.boundary;
        let certified = self.transition.approvals.add(boundary, &change, fact)?;
        self.remember(&fact);
        let approved = Arc::new(ChangeApproval { change, approval });
        self.turn.write(Record::Approved(Arc::clone(&approved)));
        self.send_to_members(Body::Approve(approved));
        if let Some(certified) = certified {
            self.freeze(certified);
        }
        Ok(self.turn())
    }

    /// Takes a member's approval of a change. A quorum of them freezes us; before that, a change
    /// that we have not approved is told to the application.
    ///
    /// # Errors
    /// When it is not signed by a member for this generation, or the change cannot be made in it.
    pub(super) fn handle_approve(&mut self, approved: &ChangeApproval) -> Result<(), PacketError> {
        let ChangeApproval { change, approval } = approved;
        let fact = self.verify_member(&self.history.committee, *approval)?;
        if fact.signer == self.actor() {
            if !self.has_approved(&fact.statement.change) {
                self.silence();
            }
            return Ok(());
        }
        let certified = self
            .transition
            .approvals
            .add(&self.history.boundary, change, fact)?;
        let committee = &self.history.committee;
        if self.transition.approvals.holds(committee, &fact) {
            self.remember(&fact);
        }
        if let Some(certified) = certified {
            self.freeze(certified);
        } else if !self.has_approved(&change.key()) {
            self.turn.step.asked.push(*change);
        }
        Ok(())
    }

    /// Whether we consented to a change, or a quorum did.
    ///
    /// Asked of our own records alone: an approval with our signature that is not among them says
    /// that the store is an old copy.
    fn has_approved(&self, change: &ChangeKey) -> bool {
        let seat = self.history.committee.seat(&self.actor());
        let own = seat
            .into_iter()
            .flat_map(|seat| self.transition.approvals.of(seat));
        let mut own = own.map(|(_, approval)| approval.statement.change);
        own.any(|approved| approved == *change) || self.transition.changes.contains_key(change)
    }

    /// Holds a certified change: from the first on we sign no echo in this generation.
    ///
    /// The change is verified by whoever calls. A second certified change does not freeze again: it
    /// goes into the value that we offer, and the report is sent again with it at once.
    pub(super) fn freeze(&mut self, certified: CertifiedChange) {
        let key = certified.change().key();
        if self.transition.changes.contains_key(&key) {
            return;
        }
        tracing::info!(me = ?self.actor(), change = ?key, "frozen for a change of the committee");
        self.turn.write(Record::Frozen(certified.claim()));
        self.transition.changes.insert(key, certified);
        self.go_on_closing();
    }

    /// After a crash: what was not said of the end of this generation is said now.
    ///
    /// A replica without a seat says nothing of it.
    pub(super) fn go_on_closing(&mut self) {
        if self.history.committee.contains(&self.actor()) {
            self.report();
            self.open_agreement();
        }
    }

    /// Reports once, and says it to everybody, again at each new change.
    ///
    /// The change is held before the report is made, so that no echo of ours can be given in
    /// between. Of records that are not ours, with a lock that no source signed, none is made:
    /// nobody would take it, and the others do without.
    fn report(&mut self) {
        if self.transition.reports.own.is_none()
            && let Some(fact) = self.signer.sign(self.own_report())
        {
            match CheckedReport::of(&self.history.boundary, fact) {
                Ok(own) => {
                    let claim = Arc::new(Signed::clone(&own));
                    self.turn.write(Record::Reported(claim));
                    self.hold_own_report(own);
                }
                Err(error) => tracing::error!(me = ?self.actor(), %error, "nothing to report"),
            }
        }
        self.send_report();
    }

    /// From here on our report is this, which is on record.
    pub(super) fn hold_own_report(&mut self, report: CheckedReport) {
        let reports = &mut self.transition.reports;
        reports.own = Some(Arc::new(Signed::clone(&report)));
        reports.hold(report);
    }

    /// Says our report to all, with the changes that it rests on: so whoever receives it can
    /// freeze, too.
    fn send_report(&mut self) {
        if let Some(report) = &self.transition.reports.own {
            let report = Arc::clone(report);
            let changes = self.transition.change_certificates();
            self.send_to_members(Body::Report { report, changes });
        }
    }

    /// Where our lanes end, of those that can have moved in this generation: another one we may
    /// have by a later boundary, of a generation that is founded and not installed here. And what
    /// we are bound to after that: the lock that we echoed, or the
    /// proof that a source contradicted itself there, both of this generation. What the last
    /// boundary imposes is left out, as everybody carries it on; so is a message of our own that we
    /// could not sign again since, as nobody has echoed it.
    fn own_report(&self) -> Report {
        let last = &self.history.boundary;
        let mut report = Report::of(last);
        for (source, lane) in self.lanes.iter() {
            let head = lane.head();
            let (source, seq) = (*source, head.seq);
            if head != last.head(&source) && last.may_move(&Dot { source, seq }, &head.digest) {
                report.heads.insert(source, head);
            }
            let convicted =
                self.lanes
                    .convicted
                    .get(&source)
                    .and_then(|evidence| match &**evidence {
                        Equivocation::Echo(conflict) => Some(conflict),
                        Equivocation::Vote(_) => None,
                    });
            let sealed = convicted.filter(|conflict| {
                let dot = conflict.left.statement.dot;
                dot.source == source && dot.seq.follows(head.seq)
            });
            let next = seq.next();
            let counts = next.is_some_and(|seq| last.counts(&Dot { source, seq }));
            if !counts {
                continue;
            }
            let signed = |echo: &Signed<Echo>| echo.statement.generation == report.generation;
            let lock = lane.lock().map(|lock| lock.entry.echo()).filter(signed);
            if let Some(lock) = lock {
                report.marks.insert(source, Mark::Lock(lock));
            } else if let Some(conflict) = sealed.filter(|conflict| signed(&conflict.left)) {
                report.marks.insert(source, Mark::Seal(conflict.clone()));
            }
        }
        report
    }

    /// Takes a member's report and the changes that come with it.
    ///
    /// # Errors
    /// When the report is malformed, or a signature is bad, of it or of a change; then nothing of
    /// it is taken.
    pub(super) fn handle_report(
        &mut self,
        report: &Signed<Report>,
        changes: &[ChangeCertificate],
    ) -> Result<(), PacketError> {
        // All is checked before anything is taken: what a freeze writes must not be lost with a
        // refusal.
        let news = changes.iter().filter(|change| {
            let key = change.change.key();
            !self.transition.changes.contains_key(&key)
        });
        let news: Vec<_> = news
            .map(|change| change.verify(&self.history.boundary))
            .collect::<Result<_, _>>()?;
        let held = self.transition.reports.held.get(&report.signer);
        if held.is_none_or(|held| ***held != *report) {
            self.take_report(report)?;
        }
        for certified in news {
            self.freeze(certified);
        }
        Ok(())
    }

    /// Takes a member's first report, and another one if a value rests on it. Ours is taken from us
    /// alone: another one with our signature says that our key is used elsewhere.
    ///
    /// # Errors
    /// When it does not fit the last boundary, or no member signed it. Marks are checked with it: a
    /// report that carries a bad signature of a source is refused as a whole.
    fn take_report(&mut self, report: &Signed<Report>) -> Result<(), PacketError> {
        let own = report.signer == self.actor();
        let another = !own && self.transition.reports.held.contains_key(&report.signer);
        if another && !self.transition.awaits(&self.history.network, report) {
            return Ok(());
        }
        let (last, checked) = (&self.history.boundary, &self.transition.reports.checked);
        let fact = self.verify_member(&self.history.committee, report.clone())?;
        let (fact, marks) = CheckedReport::knowing(last, fact, checked)?;
        self.accuse_reported(&report.statement);
        if own {
            self.silence();
        } else {
            // The marks of others would make the memory grow with the rounds.
            if !another {
                marks.iter().for_each(|mark| self.remember(mark));
            }
            self.transition.reports.hold(fact);
        }
        Ok(())
    }

    /// What values will be made of is not checked again in them.
    fn remember<T: Statement>(&mut self, fact: &Verified<T>) {
        if let Ok(key) = self.history.committee.key_of(&fact.signer) {
            let checked = &mut self.transition.reports.checked;
            checked.remember(&self.history.network, key, fact);
        }
    }

    /// Whoever does not know that the generation it speaks of is over is shown what ended it.
    /// Whether it is.
    ///
    /// It is sent as often as it is asked for, since the sender that a packet names may be forged,
    /// and a member that lost the answer must get another.
    pub(super) fn answer_with_proof(&mut self, to: Actor, generation: Generation) -> bool {
        let Some(proof) = self.history.what_ended(generation) else {
            return false;
        };
        self.send(to, Body::GenerationProof(Arc::clone(proof)));
        true
    }

    /// A newcomer asks to be let in; the application decides.
    ///
    /// # Errors
    /// When the newcomer's signature is bad, or it cannot enter in this generation. Nothing is
    /// remembered of it: it asks again on its ticks.
    pub(super) fn handle_entry(
        &mut self,
        entry: Signed<membership::Entry>,
    ) -> Result<(), PacketError> {
        let change = Change::Join(entry);
        change.check(&self.history.boundary)?;
        if !self.has_approved(&change.key()) {
            self.turn.step.asked.push(change);
        }
        Ok(())
    }

    /// What may have been lost of the end of this generation is said again.
    pub(super) fn resend_closing(&mut self) {
        let now = self.turn.now;
        let seat = self.history.committee.seat(&self.actor());
        if !self.is_frozen() {
            let own = seat
                .into_iter()
                .flat_map(|seat| self.transition.approvals.of(seat));
            let own = own.map(|(change, approval)| ChangeApproval {
                change: *change,
                approval: *approval,
            });
            let own: Vec<_> = own.collect();
            if !own.is_empty() && self.transition.approve.fire(now) {
                for approved in own {
                    self.send_to_members(Body::Approve(Arc::new(approved)));
                }
            }
        } else if self.transition.reports.repeat.fire(now) {
            self.send_report();
        }
    }
}
