//! A value names reports by their digests. Nothing is said of it before they are here; they are
//! asked for, taken in though they are their members' second ones, and served by whoever has spoken
//! of the value.

use std::sync::Arc;

use crate::common::{Set, Table, Told, add, recover};
use crate::judging::{
    COORDINATOR, JUDGE, LIAR, begun, decided, freeze, propose_alone, renewal, report, said, state,
};
use bft_crdts::SecureBroadcastAlgorithm as _;
use bft_crdts::actor::{Actor, Sig, Signatures};
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{
    Body, FetchPayloads, Packet, Phase, Record, RecoverError,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{Change, VoteKind};
use bft_crdts::net::{Net, TICK_MICROS};
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::Generation;

/// A renewal on which all but the judge report, two of them the message that was added and the liar
/// this.
fn value(table: &Table, (source, head): (Actor, Head), liars: &[(Actor, Head)]) -> Told {
    let [one, other] = [COORDINATOR, 2].map(|seat| report(table, seat, &[(source, head)]));
    let reports = [one, other, report(table, LIAR, liars)];
    let boundary = table.replicas[JUDGE].boundary();
    Told::of(boundary, &[renewal(table)], &reports, state(table, JUDGE))
}

/// The coordinator proposes the value, without its reports. What the judge then says.
fn propose(table: &mut Table, told: &Told) -> Vec<Packet> {
    propose_alone(table, told, true);
    table.take_wire()
}

/// The judge is shown these reports. What it then says.
fn show(table: &mut Table, reports: Vec<Body>) -> Vec<Packet> {
    for report in reports {
        let given = table.give(table.actor(COORDINATOR), JUDGE, report);
        given.expect("a report");
    }
    table.take_wire()
}

fn prevotes(packets: &[Packet]) -> Vec<Option<Digest>> {
    let prevoted = |kind| match kind {
        VoteKind::Prevote(value) => Some(value),
        _ => None,
    };
    said(packets).into_iter().filter_map(prevoted).collect()
}

/// The reports that are asked for, and of how many.
fn asked(packets: &[Packet]) -> (usize, Vec<(Actor, Digest)>) {
    let asked = packets.iter().filter_map(|packet| match &packet.body {
        Body::FetchPayloads(fetch) => Some(fetch.reports.clone()),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    (asked.len(), asked.first().cloned().unwrap_or_default())
}

/// How many of the reports of a value the judge serves.
fn served(table: &mut Table, told: &Told) -> usize {
    let reports = told.draft.reports.iter().map(|(of, digest)| (*of, *digest));
    let fetch = FetchPayloads {
        reports: reports.collect(),
        ..FetchPayloads::default()
    };
    let given = table.give(table.actor(2), JUDGE, Body::FetchPayloads(fetch));
    given.expect("a question");
    let sent = table.take_wire();
    sent.iter()
        .filter(|packet| packet.body.kind() == "report")
        .count()
}

#[test]
fn nothing_is_said_of_a_value_before_its_reports_are_here_and_they_are_asked_for() {
    let (mut table, source, head) = begun();
    let told = value(&table, (source, head), &[]);
    let packets = propose(&mut table, &told);
    assert_eq!(
        (prevotes(&packets), asked(&packets).0),
        (vec![], 0),
        "they may be under way"
    );
    let named = told.draft.reports.iter();
    let named: Vec<_> = named.map(|(of, digest)| (*of, *digest)).collect();
    let mut asks = Vec::new();
    for _ in 0..3 {
        table.tick(JUDGE);
        let packets = table.take_wire();
        let (many, reports) = asked(&packets);
        assert!(many == 0 || reports == named);
        asks.push(many);
    }
    assert_eq!(asks, [3, 3, 0], "of all, and less and less often");
    let mut reports = told.reports_sent();
    let last = reports.split_off(2);
    assert_eq!(prevotes(&show(&mut table, reports)), []);
    let name = Some(told.digest(&table.network()));
    assert_eq!(prevotes(&show(&mut table, last)), [name]);
}

#[test]
fn of_who_has_reported_twice_the_second_report_is_taken_if_a_value_rests_on_it_alone() {
    let (mut table, source, head) = begun();
    let first = Body::Report {
        report: Arc::new(report(&table, LIAR, &[]).into_claim()),
        changes: Vec::new(),
    };
    show(&mut table, vec![first]);
    let told = value(&table, (source, head), &[(source, head)]);
    show(&mut table, told.reports_sent());
    assert_eq!(served(&mut table, &told), 2, "the first one counts");
    assert_eq!(prevotes(&propose(&mut table, &told)), []);
    let name = Some(told.digest(&table.network()));
    assert_eq!(prevotes(&show(&mut table, told.reports_sent())), [name]);
    assert_eq!(served(&mut table, &told), 3);
    assert_eq!(table.faults[JUDGE], []);
}

/// Else a liar that shows its report to the coordinator alone could have members bound to what
/// nobody else can judge.
#[test]
fn who_has_spoken_of_a_value_serves_its_reports_after_a_crash() {
    let (mut table, source, head) = begun();
    let told = value(&table, (source, head), &[]);
    show(&mut table, told.reports_sent());
    table.restart(JUDGE);
    table.take_wire();
    assert_eq!(served(&mut table, &told), 0, "nothing was said yet");
    show(&mut table, told.reports_sent());
    let name = Some(told.digest(&table.network()));
    assert_eq!(prevotes(&propose(&mut table, &told)), [name]);
    table.restart(JUDGE);
    table.take_wire();
    assert_eq!(served(&mut table, &told), 3);
}

#[test]
fn a_store_in_which_a_value_stands_without_a_report_that_it_rests_on_is_refused() {
    let (mut table, source, head) = begun();
    let told = value(&table, (source, head), &[]);
    show(&mut table, told.reports_sent());
    assert_eq!(propose(&mut table, &told).len(), 3);
    let again = |records: Vec<Record>| {
        let (key, genesis) = (table.keys[JUDGE].clone(), table.genesis.clone());
        recover(key.clone(), Set::new(key.actor()), genesis, records).map(drop)
    };
    let whole = table.records[JUDGE].clone();
    assert_eq!(again(whole.clone()), Ok(()));
    let value = whole
        .iter()
        .position(|record| matches!(record, Record::Value(_)));
    let value = value.expect("it is on record");
    let backed = |record: &Record| matches!(record, Record::Backed(_));
    let reports = (0..whole.len()).filter(|index| backed(&whole[*index]));
    let reports: Vec<_> = reports.collect();
    assert_eq!(reports.len(), 3);
    for report in reports {
        assert!(report < value);
        let mut records = whole.clone();
        records.remove(report);
        assert_eq!(
            again(records),
            Err(RecoverError::Record { index: value - 1 })
        );
    }
}

#[test]
fn a_store_in_which_we_back_another_report_of_our_own_is_refused() {
    let (mut table, source, head) = begun();
    let told = value(&table, (source, head), &[]);
    show(&mut table, told.reports_sent());
    propose(&mut table, &told);
    let (key, genesis) = (table.keys[JUDGE].clone(), table.genesis.clone());
    let mut records = table.records[JUDGE].clone();
    let own = Arc::new(report(&table, JUDGE, &[]).into_claim());
    let at = records.len();
    records.push(Record::Backed(Arc::clone(&own)));
    let set = Set::new(key.actor());
    let outcome = recover(key.clone(), set.clone(), genesis.clone(), records.clone()).map(drop);
    assert_eq!(outcome, Err(RecoverError::Record { index: at }));
    records[at] = Record::Reported(Arc::new(report(&table, 2, &[]).into_claim()));
    let outcome = recover(key, set, genesis, records).map(drop);
    assert_eq!(outcome, Err(RecoverError::Record { index: at }));
}

/// What else it says is true, and nobody would take a report with it.
#[test]
fn of_a_store_with_a_lock_that_its_source_did_not_sign_nothing_is_reported() {
    let mut table = Table::of(4);
    let source = table.actor(2);
    let proposal = table.first(2, &[add(source, 1, 7)]);
    let given = table.give(source, JUDGE, Body::Proposal(proposal));
    given.expect("a message");
    let mut locks = 0;
    for record in &mut table.records[JUDGE] {
        if let Record::Locked { proposal, .. } = record {
            Arc::make_mut(proposal).sig = Sig::from_bytes([7; 64]);
            locks += 1;
        }
    }
    assert_eq!(locks, 1);
    table.restart(JUDGE);
    freeze(&mut table, JUDGE);
    table.tick(JUDGE);
    let packets = table.take_wire();
    assert!(packets.iter().all(|packet| packet.body.kind() != "report"));
}

/// It is shown by nobody, as we never signed it, and is no reason to fall silent.
#[test]
fn of_a_value_that_rests_on_a_report_of_ours_which_we_never_made_nothing_is_said() {
    let (mut table, source, head) = begun();
    let mut told = value(&table, (source, head), &[]);
    let me = table.actor(JUDGE);
    told.draft.reports.insert(me, Digest::from_bytes([9; 32]));
    show(&mut table, told.reports_sent());
    assert_eq!(prevotes(&propose(&mut table, &told)), []);
    table.tick(JUDGE);
    assert_eq!(asked(&table.take_wire()).1.len(), 1);
    assert!(!table.replicas[JUDGE].is_silenced());
}

/// Whose value was decided while its reports are under way begins the generation when they come. It
/// asks for the value, too: who has gone on holds neither, and shows what it founded.
#[test]
fn of_a_value_that_was_decided_the_reports_are_asked_for_too() {
    let (mut table, source, head) = begun();
    let told = value(&table, (source, head), &[]);
    propose(&mut table, &told);
    let decision = decided(&table, &told);
    let given = table.give(table.actor(COORDINATOR), JUDGE, decision);
    given.expect("a decision");
    table.take_wire();
    table.tick(JUDGE);
    assert_eq!(asked(&table.take_wire()).0, 3 + 3);
    assert_eq!(table.replicas[JUDGE].phase(), Phase::Decided);
    show(&mut table, told.reports_sent());
    let boundary = table.replicas[JUDGE].boundary();
    assert_eq!(boundary.value(), told.digest(&table.network()));
}

/// By the proof of a later generation we may have delivered what nobody could move in the one that
/// we are still in. It is none of our report's.
#[test]
fn who_has_more_than_its_generation_could_move_reports_what_it_could() {
    let mut table = Table::of(4);
    let (late, server) = (table.actor(LIAR), table.actor(0));
    let newcomer = table.enter(5, |_| {});
    let step = table.replicas[newcomer].ask_to_join();
    table.spend(newcomer, step);
    let entry = table.entry(newcomer);
    let mut froze = None;
    let mut without = |table: &mut Table, ticks: u32| {
        for _ in 0..ticks {
            for seat in (0..5).filter(|seat| *seat != LIAR) {
                table.tick(seat);
            }
            table.carry(|packet| {
                if let Body::Report { report, changes } = &packet.body
                    && report.statement.generation == Generation::GENESIS
                    && !changes.is_empty()
                {
                    froze = Some(packet.body.clone());
                }
                packet.to != late && packet.from != late
            });
        }
    };
    table.add(0, 1);
    without(&mut table, 2);
    for (change, by) in [
        (entry, vec![0, 1, 2]),
        (Change::Renew, vec![0, 1, 2, newcomer]),
    ] {
        let begun = table.replicas[0].generation();
        for seat in by {
            let step = table.replicas[seat].approve(change);
            table.spend(seat, step.expect("a member's"));
        }
        without(&mut table, 10);
        assert!(table.replicas[0].generation() > begun);
        if change == entry {
            table.add(newcomer, 9);
            without(&mut table, 2);
        }
    }
    // It comes back, and is told of the newcomer's lane alone: of the state it gets nothing.
    let source = table.actor(newcomer);
    for _ in 0..8 {
        table.tick(0);
        table.tick(LIAR);
        table.carry(|packet| {
            let state = matches!(
                packet.body,
                Body::FetchSnapshot { .. } | Body::Snapshot { .. }
            );
            !state && [(late, server), (server, late)].contains(&(packet.from, packet.to))
        });
    }
    table.take_wire();
    let delivered = table.replicas[LIAR].head(&source).map(|head| head.seq);
    assert_eq!(delivered, Some(Seq::new(1)));
    let froze = froze.expect("the members of the first generation have reported");
    for _ in 0..2 {
        assert_eq!(table.replicas[LIAR].generation(), Generation::GENESIS);
        let given = table.give(server, LIAR, froze.clone());
        given.expect("a report");
        let said = table.take_wire();
        let own = said.iter().find_map(|packet| match &packet.body {
            Body::Report { report, .. } => Some(report),
            _ => None,
        });
        let heads = &own.expect("it reports").statement.heads;
        assert!(!heads.contains_key(&source));
        table.restart(LIAR);
    }
    table.run(8);
    table.assert_level();
}

#[test]
fn of_a_value_that_too_few_or_strangers_report_on_nothing_is_asked() {
    let spoils: [fn(&mut Told); 2] = [
        |told| assert!(told.draft.reports.pop_last().is_some()),
        |told| {
            let (reporter, digest) = (Actor::from_bytes([9; 32]), Digest::from_bytes([9; 32]));
            told.draft.reports.insert(reporter, digest);
        },
    ];
    for spoil in spoils {
        let (mut table, source, head) = begun();
        let mut told = value(&table, (source, head), &[]);
        spoil(&mut told);
        let packets = propose(&mut table, &told);
        assert_eq!(prevotes(&packets), [None]);
        table.tick(JUDGE);
        assert_eq!(asked(&table.take_wire()).0, 0);
    }
}

/// As many as may sit by default.
#[test]
fn members_of_the_largest_committee_change_their_generation() {
    let builder = Net::<Orswot<u32>>::builder(1).members(128).approving();
    let mut net = builder.signatures(Signatures::Stub).build();
    let members = net.members();
    net.add(&members[0], 1).expect("valid");
    net.run_for(4 * TICK_MICROS);
    let before = net.committee().generation();
    for member in &members {
        let _ = net.renew(member);
    }
    net.run_for(8 * TICK_MICROS);
    assert_eq!(Some(net.committee().generation()), before.next());
    assert_eq!(net.committee().size(), 128);
}
