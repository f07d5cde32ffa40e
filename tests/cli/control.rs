//! The control socket as programs in other languages use it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::{self, Home, Sandbox, json as read, text};

/// A connection to a node, with one line said.
fn said(home: &Home, line: &str) -> BufReader<UnixStream> {
    let socket = home.directory.join("control.sock");
    let mut stream = UnixStream::connect(socket).expect("a node");
    writeln!(stream, "{line}").expect("it reads");
    BufReader::new(stream)
}

fn line(stream: &mut impl BufRead) -> Value {
    let mut line = String::new();
    stream.read_line(&mut line).expect("an answer");
    read(&line)
}

/// The events since a cursor, as they come.
fn events(home: &Home, since: &str) -> impl Iterator<Item = Value> + use<> {
    let request = json!({ "version": 1, "request": { "events": { "since": since } } });
    let mut stream = said(home, &request.to_string());
    std::iter::from_fn(move || {
        let answer = line(&mut stream);
        assert_eq!(answer["more"], true, "{answer}");
        Some(answer["reply"]["event"].clone())
    })
}

fn added(event: &Value) -> String {
    assert_eq!(event["event"], "delivered", "{event}");
    let member = &event["ops"][0]["add"]["members"][0];
    member.as_str().expect("a member").to_owned()
}

fn cursor(event: &Value) -> String {
    event["cursor"].as_str().expect("a cursor").to_owned()
}

fn add(home: &Home, members: std::ops::Range<u32>) {
    for member in members {
        home.done(&["add", &member.to_string()]);
    }
}

