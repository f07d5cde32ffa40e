//! How long a newcomer takes to have what the members have: from a certified snapshot, and by replaying the lanes.
//!
//! Four members in one process on one thread, with real signatures; packets are encoded, handed over in memory in order of
//! sending, and decoded. Each member makes its payments round a ring a thousand at a time, so that they leave in the messages
//! that the outbox makes. Then a newcomer replays all lanes; the members begin a new generation; and another newcomer takes
//! the chain and the snapshot of it. Only what the newcomer does is timed, from its first packet until its state is
//! the members'. Records are dropped: no disk is measured.
//!
//! `cargo bench --bench onboarding -- 100000`
#![allow(clippy::print_stdout)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bft_crdts::bank::{Bank, Money, Op};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Packet, Replica, Step};
use bft_crdts::membership::{Change, Generation, Genesis};
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

const MEMBERS: u8 = 4;
const BALANCE: Money = Money::new(1_000_000);
/// Payments that a member makes before the network carries any.
const AT_ONCE: usize = 1_000;

fn main() {
    let mut args = std::env::args().skip(1);
    let measuring = args.any(|arg| arg == "--bench");
    let wanted = std::env::args().find_map(|arg| arg.parse().ok());
    // As a test it only has to run.
    let (payments, runs) = match (wanted, measuring) {
        (Some(payments), _) => (payments, 9),
        (None, true) => (100_000, 9),
        (None, false) => (80, 1),
    };

    let mut ring = Ring::new();
    ring.pay(payments);
    let bytes = ring.messages().map(|ops| ops.len()).sum::<usize>();
    let messages = ring.messages().count();
    println!(
        "{payments} payments, {MEMBERS} members: {messages} messages, {bytes} bytes of operations"
    );

    let replay = median((0..runs).map(|run| ring.welcome(run)));
    ring.renew();
    let snapshot = median((0..runs).map(|run| ring.welcome(run)));

    let rate = payments as f64 / replay.own.as_secs_f64();
    println!(
        "replay of the lanes:  newcomer {:.3?} ({rate:.0} operations/s), with the members' answers {:.3?}",
        replay.own, replay.all
    );
    println!(
        "certified snapshot:   newcomer {:.3?}, with the members' answers {:.3?}",
        snapshot.own, snapshot.all
    );
    let ratio =
        |replay: Duration, snapshot: Duration| replay.as_secs_f64() / snapshot.as_secs_f64();
    println!(
        "snapshot is faster by: newcomer {:.1}, with the members' answers {:.1}",
        ratio(replay.own, snapshot.own),
        ratio(replay.all, snapshot.all)
    );
}

/// What one newcomer cost.
#[derive(Clone, Copy)]
struct Cost {
    /// In the newcomer: decoding and handling what it gets, encoding what it says.
    own: Duration,
    /// The same with the members that serve it.
    all: Duration,
}

fn median(costs: impl Iterator<Item = Cost>) -> Cost {
    let costs: Vec<_> = costs.collect();
    let middle = |of: fn(&Cost) -> Duration| {
        let mut times: Vec<_> = costs.iter().map(of).collect();
        times.sort();
        times[times.len() / 2]
    };
    let (own, all) = (middle(|cost| cost.own), middle(|cost| cost.all));
    Cost { own, all }
}

/// Members in one process, and what is under way between them.
struct Ring {
    genesis: Genesis,
    replicas: Vec<Replica<Bank>>,
    packets: VecDeque<Vec<u8>>,
}

fn bank(actor: bft_crdts::Actor) -> Bank {
    let mut bank = Bank::new(actor);
    for key in keys() {
        bank.apply(Bank::new(key.actor()).open(BALANCE));
    }
    bank
}

fn keys() -> impl Iterator<Item = SigningActor> {
    (1..=MEMBERS).map(|byte| SigningActor::from_secret(&[byte; 32]))
}

