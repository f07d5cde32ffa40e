//! The double voter: in the agreement that ends a generation it votes one thing to some members and
//! another to the rest.
//!
//! It attacks the agreement's locks. What stops it: two quorums of one round share a correct
//! member, who votes once a round; and both votes together convict it.

use super::{Adversary, Hand, Vice};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::membership::Said;
use crate::traits::WireAlgorithm;

/// Votes as it should to every second member; to the others for nothing where it should be for a
/// value, and for a value where it should be for nothing. Otherwise it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoubleVoter {
    /// The last value that it heard itself vote for.
    value: Option<Digest>,
}

impl DoubleVoter {
    fn lie<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        let Some(seat) = hand.others().iter().position(|other| *other == packet.to) else {
            return;
        };
        let Body::Speech { speech, .. } = &mut packet.body else {
            return;
        };
        let own = speech.ballots.iter_mut().filter(|b| b.signer == me);
        for ballot in own {
            let said = self.contrary(ballot.statement.said);
            if seat % 2 == 0 && said != ballot.statement.said {
                let mut other = ballot.statement;
                other.said = said;
                *ballot = hand.sign(other).into_claim();
                hand.lied(Vice::DoubleVoter.name());
            }
        }
    }

    fn contrary(&mut self, said: Said) -> Said {
        match said {
            Said::Prevote(Some(value)) => {
                self.value = Some(value);
                Said::Prevote(None)
            }
            Said::Precommit(Some(value)) => {
                self.value = Some(value);
                Said::Precommit(None)
            }
            Said::Prevote(None) => Said::Prevote(self.value),
            Said::Precommit(None) => Said::Precommit(self.value),
            proposal @ Said::Proposal { .. } => proposal,
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
