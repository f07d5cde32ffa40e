//! Signatures checked by all processors at once: feature `parallel`.
//!
//! Each is checked alone and with the strict rule, as everywhere; only who checks it is different.

use rayon::prelude::*;

use super::strict::is_signed;
use super::work::count_verifications;
use super::{BadSignature, PublicKey, Sig};
use crate::codec::Digest;

/// So many signatures, and more, are worth waking the other processors.
///
/// Measured with two processors: the median of three runs, in microseconds, of a quorum's
/// signatures in turn and at once. `rested` is after a pause of a millisecond, when the other
/// threads sleep, as they do in a network that is not busy. So they pay from 5 while they are
/// awake; from here on they cost nothing when they sleep.
///
/// | signatures | in turn | at once | in turn, rested | at once, rested |
/// |---|---|---|---|---|
/// | 3 (`n` = 4) | 110 | 113 | 135 | 199 |
/// | 5 (`n` = 7) | 188 | 137 | 246 | 272 |
/// | 11 (`n` = 16) | 453 | 256 | 441 | 455 |
/// | 21 (`n` = 31) | 799 | 450 | 868 | 604 |
/// | 43 (`n` = 64) | 1578 | 867 | 1606 | 958 |
/// | 67 (`n` = 100) | 2448 | 1435 | 2594 | 1458 |
const FEWEST: usize = 11;

/// Whether the other processors are worth asking for so many signatures.
pub(super) fn pays(signatures: usize) -> bool {
    signatures >= FEWEST && rayon::current_num_threads() > 1
}

/// The first bad one in their order is the error, whoever finds which first. So all are checked,
/// also when one is bad: a liar gains nothing by it, who could have put the bad one last.
pub(super) fn check_all(digest: &Digest, signed: &[(&PublicKey, Sig)]) -> Result<(), BadSignature> {
    let checks = signed.par_iter();
    let good: Vec<_> = checks
        .map(|(key, sig)| is_signed(key, digest, sig))
        .collect();
    count_verifications(signed.len() as u64);
    let bad = signed.iter().zip(good).find(|(_, good)| !good);
    bad.map_or(Ok(()), |((key, _), _)| Err(BadSignature(key.actor())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::SigningActor;
    use crate::actor::strict::check;

    #[test]
    fn signatures_of_a_certificate_checked_at_once_have_the_outcome_that_they_have_in_turn() {
        let digest = Digest::from_bytes([7; 32]);
        let signers: Vec<_> = (1..=20)
            .map(|byte| SigningActor::from_secret(&[byte; 32]))
            .collect();
        let keys: Vec<_> = signers
            .iter()
            .map(|signer| signer.actor().public_key())
            .map(|key| key.expect("a generated key"))
            .collect();
        let sigs = signers.iter().map(|signer| signer.sign_digest(&digest));
        let good: Vec<_> = keys.iter().zip(sigs).collect();
        let in_turn = |signed: &[(&PublicKey, Sig)]| {
            let mut signed = signed.iter();
            signed.try_for_each(|(key, sig)| check(key, &digest, sig))
        };
        assert_eq!(check_all(&digest, &good), Ok(()));
        for bad in 0..good.len() {
            for worse in bad..good.len() {
                let mut signed = good.clone();
                signed[worse].1 = Sig::from_bytes([2; 64]);
                signed[bad].1 = Sig::from_bytes([1; 64]);
                assert_eq!(check_all(&digest, &signed), in_turn(&signed));
                assert_eq!(
                    check_all(&digest, &signed),
                    Err(BadSignature(keys[bad].actor()))
                );
            }
        }
    }
}
