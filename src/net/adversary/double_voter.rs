//! The double voter: in the agreement that ends a generation it votes one thing to some members and
//! another to the rest.
//!
//! It attacks the agreement's locks. What stops it: two quorums of one round share a correct
//! member, who votes once a round; and both votes together convict it.

use super::{Adversary, Hand, Vice};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::membership::VoteKind;
use crate::traits::WireAlgorithm;

/// Votes as it should to every second member; to the others for nothing where it should be for a
/// value, and for a value where it should be for nothing. Otherwise it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoubleVoter {
    /// The last value that it heard itself vote for.
    value: Option<Digest>,
}

impl DoubleVoter {
    /// Only to each second member, and only what is its own: votes of others it cannot sign.
    fn lie<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        let Some(seat) = hand.others().iter().position(|other| *other == packet.to) else {
            return;
        };
        let Body::Agreement { message, .. } = &mut packet.body else {
            return;
        };
        let own = message.votes.iter_mut().filter(|b| b.signer == me);
        for vote in own {
            let kind = self.contrary(vote.statement.kind);
            if seat % 2 == 0 && kind != vote.statement.kind {
                let mut other = vote.statement;
                other.kind = kind;
                *vote = hand.sign(other).into_claim();
                hand.lied(Vice::DoubleVoter.name());
            }
        }
    }

    /// What it heard itself vote for it remembers, to have a value where it should vote for
    /// nothing.
    fn contrary(&mut self, kind: VoteKind) -> VoteKind {
        match kind {
            VoteKind::Prevote(Some(value)) => {
                self.value = Some(value);
                VoteKind::Prevote(None)
            }
            VoteKind::Precommit(Some(value)) => {
                self.value = Some(value);
                VoteKind::Precommit(None)
            }
            VoteKind::Prevote(None) => VoteKind::Prevote(self.value),
            VoteKind::Precommit(None) => VoteKind::Precommit(self.value),
            proposal @ VoteKind::Proposal { .. } => proposal,
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for DoubleVoter {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            self.lie(hand, packet);
        }
    }
}
