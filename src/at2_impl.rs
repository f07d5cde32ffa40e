//! AT2: asset transfer without consensus, after the papers.
//!
//! Guerraoui, Kuznetsov, Monti, Pavlovič, Seredinschi: The Consensus Number of a Cryptocurrency,
//! PODC 2019, Figure 4 (arXiv 1906.05574); and AT2: Asynchronous Trustworthy Transfers, arXiv
//! 1812.10844. The figure builds asset transfer on secure broadcast, with balances fixed at
//! genesis; here is what it keeps, and where:
//!
//! | in the figure | here |
//! |---|---|
//! | `seq[q]`, transfers of `q` that were validated | [`History::seq`] |
//! | `hist[q]`, validated transfers from and to `q` | [`History`], compact: the sums of what was paid and earned |
//! | `deps`, income since the last payment | kept by the local replica, the newest transfer per source |
//! | `transfer(a, b, x)` | [`At2::transfer`] |
//! | `read(a)` and `balance(a, hist)` | [`At2::balance`] |
//! | `Valid(q, t, h)` | `verdict` |
//! | what happens once a delivered transfer is `Valid` | `apply` |
//! | `rec[q]`, `deliver`, the set `toValidate` | the broadcast: it delivers each source in order and holds what is `NotYet` |
//!
//! Where it differs: the figure asks `h ⊆ hist[q]`, so a dep must be a transfer that involves `q`;
//! with compact histories we ask that it was validated, and [`Transfer`] argues why that is enough.
//! And the figure empties `deps` when it broadcasts; we drop what an own transfer named when it is
//! applied, so that a transfer which the broadcast refuses costs nothing.
//!
//! Invariants: the balances always sum up to those of the genesis, and none is a debt.
//!
//! Accounts with several owners (the paper's k-shared accounts) have a place here: a debit would
//! carry its place in the order that its account's owners agreed upon, with their signatures, and
//! `seq` would count per account, not per source. Without them a debit of one owner could
//! invalidate another's, against the law *stable*.

use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::codec;
use crate::money::{Income, Money, Transfer, TransferId};
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// A replica of AT2: the accounts of the genesis, and the transfers between them.
///
/// ```
/// use std::collections::BTreeMap;
/// use bft_crdts::at2_impl::At2;
/// use bft_crdts::money::Money;
/// use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
///
/// let [ann, bob] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
/// let genesis = BTreeMap::from([(ann, Money::new(100)), (bob, Money::ZERO)]);
/// let mut at2 = At2::with_balances(ann, genesis)?;
/// let payment = at2.transfer(bob, Money::new(30)).expect("ann has it");
/// assert!(at2.validate(&ann, &payment));
/// at2.apply(payment);
/// assert_eq!(at2.balance(&bob), Some(Money::new(30)));
/// # Ok::<(), bft_crdts::at2_impl::TooMuchMoney>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At2 {
    actor: Actor,
    genesis: Arc<BTreeMap<Actor, Money>>,
    hist: State,
    deps: Income,
}

/// What all replicas that applied the same transfers agree on: the history of each account that has
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State(BTreeMap<Actor, History>);

/// The validated transfers of one account, as far as any rule asks for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// How many left it, which is the number of the last one.
    pub seq: u64,
    /// The sum of those that left it.
    pub paid: u128,
    /// The sum of those that reached it.
    pub earned: u128,
}

/// Balances whose sum is beyond [`Money::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the balances sum up to more than can be counted")]
pub struct TooMuchMoney;

impl At2 {
    /// A replica in a network whose accounts, and what is on them, are fixed for ever.
    ///
    /// # Errors
    /// [`TooMuchMoney`]: no account could hold all of it.
    pub fn with_balances(
        actor: Actor,
        balances: BTreeMap<Actor, Money>,
    ) -> Result<Self, TooMuchMoney> {
        let mut sum = balances.values();
        sum.try_fold(Money::ZERO, |sum, balance| sum.checked_add(*balance))
            .ok_or(TooMuchMoney)?;
        Ok(Self {
            genesis: Arc::new(balances),
            ..Self::new(actor)
        })
    }

    /// The operation by which this replica's account pays `amount` to `to`, or nothing when it has
    /// less.
    ///
    /// The figure's operation *transfer(a, b, x)*: it returns false when the balance is below `x`,
    /// else it broadcasts the transfer, numbered `seq[p] + 1`, together with `deps`.
    #[must_use]
    pub fn transfer(&self, to: Actor, amount: Money) -> Option<Transfer> {
        let source = self.actor;
        if self.balance(&source)? < amount {
            return None;
        }
        let number = self.history(&source).seq.checked_add(1)?;
        Some(Transfer {
            id: TransferId { source, number },
            to,
            amount,
            deps: self.deps.deps(),
        })
    }

    /// The money on the account of `owner`, if the genesis names it.
    ///
    /// The figure's operation *read(a)*. Its `hist[a] ∪ deps` is all in `hist` here: income counts
    /// as soon as it is validated.
    #[must_use]
    pub fn balance(&self, owner: &Actor) -> Option<Money> {
        self.balance_after(owner, &self.history(owner))
    }

    /// The validated transfers of `owner`'s account: none, also when there is no such account.
    #[must_use]
    pub fn history(&self, owner: &Actor) -> History {
        self.hist.0.get(owner).copied().unwrap_or_default()
    }

