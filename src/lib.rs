//! Replicated data types that survive malicious replicas, without consensus on every operation.

pub mod actor;
pub mod codec;
pub mod laws;
pub mod orswot;
pub mod traits;

pub use actor::{Actor, SigningActor};
pub use traits::{SecureBroadcastAlgorithm, Verdict};
