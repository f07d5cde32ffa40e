//! The promises, checked after every step on every correct replica.

use std::collections::{BTreeMap, BTreeSet};

use super::msc::ChartError;
use super::rules::Rules;
use super::violation::Violation;
use crate::actor::Actor;
use crate::codec::{Digest, Limits, NetworkId};
use crate::deterministic_secure_broadcast::{
    Body, Delivery, Fault, Packet, PacketError, Record, Replica, Step,
};
use crate::dot::{Dot, Head, Seq};
use crate::membership::Generation;
use crate::recording::Recording;
use crate::store::Effect;
use crate::traits::WireAlgorithm;

/// What a thread unwinds with when a promise is broken in a network that was told to.
pub(super) struct Broken {
    pub(super) violation: Violation,
    pub(super) chart: Result<String, ChartError>,
    pub(super) tail: String,
    pub(super) recording: Option<Recording>,
}

/// How often a replica tells of invalid messages at one dot, at most: once for each of them. No
/// liar but the one that says the same again and again makes so many.
const MOST_TOLD: u32 = 64;

pub(super) type Invariant<A> = Box<dyn Fn(&A) -> Result<(), String>>;

pub(super) struct Checks<A: WireAlgorithm> {
    network: NetworkId,
    limits: Limits,
    /// Everybody else may be accused of anything.
    correct: BTreeSet<Actor>,
    tolerated: bool,
    agreed: BTreeMap<Dot, Digest>,
    delivered: BTreeMap<(Actor, Actor), Seq>,
    echoed: BTreeMap<(Actor, Generation, Dot), Digest>,
    bound: BTreeMap<Dot, Digest>,
    pub(super) rules: Rules,
    /// Operations of each correct member that were durable, and those that some correct replica
    /// applied.
    pub(super) proposed: BTreeMap<Actor, usize>,
    pub(super) arrived: BTreeMap<Actor, usize>,
    /// How often each replica has told of an invalid message at a dot.
    told: BTreeMap<(Actor, Dot), u32>,
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

    pub(super) fn is_correct(&self, actor: &Actor) -> bool {
        self.correct.contains(actor)
    }

    pub(super) fn effect(&mut self, who: Actor, effect: &Effect) -> Result<(), Violation> {
        match effect {
            Effect::Send(packet) => self.sent(who, packet),
            Effect::Delivered(delivery) => self.delivery(who, delivery),
            Effect::Fault(fault) => self.fault(who, fault),
            Effect::Installed(_) | Effect::Asked(_) | Effect::Refused(_) => Ok(()),
        }
    }

    /// A generation begins at a replica, if one does in this step.
    pub(super) fn begun(
        &mut self,
        who: Actor,
        replica: &Replica<A>,
        step: &Step,
    ) -> Result<(), Violation> {
        let foundings = step.persist.iter().find_map(|record| match record {
            Record::Installed(foundings) | Record::Snapshot { foundings, .. } => Some(foundings),
            _ => None,
        });
        let founding = foundings.and_then(|foundings| foundings.last());
        if let Some(founding) = founding.filter(|_| self.tolerated && self.is_correct(&who)) {
            let (next, generation) = (replica.boundary(), replica.generation());
            self.rules.begun(who, founding, next, &self.agreed)?;
            self.rules.founded(foundings.map_or(&[], Vec::as_slice));
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
    fn sent(&mut self, from: Actor, packet: &Packet) -> Result<(), Violation> {
        if self.tolerated && self.is_correct(&from) {
            self.rules.said(from, &packet.body, &self.network)?;
        }
        let twice = |dot| Violation::SignedTwice { who: from, dot };
        match &packet.body {
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
    fn fault(&mut self, by: Actor, fault: &Fault) -> Result<(), Violation> {
        if let Fault::Equivocation(evidence) = fault
            && evidence.verify(&self.network).is_err()
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
    pub(super) fn replica(&self, at: Actor, replica: &Replica<A>) -> Result<(), Violation> {
        for invariant in &self.invariants {
            invariant(replica.algorithm()).map_err(|what| Violation::Invariant { at, what })?;
        }
        let memory = replica.memory_use();
        let limits = &self.limits;
        // A chunk, which its last message may exceed, and what we are bound to beside it.
        let lane_bytes = 2 * limits.message_bytes + limits.chunk_bytes;
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
