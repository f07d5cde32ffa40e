//! What a node tells of what happens.

use serde::{Deserialize, Serialize};

use super::{Effect, Place, Wished};

/// What happened at the node, and how to go on from there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Where the stream stands after this: who asks for the events since then misses none and sees
    /// none twice.
    pub(crate) cursor: String,
    /// When it happened here, in UTC as RFC 3339 writes it; `None` when it was too long ago to
    /// know, or before the node's start.
    pub(crate) time: Option<String>,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// What happened at the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The stream begins: everything after its cursor follows.
    Following,
    /// A message took effect.
    Delivered { place: Place, ops: Vec<Effect> },
    /// Messages of a source, from one number to another, took effect and are no longer kept: the
    /// state has what they did.
    Forgotten { source: String, from: u64, to: u64 },
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
    /// So many events were not told because the reader was slow. Deliveries among them follow; of
    /// generations and wishes, `status` and `requests` tell what is so now.
    Missed { events: u64 },
    /// Faults were dropped because the reader was slow, or a liar fast: `status` names who is
    /// convicted.
    FaultsMissed { faults: u64 },
}
