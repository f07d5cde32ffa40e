//! What is blocked here and why, how far others are, and what is held in memory: for whoever
//! operates a replica and wonders what it waits for.
//!
//! Inputs: none; it looks at the other rooms and changes nothing. Outputs: at most one [`Blocked`]
//! a lane, one [`Progress`] a member. Invariant: whatever is certified and not delivered has a
//! reason.

use std::fmt;

use super::Replica;
use super::lane::{Certified, Early, Lane, Lock, Slot};
use super::message::Entry;
use crate::actor::Actor;
use crate::codec::Digest;
use crate::dot::Dot;
use crate::membership::ChangeKey;
use crate::quorum::Generation;
use crate::traits::{Verdict, WireAlgorithm};

/// A message after the end of a lane that has not taken effect here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocked {
    /// Whose message, and which of them.
    pub dot: Dot,
    /// Its digest; `None` when two are known, of which neither counts yet, or when it is not made
    /// yet.
    pub digest: Option<Digest>,
    /// What it waits for.
    pub why: BlockReason,
}

/// What a message waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockReason {
    /// A quorum has not echoed it yet.
    EchoesMissing {
        /// Echoes that are known here.
        have: usize,
        /// Echoes that certify.
        quorum: usize,
        /// The members whose echo is not known here.
        missing: Vec<Actor>,
    },
    /// Ours, and nothing is signed before members have told what our key has signed: our store may
    /// be an old copy.
    InDoubt {
        /// Answers that are awaited, at least.
        needed: usize,
        /// The members that have not answered.
        missing: Vec<Actor>,
    },
    /// It rests on operations that are not delivered here. The algorithm's words.
    Early(&'static str),
    /// A quorum certified it, and nobody has sent it yet.
    MessageMissing,
    /// Certified by a committee that is over; it counts when a later generation is installed that
    /// covers it.
    NotCovered,
    /// The generation ends: echoes are given again in the next.
    Frozen,
    /// Its source is convicted: only if a quorum echoed it before will it be delivered.
    Convicted,
    /// Two messages were signed at this dot, and a boundary sealed it: it stays empty unless one
    /// was certified before.
    Sealed,
    /// Its source signed what can never be valid: no correct member echoes it.
    Invalid,
    /// We sign no more: our own key has signed what we do not remember. What is ours is refused by
    /// who knows it; what is of others they may certify without us.
    Silenced,
    /// Its operations do not decode here: its source has a later version of the algorithm, or lies;
    /// once it is certified, a quorum has that version. A replica of the later version reads it
    /// from the same store.
    Unreadable {
        /// Whether a quorum has certified it.
        certified: bool,
    },
    /// Certified, and never valid: a law of the algorithm is broken, or more members lie than are
    /// tolerated.
    BrokenLaw,
    /// Nothing: it takes effect with the next input.
    Ready,
}

impl BlockReason {
    /// Every kind, in a word or two each.
    pub const KINDS: [&str; 13] = [
        "echoes missing",
        "early",
        "message missing",
        "not covered",
        "frozen",
        "convicted",
        "sealed",
        "invalid",
        "silenced",
        "unreadable",
        "broken law",
        "in doubt",
        "ready",
    ];

    /// The kind, in a word or two: for metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EchoesMissing { .. } => "echoes missing",
            Self::Early(_) => "early",
            Self::MessageMissing => "message missing",
            Self::NotCovered => "not covered",
            Self::Frozen => "frozen",
            Self::Convicted => "convicted",
            Self::Sealed => "sealed",
            Self::Invalid => "invalid",
            Self::Silenced => "silenced",
            Self::Unreadable { .. } => "unreadable",
            Self::BrokenLaw => "broken law",
            Self::InDoubt { .. } => "in doubt",
            Self::Ready => "ready",
        }
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EchoesMissing {
                have,
                quorum,
                missing,
            } => {
                write!(f, "{have} of {quorum} echoes are here; none of")?;
                missing.iter().try_for_each(|actor| write!(f, " {actor:?}"))
            }
            Self::InDoubt { needed, missing } => {
                write!(f, "nothing is signed before members have told what this key has signed; of these, {needed} are needed:")?;
                missing.iter().try_for_each(|actor| write!(f, " {actor:?}"))
            }
            Self::Early(reason) => write!(f, "it rests on what is not delivered here: {reason}"),
            Self::MessageMissing => f.write_str("it is certified, and nobody has sent it yet"),
            Self::NotCovered => {
                f.write_str("the committee that certified it is over; a later generation decides")
            }
            Self::Frozen => {
                f.write_str("the members change; it is echoed again in the next generation")
            }
            Self::Convicted => f.write_str("its source is convicted of equivocation"),
            Self::Sealed => {
                f.write_str("its source signed two messages there; the place is sealed")
            }
            Self::Silenced => {
                f.write_str("this replica signs no more, for its own key contradicts it; others may still certify it")
            }
            Self::Invalid => f.write_str("its source signed operations that can never be valid"),
            Self::Unreadable { certified: false } => f.write_str(
                "it cannot be read by the version of this node: its source has a later one, or lies",
            ),
            Self::Unreadable { certified: true } => f.write_str(
                "it is certified and cannot be read by the version of this node: give it the version of its source",
            ),
            Self::BrokenLaw => f.write_str(
                "it is certified and can never be valid: a law is broken, or too many lie",
            ),
            Self::Ready => f.write_str("it takes effect with the next input"),
        }
    }
}

