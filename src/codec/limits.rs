//! The bounds of a network, and whether they fit into each other.
//!
//! Bounds are agreed on in the genesis, so that all members take and refuse the same bytes. They
//! depend on each other: what one bound allows the others must carry, or correct members could make
//! what no packet brings to those who are behind, and the network would be frozen.
//! [`Limits::check`] adds up the longest of each thing that goes into a packet, and no replica
//! begins under bounds that one of them does not fit. A chunk of a state alone is left to whoever
//! chooses the bounds, as many states are shorter: see [`Limits::packet_bytes`].
//!
//! Lengths are rounded up, and added in 64 bits, in which a sum that could still overflow stops at
//! the end: bounds come from files and from other nodes, and any number may stand there.

use serde::{Deserialize, Serialize};

/// The bounds of one network, agreed in its genesis: one constant each, checked when bytes are
/// decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Encoded operations in one message, in bytes, with the eight that say how many they are.
    pub message_bytes: u32,
    /// Operations in one message.
    pub message_ops: u32,
    /// Members of a committee.
    pub seats: u32,
    /// Lanes: all actors that were ever members.
    pub lanes: u32,
    /// One packet, in bytes. Everything above must fit: see [`Limits::check`]. So must a chunk of a
    /// state, 128 KiB, where a state is as long: a node asks for 129 KiB.
    pub packet_bytes: u32,
    /// A segment of one lane between two kept certificates, in bytes of operations.
    pub segment_bytes: u32,
    /// A segment of one lane between two kept certificates, in messages.
    pub segment_messages: u32,
    /// Operations that wait in the outbox of one replica, in bytes.
    pub outbox_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 128 << 10,
            message_ops: 1024,
            seats: 128,
            lanes: 1024,
            packet_bytes: 8 << 20,
            segment_bytes: 256 << 10,
            segment_messages: 256,
            outbox_bytes: 4 << 20,
        }
    }
}

impl Limits {
    /// Bytes that a message adds around its operations on the wire, rounded up: source, number,
    /// parent, length and signature.
    pub const MESSAGE_OVERHEAD: u32 = 160;
    /// Bytes that a certified segment adds around its messages and signatures, rounded up.
    pub const SEGMENT_OVERHEAD: u32 = 192;

    /// Changes of the committee that one value carries, at most.
    pub(crate) const CHANGES: usize = 8;
    /// Bytes of what a value says of the generation that it founds, without its members.
    pub(crate) const HEADER: u64 = 144;
    /// Bytes of a source's signature on a dot, with what it says.
    const BINDING: u64 = 176;
    /// Bytes of the end of a lane, with its source.
    const HEAD: u64 = 72;
    /// Bytes of a signature in a certificate, with its seat.
    const SEATED: u64 = 66;

    /// Bytes that one operation may have, so that a message of it alone can be made.
    #[must_use]
    pub fn op_bytes(&self) -> usize {
        (self.message_bytes as usize).saturating_sub(size_of::<u64>())
    }

    /// Whether the bounds fit into each other, so that whatever one bound allows, the others carry.
    ///
    /// # Errors
    /// The first pair of bounds that do not fit.
    pub fn check(&self) -> Result<(), LimitsError> {
        let positive = [
            self.message_ops,
            self.seats,
            self.segment_bytes,
            self.segment_messages,
        ];
        if positive.contains(&0) || self.op_bytes() == 0 {
            return Err(LimitsError::Zero);
        }
        if self.lanes < self.seats {
            return Err(LimitsError::Lanes);
        }
        if self.outbox_bytes < self.message_bytes {
            return Err(LimitsError::Outbox);
        }
        let segment = u64::from(self.segment_bytes)
            + u64::from(self.message_bytes)
            + u64::from(self.segment_messages) * u64::from(Self::MESSAGE_OVERHEAD)
            + u64::from(self.seats) * 72
            + u64::from(Self::SEGMENT_OVERHEAD);
        let summary = self.summary_bytes();
        // A request names lanes beside the summary.
        let request = summary + u64::from(self.lanes) * 40;
        let told = self.fullest_recollection();
        let value = self.fullest_value() + self.around_value();
        // A proof is also served beside a summary.
        let proof = self.fullest_proof().saturating_add(summary);
        let most = (segment + summary)
            .max(request)
            .max(told)
            .max(value)
            .max(proof);
        if most > u64::from(self.packet_bytes) {
            return Err(LimitsError::Packet);
        }
        Ok(())
    }

