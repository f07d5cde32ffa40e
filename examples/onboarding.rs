//! Members come and go: a newcomer that believes nobody joins four members, one of the four leaves,
//! and a liar is expelled. What the members hold stays.
//!
//! Run it with `cargo run --release --example onboarding`. It writes the run as a chart to
//! `msc/onboarding.msc`.

mod trace;

use std::error::Error;
use std::fs;

use bft_crdts::deterministic_secure_broadcast::ProposeError;
use bft_crdts::membership::Change;
use bft_crdts::net::{Equivocator, Net};
use bft_crdts::orswot::Orswot;
use clap::Parser;

use trace::Arguments;

#[expect(clippy::print_stdout, reason = "an example is there to be read")]
fn main() -> Result<(), Box<dyn Error>> {
    let given = Arguments::parse();
    let net = Net::<Orswot<String>>::builder(1)
        .members(4)
        .byzantine(Equivocator::default())
        .approving(); // correct members consent to every change that they are asked for
    let mut net = given.record("onboarding", net).build();
    let ([ann, bob], liar) = ([net.honest(0), net.honest(1)], net.liars()[0]);

    println!("Four members, one of them a liar. Two add a fruit each.");
    net.add(&ann, "apple".to_owned())?;
    net.add(&bob, "banana".to_owned())?;
    net.settle();

    println!(
        "Ann asks for a new generation, twice. Each begins with a state that a quorum certifies,"
    );
    println!("and the messages before the last but one are forgotten.");
    for _ in 0..2 {
        net.renew(&ann)?;
        net.settle();
    }

    println!("Somebody new asks to join. It believes nobody: chain and snapshot prove themselves.");
    let newcomer = net.join();
    net.settle();
    let replica = net.replica(&newcomer).ok_or("down")?;
    assert!(net.committee().contains(&newcomer));
    assert!(net.read(&newcomer).contains(&"banana".to_owned()));
    assert_eq!(replica.messages(&bob).count(), 0, "it is from the snapshot");
    println!(
        "  it is in {}, with {} members, and holds {} fruits",
        replica.generation(),
        net.committee().size(),
        net.read(&newcomer).len()
    );

    println!("Bob leaves. What it added stays, and it adds no more.");
    net.leave(&bob)?;
    net.settle();
    let late = net.add(&bob, "blueberry".to_owned());
    assert_eq!(late, Err(ProposeError::NotAMember));

    println!("Ann wants the liar out. The others consent.");
    net.approve(&ann, Change::Leave(liar))?;
    net.settle();
    assert!(!net.committee().contains(&liar));

    println!("The liar goes on signing; nobody listens. The newcomer adds a cherry.");
    net.add(&liar, "dates".to_owned())?;
    net.add(&liar, "figs".to_owned())?;
    net.add(&newcomer, "cherry".to_owned())?;
    net.settle();

    println!("\nIn {} there are:", net.committee().generation());
    for who in net.members() {
        let held: Vec<_> = net.read(&who).iter().map(String::as_str).collect();
        println!("  {who:?}, who holds {}", held.join(", "));
        assert_eq!(held, ["apple", "banana", "cherry"]);
    }
    assert_eq!(net.committee().size(), 3);
    assert!(net.members().contains(&newcomer) && !net.members().contains(&bob));
    fs::create_dir_all("msc")?;
    fs::write("msc/onboarding.msc", net.chart()?)?;
    Ok(given.write(&net)?)
}
