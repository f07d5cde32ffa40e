//! One source's lane, as one replica sees it: what was delivered, what we have said of the next message, and what a
//! quorum has said of it.
//!
//! Invariant: of each source at most one undelivered message is spoken for ([`Stance`]) and at most one certified
//! stretch waits ([`Certified`]). The two are apart because a quorum may speak before us, or against us.

use std::collections::VecDeque;
use std::sync::Arc;

use super::backoff::Backoff;
use super::message::{Certificate, Entry, Message, Proposal, Tally};
use crate::actor::{Signed, Verified};
use crate::codec::{Digest, Limits, NetworkId};
use crate::dot::{Binding, Head, Seq};

#[derive(Debug)]
pub(super) struct Lane<Op> {
    pub(super) log: Log,
    pub(super) stance: Stance<Op>,
    pub(super) certified: Option<Certified>,
    /// A certified message can never be valid here: nothing more of this lane is applied.
    pub(super) stopped: bool,
}

/// What we have said of the message after the head.
#[derive(Debug)]
pub(super) enum Stance<Op> {
    /// Nothing.
    Open,
    /// Its source signed it, but we cannot judge it yet.
    Waiting(Waiting),
    /// We echoed it, and echo no other.
    Echoed(Lock<Op>),
}

/// A proposal whose signature is good and whose operations are early.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) binding: Verified<Binding>,
}

/// A proposal that we are bound to, with the echoes that we know of.
#[derive(Debug)]
pub(super) struct Lock<Op> {
    pub(super) entry: Entry,
    /// Decoded once, judged, and applied when a quorum agrees.
    pub(super) ops: Vec<Op>,
    pub(super) tally: Tally,
    pub(super) resend: Backoff,
}

/// A stretch of messages after the head that a quorum certified. `tail` is empty while the message is missing.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) certificate: Arc<Certificate>,
    pub(super) tail: VecDeque<Entry>,
}

impl<Op> Lane<Op> {
    pub(super) fn new(network: &NetworkId) -> Self {
        Self {
            log: Log::new(Head::empty(network)),
            stance: Stance::Open,
            certified: None,
            stopped: false,
        }
    }

    pub(super) fn head(&self) -> Head {
        self.log.head
    }

    pub(super) fn lock(&self) -> Option<&Lock<Op>> {
        match &self.stance {
            Stance::Echoed(lock) => Some(lock),
            Stance::Open | Stance::Waiting(_) => None,
        }
    }

    pub(super) fn lock_mut(&mut self) -> Option<&mut Lock<Op>> {
        match &mut self.stance {
            Stance::Echoed(lock) => Some(lock),
            Stance::Open | Stance::Waiting(_) => None,
        }
    }

    /// The message that its source is known to have put after the head; the signature is checked.
    pub(super) fn bound(&self) -> Option<&Entry> {
        match &self.stance {
            Stance::Open => None,
            Stance::Waiting(waiting) => Some(&waiting.entry),
            Stance::Echoed(lock) => Some(&lock.entry),
        }
    }

    /// All that its source is known to have put after the head: what we are bound to, what a quorum agreed on.
    pub(super) fn seen_next(&self) -> impl Iterator<Item = &Entry> {
        let certified = self.certified.as_ref();
        let certified = certified.and_then(|certified| certified.tail.front());
        self.bound().into_iter().chain(certified)
    }

    /// The source's signature on whatever message we know at `seq`.
    pub(super) fn binding_at(&self, seq: Seq) -> Option<Signed<Binding>> {
        if seq.follows(self.log.head.seq) {
            return self.bound().map(Entry::binding);
        }
        self.log.entry(seq).map(Entry::binding)
    }

    /// The certificate of exactly this message, if it is kept.
    pub(super) fn certificate_at(&self, seq: Seq) -> Option<&Arc<Certificate>> {
        let checkpoints = &self.log.checkpoints;
        let checkpoint = checkpoints.binary_search_by_key(&seq, |c| c.head().seq);
        let certified = self
            .certified
            .iter()
            .map(|certified| &certified.certificate);
        let mut newest = certified.chain(&self.log.newest);
        newest
            .find(|certificate| certificate.head().seq == seq)
            .or_else(|| checkpoints.get(checkpoint.ok()?))
    }

    /// Whether something waits here for other lanes.
    pub(super) fn holds(&self) -> bool {
        let certified = self.certified.as_ref();
        matches!(self.stance, Stance::Waiting(_))
            || certified.is_some_and(|certified| !certified.tail.is_empty())
    }

    /// Bytes of operations that are held and not delivered.
    pub(super) fn held_bytes(&self) -> usize {
        let certified = self.certified.iter().flat_map(|c| &c.tail);
        certified.chain(self.bound()).map(Entry::len).sum()
    }

    /// The next stretch after `seq` that proves itself, from what was delivered or else from what is certified.
    pub(super) fn chunk_after(&self, seq: Seq) -> Option<(Vec<Arc<Proposal>>, Arc<Certificate>)> {
        let certificate = match self.log.certificate_after(seq) {
            Some(certificate) => certificate,
            None => {
                let certified = self.certified.as_ref()?;
                (!certified.tail.is_empty()).then_some(&certified.certificate)?
            }
        };
        let delivered = self.log.after(seq);
        let certified = self.certified.iter().flat_map(|c| &c.tail);
        let end = certificate.head().seq;
        let proposals: Vec<_> = delivered
            .chain(certified)
            .take_while(|entry| entry.message().seq <= end)
            .map(|entry| Arc::clone(&entry.proposal))
            .collect();
        (!proposals.is_empty()).then(|| (proposals, Arc::clone(certificate)))
    }
}

/// What was delivered of one lane, with the certificates that are kept: the newest, and one at each checkpoint.
///
/// Checkpoints are where the messages since the last one reach the bound on messages or on bytes. They depend on the
/// lane alone, so that every replica has a certificate there and no stretch need be longer than from one to the next.
#[derive(Debug)]
pub(super) struct Log {
    head: Head,
    entries: VecDeque<Entry>,
    checkpoints: Vec<Arc<Certificate>>,
    newest: Option<Arc<Certificate>>,
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
    fn new(head: Head) -> Self {
        Self {
            head,
            entries: VecDeque::new(),
            checkpoints: Vec::new(),
            newest: None,
            since: Stretch::default(),
        }
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
        if let Some(certificate) = certificate {
            if checkpoint {
                self.checkpoints.push(Arc::clone(&certificate));
            }
            self.newest = Some(certificate);
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

    fn entry(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(self.position(seq)?)
    }

    fn after(&self, seq: Seq) -> impl Iterator<Item = &Entry> {
        let from = seq.next().and_then(|next| self.position(next));
        let from = from.unwrap_or(self.entries.len());
        self.entries.range(from.min(self.entries.len())..)
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
        let base = self.head.seq.number() - self.entries.len() as u64;
        let index = seq.number().checked_sub(base)?.checked_sub(1)?;
        usize::try_from(index).ok()
    }
}
