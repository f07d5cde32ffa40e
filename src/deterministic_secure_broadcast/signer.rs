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
    /// The secret key. Copies of it are in the [agreement](Self::lend) alone.
    key: SigningActor,
    /// The name that each signature covers, so that none counts in another network.
    network: NetworkId,
    /// While records are replayed nothing is signed: what was signed is in the records.
    replaying: bool,
    /// Final: no input resets it, and [`Record::Silenced`](super::Record::Silenced) carries it over
    /// a restart.
    silenced: bool,
    /// What the key has signed before is not known yet.
    ///
    /// Set anew with each committee and when the doubt ends: a replica without a seat does not
    /// wait, as it signs nothing that another signature could contradict.
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

    /// The public key. It is known in every state, also where nothing may be signed.
    pub(super) fn actor(&self) -> Actor {
        self.key.actor()
    }

    /// The key for the agreement, which signs, counts and records its votes in one step. Whoever
    /// lends it tells the borrower when the signer is silenced.
    ///
    /// Returns `None` as long as nothing may be signed: then the replica takes no part in the
    /// agreement, and opens it later.
    pub(super) fn lend(&self) -> Option<SigningActor> {
        self.may_sign().then(|| self.key.clone())
    }

    /// The records are replayed.
    ///
    /// Called once, after the last record. From here on what is signed is bound by all that was
    /// replayed.
    pub(super) fn begin(&mut self) {
        self.replaying = false;
    }

    /// Rules that speak to others ask this too: while records are replayed nothing is counted anew
    /// and nobody is shown evidence, as all of that happened before.
    pub(super) fn is_replaying(&self) -> bool {
        self.replaying
    }

    /// Nothing is signed from now on. Whether that is new.
    pub(super) fn silence(&mut self) -> bool {
        !std::mem::replace(&mut self.silenced, true)
    }

    /// A silenced replica goes on to deliver, to serve and to install; it only says nothing of its
    /// own.
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
    ///
    /// The caller makes the statement durable before it is sent, if another statement of the same
    /// kind would contradict it: the signer does not know what was signed before.
    pub(super) fn sign<T: Statement>(&self, statement: T) -> Option<Verified<T>> {
        self.may_sign()
            .then(|| self.key.sign(&self.network, statement))
    }
}
