//! The way from this generation to the next, as far as one replica has come on it.
//!
//! State: approvals, certified changes, reports, the agreement with the values that it names, the
//! messages that any of these rest on, and what was decided. Inputs: the rules of `closing`,
//! `agree` and `install`. Output: the [`Phase`]. Invariant: it is made anew with each generation,
//! and bounded by the members.
//!
//! The phase is read off these facts and is not held beside them: a fact that is there twice can
//! contradict itself.

use std::collections::BTreeMap;
use std::fmt;

use super::Replica;
use super::backoff::Backoff;
use super::payloads::Payloads;
use super::values::{Candidate, Reports};
use crate::codec::Digest;
use crate::dot::Frontier;
use crate::membership::{
    self, Agreement, Approvals, CHANGES, CertifiedChange, ChangeCertificate, ChangeKey, Vote,
    VoteKind,
};
use crate::quorum::QuorumCertificate;
use crate::snapshot::{Commitment, Snapshot};
use crate::traits::WireAlgorithm;

/// How far a replica has come on its way to the next generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// No change is certified: members echo.
    Open,
    /// A change is certified, and nothing is echoed any more. No part is taken in the agreement:
    /// there is no seat here, or nothing may be signed.
    Frozen,
    /// The members report where they stopped, and agree on where the generation ends.
    Agreeing,
    /// They have agreed; what they decided is not here yet.
    Decided,
    /// The next generation is founded; what leads to its frontier is not all here yet, or is not
    /// what its members certified.
    Founded,
}

/// In a word, by which the status of a node names it.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Agreeing => "agreeing",
            Self::Decided => "decided",
            Self::Founded => "founded",
        })
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// How far this replica has come on its way to the next generation. It is `Open` again when
    /// that is installed here.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let Transition {
            changes,
            agreement,
            decided,
            ..
        } = &self.transition;
        debug_assert!(
            agreement.is_none() || !changes.is_empty(),
            "nobody agrees on the end of a generation that nothing ends"
        );
        if !self.history.pending.is_empty() {
            Phase::Founded
        } else if decided.is_some() {
            Phase::Decided
        } else if agreement.is_some() {
            Phase::Agreeing
        } else if changes.is_empty() {
            Phase::Open
        } else {
            Phase::Frozen
        }
    }
}

/// All that belongs to the end of one generation.
///
/// Made anew with each generation; nothing of it is carried on but what the boundary imposes. It is
/// bounded by the members: a report a seat, and another for each value that rests on it, at most
/// eight approvals of newcomers a seat, the
/// agreement's eight values, and one message for each lane that any of these names.
#[derive(Debug)]
pub(super) struct Transition {
    /// Those of all members, ours among them.
    pub(super) approvals: Approvals,
    /// When our approvals are said again, as long as no quorum has frozen us.
    pub(super) approve: Backoff,
    /// Certified changes: any freezes us.
    pub(super) changes: BTreeMap<ChangeKey, CertifiedChange>,
    pub(super) reports: Reports,
    /// `None` until we freeze, and where we may not sign.
    pub(super) agreement: Option<Agreement>,
    /// What the agreement said before a crash.
    ///
    /// Taken out when the agreement opens. As long as a start is in doubt they say what our key is
    /// known to have voted.
    pub(super) agreement_records: Vec<membership::Record>,
    /// The values that the agreement [names](Agreement::names).
    pub(super) values: Vec<Candidate>,
    pub(super) payloads: Payloads,
    /// Kept until the value that it names is here; then the next generation is founded.
    pub(super) decided: Option<Decided>,
    /// The snapshot that was made last, with what the state digests to, and where.
    ///
    /// One at most: a second frontier takes its place.
    pub(super) state: Option<(Frontier, (Snapshot, Commitment))>,
}

/// What the agreement decided.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) certificate: QuorumCertificate<Vote>,
    /// When its value was last asked for.
    ///
    /// In ticks since the start.
    asked: Option<u64>,
}

impl Decided {
    pub(super) fn by(certificate: QuorumCertificate<Vote>) -> Self {
        Self {
            certificate,
            asked: None,
        }
    }

    /// What was decided.
    ///
    /// Of an agreement's decision alone: others of its statements name no value.
    pub(super) fn value(&self) -> Digest {
        match self.certificate.statement.kind {
            VoteKind::Precommit(Some(value)) => value,
            _ => unreachable!("a decision names a value"),
        }
    }

    /// Whether the value is to be asked for: once a tick, not at each input, or those who all lack
    /// it would answer each other's questions with more of them.
    pub(super) fn is_due(&mut self, now: u64) -> bool {
        self.asked.replace(now) != Some(now)
    }
}

impl Transition {
    pub(super) fn new(now: u64) -> Self {
        Self {
            approvals: Approvals::default(),
            approve: Backoff::starting(now + 1),
            changes: BTreeMap::new(),
            reports: Reports::new(now),
            agreement: None,
            agreement_records: Vec::new(),
            values: Vec::new(),
            payloads: Payloads::new(now),
            decided: None,
            state: None,
        }
    }

    /// The changes that we hold, as many as a value carries.
    pub(super) fn change_certificates(&self) -> Vec<ChangeCertificate> {
        let changes = self.changes.values().map(CertifiedChange::claim);
        changes.take(CHANGES).collect()
    }
}
