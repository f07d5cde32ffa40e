//! What can be asked of a running node. The same list is the program's subcommands and the
//! prompt's: whoever adds one adds it here.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::Put;
use crate::name::Name;

/// What can be asked of a running node.
#[derive(Clone, Debug, PartialEq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Where the node stands.
    Status,
    /// The members, and how far each is known to be.
    Members,
    /// What is held and not delivered, and what it waits for.
    #[command(visible_alias = "diagnose")]
    Why,
    /// Lets a newcomer follow and ask to be let in; prints the invitation for it.
    Invite {
        /// The newcomer, with all 64 digits.
        actor: Name,
    },
    /// What waits for approval, and who has approved it.
    Requests,
    /// Approves a change of the members. It is made when a quorum has.
    Approve {
        /// Which change.
        #[command(subcommand)]
        change: Wished,
    },
    /// Short for `approve join ACTOR`.
    Admit {
        /// Who asks to be let in, with all 64 digits.
        actor: Name,
    },
    /// Short for `approve leave ACTOR`.
    Expel {
        /// The member that is to go.
        actor: Name,
    },
    /// Approves a new generation with the same members, and so a new snapshot.
    Renew,
    /// Asks to leave. Keep the node running until it says that it may be switched off; `status`
    /// tells, too.
    Leave,
    /// Asks to be let in, again after having left; first a member has to invite it.
    Ask,
    /// Set: adds members, all in one operation; of the lines of a file, in several, those that are
    /// missing.
    Add {
        /// What to add; a single - stands for the lines of standard input.
        #[arg(required_unless_present = "file")]
        members: Vec<String>,
        /// Adds the lines of this file.
        #[arg(long, value_name = "FILE", conflicts_with = "members")]
        #[serde(skip)]
        file: Option<PathBuf>,
        /// Writes the receipt of its message into this file once it is delivered; of the last, when
        /// it takes several.
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        #[serde(skip)]
        receipt: Option<PathBuf>,
    },
    /// Set: removes members, all in one operation; of the lines of a file, in several, those that
    /// are there.
    Remove {
        /// What to remove; a single - stands for the lines of standard input.
        #[arg(required_unless_present = "file")]
        members: Vec<String>,
        /// Removes the lines of this file.
        #[arg(long, value_name = "FILE", conflicts_with = "members")]
        #[serde(skip)]
        file: Option<PathBuf>,
    },
    /// Set: adds those of these members that are missing, in one operation.
    #[command(skip)]
    AddMissing { members: Vec<String> },
    /// Set: removes those of these members that are there, in one operation.
    #[command(skip)]
    RemovePresent { members: Vec<String> },
    /// Map: puts those of these texts that are not there under their keys. Of several under one key
    /// the last counts.
    #[command(skip)]
    PutMissing { puts: Vec<Put> },
    /// Set: all members of the set.
    List,
    /// Bank: opens this actor's account.
    Open {
        /// The money that is issued with it. Without, none; the issuer's, all that it may issue.
        #[serde(default)]
        amount: Option<u64>,
    },
    /// Bank: pays from this actor's account.
    Pay {
        /// Who is paid.
        actor: Name,
        /// How much.
        amount: u64,
        /// Your own name for this payment, such as the number of an invoice: under the same one it
        /// is made once, however often you ask.
        #[arg(long = "ref", value_name = "TEXT")]
        #[serde(default)]
        reference: Option<String>,
        /// Writes the receipt of its message into this file once it is delivered.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        receipt: Option<PathBuf>,
    },
    /// Bank: a payment of this actor's account, by its reference or its place, and whether it is
    /// accepted.
    Payment {
        /// The reference that it was made under, or its place: ACTOR/NUMBER.
        which: String,
    },
    /// What became of an operation, by its place: a command names it before it waits, `pending` and
    /// `history` show it.
    Operation {
        /// ACTOR.NUMBER, with #N for the Nth operation of a message.
        place: String,
    },
    /// Writes the receipt of a message into a file: the proof, to anybody, that it was accepted.
    Receipt {
        /// ACTOR.NUMBER; with #N, of the message that this operation is in.
        place: String,
        /// The file, in the place of a proof that is there.
        #[serde(skip)]
        file: PathBuf,
        /// The file has all headers from that of this generation on, and its reader has to trust
        /// one of them: 0 stands for the description of the network.
        #[arg(long, value_name = "GENERATION", default_value_t = 0)]
        #[serde(default)]
        since: u64,
    },
    /// Writes the proof, for anybody, of what the state had under a key when the last generation
    /// began: that a set has a member or has it not, what a map has under a key, an account holds,
    /// a counter is. `renew` begins a generation.
    #[command(allow_missing_positional = true)]
    Prove {
        /// The member of a set, the key of a map, the actor of an account: without, this actor. A
        /// counter has no key.
        key: Option<String>,
        /// The file, in the place of a proof that is there.
        #[serde(skip)]
        #[arg(required = true)]
        file: PathBuf,
        /// The file has all headers from that of this generation on, and its reader has to trust
        /// one of them: 0 stands for the description of the network.
        #[arg(long, value_name = "GENERATION", default_value_t = 0)]
        #[serde(default)]
        since: u64,
    },
    /// This actor's own operations that are not delivered yet, the oldest first.
    Pending,
    /// The newest operations of an actor that are kept here, the oldest of them first.
    History {
        /// Whose; without, this actor's own.
        actor: Option<Name>,
        /// At most so many.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        last: u32,
    },
    /// Bank: the money on an account.
    Balance {
        /// Whose; without, this actor's own.
        actor: Option<Name>,
    },
    /// Bank: all accounts.
    Accounts,
    /// Bank: who issues its money, and what it allows.
    Rules,
    /// Counter: increases it, or decreases it by less than 0.
    Incr {
        /// By how much.
        #[arg(allow_negative_numbers = true)]
        amount: i64,
    },
    /// Counter: its value. Text: all of it. Map: the text under a key, or without one all of them.
    Get {
        /// Which key.
        key: Option<String>,
    },
    /// Map: puts a text under a key.
    Put {
        /// Which key.
        key: String,
        /// What is put.
        value: String,
        /// Writes the receipt of its message into this file once it is delivered.
        #[arg(long, value_name = "FILE")]
        #[serde(skip)]
        receipt: Option<PathBuf>,
    },
    /// Text: inserts characters.
    Insert {
        /// Before which character, counted from 0; or the number of all.
        at: usize,
        /// What to insert.
        text: String,
    },
    /// Map: deletes a key. Text: deletes characters.
    Delete {
        /// Which key; or the first of the characters, counted from 0.
        key: String,
        /// How many characters; without, one.
        count: Option<usize>,
    },
    /// Follows what happens until interrupted.
    #[command(visible_alias = "follow")]
    Events {
        /// After this cursor, which each event has; `start` for all that is kept. Without, from now
        /// on.
        #[arg(long, value_name = "CURSOR")]
        #[serde(default)]
        since: Option<String>,
    },
    /// Writes the evidence against each convicted actor into a file.
    Evidence,
    /// Stops the node.
    Stop,
    /// Writes the state that the network certified last into a file, which proves itself:
    /// `snapshot` takes it from there.
    #[command(skip)]
    Snapshot,
    /// What the prompt completes.
    #[command(skip)]
    Words,
    /// How the node is, told within so many milliseconds, a minute at most: `health` asks it, with
    /// a time limit of its own.
    #[command(skip)]
    Health { millis: u64 },
}

