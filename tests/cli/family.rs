//! Networks of the family of types.

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
