//! What a link makes of bytes, for the fuzz targets. No part of the interface.

use std::collections::{BTreeMap, BTreeSet};

use super::address::Address;
use super::error::LinkError;
use super::frame::{self, Frame, Hearing};
use super::roster::Role;
use crate::actor::Actor;
use crate::codec::Limits;
use crate::deterministic_secure_broadcast::Packet;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Where the speaker listens, where it believes others to listen, and whom it invited.
    Greeting(Option<Address>, BTreeMap<Actor, Address>, BTreeSet<Actor>),
    /// A packet.
    Packet(Packet),
}

/// Who speaks to whom.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Who speaks.
    pub from: Actor,
    /// Who listens.
    pub to: Actor,
    /// Whether the speaker may say all, or questions only.
    pub seated: bool,
}

/// Reads `bytes` as a link reads a stream: what is heard until they end, or until something is said
/// that may not be.
pub fn overhear(
    mut bytes: &[u8],
    limits: &Limits,
    ends: Ends,
) -> (Vec<Heard>, Result<(), LinkError>) {
    let role = match ends.seated {
        true => Role::Peer,
        false => Role::Observer,
    };
    let mut hearing = Hearing::new(limits, ends.from, ends.to);
    let mut heard = Vec::new();
    while !bytes.is_empty() {
        match next(&mut bytes, hearing.limit()).and_then(|frame| hearing.hear(frame, role)) {
            Ok(Some(Frame::Hello(hello))) => {
                heard.push(Heard::Greeting(hello.address, hello.book, hello.guests));
            }
            Ok(Some(Frame::Packet(packet))) => heard.push(Heard::Packet(packet)),
            Ok(None) => {}
            Err(error) => return (heard, Err(error)),
        }
    }
    (heard, Ok(()))
}

/// Takes the next frame off, without its length.
fn next<'a>(bytes: &mut &'a [u8], limit: usize) -> Result<&'a [u8], LinkError> {
    let (len, rest) = bytes.split_first_chunk().ok_or(LinkError::Lost)?;
    let len = frame::announced(*len, limit)?;
    let (frame, rest) = rest.split_at_checked(len).ok_or(LinkError::Lost)?;
    *bytes = rest;
    Ok(frame)
}
