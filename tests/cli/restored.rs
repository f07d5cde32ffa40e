//! Stores that are put back from a copy: their operator is told, and nobody is convicted.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bft_crdts::environment;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::sandbox::{self, Home, Process, Sandbox, free_address, json, until};

/// Founders of a network, which run.
fn run_four(sandbox: &Sandbox) -> (Vec<Home>, Vec<Option<Process>>) {
    let homes = ["one", "two", "three", "four"].into_iter().map(|name| {
        let mut home = sandbox.home(name);
        home.address = free_address();
        home
    });
    let homes: Vec<_> = homes.collect();
    let invitation = sandbox::found("set", &homes);
    for home in &homes {
        home.done(&["join", invitation.trim()]);
    }
    let nodes = homes.iter().map(|home| Some(home.run())).collect();
    (homes, nodes)
}

/// The files of a directory in another one, as of now.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for file in ["store.redb", "peers", "writes"] {
        fs::copy(from.join(file), to.join(file)).expect("a file");
    }
}

/// Runs a node, and returns what it tells its operator until `words` are among it.
fn told(home: &Home, words: &str) -> Process {
    let log = home.directory.join("log");
    let mut node = home.start_into(&["run"], File::create(&log).expect("a file"));
    assert!(node.line().starts_with("ready "));
    let begin = Instant::now();
    loop {
        let said = fs::read_to_string(&log).expect("a file");
        if said.contains(words) {
            return node;
        }
        let late = begin.elapsed() > Duration::from_secs(30);
        assert!(!late, "{said}{}", home.done(&["status"]));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(node: &Process, name: &str) {
    let sent = Command::new("kill")
        .args([name, &node.0.id().to_string()])
        .status();
    assert!(sent.expect("it runs").success());
}

fn assert_none_convicted(homes: &[Home]) {
    for home in homes {
        let status = json(&home.done(&["status", "--json"]));
        assert_eq!(status["convicted"], serde_json::json!([]), "{status}");
    }
}

#[test]
fn a_store_that_is_put_back_alone_does_not_start_and_the_newest_one_does() {
    let sandbox = Sandbox::new("store back");
    let [one, two] = sandbox.found("set");
    let (first, _second) = (one.run(), two.run());
    one.done(&["add", "apple"]);
    one.done(&["stop"]);
    assert!(first.ended().success());
    let (store, aside) = (
        one.directory.join("store.redb"),
        one.directory.join("aside"),
    );
    fs::copy(&store, &aside).expect("a copy");
    let first = one.run();
    one.done(&["add", "pear"]);
    one.done(&["stop"]);
    assert!(first.ended().success());
    let newest = one.directory.join("newest");
    fs::rename(&store, &newest).expect("set aside");
    fs::copy(&aside, &store).expect("put back");
    let complaint = one.refused_soon(&["run"]);
    assert!(complaint.contains("is an old copy"), "{complaint}");
    assert!(complaint.contains("be convicted"), "{complaint}");
    assert!(complaint.contains("`init`"), "{complaint}");
    fs::rename(&newest, &store).expect("the newest");
    let _first = one.run();
    one.done(&["add", "plum"]);
    two.until(&["list"], "apple\npear\nplum\n");
    assert_none_convicted(&[one, two]);
}

/// What is told is done: a new identity takes the seat of the old one.
#[test]
fn a_directory_that_is_put_back_is_told_so_by_the_members_and_a_new_identity_takes_its_seat() {
    let sandbox = Sandbox::new("all back");
    let (homes, mut nodes) = run_four(&sandbox);
    let (old, others) = homes.split_last().expect("four");
    old.done(&["add", "apple"]);
    old.done(&["stop"]);
    nodes.pop();
    let aside = old.directory.with_file_name("aside");
    copy(&old.directory, &aside);
    nodes.push(Some(old.run()));
    old.done(&["add", "pear"]);
    old.done(&["stop"]);
    nodes.pop();
    copy(&aside, &old.directory);
    let back = told(old, "old copy");
    let refused = old.refused_soon(&["add", "plum"]);
    assert!(refused.contains("signs no more"), "{refused}");
    // It cannot ask the members for a sign of life, and says nothing bad of them.
    let health = json(&sandbox::text(&old.ask(&["health", "--json"]).stdout));
    let findings = health["findings"].as_array().expect("a list").iter();
    let codes: Vec<_> = findings.map(|it| it["code"].clone()).collect();
    assert_eq!(codes, ["convicted"], "{health}");
    assert!(health["committee"].is_null(), "{health}");
    drop(back);
    assert_none_convicted(others);
    let mut new = sandbox.home("new");
    new.address = free_address();
    let invitation = others[0].done(&["invite", &new.actor]);
    new.done(&["join", invitation.trim()]);
    let _new = new.start(&["run", "--listen", &new.address]);
    for home in others {
        until(|| home.ask(&["admit", &new.actor]).status.success());
    }
    // What is approved before is of the generation that ends.
    for home in others {
        until(|| json(&home.done(&["status", "--json"]))["members"] == 5);
    }
    until(|| new.ask(&["expel", &old.actor]).status.success());
    for home in others {
        until(|| home.ask(&["expel", &old.actor]).status.success());
    }
    until(|| json(&others[0].done(&["status", "--json"]))["members"] == 4);
    new.done(&["add", "quince"]);
    others[1].until(&["list"], "apple\npear\nquince\n");
    assert_none_convicted(others);
}

/// `RESTORES` times, with the seed `RESTORE_SEED`: a node is copied while it runs, goes on, is
/// killed, and is started from the copy.
#[test]
fn of_nodes_that_are_put_back_under_load_each_is_told_and_none_convicted() {
    let number = |name, default| environment::number(name, 1).unwrap_or(default);
    let (restores, seed) = (number("RESTORES", 3), number("RESTORE_SEED", 7));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sandbox = Sandbox::new("load");
    let (homes, mut nodes) = run_four(&sandbox);
    let mut items = 0;
    let mut load = |random: &mut ChaCha8Rng, least: u32| {
        let adding = (0..least + random.random_range(0..4)).map(|_| {
            items += 1;
            let home = &homes[random.random_range(0..homes.len())];
            home.start(&["add", &format!("{items}")])
        });
        adding.collect::<Vec<_>>()
    };
    for round in 0..restores {
        let victim = random.random_range(0..homes.len());
        let home = &homes[victim];
        let [aside, newest] = ["aside", "newest"]
            .map(|name| home.directory.with_file_name(format!("{name}-{round}")));
        let before = load(&mut random, 2);
        // As a snapshot of the machine would find it.
        let node = nodes[victim].take().expect("it runs");
        signal(&node, "-STOP");
        copy(&home.directory, &aside);
        signal(&node, "-CONT");
        before
            .into_iter()
            .for_each(|adding| assert!(adding.ended().success()));
        home.done(&["add", &format!("own {round}")]);
        let during = load(&mut random, 0);
        drop(node);
        copy(&home.directory, &newest);
        copy(&aside, &home.directory);
        let back = told(home, "old copy");
        assert_eq!(json(&home.done(&["status", "--json"]))["silenced"], true);
        drop(back);
        // The words are followed: the newest store is there, and takes its place again.
        copy(&newest, &home.directory);
        nodes[victim] = Some(home.run());
        drop(during);
        home.done(&["add", &format!("after {round}")]);
        assert_none_convicted(&homes);
    }
    eprintln!(
        "RESTORE_SEED={seed}: {restores} directories put back under load, each told, none convicted"
    );
}
