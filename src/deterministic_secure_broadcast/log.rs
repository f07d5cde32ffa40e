//! What was delivered of one lane since the last boundary but one, with the proofs that are kept.
//!
//! Not every certificate is kept: one at the end of each segment that fits an answer proves all
//! messages before it, since each names its parent's digest, and a generation's frontier proves its
//! own. Invariant: whatever is kept can be served to somebody who trusts nobody.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::{Certificate, Entry, Message};
use crate::codec::{Digest, Limits};
use crate::dot::{Head, Seq};

/// A lane's messages with the proofs that are kept: the newest certificate, some before it, and
/// where generations began.
///
/// Invariant: from one proof to the next is no further than one segment that came in, or no longer
/// than a [`SegmentSize`] may be; and what comes in is no longer. So every part of a lane can be
/// served as a segment that proves itself, and it does not matter that each replica keeps other
/// certificates. What ends at a boundary without a certificate counts when that boundary is
/// installed.
#[derive(Debug)]
pub(super) struct Log {
    /// The last message that was delivered, or that a snapshot covers; the log may have no entry
    /// for it.
    head: Head,
    /// Without a gap, and ending at `head`.
    entries: VecDeque<Entry>,
    /// In lane order. One is kept only where the next would leave more than a segment without
    /// proof.
    checkpoints: VecDeque<Arc<Certificate>>,
    /// Of the newest message that was delivered with a certificate of its own. It is sent to a
    /// source whose answer was lost, and [`forget`](Self::forget) leaves it in place.
    newest: Option<Arc<Certificate>>,
    /// Ends of this lane in the frontiers of generations, which prove what is before.
    boundaries: Vec<Seq>,
    /// After the last proof that stays.
    since: SegmentSize,
    /// After the last proof.
    since_newest: SegmentSize,
}

/// How much of a lane is taken, held or served at once: as many messages as one segment may have,
/// of which all but the last have fewer bytes than it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SegmentSize {
    /// Messages, of which `segment_messages` of the limits may be in one segment.
    messages: u32,
    /// Bytes of their operations.
    bytes: usize,
    /// Never reset: a longer segment is too long as well.
    too_long: bool,
}

impl SegmentSize {
    pub(super) fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>, limits: &Limits) -> Self {
        let mut segment = Self::default();
        entries
            .into_iter()
            .for_each(|entry| segment.push(entry.len(), limits));
        segment
    }

    /// Adds a message of so many bytes of operations.
    ///
    /// The last message may exceed the bound in bytes, or one that is longer than a segment could
    /// never be sent.
    pub(super) fn push(&mut self, bytes: usize, limits: &Limits) {
        self.too_long |=
            self.messages >= limits.segment_messages || self.bytes >= limits.segment_bytes as usize;
        self.messages = self.messages.saturating_add(1);
        self.bytes += bytes;
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.too_long
    }
}

impl Log {
    /// The log of a lane of which nothing is known but where it ends.
    ///
    /// After a snapshot, or for a lane that has not begun. What is before `head` is not served from
    /// here any more.
    pub(super) fn new(head: Head) -> Self {
        Self {
            head,
            entries: VecDeque::new(),
            checkpoints: VecDeque::new(),
            newest: None,
            boundaries: Vec::new(),
            since: SegmentSize::default(),
            since_newest: SegmentSize::default(),
        }
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Appends the message after the head, with its own certificate if it has one.
    ///
    /// Keeps the certificate before this one when dropping it would leave more than a segment
    /// without proof. So of a source that sends small messages one certificate in many is kept.
    pub(super) fn append(
        &mut self,
        entry: Entry,
        certificate: Option<Arc<Certificate>>,
        limits: &Limits,
    ) {
        debug_assert!(entry.message().seq.follows(self.head.seq), "no gap");
        self.since.push(entry.len(), limits);
        self.since_newest.push(entry.len(), limits);
        self.head = entry.head();
        self.entries.push_back(entry);
        if certificate.is_some() {
            if self.since.is_too_long() {
                self.keep_newest();
                self.since = self.since_newest;
            }
            self.newest = certificate;
            self.since_newest = SegmentSize::default();
        }
    }

    /// A generation begins at `start` in this lane, which proves what is before.
    ///
    /// The frontier itself is the proof there, and holds without signatures. Called for each
    /// boundary that is passed, also several at once, in their order.
    pub(super) fn pass_boundary(&mut self, start: Seq, limits: &Limits) {
        if self.since.is_too_long() {
            self.keep_newest();
        }
        self.boundaries.push(start);
        let newest = |certificate: Option<&Arc<Certificate>>| {
            certificate.map_or(start, |certificate| certificate.head().seq.max(start))
        };
        let kept = newest(self.checkpoints.back());
        self.since = SegmentSize::of(self.after(kept), limits);
        let proven = newest(self.newest.as_ref());
        self.since_newest = SegmentSize::of(self.after(proven), limits);
    }

    /// Forgets what is at or before `kept`: a snapshot covers it.
    ///
    /// Proofs of what is forgotten go as well, except the newest certificate.
    pub(super) fn forget(&mut self, kept: Seq) {
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.message().seq <= kept)
        {
            self.entries.pop_front();
        }
        let base = self.base();
        self.boundaries.retain(|boundary| *boundary > base);
        while self
            .checkpoints
            .front()
            .is_some_and(|certificate| certificate.head().seq <= base)
        {
            self.checkpoints.pop_front();
        }
    }

