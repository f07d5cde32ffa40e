//! The promises, by how they are broken.

use crate::actor::Actor;
use crate::deterministic_secure_broadcast::PacketError;
use crate::dot::{Dot, Seq};
use crate::quorum::Generation;

/// A broken promise. It is a bug of this crate, of the algorithm, or of a network with more liars
/// than tolerated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Two correct replicas delivered different messages at one dot.
    #[error("consistency: {who:?} delivered another message at {dot} than somebody before")]
    Consistency {
        /// The later one.
        who: Actor,
        /// Where.
        dot: Dot,
    },
    /// A source's messages were not delivered as 1, 2, 3, ...
    #[error("source order: {who:?} delivered {dot} after number {after}")]
    SourceOrder {
        /// Who.
        who: Actor,
        /// What.
        dot: Dot,
        /// The number delivered before it.
        after: Seq,
    },
    /// A message was delivered that does not follow the one delivered before it.
    #[error("source order: {dot}, as {who:?} delivered it, names another message before it")]
    Unchained {
        /// Who.
        who: Actor,
        /// What.
        dot: Dot,
    },
    /// A correct replica signed two digests for one dot.
    #[error("{who:?} signed a second digest for {dot}")]
    SignedTwice {
        /// Who.
        who: Actor,
        /// For which dot.
        dot: Dot,
    },
    /// A correct replica was accused.
    #[error("{by:?} accuses {accused:?}, who is correct")]
    FalselyAccused {
        /// By whom.
        by: Actor,
        /// Whom.
        accused: Actor,
    },
    /// Two things that exclude each other were shown to a replica, both signed by one source, which
    /// it did not convict.
    #[error("{at:?} does not convict {accused:?}, who contradicts what was delivered there")]
    Unconvicted {
        /// Where.
        at: Actor,
        /// Whom.
        accused: Actor,
    },
    /// A replica that knows that its key has signed what it does not remember went on signing.
    #[error("{who:?} signs though its key has signed what it does not remember")]
    SignedSilenced {
        /// Who.
        who: Actor,
    },
    /// A member was convicted, and does not know it.
    #[error("{who:?} is convicted and was not told")]
    NotTold {
        /// Who.
        who: Actor,
    },
    /// Evidence does not verify.
    #[error("{by:?} reports evidence that does not verify")]
    BadEvidence {
        /// By whom.
        by: Actor,
    },
    /// A fault that no liar within the bound can cause.
    #[error("{at:?} reports {kind}")]
    Impossible {
        /// Where.
        at: Actor,
        /// What kind of fault.
        kind: &'static str,
    },
    /// A packet was refused in a run without liars and faults.
    #[error("{at:?} refused a packet though nobody lies and nothing is lost: {refusal}")]
    RefusedInPeace {
        /// By whom.
        at: Actor,
        /// Why.
        refusal: PacketError,
    },
    /// The algorithm's own invariant does not hold.
    #[error("invariant at {at:?}: {what}")]
    Invariant {
        /// Where.
        at: Actor,
        /// What does not hold.
        what: String,
    },
    /// A replica holds more than its bounds.
    #[error("memory: {at:?} holds {held} {what}, at most {bound} allowed")]
    Memory {
        /// Who.
        at: Actor,
        /// Of what.
        what: &'static str,
        /// How much.
        held: usize,
        /// How much is allowed.
        bound: usize,
    },
    /// An operation of a correct member that was durable was not delivered.
    #[error("lock-out: {delivered} of {proposed} operations of {source_actor:?} were delivered")]
    LockOut {
        /// Whose.
        source_actor: Actor,
        /// How many it proposed.
        proposed: usize,
        /// How many are delivered.
        delivered: usize,
    },
    /// Two correct replicas are not level after healing.
    #[error("totality: {left:?} and {right:?} are not level after healing")]
    NotLevel {
        /// The one.
        left: Actor,
        /// The other.
        right: Actor,
    },
    /// Two correct replicas delivered the same and are in different states.
    #[error("convergence: {left:?} and {right:?} delivered the same and differ")]
    Diverged {
        /// The one.
        left: Actor,
        /// The other.
        right: Actor,
    },
    /// Correct replicas go on talking or writing.
    #[error("quiescence: not silent after {ticks} ticks")]
    NotQuiet {
        /// How long was waited.
        ticks: u64,
    },
    /// Without the liars, and on a network that is well, something that is promised does not
    /// happen.
    #[error("liveness: without the liars, {what} after {ticks} ticks")]
    NotLive {
        /// How long was waited.
        ticks: u64,
        /// What did not happen.
        what: &'static str,
    },
    /// A replica told of a source's fault at one dot again and again.
    #[error("{by:?} tells again and again of {kind} at {dot}")]
    ToldAgain {
        /// Who.
        by: Actor,
        /// What kind of fault.
        kind: &'static str,
        /// Where.
        dot: Dot,
    },
    /// Two correct replicas begin one generation differently.
    #[error("two values: {who:?} begins {generation} otherwise than somebody before")]
    TwoValues {
        /// The later one.
        who: Actor,
        /// Which generation.
        generation: Generation,
    },
    /// A generation begins with something else than what was settled before it.
    #[error("boundary: {generation}, as {who:?} begins it, {what}")]
    Boundary {
        /// Who.
        who: Actor,
        /// Which generation.
        generation: Generation,
        /// What it does.
        what: &'static str,
    },
    /// A correct replica echoed what the beginning of its generation forbids.
    #[error("boundary: {who:?} echoed what the beginning of its generation forbids at {dot}")]
    Disobedience {
        /// Who.
        who: Actor,
        /// Where.
        dot: Dot,
    },
    /// A signature on a statement of one kind is one on another kind too.
    #[error("signatures: what {who:?} signed can be shown as another kind of statement")]
    Ambiguous {
        /// Who.
        who: Actor,
    },
    /// What a correct replica delivered, or its state, cannot be proven to others.
    #[error("proof: {who:?} cannot prove {}: {why}", dot.map_or("the state".to_owned(), |dot| dot.to_string()))]
    Unproven {
        /// Who.
        who: Actor,
        /// Which message; none when it is the state.
        dot: Option<Dot>,
        /// Why not.
        why: String,
    },
    /// Packets beget packets: more are under way than any honest traffic puts there.
    #[error("storm: {packets} packets are under way")]
    Storm {
        /// How many.
        packets: usize,
    },
    /// A replica could not be rebuilt.
    #[error("recovery of {who:?}: {why}")]
    Recovery {
        /// Which.
        who: Actor,
        /// Why not.
        why: String,
    },
}
