//! What each type shows is what a plain model makes of the operations that were applied, in
//! whatever order they came; and replicas that applied the same ones are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use bft_crdts::codec::{Digest, encode};
use bft_crdts::laws::{ChaCha8Rng, Trial};
use bft_crdts::orswot;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::tree::{Act, Parent};
use bft_crdts::types::{
    Counter, Graph, MerkleReg, MvRegister, Part, Poll, Stamp, Tree, bounded_counter, counter,
    graph, keyed, lww_register, map, merkle_reg, mv_register, poll, tree,
};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};
use rand::{RngExt, SeedableRng};

use crate::generators::*;

const SOURCES: usize = 4;
const STEPS: usize = 120;

/// Sources that write, and take what others wrote when they like, each source's operations in
/// order.
struct Play<A: WireAlgorithm> {
    replicas: Vec<A>,
    lanes: Vec<Vec<A::Op>>,
    /// How much of each lane is applied at each replica.
    taken: Vec<[usize; SOURCES]>,
    /// What is applied at each replica, in order.
    applied: Vec<Vec<A::Op>>,
}

impl<A: WireAlgorithm> Play<A> {
    fn new(fresh: impl Fn(Actor) -> A) -> Self {
        Self {
            replicas: ACTORS[..SOURCES]
                .iter()
                .map(|actor| fresh(*actor))
                .collect(),
            lanes: vec![Vec::new(); SOURCES],
            taken: vec![[0; SOURCES]; SOURCES],
            applied: vec![Vec::new(); SOURCES],
        }
    }

    /// `who` writes, if it is valid.
    fn write(&mut self, who: usize, op: A::Op) {
        if self.taken[who][who] == self.lanes[who].len() && self.give(who, who, op.clone()) {
            self.lanes[who].push(op);
        }
    }

    /// `who` takes the next operation of a lane, if there is one and it is valid by now.
    fn take(&mut self, who: usize, lane: usize) -> bool {
        let next = self.lanes[lane].get(self.taken[who][lane]).cloned();
        next.is_some_and(|op| self.give(who, lane, op))
    }

    fn give(&mut self, who: usize, lane: usize, op: A::Op) -> bool {
        if !self.replicas[who].validate(&ACTORS[lane], &op) {
            return false;
        }
        self.replicas[who].apply(op.clone());
        self.taken[who][lane] += 1;
        self.applied[who].push(op);
        true
    }

    fn settle(&mut self) {
        while (0..SOURCES * SOURCES).any(|pair| self.take(pair / SOURCES, pair % SOURCES)) {}
    }
}

fn plays<A: WireAlgorithm>(
    fresh: impl Fn(Actor) -> A,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
    check: impl Fn(&A, &[A::Op]),
) {
    for case in 0..Trial::from_env(0).cases {
        let mut random = ChaCha8Rng::seed_from_u64(case.into());
        let mut play = Play::new(&fresh);
        for _ in 0..STEPS {
            let [who, lane] = [(); 2].map(|()| random.random_range(0..SOURCES));
            if random.random_bool(0.4) {
                let op = generate(&mut random, &play.replicas[who], &ACTORS[who]);
                play.write(who, op);
            } else {
                play.take(who, lane);
            }
            check(&play.replicas[who], &play.applied[who]);
        }
        play.settle();
        let all = play.lanes.iter().map(Vec::len).sum::<usize>();
        let state = play.replicas[0].state();
        for (replica, applied) in play.replicas.iter().zip(&play.applied) {
            assert_eq!(applied.len(), all, "every operation arrives");
            assert_eq!(replica.state(), state);
            assert_eq!(encode(&replica.state()), encode(&state));
            check(replica, applied);
        }
    }
}

/// Like [`plays`], by what is shown.
fn shows<A: WireAlgorithm, S: PartialEq + Debug>(
    fresh: impl Fn(Actor) -> A,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
    shown: impl Fn(&A) -> S,
    model: impl Fn(&[A::Op]) -> S,
) {
    plays(fresh, generate, |replica, applied| {
        assert_eq!(shown(replica), model(applied));
    });
}

