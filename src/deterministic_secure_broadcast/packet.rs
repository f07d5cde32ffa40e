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

use super::message::{Certificate, Echo, Equivocation, Message, Proposal, Summary};
use crate::actor::{Actor, Signed};
use crate::codec::{self, Bytes, DecodeError, Digest, Limits};
use crate::dot::{Dot, Seq};
use crate::membership::{
    self, AgreementMessage, Approval, CHANGES, Change, ChangeCertificate, Ending, GenerationProof,
    GenerationProposal, Report, Vote,
};
use crate::quorum::Generation;
use crate::snapshot::Manifest;

/// One datagram: where an answer goes, and what is said.
///
/// It has no number and no session: each body stands for itself, so that packets may be lost,
/// repeated and reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Where an answer is to be sent; anybody can write anything here.
    ///
    /// A rule that has to know who speaks asks for a signature in the body; this field says where
    /// to answer, and whom to ask for more.
    pub from: Actor,
    /// For whom it is.
    ///
    /// Not signed either: any other receiver refuses the packet, which catches a mistake and no
    /// attack.
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
    ///
    /// Sent to the source and to whoever sent the proposal on; an echo of an adopted lock goes to
    /// all members.
    Echo(Signed<Echo>),
    /// The proof that a message may be delivered.
    ///
    /// The message itself is not in it: those that echoed it have it, and others pull it.
    Certificate(Arc<Certificate>),
    /// Where the sender stands; it wants to hear where the receiver does.
    Announce(Arc<Signed<Summary>>),
    /// The answer to that: where the sender stands. It wants none in its turn.
    SummaryAck(Arc<Signed<Summary>>),
    /// Asks for what the asker lacks.
    ///
    /// Anybody may ask, member or not.
    PullRequest(PullRequest),
    /// What an asker lacked, as much as fits.
    PullResponse(PullResponse),
    /// Two signatures of one actor.
    Evidence(Arc<Equivocation>),
    /// A newcomer asks to be let in.
    ///
    /// It names the generation and value in which the newcomer stands: an old one lets nobody in
    /// later.
    Enter(Signed<membership::Entry>),
    /// A member consents to a change.
    Approve(Arc<ChangeApproval>),
    /// Where a frozen member's lanes end.
    ///
    /// Its own, or another's that was asked for.
    Report {
        /// The report.
        report: Arc<Signed<Report>>,
        /// What froze it; nothing where it was asked for.
        changes: Vec<ChangeCertificate>,
    },
    /// Of the agreement that ends a generation.
    Agreement {
        /// Which generation.
        generation: Generation,
        /// What is said.
        message: AgreementMessage,
        /// The value that is proposed, if one is.
        value: Option<Arc<GenerationProposal>>,
    },
    /// Asks for a value, or for what values, reports and boundaries rest on.
    FetchPayloads(FetchPayloads),
    /// A value that was asked for.
    ///
    /// It proves itself by its digest.
    Value(Arc<GenerationProposal>),
    /// What ended a generation and founded the next.
    GenerationProof(Arc<GenerationProof>),
    /// Asks for a part of what a generation begins with.
    FetchSnapshot {
        /// Which generation's.
        generation: Generation,
        /// Which part.
        part: SnapshotQuestion,
    },
    /// A part of what a generation begins with.
    Snapshot {
        /// Which generation's.
        generation: Generation,
        /// Which part.
        part: SnapshotPart,
    },
    /// Asks what the receiver holds of the sender's own statements, with a challenge that the
    /// answer repeats.
    ///
    /// Members alone are answered.
    Recall(Digest),
    /// The answer to that.
    Recollection(Recollection),
}

/// A change with one member's approval of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeApproval {
    /// The change, with the newcomer's signature if there is one.
    pub change: Change,
    /// The member's word, which names the change by its key.
    pub approval: Signed<Approval>,
}

/// Asks for a value, or for reports and messages that a value, a report or a boundary rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchPayloads {
    /// The value itself.
    ///
    /// `None` when only what it rests on is missing.
    pub value: Option<Digest>,
    /// Reports, by who reported and the digest of what.
    ///
    /// No more than there may be seats.
    pub reports: Vec<(Actor, Digest)>,
    /// Messages, by dot and digest.
    ///
    /// No more than there may be lanes. The digest is asked for, as two messages of one dot may
    /// both be wanted.
    pub payloads: Vec<(Dot, Digest)>,
}

