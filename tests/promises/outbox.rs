//! What a source has accepted and not yet delivered: it is counted, bounded, kept, and leaves when
//! it may.

use crate::common::{Table, kinds};
use bft_crdts::Actor;
use bft_crdts::codec::{Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, ProposeError, Record};
use bft_crdts::membership::Change;
use bft_crdts::orswot::{Dot, Op};

const SOURCE: usize = 0;

/// The `count`th addition of `source`, of so many bytes.
fn sized(source: Actor, count: u64, len: usize) -> Op<u8> {
    let of = |members: usize| Op::Add {
        dot: Dot {
            actor: source,
            counter: count,
        },
        members: (0..members).map(|member| member as u8).collect(),
    };
    let op = of(len - encode(&of(0)).len());
    assert_eq!(encode(&op).len(), len);
    op
}

fn tight(message_bytes: u32, outbox_bytes: u32) -> Table {
    let mut limits = Limits::default();
    (limits.message_bytes, limits.outbox_bytes) = (message_bytes, outbox_bytes);
    Table::bounded(4, limits)
}

/// Operations and their bytes that wait at the source.
fn waiting(table: &Table) -> (usize, usize) {
    let holdings = table.replicas[SOURCE].memory_use();
    (holdings.outbox_ops, holdings.outbox_bytes)
}

fn refused(table: &mut Table, op: Op<u8>) -> Option<ProposeError> {
    table.replicas[SOURCE].propose(op).err()
}

#[test]
fn an_operation_that_just_fits_a_message_is_delivered_and_a_larger_one_is_refused() {
    let mut table = tight(128, 1024);
    let me = table.actor(SOURCE);
    let (len, limit) = (121, 120);
    let larger = refused(&mut table, sized(me, 1, len));
    assert_eq!(larger, Some(ProposeError::TooLarge { len, limit }));
    table.propose(SOURCE, sized(me, 1, limit));
    table.carry_all();
    assert!(table.refused.is_empty(), "{:?}", table.refused);
    assert!(table.delivered.iter().all(|told| told.len() == 1));
}

#[test]
fn the_outbox_is_filled_to_its_bound_and_no_further_and_has_room_again_when_it_was_sent() {
    let mut table = tight(128, 300);
    let me = table.actor(SOURCE);
    table.propose(SOURCE, sized(me, 1, 100));
    assert_eq!(waiting(&table), (0, 0), "it is under way");
    for (count, len) in [(2, 100), (3, 120), (4, 80)] {
        table.propose(SOURCE, sized(me, count, len));
    }
    assert_eq!(waiting(&table), (3, 300));
    for len in [60, 80, 120] {
        let over = refused(&mut table, sized(me, 5, len));
        assert_eq!(over, Some(ProposeError::OutboxFull));
    }
    let written = table.records[SOURCE].len();
    let (twin, _) = table.rebuild(SOURCE);
    assert_eq!(twin.memory_use(), table.replicas[SOURCE].memory_use());
    // Of what waits one operation fits each message.
    for left in [(2, 200), (1, 80), (0, 0)] {
        let before = table.delivered[SOURCE].len();
        table.carry(until_delivered(me, before as u64 + 2));
        assert_eq!(waiting(&table), left);
        let (twin, _) = table.rebuild(SOURCE);
        assert_eq!(twin.memory_use().outbox_bytes, left.1);
        assert_eq!(twin.memory_use().outbox_ops, left.0);
        table.tick(SOURCE);
    }
    assert!(table.records[SOURCE].len() > written);
    table.propose(SOURCE, sized(me, 5, 120));
    table.run(4);
    assert_eq!(table.delivered[1].len(), 5);
}

/// Lets everything through but the echoes of one's message with this number.
fn until_delivered(source: Actor, held: u64) -> impl FnMut(&Packet) -> bool {
    move |packet| match &packet.body {
        Body::Echo(echo) => {
            let dot = echo.statement.dot;
            dot.source != source || dot.seq.number() < held
        }
        _ => true,
    }
}

#[test]
fn operations_are_pending_from_when_they_are_accepted_until_they_are_delivered() {
    let mut table = Table::of(4);
    assert!(!table.replicas[SOURCE].is_pending());
    table.add(SOURCE, 1);
    assert!(table.replicas[SOURCE].is_pending());
    assert_eq!(waiting(&table).0, 0);
    table.add(SOURCE, 2);
    table.carry_all();
    assert!(!table.replicas[SOURCE].is_pending());
    freeze(&mut table);
    table.add(SOURCE, 3);
    assert_eq!(waiting(&table).0, 1);
    assert!(table.replicas[SOURCE].is_pending(), "nothing is under way");
}

