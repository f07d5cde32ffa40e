//! How signatures are made and checked on this thread, where there is a simulated network: feature
//! `sim`. Only it ever asks for anything but [`Signatures::Strict`], and only while it runs a
//! replica: what else happens on the thread is not touched.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Actor, Claim, PublicKey, Sig, SigningActor, WeakKey, rule};
use crate::codec::Digest;

/// How a simulated network makes and checks signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// Every replica checks every signature: what a real network costs.
    Strict,
    /// Real signatures. A check is remembered on its thread: the same key, bytes and signature are
    /// not checked again, by whichever replica. The same runs as [`Strict`](Self::Strict), faster.
    #[default]
    Remembered,
    /// No cryptography: a hash that anybody could make stands for a signature. The liars of this
    /// crate never do, so that protocols are tested in volume; but not their signatures.
    Stub,
}

/// Checks that a thread remembers before it forgets them all: some 10 MB.
const MOST_REMEMBERED: usize = 1 << 15;

type Check = ([u8; 32], [u8; 32], [u8; 64]);

thread_local! {
    static PRESENT: Cell<Signatures> = const { Cell::new(Signatures::Strict) };
    static CHECKS: RefCell<BTreeMap<Check, bool>> = RefCell::default();
    static KEYS: RefCell<BTreeMap<Actor, Result<PublicKey, WeakKey>>> = RefCell::default();
}

/// Puts back what was there before, even when the thread unwinds.
#[must_use]
pub(crate) struct Entered(Signatures);

impl Drop for Entered {
    fn drop(&mut self) {
        PRESENT.set(self.0);
    }
}

impl Signatures {
    /// What this thread does until the guard is dropped.
    pub(crate) fn enter(self) -> Entered {
        Entered(PRESENT.replace(self))
    }
}

pub(super) fn sign(signer: &SigningActor, digest: &Digest) -> Sig {
    match PRESENT.get() {
        Signatures::Stub => stub(&signer.actor, digest),
        Signatures::Strict | Signatures::Remembered => rule::sign(signer, digest),
    }
}

pub(super) fn public_key(actor: &Actor) -> Result<PublicKey, WeakKey> {
    match PRESENT.get() {
        Signatures::Strict => rule::public_key(actor),
        Signatures::Remembered | Signatures::Stub => {
            remembered(&KEYS, *actor, || rule::public_key(actor))
        }
    }
}

pub(super) fn check_each(claims: &[Claim]) -> Vec<bool> {
    match PRESENT.get() {
        Signatures::Strict => rule::check_each(claims),
        Signatures::Stub => {
            let is_good = |claim: &Claim| stub(&claim.key.actor(), &claim.digest) == claim.sig;
            claims.iter().map(is_good).collect()
        }
        Signatures::Remembered => check_unremembered(claims),
    }
}

/// What is remembered is remembered by this thread alone. Nothing is borrowed while others check:
/// this thread may then be given other work, which remembers too.
fn check_unremembered(claims: &[Claim]) -> Vec<bool> {
    let name = |claim: &Claim| (claim.key.actor().0, *claim.digest.as_bytes(), claim.sig.0);
    let known = |checks: &BTreeMap<Check, bool>| -> Vec<Option<bool>> {
        let names = claims.iter().map(name);
        names.map(|name| checks.get(&name).copied()).collect()
    };
    let known = CHECKS.with_borrow(known);
    let unknown = claims
        .iter()
        .zip(&known)
        .filter(|(_, known)| known.is_none());
    let unknown: Vec<_> = unknown.map(|(claim, _)| claim.clone()).collect();
    let outcome = rule::check_each(&unknown);
    CHECKS.with_borrow_mut(|checks| {
        if checks.len() + unknown.len() > MOST_REMEMBERED {
            checks.clear();
        }
        let names = unknown.iter().map(name);
        checks.extend(names.zip(outcome.iter().copied()));
    });
    let mut outcome = outcome.into_iter();
    let found = known
        .into_iter()
        .map(|known| known.or_else(|| outcome.next()));
    found.map(|good| good.expect("an answer a claim")).collect()
}

/// What stands for the signature of `actor` on `digest` when there is no cryptography.
fn stub(actor: &Actor, digest: &Digest) -> Sig {
    let mut hasher = Sha256::new();
    hasher.update(b"bft-crdts stub signature");
    hasher.update(actor.0);
    hasher.update(digest.as_bytes());
    let half: [u8; 32] = hasher.finalize().into();
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&half);
    bytes[32..].copy_from_slice(&half);
    Sig(bytes)
}

fn remembered<K: Ord, V: Clone>(
    memory: &'static std::thread::LocalKey<RefCell<BTreeMap<K, V>>>,
    key: K,
    find: impl FnOnce() -> V,
) -> V {
    memory.with_borrow_mut(|memory| {
        if memory.len() >= MOST_REMEMBERED {
            memory.clear();
        }
        memory.entry(key).or_insert_with(find).clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_signature_is_good_and_a_bad_one_bad_in_every_way_of_checking_twice() {
        let (one, other) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let signer = SigningActor::from_secret(&[7; 32]);
        for way in [Signatures::Strict, Signatures::Remembered, Signatures::Stub] {
            let _entered = way.enter();
            let key = signer.actor().public_key().expect("a generated key");
            let sig = signer.sign_digest(&one);
            for _ in 0..2 {
                assert_eq!(key.check(&one, &sig), Ok(()));
                assert!(key.check(&other, &sig).is_err());
            }
        }
    }

    #[test]
    fn a_stub_is_no_signature_once_the_guard_is_gone() {
        let digest = Digest::from_bytes([1; 32]);
        let signer = SigningActor::from_secret(&[7; 32]);
        let entered = Signatures::Stub.enter();
        let sig = signer.sign_digest(&digest);
        drop(entered);
        let key = signer.actor().public_key().expect("a generated key");
        assert!(key.check(&digest, &sig).is_err());
    }
}
