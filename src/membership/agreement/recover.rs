//! The machine again, from what it made durable.

use std::collections::BTreeSet;

use super::{Agreement, Polka, Record, Round, Stage, Vote, VoteKind};
use crate::actor::{Signed, Verified};
use crate::quorum::{CertificateError, VerifyError};

impl Agreement {
    /// Takes up the highest round that we spoke in: what we said there is not said again, only
    /// repeated.
    pub(super) fn recover(
        &mut self,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(), RecoverError> {
        let mut polkas = Vec::new();
        for record in records {
            match record {
                Record::Vote(claim) => {
                    let fact = self.voter.committee.verify(&self.voter.network, claim)?;
                    self.remember(fact)?;
                }
                Record::Valid(claim) => {
                    let quorum =
                        self.voter
                            .committee
                            .certify(&self.voter.network, claim, |_, _| false)?;
                    if quorum.statement.generation != self.voter.committee.generation() {
                        return Err(RecoverError::NotOurs);
                    }
                    polkas.push(Polka::of(quorum).ok_or(RecoverError::NotOurs)?);
                }
                Record::Left(left) => self.leave(left)?,
            }
        }
        let proposed = self.proposed();
        let ground = polkas.iter().find(|polka| {
            let ground = (polka.value, Some(polka.round));
            proposed == Some(ground)
        });
        self.attempt.proof_of_lock = ground.cloned();
        self.locks.valid = polkas.into_iter().max_by_key(|polka| polka.round);
        self.locks.newest.clone_from(&self.locks.valid);
        if let Some(polka) = &self.locks.valid {
            self.values.opinions.insert(polka.value, true);
        }
        Ok(())
    }

    fn leave(&mut self, left: Vec<Signed<Vote>>) -> Result<(), RecoverError> {
        let round = left.first().map(|vote| vote.statement.round);
        let mut signers = BTreeSet::new();
        for claim in &left {
            let fact = self.voter.committee.verify(&self.voter.network, *claim)?;
            let vote = fact.statement;
            let precommits = matches!(vote.kind, VoteKind::Precommit(_));
            let here =
                vote.generation == self.voter.committee.generation() && Some(vote.round) == round;
            if !precommits || !here || !signers.insert(fact.signer) {
                return Err(RecoverError::NotOurs);
            }
        }
        if signers.len() < self.voter.committee.quorum() {
            return Err(RecoverError::NotOurs);
        }
        if let Some(next) = round
            .and_then(Round::next)
            .filter(|next| *next > self.attempt.round)
        {
            self.start_round(next, left);
        }
        Ok(())
    }

    fn remember(&mut self, fact: Verified<Vote>) -> Result<(), RecoverError> {
        let Vote {
            generation,
            round,
            kind,
        } = fact.statement;
        if generation != self.voter.committee.generation() || fact.signer != self.voter.actor {
            return Err(RecoverError::NotOurs);
        }
        let newer = self.locks.locked.is_none_or(|(locked, _)| locked < round);
        if let (VoteKind::Precommit(Some(value)), true) = (kind, newer) {
            self.locks.locked = Some((round, value));
        }
        if round > self.attempt.round {
            self.start_round(round, Vec::new());
        }
        if round < self.attempt.round {
            return Ok(());
        }
        if self.slots.hear(fact).is_some() {
            return Err(RecoverError::Twice);
        }
        let stage = match kind {
            VoteKind::Proposal { .. } => Stage::Propose,
            VoteKind::Prevote(_) => Stage::Prevote,
            VoteKind::Precommit(_) => Stage::Precommit,
        };
        self.attempt.stage = self.attempt.stage.max(stage);
        Ok(())
    }
}

/// Why a machine cannot be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// We have no seat in this generation.
    #[error("no member of this generation")]
    NoMember,
    /// A record of somebody else or of another generation.
    #[error("a record that is not ours")]
    NotOurs,
    /// The records hold two statements that exclude each other.
    #[error("two statements in one place")]
    Twice,
    /// A record whose signature is bad.
    #[error(transparent)]
    Vote(#[from] VerifyError),
    /// A record that is no quorum.
    #[error(transparent)]
    Valid(#[from] CertificateError),
}
