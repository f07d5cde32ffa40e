//! What was signed in a generation that is over binds nobody but through the boundary: neither the
//! members that echoed it nor its source, and no liar that kept it can hold it against either.

use std::sync::Arc;

use crate::common::{Table, add, echoes};
use bft_crdts::actor::Signed;
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, Packet, PacketError, Proposal};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Change, CheckedReport, Mark, Report, ReportError};
use bft_crdts::quorum::Generation;

const SOURCE: usize = 0;
/// Who echoed it, and is not among those who report.
const LATE: usize = 1;
/// Of seven a quorum reports without these two.
const REPORTERS: [usize; 5] = [2, 3, 4, 5, 6];

/// A message of the source that one member has echoed, and the next generation, of which neither
/// has heard. Nobody who reported knows of the message.
fn unreported() -> (Table, Arc<Proposal>) {
    let mut table = Table::of(7);
    table.add(SOURCE, 1);
    let (source, late) = (table.actor(SOURCE), table.actor(LATE));
    let mut proposal = None;
    table.carry(|packet| {
        if let Body::Proposal(said) = &packet.body {
            proposal = Some(Arc::clone(said));
        }
        packet.to == late
    });
    renew(&mut table, &REPORTERS);
    // One of the two would have proposed first.
    run_among(&mut table, &REPORTERS, |packet| {
        ![source, late].contains(&packet.to)
    });
    let boundary = table.replicas[2].boundary();
    assert_eq!(boundary.generation(), next());
    assert!(boundary.adopted().is_empty() && boundary.sealed().is_empty());
    (table, proposal.expect("it was proposed"))
}

/// These approve a new generation, of which nobody has heard yet.
fn renew(table: &mut Table, by: &[usize]) {
    for seat in by {
        if let Ok(step) = table.replicas[*seat].approve(Change::Renew) {
            table.spend(*seat, step);
        }
    }
}

/// Time passes for these alone, long enough for the first coordinators to be passed over.
fn run_among(table: &mut Table, seats: &[usize], lets: impl Fn(&Packet) -> bool) {
    for _ in 0..40 {
        seats.iter().for_each(|seat| table.tick(*seat));
        table.carry(&lets);
    }
}

/// Shows a replica what founded the second generation, which it begins.
fn begin_next(table: &mut Table, seat: usize) {
    let proofs = table.proofs(2);
    let shown = Body::GenerationProof(Arc::clone(&proofs[0]));
    table.give(table.actor(2), seat, shown).expect("a proof");
    assert_eq!(table.replicas[seat].generation(), next());
}

fn next() -> Generation {
    Generation::GENESIS.next().expect("a number")
}

/// The same message, signed by its source in another generation.
fn signed_in(table: &Table, message: &Proposal, generation: Generation) -> Arc<Proposal> {
    table.sign_in(SOURCE, message.message.clone(), generation)
}

fn said_in(table: &Table, message: &Proposal, generation: Generation) -> Signed<Echo> {
    table.echo(SOURCE, &signed_in(table, message, generation))
}

#[test]
fn a_message_that_no_boundary_carries_on_is_signed_again_by_its_source_and_delivered() {
    let (mut table, before) = unreported();
    let mut after = Vec::new();
    for _ in 0..8 {
        (0..7).for_each(|seat| table.tick(seat));
        table.carry(|packet| {
            if let Body::Proposal(said) = &packet.body {
                after.push(Arc::clone(said));
            }
            true
        });
    }
    assert!(
        after
            .iter()
            .any(|said| said.generation == next() && said.message == before.message)
    );
    table.assert_level();
    assert_eq!(table.delivered[6].len(), 1);
    assert!(table.faults.iter().all(Vec::is_empty));
}

