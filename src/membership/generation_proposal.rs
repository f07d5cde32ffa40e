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
use super::report::{CheckedReport, Mark, Report};
use crate::actor::{Actor, CheckedSignatures, Signed};
use crate::codec::{Digest, Domain, NetworkId};
use crate::dot::{Dot, Frontier};
use crate::quorum::{CommitteeError, Generation};
use crate::snapshot::Commitment;

/// What a coordinator puts together before it knows the state at the new frontier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationDraft {
    /// The digest of the value before.
    pub parent: Digest,
    /// The changes with their approvals, in the order of their keys. None of them can be left out:
    /// one that is carried counts.
    pub changes: Vec<ChangeCertificate>,
    /// The digest of what each of these members reported; a quorum or more.
    ///
    /// The reports travel by themselves, so that however much moved in a generation, a value fits
    /// every packet.
    pub reports: BTreeMap<Actor, Digest>,
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
    /// of two reports by one member the first.
    #[must_use]
    pub fn gather<'a>(
        last: &Boundary,
        changes: impl IntoIterator<Item = &'a CertifiedChange>,
        reports: impl IntoIterator<Item = &'a CheckedReport>,
    ) -> Self {
        let mut by_key: BTreeMap<ChangeKey, ChangeCertificate> = BTreeMap::new();
        for change in changes {
            let claim = change.claim();
            by_key.entry(claim.change.key()).or_insert(claim);
        }
        let mut by_member = BTreeMap::new();
        for report in reports {
            let (reporter, digest) = report.name();
            by_member.entry(reporter).or_insert(digest);
        }
        Self {
            parent: last.value(),
            changes: by_key.into_values().take(CHANGES).collect(),
            reports: by_member,
        }
    }

    /// The reports that it names, in their order, where `held` gives those that are at hand.
    ///
    /// # Errors
    /// Those that are not.
    pub fn resolve<'a>(
        &self,
        held: impl Fn(&Actor, &Digest) -> Option<&'a CheckedReport>,
    ) -> Result<Vec<&'a CheckedReport>, Vec<(Actor, Digest)>> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for (reporter, digest) in &self.reports {
            match held(reporter, digest) {
                Some(report) => found.push(report),
                None => missing.push((*reporter, *digest)),
            }
        }
        if missing.is_empty() {
            Ok(found)
        } else {
            Err(missing)
        }
    }

    /// Where the generation ends by the reports that it names.
    ///
    /// # Errors
    /// [`GenerationProposalError::Heads`] when two heads of one lane have the same number and
    /// cannot both be certified.
    ///
    /// # Panics
    /// When these are other reports than [it names](Self::resolve).
    pub fn ending(
        &self,
        last: &Boundary,
        reports: &[&CheckedReport],
    ) -> Result<Ending, GenerationProposalError> {
        let given = reports.iter().map(|report| report.name());
        let named = self
            .reports
            .iter()
            .map(|(reporter, digest)| (*reporter, *digest));
        assert!(given.eq(named), "the reports that a value names");
        // Members that report the same add nothing to each other.
        let mut said = BTreeSet::new();
        let distinct = reports.iter().filter(|report| said.insert(report.digest()));
        let reports: Vec<&Report> = distinct.map(|report| &report.statement).collect();
        let frontier = frontier(last, &reports)?;
        let (adopted, sealed) = Union::of(&reports, last, &frontier).split();
        Ok(Ending {
            frontier,
            adopted,
            sealed,
        })
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

    /// Who sits in the next generation, if every change is one and any takes effect.
    fn check_changes(
        &self,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<BTreeSet<Actor>, GenerationProposalError> {
        let key = |claim: &ChangeCertificate| claim.change.key();
        if self.changes.len() > CHANGES || !ascending(&self.changes, key) {
            return Err(GenerationProposalError::Changes);
        }
        for change in &self.changes {
            change.verify_knowing(last, known)?;
        }
        let keys: Vec<ChangeKey> = self.changes.iter().map(key).collect();
        members_after(last, &keys).ok_or(GenerationProposalError::NoChange)
    }

    /// Whether a quorum of members or more is said to have reported. That is to be known before
    /// their reports are asked for.
    ///
    /// # Errors
    /// [`GenerationProposalError::TooFewReports`] and [`GenerationProposalError::NoSeat`].
    pub fn check_reporters(&self, last: &Boundary) -> Result<(), GenerationProposalError> {
        if self.reports.len() < last.committee().quorum() {
            return Err(GenerationProposalError::TooFewReports);
        }
        let mut reporters = self.reports.keys();
        let stranger = reporters.find(|reporter| !last.committee().contains(reporter));
        stranger.map_or(Ok(()), |stranger| {
            Err(GenerationProposalError::NoSeat(*stranger))
        })
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

    /// What this value makes of the last boundary, if it is one, with the reports that it
    /// [names](GenerationDraft::resolve).
    ///
    /// # Errors
    /// [`GenerationProposalError`]: then it is bad for everybody.
    ///
    /// # Panics
    /// When these are other reports.
    pub fn check(
        &self,
        last: &Boundary,
        reports: &[&CheckedReport],
    ) -> Result<CheckedProposal, GenerationProposalError> {
        self.check_knowing(last, reports, &CheckedSignatures::default())
    }

    /// The same, where some signatures are known to be good: whoever has taken the approvals of
    /// its changes has checked them.
    pub(crate) fn check_knowing(
        &self,
        last: &Boundary,
        reports: &[&CheckedReport],
        known: &CheckedSignatures,
    ) -> Result<CheckedProposal, GenerationProposalError> {
        if self.draft.parent != last.value() {
            return Err(GenerationProposalError::Parent);
        }
        let members = self.draft.check_changes(last, known)?;
        let next = last.generation().next();
        let generation = next.ok_or(GenerationProposalError::Exhausted)?;
        self.draft.check_reporters(last)?;
        let ending = self.draft.ending(last, reports)?;
        debug_assert!(
            last.frontier().iter().all(|(source, head)| {
                let end = ending.frontier.get(source);
                end.is_some_and(|end| end.seq >= head.seq)
            }),
            "a boundary takes nothing back"
        );
        if (generation, &members) != (self.generation, &self.members) {
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

/// The lane-wise maximum of the last frontier and the reported heads.
fn frontier(last: &Boundary, reports: &[&Report]) -> Result<Frontier, GenerationProposalError> {
    let reported = || reports.iter().flat_map(|report| &report.heads);
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

/// What is reported right after the new frontier.
struct Union {
    sealed: BTreeMap<Actor, Seal>,
    reported: BTreeMap<Actor, BTreeMap<Digest, Signed<Echo>>>,
}

impl Union {
    /// The last boundary's locks and seals stay as they are: nobody correct echoed anything else
    /// there, so that no other report counts.
    fn of(reports: &[&Report], last: &Boundary, frontier: &Frontier) -> Self {
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
        let carried = last.adopted().values();
        for lock in carried.filter(|lock| next(&lock.statement.dot)) {
            union.echoes(lock).insert(lock.statement.digest, *lock);
        }
        let marks = reports.iter().flat_map(|report| report.marks.values());
        for echo in marks.flat_map(Mark::echoes) {
            let dot = &echo.statement.dot;
            if next(dot) && last.counts(dot) {
                let digest = echo.statement.digest;
                union.echoes(echo).entry(digest).or_insert(*echo);
            }
        }
        union
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
    /// Fewer reports than a quorum.
    #[error("fewer reports than a quorum")]
    TooFewReports,
    /// A report is said to be of who is no member.
    #[error("report of {0:?}, who has no seat")]
    NoSeat(Actor),
    /// What it says of the next generation does not follow from its draft.
    #[error("it does not found what follows from its reports and changes")]
    Header,
    /// Two reported heads of this lane contradict each other.
    #[error("two heads of the lane of {0:?}")]
    Heads(Actor),
}
