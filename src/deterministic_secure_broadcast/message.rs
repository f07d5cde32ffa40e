//! What is said: messages, proposals, echoes, standings; and what two of them convict of.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, PublicKey, Sig, Signed, Statement, Verified};
use crate::codec::{self, Bytes, DecodeError, Digest, Domain, Limits, NetworkId};
use crate::dot::{Binding, Dot, Frontier, Head, Seq};
use crate::evidence::{Conflict, EvidenceError, Exclusive};
use crate::membership::{self, Ballot, Generation};

/// A node of a source's hash-linked lane: a batch of operations, in their canonical encoding.
///
/// It names no generation: it stays valid when the committee changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Statement for Message {
    const DOMAIN: Domain = Domain::Message;
}

impl Message {
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
    /// [`DecodeError`] when the bytes are not the canonical encoding of 1 to `message_ops` operations.
    pub fn decode<Op>(&self, limits: &Limits) -> Result<Vec<Op>, DecodeError>
    where
        Op: Serialize + serde::de::DeserializeOwned,
    {
        let bytes = limits.message_bytes as usize;
        codec::decode_sequence(self.ops.as_slice(), bytes, limits.message_ops)
    }
}

/// A claim that its source put this message at this dot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The message.
    pub message: Message,
    /// The source's signature on dot and digest.
    pub sig: Sig,
}

/// A proposal with its digest: hashed once, shared ever after. Its signature is still a claim.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) proposal: Arc<Proposal>,
    pub(super) digest: Digest,
}

impl Entry {
    pub(super) fn new(network: &NetworkId, proposal: Arc<Proposal>) -> Self {
        let digest = proposal.message.digest(network);
        Self { proposal, digest }
    }

    /// The same message with another signature of its source.
    pub(super) fn signed_with(self, sig: Sig) -> Self {
        if self.proposal.sig == sig {
            return self;
        }
        let message = self.proposal.message.clone();
        let proposal = Arc::new(Proposal { message, sig });
        Self { proposal, ..self }
    }

    pub(super) fn message(&self) -> &Message {
        &self.proposal.message
    }

    pub(super) fn head(&self) -> Head {
        Head {
            seq: self.message().seq,
            digest: self.digest,
        }
    }

    /// What the source's signature is on, as a claim of its own: it needs no message to convict.
    pub(super) fn binding(&self) -> Signed<Binding> {
        Signed {
            statement: Binding {
                dot: self.message().dot(),
                digest: self.digest,
            },
            signer: self.message().source,
            sig: self.proposal.sig,
        }
    }

    pub(super) fn verify(
        &self,
        network: &NetworkId,
        key: &PublicKey,
    ) -> Result<Verified<Binding>, crate::actor::BadSignature> {
        self.binding().verify(network, key)
    }

    /// Bytes of operations, for the bounds.
    pub(super) fn len(&self) -> usize {
        self.message().ops.len()
    }
}

/// A member's word that it found this message valid here and will sign no other at this dot in this generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    fn excludes(&self, other: &Self) -> bool {
        self.generation == other.generation && self.dot == other.dot && self.digest != other.digest
    }
}

/// A quorum of echoes: a claim.
pub type Certificate = membership::Certificate<Echo>;
/// A quorum of echoes: a fact. Because lanes are hash-linked, it proves its whole lane up to its dot.
pub type QuorumCertificate = membership::QuorumCertificate<Echo>;
pub(super) type Tally = membership::Tally<Echo>;

impl Certificate {
    /// The end of the lane that it proves.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            seq: self.statement.dot.seq,
            digest: self.statement.digest,
        }
    }
}

/// A replica's signed account of where it stands. It only ever grows, so an old one does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The newest generation that it has installed.
    pub generation: Generation,
    /// What it has delivered.
    pub frontier: Frontier,
    /// Whom it holds evidence against.
    pub convicted: BTreeSet<Actor>,
}

impl Statement for Standing {
    const DOMAIN: Domain = Domain::Standing;
}

/// Evidence that anybody can check with the network's name alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Equivocation {
    /// A source put two messages at one dot.
    Source(Conflict<Binding>),
    /// A member echoed two messages at one dot in one generation.
    Member(Conflict<Echo>),
    /// A member voted twice in one round of the agreement on a generation.
    Ballot(Conflict<Ballot>),
}

impl Equivocation {
    /// The actor that this convicts.
    ///
    /// # Errors
    /// [`EvidenceError`] when it convicts nobody.
    pub fn verify(&self, network: &NetworkId) -> Result<Actor, EvidenceError> {
        match self {
            Self::Source(conflict) => conflict.verify(network),
            Self::Member(conflict) => conflict.verify(network),
            Self::Ballot(conflict) => conflict.verify(network),
        }
    }

    /// Whom it accuses, right or wrong.
    #[must_use]
    pub fn accused(&self) -> Actor {
        match self {
            Self::Source(conflict) => conflict.left.signer,
            Self::Member(conflict) => conflict.left.signer,
            Self::Ballot(conflict) => conflict.left.signer,
        }
    }

    /// The dot of which it speaks, if it speaks of one.
    #[must_use]
    pub fn dot(&self) -> Option<Dot> {
        match self {
            Self::Source(conflict) => Some(conflict.left.statement.dot),
            Self::Member(conflict) => Some(conflict.left.statement.dot),
            Self::Ballot(_) => None,
        }
    }
}
