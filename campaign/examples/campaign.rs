//! A campaign of liars: thousands of networks with faults, crashes, liars and changing committees,
//! all drawn from numbers.
//!
//! `cargo run --release --example campaign -- --help` explains its arguments.
#![allow(clippy::print_stdout)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bft_crdts::net::{Campaign, Family, Scenario, Shape, Signatures, Subject};
use bft_crdts::recording::Recording;
use bft_crdts_campaign::subjects;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Plays scenarios, each drawn from its number, until one breaks a promise, which is then shrunk
/// and told
#[derive(Debug, Parser)]
struct Arguments {
    /// The numbers of the scenarios
    #[arg(value_name = "FROM..UNTIL", default_value = "0..2000", value_parser = numbers)]
    numbers: Range<u64>,
    /// Plays short scenarios
    #[arg(long)]
    small: bool,
    /// Plays scenarios of this family alone; may be repeated
    #[arg(long = "family", value_name = "FAMILY", value_parser = family, conflicts_with = "small")]
    families: Vec<Family>,
    /// Checks each signature each time
    #[arg(long)]
    strict: bool,
    /// Plays without cryptography
    #[arg(long, conflicts_with = "strict")]
    stub: bool,
    /// Stops after so many minutes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,
    /// Plays one scenario again, from the code that a failure printed
    #[arg(long, value_name = "SUBJECT:CODE", value_parser = replay, conflicts_with_all = ["numbers", "small", "families", "strict", "stub", "minutes"])]
    replay: Option<(&'static str, Scenario)>,
    /// Prints what happened in the scenario that is played again, a line an event and a column an
    /// actor
    #[arg(long, requires = "replay")]
    lines: bool,
    /// Writes a page that shows the scenario that is played again, and its recording beside it
    #[arg(long, requires = "replay", value_name = "PAGE")]
    trace: Option<PathBuf>,
}

fn numbers(text: &str) -> Result<Range<u64>, String> {
    let parsed = text
        .split_once("..")
        .and_then(|(from, until)| Some(from.parse().ok()?..until.parse().ok()?));
    match parsed {
        Some(numbers) if !numbers.is_empty() => Ok(numbers),
        Some(_) => Err("no number is in it".to_owned()),
        None => Err("expected two whole numbers, such as 0..1000".to_owned()),
    }
}

fn family(text: &str) -> Result<Family, String> {
    let found = Family::ALL.iter().find(|family| family.name() == text);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Family::ALL.iter().map(|family| family.name()).collect();
        format!("the families are {}", names.join(", "))
    })
}

fn replay(text: &str) -> Result<(&'static str, Scenario), String> {
    let (wanted, code) = text.split_once(':').ok_or("expected SUBJECT:CODE")?;
    let names: Vec<_> = subjects().iter().map(Subject::name).collect();
    let name = names.iter().find(|name| **name == wanted).copied();
    let name = name.ok_or_else(|| format!("the subjects are {}", names.join(", ")))?;
    let scenario = Scenario::from_code(code).map_err(|error| format!("the code: {error}"))?;
    Ok((name, scenario))
}

fn main() -> ExitCode {
    let given = Arguments::parse();
    match &given.replay {
        Some((name, scenario)) => play_again(name, scenario, &given),
        None => play(&given),
    }
}

fn play(given: &Arguments) -> ExitCode {
    let campaign = Campaign::new(subjects()).signatures(match (given.strict, given.stub) {
        (true, _) => Signatures::Strict,
        (_, true) => Signatures::Stub,
        _ => Signatures::default(),
    });
    let campaign = match (given.small, &given.families[..]) {
        (true, _) => campaign.shape(Shape::small()),
        (false, []) => campaign,
        (false, families) => campaign.shape(Shape::of(families)),
    };
    let numbers = given.numbers.clone();
    println!("scenarios {numbers:?}, each drawn from its number");
    let bar = ProgressBar::new(numbers.end - numbers.start);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {per_sec}, {eta} left");
    bar.set_style(style.expect("a template"));
    let limit = given
        .minutes
        .map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let report = campaign.run(numbers, |played| {
        bar.set_position(played);
        deadline.is_none_or(|deadline| Instant::now() < deadline)
    });
    bar.finish_and_clear();
    println!("{report}");
    for failure in &report.failures {
        if let Some(recording) = &failure.defeat.recording {
            let page = format!("target/scenario-{}.html", failure.number);
            write(recording, Path::new(&page));
        }
    }
    // What is rare needs many scenarios; after so many, what never happened is a failure of the
    // campaign.
    let enough = !given.small && given.families.is_empty() && report.scenarios >= 30_000;
    match report.failures.is_empty() && !(enough && report.coverage.missing().count() > 0) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Writes a page, and the recording that it shows beside it.
fn write(recording: &Recording, page: &Path) {
    let folder = page.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder
        .and_then(|()| std::fs::write(page, recording.page()))
        .and_then(|()| std::fs::write(page.with_extension("jsonl"), recording.lines()));
    match written {
        Ok(()) => println!("open {} in a browser to see it", page.display()),
        Err(error) => println!("{} cannot be written: {error}", page.display()),
    }
}

fn show(recording: Option<&Recording>, given: &Arguments) {
    let Some(recording) = recording else {
        return println!("nothing was recorded: something panicked");
    };
    if given.lines {
        print!("{}", recording.columns());
    }
    if let Some(page) = &given.trace {
        write(recording, page);
    }
}

fn play_again(name: &str, scenario: &Scenario, given: &Arguments) -> ExitCode {
    println!("{scenario}");
    let campaign = Campaign::new(subjects());
    let subject = campaign.subject(name).expect("a subject that was read");
    match subject.record(scenario, Signatures::Strict) {
        Ok(played) => {
            show(played.recording.as_ref(), given);
            println!("every promise is kept, in {} packets", played.packets);
            ExitCode::SUCCESS
        }
        Err(defeat) => {
            show(defeat.recording.as_deref(), given);
            println!("{}\n{}", defeat.what, defeat.tail);
            println!("{}", defeat.chart.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(words: &[&str]) -> i32 {
        let given = Arguments::try_parse_from([&["campaign"], words].concat());
        given.map_or_else(|error| error.exit_code(), |_| panic!("{words:?} is taken"))
    }

    #[test]
    fn what_is_not_known_or_plays_nothing_is_refused_and_help_is_given() {
        for words in [
            vec!["5..3"],
            vec!["5..5"],
            vec!["1e3"],
            vec!["0..1e3"],
            vec!["--minutes", "0"],
            vec!["--minutes", "1e3"],
            vec!["--minutes"],
            vec!["--strict", "--stub"],
            vec!["--family", "nobody"],
            vec!["--family", "marks", "--small"],
            vec!["--replay", "set:0123"],
            vec!["--replay", "set"],
            vec!["--replay", "nothing:0123"],
            vec!["--samll"],
        ] {
            assert_eq!(exit_code(&words), 2, "{words:?}");
        }
        assert_eq!(exit_code(&["--help"]), 0);
    }

    #[test]
    fn the_code_of_a_scenario_is_taken() {
        let code = Scenario::draw(1, &Shape::default()).code();
        let given = Arguments::try_parse_from(["campaign", "--replay", &format!("bank:{code}")]);
        let (name, scenario) = given.ok().and_then(|given| given.replay).expect("a replay");
        assert_eq!((name, scenario.code()), ("bank", code));
    }
}
