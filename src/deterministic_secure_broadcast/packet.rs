//! The wire: what replicas send each other, and the bounds that every packet is held to.
//!
//! A packet needs no signature: each statement in it is signed by whoever it binds. Its `from` is a return address
//! and is never believed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Certificate, Echo, Equivocation, Message, Proposal, Standing};
use crate::actor::{Actor, Signed};
use crate::codec::{self, DecodeError, Limits};

/// One datagram: where an answer goes, and what is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Where an answer is to be sent; anybody can write anything here.
    pub from: Actor,
    /// For whom it is.
    pub to: Actor,
    /// What is said.
    pub body: Body,
}

/// What a packet says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Body {
    /// A message for which its source wants echoes.
    Proposal(Arc<Proposal>),
    /// The answer to a proposal.
    Echo(Signed<Echo>),
    /// The proof that a message may be delivered.
    Certificate(Arc<Certificate>),
    /// Where the sender stands; it wants to hear where the receiver does.
    Announce(Arc<Signed<Standing>>),
    /// Where the sender stands; it wants no answer.
    Receipt(Arc<Signed<Standing>>),
    /// Asks for what the asker lacks.
    Request(Request),
    /// What an asker lacked, as much as fits.
    Answer(Answer),
    /// Two signatures of one actor.
    Evidence(Arc<Equivocation>),
}

/// Asks for the lanes beyond the asker's standing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Where the asker stands.
    pub standing: Arc<Signed<Standing>>,
    /// Lanes of which the asker already holds the next stretch, waiting for others.
    pub skip: BTreeSet<Actor>,
}

/// The next stretch of each lane that the asker lacks, and where the answerer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// At most one stretch a lane, in the order of their sources.
    pub chunks: Vec<Chunk>,
    /// Where the answerer stands.
    pub standing: Arc<Signed<Standing>>,
}

/// A stretch of one lane that proves itself: consecutive messages, and a certificate of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The messages, in lane order.
    pub proposals: Vec<Arc<Proposal>>,
    /// The proof of the last, hence of all.
    pub certificate: Arc<Certificate>,
}

impl Chunk {
    /// Whose lane.
    #[must_use]
    pub fn source(&self) -> Actor {
        self.certificate.statement.dot.source
    }
}

impl Packet {
    /// The packet's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The packet in `bytes`, within the bounds.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are too many, malformed, or not canonical.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits.packet_bytes as usize)
    }
}

impl Body {
    /// Whether every part is within its bound; a replica asks this of every packet, decoded or built.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] or [`DecodeError::TooMany`].
    pub fn check(&self, limits: &Limits) -> Result<(), DecodeError> {
        match self {
            Self::Proposal(proposal) => check_message(&proposal.message, limits),
            Self::Certificate(certificate) => check_certificate(certificate, limits),
            Self::Announce(standing) | Self::Receipt(standing) => check_standing(standing, limits),
            Self::Request(request) => {
                most(request.skip.len(), limits.lanes)?;
                check_standing(&request.standing, limits)
            }
            Self::Answer(answer) => {
                most(answer.chunks.len(), limits.lanes)?;
                for chunk in &answer.chunks {
                    most(chunk.proposals.len(), limits.chunk_messages)?;
                    check_certificate(&chunk.certificate, limits)?;
                    let mut messages = chunk.proposals.iter().map(|p| &p.message);
                    messages.try_for_each(|message| check_message(message, limits))?;
                }
                check_standing(&answer.standing, limits)
            }
            Self::Echo(_) | Self::Evidence(_) => Ok(()),
        }
    }

    /// The kind, in a word: for logs and charts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Proposal(_) => "proposal",
            Self::Echo(_) => "echo",
            Self::Certificate(_) => "certificate",
            Self::Announce(_) => "announce",
            Self::Receipt(_) => "receipt",
            Self::Request(_) => "request",
            Self::Answer(_) => "answer",
            Self::Evidence(_) => "evidence",
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Proposal(proposal) => write!(f, "{kind} {}", proposal.message.dot()),
            Self::Echo(echo) => write!(f, "{kind} {}", echo.statement.dot),
            Self::Certificate(certificate) => write!(f, "{kind} {}", certificate.statement.dot),
            Self::Evidence(evidence) => write!(f, "{kind} {}", evidence.dot()),
            _ => f.write_str(kind),
        }
    }
}

fn check_message(message: &Message, limits: &Limits) -> Result<(), DecodeError> {
    let (len, limit) = (message.ops.len(), limits.message_bytes as usize);
    if len > limit {
        return Err(DecodeError::TooLong { len, limit });
    }
    Ok(())
}

fn check_certificate(certificate: &Certificate, limits: &Limits) -> Result<(), DecodeError> {
    most(certificate.signatures.len(), limits.seats)
}

fn check_standing(standing: &Signed<Standing>, limits: &Limits) -> Result<(), DecodeError> {
    most(standing.statement.frontier.len(), limits.lanes)?;
    most(standing.statement.convicted.len(), limits.lanes)
}

fn most(len: usize, limit: u32) -> Result<(), DecodeError> {
    if len > limit as usize {
        return Err(DecodeError::TooMany {
            len: len as u64,
            limit: u64::from(limit),
        });
    }
    Ok(())
}
