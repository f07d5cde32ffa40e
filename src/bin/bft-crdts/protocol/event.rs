//! What a node tells of what happens.

use serde::{Deserialize, Serialize};

use super::{Place, Wished};

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
