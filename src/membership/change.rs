//! Changes of the committee, the members' approvals, and the authority that a quorum of them gives.
//!
//! A minority can neither admit nor expel anybody, and cannot freeze anybody: only an
//! [`CertifiedChange`], which a quorum approved, starts a change of generation.
//!
//! An approval names the change by its [`ChangeKey`], without the joiner's signature. One entry has
//! many good signatures, and a joiner that shows each member another one must not split the
//! approvals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::boundary::Boundary;
use crate::actor::{Actor, BadSignature, CheckedSignatures, Signed, Statement, Verified, WeakKey};
use crate::codec::{Digest, Domain, Limits};
use crate::quorum::{
    Certificate, CertificateError, Committee, Generation, QuorumCertificate, Seat, Tally,
};

/// Newcomers that a member may approve in one generation, and changes that one value may carry.
pub const CHANGES: usize = Limits::CHANGES;

/// A newcomer's word that it exists, wants in, and follows the network up to this generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The generation whose members are asked.
    pub generation: Generation,
    /// The digest of the value that founded it.
    pub value: Digest,
}

impl Statement for Entry {
    const DOMAIN: Domain = Domain::Entry;
}

/// A change of the committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The signer enters.
    Join(Signed<Entry>),
    /// This member leaves, asked or not.
    Leave(Actor),
    /// Nobody enters or leaves: a new generation, hence a new certified snapshot.
    Renew,
}

/// What a change does, without the signature that a newcomer shows.
///
/// Changes take effect in this order: entries first, so that a whole committee can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChangeKey {
    /// This actor enters.
    Join(Actor),
    /// This member leaves.
    Leave(Actor),
    /// Nobody enters or leaves.
    Renew,
}

impl Change {
    /// What it does.
    #[must_use]
    pub fn key(&self) -> ChangeKey {
        match self {
            Self::Join(entry) => ChangeKey::Join(entry.signer),
            Self::Leave(actor) => ChangeKey::Leave(*actor),
            Self::Renew => ChangeKey::Renew,
        }
    }

    /// Whether the change can be made, alone, in the generation that begins at `last`.
    ///
    /// # Errors
    /// [`ChangeError`] when it cannot, or when a newcomer's entry is not its own or of another
    /// generation.
    pub fn check(&self, last: &Boundary) -> Result<(), ChangeError> {
        Membership::of(last).apply(&self.key(), last)?;
        if let Self::Join(entry) = self {
            let here = Entry {
                generation: last.generation(),
                value: last.value(),
            };
            if entry.statement != here {
                return Err(ChangeError::Stale);
            }
            entry.verify(last.network(), &entry.signer.public_key()?)?;
        }
        Ok(())
    }
}

/// The members that a run of changes leaves.
struct Membership {
    members: BTreeSet<Actor>,
    lanes: BTreeSet<Actor>,
    speakers: BTreeSet<Actor>,
}

impl Membership {
    fn of(last: &Boundary) -> Self {
        Self {
            members: last.committee().actors().iter().copied().collect(),
            lanes: last.lanes(),
            speakers: last.speakers(),
        }
    }

    fn apply(&mut self, change: &ChangeKey, last: &Boundary) -> Result<(), ChangeError> {
        match change {
            ChangeKey::Join(actor) => self.join(*actor, last),
            ChangeKey::Leave(actor) => self.leave(actor),
            ChangeKey::Renew => Ok(()),
        }
    }

    fn join(&mut self, actor: Actor, last: &Boundary) -> Result<(), ChangeError> {
        if self.members.contains(&actor) {
            return Err(ChangeError::Member(actor));
        }
        let limits = last.limits();
        let full = |held: &BTreeSet<Actor>, most| held.len() >= most && !held.contains(&actor);
        if self.members.len() >= limits.seats as usize
            || full(&self.lanes, limits.lanes as usize)
            || full(&self.speakers, limits.speakers() as usize)
        {
            return Err(ChangeError::Full);
        }
        self.members.insert(actor);
        self.lanes.insert(actor);
        self.speakers.insert(actor);
        Ok(())
    }

    fn leave(&mut self, actor: &Actor) -> Result<(), ChangeError> {
        if !self.members.contains(actor) {
            return Err(ChangeError::NoMember(*actor));
        }
        if self.members.len() == 1 {
            return Err(ChangeError::LastMember);
        }
        self.members.remove(actor);
        Ok(())
    }
}

/// The members after `changes`, or `None` when none of them takes effect.
///
/// Changes that can be made alone but not together (the last two members leave; two enter and one
/// seat is free) are made in key order, and one whose turn finds it impossible has no effect. It
/// must not make the value bad: a quorum that certified both would otherwise be frozen for ever.
pub(super) fn members_after<'a>(
    last: &Boundary,
    changes: impl IntoIterator<Item = &'a ChangeKey>,
) -> Option<BTreeSet<Actor>> {
    let mut membership = Membership::of(last);
    let ordered: BTreeSet<&ChangeKey> = changes.into_iter().collect();
    let made = ordered
        .into_iter()
        .filter(|change| membership.apply(change, last).is_ok())
        .count();
    (made > 0).then_some(membership.members)
}

/// A member's consent to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The generation whose member consents.
    pub generation: Generation,
    /// To what.
    pub change: ChangeKey,
}

impl Statement for Approval {
    const DOMAIN: Domain = Domain::Approval;
}

/// A claim that a quorum approved a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCertificate {
    /// The change, with the newcomer's signature if there is one.
    pub change: Change,
    /// Who approved.
    pub approvals: Arc<Certificate<Approval>>,
}

