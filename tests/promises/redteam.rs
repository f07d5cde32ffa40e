//! Attacks that once worked: each test is the smallest run of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Set, Table, add, echoes};
use bft_crdts::SigningActor;
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{
    Body, ChangeApproval, Echo, Equivocation, Packet, Proposal, PullRequest, PullResponse, Record,
    Replica, Segment,
};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    Approval, Approvals, Boundary, Change, ChangeCertificate, GenerationProof, Mark, Report,
};
use bft_crdts::quorum::Generation;

const LIAR: usize = 3;

fn approved(boundary: &Boundary, key: &SigningActor, change: Change) -> ChangeApproval {
    let approval = Approval {
        generation: boundary.generation(),
        change: change.key(),
    };
    let approval = key.sign(boundary.network(), approval).into_claim();
    ChangeApproval { change, approval }
}

fn certified(table: &Table, change: Change) -> ChangeCertificate {
    let (boundary, mut approvals) = (table.replicas[0].boundary(), Approvals::default());
    let mut added = table.keys.iter().filter_map(|key| {
        let approved = approved(boundary, key, change);
        let fact = key.sign(boundary.network(), approved.approval.statement);
        approvals.add(boundary, &change, fact).expect("a change")
    });
    added.next().expect("a quorum").claim()
}

/// Those who are not `out` make the change, and let time pass; `out` hears nothing and is not
/// heard.
fn change_without(table: &mut Table, out: usize, change: Change) {
    let (gone, seats) = (table.actor(out), table.replicas.len());
    let here = |packet: &Packet| packet.from != gone && packet.to != gone;
    for seat in (0..seats).filter(|seat| *seat != out) {
        let step = table.replicas[seat].approve(change).expect("a change");
        table.spend(seat, step);
    }
    for _ in 0..100 {
        table.carry(here);
        let first = usize::from(out == 0);
        if table.replicas[first].generation() > Generation::GENESIS {
            break;
        }
        for seat in (0..seats).filter(|seat| *seat != out) {
            table.tick(seat);
        }
    }
    table.carry(here);
}

/// Member 3 missed a change and asks member 0, which answers with the generation that began.
fn answered_after_a_change() -> (Table, PullResponse) {
    let mut table = Table::of(4);
    change_without(&mut table, 3, Change::Renew);
    table.take_wire();
    let request = PullRequest {
        summary: Some(table.summary(3)),
        known: Generation::GENESIS,
        held: BTreeMap::new(),
    };
    let asker = table.actor(3);
    table
        .give(asker, 0, Body::PullRequest(request))
        .expect("a question");
    let mut wire = table.take_wire().into_iter();
    let answer = wire.find_map(|packet| match packet.body {
        Body::PullResponse(answer) => Some(answer),
        _ => None,
    });
    (table, answer.expect("an answer"))
}

fn assert_none_is_silenced(replicas: &[Replica<Set>]) {
    for replica in replicas {
        assert!(!replica.is_silenced(), "{:?}", replica.actor());
    }
}

#[test]
fn a_report_with_a_good_change_and_a_bad_one_freezes_nobody() {
    let mut table = Table::of(4);
    let good = certified(&table, Change::Renew);
    let mut bad = good.clone();
    bad.change = Change::Leave(table.actor(0));
    let report = Report::of(table.replicas[1].boundary());
    let report = Arc::new(table.keys[LIAR].sign(&table.network(), report).into_claim());
    let changes = vec![good, bad];
    let from = table.actor(LIAR);
    // What it writes when it freezes would be lost with the refusal; the table sees that nothing
    // changed.
    let given = table.give(from, 1, Body::Report { report, changes });
    assert!(given.is_err());
    assert!(!table.replicas[1].is_frozen());
}

#[test]
fn an_answer_with_a_generation_and_a_bad_lane_is_refused_whole_or_taken() {
    let (mut table, answer) = answered_after_a_change();
    let proof = answer.proofs;
    assert_eq!(proof.len(), 1);
    let answer = PullResponse {
        proofs: proof,
        pruned: false,
        segments: vec![Segment {
            source: table.actor(0),
            proposals: Vec::new(),
            certificate: None,
        }],
        summary: Some(table.summary(0)),
    };
    let from = table.actor(0);
    table.ask(3, 0);
    let given = table.give(from, 3, Body::PullResponse(answer));
    assert_eq!(
        given.is_ok(),
        table.replicas[3].generation() > Generation::GENESIS
    );
}

