//! What a source's lane is made of.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Statement};
use crate::codec::{self, Bytes, DecodeError, Digest, Domain, Limits, NetworkId};
use crate::dot::{Dot, Seq};

/// A node of a source's hash-linked lane: a batch of operations, in their canonical encoding.
///
/// It names no generation: it stays valid when the committee changes.
///
/// Its digest covers all four fields and the network's name, the operations by a digest of their
/// own: so what follows a message in its lane can be shown without a byte of operations. A message
/// has one digest for ever, so that certificates of different generations on it name the same
/// thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who issues the operations.
    pub source: Actor,
    /// The message's number, from 1.
    pub seq: Seq,
    /// The digest of the message before it; of the genesis for the first.
    pub parent: Digest,
    /// The encoded operations, one or more.
    pub ops: Bytes,
}

/// What the digest of a message is the digest of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LaneNode {
    /// Where it stands.
    pub(crate) dot: Dot,
    /// The digest of the message before it.
    pub(crate) parent: Digest,
    /// The digest of the operations.
    pub(crate) ops: Digest,
}

impl Statement for LaneNode {
    const DOMAIN: Domain = Domain::Message;
}

impl Statement for Message {
    const DOMAIN: Domain = Domain::Message;

    /// Hashes the operations, and then what is around them.
    fn digest(&self, network: &NetworkId) -> Digest {
        self.node(network).digest(network)
    }
}

impl Message {
    pub(crate) fn node(&self, network: &NetworkId) -> LaneNode {
        LaneNode {
            dot: self.dot(),
            parent: self.parent,
            ops: Digest::of(Domain::Operations, network, &self.ops),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn dot(&self) -> Dot {
        Dot {
            source: self.source,
            seq: self.seq,
        }
    }

    /// The operations.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not the canonical encoding of 1 to `message_ops`
    /// operations.
    pub fn decode<Op>(&self, limits: &Limits) -> Result<Vec<Op>, DecodeError>
    where
        Op: Serialize + serde::de::DeserializeOwned,
    {
        let bytes = limits.message_bytes as usize;
        codec::decode_sequence(self.ops.as_slice(), bytes, limits.message_ops)
    }
}