#[test]
fn the_counter_is_the_sum() {
    let sum = |ops: &[counter::Add]| ops.iter().map(|op| op.amount).sum::<i64>();
    shows(Counter::new, counter_op, Counter::value, sum);
}

/// Granted and received, less given and used, of those that opened.
fn rights<'a>(ops: impl Iterator<Item = &'a bounded_counter::Op>) -> BTreeMap<Actor, u64> {
    use bounded_counter::Op;
    let mut rights = BTreeMap::<Actor, i128>::new();
    for op in ops {
        *rights.entry(*op.author()).or_default() += match op {
            Op::Open { .. } => 0,
            Op::Grant { amount, .. } => i128::from(*amount),
            Op::Give { amount, .. } | Op::Use { amount, .. } => -i128::from(*amount),
        };
        if let Op::Give { to, amount, .. } = op {
            *rights.entry(*to).or_default() += i128::from(*amount);
        }
    }
    let positive = |rights| u64::try_from(rights).expect("nobody is overdrawn");
    rights
        .into_iter()
        .map(|(owner, rights)| (owner, positive(rights)))
        .collect()
}

#[test]
fn rights_are_what_was_granted_and_received_less_what_was_given_and_used() {
    let shown = |it: &bft_crdts::types::BoundedCounter| {
        let accounts = it.accounts();
        let rights: BTreeMap<_, _> = accounts
            .map(|(owner, account)| (*owner, account.rights))
            .collect();
        assert_eq!(rights.values().sum::<u64>(), it.available());
        rights
    };
    shows(quotas, rights_op, shown, |ops| rights(ops.iter()));
}

#[test]
fn the_register_shows_a_write_of_the_largest_rank() {
    plays(tight_lww, lww_op, |register, applied| {
        let largest = applied.iter().map(|write| write.stamp.rank).max();
        let current: Option<&lww_register::Write<String>> = register.current();
        assert_eq!(current.map(|write| write.stamp.rank), largest);
        assert!(current.is_none_or(|current| applied.contains(current)));
    });
}

#[test]
fn the_register_shows_all_that_no_write_replaced() {
    let model = |ops: &[mv_register::Write<String>]| {
        let mut written = BTreeMap::<Actor, u64>::new();
        let mut numbered = Vec::new();
        for op in ops {
            let number = written.entry(op.by).or_default();
            *number += 1;
            numbered.push((*number, op));
        }
        let replaced = |number: u64, by: &Actor| {
            let named = |op: &mv_register::Write<String>| op.over.get(by) >= Some(&number);
            number < written[by] || ops.iter().any(named)
        };
        let left = numbered
            .iter()
            .filter(|(number, op)| !replaced(*number, &op.by));
        left.map(|(_, op)| (op.by, op.value.clone())).collect()
    };
    let shown = |it: &MvRegister<String>| -> BTreeMap<_, _> {
        it.iter().map(|(by, value)| (*by, value.clone())).collect()
    };
    shows(tight_mv, mv_op, shown, model);
}

#[test]
fn the_map_shows_puts_that_nobody_replaced_or_removed_who_had_seen_them() {
    plays(tight_map, map_op, |shown, applied| {
        let mut left = BTreeMap::<&String, BTreeMap<Stamp, &String>>::new();
        for op in applied {
            if let map::Op::Put {
                stamp, key, value, ..
            } = op
            {
                left.entry(key).or_default().insert(*stamp, value);
            }
        }
        for op in applied {
            let (key, over, own) = match op {
                map::Op::Put {
                    stamp, key, over, ..
                } => (key, over, Some(stamp)),
                map::Op::Remove { key, over } => (key, over, None),
            };
            let gone = |put: &Stamp| {
                let replaced = own.is_some_and(|own| own.by == put.by && put.rank < own.rank);
                replaced || over.get(&put.by) >= Some(&put.rank)
            };
            if let Some(puts) = left.get_mut(key) {
                puts.retain(|put, _| !gone(put));
            }
        }
        left.retain(|_, puts| !puts.is_empty());
        assert_eq!(
            shown.iter().map(|(key, _)| key).collect::<Vec<_>>(),
            left.keys().copied().collect::<Vec<_>>()
        );
        for (key, puts) in &left {
            let all: BTreeMap<_, _> = shown
                .get_all(key)
                .map(|put| (put.stamp, &put.value))
                .collect();
            assert_eq!(&all, puts);
            let winner = shown.winner(key).expect("the key is there");
            let largest = puts.keys().map(|put| put.rank).max();
            assert_eq!(Some(winner.stamp.rank), largest);
        }
    });
}

