//! A simulated network, deterministic to the bit: it loses, repeats, delays, reorders and corrupts
//! packets, partitions and crashes replicas, and seats liars among them, to see whether an
//! algorithm survives.
//!
//! ```
//! use bft_crdts::net::{Equivocator, Faults, Net};
//! use bft_crdts::orswot::Orswot;
//!
//! let mut net = Net::<Orswot<String>>::builder(7)
//!     .members(4)
//!     .byzantine(Equivocator::default())
//!     .faults(Faults { drop: 0.2, ..Faults::default() })
//!     .build();
//! let a = net.honest(0);
//! net.add(&a, "apple".to_owned())?;
//! net.settle();
//! assert!(net.read(&net.honest(1)).contains(&"apple".to_owned()));
//! # Ok::<(), bft_crdts::deterministic_secure_broadcast::ProposeError>(())
//! ```
//!
//! One seed drives keys, schedule, faults and adversaries. The same seed gives the same
//! [`Trace::digest`] on every machine. Time is virtual. After every step the promises are checked;
//! see [`Violation`]. [`Net::settle`] ends faults and partitions and then asks for liveness: every
//! correct proposal delivered by all, all states equal, and silence. [`Net::assert_live`] asks for
//! it of correct members alone, after a restart of all.

mod accountability;
mod act;
mod adversary;
mod arrive;
mod builder;
mod campaign;
mod check;
mod convey;
mod coverage;
mod faults;
mod keyring;
mod live;
mod members;
mod msc;
mod participant;
mod provable;
mod recorder;
mod retired;
mod rules;
mod scenario;
mod schedule;
mod settle;
mod trace;
mod verbs;
mod violation;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;

pub use adversary::{
    Adversary, Archivist, Babbler, Backdater, DoubleEchoer, DoubleVoter, EarlyAuthor, EarlyLie,
    Equivocator, FalseAccuser, FalseAnswer, FalseApprover, FalseCertifier, FalseCoordinator,
    FalseMarker, FalseProposal, FalseReporter, FalseServer, FalseSnapshot, FickleServer, Flooder,
    Forger, Glutton, Hand, Impostor, Mute, MuteToSome, Nag, Poisoner, Procrastinator, Replayer,
    Reviser, Revivalist, SlowLoris, Substituter, Tick, Turncoat, Twins, Vice, Vices, Withholder,
};
pub use builder::SimBuilder;
pub use campaign::{Campaign, Defeat, Failure, Played, Report, Subject};
pub use coverage::{Coverage, Kind};
pub use faults::Faults;
pub use live::LIVE_TICKS;
pub use msc::{ChartError, MOST_ARCS};
pub use scenario::{Act, Family, Phase, Scenario, Shape};
pub use settle::SETTLE_TICKS;
pub use trace::{About, Event, Trace};
pub use violation::Violation;

use rand_chacha::ChaCha8Rng;

pub use crate::actor::Signatures;

use crate::actor::Actor;
use crate::codec::NetworkId;
use crate::deterministic_secure_broadcast::{ProposeError, Replica};
use crate::membership::{ChangeKey, Genesis};
use crate::quorum::Generation;
use crate::recording::Recording;
use crate::traits::WireAlgorithm;
use accountability::Duty;
use adversary::Input;
use check::{Broken, Checks};
use faults::Links;
use keyring::Keyring;
use live::Approvers;
use participant::{Mind, Participant};
use schedule::{Happening, Schedule};

/// Microseconds between two ticks of one replica. Most packets arrive sooner.
pub const TICK_MICROS: u64 = 100_000;

/// Packets under way beyond which a network is taken to have gone mad: many more than all ticks of
/// a large one put there.
///
/// A [`Violation::Storm`] then ends the run before memory does.
const MOST_UNDER_WAY: usize = 1 << 18;

