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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::error::{ApproveError, PacketError};
use super::lane::Slot;
use super::message::Equivocation;
use super::packet::{Body, ChangeApproval};
use super::payloads::Payloads;
use super::step::{Record, Step};
use crate::actor::{Actor, Signed, Verified};
use crate::codec::Digest;
use crate::dot::{Dot, Frontier};
use crate::membership::{
    self, Agreement, Approval, Approvals, CHANGES, CertifiedChange, Change, ChangeCertificate,
    ChangeKey, CheckedProposal, GenerationProposal, GenerationProposalError, Mark, Report, Vote,
    VoteKind,
};
use crate::quorum::{Generation, QuorumCertificate};
use crate::snapshot::Snapshot;
use crate::traits::WireAlgorithm;

/// All that belongs to the end of one generation.
///
/// Made anew with each generation; nothing of it is carried on but what the boundary imposes. It is
/// bounded by the members: one report a seat, at most eight approvals of newcomers a seat, the
/// agreement's eight values, and one message for each lane that any of these names.
#[derive(Debug)]
pub(super) struct Closing {
    /// Those of all members, ours among them.
    pub(super) approvals: Approvals,
    /// When our approvals are said again, as long as no quorum has frozen us.
    approve: Backoff,
    /// Certified changes: any freezes us.
    pub(super) changes: BTreeMap<ChangeKey, CertifiedChange>,
    pub(super) reports: Reports,
    /// `None` until we freeze, and where we may not sign.
    pub(super) agreement: Option<Agreement>,
    /// What the agreement said before a crash.
    ///
    /// Taken out when the agreement opens. As long as a start is in doubt they say what our key is
    /// known to have voted.
    pub(super) agreement_records: Vec<membership::Record>,
    /// The values that the agreement [names](Agreement::names).
    pub(super) values: Vec<Candidate>,
    pub(super) payloads: Payloads,
    /// Kept until the value that it names is here; then the next generation is founded.
    pub(super) decided: Option<Decided>,
    /// The snapshot that was made last, and where.
    ///
    /// One at most: a second frontier takes its place.
    pub(super) snapshot: Option<(Frontier, Snapshot)>,
}

/// The reports of this generation.
#[derive(Debug)]
pub(super) struct Reports {
    /// `None` until we freeze; from then on it never changes. It is repeated as it was signed, also
    /// after a restart.
    pub(super) own: Option<Arc<Signed<Report>>>,
    /// The first good one of each member, ours included; a second one of the same member is not
    /// looked at.
    pub(super) held: BTreeMap<Actor, Verified<Report>>,
    /// Members whose reports we do not offer: they are locked on what no correct member can have
    /// echoed.
    pub(super) unfounded: BTreeSet<Actor>,
    /// When ours is said again, while this generation lasts.
    repeat: Backoff,
}

/// What the agreement decided.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) certificate: QuorumCertificate<Vote>,
    /// When its value was last asked for.
    ///
    /// In ticks since the start.
    asked: Option<u64>,
}

impl Decided {
    pub(super) fn by(certificate: QuorumCertificate<Vote>) -> Self {
        Self {
            certificate,
            asked: None,
        }
    }

    /// What was decided.
    ///
    /// Of an agreement's decision alone: others of its statements name no value.
    pub(super) fn value(&self) -> Digest {
        match self.certificate.statement.kind {
            VoteKind::Precommit(Some(value)) => value,
            _ => unreachable!("a decision names a value"),
        }
    }

    /// Whether the value is to be asked for: once a tick, not at each input, or those who all lack
    /// it would answer each other's questions with more of them.
    pub(super) fn is_due(&mut self, now: u64) -> bool {
        self.asked.replace(now) != Some(now)
    }
}

/// A value with what its check said.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) digest: Digest,
    pub(super) value: Arc<GenerationProposal>,
    /// It is a fact of the value and the last boundary, so that it is found once.
    pub(super) check: Result<Box<CheckedProposal>, GenerationProposalError>,
    /// Whether it is on record, with the messages that it adopts.
    pub(super) durable: bool,
}

impl Closing {
    pub(super) fn new(now: u64) -> Self {
        Self {
            approvals: Approvals::default(),
            approve: Backoff::starting(now + 1),
            changes: BTreeMap::new(),
            reports: Reports {
                own: None,
                held: BTreeMap::new(),
                unfounded: BTreeSet::new(),
                repeat: Backoff::starting(now + 1),
            },
            agreement: None,
            agreement_records: Vec::new(),
            values: Vec::new(),
            payloads: Payloads::new(now),
            decided: None,
            snapshot: None,
        }
    }

    pub(super) fn candidate(&self, digest: &Digest) -> Option<&Candidate> {
        self.values.iter().find(|held| held.digest == *digest)
    }

    /// Lets go of the values that do not count any more. None that does is ever let go, however
    /// many others are shown.
    ///
    /// Called after each output of the agreement, when the set of values that it names may have
    /// changed.
    pub(super) fn forget_values(&mut self) {
        let Some(agreement) = &self.agreement else {
            return;
        };
        let named = agreement.names();
        self.values.retain(|held| named.contains(&held.digest));
    }

    /// The changes that we hold, as many as a value carries.
    fn change_certificates(&self) -> Vec<ChangeCertificate> {
        let changes = self.changes.values().map(CertifiedChange::claim);
        changes.take(CHANGES).collect()
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// Whether a certified change has ended echoing in this generation.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        !self.closing.changes.is_empty()
    }

