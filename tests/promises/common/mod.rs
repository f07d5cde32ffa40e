//! Replicas on a table: whoever writes the test carries the packets.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bft_crdts::actor::{Sig, Signed, Statement, Verified};
use bft_crdts::codec::{Digest, Limits, NetworkId, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Fault, Message, Packet, PacketError, Proposal, PullRequest, Record,
    Replica, Step, Summary,
};
use bft_crdts::dot::{Dot, Head, Seq};
use bft_crdts::membership::{
    self, Boundary, CertifiedChange, Change, CheckedProposal, CheckedReport, GenerationDraft,
    GenerationProof, GenerationProposal, GenerationProposalError, Genesis, Report,
};
use bft_crdts::merkle::Tree;
use bft_crdts::orswot::{Op, Orswot};
use bft_crdts::quorum::{Generation, Seat};
use bft_crdts::snapshot::Commitment;
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};

pub(crate) type Set = Orswot<u8>;

/// Somebody with a key of its own, from a number.
pub(crate) fn key(number: u8) -> SigningActor {
    SigningActor::from_secret(&[number; 32])
}

/// `n` members in seat order.
pub(crate) fn keys(n: u8) -> Vec<SigningActor> {
    let mut keys: Vec<_> = (1..=n).map(key).collect();
    keys.sort_by_key(SigningActor::actor);
    keys
}

pub(crate) fn genesis_of(keys: &[SigningActor], limits: Limits) -> Genesis {
    let members = keys.iter().map(SigningActor::actor).collect();
    Genesis::new(&Set::new(keys[0].actor()), members, limits, [0; 32])
        .expect("members and limits that fit")
}

/// What an actor that adds says, as its `count`th addition.
pub(crate) fn add(source: Actor, count: u64, member: u8) -> Op<u8> {
    Op::Add {
        dot: bft_crdts::orswot::Dot {
            actor: source,
            counter: count,
        },
        members: [member].into(),
    }
}

/// A removal of the first `count` additions of `of`: early where those are missing.
pub(crate) fn remove(of: Actor, count: u64, member: u8) -> Op<u8> {
    Op::Rm {
        clock: [(of, count)].into(),
        members: [member].into(),
    }
}

/// A few replicas, seat order, with what they made durable and what is under way.
pub(crate) struct Table {
    pub(crate) keys: Vec<SigningActor>,
    pub(crate) genesis: Genesis,
    /// The state with which the network begins, if it is not a fresh one.
    pub(crate) first: Option<<Set as SecureBroadcastAlgorithm>::ReplicatedState>,
    pub(crate) replicas: Vec<Replica<Set>>,
    pub(crate) records: Vec<Vec<Record>>,
    /// Packets under way, oldest first.
    pub(crate) wire: VecDeque<Packet>,
    /// What each was told, in order.
    pub(crate) delivered: Vec<Vec<(Dot, Digest)>>,
    pub(crate) faults: Vec<Vec<Fault>>,
    pub(crate) refused: Vec<(usize, PacketError)>,
}

impl Table {
    pub(crate) fn of(n: u8) -> Self {
        Self::bounded(n, Limits::default())
    }

    pub(crate) fn bounded(n: u8, limits: Limits) -> Self {
        let keys = keys(n);
        let genesis = genesis_of(&keys, limits);
        Self::seated(keys, genesis, None)
    }

    /// Members in seat order, of a network that begins in this state.
    pub(crate) fn seated(
        keys: Vec<SigningActor>,
        genesis: Genesis,
        first: Option<<Set as SecureBroadcastAlgorithm>::ReplicatedState>,
    ) -> Self {
        let mut table = Self {
            replicas: Vec::new(),
            records: vec![Vec::new(); keys.len()],
            wire: VecDeque::new(),
            delivered: vec![Vec::new(); keys.len()],
            faults: vec![Vec::new(); keys.len()],
            refused: Vec::new(),
            keys,
            genesis,
            first,
        };
        for seat in 0..table.keys.len() {
            let (replica, _) = table.rebuild(seat);
            table.replicas.push(replica);
        }
        table
    }

    /// A replica as its records would leave it.
    pub(crate) fn rebuild(&self, seat: usize) -> (Replica<Set>, Step) {
        let key = self.keys[seat].clone();
        let mut set = Set::new(key.actor());
        if let Some(first) = &self.first {
            set.sync_from(first.clone());
        }
        let records = self.records[seat].clone();
        Replica::recover(key, set, self.genesis.clone(), records).expect("its own records")
    }

