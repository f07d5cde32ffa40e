//! Receipts and proofs of records: files that are checked without a node, by who trusts a header.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::sandbox::{Home, Sandbox, json, text, until};

fn file(home: &Home, name: &str) -> String {
    home.directory.with_file_name(name).display().to_string()
}

fn status(home: &Home, field: &str) -> Value {
    json(&home.done(&["status", "--json"]))[field].clone()
}

/// What a reader would hold who trusts this member.
fn header(home: &Home) -> String {
    status(home, "header").as_str().expect("a text").to_owned()
}

/// Begins another generation, and waits until it has begun everywhere.
fn renew(homes: &[&Home]) {
    let next = status(homes[0], "generation").as_u64().expect("a number") + 1;
    for home in homes {
        // Whoever comes late finds that it has begun.
        let _ = home.ask(&["renew"]);
    }
    for home in homes {
        until(|| status(home, "generation") == next);
    }
}

/// What is told of a file that is good.
fn verified(home: &Home, file: &str, header: &str) -> Value {
    json(&home.done(&["verify", file, "--trusted", header, "--json"]))
}

/// What is told of a file that proves nothing, and the exit code.
fn refused(home: &Home, words: &[&str]) -> (Value, Option<i32>) {
    let output: Output = home.ask(&[words, &["--json"]].concat());
    let error = json(&text(&output.stdout))["error"].clone();
    assert_eq!(error["exit"], output.status.code().expect("it ends"));
    (error["code"].clone(), output.status.code())
}

#[test]
fn a_receipt_is_signed_until_a_generation_begins_and_then_anchored_for_ever() {
    let sandbox = Sandbox::new("receipt");
    let one = sandbox.found_alone("set");
    let node = one.run();
    let [early, late, short, other] =
        ["early", "late", "short", "other"].map(|name| file(&one, name));
    let said = one.done(&["add", "apple", "a pear", "--receipt", &early]);
    assert!(said.contains("delivered"), "{said}");
    let place = format!("{}.1", one.actor);
    assert!(
        said.contains(&format!("the receipt of {place} is in")),
        "{said}"
    );
    let (first, network) = (header(&one), status(&one, "network"));
    let network = network.as_str().expect("a name");
    assert_eq!(first, format!("0:{network}"));
    let verdict = verified(&one, &early, &first);
    assert_eq!(verdict["verdict"], "signed");
    assert_eq!(verdict["signers"], serde_json::json!([0, 0]));
    assert_eq!(
        verdict["operations"],
        serde_json::json!([{ "add": { "members": ["a pear", "apple"] } }])
    );
    let by_name = ["verify", &early, "--network", network];
    assert_eq!(refused(&one, &by_name), ("unproven".into(), Some(6)));
    let elsewhere = ["verify", &early, "--network", &one.actor];
    assert_eq!(refused(&one, &elsewhere), ("elsewhere".into(), Some(5)));
    assert_eq!(
        refused(&one, &["verify", &early]),
        ("usage".into(), Some(2))
    );

    one.done(&["renew"]);
    until(|| status(&one, "generation") == 1);
    let second = header(&one);
    one.done(&["receipt", &format!("{}.1#2", &one.actor[..8]), &late]);
    one.done(&["receipt", &place, &short, "--since", "1"]);
    let verdict = verified(&one, &late, &second);
    assert_eq!(verdict["verdict"], "anchored");
    assert_eq!(verdict["signers"], Value::Null);
    assert_eq!(verified(&one, &late, &first)["verdict"], "signed");
    let said = one.done(&["verify", &late, "--trusted", &second]);
    for words in [
        "anchored",
        &place,
        "+a pear,apple",
        "for ever",
        "not proven when",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let verdict = verified(&one, &short, &second);
    assert_eq!(verdict["operations"], Value::Null, "without a description");
    for old in [(&early, &second), (&short, &first)] {
        let words = ["verify", old.0, "--trusted", old.1];
        assert_eq!(refused(&one, &words), ("unproven".into(), Some(6)));
    }
    for (number, since, code) in [
        ("2", "0", "not-delivered"),
        ("1", "2", "later-generation"),
        ("x", "0", "no-operation"),
    ] {
        let place = format!("{}.{number}", one.actor);
        let words = ["receipt", &place, &other, "--since", since];
        assert_eq!(refused(&one, &words), (code.into(), Some(1)));
    }
    // The last boundary but one is the one after it now.
    renew(&[&one]);
    let words = ["receipt", &place, &other];
    assert_eq!(refused(&one, &words), ("not-kept".into(), Some(1)));
    drop(node);
    assert_eq!(verified(&one, &late, &second)["verdict"], "anchored");
}

#[test]
fn a_file_that_is_damaged_or_something_else_proves_nothing_and_is_not_overwritten() {
    let sandbox = Sandbox::new("damaged");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    let [good, bad, store] = ["good", "bad", "something"].map(|name| file(&one, name));
    one.done(&["add", "apple", "--receipt", &good]);
    let (bytes, header) = (fs::read(&good).expect("a file"), header(&one));
    let verify = ["verify", &bad, "--trusted", &header];
    for place in (0..bytes.len()).step_by(bytes.len() / 16) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        fs::write(&bad, damaged).expect("written");
        let code = one.ask(&verify).status.code();
        assert!(matches!(code, Some(1 | 5 | 6)), "byte {place}: {code:?}");
    }
    let at = bytes.windows(5).position(|word| word == b"apple");
    let mut forged = bytes.clone();
    forged[at.expect("its operation")] = b'b';
    fs::write(&bad, forged).expect("written");
    let output = text(&one.ask(&[&verify[..], &["--json"]].concat()).stdout);
    assert_eq!(json(&output)["error"]["details"], "certificate");
    assert_eq!(refused(&one, &verify), ("not-proven".into(), Some(1)));
    for bytes in [&b""[..], b"{", b"garbage", &bytes[..bytes.len() - 1]] {
        fs::write(&bad, bytes).expect("written");
        assert_eq!(refused(&one, &verify), ("no-proof".into(), Some(1)));
    }
    fs::write(&store, "valuable").expect("written");
    for words in [
        &["add", "pear", "--receipt", &store][..],
        &["prove", "apple", &store],
        &["convert", &good, &store],
    ] {
        assert_eq!(refused(&one, words), ("file".into(), Some(1)));
    }
    assert_eq!(one.done(&["list"]), "apple\n", "nothing was asked for");
    assert_eq!(fs::read(&store).expect("a file"), b"valuable");
    let lines = one.ask(&["add", "-", "--receipt", &good]);
    assert_eq!(lines.status.code(), Some(2));
}