#[test]
fn a_certificate_of_a_sealed_dot_silences_none_of_those_who_echoed_it() {
    let mut table = Table::of(4);
    let source = table.actor(LIAR);
    let one = table.first(LIAR, &[add(source, 1, 1)]);
    let two = table.first(LIAR, &[add(source, 1, 2)]);
    for (seat, proposal) in [(0, &one), (1, &one), (2, &two)] {
        let body = Body::Proposal(Arc::clone(proposal));
        table.give(source, seat, body).expect("a proposal");
    }
    // The liar keeps the certificate of the one to itself, until the dot is sealed.
    let certificate = table.certificate(&[0, 1, LIAR], &one);
    change_without(&mut table, LIAR, Change::Renew);
    assert!(table.replicas[0].boundary().sealed().contains_key(&source));
    for body in [Body::Certificate(certificate), Body::Proposal(one)] {
        table.give(source, 0, body).expect("what counts here");
    }
    assert_eq!(table.delivered[0].len(), 1);
    table.run(20);
    assert_none_is_silenced(&table.replicas[..LIAR]);
    assert_eq!(table.delivered[1].len(), 1);
}

#[test]
fn a_member_that_restarts_frozen_is_not_silenced_by_its_own_echo() {
    let mut table = Table::of(4);
    let source = table.actor(LIAR);
    let proposal = table.first(LIAR, &[add(source, 1, 1)]);
    table
        .give(source, 0, Body::Proposal(proposal))
        .expect("a proposal");
    let echo = echoes(&table.take_wire())[0];
    for key in table.keys.clone().into_iter().skip(1) {
        let approved = approved(table.replicas[0].boundary(), &key, Change::Renew);
        let body = Body::Approve(Arc::new(approved));
        table.give(key.actor(), 0, body).expect("an approval");
    }
    assert!(table.replicas[0].is_frozen());
    table.restart(0);
    assert!(table.replicas[0].is_frozen());
    table.give(source, 0, Body::Echo(echo)).expect("its own");
    assert_none_is_silenced(&table.replicas);
}

#[test]
fn a_source_that_leaves_with_an_operation_in_flight_and_returns_puts_no_other_in_its_place() {
    let mut table = Table::of(5);
    let out = 4;
    let source = table.actor(out);
    table.add(out, 1);
    let sent = table.take_wire();
    let proposal = sent.into_iter().find_map(|packet| match packet.body {
        Body::Proposal(proposal) => Some(proposal),
        _ => None,
    });
    let kept = proposal.expect("what it proposed");
    change_without(&mut table, out, Change::Leave(source));
    table.run(10);
    assert_eq!(
        table.replicas[out].generation(),
        Generation::GENESIS.next().expect("one")
    );
    // The network repeats its own proposal to it.
    let _ = table.give(table.actor(0), out, Body::Proposal(Arc::clone(&kept)));
    assert_none_is_silenced(&table.replicas);
    let step = table.replicas[out].ask_to_join();
    let entry = step.packets().find_map(|packet| match packet.body {
        Body::Enter(entry) => Some(entry),
        _ => None,
    });
    table.spend(out, step);
    let change = Change::Join(entry.expect("an entry"));
    for seat in 0..4 {
        let step = table.replicas[seat].approve(change);
        step.into_iter().for_each(|step| table.spend(seat, step));
    }
    table.run(20);
    assert!(table.replicas[out].committee().contains(&source));
    table.add(out, 2);
    let _ = table.give(source, 0, Body::Proposal(kept));
    table.run(40);
    assert!(
        table
            .replicas
            .iter()
            .all(|replica| replica.convicted().is_empty())
    );
    assert_none_is_silenced(&table.replicas);
    let elements = |seat: usize| table.delivered[seat].len();
    assert_eq!(elements(0), 2, "both of its operations are delivered");
}

