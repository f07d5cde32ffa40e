//! The committee of one generation: who is seated, how many may lie, how many make a quorum.
//!
//! With `n` members, `f = floor((n - 1) / 3)` may be Byzantine and a quorum is `q = n - f`. Two
//! quorums share at least `2q - n = n - 2f >= f + 1` members, so at least one correct one; and the
//! `n - f` correct members are a quorum of their own (Bracha, Toueg: Asynchronous Consensus and
//! Broadcast Protocols, 1985).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::{
    Actor, BadSignature, CheckedSignatures, PublicKey, Signed, Statement, Verified, WeakKey,
};
use crate::codec::{Limits, NetworkId, decimal};

/// The number of a committee: 0 at genesis, one more with each change.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Generation(#[serde(with = "decimal")] u64);

impl Generation {
    /// The generation that the genesis founds.
    pub const GENESIS: Self = Self(0);

    /// The generation with this number.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The one after it, or `None` when numbers are exhausted.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}", self.0)
    }
}

/// A member's place in its committee, counted from 0 in the order of the keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Seat(u16);

impl Seat {
    /// The place as an index into [`Committee::actors`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The members of one generation. Never empty, sorted, every key decompressed once and of full
/// order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    generation: Generation,
    seats: Vec<PublicKey>,
    actors: Vec<Actor>,
    quorum: usize,
}

impl Committee {
    /// The committee of `generation`.
    ///
    /// # Errors
    /// [`CommitteeError`] when it is empty, over the bound, or has a member with an unusable key.
    pub fn new(
        generation: Generation,
        members: &BTreeSet<Actor>,
        limits: &Limits,
    ) -> Result<Self, CommitteeError> {
        Self::of(generation, members, limits, Actor::public_key)
    }

    /// The committee that follows this one. Keys of members that stay are not checked again: that
    /// costs as much as a signature each.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub(crate) fn followed_by(
        &self,
        generation: Generation,
        members: &BTreeSet<Actor>,
        limits: &Limits,
    ) -> Result<Self, CommitteeError> {
        Self::of(generation, members, limits, |member| {
            let known = self.key_of(member).map(PublicKey::without_tables);
            known.or_else(|_| member.public_key())
        })
    }

    fn of(
        generation: Generation,
        members: &BTreeSet<Actor>,
        limits: &Limits,
        key: impl Fn(&Actor) -> Result<PublicKey, WeakKey>,
    ) -> Result<Self, CommitteeError> {
        if members.is_empty() {
            return Err(CommitteeError::Empty);
        }
        let most = limits.seats.min(u32::from(u16::MAX)) as usize;
        if members.len() > most {
            return Err(CommitteeError::TooLarge {
                members: members.len(),
                limit: most,
            });
        }
        let seats: Vec<_> = members.iter().map(key).collect::<Result<_, _>>()?;
        debug_assert_eq!(seats.len(), members.len(), "a seat for each member");
        let quorum = seats.len() - (seats.len() - 1) / 3;
        Ok(Self {
            generation,
            seats,
            actors: members.iter().copied().collect(),
            quorum,
        })
    }

    /// The same with tables of its keys, if there are few: for the committee in office alone, as
    /// old ones are kept for ever.
    pub(crate) fn in_office(&self) -> Self {
        let mut committee = self.clone();
        PublicKey::share_tables(&mut committee.seats);
        committee
    }

    /// Whose statements bear this number.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How many members there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.actors.len()
    }

    /// How many signatures make a certificate.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.quorum
    }

    /// How many members may lie without harm.
    #[must_use]
    pub fn tolerated(&self) -> usize {
        self.size() - self.quorum
    }

    /// The members in seat order.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The members with their seats.
    pub fn seats(&self) -> impl Iterator<Item = (Seat, Actor)> {
        (0..).map(Seat).zip(self.actors.iter().copied())
    }

    /// Where `actor` sits.
    #[must_use]
    pub fn seat(&self, actor: &Actor) -> Option<Seat> {
        let index = self.actors.binary_search(actor).ok()?;
        u16::try_from(index).ok().map(Seat)
    }

    /// The key of the member at `seat`.
    #[must_use]
    pub fn key(&self, seat: Seat) -> Option<&PublicKey> {
        self.seats.get(seat.index())
    }

    /// Whether `actor` is a member.
    #[must_use]
    pub fn contains(&self, actor: &Actor) -> bool {
        self.seat(actor).is_some()
    }

    /// The fact that a member said it.
    ///
    /// # Errors
    /// [`VerifyError`] when the signer has no seat or the signature is bad.
    pub fn verify<T: Statement>(
        &self,
        network: &NetworkId,
        claim: Signed<T>,
    ) -> Result<Verified<T>, VerifyError> {
        let key = self.key_of(&claim.signer)?;
        Ok(claim.verify(network, key)?)
    }

    /// The same, where some signatures are known to be good.
    pub(crate) fn verify_knowing<T: Statement>(
        &self,
        network: &NetworkId,
        claim: Signed<T>,
        known: &CheckedSignatures,
    ) -> Result<Verified<T>, VerifyError> {
        let key = self.key_of(&claim.signer)?;
        Ok(known.verify(network, key, claim)?)
    }

    /// A member's key.
    ///
    /// # Errors
    /// [`VerifyError::NoSeat`].
    pub(crate) fn key_of(&self, member: &Actor) -> Result<&PublicKey, VerifyError> {
        let key = self.seat(member).and_then(|seat| self.key(seat));
        key.ok_or(VerifyError::NoSeat(*member))
    }
}

