//! Many lines at once, read again and again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use crate::sandbox::{self, Home, Sandbox, json, text};

/// So many numbers, one a line.
fn numbers(count: u32) -> String {
    let mut lines = String::new();
    for number in 0..count {
        writeln!(lines, "{number:05}").expect("a text grows");
    }
    lines
}

fn file(sandbox: &Sandbox, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = sandbox.nobody(name).directory;
    fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

/// How often each member was added, by all that is kept of this actor's operations.
fn additions(home: &Home) -> BTreeMap<String, u32> {
    let history = json(&home.done(&["history", "--last", "1000000", "--json"]));
    let mut additions = BTreeMap::new();
    for operation in history["operations"].as_array().expect("operations") {
        let members = operation["operation"]["add"]["members"].as_array();
        for member in members.into_iter().flatten() {
            let member = member.as_str().expect("a member").to_owned();
            *additions.entry(member).or_default() += 1;
        }
    }
    additions
}

#[test]
fn lines_of_which_reading_is_killed_and_begun_again_are_added_once() {
    const COUNT: u32 = 20_000;
    let sandbox = Sandbox::new("bulk");
    let [one, two] = sandbox.found("set");
    let _nodes = [one.run(), two.run()];
    let all = numbers(COUNT);
    let (first, _) = all.split_at(all.len() / 2);
    let mut adding = one.start(&["add", "-"]);
    let mut stdin = adding.0.stdin.take().expect("piped");
    stdin.write_all(first.as_bytes()).expect("it reads");
    sandbox::until(|| one.done(&["list"]).lines().count() > 4000);
    adding.0.kill().expect("it waits for more");
    drop(adding);
    let lines = file(&sandbox, "lines", &all);
    let told = json(&one.done(&["add", "--file", &lines, "--json"]));
    assert_eq!(
        (&told["lines"], &told["left_out"]),
        (&COUNT.into(), &0.into())
    );
    let (changed, unchanged) = (told["changed"].as_u64(), told["unchanged"].as_u64());
    assert!(unchanged > Some(4000) && changed > Some(9000), "{told}");
    assert!(told["per_second"].as_f64() > Some(0.0), "{told}");
    two.until(&["list"], &all);
    let added = additions(&one);
    assert_eq!(added.len(), COUNT as usize);
    assert!(added.values().all(|times| *times == 1));
    let again = one.done(&["add", "--file", &lines]);
    assert!(again.contains(": 0 added, 20000 there already"), "{again}");
    let removed = one.done(&["remove", "--file", &lines]);
    assert!(
        removed.contains(": 20000 removed, 0 not there"),
        "{removed}"
    );
    let again = one.told(&["remove", "-", "--json"], first);
    assert_eq!(json(&again)["changed"], 0);
    two.until(&["list"], "");
}

#[test]
fn lines_that_cannot_be_added_are_told_by_their_numbers_and_cost_no_other_one() {
    let sandbox = Sandbox::new("bad lines");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    // Too long to be read; and one that is read, and that no operation holds.
    let (endless, large) = ("x".repeat(1 << 20), "y".repeat(131_071));
    let mut lines = format!("apple\n{endless}\npear\n{large}\n\n").into_bytes();
    lines.extend(b"\xff\xfe\nplum\napple\nlast");
    let lines = file(&sandbox, "lines", lines);
    let output = one.ask(&["add", "--file", &lines]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let complaint = text(&output.stderr);
    for told in [
        "line 2 has more than",
        "line 4 takes 131131 bytes",
        "line 6 is not UTF-8",
    ] {
        assert!(complaint.contains(told), "{told}: {complaint}");
    }
    let said = text(&output.stdout);
    assert!(
        said.contains("9 lines in")
            && said.contains(": 4 added, 2 there already or empty, 3 left out"),
        "{said}"
    );
    assert_eq!(one.done(&["list"]), "apple\nlast\npear\nplum\n");
    assert!(
        one.refused(&["add", "--file", "/nowhere"])
            .contains("/nowhere")
    );
}

#[test]
fn what_is_exported_is_imported_elsewhere_whatever_the_texts_are() {
    let sandbox = Sandbox::new("export");
    let set = sandbox.found_alone("set");
    let node = set.run();
    let odd = ["", "a\nb", "\u{202e}\u{1b}[2J", "\"quoted\"", "-", " a "];
    set.done(&[&["add", "--"], &odd[..]].concat());
    set.told(&["add", "-"], &numbers(3000));
    let exported = set.done(&["export"]);
    assert_eq!(exported.lines().count(), 3000 + odd.len());
    let before = set.done(&["list"]);
    let lossy = set.ask(&["export", "--lines"]);
    assert_eq!(lossy.status.code(), Some(1));
    assert!(text(&lossy.stderr).contains("2 elements were left out"));
    assert_eq!(text(&lossy.stdout).lines().count(), 3000 + odd.len() - 2);
    let removed: Vec<_> = [&["remove", "--"], &odd[..]].concat();
    set.done(&removed);
    set.told(&["remove", "-"], &numbers(2000));
    let told = json(&set.told(&["import", "--json"], &exported));
    assert_eq!(
        (&told["changed"], &told["unchanged"]),
        (&2006.into(), &1000.into())
    );
    assert_eq!(set.done(&["list"]), before);
    drop(node);
}

#[test]
fn a_map_is_imported_as_far_as_it_differs() {
    let sandbox = Sandbox::new("map import");
    let mut map = sandbox.home("map");
    map.address = sandbox::free_address();
    let invitation = sandbox::found("map", std::slice::from_ref(&map));
    map.done(&["join", invitation.trim()]);
    let _node = map.run();
    let mut puts = String::new();
    for number in 0..1500 {
        let put = serde_json::json!({ "key": format!("{number:04}"), "value": "red\n" });
        writeln!(puts, "{put}").expect("a text grows");
    }
    let puts_file = file(&sandbox, "puts", &puts);
    map.done(&["put", "0007", "red\n"]);
    map.done(&["put", "0008", "green"]);
    let told = json(&map.done(&["import", &puts_file, "--json"]));
    assert_eq!(
        (&told["changed"], &told["unchanged"]),
        (&1499.into(), &1.into())
    );
    assert_eq!(map.done(&["export"]), puts);
    let told = json(&map.done(&["import", &puts_file, "--json"]));
    assert_eq!(told["changed"], 0);
    let twice = "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"a\",\"value\":\"2\"}\n";
    map.told(&["import", "-"], twice);
    assert_eq!(map.done(&["get", "a"]), "2\n");
    let mut bad = map.start_into(&["import", "-"], Stdio::piped());
    let mut stdin = bad.0.stdin.take().expect("piped");
    stdin
        .write_all(b"{\"key\":\"b\"}\n{\"key\":\"c\",\"value\":\"3\"}\n")
        .expect("it reads");
    drop(stdin);
    let mut complaint = String::new();
    let mut stderr = bad.0.stderr.take().expect("piped");
    stderr.read_to_string(&mut complaint).expect("texts");
    assert_eq!(bad.ended().code(), Some(1));
    assert!(
        complaint.contains("line 1 is not what `export` writes"),
        "{complaint}"
    );
    assert_eq!(map.done(&["get", "c"]), "3\n");
    assert_eq!(map.ask(&["export", "--lines"]).status.code(), Some(2));
}

#[test]
fn of_every_kind_all_is_exported_and_what_cannot_be_imported_is_refused() {
    let sandbox = Sandbox::new("kinds");
    let long = "bread and butter, ".repeat(1000);
    for (kind, words, exported) in [
        ("counter", &["incr", "5"][..], "5".to_owned()),
        ("bank", &["open", "7"], String::new()),
        (
            "text",
            &["insert", "0", &long],
            format!("{:?}", long.repeat(5)),
        ),
    ] {
        let mut home = sandbox.home(kind);
        home.address = sandbox::free_address();
        let invitation = sandbox::found(kind, std::slice::from_ref(&home));
        home.done(&["join", invitation.trim()]);
        let _node = home.run();
        // More than a page of a text.
        let times = if kind == "text" { 5 } else { 1 };
        (0..times).for_each(|_| drop(home.done(words)));
        let expected = match kind {
            "bank" => format!("{{\"owner\":\"{}\",\"balance\":7}}\n", home.actor),
            _ => exported + "\n",
        };
        assert_eq!(home.done(&["export"]), expected);
        let refused = home.refused(&["import", "-"]);
        assert!(
            refused.contains(&format!("replicates a {kind}")),
            "{refused}"
        );
    }
}
