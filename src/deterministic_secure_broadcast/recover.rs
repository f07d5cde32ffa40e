//! Building a replica from what it made durable: the first start has nothing, every later one goes
//! on where it stopped.
//!
//! Inputs: the genesis, and records in their order. Outputs: the replica, and what it says again.
//! Invariant: a replica that is rebuilt is bound by all that its key has said, as each record was
//! durable before what it allows was sent. While records are replayed nothing is signed, and of
//! signatures only those on which generations rest are checked again: the rest are our own words. A
//! store of which one record does not follow from those before it is refused as a whole.

use std::sync::Arc;

use super::Replica;
use super::bootstrap::Bootstrap;
use super::error::RecoverError;
use super::execution::Execution;
use super::history::{Founded, History};
use super::lane::Certified;
use super::lanes::Lanes;
use super::message::{Entry, Proposal};
use super::packet::{ChangeApproval, Segment};
use super::peers::Peers;
use super::precheck::Prechecked;
use super::propose::Outbox;
use super::step::{Record, Step};
use super::transition::Transition;
use super::turn::Turn;
use crate::actor::{Signed, Signer, SigningActor};
use crate::codec::{Bytes, decode};
use crate::dot::Dot;
use crate::membership::{CertifiedChange, CheckedReport, GenerationProof, Genesis, Report};
use crate::snapshot::Snapshot;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// The replica of `key`'s actor in the network that `genesis` describes, as its `records` left
    /// it: with none, the first start. `algorithm` is in the genesis state. An actor that is no
    /// member follows the network and signs nothing.
    ///
    /// The step announces the replica to the members. A crash between any two records is no loss,
    /// as long as each step was spent in order.
    ///
    /// # Errors
    /// [`RecoverError`] when the algorithm is not the one described, or a record does not follow
    /// from those before it.
    pub fn recover(
        key: SigningActor,
        algorithm: A,
        genesis: Genesis,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(Self, Step), RecoverError> {
        let mut replica = Self::rebuilt(key, algorithm, genesis, records)?;
        replica.speak_again();
        let step = replica.turn();
        Ok((replica, step))
    }

    /// The replica as the records left it; it has said nothing yet.
    ///
    /// # Errors
    /// [`RecoverError::Genesis`] when the algorithm is not the one described;
    /// [`RecoverError::Record`] with the number of the first record that does not follow.
    pub(super) fn rebuilt(
        key: SigningActor,
        algorithm: A,
        genesis: Genesis,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RecoverError> {
        let mut replica = Self::fresh(key, algorithm, genesis)?;
        for (index, record) in records.into_iter().enumerate() {
            replica
                .replay(record)
                .ok_or(RecoverError::Record { index })?;
            replica.turn.forget();
        }
        // A store that was cut or put together wrongly may hold what no generation admits any more.
        replica.vouch_again();
        replica.signer.begin();
        Ok(replica)
    }

    /// Says where we stand and what we are bound to, and goes on with what is under way.
    ///
    /// Called when the replica may sign: after a recovery, or when a doubt is over. The order
    /// matters: locks are echoed before anything is delivered, since a member alone certifies by
    /// it; and the agreement is opened last, when the lanes are as far as the records say.
    pub(super) fn speak_again(&mut self) {
        if self.history.committee.contains(&self.actor()) {
            self.announce_to_members();
        }
        self.echo_locks();
        self.lanes.look_at_all();
        self.flush(self.outbox.len());
        self.settle();
        if self.is_frozen() {
            self.go_on_closing();
        }
    }

    /// The replica before its first record.
    ///
    /// # Errors
    /// When the genesis describes another algorithm, or founds no committee.
    fn fresh(key: SigningActor, algorithm: A, genesis: Genesis) -> Result<Self, RecoverError> {
        genesis.check(&algorithm)?;
        let history = History::begin(genesis, Snapshot::of(&algorithm))?;
        let signer = Signer::replaying(key, history.network);
        let members = history.committee.actors();
        let mut peers = Peers::new();
        for member in members.iter().filter(|member| **member != signer.actor()) {
            peers.meet(*member, 0);
        }
        Ok(Self {
            lanes: Lanes::of(members, &history.network),
            peers,
            signer,
            history,
            execution: Execution::new(algorithm),
            outbox: Outbox::new(),
            transition: Transition::new(0),
            bootstrap: Bootstrap::default(),
            checked: Prechecked::default(),
            turn: Turn::default(),
        })
    }

    /// Does again what a record says was done. `None` when it does not follow from what was done
    /// before.
    ///
    /// Steps that rules return on the way are dropped: what they would have sent was sent, and what
    /// they would have written is the record itself.
    fn replay(&mut self, record: Record) -> Option<()> {
        match record {
            Record::Queued(bytes) => self.replay_queued(bytes),
            Record::Locked {
                proposal,
                from_outbox,
            } => self.replay_locked(proposal, from_outbox),
            Record::Certified(segment) => self.replay_certified(segment),
            Record::Delivered(dot) => self.replay_delivered(dot),
            Record::Convicted(evidence) => {
                self.lanes.convicted.insert(evidence.accused(), evidence);
                Some(())
            }
            Record::Silenced => {
                self.signer.silence();
                Some(())
            }
            Record::Approved(approved) => {
                let ChangeApproval { change, approval } = *approved;
                let fact = self
                    .history
                    .committee
                    .verify(&self.history.network, approval)
                    .ok()?;
                let approvals = &mut self.transition.approvals;
                let reached = approvals.add(&self.history.boundary, &change, fact).ok()?;
                // Of one member, who is a quorum: nobody else would say again what certifies the
                // change.
                reached.map_or(Some(()), |certified| self.replay_frozen(certified))
            }
            Record::Frozen(change_certificate) => {
                let certified = change_certificate.verify(&self.history.boundary).ok()?;
                self.replay_frozen(certified)
            }
            Record::Reported(report) => self.replay_report(&report, true),
            Record::Backed(report) => self.replay_report(&report, false),
            Record::Agreement(record) => {
                let held = |value| self.transition.candidate(&value).is_some();
                let whole = record.value().is_none_or(held);
                self.transition.agreement_records.push(record);
                whole.then_some(())
            }
            Record::Value(value) => {
                let digest = value.digest(&self.history.network);
                self.hold_value(value, digest, true);
                let good = self.judged(digest)?.is_ok();
                good.then_some(())
            }
            Record::Message(proposal) => {
                self.keep_payload(Entry::new(&self.history.network, proposal));
                Some(())
            }
            Record::Installed(proofs) => {
                self.replay_proofs(proofs)?;
                let frontier = self.history.next()?.frontier().clone();
                let (snapshot, _) = self.certifiable_at(&frontier)?;
                self.install(snapshot, false);
                Some(())
            }
            Record::Snapshot { proofs, bytes } => {
                self.replay_proofs(proofs)?;
                let snapshot = Snapshot::from_bytes(bytes);
                self.install_snapshot(snapshot).then_some(())
            }
        }
    }

    /// An operation waits again as it did.
    ///
    /// Without a verdict: it was valid when it was accepted.
    fn replay_queued(&mut self, bytes: Bytes) -> Option<()> {
        let op = decode(bytes.as_slice(), bytes.len()).ok()?;
        self.outbox.push(op, bytes);
        Some(())
    }

    /// We are bound again to the message that we echoed, or issued.
    ///
    /// `from_outbox` operations of the outbox are in the message from now on. The echo is signed
    /// again when the replica [speaks](Self::speak_again).
    fn replay_locked(&mut self, proposal: Arc<Proposal>, from_outbox: u32) -> Option<()> {
        let entry = Entry::new(&self.history.network, proposal);
        let lane = self.lanes.get(&entry.message().source)?;
        let follows = entry.message().seq.follows(lane.head().seq);
        if !follows || entry.message().parent != lane.head().digest {
            return None;
        }
        let own = entry.message().source == self.actor();
        if !own && !self.history.boundary.echoes(&entry.echo().statement) {
            return None;
        }
        let ops = entry.message().decode(self.history.limits()).ok()?;
        self.lock(entry, ops, 1);

        self.outbox.drop_first(from_outbox as usize).then_some(())
    }

    /// A change has frozen us. Whether a quorum approved it was checked before it was on record.
    fn replay_frozen(&mut self, certified: CertifiedChange) -> Option<()> {
        let key = certified.change().key();
        self.transition.changes.insert(key, certified);
        Some(())
    }

    /// A report is held again: ours, or another's of which we have spoken.
    fn replay_report(&mut self, report: &Signed<Report>, ours: bool) -> Option<()> {
        let committee = &self.history.committee;
        let fact = committee.verify(&self.history.network, report.clone());
        let report = CheckedReport::of(&self.history.boundary, fact.ok()?).ok()?;
        if (report.signer == self.actor()) != ours {
            return None;
        }
        if ours {
            self.hold_own_report(report);
        } else {
            let reports = &mut self.transition.reports;
            reports.durable.insert(report.name());
            reports.hold(report);
        }
        Some(())
    }

    /// Generations follow each other as they did, each proven again by its certificate. There is at
    /// least one.
    ///
    /// With the approvals, the certified changes and the report these are the records whose
    /// signatures are checked again.
    fn replay_proofs(&mut self, proofs: Vec<Arc<GenerationProof>>) -> Option<()> {
        if proofs.is_empty() {
            return None;
        }
        for proof in proofs {
            let next = Founded::after(self.history.tip(), proof).ok()?;
            self.expect_generation(next);
        }
        Some(())
    }

    /// A segment is certified again. It has to follow what was delivered; its certificate was
    /// checked before it was on record.
    ///
    /// A segment without messages is of the one that is locked, which has to be there.
    fn replay_certified(&mut self, segment: Segment) -> Option<()> {
        // What was certified was believed of a generation that we had heard of, and may not have
        // installed: it is on record when it is.
        self.lanes.begin(segment.source, &self.history.network);
        let lane = self.lanes.get_mut(&segment.source)?;
        let mut head = lane.head();
        let entries = segment.proposals.into_iter();
        // What was locked was checked; a version that kept other copies may have written this
        // record.
        let ours = |entry: Entry| {
            let ours = lane.find(entry.message().seq, &entry.digest);
            ours.cloned().unwrap_or(entry)
        };
        let entries = entries.map(|p| ours(Entry::new(&self.history.network, p)));
        let mut tail: Vec<_> = entries.collect();
        if tail.is_empty() {
            tail.push(lane.lock()?.entry.clone());
        }
        for entry in &tail {
            let follows = entry.message().seq.follows(head.seq);
            if !follows || entry.message().parent != head.digest {
                return None;
            }
            head = entry.head();
        }
        if segment
            .certificate
            .as_ref()
            .is_some_and(|certificate| head != certificate.head())
        {
            return None;
        }
        lane.certified = Some(Certified {
            certificate: segment.certificate,
            tail: tail.into(),
            provisional: false,
        });
        Some(())
    }

    /// A message is delivered again. What a record says was valid, was.
    ///
    /// It has to be the first message of the segment that is certified, and to decode: a store that
    /// a later version of the algorithm wrote may be refused by an earlier one.
    fn replay_delivered(&mut self, dot: Dot) -> Option<()> {
        let lane = self.lanes.get_mut(&dot.source)?;
        let entry = lane.certified.as_ref()?.tail.front()?.clone();
        if entry.message().dot() != dot {
            return None;
        }
        let ops = entry.message().decode(self.history.limits()).ok()?;
        lane.advance(&entry, self.history.limits());
        self.apply(dot.source, ops);
        Some(())
    }
}
