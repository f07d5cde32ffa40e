//! AT2's own verbs on the simulated network.

use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::at2_impl::At2;
use crate::deterministic_secure_broadcast::ProposeError;
use crate::money::{Money, Transfer};
use crate::net::{Net, SimBuilder, Subject};

impl Net<At2> {
    /// `from` pays `amount` to `to`, if `from` has it. Whether it does: the figure's *transfer(a,
    /// b, x)*.
    ///
    /// # Errors
    /// [`ProposeError`] of `from`'s replica: `NotValid` when there is no such account.
    ///
    /// # Panics
    /// When `from` is down or no member.
    #[inline]
    pub fn pay(&mut self, from: &Actor, to: &Actor, amount: Money) -> Result<bool, ProposeError> {
        match self.ahead(from).transfer(*to, amount) {
            Some(op) => self.propose(from, op).map(|()| true),
            None => Ok(false),
        }
    }

    /// The money on the account of `of`, as `at` sees it: the figure's *read(a)*.
    ///
    /// # Panics
    /// When `at` is down or no member.
    #[must_use]
    #[inline]
    pub fn balance(&self, at: &Actor, of: &Actor) -> Option<Money> {
        self.read(at).balance(of)
    }
}

impl SimBuilder<At2> {
    /// The accounts of the genesis: to each member in seat order its balance; those for whom there
    /// is none have no account. To be called when the [`members`](SimBuilder::members) are known.
    ///
    /// # Panics
    /// When the balances are [too much money](crate::at2_impl::TooMuchMoney).
    #[must_use]
    #[inline]
    pub fn balances(self, balances: impl IntoIterator<Item = Money>) -> Self {
        let genesis: BTreeMap<_, _> = self.actors().into_iter().zip(balances).collect();
        self.algorithm(move |actor| {
            At2::with_balances(actor, genesis.clone()).expect("money that can be counted")
        })
    }
}

impl Subject {
    /// AT2 whose founders begin with 100 each and pay each other a part of it, often all. Money is
    /// conserved.
    #[must_use]
    #[inline]
    pub fn at2() -> Self {
        Self::new("at2", rich, pay)
    }
}

/// So the invariant is checked after each step of each replica.
#[inline]
fn rich(builder: SimBuilder<At2>) -> SimBuilder<At2> {
    let members = builder.actors().len();
    let conserved = |at2: &At2| {
        let told = || format!("money is not conserved: {at2:?}");
        at2.is_conserved().then_some(()).ok_or_else(told)
    };
    let balances = vec![Money::new(100); members];
    builder.balances(balances).invariant(conserved)
}

/// `None` for who has no account. It pays all, half, or some of what it has, and now and then what
/// it has not: then there is nothing to propose.
#[inline]
fn pay(at2: &At2, actor: &Actor, pick: u16) -> Option<Transfer> {
    let (kind, choice) = (pick % 4, u64::from(pick / 4));
    let accounts: Vec<_> = at2.accounts().map(|(owner, _)| *owner).collect();
    let balance = at2.balance(actor)?;
    let to = *accounts.get(choice as usize % accounts.len().max(1))?;
    let amount = match kind {
        0 => balance.units(),
        1 => balance.units().div_ceil(2),
        _ => 1 + choice % 50,
    };
    at2.transfer(to, Money::new(amount))
}
