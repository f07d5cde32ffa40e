//! What judging and applying one operation costs among few elements and among many, for each type.
//!
//! A source makes an operation on the state before it, at an element that chance chooses; making it is not measured. Verdict and
//! `apply` are, on the clock, whose own cost is taken off; of all operations the median.
//!
//! `cargo bench --bench types` measures among 1,000 and 1,000,000 elements, and `Keyed` with 1 and 100,000 instances.
#![allow(clippy::print_stdout)]

mod arguments;

use std::time::{Duration, Instant};

use bft_crdts::orswot::Orswot;
use bft_crdts::types::tree::Parent;
use bft_crdts::types::{
    BoundedCounter, Budget, Counter, Graph, Keyed, LwwRegister, Map, MerkleReg, MvRegister, Poll,
    Stamp, Tree, bounded_counter, counter, lww_register, mv_register, poll,
};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};
use clap::Parser;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WIDE: Budget = Budget {
    op_bytes: 1 << 10,
    entries: 1 << 30,
    bytes: 1 << 40,
};

/// Measures what judging and applying one operation costs among few elements and among many, for each type
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    thoroughness: arguments::Thoroughness,
}

/// How many elements are few, how many are many, and how many operations are measured among them.
#[derive(Clone, Copy)]
struct Sizes {
    few: u64,
    many: u64,
    ops: usize,
}

fn main() {
    let measuring = Arguments::parse().thoroughness.is_measuring();
    let (few, many, ops) = if measuring {
        (1_000, 1_000_000, 20_000)
    } else {
        (10, 20, 5)
    };
    let sizes = Sizes { few, many, ops };
    println!("{:<16} {few:>10} {many:>10}  ratio", "elements");
    sums(sizes);
    registers(sizes);
    collections(sizes);
    histories(sizes);
    let many = if measuring { 100_000 } else { 10 };
    println!("{:<16} {:>10} {many:>10}  ratio", "instances", 1);
    let sizes = Sizes { few: 1, many, ops };
    let filled = |count| {
        let mut all = Keyed::<u64, Counter>::of(source(), Counter::new(source()), WIDE);
        (0..count).for_each(|n| all.apply(all.on(n, |it| it.add(1))));
        all
    };
    row("keyed", sizes, filled, |it, key, _| {
        it.on(key, |inner| inner.add(1))
    });
}

/// The one that writes.
fn source() -> Actor {
    actor(0)
}

fn actor(number: u64) -> Actor {
    // Keys are as good as random: their first bytes differ.
    let mut bytes = [0; 32];
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bytes[..8].copy_from_slice(&spread.to_be_bytes());
    Actor::from_bytes(bytes)
}

/// The median time of judging and applying `ops` operations on `all`, which `write` makes.
fn cost<A: SecureBroadcastAlgorithm>(
    all: &mut A,
    ops: usize,
    mut write: impl FnMut(&A) -> A::Op,
) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ops {
        let op = write(all);
        let began = Instant::now();
        let verdict = all.verdict(&source(), &op);
        all.apply(op);
        times.push(began.elapsed());
        assert!(verdict.is_valid(), "{verdict:?}");
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let clock = (0..1_000).map(|_| Instant::now().elapsed()).collect();
    median(times).saturating_sub(median(clock))
}

/// Prints what a type costs among few elements and among many. `write` is given an element and a number, both by chance.
fn row<A: SecureBroadcastAlgorithm>(
    name: &str,
    sizes: Sizes,
    filled: impl Fn(u64) -> A,
    write: impl Fn(&A, u64, u64) -> A::Op,
) {
    let [few, many] = [sizes.few, sizes.many].map(|count| {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut all = filled(count);
        let mut write = |it: &A| write(it, random.random_range(0..count), random.random());
        cost(&mut all, sizes.ops / 10 + 1, &mut write);
        cost(&mut all, sizes.ops, &mut write)
    });
    let ratio = many.as_secs_f64() / few.as_secs_f64().max(1e-9);
    let [few, many] = [few, many].map(|time| format!("{} ns", time.as_nanos()));
    println!("{name:<16} {few:>10} {many:>10} {ratio:>6.2}");
}

