//! Replicated data types that survive malicious replicas, without consensus on every operation.

pub mod actor;
pub mod at2_impl;
pub mod bank;
pub mod codec;
pub mod deterministic_secure_broadcast;
pub mod dot;
pub mod evidence;
pub mod laws;
pub mod membership;
pub mod money;
pub mod net;
pub mod orswot;
pub mod snapshot;
pub mod store;
pub mod traits;

pub use actor::{Actor, SigningActor};
pub use traits::{SecureBroadcastAlgorithm, Verdict};
