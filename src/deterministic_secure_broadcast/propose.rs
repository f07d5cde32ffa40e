//! The source's side: operations wait in the outbox while a message of ours is in flight, and leave
//! together as the next one. Batches form without timers.
//!
//! Operations are made and judged on `ahead`, the algorithm with our own pending operations
//! applied: so an honest source never proposes what its own earlier operation made invalid, and
//! reads its own writes. `ahead` is built when an operation is proposed while another is pending,
//! by copying the whole algorithm, and kept up to date while more may follow: so who proposes one
//! by one does not pay a copy for each. Who has nothing pending for some ticks, or always waits for
//! what it proposed before it proposes more, has no copy, however much it proposes at once.
//!
//! Invariants: an operation that was accepted is durable, in the outbox or in a message, before
//! anybody hears of it; at most one message of ours is in flight, so that a crash never makes two
//! at one dot; and operations leave in the order in which they were accepted.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::error::ProposeError;
use super::lane::{Lock, Slot};
use super::message::{Echo, Entry, Message, Proposal, Tally};
use super::packet::Body;
use super::place::Position;
use super::step::{Record, Step};
use crate::actor::Statement;
use crate::codec::{Bytes, encode};
use crate::traits::{SecureBroadcastAlgorithm, WireAlgorithm};

/// Ticks without anything pending after which the copy of the algorithm is given up.
const REST: u32 = 16;

/// Own operations that are accepted and not delivered.
#[derive(Debug)]
pub(super) struct Outbox<A: SecureBroadcastAlgorithm> {
    /// In the order in which they were accepted, each with its encoding, so that a message is put
    /// together without encoding anything again.
    pub(super) waiting: VecDeque<(A::Op, Bytes)>,
    /// Bytes of the encodings of all that waits; `outbox_bytes` of the limits bounds them.
    bytes: usize,
    /// The algorithm with all pending operations applied, once it was needed.
    ahead: Option<A>,
    /// Ticks since anything was last pending.
    idle: u32,
    /// Whether what waits stays, though nothing of ours is in flight.
    held: bool,
    /// Where the last operation stands, once one was proposed since the start.
    ///
    /// After a start it is not known: the first operation that is proposed finds its place by going
    /// through all that waits.
    pub(super) last: Option<Position>,
}

impl<A: WireAlgorithm> Outbox<A> {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            ahead: None,
            idle: 0,
            held: false,
            last: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The caller has asked the bounds, and puts the operation on record.
    pub(super) fn push(&mut self, op: A::Op, bytes: Bytes) {
        self.bytes += bytes.len();
        self.waiting.push_back((op, bytes));
    }

    /// Takes the operations that fit one message, each with its encoding.
    ///
    /// At least one, unless nothing waits: what was accepted fits a message alone, as
    /// [`Limits::op_bytes`](crate::codec::Limits::op_bytes) was asked of it. Encoded operations
    /// need the eight bytes of their number beside them.
    fn take(&mut self, most_ops: u32, most_bytes: u32) -> (Vec<A::Op>, Vec<Bytes>) {
        let mut size = size_of::<u64>();
        let fit = self
            .waiting
            .iter()
            .take(most_ops as usize)
            .take_while(|(_, bytes)| {
                size += bytes.len();
                size <= most_bytes as usize
            });
        let count = fit.count();
        let (ops, encoded): (_, Vec<Bytes>) = self.waiting.drain(..count).unzip();
        self.bytes -= total(&encoded);
        (ops, encoded)
    }

    /// The operations wait as before.
    ///
    /// At the front, so that the order stays.
    fn put_back(&mut self, ops: Vec<A::Op>, encoded: Vec<Bytes>) {
        self.bytes += total(&encoded);
        for waiting in ops.into_iter().zip(encoded).rev() {
            self.waiting.push_front(waiting);
        }
    }

