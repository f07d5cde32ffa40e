//! The set against what a set is: a plain one for a single source, a model of add-wins for many,
//! and the set of the `crdts` crate.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bft_crdts::codec::{Limits, encode};
use bft_crdts::laws::actors;
use bft_crdts::net::Net;
use bft_crdts::orswot::{Clock, Dot, Op, Orswot};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use crdts::CmRDT;
use quickcheck::{Arbitrary, Gen};
use quickcheck_macros::quickcheck;

/// Few members, so that sources meet on them.
const MEMBERS: &[u8] = &[0, 1, 2, 3];
const SOURCES: &[usize] = &[0, 1, 2, 3];

/// What a user does to a set.
#[derive(Clone, Debug)]
enum Act {
    Add(u8),
    AddAll(u8, u8),
    Remove(u8),
    /// Valid, though no honest replica writes it: everything that the source has seen, whatever the
    /// member.
    RemoveAllSeen(u8),
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let [one, other] = [(); 2].map(|()| *g.choose(MEMBERS).expect("some"));
        let acts = [
            Self::Add(one),
            Self::AddAll(one, other),
            Self::Remove(one),
            Self::RemoveAllSeen(one),
        ];
        g.choose(&acts).expect("some").clone()
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::AddAll(one, other) => Box::new([Self::Add(one), Self::Add(other)].into_iter()),
            Self::RemoveAllSeen(member) => Box::new([Self::Remove(member)].into_iter()),
            Self::Add(_) | Self::Remove(_) => quickcheck::empty_shrinker(),
        }
    }
}

/// What happens among several sources.
#[derive(Clone, Debug)]
enum Event {
    /// A source acts on its own set.
    Acts(usize, Act),
    /// A replica takes the next operation of a source, unless it is early.
    Takes { to: usize, of: usize },
}

impl Arbitrary for Event {
    fn arbitrary(g: &mut Gen) -> Self {
        let [to, of] = [(); 2].map(|()| *g.choose(SOURCES).expect("some"));
        if bool::arbitrary(g) {
            Self::Acts(to, Act::arbitrary(g))
        } else {
            Self::Takes { to, of }
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::Acts(who, act) => {
                let who = *who;
                Box::new(act.shrink().map(move |act| Self::Acts(who, act)))
            }
            Self::Takes { .. } => quickcheck::empty_shrinker(),
        }
    }
}

/// Add wins, said as simply as possible: a member is there while an addition of it is that no
/// removal has named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    additions: BTreeMap<u8, BTreeSet<Dot>>,
    seen: Clock,
}

impl Model {
    fn apply(&mut self, op: &Op<u8>) {
        match op {
            Op::Add { dot, members } => {
                self.seen.insert(dot.actor, dot.counter);
                for member in members {
                    self.additions.entry(*member).or_default().insert(*dot);
                }
            }
            Op::Rm { clock, members } => {
                let named = |dot: &Dot| clock.get(&dot.actor) >= Some(&dot.counter);
                for member in members {
                    let additions = self.additions.entry(*member).or_default();
                    additions.retain(|dot| !named(dot));
                }
            }
        }
    }

    fn members(&self) -> impl Iterator<Item = &u8> {
        let present = self.additions.iter().filter(|(_, dots)| !dots.is_empty());
        present.map(|(member, _)| member)
    }
}

/// One replica: its set, what it is compared with, and how far it is in each lane.
struct Replica {
    actor: Actor,
    set: Orswot<u8>,
    model: Model,
    crdts: crdts::Orswot<u8, Actor>,
    taken: Vec<usize>,
}

impl Replica {
    fn new(actor: Actor) -> Self {
        Self {
            actor,
            set: Orswot::new(actor),
            model: Model::default(),
            crdts: crdts::Orswot::new(),
            taken: vec![0; SOURCES.len()],
        }
    }

    /// The operation that the act comes to; `None` when there is nothing to remove.
    fn act(&self, act: &Act) -> Option<Op<u8>> {
        match *act {
            Act::Add(member) => Some(self.set.add(member)),
            Act::AddAll(one, other) => Some(self.set.add_all([one, other])),
            Act::Remove(member) => self.set.remove(&member),
            Act::RemoveAllSeen(member) => {
                let (clock, members) = (self.model.seen.clone(), [member].into());
                (!clock.is_empty()).then_some(Op::Rm { clock, members })
            }
        }
    }

    fn apply(&mut self, source: usize, op: &Op<u8>) {
        self.taken[source] += 1;
        self.set.apply(op.clone());
        self.model.apply(op);
        self.crdts.apply(for_crdts(op));
        let read = self.crdts.read().val;
        assert!(
            self.set.iter().eq(self.model.members())
                && self.set.iter().eq(&BTreeSet::from_iter(read)),
            "{:?} after {op:?}",
            self.set
        );
        assert_eq!(self.set.len(), self.set.iter().count());
    }
}

fn for_crdts(op: &Op<u8>) -> crdts::orswot::Op<u8, Actor> {
    let members = op.members().iter().copied().collect();
    match op {
        Op::Add { dot, .. } => crdts::orswot::Op::Add {
            dot: crdts::Dot::new(dot.actor, dot.counter),
            members,
        },
        Op::Rm { clock, .. } => crdts::orswot::Op::Rm {
            clock: crdts::VClock {
                dots: clock.clone(),
            },
            members,
        },
    }
}

