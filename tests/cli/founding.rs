//! A network is founded only as its founders mean it.

use crate::sandbox::{self, Home, Sandbox, json, text};

#[test]
fn each_founder_is_another_one_at_another_address_where_others_can_reach_it() {
    let sandbox = Sandbox::new("founders");
    let [one, two] = ["one", "two"].map(|name| sandbox.home(name));
    let found = |founders: [(&str, &str); 2]| {
        let founders = founders.map(|(actor, address)| format!("{actor}@{address}"));
        one.ask(&["found", "--kind", "set", &founders[0], &founders[1]])
    };
    let (one, two) = (one.actor.as_str(), two.actor.as_str());
    let twice = found([(one, "127.0.0.1:1"), (one, "127.0.0.1:2")]);
    assert_eq!(twice.status.code(), Some(1), "{twice:?}");
    assert!(
        text(&twice.stderr).contains("name each founder once"),
        "{twice:?}"
    );
    for (here, there) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("Host.Example:1", "host.example:1"),
        ("127.0.0.1:1", "[::ffff:127.0.0.1]:1"),
    ] {
        let together = found([(one, here), (two, there)]);
        assert_eq!(together.status.code(), Some(1), "{together:?}");
        let complaint = text(&together.stderr);
        assert!(
            complaint.contains("each node itself listens"),
            "{complaint}"
        );
    }
    for nowhere in ["0.0.0.0:1", "[::]:1", "127.0.0.1:0", "host.example:0"] {
        let lost = found([(one, "127.0.0.1:1"), (two, nowhere)]);
        assert_eq!(lost.status.code(), Some(2), "{lost:?}");
        let complaint = text(&lost.stderr);
        assert!(
            complaint.contains("at which the others reach"),
            "{complaint}"
        );
    }
    let founded = found([(one, "127.0.0.1:1"), (two, "127.0.0.1:2")]);
    assert!(founded.status.success());
    assert!(
        text(&founded.stderr).contains("tolerates no liar"),
        "{founded:?}"
    );
}

#[test]
fn a_node_tells_others_no_address_that_leads_nowhere_and_asks_nobody_there() {
    let sandbox = Sandbox::new("nowhere");
    let one = sandbox.found_alone("set");
    let peer = format!("{}@0.0.0.0:1", "2".repeat(64));
    for words in [["run", "--address", "0.0.0.0:1"], ["run", "--peer", &peer]] {
        let output = one.ask(&words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains("leads nowhere"), "{output:?}");
    }
}

#[test]
fn an_approval_says_how_many_there_are_and_again_it_is_the_same_one() {
    let sandbox = Sandbox::new("approvals");
    let [one, two] = sandbox.found("set");
    let (_first, _second) = (one.run(), two.run());
    for _ in 0..2 {
        let said = one.done(&["expel", &two.actor]);
        assert_eq!(said, "approved: 1 of 2 approvals\n");
    }
    let said = json(&one.done(&["renew", "--json"]));
    assert_eq!(said, serde_json::json!({ "approvals": 1, "quorum": 2 }));
    let wishes = || json(&two.done(&["requests", "--json"]));
    sandbox::until(|| wishes().as_array().expect("a list").len() == 2);
    let said = two.done(&["renew"]);
    assert!(said.contains("all of 2 approvals"), "{said}");
}

#[test]
fn what_is_refused_names_the_bound_that_it_is_over() {
    let sandbox = Sandbox::new("bounds");
    let one = sandbox.found_alone("bank");
    let _node = one.run();
    let rich = one.refused(&["open", "274877906944"]);
    assert!(rich.contains("with 274877906943 at most"), "{rich}");
    one.done(&["open", "274877906943"]);
}

