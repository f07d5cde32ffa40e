//! A replica says what it holds and what that waits for.

use std::sync::Arc;

use crate::common::{Table, add, remove};
use bft_crdts::deterministic_secure_broadcast::{
    BlockReason, Blocked, Body, Fault, Packet, ProposeError,
};
use bft_crdts::membership::{Change, ChangeKey};

/// The one message that is held at `seat`.
fn held(table: &Table, seat: usize) -> Blocked {
    let mut held = table.replicas[seat].blocked();
    assert_eq!(held.len(), 1, "{held:?}");
    held.remove(0)
}

#[test]
fn a_locked_message_waits_for_the_members_whose_echo_is_not_here() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let waits = held(&table, 0);
    assert_eq!(waits.dot.source, table.actor(0));
    let others: Vec<_> = (1..4).map(|seat| table.actor(seat)).collect();
    let BlockReason::EchoesMissing {
        have,
        quorum,
        mut missing,
    } = waits.why
    else {
        panic!("{waits:?}");
    };
    missing.sort_by_key(|actor| others.iter().position(|other| other == actor));
    assert_eq!((have, quorum, missing), (1, 3, others));
    assert_eq!(table.replicas[0].pending(), 1);
    table.add(0, 8);
    assert_eq!(table.replicas[0].pending(), 2);
    table.carry_all();
    table.run(200);
    assert!(
        table
            .replicas
            .iter()
            .all(|replica| replica.blocked().is_empty())
    );
    assert_eq!(table.replicas[0].pending(), 0);
}

#[test]
fn an_early_message_waits_for_what_it_rests_on_whether_it_is_certified_or_not() {
    let mut table = Table::of(4);
    let removal = table.first(1, &[remove(table.actor(0), 1, 7)]);
    let from = table.actor(1);
    table
        .give(from, 3, Body::Proposal(Arc::clone(&removal)))
        .expect("held");
    let early = held(&table, 3);
    assert!(matches!(early.why, BlockReason::Early(_)), "{early:?}");
    let certificate = table.certificate(&[0, 1, 2], &removal);
    table
        .give(from, 3, Body::Certificate(certificate))
        .expect("a quorum");
    let certified = held(&table, 3);
    assert_eq!(certified, early);
}

#[test]
fn a_certificate_without_its_message_waits_for_it() {
    let mut table = Table::of(4);
    let addition = table.first(0, &[add(table.actor(0), 1, 7)]);
    let certificate = table.certificate(&[0, 1, 2], &addition);
    let from = table.actor(1);
    table
        .give(from, 3, Body::Certificate(certificate))
        .expect("a quorum");
    let waits = held(&table, 3);
    assert_eq!(
        (waits.digest, waits.why),
        (None, BlockReason::MessageMissing)
    );
}

#[test]
fn of_a_convicted_source_and_in_a_frozen_generation_nothing_new_is_echoed() {
    let mut table = Table::of(4);
    let [one, other] = [7, 8].map(|member| table.first(0, &[add(table.actor(0), 1, member)]));
    let from = table.actor(0);
    table
        .give(from, 3, Body::Proposal(one))
        .expect("a good proposal");
    table
        .give(from, 3, Body::Proposal(other))
        .expect("evidence");
    table.take_wire();
    assert!(matches!(
        held(&table, 3).why,
        BlockReason::EchoesMissing { .. }
    ));
    for seat in 0..3 {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a member"));
    }
    let late = table.actor(3);
    table.carry(|packet| packet.to == late && packet.body.kind() == "approve");
    assert_eq!(held(&table, 3).why, BlockReason::Frozen);
    let wishes = table.replicas[3].wishes();
    assert_eq!(wishes.len(), 1);
    assert_eq!((wishes[0].0, wishes[0].1.len()), (ChangeKey::Renew, 3));
}

#[test]
fn progress_tells_who_is_behind_by_its_own_word() {
    let mut table = Table::of(4);
    table.add(0, 7);
    table.carry(|packet| packet.to != packet.from && !packet.body.kind().is_empty());
    table.run(200);
    table.assert_level();
    for replica in &table.replicas {
        let progress = replica.progress();
        assert_eq!(progress.len(), 3);
        assert!(
            progress
                .iter()
                .all(|member| member.lacks == 0 && member.leads == 0)
        );
    }
    let late = table.actor(3);
    table.add(0, 8);
    table.carry(|packet| packet.to != late);
    let progress = table.replicas[0].progress();
    let lacks: Vec<_> = progress
        .iter()
        .map(|member| (member.member == late, member.lacks))
        .collect();
    assert!(lacks.contains(&(true, 1)), "{lacks:?}");
}

#[test]
fn of_a_member_that_has_not_spoken_no_progress_is_told() {
    let mut table = Table::of(4);
    assert_eq!(table.replicas[0].progress(), []);
    table.add(0, 7);
    let late = table.actor(3);
    table.carry(|packet| packet.from != late);
    table.run(8);
    let spoken = table.replicas[0].progress();
    assert_eq!(spoken.len(), 3, "{spoken:?}");
}

