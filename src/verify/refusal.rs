//! Why a file proves nothing, or nothing to this reader.

use crate::codec::DecodeError;
use crate::quorum::Generation;

/// Why nothing is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotProven {
    /// The bytes are no file of a proof.
    #[error("no proof of this version: {0}")]
    Malformed(#[from] DecodeError),
    /// It is of another network, or of another history of it, than the one that is trusted.
    #[error("of another network, or of another history of it, than the one that is trusted")]
    Elsewhere,
    /// The chain does not hold together.
    #[error("the chain breaks at {0}")]
    Chain(Generation),
    /// Signatures are no certificate of this generation's members.
    #[error("no certificate of the members of {0}")]
    Certificate(Generation),
    /// The numbers of the lane are none.
    #[error("the lane's numbers are none")]
    Lane,
    /// The chain does not hold the generation that is named.
    #[error("{0} is not in the chain")]
    Generation(Generation),
    /// A path does not lead to what a header commits to.
    #[error("the path does not lead to what the header of {0} commits to")]
    Path(Generation),
    /// Two statements do not exclude each other.
    #[error("the two statements do not exclude each other")]
    Conflict,
    /// A signature of evidence is bad.
    #[error("a signature is bad")]
    Signature,
    /// It holds together, and this trust does not reach it.
    #[error("not proven to who trusts this alone: {0}")]
    Unproven(Unproven),
}

/// What keeps a file that holds together from being proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unproven {
    /// The network's name is trusted alone, and committees whose keys may be stolen decide.
    #[error("the network's name says nothing of keys that were stolen since")]
    NameAlone,
    /// The chain does not hold the header that is trusted.
    #[error("its chain does not reach the generation that is trusted")]
    OutOfReach,
    /// A committee that is over signed it, and nothing later carries it.
    #[error("a committee that is over signed it, and no later one carries it")]
    Retired,
    /// Evidence is checked by the network's name.
    #[error("evidence is checked by the network's name")]
    NoName,
}

impl NotProven {
    /// In one word, by which the vectors name it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Elsewhere => "elsewhere",
            Self::Chain(_) => "chain",
            Self::Certificate(_) => "certificate",
            Self::Lane => "lane",
            Self::Generation(_) => "generation",
            Self::Path(_) => "path",
            Self::Conflict => "conflict",
            Self::Signature => "signature",
            Self::Unproven(_) => "unproven",
        }
    }
}
