//! The thread that owns the replica and its store. Everything that waits is taken in together and
//! made durable with one write; only then is anything sent or told. So the disk sets the pace of
//! writes, and not of operations.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::error::{Failure, NotDelivered};
use super::events::{Event, Teller};
use super::journal::Journal;
use super::links::{Arrival, Links};
use super::meter::{self, Meter};
use super::{Asked, departed, open};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Fault, Packet, ProposeError, Replica, Step};
use crate::dot::{Dot, Place};
use crate::membership::{Change, ChangeKey};
use crate::store::{Effect, Store, spend};
use crate::traits::{SecureBroadcastAlgorithm, Verdict, WireAlgorithm};

/// Inputs of each kind that are taken in before the next write.
const BATCH: usize = 512;

/// Changes that are remembered for the operator, in one generation.
const ASKED: usize = 256;

/// Makes an operation on the state with our own pending operations applied.
pub(super) type Make<A> = Box<dyn FnOnce(&A) -> Option<<A as SecureBroadcastAlgorithm>::Op> + Send>;

/// What is done after the write.
type After = Box<dyn FnOnce() + Send>;

/// A request to the replica. Its answer is given when all before it is durable.
pub(super) type Ask<A> = Box<dyn FnOnce(&mut Replica<A>) -> (Step, After) + Send>;

/// Where somebody waits for what becomes of an operation.
pub(super) type Outcome = oneshot::Sender<Result<Dot, NotDelivered>>;

/// Whom to tell of an operation: where it stands, once it is durable, and what became of it.
pub(super) struct Replies {
    pub(super) accepted: oneshot::Sender<Place>,
    pub(super) outcome: Outcome,
}

/// An operation that somebody waits for.
pub(super) struct Wish<A: WireAlgorithm> {
    pub(super) make: Make<A>,
    pub(super) replies: Replies,
}

pub(super) struct Driver<A: WireAlgorithm, S> {
    replica: Replica<A>,
    store: S,
    links: Arc<Links>,
    wishes: mpsc::Receiver<Wish<A>>,
    asks: mpsc::Receiver<Ask<A>>,
    arrivals: mpsc::Receiver<Arrival>,
    events: Teller,
    asked: Asked,
    meter: Arc<Meter>,
    stop: Arc<AtomicBool>,
    tick: Duration,
    /// Who waits for our own pending operations, in their order. Nobody, for those of before a
    /// restart.
    waiting: VecDeque<Option<Outcome>>,
    /// A wish for which the outbox has no room yet.
    stalled: Option<(A::Op, Replies)>,
    /// Whether the store holds more than it needs.
    prunable: bool,
    /// Whether the replica was leaving when we last looked.
    leaving: bool,
    /// What happens is written down there.
    journal: Journal,
}

/// What a driver is connected to.
pub(super) struct Wiring<A: WireAlgorithm> {
    pub(super) links: Arc<Links>,
    pub(super) wishes: mpsc::Receiver<Wish<A>>,
    pub(super) asks: mpsc::Receiver<Ask<A>>,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) events: Teller,
    /// The changes that others wish.
    pub(super) asked: Asked,
    pub(super) meter: Arc<Meter>,
    /// Set when the node is to stop, which it does after the next write.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) tick: Duration,
    pub(super) journal: Journal,
}

/// The steps of all inputs since the last write.
struct Batch {
    step: Step,
    after: Vec<After>,
}

impl Batch {
    fn new() -> Self {
        let (step, after) = (Step::default(), Vec::new());
        Self { step, after }
    }
}

