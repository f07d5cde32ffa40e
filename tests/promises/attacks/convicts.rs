//! Liars that enter, equivocate and leave, one after the other and never more at once than are
//! tolerated. What is said of all of them must still fit what others take.

use std::sync::Arc;

use crate::common::{Table, dot, key};
use bft_crdts::actor::Actor;
use bft_crdts::codec::{Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, Equivocation, Packet};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Change, Entry};
use bft_crdts::quorum::Generation;

const SLEEPER: usize = 3;
const LANES: u32 = 6;

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.seats, limits.lanes) = (5, LANES);
    limits
}

/// So many liars were members, one at a time, left nothing behind, and are convicted everywhere if
/// they equivocated.
fn visited(liars: u32, equivocate: bool) -> Table {
    let mut table = Table::bounded(4, limits());
    table.add(0, 1);
    table.run(8);
    for number in 0..liars {
        let liar = table.enter(100 + number as u8, |_| ());
        let change = entry(&table, liar);
        table.approve(&[0, 1, 2, 3], change);
        table.run(8);
        let who = table.actor(liar);
        assert!(table.replicas[0].committee().contains(&who));
        table.approve(&[0, 1, 2, 3], Change::Leave(who));
        table.run(8);
        assert!(!table.replicas[0].committee().contains(&who));
        let gone = table.replicas.pop();
        assert!(gone.is_some_and(|gone| gone.actor() == who));
        table.keys.pop();
        table.records.pop();
        table.delivered.pop();
        table.faults.pop();
        if equivocate {
            let given = table.give(who, 0, Body::Evidence(evidence(&table, number)));
            given.expect("evidence");
        }
        table.run(30);
    }
    table
}

/// The change by which it enters the generation where the others are.
fn entry(table: &Table, seat: usize) -> Change {
    let boundary = table.replicas[0].boundary();
    let entry = Entry {
        generation: boundary.generation(),
        value: boundary.value(),
    };
    Change::Join(table.keys[seat].sign(&table.network(), entry).into_claim())
}

/// Two messages of a liar at its first dot.
fn evidence(table: &Table, number: u32) -> Arc<Equivocation> {
    let liar = key(100 + number as u8);
    let echo = |byte| {
        let echo = Echo {
            generation: Generation::GENESIS,
            dot: dot(liar.actor(), 1),
            digest: Digest::from_bytes([byte; 32]),
        };
        liar.sign(&table.network(), echo).into_claim()
    };
    let (left, right) = (echo(7), echo(8));
    Arc::new(Equivocation::Echo(Conflict { left, right }))
}

/// A member misses an operation and the packets that carry it, and comes back. Whether it catches
/// up.
fn catches_up(table: &mut Table) -> bool {
    let sleeper: Actor = table.actor(SLEEPER);
    table.add(0, 200);
    for _ in 0..8 {
        (0..3).for_each(|seat| table.tick(seat));
        table.carry(|packet: &Packet| packet.from != sleeper && packet.to != sleeper);
    }
    table.run(200);
    table.replicas[SLEEPER].frontier() == table.replicas[0].frontier()
}

#[test]
fn whoever_slept_catches_up_however_many_former_members_are_convicted() {
    let mut table = visited(LANES + 1, true);
    assert!(catches_up(&mut table), "{:?}", table.refused.last());
}

/// The control: as many former members that did not equivocate.
#[test]
fn whoever_slept_catches_up_however_many_former_members_there_are() {
    let mut table = visited(LANES + 1, false);
    assert!(catches_up(&mut table), "{:?}", table.refused.last());
}
