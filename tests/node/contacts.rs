//! A member that slept too long, and whom it can ask.

use std::time::Duration;

use bft_crdts::Actor;
use bft_crdts::membership::ChangeKey;
use bft_crdts::node::Node;
use bft_crdts::store::MemoryStore;
use tokio::time::{sleep, timeout};

use crate::attack::Kept;
use crate::links::{Set, add, approve, builder, has, seated};
use crate::process::{genesis, key};

const SOON: Duration = Duration::from_secs(30);

async fn start(number: usize, store: Kept, contacts: &[Node<Set>]) -> Node<Set> {
    let mut builder = builder(key(number), genesis(4)).tick(Duration::from_millis(20));
    for contact in contacts {
        let address = contact.local_address().expect("bound");
        builder = builder.peer(contact.actor(), address);
    }
    builder.start(store).await.expect("started")
}

/// All who run make a change.
async fn agree(nodes: &[Node<Set>], change: ChangeKey) {
    let mut begun = Vec::new();
    for node in nodes {
        begun.push(node.read(|r| r.generation()).await.expect("runs"));
    }
    approve(nodes, change).await;
    for (node, begun) in nodes.iter().zip(begun) {
        while node.read(|r| r.generation()).await.expect("runs") == begun {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn members(node: &Node<Set>) -> Vec<Actor> {
    let members = node.read(|r| r.committee().actors().to_vec());
    members.await.expect("runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_slept_while_all_others_were_exchanged_catches_up_when_it_is_introduced() {
    let kept = Kept::default();
    let sleeper = start(3, kept.clone(), &[]).await;
    let asleep = sleeper.actor();
    sleeper.shutdown().await.expect("stops");
    let mut nodes: Vec<Node<Set>> = Vec::new();
    for number in 0..3 {
        nodes.push(start(number, Kept::default(), &nodes).await);
    }
    for number in 4..7 {
        let newcomer = key(number);
        let mut invitation = None;
        for node in &nodes {
            invitation = Some(node.invite(newcomer.actor()).await.expect("runs"));
        }
        let invitation = invitation.expect("somebody is there");
        let guest = builder(newcomer, genesis(4)).tick(Duration::from_millis(20));
        let guest = guest
            .invitation(&invitation)
            .start(MemoryStore::new())
            .await;
        let guest = guest.expect("started");
        guest.join().await.expect("runs");
        let change = ChangeKey::Join(guest.actor());
        timeout(SOON, agree(&nodes, change)).await.expect("in time");
        timeout(SOON, seated(&guest, true)).await.expect("in time");
        nodes.push(guest);
        let change = ChangeKey::Leave(nodes[0].actor());
        timeout(SOON, agree(&nodes, change)).await.expect("in time");
        let leaver = nodes.remove(0);
        leaver.shutdown().await.expect("stops");
    }
    add(&nodes[0], "meanwhile").await;
    let sleeper = start(3, kept, &[]).await;
    let contact = &nodes[2];
    let address = contact.local_address().expect("bound");
    let introduced = sleeper.introduce(contact.actor(), address).await;
    introduced.expect("runs");
    let awake = has(&sleeper, "meanwhile");
    timeout(SOON, awake).await.expect("it catches up");
    assert_eq!(members(&sleeper).await, members(&nodes[0]).await);
    assert!(members(&sleeper).await.contains(&asleep));
    add(&sleeper, "awake").await;
    timeout(SOON, has(&nodes[0], "awake"))
        .await
        .expect("in time");
}
