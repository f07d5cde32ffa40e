//! Four replicas of a set on a network that loses and shuffles packets. One of them lies: it tells
//! half of the others that its first operation is one thing, and the rest that it is another.
//!
//! Run it with `cargo run --release -p demo`. It writes the run as a chart to `msc/orswot.msc`.

mod trace;

use std::error::Error;
use std::fs;

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::net::{Equivocator, Faults, Net};
use bft_crdts::orswot::Orswot;
use clap::Parser;

use trace::Arguments;

#[expect(clippy::print_stdout, reason = "an example is there to be read")]
fn main() -> Result<(), Box<dyn Error>> {
    let lossy = Faults {
        drop: 0.1,
        ..Faults::default()
    };
    let given = Arguments::parse();
    let net = Net::<Orswot<String>>::builder(14)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(lossy);
    let mut net = given.record("orswot", net).build();
    let (honest, liar) = (net.honest_actors(), net.liars()[0]);

    println!("Three members add a fruit each.");
    for (who, fruit) in honest.iter().zip(["apple", "banana", "cherry"]) {
        net.add(who, fruit.to_owned())?;
    }
    println!("The liar signs two first operations: add dates, and add figs.");
    println!("It shows one to some members and the other to the rest.");
    net.add(&liar, "dates".to_owned())?;
    net.add(&liar, "figs".to_owned())?;
    net.run_for(100_000);
    println!("The first member removes the apple. A tenth of all packets is lost.");
    net.remove(&honest[0], &"apple".to_owned())?;
    net.settle();

    let name =
        |who| char::from(b'a' + net.actors().iter().position(|a| a == who).unwrap_or(0) as u8);
    println!("\nWhen the network has fallen silent:");
    for who in &honest {
        let held: Vec<_> = net.read(who).iter().map(String::as_str).collect();
        let replica = net.replica(who).ok_or("down")?;
        let convicted: String = replica.convicted().keys().map(name).collect();
        println!(
            "  {} holds {}; convicts {convicted}",
            name(who),
            held.join(", ")
        );
    }
    println!("  {} is the liar", name(&liar));
    let (packets, bytes) = (net.trace().packets(), net.trace().bytes());
    println!("{packets} packets, {bytes} bytes; the chart is in msc/orswot.msc");
    fs::create_dir_all("msc")?;
    fs::write("msc/orswot.msc", net.chart()?)?;

    for who in &honest {
        let set = net.read(who);
        let replica = net.replica(who).ok_or("down")?;
        assert_eq!(
            set.state(),
            net.read(&honest[0]).state(),
            "all hold the same"
        );
        assert!(!set.contains(&"apple".to_owned()), "removed everywhere");
        assert!(set.contains(&"banana".to_owned()) && set.contains(&"cherry".to_owned()));
        let both = set.contains(&"dates".to_owned()) && set.contains(&"figs".to_owned());
        assert!(
            !both,
            "two operations at one dot, at most one of them counts"
        );
        assert!(
            replica.convicted().keys().eq([&liar]),
            "only the liar is convicted"
        );
    }
    Ok(given.write(&net)?)
}
