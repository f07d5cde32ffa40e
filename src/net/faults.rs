//! What a network does to packets: faults by chance, and links that are cut or clogged by hand.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::actor::Actor;

/// Faults by chance, all usable together and changeable at run time. Probabilities are between 0 and 1, per packet.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) faults: Faults,
    cut: BTreeSet<(Actor, Actor)>,
    clogged: BTreeSet<(Actor, Actor)>,
    ever_faulty: bool,
}

/// What becomes of one packet; lost if it arrives nowhere.
pub(super) struct Fate {
    pub(super) arrivals: Vec<Arrival>,
}

pub(super) struct Arrival {
    pub(super) delay: u64,
    pub(super) corrupted: bool,
}

impl Links {
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            ever_faulty: !faults.are_none(),
            faults,
            ..Self::default()
        }
    }

    pub(super) fn set_faults(&mut self, faults: Faults) {
        self.ever_faulty |= !faults.are_none();
        self.faults = faults;
    }

    pub(super) fn cut(&mut self, from: Actor, to: Actor) {
        self.ever_faulty = true;
        self.cut.insert((from, to));
    }

    pub(super) fn clog(&mut self, from: Actor, to: Actor) {
        self.ever_faulty = true;
        self.clogged.insert((from, to));
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.clogged.clear();
    }

    /// Whether this network has only ever taken its time.
    pub(super) fn are_faultless(&self) -> bool {
        !self.ever_faulty
    }

    /// That something other than a packet went wrong, so that refusals are no surprise.
    pub(super) fn disturb(&mut self) {
        self.ever_faulty = true;
    }

    pub(super) fn fate(&self, from: Actor, to: Actor, random: &mut ChaCha8Rng) -> Fate {
        let mut arrivals = Vec::new();
        let lost = self.cut.contains(&(from, to)) || random.random_bool(self.faults.drop);
        if !lost {
            arrivals.push(self.arrival(from, to, random));
            if random.random_bool(self.faults.duplicate) {
                arrivals.push(self.arrival(from, to, random));
            }
        }
        Fate { arrivals }
    }

    fn arrival(&self, from: Actor, to: Actor, random: &mut ChaCha8Rng) -> Arrival {
        let mut delay = random.random_range(self.faults.latency.clone());
        if random.random_bool(self.faults.delay) || self.clogged.contains(&(from, to)) {
            delay = delay.saturating_mul(random.random_range(2..=20));
        }
        Arrival {
            delay,
            corrupted: random.random_bool(self.faults.corrupt),
        }
    }
}
