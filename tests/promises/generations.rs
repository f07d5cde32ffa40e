//! Every way in which signatures of one generation can meet another one: one dot of one lane, two
//! messages for it, four members, and three generations with the same members.
//!
//! What runs is the real [`Replica`], and the search goes breadth-first over the states of the
//! world, as in [`exhaustive`](crate::exhaustive), but to the end: no number of inputs bounds it.
//! Nothing is ever taken off the wire: what was said once may arrive anywhere, at any time, any
//! number of times, or never. One member lies. In the first case it is the source of the lane and
//! signs both messages in each generation. In the second the source is correct, and signs at most
//! one in each, whichever it likes where the boundary carries none: it is a script of its rules,
//! with any timing.
//!
//! The liar shows any signature of the source in any generation, and each certificate that two
//! correct members' echoes allow. It ends a generation: where two correct members have frozen and
//! reported, it takes any three or four of their reports and its own. In its own it marks the dot
//! with nothing, with a lock of any generation, with a seal of any two signatures, or says that its
//! lane moved where that is certified. What [`GenerationProposal::check`] accepts is decided, once
//! a generation, and each member is shown the decision whenever, or never. The keys of all are in
//! the test's hands, and sign the precommits without an agreement: what is explored is lanes and
//! boundaries, and the agreement alone is in [`exhaustive`](crate::exhaustive) and in `agreement`.
//!
//! What is merged, as no replica can tell it apart or its rules do not ask for it:
//! - correct members other than the source are interchangeable, and so one replica's states are all
//!   of theirs; the world is a set of them with repetitions;
//! - values that found the same boundary count as one: members see no more of a value than its
//!   header and its ending;
//! - certificates that differ only in who else signed count as one; who echoed the message itself
//!   is shown one with its own echo, which asks more of its memory;
//! - echoes of generations that a member has left are kept as far as they may still make a
//!   certificate, without who gave them.
//!
//! Not in it: ticks, crashes, and what others than the source pass on; a certificate comes with
//! its message, and nothing is frozen in the last generation.
#![allow(clippy::print_stdout, reason = "the counts are the result")]

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::common::{Set, Table, add, dot};
use bft_crdts::SecureBroadcastAlgorithm as _;
use bft_crdts::actor::{Signed, Statement};
use bft_crdts::codec::{Digest, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, ChangeApproval, Echo, Packet, Proposal, Replica, Step,
};
use bft_crdts::dot::{Dot, Head};
use bft_crdts::environment;
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    Approval, Boundary, Change, ChangeCertificate, GenerationDraft, GenerationProof,
    GenerationProposal, Mark, Report, Round, Vote, VoteKind,
};
use bft_crdts::orswot::Op;
use bft_crdts::quorum::{self, Generation};
use bft_crdts::snapshot::{Commitment, Snapshot};

/// The seat whose replica stands for all correct members but a correct source.
const MEMBER: usize = 0;
/// Where a correct source sits.
const SOURCE: usize = 2;
const LIAR: usize = 3;
/// Generations at most.
const MOST: usize = 3;
/// No node, no digest.
const NONE: u32 = u32::MAX;

/// A generation and one of the two messages: a bit for each in a set of them.
type Said = (usize, usize);

fn bit((generation, letter): Said) -> u8 {
    1 << (2 * generation + letter)
}

/// All of one generation.
fn of(generation: usize) -> u8 {
    3 << (2 * generation)
}

fn all(generations: usize) -> impl Iterator<Item = Said> {
    (0..generations).flat_map(|generation| [(generation, 0), (generation, 1)])
}

fn numbered(generation: usize) -> Generation {
    Generation::numbered(generation as u64)
}

/// What a correct member is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Input {
    /// The message with its source's signature of this generation.
    Shown(Said),
    /// A certificate, whether its receiver signed it, and the generation of the message with it.
    Certified(Said, bool, usize),
    /// The approvals that end this generation.
    Approved(usize),
    Decided(u32),
}

/// What happens in the world.
#[derive(Clone, Copy, Debug)]
enum Event {
    Starts,
    Hears(u32, Input),
    Decides(u32),
    SourceIs(Source),
}

