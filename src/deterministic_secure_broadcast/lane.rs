//! One source's lane, as one replica sees it: what was delivered, what we have said of the next
//! message, and what a quorum has said of it.
//!
//! Invariant: of each source at most one undelivered message is spoken for ([`Slot`]) and at most
//! one certified segment waits ([`Certified`]). The two are apart because a quorum may speak before
//! us, or against us.

use std::collections::VecDeque;
use std::sync::Arc;

use super::backoff::Backoff;
use super::log::{Log, SegmentSize};
use super::message::{Certificate, Echo, Entry, Proposal, Tally};
use crate::actor::Signed;
use crate::codec::{Digest, Limits, NetworkId};
use crate::dot::{Head, Seq};
use crate::evidence::Exclusive;

/// Three parts: `slot` is our own word, `certified` a quorum's, `log` what has taken effect. A
/// delivery moves the first message of `certified` into `log` and empties `slot`, whatever was in
/// it. Beyond the log a lane holds no more than one segment, one message, and what the boundary
/// adopted.
#[derive(Debug)]
pub(super) struct Lane<Op> {
    /// Delivered messages from the last boundary but one on.
    pub(super) log: Log,
    /// Speaks of the message right after the log's head, and of no other.
    pub(super) slot: Slot<Op>,
    /// `None` when no certificate beyond the head is known. Its tail is empty while the message
    /// that a certificate names is missing here.
    pub(super) certified: Option<Certified>,
    /// The message after the head, by its digest, as it was decoded when it was certified and
    /// early.
    pub(super) read: Option<(Digest, Vec<Op>)>,
    /// What its source had signed in an earlier generation, when that ended, at a dot that no
    /// boundary carried on: it binds nobody, and is half of what convicts the source.
    pub(super) void: Option<Signed<Echo>>,
    /// The message that the boundary adopted after its frontier, on record: kept whatever we say of
    /// it, or no later value could be backed once all have let go of it.
    pub(super) carried: Option<Entry>,
    /// A certified message can never be valid here: nothing more of this lane is applied.
    ///
    /// Not on record: a later version of the algorithm that goes on from the store judges the
    /// message again.
    pub(super) stopped: bool,
}

/// What we have said of the message after the head.
///
/// `Open` turns into any of the others when a proposal is judged; `Waiting` into `Refused` or
/// `Echoed` when it is judged again. `Echoed` is left by a delivery or by a boundary alone, as the
/// lock is on record and a second echo at the dot would convict us. In our own lane it is the
/// message that is in flight.
#[derive(Debug)]
pub(super) enum Slot<Op> {
    /// Nothing.
    Open,
    /// Its source signed it, but we cannot judge it yet.
    Waiting(Early),
    /// Its source signed this, which can never be valid, or which our version of the algorithm
    /// cannot read: told once, and half of what convicts it if it signs another.
    Refused { echo: Signed<Echo>, readable: bool },
    /// We echoed it, and echo no other.
    Echoed(Lock<Op>),
}

/// A proposal that is early.
#[derive(Debug)]
pub(super) struct Early {
    /// Its source's signature is checked. It holds a slot of its own source only, so that a liar
    /// that proposes what is never valid blocks its own lane.
    pub(super) entry: Entry,
    /// When to judge it again, in [moments](super::Replica::moment): each time costs as much as the
    /// message is long.
    pub(super) again: Backoff,
}

impl Early {
    pub(super) fn new(entry: Entry, moment: u64) -> Self {
        let again = Backoff::starting(moment);
        Self { entry, again }
    }
}

/// A proposal that we are bound to, with the echoes that we know of.
#[derive(Debug)]
pub(super) struct Lock<Op> {
    /// On record before any echo of it left.
    pub(super) entry: Entry,
    /// Decoded once, judged, and applied when a quorum agrees.
    pub(super) ops: Vec<Op>,
    /// Begun anew with each generation, as echoes count in their own alone. An echo comes to
    /// whoever proposed the message or sent it on, and to all members where the boundary adopted
    /// the lock.
    pub(super) tally: Tally,
    /// In ticks: when the proposal goes again to those whose echo is missing.
    pub(super) resend: Backoff,
}

