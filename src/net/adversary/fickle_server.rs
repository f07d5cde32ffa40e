//! The fickle server: of those who ask it for something it serves some, and after a while nobody.
//!
//! It attacks whoever relies on a thing's having been there once. What stops it: what others'
//! statements name is kept by every correct member until it is covered, so that nobody depends on
//! the one who brought it.

use std::collections::BTreeSet;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::traits::WireAlgorithm;

/// What it has decided.
#[derive(Clone, Debug)]
struct Favour {
    /// Whom it serves, drawn once.
    friends: BTreeSet<Actor>,
    /// How often it still does.
    left: u8,
}

/// Serves a part of the members, a few times in all. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct FickleServer {
    /// `None` until it is drawn, with its first packets.
    favour: Option<Favour>,
}

/// What answers a question or passes on what others rest on; echoes and votes of its own go out as
/// ever.
fn serves(body: &Body) -> bool {
    matches!(
        body,
        Body::PullResponse(_)
            | Body::Value(_)
            | Body::GenerationProof(_)
            | Body::Snapshot { .. }
            | Body::Certificate(_)
            | Body::Evidence(_)
    )
}

impl<A: WireAlgorithm> Adversary<A> for FickleServer {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let favour = self.favour.get_or_insert_with(|| Favour {
            friends: hand.draw_others(),
            left: hand.random().random_range(0..24),
        });
        packets.retain(|packet| {
            if !serves(&packet.body) {
                return true;
            }
            let served = favour.left > 0 && favour.friends.contains(&packet.to);
            favour.left = favour.left.saturating_sub(u8::from(served));
            if !served {
                hand.lied(Vice::FickleServer.name());
            }
            served
        });
    }
}
