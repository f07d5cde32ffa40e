//! Attacks that once succeeded, each with a control.

mod approvals;
mod evict;
mod garbage_lock;
mod marks;
mod valid_lost;
