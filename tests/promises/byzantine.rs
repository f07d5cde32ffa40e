//! Liars: who is convicted, who never is, what they block, and that the bound is tight.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use bft_crdts::Actor;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet};
use bft_crdts::dot::Seq;
use bft_crdts::net::{
    Adversary, DoubleEchoer, Equivocator, Event, Faults, Hand, Mute, Net, TICK_MICROS, Tick, Vices,
};
use bft_crdts::orswot::{Op, Orswot};
use quickcheck_macros::quickcheck;

type Set = Orswot<u8>;

/// Which members are shown the liar's first message: a bit a correct member, in seat order.
fn split(seed: u64, members: usize, liars: usize, bits: u16) -> (BTreeSet<Actor>, BTreeSet<Actor>) {
    let mut net = Net::<Set>::builder(seed).members(members);
    for _ in 0..liars {
        net = net.byzantine(Mute);
    }
    let honest = net.beyond_the_bound().build().honest_actors();
    let sides = honest.iter().enumerate();
    let (one, other): (Vec<_>, Vec<_>) = sides.partition(|(index, _)| bits >> index & 1 == 1);
    let actors = |side: Vec<(usize, &Actor)>| side.into_iter().map(|(_, who)| *who).collect();
    (actors(one), actors(other))
}

/// An equivocator shows one of two messages to each correct member while everybody works.
fn equivocate(seed: u64, members: usize, bits: u16, faults: Faults) {
    let (one, other) = split(seed, members, 1, bits);
    let mut net = Net::<Set>::builder(seed)
        .members(members)
        .byzantine(Equivocator::splitting(one.iter().copied()))
        .faults(faults)
        .build();
    let liar = net.liars()[0];
    net.add(&liar, 201).expect("a lie");
    net.add(&liar, 202).expect("a lie");
    for (index, who) in net.honest_actors().iter().take(3).enumerate() {
        net.run_for(TICK_MICROS / 4);
        net.add(who, index as u8).expect("valid");
    }
    net.settle();
    let both_were_seen = saw(&net, &liar, &one) && saw(&net, &liar, &other);
    for who in net.honest_actors() {
        let replica = net.replica(&who).expect("up");
        let convicted: Vec<_> = replica.convicted().keys().copied().collect();
        if both_were_seen {
            assert_eq!(convicted, [liar], "split {bits:b}");
        } else {
            assert!(convicted.iter().all(|accused| *accused == liar));
        }
        // Its own lane is all that it can block, and at most one of its two messages is there.
        let set = replica.algorithm();
        assert!((0..3).all(|index| set.contains(&index)));
        assert!(!(set.contains(&201) && set.contains(&202)));
    }
}

/// Whether the liar's message reached anybody of this side.
fn saw(net: &Net<Set>, liar: &Actor, side: &BTreeSet<Actor>) -> bool {
    let mut events = net.trace().events().iter();
    events.any(|(_, event)| match event {
        Event::Arrived {
            from,
            to,
            kind: "proposal",
            dot: Some(dot),
            ..
        } => from == liar && dot.source == *liar && side.contains(to),
        _ => false,
    })
}

/// Packets are lost, repeated and late, but arrive as they were sent: what arrived was seen.
fn lossy() -> Faults {
    Faults {
        corrupt: 0.0,
        ..Faults::hostile()
    }
}

#[test]
fn an_equivocator_is_convicted_by_all_whatever_the_split_of_four() {
    for bits in 0..8 {
        for seed in 0..6 {
            equivocate(seed, 4, bits, Faults::default());
            equivocate(100 + seed, 4, bits, lossy());
        }
    }
}

#[quickcheck]
fn an_equivocator_is_convicted_by_all_whatever_the_split_of_seven(
    seed: u16,
    bits: u8,
    loses: bool,
) {
    let faults = if loses { lossy() } else { Faults::default() };
    equivocate(u64::from(seed), 7, u16::from(bits % 64), faults);
}

