//! Why a node does not grant a request, and what to do about it.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::name::Unresolved;

/// Why a request was not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", content = "details", rename_all = "kebab-case")]
pub(crate) enum Refusal {
    #[error("the request is not understood: {0}")]
    Malformed(String),
    #[error(
        "the request is written in version {asked} of the control protocol, and the node speaks {spoken}"
    )]
    Version { asked: u64, spoken: u64 },
    #[error("{0:?} is no cursor of this network's events")]
    Cursor(String),
    #[error("too many requests are open at this node")]
    Busy,
    #[error("this network replicates a {0}")]
    OtherKind(Kind),
    #[error("no actor that the node knows begins with {0}")]
    Unknown(String),
    #[error("more than one actor begins with {0}")]
    Ambiguous(String),
    #[error("anybody can make a key that begins with {0}")]
    Short(String),
    #[error("{0:?} is not in the set")]
    Absent(String),
    #[error("there is nothing under {0:?}")]
    NoValue(String),
    #[error("the text has {len} characters, and {end} are asked for")]
    BeyondTheEnd { end: usize, len: usize },
    #[error("{0:?} is not the number of a character")]
    NoPosition(String),
    #[error("a key is deleted whole")]
    Whole,
    #[error("no account is open for {0}")]
    NoAccount(String),
    #[error("not allowed: {0}")]
    Invalid(String),
    #[error("not possible here yet, for want of {0}")]
    Early(String),
    #[error("a reference: {0}")]
    Reference(String),
    #[error("under that reference {amount} go to {to}: payment {number} of this actor")]
    OtherPayment {
        number: u64,
        to: String,
        amount: u64,
    },
    #[error("no payment {0:?} is known here")]
    NoPayment(String),
    #[error("no operation {0:?} is known here")]
    NoOperation(String),
    #[error("message {0} is not delivered here")]
    NotDelivered(String),
    #[error("message {0} is not kept here any more")]
    NotKept(String),
    #[error("what proved message {0} here proves it to nobody else; the next generation will")]
    NotProvableYet(String),
    #[error("generation {0} has not begun here")]
    LaterGeneration(u64),
    #[error("{}", key_of(.0))]
    Key(Kind),
    #[error("the proof has {len} bytes, and a file {limit} at most")]
    LongProof { len: usize, limit: usize },
    #[error("the account holds {balance}, and {amount} are to be paid")]
    TooLittleMoney { balance: u64, amount: u64 },
    #[error("an account is opened with {most} at most, and {amount} are asked for")]
    TooMuchMoney { amount: u64, most: u64 },
    #[error(
        "the account holds {balance}, of which {floor} stay there, and {amount} are to be paid"
    )]
    BelowTheFloor {
        balance: u64,
        amount: u64,
        floor: u64,
    },
    #[error("one payment moves {most} at most, and {amount} are to be paid")]
    PaysTooMuch { amount: u64, most: u64 },
    #[error("that actor is a member already")]
    Member,
    #[error("{len} bytes in one operation, at most {limit} fit")]
    TooLarge { len: usize, limit: usize },
    #[error("this node has no seat")]
    NoSeat,
    #[error("this actor's log has no numbers left")]
    LaneFull,
    #[error("this node signs no more: its own key contradicts it")]
    Silenced,
    #[error(
        "taken, and then its own key contradicted this node: the others decide whether it counts"
    )]
    Contradicted,
    #[error("taken and durable, but this node lost its seat first")]
    Unseated,
    #[error("the node stopped; the operation is durable")]
    StoppedDurable,
    #[error("the node stopped; the operation may be lost")]
    StoppedLost,
    #[error("the node stopped")]
    Stopped,
    #[error("the change cannot be made: {0}")]
    Change(String),
    #[error("that actor does not ask to be let in")]
    Unasked,
    #[error("the network has certified no state yet")]
    NothingCertified,
    #[error("the node cannot write to its directory: {0}")]
    Directory(String),
}

/// Under what a record of a network of this kind stands.
fn key_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Counter => "a counter has one record, without a key",
        _ => "which record is meant: a key is needed here",
    }
}

