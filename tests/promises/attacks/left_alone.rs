//! Whoever leaves may be the only ones that hold a message that the boundary adopted.

use crate::common::Table;
use bft_crdts::deterministic_secure_broadcast::Packet;
use bft_crdts::membership::Change;

const FOUNDERS: [usize; 2] = [0, 1];
const HEIRS: [usize; 2] = [2, 3];

/// Two founders hand over to two heirs. A message of one founder was under way: the boundary adopts
/// it. No copy of it reaches an heir, if copies are lost, before the founders are told that they
/// may go, and do.
fn handed_over(lost: bool) -> Table {
    let mut table = Table::of(2);
    table.add(0, 1);
    table.run(4);
    for seat in HEIRS {
        assert_eq!(table.enter(50 + seat as u8, |_| ()), seat);
    }
    table.run(4);
    table.add(0, 2);
    table.take_wire();
    let joins = HEIRS.map(|seat| table.entry(seat));
    let leaves = FOUNDERS.map(|seat| Change::Leave(table.actor(seat)));
    for seat in FOUNDERS {
        for change in joins.iter().chain(&leaves) {
            let step = table.replicas[seat].approve(*change);
            table.spend(seat, step.expect("a change"));
        }
    }
    let heirs = HEIRS.map(|seat| table.actor(seat));
    let lets =
        |packet: &Packet| !lost || !heirs.contains(&packet.to) || packet.body.kind() != "proposal";
    for _ in 0..60 {
        table.carry(lets);
        (0..4).for_each(|seat| table.tick(seat));
    }
    table.carry(lets);
    table
}

fn is_anybody_leaving(table: &Table) -> bool {
    let mut founders = FOUNDERS.iter();
    founders.any(|seat| table.replicas[*seat].is_leaving())
}

/// The heirs alone, later, with a network that loses nothing. The generation that they reach.
fn renewed(table: &mut Table) -> u64 {
    table.take_wire();
    let heirs = HEIRS.map(|seat| table.actor(seat));
    let among = |packet: &Packet| heirs.contains(&packet.from) && heirs.contains(&packet.to);
    for seat in HEIRS {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a change"));
    }
    for _ in 0..300 {
        table.carry(among);
        HEIRS.into_iter().for_each(|seat| table.tick(seat));
    }
    table.replicas[2].generation().number()
}

#[test]
fn whoever_leaves_stays_until_others_hold_what_the_boundary_adopted() {
    let mut table = handed_over(true);
    for seat in HEIRS {
        assert_eq!(table.replicas[seat].generation().number(), 1);
        assert_eq!(table.replicas[seat].boundary().adopted().len(), 1);
    }
    if is_anybody_leaving(&table) {
        // Somebody still needs them. Then nothing is lost any more.
        table.run(100);
        assert!(!is_anybody_leaving(&table));
    }
    // They are told that nobody needs them, and are switched off.
    assert_eq!(renewed(&mut table), 2);
}

/// The control: the message reaches the heirs.
#[test]
fn heirs_that_hold_what_the_boundary_adopted_change_their_generation_alone() {
    let mut table = handed_over(false);
    assert!(!is_anybody_leaving(&table));
    assert_eq!(renewed(&mut table), 2);
}
