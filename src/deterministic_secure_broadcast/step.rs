//! What a replica wants done. It does no I/O itself: it says what to write, send, tell and report,
//! in this order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::PacketError;
use super::message::{Entry, Equivocation, Proposal};
use super::packet::{Consent, Packet, Segment};
use crate::actor::{Actor, Signed};
use crate::codec::{self, Bytes, Digest};
use crate::dot::Dot;
use crate::membership::{self, Authorisation, Change, Founding, Generation, Report, Value};
use crate::traits::WireAlgorithm;

/// The outcome of one input, to be spent from top to bottom: what is written before it is sent can
/// never be contradicted after a crash.
#[derive(Debug, Default)]
#[must_use = "records must be made durable before packets are sent"]
pub struct Step {
    /// 1. To be made durable, in this order.
    pub persist: Vec<Record>,
    /// 2. To be sent, in any order, as unreliably as the network likes.
    pub send: Vec<Packet>,
    /// 3. To be told to the application, in this order.
    pub delivered: Vec<Delivery>,
    /// 4. To be reported to whoever operates the replica.
    pub faults: Vec<Fault>,
    /// 5. Generations that began here.
    pub installed: Vec<Installed>,
    /// 6. Changes that others wish or approve and that we have not approved: the application's
    ///    policy decides.
    pub asked: Vec<Change>,
    /// 7. Parts of a packet that were refused while others of the same packet were taken.
    pub refused: Vec<PacketError>,
}

/// A generation began at this replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installed {
    /// Which.
    pub generation: Generation,
    /// Whether we are a member of it. If not, what waits in the outbox waits until we are again.
    pub seated: bool,
    /// Whether it began from a snapshot: then its deliveries up to the boundary were not told one
    /// by one, and the algorithm is to be read afresh.
    pub by_snapshot: bool,
}

impl Step {
    /// Appends what a later input led to. Whoever has many inputs waiting spends their steps as
    /// one, with one write.
    pub fn absorb(&mut self, later: Self) {
        self.persist.extend(later.persist);
        self.send.extend(later.send);
        self.delivered.extend(later.delivered);
        self.faults.extend(later.faults);
        self.installed.extend(later.installed);
        self.asked.extend(later.asked);
        self.refused.extend(later.refused);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.persist.is_empty()
            && self.send.is_empty()
            && self.delivered.is_empty()
            && self.faults.is_empty()
            && self.installed.is_empty()
            && self.asked.is_empty()
            && self.refused.is_empty()
    }
}

/// A change of a replica that must survive a crash. Replaying the records in order rebuilds the
/// replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Record {
    /// An operation of ours was accepted and waits in the outbox.
    Queued(Bytes),
    /// We are bound to this message at its dot: we echo no other there. Our own messages are locked
    /// too; those take `from_outbox` operations out of it.
    Locked {
        /// The message with its source's signature.
        proposal: Arc<Proposal>,
        /// How many waiting operations it carries.
        from_outbox: u32,
    },
    /// A quorum certified a segment of a lane that follows what was delivered. It names no messages
    /// when it is the one that is locked there.
    Certified(Segment),
    /// The next message of a certified segment was delivered. This drops the lock at its dot.
    Delivered(Dot),
    /// Evidence was found.
    Convicted(Arc<Equivocation>),
    /// Our own key has signed what we do not remember: we sign no more.
    Silenced,
    /// We consented to a change.
    Approved(Arc<Consent>),
    /// We hold an authorised change, and echo no more in this generation.
    Frozen(Authorisation),
    /// We reported where our lanes end.
    Reported(Arc<Signed<Report>>),
    /// We spoke in the agreement on the next generation.
    Ballot(membership::Record),
    /// These generations were founded, and the last of them was installed.
    Installed(Vec<Arc<Founding>>),
    /// The same, from the last one's certified snapshot.
    Snapshot {
        /// What founded them.
        foundings: Vec<Arc<Founding>>,
        /// The state at the last one's frontier.
        bytes: Bytes,
    },
    /// We are about to speak of this value. Whoever counts on it must find it with somebody, even
    /// after all members have crashed at once.
    Value(Arc<Value>),
    /// A value, a report or the boundary of this generation rests on this message, which is in no
    /// lane.
    Message(Arc<Proposal>),
}

