//! What a real cluster reaches: four processes on loopback, each with a durable store. `cargo bench --features node,store
//! --bench node`; with `-- --test` it only shows that it runs.
//!
//! Wall-clock time on whatever else the machine does, so the numbers are of that machine on that day.

#![allow(clippy::print_stdout)]

mod arguments;
#[path = "../tests/node/process.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod process;

use std::time::Instant;

use clap::Parser;
use process::{Place, Process};

const NODES: usize = 4;

/// Measures what four processes with durable stores reach
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

fn main() {
    if process::is_ordered() {
        return process::run_as_ordered();
    }
    let (single, burst) = match Arguments::parse().thoroughness.is_measuring() {
        true => (1_000, 100_000),
        false => (20, 1_000),
    };
    latency(single);
    throughput(burst, 1);
    throughput(burst, NODES);
    catching_up(burst, 2 * single);
}

/// Of so many additions, one at a time.
fn latency(additions: usize) {
    let place = Place::new("latency", NODES);
    let mut nodes = place.start_all();
    nodes[0].ask("latency 50");
    let line = nodes[0].ask(&format!("latency {additions}"));
    let numbers: Vec<u64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let (writes, time, mut times) = (numbers[0], numbers[1], numbers[2..].to_vec());
    times.sort_unstable();
    let mean = times.iter().sum::<u64>() / times.len() as u64;
    let at = |share: usize| times[times.len() * share / 1000 - 1];
    println!(
        "one at a time, until durable and delivered: p50 {} us, p99 {} us, mean {mean} us",
        at(500),
        at(990)
    );
    // Two writes of the source and one of a member are on the way of each operation.
    let write = time / writes.max(1);
    println!(
        "a write takes {write} us on average; the three on the way of each are {} % of the mean",
        300 * write / mean
    );
    for node in &nodes {
        println!("resident after it: {} KiB", node.resident());
    }
}

/// Of so many additions, all waiting.
fn throughput(additions: usize, sources: usize) {
    let (place, each) = (Place::new("throughput", NODES), additions / sources);
    let mut nodes = place.start_all();
    nodes[0].ask("latency 10");
    let begin = Instant::now();
    for (number, node) in nodes.iter_mut().take(sources).enumerate() {
        node.order(&format!("burst {} {}", number * each, (number + 1) * each));
    }
    for node in nodes.iter().take(sources) {
        node.next();
    }
    let here = begin.elapsed();
    nodes
        .iter_mut()
        .for_each(|node| wait_for(node, sources * each));
    let everywhere = begin.elapsed();
    let rate = |time: std::time::Duration| (sources * each) as f64 / time.as_secs_f64();
    println!(
        "{} additions of 100 bytes from {sources} sources: {:.0} a second until the sources know, {:.0} until all have them",
        sources * each,
        rate(here),
        rate(everywhere)
    );
}

/// With so many additions that were made in batches, and so many more of each member that were proposed one at a time.
fn catching_up(burst: usize, single: usize) {
    let place = Place::new("catching-up", NODES);
    let mut nodes = place.start_all();
    nodes.pop().into_iter().for_each(Process::quit);
    nodes[0].ask(&format!("burst 0 {burst}"));
    catch_up(&place, burst, "in batches");
    for node in &mut nodes {
        node.order(&format!("latency {single}"));
    }
    nodes.iter().for_each(|node| drop(node.next()));
    let all = single * nodes.len();
    let what = format!("and {all} that were proposed one at a time");
    catch_up(&place, burst + all, &what);
    let begin = Instant::now();
    let late = place.start(NODES - 1);
    println!(
        "restart with all of them in the store: {:.1?}, {} KiB resident",
        begin.elapsed(),
        late.resident()
    );
}

fn catch_up(place: &Place, len: usize, what: &str) {
    let begin = Instant::now();
    let mut late = place.start(NODES - 1);
    let started = begin.elapsed();
    wait_for(&mut late, len);
    println!(
        "down for {len} operations, {what}: started in {started:.1?}, level after {:.1?}",
        begin.elapsed()
    );
    late.quit();
}

fn wait_for(node: &mut Process, len: usize) {
    while node.ask("len").parse().unwrap_or(0) < len {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
