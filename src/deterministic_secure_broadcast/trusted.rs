//! A trusted checkpoint: an operator names the value that founded one generation, and the chain of
//! generations must pass through it.
//!
//! Each value names the value before it by its digest. So the checkpoint proves, backwards and by
//! digests alone, which values founded all generations up to it. Members of those generations may
//! have lost their keys since: no signature of theirs is believed for that. Until the chain that is
//! held here reaches the checkpoint, the replica follows and does nothing else: it delivers, signs
//! and installs nothing, and takes no generation into its chain that the checkpoint does not prove.
//! A forged chain thus leaves nothing behind, however long it is.

use std::sync::Arc;

use super::Replica;
use super::error::CheckpointError;
use super::packet::Body;
use super::step::Fault;
use crate::codec::{Digest, NetworkId};
use crate::membership::{Foundation, GenerationProof};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// What a trusted checkpoint has proven so far.
#[derive(Debug)]
pub(super) struct Checkpoint {
    generation: Generation,
    /// The values of the generations up to that one, the newest first and without a gap.
    values: Vec<Digest>,
    /// The generation after which the chain is asked for: the first that is missing, unless one
    /// answer has no room for all that is.
    after: u64,
}

impl Checkpoint {
    fn new(generation: Generation, value: Digest, installed: Generation) -> Self {
        Self {
            generation,
            values: vec![value],
            after: installed.number(),
        }
    }

    /// The value that founded a generation, once it is proven.
    pub(super) fn value(&self, generation: Generation) -> Option<Digest> {
        let newer = self.generation.number().checked_sub(generation.number())?;
        self.values.get(usize::try_from(newer).ok()?).copied()
    }

    /// The generation after which the chain is asked for, until all is proven down to the installed
    /// one.
    pub(super) fn asks_after(&self, installed: Generation) -> Option<Generation> {
        let missing = self.value(installed).is_none();
        missing.then(|| Generation::numbered(self.after))
    }

    /// Whether it names this generation.
    pub(super) fn is_of(&self, generation: Generation) -> bool {
        self.generation == generation
    }

