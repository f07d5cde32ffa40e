//! What a newcomer needs to find a network, and to know it from a forged one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::frame::Address;
use crate::actor::Actor;
use crate::codec::{self, Digest};
use crate::deterministic_secure_broadcast::Replica;
use crate::membership::{Generation, Genesis};
use crate::traits::Wire;

/// Before the digits of an invitation.
const PREFIX: &str = "bft1";
/// Bytes of the check against slips of the hand.
const CHECK: usize = 4;
/// Bytes of an invitation.
const LIMIT: usize = 1 << 20;

/// The network, whom to ask, and a recent generation that its chain must pass through. It is written as text, to be handed on;
/// who hands on another one invites into another network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The network.
    pub genesis: Genesis,
    /// A generation and the digest of the value that founded it; none while there is only the first.
    pub pinned: Option<(Generation, Digest)>,
    /// Whom to ask, and where.
    pub contacts: BTreeMap<Actor, Address>,
}

impl Invitation {
    /// The invitation to a network that begins.
    #[must_use]
    pub fn founding(genesis: Genesis, contacts: BTreeMap<Actor, Address>) -> Self {
        Self {
            genesis,
            pinned: None,
            contacts,
        }
    }

    pub(super) fn of<A: Wire>(replica: &Replica<A>) -> Self {
        let last = replica.boundary();
        let later = last.generation() > Generation::GENESIS;
        Self {
            genesis: replica.genesis().clone(),
            pinned: later.then(|| (last.generation(), last.value())),
            contacts: BTreeMap::new(),
        }
    }
}

/// Why a text is no invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It does not begin as one.
    #[error("an invitation begins with {PREFIX}")]
    Prefix,
    /// Digits are missing, changed or added.
    #[error("digits are missing or wrong")]
    Damaged,
    /// Of another version.
    #[error("of another version, or malformed")]
    Malformed,
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = codec::encode(self);
        f.write_str(PREFIX)?;
        let mut digits = bytes
            .iter()
            .chain(&check(&bytes))
            .copied()
            .collect::<Vec<_>>();
        digits
            .drain(..)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    /// Spaces and line ends are skipped: texts are wrapped on their way.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let text: String = text.split_whitespace().collect();
        let digits = text.strip_prefix(PREFIX).ok_or(InvitationError::Prefix)?;
        let bytes = bytes(digits).ok_or(InvitationError::Damaged)?;
        let (bytes, found) = bytes
            .split_last_chunk::<CHECK>()
            .ok_or(InvitationError::Damaged)?;
        if *found != check(bytes) {
            return Err(InvitationError::Damaged);
        }
        codec::decode(bytes, LIMIT).map_err(|_| InvitationError::Malformed)
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let hash: [u8; 32] = sha2::Sha256::digest(bytes).into();
    std::array::from_fn(|index| hash[index])
}

/// The bytes that these hexadecimal digits spell.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    (digits.len() % 2 == 0).then(|| pairs.map(byte).collect())?
}
