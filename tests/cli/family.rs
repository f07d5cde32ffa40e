//! Networks of the family of types.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::sandbox::{Sandbox, json};

#[test]
fn two_nodes_count_together() {
    let sandbox = Sandbox::new("counter");
    let [one, two] = sandbox.found("counter");
    let _nodes = [one.run(), two.run()];
    one.done(&["incr", "5"]);
    two.done(&["incr", "-2"]);
    one.until(&["get"], "3\n");
    two.until(&["get", "--json"], "3\n");
    assert!(one.refused(&["incr", "0"]).contains("not allowed"));
    assert!(
        one.refused(&["get", "key"])
            .contains("replicates a counter")
    );
}

#[test]
fn two_nodes_put_and_delete_texts_under_keys() {
    let sandbox = Sandbox::new("map");
    let [one, two] = sandbox.found("map");
    let _nodes = [one.run(), two.run()];
    one.done(&["put", "apple", "red"]);
    two.until(&["get", "apple"], "red\n");
    two.done(&["put", "apple", "green"]);
    one.until(&["get", "apple"], "green\n");
    let all = json(&one.done(&["get", "--json"]));
    assert_eq!(all[0]["value"], "green");
    assert!(
        one.refused(&["delete", "apple", "1"])
            .contains("deleted whole")
    );
    one.done(&["delete", "apple"]);
    assert!(one.refused(&["get", "apple"]).contains("nothing under"));
    assert!(
        one.refused(&["insert", "0", "x"])
            .contains("replicates a map")
    );
}

#[test]
fn two_nodes_write_one_text() {
    let sandbox = Sandbox::new("text");
    let [one, two] = sandbox.found("text");
    let _nodes = [one.run(), two.run()];
    one.done(&["insert", "0", "bread and butter"]);
    two.until(&["get"], "bread and butter\n");
    two.done(&["delete", "6", "4"]);
    one.until(&["get"], "bread butter\n");
    one.done(&["insert", "12", " ünd käse"]);
    two.until(&["get", "--json"], "\"bread butter ünd käse\"\n");
    two.done(&["delete", "13"]);
    one.until(&["get"], "bread butter nd käse\n");
    for (words, why) in [
        (
            &["insert", "99", "x"][..],
            "20 characters, and 99 are asked for",
        ),
        (
            &["delete", "19", "2"],
            "20 characters, and 21 are asked for",
        ),
        (&["delete", "bread"], "not the number of a character"),
        (&["delete", "0", "0"], "not allowed"),
        (&["insert", "0", ""], "not allowed"),
        (&["get", "bread"], "replicates a text"),
        (&["list"], "its commands are insert, get and delete"),
    ] {
        let complaint = one.refused(words);
        assert!(complaint.contains(why), "{words:?}: {complaint}");
    }
    assert_eq!(
        one.done(&["get"]),
        "bread butter nd käse\n",
        "nothing changed"
    );
}

#[test]
fn an_increment_that_is_interrupted_is_looked_up_by_its_place_and_not_made_again() {
    let sandbox = Sandbox::new("counted once");
    let [one, two] = sandbox.found("counter");
    let (first, second) = (one.run(), two.run());
    one.done(&["incr", "1"]);
    two.until(&["get"], "1\n");
    drop(second);
    // Each tells its place before it waits; whoever reads that kills it in time.
    let asking = [5, 6, 7].map(|amount: i32| {
        let mut asking = one.start_into(&["incr", &amount.to_string()], Stdio::piped());
        let mut told = String::new();
        let mut stderr = BufReader::new(asking.0.stderr.take().expect("piped"));
        stderr.read_line(&mut told).expect("a text");
        assert!(one.done(&["pending"]).contains(&format!("{amount:+}")));
        (asking, told)
    });
    let told = asking.map(|(_, told)| told);
    let short = &one.actor[..6];
    let places = ["2", "3", "3#2"].map(|place| format!("{short}.{place}"));
    let say = |place: &str, state: &str, amount| format!("operation {place} {state}: +{amount}\n");
    for ((told, place), amount) in told.iter().zip(&places).zip(5..) {
        assert_eq!(*told, say(place, "pending", amount));
    }
    drop(first);
    let _first = one.run();
    for (place, amount) in places.iter().zip(5..) {
        assert_eq!(
            one.done(&["operation", place]),
            say(place, "pending", amount)
        );
    }
    let unknown = format!("{short}.4");
    assert!(
        one.refused(&["operation", &unknown])
            .contains("no operation")
    );
    assert!(
        one.refused(&["operation", "seven"])
            .contains("no operation")
    );
    let _second = two.run();
    one.until(&["get"], "19\n");
    two.until(&["get"], "19\n");
    for home in [&one, &two] {
        for (place, amount) in places.iter().zip(5..) {
            assert_eq!(
                home.done(&["operation", place]),
                say(place, "accepted", amount)
            );
        }
    }
    let whole = json(&one.done(&["operation", &places[2], "--json"]));
    assert_eq!(
        (&whole["index"], &whole["state"]),
        (&1.into(), &"accepted".into())
    );
    let lines = one.done(&["incr", "1", "--json"]);
    let mut lines = lines.lines().map(json);
    let (taken, delivered) = (
        lines.next().expect("taken"),
        lines.next().expect("delivered"),
    );
    assert_eq!(taken["place"], delivered);
}
