//! What may be sent and counted on before it is written, and what comes of it when it never is.

use crate::common::Table;
use bft_crdts::deterministic_secure_broadcast::{Packet, Step};
use bft_crdts::dot::{Dot, Seq};

const SOURCE: usize = 0;
const MEMBER: u8 = 7;

/// The source adds; all happens up to the step in which its addition is certified and delivered.
fn certified(table: &mut Table) -> Step {
    table.add(SOURCE, MEMBER);
    loop {
        let packet = table.wire.pop_front().expect("something is under way");
        if packet.to != table.actor(SOURCE) {
            table.hand_over(packet).expect("nobody lies");
            continue;
        }
        let step = table.replicas[SOURCE].handle_packet(packet);
        let step = step.expect("an echo");
        if !step.delivered.is_empty() {
            return step;
        }
        table.spend(SOURCE, step);
    }
}

fn has_it(table: &Table, seat: usize) -> bool {
    let source = table.actor(SOURCE);
    let seq = Seq::new(1);
    let told = table.delivered[seat]
        .iter()
        .map(|(dot, _)| *dot)
        .collect::<Vec<_>>();
    told == [Dot { source, seq }] && table.replicas[seat].algorithm().contains(&MEMBER)
}

fn are_certificates(packets: &[Packet]) -> bool {
    packets
        .iter()
        .all(|packet| packet.body.kind() == "certificate")
}

#[test]
fn certificates_leave_before_a_delivery_is_written_and_nothing_leaves_before_a_lock_is() {
    let mut table = Table::of(4);
    let op = table.replicas[SOURCE].ahead().add(MEMBER);
    let mut proposed = table.replicas[SOURCE].propose(op).expect("valid");
    assert!(proposed.take_proofs().is_empty() && !proposed.may_wait());
    let proposal = proposed.send[0].clone();
    let seat = table.seat_of(&proposal.to).expect("a member");
    let echoed = table.replicas[seat].handle_packet(proposal);
    let mut echoed = echoed.expect("a proposal");
    assert!(echoed.take_proofs().is_empty() && !echoed.may_wait());
    assert_eq!(echoed.send.len(), 1);

    let mut table = Table::of(4);
    let mut step = certified(&mut table);
    assert!(!step.may_wait(), "others wait for the certificates");
    let proofs = step.take_proofs();
    assert!(proofs.len() == 3 && are_certificates(&proofs));
    assert!(step.may_wait());
    assert!(!step.persist.is_empty() && step.delivered.len() == 1);
    // With a lock beside it, nothing leaves: the certificate may be of that.
    step.send.extend(proofs);
    step.persist.extend(proposed.persist);
    assert!(step.take_proofs().is_empty() && !step.may_wait());
    assert_eq!(step.send.len(), 3);
}

/// Its own lock is all that it takes, and is written with the delivery.
#[test]
fn alone_a_member_counts_on_nothing_that_is_not_written() {
    let mut table = Table::of(1);
    let op = table.replicas[SOURCE].ahead().add(MEMBER);
    let mut step = table.replicas[SOURCE].propose(op).expect("valid");
    assert_eq!(step.delivered.len(), 1);
    assert!(step.take_proofs().is_empty() && !step.may_wait());
}

#[test]
fn a_source_that_crashes_before_its_delivery_is_written_makes_it_again() {
    for shown in 0..=3 {
        let mut table = Table::of(4);
        let proofs = certified(&mut table).take_proofs();
        table.wire.clear();
        table.wire.extend(proofs.into_iter().take(shown));
        table.restart(SOURCE);
        assert!(table.delivered[SOURCE].is_empty());
        assert!(table.replicas[SOURCE].is_pending());
        table.run(20);
        for seat in 0..4 {
            assert!(has_it(&table, seat), "{shown} were shown, seat {seat}");
            assert!(table.faults[seat].is_empty());
        }
    }
}

#[test]
fn what_a_source_counted_on_that_never_comes_back_is_delivered_by_the_others() {
    let mut table = Table::of(4);
    drop(certified(&mut table));
    let source = table.actor(SOURCE);
    table.wire.clear();
    for _ in 0..40 {
        (1..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| packet.to != source);
    }
    assert!(table.refused.is_empty(), "nobody lies");
    for seat in 1..4 {
        assert!(has_it(&table, seat), "seat {seat}");
    }
}
