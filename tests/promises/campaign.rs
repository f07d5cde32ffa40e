//! A campaign finds what is wrong, makes it small, tells it, and is the same every time.

use std::num::NonZeroUsize;

use bft_crdts::net::{
    Act, Campaign, Family, Kind, Phase, Scenario, Shape, Signatures, Subject, Violation,
};
use bft_crdts::orswot::Orswot;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

/// The last value written wins, in the order of delivery: which is not the same everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LastWins(u16);

impl SecureBroadcastAlgorithm for LastWins {
    type Op = u16;
    type ReplicatedState = u16;
    const NAME: &'static str = "last-wins/1";
    fn new(_: Actor) -> Self {
        Self::default()
    }
    fn state(&self) -> u16 {
        self.0
    }
    fn sync_from(&mut self, state: u16) {
        self.0 = state;
    }
    fn validate(&self, _: &Actor, _: &u16) -> bool {
        true
    }
    fn apply(&mut self, op: u16) {
        self.0 = op;
    }
}

fn last_wins() -> Subject {
    Subject::new(
        "last_wins",
        |builder| builder,
        |_: &LastWins, _, pick| Some(pick),
    )
}

/// An act of a family rests on those before it: without the last ones nothing is seen that the
/// family is for.
#[test]
fn a_directed_scenario_is_played_whole_however_short_others_are() {
    let shape = Shape {
        acts: 0,
        ..Shape::default()
    };
    let drawn = (0..400).map(|number| (number, Scenario::draw(number, &shape)));
    let directed: Vec<_> = drawn
        .filter(|(_, scenario)| !scenario.acts.is_empty())
        .collect();
    assert!(directed.len() > 100);
    for (number, scenario) in directed {
        let whole = |family: &Family| family.draw(number) == scenario;
        assert!(Family::ALL.iter().any(whole), "scenario {number} is cut");
    }
}

#[test]
fn an_algorithm_whose_operations_do_not_commute_is_found_out_in_a_handful_of_acts() {
    let campaign = Campaign::new([last_wins()]).shape(Shape {
        changes: false,
        ..Shape::default()
    });
    let report = campaign.run(0..1_000, |_| true);
    let failure = report.failures.first().expect("a broken promise");
    let violation = failure.defeat.violation.as_deref();
    assert!(
        matches!(violation, Some(Violation::Diverged { .. })),
        "{failure}"
    );
    let acts = &failure.shrunk.acts;
    assert!(acts.len() <= 5, "{failure}");
    assert!(acts.iter().any(|act| matches!(act, Act::Propose { .. })));
    assert!(failure.shrunk.liars.is_empty(), "{failure}");
    let told = failure.to_string();
    for part in ["proposes", "--replay last_wins:", "#[test]", "msc {"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    let again = Scenario::from_code(&failure.shrunk.code()).expect("its code");
    assert_eq!(again, failure.shrunk);
    let defeat = last_wins().play(&again, Signatures::Strict);
    let defeat = defeat.expect_err("the same broken promise");
    assert_eq!(defeat.violation, failure.defeat.violation);
}

#[test]
fn a_panic_of_the_algorithm_is_a_defeat_and_ends_nothing_else() {
    let fussy = Subject::new(
        "fussy",
        |builder| {
            builder.invariant(|set: &Orswot<u16>| {
                assert!(set.len() < 2, "a set that is too large");
                Ok(())
            })
        },
        |set, _, pick| Some(set.add(pick)),
    );
    let report = Campaign::new([fussy])
        .shape(Shape::small())
        .run(0..200, |_| true);
    let failure = report.failures.first().expect("a panic");
    assert!(failure.defeat.violation.is_none());
    assert!(
        failure.defeat.what.contains("a set that is too large"),
        "{failure}"
    );
}

#[test]
fn a_campaign_is_the_same_on_one_thread_and_on_two_with_checks_remembered_or_not() {
    let campaign = || Campaign::new([Subject::set(), Subject::bank(), Subject::at2()]);
    let two = NonZeroUsize::new(2).expect("two");
    let one = campaign().threads(NonZeroUsize::MIN).run(0..60, |_| true);
    let other = campaign()
        .threads(two)
        .signatures(Signatures::Strict)
        .run(0..60, |_| true);
    assert_eq!((one.scenarios, one.packets), (60, other.packets));
    assert_eq!(one.coverage, other.coverage);
    assert!(one.coverage.count(Kind::Packet("echo")) > 0);
}

#[test]
fn a_scenario_that_is_no_scenario_is_refused() {
    let good = Scenario::draw(1, &Shape::default()).code();
    assert!(Scenario::from_code(&good).is_ok());
    for code in [
        "",
        "00",
        "zz",
        &good[1..],
        &format!("{good}0"),
        &format!("{good}00"),
    ] {
        assert!(Scenario::from_code(code).is_err(), "{code}");
    }
    let every = Scenario {
        acts: Phase::ALL
            .map(|phase| Act::Await { phase, many: 2 })
            .into_iter()
            .chain([
                Act::CrashAll,
                Act::RestartAll,
                Act::Hush { from: 1, to: 0 },
                Act::Slow { ticks: 9 },
                Act::Rounds { many: 50 },
                Act::RobSleepers { pick: 1 },
                Act::Invite { pick: 2 },
                Act::Reserved { who: 3 },
                Act::Lag { ticks: 4 },
                Act::Insist { who: 5 },
                Act::Follow,
                Act::HandOver,
                Act::SwitchOff,
                Act::Doubt,
            ])
            .collect(),
        ..Scenario::default()
    };
    assert_eq!(Scenario::from_code(&every.code()), Ok(every));
    let mut sick = Scenario::default();
    sick.faults.drop = 1.5;
    assert!(Scenario::from_code(&sick.code()).is_err());
}
