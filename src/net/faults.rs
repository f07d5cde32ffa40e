//! What a network does to packets: faults by chance, and links that are cut or clogged by hand.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::coverage::{Coverage, Kind};
use crate::actor::Actor;

/// Faults by chance, all usable together and changeable at run time. Probabilities are between 0
/// and 1, per packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// A packet is lost.
    pub drop: f64,
    /// A packet arrives twice.
    pub duplicate: f64,
    /// One bit of a packet is flipped.
    pub corrupt: f64,
    /// A packet takes up to 20 times as long.
    pub delay: f64,
    /// Microseconds that a packet takes; a range reorders packets.
    pub latency: RangeInclusive<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            drop: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            delay: 0.0,
            latency: 1_000..=40_000,
        }
    }
}

impl Faults {
    /// Everything at once: a fifth lost, and some of each other kind.
    ///
    /// A member still gets through, as what is lost is said again.
    #[must_use]
    pub fn hostile() -> Self {
        Self {
            drop: 0.2,
            duplicate: 0.1,
            corrupt: 0.05,
            delay: 0.1,
            ..Self::default()
        }
    }

    /// Whether packets only take time.
    #[must_use]
    pub fn are_none(&self) -> bool {
        [self.drop, self.duplicate, self.corrupt, self.delay] == [0.0; 4]
    }
}

/// The links between participants.
#[derive(Debug)]
pub(super) struct Links {
    /// Those of now: they can be changed while the network runs.
    faults: Faults,
    /// The packets, by number, that may be harmed.
    unruly: Range<u64>,
    /// Packets so far, which are numbered by it.
    carried: u64,
    /// Microseconds that each packet takes longer, at most.
    slowness: u64,
    /// Microseconds that each packet takes longer.
    lag: u64,
    /// Links, each in one direction: nothing passes.
    cut: BTreeSet<(Actor, Actor)>,
    /// Each packet there is late.
    clogged: BTreeSet<(Actor, Actor)>,
    /// Nothing of the agreement passes.
    hushed: BTreeSet<(Actor, Actor)>,
    /// Never reset: a packet that was harmed long ago may still be refused.
    ever_faulty: bool,
}

/// One packet's end.
pub(super) struct Arrival {
    /// In microseconds.
    pub(super) delay: u64,
    /// One bit is flipped by the caller, who has the bytes.
    pub(super) corrupted: bool,
}

impl Links {
    /// Whether there was ever a fault begins with whether these are any.
    pub(super) fn new(faults: Faults, unruly: Range<u64>) -> Self {
        Self {
            ever_faulty: !faults.are_none(),
            faults,
            unruly,
            carried: 0,
            slowness: 0,
            lag: 0,
            cut: BTreeSet::new(),
            clogged: BTreeSet::new(),
            hushed: BTreeSet::new(),
        }
    }

    /// Packets that are under way keep their fates.
    pub(super) fn set_faults(&mut self, faults: Faults) {
        self.ever_faulty |= !faults.are_none();
        self.faults = faults;
    }

    /// In one direction.
    pub(super) fn cut(&mut self, from: Actor, to: Actor) {
        self.ever_faulty = true;
        self.cut.insert((from, to));
    }

    /// The other direction keeps its pace.
    pub(super) fn clog(&mut self, from: Actor, to: Actor) {
        self.ever_faulty = true;
        self.clogged.insert((from, to));
    }

    /// The caller asks [`is_hushed`](Self::is_hushed), as it knows what the packets say.
    pub(super) fn hush(&mut self, from: Actor, to: Actor) {
        self.ever_faulty = true;
        self.hushed.insert((from, to));
    }

    /// Whether what is said of an agreement is lost on this link.
    pub(super) fn is_hushed(&self, from: Actor, to: Actor) -> bool {
        self.hushed.contains(&(from, to))
    }

    /// Makes each packet take up to `micros` longer, until the network heals.
    pub(super) fn slow_down(&mut self, micros: u64) {
        self.ever_faulty = true;
        self.slowness = micros;
    }

    /// Makes each packet take `micros` longer, until the network heals.
    pub(super) fn lag(&mut self, micros: u64) {
        self.ever_faulty = true;
        self.lag = micros;
    }

    /// Faults by chance stay as they are set. What is under way still arrives as late as it was to.
    pub(super) fn heal(&mut self) {
        (self.slowness, self.lag) = (0, 0);
        self.cut.clear();
        self.clogged.clear();
        self.hushed.clear();
    }

    /// Whether this network has only ever taken its time.
    pub(super) fn are_faultless(&self) -> bool {
        !self.ever_faulty
    }

    /// That something other than a packet went wrong, so that refusals are no surprise.
    pub(super) fn disturb(&mut self) {
        self.ever_faulty = true;
    }

    /// What becomes of one packet: where there is no arrival, it is lost.
    ///
    /// The chances are drawn whether or not this packet may be harmed. One that is lost, and one on
    /// a cut link, draws nothing more.
    pub(super) fn carry(
        &mut self,
        from: Actor,
        to: Actor,
        random: &mut ChaCha8Rng,
        coverage: &mut Coverage,
    ) -> Vec<Arrival> {
        let harmed = self.unruly.contains(&self.carried);
        self.carried += 1;
        let link = (from, to);
        if self.cut.contains(&link) {
            coverage.hit(Kind::Fault("a packet on a link that is cut"));
            return Vec::new();
        }
        if random.random_bool(self.faults.drop) && harmed {
            coverage.hit(Kind::Fault("a packet lost"));
            return Vec::new();
        }
        let mut arrivals = vec![self.arrival(link, harmed, random, coverage)];
        if random.random_bool(self.faults.duplicate) && harmed {
            coverage.hit(Kind::Fault("a packet twice"));
            arrivals.push(self.arrival(link, harmed, random, coverage));
        }
        arrivals
    }

    /// In the order in which the chances are drawn: the delay, whether it is late, how much, and
    /// whether a bit flips.
    fn arrival(
        &self,
        link: (Actor, Actor),
        harmed: bool,
        random: &mut ChaCha8Rng,
        coverage: &mut Coverage,
    ) -> Arrival {
        let mut delay = random.random_range(self.faults.latency.clone());
        let delayed = random.random_bool(self.faults.delay);
        let clogged = self.clogged.contains(&link);
        if delayed || clogged {
            delay = delay.saturating_mul(random.random_range(2..=20));
        }
        let corrupted = random.random_bool(self.faults.corrupt) && harmed;
        if !harmed && !clogged {
            delay = *self.faults.latency.start();
        }
        if self.slowness > 0 {
            delay = delay.saturating_add(random.random_range(0..=self.slowness));
        }
        delay = delay.saturating_add(self.lag);
        let slow = self.slowness > 0 || self.lag > 0;
        let hits = [
            (slow, "a packet on a network that is slow"),
            (delayed && harmed, "a packet late"),
            (clogged, "a packet on a link that is slow"),
            (corrupted, "a bit of a packet flipped"),
        ];
        for (_, what) in hits.iter().filter(|(hit, _)| *hit) {
            coverage.hit(Kind::Fault(what));
        }
        Arrival { delay, corrupted }
    }
}
