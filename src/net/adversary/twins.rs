//! The twins: two honest halves with one key, each of which talks to its own part of the members.
//!
//! What they do together no honest member does, and neither does anything wrong by itself: so this
//! liar needs no knowledge of the protocol and goes wherever an honest member goes (Bano et al.:
//! Twins, BFT Systems Made Robust, OPODIS 2021). It is also what becomes of a key that is started
//! twice.
//!
//! What stops them is what stops each lie that they tell: one echo a dot, one vote a round, one
//! report a generation.

use std::collections::BTreeSet;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Packet, Replica, Step};
use crate::traits::WireAlgorithm;

/// Keeps the first operation that it is to propose until a second comes; then each half proposes
/// one of them. A half sends to its own part of the members only, and hears only of them.
#[derive(Debug)]
pub struct Twins<A: WireAlgorithm> {
    /// The operation that waits for a second one.
    first: Option<A::Op>,
    /// Born when it is first needed.
    second_half: Option<Box<Replica<A>>>,
    /// To whom the second half talks; by default chance splits the members.
    side: Option<BTreeSet<Actor>>,
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

impl<A: WireAlgorithm> Default for Twins<A> {
    fn default() -> Self {
        Self {
            first: None,
            second_half: None,
            side: None,
        }
    }
}

impl<A: WireAlgorithm> Twins<A> {
    /// Twins between whom chance splits the members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The second half talks to `members`, the first to all others.
    #[must_use]
    pub fn splitting(members: impl IntoIterator<Item = Actor>) -> Self {
        Self {
            side: Some(members.into_iter().collect()),
            ..Self::default()
        }
    }

    /// Gives one half an input, and sends what it wants to say to its own part of the members.
    ///
    /// Steps are not recorded anywhere: neither half ever restarts.
    fn drive(
        &mut self,
        hand: &mut Hand<'_, A>,
        half: Half,
        input: impl FnOnce(&mut Replica<A>) -> Option<Step>,
    ) {
        let replica = match half {
            Half::First => hand.half_mut(),
            Half::Second => self
                .second_half
                .get_or_insert_with(|| Box::new(hand.another_half())),
        };
        let packets = input(replica).map_or_else(Vec::new, |step| step.packets().collect());
        for packet in packets {
            if self.friend_of(hand, &packet.to) == half {
                if half == Half::Second {
                    hand.lied(Vice::Twins.name());
                }
                hand.send(packet.to, packet.body);
            }
        }
    }

    /// Splits the members when it is first asked.
    fn friend_of(&mut self, hand: &mut Hand<'_, A>, member: &Actor) -> Half {
        let side = self.side.get_or_insert_with(|| hand.draw_others());
        if side.contains(member) {
            Half::Second
        } else {
            Half::First
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for Twins<A> {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        let half = self.friend_of(hand, &packet.from);
        self.drive(hand, half, |replica| replica.handle_packet(packet).ok());
        None
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, _: Tick) -> Option<Tick> {
        self.drive(hand, Half::First, |replica| Some(replica.tick()));
        self.drive(hand, Half::Second, |replica| Some(replica.tick()));
        None
    }

    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        let Some(first) = self.first.take() else {
            self.first = Some(op);
            return None;
        };
        self.drive(hand, Half::First, |replica| replica.propose(first).ok());
        self.drive(hand, Half::Second, |replica| replica.propose(op).ok());
        None
    }
}