/// What a member holds of another's statements: each signed by the one that asks, the newest of
/// each kind.
///
/// The receiver believes none of it: what its own key did not sign is refused, what is on its
/// record says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recollection {
    /// That of the question: nobody else can know it.
    pub challenge: Digest,
    /// Where it stood, by its own word.
    pub summary: Option<Arc<Signed<Summary>>>,
    /// What it echoed last in each lane; in its own lane its newest message.
    ///
    /// Up to two for each lane, one counted here and one in a certificate, and in its own lane as
    /// many as its source: its newest, and one of a generation that is over.
    pub echoes: Vec<Signed<Echo>>,
    /// What it reported of this generation.
    pub report: Option<Box<Signed<Report>>>,
    /// What it said in the agreement on the next one.
    pub votes: Vec<Signed<Vote>>,
}

/// Statements of one seat that the agreement holds, at most: three of each of two rounds.
const VOTES: u32 = 6;

/// Asks for a part of what a generation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotQuestion {
    /// How the one before ended.
    Ending,
    /// The manifest of its snapshot.
    Manifest,
    /// One chunk of its snapshot.
    Chunk(u32),
}

/// A part of what a generation begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotPart {
    /// How the one before ended: the header commits to it.
    Ending(Arc<Ending>),
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

/// Asks for the lanes beyond the asker's summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Where the asker stands; none when it has signed no summary and may sign none.
    ///
    /// It is also where the lanes are asked from.
    pub summary: Option<Arc<Signed<Summary>>>,
    /// The newest generation that it knows to be founded.
    ///
    /// While a trusted checkpoint is not reached, an earlier one: the chain is then asked for from
    /// there.
    pub known: Generation,
    /// Lanes of which it has more than its summary says, and up to where; the largest number for
    /// enough.
    pub held: BTreeMap<Actor, Seq>,
}

/// The generations that the asker lacks, the next segment of each lane, and where the answerer
/// stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullResponse {
    /// What founded the generations that the asker does not know, oldest first.
    ///
    /// They go before segments: as long as one is missing no segment is sent, as its certificates
    /// could not be judged.
    pub proofs: Vec<Arc<GenerationProof>>,
    /// Whether the answerer no longer keeps what the asker lacks: it needs a snapshot.
    ///
    /// Not signed and not proven: a liar that says it makes the asker take a certified snapshot,
    /// and nothing worse.
    pub pruned: bool,
    /// At most one segment a lane, in the order of their sources.
    ///
    /// Their order is part of the format, so that none comes twice.
    pub segments: Vec<Segment>,
    /// Where the answerer stands; none when it has signed no summary and may sign none.
    pub summary: Option<Arc<Signed<Summary>>>,
}

/// A segment of one lane that proves itself: consecutive messages, and a certificate of the last.
///
/// It is no longer than a [`Limits`] segment, so that a liar makes the receiver hash and hold no
/// more than that before it has to prove it.
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
    /// Costs a walk over lengths, and no hash or signature: it is the first thing that is asked of
    /// a packet, whoever sent it.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] or [`DecodeError::TooMany`].
    pub fn check(&self, limits: &Limits) -> Result<(), DecodeError> {
        match self {
            Self::Proposal(proposal) => check_message(&proposal.message, limits),
            Self::Certificate(certificate) => check_certificate(certificate, limits),
            Self::Announce(summary) | Self::SummaryAck(summary) => check_summary(summary, limits),
            Self::PullRequest(request) => {
                most(request.held.len(), limits.lanes)?;
                check_summaries(request.summary.as_ref(), limits)
            }
            Self::PullResponse(answer) => {
                most(answer.segments.len(), limits.lanes)?;
                for segment in &answer.segments {
                    check_segment(&segment.proposals, limits)?;
                    if let Some(certificate) = &segment.certificate {
                        check_certificate(certificate, limits)?;
                    }
                    let mut messages = segment.proposals.iter().map(|p| &p.message);
                    messages.try_for_each(|message| check_message(message, limits))?;
                }
                check_summaries(answer.summary.as_ref(), limits)
            }
            Self::Report { changes, .. } => most(changes.len(), CHANGES as u32),
            Self::FetchPayloads(fetch) => {
                most(fetch.reports.len(), limits.seats)?;
                most(fetch.payloads.len(), limits.lanes)
            }
            Self::Recollection(told) => {
                // Of a lane that is its own two more.
                most(
                    told.echoes.len(),
                    limits.lanes.saturating_mul(2).saturating_add(2),
                )?;
                most(told.votes.len(), VOTES)?;
                check_summaries(told.summary.as_ref(), limits)
            }
            // These hold nothing without a bound of its own, checked where they are taken in.
            Self::Echo(_)
            | Self::Evidence(_)
            | Self::Enter(_)
            | Self::Approve(_)
            | Self::Agreement { .. }
            | Self::Value(_)
            | Self::GenerationProof(_)
            | Self::FetchSnapshot { .. }
            | Self::Snapshot { .. }
            | Self::Recall(_) => Ok(()),
        }
    }

    /// Every kind, in a word each, by which metrics, charts and recordings name it.
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
            Self::SummaryAck(_) => "receipt",
            Self::PullRequest(_) => "request",
            Self::PullResponse(_) => "answer",
            Self::Evidence(_) => "evidence",
            Self::Enter(_) => "enter",
            Self::Approve(_) => "approve",
            Self::Report { .. } => "report",
            Self::Agreement { .. } => "vote",
            Self::FetchPayloads(_) => "want",
            Self::Value(_) => "value",
            Self::GenerationProof(_) => "generation",
            Self::FetchSnapshot { .. } => "fetch",
            Self::Snapshot { .. } => "snapshot",
            Self::Recall(_) => "recall",
            Self::Recollection(_) => "recollection",
        }
    }
}

