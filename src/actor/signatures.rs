//! How signatures are made and checked on this thread. Only the simulated network ever asks for anything but
//! [`Signatures::Strict`], and only while it runs a replica: what else happens on the thread is not touched.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Actor, BadSignature, PublicKey, Sig, WeakKey};
use crate::codec::Digest;

/// How a simulated network makes and checks signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// Every replica checks every signature: what a real network costs.
    Strict,
    /// Real signatures. A check is remembered on its thread: the same key, bytes and signature are not checked again, by
    /// whichever replica. The same runs as [`Strict`](Self::Strict), faster.
    #[default]
    Remembered,
    /// No cryptography: a hash that anybody could make stands for a signature. The liars of this crate never do, so that
    /// protocols are tested in volume; but not their signatures.
    Stub,
}

/// Checks that a thread remembers before it forgets them all: some 10 MB.
const MOST_REMEMBERED: usize = 1 << 15;

type Check = ([u8; 32], [u8; 32], [u8; 64]);

/// What a network costs, for benchmarks and for metrics: signatures that were really made and checked, and states that were
/// walked as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Made.
    pub signatures: u64,
    /// Checked.
    pub verifications: u64,
    /// Snapshots made of an algorithm's state: each walks all of it.
    pub snapshots: u64,
}

impl Work {
    /// Of this thread since it started, with what other threads checked for it (feature `parallel`).
    #[must_use]
    pub fn so_far() -> Self {
        WORK.get()
    }
}

/// Counts one signature made.
pub(super) fn count_signature() {
    let work = WORK.get();
    let signatures = work.signatures + 1;
    WORK.set(Work { signatures, ..work });
}

/// Counts one snapshot made.
pub(crate) fn count_snapshot() {
    let work = WORK.get();
    let snapshots = work.snapshots + 1;
    WORK.set(Work { snapshots, ..work });
}

/// Counts signatures checked on behalf of this thread, by whichever.
pub(super) fn count_verifications(count: u64) {
    let work = WORK.get();
    let verifications = work.verifications + count;
    WORK.set(Work {
        verifications,
        ..work
    });
}

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work { signatures: 0, verifications: 0, snapshots: 0 }) };
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

    pub(super) fn present() -> Self {
        PRESENT.get()
    }

    pub(super) fn check(
        self,
        key: &PublicKey,
        digest: &Digest,
        sig: &Sig,
    ) -> Result<(), BadSignature> {
        let actor = key.actor();
        let good = match self {
            Self::Strict => checked(key, digest, sig),
            Self::Stub => stub(&actor, digest) == *sig,
            Self::Remembered => {
                let check = (actor.0, *digest.as_bytes(), sig.0);
                remembered(&CHECKS, check, || checked(key, digest, sig))
            }
        };
        good.then_some(()).ok_or(BadSignature(actor))
    }

    pub(super) fn public_key(self, actor: &Actor) -> Result<PublicKey, WeakKey> {
        match self {
            Self::Strict => actor.decompress(),
            Self::Remembered | Self::Stub => remembered(&KEYS, *actor, || actor.decompress()),
        }
    }
}

/// Checks the signatures of several on one digest. The error names the first whose is bad, in their order.
pub(crate) fn check_all(digest: &Digest, signed: &[(&PublicKey, Sig)]) -> Result<(), BadSignature> {
    let way = Signatures::present();
    // What is remembered is remembered by this thread alone.
    #[cfg(feature = "parallel")]
    if way == Signatures::Strict && super::parallel::pays(signed.len()) {
        return super::parallel::check_all(digest, signed);
    }
    let mut signed = signed.iter();
    signed.try_for_each(|(key, sig)| way.check(key, digest, sig))
}

fn checked(key: &PublicKey, digest: &Digest, sig: &Sig) -> bool {
    count_verifications(1);
    key.is_signed(digest, sig)
}

/// What stands for the signature of `actor` on `digest` when there is no cryptography.
pub(super) fn stub(actor: &Actor, digest: &Digest) -> Sig {
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
    use super::super::SigningActor;
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
