//! The bank as an algorithm: accounts that are opened once, balances that are numbers.
//!
//! Invariants, after every applied operation:
//! - the sum of all balances is what was issued ([`Bank::is_conserved`]), and no balance is a debt;
//! - a balance falls only by its owner's own transfers; an account, once open, stays open; transfer
//!   numbers only rise. Every verdict reads nothing else of other sources, hence the laws *stable*,
//!   *final* and *commuting*;
//! - no sum overflows: see [`Bank::MOST_OPENING`].
//!
//! A transfer costs a few look-ups, a reading one. What is kept grows with the accounts, and by the
//! payments under a reference that each of them remembers, [`Bank::REMEMBERED`] at most.

use std::collections::BTreeMap;
use std::fmt;
use std::slice;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::bank::reference::{Payment, Reference, References};
use crate::bank::rules::Rules;
use crate::codec;
use crate::money::{Income, Money, Transfer, TransferId};
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// Accounts that belong to actors, and the money on them.
///
/// Without an issuer, anybody may open an account with up to [`Bank::MOST_OPENING`]: money for
/// research. With one, all money is the issuer's opening balance, and reaches others by transfers;
/// there is no other minting, so an issuer that wants room to grow opens with more and keeps it.
/// [`Rules`] say which, and what else is allowed.
///
/// ```
/// use bft_crdts::bank::{Bank, Money};
/// use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
///
/// let [ann, bob] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
/// let mut bank = Bank::new(ann);
/// bank.apply(bank.open(Money::new(100)));
/// bank.apply(Bank::new(bob).open(Money::ZERO));
/// let payment = bank.transfer(bob, Money::new(30));
/// assert!(bank.validate(&ann, &payment));
/// bank.apply(payment);
/// assert_eq!(bank.balance(&ann), Some(Money::new(70)));
/// assert_eq!(bank.balance(&bob), Some(Money::new(30)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bank {
    actor: Actor,
    rules: Rules,
    state: State,
    income: Income,
}

/// What all replicas that applied the same operations agree on.
///
/// It decodes only when the sum of all balances is what was issued, and each account can remember
/// what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct State {
    accounts: BTreeMap<Actor, Account>,
    issued: Money,
    /// Of the accounts that remember any.
    references: BTreeMap<Actor, References>,
}

/// A state as it was read.
#[derive(Deserialize)]
struct Unchecked {
    accounts: BTreeMap<Actor, Account>,
    issued: Money,
    /// Of the accounts that remember any.
    references: BTreeMap<Actor, References>,
}

impl TryFrom<Unchecked> for State {
    type Error = &'static str;

    fn try_from(unchecked: Unchecked) -> Result<Self, &'static str> {
        let Unchecked {
            accounts,
            issued,
            references,
        } = unchecked;
        let state = Self {
            accounts,
            issued,
            references,
        };
        if !state.is_conserved() {
            return Err("balances that are not what was issued");
        }
        let fit = |(owner, references): (&Actor, &References)| {
            let account = state.accounts.get(owner);
            account.is_some_and(|account| references.fits(owner, account.transfers))
        };
        match state.references.iter().all(fit) {
            true => Ok(state),
            false => Err("payments that their account cannot remember"),
        }
    }
}

/// An open account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The money on it.
    pub balance: Money,
    /// How many transfers have left it, which is the number of the last one.
    pub transfers: u64,
}

/// What an actor can ask of the bank.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Opens the account of `owner`: only by itself, only once.
    OpenAccount {
        /// Whose account.
        owner: Actor,
        /// The money that is issued with it.
        balance: Money,
    },
    /// Moves money from the account of the op's source to another open one.
    Transfer(Transfer),
    /// The same, once: as long as the account remembers a payment under this reference, another one
    /// is never valid.
    Referenced(Transfer, Reference),
}

impl Op {
    /// The transfer, and the reference that it was made under.
    #[must_use]
    pub fn transfer(&self) -> Option<(&Transfer, Option<&Reference>)> {
        match self {
            Self::OpenAccount { .. } => None,
            Self::Transfer(transfer) => Some((transfer, None)),
            Self::Referenced(transfer, reference) => Some((transfer, Some(reference))),
        }
    }
}

