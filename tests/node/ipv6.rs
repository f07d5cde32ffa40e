//! Nodes and links over IPv6, where the machine has it.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, SnapshotQuestion};
use bft_crdts::node::{Link, Node};
use bft_crdts::store::MemoryStore;
use tokio::time::timeout;

use crate::links::{Set, add, builder, cluster_with, has};
use crate::process::{genesis, key};

const SOON: Duration = Duration::from_secs(20);

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Whether the test is to be left out, which is said.
fn is_missing() -> bool {
    let missing = UdpSocket::bind("[::1]:0").is_err();
    if missing {
        eprintln!("SKIPPED: this machine has no IPv6");
    }
    missing
}

async fn has_soon(node: &Node<Set>, item: &str) {
    timeout(SOON, has(node, item)).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_a_link_speak_over_ipv6() {
    if is_missing() {
        return;
    }
    let nodes = cluster_with(2, |builder| builder.listen(address("[::1]:0"))).await;
    add(&nodes[0], "apple").await;
    add(&nodes[1], "pear").await;
    has_soon(&nodes[0], "pear").await;
    has_soon(&nodes[1], "apple").await;
    let (to, network) = (&nodes[0], nodes[0].network());
    let there = to.local_address().expect("bound");
    assert!(there.is_ipv6());
    let link = Link::dial(&key(1), &network, &Limits::default(), to.actor(), there).await;
    let mut link = link.expect("a member's key");
    let (from, to) = (key(1).actor(), to.actor());
    let generation = Default::default();
    let part = SnapshotQuestion::Manifest;
    let body = Body::FetchSnapshot { generation, part };
    link.send(Packet { from, to, body }).await.expect("sent");
    let answer = timeout(SOON, link.receive()).await.expect("in time");
    assert_eq!(answer.expect("a packet").body.kind(), "snapshot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_at_all_addresses_is_found_over_both_and_finds_both() {
    if is_missing() {
        return;
    }
    let start = async |number: usize, listen: &str, peers: &[(&Node<Set>, SocketAddr)]| {
        let mut builder = builder(key(number), genesis(4)).listen(address(listen));
        for (node, address) in peers {
            builder = builder.peer(node.actor(), *address);
        }
        builder.start(MemoryStore::new()).await.expect("started")
    };
    let old = start(1, "127.0.0.1:0", &[]).await;
    let there = old.local_address().expect("bound");
    // It dials the one and is dialled by the other; so does a second one, for each node has to
    // reach a quorum itself.
    let middle = start(0, "[::]:0", &[(&old, there)]).await;
    let second = start(3, "[::]:0", &[(&old, there)]).await;
    let here = |node: &Node<Set>| {
        let port = node.local_address().expect("bound").port();
        SocketAddr::new(address("[::1]:0").ip(), port)
    };
    let (first, other) = (here(&middle), here(&second));
    let new = start(2, "[::1]:0", &[(&middle, first), (&second, other)]).await;
    add(&middle, "apple").await;
    has_soon(&old, "apple").await;
    has_soon(&new, "apple").await;
}
