//! A message was accepted.

use serde::{Deserialize, Serialize};

use super::refusal::Unproven;
use super::{Chain, NotProven, Proven, Signatures, Trust};
use crate::actor::{Signed, Statement as _};
use crate::codec::{Digest, NetworkId, encode};
use crate::dot::{Dot, Head};
use crate::membership::{Echo, Ending};
use crate::merkle::Path;
use crate::message::{LaneNode, Message};
use crate::quorum::Generation;

/// The proof that a message was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The network.
    pub network: NetworkId,
    /// From what the reader may trust on.
    pub chain: Chain,
    /// The message.
    pub message: Message,
    /// The digests of the operations of the messages after it, in lane order: each names the one
    /// before, so that what proves the last proves all.
    pub later: Vec<Digest>,
    /// What proves the last.
    pub end: End,
}

/// What proves the end of a stretch of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a file")]
pub enum End {
    /// The members' certificate of it.
    Certificate {
        /// Whose members.
        generation: Generation,
        /// Their echoes.
        signatures: Signatures,
    },
    /// It is where the lane ended when a generation began.
    Frontier {
        /// The generation.
        generation: Generation,
        /// The path in its frontier.
        path: Path,
    },
    /// The members' certificate of it, in a generation that is over, at a dot where a later one
    /// carried it on. That one's header proves that nothing else can be accepted there, and their
    /// keys, wherever the anchor is, that it was.
    Carried {
        /// Whose members.
        generation: Generation,
        /// Their echoes.
        signatures: Signatures,
        /// A later generation, which carried it on.
        into: Generation,
        /// What that carried on.
        lock: Signed<Echo>,
        /// The path in its marks.
        path: Path,
    },
}

impl Receipt {
    /// How its message is proven to have been accepted.
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn check(&self, trust: &Trust) -> Result<Proven, NotProven> {
        let mut chain = self.chain.anchor(&self.network, trust)?;
        let end = self.end_of_lane()?;
        let dot = Dot {
            source: self.message.source,
            seq: end.seq,
        };
        let echo = |generation| Echo {
            generation,
            dot,
            digest: end.digest,
        };
        match &self.end {
            End::Certificate {
                generation,
                signatures,
            } => {
                let node = chain.node(*generation)?;
                chain.certified(&node, &echo(*generation), signatures)?;
                if !chain.is_newest(*generation) {
                    return Err(NotProven::Unproven(Unproven::Retired));
                }
                chain.by_signatures(*generation)
            }
            End::Frontier { generation, path } => {
                let frontier = chain
                    .node(*generation)?
                    .header
                    .map(|header| header.frontier);
                let record = encode(&end);
                let shown = frontier
                    .is_some_and(|root| path.shows(&root, dot.source.as_bytes(), Some(&record)));
                if !shown {
                    return Err(NotProven::Path(*generation));
                }
                chain.by_header(*generation)
            }
            End::Carried {
                generation,
                signatures,
                into,
                lock,
                path,
            } => {
                let (node, next) = (chain.node(*generation)?, chain.node(*into)?);
                if into <= generation {
                    return Err(NotProven::Generation(*into));
                }
                chain.certified(&node, &echo(*generation), signatures)?;
                let marks = next.header.map(|header| header.marks);
                let record = Ending::adopted_record(lock);
                let shown = marks
                    .is_some_and(|root| path.shows(&root, dot.source.as_bytes(), Some(&record)));
                if (lock.statement.dot, lock.statement.digest) != (dot, end.digest) || !shown {
                    return Err(NotProven::Path(next.generation));
                }
                chain.by_signatures(*generation)
            }
        }
    }

    /// Where the stretch of the lane ends that begins with the message.
    fn end_of_lane(&self) -> Result<Head, NotProven> {
        let mut seq = self.message.seq;
        let mut digest = self.message.digest(&self.network);
        if seq.number() == 0 {
            return Err(NotProven::Lane);
        }
        for ops in &self.later {
            seq = seq.next().ok_or(NotProven::Lane)?;
            let source = self.message.source;
            let node = LaneNode {
                dot: Dot { source, seq },
                parent: digest,
                ops: *ops,
            };
            digest = node.digest(&self.network);
        }
        Ok(Head { seq, digest })
    }
}
