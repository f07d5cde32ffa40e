//! Signatures that the rule takes and that others refuse. They need the curve itself, which who else builds the table does not have.

use bft_crdts::actor::Sig;
use bft_crdts::codec::Digest;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest as _, Sha512};

use crate::common::key;

/// A signature of a key, by its number, whose `R` has torsion: good by the cofactored equation alone.
pub fn with_torsion(number: u8, digest: &Digest) -> Sig {
    let secret = Sha512::digest([number; 32]);
    let mut clamped: [u8; 32] = secret[..32].try_into().expect("half of it");
    (clamped[0], clamped[31]) = (clamped[0] & 248, clamped[31] & 127 | 64);
    let secret = Scalar::from_bytes_mod_order(clamped);
    let nonce = Scalar::from(u64::from(number) + 2);
    let point = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[1]).compress();
    let challenge = Sha512::new()
        .chain_update(point.as_bytes())
        .chain_update(key(number).actor().as_bytes())
        .chain_update(digest.as_bytes());
    let challenge = Scalar::from_bytes_mod_order_wide(&challenge.finalize().into());
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(point.as_bytes());
    bytes[32..].copy_from_slice((nonce + challenge * secret).as_bytes());
    Sig::from_bytes(bytes)
}
