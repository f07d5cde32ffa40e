//! The promises, checked after every step on every correct replica.

use std::collections::{BTreeMap, BTreeSet};

use super::msc::ChartError;
use super::rules::Rules;
use super::violation::Violation;
use crate::actor::Actor;
use crate::codec::{Digest, Limits, NetworkId};
use crate::deterministic_secure_broadcast::{
    Body, Delivery, Equivocation, Fault, PacketError, Record, Replica, Step,
};
use crate::dot::{Dot, Head, Seq};
use crate::evidence::Conflict;
use crate::quorum::Generation;
use crate::recording::Recording;
use crate::store::Effect;
use crate::traits::WireAlgorithm;

/// What a thread unwinds with when a promise is broken in a network that was told to.
///
/// Whoever catches it shows it to people.
pub(super) struct Broken {
    /// The first that was found: the run ends with it.
    pub(super) violation: Violation,
    /// Why there is none when the run is too long for one.
    pub(super) chart: Result<String, ChartError>,
    /// The events that the trace kept last, a line each.
    pub(super) tail: String,
    /// `None` unless the network was built to keep one.
    pub(super) recording: Option<Recording>,
}

/// How often a replica tells of invalid messages at one dot, at most: once for each of them. No
/// liar but the one that says the same again and again makes so many.
const MOST_TOLD: u32 = 64;

/// What must hold of every state of the algorithm; the words say what does not.
pub(super) type Invariant<A> = Box<dyn Fn(&A) -> Result<(), String>>;

/// It sees what no replica sees: the word and the state of all of them. What is forgotten in a
/// crash is remembered here, so that a replica that signs otherwise after a restart is found out.
pub(super) struct Checks<A: WireAlgorithm> {
    /// For the digests of what is signed.
    network: NetworkId,
    /// Those of the genesis, against which memory is measured.
    limits: Limits,
    /// Everybody else may be accused of anything.
    correct: BTreeSet<Actor>,
    /// Whether there are no more liars than the committee tolerates: else consistency is not asked
    /// for.
    tolerated: bool,
    /// The message that was delivered first at each dot, by whomever.
    agreed: BTreeMap<Dot, Digest>,
    /// The end of each source's lane at each replica, in this order: replica, source.
    delivered: BTreeMap<(Actor, Actor), Seq>,
    /// What each correct member signed at a dot in a generation.
    echoed: BTreeMap<(Actor, Generation, Dot), Digest>,
    /// What each correct source proposed at its own dots, in whatever generation.
    bound: BTreeMap<Dot, Digest>,
    /// What correct members began and said, compared across all of them.
    pub(super) rules: Rules,
    /// Operations of each correct member that were durable, and those that some correct replica
    /// applied.
    pub(super) proposed: BTreeMap<Actor, usize>,
    /// By their sources.
    pub(super) arrived: BTreeMap<Actor, usize>,
    /// How often each replica has told of an invalid message at a dot.
    told: BTreeMap<(Actor, Dot), u32>,
    /// The algorithm's own.
    invariants: Vec<Invariant<A>>,
}

impl<A: WireAlgorithm> Checks<A> {
    pub(super) fn new(
        network: NetworkId,
        limits: Limits,
        correct: BTreeSet<Actor>,
        tolerated: bool,
        invariants: Vec<Invariant<A>>,
    ) -> Self {
        Self {
            network,
            limits,
            correct,
            tolerated,
            agreed: BTreeMap::new(),
            delivered: BTreeMap::new(),
            echoed: BTreeMap::new(),
            bound: BTreeMap::new(),
            rules: Rules::default(),
            proposed: BTreeMap::new(),
            arrived: BTreeMap::new(),
            told: BTreeMap::new(),
            invariants,
        }
    }

    /// This actor is Byzantine now by the protocol's words: its key signs elsewhere, or what it
    /// signed is forgotten.
    ///
    /// From here on it may be accused, and nothing is asked of it.
    pub(super) fn excuse(&mut self, actor: &Actor) {
        self.correct.remove(actor);
    }

    /// This actor's store was replaced by an older copy, so that it will deliver again.
    pub(super) fn restored(&mut self, actor: &Actor) {
        self.excuse(actor);
        self.delivered.retain(|(who, _), _| who != actor);
    }

    /// Somebody correct is new.
    pub(super) fn enter(&mut self, actor: Actor) {
        self.correct.insert(actor);
    }

    /// `false` also for who was correct once: see [`excuse`](Self::excuse).
    pub(super) fn is_correct(&self, actor: &Actor) -> bool {
        self.correct.contains(actor)
    }

