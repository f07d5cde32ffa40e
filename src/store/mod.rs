//! Where records become durable before packets are sent.

#[cfg(feature = "store")]
mod durable;
mod identity;
mod memory;

#[cfg(all(feature = "_fuzz", feature = "store"))]
#[doc(hidden)]
pub use durable::fuzz;
#[cfg(feature = "store")]
pub use durable::{DurableError, DurableStore};
pub use memory::{CrashError, MemoryStore};

use crate::deterministic_secure_broadcast::{
    Delivery, Fault, Installed, PacketError, Record, Step, Targeted,
};
use crate::membership::Change;

/// An append-only log of records that survives a crash.
///
/// The identity key belongs into the same place: a store without its key is useless, and a key that
/// goes on without its store contradicts itself, which others take for a lie.
pub trait Store {
    /// Why writing or reading failed. After a failed append, nothing more is said: the replica is
    /// rebuilt first.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Appends `records` in order and returns when they are durable. After a crash a prefix of them
    /// may be there.
    ///
    /// # Errors
    /// When it is not known that all of them are durable.
    fn append(&mut self, records: &[Record]) -> Result<(), Self::Error>;

    /// Puts `records` in the place of all that is stored, at once: after a crash either the old
    /// ones are there or these.
    ///
    /// # Errors
    /// When it is not known that these are durable.
    fn replace(&mut self, records: &[Record]) -> Result<(), Self::Error>;

    /// All durable records, oldest first. A last record that was torn by a crash is dropped.
    ///
    /// # Errors
    /// When what is stored is not what was written.
    fn load(&mut self) -> Result<Vec<Record>, Self::Error>;
}

/// What is left of a [`Step`] when its records are durable.
#[derive(Debug)]
pub enum Effect {
    /// To be sent, a packet to each receiver.
    Send(Targeted),
    /// To be told to the application.
    Delivered(Delivery),
    /// To be reported.
    Fault(Fault),
    /// A generation began.
    Installed(Installed),
    /// A change that others wish, for the application to approve or not.
    Asked(Change),
    /// A part of a packet was refused while others of the same packet were taken.
    Refused(PacketError),
}

/// Spends a step in the order that makes it safe: write, send, tell, report. What rests on no
/// record of the step ([`Step::take_prompt`]) is sent before.
///
/// # Errors
/// The store's, before anything else is sent; then the replica must be rebuilt from the store.
pub fn spend<S: Store>(
    mut step: Step,
    store: &mut S,
    mut effect: impl FnMut(Effect),
) -> Result<(), S::Error> {
    let prompt = step.take_prompt().into_iter();
    prompt.map(Effect::Send).for_each(&mut effect);
    if !step.persist.is_empty() {
        store.append(&step.persist)?;
    }
    step.send
        .into_iter()
        .map(Effect::Send)
        .for_each(&mut effect);
    let delivered = step.delivered.into_iter();
    delivered.map(Effect::Delivered).for_each(&mut effect);
    let faults = step.faults.into_iter();
    faults.map(Effect::Fault).for_each(&mut effect);
    let installed = step.installed.into_iter();
    installed.map(Effect::Installed).for_each(&mut effect);
    let asked = step.asked.into_iter();
    asked.map(Effect::Asked).for_each(&mut effect);
    let refused = step.refused.into_iter();
    refused.map(Effect::Refused).for_each(effect);
    Ok(())
}
