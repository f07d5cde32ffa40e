//! Who sits at the ends of the links: a correct replica with its store, or a liar with its honest
//! half.

use rand_chacha::ChaCha8Rng;

use super::adversary::{Adversary, Hand, Input, Origin, Output, face};
use crate::actor::SigningActor;
use crate::deterministic_secure_broadcast::{Packet, Replica};
use crate::membership::Genesis;
use crate::store::MemoryStore;
use crate::traits::WireAlgorithm;

/// It survives crashes: the key and the store are what a machine has on its disk.
pub(super) struct Participant<A: WireAlgorithm> {
    pub(super) key: SigningActor,
    /// Empty for a liar, as nothing of it is written.
    pub(super) store: MemoryStore,
    /// What a crash takes.
    pub(super) mind: Mind<A>,
}

/// A correct mind goes down and comes back; a liar never crashes.
pub(super) enum Mind<A: WireAlgorithm> {
    /// Crashed, with what its store holds.
    Down,
    Correct(Box<Replica<A>>),
    /// It runs a replica that follows the protocol, and does with its inputs and outputs what its
    /// vice says.
    Liar {
        half: Box<Replica<A>>,
        vice: Box<dyn Adversary<A>>,
    },
}

impl<A: WireAlgorithm> Participant<A> {
    /// With an empty store, in the genesis state; a liar, if it has a vice.
    ///
    /// The first step of the replica is dropped: the members announce themselves on ticks.
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

    /// A member that restarts from an old copy of its store does not count: it has no vice.
    pub(super) fn is_liar(&self) -> bool {
        matches!(self.mind, Mind::Liar { .. })
    }

    /// `None` while it is down.
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
    ///
    /// Nothing comes of it where nobody lies.
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

/// Lets a replica check the signatures of a packet that arrives together with those of others that
/// are under way to it. What of the others is no packet is left out: that shows when it arrives.
pub(super) fn check_ahead<'a, A: WireAlgorithm>(
    replica: &mut Replica<A>,
    packet: &Packet,
    others: impl Iterator<Item = &'a [u8]>,
) {
    let limits = replica.limits();
    let mut packets: Vec<_> = others
        .filter_map(|bytes| Packet::decode(bytes, limits).ok())
        .collect();
    packets.push(packet.clone());
    let checked = replica.precheck(&packets).run();
    replica.trust(checked);
}