/// A correct source, by the script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Source {
    signed: u8,
    generation: usize,
    frozen: bool,
    delivered: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    /// In ascending order; the third is none where the source is correct.
    members: [u32; 3],
    source: Source,
    /// The newest decision.
    tip: u32,
    certified: u8,
    /// Echoed by one correct member which has left that generation.
    echoed: u8,
}

/// A state that a replica can be in.
#[derive(Debug)]
struct Node {
    from: Option<(u32, Input)>,
    /// The decision that founded its generation.
    at: u32,
    generation: usize,
    frozen: bool,
    convicts: bool,
    /// In its generation.
    said: u8,
    report: Option<u32>,
    /// Which message, and the generation in which it was.
    delivered: Option<(usize, usize)>,
    wrong: Option<String>,
    live: Option<Box<Replica<Set>>>,
}

struct Decision {
    before: u32,
    boundary: Boundary,
    proof: Option<Arc<GenerationProof>>,
}

impl Decision {
    fn generation(&self) -> usize {
        usize::try_from(self.boundary.generation().number()).expect("few generations")
    }
}

/// What the liar reports of the dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lie {
    Nothing,
    Moved(usize),
    Lock(Said),
    Seal(Said, Said),
}

struct Explorer {
    lies: bool,
    generations: usize,
    table: Table,
    dot: Dot,
    shown: Vec<Arc<Proposal>>,
    digests: [Digest; 2],
    decisions: Vec<Decision>,
    reports: Vec<Report>,
    values: HashMap<(u32, Vec<u32>), Option<u32>>,
    /// Reports of the liar that have the right form.
    lied: HashMap<(u32, Lie), Option<u32>>,
    nodes: Vec<Node>,
    node_ids: HashMap<u128, u32>,
    moves: HashMap<(u32, Input), (u32, u8)>,
    runs: u64,
}

/// What is made with everybody's keys.
impl Explorer {
    fn new(lies: bool, generations: usize) -> Self {
        let table = Table::of(4);
        let source = if lies { LIAR } else { SOURCE };
        let actor = table.actor(source);
        let firsts = [1, 2].map(|member| table.first(source, &[add(actor, 1, member)]));
        let digests = [0, 1].map(|letter| table.echo_of(&firsts[letter]).digest);
        let signed = |(generation, letter): Said| {
            let mut proposal = Proposal::clone(&firsts[letter]);
            proposal.generation = numbered(generation);
            proposal.sig = table.echo(source, &proposal).sig;
            Arc::new(proposal)
        };
        let genesis = Boundary::genesis(&table.genesis).expect("a committee");
        Self {
            lies,
            generations,
            dot: dot(actor, 1),
            shown: all(MOST).map(signed).collect(),
            digests,
            decisions: vec![Decision {
                before: NONE,
                boundary: genesis,
                proof: None,
            }],
            table,
            reports: Vec::new(),
            values: HashMap::new(),
            lied: HashMap::new(),
            nodes: Vec::new(),
            node_ids: HashMap::new(),
            moves: HashMap::new(),
            runs: 0,
        }
    }

    fn message(&self, (generation, letter): Said) -> &Arc<Proposal> {
        &self.shown[2 * generation + letter]
    }

    fn letter(&self, digest: &Digest) -> usize {
        let same = self.digests.iter().position(|known| known == digest);
        same.expect("there are two messages")
    }

    /// The source's signature.
    fn signature(&self, said: Said) -> Signed<Echo> {
        let proposal = self.message(said);
        Signed {
            statement: self.table.echo_of(proposal),
            signer: self.dot.source,
            sig: proposal.sig,
        }
    }

    fn signed<T: Statement + Clone>(&self, by: &[usize], statement: T) -> quorum::Certificate<T> {
        let (network, seats) = (self.table.network(), self.table.seats());
        let sign = |seat: &usize| {
            let signed = self.table.keys[*seat].sign(&network, statement.clone());
            (seats[*seat], signed.sig)
        };
        quorum::Certificate {
            signatures: by.iter().map(sign).collect(),
            statement,
        }
    }

    fn approval(generation: usize) -> Approval {
        Approval {
            generation: numbered(generation),
            change: Change::Renew.key(),
        }
    }

