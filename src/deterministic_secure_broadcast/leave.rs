//! Leaving: a replica without a seat goes on serving until a quorum of the members signed that it
//! has all that the replica has.
//!
//! Those who leave may be the only ones that know what ended their last generation, and what was
//! certified in it: of the quorum that agreed, everybody may leave. Once a quorum of those who stay
//! has it, they give it to each other.

use super::Replica;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// Whether this replica had a seat, has none any more, and is still needed: switched off now,
    /// what it alone knows would be lost. It ends when a quorum of the members signed that they
    /// have all that is here, or with a new seat; after a restart they are asked again.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.peers.leaving
    }

    /// How many members signed that they have all that is here.
    #[must_use]
    pub fn level_members(&self) -> usize {
        let members = self
            .peers
            .iter()
            .filter(|peer| self.history.committee.contains(&peer.actor()));
        members.filter(|peer| self.is_level(peer)).count()
    }

    /// A generation begins; whether we had a seat in one of those before since the last that was
    /// installed.
    pub(super) fn begin_to_leave(&mut self, had_a_seat: bool) {
        let seated = self.history.committee.contains(&self.actor());
        self.peers.leaving = !seated && (had_a_seat || self.peers.leaving);
        self.end_leaving();
    }

    /// Called when the members are known to have more.
    pub(super) fn end_leaving(&mut self) {
        if self.peers.leaving && self.level_members() >= self.history.committee.quorum() {
            tracing::info!(me = ?self.actor(), "a quorum of the members has all that is here");
            self.peers.leaving = false;
        }
    }
}
