//! What others say, and an operating system that refuses, cost a node neither its start nor its orderly end.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::sandbox::{Home, Sandbox, json, until};

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
    let lines = ["", "\u{1b}[2J:1", "h:0", "h", "a b:1", "h:99999"];
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
fn of_guests_that_are_invited_at_once_none_is_forgotten() {
    let sandbox = Sandbox::new("guests");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let guests = (10..42).map(|number| format!("{number:064}"));
    let calls = guests.map(|guest| {
        let socket = one.directory.join("control.sock");
        let mut call = UnixStream::connect(socket).expect("a node");
        let request = serde_json::json!({ "invite": { "actor": guest } });
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