    /// Called for each effect of a correct replica's step, in its order.
    pub(super) fn effect(&mut self, who: Actor, effect: &Effect) -> Result<(), Violation> {
        match effect {
            Effect::Send(said) => self.sent(who, &said.body),
            Effect::Delivered(delivery) => self.delivery(who, delivery),
            Effect::Fault(fault) => self.fault(who, fault),
            Effect::Installed(_) | Effect::Asked(_) | Effect::Refused(_) => Ok(()),
        }
    }

    /// A generation begins at a replica, if one does in this step.
    ///
    /// Called before the step is spent, while its records are still there.
    ///
    /// # Errors
    /// What the [`Rules`] find; and a generation that was installed by execution must be here up to
    /// its frontier.
    pub(super) fn begun(
        &mut self,
        who: Actor,
        replica: &Replica<A>,
        step: &Step,
    ) -> Result<(), Violation> {
        let proofs = step.persist.iter().find_map(|record| match record {
            Record::Installed(proofs) | Record::Snapshot { proofs, .. } => Some(proofs),
            _ => None,
        });
        let correct = self.is_correct(&who);
        for record in step.persist.iter().filter(|_| correct) {
            if let Record::Value(value) = record {
                self.rules.recorded(value, &self.network);
            }
        }
        if proofs.is_some() && self.tolerated && self.is_correct(&who) {
            let (next, generation) = (replica.boundary(), replica.generation());
            self.rules.begun(who, next, &self.agreed)?;
            self.rules.founded(proofs.map_or(&[], Vec::as_slice));
            let mut frontier = next.frontier().iter();
            let here = |source, seq| replica.head(source).is_some_and(|head| head.seq >= seq);
            if !frontier.all(|(source, head)| here(source, head.seq)) {
                let what = "is not here up to its frontier";
                return Err(Violation::Boundary {
                    who,
                    generation,
                    what,
                });
            }
        }
        if step.installed.iter().any(|installed| installed.by_snapshot) {
            self.resumed(who, replica, &step.delivered)?;
        }
        Ok(())
    }

    /// 3. One digest a dot and generation, across crashes too.
    ///
    /// Only statements of the sender itself are compared; what it sends on is another's.
    fn sent(&mut self, from: Actor, body: &Body) -> Result<(), Violation> {
        if self.tolerated && self.is_correct(&from) {
            self.rules.said(from, body, &self.network)?;
        }
        let twice = |dot| Violation::SignedTwice { who: from, dot };
        match body {
            Body::Echo(echo) if echo.signer == from && self.is_correct(&from) => {
                let said = echo.statement;
                let key = (from, said.generation, said.dot);
                let first = *self.echoed.entry(key).or_insert(said.digest);
                (first == said.digest).then_some(()).ok_or(twice(said.dot))
            }
            Body::Proposal(proposal)
                if proposal.message.source == from && self.is_correct(&from) =>
            {
                let dot = proposal.message.dot();
                let digest = crate::actor::Statement::digest(&proposal.message, &self.network);
                let first = *self.bound.entry(dot).or_insert(digest);
                (first == digest).then_some(()).ok_or(twice(dot))
            }
            _ => Ok(()),
        }
    }

    /// 1 and 2. One message a dot, in source order.
    ///
    /// The parent is compared with what was agreed on before it, so that a lane that branches is
    /// found at its first message.
    fn delivery(&mut self, who: Actor, delivery: &Delivery) -> Result<(), Violation> {
        let dot = delivery.dot();
        let last = self.delivered.entry((who, dot.source)).or_default();
        let after = std::mem::replace(last, dot.seq);
        if !dot.seq.follows(after) {
            return Err(Violation::SourceOrder { who, dot, after });
        }
        let source = dot.source;
        let before = match after {
            Seq::ZERO => Some(Head::empty(&self.network).digest),
            seq => self.agreed.get(&Dot { source, seq }).copied(),
        };
        if before.is_some_and(|before| before != delivery.parent()) {
            return Err(Violation::Unchained { who, dot });
        }
        self.agree(who, dot, delivery.digest(), || delivery.count())
    }

    /// Counts the operations of each dot once, when it is delivered first.
    fn agree(
        &mut self,
        who: Actor,
        dot: Dot,
        digest: Digest,
        ops: impl FnOnce() -> usize,
    ) -> Result<(), Violation> {
        let delivered = &mut self.arrived;
        let first = *self.agreed.entry(dot).or_insert_with(|| {
            *delivered.entry(dot.source).or_default() += ops();
            digest
        });
        let agreed = first == digest || !self.tolerated || !self.is_correct(&who);
        agreed
            .then_some(())
            .ok_or(Violation::Consistency { who, dot })
    }

