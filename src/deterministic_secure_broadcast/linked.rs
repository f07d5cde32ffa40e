//! A packet on a link: what both ends know of each other is not said again.
//!
//! Most packets are small, and most of a small one is keys. A link has proven whose its ends are:
//! `from` and `to` are left out, and in the three packets that every message takes so are its
//! source and who echoes it, where they are these ends. It is bytes alone that change: what is
//! signed, hashed and kept names everybody.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Certificate, Echo, Message, Proposal};
use super::packet::{Body, Packet};
use crate::actor::{Actor, Sig, Signed};
use crate::codec::{self, Bytes, DecodeError, Digest, Limits};
use crate::dot::{Dot, Seq};
use crate::quorum::{Generation, Seat};

/// What a link carries of a packet.
///
/// Every body has one encoding: what has a kind of its own here is never [`Said::Body`].
#[derive(Serialize, Deserialize)]
enum Said<'a> {
    /// A message of the sender's own.
    Proposal {
        seq: Seq,
        parent: Digest,
        ops: Bytes,
        generation: Generation,
        sig: Sig,
    },
    /// The sender's own echo of a message of the receiver's.
    Echo {
        generation: Generation,
        seq: Seq,
        digest: Digest,
        sig: Sig,
    },
    /// The certificate of a message of the sender's.
    Certificate {
        generation: Generation,
        seq: Seq,
        digest: Digest,
        signatures: Cow<'a, [(Seat, Sig)]>,
    },
    /// Any other body.
    Body(Cow<'a, Body>),
}

impl Packet {
    /// The packet's bytes on a link between its two ends, each of which has proven its key to the
    /// other. Never more than [`encode`](Self::encode) makes.
    #[must_use]
    pub fn encode_linked(&self) -> Vec<u8> {
        codec::encode(&Said::of(&self.body, self.from, self.to))
    }

    /// The packet that [`encode_linked`](Self::encode_linked) made, on a link `from` one end `to`
    /// the other.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are too many, malformed, or not canonical.
    pub fn decode_linked(
        bytes: &[u8],
        from: Actor,
        to: Actor,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let said: Said<'_> = codec::decode(bytes, limits.packet_bytes as usize)?;
        let body = said.into_body(from, to)?;
        Ok(Self { from, to, body })
    }
}

impl<'a> Said<'a> {
    fn of(body: &'a Body, from: Actor, to: Actor) -> Self {
        match body {
            Body::Proposal(proposal) if proposal.message.source == from => {
                let Proposal {
                    message,
                    generation,
                    sig,
                } = &**proposal;
                Self::Proposal {
                    seq: message.seq,
                    parent: message.parent,
                    ops: message.ops.clone(),
                    generation: *generation,
                    sig: *sig,
                }
            }
            Body::Echo(echo) if echo.signer == from && echo.statement.dot.source == to => {
                let Echo {
                    generation,
                    dot,
                    digest,
                } = echo.statement;
                Self::Echo {
                    generation,
                    seq: dot.seq,
                    digest,
                    sig: echo.sig,
                }
            }
            Body::Certificate(certificate) if certificate.statement.dot.source == from => {
                let Echo {
                    generation,
                    dot,
                    digest,
                } = certificate.statement;
                Self::Certificate {
                    generation,
                    seq: dot.seq,
                    digest,
                    signatures: Cow::Borrowed(&certificate.signatures),
                }
            }
            body => Self::Body(Cow::Borrowed(body)),
        }
    }

    /// # Errors
    /// [`DecodeError::NotCanonical`] for a body with a kind of its own that does not come as it.
    fn into_body(self, from: Actor, to: Actor) -> Result<Body, DecodeError> {
        let echo = |generation, source, seq, digest| Echo {
            generation,
            dot: Dot { source, seq },
            digest,
        };
        Ok(match self {
            Self::Proposal {
                seq,
                parent,
                ops,
                generation,
                sig,
            } => Body::Proposal(Arc::new(Proposal {
                message: Message {
                    source: from,
                    seq,
                    parent,
                    ops,
                },
                generation,
                sig,
            })),
            Self::Echo {
                generation,
                seq,
                digest,
                sig,
            } => Body::Echo(Signed {
                statement: echo(generation, to, seq, digest),
                signer: from,
                sig,
            }),
            Self::Certificate {
                generation,
                seq,
                digest,
                signatures,
            } => Body::Certificate(Arc::new(Certificate {
                statement: echo(generation, from, seq, digest),
                signatures: signatures.into_owned(),
            })),
            Self::Body(body) => match Said::of(&body, from, to) {
                Said::Body(_) => body.into_owned(),
                _ => return Err(DecodeError::NotCanonical),
            },
        })
    }
}
