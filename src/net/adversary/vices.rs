//! Several vices in one member.

use super::{Adversary, Hand, Tick};
use crate::deterministic_secure_broadcast::Packet;
use crate::traits::WireAlgorithm;

/// Vices that one member has, all with one honest half. Each is given what those before it left,
/// and sees what those before it are about to send; so one that takes much away, like
/// [`Mute`](super::Mute), belongs to the end. With none of them it behaves.
///
/// ```
/// use bft_crdts::net::{Equivocator, Forger, Net, Vices};
/// use bft_crdts::orswot::Orswot;
///
/// let vices = Vices::default().and(Forger::default()).and(Equivocator::default());
/// let mut net = Net::<Orswot<u8>>::builder(1).members(4).byzantine(vices).build();
/// # net.settle();
/// ```
pub struct Vices<A: WireAlgorithm>(Vec<Box<dyn Adversary<A>>>);

impl<A: WireAlgorithm> Default for Vices<A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<A: WireAlgorithm> Vices<A> {
    /// These and one more, after them.
    #[must_use]
    pub fn and(self, vice: impl Adversary<A> + 'static) -> Self {
        self.and_boxed(Box::new(vice))
    }

    /// Like [`and`](Self::and), for a vice chosen at run time.
    #[must_use]
    pub fn and_boxed(mut self, vice: Box<dyn Adversary<A>>) -> Self {
        self.0.push(vice);
        self
    }
}

impl<A: WireAlgorithm> Adversary<A> for Vices<A> {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        let mut vices = self.0.iter_mut();
        vices.try_fold(packet, |packet, vice| vice.on_packet(hand, packet))
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let mut vices = self.0.iter_mut();
        vices.try_fold(tick, |tick, vice| vice.on_tick(hand, tick))
    }

    fn on_propose(&mut self, hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        let mut vices = self.0.iter_mut();
        vices.try_fold(op, |op, vice| vice.on_propose(hand, op))
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for vice in &mut self.0 {
            vice.on_send(hand, packets);
            packets.append(&mut hand.take_packets());
        }
    }
}
