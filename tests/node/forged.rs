//! What a flood is made of.

use std::sync::Arc;

use bft_crdts::Actor;
use bft_crdts::actor::Sig;
use bft_crdts::codec::{NetworkId, encode};
use bft_crdts::deterministic_secure_broadcast::{Body, Message, Proposal};
use bft_crdts::dot::Seq;
use bft_crdts::quorum::Generation;

/// A first message of this actor whose signature is bad; another one for each `salt`.
pub(crate) fn message(source: Actor, network: NetworkId, salt: u8) -> Body {
    let message = Message {
        source,
        seq: Seq::new(1),
        parent: network.digest(),
        ops: encode(&[u64::from(salt)]).into(),
    };
    Body::Proposal(Arc::new(Proposal {
        message,
        generation: Generation::GENESIS,
        sig: Sig::from_bytes([salt; 64]),
    }))
}
