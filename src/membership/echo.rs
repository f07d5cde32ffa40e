//! The one statement that the broadcast is made of: a member's word for a message.
//!
//! It is known here, below the broadcast, because members report their locks when a generation
//! ends.

use serde::{Deserialize, Serialize};

use crate::actor::Statement;
use crate::codec::{Digest, Domain};
use crate::dot::Dot;
use crate::evidence::Exclusive;
use crate::quorum::Generation;

/// A member's word that it found this message valid on what it has delivered, and will sign no
/// other at this dot in this generation.
///
/// **A source's echo of its own message is its signature on it.** It is signed apart from the
/// message, or an old signature could be shown at another dot and frame its author. It counts in
/// its generation alone, like every echo: what a boundary does not carry on was never certified,
/// so that its source is free of it, and signs that message again, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// The committee that the member speaks in.
    pub generation: Generation,
    /// Whose message, and which.
    pub dot: Dot,
    /// The message's digest.
    pub digest: Digest,
}

impl Statement for Echo {
    const DOMAIN: Domain = Domain::Echo;
}

impl Exclusive for Echo {
    /// Of one generation alone, for sources and members alike: what was signed in another may be
    /// void, and would convict a source that lost its store.
    fn excludes(&self, other: &Self) -> bool {
        let one_place = (self.generation, self.dot) == (other.generation, other.dot);
        one_place && self.digest != other.digest
    }
}
