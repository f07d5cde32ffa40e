//! Makes events of what replicas do: what the recorder of a simulated network and the journal of a
//! node have in common.

use std::collections::BTreeMap;
use std::fmt;

use super::{Event, Kind, MOST_ACTORS, MOST_EVENTS, Participant, Place};
use crate::actor::{Actor, Statement};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Fault, Packet, PacketError, Record, Replica};
use crate::dot::Dot;
use crate::membership::{self, VoteKind};
use crate::quorum::Generation;
use crate::summary::short;
use crate::traits::WireAlgorithm;

/// Actors at which nothing happens, at most: packets can name anybody.
///
/// The other half is left to those at which something happens, so that a liar that makes up names
/// keeps no event from being written.
const MOST_STRANGERS: usize = MOST_ACTORS / 2;

/// Numbers actors and events, and knows what came before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scribe {
    actors: Vec<Participant>,
    /// By what number events name each.
    places: BTreeMap<Actor, u32>,
    /// Those that were introduced because an event named them.
    strangers: usize,
    /// Events that nobody has taken yet; the first has the number `taken`.
    events: Vec<Event>,
    /// How many a reader has taken out, as the journal does with each batch.
    taken: u64,
    /// The last event at each actor.
    ///
    /// Its number: the parent of the next one there.
    last: BTreeMap<u32, u64>,
}

impl Scribe {
    /// Who was introduced so far, in order.
    #[cfg(feature = "node")]
    pub(crate) fn actors(&self) -> &[Participant] {
        &self.actors
    }

    /// Takes the events that nobody has taken yet.
    #[cfg(feature = "node")]
    pub(crate) fn take(&mut self) -> Vec<Event> {
        self.taken += self.events.len() as u64;
        std::mem::take(&mut self.events)
    }

    /// Who was introduced, and all events. Nobody has taken any before.
    #[cfg(feature = "sim")]
    pub(crate) fn into_parts(self) -> (Vec<Participant>, Vec<Event>) {
        assert_eq!(self.taken, 0, "the events are all here");
        (self.actors, self.events)
    }

    /// How many events there were.
    pub(crate) fn count(&self) -> u64 {
        self.taken + self.events.len() as u64
    }

    /// The event with this number, unless it was taken.
    #[cfg(feature = "sim")]
    pub(crate) fn event(&self, id: u64) -> Option<&Event> {
        self.events.get(self.index(id)?)
    }

