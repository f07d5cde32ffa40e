//! Liars: members that do anything their own key allows. One vice a file.

mod double_voter;
mod equivocator;
mod false_coordinator;
mod false_reporter;
mod false_server;
mod false_snapshot;
mod mute;
mod twins;
mod vice;

pub use double_voter::DoubleVoter;
pub use equivocator::Equivocator;
pub use false_coordinator::{FalseCoordinator, FalseProposal};
pub use false_reporter::FalseReporter;
pub use false_server::{FalseAnswer, FalseServer};
pub use false_snapshot::FalseSnapshot;
pub use mute::Mute;
pub use twins::Twins;
pub use vice::Vice;

use rand_chacha::ChaCha8Rng;

use crate::actor::{Actor, SigningActor, Statement, Verified};
use crate::deterministic_secure_broadcast::{Body, Packet, Replica};
use crate::membership::Genesis;
use crate::traits::Wire;

/// What a liar does with what reaches it. By default it behaves, through its honest half.
pub trait Adversary<A: Wire> {
    /// A packet arrived.
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) {
        hand.behave(packet);
    }

    /// Time passed.
    fn on_tick(&mut self, hand: &mut Hand<'_, A>) {
        hand.behave_on_tick();
    }

    /// Somebody wants it to propose an operation.
    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) {
        hand.behave_on_propose(op);
    }
}

/// The powers of a liar: its own key, an honest replica to hide behind, and the right to send anything to anybody.
/// It has nobody else's key, and sees only what is sent to it.
pub struct Hand<'a, A: Wire> {
    key: &'a SigningActor,
    half: &'a mut Replica<A>,
    origin: Origin<'a, A>,
    random: &'a mut ChaCha8Rng,
    packets: Vec<Packet>,
}

/// What every member starts from, and everybody knows.
pub(super) struct Origin<'a, A> {
    pub(super) genesis: &'a Genesis,
    pub(super) algorithm: &'a dyn Fn(Actor) -> A,
}

impl<'a, A: Wire> Hand<'a, A> {
    pub(super) fn new(
        key: &'a SigningActor,
        half: &'a mut Replica<A>,
        origin: Origin<'a, A>,
        random: &'a mut ChaCha8Rng,
    ) -> Self {
        Self {
            key,
            half,
            origin,
            random,
            packets: Vec::new(),
        }
    }

    pub(super) fn into_packets(self) -> Vec<Packet> {
        self.packets
    }

    /// Who it is.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.key.actor()
    }

    /// The other members, in seat order.
    #[must_use]
    pub fn others(&self) -> Vec<Actor> {
        let members = self.half.committee().actors().iter().copied();
        members.filter(|member| *member != self.actor()).collect()
    }

    /// The honest half.
    #[must_use]
    pub fn half(&self) -> &Replica<A> {
        self.half
    }

    /// The honest half, to drive it otherwise than [`behave`](Self::behave) does: what its steps want sent is then up to the liar.
    pub fn half_mut(&mut self) -> &mut Replica<A> {
        self.half
    }

    /// A second replica with the same key, that knows nothing yet: as if the store were lost.
    #[must_use]
    pub fn another_half(&self) -> Replica<A> {
        let algorithm = (self.origin.algorithm)(self.actor());
        let genesis = self.origin.genesis.clone();
        let (replica, _) = Replica::recover(self.key.clone(), algorithm, genesis, [])
            .expect("the first half was built from the same");
        replica
    }

    /// The run's chance.
    pub fn random(&mut self) -> &mut ChaCha8Rng {
        self.random
    }

    /// Signs anything, with its own key.
    pub fn sign<T: Statement>(&self, statement: T) -> Verified<T> {
        self.key.sign(self.half.network(), statement)
    }

    /// Sends anything to anybody.
    pub fn send(&mut self, to: Actor, body: Body) {
        let from = self.actor();
        self.packets.push(Packet { from, to, body });
    }

    /// Changes each packet that it is about to send: to make a lie of what [`behave`](Self::behave) would say.
    pub fn alter(&mut self, mut change: impl FnMut(&mut Self, &mut Packet)) {
        let mut packets = std::mem::take(&mut self.packets);
        for packet in &mut packets {
            change(self, packet);
        }
        // What was sent meanwhile goes after them.
        packets.append(&mut self.packets);
        self.packets = packets;
    }

    /// Does with a packet what a correct replica does.
    pub fn behave(&mut self, packet: Packet) {
        if let Ok(step) = self.half.handle_packet(packet) {
            self.packets.extend(step.send);
        }
    }

    /// Does on a tick what a correct replica does.
    pub fn behave_on_tick(&mut self) {
        let step = self.half.tick();
        self.packets.extend(step.send);
    }

    /// Proposes like a correct replica. What it would refuse is not sent.
    pub fn behave_on_propose(&mut self, op: A::Op) {
        if let Ok(step) = self.half.propose(op) {
            self.packets.extend(step.send);
        }
    }
}