/// A message took effect.
#[derive(Clone, Debug)]
pub struct Delivery {
    entry: Entry,
}

impl Delivery {
    pub(super) fn new(entry: Entry) -> Self {
        Self { entry }
    }

    /// Whose message, and which of them.
    #[must_use]
    pub fn dot(&self) -> Dot {
        self.entry.message().dot()
    }

    /// The message's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.entry.digest
    }

    /// The digest of the message before it in its lane.
    #[must_use]
    pub fn parent(&self) -> Digest {
        self.entry.message().parent
    }

    /// How many operations there are; none is decoded for it.
    #[must_use]
    pub fn count(&self) -> usize {
        let len = codec::sequence_len(self.entry.message().ops.as_slice());
        let len = len.ok().and_then(|len| usize::try_from(len).ok());
        len.expect("operations were decoded before they were applied")
    }

    /// The operations in the order in which they were applied, decoded when asked for: who does not
    /// look pays nothing. `A` is the algorithm of the replica that delivered them.
    ///
    /// # Panics
    /// When they do not decode, as those of another algorithm may not; others of those decode into
    /// operations that nobody issued. So ask for the replica's own.
    #[must_use]
    pub fn ops<A: WireAlgorithm>(&self) -> Vec<A::Op> {
        let bytes = self.entry.message().ops.as_slice();
        codec::decode(bytes, bytes.len()).expect("operations were decoded before they were applied")
    }
}

/// Something that should not be. A correct replica is never named in one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An actor is convicted, by evidence that anybody can check.
    Equivocation(Arc<Equivocation>),
    /// A source signed what no state of its own could have allowed. Proven to us alone.
    Invalid {
        /// Where it signed.
        dot: Dot,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A quorum certified what our algorithm says can never be valid: a law of the algorithm is
    /// broken, or more members lie than tolerated. The lane is stopped.
    BrokenLaw {
        /// The certified message.
        dot: Dot,
        /// What the algorithm says.
        reason: &'static str,
    },
    /// A quorum certified operations that do not decode here: members have a later version of the
    /// algorithm. The lane is stopped, until a replica of that version goes on from the store.
    Unreadable {
        /// The certified message.
        dot: Dot,
    },
    /// Our own key has signed what we do not remember: the store is an old copy, or the key is used
    /// twice. We sign no more.
    Silenced,
    /// Our state is not the one that a quorum certified: a law of the algorithm is broken, or more
    /// members lie than tolerated.
    Diverged {
        /// The generation that begins from the certified one.
        generation: Generation,
    },
}

impl Fault {
    /// Every kind, in a word or two each.
    pub const KINDS: [&str; 6] = [
        "equivocation",
        "invalid operations",
        "broken law",
        "unreadable",
        "silenced",
        "diverged",
    ];

    /// The kind, in a word: for logs and charts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Equivocation(_) => "equivocation",
            Self::Invalid { .. } => "invalid operations",
            Self::BrokenLaw { .. } => "broken law",
            Self::Unreadable { .. } => "unreadable",
            Self::Silenced => "silenced",
            Self::Diverged { .. } => "diverged",
        }
    }
    /// The actor that it names as faulty, if any.
    #[must_use]
    pub fn accused(&self) -> Option<Actor> {
        match self {
            Self::Equivocation(evidence) => Some(evidence.accused()),
            Self::Invalid { dot, .. } => Some(dot.source),
            Self::BrokenLaw { .. }
            | Self::Unreadable { .. }
            | Self::Silenced
            | Self::Diverged { .. } => None,
        }
    }
}
