//! How a node is, in findings that a program can tell apart and a person can read.

use serde::{Deserialize, Serialize};

/// How a node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) state: HealthState,
    /// Members that answer now and owe no echo, with the node itself; `None` where they cannot be
    /// asked.
    pub(crate) committee: Option<Echoing>,
    /// What is wrong, the gravest first.
    pub(crate) findings: Vec<Finding>,
}

/// How many members echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Echoing {
    pub(crate) echo: usize,
    pub(crate) members: usize,
    /// Echoes that certify.
    pub(crate) quorum: usize,
}

/// The sum of the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HealthState {
    /// Nothing was found.
    Well,
    /// Operations are made here, and something wants attention.
    Attention,
    /// The node runs, and no operation of its own can be made now.
    NotReady,
    /// No node answers.
    Down,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) code: FindingCode,
    /// The member that it is about.
    pub(crate) actor: Option<String>,
    /// For how long it has been so.
    pub(crate) seconds: Option<u64>,
    /// Since when, by the node's clock: seconds since 1970.
    pub(crate) since: Option<u64>,
    pub(crate) words: String,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FindingCode {
    /// No node runs in the directory; the words tell how the last one ended.
    NotRunning,
    /// A node runs, and did not answer in time.
    NoAnswer,
    /// The node answers, and its replica did not in time.
    Busy,
    /// The node's own key contradicts it: it signs no more.
    Convicted,
    /// The node had a seat and has none.
    SeatLost,
    /// The node has no seat yet.
    NoSeat,
    /// The node has not heard yet from as many members as it needs to know that its store is no old
    /// copy.
    InDoubt,
    /// The chain of generations has not reached the one that the invitation names.
    Unproven,
    /// The node was started not long ago, after the last one had failed or had ended without a
    /// word.
    Restarted,
    /// Fewer members echo than a quorum.
    NoQuorum,
    /// A member does not answer.
    Silent,
    /// A member answers, and has not echoed what the node proposed.
    NoEcho,
    /// A generation ends, and has been ending for long.
    GenerationWaits,
    /// A member is convicted, and still has its seat.
    MemberConvicted,
    /// The node cannot read what a quorum has certified.
    Unreadable,
    /// The node has far less than the members.
    Behind,
}
