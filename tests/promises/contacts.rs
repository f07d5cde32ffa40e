//! Whom one asks who knows nobody any more: who shows it a generation, or a contact that the
//! application names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bft_crdts::actor::Signed;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, PacketError, Summary};
use bft_crdts::membership::Change;
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};

use crate::common::{Table, key};

/// A founder that sleeps.
const SLEEPER: usize = 3;

/// Four found a network. One of them sleeps, and meanwhile each of the others makes room for
/// somebody new. Who is awake then.
fn all_others_exchanged(table: &mut Table) -> Vec<usize> {
    exchange(table, vec![0, 1, 2], 50)
}

/// Each of those who are awake makes room for somebody new, who has a key from this number on. Who
/// is awake then.
fn exchange(table: &mut Table, mut awake: Vec<usize>, key: u8) -> Vec<usize> {
    for (number, leaver) in (key..).zip(awake.clone()) {
        let newcomer = table.enter(number, |_| ());
        awake.push(newcomer);
        pass(table, &awake, 8);
        let entry = table.entry(newcomer);
        agree(table, &awake, entry);
        let leaves = Change::Leave(table.actor(leaver));
        agree(table, &awake, leaves);
        awake.retain(|chair| *chair != leaver);
        table.add(newcomer, number);
        pass(table, &awake, 8);
    }
    awake
}

/// Time passes for those who are awake; nobody else says or hears anything.
fn pass(table: &mut Table, awake: &[usize], ticks: u32) {
    let awake_too = |table: &Table| {
        let actors: Vec<_> = awake.iter().map(|chair| table.actor(*chair)).collect();
        move |packet: &Packet| actors.contains(&packet.from) && actors.contains(&packet.to)
    };
    for _ in 0..ticks {
        awake.iter().for_each(|chair| table.tick(*chair));
        let lets = awake_too(table);
        table.carry(lets);
    }
}

fn agree(table: &mut Table, awake: &[usize], change: Change) {
    let generation = table.replicas[awake[0]].generation().number() + 1;
    for chair in awake {
        // A newcomer has no say yet, and the last ones hold a certified change already.
        if let Ok(step) = table.replicas[*chair].approve(change) {
            table.spend(*chair, step);
        }
    }
    pass(table, awake, 40);
    let begun = |chair: &usize| table.replicas[*chair].generation().number() == generation;
    assert!(awake.iter().all(begun), "generation {generation}");
}

/// Those who are awake know that it has a seat, and announce themselves. It knows none of them, nor
/// anybody who is in the generation after its own: they show it the chain.
#[test]
fn a_member_that_slept_while_all_others_were_exchanged_twice_catches_up() {
    let mut table = Table::of(4);
    let once = all_others_exchanged(&mut table);
    let mut awake = exchange(&mut table, once, 80);
    let contact = awake[0];
    awake.push(SLEEPER);
    assert_eq!(table.replicas[SLEEPER].generation().number(), 0);
    pass(&mut table, &awake, 200);
    let (sleeper, contact) = (&table.replicas[SLEEPER], &table.replicas[contact]);
    assert_eq!(sleeper.generation(), contact.generation());
    assert_eq!(sleeper.frontier(), contact.frontier());
    assert_eq!(sleeper.algorithm().state(), contact.algorithm().state());
    table.take_wire();
    for _ in 0..130 {
        table.tick(SLEEPER);
        assert_eq!(table.take_wire(), [], "nothing is left to ask for");
    }
    // It has its seat, as the others have theirs.
    table.add(SLEEPER, 77);
    pass(&mut table, &awake, 20);
    let delivered = |chair: &usize| table.replicas[*chair].algorithm().contains(&77);
    assert!(awake.iter().all(delivered));
}

#[test]
fn one_that_lost_its_seat_asleep_learns_it_from_a_contact() {
    let mut table = Table::of(4);
    let mut awake = all_others_exchanged(&mut table);
    let newcomer = table.enter(60, |_| ());
    awake.push(newcomer);
    pass(&mut table, &awake, 8);
    let entry = table.entry(newcomer);
    agree(&mut table, &awake, entry);
    let expelled = table.actor(SLEEPER);
    agree(&mut table, &awake, Change::Leave(expelled));
    let who = table.actor(newcomer);
    table.replicas[SLEEPER].meet(who);
    awake.push(SLEEPER);
    pass(&mut table, &awake, 100);
    let (sleeper, contact) = (&table.replicas[SLEEPER], &table.replicas[newcomer]);
    assert_eq!(sleeper.generation(), contact.generation());
    assert!(!sleeper.committee().contains(&expelled));
}

/// A node is told where a guest is to be found: that is no reason to speak to it for ever.
#[test]
fn a_member_that_meets_somebody_without_a_seat_falls_silent_once_both_are_level() {
    let mut table = Table::of(4);
    let guest = table.enter(50, |_| ());
    let who = table.actor(guest);
    table.replicas[0].meet(who);
    table.add(1, 7);
    table.run(40);
    table.assert_level();
    for _ in 0..200 {
        table.tick(0);
        assert_eq!(table.take_wire(), []);
    }
}

#[test]
fn a_contact_is_believed_by_its_own_signature_alone() {
    let mut table = Table::of(4);
    let (contact, other) = (key(50), key(51));
    let weak = Actor::from_bytes([0; 32]);
    for who in [contact.actor(), weak] {
        table.replicas[0].meet(who);
    }
    let summary = Summary {
        generation: table.replicas[0].generation(),
        frontier: BTreeMap::new(),
        convicted: BTreeSet::new(),
    };
    let network = table.network();
    let said = |by: &SigningActor, signer: Actor| {
        let claim = by.sign(&network, summary.clone()).into_claim();
        Body::SummaryAck(Arc::new(Signed { signer, ..claim }))
    };
    for signer in [contact.actor(), weak] {
        let refused = table.give(contact.actor(), 0, said(&other, signer));
        assert!(
            matches!(refused, Err(PacketError::Unsigned(_))),
            "{refused:?}"
        );
    }
    let heard_by = |table: &mut Table, by: &SigningActor| {
        let word = said(by, by.actor());
        let given = table.give(contact.actor(), 0, word);
        given.expect("nothing to refuse");
        let asked = (0..130).flat_map(|_| {
            table.tick(0);
            table.take_wire()
        });
        let mut asked = asked.filter(|packet| packet.to == contact.actor());
        !asked.any(|packet| packet.body.kind() == "request")
    };
    assert!(
        !heard_by(&mut table, &other),
        "another's word is none of its own"
    );
    assert!(heard_by(&mut table, &contact));
}

/// A seat less would keep a member of a full committee, which knows all the others, from meeting
/// anybody.
#[test]
fn a_member_of_a_full_committee_may_meet_as_many_as_there_are_seats() {
    let mut limits = bft_crdts::codec::Limits::default();
    limits.seats = 4;
    let mut table = Table::bounded(4, limits);
    let mut peers_after = |number: u8| {
        table.replicas[0].meet(key(number).actor());
        table.replicas[0].memory_use().peers
    };
    assert_eq!(peers_after(50), 4);
    assert_eq!(peers_after(51), 5);
    assert_eq!((52..70).map(&mut peers_after).last(), Some(7));
}
