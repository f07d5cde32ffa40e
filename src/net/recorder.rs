//! Writes a run down while it happens: every event of the [`Trace`](super::Trace), the packets on their way, and what the
//! records of each step say.
//!
//! Invariant: whatever the trace hashes is in the recording, in the same order, so that
//! [`Recording::digest`] is [`Trace::digest`](super::Trace::digest).

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::trace::Event;
use crate::actor::{Actor, Statement};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Packet, Record, Replica};
use crate::dot::Dot;
use crate::membership::{self, Said};
use crate::recording::{self, Hashed, Kind, Place, Recording};
use crate::traits::Wire;

/// Letters of a state or an operation that are kept.
const MOST_LETTERS: usize = 240;

/// A run that is being written down.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    recording: Recording,
    places: BTreeMap<Actor, u32>,
    /// The last event at each actor.
    last: BTreeMap<u32, u64>,
    /// The event with which each packet left.
    sent: BTreeMap<u64, u64>,
    /// The packet that is being taken in.
    arriving: Option<u64>,
    /// The operation that is being proposed.
    proposing: Option<String>,
}

impl Recorder {
    pub(super) fn new(run: recording::Run) -> Self {
        Self {
            recording: Recording::new(run),
            places: BTreeMap::new(),
            last: BTreeMap::new(),
            sent: BTreeMap::new(),
            arriving: None,
            proposing: None,
        }
    }

    /// The place of an actor among those of the recording. A packet can name anybody.
    fn place(&mut self, actor: &Actor) -> u32 {
        let recording = &mut self.recording;
        *self.places.entry(*actor).or_insert_with(|| {
            recording.introduce(recording::Participant {
                key: *actor,
                name: String::new(),
                byzantine: false,
            });
            u32::try_from(recording.actors().len() - 1).expect("fewer actors than packets")
        })
    }

