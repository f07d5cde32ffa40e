//! Where an operation of ours stands in our log, known from the moment at which it is accepted:
//! messages take what waits in its order and as much as fits, whenever they leave, and one that is
//! signed stays.

use super::{Message, Replica};
use crate::actor::Actor;
use crate::codec::Limits;
use crate::dot::{Dot, Place, Seq};
use crate::traits::WireAlgorithm;

/// A message of ours, filled up to an operation and with it.
///
/// Invariant: as messages leave, operations move from the outbox into messages without overtaking
/// each other, and a message takes as many as its bounds allow. So the position that an operation
/// gets when it is accepted is where it will be delivered, whenever its message leaves.
///
/// A message that leaves takes all that waits, up to its bounds; what is accepted after that begins
/// the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The message's number in our lane.
    seq: Seq,
    /// Operations in it up to this one, which are numbered from 1 here; [`Place`] counts from 0.
    ops: u32,
    /// Bytes of their encoding, with the eight of the sequence's length.
    bytes: usize,
}

impl Position {
    /// A message that takes no more: the last one that is signed.
    fn signed(seq: Seq) -> Self {
        let (ops, bytes) = (u32::MAX, usize::MAX);
        Self { seq, ops, bytes }
    }

    /// Where an operation of so many bytes stands after this one, if our log has a number left.
    ///
    /// The rule is that of the outbox when it fills a message; if the two ever differ, receipts
    /// name wrong places. Returns `None` when the lane has no number left.
    fn next(self, len: usize, limits: &Limits) -> Option<Self> {
        let bytes = self.bytes.saturating_add(len);
        if self.ops < limits.message_ops && bytes <= limits.message_bytes as usize {
            let ops = self.ops + 1;
            return Some(Self { ops, bytes, ..self });
        }
        Some(Self {
            seq: self.seq.next()?,
            ops: 1,
            bytes: size_of::<u64>() + len,
        })
    }

    fn place(self, source: Actor) -> Place {
        let dot = Dot {
            source,
            seq: self.seq,
        };
        let index = self.ops - 1;
        Place { dot, index }
    }
}

/// What is known of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Accepted here and not delivered: it will be, as long as we stay a member.
    Pending,
    /// Delivered here, hence certified.
    Delivered,
}

impl<A: WireAlgorithm> Replica<A> {
    /// Own operations that were accepted and are not delivered, the oldest first, each with the
    /// place at which it will be.
    ///
    /// Walks through the whole outbox: its cost grows with what waits, which `outbox_bytes` bounds.
    pub fn pending_operations(&self) -> impl Iterator<Item = (Place, &A::Op)> {
        let me = self.actor();
        let lane = self.lanes.get(&me);
        let in_flight = lane
            .and_then(|lane| lane.lock())
            .into_iter()
            .flat_map(move |lock| {
                let dot = lock.entry.message().dot();
                let indices = (0..).map(move |index| Place { dot, index });
                indices.zip(&lock.ops)
            });
        let limits = self.history.limits();
        let waiting = self.outbox.waiting.iter();
        let waiting = waiting.scan(self.signed(), move |slot, (op, bytes)| {
            *slot = slot.next(bytes.len(), limits)?;
            Some((slot.place(me), op))
        });
        in_flight.chain(waiting)
    }

    /// Where the operation that was proposed last stands, or will when it is delivered; none since
    /// the start.
    #[must_use]
    pub fn last_place(&self) -> Option<Place> {
        let last = self.outbox.last?;
        Some(last.place(self.actor()))
    }

    /// What became of the operation at `place`; nothing is known here of one that this replica
    /// neither accepted nor delivered. Of a message that is no longer kept, any index is taken to
    /// be there.
    ///
    /// After our store was put back to an earlier state a place of ours may name another operation
    /// than before.
    ///
    /// Decodes the message at `place` to see whether it has that many operations, so that a receipt
    /// for an operation that never was is not answered with "delivered".
    #[must_use]
    pub fn outcome(&self, place: &Place) -> Option<Outcome> {
        let Place { dot, index } = place;
        let delivered = self.head(&dot.source)?.seq >= dot.seq && dot.seq > Seq::ZERO;
        if !delivered {
            let mut pending = self.pending_operations();
            return pending
                .any(|(pending, _)| pending == *place)
                .then_some(Outcome::Pending);
        }
        let there = match self.kept(dot) {
            Some(message) => {
                let ops: Result<Vec<A::Op>, _> = message.decode(self.history.limits());
                ops.is_ok_and(|ops| (*index as usize) < ops.len())
            }
            None => true,
        };
        there.then_some(Outcome::Delivered)
    }

    /// The message, if it was delivered and is kept.
    fn kept(&self, dot: &Dot) -> Option<&Message> {
        let before = Seq::new(dot.seq.number().checked_sub(1)?);
        let mut messages = self.messages_after(&dot.source, before);
        messages.next().filter(|message| message.seq == dot.seq)
    }

    /// The last message of ours that is signed.
    fn signed(&self) -> Position {
        let lane = self.lanes.get(&self.actor());
        let in_flight = lane.and_then(|lane| lane.lock());
        let in_flight = in_flight.map(|lock| lock.entry.message().seq);
        let head = lane.map_or(Seq::ZERO, |lane| lane.head().seq);
        Position::signed(in_flight.unwrap_or(head))
    }

    /// Where an operation of so many bytes will stand that is proposed now.
    ///
    /// `None` when the lane is full. Asked before the operation is pushed: what waits already is
    /// counted, the new one is not.
    pub(super) fn next_position(&self, len: usize) -> Option<Position> {
        let limits = self.history.limits();
        let signed = self.signed();
        let last = match self.outbox.last.filter(|last| last.seq > signed.seq) {
            Some(last) => last,
            // After a start it is not known of what waits.
            None => {
                let mut waiting = self.outbox.waiting();
                waiting.try_fold(signed, |slot, bytes| slot.next(bytes.len(), limits))?
            }
        };
        last.next(len, limits)
    }
}
