//! The state at a boundary has a record, or has none under a key.

use serde::{Deserialize, Serialize};

use super::{Chain, NotProven, Proven, Trust};
use crate::codec::{Bytes, NetworkId};
use crate::merkle::Path;
use crate::quorum::Generation;

/// The proof that a generation's state has, or has not, a
/// [record](crate::SecureBroadcastAlgorithm::records).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateProof {
    /// The network.
    pub network: NetworkId,
    /// From what the reader may trust on.
    pub chain: Chain,
    /// The generation that began with the state.
    pub generation: Generation,
    /// The key of the record.
    pub key: Bytes,
    /// Its value; none when there is no such record.
    pub value: Option<Bytes>,
    /// The path to where it is, or would be.
    pub path: Path,
}

impl StateProof {
    /// How the record, or its absence, is proven.
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn check(&self, trust: &Trust) -> Result<Proven, NotProven> {
        let chain = self.chain.anchor(&self.network, trust)?;
        let root = chain.node(self.generation)?.state.records;
        let value = self.value.as_ref().map(Bytes::as_slice);
        if !self.path.shows(&root, self.key.as_slice(), value) {
            return Err(NotProven::Path(self.generation));
        }
        chain.by_header(self.generation)
    }
}
