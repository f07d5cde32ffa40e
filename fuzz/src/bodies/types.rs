//! Arbitrary bytes as a state and the operations of several sources, for each of the data types.
//!
//! What decodes is a state that the type can be in; whatever operation comes then is judged without
//! falling over, in one way, and as the laws say.

use bft_crdts::codec::{decode, encode};
use bft_crdts::laws::actors;
use bft_crdts::orswot::Orswot;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::tree::Parent;
use bft_crdts::types::{
    BoundedCounter, Budget, Counter, Graph, Keyed, LwwRegister, Map, MerkleReg, MvRegister, Part,
    Poll, Text, Tree,
};
use bft_crdts::{Actor, Verdict};

/// More than any corpus file holds.
const MOST: usize = 1 << 16;
const SOURCES: u8 = 3;
/// Small, so that it is met.
const BUDGET: Budget = Budget {
    op_bytes: 64,
    entries: 4,
    bytes: 400,
};

struct Kind {
    name: &'static str,
    play: fn(&[u8]),
    seed: fn(u8) -> Vec<u8>,
}

/// The first byte of an input chooses among them.
const KINDS: &[Kind] = &[
    Kind {
        name: "counter",
        play: |input| play::<Counter>(new, input),
        seed: |kind| seed::<Counter>(kind, new, &[&|it| it.add(3), &|it| it.add(-1)]),
    },
    Kind {
        name: "bounded-counter",
        play: |input| play::<BoundedCounter>(new, input),
        seed: |kind| {
            let write: Write<BoundedCounter> = &|it| it.consume(1);
            seed(kind, new, &[&|it: &BoundedCounter| it.open(), write])
        },
    },
    Kind {
        name: "lww-register",
        play: |input| play(lww, input),
        seed: |kind| seed(kind, lww, &[&|it| it.write(1), &|it| it.write(2)]),
    },
    Kind {
        name: "mv-register",
        play: |input| play(mv, input),
        seed: |kind| seed(kind, mv, &[&|it| it.write(1), &|it| it.write(2)]),
    },
    Kind {
        name: "map",
        play: |input| play(map, input),
        seed: |kind| {
            let remove: Write<Map<u8, u8>> = &|it| it.remove(&1).unwrap_or_else(|| it.put(3, 3));
            seed(kind, map, &[&|it| it.put(1, 1), &|it| it.put(1, 2), remove])
        },
    },
    Kind {
        name: "keyed",
        play: |input| play(keyed, input),
        seed: |kind| {
            let write: Write<Keyed<u8, MvRegister<u8>>> = &|it| it.on(1, |inner| inner.write(7));
            seed(kind, keyed, &[write, write])
        },
    },
    Kind {
        name: "pair",
        play: |input| play(pair, input),
        seed: |kind| {
            let write: Write<(Counter, LwwRegister<u8>)> = &|it| Part::Second(it.1.write(7));
            seed(kind, pair, &[&|it| Part::First(it.0.add(1)), write])
        },
    },
    Kind {
        name: "merkle-reg",
        play: |input| play(merkle, input),
        seed: |kind| seed(kind, merkle, &[&|it| it.write(1), &|it| it.write(2)]),
    },
    Kind {
        name: "graph",
        play: |input| play(graph, input),
        seed: |kind| {
            let edge: Write<Graph<u8>> = &|it| it.add_edge(1, 2);
            seed(kind, graph, &[&|it| it.add_vertex(1), edge])
        },
    },
    Kind {
        name: "tree",
        play: |input| play(tree, input),
        seed: |kind| {
            seed(
                kind,
                tree,
                &[&|it| it.create(Parent::Top, 1), &|it| under(it)],
            )
        },
    },
    Kind {
        name: "poll",
        play: |input| play(poll, input),
        seed: |kind| seed(kind, poll, &[&|it| it.vote(1)]),
    },
    Kind {
        name: "set",
        play: |input| play(set, input),
        seed: |kind| seed(kind, set, &[&|it| it.add(1), &|it| it.add_all([1, 2])]),
    },
    Kind {
        name: "text",
        play: |input| play(text, input),
        seed: |kind| {
            let insert: Write<Text> = &|it| it.insert(it.len() / 2, "ab").expect("within");
            let delete: Write<Text> = &|it| it.delete(0..1).expect("there is one");
            seed(kind, text, &[insert, delete, insert])
        },
    },
];

/// What a source writes when it looks at a replica.
type Write<'a, A> = &'a dyn Fn(&A) -> <A as bft_crdts::SecureBroadcastAlgorithm>::Op;

fn lww(actor: Actor) -> LwwRegister<u8> {
    LwwRegister::with_budget(actor, BUDGET)
}

fn mv(actor: Actor) -> MvRegister<u8> {
    MvRegister::with_budget(actor, BUDGET)
}

fn map(actor: Actor) -> Map<u8, u8> {
    Map::with_budget(actor, BUDGET)
}

fn keyed(actor: Actor) -> Keyed<u8, MvRegister<u8>> {
    Keyed::of(actor, mv(actor), BUDGET)
}

fn pair(actor: Actor) -> (Counter, LwwRegister<u8>) {
    (new(actor), lww(actor))
}