#[test]
fn what_a_set_has_and_has_not_is_proven_and_converted_without_loss() {
    let sandbox = Sandbox::new("records");
    let homes: [Home; 4] = sandbox.found_many("set");
    let _nodes: Vec<_> = homes.iter().map(Home::run).collect();
    let [one, two, ..] = &homes;
    let [present, absent, other] = ["present", "absent", "other"].map(|name| file(one, name));
    one.done(&["add", "apple", "--receipt", &other]);
    until(|| {
        two.ask(&["receipt", &format!("{}.1", one.actor), &other])
            .status
            .success()
    });
    assert_eq!(verified(two, &other, &header(one))["verdict"], "signed");
    let said = two.done(&["prove", "apple", &present]);
    assert!(
        said.contains("\"apple\" is not in the set"),
        "not yet: {said}"
    );
    renew(&homes.each_ref()[..]);
    let said = two.done(&["prove", "apple", &present]);
    assert!(said.contains("\"apple\" is in the set"), "{said}");
    let told = json(&two.done(&["prove", "fig", &absent, "--since", "1", "--json"]));
    assert_eq!(
        (&told["present"], &told["generation"]),
        (&false.into(), &1.into())
    );
    let header = header(one);
    let verdict = verified(one, &present, &header);
    assert_eq!(
        (&verdict["verdict"], &verdict["present"], &verdict["key"]),
        (&"anchored".into(), &true.into(), &"apple".into())
    );
    let verdict = verified(one, &absent, &header);
    assert_eq!(
        (&verdict["verdict"], &verdict["present"], &verdict["key"]),
        (&"anchored".into(), &false.into(), &Value::Null)
    );
    for name in [&present, &absent, &other] {
        let [text, back] = ["text", "back"].map(|name| file(one, name));
        one.done(&["convert", name, &text]);
        let begin = fs::read(&text).expect("a file");
        assert!(begin.starts_with(b"{\"version\":1,\"proof\":{"));
        one.done(&["convert", &text, &back]);
        assert_eq!(fs::read(&back).ok(), fs::read(name).ok());
        assert_eq!(
            one.ask(&["verify", &text, "--trusted", &header]).stdout,
            one.ask(&["verify", name, "--trusted", &header]).stdout
        );
    }
}

#[test]
fn accounts_counters_and_maps_have_records_and_texts_have_none() {
    let sandbox = Sandbox::new("kinds of records");
    for (kind, operation, proven, words) in [
        ("bank", &["open", "7"][..], &["prove"][..], "holds 7"),
        ("counter", &["incr", "-2"], &["prove"], "the counter is -2"),
        (
            "map",
            &["put", "a", "b"],
            &["prove", "a"],
            "under \"a\" is \"b\"",
        ),
    ] {
        let one = sandbox.found_alone_in(kind, kind);
        let _node = one.run();
        let name = file(&one, &format!("{kind} proof"));
        one.done(operation);
        renew(&[&one]);
        let said = one.done(&[proven, &[&name]].concat());
        assert!(said.contains(words), "{said}");
        let said = one.done(&["verify", &name, "--trusted", &header(&one)]);
        assert!(said.contains(words), "{said}");
        let stranger = "2".repeat(64);
        let key = ["prove", &stranger, &name];
        match kind {
            "counter" => assert_eq!(refused(&one, &key), ("key".into(), Some(1))),
            "bank" => assert!(one.done(&key).contains("has no account")),
            _ => assert!(one.done(&key).contains("there is nothing under")),
        }
    }
    let one = sandbox.found_alone_in("text", "text");
    let _node = one.run();
    let words = ["prove", "a", &file(&one, "proof")];
    assert_eq!(refused(&one, &words), ("other-kind".into(), Some(1)));
}

#[test]
fn a_payment_has_a_receipt_and_one_that_was_made_before_is_not_made_for_it() {
    let sandbox = Sandbox::new("paid with receipt");
    let [one, two] = sandbox.found("bank");
    let _nodes = [one.run(), two.run()];
    one.done(&["open", "7"]);
    two.done(&["open", "0"]);
    one.until(&["balance", &two.actor], "0\n");
    let name = file(&one, "receipt");
    let pay = [
        "pay",
        &two.actor,
        "5",
        "--ref",
        "invoice 7",
        "--receipt",
        &name,
    ];
    one.done(&pay);
    let verdict = verified(&one, &name, &header(&one));
    assert_eq!(verdict["operations"][0]["pay"]["reference"], "invoice 7");
    let again = one.ask(&pay);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stdout).contains("accepted"), "{again:?}");
    assert!(
        text(&again.stderr).contains("it was made before"),
        "{again:?}"
    );
}
