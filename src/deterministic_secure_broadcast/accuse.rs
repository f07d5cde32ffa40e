//! Evidence: found here or sent by others, kept once an actor, and never against ourselves in silence.

use std::sync::Arc;

use super::Replica;
use super::error::Refusal;
use super::lane::Lane;
use super::message::{Certificate, Echo, Entry, Equivocation, Standing};
use super::packet::Body;
use super::step::{Fault, Record, Step};
use crate::actor::{Actor, Sig, Signed, Verified};
use crate::evidence::Conflict;
use crate::membership::Seat;
use crate::traits::Wire;

impl<A: Wire> Replica<A> {
    pub(super) fn handle_evidence(
        &mut self,
        evidence: Arc<Equivocation>,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        let accused = evidence.accused();
        self.lane(&accused)?;
        if self.convicted.contains_key(&accused) {
            return Ok(());
        }
        if !bug!(EvidenceUnchecked) {
            evidence.verify(&self.network)?;
        }
        self.convict(accused, evidence, step);
        Ok(())
    }

    /// Two signatures of a source at one dot.
    pub(super) fn convict_source(
        &mut self,
        held: Signed<Echo>,
        other: &Verified<Echo>,
        step: &mut Step<A::Op>,
    ) {
        let source = held.signer;
        if self.convicted.contains_key(&source) || bug!(EquivocationForgotten) {
            return;
        }
        let conflict = Conflict {
            left: held,
            right: Signed::clone(other),
        };
        let evidence = Equivocation::Echo(conflict);
        if evidence.verify(&self.network).is_ok() {
            self.convict(source, Arc::new(evidence), step);
        }
    }

    /// A quorum certified another message than the one we were bound to.
    pub(super) fn accuse_contradicted(
        &mut self,
        delivered: &Entry,
        bound: Option<Entry>,
        step: &mut Step<A::Op>,
    ) {
        let source = delivered.message().source;
        let Some(bound) = bound else {
            return;
        };
        let key = source.public_key();
        let other = key
            .ok()
            .and_then(|key| delivered.verify(&self.network, &key).ok());
        if let Some(other) = other {
            self.convict_source(bound.echo(), &other, step);
        }
    }

    pub(super) fn convict(
        &mut self,
        accused: Actor,
        evidence: Arc<Equivocation>,
        step: &mut Step<A::Op>,
    ) {
        if accused == self.actor() {
            self.silence(step);
        }
        tracing::warn!(me = ?self.actor(), ?accused, dot = ?evidence.dot(), "convicted");
        let convicted = Record::Convicted(Arc::clone(&evidence));
        step.persist
            .extend((!bug!(ConvictionNotDurable)).then_some(convicted));
        step.faults.push(Fault::Equivocation(Arc::clone(&evidence)));
        self.convicted.insert(accused, evidence);
        self.standing = None;
    }

    /// A checked certificate after our head: if our own echo is in it, or the lane is ours, we must be bound to that
    /// very message. Unless the dot was sealed since: the boundary took our lock there, so that our echo of before
    /// says nothing of our memory.
    pub(super) fn check_memory(&mut self, certificate: &Certificate, step: &mut Step<A::Op>) {
        let echo = certificate.statement;
        let lock = self.lanes.get(&echo.dot.source).and_then(Lane::lock);
        let remembered = lock.is_some_and(|lock| lock.entry.digest == echo.digest);
        let committee = self.committee_of(echo.generation);
        let seat = committee.and_then(|committee| committee.seat(&self.actor()));
        let ours = |(signer, _): &(Seat, Sig)| Some(*signer) == seat;
        let seal = self.boundary.sealed().get(&echo.dot.source);
        let sealed =
            echo.generation < self.generation() && seal.is_some_and(|seal| seal.dot() == echo.dot);
        let echoed = !sealed && certificate.signatures.iter().any(ours);
        let signed = echo.dot.source == self.actor() || echoed;
        if !remembered && signed {
            self.silence(step);
        }
    }

    /// Two checked certificates for one dot: whoever echoed both is convicted. It takes more liars than are tolerated.
    pub(super) fn accuse_members(
        &mut self,
        held: &Certificate,
        other: &Certificate,
        step: &mut Step<A::Op>,
    ) {
        let said = held.statement.generation;
        let committee = self.committee_of(said);
        let Some(committee) = committee.filter(|_| other.statement.generation == said) else {
            return;
        };
        let claim = |certificate: &Certificate, seat, signer| {
            let mut signatures = certificate.signatures.iter();
            let sig = signatures.find(|(signed, _)| *signed == seat)?.1;
            let statement = certificate.statement;
            Some(Signed {
                statement,
                signer,
                sig,
            })
        };
        let both = committee.seats().filter_map(|(seat, actor)| {
            let (left, right) = (claim(held, seat, actor)?, claim(other, seat, actor)?);
            Some((actor, Equivocation::Echo(Conflict { left, right })))
        });
        let new = both.filter(|(actor, evidence)| {
            !self.convicted.contains_key(actor) && evidence.verify(&self.network).is_ok()
        });
        for (actor, evidence) in new.collect::<Vec<_>>() {
            self.convict(actor, Arc::new(evidence), step);
        }
    }

    /// A member signed that it delivered another message where we delivered ours: more members lie than are tolerated, and
    /// whoever echoed both is in both certificates. We show ours; the member, who has our standing, shows its own.
    pub(super) fn confront(&self, standing: &Signed<Standing>, step: &mut Step<A::Op>) {
        let contradiction = standing
            .statement
            .frontier
            .iter()
            .find_map(|(source, head)| {
                let lane = self.lanes.get(source)?;
                let certificate = lane.log.certificate_at(head.seq)?;
                (certificate.statement.digest != head.digest).then_some(certificate)
            });
        if let Some(certificate) = contradiction {
            let body = Body::Certificate(Arc::clone(certificate));
            self.send(standing.signer, body, step);
        }
    }

    /// Our key has signed what we do not remember: the store is an old copy, or somebody else uses the key. Whatever
    /// we sign next may contradict it, so we sign nothing more.
    pub(super) fn silence(&mut self, step: &mut Step<A::Op>) {
        if self.silenced {
            return;
        }
        tracing::error!(me = ?self.actor(), "our key has signed what we do not remember");
        self.silenced = true;
        step.persist.push(Record::Silenced);
        step.faults.push(Fault::Silenced);
    }
}