    /// Takes from an answer what it proves of older generations, down to the installed one. Whether
    /// that is anything.
    fn learn(
        &mut self,
        proofs: &[Arc<GenerationProof>],
        installed: Generation,
        network: &NetworkId,
    ) -> bool {
        let proven = self.values.len();
        for proof in proofs.iter().rev() {
            let oldest = self.values.last().copied();
            if self.value(installed).is_none() && oldest == Some(proof.header.digest(network)) {
                self.values.push(proof.header.parent);
            }
        }
        let gained = (self.values.len() - proven) as u64;
        let oldest = (self.generation.number() + 1).saturating_sub(self.values.len() as u64);
        if gained > 0 {
            // The next one may have room for twice as many.
            self.after = oldest.saturating_sub(2 * gained).max(installed.number());
        } else if !proofs.is_empty() && self.value(installed).is_none() {
            // The answer may have ended before what we need: the next one begins nearer to it.
            self.after = self.after.midpoint(oldest).min(oldest - 1);
        }
        gained > 0
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// Names the value that founded a generation, from a source that is trusted: an invitation, or
    /// an operator. Until the chain of generations reaches it, this replica follows the network and
    /// does nothing else. What was delivered before stays: so name it before the replica hears of
    /// anybody.
    ///
    /// # Errors
    /// [`CheckpointError`] when that generation or a later one is installed here, and another value
    /// founded it; then nothing has changed.
    pub fn expect(&mut self, generation: Generation, value: Digest) -> Result<(), CheckpointError> {
        if generation <= self.generation() {
            let same = self.history.value_of(generation) == Some(value);
            return same.then_some(()).ok_or(CheckpointError(generation));
        }
        let mut pending = self.history.pending.iter();
        let named = |next: &Foundation| (next.generation(), next.value()) == (generation, value);
        if !pending.any(|next| named(&next.foundation)) {
            self.history.pending.clear();
            self.bootstrap.fetching = None;
            self.history.trusted = Some(Checkpoint::new(generation, value, self.generation()));
        }
        Ok(())
    }

    /// Whether the chain of generations has not reached the trusted checkpoint yet.
    #[must_use]
    pub fn awaits_checkpoint(&self) -> bool {
        self.history.awaits_checkpoint()
    }

    /// Takes from an answer what the checkpoint proves by it. Whether that is anything.
    pub(super) fn trace_back(&mut self, proofs: &[Arc<GenerationProof>]) -> bool {
        let installed = self.generation();
        let Some(trusted) = &mut self.history.trusted else {
            return false;
        };
        let news = trusted.learn(proofs, installed, &self.history.network);
        let proven = trusted.value(installed);
        if proven.is_some_and(|value| value != self.history.boundary.value())
            && !self.execution.diverged
        {
            self.execution.diverged = true;
            tracing::error!(me = ?self.actor(), generation = %installed, "installed, and not of the trusted chain");
            self.turn.report(Fault::Diverged {
                generation: installed,
            });
        }
        news
    }
}

/// Whether a replica can use it whose chain has not reached the trusted checkpoint: what proves
/// itself, what asks, and what tells whom to ask.
pub(super) fn concerns_the_chain(body: &Body) -> bool {
    match body {
        Body::Announce(_)
        | Body::SummaryAck(_)
        | Body::PullRequest(_)
        | Body::PullResponse(_)
        | Body::Evidence(_)
        | Body::GenerationProof(_)
        | Body::FetchSnapshot { .. }
        | Body::Recall(_)
        | Body::Recollection(_) => true,
        Body::Proposal(_)
        | Body::Echo(_)
        | Body::Certificate(_)
        | Body::Enter(_)
        | Body::Approve(_)
        | Body::Report { .. }
        | Body::Agreement { .. }
        | Body::FetchPayloads(_)
        | Body::Value(_)
        | Body::Snapshot { .. } => false,
    }
}

/// Whether a replica can use it whose store is in doubt: the same, and the state with which a later
/// generation begins, since members of an earlier one may have no seat any more, and answer nobody.
pub(super) fn helps_in_doubt(body: &Body) -> bool {
    concerns_the_chain(body) || matches!(body, Body::Snapshot { .. })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::membership::{Header, Round, Vote, VoteKind};
    use crate::quorum::Certificate;
    use crate::snapshot::Commitment;

    const NETWORK: NetworkId = NetworkId::NONE;

    /// Values that follow each other, from the first generation after the genesis on.
    fn chain(generations: u64, state: u8) -> Vec<Arc<GenerationProof>> {
        let mut parent = NETWORK.digest();
        let proof = |ended| {
            let digest = Digest::from_bytes([state; 32]);
            let header = Header {
                parent,
                generation: Generation::numbered(ended + 1),
                members: BTreeSet::new(),
                frontier: digest,
                marks: digest,
                state: Commitment {
                    snapshot: digest,
                    records: digest,
                },
                body: digest,
            };
            parent = header.digest(&NETWORK);
            Arc::new(founded(header, ended))
        };
        (0..generations).map(proof).collect()
    }

    fn founded(header: Header, ended: u64) -> GenerationProof {
        let statement = Vote {
            generation: Generation::numbered(ended),
            round: Round::FIRST,
            kind: VoteKind::Precommit(None),
        };
        let signatures = Vec::new();
        GenerationProof {
            header,
            certificate: Arc::new(Certificate {
                statement,
                signatures,
            }),
            ending: None,
        }
    }

    fn checkpoint(chain: &[Arc<GenerationProof>], installed: u64) -> Checkpoint {
        let last = chain.last().expect("a chain");
        Checkpoint::new(
            Generation::numbered(chain.len() as u64),
            last.header.digest(&NETWORK),
            Generation::numbered(installed),
        )
    }

    /// Answers until every value is proven, by who has room for `room` generations in an answer.
    fn answers_needed(chain: &[Arc<GenerationProof>], installed: u64, room: usize) -> u64 {
        let mut checkpoint = checkpoint(chain, installed);
        let installed = Generation::numbered(installed);
        for answers in 0..=3 * chain.len() as u64 {
            if checkpoint.value(installed).is_some() {
                return answers;
            }
            let after = usize::try_from(checkpoint.after).expect("few");
            let answer = &chain[after..chain.len().min(after + room)];
            checkpoint.learn(answer, installed, &NETWORK);
        }
        panic!("no end after three times as many answers as there are generations");
    }

    #[test]
    fn a_checkpoint_proves_all_values_before_it_whatever_fits_an_answer() {
        let chain = chain(100, 1);
        for installed in [0, 1, 60, 99] {
            assert_eq!(answers_needed(&chain, installed, 100), 1);
            for room in [1, 2, 3, 10, 50, 99] {
                let answers = answers_needed(&chain, installed, room);
                let fewest = (100 - installed).div_ceil(room as u64);
                assert!(answers <= 3 * fewest + 8, "{answers}: {installed}, {room}");
            }
        }
    }

    #[test]
    fn what_is_proven_is_each_generations_own_value_and_no_forged_one_is() {
        let (chain, forged) = (chain(9, 1), chain(12, 2));
        let mut checkpoint = checkpoint(&chain, 0);
        let installed = Generation::GENESIS;
        for _ in 0..5 {
            assert!(!checkpoint.learn(&forged, installed, &NETWORK));
        }
        assert!(checkpoint.after < 9);
        checkpoint.after = 0;
        assert!(checkpoint.learn(&chain, installed, &NETWORK));
        assert_eq!(checkpoint.value(installed), Some(NETWORK.digest()));
        for (number, proof) in (1..).zip(&chain) {
            let value = Some(proof.header.digest(&NETWORK));
            assert_eq!(checkpoint.value(Generation::numbered(number)), value);
        }
        assert_eq!(checkpoint.value(Generation::numbered(10)), None);
        assert!(
            !checkpoint.learn(&chain, installed, &NETWORK),
            "all is proven"
        );
    }
}
