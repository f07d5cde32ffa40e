//! Signatures of packets that wait are checked together, and nothing else changes by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Set, Table, add, key};
use bft_crdts::actor::{Sig, Work};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, PacketError, Prechecked, Replica};
use bft_crdts::membership::Genesis;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

/// The packets under way, by whom they are for.
fn waiting(table: &mut Table) -> BTreeMap<usize, Vec<Packet>> {
    let mut waiting: BTreeMap<usize, Vec<Packet>> = BTreeMap::new();
    for packet in std::mem::take(&mut table.wire) {
        let seat = table.seat_of(&packet.to).expect("a member");
        waiting.entry(seat).or_default().push(packet);
    }
    waiting
}

/// All members add, and each takes in together what waits for it. How many signatures were checked,
/// and all packets.
fn together(table: &mut Table) -> (usize, Vec<Packet>) {
    let (mut checked, mut all) = (0, Vec::new());
    for seat in 0..table.keys.len() {
        table.add(seat, u8::try_from(seat).expect("few"));
    }
    while !table.wire.is_empty() {
        for (seat, packets) in waiting(table) {
            let precheck = table.replicas[seat].precheck(&packets);
            checked += precheck.len();
            let found = precheck.run();
            assert_eq!(found.spoilers().count(), 0);
            table.replicas[seat].trust(found);
            let before = Work::so_far().verifications;
            for packet in packets {
                all.push(packet.clone());
                let step = table.replicas[seat].handle_packet(packet);
                table.spend(seat, step.expect("nobody lies"));
            }
            assert_eq!(Work::so_far().verifications, before, "checked before");
            table.replicas[seat].trust(Prechecked::default());
        }
    }
    (checked, all)
}

#[test]
fn what_was_checked_together_is_not_checked_again_and_nothing_more_is_checked_than_one_by_one() {
    for members in [4, 7] {
        let mut singly = Table::of(members);
        for seat in 0..usize::from(members) {
            singly.add(seat, u8::try_from(seat).expect("few"));
        }
        let before = Work::so_far().verifications;
        singly.carry_all();
        let one_by_one = Work::so_far().verifications - before;
        let mut table = Table::of(members);
        let (checked, _) = together(&mut table);
        assert!(checked as u64 <= one_by_one, "{checked} and {one_by_one}");
        for seat in 0..usize::from(members) {
            assert_eq!(table.replicas[seat].algorithm().len(), usize::from(members));
            assert_eq!(
                table.replicas[seat].frontier(),
                singly.replicas[seat].frontier()
            );
        }
    }
}

#[test]
fn what_costs_nothing_when_it_arrives_is_not_checked_before() {
    let mut table = Table::of(4);
    let (_, all) = together(&mut table);
    for replica in &table.replicas {
        assert!(replica.precheck(&all).is_empty(), "all of it is old");
    }
    table.add(0, 9);
    let mut packets = waiting(&mut table).remove(&1).expect("a proposal");
    assert_eq!(table.replicas[1].precheck(&packets).len(), 1);
    packets.push(packets[0].clone());
    assert_eq!(
        table.replicas[1].precheck(&packets).len(),
        1,
        "the same again"
    );
    packets[0].from = key(90).actor();
    packets[1].to = table.actor(2);
    assert!(
        table.replicas[1].precheck(&packets).is_empty(),
        "by a stranger, or for another"
    );
}

/// What a replica would check of packets that come in together, and how many signatures it checks
/// when they come one after the other.
fn ahead_and_on_arrival(table: &mut Table, seat: usize, packets: &[Packet]) -> (usize, u64) {
    let ahead = table.replicas[seat].precheck(packets).len();
    let before = Work::so_far().verifications;
    for packet in packets {
        if let Ok(step) = table.replicas[seat].handle_packet(packet.clone()) {
            table.spend(seat, step);
        }
    }
    (ahead, Work::so_far().verifications - before)
}

#[test]
fn a_certificate_that_cannot_be_one_is_not_checked() {
    let mut table = Table::of(4);
    let proposal = table.first(3, &[add(table.actor(3), 1, 1)]);
    let mut repeated = (*table.certificate(&[3, 3, 3], &proposal)).clone();
    let (from, to) = (table.actor(3), table.actor(0));
    let packet = |certificate| Packet {
        from,
        to,
        body: Body::Certificate(Arc::new(certificate)),
    };
    let packets = [packet(repeated.clone())];
    assert_eq!(ahead_and_on_arrival(&mut table, 0, &packets), (0, 0));
    repeated.signatures.pop();
    let packets = [packet(repeated)];
    assert_eq!(ahead_and_on_arrival(&mut table, 0, &packets), (0, 0));
}

