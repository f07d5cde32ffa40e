//! How far a replica says that it has come on its way to the next generation.

use crate::common::{Table, kinds};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Phase, Record};
use bft_crdts::membership::Change;

/// The phases of `seat`, each once in a row, while some ticks pass at the seats that are `awake` and
/// what is for these and `lets` lets through is carried.
fn phases_of(
    table: &mut Table,
    seat: usize,
    awake: &[usize],
    lets: impl Fn(&Packet) -> bool,
) -> Vec<Phase> {
    let mut phases = vec![table.replicas[seat].phase()];
    for _ in 0..8 {
        while let Some(packet) = table.wire.pop_front() {
            let to = table.seat_of(&packet.to).expect("a member");
            if awake.contains(&to) && lets(&packet) {
                // What is of an older generation by now is refused.
                let _ = table.hand_over(packet);
                phases.push(table.replicas[seat].phase());
            }
        }
        awake.iter().for_each(|seat| table.tick(*seat));
    }
    phases.dedup();
    phases
}

const ALL: [usize; 4] = [0, 1, 2, 3];

fn approve(table: &mut Table, by: &[usize]) {
    for seat in by {
        let step = table.replicas[*seat].approve(Change::Renew);
        table.spend(*seat, step.expect("the first of its own"));
    }
}

#[test]
fn a_change_takes_a_member_from_open_to_open_again_through_the_agreement() {
    let mut table = Table::of(4);
    approve(&mut table, &[0, 1, 2]);
    let phases = phases_of(&mut table, 3, &ALL, |_| true);
    assert_eq!(phases, [Phase::Open, Phase::Agreeing, Phase::Open]);
    assert_eq!(table.replicas[3].generation().number(), 1);
}

#[test]
fn who_lacks_what_a_founded_generation_rests_on_says_so_until_it_has_it() {
    let mut table = Table::of(4);
    table.add(0, 7);
    phases_of(&mut table, 0, &ALL[..3], |_| true);
    approve(&mut table, &[0, 1, 2]);
    phases_of(&mut table, 0, &ALL[..3], |_| true);
    assert_eq!(table.replicas[0].generation().number(), 1);
    assert_eq!(
        table.replicas[3].phase(),
        Phase::Open,
        "it was told nothing"
    );
    let proof = table.records[0].iter().find_map(|record| match record {
        Record::Installed(proofs) => proofs.last().cloned(),
        _ => None,
    });
    let body = Body::GenerationProof(proof.expect("it was installed"));
    let given = table.give(table.actor(0), 3, body);
    given.expect("it proves itself");
    let phases = phases_of(&mut table, 3, &ALL, |_| true);
    assert_eq!(phases, [Phase::Founded, Phase::Open]);
    assert_eq!(table.replicas[3].generation().number(), 1);
}

#[test]
fn who_may_sign_nothing_is_frozen_by_a_change_and_takes_no_part_in_it() {
    let mut table = Table::of(4);
    table.records[3].push(Record::Silenced);
    table.restart(3);
    approve(&mut table, &[0, 1, 2]);
    let phases = phases_of(&mut table, 3, &ALL, |_| true);
    assert_eq!(phases, [Phase::Open, Phase::Frozen, Phase::Open]);
}

#[test]
fn who_lacks_the_value_that_was_decided_waits_for_it() {
    let mut table = Table::of(4);
    let last = table.actor(3);
    approve(&mut table, &[0, 1, 2]);
    let without = |packet: &Packet| match &packet.body {
        Body::Agreement { value, .. } => packet.to != last || value.is_none(),
        Body::Value(_) | Body::GenerationProof(_) | Body::PullResponse(_) => packet.to != last,
        _ => true,
    };
    let phases = phases_of(&mut table, 3, &ALL, without);
    assert_eq!(phases, [Phase::Open, Phase::Agreeing, Phase::Decided]);
    let phases = phases_of(&mut table, 3, &ALL, |_| true);
    assert_eq!(phases, [Phase::Decided, Phase::Open]);
    assert_eq!(table.replicas[3].generation().number(), 1);
}

