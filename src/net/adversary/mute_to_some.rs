//! The mute to some: it talks to a part of the members, and the others never hear of it.
//!
//! It attacks totality: what it does is known to some only. What stops it: whoever has delivered
//! something announces it until each member is known to have it, so members serve each other and
//! nobody depends on the source.

use std::collections::BTreeSet;

use super::{Adversary, Hand, Vice};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::Packet;
use crate::traits::WireAlgorithm;

/// Sends nothing to a part of the members, at least one; by default chance draws them. Otherwise it
/// behaves.
#[derive(Clone, Debug, Default)]
pub struct MuteToSome {
    /// `None` until they are drawn, with the first packets.
    ignored: Option<BTreeSet<Actor>>,
}

impl MuteToSome {
    /// Sends nothing to these.
    #[must_use]
    pub fn to(members: impl IntoIterator<Item = Actor>) -> Self {
        Self {
            ignored: Some(members.into_iter().collect()),
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for MuteToSome {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let ignored = self.ignored.get_or_insert_with(|| {
            let mut drawn = hand.draw_others();
            drawn.extend(hand.draw_other());
            drawn
        });
        packets.retain(|packet| {
            let heard = !ignored.contains(&packet.to);
            if !heard {
                hand.lied(Vice::MuteToSome.name());
            }
            heard
        });
    }
}
