//! What was delivered of one lane since the last boundary but one, with the proofs that are kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::{Certificate, Entry, Message};
use crate::codec::{Digest, Limits};
use crate::dot::{Head, Seq};

/// A lane's messages with the proofs that are kept: the newest certificate, one at each checkpoint, and where
/// generations began.
///
/// Checkpoints are where the messages since the last one, or since the last boundary, reach the bound on messages or on
/// bytes. They depend on the lane alone, so that every replica has a certificate there and no stretch need be longer
/// than from one to the next.
#[derive(Debug)]
pub(super) struct Log {
    head: Head,
    entries: VecDeque<Entry>,
    checkpoints: VecDeque<Arc<Certificate>>,
    newest: Option<Arc<Certificate>>,
    /// Ends of this lane in the frontiers of generations, which prove what is before.
    boundaries: Vec<Seq>,
    since: Stretch,
}

/// How much of a lane lies after its last checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    messages: u32,
    bytes: usize,
}

impl Stretch {
    /// Adds a message; whether it is a checkpoint.
    pub(super) fn push(&mut self, entry: &Entry, limits: &Limits) -> bool {
        self.messages += 1;
        self.bytes += entry.len();
        let full =
            self.messages >= limits.chunk_messages || self.bytes >= limits.chunk_bytes as usize;
        if full {
            *self = Self::default();
        }
        full
    }
}

impl Log {
    /// The log of a lane of which nothing is known but where it ends.
    pub(super) fn new(head: Head) -> Self {
        Self {
            head,
            entries: VecDeque::new(),
            checkpoints: VecDeque::new(),
            newest: None,
            boundaries: Vec::new(),
            since: Stretch::default(),
        }
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(super) fn since(&self) -> Stretch {
        self.since
    }

    /// Appends the message after the head, with its own certificate if it has one.
    pub(super) fn append(
        &mut self,
        entry: Entry,
        certificate: Option<Arc<Certificate>>,
        limits: &Limits,
    ) {
        let checkpoint = self.since.push(&entry, limits);
        self.head = entry.head();
        self.entries.push_back(entry);
        if let Some(certificate) = certificate.filter(|_| !bug!(ProofNotKept)) {
            if checkpoint {
                self.checkpoints.push_back(Arc::clone(&certificate));
            }
            self.newest = Some(certificate);
        }
    }

    /// A generation begins at `start` in this lane. What is at or before `kept` is forgotten: a snapshot covers it.
    pub(super) fn pass_boundary(&mut self, start: Seq, kept: Seq, limits: &Limits) {
        self.boundaries.push(start);
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.message().seq <= kept)
        {
            self.entries.pop_front();
        }
        while self
            .checkpoints
            .front()
            .is_some_and(|certificate| certificate.head().seq <= kept)
        {
            self.checkpoints.pop_front();
        }
        self.boundaries.retain(|boundary| *boundary > kept);
        self.since = Stretch::default();
        let beyond = self
            .entries
            .iter()
            .filter(|entry| entry.message().seq > start);
        for entry in beyond {
            self.since.push(entry, limits);
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

    pub(super) fn entry(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(self.position(seq)?)
    }

    /// The number of the last message that is forgotten.
    pub(super) fn base(&self) -> Seq {
        Seq::new(self.head.seq.number() - self.entries.len() as u64)
    }

    pub(super) fn after(&self, seq: Seq) -> impl Iterator<Item = &Entry> {
        let from = seq.next().and_then(|next| self.position(next));
        let from = from.unwrap_or(self.entries.len());
        self.entries.range(from.min(self.entries.len())..)
    }

    /// The messages after `from`, up to and with `until`.
    pub(super) fn between(&self, from: Seq, until: Seq) -> impl Iterator<Item = &Entry> {
        self.after(from)
            .take_while(move |entry| entry.message().seq <= until)
    }

    /// The first place after `seq` that proves what is before it, with its certificate unless it is a boundary.
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