/// How far a member is known to be, by its own signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Who.
    pub member: Actor,
    /// The newest generation that it said to have installed.
    pub generation: Generation,
    /// Messages that we have delivered and it is not known to have. An upper bound: what it did not
    /// say does not count.
    pub lacks: u64,
    /// Messages that it said to have delivered and we have not.
    pub leads: u64,
}

impl Progress {
    /// Messages that more members than `tolerated` said to have delivered and we have not, so that
    /// one at least does not lie.
    #[must_use]
    pub fn behind(progress: impl IntoIterator<Item = Self>, tolerated: usize) -> u64 {
        let progress = progress.into_iter();
        let mut leads: Vec<_> = progress.map(|member| member.leads).collect();
        leads.sort_unstable();
        leads.into_iter().rev().nth(tolerated).unwrap_or(0)
    }
}

/// What a replica holds beyond its algorithm and its delivered log; each part is bounded by
/// [`Limits`](crate::codec::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryUse {
    /// Lanes.
    pub lanes: usize,
    /// Bytes of operations held in lanes, not delivered.
    pub lane_bytes: usize,
    /// The same, of the lane that holds most: at most a segment, which its last message may exceed,
    /// and one message beside it. That is `segment_bytes` and twice `message_bytes` of
    /// [`Limits`](crate::codec::Limits).
    pub most_lane_bytes: usize,
    /// Own operations that wait for a message.
    pub outbox_ops: usize,
    /// Their encoded size.
    pub outbox_bytes: usize,
    /// Actors that we hold evidence against: one piece each.
    pub evidence: usize,
    /// Members and contacts whose summary we remember.
    pub peers: usize,
}

