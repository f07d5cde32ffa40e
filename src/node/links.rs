//! Links to other actors: found, made, kept, and given up when nobody speaks.
//!
//! Each actor that we speak to has a queue and a task. The task takes the newest connection to the actor, makes one if
//! there is none, and writes. A packet for which there is no room or no connection is dropped: the replica says it
//! again. A link on which nobody speaks for a while ends without a word, and is made anew when it is needed.
//!
//! Two connections to one actor are no harm (both ends may dial at once): both are read, the newest is written to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::error::{LinkError, StartError};
use super::frame::{self, Address, Frame, Hello};
use super::roster::{Role, Roster, STRANGERS};
use super::tls;
use crate::actor::{Actor, SigningActor};
use crate::codec::{Bytes, Limits, NetworkId};
use crate::deterministic_secure_broadcast::Packet;

/// How long nobody speaks before a link ends.
const IDLE: Duration = Duration::from_secs(30);
/// How long a handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes of others at once; above a quarter of it, they must first prove their address.
pub(super) const HANDSHAKES: usize = 64;
/// Bytes that are kept of what comes before a handshake is looked at.
const EARLY: u64 = 64 << 10;
/// Connections of one actor at once: more than one while both ends dial, or after a restart.
const CONNECTIONS: usize = 2;
/// Packets that wait for one actor.
const QUEUE: usize = 1024;
/// Packets that wait for the replica.
const INBOX: usize = 256;
/// Addresses that are remembered of one actor: its own word first, then hearsay.
const ADDRESSES: usize = 4;
/// The shortest and the longest time between two attempts to reach somebody.
const REDIAL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A packet that came in, with its share of its link's room.
pub(super) struct Arrival {
    pub(super) packet: Packet,
    pub(super) _room: OwnedSemaphorePermit,
}

/// What crossed the links since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets that were written.
    pub sent: u64,
    /// Packets that came in.
    pub received: u64,
    /// Packets that were dropped: no room, or nobody there.
    pub dropped: u64,
    /// Connections that were refused, and frames for which one was closed.
    pub refused: u64,
}

#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// All links of one node.
pub(super) struct Links {
    endpoint: Endpoint,
    /// Where the links' tasks run; the replica has another.
    runtime: Handle,
    key: SigningActor,
    network: NetworkId,
    limits: Limits,
    address: Option<Address>,
    transport: Arc<TransportConfig>,
    peers: Mutex<BTreeMap<Actor, Peer>>,
    roster: RwLock<Roster>,
    inbox: mpsc::Sender<Arrival>,
    counters: Counters,
}

struct Peer {
    queue: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
    /// The newest last.
    connections: watch::Sender<Vec<Connection>>,
    addresses: Vec<Address>,
}

