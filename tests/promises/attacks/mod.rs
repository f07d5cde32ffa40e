//! Attacks that once broke a promise, each with a control in which the attacker behaves. The
//! campaign finds their kinds without them.

mod amplified;
mod approvals;
mod convicts;
mod drowned;
mod evict;
mod evidence;
mod far_lanes;
mod garbage_lock;
mod generations;
mod left_alone;
mod marks;
mod poison;
mod silenced;
mod sleeper;
mod valid_lost;
