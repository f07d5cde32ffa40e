//! All nodes at once, and nodes that come back to another world.

use std::collections::BTreeSet;

use crate::process::Place;

#[test]
fn all_nodes_are_killed_at_once_and_started_again_and_go_on() {
    let place = Place::new("all-down", 4);
    let mut nodes = place.start_all();
    for round in 0..5 {
        for (number, node) in nodes.iter_mut().enumerate() {
            node.add(&format!("{round}-{number}"));
            // This one may or may not have been taken.
            node.order(&format!("add {round}-{number}-late"));
        }
        nodes.into_iter().for_each(|node| drop(node.kill()));
        nodes = place.start_all();
    }
    nodes[0].add("last");
    // What was answered is certified, and not yet delivered wherever it was not written.
    let answered: BTreeSet<_> = (0..5)
        .flat_map(|round| (0..4).map(move |number| format!("{round}-{number}")))
        .chain(["last".to_owned()])
        .collect();
    for node in &mut nodes {
        let list = node.list_once(|list| answered.is_subset(list));
        let lost: Vec<_> = answered.difference(&list).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(node.status().convicted, 0);
    }
}

#[test]
fn a_store_belongs_to_one_process() {
    let place = Place::new("one-process", 1);
    let first = place.start(0);
    assert!(matches!(
        bft_crdts::store::DurableStore::open(place.store(0)),
        Err(bft_crdts::store::DurableError::Locked)
    ));
    first.quit();
    assert!(bft_crdts::store::DurableStore::open(place.store(0)).is_ok());
}

#[test]
fn a_node_that_is_started_from_a_backup_falls_silent_and_says_so() {
    let place = Place::new("backup", 4);
    let mut nodes = place.start_all();
    nodes[0].add("before");
    nodes.remove(0).quit();
    std::fs::copy(place.store(0), place.store(100)).expect("a backup");
    let mut first = place.start(0);
    first.add("after");
    first.quit();
    std::fs::copy(place.store(100), place.store(0)).expect("restored");
    let mut restored = place.start(0);
    restored.list(2);
    restored.order("add contradiction");
    let outcome = restored.outcome();
    assert!(outcome.starts_with("failed contradiction"), "{outcome}");
    assert!(restored.status().silenced);
    for node in &mut nodes {
        assert_eq!(node.status().convicted, 0);
    }
}

#[test]
fn what_a_restored_node_proposes_is_not_answered_with_what_it_forgot() {
    let place = Place::new("forgotten", 4);
    let mut nodes = place.start_all();
    nodes.remove(0).quit();
    std::fs::copy(place.store(0), place.store(100)).expect("a backup");
    let mut first = place.start(0);
    first.add("original");
    nodes.iter_mut().for_each(|node| drop(node.list(1)));
    first.quit();
    nodes.into_iter().for_each(|node| node.quit());
    std::fs::copy(place.store(100), place.store(0)).expect("restored");
    let mut restored = place.start(0);
    restored.order("add forged");
    let others: Vec<_> = (1..4).map(|number| place.start(number)).collect();
    let outcome = restored.outcome();
    assert!(outcome.starts_with("failed forged"), "{outcome}");
    assert!(restored.status().silenced);
    others.into_iter().for_each(|node| node.quit());
}