    /// What waits, encoded.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Bytes> {
        self.waiting.iter().map(|(_, bytes)| bytes.clone())
    }

    /// Forgets the first `count` operations: they are in a message now.
    ///
    /// For replaying alone. Returns `false`, and drops nothing, when fewer wait: then a record does
    /// not follow from those before it.
    pub(super) fn drop_first(&mut self, count: usize) -> bool {
        if count > self.waiting.len() {
            return false;
        }
        let dropped = self.waiting.drain(..count);
        self.bytes -= dropped.map(|(_, bytes)| bytes.len()).sum::<usize>();
        true
    }

    /// A tick has passed.
    ///
    /// `pending` says whether anything of ours is accepted and not delivered.
    pub(super) fn rest(&mut self, pending: bool) {
        self.idle = if pending {
            0
        } else {
            self.idle.saturating_add(1)
        };
        if self.idle >= REST {
            self.ahead = None;
        }
    }

    /// The state under `ahead` has changed.
    ///
    /// After a snapshot, and when a message of ours is delivered that we do not remember: `ahead`
    /// holds what was built without it.
    pub(super) fn forget_ahead(&mut self) {
        self.ahead = None;
    }

    /// Keeps `ahead` level with the delivery of another source's operation.
    ///
    /// Our own operations are in `ahead` since they were accepted. That foreign ones are applied
    /// after these here, and before them in the algorithm, makes no difference by the law
    /// *commuting*.
    pub(super) fn apply_foreign(&mut self, op: &A::Op) {
        if let Some(ahead) = &mut self.ahead {
            ahead.apply(op.clone());
        }
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// The algorithm with our own pending operations applied: make the next operation on this.
    ///
    /// Clones the algorithm when operations are pending and none were for a while.
    pub fn ahead(&mut self) -> &A {
        let me = self.signer.actor();
        let in_flight = self.lanes.get(&me).and_then(|lane| lane.lock());
        if self.outbox.ahead.is_none() {
            let in_flight = in_flight.map_or(&[][..], |lock| &lock.ops);
            if in_flight.is_empty() && self.outbox.waiting.is_empty() {
                return &self.execution.algorithm;
            }
            let waiting = self.outbox.waiting.iter().map(|(op, _)| op);
            let mut ahead = self.execution.algorithm.clone();
            for op in in_flight.iter().chain(waiting) {
                ahead.apply(op.clone());
            }
            self.outbox.ahead = Some(ahead);
        }
        self.outbox
            .ahead
            .as_ref()
            .unwrap_or(&self.execution.algorithm)
    }

    /// Whether own operations are accepted and not yet delivered.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let lane = self.lanes.get(&self.actor());
        self.outbox.len() > 0 || lane.is_some_and(|lane| lane.lock().is_some())
    }

    /// Bytes of encoded operations that may be proposed before others are delivered.
    #[must_use]
    pub fn outbox_room(&self) -> usize {
        let most = self.history.limits().outbox_bytes as usize;
        most.saturating_sub(self.outbox.bytes())
    }

    /// Keeps operations of ours back until [`release`](Self::release), though nothing of ours is in
    /// flight: for a driver that knows of more to come, so that they leave as one message.
    pub fn hold(&mut self) {
        self.outbox.held = true;
    }

    /// Whether the next operation of ours would stay for no reason but [`hold`](Self::hold): no
    /// message of ours is in flight.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let lane = self.lanes.get(&self.actor());
        self.outbox.held && lane.is_none_or(|lane| lane.lock().is_none())
    }

    /// Lets operations of ours leave again, with those that were kept back.
    pub fn release(&mut self) -> Step {
        self.outbox.held = false;
        self.flush(self.outbox.len());
        self.turn()
    }

    /// Issues an operation of ours. It leaves at once if nothing of ours is in flight, and else
    /// with the next message. Once the step's records are durable it will be delivered, whatever is
    /// lost, as long as we stay a member.
    ///
    /// # Errors
    /// [`ProposeError`]; then nothing has changed and the operation may be proposed again.
    pub fn propose(&mut self, op: A::Op) -> Result<Step, ProposeError> {
        self.propose_all(vec![op])
    }

    /// Issues operations of ours in this order: all of them, or none. As many as fit a message
    /// leave together.
    ///
    /// They are judged [as a batch](crate::SecureBroadcastAlgorithm::verdict_batch), so that no
    /// second copy of the algorithm is kept where nothing of ours is pending: who has many
    /// operations at once makes all on [`algorithm`](Self::algorithm) and proposes them with one
    /// call, and again when they are delivered. At once they have no more than `outbox_bytes` of
    /// the limits. After a crash before the step's records are durable the first ones may be on
    /// record without the others.
    ///
    /// # Errors
    /// [`ProposeError`]; then nothing has changed, and all may be proposed again.
    pub fn propose_all(&mut self, ops: Vec<A::Op>) -> Result<Step, ProposeError> {
        let encoded: Vec<_> = ops.iter().map(|op| Bytes::from(encode(op))).collect();
        self.check_proposals(&ops, &encoded)?;
        if let Some(ahead) = &mut self.outbox.ahead {
            ops.iter().for_each(|op| ahead.apply(op.clone()));
        }
        let queued = self.is_pending();
        for (op, bytes) in ops.into_iter().zip(&encoded) {
            self.outbox.last = self.next_position(bytes.len());
            self.outbox.push(op, bytes.clone());
        }
        let gone = match queued || !self.flush(0) {
            true => 0,
            false => encoded.len() - self.outbox.len(),
        };
        let stay = encoded.into_iter().skip(gone);
        stay.for_each(|bytes| self.turn.write(Record::Queued(bytes)));
        Ok(self.turn())
    }

    /// Whether operations of ours may be taken, asked of everything that could keep them from being
    /// delivered later.
    ///
    /// Asked in the order of what it costs: the verdict, which may copy the algorithm, comes last.
    /// A replica in doubt or frozen takes operations: they leave when it may sign.
    ///
    /// # Errors
    /// What is in their way.
    fn check_proposals(&mut self, ops: &[A::Op], encoded: &[Bytes]) -> Result<(), ProposeError> {
        let me = self.actor();
        if self.signer.is_silenced() || self.lanes.is_convicted(&me) {
            return Err(ProposeError::Silenced);
        }
        if !self.history.committee.contains(&me) {
            return Err(ProposeError::NotAMember);
        }
        let limits = self.history.limits();
        let limit = limits.op_bytes();
        if let Some(len) = encoded.iter().map(Bytes::len).find(|len| *len > limit) {
            return Err(ProposeError::TooLarge { len, limit });
        }
        let (len, limit) = (total(encoded), limits.outbox_bytes as usize);
        if len > limit {
            return Err(ProposeError::TooMany { len, limit });
        }
        if len > self.outbox_room() {
            return Err(ProposeError::OutboxFull);
        }
        if self.head(&me).is_none_or(|head| head.seq.next().is_none()) {
            return Err(ProposeError::LaneFull);
        }
        let verdict = self.ahead().verdict_batch(&me, ops);
        if !verdict.is_valid() {
            return Err(ProposeError::NotValid(verdict));
        }
        Ok(())
    }

    /// Sends what waits in the outbox as our next message, if none is in flight. Whether it did.
    /// `queued` operations of the outbox are on record.
    ///
    /// Called when an operation is accepted or released, when a message of ours is delivered, when
    /// a generation is installed, and after a restart or a doubt: at no other time does what it
    /// asks for change. Returns `false` and keeps everything as long as we have no seat, may not
    /// sign, are frozen, follow a checkpoint, hold it, or have a message in flight.
    pub(super) fn flush(&mut self, queued: usize) -> bool {
        let me = self.actor();
        let signs = self.history.committee.contains(&me)
            && self.signer.may_sign()
            && !self.is_frozen()
            && !self.awaits_checkpoint();
        let limits = self.history.limits();
        let Some(lane) = self.lanes.get_mut(&me) else {
            return false;
        };
        let in_flight = lane.lock().is_some();
        if self.outbox.waiting.is_empty() || self.outbox.held || in_flight || !signs {
            return false;
        }
        let head = lane.head();
        let Some(seq) = head.seq.next() else {
            return false;
        };
        let (ops, encoded) = self.outbox.take(limits.message_ops, limits.message_bytes);
        // Our signature is our echo, which is given to what is valid on what was delivered.
        if !self.execution.algorithm.verdict_batch(&me, &ops).is_valid() {
            tracing::error!(
                ?me,
                "our own pending operations became invalid: a law is broken"
            );
            self.outbox.put_back(ops, encoded);
            return false;
        }
        let message = Message {
            source: me,
            seq,
            parent: head.digest,
            ops: concatenated(&encoded),
        };
        let entry = self
            .sign_message(message)
            .expect("whether we may sign was asked above");
        self.turn.write(Record::Locked {
            proposal: Arc::clone(&entry.proposal),
            from_outbox: u32::try_from(queued.min(ops.len())).expect("bounded by message_ops"),
        });
        self.send_to_members(Body::Proposal(Arc::clone(&entry.proposal)));
        self.lock(entry, ops, self.turn.now + 1);
        self.own_echo(me);
        true
    }

    /// A message of ours, with its digest. Its signature is our echo of it in this generation.
    ///
    /// `None` when the signer may not sign.
    fn sign_message(&self, message: Message) -> Option<Entry> {
        let echo = Echo {
            generation: self.generation(),
            dot: message.dot(),
            digest: message.digest(&self.history.network),
        };
        let proposal = Arc::new(Proposal {
            message,
            generation: echo.generation,
            sig: self.signer.sign(echo)?.sig,
        });
        let digest = echo.digest;
        Some(Entry { proposal, digest })
    }

    /// Binds us to `entry` at its dot.
    ///
    /// The caller puts the lock on record in the same step. Whatever was in the slot is replaced:
    /// it was open, or held this very message.
    pub(super) fn lock(&mut self, entry: Entry, ops: Vec<A::Op>, first_resend: u64) {
        let echo = Echo {
            generation: self.generation(),
            dot: entry.message().dot(),
            digest: entry.digest,
        };
        let lane = self.lanes.kept(&echo.dot.source);
        lane.slot = Slot::Echoed(Lock {
            entry,
            ops,
            tally: Tally::new(echo),
            resend: Backoff::starting(first_resend),
        });
    }
}

