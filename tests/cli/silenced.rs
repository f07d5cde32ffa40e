//! Two nodes with one key: each is told, and waits for nobody in vain.

use std::fs::{self, File};

use crate::sandbox::{Home, Sandbox, json, until};

/// What a node says whose key was used twice.
fn is_silenced(home: &Home) {
    until(|| json(&home.done(&["status", "--json"]))["silenced"] == true);
    let complaint = home.refused_soon(&["add", "fig"]);
    assert!(complaint.contains("signs no more"), "{complaint}");
    let health = home.ask(&["health", "--json"]);
    assert_eq!(health.status.code(), Some(5));
    let health = json(&crate::sandbox::text(&health.stdout));
    let convicted = &health["findings"][0];
    assert_eq!(convicted["code"], "convicted", "{health}");
    assert!(convicted["since"].is_u64(), "{health}");
    let words = convicted["words"].as_str().expect("a text");
    assert!(words.contains("is convicted, for "), "{words}");
    let why = home.done(&["why"]);
    let own = why.lines().find(|line| line.starts_with(&home.actor[..6]));
    assert!(own.is_some_and(|own| own.contains("own key")), "{why}");
}

#[test]
fn a_node_that_keeps_running_while_a_copy_of_it_runs_is_told_so_and_so_is_the_copy() {
    let sandbox = Sandbox::new("copy");
    let [one, two] = sandbox.found("set");
    let copy = one.copy("copy");
    let log = one.directory.join("log");
    let mut first = one.start_into(&["run"], File::create(&log).expect("a file"));
    assert!(first.line().starts_with("ready "));
    let second = two.run();
    let mut twin = copy.start(&["run", "--listen", &copy.address]);
    assert!(twin.line().starts_with("ready "));
    // Neither has said anything that the other does not know.
    for home in [&one, &copy] {
        until(|| json(&home.done(&["status", "--json"]))["missing_answers"].is_null());
    }
    two.done(&["stop"]);
    assert!(second.ended().success());
    let adding = [(&one, "apple"), (&copy, "pear")].map(|(home, item)| {
        let adding = home.start(&["add", item]);
        until(|| json(&home.done(&["status", "--json"]))["pending"] == 1);
        adding
    });
    let _second = two.run();
    let codes = adding.map(|adding| adding.ended().code());
    assert!(codes.contains(&Some(4)), "{codes:?}");
    is_silenced(&copy);
    is_silenced(&one);
    until(|| one.done(&["evidence"]).contains(&one.actor));
    let told = || fs::read_to_string(&log).expect("a file");
    until(|| told().contains("against this node itself"));
    assert!(told().contains("`init`"), "{}", told());
    // Of the two at most one counts.
    let list = two.done(&["list"]);
    assert!(["", "apple\n", "pear\n"].contains(&&*list), "{list}");
}