#[test]
fn the_client_in_python_adds_lists_follows_and_goes_on_where_it_was() {
    let sandbox = Sandbox::new("python");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let client = |names: &[&str]| {
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/control.py");
        let mut python = Command::new("python3");
        python.arg(client).arg(&one.directory).args(names);
        python.output().expect("Python 3")
    };
    let output = client(&["apple", "pear", "plum"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("\nmembers apple pear plum\n"), "{said}");
    for (number, name) in [(1, "apple"), (2, "pear"), (3, "plum")] {
        let told = format!("{number} [{{\"add\": {{\"members\": [\"{name}\"]}}}}]");
        assert_eq!(said.matches(&told).count(), 1, "{said}");
    }
    one.done(&["stop"]);
    assert!(!client(&["fig"]).status.success());
}

#[test]
fn a_reader_of_events_misses_nothing_and_sees_nothing_twice_over_a_restart_and_at_another_node() {
    let sandbox = Sandbox::new("events");
    let homes = sandbox.found("set");
    let [first, second] = homes.each_ref().map(Home::run);
    let [one, two] = &homes;
    let mut stream = events(one, "start");
    assert_eq!(stream.next().expect("an event")["event"], "following");
    add(one, 0..5);
    add(two, 5..8);
    let mut seen: Vec<_> = stream.by_ref().take(4).collect();
    for event in &seen {
        let time = event["time"].as_str().expect("a time");
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    }
    drop(stream);
    one.done(&["stop"]);
    assert!(first.ended().success());
    let first = one.run();
    add(one, 8..10);
    let since = |seen: &[Value]| cursor(seen.last().expect("an event"));
    seen.extend(events(one, &since(&seen)).skip(1).take(3));
    drop(first);
    let _first = one.run();
    seen.extend(events(two, &since(&seen)).skip(1).take(3));
    let mut members: Vec<u32> = seen
        .iter()
        .map(|event| added(event).parse().expect("a number"))
        .collect();
    members.sort_unstable();
    assert_eq!(members, Vec::from_iter(0..10));
    let mut live = events(two, &since(&seen));
    assert_eq!(live.next().expect("an event")["event"], "following");
    add(one, 10..11);
    assert_eq!(added(&live.next().expect("an event")), "10");
    drop(second);
}

#[test]
fn what_is_no_longer_kept_is_told_and_not_passed_over() {
    let sandbox = Sandbox::new("forgotten");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    add(&one, 0..3);
    let mut early = events(&one, "start").skip(1);
    let after_first = cursor(&early.next().expect("an event"));
    for generation in 1..3 {
        one.done(&["renew"]);
        sandbox::until(|| read(&one.done(&["status", "--json"]))["generation"] == generation);
    }
    add(&one, 3..4);
    for (since, from) in [("start", 1), (after_first.as_str(), 2)] {
        let told: Vec<_> = events(&one, since).skip(1).take(2).collect();
        assert_eq!(told[0]["event"], "forgotten", "{told:?}");
        assert_eq!(
            (&told[0]["from"], &told[0]["to"]),
            (&from.into(), &3.into()),
            "{told:?}"
        );
        assert_eq!(added(&told[1]), "3");
    }
}

/// More than the node's queue of events holds while the reader sleeps.
#[test]
fn a_reader_that_is_slow_misses_no_delivery() {
    let sandbox = Sandbox::new("slow reader");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let mut stream = events(&one, "start").skip(1);
    let texts =
        |number: usize| (0..40).map(move |part| format!("{number} {part} {}", "x".repeat(3000)));
    let whole: Vec<_> = (0..60)
        .map(|number| texts(number).collect::<Vec<_>>())
        .collect();
    for members in &whole {
        let request = json!({ "version": 1, "request": { "add": { "members": members } } });
        let mut answers = said(&one, &request.to_string());
        let taken = line(&mut answers);
        assert_eq!(taken["reply"]["taken"]["index"], 0, "{taken}");
        let answer = line(&mut answers);
        assert!(answer["reply"]["delivered"].is_object(), "{answer}");
    }
    for members in &whole {
        let event = stream.next().expect("an event");
        let mut members = members.clone();
        members.sort();
        assert_eq!(event["ops"][0]["add"]["members"], json!(members));
    }
    let mut list = said(&one, r#"{"version":1,"request":"list"}"#);
    let (mut pages, mut listed) = (0, 0);
    loop {
        let page = line(&mut list);
        pages += 1;
        listed += page["reply"]["list"].as_array().expect("members").len();
        if page["more"].is_null() {
            break;
        }
    }
    assert_eq!(listed, 60 * 40);
    assert!(pages > 50, "{pages}");
}

#[test]
fn errors_are_json_with_a_code_and_the_exit_code_on_standard_output() {
    let sandbox = Sandbox::new("codes in json");
    let one = sandbox.found_alone("set");
    let fails = |words: &[&str]| {
        let output = one.ask(words);
        assert_eq!(text(&output.stderr), "", "{words:?}");
        let error = read(&text(&output.stdout))["error"].clone();
        assert!(error["message"].is_string());
        assert_eq!(error["exit"], output.status.code().expect("it ended"));
        (error["code"].as_str().expect("a code").to_owned(), error)
    };
    let (code, error) = fails(&["list", "--json"]);
    assert_eq!((code.as_str(), &error["exit"]), ("not-running", &3.into()));
    assert!(error["advice"].is_string());
    let _node = one.run();
    let (code, error) = fails(&["--json", "pay", &one.actor, "1"]);
    assert_eq!(
        (code.as_str(), &error["details"]),
        ("other-kind", &"set".into())
    );
    assert_eq!(fails(&["remove", "plum", "--json"]).0, "absent");
    assert_eq!(
        fails(&["events", "--since", "yesterday", "--json"]).0,
        "cursor"
    );
    assert_eq!(fails(&["--json", "init"]).0, "exists");
    let (code, error) = fails(&["--json", "frob"]);
    assert_eq!((code.as_str(), &error["exit"]), ("usage", &2.into()));
    assert_eq!(fails(&["--json", "cluster"]).0, "usage");
    assert!(one.done(&["--json", "--help"]).contains("Exit codes"));
}

#[test]
fn another_version_is_refused_by_its_number_and_its_client_can_read_that() {
    let sandbox = Sandbox::new("versions");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let mut stream = said(&one, r#"{"version":2,"question":{"colour":"red"}}"#);
    let answer = line(&mut stream);
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["error"]["code"], "version");
    assert_eq!(
        answer["error"]["details"],
        json!({ "asked": 2, "spoken": 1 })
    );
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("it hangs up");
    assert_eq!(rest, "");
}

#[test]
fn a_node_of_another_version_is_told_by_the_command() {
    let sandbox = Sandbox::new("next version");
    let node = sandbox.nobody("node");
    std::fs::create_dir(&node.directory).expect("a directory");
    let socket = node.directory.join("control.sock");
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    let answers = std::thread::spawn(move || {
        for _ in 0..2 {
            let (call, _) = listener.accept().expect("a request");
            let mut call = BufReader::new(call);
            assert_eq!(line(&mut call)["version"], 1);
            writeln!(call.get_mut(), r#"{{"version":2,"reply":"done"}}"#).expect("it reads");
        }
    });
    let output = node.ask(&["list", "--json"]);
    assert_eq!(read(&text(&output.stdout))["error"]["code"], "unreadable");
    assert_eq!(output.status.code(), Some(3));
    let output = node.ask(&["add", "apple", "--json"]);
    assert_eq!(read(&text(&output.stdout))["error"]["code"], "unheard");
    assert_eq!(output.status.code(), Some(4));
    answers.join().expect("both were answered");
}
