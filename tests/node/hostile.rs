//! What strangers, half-open doors, garbage and patience do to a node: nothing.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bft_crdts::actor::{Sig, Signed};
use bft_crdts::codec::{Digest, Limits, NetworkId, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Echo, Equivocation, Message, Packet, SnapshotQuestion,
};
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::Entry;
use bft_crdts::node::{Link, LinkError, Node};
use bft_crdts::quorum::Generation;
use bft_crdts::{Actor, SigningActor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::timeout;

use crate::forged;
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
    let body = Body::FetchSnapshot {
        generation: Default::default(),
        part: SnapshotQuestion::Manifest,
    };
    Packet { from, to, body }
}

/// Asks for a snapshot and has it.
async fn asks(link: &mut Link, stranger: &SigningActor, node: &Node<Set>) {
    let asked = link.send(fetch(stranger.actor(), node.actor())).await;
    asked.expect("sent");
    let answer = timeout(SOON, link.receive()).await.expect("in time");
    let answer = answer.expect("a packet");
    assert_eq!(answer.body.kind(), "snapshot");
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
    asks(&mut link, &stranger, &open[0]).await;
    let message = Message {
        source: stranger.actor(),
        seq: Seq::new(1),
        parent: open[0].network().digest(),
        ops: encode(&0u64).into(),
    };
    let echo = Echo {
        generation: Default::default(),
        dot: message.dot(),
        digest: open[0].network().digest(),
    };
    let echo = stranger.sign(&open[0].network(), echo).into_claim();
    let (from, to, body) = (stranger.actor(), open[0].actor(), Body::Echo(echo));
    link.send(Packet { from, to, body }).await.expect("sent");
    // Passed over too: more than any question takes, of which nothing but the length is looked at.
    let len = 200 << 10;
    assert!(len > limits.lanes * 160 + (4 << 10) && len < limits.packet_bytes);
    let long = [&len.to_le_bytes()[..], &vec![7; len as usize]].concat();
    timeout(SOON, link.send_bytes(&long))
        .await
        .expect("read")
        .expect("sent");
    asks(&mut link, &stranger, &open[0]).await;
    works(&open, "after").await;
    assert_eq!(open[0].traffic().refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wishes_for_another_or_says_no_frame_loses_its_link() {
    let nodes = cluster(4).await;
    works(&nodes, "before").await;
    let (liar, victim) = (key(3), &nodes[0]);
    let other = SigningActor::from_secret(&[99; 32]);
    let (generation, value) = (Generation::GENESIS, victim.network().digest());
    let wish = other.sign(&victim.network(), Entry { generation, value });
    let mut link = dial(&liar, victim).await;
    let (from, to, body) = (liar.actor(), victim.actor(), Body::Enter(wish.into_claim()));
    link.send(Packet { from, to, body }).await.expect("sent");
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

/// Evidence against somebody else whose signatures are bad.
fn forged_evidence(signer: Actor, network: NetworkId) -> Body {
    let echo = |number| Signed {
        statement: Echo {
            generation: Generation::GENESIS,
            dot: Dot {
                source: signer,
                seq: Seq::new(1),
            },
            digest: match number {
                0 => network.digest(),
                _ => Digest::from_bytes([number; 32]),
            },
        },
        signer,
        sig: Sig::from_bytes([number; 64]),
    };
    let (left, right) = (echo(0), echo(1));
    Body::Evidence(Arc::new(Equivocation::Echo(Conflict { left, right })))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_bad_signatures_is_heard_slowly_and_keeps_nobody_from_work() {
    let nodes = cluster(4).await;
    works(&nodes, "before").await;
    let (victim, network) = (&nodes[0], nodes[0].network());
    let forged = [
        (3, forged::message(key(3).actor(), network, 7)),
        (2, forged_evidence(nodes[1].actor(), network)),
    ];
    for (liar, body) in forged {
        let (from, to) = (key(liar).actor(), victim.actor());
        let (before, begin) = (victim.traffic().received, Instant::now());
        let mut link = dial(&key(liar), victim).await;
        let flood = async {
            loop {
                let body = body.clone();
                if link.send(Packet { from, to, body }).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let _ = timeout(Duration::from_secs(1), flood).await;
        let heard = victim.traffic().received - before;
        // One in 10 ms; what waited before the first was checked; and what the others say.
        let bound = begin.elapsed().as_millis() as u64 / 10 + 512;
        assert!(heard <= bound, "{heard} of {liar}, {bound} at most");
        works(&nodes, &format!("after {liar}")).await;
    }
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
