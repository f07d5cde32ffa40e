//! Members come and go, and nothing that was promised is lost on the way.

use bft_crdts::Actor;
use bft_crdts::net::Net;
use bft_crdts::orswot::Orswot;

type Set = Orswot<u8>;

fn net(seed: u64, members: usize) -> Net<Set> {
    Net::builder(seed).members(members).approving().build()
}

#[test]
fn a_fifth_member_joins_four_and_has_what_they_have() {
    let mut net = net(1, 4);
    let a = net.honest(0);
    net.add(&a, 7).expect("valid");
    net.run_for(1_000_000);
    let newcomer = net.join();
    net.settle();
    assert_eq!(net.committee().size(), 5);
    assert!(net.committee().contains(&newcomer));
    assert!(net.read(&newcomer).contains(&7));
    net.add(&newcomer, 8).expect("valid");
    net.settle();
    assert!(net.read(&a).contains(&8));
}

#[test]
fn a_network_grows_from_one_actor_to_seven_with_operations_in_between() {
    let mut net = net(2, 1);
    let mut number = 0;
    for size in 2..=7 {
        for actor in net.members() {
            net.add(&actor, number).expect("valid");
            number += 1;
        }
        net.join();
        net.settle();
        assert_eq!(net.committee().size(), size);
    }
    for actor in net.members() {
        assert_eq!(net.read(&actor).len(), usize::from(number));
    }
}

#[test]
fn a_network_replaces_all_its_members_and_keeps_its_state() {
    let mut net = net(3, 4);
    let first: Vec<Actor> = net.actors();
    net.add(&first[0], 7).expect("valid");
    net.settle();
    for old in &first {
        net.join();
        net.settle();
        net.leave(old).expect("a member");
        net.settle();
    }
    assert!(first.iter().all(|old| !net.committee().contains(old)));
    for actor in net.members() {
        assert!(net.read(&actor).contains(&7));
    }
}
