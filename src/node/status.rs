//! Where a node stands, for whoever operates it.

use std::time::Duration;

use super::address::Address;
use super::book::Unreached;
use super::links::Links;
use super::meter::{Counts, Meter};
use super::traffic::Traffic;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{
    BlockReason, Blocked, MemoryUse, Phase, Progress, Replica,
};
use crate::dot::Head;
use crate::membership::ChangeKey;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Where a node stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Who it is.
    pub actor: Actor,
    /// The generation that it has installed.
    pub generation: Generation,
    /// Signatures that certify in it.
    pub quorum: usize,
    /// Whether it has a seat.
    pub seated: bool,
    /// For how long it has had none. What was so at its start counts from there, and may have begun
    /// long before.
    pub unseated_for: Option<Duration>,
    /// Whether it has or had a seat, as far as it knows the chain of generations.
    pub had_seat: bool,
    /// While it had a seat, has none, and is still needed: how many members have all that it has. A
    /// quorum of them has to, before it may be switched off.
    pub leaving: Option<usize>,
    /// Whether the chain of generations has not reached the one that the invitation names: until
    /// then it only follows.
    pub awaits_checkpoint: bool,
    /// While it signs nothing, because it is not known yet whether its store is an old copy:
    /// members whose answer is awaited, at least. It ends some ticks after none is.
    pub missing_answers: Option<usize>,
    /// Whether its own key contradicts it, so that it signs no more.
    pub silenced: bool,
    /// For how long it has been so, counted like [`unseated_for`](Self::unseated_for).
    pub silenced_for: Option<Duration>,
    /// How far it has come on its way to the next generation.
    pub phase: Phase,
    /// The members.
    pub members: Vec<MemberStatus>,
    /// All lanes.
    pub lanes: Vec<LaneStatus>,
    /// Own operations that are accepted and not delivered.
    pub pending: usize,
    /// What it holds in memory and has not delivered.
    pub memory: MemoryUse,
    /// Actors that are convicted of equivocation.
    pub convicted: Vec<Actor>,
    /// Changes of the members that are wished for, with those who approved.
    pub wishes: Vec<(ChangeKey, Vec<Actor>)>,
    /// Changes that wait for this node's approval.
    pub asked: Vec<ChangeKey>,
    /// What crossed the links since the start.
    pub traffic: Traffic,
    /// How long the node has been running.
    pub uptime: Duration,
    /// How the present generation ends, while it does.
    pub ending: Option<Ending>,
    /// What the node counted since its start.
    pub counts: Counts,
}

/// The end of a generation, as a node sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ending {
    /// For how long this node has known that it ends.
    pub lasts: Duration,
    /// The round of the agreement on the next one, from 0; none before there is a quorum of
    /// reports, or without a seat.
    pub round: Option<u32>,
    /// The other members of whom nothing is known here that it takes next: a report, or a vote in
    /// this round.
    pub awaited: Vec<Actor>,
}

/// A member, as this node sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemberStatus {
    /// Who.
    pub actor: Actor,
    /// How far it is, by its own word; none of ourselves and of who has not spoken.
    pub progress: Option<Progress>,
    /// Where it listens.
    pub address: Option<Address>,
    /// How long ago it was last heard by this node itself, over a link that proved its key; none
    /// when it was not since the start. While all members are level nobody speaks:
    /// [`Node::probe`](super::Node::probe) tells who answers.
    pub heard: Option<Duration>,
    /// For how long its echo of our message that is in flight has been missing.
    pub owes: Option<Duration>,
    /// Whether there is a link. Links end when nobody speaks: none is no bad sign.
    pub linked: bool,
    /// Why the last attempt to make a link failed, at each address; empty when it did not.
    pub unreached: Vec<Unreached>,
}

/// A lane, as this node sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneStatus {
    /// Whose.
    pub source: Actor,
    /// Where it ends here.
    pub head: Head,
    /// What is known to come next, and why it is not delivered.
    pub held: Option<Blocked>,
}

pub(super) fn of<A: WireAlgorithm>(replica: &Replica<A>) -> Status {
    let committee = replica.committee();
    let progress = replica.progress();
    let member = |actor: &Actor| MemberStatus {
        actor: *actor,
        progress: progress
            .iter()
            .find(|progress| progress.member == *actor)
            .copied(),
        address: None,
        heard: None,
        owes: None,
        linked: false,
        unreached: Vec::new(),
    };
    let held = replica.blocked();
    let lane = |source: Actor| {
        Some(LaneStatus {
            source,
            head: replica.head(&source)?,
            held: held.iter().find(|held| held.dot.source == source).cloned(),
        })
    };
    Status {
        actor: replica.actor(),
        generation: replica.generation(),
        quorum: committee.quorum(),
        seated: committee.contains(&replica.actor()),
        unseated_for: None,
        had_seat: replica.sources().any(|source| *source == replica.actor()),
        leaving: replica.is_leaving().then(|| replica.level_members()),
        awaits_checkpoint: replica.awaits_checkpoint(),
        missing_answers: replica.missing_answers(),
        silenced: replica.is_silenced(),
        silenced_for: None,
        phase: replica.phase(),
        members: committee.actors().iter().map(member).collect(),
        lanes: replica
            .boundary()
            .lanes()
            .into_iter()
            .filter_map(lane)
            .collect(),
        pending: replica.pending(),
        memory: replica.memory_use(),
        convicted: replica.convicted().keys().copied().collect(),
        wishes: replica.wishes(),
        asked: Vec::new(),
        traffic: Traffic::default(),
        uptime: Duration::ZERO,
        ending: replica.is_frozen().then(|| Ending {
            lasts: Duration::ZERO,
            round: replica.round(),
            awaited: replica.awaited(),
        }),
        counts: Counts::default(),
    }
}

impl Status {
    pub(super) fn complete(&mut self, links: &Links, meter: &Meter, asked: Vec<ChangeKey>) {
        let mut book = links.reach();
        // Before what is counted from the same start, so that it is never the longer one.
        self.uptime = meter.uptime();
        let notes = meter.open();
        let missing = self.unechoed().to_vec();
        for member in &mut self.members {
            if missing.contains(&member.actor) {
                member.owes = notes.proposed_for();
            }
            if let Some(reach) = book.remove(&member.actor) {
                member.address = reach.address;
                member.heard = reach.heard.map(|heard| heard.elapsed());
                member.linked = reach.linked;
                member.unreached = reach.unreached;
            }
        }
        if let Some(ending) = &mut self.ending {
            ending.lasts = notes.ending_for().unwrap_or_default();
        }
        self.unseated_for = notes.unseated_for();
        self.silenced_for = notes.silenced_for();
        self.counts = notes.counts.clone();
        drop(notes);
        self.asked = asked;
        self.traffic = links.traffic();
    }

    /// The members whose echo of our message in flight is not known here.
    fn unechoed(&self) -> &[Actor] {
        let own = self.lanes.iter().find(|lane| lane.source == self.actor);
        match own.and_then(|own| own.held.as_ref()).map(|held| &held.why) {
            Some(BlockReason::EchoesMissing { missing, .. }) => missing,
            _ => &[],
        }
    }

    /// Messages that members said to have delivered and this node has not: what is left to catch up
    /// with. More members say so than may lie.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let progress = self.members.iter().filter_map(|member| member.progress);
        Progress::behind(progress, self.members.len() - self.quorum)
    }
}