/// A segment of messages after the head that a quorum certified. `tail` is empty while the message
/// is missing.
///
/// Invariant: the tail hangs together and follows the head; each of its messages has a good
/// signature of its source; and `certificate`, where there is one, is of the last message and
/// checked.
#[derive(Debug)]
pub(super) struct Certified {
    /// None when a generation's frontier vouches for the last message.
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) tail: VecDeque<Entry>,
    /// Only a committee that is over vouches for it: to be delivered when it has reached a
    /// generation's frontier. It is no longer than one segment until then, and so needs no
    /// certificate in between after.
    pub(super) provisional: bool,
}

/// Messages in lane order, and the proof of the last unless it is a generation's frontier.
pub(super) type Proven = (Vec<Arc<Proposal>>, Option<Arc<Certificate>>);

impl<Op> Lane<Op> {
    /// The first message of a lane names as its parent the head of an empty lane, which is made of
    /// the network's name: messages of another network fit nowhere here.
    pub(super) fn new(network: &NetworkId) -> Self {
        Self {
            log: Log::new(Head::empty(network)),
            slot: Slot::Open,
            certified: None,
            read: None,
            void: None,
            carried: None,
            stopped: false,
        }
    }

    pub(super) fn head(&self) -> Head {
        self.log.head()
    }

    /// The message right after the head that we are bound to, with its echoes. `None` does not say
    /// that we signed nothing there in an earlier generation: a boundary may have taken the lock.
    pub(super) fn lock(&self) -> Option<&Lock<Op>> {
        match &self.slot {
            Slot::Echoed(lock) => Some(lock),
            Slot::Open | Slot::Waiting(_) | Slot::Refused { .. } => None,
        }
    }

    pub(super) fn early(&self) -> Option<&Early> {
        match &self.slot {
            Slot::Waiting(early) => Some(early),
            Slot::Open | Slot::Echoed(_) | Slot::Refused { .. } => None,
        }
    }

    pub(super) fn lock_mut(&mut self) -> Option<&mut Lock<Op>> {
        match &mut self.slot {
            Slot::Echoed(lock) => Some(lock),
            Slot::Open | Slot::Waiting(_) | Slot::Refused { .. } => None,
        }
    }

    /// The message that its source is known to have put after the head; the signature is checked.
    ///
    /// This is what evidence is made with, and what a certificate is looked up by.
    pub(super) fn bound(&self) -> Option<&Entry> {
        match &self.slot {
            Slot::Open | Slot::Refused { .. } => None,
            Slot::Waiting(early) => Some(&early.entry),
            Slot::Echoed(lock) => Some(&lock.entry),
        }
    }

    /// What its source has signed that it cannot have said beside this, if it is known here: held,
    /// refused or delivered.
    pub(super) fn said_against(&self, said: &Echo) -> Option<Signed<Echo>> {
        let held = self.certified.iter().flat_map(|held| &held.tail);
        let entries = held.chain(self.log.entry(said.dot.seq));
        let spoken = self.spoken().into_iter().chain(self.void);
        let mut known = entries.map(Entry::echo).chain(spoken);
        known.find(|echo| echo.statement.excludes(said))
    }

    /// What its source signed after the head, as far as our slot says.
    pub(super) fn spoken(&self) -> Option<Signed<Echo>> {
        match &self.slot {
            Slot::Refused { echo, .. } => Some(*echo),
            Slot::Open | Slot::Waiting(_) | Slot::Echoed(_) => self.bound().map(Entry::echo),
        }
    }

    /// Lets go of what was said after the head, which a boundary did not carry on.
    pub(super) fn annul(&mut self) {
        self.void = self.spoken().or(self.void);
        self.slot = Slot::Open;
    }

