//! The value that the members of a generation agree on, and the boundary that it founds.
//!
//! A value is judged on facts about it alone, never on the judge's own position: the agreement
//! needs the same answer of all correct members. What follows from the value and the last boundary
//! is checked here. What needs lanes, payloads and the algorithm is returned as [`Preconditions`],
//! for the broadcast to fulfil before it calls the value good.
//!
//! A value that adopts what no correct member can have echoed is bad. That too is judged by the
//! broadcast, on the value, the messages that it adopts and the state at its frontier alone; the
//! boundary then follows from the value, so that whoever only follows need judge nothing.
//!
//! *Why the next boundary is safe:* if a digest was certified at a dot, one of a quorum's reports
//! is by a correct member that echoed it. That member either had delivered it, and the frontier
//! covers it, or reports its lock, and it is adopted, or sealed together with every other digest
//! that was reported.

use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::boundary::{Boundary, Ending, Seal, head};
use super::change::{
    CHANGES, CertifiedChange, ChangeCertificate, ChangeError, ChangeKey, members_after,
};
use super::echo::Echo;
use super::header::Header;
use super::report::{Mark, Report, ReportError};
use crate::actor::{Actor, BadSignature, CheckedSignatures, Signed, Verified};
use crate::codec::{Digest, Domain, Limits, NetworkId, encoded_len};
use crate::dot::{Dot, Frontier};
use crate::quorum::{Committee, CommitteeError, Generation, VerifyError};
use crate::snapshot::Commitment;

/// What a coordinator puts together before it knows the state at the new frontier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationDraft {
    /// The digest of the value before.
    pub parent: Digest,
    /// The changes with their approvals, in the order of their keys. None of them can be left out:
    /// one that is carried counts.
    pub changes: Vec<ChangeCertificate>,
    /// What members reported, in the order of their keys; a quorum or more.
    pub reports: Vec<Signed<Report>>,
}

/// The value that the agreement decides: it founds the next generation.
///
/// What is agreed on is its [`header`](Self::header). What it says of the next generation follows
/// from the draft and the state, and is said all the same, so that whoever holds no boundary can
/// make the header of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationProposal {
    /// Who and what it rests on.
    pub draft: GenerationDraft,
    /// The generation that it founds.
    pub generation: Generation,
    /// Who sits in it.
    pub members: BTreeSet<Actor>,
    /// The digest of the [tree](Ending::frontier_tree) of where the lanes end.
    pub frontier: Digest,
    /// The digest of the [tree](Ending::marks_tree) of what is adopted and sealed.
    pub marks: Digest,
    /// What the state at the new frontier digests to.
    pub state: Commitment,
}

/// What remains to be shown before a value is good, by whoever has the lanes and the algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preconditions {
    /// Heads that must be held certified, with every message of their lanes from the last frontier
    /// on. A liar reports heads that nobody certified.
    pub heads: Frontier,
    /// Messages that must be held: those adopted and not yet covered.
    pub payloads: BTreeMap<Dot, Digest>,
    /// What the state at the frontier must digest to, computed from the last boundary's state.
    pub state: Commitment,
}

/// A value that passed its check: the boundary that it founds, if its preconditions are fulfilled
/// or a quorum decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedProposal {
    /// Where the next generation begins.
    pub next: Boundary,
    /// What the value alone does not show.
    pub preconditions: Preconditions,
}

