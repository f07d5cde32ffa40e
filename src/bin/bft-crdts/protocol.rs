//! What is said over the control socket: one request and one answer, each a line of JSON.
//!
//! The same list of requests is the program's subcommands and the prompt's: whoever adds one adds it here.

use bft_crdts::node::Address;
use clap::{Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Bytes of a request, with its end of line.
pub(crate) const REQUEST_BYTES: u64 = 1 << 20;

/// What can be asked of a running node.
#[derive(Clone, Debug, PartialEq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Where the node stands.
    Status,
    /// The members, and how far each is known to be.
    Members,
    /// What is held and not delivered, and what it waits for.
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
    /// Asks to leave. Keep the node running until it says that it may be switched off; `status` tells, too.
    Leave,
    /// Asks to be let in, again after having left; first a member has to invite it.
    Ask,
    /// Set: adds members, all in one operation.
    Add {
        /// What to add.
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Set: removes members, all in one operation.
    Remove {
        /// What to remove.
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Set: all members of the set.
    List,
    /// Bank: opens this actor's account.
    Open {
        /// The money that is issued with it.
        amount: u64,
    },
    /// Bank: pays from this actor's account.
    Pay {
        /// Who is paid.
        actor: Name,
        /// How much.
        amount: u64,
        /// Your own name for this payment, such as the number of an invoice: under the same one it is made once, however often
        /// you ask.
        #[arg(long = "ref", value_name = "TEXT")]
        #[serde(default)]
        reference: Option<String>,
    },
    /// Bank: a payment of this actor's account, by its reference or its place, and whether it is accepted.
    Payment {
        /// The reference that it was made under, or its place: ACTOR/NUMBER.
        which: String,
    },
    /// This actor's own operations that are not delivered yet, the oldest first.
    Pending,
    /// The newest operations of an actor that are kept here, the oldest of them first.
    History {
        /// Whose; without, this actor's own.
        actor: Option<Name>,
        /// At most so many, up to 10000.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10000))]
        last: u32,
    },
    /// Bank: the money on an account.
    Balance {
        /// Whose; without, this actor's own.
        actor: Option<Name>,
    },
    /// Bank: all accounts.
    Accounts,
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
    Follow,
    /// Writes the evidence against each convicted actor into a file.
    Evidence,
    /// Stops the node.
    Stop,
    /// What the prompt completes.
    #[command(skip)]
    Words,
}

impl Request {
    /// The kinds of networks that it makes sense in; none when it is any.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        match self {
            Self::Add { .. } | Self::Remove { .. } | Self::List => &[Kind::Set],
            Self::Open { .. }
            | Self::Pay { .. }
            | Self::Payment { .. }
            | Self::Balance { .. }
            | Self::Accounts => &[Kind::Bank],
            Self::Incr { .. } => &[Kind::Counter],
            Self::Get { .. } => &[Kind::Counter, Kind::Map, Kind::Text],
            Self::Put { .. } => &[Kind::Map],
            Self::Insert { .. } => &[Kind::Text],
            Self::Delete { .. } => &[Kind::Map, Kind::Text],
            _ => &[],
        }
    }

    /// Whether its answer waits until a quorum has signed an operation.
    pub(crate) fn awaits_delivery(&self) -> bool {
        matches!(
            self,
            Self::Add { .. }
                | Self::Remove { .. }
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
    /// Accounts and payments; anybody may open one.
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

/// The answer to a request.
pub(crate) type Answer = Result<Reply, Refusal>;

/// What a node says to a request that it granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// It is done, and there is no more to say.
    Done,
    /// A change is approved by so many of those that make it.
    Approved {
        approvals: usize,
        quorum: usize,
    },
    /// An operation was delivered here, hence is durable, and certified.
    Delivered(Place),
    /// A payment was taken, and is durable here; another reply follows when it is delivered.
    Taken(Payment),
    Payment(Payment),
    Pending(Vec<Operation>),
    History(History),
    Status(Box<Status>),
    Members(Vec<Member>),
    Why(Vec<Waiting>),
    Invitation(String),
    Requests(Vec<Wish>),
    List(Vec<String>),
    Balance(Account),
    Accounts(Vec<Account>),
    Number(i64),
    Value(String),
    Puts(Vec<Put>),
    Evidence(Vec<Evidence>),
    Event(Event),
    Words(Words),
}

/// A text under a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A payment that a node has made durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payment {
    /// Where it stands among all payments of its payer, which is its name for good: ACTOR/NUMBER.
    pub(crate) place: String,
    /// `None` when the operation is no longer kept.
    pub(crate) paid: Option<Paid>,
    pub(crate) reference: Option<String>,
    pub(crate) state: PaymentState,
}

/// Who is paid, and how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Paid {
    pub(crate) to: String,
    pub(crate) amount: u64,
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PaymentState {
    /// Durable here, and not certified yet: it is made as soon as a quorum answers.
    Pending,
    /// Certified and applied.
    Accepted,
}

/// Operations of one actor, as they were delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    /// The first place that is kept here; what came before is in the state alone.
    pub(crate) since: Option<Place>,
    pub(crate) operations: Vec<Operation>,
}

/// An operation of one actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// Where it was delivered; `None` while it waits.
    pub(crate) place: Option<Place>,
    /// Its place among the actor's payments, if it is one.
    pub(crate) payment: Option<String>,
    pub(crate) operation: String,
}

