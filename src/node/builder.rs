//! Starting a node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::{mpsc, watch};

use super::book::Word;
use super::checks::Checks;
use super::driver::{Driver, Wiring};
use super::error::{Failure, StartError};
use super::events::Teller;
use super::journal::Journal;
use super::links::{Arrival, Links};
use super::meter::Meter;
use super::roster::Roster;
use super::{Address, Invitation, Node, Shared};
use crate::actor::{Actor, SigningActor};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Replica, Step};
use crate::membership::Genesis;
use crate::quorum::Generation;
use crate::snapshot::CHUNK;
use crate::store::Store;
use crate::traits::WireAlgorithm;

/// Bytes of a packet with a chunk of a state.
const PART: usize = CHUNK + (1 << 10);

/// Callers that wait for the replica to take an operation or a request.
const WAITING: usize = 1024;

/// What a node is to be. See [`Node::builder`].
#[derive(Debug)]
pub struct NodeBuilder<A> {
    /// Proves who we are on links, and signs for the replica.
    key: SigningActor,
    algorithm: A,
    genesis: Genesis,
    listen: SocketAddr,
    /// `None` when it is that of the socket, unless the socket is bound to all of the machine's:
    /// then we tell none.
    address: Option<Address>,
    /// In the order in which they were named; who has no lane in the records is a contact.
    book: Vec<(Actor, Address)>,
    guests: Vec<Actor>,
    /// The trusted checkpoint of the invitation: a generation and the value that founded it.
    pinned: Option<(Generation, Digest)>,
    observers: bool,
    tick: Duration,
    /// The file, and the bytes that it may have.
    recording: Option<(PathBuf, u64)>,
}

impl<A> Node<A>
where
    A: WireAlgorithm + Send,
    A::Op: Send + Sync,
{
    /// A node of `key`'s actor, in the network that `genesis` describes. `algorithm` is in the
    /// genesis state.
    pub fn builder(key: SigningActor, algorithm: A, genesis: Genesis) -> NodeBuilder<A> {
        NodeBuilder {
            key,
            algorithm,
            genesis,
            listen: (Ipv4Addr::UNSPECIFIED, 0).into(),
            address: None,
            book: Vec::new(),
            guests: Vec::new(),
            pinned: None,
            observers: false,
            tick: Duration::from_millis(100),
            recording: None,
        }
    }
}

