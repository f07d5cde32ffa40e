//! What a bank allows, as all its members agree from the start.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::bank::Bank;
use crate::codec::{self, DecodeError};
use crate::money::Money;

/// Bytes of encoded rules, at most.
const BYTES: usize = 128;

/// Who may open an account with how much, what stays on it, and how much one payment may move.
///
/// Rules are part of the bank's configuration, and so of the network's genesis: members with other
/// rules are another network.
///
/// Each rule binds a source by what its own operations did, and by nothing that another source can
/// change for the worse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Rules {
    issuer: Option<Actor>,
    opening: Money,
    floor: Money,
    payment: Money,
}

/// Rules as they were read.
#[derive(Deserialize)]
struct Unchecked {
    issuer: Option<Actor>,
    opening: Money,
    floor: Money,
    payment: Money,
}

/// Why there is no bank with such rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Where everybody may open an account with money, the sum of it must not overflow.
    #[error("without an issuer an account is opened with {most} at most, and {0} are to be allowed", most = Bank::MOST_OPENING)]
    Opening(Money),
    /// Nothing could ever be paid.
    #[error("no payment can move 0 or less")]
    Payment,
}

impl Default for Rules {
    /// Anybody may open an account with up to [`Bank::MOST_OPENING`], and pay all that is on it.
    fn default() -> Self {
        Self {
            issuer: None,
            opening: Bank::MOST_OPENING,
            floor: Money::ZERO,
            payment: Money::MAX,
        }
    }
}

impl Rules {
    /// Only `issuer` may open an account with money, at most `supply`: all the money that there
    /// will ever be.
    #[must_use]
    pub fn issued_by(issuer: Actor, supply: Money) -> Self {
        Self {
            issuer: Some(issuer),
            opening: supply,
            ..Self::default()
        }
    }

    /// The same, with `most` in an account when it is opened: the issuer's, or anybody's where
    /// there is none.
    ///
    /// # Errors
    /// [`RulesError::Opening`] when there is no issuer and `most` is beyond [`Bank::MOST_OPENING`].
    pub fn with_opening(self, most: Money) -> Result<Self, RulesError> {
        Self {
            opening: most,
            ..self
        }
        .checked()
    }

    /// The same, where no payment leaves less than `floor` on the payer's account. Accounts may be
    /// opened with less, and have less until they are paid.
    #[must_use]
    pub fn with_floor(self, floor: Money) -> Self {
        Self { floor, ..self }
    }

    /// The same, where one payment moves `most`.
    ///
    /// # Errors
    /// [`RulesError::Payment`] when that is nothing.
    pub fn with_payment(self, most: Money) -> Result<Self, RulesError> {
        Self {
            payment: most,
            ..self
        }
        .checked()
    }

    fn checked(self) -> Result<Self, RulesError> {
        if self.issuer.is_none() && self.opening > Bank::MOST_OPENING {
            return Err(RulesError::Opening(self.opening));
        }
        if self.payment == Money::ZERO {
            return Err(RulesError::Payment);
        }
        Ok(self)
    }

    /// Rules from a bank's [configuration](crate::SecureBroadcastAlgorithm::configuration).
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no rules.
    pub fn decode(configuration: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(configuration, BYTES)
    }

    /// From whom all money comes, if that is one.
    #[must_use]
    pub fn issuer(&self) -> Option<&Actor> {
        self.issuer.as_ref()
    }

    /// The most that `owner` may open its account with.
    #[must_use]
    pub fn opening(&self, owner: &Actor) -> Money {
        match &self.issuer {
            Some(issuer) if issuer != owner => Money::ZERO,
            _ => self.opening,
        }
    }

    /// What no payment leaves less than on the payer's account.
    #[must_use]
    pub fn floor(&self) -> Money {
        self.floor
    }

    /// The most that one payment may move.
    #[must_use]
    pub fn payment(&self) -> Money {
        self.payment
    }
}

impl TryFrom<Unchecked> for Rules {
    type Error = RulesError;

    fn try_from(unchecked: Unchecked) -> Result<Self, RulesError> {
        let Unchecked {
            issuer,
            opening,
            floor,
            payment,
        } = unchecked;
        Self {
            issuer,
            opening,
            floor,
            payment,
        }
        .checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_were_written_and_those_by_which_money_overflows_are_not() {
        let issuer = Actor::from_bytes([1; 32]);
        let rules = Rules::issued_by(issuer, Money::MAX).with_floor(Money::new(7));
        let rules = rules.with_payment(Money::new(1)).expect("something");
        assert_eq!(Rules::decode(&codec::encode(&rules)), Ok(rules.clone()));
        assert!(codec::encode(&rules).len() <= BYTES);
        let forged = (None::<Actor>, Money::MAX, Money::ZERO, Money::MAX);
        assert!(Rules::decode(&codec::encode(&forged)).is_err());
        let forged = (Some(issuer), Money::MAX, Money::ZERO, Money::ZERO);
        assert!(Rules::decode(&codec::encode(&forged)).is_err());
        assert!(Rules::decode(&[0]).is_err());
        let beyond = Money::new(Bank::MOST_OPENING.units() + 1);
        let refused = Rules::default().with_opening(beyond);
        assert_eq!(refused, Err(RulesError::Opening(beyond)));
        assert_eq!(rules.with_payment(Money::ZERO), Err(RulesError::Payment));
    }
}
