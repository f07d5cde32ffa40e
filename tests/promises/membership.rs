//! Members come and go, and nothing that was promised is lost on the way.

use std::sync::Arc;

use bft_crdts::Actor;
use bft_crdts::codec::encode;
use bft_crdts::deterministic_secure_broadcast::{Body, Equivocation, ProposeError, Replica};
use bft_crdts::dot::Head;
use bft_crdts::environment;
use bft_crdts::membership::Change;
use bft_crdts::net::{
    Adversary, DoubleVoter, Event, FalseCoordinator, FalseProposal, Faults, Hand, Net, Scenario,
    TICK_MICROS, Vice,
};
use bft_crdts::orswot::{Op, Orswot};
use quickcheck::{Gen, QuickCheck};
use quickcheck_macros::quickcheck;

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

// ---- several changes at once

/// Everybody approves each of the changes that is still to be made, in this order of (member,
/// candidate).
fn approve_in(net: &mut Net<Set>, candidates: &[Actor], order: &[(usize, usize)]) {
    for (member, candidate) in order {
        let members = net.members();
        let candidate = &candidates[candidate % candidates.len()];
        let Some(change) = net.entry(candidate) else {
            continue;
        };
        // What is made already, or was signed in a generation that is over, is refused.
        let _ = net.approve(&members[member % members.len()], change);
        net.run_for(5_000);
    }
}

/// Each member votes for its own candidate first; then all vote for all, in the given order, until
/// all are in.
fn split_votes(
    seed: u64,
    members: usize,
    order: impl Fn(usize, usize, u64) -> Vec<(usize, usize)>,
) {
    let mut net: Net<Set> = Net::builder(seed).members(members).build();
    let a = net.honest(0);
    net.add(&a, 7).expect("valid");
    let count = members.min(3);
    let candidates: Vec<_> = (0..count).map(|_| net.follow()).collect();
    net.settle();
    let own: Vec<_> = (0..members).map(|member| (member, member)).collect();
    approve_in(&mut net, &candidates, &own);
    net.run_for(5 * TICK_MICROS);
    for round in 0..8 {
        let all = order(members + count, count, seed + round);
        approve_in(&mut net, &candidates, &all);
        net.run_for(40 * TICK_MICROS);
        if candidates.iter().all(|who| net.committee().contains(who)) {
            break;
        }
    }
    net.settle();
    assert_eq!(net.committee().size(), members + count, "seed {seed}");
    for who in net.members() {
        assert!(net.read(&who).contains(&7));
    }
}

fn in_order(members: usize, candidates: usize, _: u64) -> Vec<(usize, usize)> {
    let all = (0..candidates).flat_map(|c| (0..members).map(move |m| (m, c)));
    all.collect()
}

fn round_robin(members: usize, candidates: usize, _: u64) -> Vec<(usize, usize)> {
    let turn = |shift| move |m| (m, (m + shift) % candidates);
    let all = (0..candidates).flat_map(|shift| (0..members).map(turn(shift)));
    all.collect()
}

fn shuffled(members: usize, candidates: usize, seed: u64) -> Vec<(usize, usize)> {
    let mut all = in_order(members, candidates, 0);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for last in (1..all.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
        all.swap(last, (state >> 33) as usize % (last + 1));
    }
    all
}

#[test]
fn several_joins_proposed_at_once_all_happen_when_voted_for_in_order() {
    (1..=7).for_each(|members| split_votes(10 + members as u64, members, in_order));
}

#[test]
fn several_joins_proposed_at_once_all_happen_when_voted_for_round_robin() {
    (1..=7).for_each(|members| split_votes(20 + members as u64, members, round_robin));
}

#[test]
fn several_joins_proposed_at_once_all_happen_when_voted_for_in_any_order() {
    (1..=7).for_each(|members| split_votes(30 + members as u64, members, shuffled));
}

#[quickcheck]
fn split_votes_are_united_in_the_end(seed: u16, members: u8) {
    split_votes(u64::from(seed), 1 + usize::from(members % 7), shuffled);
}

// ---- leaving