/// Why a statement is not a member's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The signer is no member of this generation.
    #[error("{0:?} has no seat")]
    NoSeat(Actor),
    /// The signature does not verify.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
}

/// Why a set of actors is no committee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitteeError {
    /// Nobody is in it.
    #[error("a committee of nobody")]
    Empty,
    /// More members than the bound.
    #[error("{members} members, at most {limit} allowed")]
    TooLarge {
        /// Members that were named.
        members: usize,
        /// Members that are allowed.
        limit: usize,
    },
    /// A member whose signatures cannot be checked.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::SigningActor;

    #[test]
    fn two_quorums_share_a_correct_member_and_the_correct_members_are_a_quorum() {
        for n in 1u8..=100 {
            let members = (0..n)
                .map(|i| SigningActor::from_secret(&[i + 1; 32]).actor())
                .collect();
            let committee = Committee::new(Generation::GENESIS, &members, &Limits::default())
                .expect("generated keys");
            let (n, q, f) = (committee.size(), committee.quorum(), committee.tolerated());
            assert_eq!(f, (n - 1) / 3);
            assert_eq!(q, 2 * n / 3 + 1);
            assert!(2 * q - n > f);
            assert!(n - f >= q);
        }
    }

    #[test]
    fn a_committee_that_follows_is_as_one_made_anew_and_no_weak_key_comes_in() {
        let seats = |numbers: std::ops::Range<u8>| {
            let keys = numbers.map(|number| SigningActor::from_secret(&[number; 32]).actor());
            keys.collect::<BTreeSet<_>>()
        };
        let limits = Limits::default();
        let first = Committee::new(Generation::GENESIS, &seats(1..5), &limits);
        let first = first.expect("generated keys").in_office();
        let next = Generation::numbered(1);
        let mut members = seats(3..8);
        let follows = first.followed_by(next, &members, &limits);
        assert_eq!(follows, Committee::new(next, &members, &limits));
        for key in &follows.expect("generated keys").seats {
            assert!(!key.has_tables());
        }
        let weak = Actor::from_bytes([0; 32]);
        members.insert(weak);
        let follows = first.followed_by(next, &members, &limits);
        assert_eq!(follows, Err(WeakKey(weak).into()));
    }

    #[test]
    fn nobody_and_too_many_are_no_committee() {
        let mut limits = Limits::default();
        let of = |n: u8, limits: &Limits| {
            let members = (0..n)
                .map(|i| SigningActor::from_secret(&[i + 1; 32]).actor())
                .collect();
            Committee::new(Generation::GENESIS, &members, limits)
        };
        assert_eq!(of(0, &limits), Err(CommitteeError::Empty));
        limits.seats = 3;
        assert!(matches!(
            of(4, &limits),
            Err(CommitteeError::TooLarge { .. })
        ));
        assert!(of(3, &limits).is_ok());
    }
}