impl Request {
    /// The kinds of networks that it makes sense in; none when it is any.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        match self {
            Self::Add { .. }
            | Self::Remove { .. }
            | Self::AddMissing { .. }
            | Self::RemovePresent { .. }
            | Self::List => &[Kind::Set],
            Self::Open { .. }
            | Self::Pay { .. }
            | Self::Payment { .. }
            | Self::Balance { .. }
            | Self::Accounts
            | Self::Rules => &[Kind::Bank],
            Self::Incr { .. } => &[Kind::Counter],
            Self::Get { .. } => &[Kind::Counter, Kind::Map, Kind::Text],
            Self::Put { .. } | Self::PutMissing { .. } => &[Kind::Map],
            Self::Insert { .. } => &[Kind::Text],
            Self::Prove { .. } => &[Kind::Set, Kind::Bank, Kind::Counter, Kind::Map],
            Self::Delete { .. } => &[Kind::Map, Kind::Text],
            _ => &[],
        }
    }

    /// The file into which a proof is written, of what is asked for or of what will be done.
    pub(crate) fn proof(&self) -> Option<&Path> {
        match self {
            Self::Receipt { file, .. } | Self::Prove { file, .. } => Some(file),
            Self::Add { receipt, .. } | Self::Pay { receipt, .. } | Self::Put { receipt, .. } => {
                receipt.as_deref()
            }
            _ => None,
        }
    }

    /// Whether its answer may take as long as it will.
    pub(crate) fn lasts(&self) -> bool {
        matches!(self, Self::Events { .. }) || self.awaits_delivery()
    }

    /// Whether its answer waits until a quorum has signed an operation.
    pub(crate) fn awaits_delivery(&self) -> bool {
        matches!(
            self,
            Self::Add { .. }
                | Self::Remove { .. }
                | Self::AddMissing { .. }
                | Self::RemovePresent { .. }
                | Self::PutMissing { .. }
                | Self::Open { .. }
                | Self::Pay { .. }
                | Self::Incr { .. }
                | Self::Put { .. }
                | Self::Insert { .. }
                | Self::Delete { .. }
        )
    }
}

/// A change of the members.
#[derive(Clone, Debug, PartialEq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Wished {
    /// This actor enters.
    Join {
        /// Who asks to be let in, with all 64 digits.
        actor: Name,
    },
    /// This member leaves, asked or not.
    Leave {
        /// The member that is to go.
        actor: Name,
    },
    /// Nobody enters or leaves: a new generation, hence a new snapshot.
    Renew,
}

/// What a network replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A set of texts.
    Set,
    /// Accounts and payments; only the issuer begins with money, or anybody where there is none.
    Bank,
    /// A number that all increase and decrease.
    Counter,
    /// Texts under keys.
    Map,
    /// One text that all write.
    Text,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Set => "set",
            Self::Bank => "bank",
            Self::Counter => "counter",
            Self::Map => "map",
            Self::Text => "text",
        })
    }
}
