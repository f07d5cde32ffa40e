//! How a network comes to be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::adversary::Adversary;
use super::check::{Checks, Invariant};
use super::coverage::Coverage;
use super::faults::{Faults, Links};
use super::keyring::Keyring;
use super::participant::Participant;
use super::recorder::Recorder;
use super::schedule::{Happening, Schedule};
use super::trace::Trace;
use super::{Net, TICK_MICROS};
use crate::actor::{Actor, Signatures, SigningActor};
use crate::codec::Limits;
use crate::membership::{Boundary, Genesis};
use crate::recording::Run;
use crate::traits::WireAlgorithm;

/// Describes a [`Net`] before it runs.
pub struct SimBuilder<A: WireAlgorithm> {
    /// Decides everything that is random, keys too.
    seed: u64,
    /// Liars included.
    members: usize,
    /// One for each liar; the first members that are drawn are the liars, and their keys decide
    /// where they sit.
    vices: Vec<Box<dyn Adversary<A>>>,
    /// Else more liars than are tolerated make [`build`](Self::build) panic.
    beyond_the_bound: bool,
    /// Whether correct members approve what somebody correct wished for.
    approving: bool,
    /// Until the network heals; by default packets only take their time.
    faults: Faults,
    /// Used to find which packets matter in a failure: all others arrive in the shortest time.
    unruly: Range<u64>,
    /// Held for each thread on which the network runs.
    signatures: Signatures,
    /// Packets that are checked with each that arrives.
    ahead: usize,
    /// See [`unwinding`](Self::unwinding).
    unwinds: bool,
    /// `None` when none is kept.
    recording: Option<Run>,
    /// Fresh, unless many networks are to share what is known of keys.
    keyring: Keyring,
    /// By default those of a real network, which a short run never reaches.
    limits: Limits,
    /// Makes the copy with which an actor begins.
    algorithm: Box<dyn Fn(Actor) -> A>,
    /// Asked of each correct replica after each of its steps, so that they had better be cheap.
    invariants: Vec<Invariant<A>>,
}

impl<A: WireAlgorithm> Net<A> {
    /// A network whose every chance is drawn from `seed`: four correct members by default, on links
    /// that only take their time.
    #[must_use]
    pub fn builder(seed: u64) -> SimBuilder<A> {
        SimBuilder {
            seed,
            members: 4,
            vices: Vec::new(),
            beyond_the_bound: false,
            approving: false,
            faults: Faults::default(),
            unruly: 0..u64::MAX,
            signatures: Signatures::default(),
            ahead: 0,
            unwinds: false,
            recording: None,
            keyring: Keyring::Fresh,
            limits: Limits::default(),
            algorithm: Box::new(A::new),
            invariants: Vec::new(),
        }
    }
}

impl<A: WireAlgorithm> SimBuilder<A> {
    /// How many members there are, liars included.
    #[must_use]
    pub fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    /// Seats a liar, at a seat that its key decides. Once per liar.
    #[must_use]
    pub fn byzantine(self, vice: impl Adversary<A> + 'static) -> Self {
        self.byzantine_boxed(Box::new(vice))
    }

    /// Like [`byzantine`](Self::byzantine), for a vice chosen at run time.
    #[must_use]
    pub fn byzantine_boxed(mut self, vice: Box<dyn Adversary<A>>) -> Self {
        self.vices.push(vice);
        self
    }

    /// Allows more liars than the committee tolerates: consistency is no longer asked for, false
    /// accusations are still a violation.
    #[must_use]
    pub fn beyond_the_bound(mut self) -> Self {
        self.beyond_the_bound = true;
        self
    }

    /// Lets correct members approve every change of the committee that they are asked for. By
    /// default each approval is given by hand, with [`Net::approve`].
    #[must_use]
    pub fn approving(mut self) -> Self {
        self.approving = true;
        self
    }

    /// What the links do to packets.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// The packets, by number in the order of sending, that may be harmed, or late by chance. By
    /// default all.
    #[must_use]
    pub fn unruly(mut self, packets: Range<u64>) -> Self {
        self.unruly = packets;
        self
    }

    /// How signatures are made and checked.
    #[must_use]
    pub fn signatures(mut self, signatures: Signatures) -> Self {
        self.signatures = signatures;
        self
    }

    /// How many packets that are under way to a correct replica have their signatures checked with
    /// one that arrives, and how many arrivals it takes in until it does so again; none by default.
    /// Nothing but time depends on it.
    #[must_use]
    pub fn checking_ahead(mut self, packets: usize) -> Self {
        self.ahead = packets;
        self
    }

    /// Gives the members keys that other networks have too, so that what a thread remembers of keys
    /// serves them all.
    ///
    /// For runs by the thousand on one thread.
    pub(super) fn with_old_keys(mut self) -> Self {
        self.keyring = Keyring::Old;
        self
    }

