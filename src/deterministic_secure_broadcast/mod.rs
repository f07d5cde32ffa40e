//! Secure broadcast: a [`Replica`] gives each source's operations a quorum certificate, so that
//! nobody ever accepts two conflicting ones, and applies them to its algorithm when they are valid.
//!
//! ```text
//! source            member                       source            member
//! propose --------> echo rule: sign one digest -> tally q echoes -> deliver rule
//!         Proposal                        Echo            Certificate
//! ```
//!
//! Two certificates for one dot share a correct member, and a correct member echoes one digest a
//! dot: so there is one message a dot (Bracha: Asynchronous Byzantine Agreement Protocols, 1987, in
//! the signed form of Malkhi and Reiter: A High-Throughput Secure Reliable Multicast Protocol,
//! 1997). There is no consensus: the lanes of different sources do not wait for each other unless
//! an operation rests on another.
//!
//! A replica is a state machine without clock, chance or I/O. The order in which it is driven:
//!
//! 1. build it with [`Replica::recover`] from the records that were made durable (none for the
//!    first start);
//! 2. feed it [`propose`](Replica::propose), [`handle_packet`](Replica::handle_packet) and, at a
//!    steady pace, [`tick`](Replica::tick);
//! 3. spend each [`Step`] from top to bottom before the next input: write, send, tell, report.
//!
//! The network may lose, repeat, delay and reorder packets as it likes. What is lost is said again
//! on ticks, until it is known to have arrived; when all members are up to date and nobody
//! proposes, nobody speaks.
//!
//! Where our design goes beyond the literature: **a lock in doubt is resolved by whoever holds
//! it.** A member whose echo has not led to a certificate for a while sends the proposal on and
//! tallies the echoes itself. So either the message is certified, even if its source is gone, or
//! two members meet with two digests, and the source is convicted.
//!
//! # Rooms
//!
//! A replica is ten rooms, each of which holds its facts alone:
//!
//! | room | what it knows |
//! |---|---|
//! | `signer` | the key, and whether it may sign |
//! | `history` | the generations: who sat in each, and what a certificate of one is worth now |
//! | `execution` | the algorithm, and its states at frontiers |
//! | `outbox` | own operations that wait |
//! | `lanes` | what each source said, and what was delivered of it |
//! | `peers` | who is known to have what |
//! | `transition` | how far the next generation has come |
//! | `bootstrap` | how we come to have what the others have |
//! | `checked` | signatures that were found good before their packets are taken in |
//! | `turn` | the time, in ticks, and what the present input leads to |
//!
//! The files beside them are the rules, in the order of the picture: [`propose`](Replica::propose),
//! `echo`, `deliver`; `pull`, `sync`, `payloads` for what is missing; `closing`, `agree`, `values`,
//! `install` from one generation to the next; `recover`, `memory`, `checkpoint` for restarts;
//! `accuse` for evidence; `precheck` for many packets at once; `diagnose` for people.

mod accuse;
mod agree;
mod backoff;
mod bootstrap;
mod checkpoint;
mod closing;
mod deliver;
mod diagnose;
mod echo;
mod error;
mod execution;
mod history;
mod install;
mod lane;
mod lanes;
mod leave;
mod linked;
mod log;
mod memory;
mod message;
mod packet;
mod payloads;
mod peers;
mod place;
mod precheck;
mod propose;
mod prove;
mod pull;
mod recover;
mod situation;
mod step;
mod sync;
mod targeted;
mod transition;
mod trusted;
mod turn;
mod values;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use diagnose::{BlockReason, Blocked, MemoryUse, Progress};
pub use error::{ApproveError, CheckpointError, PacketError, ProposeError, RecoverError};
pub use message::{Certificate, Echo, Equivocation, Message, Proposal, QuorumCertificate, Summary};
pub use packet::{
    Body, ChangeApproval, FetchPayloads, Packet, PullRequest, PullResponse, Recollection, Segment,
    SnapshotPart, SnapshotQuestion,
};
pub use place::Outcome;
pub use precheck::{Precheck, Prechecked};
pub use prove::ProveError;
pub use step::{Delivery, Fault, Installed, Record, Step};
pub use targeted::{Target, Targeted};
pub use transition::Phase;

use crate::actor::{Actor, Signer};
use crate::codec::{Digest, Limits, NetworkId};
use crate::dot::{Dot, Frontier, Head, Seq};
use crate::membership::{Boundary, Genesis};
use crate::quorum::{Committee, Generation};
use crate::traits::WireAlgorithm;
use bootstrap::Bootstrap;
use execution::Execution;
use history::History;
use lanes::Lanes;
use peers::Peers;
use propose::Outbox;
use transition::Transition;
use trusted::{concerns_the_chain, helps_in_doubt};
use turn::Turn;

