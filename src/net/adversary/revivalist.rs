//! The revivalist: it shows each member again what that member wished for first, and never what it
//! wished for last.
//!
//! It attacks whoever remembers a bounded number of its own wishes: old ones that come back push
//! the newest out, of which others have not heard yet, and a change that a quorum approved is never
//! made. What stops it: what is ours we take from ourselves alone, and a wish that is remembered is
//! let go for no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Body, ChangeApproval, Packet};
use crate::membership::CHANGES;
use crate::traits::WireAlgorithm;

/// Times that each member is shown its wishes.
const TIMES: u16 = 64;

/// Remembers the first wishes of each member, as many as it may have for newcomers, and shows it on
/// every tick all but the last of them. Of wishes it says nothing else, and helps none come true.
/// Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Revivalist {
    /// In the order in which it heard them.
    wishes: BTreeMap<Actor, Vec<Arc<ChangeApproval>>>,
    /// So far, to all of them together.
    times: u16,
}

impl<A: WireAlgorithm> Adversary<A> for Revivalist {
    fn on_packet(&mut self, _: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        let Body::Approve(approved) = &packet.body else {
            return Some(packet);
        };
        let wishes = self.wishes.entry(approved.approval.signer).or_default();
        if wishes.len() <= CHANGES && !wishes.contains(approved) {
            wishes.push(Arc::clone(approved));
        }
        None
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if self.times >= TIMES {
            return Some(tick);
        }
        let others = hand.others();
        let wishes = self.wishes.iter().filter(|(who, _)| others.contains(who));
        for (who, wishes) in wishes.filter(|(_, wishes)| wishes.len() > 1) {
            self.times += 1;
            for approved in &wishes[..wishes.len() - 1] {
                hand.send(*who, Body::Approve(Arc::clone(approved)));
            }
            hand.lied(Vice::Revivalist.name());
        }
        Some(tick)
    }
}
