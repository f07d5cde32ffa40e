//! What reaches a participant: a correct one takes it in, a liar does what it likes.

use super::Net;
use super::accountability::Duty;
use super::adversary::{Input, Origin};
use super::coverage::{self, Kind};
use super::participant::{Mind, Participant, check_ahead};
use super::trace::Event;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Packet, PacketError};
use crate::membership::ChangeError;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Net<A> {
    /// Bytes that do not decode count as refused. With a correct receiver some packets that are on
    /// their way to it may be checked ahead, which changes nothing but time.
    pub(super) fn arrive(&mut self, to: Actor, bytes: &[u8]) {
        let limits = self.genesis.limits();
        let Some(participant) = self.participants.get_mut(&to) else {
            return;
        };
        if matches!(participant.mind, Mind::Down) {
            return;
        }
        let packet = match Packet::decode(bytes, limits) {
            Ok(packet) => packet,
            Err(error) => return self.refuse(to, PacketError::Decode(error)),
        };
        let (at, event) = (
            self.schedule.now(),
            Event::arrived(&self.network, to, &packet),
        );
        self.coverage.hit(Kind::Packet(packet.body.kind()));
        self.trace.record(at, event);
        match &mut participant.mind {
            Mind::Down => {}
            Mind::Liar { .. } => self.lie(to, Input::Packet(packet)),
            Mind::Correct(replica) => {
                let left = self.trusting.entry(to).or_default();
                if *left > 0 {
                    *left -= 1;
                } else if self.ahead > 0 {
                    *left = self.ahead;
                    let others = self.schedule.arrivals_for(to).take(self.ahead);
                    check_ahead(replica, &packet, others);
                }
                let duty = Duty::of(replica, Some(&packet));
                match replica.handle_packet(packet) {
                    Ok(step) => {
                        let judgement = duty.judge(replica);
                        self.hold_to(|_| judgement);
                        self.act(to, step);
                    }
                    Err(refusal) => self.refuse(to, refusal),
                }
            }
        }
    }

    /// Gives a liar an input, and sends what it wants sent.
    ///
    /// Muted liars hear nothing either: what they would say and draw at random is left out.
    pub(super) fn lie(&mut self, who: Actor, input: Input<A::Op>) {
        if self.muted {
            return;
        }
        let Some(participant) = self.participants.get_mut(&who) else {
            return;
        };
        let origin = Origin {
            genesis: &self.genesis,
            algorithm: &self.algorithm,
        };
        let output = participant.lie(origin, &mut self.random, input);
        for (vice, lies) in output.lies {
            self.coverage.add(Kind::Lie(vice), lies);
        }
        self.transmit_all(who, output.packets);
        for (to, bytes) in output.noise {
            self.convey(who, to, None, &bytes);
        }
    }

    /// On a network without liars and faults a refusal is a violation, but for those that newcomers
    /// and leavers cause with no fault of their own.
    pub(super) fn refuse(&mut self, at: Actor, refusal: PacketError) {
        if self.participants.get(&at).is_some_and(Participant::is_liar) {
            return;
        }
        let reason = coverage::refusal(&refusal);
        self.coverage.hit(Kind::Refusal(reason));
        let event = Event::Refused {
            at,
            refusal: refusal.clone(),
        };
        self.trace.record(self.schedule.now(), event);
        let expected = match &refusal {
            // A newcomer may be heard by somebody to whom the generation that let it in is not
            // known yet.
            PacketError::NoLane(actor) => self.participants.contains_key(actor),
            // More want in than there are seats.
            PacketError::Change(ChangeError::Full) => true,
            // Members that were asked may leave before they are heard.
            PacketError::UnaskedAnswer(_) => true,
            _ => false,
        };
        let clean = self.liars().is_empty() && self.links.are_faultless() && !expected;
        self.hold_to(|checks| checks.refused(at, &refusal, clean));
    }
}
