//! Signatures that add up: committees, how many of their members may lie, and what a quorum of them
//! says.
//!
//! This room knows what a seat is, and neither lanes nor reasons: a certificate is of any
//! [`Statement`](crate::actor::Statement). How one committee follows another is
//! [`membership`](crate::membership)'s.
//!
//! State: who sits in one generation, and the signatures that are counted on one statement. Inputs:
//! signatures that were checked, and certificates that others claim. Outputs:
//! [`QuorumCertificate`], which exists only where a quorum of one committee has signed. Invariant:
//! two certificates of one committee share a correct member, as long as no more than `f` lie.

mod certificate;
mod committee;

pub use certificate::{Certificate, CertificateError, QuorumCertificate, Tally};
pub use committee::{Committee, CommitteeError, Generation, Seat, VerifyError};
