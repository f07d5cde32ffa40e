//! Nodes in one process: what an embedding program sees.

use std::time::Duration;

use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Outcome, ProposeError};
use bft_crdts::membership::{ChangeKey, Genesis};
use bft_crdts::node::{
    Event, Invitation, Node, NodeBuilder, NotDelivered, RequestError, StartError,
};
use bft_crdts::orswot::{Op, Orswot};
use bft_crdts::store::MemoryStore;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
use tokio::time::{sleep, timeout};

use crate::process::{genesis, key};

pub(crate) type Set = Orswot<String>;

const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn cluster(n: usize) -> Vec<Node<Set>> {
    cluster_with(n, |builder| builder).await
}

pub(crate) async fn cluster_with(
    n: usize,
    with: impl Fn(NodeBuilder<Set>) -> NodeBuilder<Set>,
) -> Vec<Node<Set>> {
    let mut nodes: Vec<Node<Set>> = Vec::new();
    for number in 0..n {
        let mut builder = with(builder(key(number), genesis(n)));
        for node in &nodes {
            let address = node.local_address().expect("bound");
            builder = builder.peer(node.actor(), address);
        }
        nodes.push(builder.start(MemoryStore::new()).await.expect("started"));
    }
    nodes
}

pub(crate) fn builder(key: SigningActor, genesis: Genesis) -> NodeBuilder<Set> {
    let algorithm = Set::new(key.actor());
    let listen = "127.0.0.1:0".parse().expect("an address");
    Node::builder(key, algorithm, genesis).listen(listen)
}

pub(crate) async fn add(node: &Node<Set>, item: &str) {
    let made = item.to_owned();
    let proposed = node.propose_with(move |set| Some(set.add(made)));
    timeout(SOON, proposed)
        .await
        .expect("in time")
        .expect("delivered");
}