/// All approve a renewal, of which nothing else is heard yet.
fn freeze(table: &mut Table) {
    for seat in 0..4 {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a change"));
    }
    table.carry(|packet| packet.body.kind() == "approve");
    assert!(table.replicas[SOURCE].is_frozen());
}

// ---- several at once

/// Messages of three operations at most.
fn in_threes(members: u8) -> Table {
    let mut limits = Limits::default();
    limits.message_ops = 3;
    Table::bounded(members, limits)
}

fn add_each(table: &mut Table, members: std::ops::Range<u8>) {
    let replica = &mut table.replicas[SOURCE];
    let ops = replica.ahead().add_each(members);
    let step = replica.propose_all(ops).expect("valid");
    table.spend(SOURCE, step);
}

#[test]
fn operations_proposed_at_once_leave_as_full_messages_in_their_order() {
    for (members, pending) in [(1, false), (4, false), (4, true)] {
        let mut table = in_threes(members);
        if pending {
            table.add(SOURCE, 99);
        }
        add_each(&mut table, 0..7);
        add_each(&mut table, 7..9);
        table.carry_all();
        assert!(table.refused.is_empty(), "{:?}", table.refused);
        let me = table.actor(SOURCE);
        let messages = table.replicas[SOURCE].messages(&me);
        let lengths = messages.map(|message| {
            let ops: Vec<Op<u8>> = message.decode(&Limits::default()).expect("delivered");
            ops.len()
        });
        let expected = match (members, pending) {
            // Alone, nothing waits for anybody.
            (1, _) => vec![3, 3, 1, 2],
            (_, false) => vec![3, 3, 3],
            (_, true) => vec![1, 3, 3, 3],
        };
        assert_eq!(lengths.collect::<Vec<_>>(), expected);
        let set = table.replicas[SOURCE].algorithm();
        assert_eq!(set.len(), 9 + usize::from(pending));
        table.assert_level();
    }
}

/// How many operations of ours these records accept.
fn on_record(me: Actor, records: &[Record]) -> usize {
    let accepted = records.iter().map(|record| match record {
        Record::Queued(_) => 1,
        Record::Locked {
            proposal,
            from_outbox,
        } if proposal.message.source == me => {
            let ops: Vec<Op<u8>> = proposal.message.decode(&Limits::default()).expect("ours");
            ops.len() - *from_outbox as usize
        }
        _ => 0,
    });
    accepted.sum()
}

#[test]
fn of_operations_proposed_at_once_none_that_is_on_record_is_lost_wherever_the_source_stops() {
    for members in [1, 4] {
        let mut table = in_threes(members);
        let me = table.actor(SOURCE);
        add_each(&mut table, 0..3);
        table.carry_all();
        let before = table.records[SOURCE].len();
        add_each(&mut table, 3..11);
        let unsent = table.take_wire();
        let written = table.records[SOURCE].len();
        for kept in before..=written {
            let records = &table.records[SOURCE][..kept];
            let mut twin = in_threes(members);
            twin.records[SOURCE] = records.to_vec();
            (1..usize::from(members)).for_each(|seat| {
                twin.records[seat].clone_from(&table.records[seat]);
            });
            (0..usize::from(members)).for_each(|seat| twin.restart(seat));
            twin.run(12);
            let all = twin.replicas[SOURCE].algorithm().len();
            assert_eq!(all, on_record(me, &records[before..]) + 3, "{kept}");
            assert!(kept < written || all == 11);
            twin.assert_level();
        }
        table.wire.extend(unsent);
        table.run(12);
        assert_eq!(table.replicas[SOURCE].algorithm().len(), 11);
    }
}

