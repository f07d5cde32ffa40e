//! Every order of delivery of the smallest case, up to a bound: four members, one of them a liar,
//! and no two correct replicas ever deliver different messages at one dot, also when a fifth member
//! joins meanwhile.
//!
//! What runs is the real [`Replica`]. A replica is a function of its inputs, so the explorer keeps
//! each state that a replica can be in once, with the inputs that lead there, and runs the code
//! again only for an input that is new in that state. A state of the world is one such state a
//! replica. What was said once may arrive anywhere, at any time, any number of times, or never:
//! nothing is ever taken off the wire. So loss, duplication, delay and reordering are all in it.
//! The search goes breadth-first over the states of the world, each visited once.
//!
//! The liar hears everything. It shows either of its messages to anybody at any time, echoes
//! everything, and makes and shows, or withholds, every certificate that the echoes said so far
//! allow, one with the receiver's own echo and one without. It reports that it holds nothing, votes
//! for every value, and shows or withholds each decision. It is the courier too: members'
//! certificates and decisions are those that it could have made itself, from the same echoes and
//! votes.
//!
//! The bound:
//! - one lane, its first dot, one message there or two; no ticks, hence no second round of the
//!   agreement, no announcements, no proposals passed on; no crashes;
//! - all correct members have approved the newcomer at the start, and each hears of the others'
//!   approvals at once, or never;
//! - one value is shown to each member, once, and who prevotes it is taken to precommit it: a
//!   decision exists as soon as a quorum prevoted, with the liar; later rounds and quorums of
//!   prevotes are not in it;
//! - certificates and decisions that differ only in who else signed count as one;
//! - across a join, a number of inputs in a row, all replicas together: 9 with one operation, 8
//!   with two messages, 7 where the liar coordinates; one more search starts when all correct
//!   members hold one of the two messages and are frozen, and goes on for 7 more;
//! - without a change there is no bound on the number of inputs: that search is complete;
//! - requests, answers, wanted messages and snapshots are lost: who lacks a message or a decision
//!   can get it from the liar, and a newcomer follows the lanes;
//! - reports reach the coordinator only. Others freeze by the approvals.
//!
//! `EXHAUSTIVE=deep` goes on for 8 to 11 inputs, and lets the liar report each lock too, in the
//! last. It takes minutes.
#![allow(clippy::print_stdout, reason = "the counts are the result")]

use std::cell::RefCell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::common::{Set, Table, add, key, named, sent};
use bft_crdts::SecureBroadcastAlgorithm as _;
use bft_crdts::actor::{Actor, Sig, Signed, SigningActor, Statement};
use bft_crdts::codec::{Digest, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, ChangeApproval, Echo, Fault, Packet, Proposal, Replica, Step,
};
use bft_crdts::dot::{Dot, Head};
use bft_crdts::environment;
use bft_crdts::membership::{
    AgreementMessage, Approval, Boundary, Change, ChangeCertificate, CheckedReport, Entry,
    GenerationDraft, GenerationProof, GenerationProposal, Mark, Report, Round, Vote, VoteKind,
};
use bft_crdts::orswot::Op;
use bft_crdts::quorum::{self, Generation, Seat};
use bft_crdts::snapshot::{Commitment, Snapshot};

/// The newcomer's chair, after the four members'.
const NEWCOMER: usize = 4;
/// Whom the first round of the first generation belongs to.
const COORDINATOR: usize = 0;
/// Where a search that is too wide ends, and fails.
const MOST: usize = 4_000_000;
/// Facts that may be said in one case.
const WORDS: usize = 16;

type Bits = [u64; WORDS];
type World = [u32; 5];

fn deep() -> bool {
    environment::is("EXHAUSTIVE", "deep")
}

/// What is explored.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Seats of those who lie.
    liars: &'static [usize],
    /// Whose lane it is.
    source: usize,
    /// How many messages its source shows at the first dot.
    messages: u8,
    /// Whether a fifth member joins.
    joins: bool,
    /// Whether the newcomer hears anything.
    newcomer: bool,
    /// Whether echoes reach other members that hold the message too, so that they tally.
    tallies: bool,
    /// What the liars report: nothing, or that they hold a message.
    reports: u8,
    /// Whether it starts when all correct members hold a message, of two each another, and are
    /// frozen.
    split: bool,
    /// Inputs in a row, of all replicas together.
    depth: usize,
}

impl Case {
    fn honest(&self) -> impl Iterator<Item = usize> {
        let chairs = if self.joins && self.newcomer { 5 } else { 4 };
        (0..chairs).filter(|chair| !self.liars.contains(chair))
    }

    fn lies(&self, seat: usize) -> bool {
        self.liars.contains(&seat)
    }
}

/// What a correct replica said, or what was made of that, and everybody may hear.
#[derive(Clone)]
enum Fact {
    Proposal(Arc<Proposal>),
    Echo(Signed<Echo>),
    Report(Signed<Report>),
    Value(Arc<GenerationProposal>),
    Vote(Signed<Vote>),
}

