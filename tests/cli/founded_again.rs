//! A network that lost more members than it can spare goes on from what it had certified, in a new
//! one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::sandbox::{Home, Process, Sandbox, free_address, json, text, until};

fn file(home: &Home, name: &str) -> String {
    let path: PathBuf = home.directory.with_file_name(name);
    path.display().to_string()
}

fn generation(home: &Home) -> u64 {
    let status = json(&home.done(&["status", "--json"]));
    status["generation"].as_u64().expect("a number")
}

fn network(home: &Home) -> String {
    let status = json(&home.done(&["status", "--json"]));
    status["network"].as_str().expect("a name").to_owned()
}

fn accounts(home: &Home) -> Vec<(String, u64)> {
    let accounts = json(&home.done(&["accounts", "--json"]));
    let account = |it: &serde_json::Value| {
        let owner = it["owner"].as_str().expect("an actor").to_owned();
        (owner, it["balance"].as_u64().expect("a number"))
    };
    let accounts = accounts.as_array().expect("a list").iter();
    accounts.map(account).collect()
}

/// What these accounts hold, and no others are there.
fn assert_hold(home: &Home, expected: &[(&Home, u64)]) {
    let mut expected: Vec<_> = expected
        .iter()
        .map(|(home, balance)| (home.actor.clone(), *balance))
        .collect();
    expected.sort();
    until(|| accounts(home) == expected);
}

fn stop(home: &Home, node: Process) {
    home.done(&["stop"]);
    assert!(node.ended().success());
}

/// A network of one that has certified a state, in a file.
fn certified(home: &Home, name: &str) -> String {
    let node = home.run();
    home.done(&["add", name]);
    home.done(&["renew"]);
    until(|| generation(home) == 1);
    let file = file(home, name);
    home.done(&["snapshot", &file]);
    stop(home, node);
    file
}

fn founders(homes: &[&Home]) -> Vec<String> {
    let founder = |home: &&Home| format!("{}@{}", home.actor, home.address);
    homes.iter().map(founder).collect()
}

fn create<'a>(file: &'a str, options: &[&'a str], founders: &'a [String]) -> Vec<&'a str> {
    let mut words = vec!["create-network", "--from-snapshot", file];
    words.extend(options);
    words.extend(founders.iter().map(String::as_str));
    words
}

#[test]
fn a_bank_that_lost_two_of_four_goes_on_with_two_new_ones_and_the_balances_of_its_last_generation()
{
    let sandbox = Sandbox::new("again");
    let old: [Home; 4] = sandbox.found_many("bank");
    let mut nodes: Vec<_> = old.iter().map(Home::run).collect();
    let [one, two, three, four] = &old;
    for (home, money) in [(one, "100"), (two, "50"), (three, "10")] {
        home.done(&["open", money]);
    }
    until(|| accounts(one).len() == 3);
    one.done(&["pay", &two.actor, "30", "--ref", "invoice 1"]);
    // A generation begins with what those have who report when the last one ends.
    for home in &old {
        assert_hold(home, &[(one, 70), (two, 80), (three, 10)]);
    }
    let (before, after) = (file(one, "before"), file(one, "after"));
    let none = one.refused(&["snapshot", &before]);
    assert!(none.contains("certified no state yet"), "{none}");
    for home in [one, two, three] {
        home.done(&["renew"]);
    }
    for home in &old {
        until(|| generation(home) == 1);
    }
    let said = json(&one.done(&["snapshot", &before, "--json"]));
    let lost = network(one);
    assert_eq!(
        said,
        json!({ "network": lost, "generation": 1, "file": before })
    );
    one.done(&["pay", &two.actor, "5"]);
    nodes.truncate(2);
    stop(two, nodes.pop().expect("it runs"));
    stop(one, nodes.pop().expect("it runs"));
    one.done(&["snapshot", &after]);
    let read = |file: &str| fs::read(file).expect("a file");
    assert_eq!(read(&before), read(&after), "running or not");

    let new = ["five", "six"].map(|name| {
        let mut home = sandbox.home(name);
        home.address = free_address();
        home
    });
    let [five, six] = &new;
    let named = founders(&[one, two, five, six]);
    let created = one.ask(&create(&after, &["--expect", &lost], &named));
    assert!(created.status.success(), "{created:?}");
    let told = text(&created.stderr);
    assert!(told.contains("generation 1 of network"), "{told}");
    assert!(told.contains("accepted there later is lost"), "{told}");
    let invitation = text(&created.stdout);
    let unknown = five.refused(&["join", invitation.trim()]);
    assert!(unknown.contains("a state that is not here"), "{unknown}");
    for home in [one, two, five, six] {
        home.done(&["join", invitation.trim(), "--from-snapshot", &after]);
    }
    let _nodes: Vec<_> = [one, two, five, six].map(Home::run).into();
    assert_ne!(network(one), lost);
    let status = json(&six.done(&["status", "--json"]));
    let origin = json!({ "network": lost, "generation": 1 });
    assert_eq!(status["origin"], origin);
    let status = six.done(&["status"]);
    let begun = format!("the state of generation 1 of network {lost}");
    assert!(status.contains(&begun), "{status}");
    for home in [one, six] {
        assert_hold(home, &[(one, 70), (two, 80), (three, 10)]);
    }

    two.done(&["pay", &one.actor, "80"]);
    five.done(&["open"]);
    assert_hold(one, &[(one, 150), (two, 0), (three, 10), (five, 0)]);
    one.done(&["pay", &five.actor, "150"]);
    // It was paid in the old network, and is not paid again.
    one.done(&["pay", &two.actor, "30", "--ref", "invoice 1"]);
    assert_hold(six, &[(one, 0), (two, 0), (three, 10), (five, 150)]);

    // Who comes back in the old network moves nothing in the new one.
    let mut back = three.start(&["run"]);
    assert!(back.line().starts_with("ready "));
    let fourth = four.start(&["run"]);
    six.done(&["open"]);
    let expected = [(one, 0), (two, 0), (three, 10), (five, 150), (six, 0)];
    assert_hold(five, &expected);
    five.done(&["pay", &six.actor, "1"]);
    let expected = [(one, 0), (two, 0), (three, 10), (five, 149), (six, 1)];
    assert_hold(one, &expected);
    let status = json(&one.done(&["status", "--json"]));
    assert_eq!(status["convicted"], json!([]));
    drop((back, fourth));
}

