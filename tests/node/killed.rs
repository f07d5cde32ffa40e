//! Processes that die at any moment.

use std::collections::BTreeSet;
use std::time::Duration;

use bft_crdts::environment;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::process::{Place, Process};

/// How often a process is killed.
const KILLS: usize = 200;

/// The seed: `KILL_SEED`, or another each time, which is printed.
fn seed() -> u64 {
    let given = environment::number("KILL_SEED", 0);
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("KILL_SEED={seed}");
    seed
}

/// What was acknowledged, by the lines of the processes.
fn note(acknowledged: &mut BTreeSet<String>, lines: impl IntoIterator<Item = String>) {
    for line in lines {
        match line.split_once(' ') {
            Some(("acked", item)) => drop(acknowledged.insert(item.to_owned())),
            _ => assert!(!line.starts_with("failed"), "{line}"),
        }
    }
}

#[test]
fn of_processes_that_are_killed_while_they_propose_nothing_acknowledged_is_lost_and_nobody_equivocates()
 {
    let mut random = ChaCha8Rng::seed_from_u64(seed());
    let place = Place::new("killed", 4);
    let mut nodes: Vec<Option<Process>> = place.start_all().into_iter().map(Some).collect();
    let (mut acknowledged, mut proposed) = (BTreeSet::new(), 0);
    for kill in 0..KILLS {
        for (number, node) in nodes.iter_mut().enumerate() {
            let node = node.as_mut().expect("all run");
            for _ in 0..random.random_range(1..4) {
                proposed += 1;
                node.order(&format!("add {number}-{kill}-{proposed}"));
            }
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        let victim = random.random_range(0..nodes.len());
        let dead = nodes[victim].take().expect("all run").kill();
        note(&mut acknowledged, dead);
        std::thread::sleep(Duration::from_millis(random.random_range(0..20)));
        nodes[victim] = Some(place.start(victim));
    }
    let mut nodes: Vec<_> = nodes.into_iter().flatten().collect();
    // Whoever proposes last has everything of its own delivered.
    for (number, node) in nodes.iter_mut().enumerate() {
        node.order(&format!("add last-{number}"));
        while !acknowledged.contains(&format!("last-{number}")) {
            note(&mut acknowledged, [node.outcome()]);
        }
    }
    let lists_of = |nodes: &mut Vec<Process>| -> Vec<_> {
        nodes
            .iter_mut()
            .map(|node| node.list_once(|list| acknowledged.is_subset(list)))
            .collect()
    };
    let mut lists = lists_of(&mut nodes);
    for _ in 0..500 {
        if lists.windows(2).all(|pair| pair[0] == pair[1]) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        lists = lists_of(&mut nodes);
    }
    eprintln!(
        "{proposed} proposed, {} acknowledged, {} delivered",
        acknowledged.len(),
        lists[0].len()
    );
    for (node, list) in nodes.iter_mut().zip(&lists) {
        assert_eq!(list, &lists[0]);
        assert!(
            acknowledged.is_subset(list),
            "lost: {:?}",
            acknowledged.difference(list)
        );
        let status = node.status();
        assert_eq!((status.convicted, status.silenced), (0, false));
    }
    assert!(
        acknowledged.len() > KILLS,
        "too little was acknowledged for a test"
    );
}
