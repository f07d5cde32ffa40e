//! Safety and liveness of the set on the simulated network, whatever the network and the liars do.

use bft_crdts::Actor;
use bft_crdts::net::{Equivocator, Faults, Net, Scenario};
use bft_crdts::orswot::{Op, Orswot};
use quickcheck_macros::quickcheck;

type Set = Orswot<u8>;

/// What a number stands for: to add one of 16 members, or to remove it.
pub(crate) fn pick(set: &Set, _: &Actor, number: u16) -> Option<Op<u8>> {
    let member = (number >> 1) as u8 % 16;
    if number & 1 == 0 {
        Some(set.add(member))
    } else {
        set.remove(&member)
    }
}

#[quickcheck]
fn replicas_agree_and_fall_silent_whatever_happens(scenario: Scenario) {
    scenario.play(|builder| builder, pick);
}

#[test]
fn four_members_agree_in_peace() {
    let mut net = Net::<Set>::builder(1).members(4).build();
    for (index, actor) in net.actors().iter().enumerate() {
        net.add(actor, index as u8).expect("valid");
    }
    net.settle();
    assert_eq!(net.read(&net.honest(0)).len(), 4);
}

#[test]
fn four_members_agree_in_spite_of_an_equivocator() {
    let mut net = Net::<Set>::builder(1)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(Faults::hostile())
        .build();
    for (index, actor) in net.actors().iter().enumerate() {
        net.add(actor, index as u8).expect("valid");
        net.add(actor, 100 + index as u8).expect("valid");
    }
    net.settle();
    let liar = net.liars()[0];
    for honest in net.honest_actors() {
        let replica = net.replica(&honest).expect("up");
        assert!(replica.convicted().keys().eq([&liar]));
        assert!(net.read(&honest).len() >= 6);
    }
}