    /// Whether this message is known never to be valid.
    pub(super) fn refuses(&self, digest: &Digest) -> bool {
        matches!(&self.slot, Slot::Refused { echo, .. } if echo.statement.digest == *digest)
    }

    /// This message, if it is held or delivered here.
    ///
    /// Looks by digest, so that a wrong `seq` finds nothing but what is held beyond the head under
    /// that digest.
    pub(super) fn find(&self, seq: Seq, digest: &Digest) -> Option<&Entry> {
        let held = self.certified.iter().flat_map(|certified| &certified.tail);
        let mut held = self.bound().into_iter().chain(held).chain(&self.carried);
        held.find(|entry| entry.digest == *digest)
            .or_else(|| self.log.entry(seq).filter(|entry| entry.digest == *digest))
    }

    /// Whether this message is on record as locked, certified, delivered or carried.
    ///
    /// A provisional tail is not, nor is a message that merely waits: who relies on either after a
    /// crash has to record it first.
    pub(super) fn has_recorded(&self, seq: Seq, digest: &Digest) -> bool {
        let locked = self.lock().map(|lock| &lock.entry);
        let certified = self.certified.iter().filter(|held| !held.provisional);
        let certified = certified.flat_map(|held| &held.tail);
        let kept = locked.into_iter().chain(certified).chain(&self.carried);
        let mut kept = kept.chain(self.log.entry(seq));
        kept.any(|entry| entry.digest == *digest)
    }

    /// The certificate of exactly this message, if it is kept.
    pub(super) fn certificate_at(&self, seq: Seq) -> Option<&Arc<Certificate>> {
        let held = self
            .certified
            .iter()
            .filter_map(|held| held.certificate.as_ref());
        let mut held = held.filter(|certificate| certificate.head().seq == seq);
        held.next().or_else(|| self.log.certificate_at(seq))
    }

    /// Whether something waits here for other lanes.
    pub(super) fn holds(&self) -> bool {
        let certified = self.certified.as_ref();
        matches!(self.slot, Slot::Waiting(_))
            || certified.is_some_and(|certified| !certified.tail.is_empty())
    }

    /// Bytes of operations that are held and not delivered.
    ///
    /// A message that is locked and certified counts twice. So it is an upper bound.
    pub(super) fn held_bytes(&self) -> usize {
        let certified = self.certified.iter().flat_map(|c| &c.tail);
        certified.chain(self.bound()).map(Entry::len).sum()
    }

    /// The next segment after `seq` that proves itself, from what was delivered or else from what
    /// is certified. It has no certificate when it ends at the frontier of a generation. None when
    /// it is longer than others take: between the frontiers of generations that are not yet
    /// installed here, it may be.
    ///
    /// A provisional tail is never served: only keys that may be stolen vouch for it.
    pub(super) fn segment_after(&self, seq: Seq, limits: &Limits) -> Option<Proven> {
        if seq < self.log.base() {
            return None;
        }
        let held = self.certified.iter().filter(|held| !held.provisional);
        let certified = held.clone().filter(|held| !held.tail.is_empty());
        let certified = certified.filter_map(|held| held.certificate.as_ref());
        let (end, certificate) = match self.log.end_after(seq) {
            Some(end) => end,
            None => certified.map(|c| (c.head().seq, Some(c))).next()?,
        };
        let delivered = self.log.after(seq);
        let entries: Vec<_> = delivered
            .chain(held.flat_map(|held| &held.tail))
            .take_while(|entry| entry.message().seq <= end)
            .collect();
        if entries.is_empty() || SegmentSize::of(entries.iter().copied(), limits).is_too_long() {
            return None;
        }
        let proposals = entries.iter().map(|entry| Arc::clone(&entry.proposal));
        Some((proposals.collect(), certificate.cloned()))
    }
}
