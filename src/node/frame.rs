//! What a stream of a link carries: frames with their length before them, a greeting and then
//! packets.

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

/// Bytes of a greeting, at most: so many as its addresses and guests take, each as long as one may
/// be.
const GREETING: usize = 320 << 10;

/// Bytes of a question without its lanes.
///
/// It bounds what one without a seat can make us read at once.
const QUESTION: usize = 4 << 10;

/// Bytes of one lane in a question: an end in the summary, and one that is held.
const LANE: usize = 160;

/// All of it is the speaker's word: addresses are hints, since whoever is reached there has to
/// prove its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// `None` when the speaker does not know where it can be reached.
    pub(super) address: Option<Address>,
    /// No more than [`BOOK`]; one address an actor.
    pub(super) book: BTreeMap<Actor, Address>,
    /// Whom the speaker invited.
    pub(super) guests: BTreeSet<Actor>,
}

/// A frame: its length, four bytes, the lowest first, and what it says.
fn framed(said: &[u8]) -> Bytes {
    let len = u32::try_from(said.len()).expect("packets are bounded far below 4 GiB");
    [&len.to_le_bytes()[..], said].concat().into()
}

impl Hello {
    /// The frame that a stream begins with.
    pub(super) fn framed(&self) -> Bytes {
        framed(&codec::encode(self))
    }

    /// # Errors
    /// [`LinkError::Decode`], and [`LinkError::Hello`] for a greeting over its bounds.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, LinkError> {
        let hello: Self = codec::decode(bytes, GREETING)?;
        match hello.book.len() > BOOK || hello.guests.len() > GUESTS {
            true => Err(LinkError::Hello),
            false => Ok(hello),
        }
    }
}

/// The frame of a packet on a link between its two ends.
pub(super) fn of(packet: &Packet) -> Bytes {
    framed(&packet.encode_linked())
}

/// What a frame said.
#[derive(Debug)]
pub(super) enum Frame {
    /// Where the speaker listens, where it believes others to listen, and whom it invited.
    Hello(Hello),
    /// A packet of the protocol.
    Packet(Packet),
}

/// Judges what one actor says to us on one stream, frame by frame: a greeting, and then packets.
///
/// There is one greeting on a stream, as each may make us learn a thousand addresses.
#[derive(Debug)]
pub(super) struct Hearing {
    limits: Limits,
    from: Actor,
    to: Actor,
    greeted: bool,
}

impl Hearing {
    pub(super) fn new(limits: &Limits, from: Actor, to: Actor) -> Self {
        Self {
            limits: limits.clone(),
            from,
            to,
            greeted: false,
        }
    }

    /// The same on the next stream of the same link.
    pub(super) fn anew(&self) -> Self {
        Self::new(&self.limits, self.from, self.to)
    }

    /// The most bytes that a frame has.
    ///
    /// Asked before a frame is read, when nothing but its length is here.
    pub(super) fn limit(&self) -> usize {
        match self.greeted {
            false => GREETING,
            true => self.limits.packet_bytes as usize,
        }
    }

    /// Whether the greeting has come.
    pub(super) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether a frame of so many bytes is worth reading, of one in this role.
    pub(super) fn is_heard(&self, len: usize, role: Role) -> bool {
        let question = QUESTION + self.limits.lanes as usize * LANE;
        !self.greeted || role == Role::Peer || len <= question
    }

    /// The next frame; `None` for what `role` may not say.
    ///
    /// That is passed over and not punished: a correct newcomer that has begun a generation speaks
    /// as a member to those that have not.
    ///
    /// The bounds of a packet's parts are asked by the replica.
    ///
    /// # Errors
    /// [`LinkError`]; then the connection is closed. A correct peer never gives a reason.
    pub(super) fn hear(&mut self, bytes: &[u8], role: Role) -> Result<Option<Frame>, LinkError> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Hello::decode(bytes).map(Frame::Hello).map(Some);
        }
        if !self.is_heard(bytes.len(), role) {
            return Ok(None);
        }
        let packet = Packet::decode_linked(bytes, self.from, self.to, &self.limits)?;
        match &packet.body {
            // Nobody asks to be let in for another: the newcomers of whom a member may speak would
            // be as many as it likes.
            Body::Enter(entry) if entry.signer != self.from => Err(LinkError::Misaddressed),
            body if role.may_say(body) => Ok(Some(Frame::Packet(packet))),
            _ => Ok(None),
        }
    }
}

/// The length of the next frame; `None` when the other end has finished.
///
/// # Errors
/// [`LinkError::Lost`] when the stream ends within the length; [`LinkError::TooLong`].
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
///
/// So one that announces 8 MiB and sends nothing holds no memory here.
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

/// Passes over so many bytes and keeps none.
pub(super) async fn skip(stream: &mut RecvStream, mut len: usize) -> Result<(), LinkError> {
    while len > 0 {
        match stream.read_chunk(len, true).await {
            Ok(Some(chunk)) => len -= chunk.bytes.len(),
            _ => return Err(LinkError::Lost),
        }
    }
    Ok(())
}