    fn bodies(&self, input: Input) -> Vec<Body> {
        match input {
            Input::Shown(said) => vec![Body::Proposal(Arc::clone(self.message(said)))],
            Input::Certified(said, own, signed) => {
                let by = if own { [MEMBER, 2, LIAR] } else { [1, 2, LIAR] };
                let certificate = self.signed(&by, self.table.echo_of(self.message(said)));
                let message = Arc::clone(self.message((signed, said.1)));
                let certificate = Body::Certificate(Arc::new(certificate));
                vec![certificate, Body::Proposal(message)]
            }
            Input::Approved(generation) => {
                let approve = |seat: usize| {
                    let key = &self.table.keys[seat];
                    let approval = Self::approval(generation);
                    Body::Approve(Arc::new(ChangeApproval {
                        change: Change::Renew,
                        approval: key.sign(&self.table.network(), approval).into_claim(),
                    }))
                };
                (0..4).filter(|seat| *seat != MEMBER).map(approve).collect()
            }
            Input::Decided(decision) => {
                let proof = self.decisions[decision as usize].proof.clone();
                vec![Body::GenerationProof(proof.expect("not the genesis"))]
            }
        }
    }

    fn report(&mut self, report: Report) -> u32 {
        let known = self.reports.iter().position(|known| *known == report);
        let id = known.unwrap_or(self.reports.len());
        if known.is_none() {
            self.reports.push(report);
        }
        u32::try_from(id).expect("few reports")
    }

    /// The liar's report, if it has the right form.
    fn lie(&mut self, tip: u32, lie: Lie) -> Option<u32> {
        if let Some(known) = self.lied.get(&(tip, lie)) {
            return *known;
        }
        let boundary = &self.decisions[tip as usize].boundary;
        let mut report = Report::of(boundary);
        let source = self.dot.source;
        let mark = match lie {
            Lie::Nothing => None,
            Lie::Moved(letter) => {
                report.heads.insert(source, self.head(letter));
                None
            }
            Lie::Lock(said) => Some(Mark::Lock(self.signature(said))),
            Lie::Seal(left, right) => {
                let [left, right] = [left, right].map(|said| self.signature(said));
                Some(Mark::Seal(Conflict { left, right }))
            }
        };
        report.marks.extend(mark.map(|mark| (source, mark)));
        let good = report.check(boundary).is_ok();
        let id = good.then(|| self.report(report));
        self.lied.insert((tip, lie), id);
        id
    }

    fn head(&self, letter: usize) -> Head {
        Head {
            seq: self.dot.seq,
            digest: self.digests[letter],
        }
    }

    /// The decision on the boundary that these reports make, if they make one.
    fn decide(&mut self, tip: u32, mut reports: Vec<u32>) -> Option<u32> {
        reports.sort_unstable();
        let key = (tip, reports);
        if let Some(known) = self.values.get(&key) {
            return *known;
        }
        let decision = self.decided(tip, &key.1);
        self.values.insert(key, decision);
        decision
    }

    fn decided(&mut self, tip: u32, reports: &[u32]) -> Option<u32> {
        let network = self.table.network();
        let last = &self.decisions[tip as usize];
        let (generation, last) = (last.generation(), &last.boundary);
        let reports = reports.iter().zip(&self.table.keys).map(|(report, key)| {
            let report = self.reports[*report as usize].clone();
            key.sign(&network, report).into_claim()
        });
        let draft = GenerationDraft {
            parent: last.value(),
            changes: vec![ChangeCertificate {
                change: Change::Renew,
                approvals: Arc::new(self.signed(&[0, 1, 2], Self::approval(generation))),
            }],
            reports: reports.collect(),
        };
        let ending = draft.ending(last).ok()?;
        let same = |known: &Decision| known.before == tip && **known.boundary.ending() == ending;
        if let Some(known) = self.decisions.iter().position(same) {
            return u32::try_from(known).ok();
        }
        let mut set = Set::new(self.table.actor(0));
        if let Some(head) = ending.frontier.get(&self.dot.source) {
            let message = &self.message((0, self.letter(&head.digest))).message;
            let ops = message.decode::<Op<u8>>(self.table.genesis.limits());
            ops.expect("ours").into_iter().for_each(|op| set.apply(op));
        }
        let state = Commitment::of(&set, &Snapshot::of(&set));
        let value: GenerationProposal = draft.found(last, &ending, state);
        let boundary = value.check(last).ok()?.next;
        let vote = Vote {
            generation: last.generation(),
            round: Round::FIRST,
            kind: VoteKind::Precommit(Some(value.digest(&network))),
        };
        let proof = GenerationProof {
            header: value.header(&network),
            certificate: Arc::new(self.signed(&[0, 1, 2], vote)),
            ending: Some(Arc::clone(boundary.ending())),
        };
        self.decisions.push(Decision {
            before: tip,
            boundary,
            proof: Some(Arc::new(proof)),
        });
        u32::try_from(self.decisions.len() - 1).ok()
    }

