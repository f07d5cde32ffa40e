//! Nobody is locked out, and nobody speaks without need.

use bft_crdts::Actor;
use bft_crdts::net::{Event, Mute, Net, Phase, TICK_MICROS};
use bft_crdts::orswot::Orswot;

type Set = Orswot<u8>;

fn quiet(seed: u64, members: usize) -> Net<Set> {
    Net::builder(seed).members(members).build()
}

fn written(net: &Net<Set>) -> usize {
    let stores = net.actors().into_iter().filter_map(|who| net.backup(&who));
    stores.map(|store| store.len()).sum()
}

fn all_read(net: &Net<Set>, member: u8) -> bool {
    let honest = net.honest_actors();
    honest.iter().all(|who| net.read(who).contains(&member))
}

/// The predecessor's published successor never gets over this.
#[test]
fn a_source_whose_echoes_were_lost_once_is_delivered_by_all() {
    for seed in 0..20 {
        let mut net = quiet(seed, 4);
        let source = net.honest(0);
        net.cut(&net.honest(1), &source);
        net.cut(&net.honest(2), &source);
        net.add(&source, 7).expect("valid");
        net.run_for(TICK_MICROS / 2);
        let lost = net.trace().events().iter();
        let lost = lost.filter(|(_, event)| matches!(event, Event::Lost { kind: "echo", .. }));
        assert_eq!(lost.count(), 2);
        assert!(!net.read(&source).contains(&7), "one echo is no quorum");
        net.heal();
        net.run_for(5 * TICK_MICROS);
        assert!(all_read(&net, 7), "seed {seed}");
        net.settle();
    }
}

/// The predecessor's published successor never gets over this either.
#[test]
fn an_operation_whose_proposals_are_delayed_while_a_fifth_member_joins_is_delivered_by_all() {
    for seed in 0..20 {
        let mut net = Net::<Set>::builder(seed).members(4).approving().build();
        let members = net.members();
        let source = members[(seed % 4) as usize];
        for other in members.iter().filter(|other| **other != source) {
            net.clog(&source, other);
        }
        net.add(&source, 7).expect("valid");
        let newcomer = net.join();
        net.run_for(30 * TICK_MICROS);
        assert!(net.committee().contains(&newcomer), "seed {seed}");
        assert!(all_read(&net, 7), "seed {seed}");
        net.settle();
    }
}

#[test]
fn all_members_down_at_once_and_restarted_lose_nothing() {
    for seed in 0..20 {
        let mut net = quiet(seed, 4);
        for (index, who) in net.actors().iter().enumerate() {
            net.add(who, index as u8).expect("valid");
            net.add(who, 10 + index as u8).expect("valid");
        }
        // Somewhere between the proposal and the last delivery.
        net.run_for(seed * TICK_MICROS / 20);
        for who in net.actors() {
            net.crash(&who);
        }
        net.run_for(10 * TICK_MICROS);
        for who in net.actors() {
            net.restart(&who);
        }
        net.settle();
        assert_eq!(net.read(&net.honest(0)).len(), 8, "seed {seed}");
    }
}

#[test]
fn a_member_that_was_absent_for_long_gets_everything_and_its_own_out() {
    let mut net = quiet(3, 4);
    let absent = net.honest(3);
    net.partition(&[absent]);
    net.add(&absent, 200).expect("valid");
    for round in 0..120u8 {
        let who = net.honest(usize::from(round % 3));
        net.add(&who, round).expect("valid");
        net.run_for(10 * TICK_MICROS);
    }
    assert!(net.read(&absent).is_empty());
    assert_eq!(net.read(&net.honest(0)).len(), 120);
    net.heal();
    net.run_for(150 * TICK_MICROS);
    assert_eq!(net.read(&absent).len(), 121);
    assert!(all_read(&net, 200));
    net.settle();
}

#[test]
fn a_member_that_was_down_for_long_gets_everything() {
    let mut net = quiet(4, 4);
    let absent = net.honest(1);
    net.crash(&absent);
    for round in 0..100u8 {
        net.add(&net.honest(0), round).expect("valid");
        net.run_for(TICK_MICROS);
    }
    net.run_for(500 * TICK_MICROS);
    net.restart(&absent);
    net.run_for(10 * TICK_MICROS);
    assert_eq!(net.read(&absent).len(), 100);
    net.settle();
}

#[test]
fn one_two_and_three_members_are_networks_too() {
    for members in 1..=3 {
        let mut net = quiet(members as u64, members);
        for (index, who) in net.actors().iter().enumerate() {
            net.add(who, index as u8).expect("valid");
        }
        net.settle();
        assert_eq!(net.read(&net.honest(0)).len(), members);
        // With no one to spare, a member that is down stops all but itself, until it is back.
        let last = net.honest(members - 1);
        net.crash(&last);
        if members > 1 {
            net.add(&net.honest(0), 100).expect("valid");
            net.run_for(100 * TICK_MICROS);
            assert!(!net.read(&net.honest(0)).contains(&100));
        }
        net.restart(&last);
        net.settle();
        assert!(members == 1 || all_read(&net, 100));
    }
}

