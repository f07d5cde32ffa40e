//! What a newcomer needs to find a network, and to know it from a forged one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::address::Address;
use crate::actor::Actor;
use crate::codec::{self, Digest};
use crate::deterministic_secure_broadcast::Replica;
use crate::membership::Genesis;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Before the digits of an invitation.
const PREFIX: &str = "bft1";
/// Bytes of the check against slips of the hand.
///
/// It finds slips, and no intent: whoever changes an invitation makes its check anew.
const CHECK: usize = 4;
/// Bytes of an invitation.
const LIMIT: usize = 1 << 20;

/// The network, whom to ask, and a recent generation that its chain must pass through. It is
/// written as text, to be handed on; who hands on another one invites into another network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The network.
    pub genesis: Genesis,
    /// A generation and the digest of the value that founded it; none while there is only the
    /// first.
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

    /// Names the newest generation that is installed here: the shorter the chain after it, the
    /// fewer old keys the newcomer has to trust. The caller adds the contacts.
    pub(super) fn of<A: WireAlgorithm>(replica: &Replica<A>) -> Self {
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
        let check = check(&bytes);
        f.write_str(PREFIX)?;
        let mut digits = bytes.iter().chain(&check).copied();
        digits.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    /// Spaces and line ends are skipped: texts are wrapped on their way.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let text: String = text.split_whitespace().collect();
        let digits = text.strip_prefix(PREFIX).ok_or(InvitationError::Prefix)?;
        let bytes = codec::from_digits(digits).ok_or(InvitationError::Damaged)?;
        let (bytes, found) = bytes
            .split_last_chunk::<CHECK>()
            .ok_or(InvitationError::Damaged)?;
        if *found != check(bytes) {
            return Err(InvitationError::Damaged);
        }
        codec::decode(bytes, LIMIT).map_err(|_| InvitationError::Malformed)
    }
}

/// The first bytes of the SHA-256 of all that comes before it.
fn check(bytes: &[u8]) -> [u8; CHECK] {
    let hash: [u8; 32] = sha2::Sha256::digest(bytes).into();
    std::array::from_fn(|index| hash[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::SigningActor;
    use crate::codec::Limits;
    use crate::orswot::Orswot;
    use crate::traits::SecureBroadcastAlgorithm;

    fn invitation() -> Invitation {
        let actor = SigningActor::from_secret(&[1; 32]).actor();
        let set = Orswot::<String>::new(actor);
        let genesis =
            Genesis::new(&set, [actor].into(), Limits::default(), [0; 32]).expect("a genesis");
        Invitation {
            genesis,
            pinned: Some((Generation::default(), Digest::from_bytes([7; 32]))),
            contacts: [(actor, "somewhere:4433".parse().expect("an address"))].into(),
        }
    }

    #[test]
    fn an_invitation_survives_being_wrapped_and_no_slip_of_the_hand() {
        let written = invitation().to_string();
        let wrapped: Vec<_> = written
            .as_bytes()
            .chunks(40)
            .map(String::from_utf8_lossy)
            .collect();
        assert_eq!(wrapped.join("\n  ").parse(), Ok(invitation()));
        for place in 0..written.len() {
            let mut slipped = written.clone().into_bytes();
            slipped[place] = if slipped[place] == b'0' { b'1' } else { b'0' };
            let slipped = String::from_utf8(slipped).expect("digits");
            assert!(slipped.parse::<Invitation>().is_err(), "at {place}");
            assert!(
                written[..place].parse::<Invitation>().is_err(),
                "{place} digits"
            );
        }
    }

    #[test]
    fn what_is_no_invitation_is_said_to_be_none() {
        assert_eq!("".parse::<Invitation>(), Err(InvitationError::Prefix));
        assert_eq!("bft1".parse::<Invitation>(), Err(InvitationError::Damaged));
        assert_eq!(
            "bft1é0".parse::<Invitation>(),
            Err(InvitationError::Damaged)
        );
        let written = invitation().to_string();
        assert!(written.starts_with("bft10"));
        assert_eq!(
            written.replacen('0', "+", 1).parse::<Invitation>(),
            Err(InvitationError::Damaged)
        );
        let other: String = [1u8, 2, 3]
            .iter()
            .chain(&check(&[1, 2, 3]))
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            format!("bft1{other}").parse::<Invitation>(),
            Err(InvitationError::Malformed)
        );
    }
}