    /// From the newest decision back to the genesis.
    fn chain(&self, tip: u32) -> impl Iterator<Item = (u32, &Decision)> {
        let next = |id: u32| (id != NONE).then(|| (id, &self.decisions[id as usize]));
        std::iter::successors(next(tip), move |(_, decision)| next(decision.before))
    }

    /// The message that a boundary covers or carries on.
    fn carried(&self, boundary: &Boundary) -> Option<usize> {
        let head = boundary.frontier().get(&self.dot.source);
        let adopted = boundary.adopted().get(&self.dot.source);
        let digest = head.map(|head| head.digest);
        let digest = digest.or(adopted.map(|lock| lock.statement.digest));
        digest.map(|digest| self.letter(&digest))
    }
}

/// Replicas.
impl Explorer {
    fn drive(&self, replica: &mut Replica<Set>, input: Input) -> Vec<Step> {
        let (from, to) = (self.table.actor(LIAR), self.table.actor(MEMBER));
        let packets = self.bodies(input).into_iter();
        packets
            .filter_map(|body| replica.handle_packet(Packet { from, to, body }).ok())
            .collect()
    }

    /// It has asked the liar already, once and for all without ticks: so it does not matter when.
    fn fresh(&self) -> Box<Replica<Set>> {
        let (mut replica, _) = self.table.rebuild(MEMBER);
        self.drive(&mut replica, Input::Approved(self.generations));
        Box::new(replica)
    }

