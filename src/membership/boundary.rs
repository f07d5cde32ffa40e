//! The boundary at which a generation begins: all that its members start from, and what it still
//! admits of before.
//!
//! A boundary is a fact: it is made from a genesis, by checking the value that succeeds another
//! boundary ([`GenerationProposal::check`](super::GenerationProposal::check)), or of a
//! [`Foundation`] and the ending that its header commits to.
//!
//! Invariants:
//! - the frontier never goes back from one boundary to the next;
//! - adopted and sealed dots are right after the frontier, at most one a lane, and never both in
//!   one lane.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::echo::Echo;
use super::foundation::Foundation;
use super::genesis::{Genesis, GenesisError};
use crate::actor::{Actor, Signed};
use crate::codec::{Digest, NetworkId, encode};
use crate::dot::{Dot, Frontier, Head, Seq};
use crate::evidence::{Conflict, Exclusive};
use crate::merkle::Tree;
use crate::quorum::Generation;

/// Where a generation begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    pub(super) foundation: Foundation,
    pub(super) ending: Arc<Ending>,
}

/// A boundary is what its header says, and more.
impl Deref for Boundary {
    type Target = Foundation;
    fn deref(&self) -> &Foundation {
        &self.foundation
    }
}

/// How the generation before ended: what its members' reports amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Where each lane ends.
    pub frontier: Frontier,
    /// The locks that every member of the next generation holds, right after the frontier.
    pub adopted: BTreeMap<Actor, Signed<Echo>>,
    /// The dots right after the frontier at which nobody echoes any more.
    pub sealed: BTreeMap<Actor, Seal>,
}

