//! What others say, and an operating system that refuses, cost a node neither its start nor its
//! orderly end.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::time::Duration;

use crate::sandbox::{Home, Sandbox, json, text, until};

/// Where nobody listens.
const NOWHERE: &str = "127.0.0.1:1";

fn read(home: &Home, file: &str) -> String {
    fs::read_to_string(home.directory.join(file)).unwrap_or_default()
}

#[test]
fn no_line_about_addresses_keeps_a_node_from_starting() {
    let sandbox = Sandbox::new("peers");
    let one = sandbox.found_alone("set");
    let other = "2".repeat(64);
    let sound = format!("{other} {NOWHERE}\n");
    let mut file = b"what is this\n\xff\xfe\n".to_vec();
    let lines = ["", "\u{1b}[2J:1", "h:", "h", "a b:1", "h:99999"];
    for address in lines.map(str::to_owned).iter().chain([&"h".repeat(300)]) {
        file.extend(format!("{other} {address}\n").bytes());
    }
    file.extend(sound.bytes());
    fs::write(one.directory.join("peers"), file).expect("written");
    let log = File::create(one.directory.join("log")).expect("a file");
    let mut node = one.start_into(&["run"], log);
    assert!(node.line().starts_with("ready "));
    until(|| read(&one, "peers") == sound);
    let log = read(&one, "log");
    assert!(log.contains("peers, line 1:"), "{log}");
    assert_eq!(log.lines().count(), 9, "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_member_that_is_named_at_the_start_is_remembered() {
    let sandbox = Sandbox::new("named");
    let one = sandbox.found_alone("set");
    let peer = format!("{}@{NOWHERE}", "2".repeat(64));
    let mut node = one.start(&["run", "--peer", &peer]);
    assert!(node.line().starts_with("ready "));
    until(|| read(&one, "peers") == peer.replace('@', " ") + "\n");
    one.done(&["stop"]);
    assert!(node.ended().success());
}

#[test]
fn members_whose_own_word_leads_nowhere_find_each_other_again() {
    let sandbox = Sandbox::new("addresses");
    let homes = sandbox.found("set");
    for member in ["apple", "pear"] {
        let mut nodes = homes
            .each_ref()
            .map(|home| home.start(&["run", "--address", NOWHERE]));
        for node in &mut nodes {
            assert_eq!(node.line(), format!("ready {NOWHERE}"));
        }
        let mut added = homes[0].start(&["add", member]);
        assert!(added.line().starts_with("delivered "));
        for home in &homes {
            until(|| read(home, "peers").contains(&format!(" {NOWHERE}\n")));
            home.done(&["stop"]);
        }
        for node in nodes {
            assert!(node.ended().success());
        }
    }
}

#[test]
fn a_node_that_cannot_tell_its_operator_goes_on_and_ends_in_order() {
    let sandbox = Sandbox::new("stderr");
    let one = sandbox.found_alone("set");
    let mut node = one.start_into(&["run"], Stdio::piped());
    drop(node.0.stderr.take());
    assert!(node.line().starts_with("ready "));
    for generation in 1..3 {
        one.done(&["renew"]);
        until(|| json(&one.done(&["status", "--json"]))["generation"] == generation);
    }
    one.done(&["stop"]);
    assert!(node.ended().success());
    assert!(!one.directory.join("control.sock").exists());
}

#[test]
fn a_node_that_cannot_say_that_it_is_ready_fails_in_order() {
    let sandbox = Sandbox::new("stdout");
    let one = sandbox.found_alone("set");
    let output = one.unread(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("ready"), "{output:?}");
    assert!(!one.directory.join("control.sock").exists());
    let _node = one.run();
    assert!(one.unread(&["status"]).status.success());
}

#[test]
fn of_guests_that_are_invited_at_once_none_is_forgotten() {
    let sandbox = Sandbox::new("guests");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let guests = (10..42).map(|number| format!("{number:064}"));
    let calls = guests.map(|guest| {
        let socket = one.directory.join("control.sock");
        let mut call = UnixStream::connect(socket).expect("a node");
        let invite = serde_json::json!({ "invite": { "actor": guest } });
        let request = serde_json::json!({ "version": 1, "request": invite });
        writeln!(call, "{request}").expect("it reads");
        call
    });
    for mut call in calls.collect::<Vec<_>>() {
        let mut answer = String::new();
        call.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains("invitation"), "{answer}");
    }
    assert_eq!(read(&one, "guests").lines().count(), 32);
}

#[test]
fn a_request_that_is_too_long_is_not_said() {
    let sandbox = Sandbox::new("long");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let member = "x".repeat(100 << 10);
    let words: Vec<_> = ["add"]
        .into_iter()
        .chain((0..11).map(|_| &*member))
        .collect();
    let complaint = one.refused(&words);
    assert!(complaint.contains("several commands"), "{complaint}");
    one.done(&["add", &member]);
}

#[test]
fn only_who_waits_for_a_quorum_is_told_of_one() {
    let sandbox = Sandbox::new("slow");
    let slow = sandbox.nobody("slow");
    fs::create_dir(&slow.directory).expect("a directory");
    let listener = UnixListener::bind(slow.directory.join("control.sock")).expect("a socket");
    let node = std::thread::spawn(move || {
        let asked = [(); 2].map(|()| listener.accept().expect("a request").0);
        std::thread::sleep(Duration::from_secs(8));
        for mut call in asked {
            writeln!(call, r#"{{"version":1,"reply":"done"}}"#).expect("it reads");
        }
    });
    std::thread::scope(|scope| {
        let told = [&["list"][..], &["add", "apple"]].map(|words| {
            let slow = &slow;
            scope.spawn(move || text(&slow.ask(words).stderr))
        });
        let [list, add] = told.map(|told| told.join().expect("an answer"));
        assert!(list.contains("waiting for the node"), "{list}");
        assert!(add.contains("quorum"), "{add}");
    });
    node.join().expect("both were answered");
}

#[test]
fn a_directory_in_which_no_node_can_run_is_told_from_one_in_which_none_runs() {
    let sandbox = Sandbox::new("places");
    let one = sandbox.home("one");
    assert_eq!(one.ask(&["status"]).status.code(), Some(3));
    let file = sandbox.nobody("one/store.redb");
    let complaint = file.refused(&["status"]);
    assert!(complaint.contains("ot a directory"), "{complaint}");
    let long = sandbox.nobody(&"x".repeat(120));
    for words in [&["init"][..], &["status"]] {
        let complaint = long.refused(words);
        assert!(complaint.contains("shorter"), "{complaint}");
    }
    assert!(!long.directory.exists());
}

#[test]
fn a_node_that_tells_nobody_where_it_listens_says_so() {
    let sandbox = Sandbox::new("unspecified");
    let one = sandbox.found_alone("set");
    let fresh = sandbox.home("fresh");
    let _first = one.run();
    let invitation = one.done(&["invite", &fresh.actor]);
    fresh.done(&["join", invitation.trim()]);
    let log = File::create(fresh.directory.join("log")).expect("a file");
    let mut node = fresh.start_into(&["run", "--listen", "0.0.0.0:0"], log);
    assert!(node.line().starts_with("ready 0.0.0.0:"));
    let log = read(&fresh, "log");
    assert!(log.contains("--address HOST:PORT"), "{log}");
}