    /// Whether we consented to a change that is not made yet.
    #[must_use]
    pub fn has_approvals(&self) -> bool {
        let seat = self.history.committee.seat(&self.actor());
        seat.is_some_and(|seat| self.closing.approvals.of(seat).next().is_some())
    }

    /// Approves a change of the committee, for this generation. A quorum of approvals makes it
    /// happen. An approval is not taken back; of [`CHANGES`] newcomers that nobody else lets in, a
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
        let certified = self.closing.approvals.add(boundary, &change, fact)?;
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
        let fact = self
            .history
            .committee
            .verify(&self.history.network, *approval)?;
        if fact.signer == self.actor() {
            if !self.has_approved(&fact.statement.change) {
                self.silence();
            }
            return Ok(());
        }
        let certified = self
            .closing
            .approvals
            .add(&self.history.boundary, change, fact)?;
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
            .flat_map(|seat| self.closing.approvals.of(seat));
        let mut own = own.map(|(_, approval)| approval.statement.change);
        own.any(|approved| approved == *change) || self.closing.changes.contains_key(change)
    }

    /// Holds a certified change: from the first on we sign no echo in this generation.
    ///
    /// The change is verified by whoever calls. A second certified change does not freeze again: it
    /// goes into the value that we offer, and the report is sent again with it at once.
    pub(super) fn freeze(&mut self, certified: CertifiedChange) {
        let key = certified.change().key();
        if self.closing.changes.contains_key(&key) {
            return;
        }
        tracing::info!(me = ?self.actor(), change = ?key, "frozen for a change of the committee");
        self.turn.write(Record::Frozen(certified.claim()));
        self.closing.changes.insert(key, certified);
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
    /// between.
    fn report(&mut self) {
        if self.closing.reports.own.is_none()
            && let Some(fact) = self.signer.sign(self.own_report())
        {
            let claim = Arc::new(Signed::clone(&fact));
            self.turn.write(Record::Reported(Arc::clone(&claim)));
            self.closing.reports.held.insert(self.actor(), fact);
            self.closing.reports.own = Some(claim);
        }
        self.send_report();
    }

    /// Says our report to all, with the changes that it rests on: so whoever receives it can
    /// freeze, too.
    fn send_report(&mut self) {
        if let Some(report) = &self.closing.reports.own {
            let report = Arc::clone(report);
            let changes = self.closing.change_certificates();
            self.send_to_members(Body::Report { report, changes });
        }
    }

    /// Where our lanes end, and what we are bound to after that: the lock that we echoed, or the
    /// proof that a source contradicted itself there. What the last boundary imposes is left out,
    /// as everybody carries it on.
    fn own_report(&self) -> Report {
        let mut report = Report::of(&self.history.boundary);
        for (source, lane) in self.lanes.iter() {
            let head = lane.head();
            if head != self.history.boundary.head(source) {
                report.heads.insert(*source, head);
            }
            let convicted =
                self.lanes
                    .convicted
                    .get(source)
                    .and_then(|evidence| match &**evidence {
                        Equivocation::Echo(conflict) => Some(conflict),
                        Equivocation::Vote(_) => None,
                    });
            let sealed = convicted.filter(|conflict| {
                let dot = conflict.left.statement.dot;
                dot.source == *source && dot.seq.follows(head.seq)
            });
            let counts = head.seq.next().is_some_and(|seq| {
                let source = *source;
                self.history.boundary.counts(&Dot { source, seq })
            });
            if !counts {
                continue;
            }
            if let Slot::Echoed(lock) = &lane.slot {
                report.marks.insert(*source, Mark::Lock(lock.entry.echo()));
            } else if let Some(conflict) = sealed {
                report.marks.insert(*source, Mark::Seal(conflict.clone()));
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
            !self.closing.changes.contains_key(&key)
        });
        let news: Vec<_> = news
            .map(|change| change.verify(&self.history.boundary))
            .collect::<Result<_, _>>()?;
        let held = self.closing.reports.held.get(&report.signer);
        if held.is_none_or(|held| **held != *report) {
            self.take_report(report)?;
        }
        for certified in news {
            self.freeze(certified);
        }
        Ok(())
    }

    /// Takes a member's first report. Ours is taken from us alone: another one with our signature
    /// says that our key is used elsewhere.
    ///
    /// # Errors
    /// When it does not fit the last boundary, or no member signed it. Marks are checked with it: a
    /// report that carries a bad signature of a source is refused as a whole.
    fn take_report(&mut self, report: &Signed<Report>) -> Result<(), PacketError> {
        let own = report.signer == self.actor();
        if !own && self.closing.reports.held.contains_key(&report.signer) {
            return Ok(());
        }
        report.statement.check(&self.history.boundary)?;
        let fact = self
            .history
            .committee
            .verify(&self.history.network, report.clone())?;
        self.accuse_reported(&report.statement);
        if own {
            self.silence();
        } else {
            self.closing.reports.held.insert(fact.signer, fact);
        }
        Ok(())
    }

    /// Whoever speaks of a generation that is over is shown what ended it. Whether it is.
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
                .flat_map(|seat| self.closing.approvals.of(seat));
            let own = own.map(|(change, approval)| ChangeApproval {
                change: *change,
                approval: *approval,
            });
            let own: Vec<_> = own.collect();
            if !own.is_empty() && self.closing.approve.fire(now) {
                for approved in own {
                    self.send_to_members(Body::Approve(Arc::new(approved)));
                }
            }
        } else if self.closing.reports.repeat.fire(now) {
            self.send_report();
        }
    }
}
