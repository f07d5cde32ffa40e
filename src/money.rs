//! Money and transfers: the words that [`Bank`](crate::bank::Bank) and
//! [`At2`](crate::at2_impl::At2) share.
//!
//! Invariants:
//! - money is never added or subtracted unchecked;
//! - a transfer's identity is its source and its number there (1, 2, 3, and so on), so two equal
//!   payments are two transfers, and "the source has come to number n" says that all its transfers
//!   up to n were applied.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;

/// An amount of money, in the smallest unit of the currency; no debts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Money(u64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(u64::MAX);

    /// This many of the smallest unit.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// How many of the smallest unit.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.0
    }

    /// The sum, or nothing when it is beyond [`Money::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing when it would be a debt.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which transfer: the account it leaves, and its number among all that ever left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransferId {
    /// The account that pays.
    pub source: Actor,
    /// 1 for the account's first transfer, then 2, 3 and so on.
    pub number: u64,
}

/// Money that leaves one account for another.
///
/// # What `deps` say
///
/// They name incoming transfers that this one builds on, and it is not applied before them. They
/// are *not* what makes it safe: whether the money is there is asked of the balance, and a balance
/// falls only by its owner's own transfers. They give cause before effect on every replica (whoever
/// sees a payment has seen the income that was named for it), and with the certificate they
/// explain, later and to anybody, where the money came from.
///
/// One identity per source is enough, the newest: numbers are consecutive, so it covers all before
/// it. Therefore one counter per account answers every dep, and nothing that is kept grows with
/// history. It is not checked that a named transfer paid *this* account: that takes the payee of
/// each transfer ever made, or a counter for each pair of accounts, and a false name only makes the
/// liar's own transfer wait for longer, since no money is counted by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transfer {
    /// Which transfer: who pays, and its number there.
    pub id: TransferId,
    /// The account that is paid.
    pub to: Actor,
    /// How much; not zero.
    pub amount: Money,
    /// Transfers that must have been applied before this one: at most [`Transfer::MOST_DEPS`], in
    /// strictly rising order of their sources, none from `id.source`.
    pub deps: Vec<TransferId>,
}

impl Transfer {
    /// How many transfers one may name as the ones it builds on.
    pub const MOST_DEPS: usize = 64;

    /// What is wrong with it for ever, whatever the balances; only a liar or a bug writes such a
    /// transfer.
    ///
    /// To move nothing, be it zero or from an account to itself, would cost a number and a
    /// broadcast, and is refused.
    pub(crate) fn flaw(&self, from: &Actor) -> Option<&'static str> {
        if self.id.source != *from {
            Some("takes from another's account")
        } else if self.to == *from {
            Some("pays its own account")
        } else if self.amount == Money::ZERO {
            Some("moves no money")
        } else if self.deps.len() > Self::MOST_DEPS {
            Some("too many deps")
        } else if !self.deps.is_sorted_by(|a, b| a.source < b.source) {
            Some("deps are not in strictly rising order")
        } else if self.deps.iter().any(|dep| dep.number == 0) {
            Some("there is no transfer 0")
        } else if self.deps.iter().any(|dep| dep.source == *from) {
            Some("builds on its own account")
        } else {
            None
        }
    }
}

/// At most 40 characters; says neither the payer, who is the lane it is drawn on, nor the number.
impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pay {:?} {}", self.to, self.amount)
    }
}

/// The newest transfer from each source to the local account that no transfer of this account has
/// named yet.
///
/// Knowledge of one replica: no verdict reads it, and a snapshot does not hold it. At most one
/// entry a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Income(BTreeMap<Actor, u64>);

impl Income {
    /// Keeps up with a transfer that is being applied, on the replica of `local`.
    pub(crate) fn observe(&mut self, local: &Actor, transfer: &Transfer) {
        if transfer.to == *local {
            self.0.insert(transfer.id.source, transfer.id.number);
        }
        if transfer.id.source == *local {
            self.forget(&transfer.deps);
        }
    }

    /// The deps of the next transfer of the local account. What is beyond the bound is named by the
    /// one after.
    pub(crate) fn deps(&self) -> Vec<TransferId> {
        self.0
            .iter()
            .take(Transfer::MOST_DEPS)
            .map(|(source, number)| TransferId {
                source: *source,
                number: *number,
            })
            .collect()
    }

    /// Newer income than the named one came after the transfer was written: it stays.
    fn forget(&mut self, named: &[TransferId]) {
        for dep in named {
            if self
                .0
                .get(&dep.source)
                .is_some_and(|newest| *newest <= dep.number)
            {
                self.0.remove(&dep.source);
            }
        }
    }
}
