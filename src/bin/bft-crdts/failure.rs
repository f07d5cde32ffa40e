//! What can go wrong in the program, with a word on what to do and the exit code of each.

use std::io;
use std::path::PathBuf;

use bft_crdts::Actor;
use bft_crdts::bank::RulesError;
use bft_crdts::codec::{DecodeError, Digest};
use bft_crdts::membership::{CertifiedStateError, GenesisError};
use bft_crdts::node::{Address, InvitationError, StartError};
use bft_crdts::recording::{MergeError, RecordingError};
use bft_crdts::store::DurableError;
use bft_crdts::verify::{NotProven, Unproven};
use serde_json::json;

use crate::name::NameError;
use crate::proof_file::NoProof;
use crate::protocol::{self, REQUEST_BYTES, Refusal, Unreadable};

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
    #[error("the node in {0} is not understood: {1}")]
    Unreadable(PathBuf, #[source] Unreadable),
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
    #[error(
        "the store in {directory} is an old copy: of {forgotten} writes that were made after it, it knows nothing"
    )]
    OldStore { directory: PathBuf, forgotten: u64 },
    #[error("{0} holds no certified state: {1}")]
    Snapshot(PathBuf, #[source] NoSnapshot),
    #[error(
        "{file} is of generation {generation} of network {network}, and not of the one that is meant"
    )]
    OtherSnapshot {
        file: PathBuf,
        network: Digest,
        generation: u64,
    },
    #[error("the network begins with a state that is not here")]
    OtherOrigin,
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
    #[error("the issuer {0} is none of the founders")]
    IssuerElsewhere(Actor),
    #[error("no bank has such rules: {0}")]
    Rules(#[from] RulesError),
    #[error("it is not known where to listen")]
    NowhereToListen,
    #[error("{0} is no address: {1}")]
    Address(Address, #[source] io::Error),
    #[error("metrics cannot be served at {0}: {1}")]
    Metrics(Address, #[source] io::Error),
    #[error("the node does not start: {0}")]
    Start(#[from] StartError),
    #[error("nobody can be told that the node is ready: {0}")]
    Unready(#[source] io::Error),
    #[error("the node stopped: {0}")]
    Stopped(#[from] bft_crdts::node::Failure),
    #[error("{0} is no proof of this version: {1}")]
    NoProof(PathBuf, #[source] NoProof),
    #[error("{0}: {1}")]
    NotProven(PathBuf, #[source] NotProven),
    #[error("{0} holds no evidence, but another proof")]
    Evidence(PathBuf),
    #[error("no receipt is written to {0}: {1}")]
    NoReceipt(PathBuf, String),
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
    #[error("{0} elements were left out")]
    LeftOut(u64),
    #[error("{0}")]
    Usage(String),
}

/// Why a file is no state to go on from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSnapshot {
    #[error("it does not begin as a snapshot of this version")]
    Magic,
    #[error("{0}")]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    State(#[from] CertifiedStateError),
}

impl Failure {
    /// 2 when the command line is not understood, 3 when there is no node to talk to, 4 when what
    /// was asked for may be done yet, 5 when a proof is of another network, 6 when what is trusted
    /// does not decide about it, 1 otherwise.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotRunning(_) | Self::Silent(..) | Self::Unreadable(..) => 3,
            Self::Unheard(..) => 4,
            Self::Refused(refusal) if refusal.may_be_done_yet() => 4,
            Self::NotProven(_, NotProven::Elsewhere) => 5,
            Self::NotProven(_, NotProven::Unproven(_)) => 6,
            _ => 1,
        }
    }

    /// Whether a node that did not start for this reason never will, until somebody mends what is
    /// named.
    pub(crate) fn lasts(&self) -> bool {
        match self {
            Self::LongDirectory(_)
            | Self::Shared(..)
            | Self::NoIdentity(_)
            | Self::NoNetwork(_)
            | Self::OldStore { .. }
            | Self::Snapshot(..)
            | Self::OtherOrigin
            | Self::Line(..)
            | Self::Invitation(_)
            | Self::UnknownKind
            | Self::NowhereToListen
            | Self::Start(
                StartError::Recover(_) | StartError::Checkpoint(_) | StartError::Packets { .. },
            ) => true,
            Self::Store(_, error) => matches!(
                error,
                DurableError::Exposed { .. }
                    | DurableError::NotAStore
                    | DurableError::Damaged
                    | DurableError::Version { .. }
                    | DurableError::Corrupt { .. }
                    | DurableError::Entry { .. }
            ),
            _ => false,
        }
    }

    /// What happened, for programs: `docs/control.md` lists the codes, which stay.
    pub(crate) fn machine(&self) -> serde_json::Value {
        let mut told = self.told();
        if let Some(advice) = self.advice() {
            told["advice"] = advice.into();
        }
        told["exit"] = self.exit_code().into();
        json!({ "error": told })
    }

    /// The code, which stays when the words change, and the words. Refusals have codes of their
    /// own.
    fn told(&self) -> serde_json::Value {
        let code = match self {
            Self::Refused(refusal) => {
                return protocol::told(refusal).expect("a refusal is plain data");
            }
            Self::NotRunning(_) => "not-running",
            Self::Silent(..) => "silent",
            Self::Unheard(..) => "unheard",
            Self::Unreadable(..) => "unreadable",
            Self::TooLong(_) => "too-long",
            Self::LongDirectory(_) => "long-directory",
            Self::Shared(..) => "shared",
            Self::Exists(_) => "exists",
            Self::NoIdentity(_) => "no-identity",
            Self::NoNetwork(_) => "no-network",
            Self::InUse(_) => "in-use",
            Self::OtherNetwork(_) => "other-network",
            Self::Snapshot(..) => "snapshot",
            Self::OtherSnapshot { .. } => "other-snapshot",
            Self::OtherOrigin => "other-origin",
            Self::OldStore { .. } => "old-store",
            Self::Store(..) => "store",
            Self::File(..) => "file",
            Self::Line(..) => "line",
            Self::Invitation(_) => "invitation",
            Self::UnknownKind => "unknown-kind",
            Self::Genesis(_) => "genesis",
            Self::FounderTwice(_) => "founder-twice",
            Self::AddressTwice(_) => "address-twice",
            Self::IssuerElsewhere(_) => "issuer-elsewhere",
            Self::Rules(_) => "rules",
            Self::NowhereToListen => "nowhere-to-listen",
            Self::Address(..) => "address",
            Self::Metrics(..) => "metrics",
            Self::Start(_) => "start",
            Self::Unready(_) => "unready",
            Self::Stopped(_) => "node-stopped",
            Self::NoProof(..) => "no-proof",
            Self::NotProven(_, NotProven::Elsewhere) => "elsewhere",
            Self::NotProven(_, NotProven::Unproven(_)) => "unproven",
            Self::NotProven(_, why) => {
                let word = why.word();
                return json!({ "code": "not-proven", "details": word, "message": self.to_string() });
            }
            Self::Evidence(_) => "evidence",
            Self::NoReceipt(..) => "no-receipt",
            Self::Recording(..) => "recording",
            Self::Merge(_) => "merge",
            Self::Prompt(_) => "prompt",
            Self::System(_) => "system",
            Self::Demonstration(_) => "demonstration",
            Self::LeftOut(_) => "left-out",
            Self::Usage(_) => "usage",
        };
        json!({ "code": code, "message": self.to_string() })
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
            Self::Unreadable(..) => "use the same version of the program at both ends",
            Self::TooLong(_) => "spread it over several commands",
            Self::LongDirectory(_) => {
                "name a directory with --dir by a shorter path; a relative one counts as it is written"
            }
            Self::Shared(..) => "`chmod go-w` it, or name another directory with --dir",
            Self::Exists(_) => "`whoami` shows it; name another directory with --dir",
            Self::NoIdentity(_) => "make one with `init`, or name its directory with --dir",
            Self::NoNetwork(_) => "take an invitation with `join`",
            Self::InUse(_) => "ask it over its control socket, or end it with `stop`",
            Self::Snapshot(..) | Self::OtherSnapshot { .. } => {
                "name the file that `snapshot` wrote at a member of the old network"
            }
            Self::OtherOrigin => {
                "`join INVITATION --from-snapshot FILE`, with the file from which the network was created: the members have it as \
                 `origin-...` in their directories"
            }
            Self::OldStore { .. } => {
                "it would sign again in places where it has signed, and be convicted; so it does not start. Put the newest store back, if \
                 there is one; else begin anew with `init` and another --dir, let the members `admit` that, and `expel` this actor"
            }
            Self::Store(_, DurableError::Exposed { .. }) => {
                "`chmod go=` it; if somebody may have read it, begin anew"
            }
            Self::Store(_, DurableError::Version { .. }) => {
                "use the version of the program that made it"
            }
            Self::Store(
                _,
                DurableError::NotAStore
                | DurableError::Damaged
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
            Self::IssuerElsewhere(_) => {
                "name it among the founders, or there would be no money until it is let in"
            }
            Self::NowhereToListen => "say it with --listen HOST:PORT",
            Self::Stopped(_) => {
                "what was acknowledged is in the store: mend the cause, and `run` it again"
            }
            Self::LeftOut(_) => {
                "all others are done; without --lines nothing needs to be left out of an export"
            }
            Self::NoProof(..) => "it proves nothing to you",
            Self::NotProven(_, why) => unproven(why),
            Self::Evidence(_) => "`verify` takes it",
            Self::NoReceipt(..) => "`history` shows its message, and `receipt` takes it",
            _ => return None,
        })
    }
}

/// What to do about a file that proves nothing to this reader.
fn unproven(why: &NotProven) -> &'static str {
    match why {
        NotProven::Unproven(Unproven::OutOfReach) => {
            "trust the header of a generation that is in the file, or let a member write it anew, with --since and a generation \
             that is not after the one that you trust"
        }
        NotProven::Unproven(Unproven::NoName) => "name the network with --network",
        NotProven::Unproven(Unproven::Retired) => {
            "let a member write the receipt anew: the header of a later generation proves it"
        }
        NotProven::Unproven(_) => {
            "trust a header, with --trusted: `status` of a member whom you believe shows the newest one"
        }
        _ => "it proves nothing to you",
    }
}

#[cfg(test)]
mod tests {
    /// The codes stand in this file between quotation marks, after the arrows of one function.
    #[test]
    fn every_code_is_documented() {
        let source = include_str!("failure.rs");
        let (_, after) = source
            .split_once("let code = match self")
            .expect("it is there");
        let (codes, _) = after.split_once("};").expect("it ends");
        let codes: Vec<_> = codes
            .split("=> \"")
            .skip(1)
            .map(|code| code.split('"').next().expect("a code"))
            .collect();
        assert!(codes.len() > 30);
        let page = include_str!("../../../docs/control.md");
        for code in codes {
            assert!(page.contains(&format!("| `{code}` |")), "{code}");
        }
    }
}