#[test]
fn two_equivocators_among_seven_are_both_convicted_and_nobody_else() {
    for seed in 0..10 {
        let (one, other) = split(seed, 7, 2, 0b10101);
        let mut net = Net::<Set>::builder(seed)
            .members(7)
            .byzantine(Equivocator::splitting(one))
            .byzantine(Equivocator::splitting(other))
            .build();
        let liars = net.liars();
        for (index, who) in net.actors().iter().enumerate() {
            net.add(who, index as u8).expect("valid, or a lie");
            net.add(who, 100 + index as u8).expect("valid, or a lie");
        }
        net.settle();
        for who in net.honest_actors() {
            let convicted = net.replica(&who).expect("up").convicted().keys();
            assert!(convicted.eq(&liars), "seed {seed}");
        }
    }
}

/// Keeps to echoes until it is given a third operation: nobody is to hear of the other message
/// before.
#[derive(Default)]
struct Conspirator {
    ops: usize,
}

impl Adversary<Set> for Conspirator {
    fn on_packet(&mut self, _: &mut Hand<'_, Set>, packet: Packet) -> Option<Packet> {
        let echoing = matches!(packet.body, Body::Proposal(_) | Body::Echo(_));
        echoing.then_some(packet)
    }

    fn on_tick(&mut self, _: &mut Hand<'_, Set>, tick: Tick) -> Option<Tick> {
        (self.ops > 2).then_some(tick)
    }

    fn on_propose(&mut self, _: &mut Hand<'_, Set>, op: Op<u8>) -> Option<Op<u8>> {
        self.ops += 1;
        (self.ops <= 2).then_some(op)
    }
}

/// An equivocator that echoes whatever it sees, and in the end shows everybody what it has seen.
fn accomplice(side: BTreeSet<Actor>) -> Vices<Set> {
    Vices::default()
        .and(Conspirator::default())
        .and(Equivocator::splitting(side))
        .and(DoubleEchoer::default())
}

/// Two liars of four, each of whom shows the two others different messages, and who echo whatever
/// there is: each of the two correct members has its quorum.
#[test]
fn the_bound_is_tight_two_liars_of_four_break_consistency_and_only_they_are_convicted() {
    let mut forks = 0;
    for seed in 0..10 {
        let (one, _) = split(seed, 4, 2, 0b01);
        let mut net = Net::<Set>::builder(seed)
            .members(4)
            .byzantine(accomplice(one.clone()))
            .byzantine(accomplice(one))
            .beyond_the_bound()
            .build();
        let (liars, honest) = (net.liars(), net.honest_actors());
        net.cut(&honest[0], &honest[1]);
        net.cut(&honest[1], &honest[0]);
        for liar in &liars {
            net.add(liar, 201).expect("a lie");
            net.add(liar, 202).expect("a lie");
        }
        net.run_for(60 * TICK_MICROS);
        let forked = liars.iter().any(|liar| {
            let heads = [0, 1].map(|index| net.replica(&honest[index]).expect("up").head(liar));
            let seqs = heads.map(|head| head.map(|head| head.seq));
            seqs[0] == seqs[1] && heads[0] != heads[1]
        });
        forks += usize::from(forked);
        net.heal();
        // The liars show everybody both.
        for liar in &liars {
            net.add(liar, 203).expect("an idle whim");
        }
        net.run_for(300 * TICK_MICROS);
        for who in &honest {
            // False accusations are a violation here too, and would have panicked.
            let convicted = net.replica(who).expect("up").convicted();
            assert!(convicted.keys().eq(&liars), "seed {seed}: {convicted:?}");
            for (accused, evidence) in convicted {
                assert_eq!(evidence.verify(&net.genesis().network()), Ok(*accused));
            }
        }
    }
    assert!(forks > 0, "two liars of four never forked anybody");
}

