//! How many packets a second the simulated network handles, with real signatures, on one core.
//!
//! `cargo bench --bench net` prints the median of several runs and what limits it; with `-- --test` it only shows that it runs.

#![allow(clippy::print_stdout)]

mod arguments;

use std::time::Instant;

use bft_crdts::SigningActor;
use bft_crdts::actor::Signed;
use bft_crdts::deterministic_secure_broadcast::Echo;
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::net::Net;
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::Generation;
use clap::Parser;

/// Measures how many packets a second the simulated network handles
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

fn main() {
    let (runs, additions) = match Arguments::parse().thoroughness.is_measuring() {
        true => (9, 400),
        false => (1, 20),
    };
    let rates = (0..runs).map(|seed| packets_a_second(seed, additions));
    let mut rates: Vec<f64> = rates.collect();
    rates.sort_by(f64::total_cmp);
    let verify = verify_micros();
    println!(
        "net, n = 4, one addition at a time: {:.0} packets/s (median of {runs} runs)",
        rates[rates.len() / 2]
    );
    println!("one strict verification: {verify:.1} us");
}

fn packets_a_second(seed: u64, additions: u64) -> f64 {
    let mut net = Net::<Orswot<u64>>::builder(seed).members(4).build();
    let actors = net.actors();
    let start = Instant::now();
    for number in 0..additions {
        let who = actors[number as usize % actors.len()];
        net.add(&who, number).expect("valid");
        net.run_for(130_000);
    }
    net.trace().packets() as f64 / start.elapsed().as_secs_f64()
}

fn verify_micros() -> f64 {
    let actor = SigningActor::from_secret(&[7; 32]);
    let net = Net::<Orswot<u64>>::builder(0).build();
    let network = net.genesis().network();
    let echo = Echo {
        generation: Generation::GENESIS,
        dot: Dot {
            source: actor.actor(),
            seq: Seq::new(1),
        },
        digest: network.digest(),
    };
    let claim: Signed<Echo> = actor.sign(&network, echo).into_claim();
    let key = actor.actor().public_key().expect("a generated key");
    let start = Instant::now();
    for _ in 0..2_000 {
        claim.verify(&network, &key).expect("good");
    }
    start.elapsed().as_secs_f64() * 1e6 / 2_000.0
}