    /// The replica in a state: as it was left, or run again from the start.
    fn replica(&mut self, node: u32) -> Box<Replica<Set>> {
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

    fn intern(&mut self, mut node: Node) -> u32 {
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
    fn go(&mut self, node: u32, input: Input) -> (u32, u8) {
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
    fn heed(&self, step: &Step, before: &Node, after: &mut Node, reported: &mut Option<Report>) {
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

fn fingerprint(thing: &impl Hash) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        thing.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

/// What may happen next.
impl Explorer {
    fn next(&mut self, world: &World) -> Vec<(World, Event)> {
        let mut next = Vec::new();
        for place in 0..3 {
            let node = world.members[place];
            if node == NONE || (place > 0 && world.members[place - 1] == node) {
                continue;
            }
            for input in self.inputs(world, node) {
                let (moved, left) = self.go(node, input);
                if moved != node {
                    let mut after = *world;
                    after.members[place] = moved;
                    after.members.sort_unstable();
                    self.count(&mut after, left);
                    next.push((after, Event::Hears(node, input)));
                }
            }
        }
        if !self.lies {
            self.script(world, &mut next);
        }
        for tip in self.endings(world) {
            next.push((World { tip, ..*world }, Event::Decides(tip)));
        }
        next
    }

    fn inputs(&self, world: &World, node: u32) -> Vec<Input> {
        let node = &self.nodes[node as usize];
        let signed = |said: &Said| self.lies || world.source.signed & bit(*said) != 0;
        let mut inputs: Vec<_> = all(self.generations)
            .filter(signed)
            .map(Input::Shown)
            .collect();
        for said in all(self.generations).filter(|said| world.certified & bit(*said) != 0) {
            // What a boundary carries on may be certified though its source signed it before alone.
            let from = (0..=said.0)
                .rev()
                .find(|generation| signed(&(*generation, said.1)));
            let own = node.said & bit(said) != 0;
            inputs.push(Input::Certified(
                said,
                own,
                from.expect("the source signed it"),
            ));
        }
        if !node.frozen && node.generation + 1 < self.generations {
            inputs.push(Input::Approved(node.generation));
        }
        let later = self
            .chain(world.tip)
            .filter(|(_, known)| known.generation() > node.generation);
        inputs.extend(later.map(|(id, _)| Input::Decided(id)));
        inputs
    }

    /// Which certificates there can be now, and which echoes may still make one.
    fn count(&self, world: &mut World, left: u8) {
        let members = world.members.iter().filter(|node| **node != NONE);
        let members: Vec<&Node> = members.map(|node| &self.nodes[*node as usize]).collect();
        let oldest = members
            .iter()
            .map(|node| node.generation)
            .min()
            .expect("a member");
        for said in all(self.generations) {
            let bit = bit(said);
            let voices = members.iter().map(|node| node.said);
            let voices = voices.chain([left, world.echoed, world.source.signed]);
            if voices.filter(|voice| voice & bit != 0).count() > 1 {
                world.certified |= bit;
            }
            world.echoed |= left & bit;
            if said.0 < oldest {
                world.echoed &= !bit;
            }
        }
        world.echoed &= !world.certified;
    }

    /// What a correct source may do.
    fn script(&mut self, world: &World, next: &mut Vec<(World, Event)>) {
        let source = world.source;
        let mut becomes = Vec::new();
        let mut chain = self.chain(world.tip);
        let newer = self
            .chain(world.tip)
            .find(|(_, known)| known.generation() == source.generation + 1);
        let (_, here) = chain
            .find(|(_, known)| known.generation() == source.generation)
            .expect("it installed it");
        for letter in [0, 1] {
            let said = (source.generation, letter);
            let may = self
                .carried(&here.boundary)
                .is_none_or(|carried| carried == letter);
            let silent = source.frozen || source.signed & of(source.generation) != 0;
            if may && !silent && source.delivered.is_none() {
                let signed = source.signed | bit(said);
                becomes.push(Source { signed, ..source });
            }
            let named = here.boundary.names(&self.dot, &self.digests[letter]);
            let proven = |generation: usize| {
                let counts = generation == source.generation || named;
                counts && world.certified & bit((generation, letter)) != 0
            };
            if source.delivered.is_none() && (0..=source.generation).any(proven) {
                let delivered = Some(letter);
                becomes.push(Source {
                    delivered,
                    ..source
                });
            }
        }
        if !source.frozen && source.generation + 1 < self.generations {
            becomes.push(Source {
                frozen: true,
                ..source
            });
        }
        if let Some((_, newer)) = newer {
            let head = newer.boundary.frontier().get(&self.dot.source);
            becomes.push(Source {
                generation: source.generation + 1,
                frozen: false,
                delivered: head
                    .map(|head| self.letter(&head.digest))
                    .or(source.delivered),
                ..source
            });
        }
        for source in becomes {
            let mut after = World { source, ..*world };
            self.count(&mut after, 0);
            next.push((after, Event::SourceIs(source)));
        }
    }

    /// What the source reports when it is frozen.
    fn sources_report(&mut self, world: &World) -> Option<u32> {
        let last = &self.decisions[world.tip as usize];
        let source = world.source;
        if self.lies || !source.frozen || source.generation != last.generation() {
            return None;
        }
        let mut report = Report::of(&last.boundary);
        if let Some(letter) = source.delivered {
            let moved = last.boundary.frontier().is_empty();
            report
                .heads
                .extend(moved.then(|| (self.dot.source, self.head(letter))));
        } else if last.boundary.counts(&self.dot) {
            let signed = all(self.generations)
                .find(|said| source.signed & of(source.generation) & bit(*said) != 0);
            let lock = signed.map(|said| Mark::Lock(self.signature(said)));
            report
                .marks
                .extend(lock.map(|lock| (self.dot.source, lock)));
        }
        Some(self.report(report))
    }

    /// The decisions that the liar can bring about.
    fn endings(&mut self, world: &World) -> Vec<u32> {
        let last = &self.decisions[world.tip as usize];
        let generation = last.generation();
        if generation + 1 == self.generations {
            return Vec::new();
        }
        let named = self
            .digests
            .map(|digest| last.boundary.names(&self.dot, &digest));
        let members = world.members.iter().filter(|node| **node != NONE);
        let nodes = members.map(|node| &self.nodes[*node as usize]);
        let here = nodes.filter(|node| node.generation == generation);
        let mut reports: Vec<u32> = here.filter_map(|node| node.report).collect();
        reports.extend(self.sources_report(world));
        if reports.len() < 2 {
            return Vec::new();
        }
        let signed: Vec<Said> = all(self.generations)
            .filter(|said| self.lies || world.source.signed & bit(*said) != 0)
            .collect();
        let mut lies = vec![Lie::Nothing];
        lies.extend(signed.iter().map(|said| Lie::Lock(*said)));
        for (index, left) in signed.iter().enumerate() {
            lies.extend(signed[..index].iter().map(|right| Lie::Seal(*left, *right)));
        }
        let proven = |said: &Said| {
            (said.0 == generation || named[said.1]) && world.certified & bit(*said) != 0
        };
        lies.extend(
            all(self.generations)
                .filter(proven)
                .map(|said| Lie::Moved(said.1)),
        );
        let lies: Vec<u32> = lies
            .into_iter()
            .filter_map(|lie| self.lie(world.tip, lie))
            .collect();
        let mut sets = vec![reports.clone()];
        for lie in lies {
            sets.push([&reports[..], &[lie]].concat());
            if reports.len() == 3 {
                sets.extend((0..3).map(|without| {
                    vec![reports[(without + 1) % 3], reports[(without + 2) % 3], lie]
                }));
            }
        }
        sets.retain(|set| set.len() > 2);
        let mut decisions: Vec<u32> = sets
            .into_iter()
            .filter_map(|set| self.decide(world.tip, set))
            .collect();
        decisions.sort_unstable();
        decisions.dedup();
        decisions
    }
}

/// What is promised.
impl Explorer {
    fn breach(&mut self, world: &World) -> Option<String> {
        let ids: Vec<u32> = world
            .members
            .iter()
            .copied()
            .filter(|node| *node != NONE)
            .collect();
        let nodes: Vec<&Node> = ids.iter().map(|id| &self.nodes[*id as usize]).collect();
        if let Some(wrong) = nodes.iter().find_map(|node| node.wrong.clone()) {
            return Some(format!(
                "a correct replica is wronged, or accuses a correct one: {wrong}"
            ));
        }
        let mut delivered: Vec<_> = nodes.iter().filter_map(|node| node.delivered).collect();
        delivered.extend(
            world
                .source
                .delivered
                .map(|letter| (letter, world.source.generation)),
        );
        if delivered.windows(2).any(|pair| pair[0].0 != pair[1].0) {
            return Some("two messages are delivered at one dot".to_owned());
        }
        for (letter, generation) in delivered {
            let digest = self.digests[letter];
            let forgets = |decision: &Decision| {
                let covers = decision.boundary.head(&self.dot.source).digest == digest;
                decision.generation() > generation
                    && !covers
                    && !decision.boundary.names(&self.dot, &digest)
            };
            if self.chain(world.tip).any(|(_, decision)| forgets(decision)) {
                return Some("a boundary forgets what was delivered".to_owned());
            }
        }
        for node in &nodes {
            if node.said.count_ones() > 1 {
                return Some("a member echoes two messages in one generation".to_owned());
            }
            let boundary = &self.decisions[node.at as usize].boundary;
            let sealed = boundary.sealed().contains_key(&self.dot.source);
            let carried = self
                .carried(boundary)
                .map(|letter| bit((node.generation, letter)));
            let obeys = carried.unwrap_or(if self.lies {
                u8::MAX
            } else {
                world.source.signed
            });
            if node.said & !obeys != 0 || (sealed && node.said != 0) {
                return Some("a member echoes what it may not".to_owned());
            }
        }
        let tip = &self.decisions[world.tip as usize].boundary;
        if !self.lies && tip.sealed().contains_key(&self.dot.source) {
            return Some("the dot of a correct source is sealed".to_owned());
        }
        self.locks_out(world, &ids)
            .then(|| "nothing can be certified any more".to_owned())
    }

    /// Whether all are in one generation in which the source can have nothing certified, though it
    /// signed no two messages in it.
    fn locks_out(&mut self, world: &World, ids: &[u32]) -> bool {
        let nodes: Vec<&Node> = ids.iter().map(|id| &self.nodes[*id as usize]).collect();
        let at = nodes[0].at;
        let boundary = &self.decisions[at as usize].boundary;
        let generation = nodes[0].generation;
        let open = |node: &&Node| {
            node.at == at && !node.frozen && node.delivered.is_none() && !node.convicts
        };
        let said = nodes.iter().fold(0, |all, node| all | node.said);
        let sealed = boundary.sealed().contains_key(&self.dot.source);
        let source = world.source;
        let gone = !self.lies
            && (source.frozen || source.generation != generation || source.delivered.is_some());
        if !nodes.iter().all(open) || said.count_ones() > 1 || sealed || gone {
            return false;
        }
        let signed = if self.lies {
            of(generation)
        } else {
            source.signed & of(generation)
        };
        let candidates: Vec<usize> = [0, 1]
            .into_iter()
            .filter(|letter| signed & bit((generation, *letter)) != 0)
            .collect();
        let works = |explorer: &mut Self, letter: usize| {
            let said = (generation, letter);
            ids.iter().all(|id| {
                let (after, _) = explorer.go(*id, Input::Shown(said));
                let after = &explorer.nodes[after as usize];
                after.said & bit(said) != 0 || after.delivered == Some((letter, generation))
            })
        };
        !candidates.is_empty() && !candidates.into_iter().any(|letter| works(self, letter))
    }
}

impl Explorer {
    fn root(&mut self) -> u32 {
        let live = Some(self.fresh());
        self.intern(Node {
            from: None,
            at: 0,
            generation: 0,
            frozen: false,
            convicts: false,
            said: 0,
            report: None,
            delivered: None,
            wrong: None,
            live,
        })
    }

    fn explore(mut self, name: &str) {
        let (started, root) = (Instant::now(), self.root());
        let start = World {
            members: [root, root, if self.lies { root } else { NONE }],
            source: Source::default(),
            tip: 0,
            certified: 0,
            echoed: 0,
        };
        let mut came = HashMap::from([(start, (start, Event::Starts))]);
        let (mut queue, mut steps) = (VecDeque::from([start]), 0_u64);
        while let Some(world) = queue.pop_front() {
            for (after, event) in self.next(&world) {
                steps += 1;
                if came.contains_key(&after) {
                    continue;
                }
                came.insert(after, (world, event));
                if let Some(breach) = self.breach(&after) {
                    panic!("{breach}:\n{}", self.story(&came, after));
                }
                queue.push_back(after);
                if came.len() % 200_000 == 0 {
                    println!(
                        "{} {} {} {:?}",
                        came.len(),
                        queue.len(),
                        self.nodes.len(),
                        started.elapsed()
                    );
                }
            }
        }
        println!(
            "{name}: {} states of the world, {steps} steps between them, {} states of single replicas, {} inputs run, {} boundaries, {:?}",
            came.len(),
            self.nodes.len(),
            self.runs,
            self.decisions.len(),
            started.elapsed(),
        );
    }

    /// How a state came about, a line a step.
    fn story(&self, came: &HashMap<World, (World, Event)>, world: World) -> String {
        let (mut lines, mut at) = (vec![format!("{world:?}")], world);
        while let Some((before, event)) = came
            .get(&at)
            .filter(|(_, event)| !matches!(event, Event::Starts))
        {
            let ending = match event {
                Event::Decides(id) => {
                    format!(" {:?}", self.decisions[*id as usize].boundary.ending())
                }
                _ => String::new(),
            };
            lines.push(format!("{event:?}{ending}"));
            at = *before;
        }
        lines.reverse();
        lines.join("\n")
    }
}

fn generations() -> usize {
    if environment::is("EXHAUSTIVE", "deep") {
        MOST
    } else {
        2
    }
}

#[test]
fn a_liar_that_signs_two_messages_in_each_generation_makes_no_fork() {
    Explorer::new(true, generations()).explore("a lying source");
}

#[test]
fn a_correct_source_that_changes_its_mind_is_never_locked_out_nor_convicted() {
    Explorer::new(false, generations()).explore("a source that changes its mind");
}
