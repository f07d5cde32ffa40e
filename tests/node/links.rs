//! Nodes in one process: what an embedding program sees.

use std::time::Duration;

use bft_crdts::codec::Limits;
use bft_crdts::membership::Genesis;
use bft_crdts::node::Node;
use bft_crdts::orswot::Orswot;
use bft_crdts::store::MemoryStore;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

type Set = Orswot<String>;

async fn cluster(n: u8) -> Vec<Node<Set>> {
    let keys: Vec<_> = (1..=n)
        .map(|byte| SigningActor::from_secret(&[byte; 32]))
        .collect();
    let members = keys.iter().map(SigningActor::actor).collect();
    let genesis =
        Genesis::new(&Set::new(keys[0].actor()), members, Limits::default()).expect("a genesis");
    let mut nodes: Vec<Node<Set>> = Vec::new();
    for key in keys {
        let algorithm = Set::new(key.actor());
        let mut builder = Node::builder(key, algorithm, genesis.clone())
            .listen("127.0.0.1:0".parse().expect("an address"));
        for node in &nodes {
            let address = node.local_address().expect("bound").to_string();
            builder = builder.peer(node.actor(), address);
        }
        nodes.push(builder.start(MemoryStore::new()).await.expect("started"));
    }
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proposed_at_one_node_is_delivered_at_all() {
    let nodes = cluster(4).await;
    let dot = nodes[3]
        .propose_with(|set| Some(set.add("apple".to_owned())))
        .await;
    assert_eq!(dot.map(|dot| dot.source), Ok(nodes[3].actor()));
    for node in &nodes {
        while !node
            .read(|r| r.algorithm().contains(&"apple".to_owned()))
            .await
            .expect("runs")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    for node in nodes {
        node.shutdown().await.expect("stops");
    }
}
