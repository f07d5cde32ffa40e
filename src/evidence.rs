//! Evidence that convicts: two signatures of one actor that a correct one never makes together.
//!
//! Anybody can check it with nothing but the network's name. Nobody can make it against a correct
//! actor, because a correct actor signs at most one of any two statements that exclude each other.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, BadSignature, Signed, Statement, Verified, WeakKey};
use crate::codec::NetworkId;

/// A statement of which a correct actor signs one in each place.
pub trait Exclusive: Statement {
    /// Whether whoever is correct signs only one of the two.
    fn excludes(&self, other: &Self) -> bool;
}

/// Two signatures of one actor on statements that exclude each other: a claim, until
/// [`Conflict::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict<T> {
    /// The one.
    pub left: Signed<T>,
    /// The other.
    pub right: Signed<T>,
}

impl<T: Exclusive + Clone> Conflict<T> {
    /// The evidence in two facts, if there is any.
    #[must_use]
    pub fn between(left: &Verified<T>, right: &Verified<T>) -> Option<Self> {
        let conflict = Self {
            left: Signed::clone(left),
            right: Signed::clone(right),
        };
        conflict.contradicts().then_some(conflict)
    }

    /// The actor that this convicts.
    ///
    /// # Errors
    /// [`EvidenceError`] when it convicts nobody.
    pub fn verify(&self, network: &NetworkId) -> Result<Actor, EvidenceError> {
        if !self.contradicts() {
            return Err(EvidenceError::NoConflict);
        }
        let key = self.left.signer.public_key()?;
        self.left.clone().verify(network, &key)?;
        self.right.clone().verify(network, &key)?;
        Ok(self.left.signer)
    }

    fn contradicts(&self) -> bool {
        let (left, right) = (&self.left.statement, &self.right.statement);
        self.left.signer == self.right.signer && left.excludes(right)
    }
}

/// Why evidence convicts nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The two statements can both be said, or not by this signer.
    #[error("the statements do not exclude each other")]
    NoConflict,
    /// The accused is no usable key.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
    /// One of the signatures is not the accused's.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
}
