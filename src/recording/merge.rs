//! What several nodes saw, as one recording. Each node's events stay in their order, and a packet
//! is taken in after it left: no clock decides what came first, only where to draw what neither led
//! to the other.

use std::collections::{BTreeMap, VecDeque};

use super::{Event, Kind, MOST_ACTORS, MOST_EVENTS, Participant, Recording, Run, World};
use crate::actor::Actor;

/// Why recordings do not make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// One of them is not of a node.
    #[error("only recordings of nodes are merged: of simulated runs each is whole")]
    NotOfANode,
    /// Together they are longer than a recording.
    #[error("together more than {MOST_EVENTS} events or {MOST_ACTORS} actors")]
    TooLong,
}

/// A packet's way: from whom, to whom, and which bytes.
type Way = (u32, u32, String);

impl Recording {
    /// One recording of what several nodes saw; several of one node follow one another. A packet
    /// that is taken in comes after it left, by the order of its repetitions. Where recordings
    /// contradict each other (one of them does not reach back so far, or lies), what is drawn
    /// earliest is taken without the packet's way.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn merge(recordings: &[Self]) -> Result<Self, MergeError> {
        let events: usize = recordings.iter().map(|one| one.events.len()).sum();
        if recordings.iter().any(|one| one.run.world != World::Node) {
            return Err(MergeError::NotOfANode);
        }
        if events > MOST_EVENTS {
            return Err(MergeError::TooLong);
        }
        let mut merger = Merger::of(recordings);
        if merger.actors.len() > MOST_ACTORS {
            return Err(MergeError::TooLong);
        }
        while merger.step() {}
        let run = Run::real(World::Nodes, merger.begun);
        Ok(Self::of(run, merger.actors, merger.events))
    }
}

/// What one node saw and nobody has placed yet.
///
/// Invariant: `events` and `files` are of one length.
#[derive(Default)]
struct Stream {
    events: VecDeque<Event>,
    /// The numbers of its events in the merged recording, by those in its file.
    ///
    /// Numbers in a file say nothing in another one, so that parents are looked up by both.
    placed: BTreeMap<(usize, u64), u64>,
    /// Which file each event is of.
    files: VecDeque<usize>,
}

/// A recording in the making.
///
/// Its time and memory grow with the events of all recordings together, which are bounded before it
/// begins.
struct Merger {
    /// The earliest start of all, in microseconds since 1970; times of the others are moved by how
    /// much later they began, by their own clocks.
    begun: u64,
    actors: Vec<Participant>,
    /// One for each actor at which something happened.
    streams: Vec<Stream>,
    events: Vec<Event>,
    /// The last event at each actor.
    ///
    /// Its number, by which the next one there follows it.
    last: BTreeMap<u32, u64>,
    /// What left and was not taken in yet, the earliest first.
    under_way: BTreeMap<Way, VecDeque<u64>>,
    /// What was taken in last: a network may make two of one packet.
    taken: BTreeMap<Way, u64>,
    /// What will leave.
    ///
    /// Counts down as they are placed; at 0 nothing is waited for.
    to_leave: BTreeMap<Way, u64>,
}

impl Merger {
    /// Several files of one node are put one after the other in the order of their first events, by
    /// that node's clock.
    fn of(recordings: &[Recording]) -> Self {
        let begun = |recording: &Recording| recording.run.begun.unwrap_or_default();
        let mut merger = Self {
            begun: recordings.iter().map(begun).min().unwrap_or_default(),
            actors: Vec::new(),
            streams: Vec::new(),
            events: Vec::new(),
            last: BTreeMap::new(),
            under_way: BTreeMap::new(),
            taken: BTreeMap::new(),
            to_leave: BTreeMap::new(),
        };
        let starts = |recording: &Recording| {
            let first = recording.events.first().map_or(0, |event| event.at);
            begun(recording).saturating_add(first)
        };
        let mut order: Vec<usize> = (0..recordings.len()).collect();
        order.sort_by_key(|file| starts(&recordings[*file]));
        let mut places = BTreeMap::new();
        let mut streams: BTreeMap<u32, Stream> = BTreeMap::new();
        for file in order {
            let recording = &recordings[file];
            let later = begun(recording) - merger.begun;
            let named = merger.introduce(&recording.actors, &mut places);
            for event in &recording.events {
                let mut event = event.clone();
                event.at = event.at.saturating_add(later);
                rename(&mut event, &named);
                if let (Kind::Send, Some(way)) = (event.kind, way(&event)) {
                    *merger.to_leave.entry(way).or_default() += 1;
                }
                let stream = streams.entry(event.who).or_default();
                stream.events.push_back(event);
                stream.files.push_back(file);
            }
        }
        merger.streams = streams.into_values().collect();
        merger
    }

