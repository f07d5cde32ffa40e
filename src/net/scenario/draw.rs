//! Scenarios by the number. Swarm testing (Groce, Zhang, Eide, Chen, Regehr: Swarm Testing, ISSTA
//! 2012): each scenario has a random part of all kinds of acts and faults turned on, for what one
//! kind hides another may need.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Act, Family, Scenario};
use crate::net::{Faults, Vice};

/// What scenarios are drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The numbers of members, drawn evenly.
    pub members: Vec<u8>,
    /// How many acts a scenario has at most, if it is not directed: a family has its own length,
    /// and half of one leads nowhere.
    pub acts: u8,
    /// Whether there are liars, up to what the committee tolerates, and members that lose their
    /// memory.
    pub liars: bool,
    /// Whether links do harm.
    pub faults: bool,
    /// Whether members crash.
    pub crashes: bool,
    /// Whether the committee changes.
    pub changes: bool,
    /// Of eight scenarios so many are directed: of one of the families, if any fits the rest of the
    /// shape.
    pub directed: u8,
    /// The families that directed scenarios are of.
    pub families: Vec<Family>,
}

impl Default for Shape {
    /// Everything, mostly four members; half of the scenarios are directed.
    ///
    /// A directed scenario finds its kind of mistake far sooner; the others find what nobody
    /// thought of.
    fn default() -> Self {
        Self {
            members: vec![1, 2, 3, 4, 4, 4, 4, 4, 5, 7],
            acts: 24,
            liars: true,
            faults: true,
            crashes: true,
            changes: true,
            directed: 4,
            families: Family::ALL.to_vec(),
        }
    }
}

impl Shape {
    /// The scenarios of these families alone.
    ///
    /// Of all numbers of members, so that each family fits.
    #[must_use]
    pub fn of(families: &[Family]) -> Self {
        Self {
            members: (1..=16).collect(),
            directed: 8,
            families: families.to_vec(),
            ..Self::default()
        }
    }

    /// The family of the scenario with this number, if it is directed. Chance of its own decides,
    /// so that the scenarios that are not are what they were.
    ///
    /// The stream of chance is another one than that of the rest of the scenario.
    fn family(&self, number: u64) -> Option<Family> {
        let random = &mut ChaCha8Rng::seed_from_u64(number);
        random.set_stream(1);
        let directed = random.random_range(0..8) < self.directed;
        let families = self.families.iter().copied();
        let fitting: Vec<_> = families.filter(|family| family.plan().fits(self)).collect();
        let any = directed && !fitting.is_empty();
        any.then(|| fitting[random.random_range(0..fitting.len())])
    }

    /// Four members and a few operations, some 40 packets: for runs by the million.
    #[must_use]
    pub fn small() -> Self {
        Self {
            members: vec![4],
            acts: 4,
            changes: false,
            directed: 0,
            ..Self::default()
        }
    }
}

/// A kind of act with its weight.
///
/// One of weight 9 comes nine times as often as one of weight 1.
type Draw = (u32, fn(&mut ChaCha8Rng) -> Act);

/// What every network has.
const ORDINARY: [Draw; 2] = [
    (9, |r| Act::Propose {
        who: r.random(),
        pick: r.random(),
    }),
    (4, |r| Act::Run {
        tenths: r.random_range(0..40),
    }),
];

/// Harm to links, each kind in half of the scenarios that have faults at all.
const LINKS: [Draw; 4] = [
    (1, |r| Act::Partition { side: r.random() }),
    (1, |r| Act::Cut {
        from: r.random(),
        to: r.random(),
    }),
    (1, |r| Act::Clog {
        from: r.random(),
        to: r.random(),
    }),
    (1, |_| Act::Heal),
];

/// Where all are turned on restarts come as often as crashes.
const CRASHES: [Draw; 3] = [
    (1, |r| Act::Crash { who: r.random() }),
    (1, |r| Act::CrashWhileWriting {
        who: r.random(),
        records: r.random_range(0..4),
        torn: r.random(),
    }),
    (2, |r| Act::Restart { who: r.random() }),
];

/// Newcomers come twice as often as members leave.
const CHANGES: [Draw; 3] = [
    (2, |_| Act::Join),
    (1, |r| Act::Leave { who: r.random() }),
    (1, |r| Act::Renew { who: r.random() }),
];

/// They make a member Byzantine by the protocol's words, and so count as liars.
const LAPSES: [Draw; 2] = [
    (1, |r| Act::Backup { who: r.random() }),
    (1, |r| Act::Restore { who: r.random() }),
];

impl Scenario {
    /// The scenario of this number: the same on every machine.
    #[must_use]
    pub fn draw(number: u64, shape: &Shape) -> Self {
        if let Some(family) = shape.family(number) {
            return family.draw(number);
        }
        let random = &mut ChaCha8Rng::seed_from_u64(number);
        let most = shape.members.len().max(1);
        let members = shape
            .members
            .get(random.random_range(0..most))
            .copied()
            .unwrap_or(4)
            .max(1);
        Self {
            seed: random.random(),
            members,
            liars: liars(random, members, shape),
            faults: faults(random, shape),
            unruly: 0..u64::MAX,
            acts: acts(random, shape),
        }
    }
}

/// From none to as many as the committee tolerates, with one to three vices each.
fn liars(random: &mut ChaCha8Rng, members: u8, shape: &Shape) -> Vec<Vec<Vice>> {
    let most = if shape.liars { (members - 1) / 3 } else { 0 };
    let vices = |random: &mut ChaCha8Rng| {
        let many = random.random_range(1..=3);
        let vice = |_| Vice::ALL[random.random_range(0..Vice::ALL.len())];
        (0..many).map(vice).collect()
    };
    let many = random.random_range(0..=most);
    (0..many).map(|_| vices(random)).collect()
}

/// Each rate is turned on in half of the scenarios.
fn faults(random: &mut ChaCha8Rng, shape: &Shape) -> Faults {
    let mut faults = Faults::default();
    if !shape.faults {
        return faults;
    }
    let latencies = [1_000..=40_000, 10_000..=10_000, 1_000..=150_000];
    faults.latency = latencies[random.random_range(0..latencies.len())].clone();
    let rates = [
        &mut faults.drop,
        &mut faults.duplicate,
        &mut faults.corrupt,
        &mut faults.delay,
    ];
    for rate in rates {
        if random.random() {
            *rate = [0.02, 0.1, 0.3][random.random_range(0..3)];
        }
    }
    faults
}

/// Of the kinds that the shape allows, about half are turned on in one scenario.
fn acts(random: &mut ChaCha8Rng, shape: &Shape) -> Vec<Act> {
    let mut kinds = ORDINARY.to_vec();
    let rooms: [(bool, &[Draw]); 4] = [
        (shape.faults, &LINKS),
        (shape.crashes, &CRASHES),
        (shape.changes, &CHANGES),
        (shape.liars, &LAPSES),
    ];
    for (_, draws) in rooms.iter().filter(|(open, _)| *open) {
        kinds.extend(draws.iter().filter(|_| random.random::<bool>()));
    }
    let many = random.random_range(0..=shape.acts);
    (0..many).map(|_| act(random, &kinds)).collect()
}

/// By the weights of the kinds.
fn act(random: &mut ChaCha8Rng, kinds: &[Draw]) -> Act {
    let weights = kinds.iter().map(|(weight, _)| weight).sum();
    let mut left = random.random_range(0..weights);
    for (weight, draw) in kinds {
        if left < *weight {
            return draw(random);
        }
        left -= weight;
    }
    Act::Heal
}