    /// Lets a broken promise unwind the thread with a [`Broken`](super::check::Broken), instead of
    /// a panic that is printed.
    pub(super) fn unwinding(mut self) -> Self {
        self.unwinds = true;
        self
    }

    /// Keeps a [recording](Net::recording) of the run; `replay` tells people how to see it again.
    /// It costs time and memory in proportion to what happens.
    #[must_use]
    pub fn recording(mut self, replay: impl Into<String>) -> Self {
        self.recording = Some(Run::simulated(self.seed, replay.into()));
        self
    }

    /// The network's bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How an actor's copy of the algorithm begins, when `new` is not enough. All must be in one
    /// state.
    #[must_use]
    pub fn algorithm(mut self, fresh: impl Fn(Actor) -> A + 'static) -> Self {
        self.algorithm = Box::new(fresh);
        self
    }

    /// What must hold of every correct copy of the algorithm after every step.
    #[must_use]
    pub fn invariant(mut self, holds: impl Fn(&A) -> Result<(), String> + 'static) -> Self {
        self.invariants.push(Box::new(holds));
        self
    }

    /// The members that the network will have, in seat order, as far as it is described: seed and
    /// number decide.
    #[must_use]
    pub fn actors(&self) -> Vec<Actor> {
        let keys = self.keys(&mut ChaCha8Rng::seed_from_u64(self.seed));
        let actors: BTreeSet<_> = keys.iter().map(SigningActor::actor).collect();
        actors.into_iter().collect()
    }

    /// The first that are drawn from the seed: [`build`](Self::build) draws the same.
    fn keys(&self, random: &mut ChaCha8Rng) -> Vec<SigningActor> {
        let mut keys = Vec::new();
        for _ in 0..self.members {
            keys.push(self.keyring.draw(random, &keys));
        }
        keys
    }

    /// The network, at time 0, with nothing sent.
    ///
    /// Ticks of the members begin one after the other, a little apart, so that they do not all
    /// speak at one time.
    ///
    /// # Panics
    /// When there are no members, more liars than members, more liars than are tolerated without
    /// [`beyond_the_bound`](Self::beyond_the_bound), or limits that contradict each other.
    #[must_use]
    pub fn build(self) -> Net<A> {
        let _entered = self.signatures.enter();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let keys = self.keys(&mut random);
        let members: BTreeSet<_> = keys.iter().map(SigningActor::actor).collect();
        let first = (self.algorithm)(keys[0].actor());
        let genesis = Genesis::new(&first, members, self.limits, [0; 32])
            .expect("members and limits that fit");
        let tolerated = (self.members - 1) / 3;
        let within = self.vices.len() <= tolerated;
        assert!(
            within || self.beyond_the_bound,
            "{} liars, {tolerated} tolerated",
            self.vices.len()
        );
        let correct = keys[self.vices.len()..].iter().map(SigningActor::actor);
        let first = Boundary::genesis(&genesis).expect("a genesis made here");
        let mut checks = Checks::new(
            genesis.network(),
            genesis.limits().clone(),
            correct.collect(),
            within,
            self.invariants,
        );
        checks.rules.begin(first);
        let mut vices = self.vices.into_iter();
        let participants = keys.into_iter().map(|key| {
            let algorithm = (self.algorithm)(key.actor());
            let participant = Participant::begin(key, algorithm, &genesis, vices.next());
            (participant.key.actor(), participant)
        });
        let participants: BTreeMap<_, _> = participants.collect();
        let mut schedule = Schedule::default();
        for (index, who) in (0u64..).zip(participants.keys()) {
            schedule.after(TICK_MICROS + index * 777, Happening::Tick { who: *who });
        }
        Net {
            seed: self.seed,
            random,
            network: genesis.network(),
            genesis,
            algorithm: self.algorithm,
            participants,
            schedule,
            links: Links::new(self.faults, self.unruly),
            signatures: self.signatures,
            ahead: self.ahead,
            trusting: BTreeMap::new(),
            unwinds: self.unwinds,
            keyring: self.keyring,
            coverage: Coverage::default(),
            situations: BTreeMap::new(),
            checks,
            trace: Trace::recorded_by(self.recording.map(Recorder::new)),
            wished: BTreeSet::new(),
            approvers: BTreeMap::new(),
            muted: false,
            switches_off: false,
            switched_off: BTreeSet::new(),
            doubting: false,
            reserved: BTreeSet::new(),
            passed: BTreeMap::new(),
            approving: self.approving,
            stirred: None,
            spoken: 0,
            unheard: 0,
            heard: BTreeSet::new(),
        }
    }
}