/// What it signed again may have been certified, so that the next boundary has to hear of it.
#[test]
fn who_has_signed_again_reports_it_after_a_crash() {
    let (mut table, before) = unreported();
    begin_next(&mut table, SOURCE);
    table.restart(SOURCE);
    table.take_wire();
    let approvals = REPORTERS.map(|seat| {
        let step = table.replicas[seat].approve(Change::Renew).expect("new");
        let packets = step.packets().map(|packet| packet.body);
        let mut packets = packets.filter(|body| matches!(body, Body::Approve(_)));
        packets.next().expect("an approval")
    });
    for approval in approvals {
        let given = table.give(table.actor(2), SOURCE, approval);
        given.expect("an approval");
    }
    let said = table
        .take_wire()
        .into_iter()
        .find_map(|packet| match packet.body {
            Body::Report { report, .. } => Some(report),
            _ => None,
        });
    let source = table.actor(SOURCE);
    let report = &said.expect("a report").statement;
    let again = said_in(&table, &before, next());
    assert_eq!(report.marks.get(&source), Some(&Mark::Lock(again)));
}

/// The lock that it had would keep its source from saying anything else.
#[test]
fn who_echoed_in_a_generation_that_is_over_echoes_what_its_source_signs_in_the_next() {
    let (mut table, before) = unreported();
    let source = table.actor(SOURCE);
    begin_next(&mut table, LATE);
    table.take_wire();
    let other = table.first(SOURCE, &[add(source, 1, 2)]);
    let other = signed_in(&table, &other, next());
    for (said, echoed) in [
        (signed_in(&table, &before, Generation::GENESIS), 0),
        (other, 1),
    ] {
        let given = table.give(source, LATE, Body::Proposal(said));
        given.expect("a signed word");
        let wire = table.take_wire();
        assert_eq!(echoes(&wire).len(), echoed);
        let answered = wire
            .iter()
            .any(|packet| packet.to == source && matches!(packet.body, Body::GenerationProof(_)));
        assert_eq!(answered, echoed == 0, "it is told what it has to sign in");
    }
    assert!(table.replicas[LATE].convicted().is_empty());
}

#[test]
fn what_a_source_signed_in_an_earlier_generation_marks_nothing() {
    let (table, before) = unreported();
    let boundary = table.replicas[2].boundary();
    let other = table.first(SOURCE, &[add(table.actor(SOURCE), 1, 2)]);
    let [old, new] = [Generation::GENESIS, next()].map(|generation| {
        let left = said_in(&table, &before, generation);
        let right = said_in(&table, &other, generation);
        (Mark::Lock(left), Mark::Seal(Conflict { left, right }))
    });
    let across = Mark::Seal(Conflict {
        left: said_in(&table, &before, Generation::GENESIS),
        right: said_in(&table, &other, next()),
    });
    let check = |mark: &Mark| {
        let mut report = Report::of(boundary);
        report.marks.insert(table.actor(SOURCE), mark.clone());
        let said = table.keys[0].sign(&table.network(), report);
        CheckedReport::of(boundary, said).map(drop)
    };
    let refused = Err(ReportError::Mark(table.actor(SOURCE)));
    for mark in [&old.0, &old.1, &across] {
        assert_eq!(check(mark), refused);
    }
    assert_eq!([check(&new.0), check(&new.1)], [Ok(()), Ok(())]);
}