/// A network of replicas and liars. See the [module](self).
///
/// Invariants: whatever is random is drawn from `random`, in an order that the past decides;
/// participants and links are kept in the order of keys; and no clock, thread or address of memory
/// has a say. So one seed gives one run.
pub struct Net<A: WireAlgorithm> {
    /// For the message of a violation, by which the run can be seen again.
    seed: u64,
    /// Faults, delays, liars and new keys all draw from this one, so that one draw more anywhere
    /// gives another run.
    random: ChaCha8Rng,
    genesis: Genesis,
    network: NetworkId,
    /// A fresh copy for each start of each actor.
    algorithm: Box<dyn Fn(Actor) -> A>,
    /// All that were ever seated or followed; none is removed.
    participants: BTreeMap<Actor, Participant<A>>,
    /// Packets that are under way, and the next tick of each participant.
    schedule: Schedule,
    /// What becomes of each packet: by chance, and by hand.
    links: Links,
    /// Entered at each verb, since it holds for the thread.
    signatures: Signatures,
    /// How many packets are checked together with one that arrives.
    ahead: usize,
    /// How many arrivals each replica still takes in with what was checked before them.
    trusting: BTreeMap<Actor, usize>,
    /// Whether a violation is thrown as a [`Broken`], for who plays many scenarios, or as a panic.
    unwinds: bool,
    /// Where newcomers have their keys from, too.
    keyring: Keyring,
    /// What was exercised; it has no influence on the run.
    coverage: Coverage,
    /// What each correct replica was last seen in.
    situations: BTreeMap<Actor, Vec<bool>>,
    /// What was seen of all correct replicas so far, and what must hold of it.
    checks: Checks<A>,
    /// What happened so far. Its digest covers every event and every byte sent.
    trace: Trace,
    /// Whether correct members approve every change that somebody correct wished for.
    approving: bool,
    /// The changes that somebody correct approved by hand, each in its generation.
    wished: BTreeSet<(Generation, ChangeKey)>,
    /// Who approved what, as far as it is durable.
    approvers: Approvers,
    /// Who approves nothing that it is not told to approve.
    reserved: BTreeSet<Actor>,
    /// Whether liars say nothing any more.
    muted: bool,
    /// Whether those who have left are switched off, and who is, for good.
    switches_off: bool,
    /// None of these is started again, by whatever act.
    switched_off: BTreeSet<Actor>,
    /// Whether who starts again asks first what its key has signed.
    doubting: bool,
    /// Who has come how far in a change since the last order to crash all.
    passed: BTreeMap<Phase, BTreeSet<Actor>>,
    /// Whether what happens now began with a liar: see [`Happening::Arrival`].
    stirred: Option<u8>,
    /// Packets by correct members that a settled network would not send.
    spoken: u64,
    /// Packets by correct members to members that have never said anything.
    unheard: u64,
    /// Who has ever sent anything.
    heard: BTreeSet<Actor>,
}

impl<A: WireAlgorithm> Net<A> {
    // ---- who and what

    /// The members in seat order.
    ///
    /// Those that have come since, and those that have left, are among them.
    #[must_use]
    pub fn actors(&self) -> Vec<Actor> {
        self.participants.keys().copied().collect()
    }