impl From<Unresolved> for Refusal {
    fn from(why: Unresolved) -> Self {
        match why {
            Unresolved::Unknown(given) => Self::Unknown(given),
            Unresolved::Ambiguous(given) => Self::Ambiguous(given),
        }
    }
}

impl Refusal {
    /// Whether what was asked for may be done although it was not granted: to ask again may do it
    /// twice.
    pub(crate) fn may_be_done_yet(&self) -> bool {
        matches!(
            self,
            Self::Contradicted | Self::Unseated | Self::StoppedDurable | Self::StoppedLost
        )
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Malformed(_) | Self::Version { .. } => {
                "use the same version of the program at both ends"
            }
            Self::Cursor(_) => {
                "`start` stands for all that is kept; without, events are told from now on"
            }
            Self::Busy => "end an `events`, or see with `why` what operations wait for",
            Self::OtherKind(Kind::Set) => "its commands are add, remove and list",
            Self::OtherKind(Kind::Bank) => {
                "its commands are open, pay, payment, balance, accounts and rules"
            }
            Self::OtherKind(Kind::Counter) => "its commands are incr and get",
            Self::OtherKind(Kind::Map) => "its commands are put, get and delete",
            Self::OtherKind(Kind::Text) => "its commands are insert, get and delete",
            Self::Unknown(_) => "write all 64 digits; `members` shows them",
            Self::Ambiguous(_) => "write more digits; `members` shows them",
            Self::Short(_) => {
                "write all 64 digits, as the newcomer itself shows them with `whoami` or `status`"
            }
            Self::Absent(_) => "`list` shows what is there; nothing was removed",
            Self::NoPosition(_) => {
                "characters are counted from 0: `delete 5 2` deletes the sixth and the one after it"
            }
            Self::Whole => "write `delete KEY`; a key with spaces between quotation marks",
            Self::NoAccount(_) => "its owner opens it with `open AMOUNT`",
            Self::Early(_) => "it may be on its way: try again; `members` shows who has more",
            Self::TooMuchMoney { most: 0, .. } => {
                "all money is the issuer's, see `rules`: `open` the account with nothing, and be paid"
            }
            Self::TooMuchMoney { .. } => "`rules` shows what this bank allows",
            Self::PaysTooMuch { .. } => "make several payments of it",
            Self::TooLittleMoney { .. } | Self::BelowTheFloor { .. } => {
                "`accounts` shows what is there; income that is not delivered here does not count"
            }
            Self::OtherPayment { .. } => {
                "for another payment use another reference; nothing was paid"
            }
            Self::NoPayment(_) | Self::NoOperation(_) => {
                "`pending` and `history` show what is known; it was not made from here"
            }
            Self::NotDelivered(_) => "`operation` tells what became of it",
            Self::NotKept(_) => {
                "ask another member: a message is kept until the second generation after it begins"
            }
            Self::NotProvableYet(_) => {
                "ask again when the next generation has begun, as with `renew`"
            }
            Self::LaterGeneration(_) => {
                "`status` shows the newest one; the header that a reader trusts has to be in the file"
            }
            Self::LongProof { .. } => {
                "leave out old headers, with --since and a generation whose header the reader trusts"
            }
            Self::TooLarge { .. } => "spread it over several commands",
            Self::NoSeat => "a quorum of the members lets it in with `admit`; see `status`",
            Self::Silenced | Self::Contradicted => {
                "its store is an old copy, or another node uses its key: end it, and put the newest store back, if there is one; \
                 else begin anew with `init` and another --dir, let the members `admit` that, and `expel` this actor"
            }
            Self::Unseated => "it is delivered if the node is let in again: `ask`",
            Self::StoppedDurable => "it is delivered when the node runs again",
            Self::StoppedLost => "run the node again, and look whether it is there",
            Self::Stopped => "start it with `run`",
            Self::NothingCertified => {
                "`renew` at a quorum of the members: the state with which a generation begins is certified"
            }
            Self::Unasked => "`invite` it; its own `join` and `run` make it ask; see `requests`",
            _ => return None,
        })
    }
}
