//! The false snapshot: whoever fetches from it what a generation begins with gets another ending,
//! another manifest, or other bytes, and of a generation's proof the header alone.
//!
//! It attacks newcomers, and who is behind. What stops it: a generation's header has the digest of
//! the ending and of the manifest, and the manifest has that of each chunk.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::deterministic_secure_broadcast::{Body, Packet, SnapshotPart};
use crate::membership::GenerationProof;
use crate::snapshot::Snapshot;
use crate::traits::WireAlgorithm;

/// Sends about every second part of a snapshot wrong. Otherwise it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct FalseSnapshot {
    /// Else about every second part.
    always: bool,
}

impl FalseSnapshot {
    /// Every part is wrong.
    #[must_use]
    pub fn always() -> Self {
        Self { always: true }
    }

    /// No state at all, or one that is well formed: what was delivered up to now, or never
    /// anything.
    fn other<A: WireAlgorithm>(self, hand: &mut Hand<'_, A>) -> Snapshot {
        match hand.random().random_range(0..3u8) {
            0 => Snapshot::from_bytes(b"nothing".to_vec().into()),
            1 => Snapshot::of(hand.half().algorithm()),
            _ => Snapshot::of(hand.another_half().algorithm()),
        }
    }

    /// What it sends differs from the truth in any case.
    fn lie<A: WireAlgorithm>(self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        if !self.always && hand.random().random_bool(0.5) {
            return;
        }
        let part = match &mut packet.body {
            Body::Snapshot { part, .. } => part,
            Body::GenerationProof(proof) => return keep_the_ending(hand, proof),
            Body::PullResponse(answer) => {
                let proofs = answer.proofs.iter_mut();
                return proofs.for_each(|proof| keep_the_ending(hand, proof));
            }
            _ => return,
        };
        let other = part_of(&self.other(hand), part);
        // What was delivered up to now may be the truth.
        let nothing = Snapshot::from_bytes(b"nothing".to_vec().into());
        *part = match other == *part {
            true => part_of(&nothing, part),
            false => other,
        };
        hand.lied(Vice::FalseSnapshot.name());
    }
}

/// Shows the header alone, by which nobody can begin the generation; every second one with another
/// ending.
fn keep_the_ending<A: WireAlgorithm>(hand: &mut Hand<'_, A>, proof: &mut Arc<GenerationProof>) {
    if proof.ending.is_some() {
        let another = proof.header.generation.number() % 2 == 1;
        Arc::make_mut(proof).ending = another.then(Arc::default);
        hand.lied(Vice::FalseSnapshot.name());
    }
}

/// The part of a snapshot that corresponds to this one of another.
fn part_of(snapshot: &Snapshot, part: &SnapshotPart) -> SnapshotPart {
    match part {
        SnapshotPart::Ending(_) => SnapshotPart::Ending(Arc::default()),
        SnapshotPart::Manifest(_) => SnapshotPart::Manifest(snapshot.manifest().clone()),
        SnapshotPart::Chunk { index, .. } => {
            let chunk = snapshot.chunk(*index as usize).unwrap_or_default();
            SnapshotPart::Chunk {
                index: *index,
                bytes: chunk.to_vec().into(),
            }
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for FalseSnapshot {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            self.lie(hand, packet);
        }
    }
}