impl Ring {
    fn new() -> Self {
        let first = keys().next().expect("a member").actor();
        let members = keys().map(|key| key.actor()).collect();
        let genesis = Genesis::new(&bank(first), members, Limits::default());
        let genesis = genesis.expect("four members are a committee");
        let replicas = keys().map(|key| start(key, &genesis)).collect();
        Self {
            genesis,
            replicas,
            packets: VecDeque::new(),
        }
    }

    fn pay(&mut self, payments: usize) {
        let each = payments / self.replicas.len();
        for done in (0..each).step_by(AT_ONCE) {
            for from in 0..self.replicas.len() {
                let to = self.replicas[(from + 1) % self.replicas.len()].actor();
                for _ in done..each.min(done + AT_ONCE) {
                    let op = self.replicas[from].ahead().transfer(to, Money::new(1));
                    let step = self.replicas[from].propose(op).expect("the money is there");
                    self.send(step);
                }
            }
            self.settle();
        }
    }

    /// All members consent to a new generation, and begin it.
    fn renew(&mut self) {
        for index in 0..self.replicas.len() {
            if let Ok(step) = self.replicas[index].approve(Change::Renew) {
                self.send(step);
            }
        }
        self.settle();
        let next = Generation::GENESIS.next().expect("not the last");
        assert!(
            self.replicas
                .iter()
                .all(|replica| replica.generation() == next)
        );
    }

    /// A newcomer that knows the genesis alone asks the members until it has what they have.
    fn welcome(&mut self, run: u8) -> Cost {
        let key = SigningActor::from_secret(&[100 + run; 32]);
        let mut newcomer = start(key, &self.genesis);
        let (goal, generation) = (self.replicas[0].frontier(), self.replicas[0].generation());
        let (mut own, begun) = (Duration::ZERO, Instant::now());
        while newcomer.frontier() != goal || newcomer.generation() != generation {
            let started = Instant::now();
            let asked = encode(newcomer.tick());
            own += started.elapsed();
            self.packets.extend(asked);
            while let Some(bytes) = self.packets.pop_front() {
                let started = Instant::now();
                let packet = decode(&bytes);
                if packet.to == newcomer.actor() {
                    let said = encode(newcomer.handle_packet(packet).expect("nobody lies"));
                    own += started.elapsed();
                    self.packets.extend(said);
                } else {
                    self.arrive(packet);
                }
            }
        }
        let all = begun.elapsed();
        let state = self.replicas[0].algorithm().state();
        assert_eq!(newcomer.algorithm().state(), state);
        Cost { own, all }
    }

    fn arrive(&mut self, packet: Packet) {
        let to = |replica: &&mut Replica<Bank>| replica.actor() == packet.to;
        if let Some(replica) = self.replicas.iter_mut().find(to) {
            let step = replica.handle_packet(packet).expect("nobody lies");
            self.send(step);
        }
    }

    fn send(&mut self, step: Step<Op>) {
        self.packets.extend(encode(step));
    }

    /// Delivers what is under way, and lets time pass until nothing is.
    fn settle(&mut self) {
        for _ in 0..20 {
            while let Some(bytes) = self.packets.pop_front() {
                self.arrive(decode(&bytes));
            }
            for index in 0..self.replicas.len() {
                let step = self.replicas[index].tick();
                self.send(step);
            }
        }
        self.packets.clear();
    }

    fn messages(&self) -> impl Iterator<Item = &bft_crdts::codec::Bytes> {
        let member = &self.replicas[0];
        let lanes = self.replicas.iter().map(|replica| replica.actor());
        lanes.flat_map(|source| {
            member
                .messages(&source)
                .map(|message| &message.ops)
                .collect::<Vec<_>>()
        })
    }
}

fn start(key: SigningActor, genesis: &Genesis) -> Replica<Bank> {
    let bank = bank(key.actor());
    let (replica, _) = Replica::recover(key, bank, genesis.clone(), []).expect("fits");
    replica
}

fn encode(step: Step<Op>) -> Vec<Vec<u8>> {
    step.send.iter().map(Packet::encode).collect()
}

fn decode(bytes: &[u8]) -> Packet {
    Packet::decode(bytes, &Limits::default()).expect("just encoded")
}
