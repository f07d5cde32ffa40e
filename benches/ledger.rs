//! What a payment costs at the beginning and at the end of a long ledger: time, and memory.
//!
//! Four replicas in one process on one thread, with real signatures; each packet is encoded, handed over in memory in
//! order of sending, and decoded. Payments go round a ring of four accounts, one at a time. All replicas tick once in a hundred
//! payments. Records are dropped: no disk is measured.
//!
//! `cargo bench --bench ledger -- 100000`
#![allow(clippy::print_stdout)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bft_crdts::bank::{Bank, Money, Op};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Packet, Replica, Step};
use bft_crdts::membership::Genesis;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

const MEMBERS: u8 = 4;
const BALANCE: Money = Money::new(1_000);

fn main() {
    let mut args = std::env::args().skip(1);
    let measuring = args.any(|arg| arg == "--bench");
    let wanted = std::env::args().find_map(|arg| arg.parse().ok());
    // As a test it only has to run.
    let payments = wanted
        .unwrap_or(if measuring { 100_000 } else { 100 })
        .max(100);

    let mut ring = Ring::new();
    ring.pay(100);
    let before = resident_bytes();
    let tenth = payments / 10;
    let first = Cost::of(&mut ring, tenth);
    ring.pay(payments - 2 * tenth);
    let last = Cost::of(&mut ring, tenth);
    let grown = resident_bytes().saturating_sub(before);
    ring.check();

    println!("{payments} payments among {MEMBERS} replicas in one thread");
    println!("first tenth: {first}");
    println!("last tenth:  {last}");
    let ratio = |last: Duration, first: Duration| last.as_secs_f64() / first.as_secs_f64();
    println!(
        "last / first: median {:.3}, processor {:.3}",
        ratio(last.median, first.median),
        ratio(last.processor, first.processor)
    );
    println!(
        "memory: {} bytes a payment and replica",
        grown / payments as u64 / u64::from(MEMBERS)
    );
}

/// Replicas in one process, and what is under way between them.
struct Ring {
    replicas: Vec<Replica<Bank>>,
    packets: VecDeque<Vec<u8>>,
    paid: usize,
}

impl Ring {
    fn new() -> Self {
        let keys = (1..=MEMBERS).map(|byte| SigningActor::from_secret(&[byte; 32]));
        let keys: Vec<_> = keys.collect();
        let members: Vec<_> = keys.iter().map(SigningActor::actor).collect();
        let bank = |actor| {
            let mut bank = Bank::new(actor);
            members
                .iter()
                .for_each(|owner| bank.apply(Bank::new(*owner).open(BALANCE)));
            bank
        };
        let actors = members.iter().copied().collect();
        let genesis = Genesis::new(&bank(members[0]), actors, Limits::default());
        let genesis = genesis.expect("four members are a committee");
        let replica = |key: &SigningActor| {
            let (bank, genesis) = (bank(key.actor()), genesis.clone());
            let (replica, _) = Replica::recover(key.clone(), bank, genesis, []).expect("fits");
            replica
        };
        Self {
            replicas: keys.iter().map(replica).collect(),
            packets: VecDeque::new(),
            paid: 0,
        }
    }

    /// The time that each of `count` payments takes until everybody has it.
    fn pay(&mut self, count: usize) -> Vec<Duration> {
        let costs = (0..count).map(|_| {
            let start = Instant::now();
            let (from, to) = (self.paid % 4, (self.paid + 1) % 4);
            let to = self.replicas[to].actor();
            let op = self.replicas[from].ahead().transfer(to, Money::new(1));
            let step = self.replicas[from].propose(op).expect("the money is there");
            self.send(step);
            self.deliver_all();
            self.paid += 1;
            if self.paid.is_multiple_of(100) {
                for index in 0..self.replicas.len() {
                    let step = self.replicas[index].tick();
                    self.send(step);
                }
                self.deliver_all();
            }
            start.elapsed()
        });
        costs.collect()
    }

    fn send(&mut self, step: Step<Op>) {
        self.packets.extend(step.send.iter().map(Packet::encode));
    }

    fn deliver_all(&mut self) {
        while let Some(bytes) = self.packets.pop_front() {
            let packet = Packet::decode(&bytes, &Limits::default()).expect("just encoded");
            let to = |replica: &&mut Replica<Bank>| replica.actor() == packet.to;
            let replica = self.replicas.iter_mut().find(to).expect("a member");
            let step = replica.handle_packet(packet).expect("nobody lies");
            self.send(step);
        }
    }

    fn check(&self) {
        for replica in &self.replicas {
            assert!(replica.algorithm().is_conserved());
            let transfers = replica.algorithm().accounts();
            let made: u64 = transfers.map(|(_, account)| account.transfers).sum();
            assert_eq!(made, self.paid as u64);
        }
    }
}

/// Of one payment.
struct Cost {
    /// By the clock; others may use the processor too.
    median: Duration,
    /// The mean of the time that this thread really ran.
    processor: Duration,
}

impl Cost {
    fn of(ring: &mut Ring, payments: usize) -> Self {
        let before = processor_time();
        let mut costs = ring.pay(payments);
        let spent = processor_time().saturating_sub(before);
        costs.sort();
        Self {
            median: costs[costs.len() / 2],
            processor: spent / u32::try_from(payments).expect("not so many"),
        }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, processor } = self;
        write!(
            f,
            "median {median:.1?}, processor {processor:.1?} a payment"
        )
    }
}

/// Of this thread; 0 where there is no `/proc`.
fn processor_time() -> Duration {
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = nanos.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// Of this process; 0 where there is no `/proc`.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4096
}