#[test]
fn operations_proposed_at_once_are_taken_all_or_none() {
    let mut table = tight(128, 300);
    let me = table.actor(SOURCE);
    let of = |lens: &[usize]| {
        let ops = (1..).zip(lens).map(|(count, len)| sized(me, count, *len));
        ops.collect::<Vec<_>>()
    };
    let before = format!("{:?}", table.replicas[SOURCE]);
    let later = vec![sized(me, 1, 90), sized(me, 3, 90)];
    for (ops, why) in [
        (of(&[90, 121]), "121 bytes, at most 120 fit a message"),
        (
            of(&[100, 100, 101]),
            "301 bytes at once, at most 300 may wait",
        ),
        (
            later,
            "not valid here: Never(\"not its author's next addition\")",
        ),
    ] {
        let refusal = table.replicas[SOURCE].propose_all(ops).expect_err("bad");
        assert_eq!(refusal.to_string(), why);
        assert_eq!(before, format!("{:?}", table.replicas[SOURCE]));
    }
    let nothing = table.replicas[SOURCE].propose_all(Vec::new());
    assert!(nothing.expect("nothing").is_empty());
    let step = table.replicas[SOURCE].propose_all(of(&[100, 100, 100]));
    table.spend(SOURCE, step.expect("as many as may wait"));
    assert_eq!(waiting(&table), (2, 200), "one is under way");
    let more = vec![sized(me, 4, 60), sized(me, 5, 60)];
    assert_eq!(table.replicas[SOURCE].outbox_room(), 100);
    let full = table.replicas[SOURCE].propose_all(more.clone()).err();
    assert_eq!(full, Some(ProposeError::OutboxFull));
    table.run(12);
    let step = table.replicas[SOURCE].propose_all(more);
    table.spend(SOURCE, step.expect("there is room again"));
    table.run(12);
    let told = table.delivered.iter().map(Vec::len);
    assert_eq!(
        told.collect::<Vec<_>>(),
        [4; 4],
        "the last two in one message"
    );
    table.assert_level();
}

// ---- the state ahead

#[test]
fn the_copy_ahead_is_kept_level_with_what_others_do() {
    let mut table = Table::of(4);
    table.add(SOURCE, 1);
    table.add(SOURCE, 2);
    let own = table.take_wire();
    table.add(1, 3);
    table.carry_all();
    let replica = &mut table.replicas[SOURCE];
    assert!(replica.algorithm().contains(&3) && !replica.algorithm().contains(&1));
    for member in [1, 2, 3] {
        assert!(replica.ahead().contains(&member), "{member}");
    }
    table.wire.extend(own);
    table.carry_all();
    table.assert_level();
}

#[test]
fn the_copy_ahead_is_made_anew_from_a_snapshot() {
    let mut limits = Limits::default();
    limits.segment_messages = 2;
    let mut table = Table::bounded(4, limits);
    let me = table.actor(SOURCE);
    for member in [50, 51] {
        table.add(SOURCE, member);
    }
    table.take_wire();
    for member in 0..5 {
        table.add(1, member);
        table.carry(|packet| packet.from != me && packet.to != me);
    }
    for seat in 1..4 {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a change"));
    }
    for _ in 0..40 {
        table.carry(|packet| packet.from != me && packet.to != me);
        (1..4).for_each(|seat| table.tick(seat));
    }
    table.take_wire();
    for _ in 0..8 {
        (0..4).for_each(|seat| table.tick(seat));
        table.carry_all();
        if table.replicas[SOURCE].algorithm().contains(&4) {
            break;
        }
    }
    let took = |record: &Record| matches!(record, Record::Snapshot { .. });
    assert!(table.records[SOURCE].iter().any(took));
    for member in [0, 4, 50, 51] {
        assert!(table.replicas[SOURCE].ahead().contains(&member));
    }
}

// ---- when it leaves

fn proposals(packets: &[Packet], source: Actor) -> usize {
    let proposal = |packet: &&Packet| match &packet.body {
        Body::Proposal(proposal) => proposal.message.source == source && packet.from == source,
        _ => false,
    };
    packets.iter().filter(proposal).count()
}

#[test]
fn what_is_proposed_while_a_generation_ends_leaves_in_the_next_even_after_a_crash() {
    let mut table = Table::of(4);
    let me = table.actor(SOURCE);
    freeze(&mut table);
    table.take_wire();
    table.add(SOURCE, 1);
    assert_eq!(kinds(&table.take_wire()), [""; 0]);
    for _ in 0..3 {
        table.tick(SOURCE);
        assert_eq!(proposals(&table.take_wire(), me), 0);
    }
    let (twin, step) = table.rebuild(SOURCE);
    assert_eq!(proposals(&step.packets().collect::<Vec<_>>(), me), 0);
    assert!(twin.is_pending());
    let mut sent = Vec::new();
    for _ in 0..40 {
        (0..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| {
            sent.push(packet.clone());
            true
        });
    }
    assert!(proposals(&sent, me) >= 3);
    assert_eq!(table.delivered[SOURCE].len(), 1);
    // Its machine stops right after the generation began, before it signs.
    let mut records = table.records[SOURCE].iter();
    let began = records.position(|record| matches!(record, Record::Installed(_)));
    table.records[SOURCE].truncate(began.expect("a generation") + 1);
    let (_, step) = table.rebuild(SOURCE);
    assert_eq!(proposals(&step.packets().collect::<Vec<_>>(), me), 3);
    let locked = |record: &Record| matches!(record, Record::Locked { from_outbox: 1, .. });
    assert_eq!(
        step.persist.iter().filter(|record| locked(record)).count(),
        1
    );
}