    /// Where in `events` the event with this number is, unless it was taken.
    fn index(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.taken)?).ok()
    }

    /// The place of an actor at which something happens.
    ///
    /// Panics when there are as many as a recording may have; the caller lets things happen at few.
    fn seat(&mut self, actor: &Actor) -> u32 {
        if let Some(place) = self.places.get(actor) {
            return *place;
        }
        assert!(self.actors.len() < MOST_ACTORS, "strangers leave room");
        self.introduce(actor)
    }

    /// The place of an actor that is named; none when too many were.
    pub(crate) fn place(&mut self, actor: &Actor) -> Option<u32> {
        if let Some(place) = self.places.get(actor) {
            return Some(*place);
        }
        (self.strangers < MOST_STRANGERS).then(|| {
            self.strangers += 1;
            self.introduce(actor)
        })
    }

    /// The bounds are asked by the callers. Names are for people to give: there are none yet.
    fn introduce(&mut self, actor: &Actor) -> u32 {
        let place = u32::try_from(self.actors.len()).expect("bounded far below");
        self.places.insert(*actor, place);
        self.actors.push(Participant {
            key: *actor,
            name: String::new(),
            byzantine: false,
        });
        place
    }

    /// `None` when its source is one stranger too many: the event then says less.
    pub(crate) fn dot(&mut self, dot: &Dot) -> Option<Place> {
        let seq = dot.seq.number();
        self.place(&dot.source).map(|source| Place { source, seq })
    }

    /// Appends an event, which `fill` completes. Its number; what is beyond the most events is not
    /// kept.
    pub(crate) fn push(
        &mut self,
        at: u64,
        kind: Kind,
        who: &Actor,
        fill: impl FnOnce(&mut Self, &mut Event),
    ) -> u64 {
        let (id, who) = (self.count(), self.seat(who));
        if id >= MOST_EVENTS as u64 {
            return id;
        }
        let mut event = Event::new(id, at, kind, who);
        event.parents.extend(self.last.insert(who, id));
        fill(self, &mut event);
        self.events.push(event);
        id
    }

    // ---- what events are about

    /// An event about a message.
    pub(crate) fn about(&mut self, event: &mut Event, dot: &Dot, digest: Option<&Digest>) {
        event.dot = self.dot(dot);
        event.digest = digest.map(digits);
    }

    /// An event about a packet, at whose other end is `end`.
    pub(crate) fn carries(
        &mut self,
        event: &mut Event,
        end: &Actor,
        kind: &str,
        (dot, digest): (Option<&Dot>, Option<&Digest>),
    ) {
        event.peer = self.place(end);
        event.packet = Some(kind.to_owned());
        event.dot = dot.and_then(|dot| self.dot(dot));
        event.digest = digest.map(digits);
    }

    /// Shortened, as an algorithm tells its operations at whatever length it likes.
    pub(crate) fn proposes(event: &mut Event, summary: &str) {
        event.words = Some(short(&format_args!("{summary}")));
    }

    /// Shortened, as a sender may choose a part of it.
    pub(crate) fn refuses(event: &mut Event, refusal: &PacketError) {
        event.words = Some(short(&format_args!("{refusal}")));
    }

    /// The other end is the actor that the fault names, if it names one.
    pub(crate) fn reports(&mut self, event: &mut Event, fault: &Fault) {
        event.words = Some(fault.kind().to_owned());
        event.peer = fault.accused().and_then(|accused| self.place(&accused));
    }

    /// The members of the generation stand where a certificate's signers do.
    pub(crate) fn begins(&mut self, event: &mut Event, generation: Generation, members: &[Actor]) {
        event.generation = Some(generation.number());
        let members = members.iter();
        event.signers = members.filter_map(|member| self.place(member)).collect();
    }

    // ---- what replicas do

    /// What a replica made durable in a step: its echoes, certificates and votes.
    ///
    /// Of the records those are shown that bind the replica or prove something. A certificate of
    /// another generation's committee is shown without its signers, as their seats are not known
    /// here.
    pub(crate) fn writes<A: WireAlgorithm>(
        &mut self,
        at: u64,
        replica: &Replica<A>,
        records: &[Record],
    ) {
        let who = replica.actor();
        for record in records {
            match record {
                Record::Locked { proposal, .. } => {
                    let (dot, digest) = (
                        proposal.message.dot(),
                        proposal.message.digest(replica.network()),
                    );
                    self.push(at, Kind::Sign, &who, |scribe, event| {
                        scribe.about(event, &dot, Some(&digest));
                    });
                }
                Record::Certified(segment) => {
                    let Some(certificate) = &segment.certificate else {
                        continue;
                    };
                    let echo = certificate.statement;
                    let committee = replica.committee();
                    let known = echo.generation == committee.generation();
                    self.push(at, Kind::Certify, &who, |scribe, event| {
                        scribe.about(event, &echo.dot, Some(&echo.digest));
                        event.generation = Some(echo.generation.number());
                        let seats = certificate.signatures.iter().filter(|_| known);
                        let actors =
                            seats.filter_map(|(seat, _)| committee.actors().get(seat.index()));
                        event.signers = actors.filter_map(|actor| scribe.place(actor)).collect();
                    });
                }
                Record::Agreement(membership::Record::Vote(vote)) => {
                    let round = vote.statement.round;
                    let what = match vote.statement.kind {
                        VoteKind::Proposal { value, .. } => format!("proposes {value:?}, {round}"),
                        VoteKind::Prevote(value) => format!("prevotes {}, {round}", named(value)),
                        VoteKind::Precommit(value) => {
                            format!("precommits {}, {round}", named(value))
                        }
                    };
                    self.push(at, Kind::Vote, &who, |_, event| {
                        event.generation = Some(vote.statement.generation.number());
                        event.words = Some(what);
                    });
                }
                _ => {}
            }
        }
    }

    /// The state of an actor's algorithm after what was recorded last at it.
    ///
    /// Shortened; it replaces what was noted at that event before.
    pub(crate) fn is_in(&mut self, who: &Actor, state: &impl fmt::Debug) {
        let last = self.places.get(who).and_then(|who| self.last.get(who));
        let index = last.and_then(|id| self.index(*id));
        if let Some(event) = index.and_then(|index| self.events.get_mut(index)) {
            event.state = Some(short(state));
        }
    }

    /// What a replica holds and has not delivered.
    pub(crate) fn waits<A: WireAlgorithm>(&mut self, at: u64, replica: &Replica<A>) {
        for held in replica.blocked() {
            self.push(at, Kind::Wait, &replica.actor(), |scribe, event| {
                scribe.about(event, &held.dot, held.digest.as_ref());
                event.words = Some(short(&format_args!("{}", held.why)));
            });
        }
    }
}

/// The message that a packet carries or speaks of.
///
/// Hashes the message of a proposal; the others name it.
pub(crate) fn digest(packet: &Packet, network: &crate::codec::NetworkId) -> Option<Digest> {
    match &packet.body {
        Body::Proposal(proposal) => Some(proposal.message.digest(network)),
        Body::Echo(echo) => Some(echo.statement.digest),
        Body::Certificate(certificate) => Some(certificate.statement.digest),
        _ => None,
    }
}

fn named(value: Option<Digest>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}

/// Enough to tell messages apart in a run, and not to prove anything.
pub(crate) fn digits(digest: &Digest) -> String {
    let mut digits = digest.to_string();
    digits.truncate(16);
    digits
}
