//! Links to other actors: found, made, kept, and given up when nobody speaks.
//!
//! Each actor that we speak to has a queue and a task. The task takes the newest connection to the
//! actor, makes one if there is none, and writes. A packet for which there is no room or no
//! connection is dropped: the replica says it again. A link on which nobody speaks for a while ends
//! without a word, and is made anew when it is needed.
//!
//! Two connections to one actor are no harm (both ends may dial at once): both are read, the newest
//! is written to.

mod known;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use quinn::{Connection, Endpoint, EndpointConfig, Incoming, TokioRuntime, TransportConfig};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::address::Address;
use super::book::{Addresses, Attempts};
use super::door::{self, Handshakes, Pace, Turn};
use super::error::{LinkError, StartError};
use super::frame;
use super::heard::Heard;
use super::listener::Listener;
use super::roster::{Roster, STRANGERS};
use super::speaker::{Outgoing, Speaker};
use super::tls;
use super::traffic::{Counters, Traffic, add, count};
use super::transport::{Close, HANDSHAKE, dialling, is_live, transport};
use crate::actor::{Actor, SigningActor};
use crate::codec::{Bytes, Limits, NetworkId};
use crate::deterministic_secure_broadcast::{Body, Packet};

/// Bytes that are kept of what comes before a handshake is looked at.
const EARLY: u64 = 64 << 10;
/// Connections of one actor at once: more than one while both ends dial, or after a restart.
const CONNECTIONS: usize = 2;
/// Packets that wait for one actor.
///
/// Bounds their number; their bytes are bounded by [`send`](Links::send).
const QUEUE: usize = 1024;
/// Packets that wait for the replica.
///
/// Bounds their number; of each actor no more than [`SHARE`], and than its room's bytes, are among
/// them.
const INBOX: usize = 256;
/// Packets of one actor that wait for the replica, at most.
const SHARE: usize = 64;

/// A packet that came in, with its share of its link's room.
pub(super) struct Arrival {
    pub(super) packet: Packet,
    /// Given back when the replica has taken the packet in.
    pub(super) _room: OwnedSemaphorePermit,
}

/// All links of one node.
///
/// The lock on `peers` is taken before the one on `roster`, where both are needed; neither is held
/// while anything waits.
pub(super) struct Links {
    endpoint: Endpoint,
    /// Where the links' tasks run; the replica has another.
    runtime: Handle,
    key: SigningActor,
    network: NetworkId,
    limits: Limits,
    /// Where we listen, as others are told.
    address: Option<Address>,
    transport: Arc<TransportConfig>,
    peers: Mutex<Peers>,
    roster: RwLock<Roster>,
    /// Of all links. When it is full, links stop reading.
    inbox: mpsc::Sender<Arrival>,
    counters: Counters,
}

/// All with whom we speak; nobody any more once we have closed.
#[derive(Default)]
struct Peers {
    /// No more than [`most_peers`](Links::most_peers) by what others say of where actors listen.
    known: BTreeMap<Actor, Peer>,
    /// Once set no peer is added, so that no task begins after the node's end.
    closed: bool,
}

struct Peer {
    /// Its other end is the actor's speaker, which ends when this is dropped.
    queue: mpsc::Sender<Outgoing>,
    /// Bytes in the queue.
    waiting: Arc<AtomicUsize>,
    /// The newest last.
    ///
    /// No more than [`CONNECTIONS`].
    connections: watch::Sender<Vec<Connection>>,
    addresses: Addresses,
    attempts: Attempts,
    heard: Arc<Heard>,
    /// Bytes of this actor that may wait for the replica.
    room: Arc<Semaphore>,
}