/// One participant's state machine around its copy of the algorithm. See the [module](self).
#[derive(Debug)]
pub struct Replica<A: WireAlgorithm> {
    /// Our key, and whether it may be used.
    signer: Signer,
    /// The generations, and what each committee's word counts.
    history: History,
    /// The algorithm.
    execution: Execution<A>,
    /// Own operations that wait.
    outbox: Outbox<A>,
    /// What each source said, and what was delivered of it.
    lanes: Lanes<A::Op>,
    /// Who is known to have what.
    peers: Peers,
    /// How far the next generation has come.
    transition: Transition,
    /// How we come to have what the others have.
    bootstrap: Bootstrap,
    /// What was checked before it is taken in.
    checked: Prechecked,
    /// The time, and what the present input leads to.
    turn: Turn,
}

impl<A: WireAlgorithm> Replica<A> {
    // ---- getters

    /// Who we are.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.signer.actor()
    }

    /// The network's name.
    #[must_use]
    pub fn network(&self) -> &NetworkId {
        &self.history.network
    }

    /// The description of the network.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.history.genesis
    }

    /// Who may sign now.
    #[must_use]
    pub fn committee(&self) -> &Committee {
        &self.history.committee
    }

    /// Where the present generation began.
    #[must_use]
    pub fn boundary(&self) -> &Boundary {
        &self.history.boundary
    }

    /// The generation that we have installed.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.history.generation()
    }

    /// The generation that began without this actor, which had a seat before and has none now.
    #[must_use]
    pub fn left(&self, actor: &Actor) -> Option<Generation> {
        self.history.left(actor)
    }

    /// The bounds of this network.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.history.limits()
    }

    /// The algorithm with everything that was delivered, and nothing else, applied.
    #[must_use]
    pub fn algorithm(&self) -> &A {
        &self.execution.algorithm
    }

    /// Where each lane ends here. Empty lanes are left out.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        self.lanes.frontier()
    }

    /// The actors that have a lane here: all who are or were members, as far as the chain of
    /// generations is known. A [boundary](Boundary::lanes) forgets those who left nothing behind.
    pub fn sources(&self) -> impl Iterator<Item = &Actor> {
        self.lanes.by_source.keys()
    }

    /// Where `source`'s lane ends here.
    #[must_use]
    pub fn head(&self, source: &Actor) -> Option<Head> {
        self.lanes.head(source)
    }

    /// The digest that was delivered at `dot`, if it was and is still kept.
    #[must_use]
    pub fn delivered(&self, dot: &Dot) -> Option<Digest> {
        self.lanes.get(&dot.source)?.log.digest(dot.seq)
    }

    /// The messages of `source` that were delivered and are still kept, oldest first.
    pub fn messages(&self, source: &Actor) -> impl Iterator<Item = &Message> {
        let lane = self.lanes.get(source);
        lane.into_iter().flat_map(|lane| lane.log.messages())
    }

    /// Those of them that come after a number; what is no longer kept is left out.
    pub fn messages_after(&self, source: &Actor, after: Seq) -> impl Iterator<Item = &Message> {
        let lane = self.lanes.get(source);
        let entries = lane.map(|lane| lane.log.after(after.max(lane.log.base())));
        entries.into_iter().flatten().map(message::Entry::message)
    }

    /// The evidence against each actor that is convicted here.
    #[must_use]
    pub fn convicted(&self) -> &BTreeMap<Actor, Arc<Equivocation>> {
        &self.lanes.convicted
    }

    /// Whether our own key has signed what we do not remember, so that we sign no more.
    #[must_use]
    pub fn is_silenced(&self) -> bool {
        self.signer.is_silenced()
    }

    // ---- inputs

    /// Takes in a packet from the network.
    ///
    /// # Errors
    /// [`PacketError`] says why it was not taken; then nothing has changed and nobody is accused.
    pub fn handle_packet(&mut self, packet: Packet) -> Result<Step, PacketError> {
        match self.take_in(packet) {
            Ok(()) => Ok(self.turn()),
            Err(refusal) => {
                debug_assert!(
                    self.turn.step.persist.is_empty(),
                    "what is refused changes nothing"
                );
                self.turn.forget();
                Err(refusal)
            }
        }
    }

    /// # Errors
    /// Then nothing has changed but the step, which is to be forgotten.
    fn take_in(&mut self, packet: Packet) -> Result<(), PacketError> {
        let Packet { from, to, body } = packet;
        tracing::debug!(me = ?self.actor(), ?from, kind = body.kind(), "packet");
        if to != self.actor() {
            return Err(PacketError::Misdelivered(to));
        }
        body.check(self.limits())?;
        if let Body::Echo(echo) = &body
            && self.accuse(*echo)?
        {
            return Ok(());
        }
        match body.generation().map(|said| said.cmp(&self.generation())) {
            // Said of a generation that we do not know yet: ask, and remember nothing.
            Some(Ordering::Greater) => self.pull(from),
            // By somebody who knows how its generation ended, and asks for what it lacks of that.
            Some(Ordering::Less) if body.shows_decision() => {}
            // Said by somebody who does not know yet that its generation is over.
            Some(Ordering::Less) => {
                let said = body.generation().unwrap_or_default();
                self.answer_with_proof(from, said);
            }
            _ if self.awaits_checkpoint() && !concerns_the_chain(&body) => {
                self.pull(from);
            }
            _ if self.is_in_doubt() && !helps_in_doubt(&body) => self.pull(from),
            Some(Ordering::Equal) | None => self.handle(from, body)?,
        }
        Ok(())
    }

    /// Hands a body that is of this generation, or of none, to its rule.
    ///
    /// # Errors
    /// Those of the rule.
    fn handle(&mut self, from: Actor, body: Body) -> Result<(), PacketError> {
        match body {
            Body::Proposal(proposal) => self.handle_proposal(from, proposal),
            Body::Echo(echo) => self.handle_echo(echo),
            Body::Certificate(certificate) => self.handle_certificate(from, certificate),
            Body::Announce(summary) => self.handle_announce(from, &summary),
            Body::SummaryAck(summary) => self.handle_summary_ack(from, &summary),
            Body::PullRequest(request) => self.handle_pull_request(from, &request),
            Body::PullResponse(answer) => self.handle_pull_response(from, answer),
            Body::Evidence(evidence) => self.handle_evidence(evidence),
            Body::Enter(entry) => self.handle_entry(entry),
            Body::Approve(approved) => self.handle_approve(&approved),
            Body::Report { report, changes } => self.handle_report(&report, &changes),
            Body::Agreement { message, value, .. } => self.handle_agreement(from, &message, value),
            Body::GenerationProof(proof) => self.handle_generation_proof(from, proof),
            Body::Snapshot { generation, part } => self.handle_part(from, generation, part),
            Body::FetchPayloads(fetch) => {
                self.handle_fetch_payloads(from, &fetch);
                Ok(())
            }
            Body::Value(value) => {
                self.take_value(value);
                Ok(())
            }
            Body::FetchSnapshot { generation, part } => {
                self.handle_fetch_snapshot(from, generation, part);
                Ok(())
            }
            Body::Recall(challenge) => self.handle_recall(from, challenge),
            Body::Recollection(recollection) => self.handle_recollection(from, &recollection),
        }
    }

    /// Lets time pass: says again what may have been lost.
    pub fn tick(&mut self) -> Step {
        self.turn.now += 1;
        self.outbox.rest(self.is_pending());
        if self.awaits_checkpoint() {
            self.pull_from_all();
        } else if self.is_in_doubt() {
            self.tick_in_doubt();
        } else {
            self.resend_locks();
            self.resend_closing();
            self.resend_entry();
            self.repeat_fetch();
            self.keep_peers_even();
            self.tick_agreement();
            self.repeat_fetches();
            self.judge_early();
        }
        self.turn()
    }

    /// Ends every input: delivers what can be delivered now, goes on with the end of the generation
    /// as far as that makes possible, and hands out what is to be done.
    fn turn(&mut self) -> Step {
        self.settle();
        self.pursue();
        debug_assert!(
            self.lanes.ready.is_empty() || self.awaits_checkpoint(),
            "nothing that can be delivered waits between inputs"
        );
        self.turn.end()
    }

    // ---- helpers of the rules

    fn send(&mut self, to: Actor, body: Body) {
        self.say(Target::One(to), body);
    }

    /// Sends to each other member.
    fn send_to_members(&mut self, body: Body) {
        let committee = Arc::clone(&self.history.committee);
        self.say(Target::Members(committee), body);
    }

    /// What is for ourselves alone is known here already.
    fn say(&mut self, target: Target, body: Body) {
        let from = self.actor();
        let said = Targeted { from, target, body };
        if said.receivers().next().is_some() {
            self.turn.step.send.push(said);
        }
    }
}