impl ChangeCertificate {
    /// The fact behind the claim, in the generation that begins at `last`.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn verify(&self, last: &Boundary) -> Result<CertifiedChange, ChangeError> {
        self.verify_knowing(last, &CheckedSignatures::default())
    }

    /// The same, where some signatures are known to be good.
    pub(crate) fn verify_knowing(
        &self,
        last: &Boundary,
        known: &CheckedSignatures,
    ) -> Result<CertifiedChange, ChangeError> {
        if self.approvals.statement != approval(last, &self.change) {
            return Err(ChangeError::Stale);
        }
        self.change.check(last)?;
        let claim = Arc::clone(&self.approvals);
        let approvals = last
            .committee()
            .certify_knowing(last.network(), claim, known)?;
        Ok(CertifiedChange {
            change: self.change,
            approvals,
        })
    }
}

fn approval(last: &Boundary, change: &Change) -> Approval {
    Approval {
        generation: last.generation(),
        change: change.key(),
    }
}

/// A fact: a quorum of a committee approved a change that can be made. It freezes the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedChange {
    change: Change,
    approvals: QuorumCertificate<Approval>,
}

impl CertifiedChange {
    /// What was approved.
    #[must_use]
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// The claim again, to send or to keep.
    #[must_use]
    pub fn claim(&self) -> ChangeCertificate {
        ChangeCertificate {
            change: self.change,
            approvals: self.approvals.claim(),
        }
    }
}

/// The approvals of one generation: of each seat those of [`CHANGES`] newcomers, the first ones,
/// and all others.
///
/// Nothing is dropped. Were the newest kept, somebody who sends a member's old approvals again
/// would make everybody forget its new ones. No member is stuck with newcomers that nobody else
/// approves: a renewal begins anew.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    seats: BTreeMap<Seat, Vec<Verified<Approval>>>,
    changes: BTreeMap<ChangeKey, Change>,
}

impl Approvals {
    /// Counts a member's approval of `change`; the certified change when the quorum is newly
    /// reached.
    ///
    /// # Errors
    /// [`ChangeError`] when the change cannot be made, the approval is of another change, of
    /// another generation or by no member, or the member approved [`CHANGES`] other newcomers.
    pub fn add(
        &mut self,
        last: &Boundary,
        change: &Change,
        fact: Verified<Approval>,
    ) -> Result<Option<CertifiedChange>, ChangeError> {
        let committee = last.committee();
        let seat = committee.seat(&fact.signer);
        let seat = seat.ok_or(ChangeError::NoMember(fact.signer))?;
        if fact.statement != approval(last, change) {
            return Err(ChangeError::Stale);
        }
        if self.changes.get(&change.key()) != Some(change) {
            change.check(last)?;
        }
        if !self.remember(seat, fact)? {
            return Ok(None);
        }
        self.changes.entry(change.key()).or_insert(*change);
        Ok(self.certified(last, &fact.statement))
    }

    fn certified(&self, last: &Boundary, approval: &Approval) -> Option<CertifiedChange> {
        let (committee, facts) = (last.committee(), self.seats.values().flatten());
        let same: Vec<_> = facts.filter(|fact| fact.statement == *approval).collect();
        if same.len() != committee.quorum() {
            return None;
        }
        let mut tally = Tally::new(*approval);
        Some(CertifiedChange {
            change: *self.changes.get(&approval.change)?,
            approvals: same
                .into_iter()
                .find_map(|fact| tally.add(committee, fact))?,
        })
    }

    /// What the member at `seat` approved, to send it again: the oldest first.
    pub fn of(&self, seat: Seat) -> impl Iterator<Item = (&Change, &Signed<Approval>)> {
        let facts = self.seats.get(&seat).into_iter().flatten();
        facts.filter_map(|fact| {
            let change = self.changes.get(&fact.statement.change)?;
            Some((change, &**fact))
        })
    }

    /// Whether this very signature is held, and not another one on the same.
    pub(crate) fn holds(&self, committee: &Committee, approval: &Signed<Approval>) -> bool {
        let seat = committee.seat(&approval.signer);
        let mut held = seat.into_iter().flat_map(|seat| self.of(seat));
        held.any(|(_, held)| held == approval)
    }

    /// Whether it is new.
    fn remember(&mut self, seat: Seat, fact: Verified<Approval>) -> Result<bool, ChangeError> {
        let held = self.seats.entry(seat).or_default();
        if held.iter().any(|held| held.statement == fact.statement) {
            return Ok(false);
        }
        let joins = |fact: &Verified<Approval>| matches!(fact.statement.change, ChangeKey::Join(_));
        if joins(&fact) && held.iter().filter(|held| joins(held)).count() == CHANGES {
            return Err(ChangeError::TooMany);
        }
        held.push(fact);
        Ok(true)
    }
}

/// Why a change is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The newcomer is a member already.
    #[error("{0:?} is a member already")]
    Member(Actor),
    /// Who should leave, or who approved, is no member.
    #[error("{0:?} is no member")]
    NoMember(Actor),
    /// Nobody would be left.
    #[error("the last member cannot leave")]
    LastMember,
    /// All seats or all lanes are taken, or too many members left locks or seals behind.
    #[error("no seat or no lane is free")]
    Full,
    /// The member approved as many newcomers as it may in one generation.
    #[error("as many newcomers as one member may approve before the members change or a renewal")]
    TooMany,
    /// The entry or the approval is of another generation or another change.
    #[error("said of another generation or another change")]
    Stale,
    /// The newcomer's key is unusable.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
    /// The newcomer did not sign its entry.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
    /// Not a quorum of approvals.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}
