//! Who may sign: committees, quorums, the description of a network, and how a committee follows
//! another.
//!
//! This room knows no algorithm and nothing of the broadcast; it is generic over the statements
//! that a quorum signs.
//!
//! A generation ends in four steps, each a fact that the next one needs: [`Approval`]s make a
//! change [`Authorised`]; members freeze and [`Report`]; the [`Agreement`] decides one [`Value`];
//! the value and its certificate, the [`Founding`], make the [`Boundary`] at which the next
//! generation begins.

//!
//! What drives it, in order:
//! 1. [`Approvals::add`] with each approval; or [`Authorisation::verify`], when somebody shows the
//!    change whole. The first [`Authorised`] change freezes the generation: make that durable, and
//!    stop echoing.
//! 2. Sign one [`Report`], make it durable, send it with the change. Check others' with
//!    [`Report::check`].
//! 3. [`Agreement::open`] and [`Agreement::start`]. When it [`awaits an
//!    offer`](Agreement::awaits_offer): [`Terms::gather`] what can be backed, compute the state at
//!    [`Terms::frontier`], [`Terms::with_state`], and offer the digest. When it asks for an
//!    opinion: fetch the value, [`Value::check`], fulfil the [`Obligations`], and tell.
//! 4. Spend each [`Turn`] from top to bottom. With the decision and its value, [`Founding::of`] is
//!    the one record to make durable; [`Founding::verify`] gives the next boundary, there and
//!    anywhere else.

mod agreement;
mod boundary;
mod certificate;
mod change;
mod committee;
mod echo;
mod genesis;
mod origin;
mod report;
mod value;

pub use agreement::{
    Agreement, Ballot, Record, RecoverError, Round, Said, Speech, SpeechError, Timeouts, Turn,
};
pub use boundary::{Admission, Boundary, Seal};
pub use certificate::{Certificate, CertificateError, QuorumCertificate, Tally};
pub use change::{
    Approval, Approvals, Authorisation, Authorised, CHANGES, Change, ChangeError, ChangeKey, Entry,
};
pub use committee::{Committee, CommitteeError, Generation, Seat, VerifyError};
pub use echo::Echo;
pub use genesis::{Genesis, GenesisError};
pub use origin::{CertifiedState, CertifiedStateError, Origin};
pub use report::{Mark, Report, ReportError};
pub use value::{Founding, FoundingError, Obligations, Succession, Terms, Value, ValueError};
