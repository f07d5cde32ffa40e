//! What an operation costs a whole network in one thread: processor time, packets, bytes, signatures, verifications.
//!
//! `cargo bench --bench networks` prints a table and draws its curves into `target/curves`; with words after `--`, of the rows
//! alone whose names contain one of them; with `-- --test` it only shows that it runs.
#![allow(clippy::print_stdout)]

#[path = "../arguments/mod.rs"]
mod arguments;
#[path = "../cluster/mod.rs"]
mod cluster;
mod curves;
mod memory;
mod workload;

use std::collections::BTreeMap;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use cluster::Taking;
use workload::{Algorithm, Measured, Workload};

/// The name under which the memory of a replica is chosen.
const MEMORY: &str = "memory";

/// The largest committee that is tried out where nothing is measured: a hundred members take minutes.
const TRIED_OUT: u8 = 16;

/// Measures what an operation costs a whole network in one thread
#[derive(Parser)]
struct Arguments {
    /// Only rows whose names contain one of these words, such as "set" or "memory"
    words: Vec<String>,
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

impl Arguments {
    fn choose(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }
}

fn main() {
    let given = Arguments::parse();
    let measuring = given.thoroughness.is_measuring();
    let mut rows = workloads();
    if !measuring {
        rows.retain(|row| row.members <= TRIED_OUT);
        rows = rows.into_iter().map(Workload::tried_out).collect();
    }
    rows.retain(|row| given.choose(&row.to_string()));
    if rows.is_empty() && !given.choose(MEMORY) {
        let unknown = format!(
            "no row has one of these words in its name: {}",
            given.words.join(", ")
        );
        Arguments::command()
            .error(ErrorKind::InvalidValue, unknown)
            .exit();
    }
    if given.choose(MEMORY) {
        memory::report(if measuring { 400_000 } else { 2_000 });
    }
    println!("{}", Measured::HEADER);
    let mut measured = BTreeMap::new();
    for row in rows {
        let result = row.measure();
        println!("{:44} {result}", row.to_string());
        measured.insert(row, result);
    }
    if measuring {
        curves::draw(&measured);
    }
}

/// Committees, batches, sources, and how much has happened before.
fn workloads() -> Vec<Workload> {
    let mut all = Vec::new();
    for algorithm in Algorithm::ALL {
        let one = Workload::of(algorithm);
        for members in [1, 4, 7, 16, 31, 64, 100] {
            for batch in [1, 16, 64, 512] {
                all.push(Workload {
                    members,
                    batch,
                    ..one
                });
            }
        }
        for sources in [2, 4] {
            all.push(Workload {
                sources,
                batch: 512,
                ..one
            });
        }
        if algorithm == Algorithm::Set {
            for sources in [1, 2, 4] {
                all.push(Workload {
                    sources,
                    batch: 512,
                    at_once: true,
                    ..one
                });
            }
        }
        for (members, taking) in [4, 7, 31]
            .into_iter()
            .flat_map(|members| Taking::ALL.map(|taking| (members, taking)))
        {
            all.push(Workload {
                members,
                sources: usize::from(members),
                in_flight: true,
                taking,
                ..one
            });
        }
        for history in [1_000, 10_000, 100_000] {
            all.push(Workload { history, ..one });
            // Ten batches are measured: of a history of 1,000 they would make another.
            if history > 1_000 {
                all.push(Workload {
                    history,
                    batch: 512,
                    ..one
                });
            }
        }
    }
    all
}
