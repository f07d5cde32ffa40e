//! A network that goes on from where another one ended: its first state is one that the other had
//! certified, and its name says so.
//!
//! When more members are lost for good than a quorum can spare, no generation begins any more and
//! nothing new is accepted. What the last generation began with is certified by a quorum of the one
//! before, and that proves itself from the genesis on, to anybody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::foundation::Foundation;
use super::generation_proof::{GenerationProof, GenerationProofError};
use super::genesis::{Genesis, GenesisError};
use crate::codec::{Bytes, Digest, NetworkId, decode};
use crate::quorum::Generation;
use crate::snapshot::Snapshot;
use crate::traits::WireAlgorithm;

/// With whose state a network begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The network whose state it was.
    pub network: NetworkId,
    /// The generation that began with it there.
    pub generation: Generation,
}

/// The state with which a generation began, and the proof that the members before it agreed on it:
/// a claim, until [`verify`](Self::verify).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedState {
    genesis: Genesis,
    proofs: Vec<Arc<GenerationProof>>,
    bytes: Bytes,
}

impl CertifiedState {
    pub(crate) fn new(genesis: Genesis, proofs: Vec<Arc<GenerationProof>>, bytes: Bytes) -> Self {
        Self {
            genesis,
            proofs,
            bytes,
        }
    }

    /// The description of the network whose state it is said to be.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Checks that a quorum of each generation decided the next one, from the genesis on, and that
    /// the last one began with this state. It is for the caller to say whether it means this
    /// network and this generation: a genesis can be made by anybody, and old members' keys, if a
    /// quorum of them is stolen, can make other generations after their own.
    ///
    /// # Errors
    /// [`CertifiedStateError`].
    pub fn verify(&self) -> Result<Origin, CertifiedStateError> {
        self.genesis.limits().check().map_err(GenesisError::from)?;
        let mut founded = Foundation::genesis(&self.genesis)?;
        for proof in &self.proofs {
            founded = proof.verify(&founded)?;
        }
        if self.proofs.is_empty() || founded.state().snapshot != self.digest() {
            return Err(CertifiedStateError::State);
        }
        Ok(Origin {
            network: self.genesis.network(),
            generation: founded.generation(),
        })
    }

    fn digest(&self) -> Digest {
        Snapshot::from_bytes(self.bytes.clone()).manifest().digest()
    }

    /// Puts the state into `fresh`, an algorithm of the same configuration in the state in which it
    /// is made.
    ///
    /// # Errors
    /// [`CertifiedStateError`] when it is no state of that algorithm.
    pub fn into_fresh<A: WireAlgorithm>(&self, mut fresh: A) -> Result<A, CertifiedStateError> {
        let bytes = self.bytes.as_slice();
        let state = decode(bytes, bytes.len()).map_err(|_| CertifiedStateError::Algorithm)?;
        let same = self.genesis.algorithm() == A::NAME
            && self.genesis.configuration() == fresh.configuration();
        if !same || !fresh.admits(&state) {
            return Err(CertifiedStateError::Algorithm);
        }
        fresh.sync_from(state);
        Ok(fresh)
    }
}

/// Why a state is not certified, or not of this algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertifiedStateError {
    /// The description of the network is none.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// One of the generations was not decided by the one before.
    #[error(transparent)]
    GenerationProof(#[from] GenerationProofError),
    /// No generation began with this state.
    #[error("no generation began with this state")]
    State,
    /// It is no state of that algorithm and configuration.
    #[error("a state of another algorithm, or of another configuration")]
    Algorithm,
}
