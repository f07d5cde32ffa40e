//! What a node notes is for people or for programs, and that it cannot be written ends nothing.

use std::fs::{self, File, OpenOptions};
use std::process::Stdio;

use serde_json::Value;

use crate::sandbox::{Home, Sandbox, json, until};

/// The log of a node, into which it writes.
fn log(home: &Home) -> File {
    File::create(home.directory.join("log")).expect("a file")
}

fn logged(home: &Home) -> String {
    fs::read_to_string(home.directory.join("log")).expect("a file")
}

fn full() -> Stdio {
    let full = OpenOptions::new().write(true).open("/dev/full");
    full.expect("Linux has one").into()
}

/// Does all that a node says a word about, and stops it.
fn use_up(home: &Home) {
    home.done(&["add", "apple"]);
    home.done(&["renew"]);
    until(|| json(&home.done(&["status", "--json"]))["generation"] == 1);
    home.done(&["stop"]);
}

#[test]
fn a_filter_that_makes_no_sense_is_told_and_the_default_is_used() {
    let sandbox = Sandbox::new("filter");
    let one = sandbox.found_alone("set");
    let node = one.run_noting("=!!", log(&one));
    use_up(&one);
    assert!(node.ended().success());
    let log = logged(&one);
    let first = log.lines().next().expect("a line");
    assert!(
        first.contains("RUST_LOG") && first.contains("warn"),
        "{log}"
    );
    assert!(!log.contains("DEBUG"), "{log}");
}

#[test]
fn a_standard_error_that_is_full_ends_nothing() {
    let sandbox = Sandbox::new("devfull");
    let one = sandbox.found_alone("set");
    fs::write(one.directory.join("peers"), "no line\n").expect("written");
    for (generation, (filter, format)) in [("=!!", "text"), ("trace", "text"), ("trace", "json")]
        .into_iter()
        .enumerate()
    {
        let node = one.run_noting_with(&["--log-format", format], filter, full());
        one.done(&["add", "apple"]);
        one.done(&["renew"]);
        until(|| json(&one.done(&["status", "--json"]))["generation"] == generation + 1);
        one.done(&["stop"]);
        assert!(node.ended().success(), "{filter}");
    }
}

#[test]
fn each_line_of_a_log_in_json_is_an_object_with_a_time_a_level_and_a_message() {
    let sandbox = Sandbox::new("jsonlog");
    let one = sandbox.found_alone("set");
    fs::write(one.directory.join("peers"), "no \u{202e}line\n").expect("written");
    let options = ["--log-format", "json"];
    let node = one.run_noting_with(&options, "bft_crdts=debug", log(&one));
    use_up(&one);
    assert!(node.ended().success());
    let log = logged(&one);
    assert!(!log.contains('\u{202e}'), "{log}");
    let lines: Vec<Value> = log.lines().map(json).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{line}");
        }
        let time = line["timestamp"].as_str().expect("a text");
        assert!(time.len() >= 20 && time.ends_with('Z'), "{line}");
    }
    let said = |words: &str| {
        let messages = lines
            .iter()
            .filter_map(|line| line["fields"]["message"].as_str());
        messages.filter(|message| message.contains(words)).count()
    };
    assert_eq!(said("the line is skipped"), 1, "{log}");
    assert_eq!(said("generation 1 begins here"), 1, "{log}");
    let of_the_library = |line: &Value| {
        let target = line["target"].as_str();
        target.is_some_and(|target| target.starts_with("bft_crdts::"))
    };
    assert!(lines.iter().any(of_the_library), "{log}");
    // What ends it is told in the same way.
    let mut failed = one.start_into(
        &["run", "--log-format", "json", "--listen", "192.0.2.1:1"],
        self::log(&one),
    );
    until(|| failed.0.try_wait().expect("a process").is_some());
    let log = logged(&one);
    let last = json(log.lines().last().expect("a line"));
    assert_eq!(last["level"], "ERROR", "{log}");
    let message = last["fields"]["message"].as_str().expect("a text");
    assert!(
        message.starts_with("bft-crdts: the node does not start"),
        "{log}"
    );
}
