//! What a cluster does when there is nothing to do.

use std::time::{Duration, Instant};

use crate::process::{Place, Process, numbers};

/// Bytes that this process wanted on a disk.
fn written(node: &Process) -> u64 {
    let io = numbers(&format!("/proc/{}/io", node.id()));
    *io.get("write_bytes").expect("Linux counts them")
}

#[test]
#[cfg(target_os = "linux")]
fn an_idle_cluster_sends_nothing_and_writes_nothing_for_a_minute() {
    let place = Place::new("idle", 4);
    let mut nodes = place.start_all();
    for (number, node) in nodes.iter_mut().enumerate() {
        node.add(&format!("item-{number}"));
    }
    for node in &mut nodes {
        node.list(4);
    }
    let mut look = || -> Vec<_> {
        let nodes = nodes.iter_mut();
        nodes
            .map(|node| {
                let status = node.status();
                (status.sent, status.received, status.writes, written(node))
            })
            .collect()
    };
    // The last acknowledgements are on their way.
    let deadline = Instant::now() + Duration::from_secs(30);
    let (mut before, mut quiet) = (look(), 0);
    while quiet < 5 {
        std::thread::sleep(Duration::from_millis(500));
        let now = look();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        assert!(
            Instant::now() < deadline,
            "they never come to rest: {before:?}"
        );
    }
    std::thread::sleep(Duration::from_secs(60));
    assert_eq!(
        look(),
        before,
        "packets sent, packets received, writes, bytes written"
    );
    for node in &nodes {
        eprintln!("idle node: {} KiB resident", node.resident());
    }
}
