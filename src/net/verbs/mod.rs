//! What members of a simulated network do with the algorithms of this crate, in the algorithms' own
//! words; and each of them as the [`Subject`](super::Subject) of a campaign.
//!
//! They stand here, and not with the algorithms, because an algorithm knows of no network.

mod at2;
mod bank;
mod orswot;
mod text;
