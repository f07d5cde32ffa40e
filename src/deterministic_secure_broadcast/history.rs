//! The generations of a network as one replica knows them: what founded each, who sat in it, and
//! what its boundary imposed.
//!
//! State: the genesis, the chain of generations that were installed here, those that are founded
//! and not installed yet, the newest certified states, and the checkpoint that the chain has to
//! pass through. Inputs: generations that are founded and installed. Outputs: who may sign in which
//! generation, and what a certificate of a generation proves now. Invariant: the chain has one
//! committee more than proofs of generations, and the boundary is that of its last one.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::error::{PacketError, RecoverError};
use super::message::{Certificate, Echo};
use super::trusted::Checkpoint;
use crate::actor::Actor;
use crate::codec::{Digest, Limits, NetworkId, encoded_len};
use crate::dot::Head;
use crate::membership::{Admission, Boundary, Ending, Foundation, GenerationProof, Genesis};
use crate::quorum::{Committee, Generation};
use crate::snapshot::Snapshot;

/// Snapshots that are kept for newcomers.
const SNAPSHOTS: usize = 2;

/// Generations of which it is kept how the one before ended: as far back as the lanes are.
pub(super) const ENDINGS: usize = 2;

#[derive(Debug)]
pub(super) struct History {
    /// It never changes; its digest is the network's name.
    pub(super) genesis: Genesis,
    pub(super) network: NetworkId,
    /// Where the present generation began, and its committee for quick reading, with tables of its
    /// keys.
    pub(super) boundary: Boundary,
    pub(super) committee: Arc<Committee>,
    /// What founded each generation after the first, and the committees of all.
    pub(super) chain: Vec<Arc<GenerationProof>>,
    /// By the numbers of their generations: kept for ever, as an old certificate has to be judged
    /// by its own.
    committees: Vec<Arc<Committee>>,
    /// Generations that are founded and not yet installed here, the oldest first.
    pub(super) pending: Vec<Founded>,
    /// The certified states at the newest boundaries.
    pub(super) snapshots: VecDeque<(Generation, Snapshot)>,
    /// What the chain of generations has to pass through, until it does.
    pub(super) trusted: Option<Checkpoint>,
}

/// A generation that is founded.
#[derive(Clone, Debug)]
pub(super) struct Founded {
    pub(super) proof: Arc<GenerationProof>,
    pub(super) foundation: Foundation,
    /// Where it begins; none as long as it was not shown how the one before ended. Of all but the
    /// newest nobody may keep that any more.
    pub(super) boundary: Option<Boundary>,
}

/// What the newest chain of generations that is known here makes of the end of a segment: every way
/// to deliver asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vouch {
    /// It is its lane's end in the frontier of a generation that is founded, which proves it
    /// without a certificate.
    Frontier,
    /// Its certificate proves it.
    Certificate,
    /// The committee that certified it is over, and its keys may be stolen: it counts when its lane
    /// reaches the frontier of a generation that is founded.
    Provisional,
    /// It counts, if ever, when a generation is installed that is not installed here yet.
    Later,
    /// Retired keys signed it too late, or never did.
    Closed,
}

impl History {
    /// The first generation of the network that `genesis` describes, whose certified state is
    /// `state`.
    ///
    /// # Errors
    /// [`RecoverError`] when the genesis founds no committee.
    pub(super) fn begin(genesis: Genesis, state: Snapshot) -> Result<Self, RecoverError> {
        let network = genesis.network();
        let boundary = Boundary::genesis(&genesis)?;
        Ok(Self {
            genesis,
            network,
            committees: vec![Arc::clone(boundary.committee())],
            committee: Arc::new(boundary.committee().in_office()),
            boundary,
            chain: Vec::new(),
            pending: Vec::new(),
            snapshots: [(Generation::GENESIS, state)].into(),
            trusted: None,
        })
    }

    /// The bounds of this network.
    pub(super) fn limits(&self) -> &Limits {
        self.genesis.limits()
    }

    /// The generation that is installed here.
    pub(super) fn generation(&self) -> Generation {
        self.committee.generation()
    }

    /// The newest generation that we know, installed or not.
    pub(super) fn tip(&self) -> &Foundation {
        let newest = self.pending.last();
        newest.map_or(&self.boundary, |founded| &founded.foundation)
    }

    /// The boundary at which the newest generation begins that is founded and not installed here,
    /// if it is known.
    ///
    /// Nothing is installed, and nothing that was signed before counts, until it is.
    pub(super) fn next(&self) -> Option<&Boundary> {
        self.pending.last()?.boundary.as_ref()
    }

    /// The generation of which it is not known where it begins, because nobody showed how the one
    /// before ended.
    ///
    /// As long as there is one nothing is delivered or judged: it may exclude what an old committee
    /// signed.
    pub(super) fn wants_ending(&self) -> Option<Generation> {
        let newest = self.pending.last()?;
        let unknown = newest.boundary.is_none();
        unknown.then(|| newest.foundation.generation())
    }

