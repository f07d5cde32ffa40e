//! What an operation costs a whole network in one thread: processor time, packets, bytes, signatures, verifications.
//!
//! `cargo bench --bench networks` prints a table; with words after `--` only the rows whose names contain one of them.
#![allow(clippy::print_stdout)]

mod cluster;

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::at2_impl::At2;
use bft_crdts::bank::{Bank, Money};
use bft_crdts::orswot::Orswot;
use bft_crdts::traits::Wire;
use cluster::{Cluster, Cost};

/// Messages after which everybody's clock ticks once.
const PACE: usize = 100;

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let measuring = words.iter().any(|word| word == "--bench");
    let wanted: Vec<_> = words.iter().filter(|w| !w.starts_with("--")).collect();
    println!(
        "{:32} {:>10} {:>8} {:>8} {:>7} {:>7}",
        "", "ops/s", "packets", "bytes", "signed", "checked"
    );
    for row in rows() {
        let chosen = wanted.is_empty() || wanted.iter().any(|word| row.name().contains(*word));
        if chosen {
            row.print(measuring);
        }
    }
}

#[derive(Clone, Copy)]
struct Row {
    algorithm: &'static str,
    members: u8,
    sources: usize,
    batch: usize,
    ops: usize,
}

fn rows() -> Vec<Row> {
    let row = |algorithm, members, sources, batch, ops| Row {
        algorithm,
        members,
        sources,
        batch,
        ops,
    };
    let mut rows = Vec::new();
    for algorithm in ["set", "ring", "sink", "at2"] {
        for members in [1, 4, 7, 16, 31, 64, 100] {
            for batch in [1, 16, 64, 512] {
                let ops = (40_000 / usize::from(members) / usize::from(members)).clamp(20, 2_000);
                rows.push(row(algorithm, members, 1, batch, ops * batch.min(64)));
            }
        }
        rows.push(row(algorithm, 4, 2, 512, 100_000));
        rows.push(row(algorithm, 4, 4, 512, 100_000));
    }
    rows
}

impl Row {
    fn name(&self) -> String {
        let Self {
            algorithm,
            members,
            sources,
            batch,
            ..
        } = self;
        format!("{algorithm} n={members} sources={sources} batch={batch}")
    }

    fn print(&self, measuring: bool) {
        let ops = if measuring {
            self.ops
        } else {
            self.batch.min(20)
        };
        match self.algorithm {
            "set" => self.measure(
                ops,
                |_, actor| Orswot::new(actor),
                |set, number, _| set.add(format!("{number:040}")),
            ),
            "at2" => self.measure(ops, funded, |at2, _, to| {
                at2.transfer(to, Money::new(1)).expect("funded")
            }),
            "ring" => self.measure(ops, bank, |bank, _, to| bank.transfer(to, Money::new(1))),
            _ => self.measure(ops, bank, |bank, _, to| bank.transfer(to, Money::new(1))),
        }
    }

    fn measure<A: Wire>(
        &self,
        ops: usize,
        make: impl Fn(&[bft_crdts::Actor], bft_crdts::Actor) -> A,
        op: impl Fn(&A, usize, bft_crdts::Actor) -> A::Op,
    ) {
        let mut cluster = Cluster::new(self.members, make);
        let actors = cluster.actors().to_vec();
        let to = |from: usize| match self.algorithm {
            "sink" => {
                actors
                    [actors.len() - 1 - usize::from(from == actors.len() - 1).min(actors.len() - 1)]
            }
            _ => actors[(from + 1) % actors.len()],
        };
        let cost = Cost::of(|| {
            let mut made = 0;
            let mut messages = 0;
            if self.batch == 1 {
                while made < ops {
                    let from = if self.algorithm == "ring" {
                        made % actors.len()
                    } else {
                        made % self.sources
                    };
                    cluster.propose(from, |a| op(a, made, to(from)));
                    made += 1;
                    cluster.run();
                    if made % PACE == 0 {
                        cluster.tick();
                        cluster.run();
                    }
                }
            } else {
                let mut heads = vec![None; self.sources];
                loop {
                    for from in 0..self.sources {
                        let head = cluster.replica(from).head(&actors[from]);
                        if heads[from] != head {
                            heads[from] = head;
                            messages += 1;
                            for _ in 0..self.batch.min(ops - made) {
                                cluster.propose(from, |a| op(a, made, to(from)));
                                made += 1;
                            }
                        }
                    }
                    if messages % PACE == 0 {
                        cluster.tick();
                    }
                    if !cluster.step() {
                        break;
                    }
                }
            }
        });
        let per = |count: u64| count as f64 / ops as f64;
        println!(
            "{:32} {:>10.0} {:>8.2} {:>8.0} {:>7.3} {:>7.3}",
            self.name(),
            ops as f64 / cost.time.as_secs_f64(),
            per(cluster.packets),
            per(cluster.bytes),
            per(cost.work.signatures),
            per(cost.work.verifications)
        );
    }
}

fn bank(actors: &[bft_crdts::Actor], actor: bft_crdts::Actor) -> Bank {
    let mut bank = Bank::new(actor);
    actors
        .iter()
        .for_each(|owner| bank.apply(Bank::new(*owner).open(Money::new(1_000_000))));
    bank
}

fn funded(actors: &[bft_crdts::Actor], actor: bft_crdts::Actor) -> At2 {
    let balances = actors
        .iter()
        .map(|owner| (*owner, Money::new(1_000_000)))
        .collect();
    At2::with_balances(actor, balances).expect("not so much")
}
