//! Nodes write down what happens, and what several wrote is read as one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

use bft_crdts::recording::{Kind, Recording};

use crate::sandbox::{Home, Sandbox};

fn file(home: &Home) -> String {
    home.directory.join("trace").display().to_string()
}

#[test]
fn what_two_nodes_recorded_is_one_run_in_which_packets_arrive_after_they_left() {
    let sandbox = Sandbox::new("traces");
    let [one, two] = sandbox.found("set");
    let files = [file(&one), file(&two)];
    let first = one.run_with(&["--trace", &files[0]]);
    let second = two.run_with(&["--trace", &files[1]]);
    one.done(&["add", "apple"]);
    two.until(&["list"], "apple\n");
    two.done(&["stop"]);
    one.done(&["stop"]);
    assert!(first.ended().success() && second.ended().success());

    let merged = one.done(&["trace", "--json", &files[0], &files[1]]);
    let merged = Recording::read(&merged).expect("a recording");
    let events = merged.events();
    let of = |kind| events.iter().filter(move |event| event.kind == kind);
    assert_eq!(of(Kind::Propose).count(), 1);
    assert!(
        of(Kind::Propose).all(|event| event.words.as_ref().is_some_and(|op| op.contains("apple")))
    );
    assert_eq!(of(Kind::Apply).count(), 2);
    assert!(of(Kind::Apply).any(|event| {
        event
            .state
            .as_ref()
            .is_some_and(|state| state.contains("apple"))
    }));
    assert!(of(Kind::Certify).all(|event| event.signers.len() == 2));
    assert_eq!(of(Kind::Sign).count(), 2);
    assert!(of(Kind::Deliver).count() >= 3, "{}", merged.columns());
    for arrival in of(Kind::Deliver) {
        let left = |id: &u64| {
            let sent = &events[usize::try_from(*id).expect("small")];
            sent.kind == Kind::Send && sent.bytes == arrival.bytes && sent.peer == Some(arrival.who)
        };
        assert!(arrival.parents.iter().any(left), "{arrival:?}");
    }
    assert!(
        of(Kind::Restart).next().is_none(),
        "it is their first start"
    );

    let page = one.directory.join("page.html").display().to_string();
    assert_eq!(
        one.done(&["trace", &files[0], &files[1], "--page", &page]),
        ""
    );
    assert!(
        fs::read_to_string(&page)
            .expect("written")
            .contains("\"world\":\"nodes\"")
    );
    let lines = one.done(&["trace", &files[0], &files[1], "--lines", "--page", &page]);
    assert_eq!(lines, one.done(&["trace", &files[0], &files[1]]));
    assert!(lines.contains(" propose "), "{lines}");
}

#[test]
fn a_recording_outlives_the_kill_of_its_node_and_the_next_start() {
    let sandbox = Sandbox::new("killed");
    let one = sandbox.found_alone("set");
    let trace = file(&one);
    let node = one.run_with(&["--trace", &trace]);
    one.done(&["add", "apple"]);
    drop(node);
    let recorded =
        Recording::read(&fs::read_to_string(&trace).expect("written")).expect("a recording");
    let applied = |recording: &Recording| {
        recording
            .events()
            .iter()
            .any(|event| event.kind == Kind::Apply)
    };
    assert!(applied(&recorded));
    let mode = fs::metadata(&trace).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut torn = OpenOptions::new()
        .append(true)
        .open(&trace)
        .expect("a file");
    torn.write_all(b"{\"event\":{\"id\":99,\"words\":\"\xc3")
        .expect("written");

    let again = one.run_with(&["--trace", &trace]);
    one.done(&["stop"]);
    assert!(again.ended().success());
    let old = format!("{trace}.old");
    let merged = one.done(&["trace", "--json", &trace, &old]);
    let merged = Recording::read(&merged).expect("a recording");
    assert!(applied(&merged));
    assert_eq!(
        merged.events().last().map(|event| event.kind),
        Some(Kind::Restart)
    );
}

#[test]
fn what_is_no_recording_is_neither_read_nor_overwritten() {
    let sandbox = Sandbox::new("untraced");
    let one = sandbox.found_alone("set");
    let notes = file(&one);
    fs::write(&notes, "milk, bread\n").expect("written");
    assert!(one.refused(&["trace", &notes]).contains("is no recording"));
    assert!(one.refused(&["trace", "/nowhere"]).contains("No such file"));
    assert!(
        one.refused(&["run", "--trace", &notes])
            .contains("is no recording")
    );
    assert_eq!(fs::read_to_string(&notes).expect("there"), "milk, bread\n");
    assert!(
        one.refused(&["run", "--trace", "/nowhere/trace"])
            .contains("No such file")
    );
}

#[test]
fn a_start_that_fails_leaves_the_last_recording_in_its_place() {
    let sandbox = Sandbox::new("taken");
    let one = sandbox.found_alone("set");
    let trace = file(&one);
    let node = one.run_with(&["--trace", &trace]);
    one.done(&["add", "apple"]);
    one.done(&["stop"]);
    assert!(node.ended().success());
    let recorded = fs::read(&trace).expect("written");
    let _taken = UdpSocket::bind(&one.address).expect("free again");
    let refused = one.refused(&["run", "--trace", &trace]);
    assert!(refused.contains("cannot listen"), "{refused}");
    assert_eq!(fs::read(&trace).expect("there"), recorded);
}
