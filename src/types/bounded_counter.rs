//! A stock or a quota: what is used was granted, and nobody uses what others hold.
//!
//! Rights are accounts. Who may grant, and how much in all, is fixed in the configuration; granted
//! rights belong to the granter, who gives them on or uses them, and so does each receiver (Balegas
//! et al.: Extending Eventually Consistent Cloud Databases for Enforcing Numeric Invariants, SRDS
//! 2015).
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use bft_crdts::types::BoundedCounter;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let [shop, till] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
//! let mut tickets = BoundedCounter::with_quotas(shop, BTreeMap::from([(shop, 100)]))?;
//! tickets.apply(tickets.open());
//! tickets.apply(tickets.grant(10));
//! tickets.apply(BoundedCounter::new(till).open());
//! let give = tickets.give(till, 4);
//! assert!(tickets.validate(&shop, &give));
//! tickets.apply(give);
//! tickets.apply(tickets.consume(1));
//! assert_eq!((tickets.rights(&shop), tickets.rights(&till)), (Some(5), Some(4)));
//! assert_eq!(tickets.available(), 9);
//! # Ok::<(), bft_crdts::types::bounded_counter::TooManyRights>(())
//! ```
//!
//! # What a liar cannot do
//!
//! - *Use or give what is not its own*: rights fall only by their owner's own operations. Too few
//!   are `NotYet` enough, since a gift could still come.
//! - *Grant beyond its quota*: `Never`. The quotas sum up to no more than can be counted, so no sum
//!   overflows.
//! - *Give to accounts that do not exist*, to fill the memory with them: an account is opened by
//!   its owner alone and once; until then a gift is `NotYet` valid. So one account is kept of each
//!   source.
//!
//! Verdict and `apply` cost O(1), and so does reading the sum or one account.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::codec;
use crate::index::Index;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// Rights that are granted, given on, and used up. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundedCounter {
    actor: Actor,
    quotas: Arc<BTreeMap<Actor, u64>>,
    accounts: Index<Actor, Account>,
    /// Derived: all that was granted and not used.
    available: u64,
}

/// An operation on the rights of its author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Opens the account of `by`, once.
    Open {
        /// The author.
        by: Actor,
    },
    /// Creates rights, which belong to `by`.
    Grant {
        /// The author.
        by: Actor,
        /// How many; not 0.
        amount: u64,
    },
    /// Gives rights of `by` to the owner of another open account.
    Give {
        /// The author.
        by: Actor,
        /// Who receives them.
        to: Actor,
        /// How many; not 0.
        amount: u64,
    },
    /// Uses rights of `by` up.
    Use {
        /// The author.
        by: Actor,
        /// How many; not 0.
        amount: u64,
    },
}

impl Op {
    /// Whose operation it is.
    #[must_use]
    pub fn author(&self) -> &Actor {
        let (Self::Open { by }
        | Self::Grant { by, .. }
        | Self::Give { by, .. }
        | Self::Use { by, .. }) = self;
        by
    }

    fn amount(&self) -> Option<u64> {
        match self {
            Self::Open { .. } => None,
            Self::Grant { amount, .. } | Self::Give { amount, .. } | Self::Use { amount, .. } => {
                Some(*amount)
            }
        }
    }
}

/// What one source has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Rights that it can use or give.
    pub rights: u64,
    /// Rights that it used, in all.
    pub used: u64,
    /// Rights that it granted, in all.
    pub granted: u64,
}

impl Account {
    fn spending(self, amount: u64) -> Option<Self> {
        let rights = self.rights.checked_sub(amount)?;
        Some(Self { rights, ..self })
    }
}

/// What all replicas that applied the same operations agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Actor, Account>")]
pub struct State(BTreeMap<Actor, Account>);

impl TryFrom<BTreeMap<Actor, Account>> for State {
    type Error = TooManyRights;

    fn try_from(accounts: BTreeMap<Actor, Account>) -> Result<Self, TooManyRights> {
        let sum = |of: fn(&Account) -> u64| {
            let mut amounts = accounts.values().map(of);
            amounts.try_fold(0u64, u64::checked_add)
        };
        let granted = sum(|account| account.granted);
        let there = sum(|account| account.rights)
            .zip(sum(|account| account.used))
            .and_then(|(rights, used)| rights.checked_add(used));
        if granted.is_none_or(|granted| granted > MOST) || granted != there {
            return Err(TooManyRights);
        }
        Ok(Self(accounts))
    }
}

/// Rights that all quotas together may create. A state knows no quotas: whatever it holds within
/// this bound, all that may still be granted can be added to it.
const MOST: u64 = u64::MAX / 2;

/// Rights whose sum is beyond what can be counted, or which were not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rights sum up to more than can be counted, or than were granted")]
pub struct TooManyRights;

impl BoundedCounter {
    /// A replica in a network in which these actors may grant, each so many rights in all.
    ///
    /// # Errors
    /// [`TooManyRights`]: the quotas sum up to more than half of `u64::MAX`.
    pub fn with_quotas(actor: Actor, quotas: BTreeMap<Actor, u64>) -> Result<Self, TooManyRights> {
        let sum = quotas.values().copied().try_fold(0u64, u64::checked_add);
        sum.filter(|sum| *sum <= MOST).ok_or(TooManyRights)?;
        Ok(Self {
            quotas: Arc::new(quotas),
            ..Self::new(actor)
        })
    }

    /// The operation that opens this replica's account.
    #[must_use]
    pub fn open(&self) -> Op {
        Op::Open { by: self.actor }
    }