impl Bank {
    /// The most that an account without an issuer may be opened with: 2^38 - 1.
    ///
    /// [`Limits::check`](codec::Limits::check) passes no network of 2^26 lanes (their heads would
    /// not fit a packet), a lane opens one account, and 2^26 times this is less than
    /// [`Money::MAX`]. So no opening has to ask how much others have issued; if it had, two of them
    /// could invalidate each other.
    pub const MOST_OPENING: Money = Money::new(u64::MAX >> 26);

    /// A payment under a reference is remembered until its account has made so many transfers after
    /// it: 65,536.
    ///
    /// So a payer makes all others keep at most as many [`Payment`]s and [`Reference`]s, some 12
    /// MB.
    pub const REMEMBERED: u64 = 1 << 16;

    /// A replica of a bank whose money all comes from `issuer`.
    #[must_use]
    pub fn with_issuer(actor: Actor, issuer: Actor) -> Self {
        Self::with_rules(actor, Rules::issued_by(issuer, Money::MAX))
    }

    /// A replica of a bank with these rules.
    #[must_use]
    pub fn with_rules(actor: Actor, rules: Rules) -> Self {
        Self {
            rules,
            ..Self::new(actor)
        }
    }

    /// What this bank allows.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whose replica this is, and so whose account its own operations open and pay from.
    #[must_use]
    pub fn owner(&self) -> &Actor {
        &self.actor
    }

    /// The operation that opens this replica's account with `balance`.
    #[must_use]
    pub fn open(&self, balance: Money) -> Op {
        let owner = self.actor;
        Op::OpenAccount { owner, balance }
    }

    /// The operation by which this replica's account pays `amount` to `to`.
    ///
    /// It names the income since the last payment as its deps. Whether it is valid is the verdict's
    /// to say.
    #[must_use]
    pub fn transfer(&self, to: Actor, amount: Money) -> Op {
        Op::Transfer(self.next_transfer(to, amount))
    }

    /// The same under a reference: while this account [remembers](Self::payment) a payment under
    /// it, the operation is never valid.
    ///
    /// Who pays again after an interruption asks [`payment`](Self::payment) first, on the state
    /// with its own pending operations applied
    /// ([`Replica::ahead`](crate::deterministic_secure_broadcast::Replica::ahead)), and pays if
    /// there is none.
    #[must_use]
    pub fn transfer_once(&self, to: Actor, amount: Money, reference: Reference) -> Op {
        Op::Referenced(self.next_transfer(to, amount), reference)
    }

    fn next_transfer(&self, to: Actor, amount: Money) -> Transfer {
        let source = self.actor;
        let number = self.transfers(&source).saturating_add(1);
        Transfer {
            id: TransferId { source, number },
            to,
            amount,
            deps: self.income.deps(),
        }
    }

    /// The payment that the account of `payer` remembers under a reference.
    #[must_use]
    pub fn payment(&self, payer: &Actor, reference: &Reference) -> Option<&Payment> {
        self.state.references.get(payer)?.get(reference)
    }

    /// All payments that the account of `payer` remembers by their references, the oldest first.
    pub fn payments(
        &self,
        payer: &Actor,
    ) -> impl Iterator<Item = (&Reference, &Payment)> + use<'_> {
        let references = self.state.references.get(payer);
        references.into_iter().flat_map(References::iter)
    }

    /// The money on the account of `owner`, if it is open.
    #[must_use]
    pub fn balance(&self, owner: &Actor) -> Option<Money> {
        Some(self.account(owner)?.balance)
    }

    /// The account of `owner`, if it is open.
    #[must_use]
    pub fn account(&self, owner: &Actor) -> Option<&Account> {
        self.state.accounts.get(owner)
    }

    /// All open accounts, by owner.
    pub fn accounts(&self) -> impl Iterator<Item = (&Actor, &Account)> {
        self.state.accounts.iter()
    }

    /// All money that was ever issued: the sum of the opening balances.
    #[must_use]
    pub fn issued(&self) -> Money {
        self.state.issued
    }

    /// The bank's invariant: the sum of all balances is what was issued. Reads every account.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        self.state.is_conserved()
    }

    fn transfers(&self, owner: &Actor) -> u64 {
        self.account(owner).map_or(0, |account| account.transfers)
    }
}

