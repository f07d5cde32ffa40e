//! What was delivered of one lane since the last boundary but one, with the proofs that are kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::{Certificate, Entry, Message};
use crate::codec::{Digest, Limits};
use crate::dot::{Head, Seq};

/// A lane's messages with the proofs that are kept: the newest certificate, some before it, and where generations began.
///
/// Invariant: from one proof to the next is no further than one stretch that came in, or no longer than a [`Stretch`] may
/// be; and what comes in is no longer. So every part of a lane can be served as a stretch that proves itself, and
/// it does not matter that each replica keeps other certificates. What ends at a boundary without a certificate counts
/// when that boundary is installed.
#[derive(Debug)]
pub(super) struct Log {
    head: Head,
    entries: VecDeque<Entry>,
    checkpoints: VecDeque<Arc<Certificate>>,
    newest: Option<Arc<Certificate>>,
    /// Ends of this lane in the frontiers of generations, which prove what is before.
    boundaries: Vec<Seq>,
    /// After the last proof that stays.
    since: Stretch,
    /// After the last proof.
    since_newest: Stretch,
}

/// How much of a lane is taken, held or served at once: as many messages as one chunk may have, of which all but the last
/// have fewer bytes than it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    messages: u32,
    bytes: usize,
    too_long: bool,
}

impl Stretch {
    pub(super) fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>, limits: &Limits) -> Self {
        let mut stretch = Self::default();
        entries
            .into_iter()
            .for_each(|entry| stretch.push(entry.len(), limits));
        stretch
    }

    /// Adds a message of so many bytes of operations.
    pub(super) fn push(&mut self, bytes: usize, limits: &Limits) {
        self.too_long |=
            self.messages >= limits.chunk_messages || self.bytes >= limits.chunk_bytes as usize;
        self.messages = self.messages.saturating_add(1);
        self.bytes += bytes;
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.too_long
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
            since_newest: Stretch::default(),
        }
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Appends the message after the head, with its own certificate if it has one.
    pub(super) fn append(
        &mut self,
        entry: Entry,
        certificate: Option<Arc<Certificate>>,
        limits: &Limits,
    ) {
        self.since.push(entry.len(), limits);
        self.since_newest.push(entry.len(), limits);
        self.head = entry.head();
        self.entries.push_back(entry);
        if certificate.is_some() && !bug!(ProofNotKept) {
            if self.since.is_too_long() {
                self.keep_newest();
                self.since = self.since_newest;
            }
            self.newest = certificate;
            self.since_newest = Stretch::default();
        }
    }

    /// A generation begins at `start` in this lane, which proves what is before.
    pub(super) fn pass_boundary(&mut self, start: Seq, limits: &Limits) {
        if self.since.is_too_long() {
            self.keep_newest();
        }
        self.boundaries.push(start);
        let newest = |certificate: Option<&Arc<Certificate>>| {
            certificate.map_or(start, |certificate| certificate.head().seq.max(start))
        };
        let kept = newest(self.checkpoints.back());
        self.since = Stretch::of(self.after(kept), limits);
        let proven = newest(self.newest.as_ref());
        self.since_newest = Stretch::of(self.after(proven), limits);
    }

    /// Forgets what is at or before `kept`: a snapshot covers it.
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
