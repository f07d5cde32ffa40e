//! Where participants have their keys from.

use std::sync::LazyLock;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::actor::SigningActor;

/// More than the participants of any scenario.
const OLD_KEYS: usize = 32;

/// The same in every run and on every machine.
static OLD: LazyLock<Vec<SigningActor>> = LazyLock::new(|| {
    let random = &mut ChaCha8Rng::seed_from_u64(0);
    let keys = (0..OLD_KEYS).map(|_| SigningActor::generate_with(random));
    keys.collect()
});

/// Which of them draws how much from the seed differs, so that a run is one of a keyring.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keyring {
    /// Every network makes its own.
    Fresh,
    /// All networks share a few, as long as they last: making and checking keys is half of a small
    /// network's cost.
    Old,
}

impl Keyring {
    /// A key that is not among those that are taken.
    ///
    /// Beyond half of the old keys it makes new ones, so that drawing ends soon.
    pub(super) fn draw(self, random: &mut ChaCha8Rng, taken: &[SigningActor]) -> SigningActor {
        if matches!(self, Self::Fresh) || taken.len() >= OLD_KEYS / 2 {
            return SigningActor::generate_with(random);
        }
        loop {
            let key = &OLD[random.random_range(0..OLD_KEYS)];
            if taken.iter().all(|other| other.actor() != key.actor()) {
                return key.clone();
            }
        }
    }
}
