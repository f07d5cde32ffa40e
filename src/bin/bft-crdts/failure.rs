//! What can go wrong in the program, with a word on what to do and the exit code of each.

use std::io;
use std::path::PathBuf;

use bft_crdts::Actor;
use bft_crdts::codec::DecodeError;
use bft_crdts::evidence::EvidenceError;
use bft_crdts::membership::GenesisError;
use bft_crdts::node::{Address, InvitationError, StartError};
use bft_crdts::recording::{MergeError, RecordingError};
use bft_crdts::store::DurableError;

use crate::name::NameError;
use crate::protocol::{REQUEST_BYTES, Refusal};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no node is running in {0}")]
    NotRunning(PathBuf),
    #[error("the node in {0} does not answer")]
    Silent(PathBuf, #[source] io::Error),
    #[error(
        "the node in {0} stopped answering: the operation may be made, now or when the node runs again"
    )]
    Unheard(PathBuf, #[source] io::Error),
    #[error("a request of {0} bytes, and a node reads {REQUEST_BYTES}")]
    TooLong(usize),
    #[error("the path {0} is too long for a control socket in it")]
    LongDirectory(PathBuf),
    #[error("others than the owner may write in {0}: its mode is {1:o}")]
    Shared(PathBuf, u32),
    #[error("there is an identity in {0} already")]
    Exists(PathBuf),
    #[error("there is no identity in {0}")]
    NoIdentity(PathBuf),
    #[error("the identity in {0} belongs to no network yet")]
    NoNetwork(PathBuf),
    #[error("{0} is in use: a node runs there")]
    InUse(PathBuf),
    #[error("{0} belongs to another network")]
    OtherNetwork(PathBuf),
    #[error("{0}: {1}")]
    Store(PathBuf, #[source] DurableError),
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("{0}, line {1}: {2}")]
    Line(PathBuf, usize, #[source] NameError),
    #[error("not an invitation: {0}")]
    Invitation(#[from] InvitationError),
    #[error("the network replicates nothing that this program knows")]
    UnknownKind,
    #[error("not a network: {0}")]
    Genesis(#[from] GenesisError),
    #[error("{0} is named twice among the founders")]
    FounderTwice(Actor),
    #[error("two founders are named at {0}")]
    AddressTwice(Address),
    #[error("it is not known where to listen")]
    NowhereToListen,
    #[error("{0} is no address: {1}")]
    Address(Address, #[source] io::Error),
    #[error("the node does not start: {0}")]
    Start(#[from] StartError),
    #[error("nobody can be told that the node is ready: {0}")]
    Unready(#[source] io::Error),
    #[error("the node stopped: {0}")]
    Stopped(#[from] bft_crdts::node::Failure),
    #[error("{0} holds no evidence: {1}")]
    Evidence(PathBuf, #[source] NoEvidence),
    #[error("{0} is no recording: {1}")]
    Recording(PathBuf, #[source] RecordingError),
    #[error("the recordings do not make one: {0}")]
    Merge(#[from] MergeError),
    #[error("the prompt: {0}")]
    Prompt(#[from] rustyline::error::ReadlineError),
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
    #[error("the demonstration went wrong: {0}")]
    Demonstration(&'static str),
}

/// Why a file convicts nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEvidence {
    #[error("it does not begin as evidence of this version")]
    Magic,
    #[error("{0}")]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Claim(#[from] EvidenceError),
}

impl Failure {
    /// 3 when there is no node to talk to, 4 when what was asked for may be done yet, 1 otherwise. 2 is for what clap does not
    /// understand.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotRunning(_) | Self::Silent(..) => 3,
            Self::Unheard(..) => 4,
            Self::Refused(refusal) if refusal.may_be_done_yet() => 4,
            _ => 1,
        }
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Refused(refusal) => return refusal.advice(),
            Self::NotRunning(_) => "start it with `run`, or name its directory with --dir",
            Self::Silent(..) => "see what it wrote to its standard error",
            Self::Unheard(..) => {
                "run the node again, and look whether it is made, before asking again"
            }
            Self::TooLong(_) => "spread it over several commands",
            Self::LongDirectory(_) => {
                "name a directory with --dir by a shorter path; a relative one counts as it is written"
            }
            Self::Shared(..) => "`chmod go-w` it, or name another directory with --dir",
            Self::Exists(_) => "`whoami` shows it; name another directory with --dir",
            Self::NoIdentity(_) => "make one with `init`, or name its directory with --dir",
            Self::NoNetwork(_) => "take an invitation with `join`",
            Self::InUse(_) => "ask it over its control socket, or end it with `stop`",
            Self::Store(_, DurableError::Exposed { .. }) => {
                "`chmod go=` it; if somebody may have read it, begin anew"
            }
            Self::Store(_, DurableError::Version { .. }) => {
                "use the version of the program that made it"
            }
            Self::Store(
                _,
                DurableError::NotAStore
                | DurableError::Corrupt { .. }
                | DurableError::Entry { .. }
                | DurableError::Database(_),
            ) => {
                "never put a copy in its place: begin anew with `init` and another --dir, and let the members expel the actor"
            }
            Self::OtherNetwork(_) => "an identity has one network: `init` another with --dir",
            Self::Invitation(_) => "copy all of what `found` or `invite` printed",
            Self::FounderTwice(_) => {
                "name each founder once: a network has as many members as different actors"
            }
            Self::AddressTwice(_) => {
                "name the address and the port at which each node itself listens"
            }
            Self::NowhereToListen => "say it with --listen HOST:PORT",
            Self::Stopped(_) => {
                "what was acknowledged is in the store: mend the cause, and `run` it again"
            }
            Self::Evidence(..) => "nobody is convicted by it",
            _ => return None,
        })
    }
}