#[test]
fn each_instance_shows_what_was_done_under_its_key() {
    let shown = |it: &Counters| -> BTreeMap<String, BTreeMap<Actor, u64>> {
        let instances = it.iter().map(|(key, instance)| {
            let accounts = instance.accounts();
            let rights = accounts.map(|(owner, account)| (*owner, account.rights));
            (key.clone(), rights.collect())
        });
        instances.collect()
    };
    let model = |ops: &[keyed::Op<String, bounded_counter::Op>]| {
        let keys: BTreeSet<_> = ops.iter().map(|op| op.key.clone()).collect();
        let under = |key: &String| rights(ops.iter().filter(|op| op.key == *key).map(|op| &op.op));
        keys.into_iter()
            .map(|key| (key.clone(), under(&key)))
            .collect()
    };
    shows(tight_keyed, keyed_op, shown, model);
}

#[test]
fn heads_are_the_nodes_that_no_node_replaces() {
    let model = |ops: &[merkle_reg::Node<String>]| -> BTreeSet<Digest> {
        let replaced: BTreeSet<_> = ops.iter().flat_map(|node| &node.children).collect();
        let all = ops.iter().map(merkle_reg::Node::digest);
        all.filter(|digest| !replaced.contains(digest)).collect()
    };
    let shown = |it: &MerkleReg<String>| it.heads().map(|(digest, _)| *digest).collect();
    shows(tight_merkle, merkle_op, shown, model);
}

/// Add wins, as simply as possible.
fn members<'a, M: Ord + Clone + 'a>(
    ops: impl Iterator<Item = &'a orswot::Op<M>> + Clone,
) -> BTreeSet<M> {
    let removed = |member: &M, dot: &orswot::Dot| {
        ops.clone().any(|op| match op {
            orswot::Op::Rm { clock, members } => {
                members.contains(member) && clock.get(&dot.actor) >= Some(&dot.counter)
            }
            orswot::Op::Add { .. } => false,
        })
    };
    let mut there = BTreeSet::new();
    for op in ops.clone() {
        if let orswot::Op::Add { dot, members } = op {
            let left = members.iter().filter(|member| !removed(member, dot));
            there.extend(left.cloned());
        }
    }
    there
}

#[test]
fn the_graph_shows_edges_between_vertices_that_are_there() {
    let shown = |it: &Graph<u8>| {
        let edges: BTreeSet<_> = it.edges().copied().collect();
        for vertex in 0..4 {
            let from = edges.iter().filter(|edge| edge.0 == vertex);
            let ends: Vec<_> = from.map(|edge| &edge.1).collect();
            assert_eq!(it.successors(&vertex).collect::<Vec<_>>(), ends);
        }
        assert!(edges.iter().all(|(from, to)| it.has_edge(from, to)));
        (it.vertices().copied().collect::<BTreeSet<_>>(), edges)
    };
    let model = |ops: &[graph::Op<u8>]| {
        let vertices = members(ops.iter().filter_map(|op| match op {
            Part::First(op) => Some(op),
            Part::Second(_) => None,
        }));
        let edges = members(ops.iter().filter_map(|op| match op {
            Part::Second(op) => Some(op),
            Part::First(_) => None,
        }));
        let there = |edge: &(u8, u8)| vertices.contains(&edge.0) && vertices.contains(&edge.1);
        let edges = edges.into_iter().filter(there).collect();
        (vertices, edges)
    };
    shows(tight_graph, graph_op, shown, model);
}