impl<A, S> Driver<A, S>
where
    A: WireAlgorithm + Send,
    S: Store,
{
    pub(super) fn new(replica: Replica<A>, store: S, wiring: Wiring<A>) -> Self {
        let waiting = (0..replica.pending()).map(|_| None).collect();
        wiring.meter.begin(&replica);
        Self {
            leaving: replica.is_leaving(),
            journal: wiring.journal,
            replica,
            store,
            links: wiring.links,
            wishes: wiring.wishes,
            asks: wiring.asks,
            arrivals: wiring.arrivals,
            events: wiring.events,
            asked: wiring.asked,
            meter: wiring.meter,
            stop: wiring.stop,
            tick: wiring.tick,
            waiting,
            stalled: None,
            prunable: false,
        }
    }

    /// Runs until asked to stop, until all handles are gone, or until the store fails.
    pub(super) async fn run(&mut self, first: Step) -> Result<(), Failure> {
        let mut ticks = tokio::time::interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Batch::new();
        batch.step = first;
        loop {
            self.commit(batch)?;
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            batch = Batch::new();
            let taking = self.stalled.is_none();
            tokio::select! {
                wish = self.wishes.recv(), if taking => match wish {
                    Some(wish) => self.wish(wish, &mut batch),
                    None => return Ok(()),
                },
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.ask(ask, &mut batch),
                    None => return Ok(()),
                },
                Some(arrival) = self.arrivals.recv() => self.arrive(arrival, &mut batch),
                _ = ticks.tick() => {
                    let step = self.replica.tick();
                    self.take(step, &mut batch);
                }
            }
            self.drain(&mut batch);
        }
    }

    /// Takes in what waits, without waiting, in turns: a flood of one kind keeps none of the others
    /// out.
    fn drain(&mut self, batch: &mut Batch) {
        for _ in 0..BATCH {
            let arrival = self.arrivals.try_recv().ok();
            let ask = self.asks.try_recv().ok();
            let wish = match self.stalled {
                None => self.wishes.try_recv().ok(),
                Some(_) => None,
            };
            if arrival.is_none() && ask.is_none() && wish.is_none() {
                return;
            }
            arrival
                .into_iter()
                .for_each(|arrival| self.arrive(arrival, batch));
            ask.into_iter().for_each(|ask| self.ask(ask, batch));
            wish.into_iter().for_each(|wish| self.wish(wish, batch));
        }
    }

    // ---- inputs

    fn arrive(&mut self, arrival: Arrival, batch: &mut Batch) {
        self.journal.arrives(&self.replica, &arrival.packet);
        let kind = arrival.packet.body.kind();
        meter::count(&mut self.meter.open().counts.received, kind);
        match self.replica.handle_packet(arrival.packet) {
            Ok(step) => self.take(step, batch),
            Err(refusal) => {
                self.journal.refuses(&refusal);
                meter::count(&mut self.meter.open().counts.refused, refusal.kind());
                tracing::debug!(%refusal, "refused");
            }
        }
    }

    fn ask(&mut self, ask: Ask<A>, batch: &mut Batch) {
        let (step, after) = ask(&mut self.replica);
        self.take(step, batch);
        batch.after.push(after);
    }

    fn wish(&mut self, wish: Wish<A>, batch: &mut Batch) {
        match (wish.make)(self.replica.ahead()) {
            Some(op) => self.propose(op, wish.replies, batch),
            None => {
                let refused = ProposeError::NotValid(Verdict::NotYet("not possible here"));
                batch.after.push(Box::new(move || {
                    let _ = wish
                        .replies
                        .outcome
                        .send(Err(NotDelivered::Refused(refused)));
                }));
            }
        }
    }

    fn propose(&mut self, op: A::Op, replies: Replies, batch: &mut Batch) {
        match self.replica.propose(op.clone()) {
            Ok(step) => {
                self.journal.proposes(|| A::summary(&op));
                let place = self
                    .replica
                    .last_place()
                    .expect("an operation was just proposed");
                let Replies { accepted, outcome } = replies;
                batch.after.push(Box::new(move || {
                    // Who does not wait for it needs no place.
                    let _ = accepted.send(place);
                }));
                self.waiting.push_back(Some(outcome));
                self.take(step, batch);
            }
            Err(ProposeError::OutboxFull) => self.stalled = Some((op, replies)),
            Err(refused) => drop(replies.outcome.send(Err(NotDelivered::Refused(refused)))),
        }
    }

    /// Takes in a step, and notes who need not wait any more.
    fn take(&mut self, step: Step, batch: &mut Batch) {
        if step.faults.contains(&Fault::Silenced) {
            // First: what is delivered in our lane from now on may be of another user of our key.
            self.dismiss(&NotDelivered::Equivocated, batch);
        }
        let me = self.replica.actor();
        let own = step
            .delivered
            .iter()
            .filter(|delivery| delivery.dot().source == me);
        for delivery in own {
            let count = delivery.count().min(self.waiting.len());
            for waiting in self.waiting.drain(..count).flatten() {
                answer(waiting, Ok(delivery.dot()), batch);
            }
        }
        let unseated = step.installed.iter().any(|installed| !installed.seated);
        batch.step.absorb(step);
        self.settle_waiting(batch);
        if unseated {
            self.dismiss(&NotDelivered::Unseated, batch);
        }
    }

    /// Nobody waits for our pending operations any more.
    fn dismiss(&mut self, why: &NotDelivered, batch: &mut Batch) {
        for waiting in self.waiting.iter_mut().filter_map(Option::take) {
            answer(waiting, Err(why.clone()), batch);
        }
    }

    /// What a snapshot covers was delivered without a word on each.
    fn settle_waiting(&mut self, batch: &mut Batch) {
        let covered = self.waiting.len().saturating_sub(self.replica.pending());
        let source = self.replica.actor();
        let head = self.replica.head(&source);
        let dot = Dot {
            source,
            seq: head.map(|head| head.seq).unwrap_or_default(),
        };
        for waiting in self.waiting.drain(..covered).flatten() {
            answer(waiting, Ok(dot), batch);
        }
    }

    // ---- outputs

    fn commit(&mut self, mut batch: Batch) -> Result<(), Failure> {
        if let Some((op, replies)) = self.stalled.take() {
            self.propose(op, replies, &mut batch);
        }
        self.prunable |= !batch.step.installed.is_empty();
        self.spend(batch)?;
        self.tell_departure();
        if self.prunable
            && let Some(records) = self.replica.checkpoint()
        {
            self.store.replace(&records).map_err(Failure::store)?;
            self.meter.open().counts.writes += 1;
            self.prunable = false;
        }
        Ok(())
    }

    /// Tells when the node is needed no longer. With a new seat it has not left.
    fn tell_departure(&mut self) {
        let before = std::mem::replace(&mut self.leaving, self.replica.is_leaving());
        let seated = self.replica.committee().contains(&self.replica.actor());
        if before && !self.leaving && !seated {
            // Whoever does not listen sees it in the status.
            self.events.tell(Event::Left);
        }
    }

    fn spend(&mut self, batch: Batch) -> Result<(), Failure> {
        let (links, events, asked) = (&self.links, &self.events, &self.asked);
        let (replica, journal, meter) = (&self.replica, &mut self.journal, &self.meter);
        let writes = !batch.step.persist.is_empty();
        journal.will_write(replica, &batch.step.persist);
        let spent = spend(batch.step, &mut self.store, |effect| {
            journal.sees(replica, &effect);
            count(meter, &effect);
            match effect {
                Effect::Send(packet) => send(replica, links, journal, meter, packet),
                Effect::Delivered(delivery) => events.tell(Event::Delivered(delivery)),
                Effect::Fault(fault) => events.tell(Event::Fault(fault)),
                Effect::Installed(installed) => {
                    open(asked).clear();
                    let members = replica.committee().actors().iter().copied().collect();
                    links.update_roster(|roster| {
                        roster.begin(
                            replica.sources().copied().collect(),
                            members,
                            installed.seated,
                        );
                    });
                    events.tell(Event::Installed(installed));
                }
                Effect::Refused(refusal) => tracing::debug!(%refusal, "a part refused"),
                Effect::Asked(change) => {
                    if note(&mut open(asked), change, |actor| links.knows(actor)) {
                        events.tell(Event::Asked(change));
                    }
                }
            }
        });
        spent.map_err(Failure::store)?;
        self.meter.open().counts.writes += u64::from(writes);
        self.meter.look(&self.replica);
        self.journal.commit(&self.replica);
        batch.after.into_iter().for_each(|after| after());
        Ok(())
    }

    /// Tells those who wait that the node stops. `durable`: whether all that was taken in is
    /// written.
    pub(super) fn end(mut self, durable: bool) {
        if durable {
            self.journal.end(&self.replica);
        }
        for waiting in self.waiting.drain(..).flatten() {
            let _ = waiting.send(Err(NotDelivered::Stopped { durable }));
        }
    }
}

