//! What is said: proposals, echoes, summaries.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, PublicKey, Sig, Signed, Statement, Verified};
use crate::codec::{Digest, Domain, NetworkId};
use crate::dot::{Frontier, Head};
pub use crate::membership::{Echo, Equivocation};
pub use crate::message::Message;
use crate::quorum::{self, Generation};

/// A claim that its source put this message at this dot.
///
/// One signature serves twice: it binds the source to the message, and it counts as the source's
/// own echo where `generation` is the present one. A source that signs a message again in a later
/// generation changes this claim and not the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The message.
    pub message: Message,
    /// The generation in which its source signed it.
    pub generation: Generation,
    /// The source's signature on its [`Echo`] of the message.
    pub sig: Sig,
}

/// A proposal with its digest: hashed once, shared ever after. Its signature is still a claim.
///
/// Invariant: `digest` is that of `proposal.message`. Hashing costs as much as the message is long,
/// so that it is done where a proposal comes in and nowhere else.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) proposal: Arc<Proposal>,
    pub(super) digest: Digest,
}

impl Entry {
    /// Hashes the message. Nothing is checked: the caller asks for the source's signature before it
    /// keeps the entry.
    pub(super) fn new(network: &NetworkId, proposal: Arc<Proposal>) -> Self {
        let digest = proposal.message.digest(network);
        Self { proposal, digest }
    }

    /// The same message with another echo of its source.
    ///
    /// A boundary names the echo that was reported, and all members have to hold the same, or they
    /// would serve different copies of what they adopted. The message's bytes are copied only where
    /// the echo differs.
    pub(super) fn signed_with(self, echo: &Signed<Echo>) -> Self {
        if self.echo() == *echo {
            return self;
        }
        let proposal = Arc::new(Proposal {
            message: self.proposal.message.clone(),
            generation: echo.statement.generation,
            sig: echo.sig,
        });
        Self { proposal, ..self }
    }

    pub(super) fn message(&self) -> &Message {
        &self.proposal.message
    }

    /// The end of the lane when this is the last message.
    pub(super) fn head(&self) -> Head {
        Head {
            seq: self.message().seq,
            digest: self.digest,
        }
    }

    /// The source's echo, as a claim of its own: it needs no message to convict.
    pub(super) fn echo(&self) -> Signed<Echo> {
        Signed {
            statement: Echo {
                generation: self.proposal.generation,
                dot: self.message().dot(),
                digest: self.digest,
            },
            signer: self.message().source,
            sig: self.proposal.sig,
        }
    }

    /// # Errors
    /// [`BadSignature`](crate::actor::BadSignature) when `key` did not sign it. That `key` is the
    /// source's is for the caller to see to.
    pub(super) fn verify(
        &self,
        network: &NetworkId,
        key: &PublicKey,
    ) -> Result<Verified<Echo>, crate::actor::BadSignature> {
        self.echo().verify(network, key)
    }

    /// Bytes of operations, for the bounds.
    pub(super) fn len(&self) -> usize {
        self.message().ops.len()
    }
}

/// A quorum of echoes: a claim.
pub type Certificate = quorum::Certificate<Echo>;
/// A quorum of echoes: a fact. Because lanes are hash-linked, it proves its whole lane up to its
/// dot.
pub type QuorumCertificate = quorum::QuorumCertificate<Echo>;
pub(super) type Tally = quorum::Tally<Echo>;

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
///
/// Whoever signs one has all of it on record, so that a summary which says more than the records
/// convicts a store of being an old copy
/// ([`Replica::recover_in_doubt`](super::Replica::recover_in_doubt)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The newest generation that it has installed.
    ///
    /// It says one less as long as a message that the boundary adopted is missing here: members
    /// that leave go by this word.
    pub generation: Generation,
    /// What it has delivered.
    pub frontier: Frontier,
    /// Whom it holds evidence against.
    pub convicted: BTreeSet<Actor>,
}

impl Statement for Summary {
    const DOMAIN: Domain = Domain::Summary;
}
