//! The set on a network against a plain model: what was delivered, replayed, is what is read.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bft_crdts::Actor;
use bft_crdts::net::{Act, Net, Scenario, TICK_MICROS};
use bft_crdts::orswot::{Dot, Op, Orswot};
use quickcheck::{Arbitrary, Gen};
use quickcheck_macros::quickcheck;

type Set = Orswot<u8>;

/// Few members, so that sources meet on them.
const MEMBERS: u8 = 6;

fn pick(set: &Set, _: &Actor, number: u16) -> Option<Op<u8>> {
    let member = (number >> 2) as u8 % MEMBERS;
    match number & 3 {
        0 | 1 => Some(set.add(member)),
        2 => Some(set.add_all([member, (member + 1) % MEMBERS])),
        _ => set.remove(&member),
    }
}

/// Add wins: a member is there while one of its additions is that no removal has named.
#[derive(Debug, Default)]
struct Model {
    additions: BTreeMap<u8, BTreeSet<Dot>>,
    removed: BTreeMap<u8, BTreeMap<Actor, u64>>,
}

impl Model {
    /// In any order: a removal is remembered against additions that are replayed after it.
    fn replay(&mut self, op: &Op<u8>) {
        match op {
            Op::Add { dot, members } => {
                for member in members {
                    self.additions.entry(*member).or_default().insert(*dot);
                }
            }
            Op::Rm { clock, members } => {
                for member in members {
                    let known = self.removed.entry(*member).or_default();
                    for (actor, counter) in clock {
                        let last = known.entry(*actor).or_default();
                        *last = (*last).max(*counter);
                    }
                }
            }
        }
    }

    fn members(&self) -> BTreeSet<u8> {
        let present = |member: &u8, dots: &BTreeSet<Dot>| {
            let removed = self.removed.get(member);
            let named = |dot: &Dot| {
                let last = removed.and_then(|clock| clock.get(&dot.actor));
                last.is_some_and(|last| *last >= dot.counter)
            };
            !dots.iter().all(named)
        };
        let additions = self.additions.iter();
        let present = additions.filter(|(member, dots)| present(member, dots));
        present.map(|(member, _)| *member).collect()
    }
}

/// All that `who` delivered, lane after lane.
fn replayed(net: &Net<Set>, who: &Actor) -> (Model, usize) {
    let replica = net.replica(who).expect("up");
    let mut model = Model::default();
    let mut count = 0;
    for source in net.actors() {
        for message in replica.messages(&source) {
            let ops = message.decode(net.genesis().limits()).expect("ops");
            ops.iter().for_each(|op| model.replay(op));
            count += ops.len();
        }
    }
    (model, count)
}

fn assert_models(net: &Net<Set>) {
    for who in net.honest_actors() {
        let read: BTreeSet<u8> = net.read(&who).iter().copied().collect();
        assert_eq!(read, replayed(net, &who).0.members());
    }
}

#[quickcheck]
fn what_is_read_is_what_was_delivered_whatever_happened(scenario: Scenario) {
    let scenario = scenario.with_a_fixed_committee();
    assert_models(&scenario.play(|builder| builder, pick));
}

#[quickcheck]
fn what_is_read_is_what_was_delivered_also_before_the_end(scenario: Scenario, pause: u8) {
    // Without the last acts' healing: replicas differ, and each is true to what it has itself.
    let mut net = Net::<Set>::builder(scenario.seed).members(4).build();
    let mut acts = scenario.acts.iter();
    while let Some(Act::Propose { who, pick: number }) =
        acts.find(|act| matches!(act, Act::Propose { .. }))
    {
        let who = net.honest(usize::from(*who) % 4);
        if let Some(op) = pick(net.ahead(&who), &who, *number) {
            net.propose(&who, op).expect("valid on the state ahead");
        }
        net.run_for(u64::from(pause) * TICK_MICROS / 400);
        assert_models(&net);
    }
}

/// What one user does: `true` adds.
#[derive(Clone, Debug)]
struct Deed(bool, u8);

impl Arbitrary for Deed {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(bool::arbitrary(g), u8::arbitrary(g) % MEMBERS)
    }
}

#[quickcheck]
fn for_a_single_source_the_set_is_a_hash_set(deeds: Vec<Deed>, seed: u64) {
    let mut net = Net::<Set>::builder(seed).members(4).build();
    let source = net.honest(0);
    let mut plain = HashSet::new();
    for Deed(adds, member) in deeds {
        if adds {
            net.add(&source, member).expect("valid");
            plain.insert(member);
        } else {
            let removed = net.remove(&source, &member).expect("valid");
            assert_eq!(removed, plain.remove(&member));
        }
        // It reads its own writes before anybody else does.
        let ahead: HashSet<u8> = net.ahead(&source).iter().copied().collect();
        assert_eq!(ahead, plain);
        if seed.is_multiple_of(3) {
            net.run_for(TICK_MICROS / 10);
        }
    }
    net.settle();
    for who in net.honest_actors() {
        let read: HashSet<u8> = net.read(&who).iter().copied().collect();
        assert_eq!(read, plain);
    }
}

#[quickcheck]
fn an_addition_shows_up_on_every_read(seed: u64, member: u8, who: u8, members: u8) {
    let mut net = Net::<Set>::builder(seed)
        .members(usize::from(members % 7) + 1)
        .build();
    let source = net.honest(usize::from(who) % net.actors().len());
    net.add(&source, member).expect("valid");
    net.settle();
    for who in net.actors() {
        assert!(net.read(&who).iter().eq([&member]));
    }
}

#[test]
fn an_addition_that_the_remover_had_not_seen_survives() {
    for seed in 0..20 {
        let mut net = Net::<Set>::builder(seed).members(4).build();
        let [a, b] = [net.honest(0), net.honest(1)];
        net.add(&a, 7).expect("valid");
        net.settle();
        net.add(&a, 7).expect("valid");
        assert_eq!(net.remove(&b, &7), Ok(true));
        net.settle();
        assert!(net.actors().iter().all(|who| net.read(who).contains(&7)));
        assert_eq!(net.remove(&b, &7), Ok(true));
        net.settle();
        assert!(net.actors().iter().all(|who| net.read(who).is_empty()));
        assert_eq!(net.remove(&b, &7), Ok(false));
    }
}
