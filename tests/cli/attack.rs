//! Attacks on the program: each test says the promise, and fails where it is broken.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;

use bft_crdts::codec::Limits;
use bft_crdts::membership::Genesis;
use bft_crdts::node::Invitation;
use bft_crdts::types::LwwRegister;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

use crate::sandbox::{Home, Process, Sandbox, json, until};

/// Two nodes of a bank, with an account each, and the second one's process.
fn bank(sandbox: &Sandbox) -> ([Home; 2], [Process; 2]) {
    let homes = sandbox.found("bank");
    let nodes = homes.each_ref().map(|home| home.run());
    for home in &homes {
        home.done(&["open", "100"]);
    }
    for home in &homes {
        until(|| home.done(&["accounts"]).lines().count() == 2);
    }
    (homes, nodes)
}

/// A payment of the first to the second that waits, for the second is down.
fn waiting_payment([payer, payee]: &[Home; 2], second: Process) -> Process {
    payee.done(&["stop"]);
    assert!(second.ended().success());
    let payment = payer.start(&["pay", &payee.actor, "10"]);
    until(|| json(&payer.done(&["status", "--json"]))["pending"] == 1);
    payment
}

// ---- money

/// Or a script that tries again what failed pays twice.
#[test]
fn a_payment_that_may_be_made_yet_is_told_from_one_that_failed() {
    let sandbox = Sandbox::new("payment");
    let (homes, [first, second]) = bank(&sandbox);
    let payment = waiting_payment(&homes, second);
    homes[0].done(&["stop"]);
    assert_eq!(payment.ended().code(), Some(4));
    assert!(first.ended().success());
    let _nodes = homes.each_ref().map(|home| home.run());
    homes[0].until(&["balance"], "90\n");
    homes[1].until(&["balance"], "110\n");
    let poor = homes[0].ask(&["pay", &homes[1].actor, "91"]);
    assert_eq!(poor.status.code(), Some(1));
}

#[test]
fn a_payment_whose_node_dies_is_not_called_failed() {
    let sandbox = Sandbox::new("death");
    let (homes, [mut first, second]) = bank(&sandbox);
    let payment = waiting_payment(&homes, second);
    first.0.kill().expect("it runs");
    assert_eq!(payment.ended().code(), Some(4));
    drop(first);
    assert_eq!(homes[0].ask(&["balance"]).status.code(), Some(3));
    let _nodes = homes.each_ref().map(|home| home.run());
    homes[1].until(&["balance"], "110\n");
}

/// What the program says of each payment is true, wherever its node was killed.
#[test]
fn payments_that_are_called_made_are_made_once_and_those_that_are_called_failed_never() {
    let sandbox = Sandbox::new("killed");
    let (homes, [first, _second]) = bank(&sandbox);
    let [payer, payee] = &homes;
    let (mut node, mut codes) = (first, Vec::new());
    for round in 0..8 {
        let payments: Vec<_> = (0..4)
            .map(|_| payer.start(&["pay", &payee.actor, "1"]))
            .collect();
        // A little later each time: before they are heard, while they are written, after they are
        // certified.
        std::thread::sleep(std::time::Duration::from_millis(10 * round));
        drop(node);
        codes.extend(payments.into_iter().map(|payment| payment.ended().code()));
        node = payer.run();
    }
    until(|| json(&payer.done(&["status", "--json"]))["pending"] == 0);
    let count = |code| codes.iter().filter(|found| **found == Some(code)).count();
    let (made, failed, unknown) = (count(0), count(3), count(4));
    assert_eq!(made + failed + unknown, codes.len(), "{codes:?}");
    let paid = json(&payer.done(&["balance", "--json"]))["balance"].clone();
    let paid = 100 - usize::try_from(paid.as_u64().expect("a number")).expect("a small one");
    assert!((made..=made + unknown).contains(&paid), "{paid}: {codes:?}");
    payee.until(&["balance"], &format!("{}\n", 100 + paid));
}

// ---- the control socket

#[test]
fn answers_that_nobody_reads_keep_no_other_request_out() {
    let sandbox = Sandbox::new("unread");
    let one = sandbox.found_alone("set");
    let _node = one.run();
    // More than the socket holds.
    for number in 0..8 {
        one.done(&["add", &format!("{number}{}", "x".repeat(100_000))]);
    }
    let unread: Vec<_> = (0..64)
        .map(|_| {
            let mut call = UnixStream::connect(one.directory.join("control.sock")).expect("a node");
            let list = b"{\"version\":1,\"request\":\"list\"}\n";
            call.write_all(list).expect("it reads");
            call
        })
        .collect();
    let mut asked = one.start(&["status"]);
    assert!(asked.line().starts_with("actor "));
    drop(unread);
}

