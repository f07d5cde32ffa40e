//! What a source writes: mostly what an honest replica proposes, sometimes what a liar would.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bft_crdts::Actor;
use bft_crdts::laws::{self, ChaCha8Rng};
use bft_crdts::types::mv_register::Seen;
use bft_crdts::types::tree::{Act, Parent};
use bft_crdts::types::{
    BoundedCounter, Budget, Counter, Graph, Keyed, LwwRegister, Map, MerkleReg, MvRegister, Part,
    Poll, Stamp, Tree, bounded_counter, counter, graph, keyed, lww_register, map, merkle_reg,
    mv_register, poll, tree,
};
use rand::RngExt;

/// Those who take part in a trial of four, and a stranger.
pub(super) static ACTORS: LazyLock<Vec<Actor>> = LazyLock::new(|| laws::actors(5));

/// Small enough to be met in a short history.
pub(super) const TIGHT: Budget = Budget {
    op_bytes: 16,
    entries: 4,
    bytes: 24,
};

pub(super) fn someone(random: &mut ChaCha8Rng) -> Actor {
    ACTORS[random.random_range(0..ACTORS.len())]
}

/// Mostly `from`, else anybody.
fn signer(random: &mut ChaCha8Rng, from: &Actor) -> Actor {
    if random.random_bool(0.8) {
        *from
    } else {
        someone(random)
    }
}

/// Mostly near what is valid, sometimes absurd.
fn number(random: &mut ChaCha8Rng) -> u64 {
    match random.random_range(0..10) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX - 1,
        _ => random.random_range(1..8),
    }
}

fn stamp(random: &mut ChaCha8Rng, from: &Actor) -> Stamp {
    let (rank, by) = (number(random), signer(random, from));
    Stamp { rank, by }
}

fn seen(random: &mut ChaCha8Rng) -> Seen {
    (0..random.random_range(0..3))
        .map(|_| (someone(random), number(random)))
        .collect()
}

/// Of a few, so that sources meet on them; rarely one that is too long for [`TIGHT`].
fn word(random: &mut ChaCha8Rng) -> String {
    match random.random_range(0..16) {
        0 => "too long for any budget".to_owned(),
        n => char::from(b'a' + n % 5).to_string(),
    }
}

pub(super) fn counter_op(random: &mut ChaCha8Rng, it: &Counter, _: &Actor) -> counter::Add {
    match random.random_range(0..8) {
        0 => counter::Add {
            by: someone(random),
            amount: random.random_range(-3..4),
        },
        1 => it
            .add([0, Counter::MOST, -Counter::MOST, i64::MAX, i64::MIN][random.random_range(0..5)]),
        _ => it.add(random.random_range(-9..10)),
    }
}

pub(super) fn quotas(actor: Actor) -> BoundedCounter {
    let quotas = BTreeMap::from([(ACTORS[0], 20), (ACTORS[1], u64::MAX / 2 - 20)]);
    BoundedCounter::with_quotas(actor, quotas).expect("they sum up to what can be counted")
}

pub(super) fn rights_op(
    random: &mut ChaCha8Rng,
    it: &BoundedCounter,
    from: &Actor,
) -> bounded_counter::Op {
    use bounded_counter::Op;
    let amount = if random.random_bool(0.8) {
        random.random_range(1..8)
    } else {
        number(random)
    };
    let (by, to) = (signer(random, from), someone(random));
    match random.random_range(0..10) {
        0..3 => it.open(),
        3 => Op::Grant { by, amount },
        4 => it.grant(amount),
        5 => Op::Give { by, to, amount },
        6 => it.give(to, amount),
        7 => Op::Use { by, amount },
        _ => it.consume(amount),
    }
}

pub(super) fn tight_lww(actor: Actor) -> LwwRegister<String> {
    LwwRegister::with_budget(actor, TIGHT)
}

pub(super) fn lww_op(
    random: &mut ChaCha8Rng,
    it: &LwwRegister<String>,
    from: &Actor,
) -> lww_register::Write<String> {
    let value = word(random);
    if random.random_bool(0.6) {
        return it.write(value);
    }
    let stamp = stamp(random, from);
    lww_register::Write { stamp, value }
}

pub(super) fn tight_mv(actor: Actor) -> MvRegister<String> {
    MvRegister::with_budget(actor, TIGHT)
}

pub(super) fn mv_op(
    random: &mut ChaCha8Rng,
    it: &MvRegister<String>,
    from: &Actor,
) -> mv_register::Write<String> {
    let value = word(random);
    if random.random_bool(0.6) {
        return it.write(value);
    }
    let (by, over) = (signer(random, from), seen(random));
    mv_register::Write { by, over, value }
}

pub(super) type Words = Map<String, String>;

pub(super) fn tight_map(actor: Actor) -> Words {
    let entry = TIGHT.op_bytes + 4;
    let budget = Budget {
        op_bytes: 2 * entry,
        bytes: 3 * entry,
        ..TIGHT
    };
    Map::with_budget(actor, budget)
}

