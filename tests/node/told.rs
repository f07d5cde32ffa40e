//! What a node tells its operator is true, whoever lies to it.

use std::time::Duration;

use bft_crdts::codec::{Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Summary};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::node::{Link, Node, Status};
use bft_crdts::store::MemoryStore;
use tokio::time::{sleep, timeout};

use crate::links::{Set, builder};
use crate::process::{genesis, key};

const SOON: Duration = Duration::from_secs(20);

/// The member with this number says that it has so many messages of the second one, and then the
/// node has heard it.
async fn claim(node: &Node<Set>, number: usize, messages: u64) -> (Link, Status) {
    let (member, to) = (key(number), node.actor());
    let address = node.local_address().expect("bound");
    let (network, limits) = (node.network(), Limits::default());
    let link = Link::dial(&member, &network, &limits, to, address).await;
    let mut link = link.expect("a member");
    let ahead = Head {
        seq: Seq::new(messages),
        digest: Digest::from_bytes([0; 32]),
    };
    let summary = Summary {
        generation: Default::default(),
        frontier: [(key(1).actor(), ahead)].into(),
        convicted: [].into(),
    };
    let summary = member.sign(&node.network(), summary).into_claim();
    let (from, body) = (member.actor(), Body::SummaryAck(summary.into()));
    link.send(Packet { from, to, body }).await.expect("sent");
    let heard = async {
        loop {
            let status = node.status().await.expect("runs");
            let mut said = status.members.iter().filter_map(|it| it.progress);
            if said.any(|said| said.member == from && said.leads == messages) {
                return status;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    (link, timeout(SOON, heard).await.expect("it is heard"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_behind_what_more_members_say_than_may_lie() {
    let node = builder(key(0), genesis(4)).start(MemoryStore::new()).await;
    let node = node.expect("started");
    let (_liar, status) = claim(&node, 3, u64::MAX).await;
    assert_eq!(status.behind(), 0, "one of four may lie");
    let (_second, status) = claim(&node, 2, 5).await;
    assert_eq!(status.behind(), 5);
    let (_third, status) = claim(&node, 1, 7).await;
    assert_eq!(status.behind(), 7);
}

/// Else the copy of a running node could wait for its answers for as long as the other runs, and be
/// told nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_holds_of_a_key_is_told_to_each_node_that_uses_it() {
    let node = builder(key(0), genesis(4)).start(MemoryStore::new()).await;
    let node = node.expect("started");
    let (member, to) = (key(1), node.actor());
    let address = node.local_address().expect("bound");
    let (network, limits) = (node.network(), Limits::default());
    let dial = || Link::dial(&member, &network, &limits, to, address);
    let mut older = dial().await.expect("a member");
    let mut newer = dial().await.expect("a member");
    let from = member.actor();
    // What it answers a link shows that it has taken it.
    let [first, second] = [7, 8].map(|byte| Digest::from_bytes([byte; 32]));
    let body = Body::Recall(first);
    let sent = newer.send(Packet { from, to, body }).await;
    sent.expect("it is open");
    recalls(&mut newer, first).await;
    let body = Body::Recall(second);
    let sent = older.send(Packet { from, to, body }).await;
    sent.expect("it is open");
    for link in [&mut newer, &mut older] {
        recalls(link, second).await;
    }
}

/// Returns when this link has brought the next answer to that question.
async fn recalls(link: &mut Link, challenge: Digest) {
    let answered = async {
        loop {
            let packet = link.receive().await.expect("a packet");
            if matches!(packet.body, Body::Recollection(it) if it.challenge == challenge) {
                return;
            }
        }
    };
    timeout(SOON, answered).await.expect("in time");
}