#[test]
fn a_file_that_proves_nothing_founds_no_network() {
    let sandbox = Sandbox::new("files");
    let one = sandbox.found_alone("set");
    let good = certified(&one, "good");
    let bytes = fs::read(&good).expect("a file");
    let named = founders(&[&one]);
    let refused = |words: &[&str]| {
        let complaint = one.refused(&[words, &["--json"]].concat());
        assert_eq!(complaint, "");
        let output = text(&one.ask(&[words, &["--json"]].concat()).stdout);
        let error = json(&output)["error"].clone();
        let word = |name: &str| error[name].as_str().expect("a text").to_owned();
        (word("code"), word("message"))
    };
    let bad = file(&one, "bad");
    let mut forged = bytes.clone();
    *forged.last_mut().expect("a state") ^= 1;
    let longer = [&bytes[..], &[0]].concat();
    let other_version = [b"bft-crdts snapshot 2\n", &bytes[21..]].concat();
    for (content, words) in [
        (&forged[..], "no generation began with this state"),
        (&bytes[..bytes.len() - 1], "malformed"),
        (&bytes[..21], "malformed"),
        (&bytes[..9], "does not begin as a snapshot"),
        (&longer, "malformed"),
        (&other_version, "does not begin as a snapshot"),
        (b"", "does not begin as a snapshot"),
    ] {
        fs::write(&bad, content).expect("written");
        let (code, message) = refused(&create(&bad, &[], &named));
        assert_eq!(code, "snapshot", "{message}");
        assert!(message.contains(words), "{message}");
    }
    fs::write(&bad, &bytes).expect("written");
    let huge = fs::File::options().write(true).open(&bad);
    huge.expect("a file")
        .set_len(1 << 40)
        .expect("a sparse one");
    let (code, message) = refused(&create(&bad, &[], &named));
    assert_eq!(code, "snapshot");
    assert!(message.contains("at most 1073741824"), "{message}");
    let (code, _) = refused(&create(&file(&one, "nothing"), &[], &named));
    assert_eq!(code, "file");
    let (code, _) = refused(&create("/dev/zero", &[], &named));
    assert_eq!(code, "snapshot");
    let (code, _) = refused(&create(&good, &["--expect", &"0".repeat(64)], &named));
    assert_eq!(code, "other-snapshot");
    let both = one.ask(&create(&good, &["--kind", "set"], &named));
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn an_identity_goes_on_only_from_the_network_to_which_it_belongs() {
    let sandbox = Sandbox::new("belongs");
    let one = sandbox.found_alone("set");
    let here = certified(&one, "here");
    let inner = Sandbox::new("elsewhere");
    let two = inner.found_alone("set");
    let there = certified(&two, "there");
    let named = founders(&[&one, &two]);
    let invitation = one.done(&create(&here, &[], &named));
    let invitation = invitation.trim();
    let other = one.refused(&["join", invitation, "--from-snapshot", &there]);
    assert!(other.contains("not of the one that is meant"), "{other}");
    let bound = two.refused(&["join", invitation, "--from-snapshot", &here]);
    assert!(bound.contains("belongs to another network"), "{bound}");
    // What was refused has changed nothing.
    for home in [&one, &two] {
        let node = home.run();
        assert_eq!(generation(home), 1);
        stop(home, node);
    }
    for _ in 0..2 {
        one.done(&["join", invitation, "--from-snapshot", &here]);
    }
    one.done(&["join", invitation]);
    let node = one.run();
    assert_eq!(one.done(&["list"]), "here\n");
    assert_eq!(generation(&one), 0);
    stop(&one, node);
    let none = one.refused(&["snapshot", &file(&one, "none")]);
    assert!(none.contains("certified no state yet"), "{none}");
}

/// Whoever lost all has a snapshot, and a copy of each key.
#[test]
fn an_old_copy_of_an_identity_goes_on_in_a_network_in_which_its_key_has_signed_nothing() {
    let sandbox = Sandbox::new("copies");
    let lost = sandbox.found_alone("set");
    let copy = lost.copy("copy");
    let good = certified(&lost, "good");
    fs::remove_dir_all(&lost.directory).expect("a directory");
    let named = founders(&[&copy]);
    let invitation = copy.done(&create(&good, &[], &named));
    copy.done(&["join", invitation.trim(), "--from-snapshot", &good]);
    let node = copy.run();
    copy.done(&["add", "more"]);
    assert_eq!(copy.done(&["list"]), "good\nmore\n");
    stop(&copy, node);
    // What the node begins with is damaged, or not there: no start mends that.
    let kept = fs::read_dir(&copy.directory).expect("a directory");
    let mut kept = kept.map(|entry| entry.expect("an entry").path());
    let kept = kept.find(|path| path.display().to_string().contains("/origin-"));
    let kept = kept.expect("the state");
    let bytes = fs::read(&kept).expect("a file");
    fs::write(&kept, &bytes[..bytes.len() - 1]).expect("written");
    for (words, put_right) in [("holds no certified state", false), ("not here", true)] {
        let output = copy.ask(&["run"]);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        assert!(text(&output.stderr).contains(words), "{output:?}");
        match put_right {
            true => fs::write(&kept, &bytes).expect("written"),
            false => fs::remove_file(&kept).expect("a file"),
        }
    }
    let node = copy.run();
    assert_eq!(copy.done(&["list"]), "good\nmore\n");
    stop(&copy, node);
}

/// The directory has another name where the node works than where it is asked.
#[test]
fn a_snapshot_is_taken_of_a_node_that_was_started_in_another_directory() {
    let sandbox = Sandbox::new("names");
    let one = sandbox.found_alone("set");
    let good = certified(&one, "good");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bft-crdts"));
    command
        .current_dir(&one.directory)
        .args(["--dir", ".", "run"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = Process::of(command.stderr(Stdio::null()));
    assert!(node.line().starts_with("ready "));
    let again = file(&one, "again");
    one.done(&["snapshot", &again]);
    let read = |file: &str| fs::read(file).expect("a file");
    assert_eq!(read(&again), read(&good));
    stop(&one, node);
}

#[test]
fn a_snapshot_takes_the_place_of_an_older_one_and_of_nothing_else() {
    let sandbox = Sandbox::new("places");
    let one = sandbox.found_alone("set");
    let good = certified(&one, "good");
    let bytes = fs::read(&good).expect("a file");
    one.done(&["snapshot", &good]);
    let own = one.directory.join("snapshot.tmp");
    one.done(&["snapshot", &own.display().to_string()]);
    for there in [Path::new(&good), &own] {
        assert_eq!(fs::read(there).expect("a file"), bytes);
    }
    let store = one.directory.join("store.redb");
    let before = fs::read(&store).expect("a store");
    for there in ["/dev/null", &store.display().to_string()] {
        let complaint = one.refused(&["snapshot", there]);
        assert!(complaint.contains("something else is there"), "{complaint}");
    }
    assert_eq!(fs::read(&store).expect("a store"), before);
}

#[test]
fn a_state_that_was_damaged_is_replaced_by_joining_again() {
    let sandbox = Sandbox::new("damaged");
    let one = sandbox.found_alone("set");
    let good = certified(&one, "good");
    let created = one.done(&create(&good, &[], &founders(&[&one])));
    let join = ["join", created.trim(), "--from-snapshot", &good];
    one.done(&join);
    let mut files = fs::read_dir(&one.directory).expect("a directory");
    let origin = files.find_map(|file| {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("origin-").then_some(path.clone())
    });
    fs::write(origin.expect("it is kept"), b"damaged").expect("written");
    let complaint = one.refused_soon(&["run"]);
    assert!(
        complaint.contains("holds no certified state"),
        "{complaint}"
    );
    one.done(&join);
    let node = one.run();
    assert_eq!(one.done(&["list"]), "good\n");
    stop(&one, node);
}
