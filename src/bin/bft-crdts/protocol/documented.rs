//! `docs/control.md` against the types: what it shows is read and written as it stands there, and
//! nothing is missing.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Effect, Event, History, Line, REQUEST_BYTES, Refusal, Reply, Request, VERSION, ask, hear,
};

const PAGE: &str = include_str!("../../../../docs/control.md");

/// What serde says of a name that nobody has given: all names that there are.
fn names<T: DeserializeOwned + Debug>(unknown: &str) -> BTreeSet<String> {
    let error = serde_json::from_str::<T>(unknown)
        .expect_err("no such name")
        .to_string();
    let (_, names) = error.split_once("expected ").expect("the names");
    let names = names.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// The name of what is tagged by its only key, or is its own name.
fn name(value: &Value) -> String {
    match value {
        Value::Object(tagged) => tagged.keys().next().expect("a tag").clone(),
        value => value.as_str().expect("a name").to_owned(),
    }
}

/// The lines that begin with this sign.
fn lines(sign: &'static str) -> impl Iterator<Item = &'static str> {
    PAGE.lines().filter_map(move |line| line.strip_prefix(sign))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// The codes in the first column of the table.
fn codes() -> BTreeSet<String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    let codes = rows.filter_map(|row| row.split_once('`'));
    codes.map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn every_request_is_documented_and_what_is_documented_is_taken() {
    let mut shown = BTreeSet::new();
    for line in lines("> ") {
        let request = hear(line.as_bytes()).unwrap_or_else(|why| panic!("{why}: {line}"));
        let written = String::from_utf8(ask(&request).expect("plain data"));
        let said = json(line);
        // What may be left out may be left out.
        assert_eq!(
            name(&json(&written.expect("texts"))["request"]),
            name(&said["request"])
        );
        shown.insert(name(&said["request"]));
    }
    assert_eq!(shown, names::<Request>("\"?\""));
}

#[test]
fn every_reply_event_and_operation_is_documented_as_it_is_said() {
    let (mut replies, mut events, mut effects) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for text in lines("< ") {
        let line = Line::read(text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text}"));
        let written = line.clone().write().expect("plain data");
        let written: Value = serde_json::from_slice(&written).expect("JSON");
        assert_eq!(json(text), written, "{text}");
        if let Ok(reply) = line.answer {
            replies.insert(name(&written["reply"]));
            note(&reply, &mut events, &mut effects);
        }
    }
    assert_eq!(replies, names::<Reply>("\"?\""));
    assert_eq!(events, names::<Event>(r#"{"event":"?"}"#));
    assert_eq!(effects, names::<Effect>("\"?\""));
}

fn note(reply: &Reply, events: &mut BTreeSet<String>, effects: &mut BTreeSet<String>) {
    let tag = |effect: &Effect| name(&serde_json::to_value(effect).expect("plain data"));
    match reply {
        Reply::Event(told) => {
            let event = serde_json::to_value(&told.event).expect("plain data");
            events.insert(event["event"].as_str().expect("a tag").to_owned());
            if let Event::Delivered { ops, .. } = &told.event {
                effects.extend(ops.iter().map(tag));
            }
        }
        Reply::Pending(all)
        | Reply::History(History {
            operations: all, ..
        }) => {
            effects.extend(all.iter().filter_map(|it| it.operation.as_ref()).map(tag));
        }
        Reply::Taken(it) | Reply::Operation(it) => {
            effects.extend(it.operation.as_ref().map(tag));
        }
        _ => {}
    }
}

#[test]
fn every_code_of_a_refusal_is_documented() {
    let missing = &names::<Refusal>(r#"{"code":"?"}"#) - &codes();
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn the_version_and_the_bounds_are_the_documented_ones() {
    assert!(PAGE.contains(&format!("version {VERSION}")));
    assert!(PAGE.contains(&format!("{REQUEST_BYTES} bytes")));
}
