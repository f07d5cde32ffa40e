//! What becomes of what participants send: lost, repeated, delayed or corrupted on its link, until
//! it is due to arrive.
//!
//! Correct members send packets; liars send noise as well, which is treated alike. Chance has its
//! say when a thing is sent and not when it arrives: each draw belongs to one thing sent, in the
//! order in which they are sent, so that one seed gives one run.

use rand::RngExt;

use super::Net;
use super::coverage::Kind;
use super::schedule::Happening;
use super::trace::Event;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::recording;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Net<A> {
    pub(super) fn transmit_all(&mut self, from: Actor, packets: Vec<Packet>) {
        for packet in packets {
            self.transmit(from, packet);
        }
    }

    /// What the network does to a packet. `from` is who really sends it, whatever the packet says.
    ///
    /// The trace tells a loss, as charts and recordings show it, with the kind of what was lost.
    fn transmit(&mut self, from: Actor, packet: Packet) {
        self.listen(from, packet.to);
        let votes = matches!(
            packet.body,
            Body::Agreement { .. } | Body::Value(_) | Body::FetchPayloads(_)
        );
        let hushed = votes && self.links.is_hushed(from, packet.to);
        if hushed {
            let what = "a vote on a link that carries none";
            self.coverage.hit(Kind::Fault(what));
        }
        if hushed || !self.convey(from, packet.to, Some(&packet), &packet.encode()) {
            let lost = Event::lost(&self.network, from, &packet);
            self.trace.record(self.schedule.now(), lost);
        }
    }

    /// What the network does to bytes, which are those of `packet` unless they are noise. Whether
    /// any of them will arrive.
    ///
    /// Counts how far a packet is from a lie, too: what correct members say in answer to liars does
    /// not break the silence.
    pub(super) fn convey(
        &mut self,
        from: Actor,
        to: Actor,
        packet: Option<&Packet>,
        sent: &[u8],
    ) -> bool {
        let stirred = match self.stirred {
            _ if !self.checks.is_correct(&from) => Some(0),
            stirred => stirred.map(|answers| answers.saturating_add(1)),
        };
        let random = &mut self.random;
        let arrivals = self.links.carry(from, to, random, &mut self.coverage);
        let now = self.schedule.now();
        let number = self.trace.sent(now, (from, to), packet, sent);
        if let Some(recorder) = &mut self.trace.recorder {
            let repeated = arrivals.iter().skip(1).map(|_| recording::Kind::Repeat);
            let corrupted = arrivals.iter().filter(|arrival| arrival.corrupted);
            let corrupted = corrupted.map(|_| recording::Kind::Corrupt);
            for harm in repeated.chain(corrupted) {
                recorder.harms(now, number, &from, harm);
            }
        }
        let arrives = !arrivals.is_empty();
        for arrival in arrivals {
            let mut bytes = sent.to_vec();
            if arrival.corrupted && !bytes.is_empty() {
                let index = self.random.random_range(0..bytes.len());
                bytes[index] ^= 1 << self.random.random_range(0..8u32);
            }
            let arrived = Happening::Arrival {
                to,
                bytes,
                number: Some(number),
                stirred,
            };
            self.schedule.after(arrival.delay, arrived);
        }
        arrives
    }
}