    /// The places of a file's actors among ours.
    fn introduce(&mut self, actors: &[Participant], places: &mut BTreeMap<Actor, u32>) -> Vec<u32> {
        let named = actors.iter().map(|actor| {
            *places.entry(actor.key).or_insert_with(|| {
                self.actors.push(actor.clone());
                u32::try_from(self.actors.len() - 1).expect("recordings are bounded")
            })
        });
        named.collect()
    }

    /// Places one more event. Whether there was one.
    ///
    /// Of those that wait for nothing the one that is drawn earliest. When all wait, which takes
    /// recordings that contradict each other, the earliest is placed all the same, so that this
    /// always ends.
    fn step(&mut self) -> bool {
        let heads = self
            .streams
            .iter()
            .enumerate()
            .filter_map(|(place, stream)| Some((place, stream.events.front()?)))
            .map(|(place, event)| (self.awaits(event), event.at, place));
        // Who waits for nothing is before who waits.
        let Some((_, _, place)) = heads.min() else {
            return false;
        };
        let stream = &mut self.streams[place];
        let (event, file) = (stream.events.pop_front(), stream.files.pop_front());
        let (event, file) = event.zip(file).expect("it is the head");
        self.put(place, file, event);
        true
    }

    /// Whether a packet is taken in that has yet to leave.
    fn awaits(&self, event: &Event) -> bool {
        let way = way(event).filter(|_| event.kind == Kind::Deliver);
        way.is_some_and(|way| {
            let under_way = self.under_way.get(&way);
            under_way.is_none_or(VecDeque::is_empty)
                && self.to_leave.get(&way).is_some_and(|left| *left > 0)
        })
    }

    /// Its parents are those in its own file, what came before it at its actor, and the leaving of
    /// its packet. Times are made to agree with that: nothing is drawn before what led to it.
    fn put(&mut self, place: usize, file: usize, mut event: Event) {
        let id = self.events.len() as u64;
        let stream = &mut self.streams[place];
        let mut parents: Vec<u64> = event
            .parents
            .iter()
            .filter_map(|parent| stream.placed.get(&(file, *parent)))
            .copied()
            .collect();
        stream.placed.insert((file, event.id), id);
        parents.extend(self.last.insert(event.who, id));
        match (event.kind, way(&event)) {
            (Kind::Send, Some(way)) => {
                *self.to_leave.entry(way.clone()).or_default() -= 1;
                self.under_way.entry(way).or_default().push_back(id);
            }
            (Kind::Deliver, Some(way)) => {
                let sent = self.under_way.get_mut(&way).and_then(VecDeque::pop_front);
                if let Some(sent) = sent.or_else(|| self.taken.get(&way).copied()) {
                    self.taken.insert(way, sent);
                    parents.push(sent);
                }
            }
            _ => {}
        }
        parents.sort_unstable();
        parents.dedup();
        let latest = parents.iter().map(|id| self.events[*id as usize].at).max();
        event.at = event.at.max(latest.unwrap_or_default());
        (event.id, event.parents) = (id, parents);
        self.events.push(event);
    }
}

/// The way of a packet that leaves or is taken in.
fn way(event: &Event) -> Option<Way> {
    let (peer, bytes) = (event.peer?, event.bytes.clone()?);
    match event.kind {
        Kind::Send => Some((event.who, peer, bytes)),
        Kind::Deliver => Some((peer, event.who, bytes)),
        _ => None,
    }
}

/// Names the actors of an event by their places in the merged recording.
///
/// The file was read, so that all that it names was introduced.
fn rename(event: &mut Event, named: &[u32]) {
    let name = |place: &mut u32| *place = named[*place as usize];
    name(&mut event.who);
    event.peer.iter_mut().for_each(name);
    event.dot.iter_mut().for_each(|dot| name(&mut dot.source));
    event.signers.iter_mut().for_each(name);
}