#[test]
fn all_money_of_a_bank_with_an_issuer_comes_from_it_and_the_rules_hold_at_every_member() {
    let sandbox = Sandbox::new("issuer");
    let homes = sandbox.found_by(|homes| {
        let options = [
            "--kind",
            "bank",
            "--issuer",
            &homes[0].actor,
            "--supply",
            "1000",
        ];
        let more = ["--floor", "10", "--most-payment", "600"];
        sandbox::found_with(&[&options[..], &more].concat(), homes)
    });
    let [issuer, other] = &homes;
    let nodes = homes.each_ref().map(|home| home.run());
    let refused = |home: &Home, words: &[&str], why: &str| {
        let complaint = home.refused(words);
        assert!(complaint.contains(why), "{words:?}: {complaint}");
    };
    refused(issuer, &["open", "1001"], "with 1000 at most");
    refused(other, &["open", "1"], "with 0 at most");
    refused(other, &["open", "1"], "all money is the issuer's");
    issuer.done(&["open"]);
    other.done(&["open"]);
    issuer.until(&["balance", &other.actor], "0\n");
    refused(issuer, &["pay", &other.actor, "601"], "moves 600 at most");
    issuer.done(&["pay", &other.actor, "600"]);
    refused(
        issuer,
        &["pay", &other.actor, "391"],
        "of which 10 stay there",
    );
    issuer.done(&["pay", &other.actor, "390"]);
    other.until(&["balance"], "990\n");
    other.done(&["pay", &issuer.actor, "5"]);
    drop(nodes);
    let _nodes = homes.each_ref().map(|home| home.run());
    for home in &homes {
        home.until(&["balance", &issuer.actor], "15\n");
        let rules = json(&home.done(&["rules", "--json"]));
        assert_eq!(rules["issuer"], issuer.actor);
        let told = ["floor", "payment", "issued"].map(|rule| rules[rule].as_u64());
        assert_eq!(told, [Some(10), Some(600), Some(1000)]);
    }
    assert!(other.done(&["rules"]).contains(&issuer.actor));
}

#[test]
fn a_bank_is_founded_only_by_rules_under_which_there_can_be_money() {
    let sandbox = Sandbox::new("rules");
    let one = sandbox.home("one");
    let founder = format!("{}@127.0.0.1:1", one.actor);
    let found = |kind: &str, options: &[&str]| {
        let output = one.ask(&[&["found", "--kind", kind], options, &[founder.as_str()]].concat());
        (output.status.code(), text(&output.stderr))
    };
    let stranger = "2".repeat(64);
    for (kind, options, code, why) in [
        (
            "bank",
            &["--issuer", &stranger, "--supply", "5"][..],
            1,
            "none of the founders",
        ),
        ("bank", &["--issuer", &one.actor], 2, "--supply"),
        ("bank", &["--supply", "5"], 2, "--issuer"),
        (
            "bank",
            &["--issuer", "abcd", "--supply", "5"],
            2,
            "all 64 digits",
        ),
        (
            "bank",
            &["--most-opening", "274877906944"],
            1,
            "with 274877906943 at most",
        ),
        ("bank", &["--most-payment", "0"], 1, "no payment"),
        ("set", &["--floor", "5"], 2, "no rules of a bank"),
    ] {
        let (told, complaint) = found(kind, options);
        assert_eq!(told, Some(code), "{options:?}: {complaint}");
        assert!(complaint.contains(why), "{options:?}: {complaint}");
    }
    assert_eq!(found("bank", &["--most-opening", "7"]).0, Some(0));
}

#[test]
fn texts_that_differ_are_listed_as_different() {
    let sandbox = Sandbox::new("texts");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    one.done(&["add", "a\nb", "a\\nb"]);
    assert_eq!(one.done(&["list"]), "a\\nb\na\\\\nb\n");
}

#[test]
fn what_can_be_added_can_be_removed_whoever_else_added_it() {
    let sandbox = Sandbox::new("large");
    let homes = sandbox.found("set");
    let _nodes = homes.each_ref().map(|home| home.run());
    // An argument is no longer than this, and not much shorter than what a message holds.
    let text = "x".repeat(131_004);
    let both = format!("{text}\n");
    for home in &homes {
        home.done(&["add", &text]);
        homes[1].until(&["list"], &both);
    }
    homes[1].done(&["remove", &text]);
    homes[0].until(&["list"], "");
}
