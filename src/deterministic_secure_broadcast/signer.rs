//! The only one in a replica that holds its key, and the only one that knows whether it may be
//! used.
//!
//! State: the key, and what keeps it from signing. Inputs: statements to sign, and the news that
//! the key has signed what we do not remember. Output: a fact, or nothing. Invariant: a replica
//! that is silenced never signs again, in whatever state it is; its store may be an old copy, so
//! that whatever it says may contradict what its key has said elsewhere.

use crate::actor::{Actor, SigningActor, Statement, Verified};
use crate::codec::NetworkId;

/// A key with what keeps it from signing.
#[derive(Debug)]
pub(super) struct Signer {
    key: SigningActor,
    network: NetworkId,
    /// While records are replayed nothing is signed: what was signed is in the records.
    replaying: bool,
    silenced: bool,
    /// What the key has signed before is not known yet.
    doubting: bool,
}

impl Signer {
    /// Signs nothing until it is told that the records are [replayed](Self::begin).
    pub(super) fn replaying(key: SigningActor, network: NetworkId) -> Self {
        Self {
            key,
            network,
            replaying: true,
            silenced: false,
            doubting: false,
        }
    }

    pub(super) fn actor(&self) -> Actor {
        self.key.actor()
    }

    /// The key for the agreement, which signs, counts and records its votes in one step. Whoever
    /// lends it tells the borrower when the signer is silenced.
    pub(super) fn lend(&self) -> Option<SigningActor> {
        self.may_sign().then(|| self.key.clone())
    }

    /// The records are replayed.
    pub(super) fn begin(&mut self) {
        self.replaying = false;
    }

    pub(super) fn is_replaying(&self) -> bool {
        self.replaying
    }

    /// Nothing is signed from now on. Whether that is new.
    pub(super) fn silence(&mut self) -> bool {
        !std::mem::replace(&mut self.silenced, true)
    }

    pub(super) fn is_silenced(&self) -> bool {
        self.silenced
    }

    /// Whether nothing is signed until it is known what the key has signed before.
    pub(super) fn doubt(&mut self, doubting: bool) {
        self.doubting = doubting;
    }

    /// Whether anything may be signed now.
    pub(super) fn may_sign(&self) -> bool {
        !self.replaying && !self.silenced && !self.doubting
    }

    /// A fact that we have just signed; `None` when we may not.
    pub(super) fn sign<T: Statement>(&self, statement: T) -> Option<Verified<T>> {
        self.may_sign()
            .then(|| self.key.sign(&self.network, statement))
    }
}
