//! Of generations that are over a header stays: who is behind follows by headers alone, and asks for
//! how the last generation ended, which the header commits to.

use std::sync::Arc;

use crate::common::{Set, Table};
use bft_crdts::SecureBroadcastAlgorithm as _;
use bft_crdts::deterministic_secure_broadcast::{
    Body, Packet, PacketError, Replica, SnapshotPart, SnapshotQuestion,
};
use bft_crdts::membership::{
    Change, Ending, GenerationProof, GenerationProofError, OtherEnding, Vote, VoteKind,
};
use bft_crdts::quorum::Generation;

const AWAY: usize = 3;
const OTHERS: [usize; 3] = [0, 1, 2];

/// Four members, of which three begin so many generations while the last is away.
fn begun(generations: u64) -> Table {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.run(4);
    let away = table.actor(AWAY);
    let here = |packet: &Packet| packet.from != away && packet.to != away;
    for generation in 1..=generations {
        table.add(1, 10 * generation as u8);
        table.carry(here);
        for seat in OTHERS {
            if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
                table.spend(seat, step);
            }
        }
        for _ in 0..20 {
            table.carry(here);
            OTHERS.into_iter().for_each(|seat| table.tick(seat));
        }
        assert_eq!(table.replicas[0].generation().number(), generation);
    }
    table.take_wire();
    table
}

fn ask_for_endings(packets: &[Packet]) -> usize {
    let asks = |packet: &&Packet| matches!(packet.body, Body::FetchSnapshot { part, .. } if part == SnapshotQuestion::Ending);
    packets.iter().filter(asks).count()
}

#[test]
fn how_a_generation_ended_is_kept_for_the_last_two_and_of_the_others_the_header() {
    let mut table = begun(6);
    let proofs = table.proofs(0);
    let kept: Vec<_> = proofs.iter().map(|proof| proof.ending.is_some()).collect();
    assert_eq!(kept, [false, false, false, false, true, true]);
    let lens: Vec<_> = proofs
        .iter()
        .map(|proof| bft_crdts::codec::encode(proof).len())
        .collect();
    assert!(lens[..4].iter().all(|len| *len < 700), "{lens:?}");
}

/// A liar keeps back how the generation ended: then it is asked of everybody.
#[test]
fn who_is_shown_headers_alone_asks_how_the_last_generation_ended_and_goes_on() {
    for generations in [1, 2, 5] {
        let mut table = begun(generations);
        let from = table.actor(0);
        for proof in table.proofs(0) {
            let alone = Body::GenerationProof(Arc::new(proof.without_ending()));
            table.give(from, AWAY, alone).expect("a header");
        }
        let away = &table.replicas[AWAY];
        assert_eq!(away.generation(), Generation::GENESIS);
        assert_eq!(away.known(), table.replicas[0].generation());
        assert!(ask_for_endings(&table.take_wire()) > 0);
        // The questions were lost; they are asked again.
        table.run(200);
        table.assert_level();
        assert_eq!(table.replicas[AWAY].generation().number(), generations);
        table.take_wire();
        table.tick(AWAY);
        assert_eq!(ask_for_endings(&table.take_wire()), 0);
    }
}

#[test]
fn another_ending_than_the_header_commits_to_is_refused_and_nothing_is_taken_of_it() {
    let mut table = begun(1);
    let from = table.actor(0);
    let good = table.proofs(0).remove(0);
    let generation = good.header.generation;
    let refused = PacketError::from(GenerationProofError::from(OtherEnding(generation)));
    // Shown with the header it is no proof at all.
    let mut bad = GenerationProof::clone(&good);
    bad.ending = Some(Arc::new(Ending::default()));
    let given = table.give(from, AWAY, Body::GenerationProof(Arc::new(bad)));
    assert_eq!(given, Err(refused));
    assert_eq!(table.replicas[AWAY].known(), Generation::GENESIS);
    // Shown later it is not the one that is wanted.
    let alone = Body::GenerationProof(Arc::new(good.without_ending()));
    table.give(from, AWAY, alone).expect("a header");
    let refused = PacketError::from(GenerationProofError::from(OtherEnding(generation)));
    let part = SnapshotPart::Ending(Arc::new(Ending::default()));
    let given = table.give(from, AWAY, Body::Snapshot { generation, part });
    assert_eq!(given, Err(refused));
    let ending = good.ending.clone().expect("it is kept");
    let part = SnapshotPart::Ending(ending);
    let given = table.give(from, AWAY, Body::Snapshot { generation, part });
    given.expect("the one that is wanted");
    table.run(100);
    table.assert_level();
}

