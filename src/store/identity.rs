//! Where identities come from. It is here, and not with the actors, because words know of no
//! chance.

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

use crate::actor::SigningActor;

impl SigningActor {
    /// A fresh identity, drawn from the operating system's randomness. Keep it in the store whose
    /// records it signs.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    pub fn generate() -> Self {
        Self::generate_with(&mut UnwrapErr(SysRng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_drawn_once() {
        let (one, other) = (SigningActor::generate(), SigningActor::generate());
        assert_ne!(one.actor(), other.actor());
    }
}
