//! The program as people and scripts use it: processes, exit codes, what is printed.

#![allow(clippy::print_stderr, clippy::too_many_lines)]

mod attack;
mod bulk;
mod control;
mod evidence;
mod family;
mod founded_again;
mod founding;
mod health;
mod hostile;
mod logs;
mod meeting;
mod metrics;
mod payments;
mod proofs;
mod restored;
mod sandbox;
mod silenced;
mod supervised;
mod traces;

use std::os::unix::fs::PermissionsExt;

use sandbox::{Sandbox, json, text};

#[test]
fn two_nodes_show_the_same_set_and_keep_it_over_a_restart() {
    let sandbox = Sandbox::new("set");
    let [one, two] = sandbox.found("set");
    let (first, _second) = (one.run(), two.run());
    assert!(one.done(&["add", "apple", "a pear"]).contains("delivered"));
    two.until(&["list"], "a pear\napple\n");
    two.done(&["remove", "apple", "a pear"]);
    two.done(&["add", "plum", "--json"]);
    one.until(&["list", "--json"], "[\"plum\"]\n");
    let status = json(&one.done(&["status", "--json"]));
    assert_eq!(status["actor"], one.actor);
    assert_eq!(
        (&status["members"], &status["quorum"]),
        (&2.into(), &2.into())
    );
    assert!(one.done(&["members"]).contains(&two.actor));
    assert!(one.done(&["why"]).contains("nothing is held"));
    one.done(&["stop"]);
    assert!(first.ended().success());
    assert_eq!(one.ask(&["list"]).status.code(), Some(3));
    let _first = one.run();
    assert_eq!(one.done(&["list"]), "plum\n");
}

#[test]
fn what_waits_for_a_quorum_says_for_whom() {
    let sandbox = Sandbox::new("why");
    let [one, two] = sandbox.found("set");
    let _first = one.run();
    let mut waiting = one.start(&["add", "apple"]);
    let missing = || json(&one.done(&["why", "--json"]))[0]["missing"].clone();
    sandbox::until(|| missing() == serde_json::json!([two.actor]));
    let held = one.done(&["why"]);
    assert!(held.contains("what this key has signed"), "{held}");
    assert!(waiting.0.try_wait().expect("a process").is_none());
    let second = two.run();
    assert!(waiting.ended().success());
    drop(second);
    let mut waiting = one.start(&["add", "pear"]);
    sandbox::until(|| missing() == serde_json::json!([two.actor]));
    let held = one.done(&["why"]);
    assert!(held.contains("1 of 2 echoes are here"), "{held}");
    assert!(waiting.0.try_wait().expect("a process").is_none());
    let _second = two.run();
    assert!(waiting.ended().success());
    assert!(one.done(&["why"]).contains("nothing is held"));
}

#[test]
fn a_refusal_says_what_to_do_and_is_told_from_misuse_by_its_code() {
    let sandbox = Sandbox::new("codes");
    let [one, two] = sandbox.found("set");
    let (_first, _second) = (one.run(), two.run());
    let refused = |words: &[&str], what: &str| {
        let output = one.ask(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains(what), "{output:?}");
        assert_eq!(text(&output.stdout), "");
    };
    refused(&["remove", "plum"], "\"plum\" is not in the set");
    refused(&["pay", &two.actor, "1"], "replicates a set");
    refused(&["expel", "abcdef0123"], "no actor that the node knows");
    let digits = &two.actor[..6];
    for words in [
        &["admit", digits][..],
        &["approve", "join", digits],
        &["invite", digits],
    ] {
        refused(words, "all 64 digits");
    }
    refused(&["admit", &"1".repeat(64)], "does not ask");
    refused(&["admit", &two.actor], "is a member already");
    refused(&["run"], "in use");
    refused(&["init"], "an identity");
    refused(&["join", "nonsense"], "not an invitation");
    refused(&["expel", &"1".repeat(64)], "is no member");
    for misuse in [
        &["frob"][..],
        &["add"],
        &["admit", "xyz"],
        &["open", "-1"],
        &["run", "--json"],
        &["--json", "cluster"],
        &[],
    ] {
        assert_eq!(one.ask(misuse).status.code(), Some(2), "{misuse:?}");
    }
    assert!(one.done(&["--help"]).contains("Exit codes"));
}