impl Body {
    /// The dot that it speaks of, if it speaks of one.
    ///
    /// For logs and charts; the rules take the dot from what is signed.
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

    /// Whether it says nothing in its sender's name: it proves itself, or merely asks. So it binds
    /// nobody to what is not written yet.
    pub(super) fn is_impersonal(&self) -> bool {
        match self {
            Self::Certificate(_)
            | Self::Evidence(_)
            | Self::GenerationProof(_)
            | Self::Value(_)
            | Self::Snapshot { .. }
            | Self::FetchPayloads(_)
            | Self::FetchSnapshot { .. }
            | Self::Recall(_) => true,
            // With a summary of the sender's.
            Self::PullRequest(_) | Self::PullResponse(_) => false,
            Self::Proposal(_)
            | Self::Echo(_)
            | Self::Announce(_)
            | Self::SummaryAck(_)
            | Self::Enter(_)
            | Self::Approve(_)
            | Self::Report { .. }
            | Self::Agreement { .. }
            | Self::Recollection(_) => false,
        }
    }

    /// The generation in which it was said, when it means nothing in another.
    ///
    /// Proposals, certificates and segments have none: they name the generation of their signatures
    /// and count beyond it. For the others the generation is compared first: an older one is
    /// answered with what ended it, unless that is [known](Self::shows_decision); a newer one makes
    /// us ask.
    pub(super) fn generation(&self) -> Option<Generation> {
        match self {
            Self::Echo(echo) => Some(echo.statement.generation),
            Self::Enter(entry) => Some(entry.statement.generation),
            Self::Approve(approved) => Some(approved.approval.statement.generation),
            Self::Report { report, .. } => Some(report.statement.generation),
            Self::Agreement { generation, .. } => Some(*generation),
            _ => None,
        }
    }

    /// Whether its sender says that it knows how the agreement of its generation ended.
    pub(super) fn shows_decision(&self) -> bool {
        matches!(self, Self::Agreement { message, .. } if message.shows_decision())
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        self.dot().map_or(Ok(()), |dot| write!(f, " {dot}"))
    }
}

/// Whether the messages are no more than one segment, which its last message may exceed.
///
/// The receiver holds a segment in memory before it is delivered, and this is the bound of that.
fn check_segment(proposals: &[Arc<Proposal>], limits: &Limits) -> Result<(), DecodeError> {
    most(proposals.len(), limits.segment_messages)?;
    let before_last = proposals.iter().rev().skip(1);
    let len = before_last.map(|p| p.message.ops.len()).sum();
    let limit = limits.segment_bytes as usize;
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

/// As [`check_summary`], of one that may be absent.
fn check_summaries(
    summary: Option<&Arc<Signed<Summary>>>,
    limits: &Limits,
) -> Result<(), DecodeError> {
    summary.map_or(Ok(()), |summary| check_summary(summary, limits))
}

/// A summary names no more lanes, and no more of the convicted, than there may be lanes.
fn check_summary(summary: &Signed<Summary>, limits: &Limits) -> Result<(), DecodeError> {
    most(summary.statement.frontier.len(), limits.lanes)?;
    most(summary.statement.convicted.len(), limits.lanes)
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
