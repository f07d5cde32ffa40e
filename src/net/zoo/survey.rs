//! Measures, by hand: which shape finds which bug, and how soon.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use super::{hunt, play, shape, sharpest};
use crate::zoo::Bug;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, default: u64) -> u64 {
    let given = variable(name).and_then(|value| value.parse().ok());
    given.unwrap_or(default)
}

fn note(line: &str) {
    let path = variable("ZOO_TABLE").unwrap_or_else(|| "zoo-table.txt".to_owned());
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{line}"));
    written.expect("a file to write to");
}

/// `ZOO_BUGS`: names, else all. `ZOO_SHAPES`: their numbers, else the sharpest. `ZOO_FIRST`, `ZOO_MOST`, `ZOO_RANGES`:
/// scenarios. `ZOO_PART`
/// of `ZOO_PARTS`: so that two can run side by side.
#[test]
#[ignore = "measures, for as long as it takes"]
fn survey() {
    let (part, parts) = (number("ZOO_PART", 0), number("ZOO_PARTS", 1));
    let (first, most) = (number("ZOO_FIRST", 0), number("ZOO_MOST", 100));
    let bugs = variable("ZOO_BUGS");
    let wanted = |bug: &&Bug| {
        let name = format!("{bug:?}");
        bugs.as_ref()
            .is_none_or(|bugs| bugs.split(',').any(|wanted| wanted == name))
    };
    let given = variable("ZOO_SHAPES");
    let ranges = usize::try_from(number("ZOO_RANGES", 1)).expect("a small number");
    for (index, bug) in (0u64..).zip(Bug::ALL.iter().filter(wanted)) {
        if index % parts != part {
            continue;
        }
        let shapes: Vec<_> = match &given {
            Some(given) => {
                let shapes = given.split(',').filter_map(|shape| shape.parse().ok());
                shapes.map(|shape: usize| shape::ALL[shape]).collect()
            }
            None => sharpest(*bug).to_vec(),
        };
        for start in (0..).map(|range| first + range * most).take(ranges) {
            let began = Instant::now();
            let found = hunt(*bug, &shapes, start, most);
            let took = began.elapsed().as_millis();
            let (tried, why) = found.map_or(("-".to_owned(), String::new()), |(tried, why)| {
                let why = why.lines().next().unwrap_or_default().to_owned();
                (tried.to_string(), why)
            });
            note(&format!("{bug:?}\t{start}\t{tried}\t{took} ms\t{why}"));
        }
    }
}

#[test]
#[ignore = "measures, for as long as it takes"]
fn without_a_bug_nothing_breaks() {
    let (first, most) = (number("ZOO_FIRST", 0), number("ZOO_MOST", 100));
    for (index, shape) in shape::ALL.iter().enumerate() {
        let began = Instant::now();
        for number in first..first + most {
            play(shape, &shape.draw(number));
        }
        note(&format!("no bug\t{index}\t{most}\t{:?}", began.elapsed()));
    }
}
