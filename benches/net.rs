//! How many packets a second the simulated network handles, with real signatures, on one core.
//!
//! `cargo bench --bench net` prints the median of several runs and what limits it.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use bft_crdts::SigningActor;
use bft_crdts::actor::Signed;
use bft_crdts::deterministic_secure_broadcast::Echo;
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::membership::Generation;
use bft_crdts::net::Net;
use bft_crdts::orswot::Orswot;

const RUNS: u64 = 9;
const ADDITIONS: u64 = 400;

fn main() {
    let mut rates: Vec<f64> = (0..RUNS).map(packets_a_second).collect();
    rates.sort_by(f64::total_cmp);
    let verify = verify_micros();
    println!(
        "net, n = 4, one addition at a time: {:.0} packets/s (median of {RUNS} runs)",
        rates[RUNS as usize / 2]
    );
    println!("one strict verification: {verify:.1} us");
}

fn packets_a_second(seed: u64) -> f64 {
    let mut net = Net::<Orswot<u64>>::builder(seed).members(4).build();
    let actors = net.actors();
    let start = Instant::now();
    for number in 0..ADDITIONS {
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
