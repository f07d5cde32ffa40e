//! A network between nodes of one machine that loses datagrams, holds each up for a while, so that
//! they overtake each other, and doubles some. What becomes of the n-th datagram from one node to
//! another is drawn from a seed.
//!
//! It stands where a router stands that translates addresses: the others know a node by a door of
//! the relay, and a node sees each of the others at an address of the relay too.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;

/// Of a hundred datagrams, how many are lost, and how many are doubled.
const LOST: u32 = 10;
const DOUBLED: u32 = 5;
/// Milliseconds that a datagram may take.
const LATE: u64 = 40;
/// Datagrams under way from one node to another; more are lost.
const ROOM: usize = 1024;
/// Bytes of a datagram at most.
const DATAGRAM: usize = 1 << 16;

/// All ways between some nodes. It ends when it is dropped.
pub(crate) struct Relay {
    /// Carries the datagrams.
    _runtime: Runtime,
    doors: Vec<SocketAddr>,
    /// From one node to another: `ways[from][to]`.
    ways: Vec<Vec<Arc<Way>>>,
    cut: Arc<AtomicBool>,
}

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Those that arrived, copies too.
    pub(crate) passed: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Those that arrived after one that was sent later.
    pub(crate) overtaken: u64,
}

impl Relay {
    /// Doors for the nodes that listen at `hosts`.
    pub(crate) fn before(hosts: &[SocketAddr], seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let cut = Arc::new(AtomicBool::new(false));
        let number = |from, to| (from * hosts.len() + to) as u64;
        let way = |from, to| Arc::new(Way::new(seed, number(from, to), Arc::clone(&cut)));
        let ways: Vec<Vec<_>> = (0..hosts.len())
            .map(|from| (0..hosts.len()).map(|to| way(from, to)).collect())
            .collect();
        let doors = (0..hosts.len())
            .map(|to| runtime.block_on(open(to, hosts, &ways)))
            .collect();
        Self {
            _runtime: runtime,
            doors,
            ways,
            cut,
        }
    }

    /// Where the others are to look for each node.
    pub(crate) fn doors(&self) -> &[SocketAddr] {
        &self.doors
    }

    /// Whether nothing comes in any more, from now on.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    /// What became of the datagrams between two nodes until now, each way alone.
    pub(crate) fn between(&self, one: usize, other: usize) -> [Counts; 2] {
        [(one, other), (other, one)].map(|(from, to)| self.ways[from][to].counts())
    }
}

/// Opens the door to one node, and the sockets at which that one sees the others.
async fn open(to: usize, hosts: &[SocketAddr], ways: &[Vec<Arc<Way>>]) -> SocketAddr {
    let door = socket().await;
    let mut callers = Vec::new();
    for (from, host) in hosts.iter().enumerate() {
        let back = socket().await;
        let (there, here) = (Arc::clone(&ways[from][to]), Arc::clone(&ways[to][from]));
        tokio::spawn(answers(
            Arc::clone(&back),
            hosts[to],
            here,
            Arc::clone(&door),
            *host,
        ));
        callers.push((*host, there, back));
    }
    let address = door.local_addr().expect("bound");
    tokio::spawn(calls(door, callers, hosts[to]));
    address
}

async fn socket() -> Arc<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
    Arc::new(socket.expect("a port"))
}

/// What comes to a node's door goes to the node, from the socket that it knows the caller by.
async fn calls(
    door: Arc<UdpSocket>,
    callers: Vec<(SocketAddr, Arc<Way>, Arc<UdpSocket>)>,
    host: SocketAddr,
) {
    let mut buffer = vec![0; DATAGRAM];
    while let Ok((len, source)) = door.recv_from(&mut buffer).await {
        if let Some((_, way, back)) = callers.iter().find(|(caller, ..)| *caller == source) {
            way.carry(&buffer[..len], back, host);
        }
    }
}

/// What a node answers a caller goes there, from the door.
async fn answers(
    back: Arc<UdpSocket>,
    host: SocketAddr,
    way: Arc<Way>,
    door: Arc<UdpSocket>,
    caller: SocketAddr,
) {
    let mut buffer = vec![0; DATAGRAM];
    while let Ok((len, source)) = back.recv_from(&mut buffer).await {
        if source == host {
            way.carry(&buffer[..len], &door, caller);
        }
    }
}

/// From one node to another.
struct Way {
    random: Mutex<ChaCha8Rng>,
    cut: Arc<AtomicBool>,
    under_way: AtomicUsize,
    sent: AtomicU64,
    /// The newest that arrived.
    newest: AtomicU64,
    passed: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
    overtaken: AtomicU64,
}

impl Way {
    fn new(seed: u64, number: u64, cut: Arc<AtomicBool>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number);
        Self {
            random: Mutex::new(random),
            cut,
            under_way: AtomicUsize::default(),
            sent: AtomicU64::default(),
            newest: AtomicU64::default(),
            passed: AtomicU64::default(),
            lost: AtomicU64::default(),
            doubled: AtomicU64::default(),
            overtaken: AtomicU64::default(),
        }
    }

    fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            passed: read(&self.passed),
            lost: read(&self.lost),
            doubled: read(&self.doubled),
            overtaken: read(&self.overtaken),
        }
    }

    fn carry(self: &Arc<Self>, datagram: &[u8], out: &Arc<UdpSocket>, to: SocketAddr) {
        if self.cut.load(Ordering::Relaxed) {
            return;
        }
        let number = count(&self.sent);
        let copies = self.fate();
        if copies.is_empty() || self.under_way.load(Ordering::Relaxed) >= ROOM {
            count(&self.lost);
            return;
        }
        if copies.len() > 1 {
            count(&self.doubled);
        }
        for late in copies {
            self.under_way.fetch_add(1, Ordering::Relaxed);
            let (way, out, datagram) = (Arc::clone(self), Arc::clone(out), datagram.to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                // Nobody may listen there: the node is down.
                let _ = out.send_to(&datagram, to).await;
                way.arrived(number);
            });
        }
    }

    /// How late each copy of the next datagram is; none when it is lost.
    fn fate(&self) -> Vec<Duration> {
        let mut random = self.random.lock().expect("no panic");
        let copies = match random.random_range(0..100) {
            0..LOST => 0,
            drawn if drawn < LOST + DOUBLED => 2,
            _ => 1,
        };
        let mut late = || Duration::from_millis(random.random_range(0..LATE));
        (0..copies).map(|_| late()).collect()
    }

    fn arrived(&self, number: u64) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        count(&self.passed);
        if self.newest.fetch_max(number, Ordering::Relaxed) > number {
            count(&self.overtaken);
        }
    }
}

/// Counts one more, and says how many there were before.
fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed)
}