    /// Somebody new takes a chair, and knows whom to ask. Its chair.
    pub(crate) fn enter(&mut self, number: u8, prepare: impl FnOnce(&mut Replica<Set>)) -> usize {
        let seat = self.keys.len();
        let contacts: Vec<_> = self.keys.iter().map(SigningActor::actor).collect();
        self.keys.push(key(number));
        self.records.push(Vec::new());
        self.delivered.push(Vec::new());
        self.faults.push(Vec::new());
        let (mut replica, step) = self.rebuild(seat);
        contacts.into_iter().for_each(|who| replica.meet(who));
        prepare(&mut replica);
        self.replicas.push(replica);
        self.spend(seat, step);
        seat
    }

    /// These members approve a change, and everything that follows happens.
    pub(crate) fn approve(&mut self, by: &[usize], change: Change) {
        for seat in by {
            // The last ones hold a certified change already, or have made it.
            if let Ok(step) = self.replicas[*seat].approve(change) {
                self.spend(*seat, step);
                self.carry_all();
            }
        }
        self.run(8);
    }

    /// The change by which somebody enters.
    pub(crate) fn entry(&self, seat: usize) -> Change {
        let boundary = self.replicas[seat].boundary();
        let entry = membership::Entry {
            generation: boundary.generation(),
            value: boundary.value(),
        };
        Change::Join(self.keys[seat].sign(&self.network(), entry).into_claim())
    }

    pub(crate) fn restart(&mut self, seat: usize) {
        let (replica, step) = self.rebuild(seat);
        self.replicas[seat] = replica;
        self.spend(seat, step);
    }

    pub(crate) fn network(&self) -> NetworkId {
        self.genesis.network()
    }

    pub(crate) fn actor(&self, seat: usize) -> Actor {
        self.keys[seat].actor()
    }

    pub(crate) fn seat_of(&self, actor: &Actor) -> Option<usize> {
        self.keys.iter().position(|key| key.actor() == *actor)
    }

    pub(crate) fn spend(&mut self, seat: usize, step: Step) {
        self.wire.extend(step.packets());
        self.records[seat].extend(step.persist);
        let delivered = step.delivered.iter().map(|d| (d.dot(), d.digest()));
        self.delivered[seat].extend(delivered);
        self.faults[seat].extend(step.faults);
        let refused = step.refused.into_iter();
        self.refused.extend(refused.map(|refusal| (seat, refusal)));
    }

    /// `seat` asks `of`, which claims to have delivered more: an answer is taken from those alone
    /// that were asked.
    pub(crate) fn ask(&mut self, seat: usize, of: usize) {
        let (to, before) = (self.actor(of), self.wire.len());
        let mut summary = self.summary(of).statement.clone();
        // More than it claimed before.
        let progress = self.replicas[seat].progress();
        let claimed = progress.iter().filter(|known| known.member == to);
        let claimed = claimed.map(|known| known.leads).sum::<u64>();
        let seq = Seq::new(claimed + u64::from(u32::MAX));
        let digest = Digest::from_bytes([0; 32]);
        summary.frontier.insert(to, Head { seq, digest });
        let claim = self.keys[of].sign(&self.network(), summary).into_claim();
        let given = self.give(to, seat, Body::SummaryAck(Arc::new(claim)));
        given.expect("a member's summary");
        self.tick(seat);
        let asked = |packet: &Packet| packet.to == to && packet.body.kind() == "request";
        assert!(self.wire.iter().skip(before).any(asked));
        self.wire.truncate(before);
    }

    pub(crate) fn propose(&mut self, seat: usize, op: Op<u8>) {
        let step = self.replicas[seat].propose(op).expect("a valid operation");
        self.spend(seat, step);
    }

    /// Adds a member that is not yet there on the state ahead of `seat`.
    pub(crate) fn add(&mut self, seat: usize, member: u8) {
        let op = self.replicas[seat].ahead().add(member);
        self.propose(seat, op);
    }

    /// Gives a body to a replica at once, as if sent by `from`.
    pub(crate) fn give(&mut self, from: Actor, seat: usize, body: Body) -> Result<(), PacketError> {
        let to = self.actor(seat);
        self.hand_over(Packet { from, to, body })
    }

