//! The real network: a node that people run.
//!
//! A [`Node`] drives a [`Replica`] over QUIC. Each link is authenticated at both ends by the
//! actors' own ed25519 keys; each statement in a packet is signed besides, so that a link is
//! trusted with nothing but the address of an answer.
//!
//! ```text
//!  propose, approve, read        links: a task writes and one reads for each actor
//!          |                                     |  ^
//!          v  bounded queues                     v  |
//!      .-- driver: a thread of its own --------------------.
//!      |  takes in all that waits -> replica -> one write  |
//!      |  -> send -> tell -> answer                        |
//!      '---------------------------------------------------'
//! ```
//!
//! Every queue is bounded. Callers wait when the outbox is full; a peer that sends more than we
//! take waits, by QUIC's flow control; a packet for a peer that does not read is dropped and said
//! again later. When all members are level nobody speaks, nothing is written, and links end by
//! themselves until they are needed.
//!
//! Never run two nodes with one key, and never start one from a copy of its store: its key would
//! contradict itself, others would take it for a liar, and it would sign no more. A node whose
//! store was put back is told so by the members before it signs anything
//! ([`Status::missing_answers`],
//! [`Fault::Silenced`](crate::deterministic_secure_broadcast::Fault)).

mod address;
mod batch;
mod book;
mod builder;
mod checks;
mod departed;
mod dial;
mod door;
mod driver;
mod error;
mod events;
mod frame;
#[cfg(feature = "_fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod gather;
mod heard;
mod invitation;
mod journal;
mod link;
mod links;
mod listener;
mod meter;
mod post;
mod request;
mod roster;
mod speaker;
mod status;
mod submit;
mod tls;
mod traffic;
mod transport;
mod wished;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

pub use address::{Address, AddressError};
pub use book::Unreached;
pub use builder::NodeBuilder;
pub use error::{
    DialError, Failure, JournalError, LinkError, NotDelivered, RequestError, StartError,
};
pub use events::{Event, Events};
pub use invitation::{Invitation, InvitationError};
pub use link::Link;
pub use meter::Counts;
pub use status::{Ending, LaneStatus, MemberStatus, Status};
pub use submit::Ticket;
pub use traffic::Traffic;

use crate::actor::Actor;
use crate::codec::NetworkId;
use crate::deterministic_secure_broadcast::{ApproveError, Replica, Step};
use crate::membership::{Change, ChangeError, ChangeKey};
use crate::traits::WireAlgorithm;
use book::Word;
use events::WeakTeller;
use links::Links;
use meter::Meter;
use request::{Ask, Wish};

/// How often a probe looks who has answered.
const GLANCE: Duration = Duration::from_millis(10);

/// The changes that others wish, the oldest first.
type Asked = Arc<Mutex<Vec<Change>>>;

/// What is noted there is whole, whoever panicked.
fn open(asked: &Asked) -> MutexGuard<'_, Vec<Change>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a newcomer that asks for nothing cannot be approved; nothing is wrong when we have approved
/// it before.
fn unasked<A: WireAlgorithm>(replica: &Replica<A>, newcomer: Actor) -> Result<(), RequestError> {
    let is_its = |(change, by): &(ChangeKey, Vec<Actor>)| {
        *change == ChangeKey::Join(newcomer) && by.contains(&replica.actor())
    };
    if replica.committee().contains(&newcomer) {
        Err(ApproveError::from(ChangeError::Member(newcomer)).into())
    } else if replica.wishes().iter().any(is_its) {
        Ok(())
    } else {
        Err(RequestError::Unasked)
    }
}

/// How often it is looked whether a node may sign by now.
const DOUBT: Duration = Duration::from_millis(50);

/// How a node ended; nothing while it runs.
type End = Option<Result<(), Failure>>;

/// A handle on a running node. Clones are handles on the same one; it stops when the last is
/// dropped.
#[derive(Debug)]
pub struct Node<A: WireAlgorithm> {
    shared: Arc<Shared<A>>,
}

struct Shared<A: WireAlgorithm> {
    actor: Actor,
    network: NetworkId,
    wishes: mpsc::Sender<Wish<A>>,
    asks: mpsc::Sender<Ask<A>>,
    /// The driver holds the strong one: the events end with it.
    events: WeakTeller,
    asked: Asked,
    links: Arc<Links>,
    meter: Arc<Meter>,
    stop: Arc<AtomicBool>,
    end: watch::Receiver<End>,
}

impl<A: WireAlgorithm> std::fmt::Debug for Shared<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

