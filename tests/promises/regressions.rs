//! What campaigns found, as small as it got.

use bft_crdts::net::{Act, Faults, Scenario, Signatures, Subject, Vice};

fn play(subject: &Subject, scenario: &Scenario) {
    if let Err(defeat) = subject.play(scenario, Signatures::Strict) {
        panic!(
            "{}\n{scenario}{}",
            defeat.what,
            defeat.chart.unwrap_or_default()
        );
    }
}

fn at2(scenario: Scenario) {
    play(&Subject::at2(), &scenario);
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

/// The check of silence took answers that a liar got out of correct members, in the name of a
/// correct one, for talk.
#[test]
fn a_liar_that_asks_in_the_name_of_another_does_not_make_correct_members_talkative() {
    at2(Scenario {
        seed: 17423930822979921893,
        liars: vec![vec![Vice::Forger, Vice::DoubleEchoer]],
        faults: Faults {
            drop: 0.1,
            duplicate: 0.3,
            latency: 10_000..=10_000,
            ..Faults::default()
        },
        unruly: 0..501,
        acts: vec![
            Act::Propose { who: 250, pick: 0 },
            Act::Join,
            Act::Run { tenths: 3 },
            Act::Join,
            Act::Heal,
            Act::Propose { who: 30, pick: 15 },
            Act::Join,
        ],
        ..Scenario::default()
    });
}

/// One member is cut off, and the others crash, one after the other, when they have decided how the
/// generation ends. What they had decided on was in nobody's store; and those who all lack it asked
/// each other for it in ever more packets.
#[test]
fn a_value_that_was_decided_is_not_lost_when_those_who_decided_crash() {
    let renew = (0..3).map(|who| Act::Renew { who });
    let cuts = [0, 2, 3].map(|to| Act::Cut { from: 1, to });
    let crashes = [0, 2, 3].into_iter();
    let crashes = crashes.flat_map(|who| [Act::Crash { who }, Act::Restart { who }]);
    let picks = [35361, 981, 60119, 30774, 51001, 54584, 25225, 61267];
    let proposals = (0..).zip(picks).map(|(index, pick)| Act::Propose {
        who: index / 2,
        pick,
    });
    let acts = proposals.chain(renew).chain([Act::Run { tenths: 3 }]);
    let acts = acts.chain(cuts).chain([Act::Run { tenths: 6 }]);
    let acts = acts.chain(crashes).chain([Act::Run { tenths: 250 }; 2]);
    at2(Scenario {
        seed: 17032639679551339358,
        liars: vec![vec![Vice::Turncoat]],
        acts: acts.collect(),
        ..Scenario::default()
    });
}

/// The checks took for a beginning what was lost in the crash before anybody heard of it.
#[test]
fn a_member_alone_that_crashes_while_it_decides_may_decide_otherwise() {
    at2(Scenario {
        seed: 7492519214048446630,
        members: 1,
        faults: Faults {
            latency: 10_000..=10_000,
            ..Faults::default()
        },
        unruly: 0..0,
        acts: vec![
            Act::Join,
            Act::CrashWhileWriting {
                who: 0,
                records: 1,
                torn: 235,
            },
            Act::Join,
            Act::Run { tenths: 2 },
        ],
        ..Scenario::default()
    });
}

/// The checks took the next delivery for a gap: they had forgotten what was delivered at a member
/// whose key was stolen.
#[test]
fn one_whose_key_was_stolen_after_it_left_goes_on_where_it_was() {
    bank(Scenario {
        seed: 10902838223889804004,
        members: 4,
        liars: vec![vec![Vice::Replayer]],
        unruly: 304..318,
        acts: vec![
            Act::Propose { who: 0, pick: 10 },
            Act::Propose { who: 1, pick: 3403 },
            Act::Propose {
                who: 2,
                pick: 52404,
            },
            Act::Propose { who: 3, pick: 0 },
            Act::Join,
            Act::Run { tenths: 60 },
            Act::Join,
            Act::Run { tenths: 60 },
            Act::Leave { who: 205 },
            Act::Join,
            Act::Run { tenths: 60 },
            Act::Leave { who: 145 },
            Act::Run { tenths: 6 },
            Act::Propose {
                who: 213,
                pick: 584,
            },
            Act::MisuseRetiredKeys { pick: 46234 },
        ],
        ..Scenario::default()
    });
}

/// The checks, not the replicas: the wishes were refused, as members in doubt refuse them.
#[test]
fn members_that_all_ask_what_their_keys_signed_begin_a_new_generation_afterwards() {
    at2(Scenario {
        seed: 4855855753886149781,
        members: 2,
        unruly: 0..0,
        acts: vec![Act::Doubt],
        ..Scenario::default()
    });
}
