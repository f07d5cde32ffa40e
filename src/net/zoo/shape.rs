//! What scenarios look like, as data: so that some look where a kind of bug lives.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::rogues::{Brazen, Certifier, Framer, Impostor, Patient};
use crate::bank::Bank;
use crate::net::{Act, Adversary, Scenario, Vice};

/// A kind of act.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Propose,
    /// Shorter than it takes a proposal to be delivered.
    Blink,
    /// A moment, less than two ticks.
    Wait,
    /// Some ticks.
    Run,
    Partition,
    Cut,
    Clog,
    Heal,
    Crash,
    CrashWhileWriting,
    Restart,
    Join,
    Leave,
    Renew,
}

/// A family of scenarios.
pub(super) struct Shape {
    /// A liar that only the zoo has, beside the others.
    pub(super) rogue: Option<fn() -> Box<dyn Adversary<Bank>>>,
    /// As often as it stands here.
    pub(super) members: &'static [u8],
    pub(super) liars: &'static [Vice],
    pub(super) least_liars: usize,
    pub(super) most_liars: usize,
    /// Of eight networks so many lose, repeat and corrupt.
    pub(super) hostile: u8,
    pub(super) most_acts: usize,
    /// Seats in a committee. With fewer than newcomers ask for, some are refused; in peace that is a surprise.
    pub(super) seats: u32,
    /// Two operations by everybody come first, so that liars have something to lie about.
    pub(super) opening: bool,
    /// Of eight acts so many are done to the member that the last one was done to.
    pub(super) focus: u8,
    /// Kinds with their weights.
    pub(super) acts: &'static [(Kind, u32)],
}

const ANYWHERE: &[u8] = &[1, 2, 3, 4, 4, 4, 4, 5, 7];

/// Everything, everywhere.
pub(super) const ANYTHING: Shape = Shape {
    rogue: None,
    focus: 2,
    members: ANYWHERE,
    liars: &Vice::ALL,
    least_liars: 0,
    most_liars: 2,
    hostile: 4,
    most_acts: 24,
    seats: 8,
    opening: false,
    acts: &[
        (Kind::Propose, 9),
        (Kind::Run, 4),
        (Kind::Partition, 1),
        (Kind::Cut, 1),
        (Kind::Clog, 1),
        (Kind::Heal, 1),
        (Kind::Crash, 1),
        (Kind::CrashWhileWriting, 1),
        (Kind::Join, 2),
        (Kind::Leave, 1),
        (Kind::Renew, 1),
        (Kind::Restart, 1),
    ],
};

/// Nobody lies and nothing is lost.
pub(super) const CALM: Shape = Shape {
    rogue: None,
    focus: 2,
    members: ANYWHERE,
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    hostile: 0,
    most_acts: 16,
    seats: 10,
    opening: false,
    acts: &[
        (Kind::Propose, 6),
        (Kind::Wait, 4),
        (Kind::Join, 1),
        (Kind::Leave, 1),
        (Kind::Renew, 1),
    ],
};

/// Sources that show two messages at one dot.
pub(super) const THIEVES: Shape = Shape {
    rogue: None,
    focus: 2,
    members: &[4, 4, 4, 5, 7],
    liars: &[Vice::Equivocator, Vice::Twins],
    least_liars: 1,
    most_liars: 2,
    hostile: 2,
    most_acts: 12,
    seats: 8,
    opening: true,
    acts: &[
        (Kind::Propose, 4),
        (Kind::Blink, 4),
        (Kind::Wait, 2),
        (Kind::Partition, 1),
        (Kind::Clog, 1),
        (Kind::Heal, 1),
        (Kind::Crash, 1),
        (Kind::Restart, 1),
        (Kind::Renew, 2),
    ],
};

/// Members that crash in the middle of everything, and come back soon.
pub(super) const CRASHES: Shape = Shape {
    rogue: None,
    focus: 5,
    members: &[1, 2, 4, 4, 4, 5],
    liars: &[Vice::Equivocator, Vice::Twins, Vice::DoubleVoter],
    least_liars: 0,
    most_liars: 1,
    hostile: 2,
    most_acts: 24,
    seats: 8,
    opening: true,
    acts: &[
        (Kind::Propose, 4),
        (Kind::Blink, 6),
        (Kind::Wait, 3),
        (Kind::Crash, 2),
        (Kind::CrashWhileWriting, 3),
        (Kind::Restart, 4),
        (Kind::Partition, 1),
        (Kind::Heal, 1),
        (Kind::Renew, 2),
        (Kind::Join, 1),
    ],
};

/// The committee changes all the time, while liars report and vote.
pub(super) const CHANGES: Shape = Shape {
    rogue: None,
    focus: 2,
    members: &[4, 4, 4, 5, 6, 7],
    liars: &[
        Vice::Equivocator,
        Vice::Equivocator,
        Vice::Twins,
        Vice::FalseReporter,
        Vice::DoubleVoter,
        Vice::FalseCoordinator,
        Vice::Mute,
    ],
    least_liars: 0,
    most_liars: 2,
    hostile: 3,
    most_acts: 24,
    seats: 8,
    opening: true,
    acts: &[
        (Kind::Propose, 4),
        (Kind::Blink, 6),
        (Kind::Wait, 3),
        (Kind::Clog, 1),
        (Kind::Partition, 1),
        (Kind::Heal, 1),
        (Kind::Join, 3),
        (Kind::Leave, 2),
        (Kind::Renew, 3),
    ],
};