/// What a replica is given in one go.
#[derive(Clone)]
struct Input {
    label: String,
    act: Act,
    /// Taken once a replica, if it has a mark.
    once: u8,
}

#[derive(Clone)]
enum Act {
    Approve,
    Propose,
    Hear(Vec<Body>),
}

/// A state that a replica can be in.
struct Node {
    chair: usize,
    from: Option<(u32, u32)>,
    said: Bits,
    delivered: BTreeMap<Dot, Digest>,
    once: u8,
    /// What should not be.
    wrong: Option<String>,
    print: u128,
    live: Option<Box<Replica<Set>>>,
}

struct Explorer {
    case: Case,
    table: Table,
    newcomer: SigningActor,
    last: Boundary,
    seats: Vec<Seat>,
    change_certificate: ChangeCertificate,
    shown: Vec<Arc<Proposal>>,
    facts: Vec<Fact>,
    fact_ids: HashMap<Vec<u8>, usize>,
    inputs: Vec<Input>,
    input_ids: HashMap<String, u32>,
    nodes: Vec<Node>,
    node_ids: HashMap<u128, u32>,
    moves: HashMap<(u32, u32), u32>,
    choices: HashMap<Bits, Rc<Vec<(usize, u32)>>>,
    parts: [HashMap<Bits, Vec<(usize, u32)>>; 3],
    masks: [Bits; 3],
    signed: RefCell<HashMap<(usize, Digest), Sig>>,
    values: RefCell<HashMap<[u64; 3], Option<Arc<GenerationProposal>>>>,
    checked: RefCell<HashMap<u64, CheckedReport>>,
    runs: u64,
}

/// What came of it.
struct Outcome {
    states: usize,
    /// Different echoes of the generation after the change.
    echoed: usize,
    /// The first state in which two correct replicas contradict each other, and how it came about.
    fork: Option<String>,
    /// The same, of a correct replica that was accused, silenced or led astray.
    wrong: Option<String>,
}

impl Explorer {
    fn new(case: Case) -> Self {
        let table = Table::of(4);
        let newcomer = key(5);
        let last = Boundary::genesis(&table.genesis).expect("a committee");
        let entry = Entry {
            generation: last.generation(),
            value: last.value(),
        };
        let change = Change::Join(newcomer.sign(last.network(), entry).into_claim());
        let approval = approval(&last, &change);
        let signers = (0..4).filter(|seat| !case.lies(*seat)).take(3);
        let mut signatures: Vec<_> = signers
            .map(|seat| {
                let sig = table.keys[seat].sign(last.network(), approval).sig;
                (table.seats()[seat], sig)
            })
            .collect();
        signatures.sort_by_key(|(seat, _)| *seat);
        let change_certificate = ChangeCertificate {
            change,
            approvals: Arc::new(quorum::Certificate {
                statement: approval,
                signatures,
            }),
        };
        let source = table.actor(case.source);
        let shown =
            (1..=case.messages).map(|member| table.first(case.source, &[add(source, 1, member)]));
        Self {
            shown: shown.filter(|_| case.lies(case.source)).collect(),
            case,
            newcomer,
            seats: Table::of(5).seats(),
            last,
            change_certificate,
            table,
            facts: Vec::new(),
            fact_ids: HashMap::new(),
            inputs: Vec::new(),
            input_ids: HashMap::new(),
            nodes: Vec::new(),
            node_ids: HashMap::new(),
            moves: HashMap::new(),
            choices: HashMap::new(),
            parts: [HashMap::new(), HashMap::new(), HashMap::new()],
            masks: [[0; WORDS]; 3],
            signed: RefCell::new(HashMap::new()),
            values: RefCell::new(HashMap::new()),
            checked: RefCell::new(HashMap::new()),
            runs: 0,
        }
    }

    fn key(&self, chair: usize) -> &SigningActor {
        self.table.keys.get(chair).unwrap_or(&self.newcomer)
    }

    fn actor(&self, chair: usize) -> Actor {
        self.key(chair).actor()
    }

    /// A signature, made once.
    fn sign<T: Statement>(&self, chair: usize, statement: T) -> Signed<T> {
        let network = self.last.network();
        let key = self.key(chair);
        let digest = statement.digest(network);
        if let Some(sig) = self.signed.borrow().get(&(chair, digest)).copied() {
            let signer = key.actor();
            return Signed {
                statement,
                signer,
                sig,
            };
        }
        let claim = key.sign(network, statement).into_claim();
        self.signed.borrow_mut().insert((chair, digest), claim.sig);
        claim
    }

    // ---- replicas

    fn fresh(&self, chair: usize) -> Replica<Set> {
        let key = self.key(chair).clone();
        let set = Set::new(key.actor());
        let (mut replica, _) =
            Replica::recover(key, set, self.table.genesis.clone(), []).expect("nothing to recover");
        if chair == NEWCOMER {
            replica.replay_lanes_from_the_start();
        }
        replica
    }

