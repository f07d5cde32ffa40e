//! What a node tells of operations and payments.

use serde::{Deserialize, Serialize};

use super::Place;

/// A payment that a node has made durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payment {
    /// Where it stands among all payments of its payer, which is its name for good: ACTOR/NUMBER.
    pub(crate) place: String,
    /// `None` when the operation is no longer kept.
    pub(crate) paid: Option<Paid>,
    pub(crate) reference: Option<String>,
    pub(crate) state: State,
}

/// Who is paid, and how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Paid {
    pub(crate) to: String,
    pub(crate) amount: u64,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Durable here, and not certified yet: it will be delivered as soon as a quorum answers.
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
    /// The message that it is part of, or will be.
    pub(crate) place: Place,
    /// Operations of that message before it.
    pub(crate) index: u32,
    pub(crate) state: State,
    /// `None` when it is no longer kept.
    pub(crate) operation: Option<Effect>,
}

impl Operation {
    /// Bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        self.operation.as_ref().map_or(0, Effect::bytes)
    }
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effect {
    /// Set: these members are added.
    Add { members: Vec<String> },
    /// Set: these members are removed.
    Remove { members: Vec<String> },
    /// Bank: the source's account is opened.
    Open { amount: u64 },
    /// Bank: the source pays.
    Pay {
        /// The payment's place: ACTOR/NUMBER.
        payment: String,
        to: String,
        amount: u64,
        reference: Option<String>,
    },
    /// Counter: it is increased.
    Incr { amount: i64 },
    /// Map: a text is put under a key.
    Put { key: String, value: String },
    /// Map: a key is deleted.
    Delete { key: String },
    /// Text: characters are inserted, somewhere.
    Insert { text: String },
    /// Text: so many characters are deleted, somewhere.
    Shorten { count: u64 },
}

impl Effect {
    fn bytes(&self) -> usize {
        match self {
            Self::Add { members } | Self::Remove { members } => {
                members.iter().map(String::len).sum()
            }
            Self::Put { key, value } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
            Self::Insert { text } => text.len(),
            Self::Open { .. } | Self::Pay { .. } | Self::Incr { .. } | Self::Shorten { .. } => 0,
        }
    }
}