/// Sources whose operations go to each other lane by lane, in any interleaving that the verdicts
/// allow.
struct World {
    lanes: Vec<Vec<Op<u8>>>,
    replicas: Vec<Replica>,
}

impl World {
    fn new() -> Self {
        let replicas = actors(SOURCES.len() as u8).into_iter().map(Replica::new);
        Self {
            lanes: vec![Vec::new(); SOURCES.len()],
            replicas: replicas.collect(),
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Acts(who, act) => {
                if let Some(op) = self.replicas[*who].act(act) {
                    self.lanes[*who].push(op);
                    assert!(
                        self.take(*who, *who),
                        "what an honest replica writes is valid"
                    );
                }
            }
            Event::Takes { to, of } => {
                self.take(*to, *of);
            }
        }
    }

    /// Whether there was an operation to take, and the time had come.
    fn take(&mut self, to: usize, of: usize) -> bool {
        let from = self.replicas[of].actor;
        let replica = &mut self.replicas[to];
        let Some(op) = self.lanes[of].get(replica.taken[of]) else {
            return false;
        };
        match replica.set.verdict(&from, op) {
            Verdict::Valid => replica.apply(of, op),
            Verdict::NotYet(_) => return false,
            Verdict::Never(why) => panic!("{op:?} of {from:?} at {:?}: {why}", replica.actor),
        }
        true
    }

    fn settle(&mut self) {
        let pairs = || {
            SOURCES
                .iter()
                .flat_map(|&to| SOURCES.iter().map(move |&of| (to, of)))
        };
        while pairs().filter(|&(to, of)| self.take(to, of)).count() > 0 {}
    }
}

#[quickcheck]
fn what_is_added_shows_up_on_read(members: Vec<u8>) -> bool {
    let actor = actors(1)[0];
    let mut set = Orswot::new(actor);
    for &member in &members {
        let op = set.add(member);
        assert!(set.validate(&actor, &op));
        set.apply(op);
        assert!(set.contains(&member));
    }
    set.iter().copied().eq(BTreeSet::from_iter(members))
}

#[quickcheck]
fn one_source_alone_has_an_ordinary_set(acts: Vec<Act>) {
    let mut replica = Replica::new(actors(1)[0]);
    let mut plain = HashSet::new();
    for act in &acts {
        match *act {
            Act::Add(member) => drop(plain.insert(member)),
            Act::AddAll(one, other) => plain.extend([one, other]),
            Act::Remove(member) | Act::RemoveAllSeen(member) => drop(plain.remove(&member)),
        }
        if let Some(op) = replica.act(act) {
            assert!(replica.set.validate(&replica.actor, &op));
            replica.apply(0, &op);
        }
        assert!(plain.iter().all(|member| replica.set.contains(member)));
        assert_eq!(replica.set.len(), plain.len());
        assert_eq!(replica.set.is_empty(), plain.is_empty());
    }
}

#[quickcheck]
fn replicas_that_took_the_same_operations_in_any_order_are_equal(events: Vec<Event>) {
    let mut world = World::new();
    for event in &events {
        world.happen(event);
    }
    world.settle();
    let lanes: Vec<_> = world.lanes.iter().map(Vec::len).collect();
    let first = &world.replicas[0];
    for replica in &world.replicas {
        assert_eq!(replica.taken, lanes, "nothing waits for ever");
        assert_eq!(replica.model, first.model);
        assert_eq!(replica.set.state(), first.set.state());
        assert_eq!(encode(&replica.set.state()), encode(&first.set.state()));
    }
}

#[quickcheck]
fn a_newcomer_goes_on_like_the_replica_that_it_started_from(before: Vec<Event>, after: Vec<Event>) {
    let mut world = World::new();
    before.iter().for_each(|event| world.happen(event));
    let mut restored = Orswot::new(world.replicas[0].actor);
    restored.sync_from(world.replicas[0].set.state());
    assert_eq!(restored, world.replicas[0].set);
    world.replicas[0].set = restored;
    after.iter().for_each(|event| world.happen(event));
    world.settle();
    assert_eq!(world.replicas[0].set.state(), world.replicas[1].set.state());
}

#[test]
fn what_can_be_added_can_be_removed_by_anybody_whoever_else_added_it() {
    let mut limits = Limits::default();
    limits.message_bytes = 600;
    let builder = Net::<Orswot<String>>::builder(7).members(4).limits(limits);
    let mut net = builder.build();
    let actors = [0, 1, 2, 3].map(|seat| net.honest(seat));
    let text = |len: usize| "x".repeat(len);
    let fits = (1..600)
        .rev()
        .find(|len| net.add(&actors[0], text(*len)).is_ok());
    let most = text(fits.expect("a short text fits"));
    for other in &actors[1..] {
        net.add(other, most.clone()).expect("it fits");
    }
    net.settle();
    assert_eq!(net.remove(&actors[3], &most), Ok(true));
    net.settle();
    for actor in &actors {
        assert!(!net.read(actor).contains(&most));
    }
}