/// What a header's tree of marks has of a lane.
#[derive(Serialize)]
enum MarkRecord<'a> {
    Adopted(&'a Signed<Echo>),
    Sealed(&'a Seal),
}

impl Ending {
    /// The tree of where lanes end: of each actor its [`Head`].
    #[must_use]
    pub fn frontier_tree(&self) -> Tree {
        let heads = self.frontier.iter();
        Tree::of(heads.map(|(source, head)| (source.as_bytes(), encode(head))))
    }

    /// The tree of what is adopted and sealed.
    #[must_use]
    pub fn marks_tree(&self) -> Tree {
        let adopted = |(source, lock)| (source, MarkRecord::Adopted(lock));
        let sealed = |(source, seal)| (source, MarkRecord::Sealed(seal));
        let seals = self.sealed.iter().map(sealed);
        let marks = self.adopted.iter().map(adopted).chain(seals);
        Tree::of(marks.map(|(source, mark)| (source.as_bytes(), encode(&mark))))
    }

    /// Whether there is one mark a lane at most, each of its lane's source and right after the
    /// frontier. One that came from outside may be anything.
    pub(super) fn is_sound(&self, network: &NetworkId) -> bool {
        let placed = |source: &Actor, echo: &Signed<Echo>| {
            let (dot, head) = (echo.statement.dot, head(network, &self.frontier, source));
            echo.signer == *source && dot.source == *source && dot.seq.follows(head.seq)
        };
        let sealed = |(source, seal): (&Actor, &Seal)| {
            let proven = [&seal.first, &seal.second];
            let convicts = seal.first.statement.excludes(&seal.second.statement);
            convicts && proven.into_iter().all(|echo| placed(source, echo))
        };
        let mut adopted = self.adopted.iter();
        adopted.all(|(source, lock)| placed(source, lock) && !self.sealed.contains_key(source))
            && self.sealed.iter().all(sealed)
    }

    /// The bytes of an adopted lock in the [tree of marks](Self::marks_tree).
    pub(crate) fn adopted_record(lock: &Signed<Echo>) -> Vec<u8> {
        encode(&MarkRecord::Adopted(lock))
    }
}

impl Boundary {
    /// The first boundary: nothing delivered, nothing locked.
    ///
    /// # Errors
    /// [`GenesisError`] when the genesis came from outside and its members are no committee.
    pub fn genesis(genesis: &Genesis) -> Result<Self, GenesisError> {
        Ok(Self {
            foundation: Foundation::genesis(genesis)?,
            ending: Arc::default(),
        })
    }

    /// How the generation before ended, in one piece.
    #[must_use]
    pub fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }

    /// Where each lane ends: every member of this generation has delivered at least this.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.ending.frontier
    }

    /// The end of one lane.
    #[must_use]
    pub fn head(&self, source: &Actor) -> Head {
        head(self.network(), &self.ending.frontier, source)
    }

    /// The locks that every member of this generation holds, its own to the contrary replaced.
    #[must_use]
    pub fn adopted(&self) -> &BTreeMap<Actor, Signed<Echo>> {
        &self.ending.adopted
    }

    /// The lock on this message, if every member of this generation holds it.
    #[must_use]
    pub fn adopts(&self, dot: &Dot, digest: &Digest) -> Option<&Signed<Echo>> {
        let lock = self.ending.adopted.get(&dot.source)?;
        let echo = &lock.statement;
        ((echo.dot, echo.digest) == (*dot, *digest)).then_some(lock)
    }

    /// The dots at which nobody echoes any more, with the proof that convicts their sources.
    #[must_use]
    pub fn sealed(&self) -> &BTreeMap<Actor, Seal> {
        &self.ending.sealed
    }

    /// All actors whose lanes count against the bound: members, and everybody who left something
    /// behind.
    #[must_use]
    pub fn lanes(&self) -> BTreeSet<Actor> {
        let left = self
            .ending
            .frontier
            .keys()
            .chain(self.ending.adopted.keys())
            .chain(self.ending.sealed.keys());
        left.chain(self.committee().actors()).copied().collect()
    }

    /// Whether an actor is among those whose [lanes](Self::lanes) count.
    #[must_use]
    pub fn has_lane(&self, source: &Actor) -> bool {
        self.committee().contains(source)
            || self.ending.frontier.contains_key(source)
            || self.ending.adopted.contains_key(source)
            || self.ending.sealed.contains_key(source)
    }

    /// Whether a member echoes in this generation what a source said so: what is carried on here,
    /// and where nothing is carried or sealed, what a member signed in this generation.
    ///
    /// What a source signed before and no boundary carried on was never certified, and never will
    /// be: did members hold on to it, they could lock out a source that signs something else now.
    #[must_use]
    pub fn echoes(&self, said: &Echo) -> bool {
        if self.marked(&said.dot) {
            return self.adopts(&said.dot, &said.digest).is_some();
        }
        self.committee().contains(&said.dot.source) && said.generation == self.generation()
    }

    /// All sources that speak in this generation: no more than [`Limits::speakers`].
    pub(super) fn speakers(&self) -> BTreeSet<Actor> {
        let marked = self.ending.adopted.keys().chain(self.ending.sealed.keys());
        marked.chain(self.committee().actors()).copied().collect()
    }

    /// Whether a lock or seal at `dot` counts when it is reported at the end of this generation:
    /// its source is a member, and the boundary imposes nothing there.
    ///
    /// Did others' count, then a retired key, or one that never was a member, would need only one
    /// lying member that reports its lock, and everybody would adopt and echo what no committee
    /// ever let in. And what the boundary imposes is carried on without being reported: nobody
    /// correct echoes anything else there, so that nothing else can have been certified.
    #[must_use]
    pub fn counts(&self, dot: &Dot) -> bool {
        self.committee().contains(&dot.source) && !self.marked(dot)
    }

    /// Whether this message may be the end of its lane when this generation ends, if it is beyond
    /// where the lane began: the lane of somebody who is no member moves by one dot at most, to
    /// what is named here.
    #[must_use]
    pub(crate) fn may_move(&self, dot: &Dot, digest: &Digest) -> bool {
        self.committee().contains(&dot.source) || self.names(dot, digest)
    }

    /// The closing rule: what a certificate of generation `certified` for `digest` at `dot` is
    /// worth here.
    #[must_use]
    pub fn admits(&self, certified: Generation, dot: &Dot, digest: &Digest) -> Admission {
        if certified >= self.generation() {
            return if certified == self.generation() {
                Admission::Current
            } else {
                Admission::Later
            };
        }
        let head = self.head(&dot.source);
        if dot.seq == Seq::ZERO {
            Admission::Refused
        } else if dot.seq < head.seq || (dot.seq == head.seq && *digest == head.digest) {
            Admission::Within(head)
        } else if self.names(dot, digest) {
            Admission::Named
        } else {
            Admission::Refused
        }
    }

    fn marked(&self, dot: &Dot) -> bool {
        let adopted = self.ending.adopted.get(&dot.source);
        let sealed = self.ending.sealed.get(&dot.source);
        adopted.is_some_and(|lock| lock.statement.dot == *dot)
            || sealed.is_some_and(|seal| seal.dot() == *dot)
    }

    /// Whether this boundary names `digest` at `dot`, as an adopted lock or among the sealed ones.
    #[must_use]
    pub fn names(&self, dot: &Dot, digest: &Digest) -> bool {
        let sealed = self.ending.sealed.get(&dot.source);
        self.adopts(dot, digest).is_some() || sealed.is_some_and(|seal| seal.names(dot, digest))
    }
}

