//! What is known of members and contacts, by their own signatures, and what they are told of us.
//!
//! State: of each the furthest that it signed to be, and when to ask and tell it again. Inputs:
//! summaries that are checked. Outputs: who leads, who is level, who has to be told. Invariant:
//! what is known of a peer only grows for as long as it is remembered, and comes from its own key:
//! the sender that a packet names is never believed, or anybody could make us silent towards a
//! member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backoff::Backoff;
use super::lanes::Lanes;
use super::message::Summary;
use crate::actor::{Actor, Signed};
use crate::dot::Seq;
use crate::quorum::{Committee, Generation};

/// Those who are asked and told, and what they are told of us.
#[derive(Debug)]
pub(super) struct Peers {
    /// Members of this generation and, while the next is founded and not installed, of that one;
    /// and contacts, no more than there are seats.
    known: BTreeMap<Actor, Peer>,
    pub(super) summary: OwnSummary,
    /// Whether we had a seat, have none, and are still needed.
    pub(super) leaving: bool,
}

impl Peers {
    pub(super) fn new() -> Self {
        Self {
            known: BTreeMap::new(),
            summary: OwnSummary::default(),
            leaving: false,
        }
    }

    pub(super) fn get(&self, actor: &Actor) -> Option<&Peer> {
        self.known.get(actor)
    }

    pub(super) fn get_mut(&mut self, actor: &Actor) -> Option<&mut Peer> {
        self.known.get_mut(actor)
    }

    /// What is known of an actor, from now on if nothing is yet.
    pub(super) fn meet(&mut self, actor: Actor, now: u64) -> &mut Peer {
        let peer = self.known.entry(actor);
        peer.or_insert_with(|| Peer::new(actor, now))
    }

    /// There are lanes here now of which summaries spoke in vain before.
    pub(super) fn forget_last(&mut self) {
        self.known.values_mut().for_each(Peer::forget_last);
    }

    /// Forgets those who have no seat.
    pub(super) fn keep(&mut self, committee: &Committee) {
        self.known.retain(|actor, _| committee.contains(actor));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.known.values()
    }

    /// All of them, for whoever changes what is known of them on the way.
    pub(super) fn actors(&self) -> Vec<Actor> {
        self.known.keys().copied().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

/// What is known of one member or contact, by its own signature.
#[derive(Debug)]
pub(super) struct Peer {
    actor: Actor,
    generation: Generation,
    /// The highest end that it signed for each lane that is here.
    pub(super) delivered: BTreeMap<Actor, Seq>,
    convicted: BTreeSet<Actor>,
    /// The last summary that was checked: the same bytes need no second check.
    last: Option<Arc<Signed<Summary>>>,
    /// That which says most: for the peer, when it asks what it has signed. Never reset as long as
    /// the peer is remembered.
    newest: Option<Arc<Signed<Summary>>>,
    /// When we tell it where we stand, unless it is known to be level. Begun anew by each summary
    /// of its.
    pub(super) announce: Backoff,
    /// When we may ask it: at once at first, and more rarely as answers bring nothing.
    pub(super) pull: Backoff,
    /// Our summary, by its number, beside which neither was known to have more.
    pub(super) even: Option<u64>,
    /// Whether it was asked, and an answer that brings all it has may still come.
    pub(super) asked: bool,
}

impl Peer {
    fn new(actor: Actor, now: u64) -> Self {
        Self {
            actor,
            generation: Generation::GENESIS,
            delivered: BTreeMap::new(),
            convicted: BTreeSet::new(),
            last: None,
            newest: None,
            announce: Backoff::starting(now + 1),
            pull: Backoff::starting(now),
            even: None,
            asked: false,
        }
    }

    /// Takes a summary that is checked. What it says of lanes that are not here is left out: they
    /// may come.
    pub(super) fn learn<Op>(
        &mut self,
        summary: &Arc<Signed<Summary>>,
        lanes: &Lanes<Op>,
        now: u64,
    ) {
        debug_assert_eq!(summary.signer, self.actor, "its own signature");
        let Summary {
            generation,
            frontier,
            convicted,
        } = &summary.statement;
        for (source, head) in frontier.iter().filter(|(source, _)| lanes.has(source)) {
            let seq = self.delivered.entry(*source).or_default();
            *seq = head.seq.max(*seq);
        }
        let convicted = convicted.iter().filter(|actor| lanes.has(actor));
        self.convicted.extend(convicted);
        self.generation = self.generation.max(*generation);
        (self.last, self.even) = (Some(Arc::clone(summary)), None);
        let newest = self.newest.as_ref();
        if newest.is_none_or(|newest| reach(newest) <= reach(summary)) {
            self.newest = Some(Arc::clone(summary));
        }
        self.announce = Backoff::starting(now + 1);
        self.pull.hurry(now);
    }

    /// There are lanes here now of which a summary spoke in vain before: the same one is news
    /// again.
    fn forget_last(&mut self) {
        (self.last, self.even) = (None, None);
    }

    pub(super) fn actor(&self) -> Actor {
        self.actor
    }

    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// The summary of its that says most.
    pub(super) fn newest(&self) -> Option<Arc<Signed<Summary>>> {
        self.newest.clone()
    }

    /// Whether it said this last: what was checked needs no second check.
    pub(super) fn said_last(&self, summary: &Signed<Summary>) -> bool {
        self.last.as_deref() == Some(summary)
    }

    /// Whether a summary of its has been checked since it spoke of lanes that were not here.
    pub(super) fn is_understood(&self) -> bool {
        self.last.is_some()
    }

    /// Whether it is known to hold the evidence against an actor, or is that actor: nobody is asked
    /// to convict itself.
    pub(super) fn knows_of(&self, actor: &Actor) -> bool {
        *actor == self.actor || self.convicted.contains(actor)
    }

    /// Whether it has more than is delivered here, by its own signature.
    pub(super) fn leads<Op>(&self, generation: Generation, lanes: &Lanes<Op>) -> bool {
        let mut delivered = self.delivered.iter();
        self.generation > generation
            || delivered.any(|(source, seq)| lanes.head(source).is_some_and(|h| h.seq < *seq))
    }

    /// Whether a summary of its has been checked, of this generation or of one before.
    pub(super) fn is_heard(&self) -> bool {
        self.newest.is_some()
    }

    /// How far it is known to be in a lane.
    pub(super) fn seq(&self, source: &Actor) -> Seq {
        self.delivered.get(source).copied().unwrap_or_default()
    }

    pub(super) fn has(&self, source: &Actor, seq: Seq) -> bool {
        self.seq(source) >= seq
    }
}

/// How far a summary says that its signer is: of two of a correct one, the later has the larger.
fn reach(summary: &Signed<Summary>) -> (Generation, u128) {
    let ends = summary.statement.frontier.values();
    let reach = ends.map(|head| u128::from(head.seq.number())).sum();
    (summary.statement.generation, reach)
}

/// The summary that we signed last.
#[derive(Debug, Default)]
pub(super) struct OwnSummary {
    /// `None` until we have signed one since the start; a replica that may not sign shows no other.
    pub(super) last: Option<Arc<Signed<Summary>>>,
    /// Whether it says where we stand now.
    pub(super) current: bool,
    /// How often that has changed.
    pub(super) number: u64,
}

impl OwnSummary {
    /// We stand elsewhere now: the next one is signed when it is asked for.
    pub(super) fn outdate(&mut self) {
        self.current = false;
        self.number += 1;
    }
}