    /// Gives a packet to its receiver; one without a chair loses it. What is refused has changed
    /// nothing.
    pub(crate) fn hand_over(&mut self, packet: Packet) -> Result<(), PacketError> {
        let Some(seat) = self.seat_of(&packet.to) else {
            return Ok(());
        };
        let before = format!("{:?}", self.replicas[seat]);
        match self.replicas[seat].handle_packet(packet) {
            Ok(step) => self.spend(seat, step),
            Err(refusal) => {
                assert_eq!(before, format!("{:?}", self.replicas[seat]));
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// Carries packets that `lets` lets through, and what they cause, until none is under way.
    pub(crate) fn carry(&mut self, mut lets: impl FnMut(&Packet) -> bool) {
        while let Some(packet) = self.wire.pop_front() {
            if lets(&packet) {
                let to = self.seat_of(&packet.to);
                if let (Err(refusal), Some(to)) = (self.hand_over(packet), to) {
                    self.refused.push((to, refusal));
                }
            }
        }
    }

    pub(crate) fn carry_all(&mut self) {
        self.carry(|_| true);
    }

    pub(crate) fn tick(&mut self, seat: usize) {
        let step = self.replicas[seat].tick();
        self.spend(seat, step);
    }

    /// Lets time pass for all, with every packet carried.
    pub(crate) fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            (0..self.replicas.len()).for_each(|seat| self.tick(seat));
            self.carry_all();
        }
    }

    pub(crate) fn take_wire(&mut self) -> Vec<Packet> {
        self.wire.drain(..).collect()
    }

    /// What founded each generation, as the member in this seat shows it to a stranger. What was
    /// under way is lost.
    pub(crate) fn proofs(&mut self, seat: usize) -> Vec<Arc<GenerationProof>> {
        self.take_wire();
        let request = PullRequest {
            summary: None,
            known: Generation::GENESIS,
            held: BTreeMap::new(),
        };
        let asked = self.give(key(77).actor(), seat, Body::PullRequest(request));
        asked.expect("a question");
        let mut packets = self.take_wire().into_iter();
        let answer = packets.find_map(|packet| match packet.body {
            Body::PullResponse(answer) => Some(answer),
            _ => None,
        });
        answer.expect("an answer").proofs
    }

    pub(crate) fn assert_level(&self) {
        for pair in self.replicas.windows(2) {
            assert_eq!(pair[0].frontier(), pair[1].frontier());
            assert_eq!(pair[0].algorithm().state(), pair[1].algorithm().state());
        }
    }

    // ---- what a liar can make with one key

    pub(crate) fn message(&self, source: usize, parent: Head, ops: &[Op<u8>]) -> Message {
        Message {
            source: self.actor(source),
            seq: parent.seq.next().expect("a number"),
            parent: parent.digest,
            ops: encode(&ops.to_vec()).into(),
        }
    }

    /// The first message of `source`, with its signature.
    pub(crate) fn first(&self, source: usize, ops: &[Op<u8>]) -> Arc<Proposal> {
        let message = self.message(source, Head::empty(&self.network()), ops);
        self.sign(source, message)
    }

    pub(crate) fn sign(&self, by: usize, message: Message) -> Arc<Proposal> {
        self.sign_in(by, message, Generation::GENESIS)
    }

    pub(crate) fn sign_in(
        &self,
        by: usize,
        message: Message,
        generation: Generation,
    ) -> Arc<Proposal> {
        let echo = Echo {
            generation,
            dot: message.dot(),
            digest: message.digest(&self.network()),
        };
        Arc::new(Proposal {
            message,
            generation: echo.generation,
            sig: self.keys[by].sign(&self.network(), echo).sig,
        })
    }

    pub(crate) fn echo_of(&self, proposal: &Proposal) -> Echo {
        Echo {
            generation: proposal.generation,
            dot: proposal.message.dot(),
            digest: proposal.message.digest(&self.network()),
        }
    }

    pub(crate) fn echo(&self, by: usize, proposal: &Proposal) -> Signed<Echo> {
        let echo = self.echo_of(proposal);
        self.keys[by].sign(&self.network(), echo).into_claim()
    }

    pub(crate) fn seats(&self) -> Vec<Seat> {
        let committee = self.genesis.committee().expect("a committee");
        committee.seats().map(|(seat, _)| seat).collect()
    }

    pub(crate) fn signatures(&self, by: &[usize], statement: Echo) -> Vec<(Seat, Sig)> {
        let seats = self.seats();
        let sign = |seat: &usize| self.keys[*seat].sign(&self.network(), statement).sig;
        by.iter().map(|seat| (seats[*seat], sign(seat))).collect()
    }

    pub(crate) fn certificate(&self, by: &[usize], proposal: &Proposal) -> Arc<Certificate> {
        let statement = self.echo_of(proposal);
        let signatures = self.signatures(by, statement);
        Arc::new(Certificate {
            statement,
            signatures,
        })
    }

    pub(crate) fn summary(&self, by: usize) -> Arc<Signed<Summary>> {
        let replica = &self.replicas[by];
        let summary = Summary {
            generation: replica.generation(),
            frontier: replica.frontier(),
            convicted: replica.convicted().keys().copied().collect(),
        };
        Arc::new(self.keys[by].sign(&self.network(), summary).into_claim())
    }
}

/// The echoes among packets.
pub(crate) fn echoes(packets: &[Packet]) -> Vec<Signed<Echo>> {
    let echo = |packet: &Packet| match &packet.body {
        Body::Echo(echo) => Some(*echo),
        _ => None,
    };
    packets.iter().filter_map(echo).collect()
}

pub(crate) fn kinds(packets: &[Packet]) -> Vec<&'static str> {
    packets.iter().map(|packet| packet.body.kind()).collect()
}

