//! Writes a run down while it happens: every event of the [`Trace`](super::Trace), the packets on
//! their way, and what the records of each step say.
//!
//! Invariant: whatever the trace hashes is in the recording, in the same order, so that
//! [`Recording::digest`] is [`Trace::digest`](super::Trace::digest).

use std::collections::BTreeMap;
use std::fmt;

use super::trace::Event;
use crate::actor::Actor;
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Packet, Record, Replica};
use crate::recording::scribe::Scribe;
use crate::recording::{self, Hashed, Kind, Recording};
use crate::traits::WireAlgorithm;

/// A run that is being written down.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    run: recording::Run,
    /// It numbers events and actors as a node's journal does.
    scribe: Scribe,
    /// The event with which each packet left.
    ///
    /// By their numbers, for the arrivals that name them as parents.
    sent: BTreeMap<u64, u64>,
    /// The packet that is being taken in.
    ///
    /// Taken by the first event that is its arrival or its refusal.
    arriving: Option<u64>,
}

impl Recorder {
    pub(super) fn new(run: recording::Run) -> Self {
        Self {
            run,
            scribe: Scribe::default(),
            sent: BTreeMap::new(),
            arriving: None,
        }
    }

    /// The recording of a run that is over: with what replicas still hold, and the actors' names;
    /// `name` says who lies.
    ///
    /// The recorder itself goes on unchanged.
    pub(super) fn finished<'a, A: WireAlgorithm>(
        &self,
        at: u64,
        replicas: impl Iterator<Item = &'a Replica<A>>,
        name: impl Fn(&Actor) -> (String, bool),
    ) -> Recording {
        let mut scribe = self.scribe.clone();
        for replica in replicas {
            scribe.waits(at, replica);
        }
        let (mut actors, events) = scribe.into_parts();
        for actor in &mut actors {
            (actor.name, actor.byzantine) = name(&actor.key);
        }
        Recording::of(self.run.clone(), actors, events)
    }

    /// A packet leaves, or bytes that are no packet.
    ///
    /// `number` is that of the trace.
    pub(super) fn sends(
        &mut self,
        at: u64,
        number: u64,
        ends: (Actor, Actor),
        packet: Option<&Packet>,
        bytes: &Digest,
    ) {
        let (from, to) = ends;
        let id = self.scribe.push(at, Kind::Send, &from, |scribe, event| {
            let kind = packet.map_or("noise", |packet| packet.body.kind());
            let dot = packet.and_then(|packet| packet.body.dot());
            scribe.carries(event, &to, kind, (dot.as_ref(), None));
            event.hashed = Some(Hashed::Sent(bytes.to_string()));
        });
        self.sent.insert(number, id);
    }

    /// What the network does to a packet that just left.
    ///
    /// It is told of the sender's end, after the packet has left.
    pub(super) fn harms(&mut self, at: u64, number: u64, from: &Actor, kind: Kind) {
        let sent = self.sent.get(&number).copied();
        self.scribe.push(at, kind, from, |scribe, event| {
            let Some(sent) = sent.and_then(|id| scribe.event(id)) else {
                return;
            };
            event.peer = sent.peer;
            event.packet.clone_from(&sent.packet);
            event.dot = sent.dot;
        });
    }

    /// The packet of this number is being taken in: what is recorded next is its arrival.
    pub(super) fn arrives(&mut self, number: u64) {
        self.arriving = Some(number);
    }

    /// What the trace records.
    ///
    /// Its words are hashed as the trace hashes them.
    pub(super) fn happens(&mut self, at: u64, happening: &Event) {
        let words = Hashed::Words(happening.to_string());
        let (kind, who) = subject(happening);
        let arriving = match kind {
            Kind::Deliver | Kind::Refuse => self.arriving.take(),
            _ => None,
        };
        let arriving = arriving.and_then(|number| self.sent.get(&number).copied());
        self.scribe.push(at, kind, &who, |scribe, event| {
            event.hashed = Some(words);
            event.parents.extend(arriving);
            describe(scribe, happening, event);
        });
    }

    /// What a replica made durable in a step.
    pub(super) fn writes<A: WireAlgorithm>(
        &mut self,
        at: u64,
        replica: &Replica<A>,
        records: &[Record],
    ) {
        self.scribe.writes(at, replica, records);
    }

    /// The state of an actor's algorithm after what was recorded last at it.
    pub(super) fn is_in(&mut self, who: &Actor, state: &impl fmt::Debug) {
        self.scribe.is_in(who, state);
    }
}

/// What each kind of event has beyond its actor, its time and its parents.
fn describe(scribe: &mut Scribe, happening: &Event, event: &mut recording::Event) {
    match happening {
        Event::Arrived {
            from: end,
            kind,
            dot,
            digest,
            ..
        }
        | Event::Lost {
            to: end,
            kind,
            dot,
            digest,
            ..
        } => scribe.carries(event, end, kind, (dot.as_ref(), digest.as_ref())),
        Event::Delivered { dot, digest, .. } => scribe.about(event, dot, Some(digest)),
        Event::Refused { refusal, .. } => Scribe::refuses(event, refusal),
        Event::Reported { fault, .. } => scribe.reports(event, fault),
        Event::Installed {
            generation,
            members,
            ..
        } => scribe.begins(event, *generation, members),
        Event::Proposed { op, .. } => Scribe::proposes(event, op),
        Event::Crashed { .. } | Event::Restarted { .. } => {}
    }
}

/// What happened, and at whom.
fn subject(happening: &Event) -> (Kind, Actor) {
    match happening {
        Event::Proposed { source, .. } => (Kind::Propose, *source),
        Event::Arrived { to, .. } => (Kind::Deliver, *to),
        Event::Lost { from, .. } => (Kind::Lose, *from),
        Event::Delivered { at, .. } => (Kind::Apply, *at),
        Event::Refused { at, .. } => (Kind::Refuse, *at),
        Event::Reported { at, .. } => (Kind::Fault, *at),
        Event::Installed { at, .. } => (Kind::Generation, *at),
        Event::Crashed { who } => (Kind::Crash, *who),
        Event::Restarted { who } => (Kind::Restart, *who),
    }
}