impl<A: WireAlgorithm> Replica<A> {
    /// What is held in memory and not delivered.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        MemoryUse {
            lanes: self.lanes.by_source.len(),
            lane_bytes: self.lanes.values().map(Lane::held_bytes).sum(),
            most_lane_bytes: self.lanes.values().map(Lane::held_bytes).max().unwrap_or(0),
            outbox_ops: self.outbox.len(),
            outbox_bytes: self.outbox.bytes(),
            evidence: self.lanes.convicted.len(),
            peers: self.peers.len(),
        }
    }

    /// What is known here and not delivered, at most one message a lane, in the order of the
    /// sources. Of a certified segment it is the first message. Judges what waits: as costly as
    /// delivering it.
    #[must_use]
    pub fn blocked(&self) -> Vec<Blocked> {
        let lanes = self.lanes.iter();
        lanes
            .filter_map(|(source, lane)| self.held_in(source, lane))
            .collect()
    }

    /// What a quorum has said goes before what we have said.
    fn held_in(&self, source: &Actor, lane: &Lane<A::Op>) -> Option<Blocked> {
        let seq = lane.head().seq.next()?;
        let dot = Dot {
            source: *source,
            seq,
        };
        let held = |digest, why| Some(Blocked { dot, digest, why });
        if let Some(certified) = &lane.certified {
            let digest = certified.tail.front().map(|entry| entry.digest);
            return held(digest, self.why_certified(lane, certified));
        }
        if *source == self.actor()
            && let Some(why) = self.held_in_doubt(lane)
        {
            let digest = lane.lock().map(|lock| lock.entry.digest);
            return held(digest, why);
        }
        let seal = self.history.boundary.sealed().get(source);
        if seal.is_some_and(|seal| seal.dot() == dot) {
            return held(None, BlockReason::Sealed);
        }
        match &lane.slot {
            Slot::Open => None,
            Slot::Waiting(Early { entry, .. }) => {
                held(Some(entry.digest), self.why_unsigned(source, entry))
            }
            Slot::Refused { echo, readable } => {
                let why = match readable {
                    true => BlockReason::Invalid,
                    false => BlockReason::Unreadable { certified: false },
                };
                held(Some(echo.statement.digest), why)
            }
            Slot::Echoed(lock) => held(Some(lock.entry.digest), self.why_locked(lock)),
        }
    }

    /// Judges the first message again, as it may have become valid since.
    fn why_certified(&self, lane: &Lane<A::Op>, certified: &Certified) -> BlockReason {
        match certified.tail.front() {
            None => BlockReason::MessageMissing,
            Some(_) if certified.provisional => BlockReason::NotCovered,
            Some(entry) => match self.why_early(entry) {
                BlockReason::Unreadable { .. } => BlockReason::Unreadable { certified: true },
                _ if lane.stopped => BlockReason::BrokenLaw,
                why => why,
            },
        }
    }

    fn why_early(&self, entry: &Entry) -> BlockReason {
        let Ok(ops) = entry.message().decode::<A::Op>(self.limits()) else {
            return BlockReason::Unreadable { certified: false };
        };
        match self
            .execution
            .algorithm
            .verdict_batch(&entry.message().source, &ops)
        {
            Verdict::Valid => BlockReason::Ready,
            Verdict::NotYet(reason) | Verdict::Never(reason) => BlockReason::Early(reason),
        }
    }

    /// The first reason that keeps us from signing it.
    fn why_unsigned(&self, source: &Actor, entry: &Entry) -> BlockReason {
        if self.lanes.is_convicted(source) {
            BlockReason::Convicted
        } else if self.signer.is_silenced() {
            BlockReason::Silenced
        } else if self.is_frozen() {
            BlockReason::Frozen
        } else {
            self.why_early(entry)
        }
    }

    /// Counts the echoes that are known here, our own among them.
    fn why_locked(&self, lock: &Lock<A::Op>) -> BlockReason {
        // Others may still certify what we signed, unless they too know better.
        if self.signer.is_silenced() && lock.entry.message().source == self.actor() {
            return BlockReason::Silenced;
        }
        if self.is_frozen() {
            return BlockReason::Frozen;
        }
        let seats = self.history.committee.seats();
        let missing = seats.filter(|(seat, _)| lock.tally.signature(*seat).is_none());
        let missing: Vec<_> = missing.map(|(_, actor)| actor).collect();
        BlockReason::EchoesMissing {
            have: self.history.committee.size() - missing.len(),
            quorum: self.history.committee.quorum(),
            missing,
        }
    }

    /// How far each other member that has spoken is known to be, in the order of their keys.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        let members = self
            .peers
            .iter()
            .filter(|peer| peer.is_heard())
            .filter(|peer| self.history.committee.contains(&peer.actor()));
        let progress = members.map(|peer| {
            let lanes = self.lanes.iter();
            let ends = lanes.map(|(source, lane)| {
                let (here, there) = (lane.head().seq.number(), peer.seq(source).number());
                (here.saturating_sub(there), there.saturating_sub(here))
            });
            let sum = |(lacks, leads): (u64, u64), (lack, lead)| {
                (
                    u64::saturating_add(lacks, lack),
                    u64::saturating_add(leads, lead),
                )
            };
            let (lacks, leads) = ends.fold((0, 0), sum);
            Progress {
                member: peer.actor(),
                generation: peer.generation(),
                lacks,
                leads,
            }
        });
        progress.collect()
    }

    /// The changes of the members that are wished for in this generation, each with those who
    /// approved it.
    #[must_use]
    pub fn wishes(&self) -> Vec<(ChangeKey, Vec<Actor>)> {
        let approved = |(seat, actor): (_, Actor)| {
            let changes = self.transition.approvals.of(seat);
            changes.map(move |(change, _)| (change.key(), actor))
        };
        let mut wishes: std::collections::BTreeMap<_, Vec<_>> = std::collections::BTreeMap::new();
        for (change, actor) in self.history.committee.seats().flat_map(approved) {
            wishes.entry(change).or_default().push(actor);
        }
        wishes.into_iter().collect()
    }

    /// Our message that waits for echoes, if one does.
    #[must_use]
    pub fn in_flight(&self) -> Option<Dot> {
        let source = self.actor();
        let lane = self.lanes.get(&source)?;
        lane.lock()?;
        let seq = lane.head().seq.next()?;
        Some(Dot { source, seq })
    }

    /// While a generation ends: the other members of whom nothing is known here that it takes next.
    /// That is their report, as long as there is no quorum of reports; after that, anything that
    /// they said in our round of the agreement.
    #[must_use]
    pub fn awaited(&self) -> Vec<Actor> {
        if !self.is_frozen() {
            return Vec::new();
        }
        let reports = &self.transition.reports.held;
        let reported = reports.len() >= self.history.committee.quorum();
        let agreement = self.transition.agreement.as_ref().filter(|_| reported);
        let mut seats = self.history.committee.seats().collect::<Vec<_>>();
        seats.retain(|(seat, actor)| match agreement {
            Some(agreement) => !agreement.has_heard(*seat),
            None => !reports.contains_key(actor),
        });
        let others = seats.into_iter().map(|(_, actor)| actor);
        others.filter(|actor| *actor != self.actor()).collect()
    }

    /// Own operations that were accepted and are not delivered: those of the message that is in
    /// flight, and those that wait behind it.
    #[must_use]
    pub fn pending(&self) -> usize {
        let in_flight = self.lanes.get(&self.actor()).and_then(Lane::lock);
        self.outbox.len() + in_flight.map_or(0, |lock| lock.ops.len())
    }
}