#[test]
fn a_message_that_is_known_never_to_be_valid_is_not_checked_again() {
    let mut table = Table::of(4);
    // By somebody else.
    let proposal = table.first(3, &[add(table.actor(2), 1, 1)]);
    let (from, to) = (table.actor(3), table.actor(0));
    let packets = [Packet {
        from,
        to,
        body: Body::Proposal(proposal),
    }];
    assert_eq!(ahead_and_on_arrival(&mut table, 0, &packets), (1, 1));
    assert_eq!(ahead_and_on_arrival(&mut table, 0, &packets), (0, 0));
}

#[test]
fn a_second_message_of_a_convicted_source_is_not_checked() {
    let mut table = Table::of(4);
    let (from, to) = (table.actor(3), table.actor(0));
    let packets = [1, 2].map(|member| {
        let proposal = table.first(3, &[add(table.actor(3), 1, member)]);
        Packet {
            from,
            to,
            body: Body::Proposal(proposal),
        }
    });
    ahead_and_on_arrival(&mut table, 0, &packets);
    assert!(table.replicas[0].convicted().contains_key(&from));
    for packet in packets {
        assert_eq!(ahead_and_on_arrival(&mut table, 0, &[packet]), (0, 0));
    }
}

#[test]
fn the_same_again_is_checked_once() {
    let mut table = Table::of(7);
    table.add(0, 1);
    let proposals = table.take_wire();
    let Body::Proposal(proposal) = &proposals[0].body else {
        panic!("a proposal");
    };
    let (from, to) = (table.actor(1), table.actor(0));
    let echo = Packet {
        from,
        to,
        body: Body::Echo(table.echo(1, proposal)),
    };
    assert_eq!(ahead_and_on_arrival(&mut table, 0, &vec![echo; 9]), (1, 1));
    let summary = table.summary(1);
    for body in [
        Body::Announce(Arc::clone(&summary)),
        Body::SummaryAck(summary),
    ] {
        let packet = Packet { from, to, body };
        let (ahead, arrived) = ahead_and_on_arrival(&mut table, 0, &vec![packet; 9]);
        assert_eq!(ahead as u64, arrived);
    }
}

#[test]
fn who_is_in_doubt_checks_nothing_that_it_does_not_take() {
    let mut table = Table::of(4);
    table.add(0, 1);
    let packets: Vec<_> = table
        .take_wire()
        .into_iter()
        .filter(|packet| packet.to == table.actor(1))
        .collect();
    assert_eq!(table.replicas[1].precheck(&packets).len(), 1);
    let (key, records) = (table.keys[1].clone(), table.records[1].clone());
    let set = Set::new(key.actor());
    let doubting = Replica::recover_in_doubt(key, set, table.genesis.clone(), records, [7; 32]);
    table.replicas[1] = doubting.expect("its own records").0;
    assert_eq!(ahead_and_on_arrival(&mut table, 1, &packets), (0, 0));
}

#[test]
fn what_another_network_found_out_is_not_believed() {
    let table = Table::of(4);
    let members = table.keys.iter().map(SigningActor::actor).collect();
    let other = Genesis::new(
        &Set::new(table.actor(0)),
        members,
        Limits::default(),
        [1; 32],
    );
    let mut other = Table::seated(table.keys.clone(), other.expect("the same members"), None);
    other.add(0, 1);
    let packets: Vec<_> = other
        .take_wire()
        .into_iter()
        .filter(|packet| packet.to == other.actor(1))
        .collect();
    let checked = table.replicas[1].precheck(&packets).run();
    other.replicas[1].trust(checked);
    for packet in packets {
        assert!(other.replicas[1].handle_packet(packet).is_ok());
    }
}

#[test]
fn a_bad_signature_among_good_ones_is_told_of_whoever_brought_it_and_of_nobody_else() {
    let mut table = Table::of(4);
    for seat in 0..4 {
        table.add(seat, u8::try_from(seat).expect("few"));
    }
    let liar = table.actor(2);
    let mut packets = waiting(&mut table).remove(&0).expect("three proposals");
    assert_eq!(packets.len(), 3);
    for packet in packets.iter_mut().filter(|packet| packet.from == liar) {
        let Body::Proposal(proposal) = &mut packet.body else {
            panic!("a proposal");
        };
        Arc::make_mut(proposal).sig = Sig::from_bytes([1; 64]);
    }
    let checked = table.replicas[0].precheck(&packets).run();
    assert_eq!(checked.spoilers().collect::<Vec<_>>(), [&liar]);
    table.replicas[0].trust(checked);
    let before = Work::so_far().verifications;
    for packet in packets {
        let from = packet.from;
        let outcome = table.replicas[0].handle_packet(packet);
        match outcome {
            Ok(_) => assert_ne!(from, liar),
            Err(PacketError::Unsigned(_)) => assert_eq!(from, liar),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(
        Work::so_far().verifications,
        before + 1,
        "the bad one, on arrival"
    );
}
