//! What is written together, and whether anything waits for the write.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::NotDelivered;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Record, Step};
use crate::dot::{Dot, Seq};

/// Inputs of each kind that are taken in before the next write.
///
/// It bounds how long the first of them waits for the write, and how much memory the steps of one
/// write take; what is held has fewer records, and takes in as many inputs once more.
pub(super) const BATCH: usize = 512;

/// How long records that nothing waits for may go unwritten: the next write mostly takes them
/// along, and whoever proposes one operation after the other waits for a write less.
///
/// As long as two writes to a disk that takes a millisecond for one. It is also how much later a
/// node that has nothing else to do tells of a delivery.
const HELD: Duration = Duration::from_millis(2);

/// What is done after the write.
pub(super) type After = Box<dyn FnOnce() + Send>;

/// Where somebody waits for what becomes of an operation.
pub(super) type Outcome = oneshot::Sender<Result<Dot, NotDelivered>>;

/// The steps of all inputs since the last write.
pub(super) struct Batch {
    pub(super) step: Step,
    /// In the order of the inputs.
    pub(super) after: Vec<After>,
    /// The first message of our own lane that is locked in this batch.
    own_lock: Option<Seq>,
    /// Whether there are records of more than lanes.
    binds: bool,
    /// Since when there is something to write or to tell.
    begun: Option<Instant>,
    /// When it is written even if nothing waits for it, once it is held.
    until: Option<Instant>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            step: Step::default(),
            after: Vec::new(),
            own_lock: None,
            binds: false,
            begun: None,
            until: None,
        }
    }

    /// When it is written though more is about to be taken in.
    pub(super) fn due(&self) -> Option<Instant> {
        Some(self.begun? + HELD)
    }

    /// There is something to write or to tell.
    pub(super) fn begin(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
    }

    /// Does this after the write.
    pub(super) fn tell(&mut self, after: After) {
        self.begin();
        self.after.push(after);
    }

    /// To be called with each step of `me` before it is absorbed.
    pub(super) fn note(&mut self, me: &Actor, step: &Step) {
        self.begin();
        for record in &step.persist {
            match record {
                Record::Locked { proposal, .. } if proposal.message.source == *me => {
                    self.own_lock.get_or_insert(proposal.message.seq);
                }
                Record::Locked { .. }
                | Record::Certified(_)
                | Record::Delivered(_)
                | Record::Queued(_) => {}
                _ => self.binds = true,
            }
        }
    }

    /// Whether this message of ours, which was delivered in this batch, is delivered whatever
    /// becomes of the records of the batch.
    ///
    /// It is not where its own lock is one of them: alone, a member is a quorum. Nor where we are
    /// bound to more than lanes: a vote of ours may have founded the generation in which it was
    /// certified, by ourselves alone, and forgotten in a crash that vote could be another one.
    pub(super) fn is_sure(&self, own: Seq) -> bool {
        !self.binds && self.own_lock.is_none_or(|first| own < first)
    }

    /// Whether it waits for another write that takes it along, and until when: no longer than the
    /// next message of ours does, where it is `gathered`.
    pub(super) fn hold(&mut self, now: Instant, gathered: Option<Instant>) -> Option<Instant> {
        if gathered.is_some() && self.step.may_wait_queued() {
            return gathered.filter(|until| now < *until);
        }
        let written = self.step.persist.len();
        if !(1..BATCH).contains(&written) || !self.step.may_wait() || !self.after.is_empty() {
            return None;
        }
        let until = *self.until.get_or_insert(now + HELD);
        (now < until).then_some(until)
    }

    /// An answer that is given after the write.
    pub(super) fn answer(&mut self, waiting: Outcome, result: Result<Dot, NotDelivered>) {
        self.tell(Box::new(move || drop(waiting.send(result))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(record: Record) -> Step {
        let mut step = Step::default();
        step.persist.push(record);
        step
    }

    /// A member's own precommit decided on a generation of itself alone, and it certified its
    /// operation there, all in one batch: killed before the write it may vote for another one, in
    /// which it has no seat.
    #[test]
    fn an_answer_waits_for_the_write_where_a_vote_may_be_in_the_batch() {
        let me = Actor::from_bytes([1; 32]);
        let dot = Dot {
            source: me,
            seq: Seq::new(1),
        };
        let mut batch = Batch::new();
        batch.note(&me, &step(Record::Delivered(dot)));
        assert!(batch.is_sure(dot.seq));
        batch.note(&me, &step(Record::Silenced));
        assert!(!batch.is_sure(dot.seq));
        batch.note(&me, &step(Record::Delivered(dot)));
        assert!(!batch.is_sure(dot.seq), "until the batch is written");
    }

    #[test]
    fn what_is_being_checked_is_waited_for_and_not_for_long() {
        let mut batch = Batch::new();
        assert_eq!(batch.due(), None, "nothing was taken in");
        let me = Actor::from_bytes([1; 32]);
        batch.note(&me, &Step::default());
        let due = batch.due().expect("a step was taken in");
        assert!(due <= Instant::now() + HELD);
        batch.note(&me, &Step::default());
        batch.tell(Box::new(|| ()));
        assert_eq!(batch.due(), Some(due), "from when it began");
        let mut told = Batch::new();
        told.tell(Box::new(|| ()));
        assert!(told.due().is_some());
    }

    #[test]
    fn what_waits_for_nothing_is_held_for_a_while_and_once() {
        let dot = Dot {
            source: Actor::from_bytes([1; 32]),
            seq: Seq::new(1),
        };
        let mut batch = Batch::new();
        let begin = Instant::now();
        assert!(
            batch.hold(begin, None).is_none(),
            "nothing is to be written"
        );
        batch.step = step(Record::Delivered(dot));
        let end = begin + HELD;
        assert_eq!(batch.hold(begin, None), Some(end));
        assert_eq!(
            batch.hold(begin + HELD / 2, None),
            Some(end),
            "from when it began"
        );
        assert!(batch.hold(end, None).is_none(), "it is time");
        batch = Batch::new();
        batch.step = step(Record::Silenced);
        assert!(batch.hold(begin, None).is_none());
        assert!(batch.hold(begin, Some(end)).is_none());
    }

    #[test]
    fn what_is_queued_waits_for_the_message_that_carries_it() {
        let (begin, mut batch) = (Instant::now(), Batch::new());
        let end = begin + HELD;
        assert_eq!(batch.hold(begin, Some(end)), Some(end));
        batch.step = step(Record::Queued(vec![1].into()));
        batch.after.push(Box::new(|| ()));
        assert_eq!(batch.hold(begin, Some(end)), Some(end));
        assert!(batch.hold(end, Some(end)).is_none(), "it is time");
        assert!(batch.hold(begin, None).is_none());
    }
}