    /// The newest certificate stays when there is a newer one.
    fn keep_newest(&mut self) {
        let last = self.checkpoints.back().map(|last| last.head().seq);
        if let Some(newest) = &self.newest
            && last.is_none_or(|last| last < newest.head().seq)
        {
            self.checkpoints.push_back(Arc::clone(newest));
        }
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().map(Entry::message)
    }

    pub(super) fn newest(&self) -> Option<&Arc<Certificate>> {
        self.newest.as_ref()
    }

    pub(super) fn digest(&self, seq: Seq) -> Option<Digest> {
        self.entry(seq).map(|entry| entry.digest)
    }

    /// `None` for what is forgotten and for what is not delivered.
    pub(super) fn entry(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(self.position(seq)?)
    }

    /// The number of the last message that is forgotten.
    pub(super) fn base(&self) -> Seq {
        Seq::new(self.head.seq.number() - self.entries.len() as u64)
    }

    /// From the oldest that is kept, if `seq` is `base`; nothing at all if it is older, as there
    /// would be a gap.
    pub(super) fn after(&self, seq: Seq) -> impl Iterator<Item = &Entry> {
        let from = seq
            .next()
            .and_then(|next| self.position(next))
            .unwrap_or(self.entries.len());
        self.entries.range(from.min(self.entries.len())..)
    }

    /// The messages after `from`, up to and with `until`.
    pub(super) fn between(&self, from: Seq, until: Seq) -> impl Iterator<Item = &Entry> {
        self.after(from)
            .take_while(move |entry| entry.message().seq <= until)
    }

    /// The first place after `seq` that proves what is before it, with its certificate unless it is
    /// a boundary.
    ///
    /// A certificate goes before a boundary only where it comes earlier in the lane: the other end
    /// would make a longer segment than must be.
    pub(super) fn end_after(&self, seq: Seq) -> Option<(Seq, Option<&Arc<Certificate>>)> {
        let boundary = self.boundaries.iter().find(|boundary| **boundary > seq);
        let certificate = self.certificate_after(seq);
        match (boundary, certificate) {
            (Some(boundary), Some(certificate)) if certificate.head().seq < *boundary => {
                Some((certificate.head().seq, Some(certificate)))
            }
            (Some(boundary), _) => Some((*boundary, None)),
            (None, certificate) => certificate.map(|c| (c.head().seq, Some(c))),
        }
    }

    /// Finds one only if this very message had its own certificate and it was kept.
    pub(super) fn certificate_at(&self, seq: Seq) -> Option<&Arc<Certificate>> {
        let newest = self
            .newest
            .iter()
            .find(|certificate| certificate.head().seq == seq);
        newest.or_else(|| {
            let found = self
                .checkpoints
                .binary_search_by_key(&seq, |c| c.head().seq);
            self.checkpoints.get(found.ok()?)
        })
    }

    /// The first kept certificate of a message after `seq`.
    fn certificate_after(&self, seq: Seq) -> Option<&Arc<Certificate>> {
        let index = self
            .checkpoints
            .partition_point(|certificate| certificate.head().seq <= seq);
        let newest = self.newest.iter().find(|c| c.head().seq > seq);
        self.checkpoints.get(index).or(newest)
    }

