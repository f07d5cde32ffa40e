//! A run as a file: what happened, one JSON object a line, written alike by the simulated network
//! and by a node, and the page that shows it.
//!
//! The lines are documented in `docs/formats.md`. The first names the run, then come the events in
//! the order in which they happened, each with the events that led to it, and before the first that
//! speaks of an actor, that actor: happens-before (Lamport: Time, Clocks, and the Ordering of
//! Events in a Distributed System, 1978) is the closure of these. [`Recording::page`] is one HTML
//! file that draws all of it, explains a message's way, and compares two runs; it needs no server
//! and no network.
//!
//! What is read is untrusted: [`Recording::read`] returns an error for whatever it does not
//! understand, and holds no more than [`MOST_EVENTS`] events of at most [`MOST_LINE`] bytes.

mod columns;
mod line;
mod merge;
mod page;
pub(crate) mod scribe;

use sha2::Digest as _;

pub(crate) use line::Line;
pub use line::{Event, FORMAT, Hashed, Kind, Participant, Place, Run, World};
pub use merge::MergeError;

use crate::codec::{Digest, from_digits};

/// Events in one recording, at most.
pub const MOST_EVENTS: usize = 1_000_000;

/// Bytes in one line, at most.
pub const MOST_LINE: usize = 64 << 10;

/// Actors in one recording, at most.
pub const MOST_ACTORS: usize = 4_096;

/// A run: which one, who took part, and what happened.
///
/// Invariant: events are numbered by their places, and speak of actors that are here and of events
/// before them. All ways to make one ask it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    run: Run,
    actors: Vec<Participant>,
    events: Vec<Event>,
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A line is not of the format.
    #[error("line {line} is not of the format: {error}")]
    Malformed {
        /// Which, from 1.
        line: usize,
        /// What the JSON reader says.
        error: serde_json::Error,
    },
    /// A line, or the file, is longer than is read.
    #[error(
        "line {line}: at most {MOST_EVENTS} events, {MOST_ACTORS} actors and {MOST_LINE} bytes a line are read"
    )]
    TooLong {
        /// Which, from 1.
        line: usize,
    },
    /// The first line does not name a run of this format.
    #[error("the file does not begin with a run of format {FORMAT}")]
    NoRun,
    /// An event names an actor that no line before it introduces, or an event that is not before
    /// it, or has another number than its place.
    #[error(
        "line {line} is out of order: events are numbered from 0, and speak of what is before them"
    )]
    OutOfOrder {
        /// Which, from 1.
        line: usize,
    },
}

impl Recording {
    /// A recording of a run in which nothing has happened yet.
    #[must_use]
    pub fn new(run: Run) -> Self {
        Self {
            run,
            actors: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Which run it is.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Who took part. Events name them by their place here.
    #[must_use]
    pub fn actors(&self) -> &[Participant] {
        &self.actors
    }

    /// What happened, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// A run in which these actors did this.
    ///
    /// Panics when an event speaks of what is not before it.
    pub(crate) fn of(run: Run, actors: Vec<Participant>, events: Vec<Event>) -> Self {
        let mut recording = Self::new(run);
        recording.actors = actors;
        events.into_iter().for_each(|event| recording.push(event));
        recording
    }

    /// Introduces an actor.
    pub(crate) fn introduce(&mut self, actor: Participant) {
        self.actors.push(actor);
    }

    /// Appends what happened next. Its number is its place.
    pub(crate) fn push(&mut self, event: Event) {
        assert!(self.fits(&event), "events speak of what is before them");
        self.events.push(event);
    }

    /// The event with this number.
    #[must_use]
    pub fn event(&self, id: u64) -> Option<&Event> {
        self.events.get(usize::try_from(id).ok()?)
    }

    /// Whether an event can be the next.
    ///
    /// The one rule of order, for what is read and for what is written.
    fn fits(&self, event: &Event) -> bool {
        let known = |who: &u32| (*who as usize) < self.actors.len();
        let named = [Some(event.who), event.peer, event.dot.map(|dot| dot.source)];
        event.id == self.events.len() as u64
            && named.iter().flatten().chain(&event.signers).all(known)
            && event.parents.iter().all(|parent| *parent < event.id)
    }

    /// The digest of a simulated run: that of its trace, when everything that the run hashed is
    /// recorded.
    ///
    /// Times are hashed with the words alone. Of a recording that a node wrote it is the digest of
    /// nothing.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = sha2::Sha256::new();
        for event in &self.events {
            match &event.hashed {
                Some(Hashed::Words(words)) => {
                    hasher.update(event.at.to_le_bytes());
                    hasher.update(words);
                }
                Some(Hashed::Sent(digits)) => {
                    hasher.update(from_digits(digits).unwrap_or_default());
                }
                None => {}
            }
        }
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The file's text.
    #[must_use]
    pub fn lines(&self) -> String {
        let run = Line::Run(self.run.clone());
        let actors = self.actors.iter().cloned().map(Line::Actor);
        let events = self.events.iter().cloned().map(Line::Event);
        let mut text = String::new();
        for line in std::iter::once(run).chain(actors).chain(events) {
            text += &line.text();
        }
        text
    }

    /// The recording in a file's text. A last line that breaks off, as a crash of the writer leaves
    /// it, is left out.
    ///
    /// # Errors
    /// [`RecordingError`]; nothing is taken of a file with anything else that is not of the format.
    pub fn read(text: &str) -> Result<Self, RecordingError> {
        let mut recording: Option<Self> = None;
        for (line, text) in (1..).zip(text.split_inclusive('\n')) {
            if text.len() > MOST_LINE {
                return Err(RecordingError::TooLong { line });
            }
            let parsed = match serde_json::from_str(text) {
                Ok(parsed) => parsed,
                Err(error) if error.is_eof() && line > 1 && !text.ends_with('\n') => break,
                Err(error) => return Err(RecordingError::Malformed { line, error }),
            };
            match (&mut recording, parsed) {
                (None, Line::Run(run)) if run.format == FORMAT => recording = Some(Self::new(run)),
                (None, _) => return Err(RecordingError::NoRun),
                (Some(recording), parsed) => recording.take(line, parsed)?,
            }
        }
        recording.ok_or(RecordingError::NoRun)
    }

    /// `number` is that of the line, from 1.
    fn take(&mut self, number: usize, line: Line) -> Result<(), RecordingError> {
        match line {
            Line::Run(_) => Err(RecordingError::OutOfOrder { line: number }),
            Line::Actor(_) if self.actors.len() == MOST_ACTORS => {
                Err(RecordingError::TooLong { line: number })
            }
            Line::Actor(actor) => {
                self.introduce(actor);
                Ok(())
            }
            Line::Event(_) if self.events.len() == MOST_EVENTS => {
                Err(RecordingError::TooLong { line: number })
            }
            Line::Event(event) if self.fits(&event) => {
                self.push(event);
                Ok(())
            }
            Line::Event(_) => Err(RecordingError::OutOfOrder { line: number }),
        }
    }
}
