//! What the header of a generation says: who may sign in it, and the digests of what it begins
//! with.
//!
//! A foundation is a fact: it is made from a genesis, or of a header that a quorum of the committee
//! before decided. With the ending that its header commits to it makes a [`Boundary`].

use std::sync::Arc;

use super::boundary::{Boundary, Ending};
use super::genesis::{Genesis, GenesisError};
use super::header::Header;
use crate::codec::{Digest, Limits, NetworkId};
use crate::merkle::Tree;
use crate::quorum::{Committee, CommitteeError, Generation};
use crate::snapshot::Commitment;

/// What a generation is founded on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foundation {
    network: NetworkId,
    limits: Arc<Limits>,
    value: Digest,
    committee: Arc<Committee>,
    frontier: Digest,
    marks: Digest,
    state: Commitment,
}

/// An ending that is not the one which a header commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not how the header of {0} says that the generation before ended")]
pub struct OtherEnding(pub Generation);

impl Foundation {
    /// That of the first generation.
    pub(super) fn genesis(genesis: &Genesis) -> Result<Self, GenesisError> {
        Ok(Self {
            network: genesis.network(),
            limits: Arc::new(genesis.limits().clone()),
            value: genesis.network().digest(),
            committee: Arc::new(genesis.committee()?),
            frontier: Tree::EMPTY,
            marks: Tree::EMPTY,
            state: genesis.state(),
        })
    }

    /// That of the generation after this one. The caller knows that it was decided.
    ///
    /// # Errors
    /// [`CommitteeError`] when its members are none.
    pub(super) fn followed_by(&self, header: &Header) -> Result<Self, CommitteeError> {
        let (generation, members) = (header.generation, &header.members);
        let before = &self.committee;
        let committee = before.followed_by(generation, members, &self.limits)?;
        Ok(Self {
            network: self.network,
            limits: Arc::clone(&self.limits),
            value: header.digest(&self.network),
            committee: Arc::new(committee),
            frontier: header.frontier,
            marks: header.marks,
            state: header.state,
        })
    }

    /// The boundary at which the generation begins, if the one before ended so.
    ///
    /// # Errors
    /// [`OtherEnding`] when it did not.
    pub fn begin(self, ending: Arc<Ending>) -> Result<Boundary, OtherEnding> {
        // What is in no order has no tree.
        if !ending.is_sound(&self.network) {
            return Err(OtherEnding(self.generation()));
        }
        let trees = [ending.frontier_tree(), ending.marks_tree()].map(|tree| tree.digest());
        if trees != [self.frontier, self.marks] {
            return Err(OtherEnding(self.generation()));
        }
        Ok(Boundary {
            foundation: self,
            ending,
        })
    }

    /// The network that it belongs to.
    #[must_use]
    pub fn network(&self) -> &NetworkId {
        &self.network
    }

    /// The network's bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.committee.generation()
    }

    /// The digest of the header of the generation; of the genesis for the first.
    #[must_use]
    pub fn value(&self) -> Digest {
        self.value
    }

    /// Who may sign in this generation.
    #[must_use]
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
    }

    /// What the certified state at the frontier digests to.
    #[must_use]
    pub fn state(&self) -> Commitment {
        self.state
    }
}
