//! The states of single replicas, and the real code that leads from one to the next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Decision, Explorer, Input, LIAR, MEMBER, Node, bit, of};
use crate::common::Set;
use crate::exhaustive::fingerprint;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Replica, Step};
use bft_crdts::membership::Report;

impl Explorer {
    pub(super) fn drive(&self, replica: &mut Replica<Set>, input: Input) -> Vec<Step> {
        let (from, to) = (self.table.actor(LIAR), self.table.actor(MEMBER));
        let packets = self.bodies(input).into_iter();
        packets
            .filter_map(|body| replica.handle_packet(Packet { from, to, body }).ok())
            .collect()
    }

    /// It has asked the liar already, once and for all without ticks: so it does not matter when.
    pub(super) fn fresh(&self) -> Box<Replica<Set>> {
        let (mut replica, _) = self.table.rebuild(MEMBER);
        self.drive(&mut replica, Input::Approved(self.generations));
        Box::new(replica)
    }

    /// The replica in a state: as it was left, or run again from the start.
    pub(super) fn replica(&mut self, node: u32) -> Box<Replica<Set>> {
        if let Some(replica) = self.nodes[node as usize].live.take() {
            return replica;
        }
        let (mut path, mut at) = (Vec::new(), node);
        while let Some((from, input)) = self.nodes[at as usize].from {
            path.push(input);
            at = from;
        }
        let mut replica = self.fresh();
        for input in path.into_iter().rev() {
            self.runs += 1;
            self.drive(&mut replica, input);
        }
        replica
    }

    pub(super) fn intern(&mut self, mut node: Node) -> u32 {
        let live = node.live.take();
        let from = node.from.take();
        let id = fingerprint(&format!("{node:?}{live:?}"));
        (node.live, node.from) = (live, from);
        let next = u32::try_from(self.nodes.len()).expect("few states");
        let known = *self.node_ids.entry(id).or_insert(next);
        if known == next {
            self.nodes.push(node);
        } else {
            let live = &mut self.nodes[known as usize].live;
            *live = live.take().or(node.live);
        }
        known
    }

    /// The state in which an input leaves a replica, and what it echoed in the generation that it
    /// left by it.
    pub(super) fn go(&mut self, node: u32, input: Input) -> (u32, u8) {
        if let Some(known) = self.moves.get(&(node, input)) {
            return *known;
        }
        let mut replica = self.replica(node);
        self.runs += 1;
        let steps = catch_unwind(AssertUnwindSafe(|| self.drive(&mut replica, input)));
        let before = &self.nodes[node as usize];
        let mut after = Node {
            from: Some((node, input)),
            live: None,
            wrong: steps.is_err().then(|| "a panic".to_owned()),
            ..*before
        };
        let mut reported = None;
        for step in steps.into_iter().flatten() {
            self.heed(&step, before, &mut after, &mut reported);
        }
        after.generation = usize::try_from(replica.generation().number()).expect("few");
        let value = replica.boundary().value();
        let founded = |decision: &Decision| decision.boundary.value() == value;
        let at = self.decisions.iter().position(founded);
        after.at = u32::try_from(at.expect("it was shown")).expect("few");
        after.frozen = replica.is_frozen();
        after.convicts = replica.convicted().contains_key(&self.dot.source);
        after.live = Some(replica);
        after.report = match reported {
            Some(report) => Some(self.report(report)),
            None => after.report.filter(|_| after.frozen),
        };
        let left = after.said & !of(after.generation);
        after.said &= of(after.generation);
        let next = self.intern(after);
        self.moves.insert((node, input), (next, left));
        (next, left)
    }

    /// What a replica said, and what it must never say.
    pub(super) fn heed(
        &self,
        step: &Step,
        before: &Node,
        after: &mut Node,
        reported: &mut Option<Report>,
    ) {
        let me = self.table.actor(MEMBER);
        for delivery in &step.delivered {
            let letter = self.letter(&delivery.digest());
            after.delivered = Some((letter, before.generation));
        }
        let liar = self.table.actor(LIAR);
        let unjust = step
            .faults
            .iter()
            .find(|fault| fault.accused() != Some(liar));
        after.wrong = unjust
            .map(|fault| format!("{fault:?}"))
            .or(after.wrong.take());
        for packet in step.packets() {
            match packet.body {
                Body::Echo(echo) if echo.signer == me => {
                    let echo = echo.statement;
                    let generation = usize::try_from(echo.generation.number()).expect("few");
                    after.said |= bit((generation, self.letter(&echo.digest)));
                }
                Body::Report { report, .. } => *reported = Some(report.statement.clone()),
                _ => {}
            }
        }
    }
}