impl<A: WireAlgorithm> Clone for Node<A> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<A> Node<A>
where
    A: WireAlgorithm + Send,
    A::Op: Send + Sync,
{
    /// Who this node is.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.shared.actor
    }

    /// The network's name.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.shared.network
    }

    /// Where it listens.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.shared.links.local_address()
    }

    // ---- the state

    /// Reads the replica. What is read is durable when this returns.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    ///
    /// # Panics
    /// When `read` panics: here, and nowhere else.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Replica<A>) -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        let read = self.ask(|replica| {
            let read = catch_unwind(AssertUnwindSafe(|| read(replica)));
            (Step::default(), read)
        });
        Ok(read.await?.unwrap_or_else(|payload| resume_unwind(payload)))
    }

    /// What happens from now on. Who does not take events in time is told how many it missed.
    #[must_use]
    pub fn events(&self) -> Events {
        self.shared.events.listen()
    }

    /// Where this node stands, what it holds, and why that is not delivered.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn status(&self) -> Result<Status, RequestError> {
        let mut status = self.read(status::of).await?;
        status.complete(&self.shared.links, &self.shared.meter, self.asked());
        Ok(status)
    }

    /// Asks all other members whether they are there, and waits until each has said something or
    /// `patience` is over: those that did. Who is silent may be stopped, cut off, or slower than
    /// that; [`MemberStatus::heard`] tells since when.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn probe(&self, patience: Duration) -> Result<Vec<Actor>, RequestError> {
        let begin = Instant::now();
        let others = self.ask(|replica| {
            let (me, members) = (replica.actor(), replica.committee().actors().to_vec());
            let others = members.into_iter().filter(move |member| *member != me);
            (replica.probe(), others.collect::<Vec<_>>())
        });
        let others = others.await?;
        loop {
            let heard = self.shared.links.heard_since(begin, &others);
            if heard.len() == others.len() || begin.elapsed() >= patience {
                return Ok(heard);
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    // ---- members

    /// The changes that others wish in this generation and that wait for our approval.
    #[must_use]
    pub fn asked(&self) -> Vec<ChangeKey> {
        let asked = open(&self.shared.asked);
        asked.iter().map(Change::key).collect()
    }

    /// Approves a change. It is made when a quorum of the members has approved it. A node that
    /// signs nothing yet ([`Status::missing_answers`]) waits until it may.
    ///
    /// # Errors
    /// [`RequestError`]; a [`ChangeKey::Join`] can only be approved after the newcomer asked. Again
    /// is nothing.
    pub async fn approve(&self, change: ChangeKey) -> Result<(), RequestError> {
        let change = match change {
            ChangeKey::Leave(actor) => Change::Leave(actor),
            ChangeKey::Renew => Change::Renew,
            ChangeKey::Join(newcomer) => match self.wish(change) {
                Some(asked) => asked,
                None => return self.read(move |replica| unasked(replica, newcomer)).await?,
            },
        };
        loop {
            let approved = self.ask(move |replica| match replica.approve(change) {
                Ok(step) => (step, Ok(())),
                Err(error) => (Step::default(), Err(error)),
            });
            match approved.await? {
                // As an operation does, an approval waits until something may be signed.
                Err(ApproveError::InDoubt) => tokio::time::sleep(DOUBT).await,
                approved => break approved?,
            }
        }
        open(&self.shared.asked).retain(|asked| asked.key() != change.key());
        Ok(())
    }

    /// The change with this key that others wish.
    fn wish(&self, change: ChangeKey) -> Option<Change> {
        let asked = open(&self.shared.asked);
        asked.iter().find(|asked| asked.key() == change).copied()
    }

    /// Asks the members to be let in, until we are. They approve or not.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn join(&self) -> Result<(), RequestError> {
        self.ask(|replica| (replica.ask_to_join(), ())).await
    }

    /// Asks to leave: approves our own leave. The node must run on until [`Event::Left`]: what it
    /// alone knows is lost else.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn leave(&self) -> Result<(), RequestError> {
        self.approve(ChangeKey::Leave(self.actor())).await
    }

    /// Approves a new generation with the same members, hence a new snapshot: what is before the
    /// last one is forgotten.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn renew(&self) -> Result<(), RequestError> {
        self.approve(ChangeKey::Renew).await
    }

    /// Lets `guest` follow the network and ask to be let in, here and at the members that hear of
    /// it from us, and says what it needs to find us and to know that we are the network that it
    /// was invited to. Holds until the node stops.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn invite(&self, guest: Actor) -> Result<Invitation, RequestError> {
        let links = &self.shared.links;
        links.update_roster(|roster| roster.invite(guest));
        links.greet_members();
        let mut invitation = self.read(Invitation::of).await?;
        invitation.contacts = links.contacts();
        Ok(invitation)
    }

    /// Tells where an actor listens, and that it is to be asked for what we lack: so a node that
    /// slept while all others were exchanged finds those who are there now.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn introduce(
        &self,
        actor: Actor,
        address: impl Into<Address>,
    ) -> Result<(), RequestError> {
        let links = &self.shared.links;
        links.update_roster(|roster| {
            roster.contacts.insert(actor);
        });
        links.learn(actor, Word::Operator, address.into());
        let meet = self.ask(move |replica| (Step::default(), replica.meet(actor)));
        meet.await
    }

    /// Where members and contacts listen, by their own word and by that of whoever operates this
    /// node: to be kept, and given to the [`NodeBuilder`] at the next start.
    #[must_use]
    pub fn book(&self) -> BTreeSet<(Actor, Address)> {
        self.shared.links.book()
    }

    /// What crossed the links since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.links.traffic()
    }

    // ---- the end

    /// Stops after all that was taken in is durable, and tells the peers that the links end.
    ///
    /// # Errors
    /// [`Failure`] when the node had stopped by itself.
    pub async fn shutdown(self) -> Result<(), Failure> {
        let stop = Arc::clone(&self.shared.stop);
        let _ = self
            .ask(move |_| (Step::default(), stop.store(true, Ordering::Relaxed)))
            .await;
        self.stopped().await
    }

    /// Waits until the node has stopped, for whatever reason.
    ///
    /// # Errors
    /// [`Failure`] when it stopped by itself.
    pub async fn stopped(&self) -> Result<(), Failure> {
        let mut end = self.shared.end.clone();
        let ended = end.wait_for(Option::is_some).await.map(|end| end.clone());
        ended.unwrap_or(None).unwrap_or(Err(Failure::Panicked))
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Replica<A>) -> (Step, T) + Send + 'static,
    ) -> Result<T, RequestError> {
        let (reply, answer) = oneshot::channel();
        let ask: Ask<A> = Box::new(move |replica| {
            let (step, result) = ask(replica);
            (step, Box::new(move || drop(reply.send(result))))
        });
        let sent = self.shared.asks.send(ask).await;
        sent.map_err(|_| RequestError::Stopped)?;
        answer.await.map_err(|_| RequestError::Stopped)
    }
}