    /// All accounts of the genesis, by owner.
    pub fn accounts(&self) -> impl Iterator<Item = (&Actor, Money)> {
        self.genesis
            .keys()
            .filter_map(|owner| Some((owner, self.balance(owner)?)))
    }

    /// All money there is: the sum of the balances of the genesis.
    #[must_use]
    pub fn issued(&self) -> Money {
        let units = self.genesis.values().map(|balance| balance.units());
        Money::new(units.sum())
    }

    /// The invariant: the sum of all balances is that of the genesis. Reads every account.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let sum = self.genesis.keys().try_fold(Money::ZERO, |sum, owner| {
            sum.checked_add(self.balance(owner)?)
        });
        sum == Some(self.issued())
    }

    /// The figure's function *balance(a, hist)*: what the genesis gave, plus what was earned, minus
    /// what was paid.
    fn balance_after(&self, owner: &Actor, history: &History) -> Option<Money> {
        let genesis = u128::from(self.genesis.get(owner)?.units());
        let balance = genesis
            .checked_add(history.earned)?
            .checked_sub(history.paid)?;
        u64::try_from(balance).ok().map(Money::new)
    }

    /// The figure's function *Valid(q, t, h)*, with `own` for `hist[q]`; yields `hist[q]` after the
    /// transfer.
    ///
    /// Its conditions, in the order in which they can be final: the source pays from its own
    /// account (*q = c*), the transfer is the next one (*s = seq[q] + 1*), all deps were validated
    /// (*h ⊆ hist[q]*), the balance suffices (*balance(c, hist[q]) ≥ y*).
    fn valid(&self, q: &Actor, own: History, t: &Transfer) -> Result<History, Verdict> {
        if let Some(flaw) = t.flaw(q) {
            return Err(Verdict::Never(flaw));
        }
        if !self.genesis.contains_key(q) || !self.genesis.contains_key(&t.to) {
            return Err(Verdict::Never("not an account of the genesis"));
        }
        if own.seq.checked_add(1) != Some(t.id.number) {
            return Err(Verdict::Never("not the account's next transfer number"));
        }
        let validated = |dep: &TransferId| self.history(&dep.source).seq >= dep.number;
        if !t.deps.iter().all(validated) {
            return Err(Verdict::NotYet("a transfer that it builds on"));
        }
        own.paying(t.amount)
            .filter(|after| self.balance_after(q, after).is_some())
            .ok_or(Verdict::NotYet("enough money"))
    }
}

impl SecureBroadcastAlgorithm for At2 {
    type Op = Transfer;
    type ReplicatedState = State;

    const NAME: &'static str = "at2/1";

    /// A replica of a network without accounts. See [`At2::with_balances`].
    fn new(actor: Actor) -> Self {
        Self {
            actor,
            genesis: Arc::default(),
            hist: State::default(),
            deps: Income::default(),
        }
    }

    fn state(&self) -> State {
        self.hist.clone()
    }

    /// The income that a first payment would name is not in a snapshot: that payment names none.
    fn sync_from(&mut self, other: State) {
        self.hist = other;
        self.deps = Income::default();
    }

    fn validate(&self, from: &Actor, op: &Transfer) -> bool {
        self.verdict(from, op).is_valid()
    }

    fn verdict(&self, from: &Actor, op: &Transfer) -> Verdict {
        self.verdict_batch(from, slice::from_ref(op))
    }

    /// A transfer changes nothing that a later one of the same source asks for, but for `hist[q]`.
    fn verdict_batch(&self, from: &Actor, ops: &[Transfer]) -> Verdict {
        let mut own = self.history(from);
        for op in ops {
            match self.valid(from, own, op) {
                Ok(after) => own = after,
                Err(verdict) => return verdict,
            }
        }
        Verdict::Valid
    }

    /// What the figure does with a transfer once it is valid. One that is not, which no correct
    /// caller applies, changes nothing.
    fn apply(&mut self, op: Transfer) {
        let (q, d) = (op.id.source, op.to);
        let after = |owner, history: Option<History>| {
            history.filter(|history| q != d && self.balance_after(owner, history).is_some())
        };
        let payer = after(&q, self.history(&q).paying(op.amount));
        let payee = after(&d, self.history(&d).earning(op.amount));
        let (Some(payer), Some(payee)) = (payer, payee) else {
            tracing::error!(%op, "a transfer was applied that is not valid");
            return;
        };
        // Update the histories of the outgoing and of the incoming account; `seq[q] = s`.
        self.hist.0.insert(q, payer);
        self.hist.0.insert(d, payee);
        // What reaches the local account is a dep of its next transfer.
        self.deps.observe(&self.actor, &op);
    }

    fn summary(op: &Transfer) -> String {
        op.to_string()
    }

    /// The balances of the genesis.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&*self.genesis)
    }
}

impl History {
    fn paying(self, amount: Money) -> Option<Self> {
        Some(Self {
            seq: self.seq.checked_add(1)?,
            paid: self.paid.checked_add(amount.units().into())?,
            ..self
        })
    }

    fn earning(self, amount: Money) -> Option<Self> {
        let earned = self.earned.checked_add(amount.units().into())?;
        Some(Self { earned, ..self })
    }
}
