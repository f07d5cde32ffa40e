//! A supervisor hears how far the node is, stops it whenever it likes, and is told when to start it
//! again is in vain.

use std::fs::{self, File, OpenOptions};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::metrics;
use crate::sandbox::{Home, Sandbox, json, until};

/// What a supervisor hears next.
fn hears(supervisor: &UnixDatagram) -> String {
    let mut word = [0; 100];
    let patience = Some(Duration::from_secs(30));
    supervisor.set_read_timeout(patience).expect("a time");
    let len = supervisor.recv(&mut word).expect("a word");
    crate::sandbox::text(&word[..len])
}

#[test]
fn a_supervisor_hears_that_the_node_can_be_asked_and_that_it_stops() {
    let sandbox = Sandbox::new("notify");
    let one = sandbox.found_alone("set");
    let path = one.directory.join("notify");
    let name = format!("bft-crdts-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    for (socket, supervisor) in [
        (
            path.to_string_lossy().into_owned(),
            UnixDatagram::bind(&path),
        ),
        (format!("@{name}"), UnixDatagram::bind_addr(&address)),
    ] {
        let supervisor = supervisor.expect("a socket");
        let node = one.run_for(&socket, File::create("/dev/null").expect("Linux has one"));
        assert_eq!(hears(&supervisor), "READY=1\n");
        one.done(&["add", "apple"]);
        node.signal("-TERM");
        assert_eq!(hears(&supervisor), "STOPPING=1\n");
        assert!(node.ended().success());
    }
}

#[test]
fn a_supervisor_that_cannot_be_told_keeps_no_node_from_running() {
    let sandbox = Sandbox::new("deaf");
    let one = sandbox.found_alone("set");
    let (deaf, log) = (one.directory.join("deaf"), one.directory.join("log"));
    let deaf_name = deaf.to_string_lossy().into_owned();
    let _deaf = UnixDatagram::bind(&deaf).expect("a socket");
    let filler = UnixDatagram::unbound().expect("a socket");
    filler.set_nonblocking(true).expect("ours");
    while filler.send_to(b"x", &deaf).is_ok() {}
    for socket in [&*deaf_name, "/nowhere/notify", "@", "@bft-crdts-nobody"] {
        let node = one.run_for(socket, File::create(&log).expect("a file"));
        until(|| one.ask(&["add", "apple"]).status.success());
        until(|| fs::read_to_string(&log).is_ok_and(|log| log.contains("is Ready")));
        one.done(&["stop"]);
        assert!(node.ended().success(), "{socket}");
        let log = fs::read_to_string(&log).expect("a file");
        assert!(log.contains("NOTIFY_SOCKET"), "{log}");
        assert!(log.contains("is Stopping"), "{log}");
    }
    // None is named.
    let node = one.run_for("", File::create(&log).expect("a file"));
    until(|| one.ask(&["stop"]).status.success());
    assert!(node.ended().success());
    assert_eq!(fs::read_to_string(&log).expect("a file"), "");
}

/// Containers are given ten seconds.
#[test]
fn a_signal_stops_a_node_in_seconds_whatever_it_waits_for() {
    let sandbox = Sandbox::new("grace");
    let homes: [Home; 4] = sandbox.found_many("set");
    let (node, at) = metrics::run(&homes[0]);
    let others: Vec<_> = homes[1..].iter().map(Home::run).collect();
    homes[0].done(&["add", "apple"]);
    others[1..].iter().for_each(|other| other.signal("-STOP"));
    let waits = homes[0].start(&["add", "pear"]);
    let pending = || json(&homes[0].done(&["status", "--json"]))["pending"].clone();
    until(|| pending() == 1);
    let mut follower = homes[0].start(&["events", "--json"]);
    follower.line();
    let _scrapers = [(); 20].map(|()| TcpStream::connect(at).expect("it listens"));
    let socket = homes[0].directory.join("control.sock");
    let _idle = [(); 80].map(|()| UnixStream::connect(&socket).expect("a node"));
    let begin = Instant::now();
    node.signal("-TERM");
    assert!(node.ended().success());
    let lasted = begin.elapsed();
    assert!(lasted < Duration::from_secs(10), "{lasted:?}");
    assert_eq!(waits.ended().code(), Some(4));
    assert!(!socket.exists());
}

/// Or the first process of a container, which no signal ends by itself, is killed.
#[test]
fn a_signal_that_comes_while_the_node_starts_is_not_lost() {
    let sandbox = Sandbox::new("early");
    let one = sandbox.found_alone("set");
    let peers = one.directory.join("peers");
    fs::remove_file(&peers).expect("a file");
    let made = Command::new("mkfifo").arg(&peers).status();
    assert!(made.expect("it runs").success());
    let node = one.start(&["run"]);
    // It opens as soon as the node reads it, and the node waits for its end.
    let held = OpenOptions::new().write(true).open(&peers).expect("a pipe");
    node.signal("-TERM");
    drop(held);
    assert!(node.ended().success());
}

#[test]
fn a_start_that_is_in_vain_is_told_from_one_that_may_be_tried_again() {
    let sandbox = Sandbox::new("vain");
    let one = sandbox.found_alone("set");
    let code = |home: &Home, words: &[&str]| home.ask(words).status.code();
    assert_eq!(code(&sandbox.nobody("none"), &["run"]), Some(7));
    assert_eq!(code(&sandbox.home("fresh"), &["run"]), Some(7));
    // Other commands are not started by a supervisor.
    assert_eq!(code(&sandbox.nobody("none"), &["whoami"]), Some(1));
    let elsewhere = ["run", "--listen", "192.0.2.1:1"];
    assert_eq!(code(&one, &elsewhere), Some(1));
    let (store, aside) = (
        one.directory.join("store.redb"),
        one.directory.join("aside"),
    );
    fs::copy(&store, &aside).expect("a copy");
    let node = one.run();
    assert_eq!(code(&one, &["run"]), Some(1));
    one.done(&["add", "apple"]);
    one.done(&["stop"]);
    assert!(node.ended().success());
    let newest = fs::read(&store).expect("a file");
    let (half, beginning) = (newest[..newest.len() / 2].to_vec(), newest[..100].to_vec());
    let old = fs::read(aside).expect("a file");
    for old_or_damaged in [old, b"nonsense".to_vec(), half, beginning] {
        fs::write(&store, old_or_damaged).expect("written");
        assert_eq!(code(&one, &["run"]), Some(7));
    }
}
