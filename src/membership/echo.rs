//! The one statement that the broadcast is made of: a member's word for a message.
//!
//! It is known here, below the broadcast, because members report their locks when a generation
//! ends.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Statement};
use crate::codec::{Digest, Domain};
use crate::dot::Dot;
use crate::evidence::Exclusive;
use crate::quorum::Generation;

/// A member's word that it found this message valid on what it has delivered, and will sign no
/// other at this dot in this generation.
///
/// **A source's echo of its own message is its signature on it**, and binds it at that dot for
/// ever, in whatever generation it was said. It is signed apart from the message, or an old
/// signature could be shown at another dot and frame its author. It names the generation like every
/// echo: did it count in each, then whoever is still in an old generation could be made to deliver
/// there what was proposed in the next, alone.
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
    /// Members may change their mind from one generation to the next, when the boundary says so; a
    /// source never may.
    fn excludes(&self, other: &Self, signer: &Actor) -> bool {
        let bound = self.generation == other.generation || self.dot.source == *signer;
        bound && self.dot == other.dot && self.digest != other.digest
    }
}