/// Their elements are sources.
fn sums(sizes: Sizes) {
    let filled = |count| {
        let mut all = Counter::new(source());
        for by in (0..count).map(actor) {
            all.apply(counter::Add { by, amount: 1 });
        }
        all
    };
    row("counter", sizes, filled, |it, _, _| it.add(1));
    let filled = |count| {
        let quotas = [(source(), 1 << 40)].into();
        let mut all = BoundedCounter::with_quotas(source(), quotas).expect("one quota");
        for by in (0..=count).map(actor) {
            all.apply(bounded_counter::Op::Open { by });
        }
        all.apply(all.grant(1 << 40));
        all
    };
    row("bounded counter", sizes, filled, |it, n, _| {
        it.give(actor(n + 1), 1)
    });
}

/// Their elements are sources.
fn registers(sizes: Sizes) {
    let filled = |count| {
        let mut all = LwwRegister::with_budget(source(), WIDE);
        for by in (0..count).map(actor) {
            let stamp = Stamp { rank: 1, by };
            all.apply(lww_register::Write { stamp, value: 1 });
        }
        all
    };
    row("lww register", sizes, filled, |it, _, value| {
        it.write(value)
    });
    let write = |by, value| mv_register::Write {
        by,
        over: [].into(),
        value,
    };
    let filled = |count| {
        let mut all = MvRegister::with_budget(source(), WIDE);
        (0..count).for_each(|n| all.apply(write(actor(n), n)));
        all
    };
    row("mv register", sizes, filled, |_, _, value| {
        write(source(), value)
    });
}

/// Their elements are members, keys, and edges.
fn collections(sizes: Sizes) {
    let filled = |count| {
        let mut all = Orswot::with_budget(source(), WIDE);
        (0..count).for_each(|n| all.apply(all.add(n)));
        all
    };
    row("set", sizes, filled, |it, member, _| it.add(member));
    let filled = |count| {
        let mut all = Map::with_budget(source(), WIDE);
        (0..count).for_each(|n| all.apply(all.put(n, n)));
        all
    };
    row("map", sizes, filled, |it, key, value| it.put(key, value));
    let filled = |count| {
        let mut all = Graph::with_budgets(source(), WIDE, WIDE);
        (0..count).for_each(|n| all.apply(all.add_edge(n, n)));
        all
    };
    row("graph", sizes, filled, |it, vertex, _| {
        it.add_edge(vertex, vertex)
    });
}

/// Their elements are nodes, and choices.
fn histories(sizes: Sizes) {
    let filled = |count| {
        let mut all = MerkleReg::with_budget(source(), WIDE);
        (0..count).for_each(|n| all.apply(all.write(n)));
        all
    };
    row("merkle register", sizes, filled, |it, _, value| {
        it.write(value)
    });
    let filled = |count| {
        let mut all = Tree::with_budget(source(), WIDE);
        (0..count).for_each(|n| all.apply(all.create(Parent::Top, n)));
        all
    };
    // A source that alone creates and moves gives the ranks one after the other: they name the nodes.
    let node = |n| Stamp {
        rank: n + 1,
        by: source(),
    };
    row("tree", sizes, filled, |it, n, other| {
        let place = if other & 1 == 0 {
            Parent::Top
        } else {
            Parent::Trash
        };
        it.move_to(node(n), place)
    });
    let filled = |count| {
        let rules = poll::Rules {
            budget: WIDE,
            ..poll::Rules::default()
        };
        let mut all = Poll::with_rules(source(), rules);
        (0..count).for_each(|n| all.apply(all.vote(n)));
        all
    };
    row("poll", sizes, filled, |it, _, choice| {
        it.vote(choice | 1 << 40)
    });
}
