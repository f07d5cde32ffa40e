//! The thread that owns the replica and its store. Everything that waits is taken in together and
//! made durable with one write; only then is anything sent or told. So the disk sets the pace of
//! writes, and not of operations. Signatures of packets that wait are checked together too, beside
//! this thread where there is another core; a write waits for what is being checked, for a while,
//! and takes it along.
//!
//! Two things do not wait for the write. A certificate leaves at once where nothing else is to be
//! written ([`Step::take_prompt`]). And whoever waits for an operation of ours is told as soon as
//! it is certified and delivered here and nothing unwritten is what that rests on: the correct ones
//! of a quorum, and we, have its lock on record, so that it is delivered everywhere whatever
//! becomes of us, and after a crash here too.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::batch::{BATCH, Batch, Outcome};
use super::checks::{Checked, Checks};
use super::error::{Failure, NotDelivered};
use super::events::{Event, Teller};
use super::gather::Gather;
use super::journal::Journal;
use super::links::{Arrival, Links};
use super::meter::{self, Meter};
use super::post::send;
use super::request::{Ask, Replies, Stalled, Wish};
use super::wished::note;
use super::{Asked, open};
use crate::actor::{Actor, count_verifications};
use crate::codec::encoded_len;
use crate::deterministic_secure_broadcast::{
    Fault, PacketError, Prechecked, ProposeError, Replica, Step,
};
use crate::dot::Dot;
use crate::store::{Effect, Store, spend};
use crate::traits::{Verdict, WireAlgorithm};

/// Packets whose signatures are checked together, at most.
///
/// One that is bad costs that each of them is checked again by itself.
const TOGETHER: usize = 64;

/// Invariants: nothing that rests on a record is sent, told or answered before that is durable; and
/// `waiting` has one place for each own operation that is accepted and not delivered, in their
/// order.
pub(super) struct Driver<A: WireAlgorithm, S> {
    /// Nobody else has it: whoever wants to read it [asks](Ask).
    replica: Replica<A>,
    store: S,
    links: Arc<Links>,
    wishes: mpsc::Receiver<Wish<A>>,
    asks: mpsc::Receiver<Ask<A>>,
    /// Bounded: links wait when it is full, and with them, by flow control, the other ends.
    arrivals: mpsc::Receiver<Arrival>,
    events: Teller,
    asked: Asked,
    /// Read by others, written here.
    meter: Arc<Meter>,
    /// Looked at after each write.
    stop: Arc<AtomicBool>,
    tick: Duration,
    /// Who waits for our own pending operations, in their order. Nobody, for those of before a
    /// restart, and for those that were proposed with a later one.
    waiting: VecDeque<Option<Outcome>>,
    /// A wish for which the outbox has no room yet.
    ///
    /// As long as there is one no other wish is taken, so that operations keep their order and
    /// callers wait.
    stalled: Option<Stalled<A::Op>>,
    /// When our next message leaves.
    gather: Gather,
    checks: Checks,
    /// Members that have sent a bad signature among others: theirs are checked on arrival, each by
    /// itself.
    ///
    /// Kept until the node stops. It is bounded by those who have had a seat since the start, as no
    /// others' packets are checked together.
    spoilers: BTreeSet<Actor>,
    /// Whether the store holds more than it needs.
    ///
    /// Set by each generation that begins here, until the replica [makes a
    /// checkpoint](Replica::checkpoint).
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
    pub(super) checks: Checks,
    /// The changes that others wish.
    pub(super) asked: Asked,
    pub(super) meter: Arc<Meter>,
    /// Set when the node is to stop, which it does after the next write.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) tick: Duration,
    pub(super) journal: Journal,
}

