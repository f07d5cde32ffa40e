//! The lines of a recording, as they stand in its file. `docs/formats.md` documents each field; a
//! change of their meaning is another [`FORMAT`].

use serde::{Deserialize, Serialize};

use crate::actor::Actor;

/// The number of the format that is written and read here.
pub const FORMAT: u32 = 1;

/// One line of the file.
///
/// Unknown fields are refused: a file that says more than is understood here is of another
/// [`FORMAT`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Line {
    Run(Run),
    /// It stands before the first event that speaks of the actor.
    Actor(Participant),
    Event(Event),
}

impl Line {
    /// The line with its end.
    pub(crate) fn text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("plain data is always JSON");
        text.push('\n');
        text
    }
}

/// The first line: which run this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Run {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the crate that wrote it.
    pub version: String,
    /// Who wrote it.
    pub world: World,
    /// The seed of a simulated run, in decimal digits: not every reader of JSON takes 64 bits for a
    /// number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// What shows the same run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// When a node began, by its own clock: microseconds since 1970 in UTC. Nothing is concluded
    /// from clocks but where to draw what neither led to the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<u64>,
}

impl Run {
    /// A run of a simulated network.
    #[cfg(feature = "sim")]
    pub(crate) fn simulated(seed: u64, replay: String) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            world: World::Simulation,
            seed: Some(seed.to_string()),
            replay: Some(replay),
            begun: None,
        }
    }

    /// What nodes saw that began at this time.
    pub(crate) fn real(world: World, begun: u64) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            world,
            seed: None,
            replay: None,
            begun: Some(begun),
        }
    }
}

/// Where a run took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum World {
    /// In the simulated network: events of all participants, in virtual time.
    Simulation,
    /// At one node: what that node saw.
    Node,
    /// At several nodes: what each saw, in an order in which nothing comes before what led to it.
    Nodes,
}

/// An actor that events speak of. Events name it by its place among the actors, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Participant {
    /// Its public key.
    #[serde(with = "digits")]
    pub key: Actor,
    /// A short name for people.
    pub name: String,
    /// Whether the simulator seated a Byzantine behaviour there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub byzantine: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// Its number, from 0.
    pub id: u64,
    /// Microseconds since the run began.
    pub at: u64,
    /// What happened.
    pub kind: Kind,
    /// The actor at which it happened.
    pub who: u32,
    /// The events that led to it directly: the one before it at the same actor, and the packet's
    /// way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u64>,
    /// The generation that the actor was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The other end of a packet's way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<u32>,
    /// The kind of a packet, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet: Option<String>,
    /// Of a packet of a real network the first 16 hexadecimal digits of the SHA-256 of its bytes:
    /// the same at both ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// The message that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dot: Option<Place>,
    /// The first 16 hexadecimal digits of that message's digest: an equivocator has two messages at
    /// one dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Who signed, of a certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<u32>,
    /// Details for people: an operation, a reason, a vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The state of the actor's algorithm after it, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What the event adds to the digest of a simulated run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed: Option<Hashed>,
}

impl Event {
    /// The caller fills in what the kind of event has; what stays empty is left out of the file.
    pub(crate) fn new(id: u64, at: u64, kind: Kind, who: u32) -> Self {
        Self {
            id,
            at,
            kind,
            who,
            parents: Vec::new(),
            generation: None,
            peer: None,
            packet: None,
            bytes: None,
            dot: None,
            digest: None,
            signers: Vec::new(),
            words: None,
            state: None,
            hashed: None,
        }
    }
}

/// What an event adds to the digest of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hashed {
    /// The time, as eight bytes, little-endian, and these words.
    Words(String),
    /// The SHA-256 of the bytes that were sent, in hexadecimal digits.
    Sent(String),
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its source.
    pub source: u32,
    /// Its number in the source's lane, from 1.
    pub seq: u64,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A correct actor was given an operation.
    Propose,
    /// A packet left.
    Send,
    /// A packet reached its receiver.
    Deliver,
    /// A packet reached nobody.
    Lose,
    /// The network made two of one packet.
    Repeat,
    /// The network flipped a bit of a packet.
    Corrupt,
    /// An echo: the actor bound itself to a message.
    Sign,
    /// A packet was refused; the words say why.
    Refuse,
    /// A message is certified at the actor.
    Certify,
    /// A message took effect.
    Apply,
    /// A statement in the agreement on the next generation.
    Vote,
    /// A generation began.
    Generation,
    /// The actor lost all but its store.
    Crash,
    /// The actor was rebuilt from its store.
    Restart,
    /// The actor reported a fault.
    Fault,
    /// At the end of the recording the message has not taken effect there; the words say what it
    /// waits for.
    Wait,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Propose,
        Self::Send,
        Self::Deliver,
        Self::Lose,
        Self::Repeat,
        Self::Corrupt,
        Self::Sign,
        Self::Refuse,
        Self::Certify,
        Self::Apply,
        Self::Vote,
        Self::Generation,
        Self::Crash,
        Self::Restart,
        Self::Fault,
        Self::Wait,
    ];

    /// The word for it, as the file writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.mark().1
    }

    /// A letter for it, unique among [`Kind::ALL`].
    #[must_use]
    pub const fn letter(self) -> char {
        self.mark().0
    }

    /// In one table with the letters, so that no kind has one without the other. The words are
    /// those of the file's format.
    const fn mark(self) -> (char, &'static str) {
        match self {
            Self::Propose => ('P', "propose"),
            Self::Send => ('>', "send"),
            Self::Deliver => ('<', "deliver"),
            Self::Lose => ('x', "lose"),
            Self::Repeat => ('2', "repeat"),
            Self::Corrupt => ('~', "corrupt"),
            Self::Sign => ('S', "sign"),
            Self::Refuse => ('R', "refuse"),
            Self::Certify => ('C', "certify"),
            Self::Apply => ('A', "apply"),
            Self::Vote => ('V', "vote"),
            Self::Generation => ('G', "generation"),
            Self::Crash => ('X', "crash"),
            Self::Restart => ('^', "restart"),
            Self::Fault => ('F', "fault"),
            Self::Wait => ('W', "wait"),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A key in the file is its hexadecimal digits, as on command lines.
mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::actor::Actor;

    pub(super) fn serialize<S: Serializer>(actor: &Actor, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(actor)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Actor, D::Error> {
        let digits = String::deserialize(from)?;
        digits.parse().map_err(de::Error::custom)
    }
}