    /// The operation that creates rights.
    #[must_use]
    pub fn grant(&self, amount: u64) -> Op {
        let by = self.actor;
        Op::Grant { by, amount }
    }

    /// The operation that gives own rights to another.
    #[must_use]
    pub fn give(&self, to: Actor, amount: u64) -> Op {
        let by = self.actor;
        Op::Give { by, to, amount }
    }

    /// The operation that uses own rights up.
    #[must_use]
    pub fn consume(&self, amount: u64) -> Op {
        let by = self.actor;
        Op::Use { by, amount }
    }

    /// All rights that were granted and not used.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.available
    }

    /// What `owner` can use or give, if its account is open.
    #[must_use]
    pub fn rights(&self, owner: &Actor) -> Option<u64> {
        Some(self.account(owner)?.rights)
    }

    /// The account of `owner`, if it is open.
    #[must_use]
    pub fn account(&self, owner: &Actor) -> Option<&Account> {
        self.accounts.get(owner)
    }

    /// All open accounts, by owner, in O(n log n).
    pub fn accounts(&self) -> impl Iterator<Item = (&Actor, &Account)> {
        self.accounts.sorted().into_iter()
    }

    fn own(&self, from: &Actor) -> Option<Account> {
        self.account(from).copied()
    }

    fn judge(&self, from: &Actor, own: &mut Option<Account>, op: &Op) -> Result<(), Verdict> {
        if op.author() != from {
            return Err(Verdict::Never("in another's name"));
        }
        if op.amount() == Some(0) {
            return Err(Verdict::Never("moves nothing"));
        }
        let Some(account) = *own else {
            if !matches!(op, Op::Open { .. }) {
                return Err(Verdict::Never("before its account is open"));
            }
            *own = Some(Account::default());
            return Ok(());
        };
        *own = Some(match op {
            Op::Open { .. } => return Err(Verdict::Never("the account is already open")),
            Op::Grant { amount, .. } => self.judge_grant(from, account, *amount)?,
            Op::Give { to, amount, .. } => self.judge_gift(from, account, to, *amount)?,
            Op::Use { amount, .. } => using(account, *amount).ok_or(TOO_FEW)?,
        });
        Ok(())
    }

    fn judge_grant(&self, from: &Actor, own: Account, amount: u64) -> Result<Account, Verdict> {
        let quota = self.quotas.get(from).copied().unwrap_or(0);
        granting(own, amount)
            .filter(|after| after.granted <= quota)
            .ok_or(Verdict::Never("grants more than it may"))
    }

    fn judge_gift(
        &self,
        from: &Actor,
        own: Account,
        to: &Actor,
        amount: u64,
    ) -> Result<Account, Verdict> {
        if to == from {
            return Err(Verdict::Never("gives to itself"));
        }
        if self.account(to).is_none() {
            return Err(Verdict::NotYet("the receiver's account"));
        }
        own.spending(amount).ok_or(TOO_FEW)
    }

    fn account_mut(&mut self, owner: &Actor) -> &mut Account {
        let account = self.accounts.get_mut(owner);
        account.expect("a valid operation is on open accounts")
    }
}

const TOO_FEW: Verdict = Verdict::NotYet("enough rights");

fn granting(own: Account, amount: u64) -> Option<Account> {
    Some(Account {
        rights: own.rights.checked_add(amount)?,
        granted: own.granted.checked_add(amount)?,
        ..own
    })
}

fn using(own: Account, amount: u64) -> Option<Account> {
    let used = own.used.checked_add(amount)?;
    Some(Account {
        used,
        ..own.spending(amount)?
    })
}

impl SecureBroadcastAlgorithm for BoundedCounter {
    type Op = Op;
    type ReplicatedState = State;

    const NAME: &'static str = "bounded-counter/1";

    /// A replica of a network in which nobody may grant. See [`BoundedCounter::with_quotas`].
    fn new(actor: Actor) -> Self {
        Self {
            actor,
            quotas: Arc::default(),
            accounts: Index::default(),
            available: 0,
        }
    }

    fn state(&self) -> State {
        let accounts = self.accounts().map(|(owner, account)| (*owner, *account));
        State(accounts.collect())
    }

    fn sync_from(&mut self, other: State) {
        self.available = other.0.values().map(|account| account.rights).sum();
        self.accounts = other.0.into_iter().collect();
    }

    judged_in_order!();

    fn apply(&mut self, op: Op) {
        match op {
            Op::Open { by } => {
                self.accounts.insert(by, Account::default());
            }
            Op::Grant { by, amount } => {
                let account = self.account_mut(&by);
                *account = granting(*account, amount).expect("a valid grant is within its quota");
                self.available += amount;
            }
            Op::Give { by, to, amount } => {
                let giver = self.account_mut(&by);
                *giver = giver.spending(amount).expect("a valid gift is the giver's");
                self.account_mut(&to).rights += amount;
            }
            Op::Use { by, amount } => {
                let account = self.account_mut(&by);
                *account = using(*account, amount).expect("a valid use is of own rights");
                self.available -= amount;
            }
        }
    }

    /// Whether each source is within its quota.
    fn admits(&self, state: &State) -> bool {
        let quota = |owner| self.quotas.get(owner).copied().unwrap_or(0);
        let mut accounts = state.0.iter();
        accounts.all(|(owner, account)| account.granted <= quota(owner))
    }

    /// The quotas.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&*self.quotas)
    }
}