/// Each member tells all others of the decision: were each answered with what they know, a change
/// would cost as many proofs as votes.
#[test]
fn who_votes_in_a_generation_that_is_over_is_shown_what_ended_it_and_who_shows_the_decision_is_not()
{
    let mut table = Table::of(4);
    approve(&mut table, &[0, 1, 2]);
    let mut votes = Vec::new();
    table.carry(|packet| {
        let is_vote = matches!(packet.body, Body::Agreement { .. });
        votes.extend(is_vote.then(|| packet.clone()));
        true
    });
    assert_eq!(table.replicas[0].generation().number(), 1);
    let mut answers = Vec::new();
    for vote in votes {
        let Body::Agreement { message, .. } = &vote.body else {
            unreachable!("a vote")
        };
        let shows = message.shows_decision();
        table.hand_over(vote).expect("of a generation that is over");
        answers.push((shows, kinds(&table.take_wire()) == ["generation"]));
    }
    answers.sort_unstable();
    answers.dedup();
    assert_eq!(answers, [(false, true), (true, false)]);
}

/// A network of which the last member leaves, and what it was sent of these kinds was lost until the
/// others had begun the next generation; and the phase in which it is then.
fn left_behind(lost: &[&str], before: impl FnOnce(&mut Table)) -> (Table, Phase) {
    let mut table = Table::of(4);
    let last = table.actor(3);
    let arrives = |packet: &Packet| {
        let valued = matches!(&packet.body, Body::Agreement { value: Some(_), .. });
        let kind = if valued { "value" } else { packet.body.kind() };
        packet.to != last || !lost.contains(&kind)
    };
    // All know of each other that they are level.
    table.run(4);
    before(&mut table);
    table.carry(arrives);
    for seat in [0, 1, 2] {
        let step = table.replicas[seat].approve(Change::Leave(last));
        table.spend(seat, step.expect("the first of its own"));
    }
    let phases = phases_of(&mut table, 3, &ALL, arrives);
    assert_eq!(table.replicas[0].generation().number(), 1);
    table.take_wire();
    (table, *phases.last().expect("one at least"))
}

/// Nobody in the next generation holds the value any more, or speaks to who is not in it.
#[test]
fn who_leaves_without_the_value_that_was_decided_is_shown_its_generation_when_it_asks_for_it() {
    let lost = ["value", "generation", "answer"];
    let (mut table, phase) = left_behind(&lost, |_| ());
    assert_eq!(phase, Phase::Decided);
    loop {
        table.tick(3);
        let mut said = table.wire.iter();
        if !said.any(|packet| packet.body.kind() == "report") {
            break;
        }
        table.take_wire();
    }
    table.carry_all();
    assert_eq!(table.replicas[3].generation().number(), 1);
}

/// The others are level among themselves, and do not speak to who is not among them.
#[test]
fn who_leaves_and_lacks_what_the_others_delivered_before_asks_for_it() {
    let lost = [
        "proposal",
        "certificate",
        "announce",
        "receipt",
        "request",
        "answer",
        "generation",
    ];
    let (mut table, phase) = left_behind(&lost, |table| table.add(0, 7));
    assert_eq!(phase, Phase::Founded);
    table.run(8);
    assert_eq!(table.replicas[3].generation().number(), 1);
    assert!(table.replicas[3].algorithm().contains(&7));
}

#[test]
fn each_phase_has_a_word_of_its_own() {
    let phases = [
        Phase::Open,
        Phase::Frozen,
        Phase::Agreeing,
        Phase::Decided,
        Phase::Founded,
    ];
    let words = ["open", "frozen", "agreeing", "decided", "founded"];
    assert_eq!(phases.map(|phase| phase.to_string()), words);
}