/// The bytes of all these encodings.
fn total(encoded: &[Bytes]) -> usize {
    encoded.iter().map(Bytes::len).sum()
}

/// The encoding of a sequence of operations.
fn concatenated(encoded: &[Bytes]) -> Bytes {
    let mut batch = Vec::with_capacity(size_of::<u64>() + total(encoded));
    batch.extend_from_slice(&(encoded.len() as u64).to_le_bytes());
    for bytes in encoded {
        batch.extend_from_slice(bytes.as_slice());
    }
    batch.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orswot::{Op, Orswot};

    /// What no law-abiding algorithm makes necessary.
    #[test]
    fn what_is_put_back_waits_as_it_did() {
        let mut outbox: Outbox<Orswot<u8>> = Outbox::new();
        for len in 1..4 {
            let op = Op::Rm {
                clock: [].into(),
                members: (0..len).collect(),
            };
            let bytes = Bytes::from(encode(&op));
            outbox.push(op, bytes);
        }
        let (waiting, bytes) = (outbox.waiting.clone(), outbox.bytes());
        let (ops, encoded) = outbox.take(2, u32::MAX);
        assert_eq!((ops.len(), outbox.len()), (2, 1));
        outbox.put_back(ops, encoded);
        assert_eq!((&outbox.waiting, outbox.bytes()), (&waiting, bytes));
    }
}