    /// Where in `entries` the message with this number is, if it is there or would come next.
    fn position(&self, seq: Seq) -> Option<usize> {
        let index = seq
            .number()
            .checked_sub(self.base().number())?
            .checked_sub(1)?;
        usize::try_from(index).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::{Certified, Lane};
    use super::super::message::{Echo, Proposal};
    use super::*;
    use crate::actor::{Actor, Sig};
    use crate::codec::{Bytes, NetworkId};
    use crate::dot::Dot;
    use crate::quorum::Generation;

    const NETWORK: NetworkId = NetworkId::NONE;

    fn source() -> Actor {
        Actor::from_bytes([1; 32])
    }

    /// The first so many messages of a lane, of ten bytes each.
    fn messages(count: u64) -> Vec<Entry> {
        let mut head = Head::empty(&NETWORK);
        let entry = |seq: u64| {
            let message = Message {
                source: source(),
                seq: Seq::new(seq),
                parent: head.digest,
                ops: Bytes::from(vec![seq as u8; 10]),
            };
            let sig = Sig::from_bytes([0; 64]);
            let generation = Generation::GENESIS;
            let proposal = Proposal {
                message,
                generation,
                sig,
            };
            let entry = Entry::new(&NETWORK, Arc::new(proposal));
            head = entry.head();
            entry
        };
        (1..=count).map(entry).collect()
    }

    fn certificate(entry: &Entry) -> Arc<Certificate> {
        let Head { seq, digest } = entry.head();
        let source = source();
        let statement = Echo {
            generation: Generation::GENESIS,
            dot: Dot { source, seq },
            digest,
        };
        let signatures = Vec::new();
        Arc::new(Certificate {
            statement,
            signatures,
        })
    }

    fn segments_of(messages: u32) -> Limits {
        Limits {
            segment_messages: messages,
            ..Limits::default()
        }
    }

    /// A log of so many messages, of which these have certificates.
    fn log(count: u64, certified: &[u64], limits: &Limits) -> Log {
        let mut log = Log::new(Head::empty(&NETWORK));
        for entry in messages(count) {
            let proof = certified
                .contains(&entry.message().seq.number())
                .then(|| certificate(&entry));
            log.append(entry, proof, limits);
        }
        log
    }

    /// Where the segment after `seq` ends, and whether a certificate says so.
    fn end(log: &Log, seq: u64) -> Option<(u64, bool)> {
        let end = log.end_after(Seq::new(seq))?;
        Some((end.0.number(), end.1.is_some()))
    }

    #[test]
    fn the_newest_certificate_stays_when_messages_without_one_follow() {
        let log = log(4, &[2], &segments_of(2));
        assert_eq!(log.newest().map(|c| c.head().seq), Some(Seq::new(2)));
        assert_eq!(end(&log, 0), Some((2, true)));
        assert_eq!(end(&log, 2), None);
    }

    #[test]
    fn a_segment_ends_at_the_first_proof_which_needs_no_certificate_at_a_boundary() {
        let limits = segments_of(2);
        let mut log = log(6, &[2, 4, 6], &limits);
        log.pass_boundary(Seq::new(3), &limits);
        assert_eq!(end(&log, 0), Some((2, true)));
        assert_eq!(end(&log, 2), Some((3, false)));
        assert_eq!(end(&log, 3), Some((4, true)));
        log.pass_boundary(Seq::new(4), &limits);
        assert_eq!(end(&log, 3), Some((4, false)));
        assert_eq!(end(&log, 4), Some((6, true)));
    }

    #[test]
    fn what_a_snapshot_covers_is_forgotten_with_its_proofs() {
        let limits = segments_of(1);
        let mut log = log(6, &[1, 2, 3, 4, 5, 6], &limits);
        log.pass_boundary(Seq::new(2), &limits);
        log.pass_boundary(Seq::new(5), &limits);
        log.forget(Seq::new(2));
        assert_eq!((log.base(), log.entries.len()), (Seq::new(2), 4));
        assert_eq!(log.boundaries, [Seq::new(5)]);
        let kept = log.checkpoints.iter().map(|c| c.head().seq.number());
        assert_eq!(kept.collect::<Vec<_>>(), [3, 4, 5]);
    }

    /// At the end of a generation, and again when the lane goes on after a segment that nothing
    /// proves yet.
    #[test]
    fn a_certificate_is_kept_once() {
        let limits = segments_of(1);
        let mut log = log(3, &[1], &limits);
        log.pass_boundary(Seq::ZERO, &limits);
        log.pass_boundary(Seq::ZERO, &limits);
        assert_eq!(log.checkpoints.len(), 1);
    }

    // ---- the lane around it

    /// A lane of which `delivered` messages are in the log, and those after, certified at the end,
    /// are held.
    fn lane(delivered: u64, certified: &[u64], held: u64, limits: &Limits) -> Lane<u8> {
        let mut lane = Lane::new(&NETWORK);
        lane.log = log(delivered, certified, limits);
        let tail: VecDeque<_> = messages(held).split_off(delivered as usize).into();
        lane.certified = tail.back().map(certificate).map(|certificate| Certified {
            certificate: Some(certificate),
            tail,
            provisional: false,
        });
        lane
    }

    /// Where the segment that is served after `seq` ends.
    fn served(lane: &Lane<u8>, seq: u64, limits: &Limits) -> Option<u64> {
        let (proposals, _) = lane.segment_after(Seq::new(seq), limits)?;
        proposals.last().map(|last| last.message.seq.number())
    }

    #[test]
    fn a_segment_of_which_a_part_is_delivered_is_served_whole_unless_it_is_not_proven() {
        let limits = segments_of(4);
        let mut lane = lane(2, &[1], 4, &limits);
        assert_eq!(served(&lane, 0, &limits), Some(1));
        assert_eq!(served(&lane, 1, &limits), Some(4));
        let held = lane.certified.as_mut().expect("a segment");
        held.provisional = true;
        assert_eq!(served(&lane, 1, &limits), None);
        let held = lane.certified.as_mut().expect("a segment");
        (held.provisional, held.tail) = (false, VecDeque::new());
        assert_eq!(served(&lane, 1, &limits), None, "the message is missing");
    }

    #[test]
    fn a_segment_that_is_longer_than_others_take_is_not_served() {
        let lane = lane(3, &[3], 3, &segments_of(3));
        assert_eq!(served(&lane, 0, &segments_of(3)), Some(3));
        assert_eq!(served(&lane, 0, &segments_of(2)), None);
        assert_eq!(served(&lane, 1, &segments_of(2)), Some(3));
    }
}