/// Counts what follows a write.
fn count(meter: &Meter, effect: &Effect) {
    let counts = &mut meter.open().counts;
    match effect {
        Effect::Delivered(_) => counts.deliveries += 1,
        Effect::Installed(_) => counts.generations += 1,
        Effect::Refused(refusal) => meter::count(&mut counts.refused, refusal.kind()),
        Effect::Send(_) | Effect::Fault(_) | Effect::Asked(_) => {}
    }
}

/// Sends a packet; to whom does not follow us, what it is to have of it.
fn send<A: WireAlgorithm>(
    replica: &Replica<A>,
    links: &Arc<Links>,
    journal: &mut Journal,
    meter: &Meter,
    packet: Packet,
) {
    let Packet { from, to, body } = packet;
    let body = match links.follows(&to) {
        true => Some(body),
        false => departed::fit(replica, &to, body),
    };
    if let Some(body) = body {
        let packet = Packet { from, to, body };
        journal.sends(replica, &packet);
        let kind = packet.body.kind();
        if links.send(packet) {
            meter::count(&mut meter.open().counts.sent, kind);
        } else {
            journal.loses(&to, kind);
        }
    }
}

/// An answer that is given after the write.
fn answer(waiting: Outcome, result: Result<Dot, NotDelivered>, batch: &mut Batch) {
    batch
        .after
        .push(Box::new(move || drop(waiting.send(result))));
}