    /// The recording of a run that is over: with what replicas still hold, and the actors' names; `name` says who lies.
    pub(super) fn finished<'a, A: Wire>(
        &self,
        at: u64,
        replicas: impl Iterator<Item = &'a Replica<A>>,
        name: impl Fn(&Actor) -> (String, bool),
    ) -> Recording {
        let mut end = self.clone();
        for replica in replicas {
            end.waits(at, replica);
        }
        end.recording.name_actors(name);
        end.recording
    }

    fn push(
        &mut self,
        at: u64,
        kind: Kind,
        who: &Actor,
        fill: impl FnOnce(&mut Self, &mut recording::Event),
    ) -> u64 {
        let who = self.place(who);
        let id = self.recording.events().len() as u64;
        let mut event = recording::Event::new(id, at, kind, who);
        event.parents.extend(self.last.insert(who, id));
        fill(self, &mut event);
        self.recording.push(event);
        id
    }

    /// A packet leaves, or bytes that are no packet.
    pub(super) fn sends(
        &mut self,
        at: u64,
        number: u64,
        ends: (Actor, Actor),
        packet: Option<&Packet>,
        bytes: &Digest,
    ) {
        let (from, to) = ends;
        let id = self.push(at, Kind::Send, &from, |recorder, event| {
            event.peer = Some(recorder.place(&to));
            event.packet = Some(
                packet
                    .map_or("noise", |packet| packet.body.kind())
                    .to_owned(),
            );
            event.dot = packet
                .and_then(|packet| packet.body.dot())
                .map(|dot| recorder.dot(&dot));
            event.hashed = Some(Hashed::Sent(bytes.to_string()));
        });
        self.sent.insert(number, id);
    }

    /// What the network does to a packet that just left.
    pub(super) fn harms(&mut self, at: u64, number: u64, from: &Actor, kind: Kind) {
        let sent = self.sent.get(&number).copied();
        self.push(at, kind, from, |recorder, event| {
            let Some(sent) = sent.and_then(|id| recorder.recording.event(id)) else {
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

    /// The operation of the next proposal.
    pub(super) fn proposes(&mut self, op: &impl fmt::Debug) {
        self.proposing = Some(short(op));
    }

    fn dot(&mut self, dot: &Dot) -> Place {
        Place {
            source: self.place(&dot.source),
            seq: dot.seq.number(),
        }
    }

    /// What the trace records.
    pub(super) fn happens(&mut self, at: u64, happening: &Event) {
        let words = Hashed::Words(happening.to_string());
        let (kind, who) = subject(happening);
        let arriving = match kind {
            Kind::Deliver | Kind::Refuse => self.arriving.take(),
            _ => None,
        };
        let arriving = arriving.and_then(|number| self.sent.get(&number).copied());
        let proposing = self.proposing.take_if(|_| kind == Kind::Propose);
        self.push(at, kind, &who, |recorder, event| {
            event.hashed = Some(words);
            event.parents.extend(arriving);
            event.words = proposing;
            recorder.describe(happening, event);
        });
    }

    fn describe(&mut self, happening: &Event, event: &mut recording::Event) {
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
            } => {
                event.peer = Some(self.place(end));
                event.packet = Some((*kind).to_owned());
                event.dot = dot.map(|dot| self.dot(&dot));
                event.digest = digest.as_ref().map(digits);
            }
            Event::Delivered { dot, digest, .. } => {
                event.dot = Some(self.dot(dot));
                event.digest = Some(digits(digest));
            }
            Event::Refused { refusal, .. } => event.words = Some(short(&format_args!("{refusal}"))),
            Event::Reported { fault, .. } => {
                event.words = Some(fault.kind().to_owned());
                event.peer = fault.accused().map(|accused| self.place(&accused));
            }
            Event::Installed {
                generation,
                members,
                ..
            } => {
                event.generation = Some(generation.number());
                event.signers = members.iter().map(|member| self.place(member)).collect();
            }
            Event::Proposed { .. } | Event::Crashed { .. } | Event::Restarted { .. } => {}
        }
    }

    /// What a replica made durable in a step: its echoes, certificates and votes.
    pub(super) fn writes<A: Wire>(&mut self, at: u64, replica: &Replica<A>, records: &[Record]) {
        let who = replica.actor();
        for record in records {
            match record {
                Record::Locked { proposal, .. } => {
                    let digest = proposal.message.digest(replica.network());
                    self.push(at, Kind::Sign, &who, |recorder, event| {
                        event.dot = Some(recorder.dot(&proposal.message.dot()));
                        event.digest = Some(digits(&digest));
                    });
                }
                Record::Certified(chunk) => {
                    let Some(certificate) = &chunk.certificate else {
                        continue;
                    };
                    let echo = certificate.statement;
                    let committee = replica.committee();
                    let known = echo.generation == committee.generation();
                    self.push(at, Kind::Certify, &who, |recorder, event| {
                        event.dot = Some(recorder.dot(&echo.dot));
                        event.digest = Some(digits(&echo.digest));
                        event.generation = Some(echo.generation.number());
                        let seats = certificate.signatures.iter().filter(|_| known);
                        let actors =
                            seats.filter_map(|(seat, _)| committee.actors().get(seat.index()));
                        event.signers = actors.map(|actor| recorder.place(actor)).collect();
                    });
                }
                Record::Ballot(membership::Record::Said(ballot)) => {
                    let round = ballot.statement.round;
                    let what = match ballot.statement.said {
                        Said::Proposal { value, .. } => format!("proposes {value:?}, {round}"),
                        Said::Prevote(value) => format!("prevotes {}, {round}", named(value)),
                        Said::Precommit(value) => format!("precommits {}, {round}", named(value)),
                    };
                    self.push(at, Kind::Vote, &who, |_, event| {
                        event.generation = Some(ballot.statement.generation.number());
                        event.words = Some(what);
                    });
                }
                _ => {}
            }
        }
    }

    /// The state of an actor's algorithm after what was recorded last at it.
    pub(super) fn is_in(&mut self, who: &Actor, state: &impl fmt::Debug) {
        let last = self.places.get(who).and_then(|who| self.last.get(who));
        if let Some(event) = last.and_then(|id| self.recording.event_mut(*id)) {
            event.state = Some(short(state));
        }
    }

    /// What a replica holds and has not delivered.
    fn waits<A: Wire>(&mut self, at: u64, replica: &Replica<A>) {
        for held in replica.held() {
            self.push(at, Kind::Wait, &replica.actor(), |recorder, event| {
                event.dot = Some(recorder.dot(&held.dot));
                event.digest = held.digest.as_ref().map(digits);
                event.words = Some(short(&format_args!("{}", held.why)));
            });
        }
    }
}

/// What happened, and at whom.
fn subject(happening: &Event) -> (Kind, Actor) {
    match happening {
        Event::Proposed { source } => (Kind::Propose, *source),
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

fn named(value: Option<Digest>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}

fn digits(digest: &Digest) -> String {
    let mut digits = digest.to_string();
    digits.truncate(16);
    digits
}

/// The first letters of a text, written no further than that.
fn short(what: &impl fmt::Debug) -> String {
    struct Bounded(String);
    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MOST_LETTERS.saturating_sub(self.0.chars().count());
            self.0.extend(text.chars().take(room));
            if text.chars().nth(room).is_some() {
                self.0.push('…');
                return Err(fmt::Error);
            }
            Ok(())
        }
    }
    let mut text = Bounded(String::new());
    // An error is the end of the room.
    let _ = write!(text, "{what:?}");
    text.0
}
