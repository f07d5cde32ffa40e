//! Why something was refused: one enum per verb. A refusal changes nothing.

use crate::actor::{Actor, BadSignature};
use crate::codec::DecodeError;
use crate::dot::Dot;
use crate::evidence::EvidenceError;
use crate::membership::{
    AgreementMessageError, ChangeError, GenerationProofError, GenesisError, ReportError,
};
use crate::quorum::{CertificateError, Generation, VerifyError};
use crate::traits::Verdict;

/// Why a packet was refused. It changed nothing, and nobody is accused: anybody can have sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
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
    /// The same operations were refused before: they can never be valid.
    #[error("{0} holds what can never be valid")]
    Invalid(Dot),
    /// We sign no more: our own key has signed what we do not remember.
    #[error("silenced")]
    Silenced,
    /// An echo that no proposal of ours asked for.
    #[error("an echo of {0} that was not asked for")]
    Unasked(Dot),
    /// An answer from an actor that we have not asked, or that has answered already.
    #[error("an answer from {0:?}, which was not asked")]
    UnaskedAnswer(Actor),
    /// A certificate that is none.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// A segment of a lane is out of order, has a gap, or does not end at its certificate.
    #[error("a segment of {0:?}'s lane does not hold together")]
    Segment(Actor),
    /// A certificate by a committee that is over, of what the boundary after it does not name: its
    /// keys may be retired and stolen.
    #[error("a certificate for the lane of {0:?} that comes too late")]
    Closed(Actor),
    /// A change that cannot be made, or is not approved.
    #[error("change: {0}")]
    Change(#[from] ChangeError),
    /// A report that is none.
    #[error("report: {0}")]
    Report(#[from] ReportError),
    /// Something in a message of the agreement is no statement of a member.
    #[error("agreement: {0}")]
    Agreement(#[from] AgreementMessageError),
    /// A generation that does not follow.
    #[error("generation: {0}")]
    GenerationProof(#[from] GenerationProofError),
    /// A chain of generations that is not the one we were invited to.
    #[error("another {0} than the one we were invited to")]
    Forged(Generation),
    /// A part of a snapshot that is not the certified one's.
    #[error("not a part of the snapshot of {0}")]
    Snapshot(Generation),
    /// Evidence that convicts nobody here.
    #[error("evidence: {0}")]
    Evidence(#[from] EvidenceError),
}

impl PacketError {
    /// The reason in a word or two, without what a sender can choose: for metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Decode(_) => "malformed",
            Self::Misdelivered(_) => "misdelivered",
            Self::NoLane(_) => "no lane",
            Self::Unsigned(_) => "unsigned",
            Self::NoDot(_) => "no dot",
            Self::WrongParent(_) => "wrong parent",
            Self::Invalid(_) => "invalid",
            Self::Silenced => "silenced",
            Self::Unasked(_) => "unasked echo",
            Self::UnaskedAnswer(_) => "unasked answer",
            Self::Certificate(_) => "certificate",
            Self::Segment(_) => "segment",
            Self::Closed(_) => "too late",
            Self::Change(_) => "change",
            Self::Report(_) => "report",
            Self::Agreement(_) => "agreement",
            Self::GenerationProof(_) => "generation",
            Self::Forged(_) => "forged chain",
            Self::Snapshot(_) => "snapshot",
            Self::Evidence(_) => "evidence",
        }
    }

    /// Whether it has a bad signature.
    ///
    /// A correct member checks every signature before it says it on: where your transport knows
    /// the sender, this is the mark of one that lies, or floods.
    #[must_use]
    pub fn is_forgery(&self) -> bool {
        let bad_change = |error: &ChangeError| {
            matches!(
                error,
                ChangeError::BadSignature(_)
                    | ChangeError::Certificate(CertificateError::BadSignature(_))
            )
        };
        match self {
            Self::Unsigned(VerifyError::BadSignature(_))
            | Self::Certificate(CertificateError::BadSignature(_))
            | Self::Report(ReportError::BadSignature(_))
            | Self::Evidence(EvidenceError::BadSignature(_)) => true,
            Self::Change(error) => bad_change(error),
            Self::Agreement(error) => matches!(
                error,
                AgreementMessageError::Vote(VerifyError::BadSignature(_))
                    | AgreementMessageError::Quorum(CertificateError::BadSignature(_))
            ),
            Self::GenerationProof(GenerationProofError::Certificate(error)) => {
                matches!(error, CertificateError::BadSignature(_))
            }
            _ => false,
        }
    }
}

impl From<BadSignature> for PacketError {
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
    /// Operations that were proposed at once are together longer than all that may wait: propose
    /// fewer.
    #[error("{len} bytes at once, at most {limit} may wait")]
    TooMany {
        /// Bytes of the encoded operations.
        len: usize,
        /// Bytes that may wait.
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

/// Why a change was not approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// It cannot be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// We are no member of the present generation, or do not know it: the chain has not reached the
    /// trusted checkpoint.
    #[error("no member")]
    NotAMember,
    /// We sign no more.
    #[error("silenced")]
    Silenced,
    /// We sign nothing yet: the members have not told what our key has signed before.
    #[error(
        "nothing is signed before the members have told what this key has signed; ask again soon"
    )]
    InDoubt,
}

/// Another value than the trusted one founded this generation here: the replica has followed
/// another chain. Begin again with an empty store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another value than the trusted one founded {0} here; begin again with an empty store")]
pub struct CheckpointError(pub Generation);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_signature_is_a_forgery_wherever_it_is_and_nothing_else_is_one() {
        let bad = BadSignature(Actor::from_bytes([1; 32]));
        let (vote, quorum) = (VerifyError::from(bad), CertificateError::from(bad));
        let approved = ChangeError::from(quorum);
        let forgeries: [PacketError; 9] = [
            bad.into(),
            quorum.into(),
            ChangeError::from(bad).into(),
            approved.into(),
            ReportError::from(bad).into(),
            EvidenceError::from(bad).into(),
            AgreementMessageError::from(vote).into(),
            AgreementMessageError::from(quorum).into(),
            GenerationProofError::from(quorum).into(),
        ];
        for forgery in forgeries {
            assert!(forgery.is_forgery(), "{forgery:?}");
        }
        let others: [PacketError; 4] = [
            PacketError::Silenced,
            ChangeError::Stale.into(),
            ReportError::Stale.into(),
            AgreementMessageError::NoQuorum.into(),
        ];
        for other in others {
            assert!(!other.is_forgery(), "{other:?}");
        }
    }
}
