//! Liars: members that do anything their own key allows. One vice a file; a member may have
//! several, see [`Vices`].

mod archivist;
mod babbler;
mod backdater;
mod claims;
mod double_echoer;
mod double_voter;
mod early_author;
mod equivocator;
mod false_accuser;
mod false_approver;
mod false_certifier;
mod false_coordinator;
mod false_marker;
mod false_reporter;
mod false_server;
mod false_snapshot;
mod fickle_server;
mod flooder;
mod forger;
mod glutton;
mod hand;
mod impostor;
mod mute;
mod mute_to_some;
mod nag;
mod poisoner;
mod procrastinator;
mod replayer;
mod reviser;
mod revivalist;
mod slow_loris;
mod substituter;
mod turncoat;
mod twins;
mod vice;
mod vices;
mod withholder;

pub use archivist::Archivist;
pub use babbler::Babbler;
pub use backdater::Backdater;
pub use double_echoer::DoubleEchoer;
pub use double_voter::DoubleVoter;
pub use early_author::{EarlyAuthor, EarlyLie};
pub use equivocator::Equivocator;
pub use false_accuser::FalseAccuser;
pub use false_approver::FalseApprover;
pub use false_certifier::FalseCertifier;
pub use false_coordinator::{FalseCoordinator, FalseProposal};
pub use false_marker::FalseMarker;
pub use false_reporter::FalseReporter;
pub use false_server::{FalseAnswer, FalseServer};
pub use false_snapshot::FalseSnapshot;
pub use fickle_server::FickleServer;
pub use flooder::Flooder;
pub use forger::Forger;
pub use glutton::Glutton;
pub use hand::Hand;
pub(super) use hand::{Origin, Output};
pub use impostor::Impostor;
pub use mute::Mute;
pub use mute_to_some::MuteToSome;
pub use nag::Nag;
pub use poisoner::Poisoner;
pub use procrastinator::Procrastinator;
pub use replayer::Replayer;
pub use reviser::Reviser;
pub use revivalist::Revivalist;
pub use slow_loris::SlowLoris;
pub use substituter::Substituter;
pub use turncoat::Turncoat;
pub use twins::Twins;
pub use vice::Vice;
pub use vices::Vices;
pub use withholder::Withholder;

use crate::deterministic_secure_broadcast::Packet;
use crate::traits::WireAlgorithm;

/// A vice: where a member departs from what its honest half would do.
///
/// A member first offers each of its inputs to its vice, which may say something itself, and
/// returns what is left for the honest half: the input, another one, or nothing. Then the vice sees
/// everything that the member is about to send, of the honest half and of its own, and may change
/// it. A vice that does nothing behaves.
///
/// ```
/// use bft_crdts::deterministic_secure_broadcast::{Body, Packet};
/// use bft_crdts::net::{Adversary, Hand, Net};
/// use bft_crdts::orswot::Orswot;
/// use bft_crdts::traits::WireAlgorithm;
///
/// /// Has a grudge against one member: whatever that one proposes, it does not echo.
/// struct Grudge;
///
/// impl<A: WireAlgorithm> Adversary<A> for Grudge {
///     fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
///         let enemy = hand.others()[0];
///         let all = packets.len();
///         packets.retain(|packet| packet.to != enemy || !matches!(packet.body, Body::Echo(_)));
///         (packets.len()..all).for_each(|_| hand.lied("grudge"));
///     }
/// }
///
/// let mut net = Net::<Orswot<u8>>::builder(1).members(4).byzantine(Grudge).build();
/// for fruit in 0..4 {
///     for who in net.honest_actors() {
///         net.add(&who, fruit)?;
///     }
///     net.settle();
/// }
/// assert!(net.lies()["grudge"] > 0);
/// # Ok::<(), bft_crdts::deterministic_secure_broadcast::ProposeError>(())
/// ```
pub trait Adversary<A: WireAlgorithm> {
    /// A packet arrived. What is left of it for the honest half.
    fn on_packet(&mut self, _hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        Some(packet)
    }

    /// Time passed. Whether it does for the honest half.
    fn on_tick(&mut self, _hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        Some(tick)
    }

    /// Somebody wants it to propose an operation. What is left of it for the honest half.
    fn on_propose(&mut self, _hand: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        Some(op)
    }

    /// The member is about to send these: what the honest half wants to say, then what the vice
    /// said by itself. What is sent through the hand meanwhile goes after them, as it is.
    fn on_send(&mut self, _hand: &mut Hand<'_, A>, _packets: &mut Vec<Packet>) {}
}

/// The passing of time, as an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick;

/// What a member can be given.
///
/// The same three for a correct member and a liar.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(super) enum Input<Op> {
    Packet(Packet),
    Tick(Tick),
    Op(Op),
}

/// Gives a liar an input: the one place where honest half and vice meet.
///
/// In this order: the vice is offered the input; the half gets what is left; the vice sees all that
/// is to be sent; and what it then says through the hand goes out as it is.
pub(super) fn face<A: WireAlgorithm>(
    vice: &mut dyn Adversary<A>,
    mut hand: Hand<'_, A>,
    input: Input<A::Op>,
) -> Output {
    let left = match input {
        Input::Packet(packet) => vice.on_packet(&mut hand, packet).map(Input::Packet),
        Input::Tick(tick) => vice.on_tick(&mut hand, tick).map(Input::Tick),
        Input::Op(op) => vice.on_propose(&mut hand, op).map(Input::Op),
    };
    let own = hand.take_packets();
    let mut packets = left.map_or_else(Vec::new, |left| hand.behave(left));
    packets.extend(own);
    vice.on_send(&mut hand, &mut packets);
    packets.append(&mut hand.take_packets());
    hand.into_output(packets)
}