impl GenerationDraft {
    /// What these changes and reports make: of more than [`CHANGES`] changes the first,
    /// of two reports by one member the first, and of reports that do not fit
    /// [`Limits::value_bytes`](crate::codec::Limits::value_bytes) together the shortest. Those of
    /// correct members fit, if they are no more than a quorum.
    #[must_use]
    pub fn gather<'a>(
        last: &Boundary,
        changes: impl IntoIterator<Item = &'a CertifiedChange>,
        reports: impl IntoIterator<Item = &'a Verified<Report>>,
    ) -> Self {
        let mut by_key: BTreeMap<ChangeKey, ChangeCertificate> = BTreeMap::new();
        for change in changes {
            let claim = change.claim();
            by_key.entry(claim.change.key()).or_insert(claim);
        }
        let mut by_member: BTreeMap<Actor, Signed<Report>> = BTreeMap::new();
        for report in reports {
            let claim = Signed::clone(report);
            by_member.entry(claim.signer).or_insert(claim);
        }
        let mut draft = Self {
            parent: last.value(),
            changes: by_key.into_values().take(CHANGES).collect(),
            reports: Vec::new(),
        };
        draft.add_shortest(last, by_member.into_values().collect());
        draft
    }

    /// Adds as many reports as the rest leaves room for, the shortest first.
    fn add_shortest(&mut self, last: &Boundary, mut reports: Vec<Signed<Report>>) {
        let members = self.members(last).len() * size_of::<Actor>();
        let without = encoded_len(self) + Limits::HEADER as usize + members;
        let mut room = (last.limits().value_bytes() as usize).saturating_sub(without);
        reports.sort_by_cached_key(encoded_len);
        let fitting = reports.into_iter().take_while(|report| {
            let left = room.checked_sub(encoded_len(report));
            room = left.unwrap_or(room);
            left.is_some()
        });
        self.reports.extend(fitting);
        self.reports.sort_by_key(|report| report.signer);
    }

    /// Where the generation ends by these reports.
    ///
    /// # Errors
    /// [`GenerationProposalError`] when two heads of one lane have the same number and cannot both
    /// be certified, or when a reported lock is not its source's.
    pub fn ending(&self, last: &Boundary) -> Result<Ending, GenerationProposalError> {
        self.ending_knowing(last, &CheckedSignatures::default())
    }

    /// The same, where some signatures are known to be good.
    pub(crate) fn ending_knowing(
        &self,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<Ending, GenerationProposalError> {
        let frontier = self.frontier(last)?;
        let (adopted, sealed) = Union::of(self, last, &frontier, known)?.split();
        Ok(Ending {
            frontier,
            adopted,
            sealed,
        })
    }

    /// The lane-wise maximum of the last frontier and the reported heads.
    fn frontier(&self, last: &Boundary) -> Result<Frontier, GenerationProposalError> {
        let reported = || {
            self.reports
                .iter()
                .flat_map(|report| &report.statement.heads)
        };
        let mut frontier = last.frontier().clone();
        for (source, head) in reported() {
            match frontier.entry(*source) {
                Vacant(lane) => *lane.insert(*head),
                Occupied(lane) if lane.get().seq >= head.seq => continue,
                Occupied(mut lane) => lane.insert(*head),
            };
        }
        for (source, head) in reported() {
            let end = frontier.get(source);
            if end.is_some_and(|end| end.seq == head.seq && end.digest != head.digest) {
                return Err(GenerationProposalError::Heads(*source));
            }
        }
        Ok(frontier)
    }

    /// Who sits in the next generation by these changes.
    fn members(&self, last: &Boundary) -> BTreeSet<Actor> {
        let keys: Vec<ChangeKey> = self
            .changes
            .iter()
            .map(|claim| claim.change.key())
            .collect();
        let same = || last.committee().actors().iter().copied().collect();
        members_after(last, &keys).unwrap_or_else(same)
    }

    /// The value with this draft, which [ends](Self::ending) so, when the state there digests to
    /// this. Nothing is checked: a draft without a change that takes effect keeps the members.
    #[must_use]
    pub fn found(self, last: &Boundary, ending: &Ending, state: Commitment) -> GenerationProposal {
        GenerationProposal {
            generation: last.generation().next().unwrap_or(last.generation()),
            members: self.members(last),
            frontier: ending.frontier_tree().digest(),
            marks: ending.marks_tree().digest(),
            state,
            draft: self,
        }
    }

    fn check_changes(
        &self,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<Arc<Committee>, GenerationProposalError> {
        let key = |claim: &ChangeCertificate| claim.change.key();
        if self.changes.len() > CHANGES || !ascending(&self.changes, key) {
            return Err(GenerationProposalError::Changes);
        }
        for change in &self.changes {
            change.verify_knowing(last, known)?;
        }
        let keys: Vec<ChangeKey> = self.changes.iter().map(key).collect();
        let members = members_after(last, &keys).ok_or(GenerationProposalError::NoChange)?;
        let generation = last
            .generation()
            .next()
            .ok_or(GenerationProposalError::Exhausted)?;
        let committee = Committee::new(generation, &members, last.limits())?;
        Ok(Arc::new(committee))
    }

    fn check_reports(
        &self,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<(), GenerationProposalError> {
        if !ascending(&self.reports, |claim| claim.signer) {
            return Err(GenerationProposalError::Reports);
        }
        if self.reports.len() < last.committee().quorum() {
            return Err(GenerationProposalError::TooFewReports);
        }
        for claim in &self.reports {
            let shape = claim.statement.check_shape(last);
            shape.map_err(|error| GenerationProposalError::Report(claim.signer, error))?;
            last.committee()
                .verify_knowing(last.network(), claim.clone(), known)?;
        }
        Ok(())
    }
}

impl GenerationProposal {
    /// The header: what is agreed on and signed, and what outlives the rest.
    #[must_use]
    pub fn header(&self, network: &NetworkId) -> Header {
        Header {
            parent: self.draft.parent,
            generation: self.generation,
            members: self.members.clone(),
            frontier: self.frontier,
            marks: self.marks,
            state: self.state,
            body: Digest::of(Domain::Body, network, &self.draft),
        }
    }

    /// The digest of the header, which the next one names as its parent.
    #[must_use]
    pub fn digest(&self, network: &NetworkId) -> Digest {
        self.header(network).digest(network)
    }

    /// What this value makes of the last boundary, if it is one.
    ///
    /// # Errors
    /// [`GenerationProposalError`]: then it is bad for everybody.
    pub fn check(&self, last: &Boundary) -> Result<CheckedProposal, GenerationProposalError> {
        self.check_knowing(last, &CheckedSignatures::default())
    }

    /// The same, where some signatures are known to be good: whoever has taken the reports and
    /// approvals that a value is made of has checked them.
    pub(crate) fn check_knowing(
        &self,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<CheckedProposal, GenerationProposalError> {
        if self.draft.parent != last.value() {
            return Err(GenerationProposalError::Parent);
        }
        if encoded_len(self) > last.limits().value_bytes() as usize {
            return Err(GenerationProposalError::TooLong);
        }
        let committee = self.draft.check_changes(last, known)?;
        self.draft.check_reports(last, known)?;
        let ending = self.draft.ending_knowing(last, known)?;
        debug_assert!(
            last.frontier().iter().all(|(source, head)| {
                let end = ending.frontier.get(source);
                end.is_some_and(|end| end.seq >= head.seq)
            }),
            "a boundary takes nothing back"
        );
        let seated = committee.actors().iter().eq(&self.members);
        if !seated || committee.generation() != self.generation {
            return Err(GenerationProposalError::Header);
        }
        let founded = last.followed_by(&self.header(last.network()))?;
        let next = founded
            .begin(Arc::new(ending))
            .map_err(|_| GenerationProposalError::Header)?;
        let preconditions = Preconditions::of(last, &next);
        Ok(CheckedProposal {
            next,
            preconditions,
        })
    }
}

impl Preconditions {
    fn of(last: &Boundary, next: &Boundary) -> Self {
        let moved = next
            .frontier()
            .iter()
            .filter(|(source, head)| last.head(source) != **head);
        let locks = next.adopted().values().map(|lock| &lock.statement);
        Self {
            heads: moved.map(|(source, head)| (*source, *head)).collect(),
            payloads: locks.map(|lock| (lock.dot, lock.digest)).collect(),
            state: next.state(),
        }
    }
}

/// What is reported right after the new frontier.
struct Union {
    sealed: BTreeMap<Actor, Seal>,
    reported: BTreeMap<Actor, BTreeMap<Digest, Signed<Echo>>>,
}

impl Union {
    /// The last boundary's locks and seals stay as they are: nobody correct echoed anything else
    /// there, so that no other report counts.
    fn of(
        draft: &GenerationDraft,
        last: &Boundary,
        frontier: &Frontier,
        known: &CheckedSignatures,
    ) -> Result<Self, GenerationProposalError> {
        let next = |dot: &Dot| {
            let head = head(last.network(), frontier, &dot.source);
            dot.seq.follows(head.seq)
        };
        let sealed = last.sealed().iter().filter(|(_, seal)| next(&seal.dot()));
        let mut union = Self {
            sealed: sealed
                .map(|(source, seal)| (*source, seal.clone()))
                .collect(),
            reported: BTreeMap::new(),
        };
        for lock in last
            .adopted()
            .values()
            .filter(|lock| next(&lock.statement.dot))
        {
            union.echoes(lock).insert(lock.statement.digest, *lock);
        }
        let marks = draft
            .reports
            .iter()
            .flat_map(|report| report.statement.marks.values());
        for echo in marks.flat_map(Mark::echoes) {
            let dot = &echo.statement.dot;
            if next(dot) && last.counts(dot) {
                union.count(echo, last, known)?;
            }
        }
        Ok(union)
    }

    fn count(
        &mut self,
        echo: &Signed<Echo>,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<(), GenerationProposalError> {
        if let Vacant(free) = self.echoes(echo).entry(echo.statement.digest) {
            let key = last.committee().key_of(&echo.signer)?;
            known.verify(last.network(), key, *echo)?;
            free.insert(*echo);
        }
        Ok(())
    }

    fn echoes(&mut self, echo: &Signed<Echo>) -> &mut BTreeMap<Digest, Signed<Echo>> {
        self.reported.entry(echo.statement.dot.source).or_default()
    }

    /// One digest is adopted, more are sealed.
    fn split(mut self) -> (BTreeMap<Actor, Signed<Echo>>, BTreeMap<Actor, Seal>) {
        let mut adopted = BTreeMap::new();
        for (source, echoes) in self.reported {
            if let Some(seal) = Seal::of(echoes.values().copied()) {
                self.sealed.insert(source, seal);
            } else if let Some(lock) = echoes.into_values().next() {
                adopted.insert(source, lock);
            }
        }
        (adopted, self.sealed)
    }
}

fn ascending<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> bool {
    items.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]))
}

/// Why a value is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerationProposalError {
    /// It does not follow this boundary.
    #[error("the value has another parent")]
    Parent,
    /// More bytes than can be shown to everybody who needs it.
    #[error("the value is too long")]
    TooLong,
    /// Too many changes, or not in the order of their keys.
    #[error("too many changes, or out of order")]
    Changes,
    /// A change cannot be made or is not certified.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// No change takes effect.
    #[error("no change takes effect")]
    NoChange,
    /// There is no generation number left.
    #[error("no generation number is left")]
    Exhausted,
    /// The changed members are no committee.
    #[error(transparent)]
    Committee(#[from] CommitteeError),
    /// Reports repeated or out of order.
    #[error("reports repeated or out of order")]
    Reports,
    /// Fewer reports than a quorum.
    #[error("fewer reports than a quorum")]
    TooFewReports,
    /// A report is none.
    #[error("report of {0:?}: {1}")]
    Report(Actor, ReportError),
    /// A report is not a member's.
    #[error(transparent)]
    Reporter(#[from] VerifyError),
    /// What it says of the next generation does not follow from its draft.
    #[error("it does not found what follows from its reports and changes")]
    Header,
    /// Two reported heads of this lane contradict each other.
    #[error("two heads of the lane of {0:?}")]
    Heads(Actor),
    /// A lock that the source did not sign.
    #[error(transparent)]
    Lock(#[from] BadSignature),
}
