//! Measures, by hand: which family finds which bug, and how soon.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use super::table::CAUGHT;
use super::{Family, MOST, campaign, hunt};
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

fn is_wanted(variable_name: &str, name: &str) -> bool {
    let wanted = variable(variable_name);
    wanted.is_none_or(|all| all.split(',').any(|wanted| wanted == name))
}

/// Where a bug is looked for: in the families that are named, else in those of the table.
fn families(bug: Bug) -> Vec<Family> {
    match variable("ZOO_FAMILIES") {
        Some(_) => {
            let all = Family::ALL.iter().copied();
            all.filter(|family| is_wanted("ZOO_FAMILIES", family.name()))
                .collect()
        }
        None => {
            let way = CAUGHT.iter().find(|way| way.bug == bug);
            way.map_or(Vec::new(), |way| way.families.to_vec())
        }
    }
}

/// `ZOO_BUGS`: names, else all. `ZOO_FAMILIES`: names, else those of the table. `ZOO_FIRST`, `ZOO_MOST`, `ZOO_RANGES`: scenarios.
/// `ZOO_PART` of `ZOO_PARTS`: so that two can run side by side.
#[test]
#[ignore = "measures, for as long as it takes"]
fn survey() {
    let (part, parts) = (number("ZOO_PART", 0), number("ZOO_PARTS", 1));
    let (first, most) = (number("ZOO_FIRST", 0), number("ZOO_MOST", MOST));
    let wanted = |bug: &&Bug| is_wanted("ZOO_BUGS", &format!("{bug:?}"));
    for (index, bug) in (0u64..).zip(Bug::ALL.iter().filter(wanted)) {
        if index % parts != part {
            continue;
        }
        let campaign = campaign(&families(*bug));
        for range in 0..number("ZOO_RANGES", 1) {
            let (start, began) = (first + range * MOST, Instant::now());
            let found = hunt(*bug, &campaign, start, most);
            let took = began.elapsed().as_millis();
            let (tried, why) = found.map_or(("-".to_owned(), String::new()), |(tried, why)| {
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
    for family in Family::ALL {
        if !is_wanted("ZOO_FAMILIES", family.name()) {
            continue;
        }
        let (campaign, began) = (campaign(&[*family]), Instant::now());
        for number in first..first + most {
            if let Err(defeat) = campaign.play(number) {
                note(&format!("{family}\t{number}\t{}", defeat.what));
            }
        }
        note(&format!("{family}\t{most}\t{:?}", began.elapsed()));
    }
}
