//! What a replica holds, made into files that prove themselves elsewhere.
//!
//! Inputs: the log, the boundary and the chain of headers. Outputs: receipts and proofs of records.
//! Invariant: whatever is issued here passes its own check by who trusts the newest header.

use std::sync::Arc;

use super::Replica;
use super::message::{Certificate, Entry};
use crate::dot::{Dot, Seq};
use crate::merkle::Tree;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;
use crate::verify::{Chain, End, FILE, Link, Proof, Receipt, Root, StateProof, Trust};

/// Why nothing can be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The message is not delivered here.
    #[error("message {0} is not delivered here")]
    NotDelivered(Dot),
    /// It was delivered, and is not kept here any more, or never was: a snapshot covers it.
    #[error("message {0} is not kept here")]
    Forgotten(Dot),
    /// What proved it here proves it to nobody else yet: a certificate of a committee that is over,
    /// at a dot that its source spoiled, or a generation that is founded and has not begun here.
    /// The next generation proves it.
    #[error("what proved message {0} here proves it to nobody else; the next generation will")]
    Retired(Dot),
    /// It would be a longer file than any that is read: ask for fewer headers, or after the next
    /// generation, which needs fewer messages.
    #[error("the proof has {0} bytes, which is more than any that is read")]
    TooLong(usize),
    /// The generation from which on the headers are wanted is not installed here.
    #[error("{0} has not begun here")]
    Later(Generation),
}

impl<A: WireAlgorithm> Replica<A> {
    /// The proof that this message was accepted, with the headers from that of generation `since`
    /// on, which its reader has to trust: of the first, the description of the network.
    ///
    /// Messages are kept from the last boundary but one on, and after a restart from the last one.
    /// Within the frontier of the newest
    /// boundary a message is proven by hashes, for ever; after it by a certificate, as long as no
    /// later generation has begun: then ask again.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn receipt(&self, dot: Dot, since: Generation) -> Result<Receipt, ProveError> {
        if since > self.generation() {
            return Err(ProveError::Later(since));
        }
        let boundary = &self.history.boundary;
        let lane = self
            .lanes
            .get(&dot.source)
            .ok_or(ProveError::NotDelivered(dot))?;
        let (ended, head) = (boundary.head(&dot.source), lane.head());
        if dot.seq > head.seq || dot.seq == Seq::ZERO {
            return Err(ProveError::NotDelivered(dot));
        }
        let entry = lane.log.entry(dot.seq).ok_or(ProveError::Forgotten(dot))?;
        let (last, end) = if dot.seq <= ended.seq {
            let path = boundary
                .ending()
                .frontier_tree()
                .path(dot.source.as_bytes());
            let generation = boundary.generation();
            (ended.seq, End::Frontier { generation, path })
        } else {
            let mut proofs =
                std::iter::successors(lane.log.end_after(previous(dot.seq)), |(at, _)| {
                    lane.log.end_after(*at)
                });
            let proof = proofs.find_map(|(at, certificate)| Some((at, self.end(certificate?)?)));
            proof.ok_or(ProveError::Retired(dot))?
        };
        // Whose certificate it is has to be in the chain, too.
        let since = match &end {
            End::Carried { generation, .. } => since.min(*generation),
            End::Certificate { .. } | End::Frontier { .. } => since,
        };
        let network = &self.history.network;
        let ops = |entry: &Entry| entry.message().node(network).ops;
        let later = lane.log.between(dot.seq, last).map(ops);
        let receipt = Receipt {
            network: self.history.network,
            chain: self.chain_since(since)?,
            message: entry.message().clone(),
            later: later.collect(),
            end,
        };
        self.issue(receipt, Proof::Receipt)
    }

    /// The proof that the state with which the newest generation began has this record, or none
    /// under this key. `since` as for a [receipt](Self::receipt).
    ///
    /// Walks the whole state.
    ///
    /// # Errors
    /// [`ProveError::Later`], [`ProveError::TooLong`].
    ///
    /// # Panics
    /// When the snapshot that a quorum certified, and that this replica began with, is none.
    pub fn state_proof(&self, key: &[u8], since: Generation) -> Result<StateProof, ProveError> {
        let chain = self.chain_since(since)?;
        let algorithm = self.execution.at_boundary(self.history.snapshot());
        let state = algorithm.expect("it was this state once");
        let records: Vec<_> = state.records().collect();
        let known = records.iter().find(|(known, _)| known == key);
        let value = known.map(|(_, value)| value.clone().into());
        let proof = StateProof {
            network: self.history.network,
            chain,
            generation: self.generation(),
            key: key.to_vec().into(),
            value,
            path: Tree::of(records).path(key),
        };
        self.issue(proof, Proof::StateProof)
    }

    /// Hands a proof out, of which `file` makes a file.
    fn issue<T: Clone>(&self, proof: T, file: fn(T) -> Proof) -> Result<T, ProveError> {
        let issued = file(proof.clone());
        let len = issued.to_bytes().len();
        if len > FILE {
            return Err(ProveError::TooLong(len));
        }
        let trust = Trust::Header {
            generation: self.generation(),
            digest: self.history.boundary.value(),
        };
        debug_assert_eq!(issued.check(&trust).err(), None, "what is issued is good");
        Ok(proof)
    }

    /// The headers from that of a generation on: to whoever trusts the first, they prove the rest.
    fn chain_since(&self, since: Generation) -> Result<Chain, ProveError> {
        let later = || ProveError::Later(since);
        let skipped = usize::try_from(since.number()).map_err(|_| later())?;
        let root = match skipped.checked_sub(1) {
            None => Root::Genesis(Box::new(self.history.genesis.clone())),
            Some(index) => {
                let proof = self.history.chain.get(index).ok_or_else(later)?;
                Root::Header(proof.header.clone())
            }
        };
        let links = self.history.chain.iter().skip(skipped).map(|proof| Link {
            header: proof.header.clone(),
            round: proof.certificate.statement.round,
            signatures: proof.certificate.signatures.clone(),
        });
        let links = links.collect();
        Ok(Chain { root, links })
    }

    /// What a certificate proves to others now: of this generation, or carried on into it.
    ///
    /// At a sealed dot nothing, though it counts here: whoever steals a quorum of old keys can make
    /// one on either of what its source said.
    fn end(&self, certificate: &Arc<Certificate>) -> Option<End> {
        let (echo, boundary) = (&certificate.statement, &self.history.boundary);
        let (generation, signatures) = (echo.generation, certificate.signatures.clone());
        if generation == self.generation() {
            return Some(End::Certificate {
                generation,
                signatures,
            });
        }
        let lock = *boundary.adopts(&echo.dot, &echo.digest)?;
        Some(End::Carried {
            generation,
            signatures,
            into: boundary.generation(),
            lock,
            path: boundary
                .ending()
                .marks_tree()
                .path(echo.dot.source.as_bytes()),
        })
    }
}

fn previous(seq: Seq) -> Seq {
    Seq::new(seq.number().saturating_sub(1))
}
