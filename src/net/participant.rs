//! Who sits at the ends of the links: a correct replica with its store, or a liar with its honest
//! half.

use rand_chacha::ChaCha8Rng;

use super::adversary::{Adversary, Hand, Input, Origin, Output, face};
use crate::actor::SigningActor;
use crate::deterministic_secure_broadcast::Replica;
use crate::membership::Genesis;
use crate::store::MemoryStore;
use crate::traits::WireAlgorithm;

pub(super) struct Participant<A: WireAlgorithm> {
    pub(super) key: SigningActor,
    pub(super) store: MemoryStore,
    pub(super) mind: Mind<A>,
}

pub(super) enum Mind<A: WireAlgorithm> {
    /// Crashed, with what its store holds.
    Down,
    Correct(Box<Replica<A>>),
    Liar {
        half: Box<Replica<A>>,
        vice: Box<dyn Adversary<A>>,
    },
}

impl<A: WireAlgorithm> Participant<A> {
    /// With an empty store, in the genesis state; a liar, if it has a vice.
    pub(super) fn begin(
        key: SigningActor,
        algorithm: A,
        genesis: &Genesis,
        vice: Option<Box<dyn Adversary<A>>>,
    ) -> Self {
        let replica = Replica::recover(key.clone(), algorithm, genesis.clone(), []);
        let (replica, _) = replica.expect("every copy begins in the genesis state");
        let half = Box::new(replica);
        let mind = match vice {
            Some(vice) => Mind::Liar { half, vice },
            None => Mind::Correct(half),
        };
        let store = MemoryStore::new();
        Self { key, store, mind }
    }

    pub(super) fn is_liar(&self) -> bool {
        matches!(self.mind, Mind::Liar { .. })
    }

    pub(super) fn replica(&self) -> Option<&Replica<A>> {
        match &self.mind {
            Mind::Down => None,
            Mind::Correct(replica) => Some(replica),
            Mind::Liar { half, .. } => Some(half),
        }
    }

    pub(super) fn replica_mut(&mut self) -> Option<&mut Replica<A>> {
        match &mut self.mind {
            Mind::Down => None,
            Mind::Correct(replica) => Some(replica),
            Mind::Liar { half, .. } => Some(half),
        }
    }

    /// Gives a liar an input. What it makes of it.
    pub(super) fn lie(
        &mut self,
        origin: Origin<'_, A>,
        random: &mut ChaCha8Rng,
        input: Input<A::Op>,
    ) -> Output {
        let Mind::Liar { half, vice } = &mut self.mind else {
            return Output::default();
        };
        let hand = Hand::new(&self.key, half, origin, random);
        face(vice.as_mut(), hand, input)
    }
}
