//! Who was interrupted asks later what became of its operation, and makes it no second time.

use std::time::Duration;

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::deterministic_secure_broadcast::{Outcome, ProposeError};
use bft_crdts::node::NotDelivered;
use bft_crdts::store::MemoryStore;
use tokio::time::{sleep, timeout};

use crate::attack::Kept;
use crate::links::{Set, add, builder};
use crate::process::{genesis, key};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_told_before_the_delivery_is_asked_for_after_a_restart() {
    let (kept, pair) = (Kept::default(), || genesis(2));
    let first = || builder(key(0), pair()).start(kept.clone());
    let node = first().await.expect("started");
    let ticket = node.submit_with(|set| Some(set.add("apple".to_owned())));
    let ticket = timeout(SOON, ticket).await.expect("it waits for nobody");
    let ticket = ticket.expect("durable");
    let place = ticket.place();
    let outcome = node.outcome(place).await.expect("runs");
    assert_eq!(outcome, Some(Outcome::Pending));
    node.shutdown().await.expect("stops");
    let stopped = NotDelivered::Stopped { durable: true };
    assert_eq!(ticket.delivered().await, Err(stopped));
    let node = first().await.expect("started");
    let outcome = node.outcome(place).await.expect("runs");
    assert_eq!(outcome, Some(Outcome::Pending));
    let address = node.local_address().expect("bound");
    let second = builder(key(1), pair()).peer(node.actor(), address);
    let second = second.start(MemoryStore::new()).await.expect("started");
    for node in [&node, &second] {
        let delivered = async {
            while node.outcome(place).await.expect("runs") != Some(Outcome::Delivered) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, delivered).await.expect("in time");
    }
    let next = node.submit_with(|set| Some(set.add("pear".to_owned())));
    let next = next.await.expect("durable");
    let told = next.place();
    assert_eq!(next.delivered().await, Ok(told.dot));
    assert_ne!(told, place);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_has_no_place() {
    let node = builder(key(0), genesis(1)).start(MemoryStore::new());
    let node = node.await.expect("started");
    let nothing = node.submit_with(|_| None).await;
    let refused = |outcome| matches!(outcome, Err(NotDelivered::Refused(_)));
    assert!(refused(nothing));
    let large = Set::new(node.actor()).add("x".repeat(1 << 20));
    let large = node.submit(large).await;
    let too_large = |error| matches!(error, ProposeError::TooLarge { .. });
    assert!(matches!(large, Err(NotDelivered::Refused(why)) if too_large(why.clone())));
    add(&node, "apple").await;
}