fn merkle(actor: Actor) -> MerkleReg<u8> {
    MerkleReg::with_budget(actor, BUDGET)
}

fn graph(actor: Actor) -> Graph<u8> {
    Graph::with_budgets(actor, BUDGET, BUDGET)
}

fn tree(actor: Actor) -> Tree<u8> {
    Tree::with_budget(actor, BUDGET)
}

fn poll(actor: Actor) -> Poll<u8> {
    new(actor)
}

fn set(actor: Actor) -> Orswot<u8> {
    Orswot::with_budget(actor, BUDGET)
}

fn text(actor: Actor) -> Text {
    Text::with_budget(actor, BUDGET)
}

fn new<A: WireAlgorithm>(actor: Actor) -> A {
    A::new(actor)
}

/// Moves the first node under the last, or creates one more.
fn under(tree: &Tree<u8>) -> bft_crdts::types::tree::Op<u8> {
    let nodes: Vec<_> = tree.nodes().map(|(node, _)| *node).collect();
    match nodes[..] {
        [first, .., last] => tree.move_to(first, Parent::Under(last)),
        _ => tree.create(Parent::Top, 2),
    }
}

/// Plays an input on the type that its first byte names.
pub fn types(input: &[u8]) {
    if let Some((kind, input)) = input.split_first() {
        (KINDS[usize::from(*kind) % KINDS.len()].play)(input);
    }
}

/// A short honest history of each type.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let kinds = (0..).zip(KINDS);
    kinds
        .map(|(number, kind)| (kind.name.to_owned(), (kind.seed)(number)))
        .collect()
}

fn play<A: WireAlgorithm>(fresh: fn(Actor) -> A, input: &[u8]) {
    let sources = actors(SOURCES);
    let mut replica = fresh(sources[0]);
    let Some((_, state, mut input)) = piece(input) else {
        return;
    };
    if let Ok(state) = decode::<A::ReplicatedState>(state, MOST) {
        replica.sync_from(state.clone());
        assert!(replica.state() == state, "a state is what it was read as");
    }
    let mut judged = Vec::new();
    while let Some((source, op, rest)) = piece(input) {
        input = rest;
        let from = sources[usize::from(source) % sources.len()];
        if let Ok(op) = decode::<A::Op>(op, MOST) {
            let verdict = judge(fresh, &replica, &from, &op);
            if verdict.is_valid() {
                replica.apply(op.clone());
                stands(&replica, &from, &mut judged);
            }
            // Applied, it is judged as the same once more.
            let now = replica.verdict(&from, &op);
            judged.push((from, op, now));
        }
    }
}

/// The verdict on an operation, which is the same however it is asked.
fn judge<A: WireAlgorithm>(
    fresh: fn(Actor) -> A,
    replica: &A,
    from: &Actor,
    op: &A::Op,
) -> Verdict {
    let verdict = replica.verdict(from, op);
    assert_eq!(replica.validate(from, op), verdict.is_valid());
    let twice = replica.verdict_batch(from, &[op.clone(), op.clone()]);
    let bytes = encode(&replica.state());
    let state = decode::<A::ReplicatedState>(&bytes, bytes.len());
    let mut walker = fresh(*from);
    walker.sync_from(state.unwrap_or_else(|error| panic!("its own state is {error}")));
    assert_eq!(walker.verdict(from, op), verdict, "on an equal state");
    if !verdict.is_valid() {
        assert_eq!(twice, verdict);
        return verdict;
    }
    walker.apply(op.clone());
    assert_eq!(twice, walker.verdict(from, op), "as a walk");
    verdict
}

/// After an operation of `source`, what others were told still holds.
fn stands<A: WireAlgorithm>(replica: &A, source: &Actor, judged: &mut [(Actor, A::Op, Verdict)]) {
    for (from, op, verdict) in judged {
        let now = replica.verdict(from, op);
        let foreign = from != source;
        assert!(!(foreign && verdict.is_valid()) || now.is_valid(), "stable");
        let never = |verdict: &Verdict| matches!(verdict, Verdict::Never(_));
        assert!(!(foreign && never(verdict)) || never(&now), "final");
        *verdict = now;
    }
}

/// A byte, a length in two, so many bytes, and the rest.
fn piece(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([tag, low, high], rest) = input.split_first_chunk()?;
    let (piece, rest) = rest.split_at_checked(u16::from_le_bytes([*low, *high]).into())?;
    Some((*tag, piece, rest))
}

fn seed<A: WireAlgorithm>(kind: u8, fresh: fn(Actor) -> A, writes: &[Write<'_, A>]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut put = |source: u8, piece: &[u8]| {
        let len = u16::try_from(piece.len()).expect("a short piece");
        bytes.push(source);
        bytes.extend(len.to_le_bytes());
        bytes.extend(piece);
    };
    let sources = actors(SOURCES);
    let mut all = fresh(sources[0]);
    put(0, &encode(&all.state()));
    for (number, actor) in (0..).zip(&sources) {
        for write in writes {
            let mut replica = fresh(*actor);
            replica.sync_from(all.state());
            let op = write(&replica);
            put(number, &encode(&op));
            if all.validate(actor, &op) {
                all.apply(op);
            }
        }
    }
    bytes
}
