//! Who has no seat any more is told so, and follows no longer, until a member invites it again.

use std::time::Duration;

use bft_crdts::membership::ChangeKey;
use bft_crdts::node::Node;
use bft_crdts::store::MemoryStore;
use tokio::time::{sleep, timeout};

use crate::links::{Set, add, approve, builder, cluster_with, has, seated};
use crate::process::key;

const SOON: Duration = Duration::from_secs(30);

async fn contains(node: &Node<Set>, item: &'static str) -> bool {
    let contains = node.read(|r| r.algorithm().contains(&item.to_owned()));
    contains.await.expect("runs")
}

/// Returns when so many more packets of this node were written: it asks again and again.
async fn asks(node: &Node<Set>, times: u64) {
    let before = node.traffic().sent;
    while node.traffic().sent < before + times {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Four nodes, of which the first was expelled and knows it.
async fn expelled() -> (Node<Set>, Vec<Node<Set>>) {
    let mut nodes = cluster_with(4, |builder| builder.tick(Duration::from_millis(5))).await;
    add(&nodes[0], "before").await;
    let out = nodes.remove(0);
    approve(&nodes, ChangeKey::Leave(out.actor())).await;
    timeout(SOON, seated(&out, false))
        .await
        .expect("it is told");
    (out, nodes)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_expelled_gets_nothing_that_comes_after() {
    let (out, nodes) = expelled().await;
    add(&nodes[0], "after").await;
    for node in &nodes {
        timeout(SOON, has(node, "after")).await.expect("in time");
    }
    timeout(SOON, asks(&out, 20)).await.expect("it asks");
    assert!(!contains(&out, "after").await);
    approve(&nodes, ChangeKey::Renew).await;
    timeout(SOON, asks(&out, 20)).await.expect("it asks");
    assert!(!contains(&out, "after").await);
    assert!(contains(&out, "before").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_expelled_and_is_invited_again_catches_up_and_comes_back() {
    let (out, nodes) = expelled().await;
    add(&nodes[0], "after").await;
    nodes[0].invite(out.actor()).await.expect("runs");
    timeout(SOON, has(&out, "after")).await.expect("it follows");
    out.join().await.expect("runs");
    approve(&nodes, ChangeKey::Join(out.actor())).await;
    timeout(SOON, seated(&out, true)).await.expect("in time");
    add(&out, "back").await;
    timeout(SOON, has(&nodes[2], "back"))
        .await
        .expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wish_of_a_guest_is_seen_at_every_member_whoever_invited_it() {
    let nodes = cluster_with(4, |builder| builder.tick(Duration::from_millis(5))).await;
    add(&nodes[0], "apple").await;
    for node in &nodes {
        timeout(SOON, has(node, "apple")).await.expect("in time");
    }
    let newcomer = key(4);
    let invitation = nodes[0].invite(newcomer.actor()).await.expect("runs");
    let guest = builder(newcomer, invitation.genesis.clone()).tick(Duration::from_millis(5));
    let guest = guest.invitation(&invitation).start(MemoryStore::new());
    let guest = guest.await.expect("started");
    guest.join().await.expect("runs");
    let enters = ChangeKey::Join(guest.actor());
    for node in &nodes {
        let seen = async {
            while !node.asked().contains(&enters) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, seen).await.expect("it is asked");
    }
    // Once more is no error: nobody has to know who was first.
    for _ in 0..2 {
        nodes[1].approve(enters).await.expect("it asks");
    }
}
