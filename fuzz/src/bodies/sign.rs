//! Signs again whatever in a packet bears the liar's name: a script may change it, and it is still
//! the liar's word.

use std::sync::Arc;

use bft_crdts::SigningActor;
use bft_crdts::actor::{Signed, Statement};
use bft_crdts::codec::NetworkId;
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, Equivocation, Proposal, Standing};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    Authorisation, Certificate, Change, Committee, Founding, Mark, Report, Seat, Terms, Value,
};

/// The one key that is not a correct actor's, and where it sits.
pub(super) struct Pen<'a> {
    key: &'a SigningActor,
    network: NetworkId,
    seat: Option<Seat>,
}

impl<'a> Pen<'a> {
    pub(super) fn new(key: &'a SigningActor, network: NetworkId, committee: &Committee) -> Self {
        let seat = committee.seat(&key.actor());
        Self { key, network, seat }
    }

    pub(super) fn body(&self, body: &mut Body) {
        match body {
            Body::Proposal(proposal) => self.proposal(proposal),
            Body::Echo(echo) => self.claim(echo),
            Body::Certificate(certificate) => self.certificate(certificate),
            Body::Announce(standing) | Body::Receipt(standing) => {
                self.claim(Arc::make_mut(standing));
            }
            Body::Request(request) => self.standing(&mut request.standing),
            Body::Answer(answer) => {
                answer.foundings.iter_mut().for_each(|f| self.founding(f));
                for chunk in &mut answer.segments {
                    chunk.proposals.iter_mut().for_each(|p| self.proposal(p));
                    chunk
                        .certificate
                        .iter_mut()
                        .for_each(|c| self.certificate(c));
                }
                self.standing(&mut answer.standing);
            }
            Body::Evidence(evidence) => match Arc::make_mut(evidence) {
                Equivocation::Echo(conflict) => self.conflict(conflict),
                Equivocation::Ballot(conflict) => self.conflict(conflict),
                _ => {}
            },
            Body::Enter(entry) => self.claim(entry),
            Body::Approve(consent) => {
                let consent = Arc::make_mut(consent);
                self.change(&mut consent.change);
                consent.approval.statement.change = consent.change.key();
                self.claim(&mut consent.approval);
            }
            Body::Report { report, changes } => {
                self.report(Arc::make_mut(report));
                changes
                    .iter_mut()
                    .for_each(|change| self.authorisation(change));
            }
            Body::Speech { speech, value, .. } => {
                speech
                    .ballots
                    .iter_mut()
                    .for_each(|claim| self.claim(claim));
                speech.quorums.iter_mut().for_each(|q| self.certificate(q));
                value.iter_mut().for_each(|value| self.value(value));
            }
            Body::Value(value) => self.value(value),
            Body::Founding(founding) => self.founding(founding),
            _ => {}
        }
    }

    fn standing(&self, standing: &mut Option<Arc<Signed<Standing>>>) {
        let standings = standing.iter_mut();
        standings.for_each(|standing| self.claim(Arc::make_mut(standing)));
    }

    fn claim<T: Statement + Clone>(&self, claim: &mut Signed<T>) {
        if claim.signer == self.key.actor() {
            let fact = self.key.sign(&self.network, claim.statement.clone());
            *claim = fact.into_claim();
        }
    }

    pub(super) fn proposal(&self, proposal: &mut Arc<Proposal>) {
        if proposal.message.source == self.key.actor() {
            let echo = Echo {
                generation: proposal.generation,
                dot: proposal.message.dot(),
                digest: proposal.message.digest(&self.network),
            };
            Arc::make_mut(proposal).sig = self.key.sign(&self.network, echo).sig;
        }
    }

    fn certificate<T: Statement + Clone>(&self, certificate: &mut Arc<Certificate<T>>) {
        let certificate = Arc::make_mut(certificate);
        for (seat, sig) in &mut certificate.signatures {
            if Some(*seat) == self.seat {
                *sig = self
                    .key
                    .sign(&self.network, certificate.statement.clone())
                    .sig;
            }
        }
    }

    fn conflict<T: Statement + Clone>(&self, conflict: &mut Conflict<T>) {
        self.claim(&mut conflict.left);
        self.claim(&mut conflict.right);
    }

    fn change(&self, change: &mut Change) {
        if let Change::Join(entry) = change {
            self.claim(entry);
        }
    }

    fn authorisation(&self, claim: &mut Authorisation) {
        self.change(&mut claim.change);
        self.certificate(&mut claim.approvals);
    }

    fn report(&self, report: &mut Signed<Report>) {
        for mark in report.statement.marks.values_mut() {
            match mark {
                Mark::Lock(lock) => self.claim(lock),
                Mark::Seal(conflict) => self.conflict(conflict),
            }
        }
        self.claim(report);
    }

    fn value(&self, value: &mut Arc<Value>) {
        let Terms {
            changes, reports, ..
        } = &mut Arc::make_mut(value).terms;
        changes
            .iter_mut()
            .for_each(|change| self.authorisation(change));
        reports.iter_mut().for_each(|report| self.report(report));
    }

    fn founding(&self, founding: &mut Arc<Founding>) {
        let founding = Arc::make_mut(founding);
        self.value(&mut founding.value);
        self.certificate(&mut founding.certificate);
    }
}
