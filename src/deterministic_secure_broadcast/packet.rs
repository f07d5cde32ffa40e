//! The wire: what replicas send each other, and the bounds that every packet is held to.
//!
//! A packet needs no signature: each statement in it is signed by whoever it binds. Its `from` is a
//! return address and is never believed.
//!
//! Bounds are checked before anything else, from [`Limits`] alone: a packet within them costs a
//! bounded number of signature checks and bytes, whoever sends it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Certificate, Echo, Equivocation, Message, Proposal, Standing};
use crate::actor::{Actor, Signed};
use crate::codec::{self, Bytes, DecodeError, Digest, Limits};
use crate::dot::{Dot, Seq};
use crate::membership::{
    self, Approval, Authorisation, Ballot, CHANGES, Change, Founding, Generation, Report, Speech,
    Value,
};
use crate::snapshot::Manifest;

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
    /// A newcomer asks to be let in.
    Enter(Signed<membership::Entry>),
    /// A member consents to a change.
    Approve(Arc<Consent>),
    /// Where a frozen member's lanes end.
    Report {
        /// The report.
        report: Arc<Signed<Report>>,
        /// What froze it.
        changes: Vec<Authorisation>,
    },
    /// Of the agreement that ends a generation.
    Speech {
        /// Which generation.
        generation: Generation,
        /// What is said.
        speech: Speech,
        /// The value that is proposed, if one is.
        value: Option<Arc<Value>>,
    },
    /// Asks for what a value rests on.
    Want(Want),
    /// A value that was asked for.
    Value(Arc<Value>),
    /// What ended a generation and founded the next.
    Founding(Arc<Founding>),
    /// Asks for a part of a generation's snapshot.
    Fetch {
        /// Which generation's.
        generation: Generation,
        /// Which chunk; none for the manifest.
        chunk: Option<u32>,
    },
    /// A part of a generation's snapshot.
    Snapshot {
        /// Which generation's.
        generation: Generation,
        /// Which part.
        part: SnapshotPart,
    },
    /// Asks what the receiver holds of the sender's own statements, with a challenge that the
    /// answer repeats.
    Recall(Digest),
    /// The answer to that.
    Recollection(Recollection),
}

/// A member's consent to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// To what.
    pub change: Change,
    /// Its signature.
    pub approval: Signed<Approval>,
}

/// Asks for what a value rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The value itself.
    pub value: Option<Digest>,
    /// Messages, by dot and digest.
    pub payloads: Vec<(Dot, Digest)>,
}

/// What a member holds of another's statements: each signed by the one that asks, the newest of
/// each kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recollection {
    /// That of the question: nobody else can know it.
    pub challenge: Digest,
    /// Where it stood, by its own word.
    pub standing: Option<Arc<Signed<Standing>>>,
    /// What it echoed last in each lane; in its own lane its newest message.
    pub echoes: Vec<Signed<Echo>>,
    /// What it reported of this generation.
    pub report: Option<Box<Signed<Report>>>,
    /// What it said in the agreement on the next one.
    pub ballots: Vec<Signed<Ballot>>,
}

/// Statements of one seat that the agreement holds, at most: three of each of two rounds.
const BALLOTS: u32 = 6;

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotPart {
    /// Its length and its chunks' digests.
    Manifest(Manifest),
    /// One chunk.
    Chunk {
        /// Which.
        index: u32,
        /// Its bytes.
        bytes: Bytes,
    },
}

/// Asks for the lanes beyond the asker's standing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Where the asker stands; none when it has signed no standing and may sign none.
    pub standing: Option<Arc<Signed<Standing>>>,
    /// The newest generation that it knows to be founded.
    pub known: Generation,
    /// Lanes of which it has more than its standing says, and up to where; the largest number for
    /// enough.
    pub held: BTreeMap<Actor, Seq>,
}

/// The generations that the asker lacks, the next segment of each lane, and where the answerer
/// stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What founded the generations that the asker does not know, oldest first.
    pub foundings: Vec<Arc<Founding>>,
    /// Whether the answerer no longer keeps what the asker lacks: it needs a snapshot.
    pub pruned: bool,
    /// At most one segment a lane, in the order of their sources.
    pub segments: Vec<Segment>,
    /// Where the answerer stands; none when it has signed no standing and may sign none.
    pub standing: Option<Arc<Signed<Standing>>>,
}

