//! What the replica says, on its way to the links: a packet for each receiver, encoded once where
//! it says the same to all.

use std::sync::Arc;

use super::departed;
use super::journal::Journal;
use super::links::Links;
use super::meter::{self, Meter};
use crate::deterministic_secure_broadcast::{Body, Packet, Replica, Targeted};
use crate::traits::WireAlgorithm;

/// Sends a body to its receivers; to whom does not follow us, what it is to have of it.
///
/// The replica answers whoever asks; here it is decided how much of it a former member gets. A
/// packet for which there is no room is lost, and said again on a tick.
pub(super) fn send<A: WireAlgorithm>(
    replica: &Replica<A>,
    links: &Arc<Links>,
    journal: &mut Journal,
    meter: &Meter,
    said: &Targeted,
) {
    let mut for_all = None;
    for Packet { from, to, body } in said.packets() {
        let left = replica.left(&to).filter(|_| !links.follows(&to));
        let fitting = match left {
            None => Some(body),
            Some(left) => departed::farewell(body, left, replica.boundary()),
        };
        let Some(body) = fitting else { continue };
        let packet = Packet { from, to, body };
        journal.sends(replica, &packet);
        let (mut alone, kind) = (None, packet.body.kind());
        let frame = match left.is_none() && is_alike_for_all(&said.body) {
            true => &mut for_all,
            false => &mut alone,
        };
        if links.send(&packet, frame) {
            meter::count(&mut meter.open().counts.sent, kind);
        } else {
            journal.loses(&to, kind);
        }
    }
}

/// Whether its bytes on a link are the same whoever receives it. An echo's are fewer to the source
/// of what it echoes.
fn is_alike_for_all(body: &Body) -> bool {
    !matches!(body, Body::Echo(_))
}
