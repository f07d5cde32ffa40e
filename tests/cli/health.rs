//! One command tells who is gone, since when and what it means, whatever became of the node itself.

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::{Home, Sandbox, json, text, until};

/// What it says, with its exit code.
fn health(home: &Home, options: &[&str]) -> (Option<i32>, String) {
    let output = home.ask(&[&["health"], options].concat());
    (output.status.code(), text(&output.stdout))
}

fn findings(home: &Home) -> Vec<Value> {
    let (_, said) = health(home, &["--json"]);
    let findings = json(&said)["findings"].as_array().cloned();
    findings.expect("a list")
}

/// What it finds of this kind, once it does.
fn found(home: &Home, code: &str, actor: Option<&str>) -> Value {
    let mut found = None;
    until(|| {
        let is = |it: &Value| it["code"] == code && it["actor"].as_str() == actor;
        found = findings(home).into_iter().find(is);
        found.is_some()
    });
    found.expect("found")
}

fn ends_with(home: &Home, options: &[&str], code: i32) -> String {
    let mut said = String::new();
    until(|| {
        let (ended, words) = health(home, options);
        said = words;
        ended == Some(code)
    });
    said
}

#[test]
fn of_four_nodes_the_one_that_is_stopped_is_named_with_since_when_and_what_it_means() {
    let sandbox = Sandbox::new("stopped");
    let homes: [Home; 4] = sandbox.found_many("set");
    let nodes: Vec<_> = homes.iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    let well = ends_with(&homes[0], &[], 0);
    let all = "4 of 4 echo, a quorum is 3: 1 may be lost before everything stops\n";
    assert_eq!(well, all);
    nodes[3].signal("-STOP");
    let silent = found(&homes[0], "silent", Some(&homes[3].actor));
    assert!(silent["since"].as_u64() > Some(1_700_000_000), "{silent}");
    assert!(silent["seconds"].is_u64(), "{silent}");
    let said = ends_with(&homes[0], &[], 6);
    let (first, rest) = said.split_once('\n').expect("two lines");
    assert_eq!(
        first,
        "3 of 4 echo, a quorum is 3: one more loss stops everything"
    );
    let gone = format!("{} is silent: last heard ", homes[3].actor);
    assert!(rest.starts_with(&gone), "{rest}");
    assert_eq!(rest.lines().count(), 1, "{rest}");
    assert_eq!(health(&homes[0], &["--ready"]).0, Some(0));
    // Asked itself, it is told within the time limit what became of it.
    let begin = Instant::now();
    let (code, said) = health(&homes[3], &["--timeout", "0.5"]);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(code, Some(3));
    let id = nodes[3].0.id();
    let resume = format!("its process {id} is stopped; `kill -CONT {id}` lets it go on");
    assert!(
        said.contains("within 500 ms") && said.contains(&resume),
        "{said}"
    );
    assert_eq!(health(&homes[3], &["--live"]).0, Some(3));
    nodes[2].signal("-STOP");
    let said = ends_with(&homes[0], &["--ready"], 5);
    assert!(
        said.contains("2 of 4 echo, a quorum is 3: nothing is delivered"),
        "{said}"
    );
    assert_eq!(health(&homes[0], &["--live"]).0, Some(0));
    nodes[2..].iter().for_each(|node| node.signal("-CONT"));
    assert_eq!(ends_with(&homes[0], &[], 0), all);
}

#[test]
fn who_answers_and_does_not_echo_is_told_apart_from_who_is_silent() {
    let sandbox = Sandbox::new("owes");
    let homes: [Home; 4] = sandbox.found_many("set");
    let nodes: Vec<_> = homes.iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    nodes[2..].iter().for_each(|node| node.signal("-STOP"));
    let _waits = homes[0].start(&["add", "pear"]);
    let owes = |home: &Home| {
        let members = json(&home.done(&["members", "--json"]));
        let members = members.as_array().expect("a list").clone();
        let owes = members.into_iter().filter(|it| it["owes_seconds"].is_u64());
        owes.map(|it| it["actor"].clone()).collect::<Vec<_>>()
    };
    until(|| owes(&homes[0]).len() == 2);
    for home in &homes[2..] {
        assert!(owes(&homes[0]).contains(&home.actor.clone().into()));
        found(&homes[0], "silent", Some(&home.actor));
    }
    found(&homes[0], "no-quorum", None);
}

