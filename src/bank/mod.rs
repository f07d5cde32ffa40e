//! A bank without consensus: every actor has an account, and pays from it.
//!
//! Nobody but the owner takes from an account, so the order of one owner's operations is all the
//! order that is needed, and a broadcast per source gives it (Guerraoui et al.: The Consensus
//! Number of a Cryptocurrency, PODC 2019; Collins et al.: Online Payments by Merely Broadcasting
//! Messages, DSN 2020).
//!
//! On the simulated network it has verbs of its own:
//!
//! ```
//! use bft_crdts::bank::{Bank, Money};
//! use bft_crdts::net::{Faults, Net, Twins};
//!
//! let mut net = Net::<Bank>::builder(7).members(4).byzantine(Twins::new())
//!     .faults(Faults { drop: 0.1, ..Faults::default() }).build();
//! let (ann, bob) = (net.honest(0), net.honest(1));
//! net.open(&ann, Money::new(100))?;
//! net.open(&bob, Money::ZERO)?;
//! net.settle();
//! net.transfer(&ann, &bob, Money::new(10))?;
//! net.settle();
//! assert_eq!(net.balance(&bob, &ann), Some(Money::new(90)));
//! # Ok::<(), bft_crdts::deterministic_secure_broadcast::ProposeError>(())
//! ```

mod bft_bank;
mod reference;
mod rules;

pub use crate::money::{Money, Transfer, TransferId};
pub use bft_bank::{Account, Bank, Op, State};
pub use reference::{Payment, Reference, ReferenceError};
pub use rules::{Rules, RulesError};
