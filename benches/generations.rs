//! What a change of generation costs a whole network in one thread: `cargo bench --bench generations`.
//!
//! Before each change the members have moved a thousand messages. Medians of five changes; from the first approval until all have
//! begun the next generation.

#![allow(clippy::print_stdout)]

#[path = "arguments/mod.rs"]
mod arguments;
#[path = "cluster/mod.rs"]
mod cluster;

use clap::Parser;
use cluster::{Cluster, Cost, Taking};

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::orswot::Orswot;

/// Messages that are delivered between two changes.
const MOVED: usize = 1_000;

/// Changes of which the median is told.
const CHANGES: usize = 5;

/// Measures what a change of generation costs
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

/// One change.
struct Change {
    cost: Cost,
    packets: u64,
    bytes: u64,
}

/// A network, with the first number that is not in its set.
struct Network {
    cluster: Cluster<Orswot<u64>>,
    next: u64,
}

impl Network {
    fn new(members: u8, taking: Taking) -> Self {
        let cluster = Cluster::new(members, |_, actor| Orswot::new(actor)).taking(taking);
        Self { cluster, next: 0 }
    }

    /// Delivers so many additions, all members one after the other.
    fn move_on(&mut self, messages: usize) {
        let members = self.cluster.actors().len();
        for index in 0..messages {
            let number = self.next;
            self.cluster.propose(index % members, |set| set.add(number));
            self.cluster.run();
            self.next += 1;
        }
    }

    fn change(&mut self) -> Change {
        let (packets, bytes) = (self.cluster.packets, self.cluster.bytes);
        let before = self.cluster.replica(0).generation();
        let cost = Cost::of(|| {
            self.cluster.renew();
            while self.cluster.oldest() <= before {
                self.cluster.tick();
                self.cluster.run();
            }
        });
        Change {
            cost,
            packets: self.cluster.packets - packets,
            bytes: self.cluster.bytes - bytes,
        }
    }
}

fn main() {
    let measuring = Arguments::parse().thoroughness.is_measuring();
    let moved = if measuring { MOVED } else { 8 };
    println!(
        "{:20} {:>10} {:>9} {:>11} {:>11} {:>11}",
        "members", "time", "packets", "bytes", "signatures", "checked"
    );
    let sizes: &[u8] = if measuring { &[4, 7, 31] } else { &[4] };
    for (members, taking) in sizes
        .iter()
        .flat_map(|members| Taking::ALL.map(|taking| (*members, taking)))
    {
        let mut network = Network::new(members, taking);
        let mut changes: Vec<Change> = Vec::new();
        for _ in 0..if measuring { CHANGES } else { 1 } {
            network.move_on(moved);
            changes.push(network.change());
        }
        changes.sort_by_key(|change| change.cost.time);
        let median = &changes[changes.len() / 2];
        println!(
            "{:20} {:>7.1} ms {:>9} {:>11} {:>11} {:>11}",
            format!("{members} {}", format!("{taking:?}").to_lowercase()),
            median.cost.time.as_secs_f64() * 1e3,
            median.packets,
            median.bytes,
            median.cost.work.signatures,
            median.cost.work.verifications,
        );
    }
}