    /// How the generation before this one ended, if that is kept.
    ///
    /// It is not kept longer than the messages that lead to it, [`ENDINGS`] generations.
    pub(super) fn ending(&self, generation: Generation) -> Option<&Arc<Ending>> {
        let ended = Generation::numbered(generation.number().checked_sub(1)?);
        self.what_ended(ended)?.ending.as_ref()
    }

    /// The newest committee that we know in which an actor sits.
    pub(super) fn seated(&self, actor: &Actor) -> Option<&Committee> {
        let committees = [self.tip().committee(), &self.committee];
        let mut seating = committees.into_iter();
        let committee = seating.find(|committee| committee.contains(actor))?;
        Some(committee)
    }

    /// The committee of a generation that we know; the present one with its tables.
    pub(super) fn committee_of(&self, generation: Generation) -> Option<&Committee> {
        if generation == self.generation() {
            return Some(&self.committee);
        }
        let index = usize::try_from(generation.number()).ok()?;
        let pending = self.pending.iter().map(|next| next.foundation.committee());
        let mut committees = self.committees.iter().chain(pending);
        committees.nth(index).map(|committee| &**committee)
    }

    /// The members of this generation and of the one before, in the order of their keys.
    pub(super) fn recent_members(&self) -> Vec<Actor> {
        let newest = self.committees.iter().rev().take(2);
        let members: BTreeSet<_> = newest.flat_map(|committee| committee.actors()).collect();
        members.into_iter().copied().collect()
    }

    /// The generation that began without this actor, which had a seat before and has none now.
    ///
    /// `None` for members, and for who never had a seat as far as the chain is known.
    pub(super) fn left(&self, actor: &Actor) -> Option<Generation> {
        if self.committee.contains(actor) {
            return None;
        }
        let mut committees = self.committees.iter();
        let last = committees.rfind(|committee| committee.contains(actor));
        last.and_then(|last| last.generation().next())
    }

    /// What ended a generation, if that is known.
    pub(super) fn what_ended(&self, generation: Generation) -> Option<&Arc<GenerationProof>> {
        let index = usize::try_from(generation.number()).ok()?;
        let pending = self.pending.iter().map(|founded| &founded.proof);
        self.chain.iter().chain(pending).nth(index)
    }

    /// What this value founded, if that was lately.
    pub(super) fn founded_by(&self, value: &Digest) -> Option<&Arc<GenerationProof>> {
        let mut recent = self.chain.iter().rev().take(ENDINGS);
        recent.find(|proof| proof.certificate.statement.kind.value() == Some(*value))
    }

    /// The generations after `known` that are installed here, oldest first, as many as fit.
    ///
    /// `room` is what is left of the packet's bytes, and is reduced by what is taken. The first
    /// that does not fit ends it, since later ones prove nothing without it.
    pub(super) fn proofs_after(
        &self,
        known: Generation,
        room: &mut usize,
    ) -> Vec<Arc<GenerationProof>> {
        let skip = usize::try_from(known.number()).unwrap_or(usize::MAX);
        let after = self.chain.iter().skip(skip);
        let fitting = after.map_while(|proof| {
            let whole = room.checked_sub(encoded_len(proof.as_ref()));
            let (left, proof) = match whole {
                Some(left) => (left, Arc::clone(proof)),
                // The header counts, and the rest can be asked for.
                None => {
                    let header = Arc::new(proof.without_ending());
                    (room.checked_sub(encoded_len(header.as_ref()))?, header)
                }
            };
            *room = left;
            Some(proof)
        });
        fitting.collect()
    }

    /// The value that founded an installed generation.
    pub(super) fn value_of(&self, generation: Generation) -> Option<Digest> {
        match usize::try_from(generation.number()).ok()?.checked_sub(1) {
            None => Some(self.network.digest()),
            Some(index) => Some(self.chain.get(index)?.header.digest(&self.network)),
        }
    }

    /// The certified state with which the present generation began.
    pub(super) fn snapshot(&self) -> &Snapshot {
        let newest = self.snapshots.back();
        let (_, snapshot) = newest.expect("a generation begins with its state");
        snapshot
    }

    /// Moves to the newest generation that is founded, whose certified state is `snapshot`. The
    /// boundary before.
    ///
    /// Panics when no generation is founded.
    pub(super) fn install(&mut self, snapshot: Snapshot) -> Boundary {
        let next = self
            .next()
            .cloned()
            .expect("what is installed was founded, and begins where it is known");
        for founded in self.pending.drain(..) {
            self.committees
                .push(Arc::clone(founded.foundation.committee()));
            self.chain.push(founded.proof);
        }
        // Who is further behind takes a snapshot.
        for proof in self.chain.iter_mut().rev().skip(ENDINGS) {
            if proof.ending.is_some() {
                Arc::make_mut(proof).ending = None;
            }
        }
        debug_assert_eq!(self.committees.len(), self.chain.len() + 1);
        let previous = std::mem::replace(&mut self.boundary, next);
        self.committee = Arc::new(self.boundary.committee().in_office());
        self.snapshots.push_back((self.generation(), snapshot));
        if self.snapshots.len() > SNAPSHOTS {
            self.snapshots.pop_front();
        }
        previous
    }

