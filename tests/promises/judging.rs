//! What a member says of a value that a coordinator proposes, what it asks for before, and what a
//! coordinator waits for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Table, Told, add, opaque};
use bft_crdts::actor::{Actor, Verified};
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{
    Body, ChangeApproval, FetchPayloads, Packet, Phase,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{
    AgreementMessage, Approval, Approvals, CertifiedChange, Change, GenerationProposal, Mark,
    Report, Round, Vote, VoteKind,
};
use bft_crdts::quorum::{Certificate, Generation};
use bft_crdts::snapshot::{Commitment, Snapshot};

/// Who coordinates the first round, and who judges.
pub(crate) const COORDINATOR: usize = 0;
pub(crate) const JUDGE: usize = 1;
pub(crate) const LIAR: usize = 3;

fn approval(table: &Table, seat: usize) -> Verified<Approval> {
    let approval = Approval {
        generation: table.replicas[seat].generation(),
        change: Change::Renew.key(),
    };
    table.keys[seat].sign(&table.network(), approval)
}

pub(crate) fn renewal(table: &Table) -> CertifiedChange {
    let (boundary, mut approvals) = (table.replicas[0].boundary(), Approvals::default());
    let mut added = (0..table.keys.len()).filter_map(|seat| {
        let added = approvals.add(boundary, &Change::Renew, approval(table, seat));
        added.expect("a change that can be made")
    });
    added.next().expect("a quorum approves")
}

/// The others approve a renewal, and `seat` hears of it. What it says then is lost.
pub(crate) fn freeze(table: &mut Table, seat: usize) {
    for other in (0..table.keys.len()).filter(|other| *other != seat) {
        let approval = approval(table, other).into_claim();
        let change = Change::Renew;
        let approved = Arc::new(ChangeApproval { change, approval });
        let given = table.give(table.actor(other), seat, Body::Approve(approved));
        given.expect("an approval");
    }
    assert!(table.replicas[seat].is_frozen());
    table.take_wire();
}

pub(crate) fn report(table: &Table, seat: usize, heads: &[(Actor, Head)]) -> Verified<Report> {
    let mut report = Report::of(table.replicas[seat].boundary());
    report.heads = heads.iter().copied().collect();
    table.keys[seat].sign(&table.network(), report)
}

/// A renewal on which all but the judge report these heads.
fn value(table: &Table, judge: usize, heads: &[(Actor, Head)], state: Commitment) -> Told {
    let others = (0..4).filter(|seat| *seat != judge);
    let reports: Vec<_> = others.map(|seat| report(table, seat, heads)).collect();
    let boundary = table.replicas[judge].boundary();
    Told::of(boundary, &[renewal(table)], &reports, state)
}

/// What a value rests on is shown to the judge.
fn show(table: &mut Table, judge: usize, told: &Told) {
    for report in told.reports_sent() {
        let given = table.give(table.actor(COORDINATOR), judge, report);
        given.expect("a report");
    }
}

pub(crate) fn state(table: &Table, seat: usize) -> Commitment {
    let algorithm = table.replicas[seat].algorithm();
    Commitment::of(algorithm, &Snapshot::of(algorithm))
}

fn vote(generation: Generation, kind: VoteKind) -> Vote {
    Vote {
        generation,
        round: Round::FIRST,
        kind,
    }
}

/// `from` says this to `to`.
fn say(
    table: &mut Table,
    from: usize,
    to: usize,
    kind: VoteKind,
    value: Option<Arc<GenerationProposal>>,
) {
    let generation = table.replicas[to].generation();
    let claim = table.keys[from].sign(&table.network(), vote(generation, kind));
    let message = AgreementMessage {
        votes: vec![claim.into_claim()],
        quorums: Vec::new(),
    };
    let body = Body::Agreement {
        generation,
        message,
        value,
    };
    let given = table.give(table.actor(from), to, body);
    given.expect("a member's word");
}

/// That the others have decided a value.
pub(crate) fn decided(table: &Table, told: &Told) -> Body {
    let generation = Generation::GENESIS;
    let precommit = VoteKind::Precommit(Some(told.digest(&table.network())));
    let (statement, seats) = (vote(generation, precommit), table.seats());
    let sign = |seat: usize| table.keys[seat].sign(&table.network(), statement).sig;
    let decision = Certificate {
        statement,
        signatures: [0, 2, 3].map(|seat| (seats[seat], sign(seat))).to_vec(),
    };
    let message = AgreementMessage {
        votes: Vec::new(),
        quorums: vec![Arc::new(decision)],
    };
    Body::Agreement {
        generation,
        message,
        value: None,
    }
}

/// The coordinator proposes a value to the judge, who was shown its reports.
fn propose(table: &mut Table, told: &Told, along: bool) {
    show(table, JUDGE, told);
    propose_alone(table, told, along);
}

/// The coordinator proposes a value to the judge.
pub(crate) fn propose_alone(table: &mut Table, told: &Told, along: bool) {
    let said = VoteKind::Proposal {
        value: told.digest(&table.network()),
        valid_round: None,
    };
    let along = along.then(|| Arc::new(told.value.clone()));
    say(table, COORDINATOR, JUDGE, said, along);
}

/// What is said in these packets.
pub(crate) fn said(packets: &[Packet]) -> Vec<VoteKind> {
    let votes = packets.iter().filter_map(|packet| match &packet.body {
        Body::Agreement { message, .. } => Some(&message.votes),
        _ => None,
    });
    let mut said: Vec<_> = votes.flatten().map(|b| b.statement.kind).collect();
    said.dedup();
    said
}

fn count(packets: &[Packet], kind: &str) -> usize {
    let of_kind = packets.iter().filter(|p| p.body.kind() == kind);
    of_kind.count()
}

/// A lane of one message, which only the judge lacks.
fn one_lacks(table: &mut Table) -> (Actor, Head) {
    let (source, judge) = (table.actor(0), table.actor(JUDGE));
    table.add(0, 7);
    table.carry(|packet| packet.to != judge && packet.from != judge);
    let head = table.replicas[0].head(&source).expect("a lane");
    assert_eq!(head.seq, Seq::new(1));
    (source, head)
}

/// One member's addition is everywhere, and the judge is frozen.
pub(crate) fn begun() -> (Table, Actor, Head) {
    let mut table = Table::of(4);
    table.add(2, 7);
    table.run(4);
    freeze(&mut table, JUDGE);
    let source = table.actor(2);
    let head = table.replicas[JUDGE].head(&source).expect("a lane");
    (table, source, head)
}

// ---- judging

#[test]
fn a_value_with_the_right_state_is_prevoted_and_one_with_another_is_not() {
    let another = Digest::from_bytes([9; 32]);
    let wrong: [fn(&mut Commitment) -> &mut Digest; 2] =
        [|state| &mut state.snapshot, |state| &mut state.records];
    for wrong in [None, Some(wrong[0]), Some(wrong[1])] {
        let (mut table, source, head) = begun();
        let mut certified = state(&table, JUDGE);
        if let Some(wrong) = wrong {
            *wrong(&mut certified) = another;
        }
        let value = value(&table, JUDGE, &[(source, head)], certified);
        propose(&mut table, &value, true);
        let name = wrong.is_none().then(|| value.digest(&table.network()));
        assert_eq!(said(&table.take_wire()), [VoteKind::Prevote(name)]);
    }
}

#[test]
fn a_value_is_judged_when_what_it_covers_has_come_and_it_is_asked_for_at_once() {
    let mut table = Table::of(4);
    let (source, head) = one_lacks(&mut table);
    freeze(&mut table, JUDGE);
    let value = value(&table, JUDGE, &[(source, head)], state(&table, 0));
    propose(&mut table, &value, true);
    let asked = table.take_wire();
    assert_eq!(said(&asked), [], "it cannot know");
    assert_eq!(count(&asked, "request"), 3);
    let to_first = asked.into_iter().filter(|p| p.to == table.actor(0));
    table.wire.extend(to_first.collect::<Vec<_>>());
    let judge = table.actor(JUDGE);
    let mut spoken = Vec::new();
    table.carry(|packet| {
        spoken.extend((packet.from == judge).then(|| packet.clone()));
        packet.body.kind() != "vote"
    });
    let name = value.digest(&table.network());
    assert_eq!(said(&spoken), [VoteKind::Prevote(Some(name))]);
}

#[test]
fn a_value_that_covers_another_message_than_was_delivered_is_not_prevoted() {
    let (mut table, ..) = begun();
    let other = Head {
        seq: Seq::new(1),
        digest: Digest::from_bytes([9; 32]),
    };
    let value = value(
        &table,
        JUDGE,
        &[(table.actor(2), other)],
        state(&table, JUDGE),
    );
    propose(&mut table, &value, true);
    assert_eq!(said(&table.take_wire()), [VoteKind::Prevote(None)]);
}

/// The state is that at the frontier, not its own.
#[test]
fn a_value_is_judged_by_who_has_delivered_more_than_it_covers_in_each_generation() {
    for generations in 0..3 {
        let mut table = Table::of(4);
        for generation in 0..generations {
            table.add(2, 10 * generation);
            table.run(4);
            table.approve(&[0, 1, 2], Change::Renew);
        }
        let [coordinator, judge] = [0, 1].map(|turn| usize::from(generations + turn) % 4);
        let begun = table.replicas[judge].generation().number();
        assert_eq!(begun, u64::from(generations));
        table.add(2, 100);
        table.run(4);
        let source = table.actor(2);
        let head = table.replicas[judge].head(&source).expect("a lane");
        let value = value(&table, judge, &[(source, head)], state(&table, judge));
        table.add(2, 101);
        table.run(4);
        assert_ne!(table.replicas[judge].head(&source), Some(head));
        freeze(&mut table, judge);
        let name = value.digest(&table.network());
        let said_of_it = VoteKind::Proposal {
            value: name,
            valid_round: None,
        };
        show(&mut table, judge, &value);
        let value = Some(Arc::new(value.value));
        say(&mut table, coordinator, judge, said_of_it, value);
        assert_eq!(said(&table.take_wire()), [VoteKind::Prevote(Some(name))]);
    }
}

// ---- asking for values

#[test]
fn a_value_that_is_named_is_asked_for_and_no_other_is_taken() {
    let mut table = Table::of(4);
    freeze(&mut table, JUDGE);
    let named = value(&table, JUDGE, &[], state(&table, JUDGE));
    let other = value(&table, JUDGE, &[], opaque(Digest::from_bytes([9; 32])));
    propose(&mut table, &named, false);
    let asked = table.take_wire();
    let wants = asked.iter().filter_map(|packet| match &packet.body {
        Body::FetchPayloads(fetch) => fetch.value,
        _ => None,
    });
    let name = named.digest(&table.network());
    assert_eq!(wants.collect::<Vec<_>>(), [name; 3]);
    let from = table.actor(COORDINATOR);
    let mut hold = |told: &Told| {
        let value = Arc::new(told.value.clone());
        let given = table.give(from, JUDGE, Body::Value(Arc::clone(&value)));
        given.expect("a value");
        let said = said(&table.take_wire());
        let fetch = FetchPayloads {
            value: Some(value.digest(&table.network())),
            ..FetchPayloads::default()
        };
        let given = table.give(from, JUDGE, Body::FetchPayloads(fetch));
        given.expect("a question");
        (said, count(&table.take_wire(), "value"))
    };
    assert_eq!(hold(&other), (vec![], 0), "nobody asked for it");
    assert_eq!(hold(&named), (vec![VoteKind::Prevote(Some(name))], 1));
}

#[test]
fn a_value_that_was_decided_is_asked_for_once_a_tick_and_begins_the_generation() {
    let mut table = Table::of(4);
    freeze(&mut table, JUDGE);
    let value = value(&table, JUDGE, &[], state(&table, JUDGE));
    let told = decided(&table, &value);
    let from = table.actor(COORDINATOR);
    for asks in [3, 0] {
        let given = table.give(from, JUDGE, told.clone());
        given.expect("a decision");
        assert_eq!(count(&table.take_wire(), "want"), asks);
    }
    table.tick(JUDGE);
    assert_eq!(count(&table.take_wire(), "want"), 3);
    show(&mut table, JUDGE, &value);
    let given = table.give(from, JUDGE, Body::Value(Arc::new(value.value.clone())));
    given.expect("a value");
    let boundary = table.replicas[JUDGE].boundary();
    assert_eq!(boundary.value(), value.digest(&table.network()));
}

#[test]
fn who_votes_twice_is_convicted_by_who_hears_both() {
    let mut table = Table::of(4);
    freeze(&mut table, JUDGE);
    for name in [1, 2] {
        let vote = VoteKind::Prevote(Some(Digest::from_bytes([name; 32])));
        say(&mut table, LIAR, JUDGE, vote, None);
    }
    let convicted = table.replicas[JUDGE].convicted().keys();
    assert_eq!(convicted.collect::<Vec<_>>(), [&table.actor(LIAR)]);
    assert_eq!(table.faults[JUDGE].len(), 1);
}

// ---- coordinating

/// Gives the coordinator a report.
fn give_report(table: &mut Table, report: Verified<Report>) {
    let from = report.signer;
    let report = Arc::new(report.into_claim());
    let changes = Vec::new();
    let given = table.give(from, COORDINATOR, Body::Report { report, changes });
    given.expect("a report");
}

/// What the coordinator has proposed: reporters of each value.
fn offered(packets: &[Packet]) -> Option<Vec<Actor>> {
    let mut values = packets.iter().filter_map(|packet| match &packet.body {
        Body::Agreement { value, .. } => value.as_ref(),
        _ => None,
    });
    let reports = &values.next()?.draft.reports;
    Some(reports.keys().copied().collect())
}

#[test]
fn a_report_that_nobody_backs_is_left_out_and_asked_after() {
    let mut table = Table::of(4);
    freeze(&mut table, COORDINATOR);
    let nowhere = Head {
        seq: Seq::new(5),
        digest: Digest::from_bytes([9; 32]),
    };
    let lie = report(&table, LIAR, &[(table.actor(LIAR), nowhere)]);
    give_report(&mut table, lie);
    let honest = report(&table, 1, &[]);
    give_report(&mut table, honest);
    let waiting = table.take_wire();
    assert_eq!(offered(&waiting), None, "two of three");
    assert_eq!(count(&waiting, "request"), 3);
    let honest = report(&table, 2, &[]);
    give_report(&mut table, honest);
    let backed = [0, 1, 2].map(|seat| table.actor(seat));
    assert_eq!(offered(&table.take_wire()), Some(backed.to_vec()));
}

#[test]
fn a_lock_on_another_message_than_was_delivered_there_needs_no_message_to_be_backed() {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let [delivered, other] = [1, 2].map(|member| table.first(LIAR, &[add(liar, 1, member)]));
    let certificate = table.certificate(&[1, 2, LIAR], &delivered);
    for body in [
        Body::Certificate(certificate),
        Body::Proposal(Arc::clone(&delivered)),
    ] {
        let given = table.give(liar, COORDINATOR, body);
        given.expect("what is certified");
    }
    assert_eq!(table.delivered[COORDINATOR].len(), 1);
    freeze(&mut table, COORDINATOR);
    let mut locked = Report::of(table.replicas[2].boundary());
    let lock = Mark::Lock(table.echo(LIAR, &other));
    locked.marks = BTreeMap::from([(liar, lock)]);
    let locked = table.keys[2].sign(&table.network(), locked);
    let honest = report(&table, 1, &[]);
    give_report(&mut table, honest);
    give_report(&mut table, locked);
    let packets = table.take_wire();
    assert!(offered(&packets).is_some());
    assert_eq!(count(&packets, "want"), 0);
}

#[test]
fn who_hears_of_a_decision_before_it_has_what_that_covers_waits_for_it() {
    let mut table = Table::of(4);
    let (source, late) = (table.actor(0), table.actor(3));
    table.add(0, 1);
    table.carry(|packet| packet.to != late);
    for seat in 0..3 {
        let approved = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, approved.expect("a member's"));
    }
    // The value comes last.
    let mut decided = None;
    table.carry(|packet| match &packet.body {
        _ if packet.to != late => true,
        Body::Agreement { value, .. } if value.is_some() => {
            decided.clone_from(value);
            false
        }
        Body::Approve(_) | Body::Report { .. } | Body::Agreement { .. } => true,
        _ => false,
    });
    assert_eq!(table.replicas[3].phase(), Phase::Decided);
    let value = Body::Value(decided.expect("it was proposed"));
    table
        .give(table.actor(1), 3, value)
        .expect("it was asked for");
    assert_eq!(table.replicas[0].generation().number(), 1);
    assert_eq!(table.replicas[3].phase(), Phase::Founded);
    table.run(4);
    table.assert_level();
    assert_eq!(table.replicas[3].messages(&source).count(), 1);
}