    /// 4. Nobody correct is ever named, every evidence verifies, and nothing is told without end.
    ///
    /// A convicted actor has to be Byzantine by what was done to it: a liar, a store that was put
    /// back, or a key that was stolen.
    fn fault(&mut self, by: Actor, fault: &Fault) -> Result<(), Violation> {
        if let Fault::Equivocation(evidence) = fault
            && (evidence.verify(&self.network).is_err() || !is_of_one_generation(evidence))
        {
            return Err(Violation::BadEvidence { by });
        }
        if let Fault::Invalid { dot, .. } = fault {
            let times = self.told.entry((by, *dot)).or_default();
            *times += 1;
            if *times > MOST_TOLD {
                let (dot, kind) = (*dot, fault.kind());
                return Err(Violation::ToldAgain { by, kind, dot });
            }
        }
        match fault.accused() {
            Some(accused) if self.is_correct(&accused) => {
                Err(Violation::FalselyAccused { by, accused })
            }
            None if self.is_correct(&by) && self.tolerated => Err(Violation::Impossible {
                at: by,
                kind: fault.kind(),
            }),
            _ => Ok(()),
        }
    }

    /// 5. Without liars and faults nothing is refused.
    ///
    /// `in_peace` says that there are no liars and never was a fault.
    pub(super) fn refused(
        &self,
        at: Actor,
        refusal: &PacketError,
        in_peace: bool,
    ) -> Result<(), Violation> {
        if in_peace {
            let refusal = refusal.clone();
            return Err(Violation::RefusedInPeace { at, refusal });
        }
        Ok(())
    }

    /// 6 and 7. The algorithm's invariants and the memory bounds.
    ///
    /// After each step. The bounds are those that the documentation promises, taken from the
    /// limits.
    pub(super) fn replica(&self, at: Actor, replica: &Replica<A>) -> Result<(), Violation> {
        for invariant in &self.invariants {
            invariant(replica.algorithm()).map_err(|what| Violation::Invariant { at, what })?;
        }
        let memory = replica.memory_use();
        let limits = &self.limits;
        // A segment, which its last message may exceed, and what we are bound to beside it.
        let lane_bytes = 2 * limits.message_bytes + limits.segment_bytes;
        let bounds = [
            ("lanes", memory.lanes, limits.lanes),
            ("bytes in one lane", memory.most_lane_bytes, lane_bytes),
            (
                "bytes in the outbox",
                memory.outbox_bytes,
                limits.outbox_bytes,
            ),
            ("pieces of evidence", memory.evidence, limits.lanes),
            // Of two generations, while the next is founded and not installed.
            ("peers", memory.peers, 2 * limits.seats),
        ];
        for (what, held, bound) in bounds {
            let bound = bound as usize;
            if held > bound {
                return Err(Violation::Memory {
                    at,
                    what,
                    held,
                    bound,
                });
            }
        }
        Ok(())
    }

    /// After a restart or a snapshot: what is here is what was agreed, and delivery goes on from
    /// there.
    ///
    /// What a replica says to have delivered after a restart is compared with what all delivered,
    /// as what it delivered before is not told again.
    pub(super) fn resumed(
        &mut self,
        who: Actor,
        replica: &Replica<A>,
        delivered: &[Delivery],
    ) -> Result<(), Violation> {
        for (source, head) in replica.frontier() {
            self.delivered.insert((who, source), head.seq);
            for message in replica.messages(&source) {
                let dot = message.dot();
                let ops = || {
                    message
                        .decode::<A::Op>(replica.limits())
                        .map_or(0, |ops| ops.len())
                };
                if let Some(digest) = replica.delivered(&dot) {
                    self.agree(who, dot, digest, ops)?;
                }
            }
        }
        // What the first step delivers is still to be told.
        for dot in delivered.iter().rev().map(Delivery::dot) {
            let before = Seq::new(dot.seq.number() - 1);
            self.delivered.insert((who, dot.source), before);
        }
        Ok(())
    }
}

/// Whether both were signed in one generation: of no two others would a correct member sign one
/// alone. Asked here again, as nobody's evidence may rest on more than that.
fn is_of_one_generation(evidence: &Equivocation) -> bool {
    let [left, right] = match evidence {
        Equivocation::Echo(Conflict { left, right }) => {
            [left.statement.generation, right.statement.generation]
        }
        Equivocation::Vote(Conflict { left, right }) => {
            [left.statement.generation, right.statement.generation]
        }
    };
    left == right
}
