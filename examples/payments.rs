//! Four hundred random payments while packets are lost, repeated, corrupted and delayed, members
//! crash, and one member has two halves: once convicted it pays no more, and others still pay it.
//! At the end all agree, and not a penny is missing.
#![allow(clippy::print_stdout)]

mod trace;

use std::error::Error;

use bft_crdts::bank::{Bank, Money};
use bft_crdts::net::{Faults, Net, TICK_MICROS, Twins};
use clap::Parser;
use indicatif::ProgressBar;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use trace::Arguments;

const PAYMENTS: u64 = 400;
const START: Money = Money::new(1_000);

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let given = Arguments::parse();
    let net = Net::<Bank>::builder(7)
        .members(7)
        .byzantine(Twins::new())
        .balances([START; 7])
        .faults(Faults::hostile())
        .invariant(|bank| bank.is_conserved().then_some(()).ok_or("money".to_owned()));
    let mut net = given.record("payments", net).build();
    let actors = net.actors();

    let (mut made, mut refused) = (0, 0);
    let bar = ProgressBar::new(PAYMENTS);
    for number in 0..PAYMENTS {
        bar.inc(1);
        let (from, away) = (random.random_range(0..7), random.random_range(1..7));
        let (from, to) = (actors[from], actors[(from + away) % 7]);
        if net.is_down(&from) {
            continue;
        }
        let amount = Money::new(random.random_range(1..=400));
        match net.transfer(&from, &to, amount) {
            Ok(()) => made += 1,
            Err(_) => refused += 1,
        }
        net.run_for(random.random_range(0..TICK_MICROS));
        // Now and then somebody's power fails, and comes back.
        if number % 50 == 20 {
            net.crash(&net.honest(random.random_range(0..6)));
        }
        if number % 50 == 30 {
            actors.iter().for_each(|actor| net.restart(actor));
        }
    }
    bar.finish_and_clear();
    net.settle();

    let at = net.honest(0);
    println!("member    sent  balance");
    for (owner, account) in net.read(&at).accounts() {
        let liar = net.liars().contains(owner).then_some("  two halves");
        let liar = liar.unwrap_or_default();
        let (sent, balance) = (account.transfers, account.balance);
        println!("{owner:?}  {sent:>6}  {balance:>7}{liar}");
    }
    let issued = net.read(&at).issued();
    println!("total             {issued:>7}");
    println!("{made} payments, {refused} refused for want of money");
    let (packets, seconds) = (net.trace().packets(), net.now() / 1_000_000);
    println!("{packets} packets, {seconds} virtual seconds");

    assert_eq!(issued, Money::new(7 * START.units()));
    for honest in net.honest_actors() {
        assert!(net.read(&honest).is_conserved());
        assert!(
            actors
                .iter()
                .all(|of| net.balance(&honest, of) == net.balance(&at, of))
        );
    }
    Ok(given.write(&net)?)
}
