//! Who leaves takes nothing along: what it alone knew stays with the network.

use crate::common::Table;
use bft_crdts::membership::Change;
use bft_crdts::net::{Net, TICK_MICROS};
use bft_crdts::orswot::Orswot;

/// The members that leave all at once, the one that stays, and the guests that take the others'
/// seats.
const LEAVERS: [usize; 3] = [0, 1, 2];
const STAYER: usize = 3;
const ITEM: u8 = 7;

/// Four members, of whom three leave while the fourth and all who enter hear nothing: an operation
/// is certified, and the generation ends, among the leavers alone. The chairs of those who are in
/// the next generation.
fn leave_unheard(table: &mut Table) -> Vec<usize> {
    let guests: Vec<_> = (60..63).map(|number| table.enter(number, |_| ())).collect();
    table.run(4);
    let leavers: Vec<_> = LEAVERS.map(|seat| table.actor(seat)).into();
    let among = move |packet: &bft_crdts::deterministic_secure_broadcast::Packet| {
        leavers.contains(&packet.from) && leavers.contains(&packet.to)
    };
    table.add(0, ITEM);
    table.carry(&among);
    let mut changes: Vec<_> = guests.iter().map(|seat| table.entry(*seat)).collect();
    changes.extend(LEAVERS.map(|seat| Change::Leave(table.actor(seat))));
    for seat in LEAVERS {
        for change in &changes {
            let step = table.replicas[seat].approve(*change).expect("a member");
            table.spend(seat, step);
        }
    }
    for _ in 0..20 {
        table.carry(&among);
        LEAVERS.iter().for_each(|seat| table.tick(*seat));
    }
    table.take_wire();
    for seat in LEAVERS {
        let replica = &table.replicas[seat];
        assert_eq!(replica.generation().number(), 1);
        assert!(!replica.committee().contains(&replica.actor()));
        assert!(replica.algorithm().contains(&ITEM));
    }
    [&[STAYER], &guests[..]].concat()
}

/// Lets time pass for all that are switched on, and switches off each leaver that `leaves`.
fn run_and_switch_off(table: &mut Table, leaves: impl Fn(&Table, usize) -> bool) -> Vec<usize> {
    let mut off = Vec::new();
    for _ in 0..200 {
        for seat in LEAVERS {
            if !off.contains(&seat) && leaves(table, seat) {
                off.push(seat);
            }
        }
        let on: Vec<_> = (0..table.replicas.len())
            .filter(|seat| !off.contains(seat))
            .collect();
        on.iter().for_each(|seat| table.tick(*seat));
        let gone: Vec<_> = off.iter().map(|seat| table.actor(*seat)).collect();
        table.carry(|packet| !gone.contains(&packet.to));
    }
    off
}

fn has_item(table: &Table, seat: usize) -> bool {
    let replica = &table.replicas[seat];
    replica.generation().number() == 1 && replica.algorithm().contains(&ITEM)
}

#[test]
fn leavers_that_stay_until_they_are_told_to_go_lose_nothing() {
    let mut table = Table::of(4);
    let stay = leave_unheard(&mut table);
    assert!(
        LEAVERS
            .iter()
            .all(|seat| table.replicas[*seat].is_leaving())
    );
    let off = run_and_switch_off(&mut table, |table, seat| {
        let told = !table.replicas[seat].is_leaving();
        let level = stay.iter().filter(|seat| has_item(table, **seat)).count();
        assert!(
            !told || level >= 3,
            "told to go when {level} have what it has"
        );
        told
    });
    assert_eq!(off.len(), LEAVERS.len(), "each is told to go");
    assert!(stay.iter().all(|seat| has_item(&table, *seat)));
    table.add(STAYER, 8);
    run_and_switch_off(&mut table, |_, _| true);
    assert!(
        stay.iter()
            .all(|seat| table.replicas[*seat].algorithm().contains(&8))
    );
}

/// That it matters: the same, with who goes as soon as it has no seat.
#[test]
fn leavers_that_go_at_once_take_the_generation_along() {
    let mut table = Table::of(4);
    let stay = leave_unheard(&mut table);
    run_and_switch_off(&mut table, |_, _| true);
    assert!(stay.iter().all(|seat| !has_item(&table, *seat)));
}

#[test]
fn a_leaver_that_restarts_is_still_leaving_until_it_is_told_again() {
    let mut table = Table::of(4);
    let stay = leave_unheard(&mut table);
    for seat in LEAVERS {
        table.restart(seat);
        assert!(table.replicas[seat].is_leaving());
    }
    table.run(100);
    assert!(stay.iter().all(|seat| has_item(&table, *seat)));
    assert!(
        LEAVERS
            .iter()
            .all(|seat| !table.replicas[*seat].is_leaving())
    );
    table.restart(0);
    assert!(table.replicas[0].is_leaving());
    table.run(100);
    assert!(!table.replicas[0].is_leaving());
}

#[test]
fn who_has_a_seat_or_never_had_one_is_not_leaving() {
    let mut net = Net::<Orswot<u8>>::builder(3).members(4).approving().build();
    let follower = net.follow();
    let leaver = net.honest(0);
    net.add(&leaver, 1).expect("valid");
    net.run_for(10 * TICK_MICROS);
    net.leave(&leaver).expect("a member");
    net.settle();
    net.run_for(100 * TICK_MICROS);
    assert_eq!(net.committee().size(), 3);
    for who in net.honest_actors() {
        assert!(!net.replica(&who).expect("up").is_leaving(), "{who:?}");
    }
    assert!(!net.committee().contains(&follower));
    net.ask_to_join(&leaver);
    net.settle();
    assert!(net.committee().contains(&leaver));
    assert!(!net.replica(&leaver).expect("up").is_leaving());
}
