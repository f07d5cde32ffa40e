//! Loss, delay, disorder and partitions: everywhere by a relay between the nodes, and by the kernel
//! in a network namespace of its own, with `tc netem` and rules of routing on its loopback. What
//! the machine does not allow there is left out, and the test says so.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Place, Process};
use crate::relay::Relay;

/// How often everybody adds five, through the relay.
const ROUNDS: u32 = 4;

/// Tells the inner test that it is in a namespace of its own.
const INSIDE: &str = "BFT_CRDTS_TEST_NAMESPACE";

fn run(command: &str) -> bool {
    let mut words = command.split(' ');
    let program = words.next().expect("a program");
    Command::new(program)
        .args(words)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Our addresses come after the rules that cut some of them off.
fn prepare() -> bool {
    run("ip link set lo up")
        && run("ip rule add pref 100 lookup local")
        && run("ip rule del pref 0")
}

fn storm() -> bool {
    run("tc qdisc add dev lo root netem delay 15ms 10ms loss 10% duplicate 2%")
}

/// Cuts off the node with this address.
fn cut_off(ip: &str) {
    for side in ["from", "to"] {
        assert!(run(&format!("ip rule add pref 10 {side} {ip} blackhole")));
    }
}

fn heal() {
    while run("ip rule del pref 10") {}
}

#[test]
fn through_loss_delay_disorder_and_partitions_everything_is_delivered_everywhere() {
    let program = std::env::current_exe().expect("this program");
    let inside = Command::new("unshare")
        .arg("--net")
        .arg(program)
        .args(["--ignored", "--exact", "weather::inside", "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let said = inside
        .as_ref()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match (&inside, said) {
        (Ok(output), Ok(said)) if said.contains("weathered") => {
            assert!(output.status.success());
            if said.contains("no netem") {
                eprintln!(
                    "SKIPPED IN PART: the kernel has no netem, so there were partitions only; \
                     loss and delay are the relay's test"
                );
            }
        }
        (Ok(output), Ok(said)) if said.contains("in a namespace") => {
            panic!("{said}{}", String::from_utf8_lossy(&output.stderr))
        }
        _ => eprintln!("SKIPPED: this machine gives us no network namespace"),
    }
}

#[test]
#[ignore = "runs in the namespace that the test above makes"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() || !prepare() {
        return;
    }
    println!("in a namespace");
    if !storm() {
        println!("no netem");
    }
    let place = Place::at("weather", 4, |number| {
        [127, 0, 1, u8::try_from(number + 1).expect("few")]
    });
    let mut nodes = place.start_all();
    add_everywhere(&mut nodes, 0);
    // One is alone, and proposes all the same; the others are enough.
    cut_off("127.0.1.4");
    nodes[3].order("add alone");
    add_everywhere(&mut nodes[..3], 1);
    heal();
    assert_eq!(nodes[3].outcome(), "acked alone");
    // Two are cut off: nobody has a quorum, until it heals.
    cut_off("127.0.1.1");
    cut_off("127.0.1.2");
    for (number, node) in nodes.iter_mut().enumerate() {
        node.order(&format!("add apart-{number}"));
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(nodes.iter().all(|node| node.is_silent()));
    heal();
    for (number, node) in nodes.iter_mut().enumerate() {
        assert_eq!(node.outcome(), format!("acked apart-{number}"));
    }
    assert_level(&mut nodes, 4 * 5 + 3 * 5 + 1 + 4);
    println!("weathered");
}

#[test]
fn through_a_relay_that_loses_delays_and_doubles_datagrams_everything_is_delivered_everywhere() {
    let mut place = Place::new("relay", 4);
    let relay = Relay::before(&place.addresses, 7);
    place.known_as = relay.doors().to_vec();
    let mut nodes = place.start_all();
    (0..ROUNDS).for_each(|round| add_everywhere(&mut nodes, round));
    nodes.remove(3).quit();
    nodes.push(place.start(3));
    add_everywhere(&mut nodes, ROUNDS);
    // There is no way around the relay: nobody knows one, and where it carries nothing nobody hears
    // anybody.
    for node in &mut nodes {
        let known = node.ask("addresses");
        let door = |known: &str| relay.doors().iter().any(|door| door.to_string() == known);
        assert!(known.split(',').all(door), "{known}");
    }
    relay.cut(true);
    for (number, node) in nodes.iter_mut().enumerate() {
        node.order(&format!("add apart-{number}"));
    }
    std::thread::sleep(Duration::from_secs(1));
    assert!(nodes.iter().all(|node| node.is_silent()));
    relay.cut(false);
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(node.outcome(), format!("acked apart-{number}"));
    }
    assert_level(&mut nodes, (ROUNDS as usize + 1) * 20 + 4);
    for (one, other) in (0..4).flat_map(|one| (0..one).map(move |other| (one, other))) {
        for counts in relay.between(one, other) {
            assert!(counts.passed > 0 && counts.lost > 0, "{counts:?}");
            assert!(counts.doubled > 0 && counts.overtaken > 0, "{counts:?}");
        }
    }
}

/// All have the same, so much of it, and nobody is convicted.
fn assert_level(nodes: &mut [Process], len: usize) {
    let whole = nodes[0].list(len);
    assert_eq!(whole.len(), len);
    for node in nodes {
        let deadline = Instant::now() + Duration::from_secs(30);
        while node.list(len) != whole {
            assert!(Instant::now() < deadline, "not level");
        }
        assert_eq!(node.status().convicted, 0);
    }
}

/// Each adds five, one after the other.
fn add_everywhere(nodes: &mut [Process], round: u32) {
    for item in 0..5 {
        for (number, node) in nodes.iter_mut().enumerate() {
            node.order(&format!("add {round}-{number}-{item}"));
        }
        for (number, node) in nodes.iter().enumerate() {
            assert_eq!(node.outcome(), format!("acked {round}-{number}-{item}"));
        }
    }
}
