//! Proofs that leave the process: what a member issues convinces whoever holds a name, and nothing
//! that a liar or a thief of keys makes does.

mod trees;
mod vectors;
mod world;

use crate::common::{Table, dot, key};
use bft_crdts::codec::NetworkId;
use bft_crdts::deterministic_secure_broadcast::ProveError;
use bft_crdts::membership::{Change, Vote, VoteKind};
use bft_crdts::quorum::Generation;
use bft_crdts::verify::{End, Grade, NotProven, Proof, Proven, Receipt, Trust, Unproven};
use world::{World, generation};

fn newest(table: &Table) -> Trust {
    let boundary = table.replicas[0].boundary();
    Trust::Header {
        generation: boundary.generation(),
        digest: boundary.value(),
    }
}

fn receipt(table: &Table, seat: usize, seq: u64) -> Receipt {
    let place = dot(table.actor(1), seq);
    let receipt = table.replicas[seat].receipt(place, Generation::GENESIS);
    receipt.expect("it is delivered and kept")
}

fn renew(table: &mut Table) {
    table.approve(&[0, 1, 2], Change::Renew);
    table.run(20);
    table.assert_level();
}

/// Four members, of which the second has added some.
fn table(additions: u8) -> Table {
    let mut table = Table::of(4);
    for member in 0..additions {
        table.add(1, member);
        table.run(3);
    }
    table
}

#[test]
fn a_receipt_is_signed_while_its_generation_lasts_and_anchored_ever_after() {
    let mut table = table(3);
    let first = newest(&table);
    let signed = receipt(&table, 0, 2);
    let proven = |grade, by| {
        Ok(Proven {
            grade,
            anchor: generation(by),
            by: generation(by),
        })
    };
    assert_eq!(signed.check(&first), proven(Grade::Signed, 0));
    renew(&mut table);
    // The old file proves nothing to who knows of the next generation, and the new one for good.
    let renewed = receipt(&table, 3, 2);
    let out_of_reach = Err(NotProven::Unproven(Unproven::OutOfReach));
    assert_eq!(signed.check(&newest(&table)), out_of_reach);
    assert_eq!(renewed.check(&newest(&table)), proven(Grade::Anchored, 1));
    assert!(matches!(renewed.end, End::Frontier { .. }));
    // To who trusts the first members it is as good as their signatures.
    let by_first = renewed.check(&first).expect("their certificate");
    assert_eq!(
        (by_first.grade, by_first.by),
        (Grade::Signed, generation(1))
    );
}

#[test]
fn every_message_that_is_kept_has_a_receipt_at_each_member_in_each_generation() {
    let mut table = table(6);
    for additions in [0u8, 2, 3] {
        for member in 0..additions {
            table.add(1, 20 * additions + member);
            table.run(3);
        }
        let head = table.replicas[0]
            .head(&table.actor(1))
            .expect("a lane")
            .seq
            .number();
        for (seat, seq) in (0..4).flat_map(|seat| (1..=head).map(move |seq| (seat, seq))) {
            match table.replicas[seat].receipt(dot(table.actor(1), seq), Generation::GENESIS) {
                Ok(receipt) => assert!(receipt.check(&newest(&table)).is_ok(), "{seat} {seq}"),
                Err(error) => assert_eq!(error, ProveError::Forgotten(dot(table.actor(1), seq))),
            }
        }
        renew(&mut table);
    }
}

#[test]
fn what_is_not_here_has_no_receipt() {
    let table = table(2);
    let issue = |source, seq, since| table.replicas[0].receipt(dot(source, seq), generation(since));
    let (known, stranger) = (table.actor(1), key(99).actor());
    for (source, seq) in [(known, 0), (known, 3), (known, u64::MAX), (stranger, 1)] {
        let error = ProveError::NotDelivered(dot(source, seq));
        assert_eq!(issue(source, seq, 0), Err(error));
    }
    assert_eq!(issue(known, 1, 1), Err(ProveError::Later(generation(1))));
}

