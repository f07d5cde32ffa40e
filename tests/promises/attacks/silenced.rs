//! A key that is used twice. Whoever learns that its own key signed what it does not remember signs
//! nothing more, whatever it is doing, and goes on serving and catching up.

use crate::common::{Table, add};
use bft_crdts::actor::Work;
use bft_crdts::deterministic_secure_broadcast::{Body, Fault, Packet, ProposeError};
use bft_crdts::membership::Change;

const TWICE: usize = 3;

/// The replica with the key that is used twice hears of an echo that it does not remember.
fn meet_itself(table: &mut Table) {
    let elsewhere = table.first(1, &[add(table.actor(1), 1, 200)]);
    let echo = table.echo(TWICE, &elsewhere);
    let given = table.give(table.actor(1), TWICE, Body::Echo(echo));
    given.expect("a signed word");
    assert!(table.replicas[TWICE].is_silenced());
    assert!(table.faults[TWICE].contains(&Fault::Silenced));
}

/// Another member proposes, and time passes. How many signatures the silenced replica made.
fn signatures(table: &mut Table, ticks: u32) -> u64 {
    let (me, mut made) = (table.actor(TWICE), 0);
    table.add(0, 50);
    for _ in 0..ticks {
        for seat in 0..table.replicas.len() {
            let before = Work::so_far().signatures;
            table.tick(seat);
            made += (Work::so_far().signatures - before) * u64::from(seat == TWICE);
        }
        while let Some(packet) = table.wire.pop_front() {
            let (to, before) = (packet.to, Work::so_far().signatures);
            // What it refuses it signs nothing of.
            let _ = table.hand_over(packet);
            made += (Work::so_far().signatures - before) * u64::from(to == me);
        }
    }
    made
}

/// What the replica is doing when it is silenced.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Nothing,
    /// A change is certified; it has reported and sits in the agreement.
    Frozen,
    /// It has asked for others' echoes.
    Proposing,
    /// It has approved a change.
    Approving,
}

fn busy(doing: Doing) -> Table {
    let mut table = Table::of(4);
    let me = table.actor(TWICE);
    table.add(0, 1);
    table.run(4);
    match doing {
        Doing::Nothing => {}
        Doing::Frozen => {
            for seat in 0..3 {
                let step = table.replicas[seat].approve(Change::Renew);
                table.spend(seat, step.expect("a change"));
            }
            // It hears the approvals, and nothing of what the others do about them.
            let approvals: Vec<_> = table.take_wire();
            let approvals = approvals.into_iter().filter(|packet| packet.to == me);
            table.wire.extend(approvals);
            table.carry(|packet| packet.to == me);
            assert!(table.replicas[TWICE].is_frozen());
        }
        Doing::Proposing => table.add(TWICE, 9),
        Doing::Approving => {
            let step = table.replicas[TWICE].approve(Change::Renew);
            table.spend(TWICE, step.expect("a change"));
        }
    }
    table
}

const ALL: [Doing; 4] = [
    Doing::Nothing,
    Doing::Frozen,
    Doing::Proposing,
    Doing::Approving,
];

#[test]
fn whoever_is_silenced_signs_nothing_more_whatever_it_was_doing() {
    for doing in ALL {
        for restarts in [false, true] {
            let mut table = busy(doing);
            meet_itself(&mut table);
            if restarts {
                let before = Work::so_far().signatures;
                table.restart(TWICE);
                assert_eq!(Work::so_far().signatures, before, "{doing:?}");
                assert!(table.replicas[TWICE].is_silenced());
            }
            assert_eq!(signatures(&mut table, 100), 0, "{doing:?} {restarts}");
            let set = table.replicas[TWICE].ahead().add(77);
            let refused = table.replicas[TWICE].propose(set);
            assert_eq!(refused.err(), Some(ProposeError::Silenced));
            assert!(table.replicas[TWICE].approve(Change::Renew).is_err());
        }
    }
}

/// The control: the same replica, not silenced, signs.
#[test]
fn whoever_is_not_silenced_signs() {
    for doing in ALL {
        let mut table = busy(doing);
        assert!(signatures(&mut table, 100) > 0, "{doing:?}");
    }
}

#[test]
fn whoever_is_silenced_goes_on_catching_up_and_serving() {
    for restarts in [false, true] {
        let mut table = busy(Doing::Nothing);
        meet_itself(&mut table);
        if restarts {
            table.restart(TWICE);
        }
        table.run(20);
        for member in 20..30 {
            table.add(0, member);
            table.run(2);
        }
        table.run(80);
        table.assert_level();
        // One that has nothing learns all of it from the silenced one alone.
        let newcomer = table.enter(100, |_| ());
        let (me, guest) = (table.actor(TWICE), table.actor(newcomer));
        let between = |packet: &Packet| {
            [packet.from, packet.to]
                .iter()
                .all(|actor| [me, guest].contains(actor))
        };
        for _ in 0..20 {
            table.tick(newcomer);
            table.carry(between);
        }
        let (there, here) = (&table.replicas[TWICE], &table.replicas[newcomer]);
        assert_eq!(there.frontier(), here.frontier(), "{restarts}");
        assert_eq!(here.algorithm().len(), 11);
    }
}