/// The references that the operations of a batch have used so far, each with the number of the last
/// transfer under it.
type Used<'a> = BTreeMap<&'a Reference, u64>;

/// Judging: all that an operation changes for later ones of the same source is that source's own
/// account and what it remembers, so judging yields it, and a batch hands it on from operation to
/// operation.
impl Bank {
    fn judge<'a>(
        &self,
        from: &Actor,
        own: Option<Account>,
        used: &mut Used<'a>,
        op: &'a Op,
    ) -> Result<Account, Verdict> {
        match op {
            Op::OpenAccount { owner, balance } => self.judge_opening(from, own, owner, *balance),
            Op::Transfer(transfer) => self.judge_transfer(from, own, transfer),
            Op::Referenced(transfer, reference) => {
                self.judge_reference(from, own, used, reference)?;
                let own = self.judge_transfer(from, own, transfer)?;
                used.insert(reference, transfer.id.number);
                Ok(own)
            }
        }
    }

    /// Only the account's own transfers make it remember and forget; the operation names its number
    /// among them, and is valid at no later one.
    fn judge_reference(
        &self,
        from: &Actor,
        own: Option<Account>,
        used: &Used<'_>,
        reference: &Reference,
    ) -> Result<(), Verdict> {
        let transfers = own.map_or(0, |account| account.transfers);
        let before = self.payment(from, reference).map(|payment| payment.number);
        let last = used.get(reference).copied().or(before);
        match last.is_some_and(|number| Payment::is_remembered(number, transfers)) {
            true => Err(Verdict::Never("a payment was made under that reference")),
            false => Ok(()),
        }
    }

    fn judge_opening(
        &self,
        from: &Actor,
        own: Option<Account>,
        owner: &Actor,
        balance: Money,
    ) -> Result<Account, Verdict> {
        if owner != from {
            return Err(Verdict::Never("opens another's account"));
        }
        if own.is_some() {
            return Err(Verdict::Never("the account is already open"));
        }
        if balance > self.rules.opening(owner) {
            return Err(Verdict::Never("issues more than it may"));
        }
        Ok(Account::opened_with(balance))
    }

    /// First what the source alone can change, which is final; then what others still can.
    fn judge_transfer(
        &self,
        from: &Actor,
        own: Option<Account>,
        transfer: &Transfer,
    ) -> Result<Account, Verdict> {
        if let Some(flaw) = transfer.flaw(from) {
            return Err(Verdict::Never(flaw));
        }
        if transfer.amount > self.rules.payment() {
            return Err(Verdict::Never("moves more than a payment may"));
        }
        let own = own.ok_or(Verdict::Never("pays before its account is open"))?;
        // A source's operations come in order: a gap is never filled.
        if own.transfers.checked_add(1) != Some(transfer.id.number) {
            return Err(Verdict::Never("not the account's next transfer number"));
        }
        let applied = |dep: &TransferId| self.transfers(&dep.source) >= dep.number;
        if !transfer.deps.iter().all(applied) {
            return Err(Verdict::NotYet("a transfer that it builds on"));
        }
        if self.account(&transfer.to).is_none() {
            return Err(Verdict::NotYet("the payee's account"));
        }
        own.debited(transfer.amount)
            .filter(|after| after.balance >= self.rules.floor())
            .ok_or(Verdict::NotYet("enough money"))
    }
}

impl SecureBroadcastAlgorithm for Bank {
    type Op = Op;
    type ReplicatedState = State;

    const NAME: &'static str = "bank/3";

    fn new(actor: Actor) -> Self {
        Self {
            actor,
            rules: Rules::default(),
            state: State::default(),
            income: Income::default(),
        }
    }

    fn state(&self) -> State {
        self.state.clone()
    }

    /// The income that a first payment would name is not in a snapshot: that payment names none.
    fn sync_from(&mut self, other: State) {
        self.state = other;
        self.income = Income::default();
    }

