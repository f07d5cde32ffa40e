//! From claims to facts: what a speech holds that can matter, and what it makes of its speakers.

use std::sync::Arc;

use super::{Agreement, Ballot, Polka, Said, Speech, Turn, is_decision};
use crate::actor::{Signed, Verified};
use crate::evidence::Conflict;
use crate::membership::{Certificate, CertificateError, QuorumCertificate, VerifyError};

/// What a speech holds that can matter.
type Facts = (Vec<Verified<Ballot>>, Vec<QuorumCertificate<Ballot>>);

impl Agreement {
    /// Facts in a speech, without those that can no longer matter.
    pub(super) fn verify(&self, speech: &Speech) -> Result<Facts, SpeechError> {
        let most = self.committee.size() + Speech::OWN;
        if speech.ballots.len() > most || speech.quorums.len() > Speech::QUORUMS {
            return Err(SpeechError::TooMany);
        }
        let mut ballots = Vec::new();
        for claim in &speech.ballots {
            ballots.extend(self.verify_ballot(claim)?);
        }
        let mut quorums = Vec::new();
        for claim in &speech.quorums {
            quorums.extend(self.verify_quorum(claim)?);
        }
        Ok((ballots, quorums))
    }

    fn verify_ballot(
        &self,
        claim: &Signed<Ballot>,
    ) -> Result<Option<Verified<Ballot>>, SpeechError> {
        let ballot = &claim.statement;
        if ballot.generation != self.committee.generation() {
            return Err(SpeechError::Generation);
        }
        let seat = self
            .committee
            .seat(&claim.signer)
            .ok_or(VerifyError::NoSeat(claim.signer))?;
        let proposes = matches!(ballot.said, Said::Proposal { .. });
        if proposes && claim.signer != self.coordinator(ballot.round) {
            return Err(SpeechError::NotCoordinator);
        }
        let known = self.slots.known(seat, ballot) == Some(claim.sig);
        if known || ballot.round < self.round || self.decision.is_some() {
            return Ok(None);
        }
        Ok(Some(self.committee.verify(&self.network, *claim)?))
    }

    fn verify_quorum(
        &self,
        claim: &Arc<Certificate<Ballot>>,
    ) -> Result<Option<QuorumCertificate<Ballot>>, SpeechError> {
        let ballot = &claim.statement;
        if ballot.generation != self.committee.generation() {
            return Err(SpeechError::Generation);
        }
        match ballot.said {
            Said::Prevote(Some(_)) if !self.is_news(ballot) => return Ok(None),
            Said::Prevote(Some(_)) | Said::Precommit(Some(_)) => {}
            _ => return Err(SpeechError::NoQuorum),
        }
        let known = |seat| self.slots.known(seat, ballot);
        let claim = Arc::clone(claim);
        Ok(Some(self.committee.certify(&self.network, claim, known)?))
    }

    pub(super) fn hear_ballot(&mut self, fact: Verified<Ballot>, turn: &mut Turn) {
        if fact.signer == self.me.actor() {
            self.recognise(fact.into_claim(), turn);
        } else if let Some(evidence) = self.slots.hear(fact) {
            self.accuse(evidence, turn);
        }
    }

    pub(super) fn hear_quorum(&mut self, quorum: QuorumCertificate<Ballot>, turn: &mut Turn) {
        let ours = quorum
            .signatures
            .iter()
            .find(|(seat, _)| *seat == self.seat);
        if let Some((_, sig)) = ours {
            let claim = Signed {
                statement: quorum.statement,
                signer: self.me.actor(),
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
            if polka.round > self.round {
                self.start_round(polka.round, Vec::new());
            }
            self.take_note(polka);
            self.advance(turn);
        }
    }

    /// Keeps a quorum of prevotes that is the newest, or that the proposal of this round rests on.
    pub(super) fn take_note(&mut self, polka: Polka) {
        if self.proposed() == Some((polka.value, Some(polka.round))) {
            self.proof_of_lock = Some(polka.clone());
        }
        if self
            .newest
            .as_ref()
            .is_none_or(|newest| newest.round < polka.round)
        {
            self.newest = Some(polka);
        }
    }

    /// Whether a quorum of prevotes can still change anything.
    fn is_news(&self, ballot: &Ballot) -> bool {
        let Said::Prevote(Some(value)) = ballot.said else {
            return false;
        };
        let newer = self
            .newest
            .as_ref()
            .is_none_or(|newest| newest.round < ballot.round);
        let grounds = self
            .proposed()
            .is_none_or(|it| it == (value, Some(ballot.round)));
        self.decision.is_none() && (newer || (grounds && self.proof_of_lock.is_none()))
    }

    /// A statement with our signature that we do not remember: our key speaks elsewhere too.
    fn recognise(&mut self, claim: Signed<Ballot>, turn: &mut Turn) {
        let ballot = &claim.statement;
        let mut said = self.slots.said(self.seat);
        let old = ballot.round < self.round;
        if !old && !said.any(|fact| fact.statement == *ballot) && !self.mute {
            self.mute = true;
            turn.forgotten = Some(claim);
        }
    }

    fn accuse(&mut self, evidence: Conflict<Ballot>, turn: &mut Turn) {
        let seat = self.committee.seat(&evidence.left.signer);
        if seat.is_some_and(|seat| seat != self.seat && self.accused.insert(seat)) {
            turn.faults.push(evidence);
        }
    }
}

/// Why a speech does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
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
    Ballot(#[from] VerifyError),
    /// Not a quorum.
    #[error(transparent)]
    Quorum(#[from] CertificateError),
}