/// A segment of one lane that proves itself: consecutive messages, and a certificate of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Whose lane.
    pub source: Actor,
    /// The messages, in lane order.
    pub proposals: Vec<Arc<Proposal>>,
    /// The proof of the last, hence of all. None when a generation's frontier proves it.
    pub certificate: Option<Arc<Certificate>>,
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
    /// Whether every part is within its bound; a replica asks this of every packet, decoded or
    /// built.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] or [`DecodeError::TooMany`].
    pub fn check(&self, limits: &Limits) -> Result<(), DecodeError> {
        match self {
            Self::Proposal(proposal) => check_message(&proposal.message, limits),
            Self::Certificate(certificate) => check_certificate(certificate, limits),
            Self::Announce(standing) | Self::Receipt(standing) => check_standing(standing, limits),
            Self::Request(request) => {
                most(request.held.len(), limits.lanes)?;
                check_standings(request.standing.as_ref(), limits)
            }
            Self::Answer(answer) => {
                most(answer.segments.len(), limits.lanes)?;
                for chunk in &answer.segments {
                    check_segment(&chunk.proposals, limits)?;
                    if let Some(certificate) = &chunk.certificate {
                        check_certificate(certificate, limits)?;
                    }
                    let mut messages = chunk.proposals.iter().map(|p| &p.message);
                    messages.try_for_each(|message| check_message(message, limits))?;
                }
                check_standings(answer.standing.as_ref(), limits)
            }
            Self::Report { changes, .. } => most(changes.len(), CHANGES as u32),
            Self::Want(want) => most(want.payloads.len(), limits.lanes),
            Self::Recollection(told) => {
                // Of a lane that is its own one more.
                most(
                    told.echoes.len(),
                    limits.lanes.saturating_mul(2).saturating_add(1),
                )?;
                most(told.ballots.len(), BALLOTS)?;
                check_standings(told.standing.as_ref(), limits)
            }
            // These hold nothing without a bound of its own, checked where they are taken in.
            Self::Echo(_)
            | Self::Evidence(_)
            | Self::Enter(_)
            | Self::Approve(_)
            | Self::Speech { .. }
            | Self::Value(_)
            | Self::Founding(_)
            | Self::Fetch { .. }
            | Self::Snapshot { .. }
            | Self::Recall(_) => Ok(()),
        }
    }

    /// Every kind, in a word each.
    pub const KINDS: [&str; 19] = [
        "proposal",
        "echo",
        "certificate",
        "announce",
        "receipt",
        "request",
        "answer",
        "evidence",
        "enter",
        "approve",
        "report",
        "vote",
        "want",
        "value",
        "generation",
        "fetch",
        "snapshot",
        "recall",
        "recollection",
    ];

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
            Self::Enter(_) => "enter",
            Self::Approve(_) => "approve",
            Self::Report { .. } => "report",
            Self::Speech { .. } => "vote",
            Self::Want(_) => "want",
            Self::Value(_) => "value",
            Self::Founding(_) => "generation",
            Self::Fetch { .. } => "fetch",
            Self::Snapshot { .. } => "snapshot",
            Self::Recall(_) => "recall",
            Self::Recollection(_) => "recollection",
        }
    }
}

impl Body {
    /// The dot that it speaks of, if it speaks of one.
    #[must_use]
    pub fn dot(&self) -> Option<Dot> {
        match self {
            Self::Proposal(proposal) => Some(proposal.message.dot()),
            Self::Echo(echo) => Some(echo.statement.dot),
            Self::Certificate(certificate) => Some(certificate.statement.dot),
            Self::Evidence(evidence) => evidence.dot(),
            _ => None,
        }
    }

    /// The generation in which it was said, when it means nothing in another.
    pub(super) fn generation(&self) -> Option<Generation> {
        match self {
            Self::Echo(echo) => Some(echo.statement.generation),
            Self::Enter(entry) => Some(entry.statement.generation),
            Self::Approve(consent) => Some(consent.approval.statement.generation),
            Self::Report { report, .. } => Some(report.statement.generation),
            Self::Speech { generation, .. } => Some(*generation),
            _ => None,
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        self.dot().map_or(Ok(()), |dot| write!(f, " {dot}"))
    }
}

/// Whether the messages are no more than one chunk, which its last message may exceed.
fn check_segment(proposals: &[Arc<Proposal>], limits: &Limits) -> Result<(), DecodeError> {
    most(proposals.len(), limits.chunk_messages)?;
    let before_last = proposals.iter().rev().skip(1);
    let len = before_last.map(|p| p.message.ops.len()).sum();
    let limit = limits.chunk_bytes as usize;
    if len >= limit {
        return Err(DecodeError::TooLong { len, limit });
    }
    Ok(())
}

/// A message has no more bytes of operations than one may have.
fn check_message(message: &Message, limits: &Limits) -> Result<(), DecodeError> {
    let (len, limit) = (message.ops.len(), limits.message_bytes as usize);
    if len > limit {
        return Err(DecodeError::TooLong { len, limit });
    }
    Ok(())
}

/// A certificate has no more signatures than there may be seats.
fn check_certificate(certificate: &Certificate, limits: &Limits) -> Result<(), DecodeError> {
    most(certificate.signatures.len(), limits.seats)
}

fn check_standings(
    standing: Option<&Arc<Signed<Standing>>>,
    limits: &Limits,
) -> Result<(), DecodeError> {
    standing.map_or(Ok(()), |standing| check_standing(standing, limits))
}

/// A standing names no more lanes, and no more of the convicted, than there may be lanes.
fn check_standing(standing: &Signed<Standing>, limits: &Limits) -> Result<(), DecodeError> {
    most(standing.statement.frontier.len(), limits.lanes)?;
    most(standing.statement.convicted.len(), limits.lanes)
}

/// Whether there are no more of something than a limit.
fn most(len: usize, limit: u32) -> Result<(), DecodeError> {
    if len > limit as usize {
        return Err(DecodeError::TooMany {
            len: len as u64,
            limit: u64::from(limit),
        });
    }
    Ok(())
}