impl Links {
    pub(super) fn open(
        key: SigningActor,
        network: NetworkId,
        limits: Limits,
        socket: std::net::UdpSocket,
        address: Option<Address>,
        roster: Roster,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Arrival>), StartError> {
        let transport = Arc::new(transport());
        let mut server = quinn::ServerConfig::with_crypto(Arc::new(tls::server(&key, &network)?));
        server.transport_config(Arc::clone(&transport));
        server.max_incoming(HANDSHAKES * 4);
        server.incoming_buffer_size(EARLY);
        server.incoming_buffer_size_total(EARLY * 16);
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(server), socket, runtime)?;
        let (inbox, arrivals) = mpsc::channel(INBOX);
        let links = Arc::new(Self {
            endpoint,
            runtime: Handle::current(),
            key,
            network,
            limits,
            address,
            transport,
            peers: Mutex::default(),
            roster: RwLock::new(roster),
            inbox,
            counters: Counters::default(),
        });
        links.runtime.spawn(Arc::clone(&links).accept());
        Ok((links, arrivals))
    }

    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.endpoint.local_addr().ok()
    }

    pub(super) fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            sent: read(&self.counters.sent),
            received: read(&self.counters.received),
            dropped: read(&self.counters.dropped),
            refused: read(&self.counters.refused),
        }
    }

    /// Ends all links, and waits a moment until the others know.
    pub(super) async fn close(&self) {
        self.endpoint.close(Close::Stopped.code(), b"stopped");
        self.lock().clear();
        let _ = timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
    }

    // ---- whom we know

    pub(super) fn update_roster(&self, change: impl FnOnce(&mut Roster)) {
        change(&mut self.roster.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn knows(&self, actor: &Actor) -> bool {
        self.read_roster(|roster| roster.knows(actor))
    }

    fn read_roster<T>(&self, read: impl FnOnce(&Roster) -> T) -> T {
        read(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where this actor may listen. Its own word outranks hearsay.
    pub(super) fn learn(self: &Arc<Self>, actor: Actor, address: Address, own_word: bool) {
        let welcome = self.knows(&actor) || !self.read_roster(|roster| roster.seated);
        let mut peers = self.lock();
        let room = peers.contains_key(&actor) || peers.len() < self.limits.lanes as usize;
        if actor == self.key.actor() || !welcome || !room {
            return;
        }
        let peer = peers.entry(actor).or_insert_with(|| self.meet(actor));
        match peer.addresses.iter().position(|known| *known == address) {
            Some(place) if own_word => peer.addresses[..=place].rotate_right(1),
            Some(_) => {}
            None if own_word => peer.addresses.insert(0, address),
            None => peer.addresses.push(address),
        }
        peer.addresses.truncate(ADDRESSES);
    }

    /// The first address of each actor, and how many connections there are to it.
    pub(super) fn book(&self) -> BTreeMap<Actor, (Option<Address>, usize)> {
        let peers = self.lock();
        let book = peers.iter().map(|(actor, peer)| {
            let live = peer
                .connections
                .borrow()
                .iter()
                .filter(|c| is_live(c))
                .count();
            (*actor, (peer.addresses.first().cloned(), live))
        });
        book.collect()
    }

    /// Where the members listen, and we ourselves.
    pub(super) fn contacts(&self) -> BTreeMap<Actor, Address> {
        let peers = self.lock();
        let members = peers
            .iter()
            .filter(|(actor, _)| self.read_roster(|r| r.lanes.contains(actor)));
        let book =
            members.filter_map(|(actor, peer)| Some((*actor, peer.addresses.first()?.clone())));
        let own = self
            .address
            .clone()
            .map(|address| (self.key.actor(), address));
        book.chain(own).collect()
    }

    fn hello(&self) -> Frame {
        Frame::Hello(Hello {
            address: self.address.clone(),
            book: self.contacts(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Actor, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- speaking

    /// Puts a packet into its receiver's queue, or drops it.
    pub(super) fn send(self: &Arc<Self>, packet: Packet) {
        let to = packet.to;
        let mut peers = self.lock();
        if !peers.contains_key(&to) && !self.knows(&to) {
            return count(&self.counters.dropped);
        }
        let peer = peers.entry(to).or_insert_with(|| self.meet(to));
        let room = Frame::limit(&self.limits);
        if peer.waiting.load(Ordering::Relaxed) > room {
            return count(&self.counters.dropped);
        }
        let bytes = Frame::Packet(packet).encode();
        let len = bytes.len();
        match peer.queue.try_send(bytes) {
            Ok(()) => drop(peer.waiting.fetch_add(len, Ordering::Relaxed)),
            Err(_) => count(&self.counters.dropped),
        }
    }

    fn meet(self: &Arc<Self>, actor: Actor) -> Peer {
        let (queue, waiting_packets) = mpsc::channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (connections, newest) = watch::channel(Vec::new());
        let speaker = Speaker {
            links: Arc::clone(self),
            to: actor,
            queue: waiting_packets,
            waiting: Arc::clone(&waiting),
            connections: newest,
            stream: None,
            dial_after: Instant::now(),
            pause: REDIAL.0,
        };
        self.runtime.spawn(speaker.run());
        Peer {
            queue,
            waiting,
            connections,
            addresses: Vec::new(),
        }
    }

    async fn dial(self: &Arc<Self>, actor: Actor) -> Result<Connection, LinkError> {
        let addresses = self.lock().get(&actor).map(|peer| peer.addresses.clone());
        let mut config = quinn::ClientConfig::new(Arc::new(
            tls::client(&self.key, &self.network, actor).map_err(|_| LinkError::Unreachable)?,
        ));
        config.transport_config(Arc::clone(&self.transport));
        for address in addresses.unwrap_or_default() {
            let Ok(found) = tokio::net::lookup_host(&address).await else {
                continue;
            };
            for socket in found {
                let Ok(connecting) = self.endpoint.connect_with(config.clone(), socket, "actor")
                else {
                    continue;
                };
                if let Ok(Ok(connection)) = timeout(HANDSHAKE, connecting).await {
                    self.register(actor, Role::Peer, connection.clone());
                    return Ok(connection);
                }
            }
        }
        Err(LinkError::Unreachable)
    }

    // ---- listening

    async fn accept(self: Arc<Self>) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        while let Some(incoming) = self.endpoint.accept().await {
            let crowded = handshakes.available_permits() < HANDSHAKES / 4 * 3;
            if crowded && !incoming.remote_address_validated() {
                let _ = incoming.retry();
                continue;
            }
            let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
                incoming.refuse();
                continue;
            };
            let links = Arc::clone(&self);
            tokio::spawn(async move {
                let shaken = async { incoming.accept().ok()?.await.ok() };
                if let Ok(Some(connection)) = timeout(HANDSHAKE, shaken).await {
                    links.judge(connection);
                }
                drop(permit);
            });
        }
    }

    fn judge(self: &Arc<Self>, connection: Connection) {
        let actor = tls::peer(&connection).filter(|actor| *actor != self.key.actor());
        let role = actor.and_then(|actor| Some((actor, self.read_roster(|r| r.admit(&actor))?)));
        match role {
            Some((actor, role)) if self.knows(&actor) || self.strangers() < STRANGERS => {
                self.register(actor, role, connection);
            }
            _ => {
                count(&self.counters.refused);
                connection.close(Close::NotAdmitted.code(), b"not admitted");
            }
        }
    }

    fn strangers(&self) -> usize {
        let peers = self.lock();
        let linked = |peer: &Peer| peer.connections.borrow().iter().any(is_live);
        let strangers = peers.iter().filter(|(actor, _)| !self.knows(actor));
        strangers.filter(|(_, peer)| linked(peer)).count()
    }

    fn register(self: &Arc<Self>, actor: Actor, role: Role, connection: Connection) {
        let mut peers = self.lock();
        let peer = peers.entry(actor).or_insert_with(|| self.meet(actor));
        peer.connections.send_modify(|connections| {
            connections.retain(is_live);
            connections.push(connection.clone());
            if connections.len() > CONNECTIONS {
                connections
                    .remove(0)
                    .close(Close::Replaced.code(), b"replaced");
            }
        });
        let listener = Listener {
            links: Arc::clone(self),
            actor,
            role,
            room: Arc::new(Semaphore::new(Frame::limit(&self.limits))),
        };
        self.runtime.spawn(listener.run(connection));
    }

    /// Strangers without a connection are forgotten.
    fn forget_stranger(&self, actor: &Actor) {
        if !self.knows(actor) {
            let mut peers = self.lock();
            let gone = |peer: &Peer| {
                peer.addresses.is_empty() && !peer.connections.borrow().iter().any(is_live)
            };
            if peers.get(actor).is_some_and(gone) {
                peers.remove(actor);
            }
        }
    }
}

fn is_live(connection: &Connection) -> bool {
    connection.close_reason().is_none()
}

/// Why we close a connection, in a number for the other end.
#[derive(Clone, Copy)]
enum Close {
    Stopped,
    NotAdmitted,
    Replaced,
    Malformed,
}

impl Close {
    fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }
}

/// One stream each way carries everything; nothing else may be opened. There are no keep-alives: silence is the rule.
pub(super) fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    let idle = IDLE.try_into().expect("within the bounds of QUIC");
    config
        .max_idle_timeout(Some(idle))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .stream_receive_window(VarInt::from_u32(1 << 20))
        .receive_window(VarInt::from_u32(1 << 20))
        .send_window(1 << 20)
        .datagram_receive_buffer_size(None);
    config
}

/// Writes to one actor what waits for it.
struct Speaker {
    links: Arc<Links>,
    to: Actor,
    queue: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    connections: watch::Receiver<Vec<Connection>>,
    stream: Option<(usize, quinn::SendStream)>,
    dial_after: Instant,
    pause: Duration,
}

impl Speaker {
    async fn run(mut self) {
        while let Some(bytes) = self.queue.recv().await {
            self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            let written = self.write(&bytes).await;
            count(match written {
                Ok(()) => &self.links.counters.sent,
                Err(_) => &self.links.counters.dropped,
            });
        }
    }

    async fn write(&mut self, bytes: &Bytes) -> Result<(), LinkError> {
        loop {
            let connection = self.connection().await?;
            let id = connection.stable_id();
            if self.stream.as_ref().is_none_or(|(open, _)| *open != id) {
                let mut stream = connection.open_uni().await.map_err(|_| LinkError::Lost)?;
                let hello = self.links.hello().encode();
                stream
                    .write_all(hello.as_slice())
                    .await
                    .map_err(|_| LinkError::Lost)?;
                self.stream = Some((id, stream));
            }
            let Some((_, stream)) = &mut self.stream else {
                return Err(LinkError::Lost);
            };
            tokio::select! {
                written = stream.write_all(bytes.as_slice()) => match written {
                    Ok(()) => return Ok(()),
                    Err(_) => self.stream = None,
                },
                // The other end may have started anew: what the old connection still waits for never comes.
                changed = self.connections.changed() => {
                    self.stream = None;
                    changed.map_err(|_| LinkError::Lost)?;
                }
            }
        }
    }

    /// The newest connection; a new one if there is none.
    async fn connection(&mut self) -> Result<Connection, LinkError> {
        let newest = self.connections.borrow_and_update().last().cloned();
        if let Some(connection) = newest.filter(is_live) {
            return Ok(connection);
        }
        let now = Instant::now();
        if now < self.dial_after {
            return Err(LinkError::Unreachable);
        }
        let calm = now.duration_since(self.dial_after) > REDIAL.1;
        let longer = (self.pause * 2).min(REDIAL.1);
        self.pause = if calm { REDIAL.0 } else { longer };
        self.dial_after = now + self.pause;
        tokio::select! {
            dialled = self.links.dial(self.to) => dialled,
            _ = self.connections.changed() => {
                let newest = self.connections.borrow().last().cloned();
                newest.ok_or(LinkError::Lost)
            }
        }
    }
}

/// Reads what one actor says on one connection.
struct Listener {
    links: Arc<Links>,
    actor: Actor,
    role: Role,
    /// Bytes of this link that may wait for the replica.
    room: Arc<Semaphore>,
}

impl Listener {
    async fn run(self, connection: Connection) {
        while let Ok(mut stream) = connection.accept_uni().await {
            match self.read(&mut stream).await {
                Ok(()) | Err(LinkError::Lost) => {}
                Err(error) => {
                    tracing::info!(peer = ?self.actor, %error, "link closed");
                    count(&self.links.counters.refused);
                    connection.close(Close::Malformed.code(), b"malformed");
                }
            }
        }
        self.links.forget_stranger(&self.actor);
    }

    async fn read(&self, stream: &mut quinn::RecvStream) -> Result<(), LinkError> {
        let limits = &self.links.limits;
        let mut greeted = false;
        while let Some(bytes) = frame::read(stream, Frame::limit(limits)).await? {
            match Frame::decode(&bytes, limits)? {
                Frame::Hello(_) if std::mem::replace(&mut greeted, true) => {
                    return Err(LinkError::Hello);
                }
                Frame::Hello(hello) => self.greet(hello),
                Frame::Packet(packet) => self.pass(packet, bytes.len()).await?,
            }
        }
        Ok(())
    }

    fn greet(&self, hello: Hello) {
        if let Some(address) = hello.address {
            self.links.learn(self.actor, address, true);
        }
        for (actor, address) in hello.book.into_iter().filter(|_| self.role == Role::Peer) {
            self.links.learn(actor, address, actor == self.actor);
        }
    }

    async fn pass(&self, packet: Packet, len: usize) -> Result<(), LinkError> {
        if packet.from != self.actor || packet.to != self.links.key.actor() {
            return Err(LinkError::Misaddressed);
        }
        let role = self.links.read_roster(|roster| roster.admit(&self.actor));
        if !role.unwrap_or(self.role).may_say(&packet.body) {
            return Err(LinkError::NoSeat);
        }
        let len = u32::try_from(len).expect("frames are bounded far below 4 GiB");
        let room = Arc::clone(&self.room).acquire_many_owned(len).await;
        let room = room.map_err(|_| LinkError::Lost)?;
        count(&self.links.counters.received);
        let arrival = Arrival {
            packet,
            _room: room,
        };
        self.links
            .inbox
            .send(arrival)
            .await
            .map_err(|_| LinkError::Lost)
    }
}