    fn drive(&self, chair: usize, replica: &mut Replica<Set>, act: &Act) -> Vec<Step> {
        match act {
            Act::Approve => {
                let step = replica.approve(self.change_certificate.change);
                vec![step.expect("a change that can be made")]
            }
            Act::Propose => {
                let op = replica.ahead().add(1);
                replica.propose(op).into_iter().collect()
            }
            Act::Hear(bodies) => {
                let from = self.actor(self.case.liars.first().copied().unwrap_or(COORDINATOR));
                let to = self.actor(chair);
                let heard = bodies.iter().map(|body| Packet {
                    from,
                    to,
                    body: body.clone(),
                });
                heard
                    .filter_map(|packet| replica.handle_packet(packet).ok())
                    .collect()
            }
        }
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
        let chair = self.nodes[at as usize].chair;
        let mut replica = self.fresh(chair);
        for input in path.into_iter().rev() {
            self.runs += 1;
            let act = &self.inputs[input as usize].act;
            self.drive(chair, &mut replica, act);
        }
        Box::new(replica)
    }

    fn root(&mut self, chair: usize) -> u32 {
        let replica = self.fresh(chair);
        let print = print(&replica);
        let root = self.intern(Node {
            chair,
            from: None,
            said: [0; WORDS],
            delivered: BTreeMap::new(),
            once: 0,
            wrong: None,
            print,
            live: Some(Box::new(replica)),
        });
        if self.case.joins && chair != NEWCOMER {
            let approve = self.input("approve".to_owned(), Act::Approve, 0);
            return self.go(root, approve);
        }
        root
    }

