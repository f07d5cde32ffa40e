//! Why something was refused: one enum per verb. A refusal changes nothing.

use crate::actor::{Actor, BadSignature};
use crate::codec::DecodeError;
use crate::dot::Dot;
use crate::evidence::EvidenceError;
use crate::membership::{CertificateError, Generation, GenesisError, VerifyError};
use crate::traits::Verdict;

/// Why a packet was refused. It changed nothing, and nobody is accused: anybody can have sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are no packet, or a part is over its bound.
    #[error("packet: {0}")]
    Decode(#[from] DecodeError),
    /// It is not for us.
    #[error("for {0:?}, not for us")]
    Misdelivered(Actor),
    /// It speaks of the lane of an actor that is no member.
    #[error("{0:?} has no lane here")]
    NoLane(Actor),
    /// It is not signed by a member.
    #[error(transparent)]
    Unsigned(#[from] VerifyError),
    /// A message has number 0.
    #[error("{0} is no dot of a message")]
    NoDot(Dot),
    /// A message does not follow the one that was delivered before it.
    #[error("{0} does not follow what was delivered before it")]
    WrongParent(Dot),
    /// The source is convicted: nothing new of it is echoed.
    #[error("{0:?} is convicted")]
    Convicted(Actor),
    /// We sign no more: our own key has signed what we do not remember.
    #[error("silenced")]
    Silenced,
    /// An echo that no proposal of ours asked for.
    #[error("an echo of {0} that was not asked for")]
    Unasked(Dot),
    /// A statement of a committee that is no more.
    #[error("of {0}, which is over")]
    Stale(Generation),
    /// A statement of a committee that we do not know yet.
    #[error("of {0}, which is not here yet")]
    Early(Generation),
    /// A certificate that is none.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// A stretch of a lane is out of order, has a gap, or does not end at its certificate.
    #[error("a stretch of {0:?}'s lane does not hold together")]
    Chunk(Actor),
    /// Evidence that convicts nobody here.
    #[error("evidence: {0}")]
    Evidence(#[from] EvidenceError),
}

impl From<BadSignature> for Refusal {
    fn from(bad: BadSignature) -> Self {
        Self::Unsigned(bad.into())
    }
}

/// Why an operation was not taken. It can be proposed again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// The algorithm does not allow it on our state with our pending operations applied.
    #[error("not valid here: {0:?}")]
    NotValid(Verdict),
    /// One operation is longer than a message may be.
    #[error("{len} bytes, at most {limit} fit a message")]
    TooLarge {
        /// Bytes of the encoded operation.
        len: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// The outbox is full: wait for deliveries.
    #[error("the outbox is full")]
    OutboxFull,
    /// We are no member of the present generation.
    #[error("no member")]
    NotAMember,
    /// Our lane has no numbers left.
    #[error("the lane is full")]
    LaneFull,
    /// We sign no more: our own key has signed what we do not remember.
    #[error("silenced")]
    Silenced,
}

/// Why a replica could not be rebuilt from its records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The algorithm is not the one that the genesis describes.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A record does not follow from the ones before it.
    #[error("record {index} does not follow from the ones before it")]
    Record {
        /// Which record, from 0.
        index: usize,
    },
}
