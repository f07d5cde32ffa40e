//! Operations: proposed, waited for, and asked for again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::sync::oneshot;

use super::request::{Replies, Wish};
use super::{Node, NotDelivered, RequestError};
use crate::deterministic_secure_broadcast::Outcome;
use crate::dot::{Dot, Place};
use crate::traits::WireAlgorithm;

const STOPPED: NotDelivered = NotDelivered::Stopped { durable: false };

/// An operation that is durable here, with those that were proposed with it, and waits for its
/// delivery.
#[derive(Debug)]
pub struct Ticket {
    place: Place,
    delivered: oneshot::Receiver<Result<Dot, NotDelivered>>,
}

impl Ticket {
    /// Where it stands in our log, or will.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Waits until it is delivered here.
    ///
    /// # Errors
    /// [`NotDelivered`], but no refusal.
    pub async fn delivered(self) -> Result<Dot, NotDelivered> {
        self.delivered
            .await
            .unwrap_or(Err(NotDelivered::Stopped { durable: true }))
    }
}

impl<A> Node<A>
where
    A: WireAlgorithm + Send,
    A::Op: Send + Sync,
{
    /// Proposes an operation and waits until it is delivered here, which means: a quorum of the
    /// members, of which we are one, has it on record and has signed it, and every correct member
    /// will deliver it. That it was delivered here is on record a moment later: after a crash in
    /// between it is pending here until the members answer again.
    ///
    /// Waits for room when the outbox is full. When the future is dropped the operation may be
    /// proposed all the same.
    ///
    /// # Errors
    /// [`NotDelivered`] tells a refusal, after which nothing has changed, from the rest.
    pub async fn propose(&self, op: A::Op) -> Result<Dot, NotDelivered> {
        self.propose_with(|_| Some(op)).await
    }

    /// Makes an operation on the state with our own pending operations applied, and proposes it as
    /// [`propose`](Self::propose) does; no other operation of ours comes between. With `None`
    /// nothing is proposed.
    ///
    /// # Errors
    /// [`NotDelivered`].
    ///
    /// # Panics
    /// When `make` panics: here, and nowhere else.
    pub async fn propose_with(
        &self,
        make: impl FnOnce(&A) -> Option<A::Op> + Send + 'static,
    ) -> Result<Dot, NotDelivered>
    where
        A::Op: 'static,
    {
        self.submit_with(make).await?.delivered().await
    }

    /// Proposes an operation and waits until it is durable here: the [`Ticket`] tells where it
    /// stands, and waits for its delivery.
    ///
    /// Who keeps the ticket's place asks [`outcome`](Self::outcome) later, after a restart too,
    /// whether the operation was delivered, instead of making it twice.
    ///
    /// # Errors
    /// [`NotDelivered::Refused`], after which nothing has changed; [`NotDelivered::Stopped`].
    pub async fn submit(&self, op: A::Op) -> Result<Ticket, NotDelivered> {
        self.submit_with(|_| Some(op)).await
    }

    /// Makes an operation as [`propose_with`](Self::propose_with) does, and waits as
    /// [`submit`](Self::submit) does.
    ///
    /// # Errors
    /// [`NotDelivered::Refused`], after which nothing has changed; [`NotDelivered::Stopped`].
    ///
    /// # Panics
    /// When `make` panics: here, and nowhere else.
    pub async fn submit_with(
        &self,
        make: impl FnOnce(&A) -> Option<A::Op> + Send + 'static,
    ) -> Result<Ticket, NotDelivered>
    where
        A::Op: 'static,
    {
        self.submit_all(|ahead| make(ahead).into_iter().collect())
            .await
    }

    /// Makes operations as [`submit_with`](Self::submit_with) does one, and proposes all of them or
    /// none, in their order, as
    /// [`Replica::propose_all`](crate::deterministic_secure_broadcast::Replica::propose_all) does;
    /// without any nothing is proposed. The ticket is of the last one: when that is delivered, all
    /// are.
    ///
    /// Who has thousands submits them so, and more when these are delivered: operations that come
    /// one by one while others are pending cost more.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    ///
    /// # Panics
    /// When `make` panics: here, and nowhere else.
    pub async fn submit_all(
        &self,
        make: impl FnOnce(&A) -> Vec<A::Op> + Send + 'static,
    ) -> Result<Ticket, NotDelivered>
    where
        A::Op: 'static,
    {
        let (accepted, place) = oneshot::channel();
        let (outcome, delivered) = oneshot::channel();
        let (panicked, payload) = oneshot::channel();
        let make = Box::new(move |ahead: &A| {
            let made = catch_unwind(AssertUnwindSafe(|| make(ahead)));
            made.unwrap_or_else(|payload| {
                let _ = panicked.send(payload);
                Vec::new()
            })
        });
        let replies = Replies { accepted, outcome };
        let sent = self.shared.wishes.send(Wish { make, replies }).await;
        sent.map_err(|_| STOPPED)?;
        if let Ok(place) = place.await {
            return Ok(Ticket { place, delivered });
        }
        let outcome = delivered.await.unwrap_or(Err(STOPPED));
        if let Ok(payload) = payload.await {
            resume_unwind(payload);
        }
        Err(outcome.expect_err("what is delivered was accepted first"))
    }

    /// What became of the operation at `place`; none where nothing is known of it. See
    /// [`Replica::outcome`](crate::deterministic_secure_broadcast::Replica::outcome).
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn outcome(&self, place: Place) -> Result<Option<Outcome>, RequestError> {
        self.read(move |replica| replica.outcome(&place)).await
    }
}