#[test]
fn an_idle_network_sends_nothing_and_writes_nothing() {
    for members in [1, 2, 3, 4, 7] {
        let mut net = quiet(9, members);
        for (index, who) in net.actors().iter().enumerate() {
            net.add(who, index as u8).expect("valid");
        }
        net.settle();
        let before = (net.trace().packets(), net.trace().len(), written(&net));
        net.run_for(1000 * TICK_MICROS);
        let after = (net.trace().packets(), net.trace().len(), written(&net));
        assert_eq!(before, after, "{members} members");
    }
}

#[test]
fn a_network_that_never_did_anything_never_says_anything() {
    let mut net = quiet(9, 4);
    net.run_for(1000 * TICK_MICROS);
    assert_eq!((net.trace().packets(), written(&net)), (0, 0));
}

/// What correct members send to `to` in `ticks` ticks, by kind, announcements first.
fn said_to(net: &mut Net<Set>, to: &Actor, ticks: u64) -> (usize, usize) {
    let before = net.trace().events().len();
    net.run_for(ticks * TICK_MICROS);
    let (mut announcements, mut other) = (0, 0);
    for (_, event) in &net.trace().events()[before..] {
        match event {
            Event::Arrived { to: at, kind, .. } if at == to => match *kind {
                "announce" => announcements += 1,
                _ => other += 1,
            },
            Event::Arrived { .. } | Event::Lost { .. } => panic!("{event}"),
            _ => {}
        }
    }
    (announcements, other)
}

#[test]
fn to_a_mute_member_only_announcements_go_in_the_long_run_and_few() {
    let mut net = Net::<Set>::builder(5).members(4).byzantine(Mute).build();
    let mute = net.liars()[0];
    for (index, who) in net.honest_actors().iter().enumerate() {
        net.add(who, index as u8).expect("valid");
    }
    net.settle();
    let stored = written(&net);
    let (announcements, other) = said_to(&mut net, &mute, 6400);
    assert_eq!(other, 0);
    // Three members, one announcement in 64 ticks each.
    assert!((297..=303).contains(&announcements), "{announcements}");
    assert_eq!(written(&net), stored);
}

#[test]
fn to_a_member_that_is_down_only_announcements_go_and_it_is_welcomed_back() {
    let mut net = quiet(6, 4);
    let down = net.honest(2);
    net.crash(&down);
    net.add(&net.honest(0), 7).expect("valid");
    net.run_for(1000 * TICK_MICROS);
    let before = net.trace().packets();
    net.run_for(6400 * TICK_MICROS);
    let packets = net.trace().packets() - before;
    assert!((297..=303).contains(&packets), "{packets}");
    net.restart(&down);
    net.run_for(3 * TICK_MICROS);
    assert!(all_read(&net, 7));
    net.settle();
}

#[test]
fn one_way_links_lock_nobody_out() {
    for seed in 0..20 {
        let mut net = quiet(seed, 4);
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| net.honest(index));
        net.cut(&a, &b);
        net.cut(&b, &c);
        net.cut(&c, &d);
        net.cut(&d, &a);
        for (index, who) in [a, b, c, d].iter().enumerate() {
            net.add(who, index as u8).expect("valid");
        }
        net.run_for(100 * TICK_MICROS);
        // Nothing healed: what a one cannot hear from its source it has from others.
        for who in [a, b, c, d] {
            assert_eq!(net.read(&who).len(), 4, "seed {seed}");
        }
        net.settle();
    }
}

#[test]
fn a_minority_makes_no_progress_and_everything_after_healing() {
    let mut net = quiet(8, 4);
    let [a, b] = [net.honest(0), net.honest(1)];
    net.partition(&[a, b]);
    for (index, who) in net.actors().iter().enumerate() {
        net.add(who, index as u8).expect("valid");
    }
    net.run_for(300 * TICK_MICROS);
    assert!(net.actors().iter().all(|who| net.read(who).is_empty()));
    net.heal();
    net.run_for(150 * TICK_MICROS);
    assert_eq!(net.read(&a).len(), 4);
    net.settle();
}

/// Nobody lies, and the network only takes its time.
#[test]
fn a_change_is_made_though_all_crash_at_once_in_any_phase_of_it() {
    for phase in Phase::ALL {
        for many in [1, 3, 4] {
            let mut net = Net::<Set>::builder(u64::from(many)).approving().build();
            let all = net.honest_actors();
            for who in &all {
                net.add(who, many).expect("valid");
                net.renew(who).expect("a member");
            }
            net.run_to(phase, usize::from(many));
            net.crash_all();
            assert!(all.iter().all(|who| net.is_down(who)), "{phase:?} {many}");
            net.run_for(5 * TICK_MICROS);
            all.iter().for_each(|who| net.restart(who));
            net.settle();
            assert!(
                net.committee().generation().number() > 0,
                "{phase:?} {many}"
            );
            net.assert_live(|set, _| Some(set.add(100)));
            assert!(
                net.honest_actors()
                    .iter()
                    .all(|who| net.read(who).contains(&100))
            );
        }
    }
}