#[test]
fn a_minority_expels_nobody_and_freezes_nobody() {
    let mut net: Net<Set> = Net::builder(4).members(4).build();
    let members = net.members();
    for who in &members[..2] {
        net.approve(who, Change::Leave(members[3]))
            .expect("a member");
    }
    net.run_for(200 * TICK_MICROS);
    for who in &members {
        assert!(!net.replica(who).expect("up").is_frozen());
        assert_eq!(net.replica(who).expect("up").generation().number(), 0);
    }
    net.add(&members[3], 7).expect("valid");
    net.run_for(10 * TICK_MICROS);
    assert!(net.read(&members[0]).contains(&7));
}

#[test]
fn the_others_expel_a_member_that_does_not_agree() {
    for seed in 0..5 {
        let mut net: Net<Set> = Net::builder(seed).members(4).build();
        let members = net.members();
        net.add(&members[3], 7).expect("valid");
        net.run_for(seed * 20_000);
        for who in &members[..3] {
            net.approve(who, Change::Leave(members[3]))
                .expect("a member");
        }
        net.settle();
        assert_eq!(net.committee().actors(), &members[..3]);
        assert_eq!(
            net.add(&members[3], 9),
            Err(ProposeError::NotAMember),
            "seed {seed}"
        );
        net.add(&members[0], 8).expect("valid");
        net.settle();
        assert!(net.read(&members[2]).contains(&8));
    }
}

#[test]
fn who_left_comes_back_under_a_new_key_and_finds_what_it_left() {
    let mut net = net(5, 4);
    let old = net.honest(3);
    net.add(&old, 7).expect("valid");
    net.settle();
    net.leave(&old).expect("a member");
    net.settle();
    assert_eq!(net.committee().size(), 3);
    let new = net.join();
    net.settle();
    assert_eq!(net.committee().size(), 4);
    assert!(net.read(&new).contains(&7));
    net.add(&new, 8).expect("valid");
    net.settle();
    assert!(net.members().iter().all(|who| net.read(who).contains(&8)));
}

#[test]
fn who_left_comes_back_under_its_old_key() {
    let mut net: Net<Set> = net(6, 4);
    let old = net.honest(3);
    net.add(&old, 7).expect("valid");
    net.settle();
    net.leave(&old).expect("a member");
    net.settle();
    let change = net.entry(&old).expect("up");
    net.approve(&net.members()[0], change).expect("an entry");
    net.settle();
    assert!(net.committee().contains(&old));
    net.add(&old, 8).expect("valid");
    net.settle();
    assert!(net.members().iter().all(|who| net.read(who).contains(&8)));
}

// ---- operations in flight

#[test]
fn an_operation_of_a_member_that_is_expelled_meanwhile_is_delivered_by_all_or_by_none() {
    for tenths in 0..12 {
        let mut net: Net<Set> = Net::builder(tenths).members(4).build();
        let members = net.members();
        let author = members[(tenths % 4) as usize];
        net.add(&author, 7).expect("valid");
        net.run_for(tenths * TICK_MICROS / 10);
        for who in members.iter().filter(|who| **who != author) {
            net.approve(who, Change::Leave(author)).expect("a member");
        }
        net.settle();
        let seen = net.members();
        let seen = seen.iter().filter(|who| net.read(who).contains(&7));
        assert!([0, 3].contains(&seen.count()));
    }
}

#[test]
fn an_operation_that_all_echoed_survives_its_author_although_the_certificate_is_held_back() {
    for seed in 0..10 {
        let mut net: Net<Set> = Net::builder(seed).members(4).build();
        let members = net.members();
        let author = members[(seed % 4) as usize];
        net.add(&author, 7).expect("valid");
        // All proposals have arrived, and nothing that their author says afterwards does.
        while proposals_at(&net) < 3 {
            net.step();
        }
        for who in members.iter().filter(|who| **who != author) {
            net.cut(&author, who);
        }
        net.run_for(3 * TICK_MICROS);
        for who in members.iter().filter(|who| **who != author) {
            net.approve(who, Change::Leave(author)).expect("a member");
        }
        net.run_for(100 * TICK_MICROS);
        assert!(!net.committee().contains(&author));
        for who in net.members() {
            assert!(net.read(&who).contains(&7), "seed {seed}");
        }
        // Now its certificate, of a generation that is over, comes out.
        net.settle();
        assert_eq!(net.committee().size(), 3);
    }
}

fn proposals_at(net: &Net<Set>) -> usize {
    let arrived =
        |event: &Event| matches!(event, Event::Arrived { kind, .. } if *kind == "proposal");
    let events = net.trace().events().iter();
    events.filter(|(_, event)| arrived(event)).count()
}