#[test]
fn the_network_s_name_alone_proves_no_receipt_and_another_name_refuses_it() {
    let table = table(1);
    let receipt = receipt(&table, 0, 1);
    let name = Trust::Network(table.network());
    let unproven = Err(NotProven::Unproven(Unproven::NameAlone));
    assert_eq!(receipt.check(&name), unproven);
    let other: NetworkId = "5b".repeat(32).parse().expect("a name");
    assert_eq!(
        receipt.check(&Trust::Network(other)),
        Err(NotProven::Elsewhere)
    );
}

/// All keys of an old generation are stolen: whatever is made with them is refused by who knows of a
/// later one, and unproven to who knows the name alone.
#[test]
fn stolen_keys_of_a_generation_that_is_over_prove_nothing() {
    let world = World::new();
    let name = Trust::Network(world.network);
    let unproven = |why| Err(NotProven::Unproven(why));
    // A certificate of theirs, on whatever they like, with the genuine chain.
    let mut message = world.lane(4, 1).remove(0);
    message.ops = b"everything is theirs".to_vec().into();
    let mut forged = world.receipt(0, 1);
    forged.end = End::Certificate {
        generation: generation(0),
        signatures: world.certify(0, &world.echo(0, &message)),
    };
    forged.message = message;
    assert_eq!(forged.check(&world.trust(1)), unproven(Unproven::Retired));
    assert_eq!(
        forged.check(&name),
        unproven(Unproven::NameAlone).or(unproven(Unproven::Retired))
    );
    // The same with the chain cut off where their time ended: the reader's header is not in it.
    forged.chain = world.chain(0, 0);
    assert_eq!(
        forged.check(&world.trust(1)),
        unproven(Unproven::OutOfReach)
    );
    assert_eq!(forged.check(&name), unproven(Unproven::NameAlone));
    // And with a generation of their own.
    let mut chain = world.chain(0, 1);
    let link = &mut chain.links[0];
    link.header.state.records = world.network.digest();
    let vote = Vote {
        generation: generation(0),
        round: link.round,
        kind: VoteKind::Precommit(Some(link.header.digest(&world.network))),
    };
    link.signatures = world.certify(0, &vote);
    forged.chain = chain;
    forged.end = End::Certificate {
        generation: generation(1),
        signatures: world.certify(1, &world.echo(1, &forged.message)),
    };
    assert_eq!(forged.check(&world.trust(1)), Err(NotProven::Elsewhere));
    assert_eq!(forged.check(&name), unproven(Unproven::NameAlone));
    // Who trusts the old generation's header believes its keys, and is told so.
    let believed = forged.check(&world.trust(0)).expect("their word");
    assert_eq!(
        (believed.grade, believed.anchor),
        (Grade::Signed, generation(0))
    );
}

#[test]
fn the_state_of_the_newest_boundary_is_shown_record_by_record() {
    let mut table = table(3);
    let key = |member: u8| bft_crdts::codec::encode(&member);
    let shown = |table: &Table, member| {
        let proof = table.replicas[2].state_proof(&key(member), Generation::GENESIS);
        let proof = proof.expect("the chain from its beginning");
        let proven = proof.check(&newest(table)).expect("a good proof");
        assert_eq!(proven.grade, Grade::Anchored);
        proof.value.is_some()
    };
    // The first state is the empty one.
    assert!(!shown(&table, 1));
    renew(&mut table);
    assert!((0..3).all(|member| shown(&table, member)));
    assert!((3..50).all(|member| !shown(&table, member)));
}

/// What an auditor stores, and what goes into a link.
#[test]
fn a_receipt_of_one_addition_one_generation_after_the_header_is_short() {
    let mut table = table(1);
    renew(&mut table);
    renew(&mut table);
    table.add(1, 77);
    table.run(3);
    let place = dot(table.actor(1), 2);
    let receipt = table.replicas[0]
        .receipt(place, generation(1))
        .expect("it is kept");
    let bytes = Proof::Receipt(receipt).to_bytes().len();
    assert!(bytes <= 1500, "{bytes}");
}
