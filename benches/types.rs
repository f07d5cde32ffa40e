//! What judging and applying one operation costs among few elements and among many, for each type.
//!
//! A source makes an operation at an element that chance chooses, and applies it; another replica, which has not touched that
//! element since its last turn, judges and applies it, and that is measured on the clock, whose own cost is taken off. The figure is the
//! mean of the middle half of all operations. Among many elements chance chooses one of all of them, or always one of a few of them: the
//! first waits for memory, the second shows what the type itself does more among many.
//!
//! How long one place in memory is waited for is measured as well: no operation at a random element is faster than that.
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
use rand::seq::SliceRandom;
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

/// How many elements are few, how many are many, of how many one is chosen where few of many are used, and how many operations are
/// measured.
#[derive(Clone, Copy)]
struct Sizes {
    few: u64,
    many: u64,
    used: u64,
    ops: usize,
}

fn main() {
    let measuring = Arguments::parse().thoroughness.is_measuring();
    let (few, many, ops) = if measuring {
        (1_000, 1_000_000, 20_000)
    } else {
        (10, 20, 5)
    };
    waits(measuring);
    let used = few;
    let sizes = Sizes {
        few,
        many,
        used,
        ops,
    };
    heading("elements", sizes);
    sums(sizes);
    registers(sizes);
    collections(sizes);
    histories(sizes);
    let many = if measuring { 100_000 } else { 10 };
    let sizes = Sizes {
        few: 1,
        many,
        ..sizes
    };
    heading("instances", sizes);
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
    bytes[..8].copy_from_slice(&spread(number).to_be_bytes());
    Actor::from_bytes(bytes)
}

fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Prints how long one place in memory is waited for, when the places that may be next are so many bytes.
fn waits(measuring: bool) {
    let kilobytes: &[usize] = if measuring {
        &[256, 8 << 10, 128 << 10]
    } else {
        &[1]
    };
    for kilobytes in kilobytes {
        let next = ring(kilobytes << 4);
        let (mut at, steps) = (0, 1 << 20);
        let began = Instant::now();
        (0..steps).for_each(|_| at = next[at as usize][0]);
        let wait = began.elapsed().as_secs_f64() * 1e9 / f64::from(steps);
        println!(
            "one place among {kilobytes} kB is waited for {wait:.0} ns{}",
            if at == u32::MAX { "." } else { "" }
        );
    }
}

/// A ring through all so many lines of the cache, in an order that chance chooses; each tells which is next.
fn ring(lines: usize) -> Vec<[u32; 16]> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut order: Vec<u32> = (0..).take(lines).collect();
    order.shuffle(&mut random);
    let mut next = vec![[0; 16]; lines];
    for (one, other) in order.iter().zip(order.iter().cycle().skip(1)) {
        next[*one as usize][0] = *other;
    }
    next
}

fn heading(
    what: &str,
    Sizes {
        few, many, used, ..
    }: Sizes,
) {
    let some = format!("{used} of them");
    println!("{what:<16} {few:>10} {many:>10}  ratio {some:>14}  ratio");
}

/// How long judging and applying takes a replica, for each of `ops` operations that `write` makes at another one.
fn cost<A: SecureBroadcastAlgorithm>(
    [author, replica]: &mut [A; 2],
    ops: usize,
    mut write: impl FnMut(&A) -> A::Op,
) -> f64 {
    let mut times = Vec::new();
    for _ in 0..ops {
        let op = write(author);
        author.apply(op.clone());
        let began = Instant::now();
        let verdict = replica.verdict(&source(), &op);
        replica.apply(op);
        times.push(began.elapsed());
        assert!(verdict.is_valid(), "{verdict:?}");
    }
    let clock = (0..10_000).map(|_| Instant::now().elapsed()).collect();
    (middle(times) - middle(clock)).max(1.0)
}

/// The mean of the middle half, in nanoseconds.
fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let quarter = times.len() / 4;
    let half = &times[quarter..times.len() - quarter];
    half.iter().sum::<Duration>().as_secs_f64() * 1e9 / half.len() as f64
}

/// Prints what a type costs among few elements and among many. `write` is given an element and a number, both by chance.
fn row<A: SecureBroadcastAlgorithm>(
    name: &str,
    sizes: Sizes,
    filled: impl Fn(u64) -> A,
    write: impl Fn(&A, u64, u64) -> A::Op,
) {
    let measured = |replicas: &mut [A; 2], count, used: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(count + used);
        // Elements that are used are far apart.
        let mut write = |it: &A| {
            let element = random.random_range(0..used) * (count / used);
            write(it, element, random.random())
        };
        cost(replicas, sizes.ops / 4 + 1, &mut write);
        cost(replicas, sizes.ops, &mut write)
    };
    let twice = |count| {
        let one = filled(count);
        [one.clone(), one]
    };
    let few = measured(&mut twice(sizes.few), sizes.few, sizes.few);
    let mut replicas = twice(sizes.many);
    let many = measured(&mut replicas, sizes.many, sizes.many);
    let used = measured(&mut replicas, sizes.many, sizes.used);
    let (all, some) = (many / few, used / few);
    println!("{name:<16} {few:>7.0} ns {many:>7.0} ns {all:>6.2} {used:>11.0} ns {some:>6.2}");
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
        (0..count).for_each(|n| all.apply(all.vote(spread(n))));
        all
    };
    row("poll", sizes, filled, |it, _, choice| it.vote(choice));
}