/// A value with the reports that it rests on, good or bad.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) value: GenerationProposal,
    pub(crate) reports: Vec<CheckedReport>,
}

impl Deref for Told {
    type Target = GenerationProposal;
    fn deref(&self) -> &GenerationProposal {
        &self.value
    }
}

impl DerefMut for Told {
    fn deref_mut(&mut self) -> &mut GenerationProposal {
        &mut self.value
    }
}

impl Told {
    /// What these changes and reports make, whose state digests to this.
    pub(crate) fn of(
        last: &Boundary,
        changes: &[CertifiedChange],
        reports: &[Verified<Report>],
        state: Commitment,
    ) -> Self {
        let counts = |report: &Verified<Report>| CheckedReport::of(last, report.clone());
        let reports = reports.iter().map(counts).collect::<Result<Vec<_>, _>>();
        let reports = reports.expect("reports that count");
        let draft = GenerationDraft::gather(last, changes, &reports);
        let ending = draft.ending(last, &named(&draft, &reports));
        let ending = ending.unwrap_or_else(|_| membership::Ending::clone(last.ending()));
        let value = draft.found(last, &ending, state);
        Self { value, reports }
    }

    pub(crate) fn check(
        &self,
        last: &Boundary,
    ) -> Result<CheckedProposal, GenerationProposalError> {
        self.value
            .check(last, &named(&self.value.draft, &self.reports))
    }

    /// The reports on their way.
    pub(crate) fn reports_sent(&self) -> Vec<Body> {
        self.reports.iter().map(sent).collect()
    }
}

/// A report on its way, as it is sent to who asked for it.
pub(crate) fn sent(report: &CheckedReport) -> Body {
    Body::Report {
        report: Arc::new(Signed::clone(report)),
        changes: Vec::new(),
    }
}

/// The one of these reports that a value names so.
pub(crate) fn find<'a>(
    reports: &'a [CheckedReport],
    of: &Actor,
    digest: &Digest,
) -> Option<&'a CheckedReport> {
    reports
        .iter()
        .find(|report| report.name() == (*of, *digest))
}

/// Those of these reports that a draft names.
pub(crate) fn named<'a>(
    draft: &GenerationDraft,
    reports: &'a [CheckedReport],
) -> Vec<&'a CheckedReport> {
    let held = |of: &Actor, digest: &Digest| find(reports, of, digest);
    draft.resolve(held).expect("the reports that it names")
}

/// A state with this snapshot, of which no part can be shown.
pub(crate) fn opaque(snapshot: Digest) -> Commitment {
    Commitment {
        snapshot,
        records: Tree::EMPTY,
    }
}

pub(crate) fn dot(source: Actor, seq: u64) -> Dot {
    Dot {
        source,
        seq: Seq::new(seq),
    }
}

/// A replica from any records, good or bad.
pub(crate) fn recover(
    key: SigningActor,
    set: Set,
    genesis: Genesis,
    records: Vec<Record>,
) -> Result<Replica<Set>, bft_crdts::deterministic_secure_broadcast::RecoverError> {
    Replica::recover(key, set, genesis, records).map(|(replica, _)| replica)
}
