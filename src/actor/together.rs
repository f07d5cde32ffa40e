//! Signatures that are checked together, before what they sign is taken in.

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Actor, BadSignature, PublicKey, Sig, Signed, Statement, Verified, way};
use crate::codec::{Digest, NetworkId};

/// What is asked of one signature.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Whose key, ready: so that no key is in a batch for which the rule has another answer alone.
    pub(super) key: PublicKey,
    /// What is said to be signed: its tag, network and generation are in it.
    pub(super) digest: Digest,
    /// The proof that is claimed.
    pub(super) sig: Sig,
}

impl Claim {
    /// Asks whether this key signed this digest so.
    pub(crate) fn new(key: &PublicKey, digest: Digest, sig: Sig) -> Self {
        let key = key.clone();
        Self { key, digest, sig }
    }

    pub(super) fn signed(&self) -> (Actor, &[u8], Sig) {
        (self.key.actor(), self.digest.as_bytes(), self.sig)
    }
}

impl PartialEq for Claim {
    fn eq(&self, other: &Self) -> bool {
        self.signed() == other.signed()
    }
}

impl Eq for Claim {}

impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Claim {
    fn cmp(&self, other: &Self) -> Ordering {
        self.signed().cmp(&other.signed())
    }
}

/// Signatures to be checked together, each with the actor that first brought it. It borrows
/// nothing: any thread may [check](Self::check) it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignatureBatch(BTreeMap<Claim, Actor>);

impl SignatureBatch {
    /// Adds a signature. Returns whether it is new: the same again is not checked twice.
    pub(crate) fn add(&mut self, from: Actor, claim: Claim) -> bool {
        match self.0.entry(claim) {
            Entry::Vacant(free) => {
                free.insert(from);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// How many signatures it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Checks all of them: with one equation, if all are good, and else each by itself. With
    /// feature `parallel` all processors take part.
    pub(crate) fn check(self) -> CheckedSignatures {
        let (claims, senders): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        let outcome = way::check_each(&claims);
        debug_assert_eq!(outcome.len(), claims.len(), "an answer a claim");
        let mut checked = CheckedSignatures::default();
        for ((claim, from), good) in claims.into_iter().zip(senders).zip(outcome) {
            if good {
                checked.good.insert(claim);
            } else {
                checked.spoilers.insert(from);
            }
        }
        checked
    }
}

/// Facts: each of these keys signed each of these digests. Whether that counts is not said.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckedSignatures {
    good: BTreeSet<Claim>,
    spoilers: BTreeSet<Actor>,
}

impl CheckedSignatures {
    /// Who brought a bad signature, and so made all be checked one by one.
    pub(crate) fn spoilers(&self) -> impl Iterator<Item = &Actor> {
        self.spoilers.iter()
    }

    /// Remembers a fact of this key, so that it is not checked again.
    pub(crate) fn remember<T: Statement>(
        &mut self,
        network: &NetworkId,
        key: &PublicKey,
        fact: &Verified<T>,
    ) {
        let digest = fact.statement.digest(network);
        self.good.insert(Claim::new(key, digest, fact.sig));
    }

    /// Whether this very signature is known to be good.
    pub(crate) fn contains(&self, claim: &Claim) -> bool {
        self.good.contains(claim)
    }

    /// The fact behind a claim, checked now if it is not among these.
    ///
    /// # Errors
    /// As [`Signed::verify`].
    pub(crate) fn verify<T: Statement>(
        &self,
        network: &NetworkId,
        key: &PublicKey,
        signed: Signed<T>,
    ) -> Result<Verified<T>, BadSignature> {
        if !self.good.is_empty() && key.actor() == signed.signer {
            let digest = signed.statement.digest(network);
            if self.contains(&Claim::new(key, digest, signed.sig)) {
                return Ok(Verified(signed));
            }
        }
        signed.verify(network, key)
    }
}
