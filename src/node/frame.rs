//! What a link carries: frames with their length before them. One of them may say who speaks from
//! where.

use std::collections::{BTreeMap, BTreeSet};

use quinn::{ReadExactError, RecvStream};
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::error::LinkError;
use super::roster::Role;
use crate::actor::Actor;
use crate::codec::{self, Bytes, Limits};
use crate::deterministic_secure_broadcast::{Body, Packet};

/// Addresses in one greeting.
pub(super) const BOOK: usize = 1024;

/// Guests in one greeting.
pub(super) const GUESTS: usize = 16;

/// Bytes of a question without its lanes.
const QUESTION: usize = 4 << 10;

/// Bytes of one lane in a question: an end in the standing, and one that is held.
const LANE: usize = 160;

/// Bytes that a frame adds to a packet: its length and its kind.
const AROUND: usize = 8;

/// What one end tells the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Frame {
    /// Where the speaker listens, where it believes others to listen, and whom it invited.
    Hello(Hello),
    /// A packet of the protocol.
    Packet(Packet),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) address: Option<Address>,
    pub(super) book: BTreeMap<Actor, Address>,
    /// Whom the speaker invited.
    pub(super) guests: BTreeSet<Actor>,
}

impl Frame {
    /// The frame with its length.
    pub(super) fn encode(&self) -> Bytes {
        let frame = codec::encode(self);
        let len = u32::try_from(frame.len()).expect("packets are bounded far below 4 GiB");
        let mut bytes = Vec::with_capacity(frame.len() + size_of::<u32>());
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend(frame);
        bytes.into()
    }

    /// The most bytes that a frame of this network has, without its length.
    pub(super) fn limit(limits: &Limits) -> usize {
        limits.packet_bytes as usize + AROUND
    }

    pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, LinkError> {
        let frame = codec::decode(bytes, Self::limit(limits))?;
        match &frame {
            Self::Hello(hello) if hello.book.len() > BOOK || hello.guests.len() > GUESTS => {
                Err(LinkError::Hello)
            }
            _ => Ok(frame),
        }
    }
}

/// Judges what one actor says to us on one stream, frame by frame.
pub(super) struct Hearing<'a> {
    limits: &'a Limits,
    from: Actor,
    to: Actor,
    greeted: bool,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(limits: &'a Limits, from: Actor, to: Actor) -> Self {
        let greeted = false;
        Self {
            limits,
            from,
            to,
            greeted,
        }
    }

    /// The next frame, which `role` may say.
    pub(super) fn hear(&mut self, bytes: &[u8], role: Role) -> Result<Frame, LinkError> {
        let frame = Frame::decode(bytes, self.limits)?;
        match &frame {
            Frame::Hello(_) if std::mem::replace(&mut self.greeted, true) => Err(LinkError::Hello),
            Frame::Hello(_) => Ok(frame),
            Frame::Packet(packet) => self.judge(packet, role).map(|()| frame),
        }
    }

    fn judge(&self, packet: &Packet, role: Role) -> Result<(), LinkError> {
        if packet.from != self.from || packet.to != self.to {
            return Err(LinkError::Misaddressed);
        }
        match &packet.body {
            // Nobody asks to be let in for another: the newcomers of whom a member may speak would
            // be as many as it likes.
            Body::Enter(entry) if entry.signer != self.from => Err(LinkError::Misaddressed),
            body if role.may_say(body) => Ok(()),
            _ => Err(LinkError::NoSeat),
        }
    }
}

/// The most bytes that a frame of one in this role has.
pub(super) fn limit(limits: &Limits, role: Role) -> usize {
    let all = Frame::limit(limits);
    match role {
        Role::Peer => all,
        Role::Observer => all.min(QUESTION + limits.lanes as usize * LANE),
    }
}

/// The length of the next frame; `None` when the other end has finished.
pub(super) async fn length(
    stream: &mut RecvStream,
    limit: usize,
) -> Result<Option<usize>, LinkError> {
    let mut len = [0; size_of::<u32>()];
    match stream.read_exact(&mut len).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(_) => return Err(LinkError::Lost),
    }
    announced(len, limit).map(Some)
}

/// The length that is before a frame.
pub(super) fn announced(len: [u8; size_of::<u32>()], limit: usize) -> Result<usize, LinkError> {
    let len = u32::from_le_bytes(len) as usize;
    if len > limit {
        return Err(LinkError::TooLong { len, limit });
    }
    Ok(len)
}

/// Reads so many bytes. Room grows with what comes, not with what is announced.
pub(super) async fn body(stream: &mut RecvStream, len: usize) -> Result<Vec<u8>, LinkError> {
    let mut frame = Vec::new();
    while frame.len() < len {
        let chunk = stream
            .read_chunk(len - frame.len(), true)
            .await
            .map_err(|_| LinkError::Lost)?
            .ok_or(LinkError::Lost)?;
        frame.extend_from_slice(&chunk.bytes);
    }
    Ok(frame)
}
