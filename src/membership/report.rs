//! What a member reports, once, when it freezes: where its lanes end, and what it has locked right
//! after.
//!
//! A report is believed for what other keys vouch for: a head counts when it is certified (the
//! broadcast checks that), a lock or a seal when the source signed it.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::boundary::{Boundary, head};
use super::echo::Echo;
use crate::actor::{Actor, BadSignature, CheckedSignatures, Signed, Statement, Verified};
use crate::codec::{Digest, Domain};
use crate::dot::{Dot, Frontier, Head};
use crate::evidence::{Conflict, Exclusive};
use crate::quorum::Generation;

/// A member's report at the end of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The generation that ends.
    pub generation: Generation,
    /// The digest of the value that founded it.
    pub value: Digest,
    /// The ends of the lanes that moved since it began.
    pub heads: Frontier,
    /// What the member holds at the next dots of members' lanes, where the boundary imposes
    /// nothing. Its own lock goes before a seal: a digest that it echoed may have been certified,
    /// and must be among the reported.
    pub marks: BTreeMap<Actor, Mark>,
}

impl Statement for Report {
    const DOMAIN: Domain = Domain::Report;
}

/// A member reports once a generation: two different reports are evidence against it, which
/// replicas do not collect.
impl Exclusive for Report {
    fn excludes(&self, other: &Self) -> bool {
        self.generation == other.generation && self != other
    }
}

/// What a member holds at the next dot of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// It echoed this.
    Lock(Signed<Echo>),
    /// It saw two messages there, and echoed neither.
    Seal(Conflict<Echo>),
}

impl Mark {
    /// The source's echoes in it.
    pub fn echoes(&self) -> impl Iterator<Item = &Signed<Echo>> {
        let (one, other) = match self {
            Self::Lock(lock) => (lock, None),
            Self::Seal(conflict) => (&conflict.left, Some(&conflict.right)),
        };
        std::iter::once(one).chain(other)
    }

    /// Only what the source signed in this generation counts. What it signed before was carried on
    /// by a boundary, and needs no report, or is void: did that count, a liar that kept it could
    /// seal the lane of a source which has signed something else since.
    fn check(&self, generation: Generation, dot: &Dot) -> Result<(), ReportError> {
        let placed = |claim: &Signed<Echo>| {
            let Echo {
                generation: said,
                dot: at,
                ..
            } = claim.statement;
            (said, at, claim.signer) == (generation, *dot, dot.source)
        };
        let contradictory = match self {
            Self::Lock(_) => true,
            Self::Seal(conflict) => conflict.left.statement.excludes(&conflict.right.statement),
        };
        if contradictory && self.echoes().all(placed) {
            Ok(())
        } else {
            Err(ReportError::Mark(dot.source))
        }
    }
}

impl Report {
    /// The empty report of a member of the generation that begins at `last`.
    #[must_use]
    pub fn of(last: &Boundary) -> Self {
        Self {
            generation: last.generation(),
            value: last.value(),
            heads: Frontier::new(),
            marks: BTreeMap::new(),
        }
    }

    /// Where the reporter's lane of `source` ends.
    #[must_use]
    pub fn head(&self, last: &Boundary, source: &Actor) -> Head {
        let moved = self.heads.get(source).copied();
        moved.unwrap_or_else(|| head(last.network(), last.frontier(), source))
    }

    /// What a report is without its signatures: of this generation, its heads beyond the last
    /// frontier in lanes that may move, its marks right after its heads, where they count. So there
    /// are no more of either than lanes that speak.
    fn check_shape(&self, last: &Boundary) -> Result<(), ReportError> {
        if (self.generation, self.value) != (last.generation(), last.value()) {
            return Err(ReportError::Stale);
        }
        for (source, head) in &self.heads {
            self.check_head(last, source, head)?;
        }
        for (source, mark) in &self.marks {
            let next = self.head(last, source).seq.next();
            let seq = next.ok_or(ReportError::Mark(*source))?;
            let dot = Dot {
                source: *source,
                seq,
            };
            if !last.counts(&dot) {
                return Err(ReportError::Mark(*source));
            }
            mark.check(self.generation, &dot)?;
        }
        Ok(())
    }

    fn check_head(&self, last: &Boundary, source: &Actor, head: &Head) -> Result<(), ReportError> {
        let dot = Dot {
            source: *source,
            seq: head.seq,
        };
        let moved = head.seq > last.head(source).seq;
        if moved && last.may_move(&dot, &head.digest) {
            Ok(())
        } else {
            Err(ReportError::Head(*source))
        }
    }
}

/// A report that counts: its reporter has a seat and signed it, it speaks of lanes that could move,
/// and their sources signed what it marks there. Whether its heads are certified is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedReport {
    fact: Verified<Report>,
    /// That of the statement, by which a value names it.
    digest: Digest,
}

impl Deref for CheckedReport {
    type Target = Verified<Report>;
    fn deref(&self) -> &Verified<Report> {
        &self.fact
    }
}

impl CheckedReport {
    /// Checks all else of a report that a [member](crate::quorum::Committee::verify) of the
    /// generation which begins at `last` has signed.
    ///
    /// # Errors
    /// [`ReportError`].
    ///
    /// # Panics
    /// When the reporter is no member.
    pub fn of(last: &Boundary, fact: Verified<Report>) -> Result<Self, ReportError> {
        Self::knowing(last, fact, &CheckedSignatures::default()).map(|(report, _)| report)
    }

    /// The same, where some signatures are known to be good, with the facts in its marks: members
    /// report the same ones.
    pub(crate) fn knowing(
        last: &Boundary,
        fact: Verified<Report>,
        known: &CheckedSignatures,
    ) -> Result<(Self, Vec<Verified<Echo>>), ReportError> {
        assert!(last.committee().contains(&fact.signer), "members report");
        fact.statement.check_shape(last)?;
        let echoes = fact.statement.marks.values().flat_map(Mark::echoes);
        let marks = echoes.map(|echo| {
            let member = last.committee().key_of(&echo.signer);
            let key = member.expect("a mark that counts is in a member's lane");
            Ok(known.verify(last.network(), key, *echo)?)
        });
        let marks = marks.collect::<Result<_, ReportError>>()?;
        let digest = fact.statement.digest(last.network());
        Ok((Self { fact, digest }, marks))
    }

    /// By what a value names it: who reported, and the digest of what.
    #[must_use]
    pub fn name(&self) -> (Actor, Digest) {
        (self.fact.signer, self.digest)
    }

    /// The digest of what is reported: members that report the same have the same.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Why a report is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Of another generation, or of another value.
    #[error("of another generation")]
    Stale,
    /// A head that is not beyond the last frontier, or in a lane that could not move.
    #[error("the lane of {0:?} did not move there")]
    Head(Actor),
    /// A mark that is not right after the head, not the source's, or where none counts.
    #[error("no lock or seal of {0:?} that counts right after its head")]
    Mark(Actor),
    /// The source's signature is bad.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
}
