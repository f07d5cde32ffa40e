//! What a node answers.

use bft_crdts::node::Address;
use serde::{Deserialize, Serialize};

use super::operations::{History, Operation, Payment};
use super::{Health, Kind, Refusal, Told, Wished};

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
    /// So many members or keys were changed by operations that were delivered here; the others were
    /// as they were to be.
    Changed(u64),
    /// An operation was taken, and is durable here; another reply follows when it is delivered.
    Taken(Operation),
    Operation(Operation),
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
    Rules(BankRules),
    Number(i64),
    Value(String),
    Puts(Vec<Put>),
    Evidence(Vec<Evidence>),
    Snapshot(SnapshotFile),
    /// A receipt or a proof of a record.
    Proof(ProofDigits),
    Event(Told),
    Words(Words),
    Health(Health),
}

/// A text under a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) value: String,
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
    /// With whose state the network began, if it goes on from another one.
    pub(crate) origin: Option<StateOrigin>,
    pub(crate) kind: Kind,
    pub(crate) listens: Option<Address>,
    pub(crate) generation: u64,
    /// The digest of the newest header, which readers of proofs hold: GENERATION:DIGEST.
    pub(crate) header: String,
    pub(crate) members: usize,
    pub(crate) quorum: usize,
    pub(crate) seated: bool,
    /// While this node has left and is still needed: members that have all that it has. With a
    /// quorum of them it may be switched off.
    pub(crate) leaving: Option<usize>,
    /// Whether the chain of generations has not reached the one that the invitation names.
    pub(crate) unproven: bool,
    /// While nothing is signed, because members have not told what this key has signed: how many
    /// are awaited, at least.
    pub(crate) missing_answers: Option<usize>,
    pub(crate) silenced: bool,
    /// How far this node has come on its way to the next generation, in a word.
    pub(crate) phase: String,
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
    /// Seconds since the node itself heard it last; `None` when it has not since it was started.
    pub(crate) heard_seconds: Option<u64>,
    /// When that was, by the node's clock: seconds since 1970.
    pub(crate) heard_at: Option<u64>,
    /// Seconds for which its echo of the node's message in flight has been missing.
    pub(crate) owes_seconds: Option<u64>,
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

/// What a bank allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BankRules {
    /// From whom all money comes; `None` where anybody may open an account with money.
    pub(crate) issuer: Option<String>,
    /// The most that this node may open its account with.
    pub(crate) opening: u64,
    /// What no payment leaves less than on the payer's account.
    pub(crate) floor: u64,
    /// The most that one payment moves.
    pub(crate) payment: u64,
    /// All money that was issued so far.
    pub(crate) issued: u64,
}

/// The network, and the generation in it, that began with a state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StateOrigin {
    pub(crate) network: String,
    pub(crate) generation: u64,
}

/// A certified state that lies in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SnapshotFile {
    pub(crate) network: String,
    /// The generation that began with it.
    pub(crate) generation: u64,
    pub(crate) file: String,
}

/// The bytes of a file with a proof, which the client writes: a node may see its own directory
/// alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProofDigits {
    /// What the network replicates, which a file without its description does not tell.
    pub(crate) kind: Kind,
    /// Hexadecimal digits.
    pub(crate) digits: String,
}

/// Evidence that lies in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) accused: String,
    pub(crate) file: String,
}

/// What the prompt completes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Words {
    pub(crate) actors: Vec<String>,
    pub(crate) members: Vec<String>,
}
