//! What strangers, half-open doors, garbage and patience do to a node: nothing.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use bft_crdts::codec::{Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{Body, Message, Packet};
use bft_crdts::dot::Seq;
use bft_crdts::node::{Link, LinkError, Node};
use bft_crdts::{Actor, SigningActor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::timeout;

use crate::links::{Set, cluster, cluster_with, has};
use crate::process::{Place, Process, genesis, key};

const SOON: Duration = Duration::from_secs(10);

async fn dial(from: &SigningActor, to: &Node<Set>) -> Link {
    let address = to.local_address().expect("bound");
    let link = Link::dial(from, &to.network(), &Limits::default(), to.actor(), address).await;
    link.expect("the handshake itself is for everybody")
}

/// A request in the words of whoever has this key.
fn fetch(from: Actor, to: Actor) -> Packet {
    let body = Body::Fetch {
        generation: Default::default(),
        chunk: None,
    };
    Packet { from, to, body }
}

async fn works(nodes: &[Node<Set>], item: &str) {
    let made = item.to_owned();
    let proposed = nodes[0].propose_with(move |set| Some(set.add(made)));
    timeout(SOON, proposed)
        .await
        .expect("in time")
        .expect("delivered");
    for node in nodes {
        timeout(SOON, has(node, item)).await.expect("in time");
    }
}

/// Whether these four do their work.
fn work(nodes: &mut [Process], item: &str) {
    nodes[0].add(item);
    for node in nodes {
        let deadline = Instant::now() + SOON;
        while !node.ask("list").split(',').any(|known| known == item) {
            assert!(Instant::now() < deadline, "{item} did not come");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn raw_garbage_at_the_socket_changes_nothing() {
    let place = Place::new("garbage", 4);
    let mut nodes = place.start_all();
    work(&mut nodes, "before");
    let before: Vec<_> = nodes.iter().map(Process::resident).collect();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut datagram = [0; 1200];
    for round in 0..40_000u32 {
        random.fill_bytes(&mut datagram);
        // Every second one looks like the beginning of a handshake of QUIC's first version.
        if round % 8 < 4 {
            datagram[..6].copy_from_slice(&[0xc0, 0, 0, 0, 1, 8]);
        }
        let _ = socket.send_to(&datagram, place.addresses[round as usize % 4]);
    }
    work(&mut nodes, "after");
    for (node, before) in nodes.iter().zip(before) {
        let grown = node.resident().saturating_sub(before);
        assert!(grown < 16 << 10, "{grown} KiB more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_no_link_and_an_observer_only_questions() {
    let closed = cluster(1).await;
    let stranger = SigningActor::from_secret(&[99; 32]);
    let (network, limits) = (closed[0].network(), Limits::default());
    let address = closed[0].local_address().expect("bound");
    match Link::dial(&stranger, &network, &limits, closed[0].actor(), address).await {
        Ok(link) => timeout(SOON, link.closed()).await.expect("shown the door"),
        Err(error) => assert_eq!(error, LinkError::Lost),
    }

    let open = cluster_with(1, |builder| builder.observers(true)).await;
    let mut link = dial(&stranger, &open[0]).await;
    link.send(fetch(stranger.actor(), open[0].actor()))
        .await
        .expect("sent");
    let answer = timeout(SOON, link.receive())
        .await
        .expect("in time")
        .expect("a packet");
    assert_eq!(answer.map(|packet| packet.body.kind()), Some("snapshot"));
    let message = Message {
        source: stranger.actor(),
        seq: Seq::new(1),
        parent: open[0].network().digest(),
        ops: encode(&0u64).into(),
    };
    let echo = bft_crdts::deterministic_secure_broadcast::Echo {
        generation: Default::default(),
        dot: message.dot(),
        digest: open[0].network().digest(),
    };
    let echo = stranger.sign(&open[0].network(), echo).into_claim();
    let (from, to, body) = (stranger.actor(), open[0].actor(), Body::Echo(echo));
    link.send(Packet { from, to, body }).await.expect("sent");
    timeout(SOON, link.closed()).await.expect("shown the door");
    works(&open, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_for_another_or_says_no_frame_loses_its_link() {
    let nodes = cluster(4).await;
    works(&nodes, "before").await;
    let (liar, victim) = (key(3), &nodes[0]);
    let forged = fetch(nodes[1].actor(), victim.actor());
    let mut link = dial(&liar, victim).await;
    link.send(forged).await.expect("sent");
    timeout(SOON, link.closed()).await.expect("shown the door");
    for bytes in [
        &[0xff; 4][..],
        &[3, 0, 0, 0, 1, 2, 3],
        &[8, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9],
    ] {
        let mut link = dial(&liar, victim).await;
        link.send_bytes(bytes).await.expect("sent");
        timeout(SOON, link.closed()).await.expect("shown the door");
    }
    assert!(victim.traffic().refused >= 4);
    works(&nodes, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_and_half_open_doors_hold_nobody_up() {
    let place = Place::new("patience", 4);
    let mut nodes = place.start_all();
    work(&mut nodes, "before");
    let before = nodes[0].resident();
    let (network, limits) = (genesis(4).network(), Limits::default());
    let (victim, address) = (key(0).actor(), place.addresses[0]);
    // A member announces a long frame and sends next to nothing of it.
    let mut held = Vec::new();
    for _ in 0..4 {
        let link = Link::dial(&key(3), &network, &limits, victim, address).await;
        let mut link = link.expect("a member's key");
        link.send_bytes(&(8u32 << 20).to_le_bytes())
            .await
            .expect("sent");
        link.send_bytes(&[1]).await.expect("sent");
        held.push(link);
    }
    // Strangers knock and go away before the door is open; others believe to dial somebody else.
    for number in 0..200u8 {
        let key = SigningActor::from_secret(&[number, 1, 2, 3].repeat(8).try_into().expect("32"));
        let to = if number % 2 == 0 { victim } else { key.actor() };
        let knock = Link::dial(&key, &network, &limits, to, address);
        let _ = timeout(Duration::from_millis(u64::from(number % 5)), knock).await;
    }
    tokio::task::block_in_place(|| work(&mut nodes, "after"));
    let grown = nodes[0].resident().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more");
    assert!(held.iter().filter(|link| !link.is_closed()).count() <= 2);
}