#[test]
fn a_generation_that_cannot_end_tells_for_whom_it_waits() {
    let sandbox = Sandbox::new("ending");
    let homes: [Home; 4] = sandbox.found_many("set");
    let nodes: Vec<_> = homes.iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    for home in &homes {
        home.until(&["list"], "apple\n");
        ends_with(home, &[], 0);
    }
    nodes[3].signal("-STOP");
    for home in &homes[..2] {
        home.done(&["renew"]);
    }
    until(|| {
        let wishes = json(&homes[2].done(&["requests", "--json"]));
        let approved = wishes[0]["approved_by"].as_array();
        approved.is_some_and(|by| by.len() == 2)
    });
    // The third approval arrives while those who wait for it are stopped, and the third member
    // falls silent after it.
    nodes[..2].iter().for_each(|node| node.signal("-STOP"));
    homes[2].done(&["renew"]);
    let sent = || json(&homes[2].done(&["status", "--json"]))["sent"].clone();
    let mut before = sent();
    until(|| std::mem::replace(&mut before, sent()) == before);
    nodes[2].signal("-STOP");
    nodes[..2].iter().for_each(|node| node.signal("-CONT"));
    let waits = found(&homes[0], "generation-waits", None);
    let words = waits["words"].as_str().expect("a text");
    assert!(waits["seconds"].as_u64() >= Some(5), "{waits}");
    for home in &homes[2..] {
        assert!(words.contains(&home.actor), "{words}");
    }
    assert!(!words.contains(&homes[1].actor), "{words}");
    assert_eq!(health(&homes[0], &[]).0, Some(5));
}

#[test]
fn a_node_whose_disk_takes_no_more_says_so_after_its_end() {
    let sandbox = Sandbox::new("full");
    let one = sandbox.found_alone("set");
    let file = one.directory.join("store.redb");
    // Files grow no further than this, as if the disk were full: in blocks of 512 bytes.
    let room = fs::metadata(file).expect("a store").len() / 512 + 2000;
    let mut node = one.run_limited(&format!("trap '' XFSZ; ulimit -f {room}"));
    let big = "x".repeat(100 << 10);
    let mut failed: Option<Output> = None;
    for number in 0..200 {
        let added = one.ask(&["add", &format!("{number}{big}")]);
        if !added.status.success() {
            failed = Some(added);
            break;
        }
    }
    assert!(failed.is_some(), "it was never full");
    until(|| node.0.try_wait().expect("a process").is_some());
    let (code, said) = health(&one, &[]);
    assert_eq!(code, Some(3));
    assert!(
        said.contains("the last one failed ") && said.contains("store"),
        "{said}"
    );
    assert!(said.contains("File too large"), "{said}");
    // Started again it looks well, as long as it has nothing to write.
    let killed = one.run();
    let after = |words: &str| {
        let said = ends_with(&one, &[], 6);
        let told = said.contains("this node was started ") && said.contains(words);
        assert!(told, "{said}");
        assert_eq!(health(&one, &["--ready"]).0, Some(0));
    };
    after("ago; the last one failed ");
    after("File too large");
    drop(killed);
    let stopped = one.run();
    after("; the last one, started ");
    after("ended without a word");
    one.done(&["stop"]);
    assert!(stopped.ended().success());
    let _node = one.run();
    ends_with(&one, &[], 0);
}

