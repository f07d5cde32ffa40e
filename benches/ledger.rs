//! What a payment costs at the beginning and at the end of a long ledger: time, and memory.
//!
//! Four replicas in one process on one thread, with real signatures; each packet is encoded, handed over in memory in
//! order of sending, and decoded. Payments go round a ring of four accounts, one at a time. All replicas tick once in a hundred
//! payments. Records are dropped: no disk is measured.
//!
//! `cargo bench --bench ledger -- 100000`; with `-- --test` it only shows that it runs.
#![allow(clippy::print_stdout)]

mod arguments;
mod cluster;

use std::time::{Duration, Instant};

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::bank::{Bank, Money};
use clap::Parser;
use cluster::{Cluster, processor_time, resident_bytes};

const MEMBERS: u8 = 4;
const BALANCE: Money = Money::new(1_000);

/// Measures what a payment costs at the beginning and at the end of a long ledger
#[derive(Parser)]
struct Arguments {
    /// Payments of the ledger; the first and the last tenth are compared
    #[arg(value_parser = clap::value_parser!(u32).range(100..))]
    payments: Option<u32>,
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

fn main() {
    let given = Arguments::parse();
    let default = if given.thoroughness.is_measuring() {
        100_000
    } else {
        100
    };
    let payments = given.payments.unwrap_or(default) as usize;

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

/// Four accounts, each of which pays the next in turn.
struct Ring {
    cluster: Cluster<Bank>,
    paid: usize,
}

impl Ring {
    fn new() -> Self {
        let cluster = Cluster::new(MEMBERS, |owners, actor| {
            let mut bank = Bank::new(actor);
            for owner in owners {
                bank.apply(Bank::new(*owner).open(BALANCE));
            }
            bank
        });
        Self { cluster, paid: 0 }
    }

    /// The time that each of `count` payments takes until everybody has it.
    fn pay(&mut self, count: usize) -> Vec<Duration> {
        let costs = (0..count).map(|_| {
            let start = Instant::now();
            let from = self.paid % usize::from(MEMBERS);
            let to = self.cluster.actors()[(from + 1) % usize::from(MEMBERS)];
            let pay = |bank: &Bank| bank.transfer(to, Money::new(1));
            self.cluster.propose(from, pay);
            self.cluster.run();
            self.paid += 1;
            if self.paid.is_multiple_of(100) {
                self.cluster.tick();
                self.cluster.run();
            }
            start.elapsed()
        });
        costs.collect()
    }

    fn check(&self) {
        for index in 0..usize::from(MEMBERS) {
            let bank = self.cluster.algorithm(index);
            assert!(bank.is_conserved());
            let transfers = bank.accounts();
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