#[test]
fn a_message_without_its_sources_signature_is_locked_by_nobody() {
    let mut table = Table::of(4);
    let source = table.actor(LIAR);
    let proposal = table.first(LIAR, &[add(source, 1, 1)]);
    table
        .give(source, 0, Body::Proposal(Arc::clone(&proposal)))
        .expect("a proposal");
    table.take_wire();
    let bare = Arc::new(Proposal {
        sig: table.sign(0, proposal.message.clone()).sig,
        ..Proposal::clone(&proposal)
    });
    for seat in 0..3 {
        let step = table.replicas[seat]
            .approve(Change::Renew)
            .expect("a change");
        table.spend(seat, step);
    }
    for round in 0..120 {
        while let Some(packet) = table.wire.pop_front() {
            let wants =
                packet.from == table.actor(1) && matches!(packet.body, Body::FetchPayloads(_));
            let real = packet.to == table.actor(1) && matches!(packet.body, Body::Proposal(_));
            if packet.from == source || packet.to == source || (real && round < 60) {
                continue;
            }
            let _ = table.hand_over(packet);
            if wants {
                let _ = table.give(source, 1, Body::Proposal(Arc::clone(&bare)));
            }
        }
        (0..3).for_each(|seat| table.tick(seat));
    }
    assert_eq!(table.delivered[1].len(), 1);
    let locked = table.records[1].iter().filter_map(|record| match record {
        Record::Locked { proposal, .. } => Some(proposal),
        _ => None,
    });
    let locked: Vec<_> = locked.collect();
    assert_eq!(locked, [&proposal]);
}

/// Whoever caught up over the end of a generation held a lane up to there as one piece, and forgot
/// the certificates of the segments that it was made of. What it then served was longer than a
/// segment may be, and refused.
#[test]
fn who_caught_up_over_the_end_of_a_generation_serves_segments_that_others_take() {
    let mut limits = Limits::default();
    limits.segment_messages = 2;
    let mut table = Table::bounded(4, limits);
    let (out, gone) = (3, table.actor(3));
    for member in 1..=3 {
        table.add(0, member);
        table.carry(|packet| packet.from != gone && packet.to != gone);
    }
    change_without(&mut table, out, Change::Renew);
    table.run(40);
    table.assert_level();
    // Of all who have it, only the one that caught up is there to ask.
    let newcomer = table.enter(9, |replica| replica.replay_lanes_from_the_start());
    let (asker, server) = (table.actor(newcomer), table.actor(out));
    table.take_wire();
    table.refused.clear();
    for _ in 0..40 {
        [out, newcomer]
            .into_iter()
            .for_each(|seat| table.tick(seat));
        table
            .carry(|packet| [(asker, server), (server, asker)].contains(&(packet.from, packet.to)));
    }
    assert!(table.refused.is_empty(), "{:?}", table.refused);
    assert_eq!(
        table.replicas[newcomer].frontier(),
        table.replicas[out].frontier()
    );
}

/// The same from the side of the one that catches up: it held the whole lane up to the frontier
/// before it delivered.
#[test]
fn what_is_held_of_a_lane_is_bounded_while_the_end_of_a_generation_is_caught_up_with() {
    let mut limits = Limits::default();
    (limits.message_bytes, limits.segment_bytes) = (128, 128);
    let most = 2 * limits.message_bytes + limits.segment_bytes;
    let mut table = Table::bounded(4, limits);
    let (out, gone) = (3, table.actor(3));
    // With something of the lanes it asks for more of them, before it takes a snapshot.
    table.add(0, 0);
    table.carry_all();
    for member in 1..=12 {
        table.add(0, member);
        table.carry(|packet| packet.from != gone && packet.to != gone);
    }
    change_without(&mut table, out, Change::Renew);
    for _ in 0..40 {
        (0..4).for_each(|seat| table.tick(seat));
        while let Some(packet) = table.wire.pop_front() {
            let _ = table.hand_over(packet);
            let held = table.replicas[out].memory_use().most_lane_bytes;
            assert!(held <= most as usize, "{held} bytes, at most {most}");
        }
    }
    table.assert_level();
}

/// Makes a replica hold a certified change, by the report of seat 0.
fn freeze(table: &mut Table, seat: usize) {
    let changes = vec![certified(table, Change::Renew)];
    let report = Report::of(table.replicas[0].boundary());
    let report = Arc::new(table.keys[0].sign(&table.network(), report).into_claim());
    let from = table.actor(0);
    table
        .give(from, seat, Body::Report { report, changes })
        .expect("a good report");
    assert!(table.replicas[seat].is_frozen());
}

