//! What a real cluster reaches: four processes on loopback, each with a durable store. `cargo bench --features node,store
//! --bench node`; with `-- --test` it only shows that it runs, with `-- --large 1000000` it begins a generation of a set of so
//! many members.
//!
//! Wall-clock time on whatever else the machine does, so the numbers are of that machine on that day.

#![allow(clippy::print_stdout)]

mod arguments;
#[path = "../tests/node/forged.rs"]
mod forged;
#[path = "../tests/node/process.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod process;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bft_crdts::deterministic_secure_broadcast::Packet;
use bft_crdts::node::Link;
use clap::Parser;
use process::{Place, Process};

const NODES: usize = 4;

/// Measures what four processes with durable stores reach
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
    /// Only begins two generations of a set of so many members, and lets somebody enter
    #[arg(long, value_name = "MEMBERS")]
    large: Option<usize>,
}

fn main() {
    if process::is_ordered() {
        return process::run_as_ordered();
    }
    let arguments = Arguments::parse();
    let (single, burst, members) = match arguments.thoroughness.is_measuring() {
        true => (1_000, 100_000, 1_000_000),
        false => (20, 1_000, 2_000),
    };
    if let Some(wanted) = arguments.large {
        return large(match arguments.thoroughness.is_measuring() {
            true => wanted,
            false => wanted.min(members),
        });
    }
    latency(single);
    callers(single / 10);
    flood(single / 10);
    throughput(burst, 1);
    throughput(burst, NODES);
    catching_up(burst, 2 * single);
    large(members);
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
    // One write of the source and one of a member are on the way of each operation.
    let write = time / writes.max(1);
    println!(
        "a write takes {write} us on average; the two on the way of each are {} % of the mean",
        200 * write / mean
    );
    for node in &nodes {
        println!("resident after it: {} KiB", node.resident());
    }
}

/// Of so many additions by each of 64 callers, 16 at each node, each of which waits for its last one.
fn callers(each: usize) {
    let place = Place::new("callers", NODES);
    let mut nodes = place.start_all();
    nodes[0].ask("latency 10");
    println!(
        "16 callers at each of {NODES} nodes, each with one addition in flight: {:.0} a second",
        called(&mut nodes, each)
    );
}

/// Additions a second of 16 callers at each of these nodes.
fn called(nodes: &mut [Process], each: usize) -> f64 {
    let begin = Instant::now();
    for node in nodes.iter_mut() {
        node.order(&format!("callers 16 {each}"));
    }
    nodes.iter().for_each(|node| drop(node.next()));
    (16 * nodes.len() * each) as f64 / begin.elapsed().as_secs_f64()
}

/// The same at three nodes, while the fourth member is silent, and while it sends nothing but bad signatures.
fn flood(each: usize) {
    let place = Place::new("flood", NODES);
    let mut nodes: Vec<_> = (0..NODES - 1).map(|number| place.start(number)).collect();
    nodes[0].ask("latency 10");
    let calm = called(&mut nodes, each);
    let before = spent(&nodes);
    let (sent, begin, over) = (AtomicU64::new(0), Instant::now(), AtomicBool::new(false));
    let flooded = std::thread::scope(|scope| {
        for number in 0..NODES - 1 {
            let (place, sent, over) = (&place, &sent, &over);
            scope.spawn(move || pour(place, number, sent, over));
        }
        std::thread::sleep(Duration::from_millis(500));
        let flooded = called(&mut nodes, each);
        over.store(true, Ordering::Relaxed);
        flooded
    });
    let refused: u64 = nodes.iter_mut().map(|node| node.status().refused).sum();
    println!(
        "16 callers at each of 3 nodes, the fourth is silent: {calm:.0} a second; it floods: {flooded:.0}, {:.2} of it",
        flooded / calm
    );
    println!(
        "the flood: {:.0} bad signatures a second are sent; {refused} refused, {:.1?} of the processors of the three",
        sent.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64(),
        spent(&nodes).saturating_sub(before)
    );
}

/// Sends messages with bad signatures to one node, as fast as its link takes them.
fn pour(place: &Place, number: usize, sent: &AtomicU64, over: &AtomicBool) {
    let (liar, to, genesis) = (
        process::key(NODES - 1),
        process::key(number).actor(),
        process::genesis(NODES),
    );
    let from = liar.actor();
    let forged = |salt: u8| Packet {
        from,
        to,
        body: forged::message(from, genesis.network(), salt),
    };
    let packets: Vec<_> = (0..=u8::MAX).map(forged).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (network, limits) = (genesis.network(), genesis.limits());
        let link = Link::dial(&liar, &network, limits, to, place.addresses[number]).await;
        let mut link = link.expect("a member's key");
        for packet in packets.iter().cycle() {
            if over.load(Ordering::Relaxed) || link.send(packet.clone()).await.is_err() {
                break;
            }
            sent.fetch_add(1, Ordering::Relaxed);
        }
    });
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
    let rate = |time: Duration| (sources * each) as f64 / time.as_secs_f64();
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

/// A new generation of a large set, a second one after which the lanes are forgotten, and a member that begins from nothing.
fn large(members: usize) {
    let place = Place::new("large", NODES);
    let mut nodes: Vec<_> = (1..NODES).map(|number| place.start(number)).collect();
    let share = members / nodes.len() + 1;
    for (number, node) in nodes.iter_mut().enumerate() {
        let (from, to) = (number * share, members.min((number + 1) * share));
        node.order(&format!("fill {from} {to}"));
    }
    nodes.iter().for_each(|node| drop(node.next()));
    nodes.iter_mut().for_each(|node| wait_for(node, members));
    for generation in 1..=2 {
        renew(&mut nodes, generation, members);
    }
    let begin = Instant::now();
    let mut late = place.start(0);
    wait_for(&mut late, members);
    println!(
        "a member with an empty store is level after {:.1?}, {:.1?} of its processor; {} KiB resident, another {} KiB",
        begin.elapsed(),
        spent(std::slice::from_ref(&late)),
        late.resident(),
        nodes[0].resident()
    );
    nodes.push(late);
    renew(&mut nodes, 3, members);
}

fn renew(nodes: &mut [Process], generation: u64, members: usize) {
    let (begin, before) = (Instant::now(), spent(nodes));
    for node in nodes.iter_mut() {
        assert_eq!(node.ask("renew"), "approved");
    }
    for node in nodes.iter_mut() {
        wait_until(|| node.ask("generation") == generation.to_string());
    }
    println!(
        "{members} members of a set: generation {generation} began at {} after {:.1?}, {:.1?} of the processors",
        nodes.len(),
        begin.elapsed(),
        spent(nodes).saturating_sub(before)
    );
}

/// Processor time of these processes.
fn spent(nodes: &[Process]) -> Duration {
    nodes.iter().map(Process::processor_time).sum()
}

fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for(node: &mut Process, len: usize) {
    wait_until(|| node.ask("len").parse().unwrap_or(0) >= len);
}