    // ---- the closing rule

    /// The closing rule, asked of the newest generation that is founded, installed here or not.
    pub(super) fn vouch(
        &self,
        source: &Actor,
        end: Head,
        certificate: Option<&Certificate>,
    ) -> Vouch {
        let boundaries = self
            .pending
            .iter()
            .filter_map(|next| next.boundary.as_ref());
        if boundaries.into_iter().any(|next| next.head(source) == end) {
            return Vouch::Frontier;
        }
        if self.wants_ending().is_some() {
            // It is not known yet what it proves.
            return Vouch::Later;
        }
        let Some(certificate) = certificate else {
            // It may be the end of one that is not known.
            let known = self.pending.iter().all(|next| next.boundary.is_some());
            return if known { Vouch::Closed } else { Vouch::Later };
        };
        match self.next().map(|newest| newest.head(source)) {
            None => self.vouch_installed(certificate),
            Some(newest) => match end.seq.cmp(&newest.seq) {
                Ordering::Less => Vouch::Provisional,
                Ordering::Equal => Vouch::Closed,
                Ordering::Greater => Vouch::Later,
            },
        }
    }

    /// The closing rule where nothing is founded beyond what is installed here.
    ///
    /// What is within the frontier is not vouched for again here, as it is delivered.
    fn vouch_installed(&self, certificate: &Certificate) -> Vouch {
        let Echo {
            generation,
            dot,
            digest,
        } = certificate.statement;
        match self.boundary.admits(generation, &dot, &digest) {
            Admission::Current | Admission::Named => Vouch::Certificate,
            Admission::Later => Vouch::Later,
            Admission::Within(_) | Admission::Refused => Vouch::Closed,
        }
    }

    /// The same of a certificate alone.
    pub(super) fn vouch_certificate(&self, certificate: &Certificate) -> Vouch {
        let source = certificate.statement.dot.source;
        self.vouch(&source, certificate.head(), Some(certificate))
    }

    /// Whether a certificate may deliver now.
    pub(super) fn vouches(&self, certificate: &Certificate) -> bool {
        let vouch = self.vouch_certificate(certificate);
        matches!(vouch, Vouch::Frontier | Vouch::Certificate)
    }

    // ---- the trusted checkpoint

    /// Whether the chain has not reached the trusted checkpoint yet.
    pub(super) fn awaits_checkpoint(&self) -> bool {
        self.trusted.is_some()
    }

    /// The generation after which the chain is asked for.
    pub(super) fn known_generation(&self) -> Generation {
        let missing = self
            .trusted
            .as_ref()
            .and_then(|trusted| trusted.asks_after(self.generation()));
        missing.unwrap_or_else(|| self.tip().generation())
    }

    /// Whether the generation after those that we know may be taken in: not before the checkpoint
    /// proves it.
    ///
    /// # Errors
    /// [`PacketError::Forged`] when the checkpoint proves another one.
    pub(super) fn is_proven(&self, proof: &GenerationProof) -> Result<bool, PacketError> {
        let Some(trusted) = &self.trusted else {
            return Ok(true);
        };
        let Some(generation) = self.tip().generation().next() else {
            return Ok(false);
        };
        match trusted.value(generation) {
            None => Ok(false),
            Some(value) if value == proof.header.digest(&self.network) => Ok(true),
            Some(_) => Err(PacketError::Forged(generation)),
        }
    }

    /// The chain is longer now: it may have reached the checkpoint.
    pub(super) fn heed_checkpoint(&mut self) {
        let tip = self.tip().generation();
        if self
            .trusted
            .as_ref()
            .is_some_and(|trusted| trusted.is_of(tip))
        {
            self.trusted = None;
        }
    }
}

#[cfg(all(test, feature = "sim"))]
impl<A: crate::traits::WireAlgorithm> super::Replica<A> {
    /// Of the committees of all generations, which have tables of our key.
    pub(crate) fn tabled(&self) -> Vec<bool> {
        let history = &self.history;
        let seat = history.committee.seat(&self.actor()).expect("a member");
        let key = |committee: &Committee| committee.key(seat).cloned().expect("a seat");
        assert!(key(&history.committee).has_tables());
        assert!(!key(history.boundary.committee()).has_tables());
        assert!(!history.committees.iter().any(|it| key(it).has_tables()));
        let generations = (0..).map(Generation::numbered);
        let committees = generations.map_while(|it| history.committee_of(it));
        committees.map(|it| key(it).has_tables()).collect()
    }
}