pub(super) fn map_op(random: &mut ChaCha8Rng, it: &Words, from: &Actor) -> map::Op<String, String> {
    let (key, value) = (word(random), word(random));
    match random.random_range(0..8) {
        0..4 => it.put(key, value),
        4 | 5 => it.remove(&key).unwrap_or_else(|| it.put(key, value)),
        6 => map::Op::Put {
            stamp: stamp(random, from),
            key,
            value,
            over: seen(random),
        },
        _ => map::Op::Remove {
            key,
            over: seen(random),
        },
    }
}

pub(super) type Counters = Keyed<String, BoundedCounter>;

pub(super) fn tight_keyed(actor: Actor) -> Counters {
    let budget = Budget {
        entries: 3,
        ..TIGHT
    };
    Keyed::of(actor, quotas(actor), budget)
}

pub(super) fn keyed_op(
    random: &mut ChaCha8Rng,
    it: &Counters,
    from: &Actor,
) -> keyed::Op<String, bounded_counter::Op> {
    let key = word(random);
    let by = signer(random, from);
    let instance = it.get(&key).cloned().unwrap_or_else(|| quotas(*from));
    let op = rights_op(random, &instance, from);
    keyed::Op { by, key, op }
}

pub(super) type Pair = (LwwRegister<String>, BoundedCounter);

pub(super) fn tight_pair(actor: Actor) -> Pair {
    (tight_lww(actor), quotas(actor))
}

pub(super) fn pair_op(
    random: &mut ChaCha8Rng,
    it: &Pair,
    from: &Actor,
) -> Part<lww_register::Write<String>, bounded_counter::Op> {
    if random.random() {
        Part::First(lww_op(random, &it.0, from))
    } else {
        Part::Second(rights_op(random, &it.1, from))
    }
}

pub(super) fn tight_merkle(actor: Actor) -> MerkleReg<String> {
    let budget = Budget {
        op_bytes: 200,
        entries: 6,
        bytes: 800,
    };
    MerkleReg::with_budget(actor, budget)
}

pub(super) fn merkle_op(
    random: &mut ChaCha8Rng,
    it: &MerkleReg<String>,
    from: &Actor,
) -> merkle_reg::Node<String> {
    let mut node = it.write(word(random));
    match random.random_range(0..8) {
        0 => node.by = signer(random, from),
        // A node that somebody may still write.
        1 => {
            let mut child = it.write(word(random));
            child.by = someone(random);
            node.children = [child.digest()].into();
        }
        2 => node.children.clear(),
        _ => {}
    }
    node
}

pub(super) fn tight_graph(actor: Actor) -> Graph<u8> {
    let vertices = Budget {
        entries: 3,
        ..TIGHT
    };
    Graph::with_budgets(actor, vertices, TIGHT)
}

pub(super) fn graph_op(random: &mut ChaCha8Rng, it: &Graph<u8>, from: &Actor) -> graph::Op<u8> {
    use bft_crdts::orswot::{Dot, Op};
    let [one, other] = [(); 2].map(|()| random.random_range(0..4));
    let dot = Dot {
        actor: signer(random, from),
        counter: number(random),
    };
    let clock = seen(random);
    match random.random_range(0..10) {
        0..3 => it.add_vertex(one),
        3..5 => it.add_edge(one, other),
        5 => it.remove_vertex(&one).unwrap_or_else(|| it.add_vertex(one)),
        6 => it
            .remove_edge(one, other)
            .unwrap_or_else(|| it.add_edge(one, other)),
        7 => Part::First(Op::Add {
            dot,
            members: [one].into(),
        }),
        8 => Part::Second(Op::Add {
            dot,
            members: [(one, other)].into(),
        }),
        _ => Part::First(Op::Rm {
            clock,
            members: [one].into(),
        }),
    }
}

pub(super) fn tight_tree(actor: Actor) -> Tree<String> {
    let budget = Budget { bytes: 40, ..TIGHT };
    Tree::with_budget(actor, budget)
}

pub(super) fn tree_op(
    random: &mut ChaCha8Rng,
    it: &Tree<String>,
    from: &Actor,
) -> tree::Op<String> {
    let node = |random: &mut ChaCha8Rng| {
        let known: Vec<_> = it.nodes().map(|(node, _)| *node).collect();
        match known.is_empty() || random.random_bool(0.1) {
            true => stamp(random, from),
            false => known[random.random_range(0..known.len())],
        }
    };
    let (one, other) = (node(random), node(random));
    let parent = match random.random_range(0..8) {
        0 => Parent::Trash,
        1 | 2 => Parent::Top,
        _ => Parent::Under(other),
    };
    let value = word(random);
    match random.random_range(0..10) {
        0..3 => it.create(parent, value),
        3..8 => it.move_to(one, parent),
        8 => tree::Op {
            stamp: stamp(random, from),
            act: Act::Create { parent, value },
        },
        _ => tree::Op {
            stamp: stamp(random, from),
            act: Act::Move { node: one, parent },
        },
    }
}

pub(super) fn allow_list(actor: Actor) -> Poll<String> {
    let rules = poll::Rules {
        voters: Some(ACTORS[..3].iter().copied().collect()),
        approvals: 2,
        budget: TIGHT,
    };
    Poll::with_rules(actor, rules)
}

pub(super) fn vote(random: &mut ChaCha8Rng, it: &Poll<String>, from: &Actor) -> poll::Vote<String> {
    let mut vote = it.vote(word(random));
    vote.by = signer(random, from);
    vote
}