/// Members that are long away, and newcomers, with nobody good to ask.
pub(super) const ABSENCES: Shape = Shape {
    rogue: None,
    focus: 2,
    members: &[4, 4, 5, 7],
    liars: &[Vice::FalseServer, Vice::FalseSnapshot, Vice::Equivocator],
    least_liars: 1,
    most_liars: 2,
    hostile: 1,
    most_acts: 24,
    seats: 8,
    opening: false,
    acts: &[
        (Kind::Propose, 6),
        (Kind::Run, 4),
        (Kind::Partition, 2),
        (Kind::Heal, 2),
        (Kind::Crash, 1),
        (Kind::Restart, 1),
        (Kind::Join, 2),
        (Kind::Renew, 2),
    ],
};

/// Somebody makes evidence of what others said.
pub(super) const FRAMED: Shape = Shape {
    rogue: Some(|| Box::<Framer>::default()),
    members: &[4, 4, 4, 5],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    ..THIEVES
};

/// Somebody makes quorums of its own.
pub(super) const CERTIFIED: Shape = Shape {
    rogue: Some(|| Box::<Certifier>::default()),
    members: &[4, 4, 4, 5],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    ..THIEVES
};

/// Somebody speaks in the names of others.
pub(super) const IMPERSONATED: Shape = Shape {
    rogue: Some(|| Box::<Impostor>::default()),
    members: &[4, 4, 4, 5],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    ..THIEVES
};

/// Somebody proposes what it may not.
pub(super) const BRAZEN: Shape = Shape {
    rogue: Some(|| Box::<Brazen>::default()),
    members: &[4, 4, 4, 5],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    ..THIEVES
};

/// Generations follow each other while liars vote, propose and report.
pub(super) const AGREEMENTS: Shape = Shape {
    members: &[4, 4, 5, 7],
    liars: &[
        Vice::DoubleVoter,
        Vice::FalseCoordinator,
        Vice::FalseCoordinator,
        Vice::FalseReporter,
        Vice::Twins,
    ],
    least_liars: 1,
    hostile: 4,
    opening: false,
    acts: &[
        (Kind::Propose, 2),
        (Kind::Blink, 2),
        (Kind::Wait, 4),
        (Kind::Clog, 2),
        (Kind::Cut, 2),
        (Kind::Partition, 1),
        (Kind::Heal, 1),
        (Kind::Crash, 2),
        (Kind::Restart, 3),
        (Kind::Renew, 5),
    ],
    ..CHANGES
};

/// Generations end while two messages at one dot are under way.
pub(super) const SEALS: Shape = Shape {
    members: &[4, 5, 5, 6],
    liars: &[Vice::Equivocator],
    least_liars: 1,
    most_liars: 1,
    hostile: 1,
    acts: &[
        (Kind::Propose, 2),
        (Kind::Blink, 6),
        (Kind::Clog, 2),
        (Kind::Cut, 2),
        (Kind::Crash, 1),
        (Kind::Restart, 1),
        (Kind::Renew, 6),
        (Kind::Join, 2),
    ],
    ..CHANGES
};

/// Generations end while somebody waits with a second message.
pub(super) const PATIENCE: Shape = Shape {
    rogue: Some(|| Box::<Patient>::default()),
    members: &[4, 4, 4, 5],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    most_acts: 16,
    ..SEALS
};

/// A member has more to say than can be said.
pub(super) const BACKLOG: Shape = Shape {
    members: &[4],
    liars: &[],
    least_liars: 0,
    most_liars: 0,
    hostile: 0,
    most_acts: 100,
    focus: 7,
    acts: &[(Kind::Propose, 16), (Kind::Partition, 1)],
    ..CALM
};

/// Money is passed on as soon as it comes, by links of which some are slow.
pub(super) const RELAYS: Shape = Shape {
    members: &[4, 5, 7],
    focus: 0,
    most_acts: 48,
    acts: &[
        (Kind::Propose, 8),
        (Kind::Blink, 6),
        (Kind::Cut, 2),
        (Kind::Clog, 2),
        (Kind::Heal, 1),
    ],
    ..BACKLOG
};

/// One member loses power whenever it writes.
pub(super) const POWER_CUTS: Shape = Shape {
    members: &[1, 2, 4],
    hostile: 0,
    focus: 7,
    acts: &[
        (Kind::Propose, 5),
        (Kind::Blink, 2),
        (Kind::CrashWhileWriting, 5),
        (Kind::Restart, 5),
    ],
    ..CRASHES
};