/// Remembers what others wish, each change once and in its newest words. When there are too many,
/// the oldest gives way that nobody here knows of. Whether it is to be told: what is new, but of
/// strangers no more than fit, or one liar who invents them would fill the operator's log.
fn note(asked: &mut Vec<Change>, change: Change, knows: impl Fn(&Actor) -> bool) -> bool {
    if let Some(known) = asked.iter_mut().find(|known| known.key() == change.key()) {
        *known = change;
        return false;
    }
    let stranger = |change: &Change| match change.key() {
        ChangeKey::Join(actor) => !knows(&actor),
        ChangeKey::Leave(_) | ChangeKey::Renew => false,
    };
    let crowded = asked.len() >= ASKED;
    if crowded {
        match asked.iter().position(stranger) {
            Some(oldest) => drop(asked.remove(oldest)),
            None => return false,
        }
    }
    asked.push(change);
    !crowded || !stranger(&change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::SigningActor;
    use crate::codec::{Digest, NetworkId};
    use crate::membership::{Entry, Generation};

    fn enters(number: u16) -> Change {
        let mut secret = [5; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        let entry = Entry {
            generation: Generation::GENESIS,
            value: Digest::from_bytes([1; 32]),
        };
        let key = SigningActor::from_secret(&secret);
        Change::Join(key.sign(&NetworkId::NONE, entry).into_claim())
    }

    #[test]
    fn wishes_of_strangers_give_way_and_those_of_whom_we_know_stay() {
        let guest = enters(0);
        let knows = |actor: &Actor| guest.key() == ChangeKey::Join(*actor);
        let mut asked = Vec::new();
        assert!(note(&mut asked, guest, knows));
        let told = (1..1000).filter(|stranger| note(&mut asked, enters(*stranger), knows));
        assert_eq!(told.count(), ASKED - 1);
        assert_eq!(asked.len(), ASKED);
        assert_eq!(asked[0], guest);
        assert_eq!(asked[ASKED - 1], enters(999));
        assert!(!note(&mut asked, guest, knows), "no news");
        let late = enters(1000);
        let knows = |actor: &Actor| late.key() == ChangeKey::Join(*actor);
        assert!(note(&mut asked, late, knows), "told among many strangers");
    }

    #[test]
    fn where_all_who_wish_are_known_another_wish_waits() {
        let mut asked = Vec::new();
        let noted = (0..300).filter(|number| note(&mut asked, enters(*number), |_| true));
        assert_eq!(noted.count(), ASKED);
        assert!(!asked.contains(&enters(299)));
    }
}
