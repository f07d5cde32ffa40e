//! From claims to facts: what a message holds that can matter, and what it makes of its speakers.

use std::sync::Arc;

use super::{Agreement, AgreementMessage, Polka, Turn, Vote, VoteKind, is_decision};
use crate::actor::{CheckedSignatures, Sig, Signed, Verified};
use crate::evidence::Conflict;
use crate::quorum::{Certificate, CertificateError, QuorumCertificate, Seat, VerifyError};

/// What a message holds that can matter.
type Facts = (Vec<Verified<Vote>>, Vec<QuorumCertificate<Vote>>);

impl Agreement {
    /// Facts in a message, without those that can no longer matter.
    pub(super) fn verify(
        &self,
        message: &AgreementMessage,
        known: &CheckedSignatures,
    ) -> Result<Facts, AgreementMessageError> {
        if self.is_too_long(message) {
            return Err(AgreementMessageError::TooMany);
        }
        let mut votes = Vec::new();
        for claim in &message.votes {
            votes.extend(self.verify_vote(claim, known)?);
        }
        let mut quorums = Vec::new();
        for claim in &message.quorums {
            quorums.extend(self.verify_quorum(claim)?);
        }
        Ok((votes, quorums))
    }

    /// The votes of a message whose signatures have to be checked, up to the first for which it is
    /// refused without a check.
    pub(crate) fn unknown_votes<'a>(
        &self,
        message: &'a AgreementMessage,
    ) -> impl Iterator<Item = &'a Signed<Vote>> {
        let few = !self.is_too_long(message);
        let votes = message.votes.iter().filter(move |_| few);
        let seated = votes.map_while(|claim| Some((self.speaker(claim).ok()?, claim)));
        seated.filter_map(|(seat, claim)| self.matters(seat, claim).then_some(claim))
    }

    /// Whether there is more in it than a member has to say and to pass on.
    fn is_too_long(&self, message: &AgreementMessage) -> bool {
        let most = self.voter.committee.size() + AgreementMessage::OWN;
        message.votes.len() > most || message.quorums.len() > AgreementMessage::QUORUMS
    }

    /// The seat of who voted, if it may vote so.
    fn speaker(&self, claim: &Signed<Vote>) -> Result<Seat, AgreementMessageError> {
        let vote = &claim.statement;
        if vote.generation != self.voter.committee.generation() {
            return Err(AgreementMessageError::Generation);
        }
        let held = self.voter.committee.seat(&claim.signer);
        let seat = held.ok_or(VerifyError::NoSeat(claim.signer))?;
        let proposes = matches!(vote.kind, VoteKind::Proposal { .. });
        if proposes && claim.signer != self.coordinator(vote.round) {
            return Err(AgreementMessageError::NotCoordinator);
        }
        Ok(seat)
    }

    /// Whether a vote is news, and can still change anything.
    fn matters(&self, seat: Seat, claim: &Signed<Vote>) -> bool {
        let vote = &claim.statement;
        let known = self.slots.known(seat, vote) == Some(claim.sig);
        !known && vote.round >= self.attempt.round && self.decision.is_none()
    }

    fn verify_vote(
        &self,
        claim: &Signed<Vote>,
        checked: &CheckedSignatures,
    ) -> Result<Option<Verified<Vote>>, AgreementMessageError> {
        let seat = self.speaker(claim)?;
        if !self.matters(seat, claim) {
            return Ok(None);
        }
        let committee = &self.voter.committee;
        let fact = committee.verify_knowing(&self.voter.network, *claim, checked)?;
        Ok(Some(fact))
    }

    fn verify_quorum(
        &self,
        claim: &Arc<Certificate<Vote>>,
    ) -> Result<Option<QuorumCertificate<Vote>>, AgreementMessageError> {
        let vote = &claim.statement;
        if vote.generation != self.voter.committee.generation() {
            return Err(AgreementMessageError::Generation);
        }
        match vote.kind {
            VoteKind::Prevote(Some(_)) if !self.is_news(vote) => return Ok(None),
            VoteKind::Prevote(Some(_)) | VoteKind::Precommit(Some(_)) => {}
            _ => return Err(AgreementMessageError::NoQuorum),
        }
        let known = |seat, sig: &Sig| self.slots.known(seat, vote).as_ref() == Some(sig);
        let claim = Arc::clone(claim);
        Ok(Some(self.voter.committee.certify(
            &self.voter.network,
            claim,
            known,
        )?))
    }

    pub(super) fn hear_vote(&mut self, fact: Verified<Vote>, turn: &mut Turn<'_>) {
        if fact.signer == self.voter.actor {
            self.recognise(fact.into_claim(), turn);
        } else if let Some(evidence) = self.slots.hear(fact) {
            self.accuse(evidence, turn);
        }
    }

    pub(super) fn hear_quorum(&mut self, quorum: QuorumCertificate<Vote>, turn: &mut Turn<'_>) {
        let ours = quorum
            .signatures
            .iter()
            .find(|(seat, _)| *seat == self.voter.seat);
        if let Some((_, sig)) = ours {
            let claim = Signed {
                statement: quorum.statement,
                signer: self.voter.actor,
                sig: *sig,
            };
            self.recognise(claim, turn);
        }
        let evidence: Vec<_> = self.slots.contradicting(&quorum).collect();
        for evidence in evidence {
            self.accuse(evidence, turn);
        }
        if is_decision(&quorum.statement) {
            if self.decision.is_none() {
                self.decide(quorum, turn);
            }
        } else if let Some(polka) = Polka::of(quorum) {
            if polka.round > self.attempt.round {
                self.start_round(polka.round, Vec::new());
            }
            self.take_note(polka);
            self.advance(turn);
        }
    }

    /// Keeps a quorum of prevotes that is the newest, or that the proposal of this round rests on.
    pub(super) fn take_note(&mut self, polka: Polka) {
        if self.proposed() == Some((polka.value, Some(polka.round))) {
            self.attempt.proof_of_lock = Some(polka.clone());
        }
        if self
            .locks
            .newest
            .as_ref()
            .is_none_or(|newest| newest.round < polka.round)
        {
            self.locks.newest = Some(polka);
        }
    }

    /// Whether a quorum of prevotes can still change anything.
    fn is_news(&self, vote: &Vote) -> bool {
        let VoteKind::Prevote(Some(value)) = vote.kind else {
            return false;
        };
        let newer = self
            .locks
            .newest
            .as_ref()
            .is_none_or(|newest| newest.round < vote.round);
        let grounds = self
            .proposed()
            .is_none_or(|it| it == (value, Some(vote.round)));
        self.decision.is_none() && (newer || (grounds && self.attempt.proof_of_lock.is_none()))
    }

    /// A statement with our signature that we do not remember: our key speaks elsewhere too.
    fn recognise(&mut self, claim: Signed<Vote>, turn: &mut Turn<'_>) {
        let vote = &claim.statement;
        let mut said = self.slots.said(self.voter.seat);
        let old = vote.round < self.attempt.round;
        if !old && !said.any(|fact| fact.statement == *vote) && turn.may_sign() {
            turn.output.forgotten = Some(claim);
        }
    }

    fn accuse(&mut self, evidence: Conflict<Vote>, turn: &mut Turn<'_>) {
        let seat = self.voter.committee.seat(&evidence.left.signer);
        if seat.is_some_and(|seat| seat != self.voter.seat && self.accused.insert(seat)) {
            turn.output.faults.push(evidence);
        }
    }
}

/// Why a message does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgreementMessageError {
    /// More statements than a member has to say.
    #[error("more statements than a member has to say")]
    TooMany,
    /// Said in another generation.
    #[error("said in another generation")]
    Generation,
    /// A proposal by somebody whose turn it is not.
    #[error("a proposal out of turn")]
    NotCoordinator,
    /// A quorum of something that nothing follows from.
    #[error("a quorum for nothing")]
    NoQuorum,
    /// Not a member's statement.
    #[error(transparent)]
    Vote(#[from] VerifyError),
    /// Not a quorum.
    #[error(transparent)]
    Quorum(#[from] CertificateError),
}
