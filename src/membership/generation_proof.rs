//! The proof that a generation was founded, which outlives the value that founded it.
//!
//! It holds a header and the certificate that decided it, and for a while how the generation before
//! ended. Who verifies one needs the foundation before it and nothing else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::agreement::{Vote, VoteKind};
use super::boundary::{Boundary, Ending};
use super::foundation::{Foundation, OtherEnding};
use super::generation_proposal::GenerationProposal;
use super::header::Header;
use crate::codec::Digest;
use crate::quorum::{Certificate, CertificateError, CommitteeError, QuorumCertificate};

/// The proof that a quorum decided the header of a generation: of such a generation is installed,
/// and the chain of them outlives all else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationProof {
    /// What was decided.
    pub header: Header,
    /// Precommits of one round for it, by a quorum of the generation before: the generation
    /// certificate.
    pub certificate: Arc<Certificate<Vote>>,
    /// How the generation before ended, while who shows the proof keeps that: the header commits to
    /// it.
    pub ending: Option<Arc<Ending>>,
}

impl GenerationProof {
    /// What is founded after `last`. Nothing remains to be shown: of the quorum that decided,
    /// correct members judged what the header follows from. The ending is not looked at.
    ///
    /// # Errors
    /// [`GenerationProofError`].
    pub fn verify(&self, last: &Foundation) -> Result<Foundation, GenerationProofError> {
        let decided = decided(last, &self.certificate)?;
        let digest = self.header.digest(last.network());
        let follows = self.header.parent == last.value()
            && last.generation().next() == Some(self.header.generation);
        if *decided != digest || !follows {
            return Err(GenerationProofError::OtherValue);
        }
        let certificate = Arc::clone(&self.certificate);
        last.committee()
            .certify(last.network(), certificate, |_, _| false)?;
        Ok(last.followed_by(&self.header)?)
    }

    /// The same for those who need not know how the generation before ended.
    #[must_use]
    pub fn without_ending(&self) -> Self {
        Self {
            header: self.header.clone(),
            certificate: Arc::clone(&self.certificate),
            ending: None,
        }
    }

    /// The record of a decision just reached on a value held here, which makes this boundary.
    #[must_use]
    pub fn of(
        value: &GenerationProposal,
        next: &Boundary,
        certificate: &QuorumCertificate<Vote>,
    ) -> Self {
        Self {
            header: value.header(next.network()),
            certificate: certificate.claim(),
            ending: Some(Arc::clone(next.ending())),
        }
    }
}

/// What a certificate decides, if it is a generation certificate of the generation that begins at
/// `last`.
fn decided<'a>(
    last: &Foundation,
    certificate: &'a Certificate<Vote>,
) -> Result<&'a Digest, GenerationProofError> {
    let vote = &certificate.statement;
    match &vote.kind {
        VoteKind::Precommit(Some(value)) if vote.generation == last.generation() => Ok(value),
        _ => Err(GenerationProofError::NoDecision),
    }
}

/// Why a generation does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerationProofError {
    /// The certificate is no decision of this generation.
    #[error("no decision of this generation")]
    NoDecision,
    /// The decision is about another value.
    #[error("the decision is about another value")]
    OtherValue,
    /// The certificate is none.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its members are no committee.
    #[error(transparent)]
    Committee(#[from] CommitteeError),
    /// The ending that is shown with it is not the one that its header commits to.
    #[error(transparent)]
    Ending(#[from] OtherEnding),
}
