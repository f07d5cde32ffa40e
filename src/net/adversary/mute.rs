//! The mute: takes everything in and says nothing, as if it had crashed for good.

use super::{Adversary, Hand};
use crate::deterministic_secure_broadcast::Packet;
use crate::traits::Wire;

/// Says nothing, ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mute;

impl<A: Wire> Adversary<A> for Mute {
    fn on_packet(&mut self, _: &mut Hand<'_, A>, _: Packet) {}

    fn on_tick(&mut self, _: &mut Hand<'_, A>) {}

    fn on_propose(&mut self, _: &mut Hand<'_, A>, _: A::Op) {}
}
