//! Signatures checked by all processors at once: feature `parallel`.

use rayon::prelude::*;

use super::Claim;
use super::rule::check_part;

/// So many signatures, and more, are worth waking the other processors.
///
/// Measured with two processors: work of 450 us took 256 us when the other thread was awake, and
/// 455 us when it slept, as it does in a network that is not busy. So from there on nothing is
/// lost. A batch of so many signatures by four keys took 15 to 21 us each.
const FEWEST: usize = 24;

/// Signatures of a part, at least: what few cost together is little less than what they cost alone.
const SMALLEST: usize = 8;

/// Whether the other processors are worth asking for so many signatures.
pub(super) fn pays(signatures: usize) -> bool {
    signatures >= FEWEST && rayon::current_num_threads() > 1
}

/// Each processor takes its part as a batch. The outcome does not depend on how they are divided.
pub(super) fn check_each(claims: &[Claim]) -> Vec<bool> {
    let even = claims.len().div_ceil(rayon::current_num_threads());
    let part = even.max(SMALLEST);
    claims.par_chunks(part).flat_map_iter(check_part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::rule::is_good;
    use crate::actor::{Sig, SigningActor, check_all};
    use crate::codec::Digest;

    #[test]
    fn signatures_checked_by_all_processors_have_the_outcome_that_each_has_alone() {
        let digest = Digest::from_bytes([7; 32]);
        let claim = |byte| {
            let signer = SigningActor::from_secret(&[byte; 32]);
            let key = signer.actor().public_key().expect("a generated key");
            Claim::new(&key, digest, signer.sign_digest(&digest))
        };
        let good: Vec<_> = (1..=30).map(claim).collect();
        assert_eq!(check_each(&good), vec![true; good.len()]);
        for bad in 0..good.len() {
            for worse in bad..good.len() {
                let mut claims = good.clone();
                claims[worse].sig = Sig::from_bytes([2; 64]);
                claims[bad].sig = Sig::from_bytes([1; 64]);
                let alone: Vec<_> = claims.iter().map(is_good).collect();
                assert_eq!(check_each(&claims), alone);
                let error = check_all(&claims).expect_err("one is bad");
                assert_eq!(error.0, claims[bad].key.actor());
            }
        }
    }
}