    /// The `index`-th correct member in seat order.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn honest(&self, index: usize) -> Actor {
        self.honest_actors()[index]
    }

    /// The correct members in seat order.
    #[must_use]
    pub fn honest_actors(&self) -> Vec<Actor> {
        let honest = self.participants.iter().filter(|(_, p)| !p.is_liar());
        honest.map(|(actor, _)| *actor).collect()
    }

    /// The liars in seat order.
    #[must_use]
    pub fn liars(&self) -> Vec<Actor> {
        let liars = self.participants.iter().filter(|(_, p)| p.is_liar());
        liars.map(|(actor, _)| *actor).collect()
    }

    /// The description of this network.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// A correct member's replica, or the honest half of a liar's. `None` while it is down.
    ///
    /// A half is to be looked at with care: what it knows is what its vice let through.
    #[must_use]
    pub fn replica(&self, actor: &Actor) -> Option<&Replica<A>> {
        self.participants.get(actor)?.replica()
    }

    /// A member's copy of the algorithm.
    ///
    /// # Panics
    /// When there is no such member or it is down.
    #[must_use]
    pub fn read(&self, actor: &Actor) -> &A {
        self.replica(actor)
            .expect("a member that is up")
            .algorithm()
    }

    /// What happened so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What happened so far, by kind.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The run as a message sequence chart, for mscgen.
    ///
    /// # Errors
    /// [`ChartError`] when more happened than a chart can show.
    pub fn chart(&self) -> Result<String, ChartError> {
        let founders = self.genesis.members();
        msc::chart(
            &self.trace,
            &self.actors(),
            founders,
            &self.liars(),
            self.seed,
        )
    }

    /// The run as a [`Recording`], when the network was [built](SimBuilder::recording) to keep one:
    /// everything that happened so far, and what each correct replica that is up holds now and has
    /// not delivered.
    ///
    /// It may be asked for in the middle of a run, as a failure does.
    #[must_use]
    pub fn recording(&self) -> Option<Recording> {
        let recorder = self.trace.recorder.as_ref()?;
        let replicas = self.honest_actors();
        let replicas = replicas.iter().filter_map(|actor| self.replica(actor));
        let (actors, liars) = (self.actors(), self.liars());
        let name = |actor: &Actor| (msc::name(&actors, actor), liars.contains(actor));
        Some(recorder.finished(self.now(), replicas, name))
    }

    /// How often each vice really lied, by its [name](Vice::name): a vice that is absent was not
    /// exercised.
    #[must_use]
    pub fn lies(&self) -> BTreeMap<&'static str, u64> {
        let lies = self
            .coverage
            .counts()
            .filter_map(|(kind, times)| match kind {
                Kind::Lie(vice) => Some((vice, times)),
                _ => None,
            });
        lies.collect()
    }

    /// Microseconds of virtual time.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.schedule.now()
    }

    // ---- what happens

    /// Proposes an operation at a member. A liar does with it what its vice says.
    ///
    /// What a correct member accepts and makes durable is promised from then on:
    /// [`settle`](Self::settle) asks that it is delivered.
    ///
    /// # Errors
    /// [`ProposeError`] of the replica. A member that is down refuses with `NotAMember`.
    ///
    /// # Panics
    /// When a promise is broken; see [`Violation`].
    pub fn propose(&mut self, actor: &Actor, op: A::Op) -> Result<(), ProposeError> {
        self.propose_all(actor, vec![op])
    }

    /// Proposes several at once, which a correct member takes all or none of.
    ///
    /// # Errors
    /// As [`propose`](Self::propose).
    ///
    /// # Panics
    /// As [`propose`](Self::propose).
    pub fn propose_all(&mut self, actor: &Actor, ops: Vec<A::Op>) -> Result<(), ProposeError> {
        let _entered = self.signatures.enter();
        let Some(participant) = self.participants.get_mut(actor) else {
            return Err(ProposeError::NotAMember);
        };
        match &mut participant.mind {
            Mind::Down => Err(ProposeError::NotAMember),
            Mind::Liar { .. } => {
                ops.into_iter()
                    .for_each(|op| self.lie(*actor, Input::Op(op)));
                Ok(())
            }
            Mind::Correct(replica) => {
                let (source, count) = (*actor, ops.len());
                let summaries: Vec<_> = ops.iter().map(A::summary).collect();
                let step = replica.propose_all(ops)?;
                for op in summaries {
                    let event = Event::Proposed { source, op };
                    self.trace.record(self.schedule.now(), event);
                }
                self.act(source, step);
                if !self.is_down(actor) {
                    *self.checks.proposed.entry(source).or_default() += count;
                }
                Ok(())
            }
        }
    }

    /// The algorithm on which a member's next operation is to be made: with its own pending ones
    /// applied.
    ///
    /// # Panics
    /// When there is no such member or it is down.
    pub fn ahead(&mut self, actor: &Actor) -> &A {
        let participant = self.participants.get_mut(actor).expect("a member");
        participant
            .replica_mut()
            .expect("a member that is up")
            .ahead()
    }

    /// Lets `micros` of virtual time pass.
    ///
    /// # Panics
    /// When a promise is broken; see [`Violation`].
    pub fn run_for(&mut self, micros: u64) {
        let until = self.schedule.now().saturating_add(micros);
        while self.schedule.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.schedule.advance(until);
    }

    /// Lets one thing happen: a packet arrives, or a replica ticks. Ticks recur, so there is always
    /// a next.
    ///
    /// # Panics
    /// When a promise is broken; see [`Violation`].
    pub fn step(&mut self) {
        let _entered = self.signatures.enter();
        let packets = self.schedule.len();
        if packets > MOST_UNDER_WAY {
            self.hold_to(|_| Err(Violation::Storm { packets }));
        }
        match self.schedule.pop() {
            Some(Happening::Arrival {
                to,
                bytes,
                number,
                stirred,
            }) => {
                self.stirred = stirred;
                if let (Some(number), Some(recorder)) = (number, &mut self.trace.recorder) {
                    recorder.arrives(number);
                }
                self.arrive(to, &bytes);
                self.stirred = None;
            }
            Some(Happening::Tick { who }) => {
                self.schedule.after(TICK_MICROS, Happening::Tick { who });
                self.tick(who);
            }
            None => {}
        }
    }

    /// A tick of who is down is lost; the next one comes all the same.
    fn tick(&mut self, who: Actor) {
        let Some(participant) = self.participants.get_mut(&who) else {
            return;
        };
        match &mut participant.mind {
            Mind::Down => {}
            Mind::Liar { .. } => self.lie(who, Input::Tick(Tick)),
            Mind::Correct(replica) => {
                let duty = Duty::of(replica, None);
                let step = replica.tick();
                let judgement = duty.judge(replica);
                self.hold_to(|_| judgement);
                if !step.is_empty() {
                    self.act(who, step);
                }
            }
        }
    }

    /// Returns when nothing is broken.
    ///
    /// # Panics
    /// When the judgement is a violation: with everything that is needed to replay it.
    fn hold_to(&mut self, judge: impl FnOnce(&mut Checks<A>) -> Result<(), Violation>) {
        if let Err(violation) = judge(&mut self.checks) {
            if self.unwinds {
                let chart = self.chart();
                let tail = self.trace.tail();
                let recording = self.recording();
                resume_unwind(Box::new(Broken {
                    violation,
                    chart,
                    tail,
                    recording,
                }));
            }
            let step = self.trace.len();
            let seed = self.seed;
            let tail = self.trace.tail();
            panic!(
                "{violation}\nseed {seed}, after {step} events; replay with Net::builder({seed})\n{tail}"
            );
        }
    }
}