/// Members hear of one message what others say, and of the other what its source says, late.
pub(super) const SLOW_THIEVES: Shape = Shape {
    members: &[4],
    liars: &[Vice::Equivocator],
    most_liars: 1,
    most_acts: 32,
    opening: false,
    focus: 1,
    acts: &[
        (Kind::Propose, 10),
        (Kind::Clog, 6),
        (Kind::Blink, 4),
        (Kind::Heal, 1),
    ],
    ..THIEVES
};

/// Members that crash after they have seen somebody lie.
pub(super) const FORGETFUL: Shape = Shape {
    members: &[4],
    most_liars: 1,
    focus: 6,
    acts: &[(Kind::Wait, 3), (Kind::Crash, 2), (Kind::Restart, 1)],
    ..THIEVES
};

/// Coordinators that propose what is wrong.
pub(super) const COORDINATORS: Shape = Shape {
    members: &[4],
    liars: &[Vice::FalseCoordinator],
    most_liars: 1,
    hostile: 0,
    acts: &[
        (Kind::Propose, 4),
        (Kind::Blink, 2),
        (Kind::Run, 4),
        (Kind::Renew, 6),
    ],
    ..AGREEMENTS
};

/// Newcomers that are shown a false state.
pub(super) const FETCHES: Shape = Shape {
    members: &[4, 5],
    liars: &[Vice::FalseSnapshot],
    most_liars: 1,
    hostile: 0,
    acts: &[
        (Kind::Propose, 4),
        (Kind::Run, 4),
        (Kind::Join, 4),
        (Kind::Renew, 2),
    ],
    ..ABSENCES
};

/// Somebody never answers.
pub(super) const SILENT: Shape = Shape {
    members: &[4],
    liars: &[Vice::Mute],
    most_liars: 1,
    hostile: 0,
    ..THIEVES
};

/// All, in the order in which a campaign takes turns.
pub(super) const ALL: [&Shape; 21] = [
    &ANYTHING,
    &CALM,
    &THIEVES,
    &CRASHES,
    &CHANGES,
    &ABSENCES,
    &FRAMED,
    &CERTIFIED,
    &IMPERSONATED,
    &BRAZEN,
    &AGREEMENTS,
    &SEALS,
    &PATIENCE,
    &BACKLOG,
    &RELAYS,
    &POWER_CUTS,
    &SLOW_THIEVES,
    &FORGETFUL,
    &COORDINATORS,
    &FETCHES,
    &SILENT,
];

impl Shape {
    /// The scenario of this shape with this number: the same one in every run.
    pub(super) fn draw(&self, number: u64) -> Scenario {
        let random = &mut ChaCha8Rng::seed_from_u64(number);
        let members = choose(self.members, random);
        let liars = match self.liars {
            [] => 0,
            _ => random.random_range(self.least_liars..=self.most_liars),
        };
        let liars = (0..liars).map(|_| choose(self.liars, random)).collect();
        let mut acts = Vec::new();
        if self.opening {
            let twice = (0..members).flat_map(|who| [who, who]);
            acts.extend(twice.map(|who| Act::Propose {
                who,
                pick: random.random(),
            }));
        }
        let length = random.random_range(0..=self.most_acts);
        let mut who = random.random();
        for _ in 0..length {
            if random.random_range(0..8u8) >= self.focus {
                who = random.random();
            }
            acts.push(self.act(who, random));
        }
        Scenario {
            seed: random.random(),
            members,
            liars,
            hostile: random.random_range(0..8u8) < self.hostile,
            acts,
        }
    }

    fn act(&self, who: u8, random: &mut ChaCha8Rng) -> Act {
        let all = self.acts.iter().map(|(_, weight)| weight).sum();
        let mut left = random.random_range(0..all);
        let kind = self.acts.iter().find(|(_, weight)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        kind.expect("less than all").0.act(who, random)
    }
}

impl Kind {
    fn act(self, who: u8, random: &mut ChaCha8Rng) -> Act {
        let to = random.random();
        match self {
            Self::Propose => Act::Propose {
                who,
                pick: random.random(),
            },
            Self::Blink => Act::Run {
                tenths: random.random_range(0..6),
            },
            Self::Wait => Act::Run {
                tenths: random.random_range(0..20),
            },
            Self::Run => Act::Run {
                tenths: random.random_range(0..40),
            },
            Self::Partition => Act::Partition {
                side: random.random(),
            },
            Self::Cut => Act::Cut { from: who, to },
            Self::Clog => Act::Clog { from: who, to },
            Self::Heal => Act::Heal,
            Self::Crash => Act::Crash { who },
            Self::CrashWhileWriting => Act::CrashWhileWriting {
                who,
                records: random.random_range(0u8..6).saturating_sub(2),
                torn: random.random(),
            },
            Self::Restart => Act::Restart { who },
            Self::Join => Act::Join,
            Self::Leave => Act::Leave { who },
            Self::Renew => Act::Renew { who },
        }
    }
}

fn choose<T: Copy>(all: &[T], random: &mut ChaCha8Rng) -> T {
    all[random.random_range(0..all.len())]
}
