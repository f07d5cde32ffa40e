//! What an operation costs a whole network in one thread: processor time, packets, bytes, signatures, verifications.
//!
//! `cargo bench --bench networks` prints a table and draws its curves into `target/curves`; with words after `--`, of the rows
//! alone whose names contain one of them.
#![allow(clippy::print_stdout)]

#[path = "../cluster/mod.rs"]
mod cluster;
mod curves;
mod memory;
mod workload;

use std::collections::BTreeMap;

use workload::{Algorithm, Measured, Workload};

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let measuring = words.iter().any(|word| word == "--bench");
    let wanted: Vec<_> = words.iter().filter(|w| !w.starts_with("--")).collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(*word));
    if chosen("memory") {
        memory::report(if measuring { 400_000 } else { 2_000 });
    }
    println!("{}", Measured::HEADER);
    let mut measured = BTreeMap::new();
    for workload in workloads() {
        let workload = if measuring {
            workload
        } else {
            workload.tried_out()
        };
        if chosen(&workload.to_string()) {
            let result = workload.measure();
            println!("{:44} {result}", workload.to_string());
            measured.insert(workload, result);
        }
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
