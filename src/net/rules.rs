//! Rules whose breach shows a broken promise before it breaks: what was said and begun by correct
//! members is compared across all of them, which no member alone could do.
//!
//! A fork needs many things to go wrong one after the other, and a campaign would wait long for it.
//! The first of them is enough for us.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::violation::Violation;
use crate::actor::{Actor, Statement};
use crate::codec::{Digest, Domain, NetworkId};
use crate::deterministic_secure_broadcast::{Body, Echo};
use crate::dot::Dot;
use crate::membership::{Boundary, GenerationProof, GenerationProposal, Mark, Report};
use crate::quorum::Generation;

/// The kinds of statements that are signed, or named by a digest that is.
///
/// A signature is on a digest, and a digest begins with its kind: that is what keeps an approval
/// from being shown as a vote.
const KINDS: [Domain; 8] = [
    Domain::Message,
    Domain::Echo,
    Domain::Summary,
    Domain::Approval,
    Domain::Entry,
    Domain::Report,
    Domain::Vote,
    Domain::Header,
];

/// What correct members began and said so far.
///
/// It only grows: what was begun and said once is held against everything later, crashes or not.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// As the first correct member that installed the generation began it.
    boundaries: BTreeMap<Generation, Boundary>,
    /// What ended each generation that is over.
    proofs: BTreeMap<Generation, Arc<GenerationProof>>,
    /// On how many reports each value rests that a correct member had on record.
    reported: BTreeMap<Digest, usize>,
    /// The newest that each correct member sent of a generation.
    reports: BTreeMap<(Actor, Generation), Report>,
    /// Those of which a statement was tried.
    kinds: BTreeSet<Domain>,
}

impl Rules {
    /// What everything begins with.
    pub(super) fn begin(&mut self, first: Boundary) {
        self.boundaries.insert(first.generation(), first);
    }

    /// The boundary of each generation that somebody correct has installed, the oldest first.
    pub(super) fn boundaries(&self) -> impl DoubleEndedIterator<Item = &Boundary> {
        self.boundaries.values()
    }

    /// What ended the generations that are over, the oldest first.
    pub(super) fn proofs(&self) -> impl Iterator<Item = &Arc<GenerationProof>> {
        self.proofs.values()
    }

    /// A correct member knows what ended these generations.
    pub(super) fn founded(&mut self, proofs: &[Arc<GenerationProof>]) {
        for proof in proofs {
            let ended = proof.certificate.statement.generation;
            let known = self.proofs.entry(ended);
            known.or_insert_with(|| Arc::clone(proof));
        }
    }

    /// The boundary at which a generation began, if somebody correct has installed it.
    pub(super) fn boundary(&self, generation: Generation) -> Option<&Boundary> {
        self.boundaries.get(&generation)
    }

    /// A correct member puts a value on record, of which it is about to speak.
    pub(super) fn recorded(&mut self, value: &GenerationProposal, network: &NetworkId) {
        let reports = value.draft.reports.len();
        self.reported.insert(value.digest(network), reports);
    }

    /// A correct member begins a generation: everybody begins the same one, it takes back nothing
    /// that the one before imposed, rests on a quorum of reports, and names what was delivered
    /// meanwhile.
    ///
    /// # Errors
    /// [`Violation::TwoValues`] and [`Violation::Boundary`]. The first to begin a generation is
    /// asked all of it; the others, whether they begin the same.
    pub(super) fn begun(
        &mut self,
        who: Actor,
        next: &Boundary,
        delivered: &BTreeMap<Dot, Digest>,
    ) -> Result<(), Violation> {
        let generation = next.generation();
        let breach = |what| Violation::Boundary {
            who,
            generation,
            what,
        };
        if let Some(known) = self.boundaries.get(&generation) {
            let one = known.value() == next.value();
            return one
                .then_some(())
                .ok_or(Violation::TwoValues { who, generation });
        }
        let last = self.boundaries.range(..generation).next_back();
        let reports = self.reported.get(&next.value());
        let members = last
            .map(seats_of)
            .filter(|(ended, _)| ended.next() == Some(generation));
        let few = |seats: usize| reports.is_some_and(|reports| *reports < seats - (seats - 1) / 3);
        if members.is_some_and(|(_, seats)| few(seats)) {
            return Err(breach("rests on less than a quorum of reports"));
        }
        let taken_back = last.and_then(|(_, last)| taken_back(last, next));
        let contradicted = next.lanes().into_iter().any(|source| {
            let dot = next.head(&source).seq.next().map(|seq| Dot { source, seq });
            let known = dot.and_then(|dot| Some((dot, delivered.get(&dot)?)));
            known.is_some_and(|(dot, digest)| !next.names(&dot, digest))
        });
        self.boundaries.insert(generation, next.clone());
        match taken_back {
            Some(what) => Err(breach(what)),
            None if contradicted => Err(breach("names not what was delivered beyond it")),
            None => Ok(()),
        }
    }

