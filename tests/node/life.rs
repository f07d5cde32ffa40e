//! A node tells whom it heard, whom it waits for, and for how long.

use std::time::Duration;

use bft_crdts::Actor;
use bft_crdts::node::{MemberStatus, Node};
use tokio::time::{sleep, timeout};

use crate::links::{Set, add, cluster, has};

const SOON: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

async fn member(node: &Node<Set>, actor: Actor) -> MemberStatus {
    let status = node.status().await.expect("runs");
    let mut members = status.members.into_iter();
    members
        .find(|member| member.actor == actor)
        .expect("a member")
}

async fn until(node: &Node<Set>, actor: Actor, holds: impl Fn(&MemberStatus) -> bool) {
    let holds = async {
        while !holds(&member(node, actor).await) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, holds).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_who_is_gone_though_all_were_level_and_nobody_spoke() {
    let mut nodes = cluster(4).await;
    let me = nodes[0].actor();
    assert_eq!(member(&nodes[0], me).await.heard, None, "not of itself");
    add(&nodes[0], "apple").await;
    for node in &nodes {
        timeout(SOON, has(node, "apple")).await.expect("in time");
    }
    for other in &nodes[1..] {
        until(&nodes[0], other.actor(), |it| it.heard.is_some()).await;
    }
    let all = nodes[0].probe(SOON).await.expect("runs");
    assert_eq!(all.len(), 3);
    let gone = nodes.pop().expect("four");
    let actor = gone.actor();
    gone.shutdown().await.expect("stops");
    let found = async {
        loop {
            let answered = nodes[0].probe(SHORT).await.expect("runs");
            // What it said before its end may have come after we asked.
            if !answered.contains(&actor) && answered.len() == 2 {
                return;
            }
        }
    };
    timeout(SOON, found).await.expect("in time");
    let silent = member(&nodes[0], actor).await.heard.expect("once");
    assert!(silent >= SHORT, "{silent:?}");
    let other = member(&nodes[0], nodes[1].actor()).await;
    assert!(other.heard.expect("it answered") < silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_echoed_is_told_and_for_how_long() {
    let mut nodes = cluster(4).await;
    add(&nodes[0], "apple").await;
    let gone = nodes.split_off(2);
    let absent: Vec<_> = gone.iter().map(Node::actor).collect();
    for node in gone {
        node.shutdown().await.expect("stops");
    }
    let waits = nodes[0].clone();
    tokio::spawn(async move {
        waits
            .propose_with(|set| Some(set.add("pear".to_owned())))
            .await
    });
    for actor in &absent {
        until(&nodes[0], *actor, |it| {
            it.owes.is_some_and(|lacks| lacks > SHORT)
        })
        .await;
    }
    let present = nodes[1].actor();
    until(&nodes[0], present, |it| it.owes.is_none()).await;
    let counts = nodes[0].status().await.expect("runs").counts;
    assert_eq!(counts.deliveries, 1);
    assert!(
        counts.writes > 0 && counts.work.verifications > 0,
        "{counts:?}"
    );
    assert!(counts.received.contains_key("echo"), "{counts:?}");
    let traffic = nodes[0].traffic();
    assert!(traffic.received_bytes > 10 * traffic.received);
    assert!(traffic.sent_bytes > 10 * traffic.sent);
}
