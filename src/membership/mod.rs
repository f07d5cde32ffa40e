//! How one committee follows another: the description of a network, its changes, the agreement on
//! where a generation ends, and the boundary at which the next begins.
//!
//! This room knows no algorithm and nothing of the broadcast. Who sits in a committee and what a
//! quorum of it signs is [`quorum`](crate::quorum)'s.
//!
//! A generation ends in four steps, each a fact that the next one needs: [`Approval`]s make a
//! [`CertifiedChange`]; members freeze and [`Report`]; the [`Agreement`] decides one
//! [`GenerationProposal`] by the digest of its [`Header`]. The header and its certificate, the
//! [`GenerationProof`], make the [`Foundation`] of the next generation, and with the [`Ending`]
//! that it commits to the [`Boundary`] at which that begins.
//!
//! What drives it, in order:
//! 1. [`Approvals::add`] with each approval; or [`ChangeCertificate::verify`], when somebody shows
//!    the change whole. The first [`CertifiedChange`] freezes the generation: make that durable,
//!    and stop echoing.
//! 2. Sign one [`Report`], make it durable, send it with the change. Check others' with
//!    [`CheckedReport::of`].
//! 3. [`Agreement::open`] and [`Agreement::start`]. When it [`awaits an
//!    offer`](Agreement::awaits_offer): [`GenerationDraft::gather`] what can be backed, compute the
//!    state at the frontier of its [`Ending`], [`GenerationDraft::found`], and offer the digest.
//!    When it asks for an opinion: fetch the value and what its draft does not
//!    [`resolve`](GenerationDraft::resolve), [`GenerationProposal::check`], fulfil the
//!    [`Preconditions`], and tell.
//! 4. Spend each [`AgreementOutput`] from top to bottom. With the decision and its value,
//!    [`GenerationProof::of`] is the one record to make durable; [`GenerationProof::verify`] gives
//!    what is founded, there and anywhere else.

mod agreement;
mod boundary;
mod change;
mod echo;
mod equivocation;
mod foundation;
mod generation_proof;
mod generation_proposal;
mod genesis;
mod header;
mod origin;
mod report;

pub use agreement::{
    Agreement, AgreementMessage, AgreementMessageError, AgreementOutput, Record, RecoverError,
    Round, Timeouts, Vote, VoteKind,
};
pub use boundary::{Admission, Boundary, Ending, Seal};
pub use change::{
    Approval, Approvals, CHANGES, CertifiedChange, Change, ChangeCertificate, ChangeError,
    ChangeKey, Entry,
};
pub use echo::Echo;
pub use equivocation::Equivocation;
pub use foundation::{Foundation, OtherEnding};
pub use generation_proof::{GenerationProof, GenerationProofError};
pub use generation_proposal::{
    CheckedProposal, GenerationDraft, GenerationProposal, GenerationProposalError, Preconditions,
};
pub use genesis::{Genesis, GenesisError};
pub use header::Header;
pub use origin::{CertifiedState, CertifiedStateError, Origin};
pub use report::{CheckedReport, Mark, Report, ReportError};
