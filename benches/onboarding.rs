//! How long a newcomer takes to have what the members have: from a certified snapshot, and by replaying the lanes.
//!
//! Four members in one process on one thread, with real signatures; packets are encoded, handed over in memory in order of
//! sending, and decoded. Each member makes its payments round a ring a thousand at a time, so that they leave in the messages
//! that the outbox makes. Then a newcomer replays all lanes. The members begin two new generations, so that the messages are
//! forgotten (after one, they would be sent beside the snapshot); and another newcomer takes
//! the chain and the newest snapshot. What a newcomer was given until its state was the members' is given to it again,
//! and only this is timed: the processor of one newcomer. Records are dropped: no disk is measured.
//!
//! `cargo bench --bench onboarding -- 100000`; with `-- --test` it only shows that it runs.
#![allow(clippy::print_stdout)]

mod arguments;
mod cluster;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bft_crdts::bank::{Bank, Money};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Packet, Replica, Step};
use bft_crdts::membership::{Change, Genesis};
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
use clap::Parser;
use cluster::processor_time;

const MEMBERS: u8 = 4;
const BALANCE: Money = Money::new(1_000_000);
/// Payments that a member makes before the network carries any.
const AT_ONCE: usize = 1_000;

/// Measures how long a newcomer takes to have what the members have
#[derive(Parser)]
struct Arguments {
    /// Payments that the members made before
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(MEMBERS)..))]
    payments: Option<u32>,
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

fn main() {
    let given = Arguments::parse();
    let (payments, runs) = match given.thoroughness.is_measuring() {
        true => (100_000, 9),
        false => (80, 1),
    };
    let payments = given.payments.unwrap_or(payments) as usize;

    let mut ring = Ring::new();
    ring.pay(payments);
    let bytes = ring.messages().map(|ops| ops.len()).sum::<usize>();
    let messages = ring.messages().count();
    println!(
        "{payments} payments, {MEMBERS} members: {messages} messages, {bytes} bytes of operations"
    );

    let welcome = ring.welcome();
    assert!(!welcome.by_snapshot, "there is none yet");
    let replay = Cost::of(&welcome, runs);
    ring.renew();
    ring.renew();
    let welcome = ring.welcome();
    assert!(welcome.by_snapshot, "the newcomer takes the shorter way");
    // It is short: more runs make its mean steady.
    let snapshot = Cost::of(&welcome, runs * 11);

    let rate = |time: Duration| payments as f64 / time.as_secs_f64();
    println!("replay of the lanes: {replay}");
    println!("certified snapshot:  {snapshot}");
    println!(
        "operations replayed a second: median {:.0}, processor {:.0}",
        rate(replay.median),
        rate(replay.processor)
    );
    let ratio =
        |replay: Duration, snapshot: Duration| replay.as_secs_f64() / snapshot.as_secs_f64();
    println!(
        "replay / snapshot: median {:.1}, processor {:.1}",
        ratio(replay.median, snapshot.median),
        ratio(replay.processor, snapshot.processor)
    );
}

/// All that a newcomer was given, in order: with the same it does the same again.
struct Welcome {
    key: SigningActor,
    genesis: Genesis,
    /// A packet's bytes, or a tick.
    inputs: Vec<Option<Vec<u8>>>,
    by_snapshot: bool,
}

/// Of one newcomer: starting, decoding and handling what it gets, encoding what it says.
struct Cost {
    packets: usize,
    bytes: usize,
    /// By the clock; others may use the processor too.
    median: Duration,
    /// The mean of the time that this thread really ran.
    processor: Duration,
}

impl Cost {
    fn of(welcome: &Welcome, runs: u32) -> Self {
        let before = processor_time();
        let mut costs: Vec<_> = (0..runs).map(|_| welcome.again()).collect();
        let spent = processor_time().saturating_sub(before);
        costs.sort();
        let packets = || welcome.inputs.iter().flatten();
        Self {
            packets: packets().count(),
            bytes: packets().map(Vec::len).sum(),
            median: costs[costs.len() / 2],
            processor: spent / runs,
        }
    }
}

impl Welcome {
    fn again(&self) -> Duration {
        let start = Instant::now();
        let mut newcomer = self::start(self.key.clone(), &self.genesis);
        for input in &self.inputs {
            let step = match input {
                Some(bytes) => newcomer.handle_packet(decode(bytes)).expect("nobody lies"),
                None => newcomer.tick(),
            };
            std::hint::black_box(encode(step));
        }
        start.elapsed()
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            packets,
            bytes,
            median,
            processor,
        } = self;
        write!(
            f,
            "median {median:.2?}, processor {processor:.2?}; {packets} packets with {bytes} bytes"
        )
    }
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
        let genesis = Genesis::new(&bank(first), members, Limits::default(), [0; 32]);
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
        let next = self.replicas[0].generation().next();
        for index in 0..self.replicas.len() {
            if let Ok(step) = self.replicas[index].approve(Change::Renew) {
                self.send(step);
            }
        }
        self.settle();
        assert!(
            self.replicas
                .iter()
                .all(|replica| Some(replica.generation()) == next)
        );
    }

    /// A newcomer that knows the genesis alone asks the members until it has what they have.
    fn welcome(&mut self) -> Welcome {
        let (key, genesis) = (SigningActor::from_secret(&[100; 32]), self.genesis.clone());
        let mut newcomer = start(key.clone(), &genesis);
        let member = &self.replicas[0];
        let (goal, generation) = (member.frontier(), member.generation());
        let (mut inputs, mut by_snapshot) = (Vec::new(), false);
        while newcomer.frontier() != goal || newcomer.generation() != generation {
            inputs.push(None);
            self.packets.extend(encode(newcomer.tick()));
            while let Some(bytes) = self.packets.pop_front() {
                let packet = decode(&bytes);
                if packet.to == newcomer.actor() {
                    let step = newcomer.handle_packet(packet).expect("nobody lies");
                    by_snapshot |= step.installed.iter().any(|new| new.by_snapshot);
                    self.packets.extend(encode(step));
                    inputs.push(Some(bytes));
                } else {
                    self.arrive(packet);
                }
            }
        }
        let state = self.replicas[0].algorithm().state();
        assert_eq!(newcomer.algorithm().state(), state);
        Welcome {
            key,
            genesis,
            inputs,
            by_snapshot,
        }
    }

    fn arrive(&mut self, packet: Packet) {
        let to = |replica: &&mut Replica<Bank>| replica.actor() == packet.to;
        if let Some(replica) = self.replicas.iter_mut().find(to) {
            let step = replica.handle_packet(packet).expect("nobody lies");
            self.send(step);
        }
    }

    fn send(&mut self, step: Step) {
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

fn encode(step: Step) -> Vec<Vec<u8>> {
    step.packets().map(|packet| packet.encode()).collect()
}

fn decode(bytes: &[u8]) -> Packet {
    Packet::decode(bytes, &Limits::default()).expect("just encoded")
}