    /// A correct member says something.
    ///
    /// Called for whatever a correct member sends, also where it sends on what another said.
    ///
    /// # Errors
    /// [`Violation::Ambiguous`] and [`Violation::Disobedience`].
    pub(super) fn said(
        &mut self,
        who: Actor,
        body: &Body,
        network: &NetworkId,
    ) -> Result<(), Violation> {
        match body {
            Body::Proposal(proposal) => {
                self.is_of_its_kind(who, &proposal.message.node(network), network)
            }
            Body::Echo(echo) => {
                self.is_of_its_kind(who, &echo.statement, network)?;
                self.obeys(who, &echo.statement)
            }
            Body::Announce(claim) | Body::SummaryAck(claim) => {
                self.is_of_its_kind(who, &claim.statement, network)
            }
            Body::Enter(claim) => self.is_of_its_kind(who, &claim.statement, network),
            Body::Approve(approved) => {
                self.is_of_its_kind(who, &approved.approval.statement, network)
            }
            Body::Report { report, .. } => {
                let own = &report.statement;
                if report.signer == who {
                    self.reports.insert((who, own.generation), own.clone());
                }
                self.is_of_its_kind(who, own, network)
            }
            Body::Agreement { message, .. } => {
                let mut votes = message.votes.iter();
                votes.try_for_each(|vote| self.is_of_its_kind(who, &vote.statement, network))
            }
            _ => Ok(()),
        }
    }

    /// What is signed as one thing can be shown as no other: nobody's signature needs to be forged
    /// for the test, the digests are enough. One statement of each kind is.
    fn is_of_its_kind<T: Statement>(
        &mut self,
        who: Actor,
        statement: &T,
        network: &NetworkId,
    ) -> Result<(), Violation> {
        if !self.kinds.insert(T::DOMAIN) {
            return Ok(());
        }
        let digest = statement.digest(network);
        let others = KINDS.iter().filter(|kind| **kind != T::DOMAIN);
        let mut others = others.map(|kind| Digest::of(*kind, network, statement));
        let ambiguous = others.any(|other| other == digest);
        (!ambiguous)
            .then_some(())
            .ok_or(Violation::Ambiguous { who })
    }

    /// Nothing is echoed at a sealed dot, at an adopted one nothing else, and nothing of who has no
    /// say. Nor is anything echoed in a generation that was not reported at its end, unless its
    /// beginning imposed it.
    ///
    /// A breach is not yet a fork, and shows what would lead to one.
    fn obeys(&self, who: Actor, echo: &Echo) -> Result<(), Violation> {
        let dot = echo.dot;
        let boundary = self.boundaries.get(&echo.generation);
        let imposed = boundary.is_some_and(|it| it.adopts(&dot, &echo.digest).is_some());
        let report = self.reports.get(&(who, echo.generation));
        if report.is_some_and(|report| !imposed && !tells_of(report, echo)) {
            return Err(Violation::Disobedience { who, dot });
        }
        let Some(boundary) = boundary else {
            return Ok(());
        };
        let sealed = boundary.sealed().get(&dot.source);
        let adopted = boundary.adopted().get(&dot.source);
        let carried = adopted.filter(|lock| lock.statement.dot == dot);
        let obeys = match carried {
            Some(lock) => lock.statement.digest == echo.digest,
            None => boundary.committee().contains(&dot.source),
        };
        (obeys && sealed.is_none_or(|seal| seal.dot() != dot))
            .then_some(())
            .ok_or(Violation::Disobedience { who, dot })
    }
}

/// The generation that ends at the next boundary, and how many its members are.
fn seats_of((ended, last): (&Generation, &Boundary)) -> (Generation, usize) {
    (*ended, last.committee().size())
}

/// Whether a report names what is echoed, or what was delivered after it.
fn tells_of(report: &Report, echo: &Echo) -> bool {
    let delivered = report.heads.get(&echo.dot.source);
    let locks = report.marks.values().flat_map(Mark::echoes);
    let mut locks = locks.map(|lock| (lock.statement.dot, lock.statement.digest));
    delivered.is_some_and(|head| head.seq >= echo.dot.seq)
        || locks.any(|lock| lock == (echo.dot, echo.digest))
}

/// What of the last boundary the next one takes back.
///
/// In words, or `None`. A lock or a seal may go when the next frontier is beyond it.
fn taken_back(last: &Boundary, next: &Boundary) -> Option<&'static str> {
    let ahead = |dot: &Dot| dot.seq > next.head(&dot.source).seq;
    let mut frontier = last.frontier().iter();
    if frontier.any(|(source, head)| next.head(source).seq < head.seq) {
        return Some("takes back what was delivered before it");
    }
    let mut adopted = last.adopted().values().map(|lock| &lock.statement);
    if adopted.any(|lock| ahead(&lock.dot) && !next.names(&lock.dot, &lock.digest)) {
        return Some("forgets a lock that the last one adopted");
    }
    let mut sealed = last.sealed().values();
    let kept = |dot: &Dot| {
        let seal = next.sealed().get(&dot.source);
        seal.is_some_and(|seal| seal.dot() == *dot)
    };
    let forgotten = sealed.any(|seal| ahead(&seal.dot()) && !kept(&seal.dot()));
    forgotten.then_some("forgets a seal of the last one")
}
