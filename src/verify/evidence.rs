//! A key contradicted itself.

use serde::{Deserialize, Serialize};

use super::refusal::Unproven;
use super::{NotProven, Trust};
use crate::actor::Actor;
use crate::codec::NetworkId;
use crate::evidence::EvidenceError;
use crate::membership::Equivocation;

/// Two signatures of one actor that a correct one never makes together, of one network and one
/// generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The network in which both were signed.
    pub network: NetworkId,
    /// The two.
    pub equivocation: Equivocation,
}

impl Evidence {
    /// The actor that it convicts. A later file clears nobody.
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn check(&self, trust: &Trust) -> Result<Actor, NotProven> {
        match trust {
            Trust::Network(name) if *name != self.network => return Err(NotProven::Elsewhere),
            Trust::Network(_) => {}
            Trust::Header { .. } => return Err(NotProven::Unproven(Unproven::NoName)),
        }
        let convicted = self.equivocation.verify(&self.network);
        convicted.map_err(|error| match error {
            EvidenceError::NoConflict => NotProven::Conflict,
            EvidenceError::WeakKey(_) | EvidenceError::BadSignature(_) => NotProven::Signature,
        })
    }
}