// ---- invitations

#[test]
fn an_invitation_without_end_is_none() {
    let sandbox = Sandbox::new("endless");
    let one = sandbox.home("one");
    for words in [["join", "-"], ["join", "@/dev/zero"]] {
        let mut joining = one.start(&words);
        let mut stdin = joining.0.stdin.take().expect("piped");
        // It may stop reading at any time; whether it does is what we wish to know.
        let _ = stdin.write_all(&vec![b'0'; 8 << 20]);
        assert_eq!(joining.ended().code(), Some(1));
        drop(stdin);
    }
}

#[test]
fn an_invitation_to_what_cannot_be_run_here_binds_nobody() {
    let sandbox = Sandbox::new("unknown");
    let mut one = sandbox.home("one");
    let actor: Actor = one.actor.parse().expect("an actor");
    let register = LwwRegister::<String>::new(actor);
    let genesis = Genesis::new(&register, [actor].into(), Limits::default(), [0; 32]);
    let strange = Invitation::founding(genesis.expect("one member"), [].into()).to_string();
    let complaint = one.refused(&["join", &strange]);
    assert!(complaint.contains("that this program knows"), "{complaint}");
    one.address = crate::sandbox::free_address();
    let ours = crate::sandbox::found("set", std::slice::from_ref(&one));
    one.done(&["join", ours.trim()]);
    let _node = one.run();
}

// ---- the directory

#[test]
fn an_address_book_that_cannot_be_written_is_told_once() {
    let sandbox = Sandbox::new("book");
    let one = sandbox.found_alone("set");
    fs::create_dir(one.directory.join("peers.new")).expect("a directory");
    let log = one.directory.join("log");
    let mut node = one.start_into(&["run"], fs::File::create(&log).expect("a file"));
    assert!(node.line().starts_with("ready "));
    let told = || fs::read_to_string(&log).expect("a text");
    until(|| told().contains("is not kept"));
    // It tries again each second.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(told().matches("is not kept").count(), 1, "{}", told());
}

#[test]
fn where_others_may_write_no_node_runs() {
    let sandbox = Sandbox::new("shared");
    let one = sandbox.found_alone("set");
    let fresh = sandbox.nobody("fresh");
    fs::create_dir(&fresh.directory).expect("a directory");
    for (mode, home, words) in [
        (0o777, &one, &["run"][..]),
        (0o720, &one, &["run"]),
        (0o1777, &fresh, &["init"]),
    ] {
        fs::set_permissions(&home.directory, Permissions::from_mode(mode)).expect("ours");
        let complaint = home.refused_soon(words);
        assert!(complaint.contains("chmod go-w"), "{complaint}");
    }
    assert!(!fresh.directory.join("store.redb").exists());
    fs::set_permissions(&one.directory, Permissions::from_mode(0o755)).expect("ours");
    let _node = one.run();
}

#[test]
fn what_is_written_anew_goes_through_no_link_to_another_file() {
    let sandbox = Sandbox::new("links");
    let one = sandbox.found_alone("set");
    let precious = one.directory.with_file_name("precious");
    fs::write(&precious, "precious").expect("written");
    symlink(&precious, one.directory.join("guests.new")).expect("a link");
    let _node = one.run();
    one.done(&["invite", &"1".repeat(64)]);
    let mut kept = String::new();
    let mut file = fs::File::open(&precious).expect("a file");
    file.read_to_string(&mut kept).expect("a text");
    assert_eq!(kept, "precious");
}

/// Or whoever operates it puts a copy in its place, and the key contradicts itself.
#[test]
fn of_a_store_that_is_damaged_or_exposed_it_is_said_what_to_do() {
    let sandbox = Sandbox::new("damaged");
    let one = sandbox.found_alone("set");
    let store = one.directory.join("store.redb");
    fs::set_permissions(&store, Permissions::from_mode(0o640)).expect("ours");
    let complaint = one.refused_soon(&["run"]);
    assert!(complaint.contains("chmod go="), "{complaint}");
    fs::set_permissions(&store, Permissions::from_mode(0o600)).expect("ours");
    let whole = fs::read(&store).expect("a file");
    let mut flipped = whole.clone();
    flipped.iter_mut().skip(64).for_each(|byte| *byte ^= 1);
    for damaged in [&[][..], &whole[..whole.len() / 2], &flipped] {
        fs::write(&store, damaged).expect("written");
        for words in [["run"], ["whoami"]] {
            let complaint = one.refused_soon(&words);
            assert!(
                complaint.contains("never put a copy in its place"),
                "{complaint}"
            );
        }
    }
    assert_eq!(one.ask(&["init"]).status.code(), Some(1));
}
