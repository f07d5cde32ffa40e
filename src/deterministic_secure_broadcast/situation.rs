//! The states of the protocol that a replica can be in, by name: so that a campaign can tell which
//! of them it reached.

use super::Replica;
use super::lane::{Lane, Slot};
use crate::dot::Seq;
use crate::membership::Round;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// A question to a replica, and its name.
type Situation<A> = (&'static str, fn(&Replica<A>) -> bool);

/// A question to a lane, and its name.
type LaneSituation<Op> = (&'static str, fn(&Lane<Op>) -> bool);

impl<A: WireAlgorithm> Replica<A> {
    /// Those of a whole replica. Names are shown in tables and must stay as they are for one
    /// campaign to be compared with another.
    const SITUATIONS: [Situation<A>; 19] = [
        ("in a later generation", |r| {
            r.generation() > Generation::GENESIS
        }),
        ("operations wait in the outbox", |r| r.is_pending()),
        ("follows without a seat", |r| {
            !r.history.committee.contains(&r.actor())
        }),
        ("asks to join", |r| r.bootstrap.joining.is_some()),
        ("fetches a snapshot", |r| r.bootstrap.fetching.is_some()),
        ("knows a generation that it cannot install yet", |r| {
            !r.history.pending.is_empty()
        }),
        ("knows of a generation its header alone", |r| {
            r.history.wants_ending().is_some()
        }),
        ("approved a change", Self::has_approvals),
        ("frozen", Self::is_frozen),
        ("reported", |r| r.transition.reports.own.is_some()),
        ("judges a value", |r| !r.transition.values.is_empty()),
        ("lacks a message that a change rests on", |r| {
            !r.transition.payloads.wanted.is_empty()
        }),
        ("agreement beyond its first round", |r| {
            let agreement = r.transition.agreement.as_ref();
            agreement.is_some_and(|agreement| agreement.round() > Round::FIRST)
        }),
        ("locked on a value", |r| {
            let agreement = r.transition.agreement.as_ref();
            agreement.is_some_and(|agreement| agreement.is_locked())
        }),
        ("decided, not installed", |r| r.transition.decided.is_some()),
        ("a boundary adopts a lock", |r| {
            !r.history.boundary.adopted().is_empty()
        }),
        ("a boundary seals a dot", |r| {
            !r.history.boundary.sealed().is_empty()
        }),
        ("convicts somebody", |r| !r.lanes.convicted.is_empty()),
        ("silenced", Self::is_silenced),
    ];

    /// A replica is in one when any of its lanes is.
    const LANE_SITUATIONS: [LaneSituation<A::Op>; 6] = [
        ("lane: a proposal waits until it is valid", |lane| {
            matches!(lane.slot, Slot::Waiting(_))
        }),
        ("lane: locked", |lane| lane.lock().is_some()),
        ("lane: certified, message missing", |lane| {
            let held = lane.certified.as_ref();
            held.is_some_and(|held| held.tail.is_empty())
        }),
        ("lane: certified, waits until it is valid", |lane| {
            let held = lane.certified.as_ref();
            held.is_some_and(|held| !held.tail.is_empty() && !held.provisional)
        }),
        ("lane: certified by a committee that is over", |lane| {
            lane.certified.as_ref().is_some_and(|held| held.provisional)
        }),
        ("lane: pruned", |lane| lane.log.base() > Seq::ZERO),
    ];

    /// The round of the agreement on the next generation, while there is one.
    #[must_use]
    pub fn round(&self) -> Option<u32> {
        let agreement = self.transition.agreement.as_ref();
        agreement.map(|agreement| agreement.round().number())
    }

    /// The newest generation that is known to be founded, installed or not.
    #[must_use]
    pub fn known(&self) -> Generation {
        self.history.tip().generation()
    }

    /// The names of all situations that [`situations`](Self::situations) asks about.
    pub fn every_situation() -> impl Iterator<Item = &'static str> {
        let lanes = Self::LANE_SITUATIONS.iter().map(|(name, _)| *name);
        let whole = Self::SITUATIONS.iter().map(|(name, _)| *name);
        whole.chain(lanes)
    }

    /// Whether this replica is in each of them, in their order.
    pub fn situations(&self) -> impl Iterator<Item = bool> {
        let lanes = Self::LANE_SITUATIONS
            .iter()
            .map(|(_, is)| self.lanes.values().any(is));
        let whole = Self::SITUATIONS.iter().map(|(_, is)| is(self));
        whole.chain(lanes)
    }
}
