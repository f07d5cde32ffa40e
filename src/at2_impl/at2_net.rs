//! AT2's own verbs on the simulated network.

use std::collections::BTreeMap;

use super::At2;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::ProposeError;
use crate::money::Money;
use crate::net::{Net, NetBuilder};

impl Net<At2> {
    /// `from` pays `amount` to `to`, if `from` has it. Whether it does: the figure's *transfer(a, b, x)*.
    ///
    /// # Errors
    /// [`ProposeError`] of `from`'s replica: `NotValid` when there is no such account.
    ///
    /// # Panics
    /// When `from` is down or no member.
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
    pub fn balance(&self, at: &Actor, of: &Actor) -> Option<Money> {
        self.read(at).balance(of)
    }
}

impl NetBuilder<At2> {
    /// The accounts of the genesis: to each member in seat order its balance; those for whom there is none have no account.
    /// To be called when the [`members`](NetBuilder::members) are known.
    ///
    /// # Panics
    /// When the balances are [too much money](super::TooMuchMoney).
    #[must_use]
    pub fn balances(self, balances: impl IntoIterator<Item = Money>) -> Self {
        let genesis: BTreeMap<_, _> = self.actors().into_iter().zip(balances).collect();
        self.algorithm(move |actor| {
            At2::with_balances(actor, genesis.clone()).expect("money that can be counted")
        })
    }
}
