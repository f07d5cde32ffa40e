//! What happened in a run: its events, its digest, its counts.

use std::fmt;

use sha2::Digest as _;

use super::recorder::Recorder;

use crate::actor::Actor;
use crate::codec::{Digest, NetworkId};
use crate::deterministic_secure_broadcast::{Body, Fault, Packet, PacketError};
use crate::dot::Dot;
use crate::membership::{AgreementMessage, ChangeKey, Round, VoteKind};
use crate::quorum::Generation;
use crate::recording::scribe::digest;

/// Events that are kept; the digest and the counts go on.
const KEPT: usize = 50_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A correct member was given an operation to propose.
    Proposed {
        /// Who.
        source: Actor,
        /// What, as [`summary`](crate::SecureBroadcastAlgorithm::summary) tells it.
        op: String,
    },
    /// A packet reached its receiver.
    Arrived {
        /// Who says it sent it.
        from: Actor,
        /// Who has it.
        to: Actor,
        /// What kind of packet.
        kind: &'static str,
        /// The dot that it speaks of, if it speaks of one.
        dot: Option<Dot>,
        /// Which message at that dot, if it speaks of one: an equivocator makes two.
        digest: Option<Digest>,
        /// What it says to all members about the end of which generation, if it does.
        about: Option<(Generation, About)>,
    },
    /// A packet reached nobody.
    Lost {
        /// Who sent it.
        from: Actor,
        /// Who does not have it.
        to: Actor,
        /// What kind of packet.
        kind: &'static str,
        /// The dot that it speaks of, if it speaks of one.
        dot: Option<Dot>,
        /// Which message at that dot, if it speaks of one.
        digest: Option<Digest>,
    },
    /// A message took effect.
    Delivered {
        /// Where.
        at: Actor,
        /// Its dot.
        dot: Dot,
        /// Which message at that dot.
        digest: Digest,
    },
    /// A packet was refused.
    Refused {
        /// By whom.
        at: Actor,
        /// Why.
        refusal: PacketError,
    },
    /// A replica reported a fault.
    Reported {
        /// By whom.
        at: Actor,
        /// What.
        fault: Fault,
    },
    /// A generation began.
    Installed {
        /// Where.
        at: Actor,
        /// Which.
        generation: Generation,
        /// Who sits in it, in seat order.
        members: Vec<Actor>,
    },
    /// A replica lost all but its store.
    Crashed {
        /// Which.
        who: Actor,
    },
    /// A replica was rebuilt from its store.
    Restarted {
        /// Which.
        who: Actor,
    },
}

impl Event {
    /// Hashes the message of a proposal, for its digest.
    pub(super) fn arrived(network: &NetworkId, to: Actor, packet: &Packet) -> Self {
        Self::Arrived {
            from: packet.from,
            to,
            kind: packet.body.kind(),
            dot: packet.body.dot(),
            digest: digest(packet, network),
            about: about(packet),
        }
    }

    /// Named by who really sent it.
    pub(super) fn lost(network: &NetworkId, from: Actor, packet: &Packet) -> Self {
        Self::Lost {
            from,
            to: packet.to,
            kind: packet.body.kind(),
            dot: packet.body.dot(),
            digest: digest(packet, network),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proposed { source, .. } => write!(f, "{source:?} proposes"),
            Self::Arrived {
                from,
                to,
                kind,
                dot,
                ..
            } => {
                write!(f, "{from:?} -> {to:?} {kind}")?;
                dot.map_or(Ok(()), |dot| write!(f, " {dot}"))
            }
            Self::Lost { from, to, kind, .. } => write!(f, "{from:?} -x {to:?} {kind}"),
            Self::Delivered { at, dot, .. } => write!(f, "{at:?} delivers {dot}"),
            Self::Refused { at, refusal } => write!(f, "{at:?} refuses: {refusal}"),
            Self::Reported { at, fault } => write!(f, "{at:?} reports {}", fault.kind()),
            Self::Installed { at, generation, .. } => write!(f, "{at:?} installs {generation}"),
            Self::Crashed { who } => write!(f, "{who:?} crashes"),
            Self::Restarted { who } => write!(f, "{who:?} restarts"),
        }
    }
}