    fn validate(&self, from: &Actor, op: &Op) -> bool {
        self.verdict(from, op).is_valid()
    }

    fn verdict(&self, from: &Actor, op: &Op) -> Verdict {
        self.verdict_batch(from, slice::from_ref(op))
    }

    fn verdict_batch(&self, from: &Actor, ops: &[Op]) -> Verdict {
        let mut own = self.account(from).copied();
        let mut used = Used::new();
        for op in ops {
            match self.judge(from, own, &mut used, op) {
                Ok(after) => own = Some(after),
                Err(verdict) => return verdict,
            }
        }
        Verdict::Valid
    }

    /// An operation that is not valid here, which no correct caller applies, changes nothing.
    fn apply(&mut self, op: Op) {
        let applied = match &op {
            Op::OpenAccount { owner, balance } => self.state.open(*owner, *balance),
            Op::Transfer(transfer) => self.state.transfer(transfer, None),
            Op::Referenced(transfer, reference) => self.state.transfer(transfer, Some(reference)),
        };
        match (applied, op.transfer()) {
            (None, _) => tracing::error!(%op, "an operation was applied that is not valid"),
            (Some(()), Some((transfer, _))) => self.income.observe(&self.actor, transfer),
            (Some(()), None) => {}
        }
    }

    fn summary(op: &Op) -> String {
        op.to_string()
    }

    /// The issuer's opening is all money that was ever issued.
    fn admits(&self, state: &State) -> bool {
        let issuer = self.rules.issuer();
        issuer.is_none_or(|issuer| state.issued <= self.rules.opening(issuer))
    }

    /// Of each account one: its owner, and the canonical bytes of its balance.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        self.accounts()
            .map(|(owner, account)| (owner.as_bytes().to_vec(), codec::encode(&account.balance)))
    }

    /// The [`Rules`].
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&self.rules)
    }
}

/// Each either happens as a whole or, with nothing, not at all.
impl State {
    fn is_conserved(&self) -> bool {
        let mut balances = self.accounts.values().map(|account| account.balance);
        let sum = balances.try_fold(Money::ZERO, Money::checked_add);
        sum == Some(self.issued)
    }

    fn open(&mut self, owner: Actor, balance: Money) -> Option<()> {
        if self.accounts.contains_key(&owner) {
            return None;
        }
        self.issued = self.issued.checked_add(balance)?;
        self.accounts.insert(owner, Account::opened_with(balance));
        Some(())
    }

    fn transfer(&mut self, transfer: &Transfer, reference: Option<&Reference>) -> Option<()> {
        let (source, to) = (transfer.id.source, transfer.to);
        if source == to {
            return None;
        }
        let payer = self.accounts.get(&source)?.debited(transfer.amount)?;
        let payee = self.accounts.get(&to)?.credited(transfer.amount)?;
        self.accounts.insert(source, payer);
        self.accounts.insert(to, payee);
        self.remember(transfer, reference);
        Some(())
    }

    fn remember(&mut self, transfer: &Transfer, reference: Option<&Reference>) {
        let TransferId { source, number } = transfer.id;
        let mut remembered = self.references.remove(&source).unwrap_or_default();
        remembered.forget(number);
        if let Some(reference) = reference {
            remembered.insert(reference.clone(), Payment::of(transfer));
        }
        if !remembered.is_empty() {
            self.references.insert(source, remembered);
        }
    }
}

impl Account {
    fn opened_with(balance: Money) -> Self {
        Self {
            balance,
            transfers: 0,
        }
    }

    fn debited(self, amount: Money) -> Option<Self> {
        Some(Self {
            balance: self.balance.checked_sub(amount)?,
            transfers: self.transfers.checked_add(1)?,
        })
    }

    fn credited(self, amount: Money) -> Option<Self> {
        let balance = self.balance.checked_add(amount)?;
        Some(Self { balance, ..self })
    }
}

/// At most 40 characters, for charts.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenAccount { balance, .. } => write!(f, "open {balance}"),
            Self::Transfer(transfer) | Self::Referenced(transfer, _) => transfer.fmt(f),
        }
    }
}
