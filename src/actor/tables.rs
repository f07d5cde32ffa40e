//! Multiples of keys that are checked again and again, computed once, so that a check adds fewer
//! points (Straus: Addition Chains of Vectors, 1964; Möller: Algorithms for Multi-exponentiation,
//! 2001, section 3.2: what is fixed has the larger windows). No answer depends on them.

use std::sync::{Arc, OnceLock};

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{EdwardsPoint, VartimeEdwardsPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimePrecomputedMultiscalarMul;

use super::PublicKey;

/// Keys that share tables, at most: each takes 10 kB, and each sum looks at all of them.
const MOST: usize = 16;

/// The tables of some keys, and of the base point.
pub(super) struct Tables {
    points: Vec<EdwardsPoint>,
    /// Made when a signature is checked first: many committees check none.
    made: OnceLock<VartimeEdwardsPrecomputation>,
}

/// A key's place in its tables.
#[derive(Clone)]
pub(super) struct Tabled {
    pub(super) tables: Arc<Tables>,
    pub(super) index: usize,
}

impl Tables {
    /// The sum of the base point, of keys of these tables, each by its index, and of other points,
    /// all times their scalars; `None` when one of the others is no point.
    pub(super) fn sum(
        &self,
        of_base: Scalar,
        of_keys: impl IntoIterator<Item = (usize, Scalar)>,
        scalars: Vec<Scalar>,
        points: Vec<Option<EdwardsPoint>>,
    ) -> Option<EdwardsPoint> {
        let made = self.made.get_or_init(|| {
            let all = [ED25519_BASEPOINT_POINT]
                .into_iter()
                .chain(self.points.iter().copied());
            VartimeEdwardsPrecomputation::new(all)
        });
        let mut fixed = vec![of_base];
        for (index, scalar) in of_keys {
            let place = 1 + index;
            fixed.resize(fixed.len().max(place + 1), Scalar::ZERO);
            fixed[place] += scalar;
        }
        made.optional_mixed_multiscalar_mul(fixed, scalars, points)
    }
}

impl PublicKey {
    #[cfg(test)]
    pub(crate) fn has_tables(&self) -> bool {
        self.tabled.is_some()
    }

    /// The key alone.
    pub(crate) fn without_tables(&self) -> Self {
        Self {
            tabled: None,
            ..self.clone()
        }
    }

    /// Gives these keys tables in common, if there are few.
    pub(crate) fn share_tables(keys: &mut [Self]) {
        if keys.len() > MOST {
            return;
        }
        let tables = Arc::new(Tables {
            points: keys.iter().map(|key| key.point).collect(),
            made: OnceLock::new(),
        });
        for (index, key) in keys.iter_mut().enumerate() {
            let tables = Arc::clone(&tables);
            key.tabled = Some(Tabled { tables, index });
        }
    }
}
