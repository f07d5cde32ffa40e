//! What a replica wants done. It does no I/O itself: it says what to write, send, tell and report,
//! in this order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::PacketError;
use super::message::{Entry, Equivocation, Proposal};
use super::packet::{ChangeApproval, Packet, Segment};
use super::targeted::Targeted;
use crate::actor::{Actor, Signed};
use crate::codec::{self, Bytes, Digest};
use crate::dot::Dot;
use crate::membership::{
    self, Change, ChangeCertificate, GenerationProof, GenerationProposal, Report,
};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// The outcome of one input, to be spent from top to bottom: what is written before it is sent can
/// never be contradicted after a crash.
#[derive(Debug, Default)]
#[must_use = "records must be made durable before packets are sent"]
pub struct Step {
    /// 1. To be made durable, in this order.
    ///
    /// Of all the orders between writing and sending this is the only safe one, but for what is
    /// [prompt](Self::take_prompt). A packet that leaves before its lock is written may be
    /// forgotten in a crash, and the replica then signs another message at the same dot.
    pub persist: Vec<Record>,
    /// 2. To be sent, in any order, as unreliably as the network likes: a packet to each receiver.
    ///
    /// Each of them may be lost: whatever matters is said again on ticks. None of them is addressed
    /// to the replica itself.
    pub send: Vec<Targeted>,
    /// 3. To be told to the application, in this order.
    ///
    /// After a crash these are not told again: an application that keeps its own state reads the
    /// replica's algorithm or its messages after the last place that it has seen.
    pub delivered: Vec<Delivery>,
    /// 4. To be reported to whoever operates the replica.
    ///
    /// Each is told when it is found, and not again after a restart unless it is found again.
    pub faults: Vec<Fault>,
    /// 5. Generations that began here.
    pub installed: Vec<Installed>,
    /// 6. Changes that others wish or approve and that we have not approved: the application's
    ///    policy decides.
    pub asked: Vec<Change>,
    /// 7. Parts of a packet that were refused while others of the same packet were taken.
    ///
    /// Only answers to a pull come in such parts: one bad segment of a lane keeps no good one away.
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

    /// What is to be sent, as single packets.
    pub fn packets(&self) -> impl Iterator<Item = Packet> + '_ {
        self.send.iter().flat_map(Targeted::packets)
    }

    /// Takes out what may leave before the records are durable: what says nothing in the sender's
    /// name, since it proves itself or merely asks, as long as there is nothing to be written but
    /// what certificates prove.
    ///
    /// Takes for granted that earlier steps are written, or [absorbed](Self::absorb) by this one.
    /// Of the signatures in a proof ours may be one; what it signs is durable, or it would be among
    /// the records. After a crash in between, the replica comes to the same proof again, or others
    /// show it.
    #[must_use]
    pub fn take_prompt(&mut self) -> Vec<Targeted> {
        if !self.writes_proven_alone() {
            return Vec::new();
        }
        let is_prompt = |said: &mut Targeted| said.body.is_impersonal();
        self.send.extract_if(.., is_prompt).collect()
    }

    /// Whether it can wait to be spent: nobody is told less safely, or later than at the next
    /// write, if what certificates prove is written then.
    ///
    /// Deliveries wait with their records, so that what is told of them is durable.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.is_silent() && self.writes_proven_alone()
    }

    /// The same beside what waits in the outbox: whoever proposed it may not be told before.
    #[must_use]
    pub fn may_wait_queued(&self) -> bool {
        let is_queued = |record: &Record| matches!(record, Record::Queued(_)) || is_proven(record);
        self.is_silent() && self.persist.iter().all(is_queued)
    }

    /// Whether nothing of it is sent or told but deliveries.
    fn is_silent(&self) -> bool {
        let Self {
            persist: _,
            send,
            delivered: _,
            faults,
            installed,
            asked,
            refused,
        } = self;
        let silent = send.is_empty() && faults.is_empty() && refused.is_empty();
        silent && installed.is_empty() && asked.is_empty()
    }

    fn writes_proven_alone(&self) -> bool {
        self.persist.iter().all(is_proven)
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

/// Whether a quorum has certified it, so that it is not lost with this replica's record of it.
fn is_proven(record: &Record) -> bool {
    matches!(record, Record::Certified(_) | Record::Delivered(_))
}

/// A change of a replica that must survive a crash. Replaying the records in order rebuilds the
/// replica.
///
/// A record holds what was decided, not what led to it, so that replaying checks little and asks
/// nobody. It believes what is written: anyone who can write to the store can make the replica
/// contradict itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Record {
    /// An operation of ours was accepted and waits in the outbox.
    ///
    /// Only where it does not leave at once: else [`Locked`](Self::Locked) holds it.
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
    ///
    /// Provisional segments, which only a committee vouches for that is over, are not on record:
    /// after a crash they are asked for again.
    Certified(Segment),
    /// The next message of a certified segment was delivered. This drops the lock at its dot.
    Delivered(Dot),
    /// Evidence was found.
    ///
    /// Replaying believes it without checking its signatures.
    Convicted(Arc<Equivocation>),
    /// Our own key has signed what we do not remember: we sign no more.
    Silenced,
    /// We consented to a change.
    ///
    /// On record although contradicting approvals do not exist: an approval of ours that comes back
    /// and is not remembered says that the store is an old copy.
    Approved(Arc<ChangeApproval>),
    /// We hold a certified change, and echo no more in this generation.
    ///
    /// Were it forgotten in a crash, the replica could echo beyond its own report, and a boundary
    /// would miss what a quorum certifies.
    Frozen(ChangeCertificate),
    /// We reported where our lanes end.
    ///
    /// One a generation: a second, different one would silence us.
    Reported(Arc<Signed<Report>>),
    /// We spoke in the agreement on the next generation.
    Agreement(membership::Record),
    /// These generations were founded, and the last of them was installed.
    ///
    /// The state is not in it: replaying executes up to the frontier again and takes it from there.
    Installed(Vec<Arc<GenerationProof>>),
    /// The same, from the last one's certified snapshot.
    Snapshot {
        /// What founded them.
        proofs: Vec<Arc<GenerationProof>>,
        /// The state at the last one's frontier.
        bytes: Bytes,
    },
    /// We are about to speak of this value. Whoever counts on it must find it with somebody, even
    /// after all members have crashed at once.
    ///
    /// It stands before the [`Agreement`](Self::Agreement) record that names it; a store in which
    /// it does not is refused.
    Value(Arc<GenerationProposal>),
    /// A value, a report or the boundary of this generation rests on this message, which is in no
    /// lane.
    Message(Arc<Proposal>),
    /// We are about to speak of a value that rests on this report of another member.
    ///
    /// It stands before the [`Value`](Self::Value) that names it.
    Backed(Arc<Signed<Report>>),
}

/// A message took effect.
///
/// It is told once, in the order of its lane. Deliveries of different lanes may come in any order
/// that the algorithm's verdicts allow, and in another one at each replica.
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
///
/// Only [`Equivocation`](Self::Equivocation) is proof that others can check; the rest are what this
/// replica saw, and what its operator acts on.
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
