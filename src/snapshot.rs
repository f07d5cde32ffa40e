//! A state's bytes in chunks that prove themselves: whoever knows the snapshot's digest can fetch
//! them from anybody.

use serde::{Deserialize, Serialize};

use crate::actor;
use crate::codec::{Bytes, Digest, Domain, NetworkId, Slice, encode};
use crate::merkle::Tree;
use crate::traits::WireAlgorithm;

/// Bytes in one chunk; the last may be shorter.
pub const CHUNK: usize = 128 << 10;

/// What a snapshot's digest is the digest of: its length and its chunks' digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    len: u64,
    chunks: Vec<Digest>,
}

impl Manifest {
    fn of(bytes: &[u8]) -> Self {
        Self {
            len: bytes.len() as u64,
            chunks: bytes.chunks(CHUNK).map(chunk_digest).collect(),
        }
    }

    /// The digest that a generation's members sign.
    ///
    /// It names no network: the genesis, which names the network, is described by one too. The
    /// generation that signs it names the network.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::State, &NetworkId::NONE, self)
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the snapshot has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether as many chunks as the length asks for are named.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.len.div_ceil(CHUNK as u64) == self.chunks.len() as u64
    }

    /// Whether these are the bytes of the chunk with this index.
    #[must_use]
    pub fn proves(&self, index: usize, bytes: &[u8]) -> bool {
        self.chunks.get(index) == Some(&chunk_digest(bytes))
    }
}

fn chunk_digest(bytes: &[u8]) -> Digest {
    Digest::of(Domain::Chunk, &NetworkId::NONE, &Slice(bytes))
}

/// What a state digests to: the bytes that newcomers start from, and the records that anybody can
/// be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The digest of the snapshot's [`Manifest`].
    pub snapshot: Digest,
    /// The digest of the [tree](Tree) of the state's
    /// [records](crate::SecureBroadcastAlgorithm::records).
    pub records: Digest,
}

impl Commitment {
    /// What the algorithm's state digests to, of which `snapshot` is the snapshot: walks all of it.
    #[must_use]
    pub fn of<A: WireAlgorithm>(algorithm: &A, snapshot: &Snapshot) -> Self {
        Self {
            snapshot: snapshot.manifest.digest(),
            records: Tree::of(algorithm.records()).digest(),
        }
    }
}

/// A state's bytes with their manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    bytes: Bytes,
    manifest: Manifest,
}

impl Snapshot {
    /// The snapshot of an algorithm's state: walks all of it. [`Work`](crate::actor::Work) counts
    /// it.
    #[must_use]
    pub fn of<A: WireAlgorithm>(algorithm: &A) -> Self {
        actor::count_snapshot();
        Self::from_bytes(encode(&algorithm.state()).into())
    }

    /// The snapshot with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        let manifest = Manifest::of(bytes.as_slice());
        Self { bytes, manifest }
    }

    /// All the bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The chunk with this index.
    #[must_use]
    pub fn chunk(&self, index: usize) -> Option<&[u8]> {
        self.bytes.as_slice().chunks(CHUNK).nth(index)
    }
}
