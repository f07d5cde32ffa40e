//! The whole trace through networks of four, each replica doing its own work.

use std::time::Instant;

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::net::{Equivocator, Net};
use bft_crdts::types::Text;

use crate::cluster::{Cluster, processor_time};
use crate::ours::operations;
use crate::trace::{Edit, Trace};

/// Edits that wait for a message.
const BATCH: usize = 512;

/// The edits of the trace, and the same in runs.
pub(crate) fn race(trace: &Trace, runs: &Trace) {
    println!("\nthrough a network of four, {BATCH} operations waiting");
    for (what, each) in [
        ("an operation for each edit", trace),
        ("an operation for each run", runs),
    ] {
        let start = processor_time();
        let bytes = plain(&each.edits, &each.text);
        let spent = processor_time().saturating_sub(start).as_secs_f64();
        let rate = trace.edits.len() as f64 / spent;
        println!("  {what:27} {rate:>9.0} edits a second of processor time, {bytes} bytes sent");
    }
    let start = Instant::now();
    with_a_liar(&trace.edits, &trace.text);
    let spent = start.elapsed();
    println!("  simulated, with an equivocator: one text at all correct members, in {spent:.0?}");
}

/// How many bytes were sent.
fn plain(edits: &[Edit], text: &str) -> u64 {
    let mut cluster = Cluster::<Text>::new(4, |_, actor| Text::new(actor));
    for (round, batch) in edits.chunks(BATCH).enumerate() {
        for edit in batch {
            cluster.propose(0, |ahead| operations(ahead, edit));
        }
        cluster.run();
        if round % 100 == 99 {
            cluster.tick();
        }
    }
    for index in 0..4 {
        assert_eq!(cluster.algorithm(index).to_string(), text);
    }
    cluster.bytes
}

/// The liar writes at the very start, one thing to some and another to the rest, so that all positions of the author's text are
/// later by as many as it got through.
fn with_a_liar(edits: &[Edit], text: &str) {
    let mut net = Net::<Text>::builder(1)
        .members(4)
        .byzantine(Equivocator::default())
        .build();
    let (honest, liar) = (net.honest_actors(), net.liars()[0]);
    for (round, batch) in edits.chunks(BATCH).enumerate() {
        let ahead = net.ahead(&honest[0]);
        let lies = (0..).take_while(|at| ahead.id(*at).is_some_and(|id| id.source == liar));
        let lies = lies.count();
        for edit in batch {
            let at = edit.at + lies;
            let edit = Edit { at, ..edit.clone() };
            let op = operations(net.ahead(&honest[0]), &edit);
            net.propose(&honest[0], op).expect("valid");
        }
        net.settle();
        if round % 50 == 0 {
            // The two take one place in its log. They are refused once the liar is convicted.
            let _ = ["a lie ", "another "].map(|lie| net.insert(&liar, 0, lie));
        }
    }
    net.settle();
    for who in &honest {
        let read = net.read(who);
        assert_eq!(read.state(), net.read(&honest[0]).state());
        let own = (0..read.len()).filter(|at| read.id(*at).is_some_and(|id| id.source != liar));
        let own: String = own.filter_map(|at| read.get(at)).collect();
        assert_eq!(own, text);
    }
    assert!(!net.lies().is_empty(), "the liar lied");
}
