//! The early author: it signs messages that its honest half would not, about operations that are
//! not valid, or not yet, or not its own.
//!
//! It attacks validity, causality and the memory of who holds what is early. What stops it: a
//! member echoes only what is `Valid` on a state that it has delivered, holds one proposal a lane,
//! and remembers nothing beyond the next dot.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::codec::{Bytes, Digest, encode};
use crate::deterministic_secure_broadcast::{Body, Packet, Proposal};
use crate::dot::{Head, Seq};
use crate::traits::WireAlgorithm;

/// How a message is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EarlyLie {
    /// One operation twice in a batch.
    Repeated,
    /// The message after the next.
    Ahead,
    /// The next message, with another parent.
    Unchained,
    /// The last message that there can be.
    Last,
    /// No operation at all.
    Empty,
    /// Bytes that are no operations.
    Unreadable,
    /// Operations of another member, as its own; [`EarlyLie::Repeated`] while it has seen none.
    Stolen,
}

impl EarlyLie {
    /// Every way.
    pub const ALL: [Self; 7] = [
        Self::Repeated,
        Self::Ahead,
        Self::Unchained,
        Self::Last,
        Self::Empty,
        Self::Unreadable,
        Self::Stolen,
    ];
}

/// Makes a lie of every second operation that it is to propose, by default in a way that chance
/// chooses. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct EarlyAuthor {
    /// `None` when chance decides each time.
    always: Option<EarlyLie>,
    /// Operations that it was to propose: the first, third and so on are lies.
    proposed: u64,
    /// The operations of the last proposal of another that it heard.
    stolen: Option<Bytes>,
}

impl EarlyAuthor {
    /// An author that lies in this way only.
    #[must_use]
    pub fn with(lie: EarlyLie) -> Self {
        Self {
            always: Some(lie),
            ..Self::default()
        }
    }

    /// `None` where its lane has no number left for it.
    fn message<A: WireAlgorithm>(
        &self,
        hand: &Hand<'_, A>,
        lie: EarlyLie,
        head: Head,
        op: &A::Op,
    ) -> Option<Arc<Proposal>> {
        let next = head.seq.next()?;
        let one: Bytes = encode(&vec![op]).into();
        let two: Bytes = encode(&vec![op, op]).into();
        let mut elsewhere = *head.digest.as_bytes();
        elsewhere[0] ^= 1;
        let elsewhere = Digest::from_bytes(elsewhere);
        let (seq, parent, ops) = match lie {
            EarlyLie::Repeated => (next, head.digest, two),
            EarlyLie::Ahead => (next.next()?, head.digest, one),
            EarlyLie::Unchained => (next, elsewhere, one),
            EarlyLie::Last => (Seq::MAX, head.digest, one),
            EarlyLie::Empty => (next, head.digest, encode(&Vec::<A::Op>::new()).into()),
            EarlyLie::Unreadable => (next, head.digest, vec![0xff; 17].into()),
            EarlyLie::Stolen => (next, head.digest, self.stolen.clone().unwrap_or(two)),
        };
        Some(hand.sign_message(seq, parent, ops))
    }
}

impl<A: WireAlgorithm> Adversary<A> for EarlyAuthor {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        if let Body::Proposal(proposal) = &packet.body
            && proposal.message.source != hand.actor()
        {
            self.stolen = Some(proposal.message.ops.clone());
        }
        Some(packet)
    }

    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        self.proposed += 1;
        if self.proposed.is_multiple_of(2) {
            return Some(op);
        }
        let drawn = EarlyLie::ALL[hand.random().random_range(0..EarlyLie::ALL.len())];
        let lie = self.always.unwrap_or(drawn);
        let head = hand.half().head(&hand.actor())?;
        let proposal = self.message(hand, lie, head, &op)?;
        for to in hand.others() {
            hand.send(to, Body::Proposal(Arc::clone(&proposal)));
        }
        hand.lied(Vice::EarlyAuthor.name());
        None
    }
}
