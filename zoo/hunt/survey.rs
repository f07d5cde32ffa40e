//! Measures, by hand: which family finds which bug, and how soon.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use bft_crdts_with_bugs::environment::{self, number};
use bft_crdts_with_bugs::net::{Campaign, Coverage, Family, Kind, Scenario, Signatures};
use bft_crdts_with_bugs::zoo::{self, Bug};

use crate::table::CAUGHT;
use crate::{MOST, bank, campaign, hunt, subject};

/// Those of `all` that the text names, separated by commas.
fn chosen<T: Copy>(text: &str, all: &[T], name: impl Fn(T) -> String) -> Vec<T> {
    let find = |wanted: &str| {
        let found = all.iter().copied().find(|item| name(*item) == wanted);
        found.unwrap_or_else(|| panic!("{wanted:?} is the name of none"))
    };
    text.split(',').map(find).collect()
}

/// Those that the variable `ZOO_FAMILIES` names, if it is set.
fn families_named() -> Option<Vec<Family>> {
    let text = environment::text("ZOO_FAMILIES")?;
    Some(chosen(&text, Family::ALL, |family| {
        family.name().to_owned()
    }))
}

fn note(line: &str) {
    let path = environment::text("ZOO_TABLE").unwrap_or_else(|| "zoo-table.txt".to_owned());
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{line}"));
    written.expect("a file to write to");
}

/// Where a bug is looked for: in the families that are named, else in those of the table.
fn families(bug: Bug) -> Vec<Family> {
    families_named().unwrap_or_else(|| {
        let way = CAUGHT.iter().find(|way| way.bug == bug);
        way.map_or(Vec::new(), |way| way.families.to_vec())
    })
}

/// `ZOO_FIRST`, and `ZOO_MOST`, else `most`: the first scenario, and how many.
fn scenarios(most: u64) -> (u64, u64) {
    let first = number("ZOO_FIRST", 0).unwrap_or_default();
    (first, number("ZOO_MOST", 1).unwrap_or(most))
}

/// The smallest scenario that breaks something under a bug, in words and as its code; a shrink ends
/// after some hundred trials.
fn shrunk(bug: Bug, campaign: &Campaign, number: u64) -> String {
    let (subject, mut scenario) = campaign.scenario(number);
    let play = |scenario: &Scenario| {
        zoo::with(bug, || subject.play(scenario, Signatures::default()))
            .err()
            .map(|defeat| defeat.what)
    };
    let kind = |what: &str| what.split(':').next().map(str::to_owned);
    let first = play(&scenario).and_then(|what| kind(&what));
    for _ in 0..40 {
        let mut smaller = scenario.smaller().take(150);
        let found = smaller.find(|smaller| play(smaller).and_then(|what| kind(&what)) == first);
        match found {
            Some(smaller) => scenario = smaller,
            None => break,
        }
    }
    let what = play(&scenario).unwrap_or_default();
    format!("{what}\n{scenario}{}", scenario.code())
}

/// `ZOO_BUGS`: names, else all. `ZOO_FAMILIES`: names, else those of the table. `ZOO_FIRST`,
/// `ZOO_MOST`, `ZOO_RANGES`: scenarios. `ZOO_PART` of `ZOO_PARTS`: so that two can run side by
/// side.
#[test]
#[ignore = "measures, for as long as it takes"]
fn survey() {
    let part = number("ZOO_PART", 0).unwrap_or_default();
    let parts = number("ZOO_PARTS", 1).unwrap_or(1);
    assert!(
        part < parts,
        "ZOO_PART={part}: expected less than {parts}, ZOO_PARTS"
    );
    let (first, most) = scenarios(MOST);
    let wanted = environment::text("ZOO_BUGS");
    let wanted = wanted.map(|text| chosen(&text, Bug::ALL, |bug| format!("{bug:?}")));
    let wanted = wanted.unwrap_or_else(|| Bug::ALL.to_vec());
    for (index, bug) in (0u64..).zip(&wanted) {
        if index % parts != part {
            continue;
        }
        let campaign = campaign(subject(*bug), &families(*bug));
        for range in 0..number("ZOO_RANGES", 1).unwrap_or(1) {
            let (start, began) = (first + range * MOST, Instant::now());
            let found = hunt(*bug, &campaign, start, most);
            let took = began.elapsed().as_millis();
            let (tried, why) = found.map_or(("-".to_owned(), String::new()), |(tried, why)| {
                (tried.to_string(), why)
            });
            note(&format!("{bug:?}\t{start}\t{tried}\t{took} ms\t{why}"));
            if let (Ok(tried), true) = (tried.parse::<u64>(), environment::is("ZOO_SHRINK", "yes"))
            {
                note(&shrunk(*bug, &campaign, start + tried - 1));
            }
        }
    }
}

/// Of the families in `ZOO_FAMILIES`, else of all. `ZOO_SHRINK`: whether what breaks is made small.
#[test]
#[ignore = "measures, for as long as it takes"]
fn without_a_bug_nothing_breaks() {
    let (first, most) = scenarios(100);
    for family in families_named().unwrap_or_else(|| Family::ALL.to_vec()) {
        let (campaign, began) = (campaign(bank(), &[family]), Instant::now());
        let mut coverage = Coverage::default();
        for number in first..first + most {
            match campaign.play(number) {
                Ok(played) => coverage.merge(&played.coverage),
                Err(defeat) => {
                    note(&format!("{family}\t{number}\t{}", defeat.what));
                    if environment::is("ZOO_SHRINK", "yes") {
                        let report = campaign.run(number..number + 1, |_| true);
                        report
                            .failures
                            .iter()
                            .for_each(|failure| note(&failure.to_string()));
                    }
                }
            }
        }
        for (kind, times) in coverage.counts() {
            if let Kind::Fault(what) | Kind::Lie(what) = kind {
                note(&format!("{family}\t{what}\t{times}"));
            }
        }
        note(&format!("{family}\t{most}\t{:?}", began.elapsed()));
    }
}

#[test]
#[should_panic(expected = "\"clam\" is the name of none")]
fn a_survey_of_what_does_not_exist_is_refused() {
    let _ = chosen("calm,clam", Family::ALL, |family| family.name().to_owned());
}
