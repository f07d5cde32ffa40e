//! A node that leaves runs on until it is told that it may go.

use std::time::Duration;

use bft_crdts::membership::ChangeKey;
use bft_crdts::node::Event;
use tokio::time::timeout;

use crate::links::{add, approve, cluster};

const SOON: Duration = Duration::from_secs(30);

/// It never said anything: no boundary keeps a lane of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_is_told_when_it_may_be_switched_off() {
    let nodes = cluster(4).await;
    add(&nodes[1], "before").await;
    let (leaver, stay) = nodes.split_first().expect("four");
    let mut events = leaver.events();
    approve(&nodes, ChangeKey::Leave(leaver.actor())).await;
    let told = async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::Left) {
                return true;
            }
        }
        false
    };
    assert!(timeout(SOON, told).await.expect("in time"), "it stopped");
    let status = leaver.status().await.expect("it runs");
    assert_eq!((status.seated, status.leaving), (false, None));
    let mut level = 0;
    for node in stay {
        let has = node.read(|r| (r.generation(), r.algorithm().contains(&"before".to_owned())));
        level += usize::from(has.await.expect("it runs") == (status.generation, true));
    }
    assert!(level >= status.quorum, "{level} have what it has");
}
