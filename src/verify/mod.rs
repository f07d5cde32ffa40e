//! Proofs that leave the process: files that prove themselves to who holds nothing but a name.
//!
//! A [`Receipt`] proves that a message was accepted, a [`StateProof`] that the state at a boundary
//! has a record, or has none under a key, and [`Evidence`] that a key contradicted itself. Whoever
//! checks one holds a [`Trust`]: the network's name, or the header of a generation. A member
//! [issues](crate::Replica::receipt) them; there is no replica, no store and no clock in here, and
//! no input makes it panic. Work is bounded by the file, which has [`FILE`] bytes at most.
//!
//! ```
//! use bft_crdts::verify::{NotProven, Trust, check};
//!
//! let network = "5b".repeat(32).parse()?;
//! assert!(matches!(check(b"anything", &Trust::Network(network)), Err(NotProven::Malformed(_))));
//! # Ok::<(), bft_crdts::codec::NetworkIdError>(())
//! ```
//!
//! `docs/formats.md` describes each byte, and the order of what is asked, which all verifiers
//! share.

mod chain;
mod evidence;
#[cfg(any(feature = "node", feature = "sim"))]
mod json;
mod receipt;
mod refusal;
mod state;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::codec::{DecodeError, Digest, NetworkId, decode, encode};
use crate::quorum::Generation;

pub use chain::{Chain, Link, Root, Signatures};
pub use evidence::Evidence;
#[cfg(any(feature = "sim", feature = "node"))]
pub use json::{JsonError, TEXT};
pub use receipt::{End, Receipt};
pub use refusal::{NotProven, Unproven};
pub use state::StateProof;

/// Bytes of a file, at most.
pub const FILE: usize = 8 << 20;

const MAGIC: &[u8; 8] = b"BFTPROOF";
const VERSION: u32 = 1;

/// What a file may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a file")]
pub enum Proof {
    /// A message was accepted.
    Receipt(Receipt),
    /// The state has a record, or has none under a key.
    StateProof(StateProof),
    /// A key contradicted itself.
    Evidence(Evidence),
}

/// What whoever checks a proof holds beforehand: the anchor of all that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A network's name: then the keys of all its committees are believed to be safe still, which
    /// nobody knows of retired ones. Evidence alone is proven by it, and its first state.
    Network(NetworkId),
    /// The digest of a generation's header; of generation 0 the network's name. All before it is
    /// proven by hashes, whatever became of the keys.
    Header {
        /// The generation.
        generation: Generation,
        /// The digest of its header.
        digest: Digest,
    },
}

/// How well something is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// By signatures of the committee that the anchor names, or of ones after it; of what a later
    /// generation carried on, of the committee that the receipt names, which may be before it.
    Signed,
    /// By hashes alone, from the anchor: for ever, whatever keys are stolen.
    Anchored,
}

/// How something is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// How well.
    pub grade: Grade,
    /// The generation of the anchor.
    pub anchor: Generation,
    /// The generation whose header, or whose members' signatures, prove it.
    pub by: Generation,
}

/// What a good proof establishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Established {
    /// A receipt's message was accepted, or a state is as its proof says.
    Proven(Proven),
    /// This actor contradicted itself.
    Convicts(Actor),
}

impl Established {
    /// In one word, by which the vectors name it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Proven(proven) if proven.grade == Grade::Anchored => "anchored",
            Self::Proven(_) => "signed",
            Self::Convicts(_) => "convicts",
        }
    }
}

impl Proof {
    /// The bytes of a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(encode(&(VERSION, self)));
        bytes
    }

    /// What a file says, which may all be a lie.
    ///
    /// # Errors
    /// [`DecodeError`] when it is none of this version, or longer than [`FILE`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > FILE {
            let (len, limit) = (bytes.len(), FILE);
            return Err(DecodeError::TooLong { len, limit });
        }
        let proof = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_prefix(&VERSION.to_le_bytes()))
            .ok_or(DecodeError::Malformed)?;
        decode(proof, FILE)
    }

    /// What it establishes.
    ///
    /// # Errors
    /// [`NotProven`], in the order of `docs/formats.md`.
    pub fn check(&self, trust: &Trust) -> Result<Established, NotProven> {
        match self {
            Self::Receipt(receipt) => receipt.check(trust).map(Established::Proven),
            Self::StateProof(proof) => proof.check(trust).map(Established::Proven),
            Self::Evidence(evidence) => evidence.check(trust).map(Established::Convicts),
        }
    }

    /// The network that it is said to be of.
    #[must_use]
    pub fn network(&self) -> &NetworkId {
        match self {
            Self::Receipt(receipt) => &receipt.network,
            Self::StateProof(proof) => &proof.network,
            Self::Evidence(evidence) => &evidence.network,
        }
    }
}

/// What the bytes of a file establish.
///
/// # Errors
/// [`NotProven`].
pub fn check(bytes: &[u8], trust: &Trust) -> Result<Established, NotProven> {
    Proof::from_bytes(bytes)?.check(trust)
}