/// Whatever was moved where, each node is shown in one place, and its way up ends.
fn is_a_forest(tree: &Tree<String>) {
    let all: Vec<Stamp> = tree.nodes().map(|(node, _)| *node).collect();
    let places = all.iter().map(|node| Parent::Under(*node));
    for place in places.chain([Parent::Top, Parent::Trash]) {
        let below: Vec<_> = all
            .iter()
            .filter(|node| tree.parent(node) == Some(place))
            .copied()
            .collect();
        assert_eq!(tree.children(place), below);
    }
    for node in &all {
        let (mut up, mut steps) = (tree.parent(node).expect("it is there"), 0);
        while let Parent::Under(above) = up {
            up = tree.parent(&above).expect("it is there");
            steps += 1;
            assert!(steps <= all.len(), "a cycle is shown");
        }
        assert_eq!(tree.is_shown(node), up == Parent::Top);
    }
}

#[test]
fn the_tree_shows_the_last_moves_and_no_cycle() {
    plays(tight_tree, tree_op, |tree, applied| {
        is_a_forest(tree);
        for (id, node) in tree.nodes() {
            let places = applied
                .iter()
                .filter_map(|op: &tree::Op<String>| match &op.act {
                    Act::Create { parent, .. } if op.stamp == *id => Some((op.stamp, *parent)),
                    Act::Move { node, parent } if node == id => Some((op.stamp, *parent)),
                    _ => None,
                });
            let places: BTreeMap<_, _> = places.collect();
            let largest = places.keys().map(|stamp| stamp.rank).max();
            assert_eq!(Some(node.moved.rank), largest);
            assert_eq!(places.get(&node.moved), Some(&node.parent));
        }
    });
}

#[test]
fn of_a_cycle_the_node_that_was_moved_last_is_shown_at_the_top_until_it_opens() {
    let [alice, bob] = [ACTORS[0], ACTORS[1]];
    let mut tree = Tree::<String>::new(alice);
    let mut create = || {
        let op = tree.create(Parent::Top, String::new());
        tree.apply(op.clone());
        op.stamp
    };
    let [one, other, third] = [(); 3].map(|()| create());
    let mut theirs = Tree::<String>::new(bob);
    theirs.sync_from(tree.state());
    tree.apply(tree.move_to(third, Parent::Top));
    let later = tree.move_to(one, Parent::Under(other));
    let earlier = theirs.move_to(other, Parent::Under(one));
    assert!(earlier.stamp.rank < later.stamp.rank);
    assert!(tree.validate(&bob, &earlier) && tree.validate(&alice, &later));
    tree.apply(later);
    tree.apply(earlier);
    is_a_forest(&tree);
    assert_eq!(tree.parent(&one), Some(Parent::Top), "moved last");
    assert_eq!(tree.parent(&other), Some(Parent::Under(one)));
    tree.apply(tree.move_to(other, Parent::Under(third)));
    assert_eq!(
        tree.parent(&one),
        Some(Parent::Under(other)),
        "the cycle is open"
    );
    is_a_forest(&tree);
}

#[test]
fn a_way_through_very_many_nodes_exhausts_no_stack() {
    let mut tree = Tree::<u8>::new(ACTORS[0]);
    let mut place = Parent::Top;
    for _ in 0..100_000 {
        let op = tree.create(place, 0);
        place = Parent::Under(op.stamp);
        tree.apply(op);
    }
    let Parent::Under(deepest) = place else {
        unreachable!("it was created");
    };
    assert!(tree.is_shown(&deepest));
    let top = tree.children(Parent::Top)[0];
    tree.apply(tree.move_to(top, Parent::Under(deepest)));
    assert_eq!(
        tree.children(Parent::Top),
        [top],
        "the last move closed the cycle"
    );
    assert!(tree.is_shown(&deepest));
}

#[test]
fn what_is_approved_has_enough_votes() {
    plays(allow_list, vote, |list: &Poll<String>, applied| {
        let mut votes = BTreeMap::<&String, BTreeSet<Actor>>::new();
        for poll::Vote { by, choice } in applied {
            assert!(
                votes.entry(choice).or_default().insert(*by),
                "none votes twice"
            );
        }
        let approved = votes.iter().filter(|(_, voters)| voters.len() >= 2);
        let approved: Vec<_> = approved.map(|(choice, _)| *choice).collect();
        assert_eq!(list.approved().collect::<Vec<_>>(), approved);
        for (choice, voters) in &votes {
            assert!(list.voters(choice).eq(voters));
        }
    });
}
