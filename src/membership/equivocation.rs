//! The two ways to be convicted: to echo, and to vote, for two things in one place.

use serde::{Deserialize, Serialize};

use super::agreement::Vote;
use super::echo::Echo;
use crate::actor::Actor;
use crate::codec::NetworkId;
use crate::dot::Dot;
use crate::evidence::{Conflict, EvidenceError};

/// Evidence that anybody can check with the network's name alone.
///
/// A correct replica makes neither pair: its lock, or its vote, is durable before the signature
/// leaves it. So no rule asks in which state the accused was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Equivocation {
    /// A source signed two messages at one dot, or a member echoed two, in one generation.
    Echo(Conflict<Echo>),
    /// A member voted twice in one round of the agreement on a generation.
    Vote(Conflict<Vote>),
}

impl Equivocation {
    /// The actor that this convicts.
    ///
    /// # Errors
    /// [`EvidenceError`] when it convicts nobody.
    pub fn verify(&self, network: &NetworkId) -> Result<Actor, EvidenceError> {
        match self {
            Self::Echo(conflict) => conflict.verify(network),
            Self::Vote(conflict) => conflict.verify(network),
        }
    }

    /// Whom it accuses, right or wrong.
    #[must_use]
    pub fn accused(&self) -> Actor {
        match self {
            Self::Echo(conflict) => conflict.left.signer,
            Self::Vote(conflict) => conflict.left.signer,
        }
    }

    /// The dot of which it speaks, if it speaks of one.
    #[must_use]
    pub fn dot(&self) -> Option<Dot> {
        match self {
            Self::Echo(conflict) => Some(conflict.left.statement.dot),
            Self::Vote(_) => None,
        }
    }
}