impl Peer {
    fn is_linked(&self) -> bool {
        self.connections.borrow().iter().any(is_live)
    }
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
        server.max_incoming(door::MOST * 4);
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
        self.counters.read()
    }

    /// Ends all links, waits a moment until the others know, and frees the port.
    pub(super) async fn close(&self) {
        self.endpoint.close(Close::Stopped.code(), b"stopped");
        let known = {
            let mut peers = self.lock();
            peers.closed = true;
            std::mem::take(&mut peers.known)
        };
        drop(known);
        let _ = timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
        if let Err(error) = self.free_port() {
            tracing::info!(%error, "the port is freed when the last handle is dropped");
        }
    }

    /// Handles on the endpoint may live on for a while, and the port with them. So it is given
    /// another one, twice: it keeps the last one that it had.
    fn free_port(&self) -> std::io::Result<()> {
        let _inside = self.runtime.enter();
        for _ in 0..2 {
            let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            self.endpoint.rebind(elsewhere)?;
        }
        Ok(())
    }

    pub(super) fn actor(&self) -> Actor {
        self.key.actor()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A packet's frame of this length was written, or not.
    pub(super) fn note_written(&self, len: usize, written: bool) {
        if written {
            count(&self.counters.sent);
            add(&self.counters.sent_bytes, len);
        } else {
            count(&self.counters.dropped);
        }
    }

    /// A frame of this length came in.
    pub(super) fn note_read(&self, len: usize) {
        add(&self.counters.received_bytes, len);
    }

    pub(super) fn note_refused(&self) {
        count(&self.counters.refused);
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- speaking

    /// Tells all members whom we invited. One whose queue is full hears it with the next link.
    pub(super) fn greet_members(self: &Arc<Self>) {
        let members = self.read_roster(|roster| roster.members.clone());
        let mut peers = self.lock();
        for member in members
            .into_iter()
            .filter(|member| *member != self.key.actor())
        {
            if let Some(peer) = self.peer(&mut peers, member) {
                let _ = peer.queue.try_send(Outgoing::Greeting);
            }
        }
    }

    /// Puts a packet into its receiver's queue, or drops it. Whether it is in the queue.
    ///
    /// Dropped are packets to those that we do not know and have no link with, and those to an
    /// actor for which more than a frame's bytes wait already: so a member that does not read costs
    /// us two frames of memory. What was dropped the replica says again on a tick.
    ///
    /// `frame` is of the same packet to another receiver, if it was made before, or is made here.
    pub(super) fn send(self: &Arc<Self>, packet: &Packet, frame: &mut Option<Bytes>) -> bool {
        let to = packet.to;
        let mut peers = self.lock();
        let known = peers.known.contains_key(&to) || self.knows(&to);
        let peer = known.then(|| self.peer(&mut peers, to)).flatten();
        let room = self.limits.packet_bytes as usize;
        let Some(peer) = peer.filter(|peer| peer.waiting.load(Ordering::Relaxed) <= room) else {
            count(&self.counters.dropped);
            return false;
        };
        // Two nodes may have one key: the evidence against it is for both, and so is what answers
        // the one of them that is in doubt of its store.
        let both = match &packet.body {
            Body::Evidence(evidence) => evidence.accused() == to,
            Body::Recollection(_) => true,
            _ => false,
        };
        let bytes = frame.get_or_insert_with(|| frame::of(packet)).clone();
        debug_assert_eq!(bytes, frame::of(packet), "it says the same to both");
        let outgoing = match both {
            true => Outgoing::Everywhere(bytes),
            false => Outgoing::Frame(bytes),
        };
        let len = outgoing.len();
        let sent = peer.queue.try_send(outgoing).is_ok();
        match sent {
            true => drop(peer.waiting.fetch_add(len, Ordering::Relaxed)),
            false => count(&self.counters.dropped),
        }
        sent
    }

    /// The peer with its queue and its task; nobody when we have closed.
    fn peer<'a>(self: &Arc<Self>, peers: &'a mut Peers, actor: Actor) -> Option<&'a mut Peer> {
        let open = !peers.closed;
        open.then(|| peers.known.entry(actor).or_insert_with(|| self.meet(actor)))
    }

    fn meet(self: &Arc<Self>, actor: Actor) -> Peer {
        let (queue, packets) = mpsc::channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (connections, newest) = watch::channel(Vec::new());
        let links = Arc::clone(self);
        let speaker = Speaker::new(links, actor, packets, Arc::clone(&waiting), newest);
        self.runtime.spawn(speaker.run());
        Peer {
            queue,
            waiting,
            connections,
            addresses: Addresses::default(),
            attempts: Attempts::default(),
            heard: Arc::default(),
            room: Arc::new(Semaphore::new(self.room())),
        }
    }

    /// How to dial this actor and nobody else.
    pub(super) fn client(&self, actor: Actor) -> Result<quinn::ClientConfig, LinkError> {
        let transport = Arc::clone(&self.transport);
        let config = dialling(&self.key, &self.network, actor, transport);
        config.map_err(|_| LinkError::Unreachable)
    }

    // ---- listening

    /// Bytes of one actor that may wait for the replica: two of the longest packets.
    fn room(&self) -> usize {
        2 * self.limits.packet_bytes as usize
    }

    /// How much of an actor's room a frame of so many bytes takes.
    ///
    /// A short one takes more than its bytes, so that the room bounds how many wait.
    pub(super) fn share(&self, len: usize) -> u32 {
        let share = len.max(self.room().div_ceil(SHARE));
        u32::try_from(share).expect("frames are bounded far below 4 GiB")
    }

    /// Reads slowly what this actor says, from now on, as it has sent a bad signature.
    pub(super) fn slow_down(&self, actor: &Actor) {
        if let Some(peer) = self.lock().known.get(actor) {
            peer.heard.slow_down();
        }
    }

    /// Hands what came in to the replica, when it has time.
    pub(super) async fn pass(&self, arrival: Arrival) -> Result<(), LinkError> {
        count(&self.counters.received);
        let passed = self.inbox.send(arrival).await;
        passed.map_err(|_| LinkError::Lost)
    }

    /// Ends when the endpoint is closed. Once there are many, a sender that has not proven its
    /// address costs an answer that is shorter than its packet, and nothing else.
    async fn accept(self: Arc<Self>) {
        let (mut handshakes, mut pace) = (Handshakes::default(), Pace::default());
        while let Some(incoming) = self.endpoint.accept().await {
            let from = incoming.remote_address();
            let validated = incoming.remote_address_validated();
            let turn = match handshakes.are_many() && !validated {
                true => Turn::Validate,
                false => pace.turn(from, validated, Instant::now()),
            };
            match turn {
                Turn::Begin => {}
                Turn::Validate => {
                    let _ = incoming.retry();
                    continue;
                }
                Turn::Refuse => {
                    count(&self.counters.refused);
                    incoming.refuse();
                    continue;
                }
            }
            let handshake = self.runtime.spawn(Arc::clone(&self).shake_hands(incoming));
            if handshakes.begin(from, handshake.abort_handle()) {
                count(&self.counters.refused);
            }
        }
    }

    /// Whom we do not admit is told by a number, after it has proven its key. A connection of our
    /// own key is refused as well: it is a second node with it.
    async fn shake_hands(self: Arc<Self>, incoming: Incoming) {
        let shaken = async { incoming.accept().ok()?.await.ok() };
        let Ok(Some(connection)) = timeout(HANDSHAKE, shaken).await else {
            return;
        };
        let actor = tls::peer(&connection).filter(|actor| *actor != self.key.actor());
        let admitted = actor.filter(|actor| self.admit(actor).is_some());
        let entered = admitted.is_some_and(|actor| self.register(actor, false, &connection));
        if !entered {
            count(&self.counters.refused);
            connection.close(Close::NotAdmitted.code(), b"not admitted");
        }
    }

    /// Takes a connection, and listens. Not of too many strangers.
    ///
    /// A third connection of one actor closes its oldest. One that we dialled is taken even beyond
    /// the room for strangers, as we wanted it. Returns `false` when it is not taken; the caller
    /// closes it.
    pub(super) fn register(
        self: &Arc<Self>,
        actor: Actor,
        dialled: bool,
        connection: &Connection,
    ) -> bool {
        let mut peers = self.lock();
        let known = peers.known.iter();
        let strangers = known.filter(|(other, peer)| !self.knows(other) && peer.is_linked());
        let crowded = !self.knows(&actor) && strangers.count() >= STRANGERS;
        if crowded && !dialled {
            return false;
        }
        let Some(peer) = self.peer(&mut peers, actor) else {
            return false;
        };
        if dialled {
            peer.attempts.reach();
        }
        peer.connections.send_modify(|connections| {
            connections.retain(is_live);
            connections.push(connection.clone());
            if connections.len() > CONNECTIONS {
                let oldest = connections.remove(0);
                oldest.close(Close::Replaced.code(), b"replaced");
            }
        });
        let listener = Listener {
            links: Arc::clone(self),
            actor,
            dialled,
            room: Arc::clone(&peer.room),
            heard: Arc::clone(&peer.heard),
        };
        self.runtime.spawn(listener.run(connection.clone()));
        true
    }
}