/// A place in an actor's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) source: String,
    pub(crate) seq: u64,
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) actor: String,
    pub(crate) network: String,
    pub(crate) kind: Kind,
    pub(crate) listens: Option<Address>,
    pub(crate) generation: u64,
    pub(crate) members: usize,
    pub(crate) quorum: usize,
    pub(crate) seated: bool,
    /// While this node has left and is still needed: members that have all that it has. With a quorum of them it may be
    /// switched off.
    pub(crate) leaving: Option<usize>,
    /// Whether the chain of generations has not reached the one that the invitation names.
    pub(crate) unproven: bool,
    pub(crate) silenced: bool,
    pub(crate) changing: bool,
    /// Messages that members have and this node has not.
    pub(crate) behind: u64,
    /// Own operations that are not delivered.
    pub(crate) pending: usize,
    /// Messages that are held, with a reason each: see `why`.
    pub(crate) held: usize,
    /// Changes that wait for this node's approval.
    pub(crate) asked: usize,
    pub(crate) convicted: Vec<String>,
    pub(crate) lanes: Vec<Place>,
    pub(crate) held_bytes: usize,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) dropped: u64,
    pub(crate) refused: u64,
}

/// A member, as the node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) actor: String,
    /// Whether it is the node itself.
    pub(crate) this: bool,
    pub(crate) address: Option<Address>,
    pub(crate) linked: bool,
    /// The last generation that it said to have installed.
    pub(crate) generation: Option<u64>,
    /// Messages that it is not known to have.
    pub(crate) lacks: Option<u64>,
    /// Messages that it has and the node has not.
    pub(crate) leads: Option<u64>,
    /// Why the last attempt to reach it failed, at each address.
    pub(crate) unreached: Vec<Unreached>,
}

/// Why a member was not reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unreached {
    pub(crate) address: Option<Address>,
    pub(crate) why: String,
}

/// A message that is held, and what it waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) place: Place,
    pub(crate) why: String,
    /// Members whose echo is missing, when it waits for echoes.
    pub(crate) missing: Vec<String>,
}

/// A change of the members that somebody wishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) change: Wished,
    pub(crate) approved_by: Vec<String>,
    /// Approvals that make the change.
    pub(crate) quorum: usize,
    /// Whether it waits for this node's approval.
    pub(crate) waits: bool,
}

/// An account of the bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) owner: String,
    pub(crate) balance: u64,
}

/// Evidence that lies in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) accused: String,
    pub(crate) file: String,
}

/// What happened at the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A message took effect.
    Delivered { place: Place, ops: Vec<String> },
    /// Something that should not be.
    Fault {
        kind: String,
        accused: Option<String>,
        words: String,
    },
    /// A generation began.
    Installed {
        generation: u64,
        seated: bool,
        by_snapshot: bool,
    },
    /// This node had a seat, and may be switched off now.
    Left,
    /// Others wish a change.
    Asked { change: Wished },
    /// Events were dropped because the reader was slow.
    Missed { events: u64 },
    /// Faults were dropped because the reader was slow, or a liar fast.
    FaultsMissed { faults: u64 },
}

/// What the prompt completes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Words {
    pub(crate) actors: Vec<String>,
    pub(crate) members: Vec<String>,
}

/// Why a request was not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    #[error("the request is not understood: {0}")]
    Malformed(String),
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
    #[error("the account holds {balance}, and {amount} are to be paid")]
    TooLittleMoney { balance: u64, amount: u64 },
    #[error("an account is opened with {most} at most, and {amount} are asked for")]
    TooMuchMoney { amount: u64, most: u64 },
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
    #[error("the node cannot write to its directory: {0}")]
    Directory(String),
}

impl Refusal {
    /// Whether what was asked for may be done although it was not granted: to ask again may do it twice.
    pub(crate) fn may_be_done_yet(&self) -> bool {
        matches!(
            self,
            Self::Contradicted | Self::Unseated | Self::StoppedDurable | Self::StoppedLost
        )
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Malformed(_) => "use the same version of the program at both ends",
            Self::Busy => "end a `follow`, or see with `why` what operations wait for",
            Self::OtherKind(Kind::Set) => "its commands are add, remove and list",
            Self::OtherKind(Kind::Bank) => {
                "its commands are open, pay, payment, balance and accounts"
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
            Self::TooLittleMoney { .. } => {
                "`accounts` shows what is there; income that is not delivered here does not count"
            }
            Self::OtherPayment { .. } => {
                "for another payment use another reference; nothing was paid"
            }
            Self::NoPayment(_) => {
                "`pending` and `history` show what is known; it was not made from here"
            }
            Self::TooLarge { .. } => "spread it over several commands",
            Self::NoSeat => "a quorum of the members lets it in with `admit`; see `status`",
            Self::Silenced | Self::Contradicted => {
                "the directory was copied or put back: begin anew with `init`, and let the members expel this actor"
            }
            Self::Unseated => "it is delivered if the node is let in again: `ask`",
            Self::StoppedDurable => "it is delivered when the node runs again",
            Self::StoppedLost => "run the node again, and look whether it is there",
            Self::Stopped => "start it with `run`",
            Self::Unasked => "`invite` it; its own `join` and `run` make it ask; see `requests`",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_as_they_are_written_and_nothing_beside() {
        let parse = |line: &str| serde_json::from_str::<Request>(line);
        assert_eq!(parse("\"status\"").ok(), Some(Request::Status));
        let members = vec!["apple".to_owned()];
        let add = parse(r#"{"add":{"members":["apple"]}}"#);
        assert_eq!(add.ok(), Some(Request::Add { members }));
        for bad in [
            r#"{"add":{"members":["apple"],"force":true}}"#,
            r#"{"admit":{"actor":"../x"}}"#,
            r#"{"pay":{"actor":"abcd","amount":-1}}"#,
            r#"{"history":{"last":-1}}"#,
            "\"status\" \"stop\"",
            "{}",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
