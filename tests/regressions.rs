//! What campaigns found, as small as it got.

use bft_crdts::net::{Act, Scenario, Signatures, Subject};

fn play(subject: &Subject, scenario: &Scenario) {
    if let Err(defeat) = subject.play(scenario, Signatures::Strict) {
        panic!(
            "{}\n{scenario}{}",
            defeat.what,
            defeat.chart.unwrap_or_default()
        );
    }
}

fn bank(scenario: Scenario) {
    play(&Subject::bank(), &scenario);
}

/// The checks, not the replicas, took what it delivered again for disorder.
#[test]
fn a_member_that_starts_again_from_an_old_copy_delivers_again_what_it_forgot() {
    bank(Scenario {
        seed: 18162610939173096682,
        members: 3,
        unruly: 0..0,
        acts: vec![
            Act::Propose { who: 221, pick: 0 },
            Act::Backup { who: 221 },
            Act::Join,
            Act::Run { tenths: 3 },
            Act::Restore { who: 91 },
        ],
        ..Scenario::default()
    });
}
