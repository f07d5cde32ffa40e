//! Signs again whatever in a packet bears the liar's name: a script may change it, and it is still
//! the liar's word.

use std::sync::Arc;

use bft_crdts::SigningActor;
use bft_crdts::actor::{Signed, Statement};
use bft_crdts::codec::NetworkId;
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, Equivocation, Proposal, Summary};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    Change, ChangeCertificate, GenerationProof, GenerationProposal, Mark, Report,
};
use bft_crdts::quorum::{Certificate, Committee, Seat};

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
            Body::Announce(summary) | Body::SummaryAck(summary) => {
                self.claim(Arc::make_mut(summary));
            }
            Body::PullRequest(request) => self.summary(&mut request.summary),
            Body::PullResponse(answer) => {
                answer.proofs.iter_mut().for_each(|f| self.proof(f));
                for segment in &mut answer.segments {
                    segment.proposals.iter_mut().for_each(|p| self.proposal(p));
                    segment
                        .certificate
                        .iter_mut()
                        .for_each(|c| self.certificate(c));
                }
                self.summary(&mut answer.summary);
            }
            Body::Evidence(evidence) => match Arc::make_mut(evidence) {
                Equivocation::Echo(conflict) => self.conflict(conflict),
                Equivocation::Vote(conflict) => self.conflict(conflict),
                _ => {}
            },
            Body::Enter(entry) => self.claim(entry),
            Body::Approve(approved) => {
                let approved = Arc::make_mut(approved);
                self.change(&mut approved.change);
                approved.approval.statement.change = approved.change.key();
                self.claim(&mut approved.approval);
            }
            Body::Report { report, changes } => {
                self.report(Arc::make_mut(report));
                changes
                    .iter_mut()
                    .for_each(|change| self.change_certificate(change));
            }
            Body::Agreement { message, value, .. } => {
                message.votes.iter_mut().for_each(|claim| self.claim(claim));
                message.quorums.iter_mut().for_each(|q| self.certificate(q));
                value.iter_mut().for_each(|value| self.value(value));
            }
            Body::Value(value) => self.value(value),
            Body::GenerationProof(proof) => self.proof(proof),
            _ => {}
        }
    }

    fn summary(&self, summary: &mut Option<Arc<Signed<Summary>>>) {
        let summaries = summary.iter_mut();
        summaries.for_each(|summary| self.claim(Arc::make_mut(summary)));
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

    fn change_certificate(&self, claim: &mut ChangeCertificate) {
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

    fn value(&self, value: &mut Arc<GenerationProposal>) {
        let changes = &mut Arc::make_mut(value).draft.changes;
        changes
            .iter_mut()
            .for_each(|change| self.change_certificate(change));
    }

    fn proof(&self, proof: &mut Arc<GenerationProof>) {
        let proof = Arc::make_mut(proof);
        self.certificate(&mut proof.certificate);
    }
}