#[test]
fn a_node_that_was_expelled_says_so() {
    let sandbox = Sandbox::new("expelled");
    let homes: [Home; 4] = sandbox.found_many("set");
    let mut nodes: Vec<_> = homes.iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    for home in &homes[..3] {
        // Who comes last may find it done.
        home.ask(&["expel", &homes[3].actor]);
    }
    let lost = found(&homes[3], "seat-lost", None);
    let words = lost["words"].as_str().expect("a text");
    assert!(words.contains("left or was expelled"), "{words}");
    assert!(words.contains(", for ") && lost["since"].is_u64(), "{lost}");
    assert_eq!(health(&homes[3], &[]).0, Some(5));
    assert_eq!(health(&homes[3], &["--live"]).0, Some(0));
    assert_eq!(json(&ends_with(&homes[0], &["--json"], 0))["state"], "well");
    homes[3].done(&["stop"]);
    assert!(nodes.pop().expect("four").ended().success());
    let _again = homes[3].run();
    let lost = found(&homes[3], "seat-lost", None);
    let words = lost["words"].as_str().expect("a text");
    assert!(words.contains(", since before it was started "), "{words}");
}

#[test]
fn where_no_node_runs_it_is_told_how_the_last_one_ended() {
    let sandbox = Sandbox::new("ended");
    let one = sandbox.found_alone("set");
    let tells = |words: &str| {
        let (code, said) = health(&one, &["--live"]);
        assert_eq!(code, Some(3));
        assert!(said.starts_with("no node is running here; "), "{said}");
        assert!(said.contains(words), "{said}");
    };
    tells("none has run yet");
    let node = one.run();
    assert_eq!(
        ends_with(&one, &[], 0),
        "1 of 1 echo, a quorum is 1: one more loss stops everything\n"
    );
    one.done(&["stop"]);
    tells("the last one was asked to end");
    assert!(node.ended().success());
    drop(one.run());
    tells("ended without a word");
    // What cannot begin has ended, too.
    let unread = one.unread(&["run"]);
    assert_eq!(unread.status.code(), Some(1));
    tells("the last one failed");
}

#[test]
fn whatever_has_the_socket_the_answer_comes_within_its_time_limit() {
    let sandbox = Sandbox::new("limit");
    let one = sandbox.found_alone("set");
    let in_time = || {
        let begin = Instant::now();
        let (code, said) = health(&one, &["--timeout", "0.3"]);
        assert!(begin.elapsed() < Duration::from_secs(5), "{said}");
        (code, said)
    };
    let socket = one.directory.join("control.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    assert_eq!(in_time().0, Some(3));
    drop(listener);
    // Its connections are taken by those who say nothing.
    let node = one.run();
    let idle = (0..200).map(|_| UnixStream::connect(&socket).expect("a node"));
    let idle: Vec<_> = idle.collect();
    let (code, said) = in_time();
    assert_eq!(code, Some(3));
    let busy = format!("its process {} is busy, or hangs", node.0.id());
    assert!(said.contains(&busy), "{said}");
    drop(idle);
    ends_with(&one, &[], 0);
    for misuse in [
        &["--timeout", "0"][..],
        &["--timeout", "x"],
        &["--live", "--ready"],
    ] {
        assert_eq!(health(&one, misuse).0, Some(2), "{misuse:?}");
    }
}

#[test]
fn a_node_that_starts_alone_says_for_whose_word_it_waits() {
    let sandbox = Sandbox::new("doubt");
    let homes: [Home; 4] = sandbox.found_many("set");
    let _first = homes[0].run();
    let doubt = found(&homes[0], "in-doubt", None);
    let words = doubt["words"].as_str().expect("a text");
    assert!(words.ends_with("2 more are needed"), "{words}");
    for home in &homes[1..] {
        let silent = found(&homes[0], "silent", Some(&home.actor));
        assert!(silent["since"].is_u64(), "{silent}");
    }
    assert!(doubt["since"].is_u64(), "{doubt}");
    assert_eq!(health(&homes[0], &["--ready"]).0, Some(5));
    assert_eq!(health(&homes[0], &["--live"]).0, Some(0));
    let _others: Vec<_> = homes[1..].iter().map(Home::run).collect();
    ends_with(&homes[0], &[], 0);
}
