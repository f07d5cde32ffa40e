//! The lanes of all sources, and what is to be done in them before an input is done with.
//!
//! State: a [`Lane`] a source, the sources to look at, and the evidence against sources. Invariant:
//! a lane that [holds](Lane::holds) something is among those to look at, so that whatever makes it
//! valid is not missed.
//!
//! A rule looks a lane up wherever it needs it, up to nine times a packet. That costs 8 ns each
//! among four lanes and 50 among a thousand, beside the tens of microseconds of a signature; a view
//! that carried the lane through the rule would have to borrow four other rooms with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::PacketError;
use super::lane::Lane;
use super::message::Equivocation;
use crate::actor::Actor;
use crate::codec::NetworkId;
use crate::dot::{Frontier, Head, Seq};

/// Lanes are begun when a boundary names their source, and never removed. Their number is bounded
/// by the boundaries that are accepted, each of which counts no more than `Limits::lanes`; a packet
/// about any other source is refused with [`PacketError::NoLane`].
#[derive(Debug)]
pub(super) struct Lanes<Op> {
    /// In the order of the keys, so that all replicas go through them in the same order and a run
    /// can be repeated.
    pub(super) by_source: BTreeMap<Actor, Lane<Op>>,
    /// Those to look at before the present input is done with.
    ///
    /// Empty between inputs, except while the chain has not reached the trusted checkpoint: then
    /// nothing is settled.
    pub(super) ready: BTreeSet<Actor>,
    /// Those to look at again after each delivery: all that were looked at and hold something.
    pub(super) waiting: BTreeSet<Actor>,
    /// The evidence against each actor that is convicted here: of its lane nothing new is echoed.
    ///
    /// It holds members that were convicted by their votes, too, who may have no message in any
    /// lane. One piece an actor: the first that was found.
    pub(super) convicted: BTreeMap<Actor, Arc<Equivocation>>,
}

impl<Op> Lanes<Op> {
    /// Empty lanes of these sources.
    ///
    /// The first generation's members. Those of later ones get theirs when their boundary is known.
    pub(super) fn of(sources: &[Actor], network: &NetworkId) -> Self {
        let lanes = sources.iter().map(|source| (*source, Lane::new(network)));
        Self {
            by_source: lanes.collect(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            convicted: BTreeMap::new(),
        }
    }

    /// A lane for `source`, if it has none.
    pub(super) fn begin(&mut self, source: Actor, network: &NetworkId) {
        let lane = self.by_source.entry(source);
        lane.or_insert_with(|| Lane::new(network));
    }

    pub(super) fn get(&self, source: &Actor) -> Option<&Lane<Op>> {
        self.by_source.get(source)
    }

    pub(super) fn get_mut(&mut self, source: &Actor) -> Option<&mut Lane<Op>> {
        self.by_source.get_mut(source)
    }

    /// A lane that was looked at before: once begun, a lane is kept.
    ///
    /// Panics on a source that has none: only for callers that have just looked the lane up or hold
    /// something that is in it.
    pub(super) fn kept(&mut self, source: &Actor) -> &mut Lane<Op> {
        let lane = self.by_source.get_mut(source);
        lane.expect("a lane that has begun is kept")
    }

    /// The lane that a packet speaks of.
    ///
    /// # Errors
    /// [`PacketError::NoLane`]: nothing is remembered of actors that no boundary names, or anybody
    /// could make us hold lanes with keys made up at will.
    pub(super) fn known(&self, source: &Actor) -> Result<&Lane<Op>, PacketError> {
        self.get(source).ok_or(PacketError::NoLane(*source))
    }

    pub(super) fn has(&self, source: &Actor) -> bool {
        self.by_source.contains_key(source)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Actor, &Lane<Op>)> + Clone {
        self.by_source.iter()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Lane<Op>> {
        self.by_source.values()
    }

    /// All sources, for whoever changes lanes on the way.
    pub(super) fn sources(&self) -> Vec<Actor> {
        self.by_source.keys().copied().collect()
    }

    /// Where `source`'s lane ends here.
    pub(super) fn head(&self, source: &Actor) -> Option<Head> {
        self.get(source).map(Lane::head)
    }

    /// Where each lane ends here. Empty lanes are left out.
    pub(super) fn frontier(&self) -> Frontier {
        let heads = self.iter().map(|(source, lane)| (*source, lane.head()));
        heads.filter(|(_, head)| head.seq > Seq::ZERO).collect()
    }

    /// Whether each lane is here up to where `frontier` says.
    ///
    /// Asks for numbers only. Whether the digests agree shows when the state is executed, which is
    /// compared with the certified one.
    pub(super) fn reach(&self, frontier: &Frontier) -> bool {
        let mut ends = frontier.iter();
        ends.all(|(source, end)| self.head(source).is_some_and(|own| own.seq >= end.seq))
    }

    /// A convicted source is blocked in what is new; what a quorum certified of it before is
    /// delivered all the same, since others may have delivered it.
    pub(super) fn is_convicted(&self, actor: &Actor) -> bool {
        self.convicted.contains_key(actor)
    }

    /// Every lane is looked at before the present input is done with.
    ///
    /// After a restart and after a boundary, when the reason for waiting may be gone in any of
    /// them.
    pub(super) fn look_at_all(&mut self) {
        self.ready.extend(self.by_source.keys().copied());
    }
}
