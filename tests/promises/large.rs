//! A large state changes nothing but what it weighs: members come, leave and crash as with a small
//! one.

use bft_crdts::Actor;
use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::actor::Signatures;
use bft_crdts::net::{Net, Phase, TICK_MICROS};
use bft_crdts::orswot::Orswot;

type Set = Orswot<u32>;

const ELEMENTS: u32 = 100_000;

/// Four who begin with as many elements, on a network without cryptography.
fn large(seed: u64) -> Net<Set> {
    let mut full = Set::new(Actor::from_bytes([1; 32]));
    full.apply(full.add_all(0..ELEMENTS));
    let state = full.state();
    let fresh = move |actor| {
        let mut set = Set::new(actor);
        set.sync_from(state.clone());
        set
    };
    let builder = Net::builder(seed).approving().algorithm(fresh);
    builder.signatures(Signatures::Stub).build()
}

/// Everybody asks for a new generation, and all crash in the middle of it: one of them while it
/// writes.
fn change_in_the_dark(net: &mut Net<Set>, phase: Phase) {
    let all = net.members();
    for who in &all {
        // Who begins the new generation before its own wish is known has nothing left to wish for.
        let _ = net.renew(who);
    }
    net.run_to(phase, 2);
    net.crash_while_writing(&all[0], 1, 100);
    net.run_for(TICK_MICROS);
    net.crash_all();
    assert!(all.iter().all(|who| net.is_down(who)));
    all.iter().for_each(|who| net.restart(who));
    net.run_for(40 * TICK_MICROS);
}

#[test]
fn members_of_a_large_set_change_crash_and_are_joined_by_a_newcomer() {
    let mut net = large(1);
    let founder = net.honest(0);
    net.add(&founder, ELEMENTS).expect("valid");
    change_in_the_dark(&mut net, Phase::Valid);
    assert!(net.committee().generation().number() > 0);
    let newcomer = net.join();
    net.run_for(100 * TICK_MICROS);
    assert_eq!(net.committee().size(), 5);
    net.crash(&newcomer);
    net.add(&founder, ELEMENTS + 1).expect("valid");
    net.leave(&founder).expect("a member");
    net.run_for(60 * TICK_MICROS);
    net.restart(&newcomer);
    net.settle();
    assert!(!net.committee().contains(&founder));
    for who in net.members() {
        assert_eq!(net.read(&who).len(), ELEMENTS as usize + 2);
    }
}
