//! A bank without consensus: every actor has an account, and pays from it.
//!
//! Nobody but the owner takes from an account, so the order of one owner's operations is all the order that is
//! needed, and a broadcast per source gives it (Guerraoui et al.: The Consensus Number of a Cryptocurrency, PODC
//! 2019; Collins et al.: Online Payments by Merely Broadcasting Messages, DSN 2020).

mod bft_bank;
mod bft_bank_net;

pub use crate::money::{Money, Transfer, TransferId};
pub use bft_bank::{Account, Bank, Op, State};
