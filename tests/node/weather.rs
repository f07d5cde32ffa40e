//! Loss, delay, disorder and partitions, by the kernel: in a network namespace of its own, with `tc netem` on its loopback.
//! Where the machine does not allow that, the test says so and passes.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Place, Process};

/// Tells the inner test that it is in a namespace of its own.
const INSIDE: &str = "BFT_CRDTS_TEST_NAMESPACE";

fn tc(arguments: &str) -> bool {
    let result = Command::new("tc").args(arguments.split(' ')).status();
    result.is_ok_and(|status| status.success())
}

/// Makes the loopback of this namespace a bad network, with a hole in it for whoever a filter names.
fn storm() -> bool {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    up.is_ok_and(|status| status.success())
        && tc(
            "qdisc add dev lo root handle 1: prio bands 3 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
        )
        && tc("qdisc add dev lo parent 1:1 handle 10: netem delay 15ms 10ms loss 10% duplicate 2%")
        && tc("qdisc add dev lo parent 1:3 handle 30: netem loss 100%")
}

/// Cuts off the node with this address.
fn cut_off(ip: &str) -> bool {
    ["dst", "src"].iter().all(|side| {
        tc(&format!(
            "filter add dev lo parent 1: protocol ip prio 1 u32 match ip {side} {ip}/32 flowid 1:3"
        ))
    })
}

fn heal() -> bool {
    tc("filter del dev lo parent 1: prio 1")
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
        (Ok(output), Ok(said)) if said.contains("weathered") => assert!(output.status.success()),
        (Ok(output), Ok(said)) if said.contains("in a storm") => {
            panic!("{said}{}", String::from_utf8_lossy(&output.stderr))
        }
        _ => eprintln!("SKIPPED: this machine gives us no network namespace with tc netem"),
    }
}

#[test]
#[ignore = "runs in the namespace that the test above makes"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() || !storm() {
        return;
    }
    println!("in a storm");
    let place = Place::at("weather", 4, |number| {
        [127, 0, 1, u8::try_from(number + 1).expect("few")]
    });
    let mut nodes = place.start_all();
    add_everywhere(&mut nodes, 0);
    // One is alone, and proposes all the same; the others are enough.
    assert!(cut_off("127.0.1.4"));
    nodes[3].order("add alone");
    add_everywhere(&mut nodes[..3], 1);
    assert!(heal());
    assert_eq!(nodes[3].outcome(), "acked alone");
    // Two and two: nobody has a quorum, until it heals.
    assert!(cut_off("127.0.1.1") && cut_off("127.0.1.2"));
    for (number, node) in nodes.iter_mut().enumerate() {
        node.order(&format!("add apart-{number}"));
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(heal());
    for (number, node) in nodes.iter_mut().enumerate() {
        assert_eq!(node.outcome(), format!("acked apart-{number}"));
    }
    let whole = nodes[0].list(4 * 5 + 3 * 5 + 1 + 4);
    for node in &mut nodes {
        let deadline = Instant::now() + Duration::from_secs(30);
        while node.list(whole.len()) != whole {
            assert!(Instant::now() < deadline, "not level");
        }
        assert_eq!(node.status().convicted, 0);
    }
    println!("weathered");
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
