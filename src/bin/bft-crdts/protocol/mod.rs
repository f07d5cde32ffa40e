//! What is said over the control socket: one request and one answer, each a line of JSON.

mod event;
mod operations;
mod refusal;
mod reply;
mod request;

pub(crate) use event::Event;
pub(crate) use operations::{History, Operation, Paid, Payment, PaymentState};
pub(crate) use refusal::Refusal;
pub(crate) use reply::{
    Account, Answer, Evidence, Member, Place, Put, Reply, Status, Unreached, Waiting, Wish, Words,
};
pub(crate) use request::{Kind, Request, Wished};

/// Bytes of a request, with its end of line.
pub(crate) const REQUEST_BYTES: u64 = 1 << 20;