fn own_reports(table: &Table, seat: usize) -> Vec<Report> {
    let reported = |record: &Record| match record {
        Record::Reported(claim) => Some(claim.statement.clone()),
        _ => None,
    };
    table.records[seat].iter().filter_map(reported).collect()
}

/// It reported its lock, and said no more since.
#[test]
fn who_is_frozen_signs_no_echo_after_a_restart() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let from = table.actor(0);
    let again = Body::Proposal(Arc::clone(&first));
    table.give(from, 1, again.clone()).expect("echoed");
    freeze(&mut table, 1);
    table.restart(1);
    table.take_wire();
    let _ = table.give(from, 1, again);
    table.tick(1);
    assert_eq!(echoes(&table.take_wire()), []);
}

#[test]
fn a_report_names_what_its_reporter_echoed_or_the_two_messages_of_a_liar() {
    let mut table = Table::of(4);
    let two = [7, 8].map(|member| table.first(0, &[add(table.actor(0), 1, member)]));
    let (left, right) = (table.echo(0, &two[0]), table.echo(0, &two[1]));
    let evidence = Arc::new(Equivocation::Echo(Conflict { left, right }));
    let (liar, other) = (table.actor(0), table.actor(2));
    table
        .give(other, 1, Body::Evidence(evidence))
        .expect("good evidence");
    let echoed = table.first(2, &[add(other, 1, 9)]);
    table
        .give(other, 1, Body::Proposal(echoed))
        .expect("a good proposal");
    freeze(&mut table, 1);
    let [report] = &own_reports(&table, 1)[..] else {
        panic!("one report");
    };
    assert!(matches!(report.marks[&liar], Mark::Seal(_)));
    assert!(matches!(report.marks[&other], Mark::Lock(_)));
    assert_eq!(report.marks.len(), 2);
}

/// What a liar signed for a generation to come is evidence against it, and goes into each report as
/// a seal.
#[test]
fn evidence_of_generations_to_come_keeps_no_generation_from_ending() {
    let mut table = Table::of(4);
    let [left, right] = [7, 8].map(|member| {
        let message = table.first(LIAR, &[add(table.actor(LIAR), 1, member)]);
        let echo = Echo {
            generation: Generation::GENESIS.next().expect("a number"),
            ..table.echo_of(&message)
        };
        table.keys[LIAR].sign(&table.network(), echo).into_claim()
    });
    let evidence = Arc::new(Equivocation::Echo(Conflict { left, right }));
    for seat in 0..3 {
        let body = Body::Evidence(Arc::clone(&evidence));
        table.give(table.actor(LIAR), seat, body).expect("evidence");
    }
    table.carry(|_| true);
    change_without(&mut table, LIAR, Change::Renew);
    for seat in 0..3 {
        assert!(table.replicas[seat].generation() > Generation::GENESIS);
    }
}

#[test]
fn who_is_silenced_or_no_member_freezes_and_reports_nothing() {
    let mut table = Table::of(4);
    let forgotten = table.first(0, &[add(table.actor(0), 1, 7)]);
    let forgotten = table.echo(3, &forgotten);
    table
        .give(table.actor(0), 3, Body::Echo(forgotten))
        .expect("taken in");
    assert!(table.replicas[3].is_silenced());
    let follower = table.enter(100, |_| ());
    for seat in [3, follower] {
        freeze(&mut table, seat);
        assert!(own_reports(&table, seat).is_empty());
    }
    freeze(&mut table, 1);
    assert_eq!(own_reports(&table, 1).len(), 1);
}

#[test]
fn a_forged_generation_takes_nothing_from_the_good_one_before_it() {
    let (mut table, mut answer) = answered_after_a_change();
    let from = table.actor(0);
    let good = Arc::clone(&answer.proofs[0]);
    let mut forged = GenerationProof::clone(&good);
    Arc::make_mut(&mut forged.certificate).statement.generation = table.replicas[0].generation();
    answer.proofs = vec![good, Arc::new(forged)];
    table.ask(3, 0);
    table
        .give(from, 3, Body::PullResponse(answer))
        .expect("the good one");
    assert!(table.replicas[3].generation() > Generation::GENESIS);
}