    fn intern(&mut self, node: Node) -> u32 {
        let id = fingerprint(&(
            node.chair,
            node.print,
            node.said,
            &node.delivered,
            node.once,
            &node.wrong,
        ));
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

    /// The state in which an input leaves a replica.
    fn go(&mut self, node: u32, input: u32) -> u32 {
        let once = self.inputs[input as usize].once;
        if self.nodes[node as usize].once & once != 0 {
            return node;
        }
        if let Some(next) = self.moves.get(&(node, input)) {
            return *next;
        }
        let mut replica = self.replica(node);
        let before = &self.nodes[node as usize];
        let (chair, print_before) = (before.chair, before.print);
        let (mut said, mut delivered) = (before.said, before.delivered.clone());
        let (once_before, mut wrong) = (before.once, before.wrong.clone());
        self.runs += 1;
        let steps = self.drive(chair, &mut replica, &self.inputs[input as usize].act);
        for step in steps {
            for delivery in &step.delivered {
                if let Some(other) = delivered.insert(delivery.dot(), delivery.digest()) {
                    assert_eq!(other, delivery.digest(), "delivered twice");
                }
            }
            for fault in &step.faults {
                if let Some(fault) = self.unjust(fault) {
                    wrong.get_or_insert(fault);
                }
            }
            for packet in step.packets() {
                for fact in self.facts_in(chair, packet.body) {
                    let fact = self.fact(fact);
                    said[fact / 64] |= 1 << (fact % 64);
                }
            }
        }
        let after = print(&replica);
        let changed = after != print_before || said != self.nodes[node as usize].said;
        let next = if changed {
            self.intern(Node {
                chair,
                from: Some((node, input)),
                said,
                delivered,
                once: once_before | once,
                wrong,
                print: after,
                live: Some(replica),
            })
        } else {
            self.nodes[node as usize].live = Some(replica);
            node
        };
        self.moves.insert((node, input), next);
        next
    }

    /// A fault that a correct replica must never report.
    fn unjust(&self, fault: &Fault) -> Option<String> {
        let accused = fault.accused();
        let liar = |actor| {
            self.case
                .liars
                .iter()
                .any(|seat| self.actor(*seat) == actor)
        };
        (!accused.is_some_and(liar)).then(|| format!("{} of {accused:?}", fault.kind()))
    }

    // ---- what is said

    fn facts_in(&self, chair: usize, body: Body) -> Vec<Fact> {
        let me = self.actor(chair);
        match body {
            Body::Proposal(proposal) if proposal.message.source == me => {
                vec![Fact::Proposal(proposal)]
            }
            Body::Echo(echo) => vec![Fact::Echo(echo)],
            Body::Report { report, .. } => vec![Fact::Report(Signed::clone(&report))],
            Body::Agreement { message, value, .. } => {
                let own = message.votes.into_iter().filter(|vote| vote.signer == me);
                let own = own.map(Fact::Vote);
                own.chain(value.map(Fact::Value)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn fact(&mut self, fact: Fact) -> usize {
        let bytes = match &fact {
            Fact::Proposal(proposal) => encode(&(0_u8, proposal)),
            Fact::Echo(echo) => encode(&(1_u8, echo)),
            Fact::Report(report) => encode(&(2_u8, report)),
            Fact::Value(value) => encode(&(3_u8, value)),
            Fact::Vote(vote) => encode(&(4_u8, vote)),
        };
        let next = self.facts.len();
        let id = *self.fact_ids.entry(bytes).or_insert(next);
        if id == next {
            assert!(next < WORDS * 64, "room for what is said");
            let part = match fact {
                Fact::Proposal(_) => 0,
                Fact::Echo(_) => 1,
                Fact::Report(_) | Fact::Value(_) | Fact::Vote(_) => 2,
            };
            self.masks[part][id / 64] |= 1 << (id % 64);
            self.facts.push(fact);
        }
        id
    }

    fn input(&mut self, label: String, act: Act, once: u8) -> u32 {
        let next = u32::try_from(self.inputs.len()).expect("few inputs");
        let id = *self.input_ids.entry(label.clone()).or_insert(next);
        if id == next {
            self.inputs.push(Input { label, act, once });
        }
        id
    }

    // ---- what may happen next

    /// Every input that may reach a replica when this was said.
    fn choices(&mut self, said: Bits) -> Rc<Vec<(usize, u32)>> {
        if let Some(choices) = self.choices.get(&said) {
            return Rc::clone(choices);
        }
        let proposals = masked(said, self.masks[0]);
        let mut all = self.part(0, proposals, Self::messages);
        all.extend(self.part(1, masked(said, self.masks[1]), Self::echoes));
        if self.case.joins {
            let end = masked(said, self.masks[2]);
            all.extend(self.part(2, joined(end, proposals), Self::closing));
        }
        let choices = Rc::new(all);
        self.choices.insert(said, Rc::clone(&choices));
        choices
    }

    /// The inputs of one kind, which only facts of that kind allow.
    fn part(
        &mut self,
        part: usize,
        said: Bits,
        make: fn(&Self, &[Fact], &mut Vec<Choice>),
    ) -> Vec<(usize, u32)> {
        if let Some(choices) = self.parts[part].get(&said) {
            return choices.clone();
        }
        let facts: Vec<Fact> = (0..self.facts.len())
            .filter(|fact| said[fact / 64] >> (fact % 64) & 1 == 1)
            .map(|fact| self.facts[fact].clone())
            .collect();
        let mut choices = Vec::new();
        make(self, &facts, &mut choices);
        let choices: Vec<_> = choices
            .into_iter()
            .map(|(chair, label, act, once)| (chair, self.input(label, act, once)))
            .collect();
        self.parts[part].insert(said, choices.clone());
        choices
    }

    fn messages(&self, facts: &[Fact], choices: &mut Vec<Choice>) {
        for proposal in self.known(facts) {
            let digest = proposal.message.digest(self.last.network());
            for chair in self.case.honest() {
                let body = Body::Proposal(Arc::clone(proposal));
                choices.push(hear(chair, format!("message {digest:?}"), vec![body], 0));
            }
        }
        if !self.case.lies(self.case.source) {
            choices.push((self.case.source, "propose".to_owned(), Act::Propose, 1));
        }
    }

    fn echoes(&self, facts: &[Fact], choices: &mut Vec<Choice>) {
        self.certificates(facts, choices);
        for fact in facts {
            if let Fact::Echo(echo) = fact
                && self.case.tallies
            {
                let Echo {
                    generation, digest, ..
                } = echo.statement;
                for chair in self
                    .case
                    .honest()
                    .filter(|chair| self.actor(*chair) != echo.signer)
                {
                    let label = format!("echo {generation} {digest:?} {:?}", echo.signer);
                    choices.push(hear(chair, label, vec![Body::Echo(*echo)], 0));
                }
            }
        }
    }

    /// The chairs that sit in a generation, in the order of its seats.
    fn chairs(&self, generation: Generation) -> Vec<usize> {
        let mut chairs: Vec<_> = (0..4).collect();
        if generation > Generation::GENESIS {
            chairs.push(NEWCOMER);
        }
        chairs.sort_by_key(|chair| self.actor(*chair));
        chairs
    }

    fn certificates(&self, facts: &[Fact], choices: &mut Vec<Choice>) {
        let mut tallies: BTreeMap<(Generation, Digest), (Echo, BTreeSet<Actor>)> = BTreeMap::new();
        for fact in facts {
            if let Fact::Echo(echo) = fact {
                let key = (echo.statement.generation, echo.statement.digest);
                let tally = tallies.entry(key);
                let tally = tally.or_insert_with(|| (echo.statement, BTreeSet::new()));
                tally.1.insert(echo.signer);
            }
        }
        for (echo, echoed) in tallies.into_values() {
            let chairs = self.chairs(echo.generation);
            let quorum = chairs.len() - (chairs.len() - 1) / 3;
            let able =
                |chair: &usize| self.case.lies(*chair) || echoed.contains(&self.actor(*chair));
            let able: Vec<usize> = chairs.iter().copied().filter(able).collect();
            for chair in self.case.honest() {
                let others = able.iter().copied().filter(|other| *other != chair);
                let without: Vec<usize> = others.clone().take(quorum).collect();
                let with: Vec<usize> = [chair].into_iter().chain(others.take(quorum - 1)).collect();
                for signers in [without, with] {
                    if signers.len() == quorum && signers.iter().all(|signer| able.contains(signer))
                    {
                        // Signers are part of it: in another world one of them may have echoed
                        // another message.
                        let (generation, digest) = (echo.generation, echo.digest);
                        let label = format!(
                            "certificate {generation} {digest:?} at {chair} by {signers:?}"
                        );
                        let certificate = self.certificate(&chairs, signers, echo);
                        choices.push(hear(
                            chair,
                            label,
                            vec![Body::Certificate(Arc::new(certificate))],
                            0,
                        ));
                    }
                }
            }
        }
    }

    fn certificate<T: Statement + Clone>(
        &self,
        chairs: &[usize],
        signers: Vec<usize>,
        statement: T,
    ) -> quorum::Certificate<T> {
        let mut signatures: Vec<_> = signers
            .into_iter()
            .map(|signer| {
                let seat = chairs.iter().position(|chair| *chair == signer);
                let sig = self.sign(signer, statement.clone()).sig;
                (self.seats[seat.expect("a member")], sig)
            })
            .collect();
        signatures.sort_by_key(|(seat, _)| *seat);
        quorum::Certificate {
            statement,
            signatures,
        }
    }
}

/// For whom, what it is called, what it is, and its mark.
type Choice = (usize, String, Act, u8);

fn hear(chair: usize, label: String, bodies: Vec<Body>, once: u8) -> Choice {
    (chair, label, Act::Hear(bodies), once)
}

fn masked(left: Bits, right: Bits) -> Bits {
    std::array::from_fn(|word| left[word] & right[word])
}

fn joined(left: Bits, right: Bits) -> Bits {
    std::array::from_fn(|word| left[word] | right[word])
}

fn approval(last: &Boundary, change: &Change) -> Approval {
    Approval {
        generation: last.generation(),
        change: change.key(),
    }
}

fn print(replica: &Replica<Set>) -> u128 {
    let mut text = String::with_capacity(1 << 14);
    write!(text, "{replica:?}").expect("a string");
    fingerprint(&text)
}

pub(crate) fn fingerprint(thing: &impl Hash) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        thing.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

/// The end of the generation.
impl Explorer {
    fn closing(&self, facts: &[Fact], choices: &mut Vec<Choice>) {
        let members: Vec<usize> = self
            .case
            .honest()
            .filter(|chair| *chair != NEWCOMER)
            .collect();
        for chair in members.iter().copied() {
            let others = (0..4).filter(|other| *other != chair && !self.case.lies(*other));
            let approvals = others.map(|other| Body::Approve(Arc::new(self.approved(other))));
            choices.push(hear(
                chair,
                format!("approvals of the others than {chair}"),
                approvals.collect(),
                2,
            ));
        }
        let values = if self.case.lies(COORDINATOR) {
            self.lying_values(facts)
        } else {
            self.reports(facts, choices);
            let values = facts.iter().filter_map(|fact| match fact {
                Fact::Value(value) => Some(Arc::clone(value)),
                _ => None,
            });
            values.collect()
        };
        for value in values {
            self.agreement(&value, facts, &members, choices);
        }
    }

    fn approved(&self, chair: usize) -> ChangeApproval {
        let change = self.change_certificate.change;
        let approval = approval(&self.last, &change);
        let approval = self.sign(chair, approval);
        ChangeApproval { change, approval }
    }

    /// What a liar may report: nothing, or that it holds one of the messages.
    fn liars_reports(&self, facts: &[Fact]) -> Vec<Signed<Report>> {
        let mut reports = Vec::new();
        let messages: Vec<_> = self.known(facts).collect();
        for liar in self.case.liars {
            let empty = Report::of(&self.last);
            let locks = messages.iter().map(|proposal| {
                let mut report = empty.clone();
                let lock = self.table.echo(self.case.source, proposal);
                report
                    .marks
                    .insert(proposal.message.source, Mark::Lock(lock));
                report
            });
            let all = [empty.clone()]
                .into_iter()
                .chain(locks)
                .take(usize::from(self.case.reports));
            let all = all.map(|report| self.sign(*liar, report));
            reports.extend(all);
        }
        reports
    }

    /// Reports reach the coordinator.
    fn reports(&self, facts: &[Fact], choices: &mut Vec<Choice>) {
        let said = facts.iter().filter_map(|fact| match fact {
            Fact::Report(report) => Some(report.clone()),
            _ => None,
        });
        for report in said.chain(self.liars_reports(facts)) {
            let digest = digest_of(&report);
            let label = format!("report {:?} {digest:x}", report.signer);
            let report = Arc::new(report);
            let changes = Vec::new();
            if report.signer != self.actor(COORDINATOR) {
                let body = Body::Report { report, changes };
                choices.push(hear(COORDINATOR, label, vec![body], 0));
            }
        }
    }

    /// Every good value that a lying coordinator can make of a quorum of reports.
    fn lying_values(&self, facts: &[Fact]) -> Vec<Arc<GenerationProposal>> {
        let mut reports: Vec<_> = facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Report(report) => Some(report.clone()),
                _ => None,
            })
            .collect();
        reports.extend(self.liars_reports(facts));
        reports.sort_by_key(|report| report.signer);
        let mut values = Vec::new();
        for (third, c) in reports.iter().enumerate() {
            for (second, b) in reports[..third].iter().enumerate() {
                for a in &reports[..second] {
                    let key = [a, b, c].map(digest_of);
                    let known = self.values.borrow().get(&key).cloned();
                    let value = known.unwrap_or_else(|| self.value([a, b, c], facts));
                    self.values.borrow_mut().insert(key, value.clone());
                    values.extend(value);
                }
            }
        }
        values
    }

    fn value(
        &self,
        reports: [&Signed<Report>; 3],
        facts: &[Fact],
    ) -> Option<Arc<GenerationProposal>> {
        let reports = reports.map(|report| self.counted(report));
        let draft = GenerationDraft {
            parent: self.last.value(),
            changes: vec![self.change_certificate.clone()],
            reports: reports.iter().map(CheckedReport::name).collect(),
        };
        let reports = named(&draft, &reports);
        let ending = draft.ending(&self.last, &reports).ok()?;
        let head = ending.frontier.get(&self.actor(self.case.source));
        let state = self.state(head, facts)?;
        let value = draft.found(&self.last, &ending, state);
        value.check(&self.last, &reports).ok()?;
        Some(Arc::new(value))
    }

    /// A report, which counts.
    fn counted(&self, report: &Signed<Report>) -> CheckedReport {
        let count = || {
            let fact = self
                .last
                .committee()
                .verify(self.last.network(), report.clone());
            let fact = fact.expect("a member's");
            CheckedReport::of(&self.last, fact).expect("a report that counts")
        };
        let mut checked = self.checked.borrow_mut();
        checked
            .entry(digest_of(report))
            .or_insert_with(count)
            .clone()
    }

    /// The reports that a value rests on.
    fn rests_on(&self, value: &GenerationProposal, facts: &[Fact]) -> Vec<CheckedReport> {
        let said = facts.iter().filter_map(|fact| match fact {
            Fact::Report(report) => Some(report.clone()),
            _ => None,
        });
        let all = said.chain(self.liars_reports(facts));
        let all: Vec<_> = all.map(|report| self.counted(&report)).collect();
        named(&value.draft, &all).into_iter().cloned().collect()
    }

    /// The state after at most one of the messages.
    fn state(&self, head: Option<&Head>, facts: &[Fact]) -> Option<Commitment> {
        let mut set = Set::new(self.actor(0));
        if let Some(head) = head {
            let mut messages = self.known(facts).map(|proposal| &proposal.message);
            let network = self.last.network();
            let message = messages.find(|message| message.digest(network) == head.digest)?;
            let ops = message.decode::<Op<u8>>(self.table.genesis.limits()).ok()?;
            ops.into_iter().for_each(|op| set.apply(op));
        }
        Some(Commitment::of(&set, &Snapshot::of(&set)))
    }

    /// The messages that were shown.
    fn known<'a>(&'a self, facts: &'a [Fact]) -> impl Iterator<Item = &'a Arc<Proposal>> {
        let said = facts.iter().filter_map(|fact| match fact {
            Fact::Proposal(proposal) => Some(proposal),
            _ => None,
        });
        self.shown.iter().chain(said)
    }

    fn agreement(
        &self,
        value: &Arc<GenerationProposal>,
        facts: &[Fact],
        members: &[usize],
        choices: &mut Vec<Choice>,
    ) {
        let digest = value.digest(self.last.network());
        let reports = self.rests_on(value, facts);
        let vote = |kind| Vote {
            generation: self.last.generation(),
            round: Round::FIRST,
            kind,
        };
        let proposal = vote(VoteKind::Proposal {
            value: digest,
            valid_round: None,
        });
        let prevote = vote(VoteKind::Prevote(Some(digest)));
        let precommit = vote(VoteKind::Precommit(Some(digest)));
        let voted = |seat: usize, cast: &Vote| {
            let said = |fact: &Fact| matches!(fact, Fact::Vote(vote) if vote.signer == self.actor(seat) && vote.statement == *cast);
            self.case.lies(seat) || facts.iter().any(said)
        };
        let sign =
            |seat: usize, vote: Vote| self.key(seat).sign(self.last.network(), vote).into_claim();
        let message = |votes, value| Body::Agreement {
            generation: self.last.generation(),
            message: AgreementMessage {
                votes,
                quorums: Vec::new(),
            },
            value,
        };
        // Liars first: they vote for everything.
        let mut order: Vec<usize> = (0..4).collect();
        order.sort_by_key(|seat| !self.case.lies(*seat));
        for chair in members.iter().copied() {
            if chair != COORDINATOR {
                let shown = message(vec![sign(COORDINATOR, proposal)], Some(Arc::clone(value)));
                let label = format!("value {digest:?}");
                let shown = [shown].into_iter().chain(reports.iter().map(sent));
                choices.push(hear(chair, label, shown.collect(), 4));
            }
        }
        let deciders = order.iter().copied().filter(|seat| voted(*seat, &prevote));
        let deciders: Vec<usize> = deciders.take(3).collect();
        if deciders.len() == 3 {
            let label = format!("decision {digest:?}");
            let chairs = self.chairs(Generation::GENESIS);
            let reports: Vec<_> = reports.iter().collect();
            let checked = value.check(&self.last, &reports).expect("it was");
            let proof = Arc::new(GenerationProof {
                header: value.header(self.last.network()),
                certificate: Arc::new(self.certificate(&chairs, deciders, precommit)),
                ending: Some(Arc::clone(checked.next.ending())),
            });
            for chair in self.case.honest() {
                let body = Body::GenerationProof(Arc::clone(&proof));
                choices.push(hear(chair, label.clone(), vec![body], 16));
            }
        }
    }
}

fn digest_of(report: &Signed<Report>) -> u64 {
    let mut hasher = DefaultHasher::new();
    encode(report).hash(&mut hasher);
    hasher.finish()
}

/// The search.
impl Explorer {
    fn explore(mut self) -> Outcome {
        let started = Instant::now();
        let chairs: Vec<usize> = self.case.honest().collect();
        let mut start: World = [u32::MAX; 5];
        for (place, chair) in chairs.iter().enumerate() {
            start[place] = self.root(*chair);
        }
        let mut place_of = [usize::MAX; 5];
        for (place, chair) in chairs.iter().enumerate() {
            place_of[*chair] = place;
        }
        if self.case.split {
            self.split(&chairs, &mut start);
        }
        let mut came: HashMap<World, (World, u32)> = HashMap::from([(start, (start, u32::MAX))]);
        let (mut queue, mut steps) = (VecDeque::from([(start, 0_usize)]), 0_u64);
        let mut deepest = 0;
        let (mut fork, mut wrong) = (None, None);
        while let Some((world, depth)) = queue.pop_front() {
            deepest = deepest.max(depth);
            if depth == self.case.depth {
                continue;
            }
            let mut said = [0; WORDS];
            for node in &world[..chairs.len()] {
                let more = &self.nodes[*node as usize].said;
                said.iter_mut()
                    .zip(more)
                    .for_each(|(all, more)| *all |= more);
            }
            for (chair, input) in self.choices(said).iter().copied() {
                let place = place_of[chair];
                let node = world[place];
                let next = self.go(node, input);
                if next == node {
                    continue;
                }
                steps += 1;
                let mut after = world;
                after[place] = next;
                if came.contains_key(&after) {
                    continue;
                }
                came.insert(after, (world, input));
                if fork.is_none() && self.contradicts(&after[..chairs.len()], place) {
                    fork = Some(self.story(&came, after));
                }
                if wrong.is_none()
                    && let Some(what) = &self.nodes[next as usize].wrong
                {
                    wrong = Some(format!("{what} at {chair}:\n{}", self.story(&came, after)));
                }
                queue.push_back((after, depth + 1));
            }
            if came.len() > MOST || wrong.is_some() || (fork.is_some() && self.case.liars.len() > 1)
            {
                break;
            }
        }
        let late = |fact: &&Fact| matches!(fact, Fact::Echo(echo) if echo.statement.generation > Generation::GENESIS);
        let echoed = self.facts.iter().filter(late).count();
        println!(
            "{}: {} states of the world up to {deepest} inputs, {steps} steps between them, {} states of single replicas, {} inputs run, {echoed} echoes after the change, {:?}",
            self.case.name,
            came.len(),
            self.nodes.len(),
            self.runs,
            started.elapsed(),
        );
        Outcome {
            states: came.len(),
            echoed,
            fork,
            wrong,
        }
    }

    /// Each holds a message, the first another than the rest if there are two; then all are frozen.
    fn split(&mut self, chairs: &[usize], start: &mut World) {
        for (place, chair) in chairs.iter().copied().enumerate() {
            if chair == NEWCOMER {
                continue;
            }
            let said = self.choices([0; WORDS]);
            let has = |explorer: &Self, (to, input): &(usize, u32), what: &str| {
                *to == chair && explorer.inputs[*input as usize].label.starts_with(what)
            };
            let messages = said.iter().filter(|choice| has(self, choice, "message"));
            let messages: Vec<u32> = messages.map(|(_, input)| *input).collect();
            let message = if place == 0 {
                messages.last()
            } else {
                messages.first()
            };
            if let Some(message) = message {
                start[place] = self.go(start[place], *message);
            }
            let mut freezes = said.iter().filter(|choice| has(self, choice, "approvals"));
            if let Some((_, freeze)) = freezes.next() {
                start[place] = self.go(start[place], *freeze);
            }
        }
    }

    /// Whether the replica in one place delivered something else than another.
    fn contradicts(&self, world: &[u32], place: usize) -> bool {
        let mine = &self.nodes[world[place] as usize].delivered;
        world.iter().any(|other| {
            let theirs = &self.nodes[*other as usize].delivered;
            mine.iter()
                .any(|(dot, digest)| theirs.get(dot).is_some_and(|other| other != digest))
        })
    }

    /// How a state came about, a line a step.
    fn story(&self, came: &HashMap<World, (World, u32)>, world: World) -> String {
        let (mut lines, mut at) = (Vec::new(), world);
        while let Some((before, input)) = came.get(&at).filter(|(_, input)| *input != u32::MAX) {
            let place = (0..5).find(|place| before[*place] != at[*place]);
            let node = at[place.expect("a step")];
            let chair = self.nodes[node as usize].chair;
            lines.push(format!("{chair} <- {}", self.inputs[*input as usize].label));
            at = *before;
        }
        lines.reverse();
        lines.join("\n")
    }
}

const ALONE: Case = Case {
    name: "no change, two messages",
    liars: &[3],
    source: 3,
    messages: 2,
    joins: false,
    newcomer: false,
    tallies: true,
    reports: 1,
    split: false,
    depth: usize::MAX,
};

fn holds(case: Case) -> usize {
    let outcome = Explorer::new(case).explore();
    assert!(outcome.states <= MOST, "the search ended early");
    assert_eq!(
        outcome.fork, None,
        "two correct replicas contradict each other"
    );
    if let Some(wrong) = outcome.wrong {
        panic!("a correct replica is wronged: {wrong}");
    }
    outcome.echoed
}

#[test]
fn one_liar_of_four_makes_no_fork_with_two_messages() {
    holds(ALONE);
}

#[test]
fn two_liars_of_four_make_a_fork_and_the_search_finds_it() {
    let case = Case {
        name: "no change, two messages, two liars",
        liars: &[2, 3],
        ..ALONE
    };
    let outcome = Explorer::new(case).explore();
    println!("{}", outcome.fork.expect("a fork"));
}

const JOIN: Case = Case {
    name: "a join, one operation in flight",
    liars: &[3],
    source: 1,
    messages: 1,
    joins: true,
    newcomer: true,
    tallies: false,
    reports: 1,
    split: false,
    depth: 6,
};

/// The same case, deeper when asked.
fn bounded(case: Case, depth: usize, deeper: usize) -> Case {
    let depth = if deep() { deeper } else { depth };
    Case { depth, ..case }
}

#[test]
fn one_operation_in_flight_across_a_join_makes_no_fork() {
    holds(bounded(JOIN, 9, 11));
}

#[test]
fn two_messages_across_a_join_make_no_fork() {
    let case = Case {
        name: "a join, two messages",
        source: 3,
        messages: 2,
        newcomer: false,
        ..JOIN
    };
    holds(bounded(case, 8, 10));
}

#[test]
fn two_messages_across_a_join_that_a_liar_coordinates_make_no_fork() {
    holds(bounded(LED, 7, 8));
}

#[test]
fn two_messages_held_by_frozen_members_across_a_join_that_a_liar_coordinates_make_no_fork() {
    let case = Case {
        name: "a join that a liar coordinates, two messages held, all frozen",
        newcomer: true,
        split: true,
        reports: if deep() { 3 } else { 1 },
        ..LED
    };
    let echoed = holds(bounded(case, 7, 8));
    assert!(echoed > 0, "the next generation is reached");
}

const LED: Case = Case {
    name: "a join that a liar coordinates, two messages",
    liars: &[0],
    source: 0,
    messages: 2,
    newcomer: false,
    ..JOIN
};

/// Found by the search over two messages across a join.
#[test]
fn a_member_whose_lock_was_sealed_is_not_silenced_by_a_certificate_with_its_own_echo() {
    let mut table = Table::of(4);
    let [one, other] = [1, 2].map(|member| table.first(3, &[add(table.actor(3), 1, member)]));
    for (seat, shown) in [(0, &other), (1, &one), (2, &one)] {
        let body = Body::Proposal(Arc::clone(shown));
        table.give(table.actor(3), seat, body).expect("a proposal");
    }
    let certificate = table.certificate(&[1, 2, 3], &one);
    table.take_wire();
    let liar = table.actor(3);
    for seat in 0..3 {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a member"));
    }
    table.carry(|packet| packet.to != liar);
    let boundary = table.replicas[1].boundary();
    assert!(boundary.sealed().contains_key(&liar));
    for seat in 0..3 {
        let body = Body::Certificate(Arc::clone(&certificate));
        table.give(liar, seat, body).expect("a certificate");
        let body = Body::Proposal(Arc::clone(&one));
        table.give(liar, seat, body).expect("its message");
        assert!(!table.replicas[seat].is_silenced());
        assert_eq!(table.delivered[seat].len(), 1);
    }
}
