//! The header of a generation: what its members are, and what it begins with, in digests.
//!
//! It is what a quorum of the generation before signs, so that a chain of headers with their
//! certificates proves itself to who holds nothing else, in a few hundred bytes a generation.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::codec::{Digest, Domain, NetworkId};
use crate::quorum::Generation;
use crate::snapshot::Commitment;

/// The header of a generation after the first, whose [genesis](super::Genesis) is what this is for
/// all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The digest of the header before; of the genesis for that of the first generation after it.
    pub parent: Digest,
    /// The generation that it is of.
    pub generation: Generation,
    /// Who sits in it.
    pub members: BTreeSet<Actor>,
    /// The digest of the [tree](super::Ending::frontier_tree) of where the lanes end.
    pub frontier: Digest,
    /// The digest of the [tree](super::Ending::marks_tree) of what is adopted and sealed.
    pub marks: Digest,
    /// What the state at the frontier digests to.
    pub state: Commitment,
    /// The digest of the changes and reports that all of this follows from.
    pub body: Digest,
}

impl Header {
    /// What a quorum of the generation before agreed on.
    #[must_use]
    pub fn digest(&self, network: &NetworkId) -> Digest {
        Digest::of(Domain::Header, network, self)
    }
}
