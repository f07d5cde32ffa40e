//! The description of a network, whose digest is the network's name.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use crate::actor::{Actor, SignatureRule};
use crate::codec::{Bytes, Digest, Domain, Limits, LimitsError, NetworkId, fixed};
use crate::quorum::{Committee, CommitteeError, Generation};
use crate::snapshot::{Commitment, Snapshot};
use crate::traits::WireAlgorithm;

/// All that replicas must agree on before they hear of each other: first members, algorithm,
/// bounds; a nonce, which tells this founding from any other by the same members; and which
/// signatures are good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    algorithm: String,
    configuration: Bytes,
    state: Commitment,
    members: BTreeSet<Actor>,
    limits: Limits,
    #[serde(with = "fixed")]
    nonce: [u8; 32],
    signatures: SignatureRule,
}

impl Genesis {
    /// The genesis of a network of `members` that starts from the state of `algorithm`.
    ///
    /// Two foundings of the same members with the same `nonce` are one network: what an actor signs
    /// in one counts in the other, and convicts it when it contradicts. So draw the nonce from the
    /// system's source of randomness.
    ///
    /// # Errors
    /// [`GenesisError`] when the members are no committee or the limits contradict each other.
    pub fn new<A: WireAlgorithm>(
        algorithm: &A,
        members: BTreeSet<Actor>,
        limits: Limits,
        nonce: [u8; 32],
    ) -> Result<Self, GenesisError> {
        limits.check()?;
        Committee::new(Generation::GENESIS, &members, &limits)?;
        Ok(Self {
            algorithm: A::NAME.to_owned(),
            configuration: algorithm.configuration().into(),
            state: commitment(algorithm),
            members,
            limits,
            nonce,
            signatures: SignatureRule::C1,
        })
    }

    /// The genesis of a network that goes on from a state that another one had certified:
    /// `algorithm` is in that state. Its nonce is made of `salt`, drawn as a nonce is, and of
    /// `origin`, so that its name tells the networks that go on from there from all others.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn succeeding<A: WireAlgorithm>(
        algorithm: &A,
        members: BTreeSet<Actor>,
        limits: Limits,
        origin: &Origin,
        salt: [u8; 16],
    ) -> Result<Self, GenesisError> {
        Self::new(algorithm, members, limits, nonce_after(origin, salt))
    }

    /// Whether this network was founded to go on from `origin`.
    #[must_use]
    pub fn succeeds(&self, origin: &Origin) -> bool {
        let salt = self.nonce.first_chunk().copied();
        salt.is_some_and(|salt| nonce_after(origin, salt) == self.nonce)
    }

    /// The network's name: two networks that differ in anything above do not understand each other.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        NetworkId(Digest::of(Domain::Genesis, &NetworkId::NONE, self))
    }

    /// The algorithm's name: which one to run is for the reader of a genesis to know.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// How the algorithm is configured, as its
    /// [`configuration`](crate::SecureBroadcastAlgorithm::configuration) says it.
    #[must_use]
    pub fn configuration(&self) -> &[u8] {
        self.configuration.as_slice()
    }

    /// Which signatures are good in this network.
    #[must_use]
    pub fn signatures(&self) -> SignatureRule {
        self.signatures
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The first members.
    #[must_use]
    pub fn members(&self) -> &BTreeSet<Actor> {
        &self.members
    }

    /// What the first state digests to.
    #[must_use]
    pub fn state(&self) -> Commitment {
        self.state
    }

    /// The first committee.
    ///
    /// # Errors
    /// [`GenesisError`] when this genesis came from outside and its members are no committee.
    pub fn committee(&self) -> Result<Committee, GenesisError> {
        Ok(Committee::new(
            Generation::GENESIS,
            &self.members,
            &self.limits,
        )?)
    }

    /// Checks that `algorithm` is the one described, in its first state, and that the bounds hold.
    ///
    /// # Errors
    /// [`GenesisError`] naming what differs.
    pub fn check<A: WireAlgorithm>(&self, algorithm: &A) -> Result<(), GenesisError> {
        self.limits.check()?;
        if self.algorithm != A::NAME {
            return Err(GenesisError::Algorithm);
        }
        if self.configuration.as_slice() != algorithm.configuration() {
            return Err(GenesisError::Configuration);
        }
        if self.state != commitment(algorithm) {
            return Err(GenesisError::State);
        }
        Ok(())
    }
}

/// The salt, and half of a digest of it and of the origin.
fn nonce_after(origin: &Origin, salt: [u8; 16]) -> [u8; 32] {
    let digest = Digest::of(Domain::Origin, &origin.network, &(origin.generation, salt));
    let mut nonce = *digest.as_bytes();
    nonce[..16].copy_from_slice(&salt);
    nonce
}

fn commitment<A: WireAlgorithm>(algorithm: &A) -> Commitment {
    Commitment::of(algorithm, &Snapshot::of(algorithm))
}

/// Why a description is none of a network, or not of this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The members are no committee.
    #[error(transparent)]
    Committee(#[from] CommitteeError),
    /// The bounds contradict each other.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Another algorithm, or another version of it.
    #[error("another algorithm")]
    Algorithm,
    /// The same algorithm, configured differently.
    #[error("another configuration")]
    Configuration,
    /// The algorithm is not in the first state.
    #[error("another first state")]
    State,
}
