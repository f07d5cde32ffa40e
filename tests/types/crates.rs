//! Our types and those of the `crdts` crate, on what honest sources write: both show the same.
//!
//! Not compared: its `Map`, whose 7.3.2 refuses the first write under a second key; its lists,
//! whose order is another than Fugue's. The set is compared among the promises.

use std::collections::{BTreeMap, BTreeSet};

use bft_crdts::laws::{ChaCha8Rng, Trial};
use bft_crdts::types::poll::Rules;
use bft_crdts::types::{Counter, LwwRegister, MvRegister, Poll};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};
use crdts::{CmRDT, GSet, LWWReg, MVReg, PNCounter};
use rand::{RngExt, SeedableRng};

use crate::generators::*;

const SOURCES: usize = 3;

/// Each source writes to its own replicas of both, or takes what another wrote, each lane in order.
/// Theirs would take an early operation; ours waits until what it replaces is here, and so both do.
fn side_by_side<Ours, Theirs, Written: Clone>(
    fresh: impl Fn(Actor) -> (Ours, Theirs),
    mut write: impl FnMut(&mut ChaCha8Rng, &mut (Ours, Theirs), Actor) -> Written,
    take: impl Fn(&mut (Ours, Theirs), Written) -> bool,
    check: impl Fn(&(Ours, Theirs)),
) {
    for case in 0..Trial::from_env(0).cases {
        let mut random = ChaCha8Rng::seed_from_u64(case.into());
        let mut replicas: Vec<_> = ACTORS[..SOURCES]
            .iter()
            .map(|actor| fresh(*actor))
            .collect();
        let mut lanes: Vec<Vec<Written>> = vec![Vec::new(); SOURCES];
        let mut taken = [[0; SOURCES]; SOURCES];
        for _ in 0..60 {
            let [who, lane] = [(); 2].map(|()| random.random_range(0..SOURCES));
            if who == lane {
                let written = write(&mut random, &mut replicas[who], ACTORS[who]);
                lanes[who].push(written);
            } else if let Some(next) = lanes[lane].get(taken[who][lane])
                && take(&mut replicas[who], next.clone())
            {
                taken[who][lane] += 1;
            }
            check(&replicas[who]);
        }
    }
}

#[test]
fn the_counters_have_one_value() {
    side_by_side(
        |actor| (Counter::new(actor), PNCounter::<Actor>::new()),
        |random, (ours, theirs), actor| {
            let amount = random.random_range(1..9);
            let up = random.random();
            let op = ours.add(if up { amount } else { -amount });
            ours.apply(op);
            let steps = amount.unsigned_abs();
            let other = match up {
                true => theirs.inc_many(actor, steps),
                false => theirs.dec_many(actor, steps),
            };
            theirs.apply(other.clone());
            (op, other)
        },
        |(ours, theirs), (op, other)| {
            ours.apply(op);
            theirs.apply(other);
            true
        },
        |(ours, theirs)| assert_eq!(theirs.read(), ours.value().into()),
    );
}

/// Theirs decides ties by the source, ours by lot: of one rank are both, and of one source they are
/// one write.
#[test]
fn the_last_write_registers_show_writes_of_one_rank() {
    let mut number = 0;
    side_by_side(
        |actor| {
            let marker = (0u64, Actor::from_bytes([0; 32]));
            (LwwRegister::<u32>::new(actor), LWWReg { val: 0, marker })
        },
        |_, (ours, theirs), _| {
            number += 1;
            let op = ours.write(number);
            let other = LWWReg {
                val: number,
                marker: (op.stamp.rank, op.stamp.by),
            };
            ours.apply(op.clone());
            theirs.apply(other.clone());
            (op, other)
        },
        |(ours, theirs), (op, other)| {
            let valid = ours.validate(&op.stamp.by, &op);
            if valid {
                ours.apply(op);
                theirs.apply(other);
            }
            valid
        },
        |(ours, theirs)| {
            let (rank, by) = theirs.marker;
            let current = ours.current();
            assert_eq!(current.map_or(0, |write| write.stamp.rank), rank);
            if let Some(write) = current.filter(|write| write.stamp.by == by) {
                assert_eq!(write.value, theirs.val);
            }
        },
    );
}

#[test]
fn the_votes_of_a_poll_are_a_grow_only_set() {
    side_by_side(
        |actor| {
            let mut rules = Rules::default();
            rules.budget.entries = 4;
            let ours = Poll::<u8>::with_rules(actor, rules);
            (ours, GSet::<(u8, Actor)>::default())
        },
        |random, (ours, theirs), actor| {
            let op = ours.vote(random.random_range(0..6));
            let valid = ours.validate(&actor, &op);
            if valid {
                theirs.apply((op.choice, op.by));
                ours.apply(op.clone());
            }
            valid.then_some(op)
        },
        |(ours, theirs), op| {
            if let Some(op) = op {
                assert!(ours.validate(&op.by.clone(), &op));
                theirs.apply((op.choice, op.by));
                ours.apply(op);
            }
            true
        },
        |(ours, theirs)| {
            let votes = (0..6).flat_map(|choice| {
                let voters: Vec<_> = ours.voters(&choice).copied().collect();
                voters.into_iter().map(move |by| (choice, by))
            });
            assert_eq!(votes.collect::<BTreeSet<_>>(), theirs.read());
        },
    );
}

#[test]
fn the_registers_show_the_same_concurrent_values() {
    let mut number = 0;
    side_by_side(
        |actor| (MvRegister::<u32>::new(actor), MVReg::<u32, Actor>::new()),
        |_, (ours, theirs), actor| {
            number += 1;
            let op = ours.write(number);
            let context = theirs.read().derive_add_ctx(actor);
            let other = theirs.write(number, context);
            ours.apply(op.clone());
            theirs.apply(other.clone());
            (op, actor, other)
        },
        |(ours, theirs), (op, actor, other)| {
            let valid = ours.validate(&actor, &op);
            if valid {
                ours.apply(op);
                theirs.apply(other);
            }
            valid
        },
        |(ours, theirs)| {
            let ours: BTreeSet<_> = ours.values().copied().collect();
            assert_eq!(theirs.read().val.into_iter().collect::<BTreeSet<_>>(), ours);
        },
    );
}

#[test]
fn the_merkle_registers_have_the_same_heads() {
    use bft_crdts::types::MerkleReg as Ours;
    use crdts::merkle_reg::{Hash, MerkleReg as Theirs};
    type Names = BTreeMap<bft_crdts::codec::Digest, Hash>;
    let mut number = 0u32;
    side_by_side(
        |actor| {
            (
                (Ours::<[u8; 4]>::new(actor), Names::new()),
                Theirs::<[u8; 4]>::new(),
            )
        },
        |_, ((ours, names), theirs), actor| {
            number += 1;
            let op = ours.write(number.to_le_bytes());
            let children = op.children.iter().map(|child| names[child]).collect();
            let other = theirs.write(number.to_le_bytes(), children);
            names.insert(op.digest(), other.hash());
            ours.apply(op.clone());
            theirs.apply(other.clone());
            (op, actor, other)
        },
        |((ours, names), theirs), (op, actor, other)| {
            let valid = ours.validate(&actor, &op);
            if valid {
                names.insert(op.digest(), other.hash());
                ours.apply(op);
                theirs.apply(other);
            }
            valid
        },
        |((ours, _), theirs)| {
            let ours: BTreeSet<_> = ours.heads().map(|(_, node)| node.value).collect();
            let theirs: BTreeSet<_> = theirs.read().values().copied().collect();
            assert_eq!(theirs, ours);
        },
    );
}