/// Returns when the set has this item.
pub(crate) async fn has(node: &Node<Set>, item: &str) {
    let item = item.to_owned();
    loop {
        let wanted = item.clone();
        if node
            .read(move |r| r.algorithm().contains(&wanted))
            .await
            .expect("runs")
        {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proposed_at_one_node_is_delivered_at_all_and_told() {
    let nodes = cluster(4).await;
    let mut events = nodes[0].events();
    add(&nodes[3], "apple").await;
    for node in &nodes {
        timeout(SOON, has(node, "apple")).await.expect("in time");
    }
    let event = timeout(SOON, events.next()).await.expect("in time");
    let Some(Event::Delivered(delivery)) = event else {
        panic!("{event:?}");
    };
    assert_eq!(delivery.dot().source, nodes[3].actor());
    for node in nodes {
        node.shutdown().await.expect("stops");
    }
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_changes_nothing_and_says_why() {
    let nodes = cluster(1).await;
    add(&nodes[0], "apple").await;
    let again = nodes[0]
        .read(|r| r.messages(&r.actor()).next().cloned())
        .await
        .expect("runs");
    let ops: Vec<<Set as SecureBroadcastAlgorithm>::Op> = again
        .expect("a message")
        .decode(&Limits::default())
        .expect("ours");
    let refused = nodes[0].propose(ops[0].clone()).await;
    assert!(matches!(
        refused,
        Err(NotDelivered::Refused(ProposeError::NotValid(_)))
    ));
    let impossible = nodes[0]
        .propose_with(|set| set.remove(&"pear".to_owned()))
        .await;
    assert!(matches!(impossible, Err(NotDelivered::Refused(_))));
    assert_eq!(nodes[0].status().await.expect("runs").pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_delivered_status_says_why_and_shutdown_says_so() {
    let mut nodes = cluster(4).await;
    add(&nodes[0], "apple").await;
    for node in nodes.drain(2..) {
        node.shutdown().await.expect("stops");
    }
    let (node, waits) = (nodes[0].clone(), nodes[0].clone());
    let waiting = tokio::spawn(async move {
        waits
            .propose_with(|set| Some(set.add("pear".to_owned())))
            .await
    });
    let why = loop {
        let status = node.status().await.expect("runs");
        if let Some(held) = status.lanes.iter().find_map(|lane| lane.held.clone()) {
            break held.why.to_string();
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert!(why.contains("of 3 echoes are here"), "{why}");
    nodes.remove(0).shutdown().await.expect("stops");
    assert_eq!(
        waiting.await.expect("no panic"),
        Err(NotDelivered::Stopped { durable: true })
    );
    assert_eq!(node.status().await.err(), Some(RequestError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_outbox_holds_waits_and_is_delivered() {
    let nodes = cluster(1).await;
    let item = |number: usize| format!("{number}{}", " ".repeat(100_000));
    let mut all = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (node, item) = (nodes[0].clone(), item(number));
        all.spawn(async move { node.propose_with(move |set| Some(set.add(item))).await });
    }
    while let Some(done) = timeout(SOON, all.join_next()).await.expect("in time") {
        done.expect("no panic").expect("delivered");
    }
    assert_eq!(nodes[0].read(|r| r.algorithm().len()).await, Ok(200));
}

#[tokio::test]
async fn a_network_whose_packets_carry_no_part_of_a_state_has_no_nodes() {
    let mut limits = Limits::default();
    (limits.message_bytes, limits.segment_bytes) = (4 << 10, 8 << 10);
    (limits.seats, limits.lanes, limits.packet_bytes) = (4, 8, 128 << 10);
    let start = |limits| {
        let founder = key(0).actor();
        let genesis = Genesis::new(&Set::new(founder), [founder].into(), limits, [0; 32]);
        builder(key(0), genesis.expect("good limits")).start(MemoryStore::new())
    };
    let refused = start(limits.clone()).await.err();
    assert!(
        matches!(refused, Some(StartError::Packets { .. })),
        "{refused:?}"
    );
    limits.packet_bytes += 1 << 10;
    assert!(start(limits).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_joins_by_a_quorums_approval_and_who_is_expelled_is_out() {
    let mut nodes = cluster(4).await;
    add(&nodes[0], "apple").await;
    let newcomer = key(4);
    let invitation = nodes[0].invite(newcomer.actor()).await.expect("runs");
    let invitation: Invitation = invitation.to_string().parse().expect("as it was written");
    let guest = builder(newcomer, invitation.genesis.clone()).invitation(&invitation);
    let guest = guest.start(MemoryStore::new()).await.expect("started");
    guest.join().await.expect("runs");
    let enters = ChangeKey::Join(guest.actor());
    approve(&nodes, enters).await;
    timeout(SOON, seated(&guest, true)).await.expect("in time");
    add(&guest, "pear").await;
    nodes.push(guest);
    for node in &nodes {
        timeout(SOON, has(node, "pear")).await.expect("in time");
    }
    let out = nodes.remove(0);
    approve(&nodes, ChangeKey::Leave(out.actor())).await;
    timeout(SOON, seated(&out, false)).await.expect("in time");
    add(&nodes[0], "plum").await;
    let refused = out
        .propose_with(|set| Some(set.add("fig".to_owned())))
        .await;
    assert_eq!(
        refused,
        Err(NotDelivered::Refused(ProposeError::NotAMember))
    );
}

/// The nodes approve, as soon as they are asked.
pub(crate) async fn approve(nodes: &[Node<Set>], change: ChangeKey) {
    for node in nodes {
        let approved = async {
            loop {
                match node.approve(change).await {
                    Err(RequestError::Unasked) => sleep(Duration::from_millis(10)).await,
                    result => return result,
                }
            }
        };
        // Who comes last may find the change made.
        let _ = timeout(SOON, approved).await.expect("in time");
    }
}

pub(crate) async fn seated(node: &Node<Set>, wanted: bool) {
    while node.status().await.expect("runs").seated != wanted {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_submitted_at_once_is_delivered_with_its_last_operation_or_refused_whole() {
    let nodes = cluster(4).await;
    let node = &nodes[0];
    let numbered = |from: usize, to: usize| move || (from..to).map(|number| format!("{number:04}"));
    let (first, second) = (numbered(0, 1_500), numbered(1_500, 3_000));
    let one = node.submit_all(move |set| set.add_each(first()));
    let one = one.await.expect("accepted");
    // The first message has as many as fit, 1,024; it is the last of the second.
    assert_eq!((one.place().dot.seq.number(), one.place().index), (2, 475));
    let two = node.submit_all(move |set| set.add_each(second()));
    let two = two.await.expect("accepted");
    add(node, "alone").await;
    for ticket in [one, two] {
        let place = ticket.place();
        let dot = timeout(SOON, ticket.delivered()).await.expect("in time");
        assert_eq!(dot, Ok(place.dot));
        assert_eq!(node.outcome(place).await, Ok(Some(Outcome::Delivered)));
    }
    let refused = |made: Vec<Op<String>>| async {
        let submitted = node.submit_all(|_| made).await;
        matches!(submitted, Err(NotDelivered::Refused(_)))
    };
    let twice = node.read(|replica| vec![replica.algorithm().add("twice".to_owned()); 2]);
    assert!(refused(twice.await.expect("runs")).await, "the same number");
    assert!(refused(Vec::new()).await);
    add(&nodes[1], "last").await;
    timeout(SOON, has(node, "last")).await.expect("in time");
    let set = node.read(|replica| replica.algorithm().len()).await;
    assert_eq!(set, Ok(3_002));
}
