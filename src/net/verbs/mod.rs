//! What members of a simulated network do with the algorithms of this crate, in the algorithms' own
//! words; and each of them as the [`Subject`](super::Subject) of a campaign.
//!
//! They stand here, and not with the algorithms, because an algorithm knows of no network.
//!
//! What is of one type is `#[inline]`, so that it is compiled, with a replica and a network of that
//! type, where it is used and not with the library: that takes half as long.

mod at2;
mod bank;
mod orswot;
mod text;