/// Both halves of the correct members have a certificate, and the liars have fallen silent for
/// ever: the correct ones, left to themselves, find the fork and convict more members than are
/// tolerated.
#[test]
fn a_fork_beyond_the_bound_is_never_silent_it_convicts_more_than_are_tolerated_and_only_liars() {
    for (members, liars, bits) in [(4, 2, 0b01), (7, 3, 0b0011)] {
        let mut forks = 0;
        for seed in 0..10 {
            let (one, other) = split(seed, members, liars, bits);
            let mut builder = Net::<Set>::builder(seed).members(members);
            for _ in 0..liars {
                builder = builder.byzantine(accomplice(one.clone()));
            }
            let mut net = builder.beyond_the_bound().build();
            for (left, right) in one.iter().flat_map(|l| other.iter().map(move |r| (l, r))) {
                net.cut(left, right);
                net.cut(right, left);
            }
            let liars = net.liars();
            for item in [201, 202] {
                net.add(&liars[0], item).expect("a lie");
            }
            net.run_for(60 * TICK_MICROS);
            let honest = net.honest_actors();
            let delivered = |net: &Net<Set>, who: &Actor| {
                net.replica(who)
                    .expect("up")
                    .head(&liars[0])
                    .expect("a member")
            };
            let heads: Vec<_> = honest.iter().map(|who| delivered(&net, who)).collect();
            let forked = heads.iter().all(|head| head.seq > Seq::ZERO)
                && heads.iter().any(|head| *head != heads[0]);
            net.heal();
            net.partition(&liars);
            net.run_for(200 * TICK_MICROS);
            if !forked {
                continue;
            }
            forks += 1;
            for who in &honest {
                let replica = net.replica(who).expect("up");
                let convicted = replica.convicted();
                let tolerated = replica.committee().tolerated();
                assert!(convicted.len() > tolerated, "seed {seed}: {convicted:?}");
                assert!(convicted.keys().all(|accused| liars.contains(accused)));
            }
        }
        assert!(forks > 0, "{liars} liars of {members} never forked anybody");
    }
}

#[test]
fn one_mute_member_of_four_and_two_of_seven_stop_nobody() {
    for (members, mutes) in [(4, 1), (7, 2), (10, 3)] {
        let mut builder = Net::<Set>::builder(1).members(members);
        for _ in 0..mutes {
            builder = builder.byzantine(Mute);
        }
        let mut net = builder.faults(Faults::hostile()).build();
        for (index, who) in net.honest_actors().iter().enumerate() {
            net.add(who, index as u8).expect("valid");
        }
        net.settle();
        assert_eq!(net.read(&net.honest(0)).len(), members - mutes);
        assert!(net.honest_actors().iter().all(|who| {
            let replica = net.replica(who).expect("up");
            replica.convicted().is_empty()
        }));
    }
}

#[test]
fn more_mute_members_than_tolerated_stop_the_network_and_nothing_worse() {
    let mut net = Net::<Set>::builder(1)
        .members(4)
        .byzantine(Mute)
        .byzantine(Mute)
        .beyond_the_bound()
        .build();
    for who in net.honest_actors() {
        net.add(&who, 1).expect("valid");
    }
    net.run_for(300 * TICK_MICROS);
    assert!(
        net.honest_actors()
            .iter()
            .all(|who| net.read(who).is_empty())
    );
}

/// Cases of the property below that really ran.
static RAN: AtomicUsize = AtomicUsize::new(0);

#[test]
fn no_case_of_the_main_property_is_discarded() {
    use bft_crdts::net::Scenario;
    use quickcheck::{QuickCheck, TestResult};

    fn plays(scenario: Scenario) -> TestResult {
        let net = scenario.play::<Set>(
            |builder| builder,
            |set, _, number| Some(set.add(number as u8 % 16)),
        );
        RAN.fetch_add(1, Ordering::Relaxed);
        TestResult::from_bool(net.trace().packets() > 0 || scenario.acts.len() < 64)
    }
    QuickCheck::new()
        .tests(100)
        .min_tests_passed(100)
        .quickcheck(plays as fn(Scenario) -> TestResult);
    assert_eq!(RAN.load(Ordering::Relaxed), 100);
}

/// CI asks every property for a least number of cases that ran, by `QUICKCHECK_MIN_TESTS_PASSED`.
#[test]
#[should_panic(expected = "Unable to generate enough tests")]
fn a_property_that_discards_every_case_fails_where_a_least_number_is_asked_for() {
    use quickcheck::{QuickCheck, TestResult};

    fn discards(_: u8) -> TestResult {
        TestResult::discard()
    }
    let mut check = QuickCheck::new().tests(10).max_tests(100);
    let ran = check.quicktest(discards as fn(u8) -> TestResult);
    assert!(matches!(ran, Ok(0)), "{ran:?}");
    let mut check = check.min_tests_passed(10);
    check.quickcheck(discards as fn(u8) -> TestResult);
}
