//! A campaign of liars: thousands of networks with faults, crashes, liars and changing committees, all drawn from numbers.
//!
//! ```sh
//! cargo run --release --example campaign                     # 2,000 scenarios
//! cargo run --release --example campaign -- 0..1000000       # these scenarios
//! cargo run --release --example campaign -- --small --stub 0..1000000
//! cargo run --release --example campaign -- --minutes 5 7000000000..8000000000
//! cargo run --release --example campaign -- --replay set:0123
//! ```
#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bft_crdts::net::{Campaign, Scenario, Shape, Signatures, Subject};
use indicatif::{ProgressBar, ProgressStyle};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut campaign = Campaign::new([Subject::set(), Subject::bank(), Subject::at2()]);
    let (mut numbers, mut limit, mut whole) = (0..2_000, Duration::MAX, true);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value after the option");
        match argument.as_str() {
            "--small" => {
                campaign = campaign.shape(Shape::small());
                whole = false;
            }
            "--strict" => campaign = campaign.signatures(Signatures::Strict),
            "--stub" => campaign = campaign.signatures(Signatures::Stub),
            "--minutes" => {
                limit = Duration::from_secs(60 * value().parse::<u64>().expect("minutes"))
            }
            "--replay" => return replay(&campaign, &value()),
            range => {
                let (from, until) = range.split_once("..").expect("FROM..UNTIL");
                numbers = from.parse().expect("a number")..until.parse().expect("a number");
            }
        }
    }
    println!("scenarios {numbers:?}, each drawn from its number");
    let bar = ProgressBar::new(numbers.end - numbers.start);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {per_sec}, {eta} left");
    bar.set_style(style.expect("a template"));
    let deadline = Instant::now().checked_add(limit);
    let report = campaign.run(numbers, |played| {
        bar.set_position(played);
        deadline.is_none_or(|deadline| Instant::now() < deadline)
    });
    bar.finish_and_clear();
    println!("{report}");
    // What is rare needs many scenarios; after so many, what never happened is a failure of the campaign.
    let enough = whole && report.scenarios >= 30_000;
    match report.failures.is_empty() && !(enough && report.coverage.missing().count() > 0) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Plays one scenario again, from the code that a failure printed.
fn replay(campaign: &Campaign, word: &str) -> ExitCode {
    let (name, code) = word.split_once(':').expect("SUBJECT:CODE");
    let subject = campaign.subject(name).expect("a subject of that name");
    let scenario = Scenario::from_code(code).expect("a scenario's code");
    println!("{scenario}");
    match subject.play(&scenario, Signatures::Strict) {
        Ok(played) => {
            println!("every promise is kept, in {} packets", played.packets);
            ExitCode::SUCCESS
        }
        Err(defeat) => {
            println!("{}\n{}", defeat.what, defeat.tail);
            println!("{}", defeat.chart.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}