/// What a packet that goes to all members says about the end of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum About {
    /// Its sender wants to join.
    Entry,
    /// Its sender consents to a change.
    Approval(ChangeKey),
    /// Its sender has stopped, and says where.
    Report,
    /// Its sender proposes a value in this round.
    Proposal(Round),
    /// Its sender prevotes in this round.
    Prevote(Round),
    /// Its sender precommits in this round.
    Precommit(Round),
    /// A quorum has decided.
    Decision,
}

/// The account of a run.
///
/// Its digest covers all that happened, and its list only the beginning: see
/// [`events`](Self::events).
#[derive(Debug, Default)]
pub struct Trace {
    /// The first [`KEPT`] of them, each with its time in microseconds.
    events: Vec<(u64, Event)>,
    /// Events, those that are not kept too.
    happened: usize,
    /// Of all events and of the digests of all that was sent, in their order.
    hasher: sha2::Sha256,
    packets: u64,
    bytes: u64,
    /// Writes everything down, when asked to.
    pub(super) recorder: Option<Recorder>,
}

impl Trace {
    pub(super) fn recorded_by(recorder: Option<Recorder>) -> Self {
        Self {
            recorder,
            ..Self::default()
        }
    }

    /// The events with their virtual time in microseconds; the first 50,000.
    #[must_use]
    pub fn events(&self) -> &[(u64, Event)] {
        &self.events
    }

    /// How many events there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.happened
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.happened == 0
    }

    /// Packets that were sent, lost ones too.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes that were sent, lost ones too.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A digest of every event and every byte sent: equal for equal runs, on every machine.
    ///
    /// Two versions of the code with one digest do the same in this run, as far as events and bytes
    /// tell.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    /// What is hashed is the time and the event's words: to change them changes the digests of all
    /// runs.
    pub(super) fn record(&mut self, at: u64, event: Event) {
        self.hasher.update(at.to_le_bytes());
        self.hasher.update(event.to_string());
        if let Some(recorder) = &mut self.recorder {
            recorder.happens(at, &event);
        }
        self.happened += 1;
        if self.events.len() < KEPT {
            self.events.push((at, event));
        }
    }

    /// Counts what leaves `from` for `to`; `packet` is what the bytes say, unless they are noise.
    /// Its number.
    ///
    /// The bytes are hashed as they are, before the network harms them.
    pub(super) fn sent(
        &mut self,
        at: u64,
        (from, to): (Actor, Actor),
        packet: Option<&Packet>,
        bytes: &[u8],
    ) -> u64 {
        let digest = Digest::from_bytes(sha2::Sha256::digest(bytes).into());
        self.hasher.update(digest.as_bytes());
        let number = self.packets;
        if let Some(recorder) = &mut self.recorder {
            recorder.sends(at, number, (from, to), packet, &digest);
        }
        self.packets += 1;
        self.bytes += bytes.len() as u64;
        number
    }

    /// The last events, a line each: for a failure's message.
    ///
    /// Of a run with more events than are kept these are the last that are kept, and not the last
    /// of the run.
    pub(super) fn tail(&self) -> String {
        let last = self.events.len().saturating_sub(30);
        let lines = self.events[last..].iter();
        lines
            .map(|(at, event)| format!("{at:>9} us  {event}\n"))
            .collect()
    }
}

/// `None` for packets that do not go to all members, or not for the end of a generation.
fn about(packet: &Packet) -> Option<(Generation, About)> {
    match &packet.body {
        Body::Enter(entry) => Some((entry.statement.generation, About::Entry)),
        Body::Approve(approved) => {
            let change = About::Approval(approved.change.key());
            Some((approved.approval.statement.generation, change))
        }
        Body::Report { report, .. } => Some((report.statement.generation, About::Report)),
        Body::Agreement {
            generation,
            message,
            ..
        } => Some((*generation, newest(packet.from, message))),
        _ => None,
    }
}

/// The last thing that a speaker says for itself. Whoever proposes a value votes for it in one
/// breath: then it proposes.
fn newest(speaker: Actor, message: &AgreementMessage) -> About {
    let own = message
        .votes
        .iter()
        .filter(|vote| vote.signer == speaker)
        .map(|vote| {
            let round = vote.statement.round;
            match vote.statement.kind {
                VoteKind::Prevote(_) => (round, 0, About::Prevote(round)),
                VoteKind::Proposal { .. } => (round, 1, About::Proposal(round)),
                VoteKind::Precommit(_) => (round, 2, About::Precommit(round)),
            }
        });
    own.max().map_or(About::Decision, |(_, _, about)| about)
}
