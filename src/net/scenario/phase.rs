//! How far a member has come in a change of the committee, by what it made durable.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::deterministic_secure_broadcast::Record;
use crate::membership::{Record as AgreementRecord, VoteKind};

/// A phase of a change, named by what is written last in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Phase {
    /// It consented.
    Approved,
    /// It reported where its lanes end.
    Reported,
    /// It proposed a value.
    Proposed,
    /// It prevoted, for a value or for nothing.
    Prevoted,
    /// It knows a quorum of prevotes for a value.
    Valid,
    /// It precommitted, to a value or to nothing.
    Precommitted,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 6] = [
        Self::Approved,
        Self::Reported,
        Self::Proposed,
        Self::Prevoted,
        Self::Valid,
        Self::Precommitted,
    ];

    /// The phase that a record shows, if it is of a change.
    pub(in crate::net) fn of(record: &Record) -> Option<Self> {
        match record {
            Record::Approved(_) => Some(Self::Approved),
            Record::Reported(_) => Some(Self::Reported),
            Record::Agreement(AgreementRecord::Valid(_)) => Some(Self::Valid),
            Record::Agreement(AgreementRecord::Vote(vote)) => Some(match vote.statement.kind {
                VoteKind::Proposal { .. } => Self::Proposed,
                VoteKind::Prevote(_) => Self::Prevoted,
                VoteKind::Precommit(_) => Self::Precommitted,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approved => "have approved a change",
            Self::Reported => "have reported",
            Self::Proposed => "have proposed a value",
            Self::Prevoted => "have prevoted",
            Self::Valid => "know a quorum of prevotes",
            Self::Precommitted => "have precommitted",
        })
    }
}
