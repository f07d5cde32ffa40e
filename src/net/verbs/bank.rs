//! The bank's own verbs on the simulated network.

use crate::actor::Actor;
use crate::bank::{Bank, Money, Op};
use crate::deterministic_secure_broadcast::ProposeError;
use crate::net::{Net, SimBuilder, Subject};
use crate::traits::SecureBroadcastAlgorithm;

impl Net<Bank> {
    /// `who` opens its account with `balance`.
    ///
    /// # Errors
    /// [`ProposeError`] of its replica: `NotValid` when it is open already, or starts with more
    /// than it may.
    ///
    /// # Panics
    /// When `who` is down or no member.
    #[inline]
    pub fn open(&mut self, who: &Actor, balance: Money) -> Result<(), ProposeError> {
        let op = self.ahead(who).open(balance);
        self.propose(who, op)
    }

    /// `from` pays `amount` to `to`.
    ///
    /// # Errors
    /// [`ProposeError`] of `from`'s replica: `NotValid` when the money is not there, or one of the
    /// accounts.
    ///
    /// # Panics
    /// When `from` is down or no member.
    #[inline]
    pub fn transfer(
        &mut self,
        from: &Actor,
        to: &Actor,
        amount: Money,
    ) -> Result<(), ProposeError> {
        let op = self.ahead(from).transfer(*to, amount);
        self.propose(from, op)
    }

    /// The money on the account of `of`, as `at` sees it.
    ///
    /// # Panics
    /// When `at` is down or no member.
    #[must_use]
    #[inline]
    pub fn balance(&self, at: &Actor, of: &Actor) -> Option<Money> {
        self.read(at).balance(of)
    }
}

impl SimBuilder<Bank> {
    /// A bank whose accounts are open from the start: to each member in seat order its balance;
    /// those for whom there is none have no account. To be called when the
    /// [`members`](SimBuilder::members) are known.
    ///
    /// # Panics
    /// When a balance is beyond [`Bank::MOST_OPENING`].
    #[must_use]
    #[inline]
    pub fn balances(self, balances: impl IntoIterator<Item = Money>) -> Self {
        let accounts = self.actors().into_iter().zip(balances);
        let openings: Vec<_> = accounts
            .map(|(owner, balance)| {
                assert!(balance <= Bank::MOST_OPENING, "{owner:?} has {balance}");
                Bank::new(owner).open(balance)
            })
            .collect();
        self.algorithm(move |actor| {
            let mut bank = Bank::new(actor);
            openings.iter().cloned().for_each(|op| bank.apply(op));
            bank
        })
    }
}

impl Subject {
    /// A bank whose members begin with 100 each; newcomers open accounts. They pay each other a
    /// part of what they have, often all of it. Money is conserved.
    #[must_use]
    #[inline]
    pub fn bank() -> Self {
        Self::new("bank", rich, pay)
    }
}

/// Newcomers begin without an account.
#[inline]
fn rich(builder: SimBuilder<Bank>) -> SimBuilder<Bank> {
    let members = builder.actors().len();
    let conserved = |bank: &Bank| {
        let told = || format!("money is not conserved: {bank:?}");
        bank.is_conserved().then_some(()).ok_or_else(told)
    };
    let balances = vec![Money::new(100); members];
    builder.balances(balances).invariant(conserved)
}

/// What is not there it tries to pay as well, which its own replica refuses.
#[inline]
fn pay(bank: &Bank, actor: &Actor, pick: u16) -> Option<Op> {
    let (kind, choice) = (pick % 4, u64::from(pick / 4));
    let Some(balance) = bank.balance(actor) else {
        return Some(bank.open(Money::new(choice % 200)));
    };
    let accounts: Vec<_> = bank.accounts().map(|(owner, _)| *owner).collect();
    let to = accounts[choice as usize % accounts.len()];
    let amount = match kind {
        0 => balance.units(),
        1 => balance.units().div_ceil(2),
        _ => 1 + choice % 50,
    };
    Some(bank.transfer(to, Money::new(amount)))
}