/// Everybody works while members come and go: (what, tenths of a tick until the next).
fn work_while_members_come_and_go(seed: u64, acts: &[(u8, u8)]) {
    let mut net = net(seed, 4);
    let mut number = 0u8;
    for (what, tenths) in acts {
        for who in net.members() {
            number = number.wrapping_add(1);
            // A frozen member queues it; one that does not know yet that it is a member refuses.
            let _ = net.add(&who, number);
        }
        let members = net.members();
        let who = members[usize::from(what / 4) % members.len()];
        match what % 4 {
            0 if net.actors().len() < 8 => drop(net.join()),
            1 if members.len() > 2 && !net.is_changing() => drop(net.leave(&who)),
            2 => drop(net.renew(&who)),
            _ => {}
        }
        net.run_for(u64::from(tenths % 40) * TICK_MICROS / 10);
    }
    net.settle();
}

#[test]
fn operations_in_flight_survive_joins_leaves_and_renewals() {
    fn survive(seed: u16, acts: Vec<(u8, u8)>) {
        let acts: Vec<_> = acts.into_iter().take(6).collect();
        work_while_members_come_and_go(u64::from(seed), &acts);
    }
    let same_in_every_run = Gen::from_size_and_seed(100, 7);
    // A case is a whole history of many members: a tenth as many as of other properties.
    let tests = environment::number("QUICKCHECK_TESTS", 1).unwrap_or(100_u64);
    let tests = tests.div_ceil(10);
    let check = QuickCheck::new().rng(same_in_every_run).tests(tests);
    let mut check = check.min_tests_passed(tests);
    check.quickcheck(survive as fn(u16, Vec<(u8, u8)>));
}

/// A member that is beyond the adopted lock of a lane echoes its own next lock there to whom it
/// concerns only.
#[test]
fn echoes_go_to_everybody_only_of_the_very_lock_that_is_adopted() {
    work_while_members_come_and_go(0, &[(0, 0), (45, 0)]);
}

/// A frozen member serves a message that it holds and has not locked, and gets an echo for it.
#[test]
fn an_echo_of_a_message_that_was_served_for_the_agreement_is_no_surprise() {
    let acts = [(0, 0), (105, 171), (126, 203), (0, 127), (241, 0)];
    work_while_members_come_and_go(6398, &acts);
}

// ---- faults during a change

#[test]
fn a_partition_during_a_change_heals() {
    for tenths in 0..8 {
        let mut net = net(40 + tenths, 4);
        let members = net.members();
        net.add(&members[0], 7).expect("valid");
        let newcomer = net.join();
        net.run_for(tenths * TICK_MICROS / 4);
        net.partition(&members[..2]);
        net.run_for(60 * TICK_MICROS);
        net.settle();
        assert!(net.committee().contains(&newcomer), "after {tenths}");
        assert!(net.read(&newcomer).contains(&7));
    }
}

fn records(net: &Net<Set>, who: &Actor) -> usize {
    net.backup(who).expect("a participant").appended()
}

/// Somebody joins and somebody leaves while everybody works; `watch` sees the network between any
/// two steps.
fn change_twice(net: &mut Net<Set>, mut watch: impl FnMut(&mut Net<Set>)) {
    let founders = net.actors();
    for (index, who) in founders.iter().enumerate() {
        if !net.is_down(who) {
            let _ = net.add(who, index as u8);
        }
    }
    net.join();
    let until = net.now() + 8 * TICK_MICROS;
    while net.now() < until {
        net.step();
        watch(net);
    }
    if !net.is_down(&founders[3]) {
        let _ = net.leave(&founders[3]);
    }
    let until = net.now() + 8 * TICK_MICROS;
    while net.now() < until {
        net.step();
        watch(net);
    }
}