#[test]
fn what_waits_when_its_source_is_out_stays_and_is_not_sent() {
    let mut table = Table::of(4);
    let me = table.actor(SOURCE);
    for seat in 0..4 {
        let step = table.replicas[seat].approve(Change::Leave(me));
        table.spend(seat, step.expect("a change"));
    }
    table.carry(|packet| packet.body.kind() == "approve");
    assert!(table.replicas[SOURCE].is_frozen());
    table.add(SOURCE, 1);
    let mut sent = Vec::new();
    for _ in 0..40 {
        (0..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| {
            sent.push(packet.clone());
            true
        });
    }
    let replica = &table.replicas[SOURCE];
    assert!(!replica.committee().contains(&me) && replica.is_pending());
    assert_eq!(proposals(&sent, me), 0);
    let (twin, step) = table.rebuild(SOURCE);
    assert!(twin.is_pending());
    assert_eq!(proposals(&step.packets().collect::<Vec<_>>(), me), 0);
}

#[test]
fn what_waits_when_its_source_falls_silent_is_not_sent() {
    let mut table = Table::of(4);
    let me = table.actor(SOURCE);
    table.add(SOURCE, 1);
    table.add(SOURCE, 2);
    let forgotten = table.first(1, &[crate::common::add(table.actor(1), 1, 9)]);
    let echo = table.echo(SOURCE, &forgotten);
    let given = table.give(table.actor(1), SOURCE, Body::Echo(echo));
    given.expect("its own word");
    assert!(table.replicas[SOURCE].is_silenced());
    let first = table.take_wire();
    table.wire.extend(first);
    table.run(20);
    assert_eq!(table.delivered[SOURCE].len(), 1);
    let head = table.replicas[1].head(&me).expect("a lane");
    assert_eq!(head.seq.number(), 1, "the second is kept");
    assert_eq!(waiting(&table).0, 1);
}

#[test]
fn what_is_held_back_leaves_as_one_message_when_it_is_released_or_after_a_restart() {
    for crashes in [false, true] {
        let mut table = Table::of(4);
        table.replicas[SOURCE].hold();
        assert!(table.replicas[SOURCE].is_held());
        table.add(SOURCE, 1);
        add_each(&mut table, 2..4);
        let queued = |record: &Record| matches!(record, Record::Queued(_));
        assert!(table.wire.is_empty() && table.records[SOURCE].iter().all(queued));
        match crashes {
            true => table.restart(SOURCE),
            false => {
                let step = table.replicas[SOURCE].release();
                table.spend(SOURCE, step);
            }
        }
        assert!(!table.replicas[SOURCE].is_held());
        let kinds = kinds(table.wire.make_contiguous());
        assert_eq!(kinds.iter().filter(|kind| **kind == "proposal").count(), 3);
        table.carry_all();
        assert!(table.delivered.iter().all(|told| told.len() == 1));
        let sets = table.replicas.iter().map(|replica| replica.algorithm());
        assert!(sets.into_iter().all(|set| set.len() == 3));
    }
}

#[test]
fn what_is_held_back_stays_when_the_message_before_it_is_delivered() {
    let mut table = Table::of(4);
    table.add(SOURCE, 1);
    table.add(SOURCE, 2);
    table.replicas[SOURCE].hold();
    assert!(!table.replicas[SOURCE].is_held(), "a message is in flight");
    table.carry_all();
    assert!(table.replicas[SOURCE].is_held() && table.replicas[SOURCE].is_pending());
    let told = |table: &Table| {
        table
            .delivered
            .iter()
            .map(|told| told.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&table), [1; 4]);
    let step = table.replicas[SOURCE].release();
    table.spend(SOURCE, step);
    table.carry_all();
    assert_eq!(told(&table), [2; 4]);
    let step = table.replicas[SOURCE].release();
    assert!(step.is_empty(), "nothing waits");
}
