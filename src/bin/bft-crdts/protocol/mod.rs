//! What is said over the control socket: a request and its answer in one line of JSON or several.
//! `docs/control.md` describes it for programs in other languages.

#[cfg(test)]
mod documented;
mod envelope;
mod event;
mod health;
mod operations;
mod pages;
mod refusal;
mod reply;
mod request;

pub(crate) use envelope::{Line, Unreadable, ask, hear, told};
pub(crate) use event::{Event, Told};
pub(crate) use health::{Echoing, Finding, FindingCode, Health, HealthState};
pub(crate) use operations::{Effect, History, Operation, Paid, Payment, State};
pub(crate) use refusal::Refusal;
pub(crate) use reply::{
    Account, Answer, BankRules, Evidence, Member, Place, ProofDigits, Put, Reply, SnapshotFile,
    StateOrigin, Status, Unreached, Waiting, Wish, Words,
};
pub(crate) use request::{Kind, Request, Wished};

/// The version of the protocol. It rises when a client of the one before would misunderstand:
/// requests, replies, events, codes and fields may be added without.
pub(crate) const VERSION: u64 = 1;

/// Bytes of a request, with its end of line.
pub(crate) const REQUEST_BYTES: u64 = 1 << 20;
