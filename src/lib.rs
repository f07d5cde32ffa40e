//! Replicated data types that survive malicious replicas, without consensus on every operation.
//!
//! Of `n` replicas up to `f = floor((n - 1) / 3)` may do whatever they like: lie, stay silent, tell
//! one thing to some and another to the rest. What the others promise all the same:
//!
//! > No two correct replicas ever accept different messages as the same one of a source, and what
//! > one correct replica accepts, all do. So all end in the same state, and it is one that the
//! > algorithm's rules allow.
//!
//! In the words of the field: operation-based CRDTs over Byzantine reliable broadcast with quorum
//! certificates, as a state machine without I/O. Replicas catch up by anti-entropy. Consensus is
//! needed only when the members change, once an epoch. The [glossary](#glossary) has our words.
//!
//! # The onion
//!
//! ```text
//!  .-- net: who sends what to whom; here a simulated network -------------------.
//!  |  .-- deterministic_secure_broadcast: one message per source and number --. |
//!  |  |  .-- your algorithm: what an operation means, who may do it --------. | |
//!  |  |  |  orswot (a set)   bank, at2_impl (money)   types    your own    | | |
//!  |  |  '-----------------------------------------------------------------' | |
//!  |  '-----------------------------------------------------------------------' |
//!  '-----------------------------------------------------------------------------'
//! ```
//!
//! - The **core** is a [`SecureBroadcastAlgorithm`]: it judges operations and applies the valid
//!   ones. What it must obey is in [`traits`]; [`laws::check`] tries to break it.
//! - **Secure broadcast** is a [`Replica`] around it: a quorum signs one message for each place in
//!   a source's log, so a source cannot say two things in one place. Sources do not wait for each
//!   other.
//! - The **network** is yours. It may lose, repeat, delay and reorder packets. For tests there is
//!   [`net::Net`], with liars.
//!
//! # A program that runs
//!
//! A replica does no I/O. It says in a [`Step`] what to write, send, tell and report, and
//! [`store::spend`] does it in this order. Here the network is a queue; a real one also calls
//! [`tick`](Replica::tick) at a steady pace, so that what was lost is said again.
//!
//! ```
//! use std::collections::{BTreeMap, VecDeque};
//!
//! use bft_crdts::store::{CrashError, Effect, MemoryStore, spend};
//! use bft_crdts::{Genesis, Limits, Orswot, Packet, Replica, SecureBroadcastAlgorithm};
//! use bft_crdts::{SigningActor, Step};
//!
//! type Set = Orswot<String>;
//! type Network = VecDeque<Packet>;
//!
//! fn carry_out(
//!     step: Step,
//!     store: &mut MemoryStore,
//!     network: &mut Network,
//! ) -> Result<(), CrashError> {
//!     spend(step, store, |effect| match effect {
//!         Effect::Send(said) => network.extend(said.packets()),
//!         Effect::Delivered(_) => {}
//!         Effect::Fault(fault) => panic!("nobody lies here: {fault:?}"),
//!         Effect::Installed(_) | Effect::Asked(_) => unreachable!("nobody comes or goes"),
//!         Effect::Refused(refusal) => panic!("nobody lies here: {refusal}"),
//!     })
//! }
//!
//! let keys: Vec<_> = (1..=4).map(|byte| SigningActor::from_secret(&[byte; 32])).collect();
//! let members = keys.iter().map(SigningActor::actor).collect();
//! let me = keys[0].actor();
//! let genesis = Genesis::new(&Set::new(me), members, Limits::default(), [0; 32])?;
//!
//! let mut network = Network::new();
//! let mut nodes = BTreeMap::new();
//! for key in keys {
//!     let (actor, mut store) = (key.actor(), MemoryStore::new());
//!     let (replica, step) = Replica::recover(key, Set::new(actor), genesis.clone(), [])?;
//!     carry_out(step, &mut store, &mut network)?;
//!     nodes.insert(actor, (replica, store));
//! }
//!
//! let (replica, store) = nodes.get_mut(&me).ok_or("a member")?;
//! let apple = replica.ahead().add("apple".to_owned());
//! carry_out(replica.propose(apple)?, store, &mut network)?;
//! while let Some(packet) = network.pop_front() {
//!     let (replica, store) = nodes.get_mut(&packet.to).ok_or("a member")?;
//!     carry_out(replica.handle_packet(packet)?, store, &mut network)?;
//! }
//! for (replica, _) in nodes.values() {
//!     assert!(replica.algorithm().contains(&"apple".to_owned()));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To see the same with losses, crashes and a liar, look at [`net`].
//!
//! # What is where
//!
//! A module uses only those before it in this table; algorithms and the protocol do not know each
//! other.
//!
//! | floor | modules |
//! |---|---|
//! | words | [`codec`]: canonical bytes, digests, bounds; [`actor`]: keys and signatures; [`merkle`]: trees of records; [`dot`]: names of messages; [`evidence`]; [`money`] |
//! | the contract | [`traits`]: the algorithm and its laws; [`snapshot`]: its state in chunks; [`laws`]: a checker that tries to break the laws |
//! | algorithms | [`orswot`], [`bank`], [`at2_impl`], the family in [`types`]: they know of no network |
//! | the protocol | [`quorum`]: who may sign; [`membership`]: how they change; [`verify`]: proofs in files, checked without a replica; [`deterministic_secure_broadcast`]: the replica. They know no algorithm |
//! | runs | [`recording`]: what happened, as lines of JSON, and the page that shows it |
//! | worlds | [`store`]: what survives a crash, in memory or, behind a feature, in a file; [`net`]: the simulated network; `node`, behind a feature: a real one |
//!
//! # Glossary
//!
//! | thing | here | in the literature |
//! |---|---|---|
//! | what is replicated | an algorithm, [`SecureBroadcastAlgorithm`] | operation-based CRDT, commutative replicated data type |
//! | what carries its operations | secure broadcast | Byzantine reliable broadcast, in source order |
//! | a participant's state machine | [`Replica`], which does no I/O | process; sans-I/O |
//! | its public identity | [`Actor`] | |
//! | who breaks the rules | a liar | Byzantine process |
//! | who may sign now | [`Committee`](quorum::Committee) | members, validator set |
//! | its number | [`Generation`](quorum::Generation) | epoch |
//! | one source's log in its order, its end | lane, [`Head`](dot::Head) | FIFO log, account sequence |
//! | identity of a message | [`Dot`](dot::Dot) | (sender, sequence number) |
//! | first message | [`Proposal`](deterministic_secure_broadcast::Proposal) | SEND, transfer order |
//! | signed answer | [`Echo`](deterministic_secure_broadcast::Echo) | ECHO, signed order |
//! | the proof | [`Certificate`](deterministic_secure_broadcast::Certificate), a claim; [`QuorumCertificate`](deterministic_secure_broadcast::QuorumCertificate), a fact | certified order |
//! | taking effect | [`Delivery`](deterministic_secure_broadcast::Delivery) | deliver |
//! | who has what, and what is missing | [`Summary`](deterministic_secure_broadcast::Summary), [`PullRequest`](deterministic_secure_broadcast::PullRequest), [`PullResponse`](deterministic_secure_broadcast::PullResponse) | anti-entropy |
//! | two messages at one dot | [`Equivocation`](deterministic_secure_broadcast::Equivocation) | double spend |
//! | a change of members | [`Change`]: join, leave, or renew | reconfiguration |
//! | a member's consent to it | [`Approval`](membership::Approval); a quorum of them is a [`ChangeCertificate`](membership::ChangeCertificate) | |
//! | where a member stopped, said once | [`Report`](membership::Report) | |
//! | what the members of a generation agree on | [`GenerationProposal`](membership::GenerationProposal) | proposal |
//! | one vote on it | [`Vote`](membership::Vote); what one packet carries is an [`AgreementMessage`](membership::AgreementMessage) | prevote, precommit |
//! | what is signed of it, and outlives it | [`Header`](membership::Header) | block header, without blocks |
//! | a header and its certificate | [`GenerationProof`](membership::GenerationProof) | epoch change proof |
//! | where a generation begins | [`Boundary`](membership::Boundary) | |
//! | the state there, in chunks that prove themselves | [`Snapshot`](snapshot::Snapshot) | checkpoint |
//! | a generation that a newcomer names before it believes anybody | [`Replica::expect`] | weak subjectivity checkpoint |
//! | the proof of one message, in a file | [`Receipt`](verify::Receipt), *signed* or *anchored* | inclusion proof |
//! | an operation that is too early | [`Verdict::NotYet`], held | premature |
//!
//! # Untrusted input
//!
//! Everything that comes from the network is untrusted, and may be handed to [`Packet::decode`], or
//! on a link whose ends have proven their keys to [`Packet::decode_linked`], and to
//! [`Replica::handle_packet`] as it is: it is refused with an error or it is taken, it never
//! panics, and what a peer can make a replica hold without its being delivered is bounded by
//! [`codec::Limits`]. What is delivered is data: valid operations are kept, a liar's too, as the
//! algorithm allows them. Decoding does not recurse on its input and allocates in proportion to it.
//! What comes from a [`Store`](store::Store) is trusted: who can write there is the replica. The
//! algorithm is trusted too: an `apply` that panics, or a broken [law](traits), breaks the
//! promises. The crate holds no `unsafe`.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sim`, the only one that is on by default | what an algorithm is tested with: [`net`], the simulated network, and [`laws`]. Without it every signature is checked in one way |
//! | `quickcheck` | `Arbitrary` for [`net::Scenario`], for property tests of an algorithm of your own; with `sim` |
//! | `store` | `store::DurableStore`, records and key in one file; needs Rust 1.90 |
//! | `node` | `node::Node`, a replica over QUIC |
//! | `cli` | the program `bft-crdts`, with the two before |
//! | `parallel` | signatures that are checked together are shared out among all processors |
//!
//! [`recording`] is there with `sim` and with `node`, which write recordings.

