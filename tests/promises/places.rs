//! Where an operation will stand is known when it is accepted, and stays so over crashes and
//! generations.

use std::collections::BTreeMap;

use bft_crdts::Actor;
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::Outcome;
use bft_crdts::dot::{Dot, Place, Seq};
use bft_crdts::net::{Faults, Net, Signatures};
use bft_crdts::orswot::{Op, Orswot};
use quickcheck_macros::quickcheck;

type Set = Orswot<u32>;

/// Messages of three operations at most, or fewer that are long.
fn net(seed: u64) -> Net<Set> {
    let mut limits = Limits::default();
    (limits.message_ops, limits.message_bytes) = (3, 300);
    let faults = Faults {
        drop: 0.1,
        ..Faults::default()
    };
    let builder = Net::builder(seed).members(4).limits(limits).faults(faults);
    builder.approving().signatures(Signatures::Stub).build()
}

/// The place that is told of an operation with so many members.
fn propose(net: &mut Net<Set>, who: &Actor, members: u32) -> (Place, Op<u32>) {
    let op = net.ahead(who).add_all(0..members);
    net.propose(who, op.clone()).expect("there is room");
    let place = net.replica(who).expect("it runs").last_place();
    (place.expect("one was proposed"), op)
}

/// The places of so many that are proposed at once.
fn propose_each(net: &mut Net<Set>, who: &Actor, count: u32) -> Vec<(Place, Op<u32>)> {
    let ops = net.ahead(who).add_each(0..count);
    net.propose_all(who, ops).expect("there is room");
    let replica = net.replica(who).expect("it runs");
    let pending: Vec<_> = replica.pending_operations().collect();
    let ours = &pending[pending.len() - count as usize..];
    assert_eq!(ours.last().map(|(place, _)| *place), replica.last_place());
    ours.iter()
        .map(|(place, op)| (*place, (*op).clone()))
        .collect()
}

/// What each place says after all.
fn delivered(net: &Net<Set>, source: &Actor, seen_by: &Actor) -> BTreeMap<Place, Op<u32>> {
    let replica = net.replica(seen_by).expect("it runs");
    let mut places = BTreeMap::new();
    for message in replica.messages(source) {
        let ops: Vec<Op<u32>> = message.decode(replica.limits()).expect("delivered");
        let dot = message.dot();
        let index = |index| Place { dot, index };
        places.extend((0..).map(index).zip(ops));
    }
    places
}

/// Numbers of members decide the lengths; 0 crashes the source and starts it again, 1 lets time
/// pass, 2 begins a generation, 3 proposes several at once.
#[quickcheck]
fn an_operation_is_delivered_where_it_was_said_to_stand_whatever_happens_meanwhile(
    seed: u64,
    acts: Vec<u8>,
) {
    let mut net = net(seed);
    let (source, other) = (net.honest(0), net.honest(1));
    let mut told = BTreeMap::new();
    for act in acts.iter().take(40) {
        match act % 24 {
            0 => {
                net.crash(&source);
                net.restart(&source);
            }
            1 => net.run_for(30_000),
            2 => {
                // Not while one begins.
                let _ = net.renew(&source);
            }
            act => {
                let proposed = match act {
                    3 => propose_each(&mut net, &source, 5),
                    members => vec![propose(&mut net, &source, u32::from(members))],
                };
                let replica = net.replica(&source).expect("it runs");
                for (place, op) in proposed {
                    assert!(replica.outcome(&place).is_some(), "{place}");
                    assert_eq!(told.insert(place, op), None, "{place} was told twice");
                }
            }
        }
        let replica = net.replica(&source).expect("it runs");
        for (place, op) in replica.pending_operations() {
            assert_eq!(told.get(&place), Some(op), "{place}");
            assert_eq!(replica.outcome(&place), Some(Outcome::Pending));
        }
    }
    net.settle();
    for who in [source, other] {
        // What is from before the last generation but one is forgotten.
        let kept = delivered(&net, &source, &who);
        let told_of = kept.keys().next().map(|first| told.range(first..));
        assert!(
            told_of.into_iter().flatten().eq(&kept),
            "{told:?}, {kept:?}"
        );
        let replica = net.replica(&who).expect("it runs");
        for place in told.keys() {
            assert_eq!(replica.outcome(place), Some(Outcome::Delivered));
        }
    }
}

#[test]
fn of_a_place_that_nobody_reached_nothing_is_known() {
    let mut net = net(7);
    let source = net.honest(0);
    let (first, _) = propose(&mut net, &source, 1);
    net.settle();
    let replica = net.replica(&source).expect("it runs");
    let at = |seq, index| Place {
        dot: Dot {
            source,
            seq: Seq::new(seq),
        },
        index,
    };
    assert_eq!(at(1, 0), first);
    for unknown in [at(0, 0), at(1, 1), at(2, 0), at(u64::MAX, u32::MAX)] {
        assert_eq!(replica.outcome(&unknown), None, "{unknown}");
    }
    let stranger = Actor::from_bytes([9; 32]);
    let dot = Dot {
        source: stranger,
        seq: Seq::new(1),
    };
    assert_eq!(replica.outcome(&Place { dot, index: 0 }), None);
}