/// A boundary that carries a message leaves its source nothing else to say there, and it is not
/// held against one that has lost its store and does.
#[test]
fn where_a_boundary_carries_a_message_nothing_else_is_echoed_and_nobody_is_convicted() {
    let mut table = Table::of(4);
    let source = table.actor(SOURCE);
    let both = [1, 2].map(|member| table.first(SOURCE, &[add(source, 1, member)]));
    for seat in [1, 2] {
        let shown = Body::Proposal(Arc::clone(&both[0]));
        table.give(source, seat, shown).expect("a proposal");
    }
    table.take_wire();
    renew(&mut table, &[1, 2, 3]);
    // Their echoes of what is carried on are lost.
    run_among(&mut table, &[1, 2, 3], |packet| {
        packet.to != source && !matches!(packet.body, Body::Echo(_))
    });
    for seat in 1..4 {
        let boundary = table.replicas[seat].boundary();
        assert!(boundary.names(&both[0].message.dot(), &table.echo_of(&both[0]).digest));
        table.take_wire();
        let other = signed_in(&table, &both[1], next());
        let given = table.give(source, seat, Body::Proposal(other));
        assert_eq!(given, Ok::<(), PacketError>(()));
        assert!(echoes(&table.take_wire()).is_empty());
        assert!(table.replicas[seat].convicted().is_empty());
        let carried = Body::Proposal(Arc::clone(&both[0]));
        let given = table.give(source, seat, carried);
        assert_eq!(given, Ok(()));
        assert!(!echoes(&table.take_wire()).is_empty());
    }
}

#[test]
fn a_source_that_signed_two_messages_is_convicted_though_no_boundary_carried_on_the_first() {
    for contradicts in [true, false] {
        let (mut table, before) = unreported();
        let source = table.actor(SOURCE);
        begin_next(&mut table, LATE);
        let other = table.first(SOURCE, &[add(source, 1, 2)]);
        let said = if contradicts { other } else { before };
        let given = table.give(source, LATE, Body::Proposal(said));
        given.expect("a signed word");
        let convicted = table.replicas[LATE].convicted().contains_key(&source);
        assert_eq!(convicted, contradicts);
    }
}

/// With the newest proof alone it could do nothing.
#[test]
fn who_is_two_generations_behind_is_shown_the_one_that_follows_its_own() {
    let (mut table, before) = unreported();
    let (source, late) = (table.actor(SOURCE), table.actor(LATE));
    renew(&mut table, &REPORTERS);
    run_among(&mut table, &REPORTERS, |packet| {
        ![source, late].contains(&packet.to)
    });
    assert!(table.replicas[2].generation() > next());
    table.take_wire();
    let given = table.give(source, 2, Body::Proposal(before));
    given.expect("a signed word");
    let shown = table
        .take_wire()
        .into_iter()
        .find_map(|packet| match packet.body {
            Body::GenerationProof(proof) => Some(proof),
            _ => None,
        });
    let shown = Body::GenerationProof(shown.expect("an answer"));
    table.give(table.actor(2), SOURCE, shown).expect("a proof");
    assert_eq!(table.replicas[SOURCE].generation(), next());
}

/// Its store was put back before it learned of the message, and more waits in its outbox.
#[test]
fn an_old_copy_is_silenced_where_the_boundary_carries_on_what_it_forgot() {
    let mut table = Table::of(4);
    let source = table.actor(SOURCE);
    let copy = table.records[SOURCE].clone();
    table.add(SOURCE, 1);
    let witness = table.actor(1);
    table.carry(|packet| packet.to == witness);
    table.records[SOURCE] = copy;
    table.restart(SOURCE);
    table.take_wire();
    renew(&mut table, &[1, 2, 3]);
    let approves = |packet: &Packet| packet.body.kind() == "approve";
    let to_others = table.wire.clone();
    table.carry(|packet| packet.to == source && approves(packet));
    assert!(table.replicas[SOURCE].is_frozen());
    table.add(SOURCE, 2);
    table.wire = to_others;
    run_among(&mut table, &[1, 2, 3], |packet| packet.to != source);
    assert!(table.replicas[1].boundary().adopted().contains_key(&source));
    let proofs = table.proofs(1);
    let shown = Body::GenerationProof(Arc::clone(&proofs[0]));
    table.give(witness, SOURCE, shown).expect("a proof");
    table.run(4);
    for (seat, replica) in table.replicas.iter().enumerate() {
        assert_eq!(replica.generation(), next(), "{seat}");
        assert_eq!(table.delivered[seat].len(), 1);
        assert!(replica.convicted().is_empty());
        assert_eq!(replica.is_silenced(), seat == SOURCE);
    }
}
