//! Evidence: found here or sent by others, kept once an actor, and never against ourselves in
//! silence.
//!
//! Inputs: claims that arrive, and whatever is checked beside them. Outputs: a conviction, durable
//! and told to all, or the silence of our own key. Invariant: who is convicted here signed two
//! statements of which a correct replica signs one, so that anybody can check the evidence with the
//! network's name alone, and a correct actor is never among them.
//!
//! Two kinds of contradiction are told apart. One of others convicts them. One of our own key with
//! what is on record here says that our store is an old copy, or that the key is used twice: then
//! nothing more is signed, whoever was at fault.

use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::lane::Lane;
use super::message::{Certificate, Echo, Equivocation, Summary};
use super::packet::Body;
use super::step::{Fault, Record};
use crate::actor::{Actor, Sig, Signed};
use crate::evidence::{Conflict, Exclusive};
use crate::membership::{Mark, Report};
use crate::quorum::Seat;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// Takes evidence from others: it convicts only when both its signatures are good, so that
    /// nobody has to be believed. Evidence against who is convicted already is not checked again,
    /// or a liar could make us check the same two signatures for ever.
    ///
    /// # Errors
    /// When the accused has no lane here, or the evidence proves nothing.
    pub(super) fn handle_evidence(
        &mut self,
        evidence: Arc<Equivocation>,
    ) -> Result<(), PacketError> {
        let accused = evidence.accused();
        self.lanes.known(&accused)?;
        if self.lanes.is_convicted(&accused) {
            return Ok(());
        }
        evidence.verify(&self.history.network)?;
        self.convict(accused, evidence);
        Ok(())
    }

    /// Convicts the signer of a claim that contradicts what is held here. Whether there is
    /// something that it contradicts: then the claim says nothing else.
    pub(super) fn accuse(&mut self, claim: Signed<Echo>) -> Result<bool, PacketError> {
        let Some(held) = self.held_against(&claim) else {
            return Ok(false);
        };
        if !self.lanes.is_convicted(&claim.signer) {
            let key = claim
                .signer
                .public_key()
                .map_err(|_| PacketError::NoLane(claim.signer))?;
            let fact = claim.verify(&self.history.network, &key)?;
            self.convict_echoes(held, fact.into_claim());
        }
        Ok(true)
    }

    /// What is known here of the signer that it cannot have said beside this, if it is correct: as
    /// the source, or as a member.
    pub(super) fn held_against(&self, claim: &Signed<Echo>) -> Option<Signed<Echo>> {
        let source = claim.statement.dot.source;
        let lane = self.lanes.get(&source)?;
        if claim.signer == source {
            let adopted = self.history.boundary.adopted().get(&source);
            let carried = adopted.filter(|lock| lock.statement.excludes(&claim.statement));
            let said = lane.said_against(&claim.statement);
            if let Some(said) = said.or(carried.copied()) {
                return Some(said);
            }
        }
        self.echoed_against(claim)
    }

    /// What the source of a message that was delivered and is still kept said of it.
    #[cfg(feature = "sim")]
    pub(crate) fn delivered_echo(&self, dot: &crate::dot::Dot) -> Option<Echo> {
        let entry = self.lanes.get(&dot.source)?.log.entry(dot.seq)?;
        Some(entry.echo().statement)
    }

    /// Another echo of the same member, dot and generation, among those that were counted here or
    /// that are in a certificate that is kept.
    fn echoed_against(&self, claim: &Signed<Echo>) -> Option<Signed<Echo>> {
        let Echo {
            generation, dot, ..
        } = claim.statement;
        let lane = self.lanes.get(&dot.source)?;
        let seat = self.history.committee_of(generation)?.seat(&claim.signer)?;
        let counted = lane.lock().and_then(|lock| {
            let sig = lock.tally.signature(seat)?;
            Some((*lock.tally.statement(), sig))
        });
        let certified = lane.certificate_at(dot.seq).and_then(|certificate| {
            let sig = signature(certificate, seat)?;
            Some((certificate.statement, sig))
        });
        let mut echoes = counted.into_iter().chain(certified);
        let (statement, sig) = echoes.find(|(echo, _)| echo.excludes(&claim.statement))?;
        let signer = claim.signer;
        Some(Signed {
            statement,
            signer,
            sig,
        })
    }

    /// Two echoes of one actor of which a correct one signs one. Those that are held were checked,
    /// or convict nobody.
    pub(super) fn convict_echoes(&mut self, left: Signed<Echo>, right: Signed<Echo>) {
        let accused = left.signer;
        if self.lanes.is_convicted(&accused) {
            return;
        }
        let evidence = Equivocation::Echo(Conflict { left, right });
        if evidence.verify(&self.history.network).is_ok() {
            self.convict(accused, Arc::new(evidence));
        }
    }

    /// Members report what sources signed: two of a kind, or one that contradicts what is held
    /// here.
    pub(super) fn accuse_reported(&mut self, report: &Report) {
        for mark in report.marks.values() {
            if let Mark::Seal(conflict) = mark
                && self.lanes.has(&conflict.left.signer)
            {
                self.convict_echoes(conflict.left, conflict.right);
            }
            for echo in mark.echoes() {
                if let Some(held) = self.held_against(echo) {
                    self.convict_echoes(held, *echo);
                }
            }
        }
    }

    /// Convicts an actor by evidence that is checked: durable before it is told, told to all with
    /// the next summary, and to the actor itself at once.
    pub(super) fn convict(&mut self, accused: Actor, evidence: Arc<Equivocation>) {
        if accused == self.actor() {
            self.silence();
        }
        tracing::warn!(me = ?self.actor(), %accused, dot = ?evidence.dot(), "convicted");
        self.turn.write(Record::Convicted(Arc::clone(&evidence)));
        self.turn.report(Fault::Equivocation(Arc::clone(&evidence)));
        self.lanes.convicted.insert(accused, evidence);
        self.peers.summary.outdate();
        self.show_accused(accused);
    }

    /// Sends an actor the evidence against it. A correct one whose key somebody else uses too, or
    /// whose store was put back, learns of it no other way while nobody contradicts it: it would
    /// wait for echoes that nobody gives.
    pub(super) fn show_accused(&mut self, accused: Actor) {
        if let Some(evidence) = self.lanes.convicted.get(&accused)
            && !self.signer.is_replaying()
        {
            self.send(accused, Body::Evidence(Arc::clone(evidence)));
        }
    }

    /// A checked certificate after our head: if the lane is ours, or our echo of this generation is
    /// in it, we must be bound to that very message. An earlier echo binds us no more, and a
    /// boundary may have taken our lock.
    pub(super) fn check_memory(&mut self, certificate: &Certificate) {
        let echo = certificate.statement;
        let lock = self.lanes.get(&echo.dot.source).and_then(Lane::lock);
        let remembered = lock.is_some_and(|lock| lock.entry.digest == echo.digest);
        let committee = self.history.committee_of(echo.generation);
        let seat = committee.and_then(|committee| committee.seat(&self.actor()));
        let ours = |(signer, _): &(Seat, Sig)| Some(*signer) == seat;
        let present = echo.generation == self.generation();
        let echoed = present && certificate.signatures.iter().any(ours);
        let signed = echo.dot.source == self.actor() || echoed;
        if !remembered && signed {
            self.silence();
        }
    }

    /// A checked certificate for another digest than the one that is held here: whoever signed both
    /// is convicted. The source does, if it signed it as a member; others are more liars than are
    /// tolerated, or echo what they please.
    pub(super) fn accuse_signers(&mut self, certificate: &Certificate) {
        let statement = certificate.statement;
        let committee = self.history.committee_of(statement.generation);
        let members = committee.map(|committee| committee.seats().collect::<Vec<_>>());
        let claims = members.into_iter().flatten().filter_map(|(seat, signer)| {
            let sig = signature(certificate, seat)?;
            let claim = Signed {
                statement,
                signer,
                sig,
            };
            Some((self.held_against(&claim)?, claim))
        });
        for (held, claim) in claims.collect::<Vec<_>>() {
            self.convict_echoes(held, claim);
        }
    }

    /// A member signed that it delivered another message where we delivered ours: more members lie
    /// than are tolerated, and whoever echoed both is in both certificates. We show ours; the
    /// member, who has our summary, shows its own.
    pub(super) fn confront(&mut self, summary: &Signed<Summary>) {
        let contradiction = summary
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
            self.send(summary.signer, body);
        }
    }

    /// Our key has signed what we do not remember: the store is an old copy, or somebody else uses
    /// the key. Whatever we sign next may contradict it, so we sign nothing more: who holds the key
    /// is told in the same turn.
    ///
    /// Its record comes first in the step: of records in one write a crash may leave some, the
    /// first ones, and one of the others may be what told us.
    pub(super) fn silence(&mut self) {
        if !self.signer.silence() {
            return;
        }
        tracing::error!(me = ?self.actor(), "our key has signed what we do not remember");
        self.turn.step.persist.insert(0, Record::Silenced);
        self.turn.report(Fault::Silenced);
    }
}

/// What the member at `seat` signed in a certificate.
fn signature(certificate: &Certificate, seat: Seat) -> Option<Sig> {
    let mut signatures = certificate.signatures.iter();
    signatures
        .find(|(signed, _)| *signed == seat)
        .map(|(_, sig)| *sig)
}
