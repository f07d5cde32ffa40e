//! What a fuzzer, a corpus file or a seeded generator throws at the library: bytes, read as a
//! script.
//!
//! Each body panics when a promise is broken, and on nothing else.

mod decode;
mod edit;
mod play;
mod proof;
#[cfg(feature = "cli")]
pub mod real;
mod recover;
mod scene;
mod script;
mod sign;
mod types;

pub use decode::{decode, seeds as decode_seeds};
pub use play::handle_packet;
pub use proof::proof;
pub use recover::recover;
pub use script::walk;
pub use types::{seeds as type_seeds, types};

/// How many moments of the honest run a script can begin at: its first byte says which.
pub fn scene_count() -> usize {
    scene::scenes().len()
}
