//! Writes a run down and shows it: four replicas, one of them Byzantine, on a network that loses
//! packets.
//!
//! ```sh
//! cargo run --release --example recording -- target/recording
//! ```
//!
//! The folder then holds `run.jsonl`, the recording; `run.html`, a page that shows it;
//! `compare.html`, which shows it beside a run in which none is lost, from the first event in which
//! they differ; and `waiting.html`, the same run while messages are still under way. Open the pages
//! in a browser, as files.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use bft_crdts::net::{Equivocator, Faults, Net};
use bft_crdts::orswot::Orswot;
use bft_crdts::recording::{Kind, Recording};

const USAGE: &str = "usage: recording [FOLDER], by default target/recording";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example is there to be read"
)]
fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = match arguments.as_slice() {
        [] => PathBuf::from("target/recording"),
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        [folder] if !folder.starts_with('-') => PathBuf::from(folder),
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    };
    let (run, other) = (play(0.1, true)?, play(0.0, true)?);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("run.jsonl"), run.lines())?;
    fs::write(folder.join("run.html"), run.page())?;
    fs::write(folder.join("compare.html"), run.page_beside(&other))?;
    fs::write(folder.join("waiting.html"), play(0.1, false)?.page())?;

    let count = |kind| {
        run.events()
            .iter()
            .filter(|event| event.kind == kind)
            .count()
    };
    let (events, lost, applied) = (run.events().len(), count(Kind::Lose), count(Kind::Apply));
    println!("{events} events: {lost} packets lost, {applied} times a message took effect");
    println!("open {} in a browser", folder.join("run.html").display());

    let again = Recording::read(&fs::read_to_string(folder.join("run.jsonl"))?)?;
    assert_eq!(again.digest(), run.digest(), "the file holds the whole run");
    assert!(lost > 0 && applied > 0);
    Ok(ExitCode::SUCCESS)
}

/// One run, to its end or not; how many packets are lost is all that two of them differ in.
fn play(drop: f64, to_the_end: bool) -> Result<Recording, Box<dyn Error>> {
    let lossy = Faults {
        drop,
        corrupt: 0.03,
        ..Faults::default()
    };
    let mut net = Net::<Orswot<String>>::builder(8)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(lossy)
        .recording("cargo run --release --example recording")
        .build();
    let liar = net.liars()[0];
    for (who, fruit) in net
        .honest_actors()
        .into_iter()
        .zip(["apple", "banana", "cherry"])
    {
        net.add(&who, fruit.to_owned())?;
    }
    net.add(&liar, "dates".to_owned())?;
    net.add(&liar, "figs".to_owned())?;
    net.run_for(60_000);
    if to_the_end {
        net.run_for(940_000);
        net.settle();
    }
    Ok(net.recording().ok_or("it was asked for")?)
}
