//! Fewer records for the same replica: what a certified snapshot covers need not be replayed.
//!
//! Outputs: records that a store may put in the place of all it holds. Invariant: the replica that
//! is rebuilt from them signs and delivers what this one would. So what binds us is in them, locks
//! and evidence and our silence, and none are made while a change of the members is open.

use std::sync::Arc;

use super::Replica;
use super::lane::Lane;
use super::message::Entry;
use super::packet::Segment;
use super::step::Record;
use crate::actor::Actor;
use crate::dot::Seq;
use crate::membership::CertifiedState;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// The records from which [`recover`](Self::recover) rebuilds this replica, starting from the
    /// snapshot of its generation: a store may put them in the place of all it holds, at once.
    /// `None` while a change of the committee is open, whose records are still needed; right after
    /// a generation was installed there is none.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Vec<Record>> {
        if self.is_frozen() || self.has_approvals() || !self.history.pending.is_empty() {
            return None;
        }
        let carried = self
            .lanes
            .values()
            .filter_map(Lane::carried)
            .map(|entry| Record::Message(Arc::clone(&entry.proposal)));
        let mut records: Vec<_> = carried.collect();
        if !self.history.chain.is_empty() {
            records.push(Record::Snapshot {
                proofs: self.history.chain.clone(),
                bytes: self.history.snapshot().bytes().clone(),
            });
        }
        let evidence = self.lanes.convicted.values();
        records.extend(evidence.map(|piece| Record::Convicted(Arc::clone(piece))));
        for (source, lane) in self.lanes.iter() {
            lane.checkpoint(
                *source,
                self.history.boundary.head(source).seq,
                &mut records,
            );
        }
        records.extend(self.outbox.waiting().map(Record::Queued));
        records.extend(self.signer.is_silenced().then_some(Record::Silenced));
        Some(records)
    }

    /// The state with which the present generation began, with the proof that its members agreed on
    /// it. `None` in the first generation, on which nobody had to agree.
    #[must_use]
    pub fn certified_state(&self) -> Option<CertifiedState> {
        if self.history.chain.is_empty() {
            return None;
        }
        let genesis = self.history.genesis.clone();
        let chain = self.history.chain.iter();
        let proofs = chain
            .map(|proof| Arc::new(proof.without_ending()))
            .collect();
        let bytes = self.history.snapshot().bytes().clone();
        Some(CertifiedState::new(genesis, proofs, bytes))
    }
}

impl<Op> Lane<Op> {
    /// What the boundary adopted, if it is not delivered.
    fn carried(&self) -> Option<&Entry> {
        let head = self.head().seq;
        self.carried
            .as_ref()
            .filter(|entry| entry.message().seq.follows(head))
    }

    /// What was delivered after `from`, in segments that end at kept certificates, and what is
    /// held beyond.
    ///
    /// In the order in which they are replayed: what was delivered, what is certified beyond it,
    /// and the lock, which follows the head that the deliveries make.
    fn checkpoint(&self, source: Actor, from: Seq, records: &mut Vec<Record>) {
        let mut segment: Vec<&Entry> = Vec::new();
        for entry in self.log.after(from) {
            segment.push(entry);
            if let Some(certificate) = self.log.certificate_at(entry.message().seq) {
                let certificate = Some(Arc::clone(certificate));
                record_segment(source, &segment, &[], certificate, records);
                segment.clear();
            }
        }
        let held = self.certified.as_ref().filter(|held| !held.provisional);
        let held = held.filter(|held| !held.tail.is_empty());
        let tail: Vec<_> = held.into_iter().flat_map(|held| &held.tail).collect();
        if !segment.is_empty() || !tail.is_empty() {
            let certificate = held.and_then(|held| held.certificate.clone());
            record_segment(source, &segment, &tail, certificate, records);
        }
        if let Some(lock) = self.lock() {
            records.push(Record::Locked {
                proposal: Arc::clone(&lock.entry.proposal),
                from_outbox: 0,
            });
        }
    }
}

/// A certified segment of which the first part was delivered.
///
/// Its deliveries come after it, one record each, as when it was delivered.
fn record_segment(
    source: Actor,
    delivered: &[&Entry],
    held: &[&Entry],
    certificate: Option<Arc<super::message::Certificate>>,
    records: &mut Vec<Record>,
) {
    let proposals = delivered.iter().chain(held);
    records.push(Record::Certified(Segment {
        source,
        proposals: proposals.map(|entry| Arc::clone(&entry.proposal)).collect(),
        certificate,
    }));
    let dots = delivered.iter().map(|entry| entry.message().dot());
    records.extend(dots.map(Record::Delivered));
}