/// The end of a lane that may be absent from `frontier`.
pub(super) fn head(network: &NetworkId, frontier: &Frontier, source: &Actor) -> Head {
    let head = frontier.get(source).copied();
    head.unwrap_or_else(|| Head::empty(network))
}

/// What the closing rule says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A certificate of this boundary's own generation: the closing rule has nothing to say.
    Current,
    /// A certificate of a generation that is not installed here: fetch the generation first.
    Later,
    /// Within the frontier: accepted if the lane, from this dot on, chains to this head.
    Within(Head),
    /// It names an adopted lock or a sealed digest: accepted.
    Named,
    /// Retired keys signed it too late, or never did.
    Refused,
}

/// A sealed dot: every digest that was reported there, at least two of them with the source's
/// signatures, which convict it.
///
/// Every one, not just the two that convict: with one liar of four, one digest may have been
/// certified and be reported once, beside two others. Were it dropped, the replicas that delivered
/// it would stand alone for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    first: Signed<Echo>,
    second: Signed<Echo>,
    others: Vec<Digest>,
}

impl Seal {
    /// The seal on `echoes` of one dot, or `None` when there are not two.
    pub(super) fn of(echoes: impl IntoIterator<Item = Signed<Echo>>) -> Option<Self> {
        let mut echoes = echoes.into_iter();
        let (first, second) = (echoes.next()?, echoes.next()?);
        let here = |echo: &Signed<Echo>| {
            debug_assert!(
                echo.statement.excludes(&first.statement),
                "a seal convicts the source"
            );
            echo.statement.digest
        };
        here(&second);
        Some(Self {
            first,
            second,
            others: echoes.map(|echo| here(&echo)).collect(),
        })
    }

    /// The dot that is sealed.
    #[must_use]
    pub fn dot(&self) -> Dot {
        self.first.statement.dot
    }

    /// What convicts the source.
    #[must_use]
    pub fn evidence(&self) -> Conflict<Echo> {
        Conflict {
            left: self.first,
            right: self.second,
        }
    }

    /// All that was reported there.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let proven = [&self.first, &self.second].map(|echo| &echo.statement.digest);
        proven.into_iter().chain(&self.others)
    }

    fn names(&self, dot: &Dot, digest: &Digest) -> bool {
        self.dot() == *dot && self.digests().any(|named| named == digest)
    }
}
