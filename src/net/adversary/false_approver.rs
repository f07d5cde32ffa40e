//! The false approver: it consents to whatever nobody asked for: to expel everybody, to let its own
//! creatures in, to renew for ever; and not to the same before all.
//!
//! It attacks the committee. What stops it: a change takes the approvals of a quorum, so a minority
//! can neither admit nor expel anybody, nor freeze anybody; an entry takes the joiner's own
//! signature; and of one seat no more than a few approvals of newcomers count.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::SigningActor;
use crate::deterministic_secure_broadcast::{Body, ChangeApproval};
use crate::membership::{Approval, Change, ChangeKey, Entry};
use crate::traits::WireAlgorithm;

/// Consents on about every fourth tick to a change that chance chooses, before a part of the
/// members. Otherwise it behaves.
///
/// Where the members approve whatever they are asked for, it runs the committee, as anybody would:
/// a simulated network that is [approving](crate::net::SimBuilder::approving) agrees only to what
/// somebody correct wished for.
#[derive(Clone, Copy, Debug, Default)]
pub struct FalseApprover;

impl FalseApprover {
    /// A change that nobody wants, and whether it names the change that it signs for.
    fn change<A: WireAlgorithm>(hand: &mut Hand<'_, A>) -> Option<(Change, ChangeKey)> {
        let victim = hand.draw_other()?;
        let boundary = hand.half().boundary();
        let entry = Entry {
            generation: boundary.generation(),
            value: boundary.value(),
        };
        let network = *hand.half().network();
        let change = match hand.random().random_range(0..7u8) {
            0 => Change::Leave(victim),
            1 => Change::Leave(hand.actor()),
            2 => Change::Renew,
            // Somebody who is no member.
            4 => Change::Leave(SigningActor::generate_with(hand.random()).actor()),
            // Somebody new whose key it has made itself.
            3 => Change::Join(
                SigningActor::generate_with(hand.random())
                    .sign(&network, entry)
                    .into_claim(),
            ),
            // Somebody who is a member.
            5 => Change::Join(hand.sign(entry).into_claim()),
            // Somebody new who has not signed.
            _ => {
                let mut entry = hand.sign(entry).into_claim();
                entry.signer = SigningActor::generate_with(hand.random()).actor();
                Change::Join(entry)
            }
        };
        let key = match hand.random().random_bool(0.1) {
            true => ChangeKey::Leave(victim),
            false => change.key(),
        };
        Some((change, key))
    }
}

impl<A: WireAlgorithm> Adversary<A> for FalseApprover {
    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if hand.random().random_bool(0.25)
            && let Some((change, key)) = Self::change(hand)
        {
            let approval = Approval {
                generation: hand.half().generation(),
                change: key,
            };
            let approval = hand.sign(approval).into_claim();
            let approved = Arc::new(ChangeApproval { change, approval });
            for to in hand.draw_others() {
                hand.send(to, Body::Approve(Arc::clone(&approved)));
                hand.lied(Vice::FalseApprover.name());
            }
        }
        Some(tick)
    }
}
