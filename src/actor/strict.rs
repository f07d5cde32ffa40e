//! How signatures are made and checked for real: each by itself, by the strict rule. Without a
//! simulated network there is no other way.

use ed25519_dalek::{Signature, Signer, VerifyingKey};

use super::work::{count_signature, count_verifications};
use super::{Actor, BadSignature, PublicKey, Sig, SigningActor, WeakKey};
use crate::codec::Digest;

pub(super) fn sign(signer: &SigningActor, digest: &Digest) -> Sig {
    count_signature();
    Sig(signer.key.sign(digest.as_bytes()).to_bytes())
}

pub(super) fn check(key: &PublicKey, digest: &Digest, sig: &Sig) -> Result<(), BadSignature> {
    count_verifications(1);
    let good = is_signed(key, digest, sig);
    good.then_some(()).ok_or_else(|| BadSignature(key.actor()))
}

/// Not counted: whoever asks for it counts it, on its own thread.
pub(super) fn is_signed(key: &PublicKey, digest: &Digest, sig: &Sig) -> bool {
    let signature = Signature::from_bytes(&sig.0);
    key.0.verify_strict(digest.as_bytes(), &signature).is_ok()
}

pub(super) fn public_key(actor: &Actor) -> Result<PublicKey, WeakKey> {
    let key = VerifyingKey::from_bytes(&actor.0).map_err(|_| WeakKey(*actor))?;
    let canonical = key.to_edwards().compress().as_bytes() == &actor.0;
    if canonical && !key.is_weak() && key.to_edwards().is_torsion_free() {
        Ok(PublicKey(key))
    } else {
        Err(WeakKey(*actor))
    }
}

/// Checks the signatures of several on one digest. The error names the first whose is bad, in their
/// order.
pub(crate) fn check_all(digest: &Digest, signed: &[(&PublicKey, Sig)]) -> Result<(), BadSignature> {
    #[cfg(feature = "parallel")]
    if super::parallel::pays(signed.len()) {
        return super::parallel::check_all(digest, signed);
    }
    let mut signed = signed.iter();
    signed.try_for_each(|(key, sig)| check(key, digest, sig))
}
