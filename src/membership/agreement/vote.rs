//! The statements of the agreement, and how they travel.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::is_decision;
use crate::actor::{Signed, Statement};
use crate::codec::{Digest, Domain};
use crate::evidence::Exclusive;
use crate::quorum::{Certificate, Generation};

/// The number of an attempt to agree, from 0.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Round(u32);

impl Round {
    /// The first attempt.
    pub const FIRST: Self = Self(0);

    /// A number read from outside.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// The one after it, or `None` when numbers are exhausted.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {}", self.0)
    }
}

/// What a member signs in a round of the agreement that ends a generation: a prevote, a
/// precommit, or, if it coordinates the round, the proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The generation that ends.
    pub generation: Generation,
    /// The attempt.
    pub round: Round,
    /// What is said: a correct member signs at most one vote of each kind in a round.
    pub kind: VoteKind,
}

/// One of the three things that are said in a round, and of which value. Values are named by their
/// digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VoteKind {
    /// The coordinator proposes a value; if a quorum prevoted it in an earlier round, the newest
    /// such.
    Proposal {
        /// The value.
        value: Digest,
        /// When a quorum prevoted it.
        valid_round: Option<Round>,
    },
    /// First vote: for the value, or for none.
    Prevote(Option<Digest>),
    /// Second vote: for the value, or for none. A quorum of one round for one value is the
    /// decision.
    Precommit(Option<Digest>),
}

impl VoteKind {
    /// Whether both are of one kind.
    #[must_use]
    pub fn alike(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// The value that it names, if it names one.
    #[must_use]
    pub fn value(&self) -> Option<Digest> {
        match self {
            Self::Proposal { value, .. } => Some(*value),
            Self::Prevote(value) | Self::Precommit(value) => *value,
        }
    }
}

impl Statement for Vote {
    const DOMAIN: Domain = Domain::Vote;
}

impl Exclusive for Vote {
    fn excludes(&self, other: &Self) -> bool {
        (self.generation, self.round) == (other.generation, other.round)
            && self.kind.alike(&other.kind)
            && self.kind != other.kind
    }
}

/// What one packet of the agreement carries: claims, each signed by whom it binds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementMessage {
    /// The sender's own statements of its round, and the precommits with which it left the last
    /// one.
    pub votes: Vec<Signed<Vote>>,
    /// Quorums of prevotes: of the sender's valid round, and of the one that its proposal names. Or
    /// the decision.
    pub quorums: Vec<Arc<Certificate<Vote>>>,
}

impl AgreementMessage {
    /// Statements of its own that a speaker passes on, at most; besides those, one a seat.
    pub const OWN: usize = 3;
    /// Quorums in one message, at most.
    pub const QUORUMS: usize = 2;

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.votes.is_empty() && self.quorums.is_empty()
    }

    /// Whether its sender says that it knows how the agreement ended.
    #[must_use]
    pub fn shows_decision(&self) -> bool {
        let mut quorums = self.quorums.iter();
        quorums.any(|quorum| is_decision(&quorum.statement))
    }
}

/// What a member must find again after a crash. The value that it names must be durable first: what
/// is said of a value binds, and nobody can be bound to what nobody can show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// It said this.
    Vote(Signed<Vote>),
    /// A quorum prevoted this: the valid value and its round.
    Valid(Arc<Certificate<Vote>>),
    /// A quorum precommitted in one round, this or that, and the member went on to the next: who is
    /// behind follows by these.
    Left(Vec<Signed<Vote>>),
}

impl Record {
    /// The value that it names, if it names one.
    #[must_use]
    pub fn value(&self) -> Option<Digest> {
        match self {
            Self::Vote(vote) => vote.statement.kind.value(),
            Self::Valid(quorum) => quorum.statement.kind.value(),
            Self::Left(_) => None,
        }
    }
}