#[test]
fn an_identity_has_one_network_and_its_files_are_its_owners() {
    let sandbox = Sandbox::new("home");
    let [one, two] = sandbox.found("set");
    let other = one.done(&["found", "--kind", "bank", &format!("{}@[::1]:1", two.actor)]);
    assert!(
        two.refused(&["join", other.trim()])
            .contains("another network")
    );
    let fresh = sandbox.home("fresh");
    assert!(
        fresh
            .refused(&["run", "--listen", "127.0.0.1:0"])
            .contains("no network")
    );
    assert!(
        sandbox
            .nobody("none")
            .refused(&["whoami"])
            .contains("no identity")
    );
    let _first = one.run();
    for (file, mode) in [("", 0o700), ("store.redb", 0o600), ("control.sock", 0o600)] {
        let metadata = std::fs::metadata(one.directory.join(file)).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
    }
}

#[test]
fn money_moves_and_a_network_of_one_is_a_network() {
    let sandbox = Sandbox::new("bank");
    let one = sandbox.found_alone("bank");
    let _first = one.run();
    one.done(&["open", "100"]);
    assert_eq!(one.done(&["balance"]), "100\n");
    assert!(one.refused(&["open", "1"]).contains("already open"));
    let poor = one.refused(&["pay", &one.actor, "101"]);
    assert!(poor.contains("holds 100, and 101 are to be paid"), "{poor}");
    assert!(one.refused(&["list"]).contains("replicates a bank"));
    let stranger = "2".repeat(64);
    assert!(one.refused(&["pay", &stranger, "1"]).contains("no account"));
    let accounts = json(&one.done(&["accounts", "--json"]));
    assert_eq!(accounts[0]["balance"], 100);
}

#[test]
fn a_node_notes_on_standard_error_what_it_is_asked_to_note() {
    let sandbox = Sandbox::new("notes");
    let [one, two] = sandbox.found("set");
    let log = two.directory.join("log");
    let file = std::fs::File::create(&log).expect("a file");
    let (_first, noting) = (one.run(), two.run_noting("bft_crdts=debug", file));
    one.done(&["add", "apple"]);
    two.until(&["list"], "apple\n");
    two.done(&["stop"]);
    assert!(noting.ended().success());
    let noted = std::fs::read_to_string(log).expect("a file");
    assert!(noted.contains("DEBUG bft_crdts::"), "{noted}");
}

#[test]
fn a_signal_or_the_end_of_the_tether_stops_a_node_in_order() {
    let sandbox = Sandbox::new("stop");
    let one = sandbox.found_alone("set");
    let mut node = one.run();
    node.signal("-TERM");
    assert!(node.ended().success());
    assert!(!one.directory.join("control.sock").exists());
    node = one.run_with(&["--tethered"]);
    drop(node.0.stdin.take());
    assert!(node.ended().success());
}

#[test]
fn an_event_is_followed_and_a_prompt_asks() {
    let sandbox = Sandbox::new("follow");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let mut follower = one.start(&["follow", "--json"]);
    assert_eq!(json(&follower.line())["event"], "following");
    one.done(&["add", "apple"]);
    let event = json(&follower.line());
    assert_eq!(event["event"], "delivered");
    assert_eq!(event["ops"][0]["add"]["members"][0], "apple");
    let said = one.told(&["prompt"], "add 'a pear'\nbogus\nlist\nquit\n");
    assert!(said.ends_with("a pear\napple\n"), "{said}");
}

#[test]
fn hostile_lines_on_the_control_socket_are_refused() {
    use std::io::{Read, Write};
    let sandbox = Sandbox::new("hostile");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let long = vec![b'x'; 2 << 20];
    for line in [
        &long[..],
        b"{}\n",
        b"[[[[[[[[\n",
        b"\xff\n",
        b"\"stop\"\n",
        b"{\"version\":1,\"request\":\"stop\"} 1\n",
    ] {
        let socket = one.directory.join("control.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("a node");
        // It may be hung up on while it speaks.
        let _ = stream.write_all(line);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.contains("malformed"), "{answer}");
    }
    one.done(&["status"]);
}

#[test]
fn the_demonstration_ends_well_and_its_liar_is_convicted() {
    let sandbox = Sandbox::new("cluster");
    for kind in ["set", "bank", "counter", "map", "text"] {
        let said = sandbox.nobody("cluster").done(&["cluster", "--kind", kind]);
        assert!(
            said.contains("is convicted: it signed two things"),
            "{said}"
        );
        assert!(
            said.contains("They agree, and nothing was lost.\n"),
            "{said}"
        );
        assert!(!said.contains('\u{1b}'), "no colours but on a terminal");
    }
    let mut coloured = sandbox.nobody("cluster").command(&["cluster", "--fast"]);
    let coloured = coloured.env("CLICOLOR_FORCE", "1").output();
    let said = text(&coloured.expect("it starts").stdout);
    assert!(said.contains("\u{1b}["), "{said}");
}