/// While the key is used twice, neither user contradicts what it remembers: only the others see it.
#[test]
fn whose_key_is_used_twice_is_told_at_once_and_names_itself_as_the_reason() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let ours = table.take_wire();
    let other = table.first(0, &[add(table.actor(0), 1, 8)]);
    let me = table.actor(0);
    for seat in 1..4 {
        let other = Body::Proposal(Arc::clone(&other));
        table.give(me, seat, other).expect("a good proposal");
    }
    table.take_wire();
    table.wire.extend(ours);
    table.carry(|packet| packet.body.kind() != "echo" && packet.body.kind() != "certificate");
    assert!(table.replicas[0].is_silenced());
    assert!(table.faults[0].contains(&Fault::Silenced));
    assert!(table.replicas[0].convicted().contains_key(&me));
    assert_eq!(held(&table, 0).why, BlockReason::Silenced);
    let op = add(me, 2, 9);
    let refused = table.replicas[0].propose(op).err();
    assert_eq!(refused, Some(ProposeError::Silenced));
}

#[test]
fn who_is_convicted_and_missed_the_evidence_is_told_when_it_speaks_again() {
    for speaks in [true, false] {
        let mut table = Table::of(4);
        let pair = [7, 8].map(|member| table.first(0, &[add(table.actor(0), 1, member)]));
        let me = table.actor(0);
        for proposal in pair {
            let proposal = Body::Proposal(proposal);
            table.give(me, 1, proposal).expect("a good proposal");
        }
        assert!(table.replicas[1].convicted().contains_key(&me));
        table.take_wire();
        if speaks {
            let summary = table.summary(0);
            let announced = table.give(me, 1, Body::Announce(summary));
            announced.expect("a member's summary");
        } else {
            table.add(0, 9);
        }
        table.carry_all();
        assert!(table.replicas[0].is_silenced(), "{speaks}");
    }
}

#[test]
fn a_probe_is_answered_by_each_member_though_all_are_level_and_changes_nothing() {
    let mut table = Table::of(4);
    table.add(0, 7);
    table.carry_all();
    table.run(200);
    assert!(table.wire.is_empty(), "all are level");
    let before: Vec<_> = table.delivered.clone();
    for _ in 0..2 {
        let step = table.replicas[0].probe();
        assert!(step.persist.is_empty());
        table.spend(0, step);
        assert_eq!(table.wire.len(), 3);
        let mut answers = Vec::new();
        table.carry(|packet| {
            let is_answer = packet.to != packet.from && packet.body.kind() == "receipt";
            answers.extend(is_answer.then_some(packet.from));
            true
        });
        answers.sort_unstable();
        let mut others: Vec<_> = (1..4).map(|seat| table.actor(seat)).collect();
        others.sort_unstable();
        assert_eq!(answers, others);
        assert!(table.wire.is_empty(), "one answer each, and no more");
    }
    assert_eq!(table.delivered, before);
}

#[test]
fn a_generation_that_ends_waits_for_reports_and_then_for_what_is_said_in_its_round() {
    let mut table = Table::of(4);
    let actors: Vec<_> = (0..4).map(|seat| table.actor(seat)).collect();
    let awaited = |table: &Table| table.replicas[0].awaited();
    assert_eq!(awaited(&table), []);
    let among = |seats: &[usize]| {
        let some: Vec<_> = seats.iter().map(|seat| actors[*seat]).collect();
        move |packet: &Packet| some.contains(&packet.from) && some.contains(&packet.to)
    };
    for seat in 0..3 {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a member"));
    }
    // The third one's approval freezes the first; its own report is not let through.
    let all = among(&[0, 1, 2]);
    table.carry(|packet| all(packet) && packet.body.kind() == "approve");
    assert!(table.replicas[0].is_frozen());
    assert_eq!(awaited(&table), [1, 2, 3].map(|seat| actors[seat]));
    for _ in 0..400 {
        (0..2).for_each(|seat| table.tick(seat));
        table.carry(among(&[0, 1]));
    }
    assert_eq!(awaited(&table), [2, 3].map(|seat| actors[seat]));
    // With its report there is a quorum; then it says nothing more.
    (0..3).for_each(|seat| table.tick(seat));
    table.carry(|packet| all(packet) && packet.body.kind() == "report");
    let step = table.replicas[2].tick();
    table.spend(2, step);
    table.carry(|packet| all(packet) && packet.body.kind() == "report");
    for _ in 0..400 {
        (0..2).for_each(|seat| table.tick(seat));
        table.carry(among(&[0, 1]));
    }
    assert!(table.replicas[0].round().is_some());
    assert_eq!(awaited(&table), [2, 3].map(|seat| actors[seat]));
    for _ in 0..400 {
        (0..3).for_each(|seat| table.tick(seat));
        table.carry(&all);
    }
    assert_eq!(table.replicas[0].generation().number(), 1);
    assert_eq!(awaited(&table), []);
}
