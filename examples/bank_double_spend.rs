//! A thief spends the same money twice. One payment is made at most, everybody agrees which, and
//! the thief is convicted.
//!
//! `cargo run --example bank_double_spend` writes its chart to msc/bank_double_spend.msc
#![allow(clippy::print_stdout)]

mod trace;

use std::error::Error;

use bft_crdts::bank::{Bank, Money};
use bft_crdts::net::{Equivocator, Net};
use clap::Parser;

use trace::Arguments;

fn main() -> Result<(), Box<dyn Error>> {
    // Four members with 100 each. One of them lies, which is what four can bear.
    let given = Arguments::parse();
    let net = Net::<Bank>::builder(3)
        .members(4)
        .byzantine(Equivocator::default())
        .balances([Money::new(100); 4]);
    let mut net = given.record("bank_double_spend", net).build();
    let (thief, ann, bob) = (net.liars()[0], net.honest(0), net.honest(1));

    println!("{thief:?} signs two first payments with its 100:");
    for payee in [ann, bob] {
        net.transfer(&thief, &payee, Money::new(100))?;
        println!("  100 to {payee:?}");
    }
    net.settle();

    let network = net.genesis().network();
    println!("\nwhat the others hold against it:");
    for at in net.honest_actors() {
        let convicted = net.replica(&at).ok_or("down")?.convicted();
        let evidence = convicted.get(&thief).ok_or("not convicted")?;
        assert_eq!(evidence.verify(&network), Ok(thief));
        let dot = evidence.dot().ok_or("no dot")?;
        println!("  {at:?} has two signatures of it at {dot}");
    }

    println!("\nthe balances, on which all agree:");
    for of in net.actors() {
        let balance = net.balance(&ann, &of).ok_or("no account")?;
        let name = if of == thief { " (the thief)" } else { "" };
        println!("  {of:?} {balance:>4}{name}");
        for at in net.honest_actors() {
            assert_eq!(net.balance(&at, &of), Some(balance));
        }
    }

    let paid = [ann, bob].map(|payee| net.balance(&ann, &payee) == Some(Money::new(200)));
    assert_ne!(paid, [true, true], "both were paid with the same money");
    assert!(net.read(&ann).is_conserved());
    std::fs::create_dir_all("msc")?;
    std::fs::write("msc/bank_double_spend.msc", net.chart()?)?;
    Ok(given.write(&net)?)
}