/// A header with an ending that nobody asked for, or of a generation that is known, costs a look.
#[test]
fn an_ending_that_is_not_wanted_changes_nothing() {
    let mut table = begun(2);
    let from = table.actor(0);
    let generation = table.replicas[0].generation();
    for seat in [0, AWAY] {
        let part = SnapshotPart::Ending(Arc::new(Ending::default()));
        let before = table.replicas[seat].frontier();
        let given = table.give(from, seat, Body::Snapshot { generation, part });
        given.expect("it is passed over");
        assert_eq!(table.replicas[seat].frontier(), before);
    }
    assert!(table.take_wire().is_empty());
}

#[test]
fn after_a_crash_with_a_header_alone_it_is_asked_for_again() {
    let mut table = begun(3);
    let from = table.actor(0);
    for proof in table.proofs(0) {
        let alone = Body::GenerationProof(Arc::new(proof.without_ending()));
        table.give(from, AWAY, alone).expect("a header");
    }
    table.restart(AWAY);
    assert_eq!(table.replicas[AWAY].known(), Generation::GENESIS);
    table.run(200);
    table.assert_level();
    // And what it installed is on its record, whole.
    let generation = table.replicas[AWAY].generation();
    table.restart(AWAY);
    assert_eq!(table.replicas[AWAY].generation(), generation);
}

/// A liar has the decision before all others, and shows them the header alone: each has judged the
/// value itself, and knows how the generation ends.
#[test]
fn who_has_judged_the_value_needs_to_be_shown_nothing_but_the_header() {
    let frozen = |lets: &dyn Fn(&Packet) -> bool| {
        let mut table = Table::of(4);
        table.add(0, 1);
        table.run(4);
        for seat in OTHERS {
            if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
                table.spend(seat, step);
            }
        }
        table.carry(lets);
        table
    };
    let mut decided = frozen(&|_| true);
    assert_eq!(decided.replicas[0].generation().number(), 1);
    let proof = decided.proofs(0).remove(0);
    // The same again, in which nobody hears that another has precommitted.
    let mut table = frozen(&|packet| match &packet.body {
        Body::Agreement { message, .. } => {
            let precommits = |vote: &Vote| matches!(vote.kind, VoteKind::Precommit(_));
            !message.votes.iter().any(|vote| precommits(&vote.statement))
        }
        _ => true,
    });
    let from = table.actor(AWAY);
    for seat in OTHERS {
        assert_eq!(table.replicas[seat].generation(), Generation::GENESIS);
        let alone = Body::GenerationProof(Arc::new(proof.without_ending()));
        table.give(from, seat, alone).expect("a header");
        assert_eq!(table.replicas[seat].generation().number(), 1, "{seat}");
    }
}

/// It sat in a generation of which nothing but the header is kept, and left with a message that
/// nobody has: its own lock is still in its store.
#[test]
fn who_sat_in_between_starts_again_from_a_store_that_was_compacted() {
    let mut table = Table::of(4);
    let guest = table.enter(50, |_| ());
    let actor = table.actor(guest);
    table.run(8);
    let entry = table.entry(guest);
    table.approve(&OTHERS, entry);
    table.run(20);
    assert_eq!(table.replicas[guest].generation().number(), 1);
    let unheard = |packet: &Packet| packet.from != actor || packet.body.kind() != "proposal";
    table.add(guest, 9);
    let step = |table: &mut Table, change| {
        for seat in 0..4 {
            if let Ok(step) = table.replicas[seat].approve(change) {
                table.spend(seat, step);
            }
        }
        for _ in 0..30 {
            table.carry(unheard);
            (0..5).for_each(|seat| table.tick(seat));
        }
    };
    step(&mut table, Change::Leave(actor));
    for _ in 0..3 {
        step(&mut table, Change::Renew);
    }
    let replica = &table.replicas[guest];
    assert_eq!(replica.generation().number(), 5);
    let records = replica.checkpoint().expect("no change is open");
    let set = Set::new(actor);
    let again = Replica::recover(
        table.keys[guest].clone(),
        set,
        table.genesis.clone(),
        records,
    );
    let (again, _) = again.expect("its own records");
    assert_eq!(again.frontier(), table.replicas[guest].frontier());
    assert_eq!(again.pending(), table.replicas[guest].pending());
}
