//! The algorithm's state at a frontier, which a generation's members certify by executing it again.
//!
//! Executing costs what was delivered since the last boundary, and a snapshot costs the whole
//! state: each is done once a frontier, and not once a packet. The outcome depends on nothing but
//! the boundary and the frontier, whose digests name every message.

use std::collections::VecDeque;

use super::Replica;
use super::message::Entry;
use crate::actor::Actor;
use crate::codec::{Limits, decode};
use crate::dot::{Frontier, Head};
use crate::snapshot::{Commitment, Snapshot};
use crate::traits::WireAlgorithm;

/// The state at the frontier that was executed last; none when the messages up to there do not lead
/// to one.
#[derive(Debug)]
pub(super) struct Executed<A> {
    /// The frontier that was asked for, whether it led to a state or not: a value that leads
    /// nowhere is executed once, not at each packet that names it.
    frontier: Frontier,
    /// `None` when the last boundary's state does not decode, or some message up to there is never
    /// valid after the others.
    algorithm: Option<A>,
}

/// The algorithm, and its states at frontiers.
///
/// Invariant: `algorithm` is `pristine` with everything that was delivered, and nothing else,
/// applied.
#[derive(Debug)]
pub(super) struct Execution<A> {
    /// As it was at genesis.
    ///
    /// Kept because a snapshot is put into a fresh copy: what an algorithm does not replicate, such
    /// as its configuration, comes from here.
    pristine: A,
    /// Nothing but [`apply`](super::Replica::apply) and a snapshot that is installed changes it.
    pub(super) algorithm: A,
    /// One at most, so that no sequence of values makes us hold more than one further copy of the
    /// state.
    executed: Option<Executed<A>>,
    /// Messages that were delivered here since the start.
    ///
    /// A clock for early messages, together with ticks; it begins at 0 again with each start, and
    /// replayed deliveries do not count.
    pub(super) deliveries: u64,
    /// Our state is not the one that a quorum certified.
    ///
    /// Set once and kept, so that the fault is told once. It does not keep a later certified state
    /// from being installed.
    pub(super) diverged: bool,
}

impl<A: WireAlgorithm> Execution<A> {
    pub(super) fn new(algorithm: A) -> Self {
        Self {
            pristine: algorithm.clone(),
            algorithm,
            executed: None,
            deliveries: 0,
            diverged: false,
        }
    }

    /// The generation in which it was executed is over.
    ///
    /// It was made from the last boundary's state, which is not the one to start from any more.
    pub(super) fn forget_executed(&mut self) {
        self.executed = None;
    }

    /// The algorithm with a state that a quorum certified. `None` when it does not decode, or is
    /// beyond the algorithm's bounds.
    ///
    /// The bounds are asked because a quorum's word alone must not make a replica hold more than
    /// its operator's budget; the caller then goes on without the snapshot.
    pub(super) fn admitted(&self, snapshot: &Snapshot) -> Option<A> {
        let state = decoded::<A>(snapshot)?;
        let admitted = self.pristine.admits(&state);
        admitted.then(|| self.with_state(state))
    }

    /// The algorithm as it was at the boundary of this generation.
    ///
    /// The bounds are not asked: this state was held here already.
    pub(super) fn at_boundary(&self, snapshot: &Snapshot) -> Option<A> {
        Some(self.with_state(decoded::<A>(snapshot)?))
    }

    fn with_state(&self, state: A::ReplicatedState) -> A {
        let mut algorithm = self.pristine.clone();
        algorithm.sync_from(state);
        algorithm
    }
}

/// A state as it was encoded; `None` when the bytes are those of none.
fn decoded<A: WireAlgorithm>(snapshot: &Snapshot) -> Option<A::ReplicatedState> {
    let bytes = snapshot.bytes().as_slice();
    decode(bytes, bytes.len()).ok()
}

