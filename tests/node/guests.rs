//! Whom members invite.

use std::time::Duration;

use bft_crdts::SigningActor;
use bft_crdts::membership::ChangeKey;
use bft_crdts::store::MemoryStore;
use tokio::time::{sleep, timeout};

use crate::links::{builder, cluster};

const SOON: Duration = Duration::from_secs(20);

/// Of a member's guests the others are told of a few: were it always the same ones, those who never
/// come would keep out all who are invited later.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_invited_last_is_heard_by_the_members_however_many_guests_never_came() {
    let nodes = cluster(4).await;
    let mut keys: Vec<_> = (100..140)
        .map(|byte| SigningActor::from_secret(&[byte; 32]))
        .collect();
    keys.sort_by_key(SigningActor::actor);
    let newcomer = keys.pop().expect("many");
    for absent in keys {
        nodes[0].invite(absent.actor()).await.expect("runs");
    }
    let invitation = nodes[0].invite(newcomer.actor()).await.expect("runs");
    let guest = builder(newcomer, invitation.genesis.clone()).invitation(&invitation);
    let guest = guest.start(MemoryStore::new()).await.expect("started");
    guest.join().await.expect("runs");
    let wish = ChangeKey::Join(guest.actor());
    let heard = async {
        while nodes.iter().any(|node| !node.asked().contains(&wish)) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, heard).await.expect("all hear its wish");
}
