//! Attacks on one node's promises: each test says the promise, and fails where it is broken.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bft_crdts::codec::{Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{
    Body, FetchPayloads, Packet, ProposeError, PullRequest, Record, Summary,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{ChangeKey, Entry};
use bft_crdts::node::{Event, Link, Node, NodeBuilder, NotDelivered, RequestError};
use bft_crdts::store::{MemoryStore, Store};
use bft_crdts::{Actor, SigningActor};
use tokio::time::{sleep, timeout};

use crate::links::{Set, add, approve, builder, cluster, cluster_with, has, seated};
use crate::process::{genesis, key};

const SOON: Duration = Duration::from_secs(15);

async fn start(builder: NodeBuilder<Set>) -> Node<Set> {
    builder.start(MemoryStore::new()).await.expect("started")
}

fn address(node: &Node<Set>) -> SocketAddr {
    node.local_address().expect("bound")
}

/// Where nobody listens.
fn nowhere(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

async fn dial(from: &SigningActor, to: &Node<Set>) -> Link {
    let limits = Limits::default();
    let link = Link::dial(from, &to.network(), &limits, to.actor(), address(to)).await;
    link.expect("the handshake is for everybody")
}

/// A store that outlives its node.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<MemoryStore>>);

impl Kept {
    fn backup(&self) -> Self {
        let copy = self.0.lock().expect("no panic").clone();
        Self(Arc::new(Mutex::new(copy)))
    }
}

impl Store for Kept {
    type Error = <MemoryStore as Store>::Error;

    fn append(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        self.0.lock().expect("no panic").append(records)
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        self.0.lock().expect("no panic").replace(records)
    }

    fn load(&mut self) -> Result<Vec<Record>, Self::Error> {
        self.0.lock().expect("no panic").load()
    }
}

// ---- waiters

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_not_told_that_another_operation_of_its_own_lane_is_its_own() {
    let follower = SigningActor::from_secret(&[77; 32]);
    let kept = Kept::default();
    let others: Vec<_> = {
        let mut others: Vec<Node<Set>> = Vec::new();
        for number in 1..4 {
            let mut builder = builder(key(number), genesis(4)).observers(true);
            for other in &others {
                builder = builder.peer(other.actor(), address(other));
            }
            others.push(start(builder).await);
        }
        others
    };
    let first = |kept: Kept| {
        let mut builder = builder(key(0), genesis(4));
        for other in &others {
            builder = builder.peer(other.actor(), address(other));
        }
        builder.start(kept)
    };
    let node = first(kept.clone()).await.expect("started");
    add(&node, "before").await;
    node.shutdown().await.expect("stops");
    let backup = kept.backup();
    let node = first(kept).await.expect("started");
    add(&node, "after").await;
    timeout(SOON, has(&others[0], "after"))
        .await
        .expect("in time");
    // What any member answers to whoever asks: the lanes, with their certificates.
    let summary = Summary {
        generation: Default::default(),
        frontier: Default::default(),
        convicted: BTreeSet::new(),
    };
    let summary = follower.sign(&node.network(), summary).into_claim();
    let request = PullRequest {
        summary: Some(Arc::new(summary)),
        known: Default::default(),
        held: Default::default(),
    };
    let mut link = dial(&follower, &others[0]).await;
    let (from, to) = (follower.actor(), others[0].actor());
    let body = Body::PullRequest(request);
    link.send(Packet { from, to, body }).await.expect("sent");
    let answer = timeout(SOON, link.receive()).await.expect("in time");
    let answer = answer.expect("a packet");
    assert_eq!(answer.body.kind(), "answer");
    node.shutdown().await.expect("stops");
    for other in others {
        other.shutdown().await.expect("stops");
    }
    // Restored from a backup, alone at first, it proposes; then what it said in its other life
    // comes.
    let restored = builder(key(0), genesis(4)).start(backup).await;
    let restored = restored.expect("started");
    let waits = restored.clone();
    let waiting = tokio::spawn(async move {
        waits
            .propose_with(|set| Some(set.add("contradiction".to_owned())))
            .await
    });
    while restored.status().await.expect("runs").pending == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let mut link = dial(&key(1), &restored).await;
    let (from, to) = (key(1).actor(), restored.actor());
    // A member says that it has more, and is asked for it.
    let ahead = Summary {
        generation: Default::default(),
        frontier: [(
            to,
            Head {
                seq: Seq::new(9),
                digest: Digest::from_bytes([0; 32]),
            },
        )]
        .into(),
        convicted: BTreeSet::new(),
    };
    let ahead = key(1).sign(&restored.network(), ahead).into_claim();
    for body in [Body::SummaryAck(Arc::new(ahead)), answer.body] {
        link.send(Packet { from, to, body }).await.expect("sent");
    }
    let outcome = timeout(SOON, waiting).await.expect("in time");
    let outcome = outcome.expect("no panic");
    let contained = restored
        .read(|r| r.algorithm().contains(&"contradiction".to_owned()))
        .await;
    assert_eq!(contained, Ok(false), "it was never delivered");
    assert_eq!(outcome, Err(NotDelivered::Equivocated));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_when_the_node_stops_also_for_who_holds_a_handle() {
    let nodes = cluster(1).await;
    let (handle, mut events) = (nodes[0].clone(), nodes[0].events());
    handle.shutdown().await.expect("stops");
    let next = timeout(Duration::from_secs(5), events.next()).await;
    assert!(next.expect("the stream of a stopped node ends").is_none());
}

// ---- the end

#[tokio::test(flavor = "multi_thread")]
async fn where_a_node_was_shut_down_another_can_listen_at_once() {
    let node = cluster(1).await.remove(0);
    let place = address(&node);
    node.shutdown().await.expect("stops");
    let again = builder(key(0), genesis(1)).listen(place);
    assert!(again.start(MemoryStore::new()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_is_used_after_the_end_leaves_nothing_behind() {
    let node = cluster(1).await.remove(0);
    let (place, late) = (address(&node), node.clone());
    node.shutdown().await.expect("stops");
    let late_word = late.introduce(key(5).actor(), nowhere(9)).await;
    assert_eq!(late_word, Err(RequestError::Stopped));
    drop(late);
    sleep(Duration::from_secs(3)).await;
    assert!(std::net::UdpSocket::bind(place).is_ok(), "still bound");
}

/// Tells when the thread that owned it has ended.
struct Told(MemoryStore, std::sync::mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.1.send(());
    }
}

impl Store for Told {
    type Error = <MemoryStore as Store>::Error;

    fn append(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        self.0.append(records)
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        self.0.replace(records)
    }

    fn load(&mut self) -> Result<Vec<Record>, Self::Error> {
        self.0.load()
    }
}

#[test]
fn in_any_runtime_the_last_handle_or_the_runtime_ends_the_node() {
    type Make = fn() -> tokio::runtime::Builder;
    let flavours: [Make; 2] = [
        tokio::runtime::Builder::new_current_thread,
        tokio::runtime::Builder::new_multi_thread,
    ];
    for flavour in flavours {
        for runtime_first in [true, false] {
            let runtime = flavour().enable_all().build().expect("a runtime");
            let (told, ended) = std::sync::mpsc::channel();
            let store = Told(MemoryStore::new(), told);
            let node = runtime.block_on(async {
                let builder = builder(key(0), genesis(4)).peer(key(1).actor(), nowhere(9));
                let node = builder.start(store).await.expect("started");
                let op = node.propose_with(|set| Some(set.add("x".to_owned())));
                let _ = timeout(Duration::from_millis(300), op).await;
                node
            });
            if runtime_first {
                drop(runtime);
                std::thread::sleep(Duration::from_millis(300));
                drop(node);
            } else {
                drop(node);
                drop(runtime);
            }
            ended
                .recv_timeout(Duration::from_secs(10))
                .expect("the thread ends");
        }
    }
}

#[tokio::test]
async fn a_node_works_and_stops_in_a_runtime_of_one_thread() {
    let nodes = cluster(4).await;
    add(&nodes[0], "apple").await;
    for node in &nodes {
        timeout(SOON, has(node, "apple")).await.expect("in time");
    }
    for node in nodes {
        let stopped = timeout(SOON, node.shutdown()).await;
        stopped.expect("in time").expect("stops");
    }
}

// ---- strangers and liars

/// Something that only members may say.
fn want(from: Actor, to: Actor) -> Packet {
    let body = Body::FetchPayloads(FetchPayloads::default());
    Packet { from, to, body }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_came_before_a_newcomer_had_its_seat_loses_its_link() {
    let founder = start(builder(key(0), genesis(1))).await;
    let newcomer = key(4);
    let invitation = founder.invite(newcomer.actor()).await.expect("runs");
    let guest = start(builder(newcomer, invitation.genesis.clone()).invitation(&invitation)).await;
    let stranger = SigningActor::from_secret(&[98; 32]);
    let mut link = dial(&stranger, &guest).await;
    link.send(want(stranger.actor(), guest.actor()))
        .await
        .expect("sent");
    guest.join().await.expect("runs");
    let enters = ChangeKey::Join(guest.actor());
    approve(std::slice::from_ref(&founder), enters).await;
    timeout(SOON, seated(&guest, true)).await.expect("in time");
    let _ = link.send(want(stranger.actor(), guest.actor())).await;
    let closed = timeout(Duration::from_secs(5), link.closed()).await;
    closed.expect("a member has no links with strangers");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_in_many_names_keeps_no_newcomer_out() {
    let nodes = cluster_with(1, |builder| builder.observers(true)).await;
    let node = &nodes[0];
    let value = node.read(|r| r.boundary().value()).await.expect("runs");
    for number in 0..300u16 {
        let mut secret = [96; 32];
        secret[..2].copy_from_slice(&number.to_le_bytes());
        let stranger = SigningActor::from_secret(&secret);
        let entry = Entry {
            generation: Default::default(),
            value,
        };
        let entry = stranger.sign(&node.network(), entry).into_claim();
        let (from, to, body) = (stranger.actor(), node.actor(), Body::Enter(entry));
        let mut link = dial(&stranger, node).await;
        link.send(Packet { from, to, body }).await.expect("sent");
        let deadline = Instant::now() + SOON;
        while !node.asked().contains(&ChangeKey::Join(stranger.actor())) {
            assert!(Instant::now() < deadline, "{number} is not heard");
            sleep(Duration::from_millis(1)).await;
        }
    }
    let invitation = node.invite(key(4).actor()).await.expect("runs");
    let guest = start(builder(key(4), invitation.genesis.clone()).invitation(&invitation)).await;
    guest.join().await.expect("runs");
    let deadline = Instant::now() + SOON;
    while node.approve(ChangeKey::Join(guest.actor())).await == Err(RequestError::Unasked) {
        assert!(
            Instant::now() < deadline,
            "asked: {} others",
            node.asked().len()
        );
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_and_again_does_not_drown_the_other_events() {
    let nodes = cluster_with(1, |builder| builder.observers(true)).await;
    let node = &nodes[0];
    let value = node.read(|r| r.boundary().value()).await.expect("runs");
    let stranger = SigningActor::from_secret(&[93; 32]);
    let entry = Entry {
        generation: Default::default(),
        value,
    };
    let entry = stranger.sign(&node.network(), entry).into_claim();
    let mut events = node.events();
    let mut link = dial(&stranger, node).await;
    let (from, to) = (stranger.actor(), node.actor());
    add(node, "apple").await;
    for _ in 0..5000 {
        let body = Body::Enter(entry);
        link.send(Packet { from, to, body }).await.expect("sent");
    }
    sleep(Duration::from_secs(2)).await;
    let mut told = 0;
    while let Ok(Some(event)) = timeout(Duration::from_millis(200), events.next()).await {
        assert!(!matches!(event, Event::Missed(_)), "{event:?}");
        told += 1;
    }
    assert!(told < 100, "{told} events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_lies_about_addresses_does_not_keep_two_others_apart() {
    let mut correct = vec![
        start(builder(key(0), genesis(4))).await,
        start(builder(key(1), genesis(4))).await,
    ];
    // To each of them, some false addresses of the other.
    for lie in 1..5 {
        for (told, about) in [(0, 1), (1, 0)] {
            let (told, about) = (&correct[told], &correct[about]);
            let liar = builder(key(3), genesis(4))
                .peer(told.actor(), address(told))
                .peer(about.actor(), nowhere(lie));
            let before = told.traffic().received;
            let liar = start(liar).await;
            while told.traffic().received == before {
                sleep(Duration::from_millis(10)).await;
            }
            liar.shutdown().await.expect("stops");
        }
    }
    // One who knows both tells the truth.
    let mut third = builder(key(2), genesis(4));
    for node in &correct {
        third = third.peer(node.actor(), address(node));
    }
    correct.push(start(third).await);
    let begin = Instant::now();
    add(&correct[2], "from the third").await;
    let linked = async {
        loop {
            let status = correct[0].status().await.expect("runs");
            let mut members = status.members.iter();
            if members.any(|m| m.actor == correct[1].actor() && m.linked) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let linked = timeout(Duration::from_secs(60), linked).await;
    eprintln!(
        "after {:?}: the first knows {:?}",
        begin.elapsed(),
        correct[0].book()
    );
    linked.expect("they find each other");
}

/// A way to `to` that lets nothing back but the request to prove one's address.
async fn half_open(to: SocketAddr) -> SocketAddr {
    let relay = tokio::net::UdpSocket::bind("127.0.0.1:0").await;
    let relay = relay.expect("a socket");
    let here = relay.local_addr().expect("bound");
    tokio::spawn(async move {
        let (mut client, mut bytes) = (None, [0; 2048]);
        let relaying = async {
            loop {
                let Ok((len, from)) = relay.recv_from(&mut bytes).await else {
                    continue;
                };
                if from != to {
                    client = Some(from);
                    let _ = relay.send_to(&bytes[..len], to).await;
                } else if let Some(client) = client.filter(|_| bytes[0] & 0xf0 == 0xf0) {
                    let _ = relay.send_to(&bytes[..len], client).await;
                }
            }
        };
        let _: Result<(), _> = timeout(Duration::from_secs(8), relaying).await;
    });
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_never_finish_a_handshake_keep_no_member_out() {
    let nodes = cluster(4).await;
    let (victim, limits) = (&nodes[0], Limits::default());
    let (network, to, place) = (victim.network(), victim.actor(), address(victim));
    let mut strangers = tokio::task::JoinSet::new();
    for number in 0..150u8 {
        let limits = limits.clone();
        strangers.spawn(async move {
            let stranger =
                SigningActor::from_secret(&[number, 95].repeat(16).try_into().expect("32"));
            loop {
                let relay = half_open(place).await;
                let _ = Link::dial(&stranger, &network, &limits, to, relay).await;
            }
        });
    }
    sleep(Duration::from_secs(2)).await;
    let mut in_time = 0;
    for _ in 0..10 {
        let link = Link::dial(&key(3), &network, &limits, to, place).await;
        in_time += u32::from(link.is_ok());
        sleep(Duration::from_millis(500)).await;
    }
    strangers.abort_all();
    assert!(in_time >= 5, "{in_time} of 10 members' dials got in");
}

/// A store whose disk stands still while the gate is locked.
struct Stalls(MemoryStore, Arc<Mutex<()>>);

impl Store for Stalls {
    type Error = <MemoryStore as Store>::Error;

    fn append(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        drop(self.1.lock());
        self.0.append(records)
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), Self::Error> {
        self.0.replace(records)
    }

    fn load(&mut self) -> Result<Vec<Record>, Self::Error> {
        self.0.load()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_stands_still_one_member_takes_up_no_more_room_than_its_own() {
    const PART: usize = 7 << 20;
    let gate = Arc::new(Mutex::new(()));
    let store = Stalls(MemoryStore::new(), Arc::clone(&gate));
    let victim = builder(key(0), genesis(4)).start(store).await;
    let victim = victim.expect("started");
    let stalled = {
        let (gate, (locked, is_locked)) = (Arc::clone(&gate), std::sync::mpsc::channel());
        let (release, released) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            let _held = gate.lock();
            let _ = locked.send(());
            let _ = released.recv();
        });
        is_locked.recv().expect("locked");
        release
    };
    let proposer = victim.clone();
    let proposed = tokio::spawn(async move {
        proposer
            .propose_with(|set| Some(set.add("x".to_owned())))
            .await
    });
    sleep(Duration::from_millis(500)).await;
    let (from, to) = (key(3).actor(), victim.actor());
    for _ in 0..8 {
        let mut link = dial(&key(3), &victim).await;
        let part = bft_crdts::deterministic_secure_broadcast::SnapshotPart::Chunk {
            index: 0,
            bytes: vec![7; PART].into(),
        };
        let body = Body::Snapshot {
            generation: Default::default(),
            part,
        };
        let before = victim.traffic().received;
        let sent = timeout(Duration::from_secs(3), link.send(Packet { from, to, body })).await;
        if !matches!(sent, Ok(Ok(()))) {
            continue;
        }
        let begin = Instant::now();
        while victim.traffic().received == before && begin.elapsed() < Duration::from_secs(2) {
            sleep(Duration::from_millis(10)).await;
        }
    }
    let held = victim.traffic().received;
    drop(stalled);
    proposed.abort();
    let mib = (held * PART as u64) >> 20;
    assert!(held <= 4, "{held} packets, {mib} MiB, of one member wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_write_nothing_more_is_said_and_nobody_is_told_ok() {
    let kept = Kept::default();
    let mut nodes: Vec<Node<Set>> = Vec::new();
    for number in 0..3 {
        let mut builder = builder(key(number), genesis(4));
        for node in &nodes {
            builder = builder.peer(node.actor(), address(node));
        }
        let store = if number == 0 {
            kept.clone()
        } else {
            Kept::default()
        };
        nodes.push(builder.start(store).await.expect("started"));
    }
    add(&nodes[0], "before").await;
    kept.0.lock().expect("no panic").cut_power(0, 0);
    let sent = nodes[0].traffic().sent;
    let outcome = nodes[0].propose_with(|set| Some(set.add("lost".to_owned())));
    let outcome = timeout(SOON, outcome).await.expect("in time");
    assert_eq!(outcome, Err(NotDelivered::Stopped { durable: false }));
    let stopped = timeout(SOON, nodes[0].stopped()).await.expect("in time");
    assert!(stopped.is_err());
    assert_eq!(nodes[0].status().await.err(), Some(RequestError::Stopped));
    assert!(
        nodes[0].traffic().sent <= sent + 3,
        "only what was queued before"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_that_ask_without_end_hold_up_no_member() {
    let nodes = cluster_with(4, |builder| builder.observers(true)).await;
    for node in &nodes {
        for number in 0..6 {
            add(node, &format!("{number}{}", "x".repeat(100_000))).await;
        }
    }
    let before = nodes[0].traffic().received;
    let mut strangers = tokio::task::JoinSet::new();
    for number in 0..16u8 {
        let stranger = SigningActor::from_secret(&[number, 94].repeat(16).try_into().expect("32"));
        let summary = Summary {
            generation: Default::default(),
            frontier: Default::default(),
            convicted: BTreeSet::new(),
        };
        let summary = Arc::new(stranger.sign(&nodes[0].network(), summary).into_claim());
        let mut link = dial(&stranger, &nodes[0]).await;
        let (from, to) = (stranger.actor(), nodes[0].actor());
        strangers.spawn(async move {
            loop {
                let body = Body::PullRequest(PullRequest {
                    summary: Some(Arc::clone(&summary)),
                    known: Default::default(),
                    held: Default::default(),
                });
                if link.send(Packet { from, to, body }).await.is_err() {
                    return;
                }
            }
        });
    }
    let deadline = Instant::now() + SOON;
    while nodes[0].traffic().received < before + 100 {
        assert!(Instant::now() < deadline, "no storm");
        sleep(Duration::from_millis(10)).await;
    }
    for number in 0..10 {
        add(&nodes[0], &format!("{number} in the storm")).await;
    }
    strangers.abort_all();
}

// ---- slips of whoever builds on it

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_panics_harms_who_asked_and_nobody_else() {
    let nodes = cluster(1).await;
    let asked = nodes[0].clone();
    let asked = tokio::spawn(async move { asked.read(|_| -> u8 { panic!("mine") }).await });
    let _ = asked.await;
    let add = nodes[0].propose_with(|set| Some(set.add("x".to_owned())));
    let added = timeout(SOON, add).await.expect("in time");
    assert!(added.is_ok(), "{added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_of_nothing_works() {
    let node = start(builder(key(0), genesis(1)).tick(Duration::ZERO)).await;
    add(&node, "x").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_means_that_nothing_was_taken_also_when_it_is_too_large() {
    let nodes = cluster(1).await;
    let large = "x".repeat(1 << 20);
    let refused = nodes[0].propose_with(move |set| Some(set.add(large))).await;
    let Err(NotDelivered::Refused(ProposeError::TooLarge { .. })) = refused else {
        panic!("{refused:?}");
    };
    add(&nodes[0], "small").await;
}