impl<A, S> Driver<A, S>
where
    A: WireAlgorithm + Send,
    S: Store,
{
    /// Operations that were pending before have places without anybody who waits.
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
            gather: Gather::default(),
            checks: wiring.checks,
            spoilers: BTreeSet::new(),
            prunable: false,
        }
    }

    /// Runs until asked to stop, until all handles are gone, or until the store fails.
    ///
    /// The order of each round: write, look whether to stop, wait for one input, take in what else
    /// waits. The first write is that of the recovery's step. The write is left out as long as
    /// nothing waits for it, and while signatures are checked, unless the batch is due.
    ///
    /// # Errors
    /// [`Failure::Store`]: nothing of the batch was sent or told but what needs no write.
    pub(super) async fn run(&mut self, first: Step) -> Result<(), Failure> {
        let mut ticks = tokio::time::interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Batch::new();
        batch.step = first;
        batch.begin();
        loop {
            self.send_prompt(&mut batch);
            let now = Instant::now();
            let held = match self.stalled {
                None => batch.hold(now, self.gather.until()),
                Some(_) => None,
            };
            // What is being checked is waited for, and not for long.
            let checking = self.checks.are_under_way() && held.is_none();
            let due = batch.due().filter(|due| checking && now < *due);
            if held.is_none() && due.is_none() {
                self.commit(std::mem::replace(&mut batch, Batch::new()))?;
            }
            if self.stop.load(Ordering::Relaxed) {
                return self.commit(batch);
            }
            let taking = self.stalled.is_none();
            let wake = [held, due, self.gather.until()].into_iter().flatten().min();
            let end = tokio::time::sleep_until(wake.unwrap_or(now).into());
            let listening = !self.checks.are_under_way();
            let mut checked = VecDeque::new();
            tokio::select! {
                wish = self.wishes.recv(), if taking => match wish {
                    Some(wish) => self.wish(wish, &mut batch),
                    None => return self.commit(batch),
                },
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.ask(ask, &mut batch),
                    None => return self.commit(batch),
                },
                Some(arrival) = self.arrivals.recv(), if listening => {
                    checked = self.check_ahead(Some(arrival), TOGETHER);
                }
                done = self.checks.done() => checked = self.trust(done),
                _ = ticks.tick() => {
                    let step = self.replica.tick();
                    self.take(step, &mut batch);
                }
                () = end, if wake.is_some() => {}
            }
            self.drain(checked, &mut batch);
            self.depart(&mut batch);
        }
    }

    /// Lets our next message leave, if it is time; as long as several wait for the one that is in
    /// flight, the next one is held until they may have come back.
    fn depart(&mut self, batch: &mut Batch) {
        let pending = self.replica.pending();
        if self.gather.wait(Instant::now(), pending).is_some() {
            return;
        }
        if self.replica.is_held() {
            let step = self.replica.release();
            self.take(step, batch);
        }
        if self.gather.is_worth_it(self.waiting.len()) {
            self.replica.hold();
        }
    }

    /// Takes in what waits, without waiting, in turns: a flood of one kind keeps none of the others
    /// out.
    ///
    /// One of each kind in turn. What was `checked` is trusted until all of it is taken in, so that
    /// no memory is held after.
    fn drain(&mut self, mut checked: VecDeque<Arrival>, batch: &mut Batch) {
        // What waits for the end of this round is not kept long.
        let most = match self.gather.until() {
            Some(_) => TOGETHER,
            None => BATCH,
        };
        for left in (1..=most).rev() {
            if checked.is_empty() && !self.checks.are_under_way() {
                checked = self.check_ahead(None, left.min(TOGETHER));
            }
            let arrival = checked.pop_front();
            let ask = self.asks.try_recv().ok();
            let taking = self.stalled.is_none();
            let wish = taking.then(|| self.wishes.try_recv().ok()).flatten();
            if arrival.is_none() && ask.is_none() && wish.is_none() {
                break;
            }
            arrival
                .into_iter()
                .for_each(|arrival| self.arrive(arrival, batch));
            ask.into_iter().for_each(|ask| self.ask(ask, batch));
            wish.into_iter().for_each(|wish| self.wish(wish, batch));
        }
        debug_assert!(checked.is_empty(), "no more are checked than are taken in");
        self.replica.trust(Prechecked::default());
    }

    // ---- inputs

    /// Takes so many packets of those that wait, and has their signatures checked. None are to be
    /// taken in yet where that is under way.
    fn check_ahead(&mut self, first: Option<Arrival>, most: usize) -> VecDeque<Arrival> {
        let waiting = std::iter::from_fn(|| self.arrivals.try_recv().ok());
        let waiting: VecDeque<_> = first.into_iter().chain(waiting).take(most).collect();
        let packets = waiting.iter().map(|arrival| &arrival.packet);
        let together = packets.filter(|packet| !self.spoilers.contains(&packet.from));
        let precheck = self.replica.precheck(together);
        let checked = self.checks.check(precheck, waiting);
        checked.map_or_else(VecDeque::new, |checked| self.trust(checked))
    }

    /// Believes what was found out about packets, and returns them to be taken in.
    fn trust(&mut self, checked: Checked) -> VecDeque<Arrival> {
        count_verifications(checked.elsewhere);
        for spoiler in checked.prechecked.spoilers() {
            tracing::warn!(%spoiler, "sent a bad signature");
            self.links.slow_down(spoiler);
            self.spoilers.insert(*spoiler);
        }
        self.replica.trust(checked.prechecked);
        checked.arrivals
    }

    /// A refusal is counted, and its sender is not told.
    fn arrive(&mut self, arrival: Arrival, batch: &mut Batch) {
        self.journal.arrives(&self.replica, &arrival.packet);
        let kind = arrival.packet.body.kind();
        meter::count(&mut self.meter.open().counts.received, kind);
        let from = arrival.packet.from;
        let taken = self.replica.handle_packet(arrival.packet);
        let refused = match &taken {
            Ok(step) => &step.refused[..],
            Err(refusal) => std::slice::from_ref(refusal),
        };
        if refused.iter().any(PacketError::is_forgery) {
            self.links.slow_down(&from);
        }
        match taken {
            Ok(step) => self.take(step, batch),
            Err(refusal) => {
                self.journal.refuses(&refusal);
                meter::count(&mut self.meter.open().counts.refused, refusal.kind());
                tracing::debug!(%refusal, "refused");
            }
        }
    }

    /// The answer waits for the write even where the request changes nothing: what it read may rest
    /// on records of this batch.
    fn ask(&mut self, ask: Ask<A>, batch: &mut Batch) {
        let (step, after) = ask(&mut self.replica);
        self.take(step, batch);
        batch.tell(after);
    }

    /// Where `make` makes nothing, the caller is told that it was not possible.
    fn wish(&mut self, wish: Wish<A>, batch: &mut Batch) {
        let ops = (wish.make)(self.replica.ahead());
        if !ops.is_empty() {
            self.propose(ops, wish.replies, batch);
            return;
        }
        let refused = ProposeError::NotValid(Verdict::NotYet("not possible here"));
        batch.tell(Box::new(move || {
            let _ = wish
                .replies
                .outcome
                .send(Err(NotDelivered::Refused(refused)));
        }));
    }

    /// A full outbox stalls the wish, and is not an error for the caller.
    fn propose(&mut self, ops: Vec<A::Op>, replies: Replies, batch: &mut Batch) {
        match self.replica.propose_all(ops.clone()) {
            Ok(step) => {
                for op in &ops {
                    self.journal.proposes(|| A::summary(op));
                }
                let place = self
                    .replica
                    .last_place()
                    .expect("an operation was just proposed");
                let Replies { accepted, outcome } = replies;
                batch.tell(Box::new(move || {
                    // Who does not wait for it needs no place.
                    let _ = accepted.send(place);
                }));
                self.waiting.extend(ops[1..].iter().map(|_| None));
                self.waiting.push_back(Some(outcome));
                self.take(step, batch);
            }
            Err(ProposeError::OutboxFull) => {
                let bytes = ops.iter().map(encoded_len).sum();
                self.stalled = Some(Stalled {
                    ops,
                    replies,
                    bytes,
                });
            }
            Err(refused) => drop(replies.outcome.send(Err(NotDelivered::Refused(refused)))),
        }
    }

    /// Takes in a step, and notes who need not wait any more.
    ///
    /// The order matters: silence dismisses those who wait before deliveries are counted off; a
    /// lost seat dismisses them after, as what was delivered with the last generation was
    /// delivered.
    fn take(&mut self, step: Step, batch: &mut Batch) {
        if step.faults.contains(&Fault::Silenced) {
            // First: what is delivered in our lane from now on may be of another user of our key.
            self.dismiss(&NotDelivered::Equivocated, batch);
        }
        let me = self.replica.actor();
        batch.note(&me, &step);
        let delivered = step.delivered.iter();
        for delivery in delivered.filter(|delivery| delivery.dot().source == me) {
            let count = delivery.count().min(self.waiting.len());
            let sure = batch.is_sure(delivery.dot().seq);
            let answered = match self.replica.is_held() {
                true => self.waiting.iter().take(count).flatten().count(),
                false => 0,
            };
            let pending = self.replica.pending();
            self.gather.begin(Instant::now(), answered, pending);
            for waiting in self.waiting.drain(..count).flatten() {
                match sure {
                    true => drop(waiting.send(Ok(delivery.dot()))),
                    false => batch.answer(waiting, Ok(delivery.dot())),
                }
            }
        }
        if !step.installed.is_empty() {
            let committee = self.replica.committee();
            self.spoilers.retain(|spoiler| committee.contains(spoiler));
        }
        let unseated = step.installed.iter().any(|installed| !installed.seated);
        batch.step.absorb(step);
        self.settle_waiting(batch);
        if unseated {
            self.dismiss(&NotDelivered::Unseated, batch);
        }
    }

    /// Nobody waits for our pending operations any more.
    ///
    /// Their places are kept, so that later deliveries are counted off as before.
    fn dismiss(&mut self, why: &NotDelivered, batch: &mut Batch) {
        for waiting in self.waiting.iter_mut().filter_map(Option::take) {
            batch.answer(waiting, Err(why.clone()));
        }
    }

    /// What a snapshot covers was delivered without a word on each.
    ///
    /// Called after each step: when fewer operations are pending than have places, the first were
    /// covered. They are told the end of our lane, which is no earlier than their own dots.
    fn settle_waiting(&mut self, batch: &mut Batch) {
        let covered = self.waiting.len().saturating_sub(self.replica.pending());
        let source = self.replica.actor();
        let head = self.replica.head(&source);
        let dot = Dot {
            source,
            seq: head.map(|head| head.seq).unwrap_or_default(),
        };
        for waiting in self.waiting.drain(..covered).flatten() {
            batch.answer(waiting, Ok(dot));
        }
    }

    // ---- outputs

    /// Before the write, which may be some time off.
    fn send_prompt(&mut self, batch: &mut Batch) {
        let (replica, journal) = (&self.replica, &mut self.journal);
        for said in batch.step.take_prompt() {
            send(replica, &self.links, journal, &self.meter, &said);
        }
    }

    /// A stalled wish is tried first where deliveries of this batch have made room, or where none
    /// will: then it is refused. The store is
    /// pruned after the write, when the replica can make a checkpoint.
    fn commit(&mut self, mut batch: Batch) -> Result<(), Failure> {
        let replica = &self.replica;
        let refused = replica.is_silenced() || !replica.committee().contains(&replica.actor());
        let is_due = |it: &mut Stalled<_>| refused || it.bytes <= replica.outbox_room();
        if let Some(Stalled { ops, replies, .. }) = self.stalled.take_if(is_due) {
            self.propose(ops, replies, &mut batch);
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

    /// # Errors
    /// [`Failure::Store`]; then no effect has happened that needs the write, and what was asked is
    /// not answered.
    fn spend(&mut self, batch: Batch) -> Result<(), Failure> {
        let (links, events, asked) = (&self.links, &self.events, &self.asked);
        let (replica, journal, meter) = (&self.replica, &mut self.journal, &self.meter);
        let writes = !batch.step.persist.is_empty();
        journal.will_write(replica, &batch.step.persist);
        let spent = spend(batch.step, &mut self.store, |effect| {
            journal.sees(replica, &effect);
            meter.sees(&effect);
            match effect {
                Effect::Send(said) => send(replica, links, journal, meter, &said),
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
    ///
    /// Whoever waits for an operation that was taken in is told whether it is known to be on disk.
    pub(super) fn end(mut self, durable: bool) {
        if durable {
            self.journal.end(&self.replica);
        }
        for waiting in self.waiting.drain(..).flatten() {
            let _ = waiting.send(Err(NotDelivered::Stopped { durable }));
        }
    }
}
