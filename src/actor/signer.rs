//! The only one in a replica that holds its key, and the only one that knows whether it may be
//! used.
//!
//! State: the key, and what keeps it from signing. Inputs: statements to sign, and the news that
//! the key has signed what we do not remember. Output: a fact, or nothing. Invariant: a replica
//! that is silenced never signs again, in whatever state it is; its store may be an old copy, so
//! that whatever it says may contradict what its key has said elsewhere.

use super::{Actor, SigningActor, Statement, Verified};
use crate::codec::NetworkId;

/// A key with what keeps it from signing. Whoever has something to say asks it each time: nobody
/// else holds the key.
#[derive(Debug)]
pub struct Signer {
    key: SigningActor,
    /// The name that each signature covers, so that none counts in another network.
    network: NetworkId,
    mode: Mode,
}

/// Whether the key may be used. From anywhere to `Silenced`, which is final; else onwards, but for
/// `Signing` and `Doubting`, which take turns as committees do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Records are replayed: what was signed is in them. Whether they say that we are silenced.
    Replaying {
        silenced: bool,
    },
    /// What the key has signed before is not known yet.
    Doubting,
    Signing,
    Silenced,
}

impl Signer {
    /// A key that may be used.
    #[must_use]
    pub fn new(key: SigningActor, network: NetworkId) -> Self {
        let mode = Mode::Signing;
        Self { key, network, mode }
    }

    /// Signs nothing until it is told that the records are [replayed](Self::begin).
    pub(crate) fn replaying(key: SigningActor, network: NetworkId) -> Self {
        let mode = Mode::Replaying { silenced: false };
        Self { key, network, mode }
    }

    /// The public key. It is known in every state, also where nothing may be signed.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.key.actor()
    }

    /// The records are replayed.
    ///
    /// Called once, after the last record. From here on what is signed is bound by all that was
    /// replayed.
    pub(crate) fn begin(&mut self) {
        debug_assert!(self.is_replaying(), "a replica begins once");
        self.mode = match self.is_silenced() {
            true => Mode::Silenced,
            false => Mode::Signing,
        };
    }

    /// Rules that speak to others ask this too: while records are replayed nothing is counted anew
    /// and nobody is shown evidence, as all of that happened before.
    pub(crate) fn is_replaying(&self) -> bool {
        matches!(self.mode, Mode::Replaying { .. })
    }

    /// Nothing is signed from now on, whatever happens. Whether that is new.
    pub fn silence(&mut self) -> bool {
        let new = !self.is_silenced();
        self.mode = match self.mode {
            Mode::Replaying { .. } => Mode::Replaying { silenced: true },
            Mode::Doubting | Mode::Signing | Mode::Silenced => Mode::Silenced,
        };
        new
    }

    /// A silenced replica goes on to deliver, to serve and to install; it only says nothing of its
    /// own.
    #[must_use]
    pub fn is_silenced(&self) -> bool {
        matches!(
            self.mode,
            Mode::Silenced | Mode::Replaying { silenced: true }
        )
    }

    /// Whether nothing is signed until it is known what the key has signed before.
    ///
    /// Said anew with each committee and when the doubt ends: a replica without a seat does not
    /// wait, as it signs nothing that another signature could contradict.
    pub(crate) fn doubt(&mut self, doubting: bool) {
        self.mode = match self.mode {
            Mode::Doubting | Mode::Signing if doubting => Mode::Doubting,
            Mode::Doubting | Mode::Signing => Mode::Signing,
            mode @ (Mode::Replaying { .. } | Mode::Silenced) => mode,
        };
    }

    /// Whether anything may be signed now.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        self.mode == Mode::Signing
    }

    /// A fact that we have just signed; `None` when we may not.
    ///
    /// The caller makes the statement durable before it is sent, if another statement of the same
    /// kind would contradict it: the signer does not know what was signed before.
    #[must_use]
    pub fn sign<T: Statement>(&self, statement: T) -> Option<Verified<T>> {
        self.may_sign()
            .then(|| self.key.sign(&self.network, statement))
    }
}