/// Crashes the `index`th participant where it is to write its `record`th record.
fn crash_in_a_change(index: usize, story: &[usize], record: usize) {
    let mut net = net(12, 4);
    let torn = [0, 1, 9, usize::MAX][record % 4];
    let happens = story.windows(2);
    let mut happens = happens.map(|pair| pair[0]..pair[1]);
    let Some(happens) = happens.position(|range| range.contains(&record)) else {
        return;
    };
    let (mut step, mut crashed) = (0, None);
    change_twice(&mut net, |net| {
        let who = net.actors()[index];
        if step == happens {
            net.crash_while_writing(&who, record - story[happens], torn);
        }
        step += 1;
        if net.is_down(&who) && crashed.is_none() {
            crashed = Some(net.now());
        }
        let pause = [0, 1, 20][record % 3] * TICK_MICROS;
        if crashed.is_some_and(|at| net.now() >= at + pause) {
            net.restart(&who);
        }
    });
    assert!(crashed.is_some(), "crashed at record {record}");
    net.settle();
}

#[test]
fn a_crash_at_any_record_of_a_change_loses_nothing() {
    let mut tried = 0;
    for index in 0..5 {
        let mut story = Vec::new();
        change_twice(&mut net(12, 4), |net| {
            story.push(records(net, &net.actors()[index]));
        });
        for record in story[0]..*story.last().expect("a story") {
            crash_in_a_change(index, &story, record);
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried} records are no story");
}

#[test]
fn a_crash_at_any_record_of_a_lone_member_s_renewal_leaves_no_approval_without_its_generation() {
    let renewal = |watch: &dyn Fn(&mut Net<Set>, &Actor)| {
        let mut net = net(13, 1);
        let member = net.members()[0];
        watch(&mut net, &member);
        net.renew(&member).expect("a member");
        (records(&net, &member), net)
    };
    let (before, (after, _)) = (
        records(&net(13, 1), &net(13, 1).members()[0]),
        renewal(&|_, _| ()),
    );
    assert!(
        after - before > 3,
        "{before} to {after} records are no renewal"
    );
    for record in 0..after - before {
        let (_, mut net) = renewal(&|net, member| net.crash_while_writing(member, record, 9));
        let member = net.members()[0];
        assert!(net.is_down(&member), "{record}");
        net.restart(&member);
        if record == 0 {
            net.renew(&member).expect("its first wish was not written");
        }
        net.settle();
        assert_eq!(net.committee().generation().number(), 1, "{record}");
    }
}

// ---- how long a change holds everybody up

/// Delays between the first member that freezes and the moment at which every member of the next
/// generation may echo again, when every packet takes one delay.
fn freeze(members: usize, change: impl FnOnce(&mut Net<Set>)) -> u64 {
    let delay = 10_000;
    let mut net: Net<Set> = Net::builder(9)
        .members(members)
        .approving()
        .faults(Faults {
            latency: delay..=delay,
            ..Faults::default()
        })
        .build();
    for who in net.members() {
        net.add(&who, 7).expect("valid");
    }
    net.run_for(10 * TICK_MICROS);
    change(&mut net);
    let frozen = |net: &Net<Set>| {
        let mut members = net.members().into_iter();
        members.any(|who| net.replica(&who).is_some_and(Replica::is_frozen))
    };
    while !frozen(&net) {
        net.step();
    }
    let began = net.now();
    let echoing = |net: &Net<Set>| {
        let mut members = net.committee().actors().iter();
        members.all(|who| {
            let replica = net.replica(who).expect("up");
            replica.generation() == net.committee().generation() && !replica.is_frozen()
        })
    };
    while net.committee().generation().number() == 0 || !echoing(&net) {
        net.step();
    }
    let lasted = net.now() - began;
    net.settle();
    lasted.div_ceil(delay)
}

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are worth reading")]
fn a_change_holds_echoes_up_for_no_more_than_eight_delays() {
    for members in [4, 5] {
        let renew = freeze(members, |net| net.renew(&net.honest(0)).expect("a member"));
        let leave = freeze(members, |net| net.leave(&net.honest(1)).expect("a member"));
        let follower = freeze(members, |net| {
            let who = net.follow();
            net.run_for(10 * TICK_MICROS);
            let change = net.entry(&who).expect("up");
            net.approve(&net.honest(0), change)
                .or_else(|_| {
                    let members = net.members();
                    net.approve(&members[0], change)
                })
                .expect("a member");
        });
        println!("{members} members: renew {renew}, leave {leave}, join {follower} delays");
        assert!(renew.max(leave).max(follower) <= 8);
    }
}

// ---- liars

#[test]
fn a_change_happens_whatever_one_member_says_of_it() {
    for vice in Vice::ALL {
        for seed in 0..6 {
            let mut net = beside(vice, seed);
            let first = net.honest(0);
            net.add(&first, 7).expect("valid");
            net.run_for(seed * TICK_MICROS / 10);
            let newcomer = net.join();
            net.run_for(5 * TICK_MICROS);
            net.settle();
            assert!(net.committee().contains(&newcomer), "{vice:?}, seed {seed}");
            assert!(net.read(&newcomer).contains(&7));
            net.renew(&newcomer).expect("a member");
            net.add(&newcomer, 8).expect("valid");
            net.settle();
            assert!(net.read(&first).contains(&8), "{vice:?}, seed {seed}");
        }
    }
}

fn beside(vice: Vice, seed: u64) -> Net<Set> {
    let scenario = Scenario {
        seed,
        liars: vec![vec![vice]],
        ..Scenario::default()
    };
    scenario.play(|builder| builder, |_, _, _| None)
}

#[test]
fn a_double_voter_is_convicted_and_nobody_else() {
    let mut convicted = 0;
    for seed in 0..10 {
        let mut net: Net<Set> = Net::builder(seed)
            .members(4)
            .byzantine(DoubleVoter::default())
            .approving()
            .build();
        let liar = net.liars()[0];
        for _ in 0..3 {
            let who = net.honest(0);
            net.renew(&who).expect("a member");
            net.settle();
        }
        let replica = net.replica(&net.honest(0)).expect("up");
        assert!(replica.convicted().keys().all(|accused| *accused == liar));
        for evidence in replica.convicted().values() {
            assert!(matches!(**evidence, Equivocation::Vote(_)));
        }
        convicted += replica.convicted().len();
    }
    assert!(convicted >= 8, "{convicted} of 10");
}

#[test]
fn each_false_proposal_of_a_coordinator_only_costs_time() {
    use FalseProposal::{None, ReportLeftOut, Two, WrongState};
    for lie in [None, Two, WrongState, ReportLeftOut] {
        for seed in 0..4 {
            let mut net: Net<Set> = Net::builder(seed)
                .members(4)
                .byzantine(FalseCoordinator::with(lie))
                .approving()
                .build();
            // In four generations everybody is first once.
            for generation in 1..=4 {
                let who = net.honest(0);
                net.add(&who, generation).expect("valid");
                net.renew(&who).expect("a member");
                net.settle();
                let installed = net.committee().generation().number();
                assert_eq!(installed, u64::from(generation), "{lie:?}, seed {seed}");
            }
        }
    }
}

/// Shows one message to the members that there are at first, and another at the same dot to whoever
/// came later.
#[derive(Default)]
struct SpendsAgainBeforeNewcomers {
    before: Vec<Actor>,
    first: Option<Head>,
}

impl Adversary<Set> for SpendsAgainBeforeNewcomers {
    fn on_propose(&mut self, hand: &mut Hand<'_, Set>, op: Op<u8>) -> Option<Op<u8>> {
        let me = hand.actor();
        let parent = *self
            .first
            .get_or_insert_with(|| hand.half().head(&me).expect("a member"));
        let seq = parent.seq.next().expect("a number");
        let proposal = hand.sign_message(seq, parent.digest, encode(&vec![op]));
        let to = hand.others();
        let to: Vec<_> = to
            .into_iter()
            .filter(|who| !self.before.contains(who))
            .collect();
        for who in &to {
            hand.send(*who, Body::Proposal(Arc::clone(&proposal)));
        }
        self.before.extend(to);
        None
    }
}

#[test]
fn what_is_spent_before_the_old_members_is_not_spent_again_before_the_newcomers() {
    for seed in 0..20 {
        let mut net: Net<Set> = Net::builder(seed)
            .members(4)
            .byzantine(SpendsAgainBeforeNewcomers::default())
            .approving()
            .build();
        let liar = net.liars()[0];
        net.add(&liar, 201).expect("a lie");
        net.run_for(seed * TICK_MICROS / 40);
        for _ in 0..3 {
            net.join();
        }
        net.run_for(20 * TICK_MICROS);
        assert_eq!(net.committee().size(), 7);
        let op = net.read(&net.honest(0)).add(202);
        net.propose(&liar, op).expect("a lie");
        net.settle();
        for who in net.members() {
            assert!(net.read(&who).contains(&201), "seed {seed}");
            assert!(!net.read(&who).contains(&202), "seed {seed}");
        }
    }
}