    /// Sources that may speak in one generation, members and those who left a lock or a seal
    /// behind, at most: a member that equivocates and leaves may leave one for ever.
    #[must_use]
    pub fn speakers(&self) -> u32 {
        self.lanes.min(self.seats.saturating_mul(4))
    }

    /// What a packet also carries: one head a lane, the convicted actors, and what is around them.
    fn summary_bytes(&self) -> u64 {
        u64::from(self.lanes) * (Self::HEAD + 32) + 1024
    }

    /// Beside a value: a summary; of each seat a vote and a signature in each of two quorums.
    fn around_value(&self) -> u64 {
        self.summary_bytes() + u64::from(self.seats) * (152 + 2 * Self::SEATED) + 1024
    }

    /// The digest of each member's report, the changes, and the header.
    fn fullest_value(&self) -> u64 {
        let seats = u64::from(self.seats);
        let header = Self::HEADER + seats * 32;
        seats * (32 + 32) + self.fullest_changes() + header + 128
    }

    /// As many changes as a value has, each approved by a quorum.
    fn fullest_changes(&self) -> u64 {
        let seats = u64::from(self.seats);
        let quorum = seats - (seats - 1) / 3;
        Self::CHANGES as u64 * (200 + quorum * Self::SEATED)
    }

    /// The proof of a generation, with how the one before ended: the end of every lane, and in each
    /// that speaks a seal on as many digests as all members can report.
    fn fullest_proof(&self) -> u64 {
        let seats = u64::from(self.seats);
        let seal = 48 + 2 * Self::BINDING + seats.saturating_mul(2 * 32);
        let heads = u64::from(self.lanes) * Self::HEAD;
        let seals = u64::from(self.speakers()).saturating_mul(seal);
        seals.saturating_add(heads + seats * (32 + Self::SEATED) + 512)
    }

    /// The end of every lane that speaks, and a seal in the lane of every seat. With as many
    /// changes as a value has it is shorter than that beside a summary and votes.
    fn fullest_report(&self) -> u64 {
        let seal = 36 + 2 * Self::BINDING;
        u64::from(self.speakers()) * Self::HEAD + u64::from(self.seats) * seal + 160
    }

    /// What a member is told that its key has signed: a summary, a report, what it voted in two
    /// rounds, and two echoes a lane, of its own two more.
    fn fullest_recollection(&self) -> u64 {
        let echoes = (2 * u64::from(self.lanes) + 2) * Self::BINDING;
        self.summary_bytes() + self.fullest_report() + 6 * 152 + echoes
    }
}

/// Why bounds do not fit into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// A bound is zero, or a message holds no more than the number of its operations.
    #[error("a bound is zero, or the 8 bytes of a message that say how many operations it has")]
    Zero,
    /// Fewer lanes than seats.
    #[error("fewer lanes than seats")]
    Lanes,
    /// The outbox does not hold one message.
    #[error("the outbox does not hold one message")]
    Outbox,
    /// A segment with its certificate and a summary, or how a generation ends, does not fit a
    /// packet.
    #[error("a segment with a summary, or how a generation ends, does not fit a packet")]
    Packet,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_limits_fit_into_each_other() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_message_has_room_for_the_number_of_its_operations() {
        let of = |message_bytes| Limits {
            message_bytes,
            ..Limits::default()
        };
        assert_eq!(of(8).check(), Err(LimitsError::Zero));
        assert_eq!(of(9).check(), Ok(()));
    }

    #[test]
    fn seats_and_lanes_without_bound_are_refused() {
        let limits = Limits {
            seats: u32::MAX,
            lanes: u32::MAX,
            packet_bytes: u32::MAX,
            ..Limits::default()
        };
        assert_eq!(limits.check(), Err(LimitsError::Packet));
    }
}
