//! What may be sent and counted on before it is written, and what comes of it when it never is.

use std::collections::BTreeSet;

use crate::common::{Table, key};
use crate::wire;
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{
    Body, FetchPayloads, Packet, Recollection, Record, SnapshotPart, SnapshotQuestion, Step,
    Target, Targeted,
};
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::membership::AgreementMessage;
use bft_crdts::quorum::Generation;

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

fn certificates(said: &[Targeted]) -> Vec<Packet> {
    let packets = said.iter().flat_map(Targeted::packets);
    packets
        .filter(|packet| packet.body.kind() == "certificate")
        .collect()
}

#[test]
fn certificates_leave_before_a_delivery_is_written_and_nothing_leaves_before_a_lock_is() {
    let mut table = Table::of(4);
    let op = table.replicas[SOURCE].ahead().add(MEMBER);
    let mut proposed = table.replicas[SOURCE].propose(op).expect("valid");
    assert!(proposed.take_prompt().is_empty() && !proposed.may_wait());
    let proposal = proposed.packets().next().expect("it is sent");
    let seat = table.seat_of(&proposal.to).expect("a member");
    let echoed = table.replicas[seat].handle_packet(proposal);
    let mut echoed = echoed.expect("a proposal");
    assert!(echoed.take_prompt().is_empty() && !echoed.may_wait());
    assert_eq!(echoed.send.len(), 1);

    let mut table = Table::of(4);
    let mut step = certified(&mut table);
    assert!(!step.may_wait(), "others wait for the certificates");
    let proofs = step.take_prompt();
    assert_eq!(certificates(&proofs).len(), 3);
    assert!(step.may_wait());
    assert!(!step.persist.is_empty() && step.delivered.len() == 1);
    // With a lock beside it, nothing leaves: the certificate may be of that.
    step.send.extend(proofs);
    step.persist.extend(proposed.persist);
    assert!(step.take_prompt().is_empty() && !step.may_wait());
    assert_eq!(step.packets().count(), 3);
}

/// A summary says how far its signer is, and none that is signed may be forgotten; nor may a vote, a
/// report, an approval, or what was told of somebody's statements.
#[test]
fn what_says_nothing_in_its_senders_name_waits_for_no_delivery_and_all_else_does() {
    let impersonal = [
        "certificate",
        "evidence",
        "want",
        "fetch",
        "snapshot",
        "recall",
    ];
    let personal = [
        "proposal",
        "echo",
        "announce",
        "receipt",
        "request",
        "answer",
        "vote",
        "recollection",
    ];
    let (generation, challenge) = (Generation::GENESIS, Digest::from_bytes([1; 32]));
    let others = [
        Body::FetchPayloads(FetchPayloads::default()),
        Body::FetchSnapshot {
            generation,
            part: SnapshotQuestion::Manifest,
        },
        Body::Snapshot {
            generation,
            part: SnapshotPart::Chunk {
                index: 0,
                bytes: vec![1].into(),
            },
        },
        Body::Recall(challenge),
        Body::Recollection(Recollection {
            challenge,
            summary: None,
            echoes: Vec::new(),
            report: None,
            votes: Vec::new(),
        }),
        Body::Agreement {
            generation,
            message: AgreementMessage::default(),
            value: None,
        },
    ];
    let said = wire::packets().into_iter().map(|packet| packet.body);
    let (from, to) = (key(1).actor(), key(2).actor());
    let mut seen = BTreeSet::new();
    for body in said.chain(others) {
        let kind = body.kind();
        let expected = impersonal.contains(&kind);
        assert!(expected || personal.contains(&kind), "{kind}");
        let target = Target::One(to);
        let (source, seq) = (to, Seq::new(1));
        let mut step = Step {
            persist: vec![Record::Delivered(Dot { source, seq })],
            send: vec![Targeted { from, target, body }],
            ..Step::default()
        };
        let prompt = step.take_prompt();
        assert_eq!(
            (prompt.len(), step.send.len()),
            match expected {
                true => (1, 0),
                false => (0, 1),
            }
        );
        // What binds us is written first.
        step.persist.push(Record::Silenced);
        step.send.extend(prompt);
        assert!(step.take_prompt().is_empty(), "{kind}");
        seen.insert(kind);
    }
    assert_eq!(seen.len(), impersonal.len() + personal.len());
}

/// What goes to all is said to those who had a seat when it was said, and not to oneself.
#[test]
fn what_goes_to_all_members_is_there_once_and_a_packet_for_each_of_the_others() {
    let mut table = Table::of(4);
    let op = table.replicas[SOURCE].ahead().add(MEMBER);
    let step = table.replicas[SOURCE].propose(op).expect("valid");
    assert_eq!(step.send.len(), 1);
    let receivers: Vec<_> = step.packets().map(|packet| packet.to).collect();
    let others: Vec<_> = (0..4).filter(|seat| *seat != SOURCE).collect();
    let others: Vec<_> = others.iter().map(|seat| table.actor(*seat)).collect();
    assert_eq!(receivers, others);
}

/// Its own lock is all that it takes, and is written with the delivery.
#[test]
fn alone_a_member_counts_on_nothing_that_is_not_written() {
    let mut table = Table::of(1);
    let op = table.replicas[SOURCE].ahead().add(MEMBER);
    let mut step = table.replicas[SOURCE].propose(op).expect("valid");
    assert_eq!(step.delivered.len(), 1);
    assert!(step.send.is_empty(), "there is nobody to say it to");
    assert!(step.take_prompt().is_empty() && !step.may_wait());
}

#[test]
fn a_source_that_crashes_before_its_delivery_is_written_makes_it_again() {
    for shown in 0..=3 {
        let mut table = Table::of(4);
        let proofs = certified(&mut table).take_prompt();
        table.wire.clear();
        table
            .wire
            .extend(certificates(&proofs).into_iter().take(shown));
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