// An example that the compiler warns of teaches what it should not.
#![doc(test(attr(deny(warnings))))]
// What links to the simulated network, or to the checker of the laws, leads nowhere without them.
#![cfg_attr(not(feature = "sim"), allow(rustdoc::broken_intra_doc_links))]

pub mod actor;
pub mod at2_impl;
pub mod bank;
mod budget;
pub mod codec;
pub mod deterministic_secure_broadcast;
pub mod dot;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod environment;
pub mod evidence;
mod few;
mod index;
#[cfg(feature = "sim")]
pub mod laws;
pub mod membership;
pub mod merkle;
mod message;
pub mod money;
#[cfg(feature = "sim")]
pub mod net;
#[cfg(feature = "node")]
pub mod node;
pub mod orswot;
pub mod quorum;
#[cfg(any(feature = "node", feature = "sim"))]
pub mod recording;
pub mod snapshot;
pub mod store;
mod summary;
pub mod traits;
pub mod types;
pub mod verify;

// What a program names first. All else is imported from its module.
pub use actor::{Actor, SigningActor};
pub use codec::{Limits, NetworkId};
pub use deterministic_secure_broadcast::{Packet, Replica, Step};
pub use membership::{Change, Genesis};
#[cfg(feature = "sim")]
pub use net::Net;
#[cfg(feature = "node")]
pub use node::Node;
pub use orswot::Orswot;
#[cfg(feature = "store")]
pub use store::DurableStore;
pub use traits::{SecureBroadcastAlgorithm, Verdict};

/// The programs in the README are compiled and run with the other examples in the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// And so are those in the pages on embedding, on verifying and on designing a type.
#[cfg(doctest)]
#[doc = include_str!("../docs/embed.md")]
struct Embed;

#[cfg(doctest)]
#[doc = include_str!("../docs/verify.md")]
struct Verify;

#[cfg(doctest)]
#[doc = include_str!("../docs/types.md")]
struct DesignYourOwnType;
