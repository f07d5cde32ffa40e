//! Who may sign: committees, quorums and the description of a network.
//!
//! This room knows no algorithm and nothing of the broadcast; it is generic over the statements that a quorum signs.

mod certificate;
mod committee;
mod genesis;

pub use certificate::{Certificate, CertificateError, QuorumCertificate, Tally};
pub use committee::{Committee, CommitteeError, Generation, Seat, VerifyError};
pub use genesis::{Genesis, GenesisError};