impl<A> NodeBuilder<A>
where
    A: WireAlgorithm + Send,
    A::Op: Send + Sync,
{
    /// Where to listen. By default at any free port of all interfaces.
    #[must_use]
    pub fn listen(mut self, socket: SocketAddr) -> Self {
        self.listen = socket;
        self
    }

    /// What to tell others of where we listen, when it is not the address of the socket.
    #[must_use]
    pub fn address(mut self, address: impl Into<Address>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Where another actor may listen; said twice, both are tried. One that we do not know as a
    /// member is asked for what we lack.
    #[must_use]
    pub fn peer(mut self, actor: Actor, address: impl Into<Address>) -> Self {
        self.book.push((actor, address.into()));
        self
    }

    /// Lets an actor without a seat follow, and ask to be let in. Of many, the members are told of
    /// those that were named last.
    #[must_use]
    pub fn guest(mut self, actor: Actor) -> Self {
        self.guests.push(actor);
        self
    }

    /// Whom to ask, and the generation that the chain must pass through.
    #[must_use]
    pub fn invitation(mut self, invitation: &Invitation) -> Self {
        self.book.extend(invitation.contacts.clone());
        self.pinned = invitation.pinned;
        self
    }

    /// Whether strangers may follow the network; off by default. They can ask, and nothing else. A
    /// node that has no seat itself listens to anybody: what it takes in proves itself.
    #[must_use]
    pub fn observers(mut self, allowed: bool) -> Self {
        self.observers = allowed;
        self
    }

    /// The time after which something is said again for the first time; 100 ms by default, 1 ms at
    /// least.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick.max(Duration::from_millis(1));
        self
    }

    /// Writes what happens at this node into `file`, as a [recording](crate::recording) by this
    /// node's own clock, readable by its owner alone: it holds operations and states. When the file
    /// has `bytes` it becomes `file` with `.old` after its name, in the place of an older one, and
    /// another begins; so does at the start what is there of the last time. Twice as many bytes are
    /// on disk at most, and a step's; whoever floods the node shortens how far it reaches back. A
    /// disk that does not take it ends the recording and not the node.
    ///
    /// The state is written down after each write that changed it, which takes time in proportion
    /// to it.
    #[must_use]
    pub fn recording(mut self, file: impl Into<PathBuf>, bytes: u64) -> Self {
        self.recording = Some((file.into(), bytes));
        self
    }

    /// Rebuilds the replica from `store`, opens the socket, and starts. The store may be an old
    /// copy that was put back; so a member signs nothing before a quorum of the members has told it
    /// what its key has signed ([`Status::missing_answers`](super::Status)). Must be called within
    /// a tokio runtime with I/O and time, which carries the links.
    ///
    /// The order matters. The store is read before the socket is bound, so that a second node of
    /// the same key that is refused the store speaks to nobody. The checkpoint is named before any
    /// packet is taken in. Links are opened last, and closed again when the thread cannot be
    /// started.
    ///
    /// # Errors
    /// [`StartError`]; nothing was sent.
    pub async fn start<S>(self, mut store: S) -> Result<Node<A>, StartError>
    where
        S: Store + Send + 'static,
    {
        let limit = self.genesis.limits().packet_bytes as usize;
        if limit < PART {
            let needed = PART;
            return Err(StartError::Packets { limit, needed });
        }
        let records = store.load().map_err(StartError::store)?;
        let again = !records.is_empty();
        let (key, genesis) = (self.key.clone(), self.genesis.clone());
        // Whether the store was put back from a copy, only the members can tell.
        let mut secret = [0; 32];
        let drawn = SysRng.try_fill_bytes(&mut secret);
        drawn.map_err(std::io::Error::other)?;
        let (mut replica, step) =
            Replica::recover_in_doubt(key, self.algorithm, genesis, records, secret)?;
        let lanes: BTreeSet<_> = replica.sources().copied().collect();
        let named = self.book.iter().map(|(actor, _)| *actor);
        let contacts: BTreeSet<_> = named.filter(|actor| !lanes.contains(actor)).collect();
        contacts.iter().for_each(|contact| replica.meet(*contact));
        if let Some((generation, value)) = self.pinned {
            replica.expect(generation, value)?;
        }
        let socket = UdpSocket::bind(self.listen)?;
        let bound = socket.local_addr()?;
        let own = (!bound.ip().is_unspecified()).then(|| bound.into());
        // What failed before leaves the last recording where it is.
        let mut journal = match self.recording {
            Some((file, bytes)) => Journal::open(replica.actor(), file, bytes)?,
            None => Journal::none(),
        };
        if again {
            journal.restarts(&replica);
        }
        let members = replica.committee().actors().iter().copied();
        let roster = Roster {
            lanes,
            contacts,
            members: members.collect(),
            guests: self.guests,
            guests_of: BTreeMap::new(),
            seated: replica.committee().contains(&replica.actor()),
            observers: self.observers,
        };
        let (network, limits) = (*replica.network(), replica.limits().clone());
        let (links, arrivals) = Links::open(
            self.key,
            network,
            limits,
            socket,
            self.address.or(own),
            roster,
        )?;
        for (actor, address) in self.book {
            links.learn(actor, Word::Operator, address);
        }
        let started = run(
            replica,
            step,
            store,
            Arc::clone(&links),
            arrivals,
            self.tick,
            journal,
        );
        if started.is_err() {
            links.close().await;
        }
        started
    }
}

/// Gives the replica a thread: it waits for the disk, and must not hold up the links.
///
/// A panic of the replica or of its algorithm ends the node and not the process; all that was
/// acknowledged is in the store, or will be delivered again.
fn run<A, S>(
    replica: Replica<A>,
    first: Step,
    store: S,
    links: Arc<Links>,
    arrivals: mpsc::Receiver<Arrival>,
    tick: Duration,
    journal: Journal,
) -> Result<Node<A>, StartError>
where
    A: WireAlgorithm + Send,
    A::Op: Send + Sync,
    S: Store + Send + 'static,
{
    let (wish, wishes) = mpsc::channel(WAITING);
    let (ask, asks) = mpsc::channel(WAITING);
    let events = Teller::new();
    let (ending, end) = watch::channel(None);
    let shared = Shared {
        actor: replica.actor(),
        network: *replica.network(),
        wishes: wish,
        asks: ask,
        events: events.downgrade(),
        asked: super::Asked::default(),
        links: Arc::clone(&links),
        meter: Arc::new(Meter::new()),
        stop: Arc::default(),
        end,
    };
    let wiring = Wiring {
        links: Arc::clone(&links),
        wishes,
        asks,
        arrivals,
        events,
        checks: Checks::start()?,
        asked: Arc::clone(&shared.asked),
        meter: Arc::clone(&shared.meter),
        stop: Arc::clone(&shared.stop),
        tick,
        journal,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let thread = std::thread::Builder::new().name("replica".to_owned());
    thread.spawn(move || {
        let mut driver = Driver::new(replica, store, wiring);
        let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(driver.run(first))))
            .unwrap_or(Err(Failure::Panicked));
        driver.end(result.is_ok());
        runtime.block_on(links.close());
        ending.send_replace(Some(result));
    })?;
    let shared = Arc::new(shared);
    Ok(Node { shared })
}
