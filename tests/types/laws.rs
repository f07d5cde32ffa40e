//! The six laws, of each type, with forged, early and batched operations, and budgets that are met.

use bft_crdts::laws::{self, ChaCha8Rng, Checked, Trial};
use bft_crdts::orswot::Orswot;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::{Budget, Counter};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};
use rand::RngExt;

use crate::generators::*;

fn check<A: WireAlgorithm>(
    fresh: impl Fn(Actor) -> A,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
) -> Checked {
    let checked = laws::check(fresh, &Trial::from_env(16), generate);
    checked.unwrap_or_else(|broken| panic!("{broken}"))
}

/// Keeps the laws, and the generator showed all that they need.
fn keeps_the_laws<A: WireAlgorithm>(
    fresh: impl Fn(Actor) -> A,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
) {
    let complete = check(fresh, generate).complete();
    complete.unwrap_or_else(|unseen| panic!("{unseen}"));
}

/// The same, of a type on which each operation is valid or never will be.
fn keeps_the_laws_without_early<A: WireAlgorithm>(
    fresh: impl Fn(Actor) -> A,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
) {
    let checked = check(fresh, generate);
    assert_eq!(checked.not_yet, 0);
    let complete = checked.complete_without_early();
    complete.unwrap_or_else(|unseen| panic!("{unseen}"));
}

#[test]
fn the_counter_keeps_the_laws() {
    keeps_the_laws_without_early(Counter::new, counter_op);
}

#[test]
fn the_bounded_counter_keeps_the_laws() {
    keeps_the_laws(quotas, rights_op);
}

#[test]
fn the_last_write_register_keeps_the_laws() {
    keeps_the_laws(tight_lww, lww_op);
}

#[test]
fn the_register_of_concurrent_values_keeps_the_laws() {
    keeps_the_laws(tight_mv, mv_op);
}

#[test]
fn the_map_keeps_the_laws() {
    keeps_the_laws(tight_map, map_op);
}

#[test]
fn instances_under_keys_keep_the_laws() {
    keeps_the_laws(tight_keyed, keyed_op);
}

#[test]
fn a_pair_of_types_keeps_the_laws() {
    keeps_the_laws(tight_pair, pair_op);
}

#[test]
fn the_merkle_register_keeps_the_laws() {
    keeps_the_laws(tight_merkle, merkle_op);
}

#[test]
fn the_graph_keeps_the_laws() {
    keeps_the_laws(tight_graph, graph_op);
}

#[test]
fn the_tree_keeps_the_laws() {
    keeps_the_laws(tight_tree, tree_op);
}

#[test]
fn the_poll_keeps_the_laws() {
    keeps_the_laws_without_early(allow_list, vote);
}

/// A set of members that take one byte, or seven, of which a source may have few alive.
#[test]
fn the_set_keeps_the_laws_when_its_budget_is_used_up() {
    let budget = Budget {
        op_bytes: 20,
        entries: 3,
        bytes: 40,
    };
    let fresh = |actor| Orswot::<String>::with_budget(actor, budget);
    keeps_the_laws(fresh, |random, set, _| {
        let mut word = || ["a", "b", "c", "d", "eeeeeee"][random.random_range(0..5)].to_owned();
        let (one, other) = (word(), word());
        match random.random_range(0..4) {
            0 => set.add(one),
            1 => set.add_all([one, other]),
            2 => set.add_all(["a", "b", "c", "d"].map(str::to_owned)),
            _ => set.remove(&one).unwrap_or_else(|| set.add(other)),
        }
    });
}

#[test]
fn a_generator_that_shows_too_little_is_told_what_was_missing() {
    let one_sided = laws::check(Counter::new, &Trial::new(1).cases(5), |_, counter, _| {
        counter.add(1)
    });
    let checked = one_sided.unwrap_or_else(|broken| panic!("{broken}"));
    let unseen = checked
        .complete_without_early()
        .expect_err("nothing forged");
    let told = unseen.to_string();
    assert!(told.contains("nothing forged"), "{told}");
    assert!(
        told.contains("between two judgements of a Never one (law 4)"),
        "{told}"
    );
    assert!(!told.contains("law 3"), "{told}");
    assert_eq!(Checked::default().unseen().count(), 7, "nothing was shown");
}
