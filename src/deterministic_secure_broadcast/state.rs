//! The algorithm's state at a frontier, which a generation's members certify by executing it again.

use std::collections::VecDeque;

use super::Replica;
use super::message::Entry;
use crate::codec::decode;
use crate::dot::Frontier;
use crate::snapshot::Snapshot;
use crate::traits::Wire;

impl<A: Wire> Replica<A> {
    /// The snapshot of the state at a frontier, if there is [one](Self::at).
    pub(super) fn snapshot_at(&self, frontier: &Frontier) -> Option<Snapshot> {
        self.at(frontier, Snapshot::of)
    }

    /// What is read of the algorithm at a frontier: as it is here, or made of the last boundary's state and the messages since.
    /// `None` when they are not here, or do not lead to one state.
    pub(super) fn at<T>(&self, frontier: &Frontier, read: impl FnOnce(&A) -> T) -> Option<T> {
        if self.frontier() == *frontier {
            return Some(read(&self.algorithm));
        }
        let mut algorithm = self.at_boundary()?;
        let mut lanes = Vec::new();
        for (source, head) in frontier {
            let from = self.boundary.head(source).seq;
            let lane = self.lanes.get(source)?;
            let entries: VecDeque<_> = lane.log.between(from, head.seq).cloned().collect();
            let reached = entries
                .back()
                .map_or(self.boundary.head(source), Entry::head);
            if reached != *head {
                return None;
            }
            lanes.push(entries);
        }
        self.replay_lanes(&mut algorithm, lanes)
            .then(|| read(&algorithm))
    }

    /// Applies the messages of several lanes, each when it is valid. Whether all were.
    pub(super) fn replay_lanes(&self, algorithm: &mut A, mut lanes: Vec<VecDeque<Entry>>) -> bool {
        loop {
            let mut progress = false;
            for lane in &mut lanes {
                while let Some(entry) = lane.front() {
                    let source = entry.message().source;
                    let Ok(ops) = entry.message().decode::<A::Op>(self.limits()) else {
                        return false;
                    };
                    if !algorithm.verdict_batch(&source, &ops).is_valid() {
                        break;
                    }
                    ops.into_iter().for_each(|op| algorithm.apply(op));
                    lane.pop_front();
                    progress = true;
                }
            }
            if !progress {
                return lanes.iter().all(VecDeque::is_empty);
            }
        }
    }

    /// The algorithm as it was at the boundary of this generation.
    fn at_boundary(&self) -> Option<A> {
        let (_, snapshot) = self.snapshots.back()?;
        let bytes = snapshot.bytes().as_slice();
        let state = decode(bytes, bytes.len()).ok()?;
        let mut algorithm = self.pristine.clone();
        algorithm.sync_from(state);
        Some(algorithm)
    }
}