/// Applies the messages of several lanes, each when it is valid. Whether all were.
///
/// Goes round the lanes until no front message of any lane is valid. By the law *commuting* the
/// order among lanes does not change the state, so that one that gets through is as good as any
/// other; and by *stable* what is valid stays so until its own source says something else, so that
/// going on as far as possible never blocks what another order would allow.
///
/// Ends after at most one round more than there are messages, each of which is decoded once. A
/// message that does not decode ends it at once.
pub(super) fn replay_lanes<A: WireAlgorithm>(
    algorithm: &mut A,
    lanes: Vec<VecDeque<Entry>>,
    limits: &Limits,
) -> bool {
    // With the operations of its first message, when they were judged and are early.
    let mut lanes: Vec<_> = lanes.into_iter().map(|lane| (lane, None)).collect();
    loop {
        let mut progress = false;
        for (lane, read) in &mut lanes {
            while let Some(entry) = lane.front() {
                let source = entry.message().source;
                let decoded = read
                    .take()
                    .map_or_else(|| entry.message().decode(limits), Ok);
                let Ok(ops) = decoded else {
                    return false;
                };
                if !algorithm.verdict_batch(&source, &ops).is_valid() {
                    *read = Some(ops);
                    break;
                }
                ops.into_iter().for_each(|op| algorithm.apply(op));
                lane.pop_front();
                progress = true;
            }
        }
        if !progress {
            return lanes.iter().all(|(lane, _)| lane.is_empty());
        }
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// The snapshot of the state at a frontier and what the state digests to, if there is
    /// [one](Self::executed_at). The last is remembered until the generation ends.
    ///
    /// The first call for a frontier encodes and hashes the whole state; a second one costs a
    /// comparison of frontiers and a clone, of which the bytes are shared.
    pub(super) fn certifiable_at(&mut self, frontier: &Frontier) -> Option<(Snapshot, Commitment)> {
        if let Some((at, state)) = &self.transition.state
            && at == frontier
        {
            return Some(state.clone());
        }
        self.execute(frontier);
        let algorithm = self.executed_at(frontier)?;
        let snapshot = Snapshot::of(algorithm);
        let state = (snapshot.clone(), Commitment::of(algorithm, &snapshot));
        self.transition.state = Some((frontier.clone(), state.clone()));
        Some(state)
    }

    /// The algorithm at a frontier that was [executed](Self::execute): as it is here, or made of
    /// the last boundary's state and the messages since. `None` when they are not here, or do not
    /// lead to one state.
    ///
    /// Asked after [`execute`](Self::execute), as it only reads.
    pub(super) fn executed_at(&self, frontier: &Frontier) -> Option<&A> {
        if self.frontier() == *frontier {
            return Some(&self.execution.algorithm);
        }
        let executed = self.execution.executed.as_ref();
        let executed = executed.filter(|executed| executed.frontier == *frontier);
        executed?.algorithm.as_ref()
    }

    /// Executes up to a frontier, unless we are there or it was done before.
    ///
    /// Costs a copy of the state and all deliveries since the last boundary. When messages are
    /// missing nothing is remembered, as they may come; when they are all here and lead nowhere,
    /// that is remembered.
    pub(super) fn execute(&mut self, frontier: &Frontier) {
        let done = |executed: &Executed<A>| executed.frontier == *frontier;
        if self.frontier() == *frontier || self.execution.executed.as_ref().is_some_and(done) {
            return;
        }
        let Some(lanes) = self.lanes_up_to(frontier) else {
            return;
        };
        let algorithm = self.execution.at_boundary(self.history.snapshot());
        let algorithm = algorithm.and_then(|mut algorithm| {
            let valid = replay_lanes(&mut algorithm, lanes, self.history.limits());
            valid.then_some(algorithm)
        });
        let frontier = frontier.clone();
        self.execution.executed = Some(Executed {
            frontier,
            algorithm,
        });
    }

    /// The messages of each lane from the last boundary up to a frontier, if they are all here.
    ///
    /// Returns `None` also when a lane ends in another digest here than the frontier says: then
    /// another message was delivered there, and no state at that frontier exists here.
    fn lanes_up_to(&self, frontier: &Frontier) -> Option<Vec<VecDeque<Entry>>> {
        let up_to = |(source, head): (&Actor, &Head)| {
            let start = self.history.boundary.head(source);
            let log = &self.lanes.get(source)?.log;
            let entries: VecDeque<_> = log.between(start.seq, head.seq).cloned().collect();
            let reached = entries.back().map_or(start, Entry::head);
            (reached == *head).then_some(entries)
        };
        frontier.iter().map(up_to).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize};

    use super::*;
    use crate::actor::{Sig, SigningActor};
    use crate::codec::{NetworkId, encode};
    use crate::deterministic_secure_broadcast::message::{Message, Proposal};
    use crate::dot::Seq;
    use crate::quorum::Generation;
    use crate::traits::SecureBroadcastAlgorithm;

    thread_local! {
        static DECODED: Cell<u64> = const { Cell::new(0) };
    }

    /// How many others have to be applied before.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
    struct After(u64);

    impl<'de> Deserialize<'de> for After {
        fn deserialize<D: Deserializer<'de>>(bytes: D) -> Result<Self, D::Error> {
            DECODED.set(DECODED.get() + 1);
            Ok(Self(u64::deserialize(bytes)?))
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Count(u64);

    impl SecureBroadcastAlgorithm for Count {
        type Op = After;
        type ReplicatedState = u64;
        fn new(_: Actor) -> Self {
            Self(0)
        }
        fn state(&self) -> u64 {
            self.0
        }
        fn sync_from(&mut self, other: u64) {
            self.0 = other;
        }
        fn validate(&self, _: &Actor, op: &After) -> bool {
            op.0 <= self.0
        }
        fn apply(&mut self, _: After) {
            self.0 += 1;
        }
    }

    fn lane(number: u8, wanted: impl Iterator<Item = u64>) -> VecDeque<Entry> {
        let source = SigningActor::from_secret(&[number; 32]).actor();
        let mut head = Head::empty(&NetworkId::NONE);
        let entry = |after| {
            let message = Message {
                source,
                seq: head.seq.next().unwrap_or(Seq::ZERO),
                parent: head.digest,
                ops: encode(&vec![After(after)]).into(),
            };
            let proposal = Proposal {
                message,
                generation: Generation::GENESIS,
                sig: Sig::from_bytes([0; 64]),
            };
            let entry = Entry::new(&NetworkId::NONE, Arc::new(proposal));
            head = entry.head();
            entry
        };
        wanted.map(entry).collect()
    }

    /// Two lanes that pass the turn to and fro, and some that wait until the end: each round
    /// applies two messages and looks at all lanes.
    #[test]
    fn however_many_rounds_it_takes_each_message_is_decoded_once() {
        const PASSES: u64 = 100;
        let mut lanes: Vec<_> = (3..9)
            .map(|number| lane(number, [PASSES].into_iter()))
            .collect();
        for first in [1, 0] {
            lanes.push(lane(
                u8::try_from(first).expect("few") + 1,
                (first..PASSES).step_by(2),
            ));
        }
        let (mut count, messages) = (Count(0), PASSES + 6);
        DECODED.set(0);
        assert!(replay_lanes(&mut count, lanes, &Limits::default()));
        assert_eq!((count.0, DECODED.get()), (messages, messages));
    }
}
