//! A member in a process of its own that says two things at one dot.

use std::time::{Duration, Instant};

use bft_crdts::actor::Statement;
use bft_crdts::codec::{Limits, decode, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Echo, Equivocation, Message, Packet, Proposal,
};
use bft_crdts::dot::Seq;
use bft_crdts::node::Link;
use bft_crdts::quorum::Generation;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
use std::sync::Arc;

use crate::process::{Place, Set, genesis, key};

/// A message of `liar` that adds `item`, in the words of its first dot.
fn proposal(liar: &SigningActor, item: &str) -> Arc<Proposal> {
    let network = genesis(4).network();
    let message = Message {
        source: liar.actor(),
        seq: Seq::new(1),
        parent: network.digest(),
        ops: encode(&vec![Set::new(liar.actor()).add(item.to_owned())]).into(),
    };
    let generation = Generation::default();
    let (dot, digest) = (message.dot(), Statement::digest(&message, &network));
    let echo = Echo {
        generation,
        dot,
        digest,
    };
    let sig = liar.sign(&network, echo).sig;
    Arc::new(Proposal {
        message,
        generation,
        sig,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_equivocates_is_convicted_by_evidence_that_anybody_can_check() {
    let place = Place::new("liar", 4);
    let mut nodes: Vec<_> = (0..3).map(|number| place.start(number)).collect();
    // What is said once is heard by those who sign already.
    nodes.iter_mut().for_each(|node| node.add("begun"));
    let (liar, network) = (key(3), genesis(4).network());
    let mut links = Vec::new();
    for (number, address) in place.addresses.iter().enumerate().take(3) {
        let to = key(number).actor();
        let link = Link::dial(&liar, &network, &Limits::default(), to, *address).await;
        let mut link = link.expect("a member's key");
        let item = if number == 0 { "apple" } else { "pear" };
        let body = Body::Proposal(proposal(&liar, item));
        let packet = Packet {
            from: liar.actor(),
            to,
            body,
        };
        link.send(packet).await.expect("sent");
        links.push(link);
    }
    let evidence = tokio::task::block_in_place(|| {
        let deadline = Instant::now() + Duration::from_secs(30);
        for node in &mut nodes {
            while node.status().convicted == 0 {
                assert!(Instant::now() < deadline, "not convicted");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        nodes[0].add("and-work-goes-on");
        nodes[1].ask("evidence")
    });
    let bytes: Vec<u8> = (0..evidence.len() / 2)
        .map(|place| u8::from_str_radix(&evidence[2 * place..2 * place + 2], 16).expect("a digit"))
        .collect();
    let evidence: Equivocation = decode(&bytes, 1 << 20).expect("evidence");
    assert_eq!(evidence.verify(&network).ok(), Some(liar.actor()));
    assert!(evidence.verify(&genesis(3).network()).is_err());
}
