//! Tries to break the six laws of an algorithm, and prints the operation that did.
//!
//! [`check`] plays random histories: operations of several actors, valid and hostile, are judged,
//! remembered, judged again after each foreign operation, applied in both orders, and carried to
//! newcomers. The laws are those of [`crate::traits`]. What breaks one is shrunk to the few
//! operations that matter.
//!
//! Invariants:
//! - a trial is a function of its seed: the same seed, the same histories, the same finding;
//! - only operations that the algorithm itself calls valid are ever applied.
//!
//! ```
//! use bft_crdts::SecureBroadcastAlgorithm;
//! use bft_crdts::laws::{self, Trial};
//! use bft_crdts::orswot::{Clock, Op, Orswot};
//! use rand::RngExt;
//!
//! let found = laws::check(Orswot::<u8>::new, &Trial::new(7).cases(10), |random, set, from| {
//!     let fruit = random.random_range(0..4);
//!     let forged = Op::Rm { clock: Clock::from([(*from, 99)]), members: [fruit].into() };
//!     match random.random_range(0..3) {
//!         0 => set.add(fruit),
//!         1 => set.remove(&fruit).unwrap_or(forged),
//!         _ => forged,
//!     }
//! });
//! let checked = found.unwrap_or_else(|broken| panic!("{broken}"));
//! // This generator never writes a removal of what another actor has yet to add.
//! let unseen = checked.complete().expect_err("nothing early").to_string();
//! assert!(unseen.contains("no operation was judged NotYet"));
//! ```

mod run;
mod script;

use std::fmt::{self, Debug};

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng;

use crate::actor::{Actor, SigningActor};
use crate::environment;
use crate::traits::WireAlgorithm;
use run::Run;
use script::{Found, draw, shrink};

/// How to try: the seed, and how much work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trial {
    /// Decides everything that is random.
    pub seed: u64,
    /// How many histories are played.
    pub cases: u32,
    /// How many actors take part; at least 2, or nothing is foreign.
    pub actors: u8,
    /// How many steps a history has. A step judges an operation or a batch, or applies an
    /// operation.
    pub length: u32,
}

impl Trial {
    /// 100 histories of 40 steps among 4 actors.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            cases: 100,
            actors: 4,
            length: 40,
        }
    }

    /// Like [`Trial::new`], with as many histories as the environment variable `QUICKCHECK_TESTS`
    /// says.
    ///
    /// # Panics
    /// When the variable is set to anything but a number from 1 to `u32::MAX`.
    #[must_use]
    pub fn from_env(seed: u64) -> Self {
        let trial = Self::new(seed);
        match environment::number("QUICKCHECK_TESTS", 1) {
            Some(cases) => trial.cases(cases),
            None => trial,
        }
    }

    /// The same with `cases` histories.
    #[must_use]
    pub fn cases(self, cases: u32) -> Self {
        Self { cases, ..self }
    }

    /// The same among `actors` actors, at least 2.
    #[must_use]
    pub fn actors(self, actors: u8) -> Self {
        let actors = actors.max(2);
        Self { actors, ..self }
    }

    /// The same with histories of `length` steps.
    #[must_use]
    pub fn length(self, length: u32) -> Self {
        Self { length, ..self }
    }
}

/// The actors of a trial with `count` of them: for generators that write in another's name.
#[must_use]
pub fn actors(count: u8) -> Vec<Actor> {
    (1..=count)
        .map(|byte| SigningActor::from_secret(&[byte; 32]).actor())
        .collect()
}

/// Tries to break the laws of the algorithm that `fresh` makes replicas of.
///
/// `generate` draws an operation for an actor who looks at a replica of its own. It should yield
/// valid operations, early ones and forged ones: what it never yields is not checked, [`Checked`]
/// says how much was, and [`Checked::complete`] what was missing.
///
/// # Errors
/// [`Broken`]: the law that does not hold, and the shortest history found that shows it.
///
/// # Panics
/// When the trial has no histories, or histories without steps: it would check nothing. When the
/// algorithm or `generate` panics.
pub fn check<A: WireAlgorithm>(
    fresh: impl Fn(Actor) -> A,
    trial: &Trial,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
) -> Result<Checked, Box<Broken<A::Op>>> {
    assert!(
        trial.cases > 0 && trial.length > 0,
        "a trial needs histories with steps, or it checks nothing"
    );
    let actors = actors(trial.actors.max(2));
    let mut total = Checked::default();
    for case in 0..trial.cases {
        let mut random = ChaCha8Rng::seed_from_u64(trial.seed);
        random.set_stream(u64::from(case));
        let mut run = Run::new(&fresh, &actors);
        let mut script = Vec::new();
        for _ in 0..trial.length {
            let step = draw(&mut random, &run, &generate);
            script.push(step.clone());
            if let Err(fault) = run.take(step) {
                let history = run.into_history();
                let found = Found { fault, history };
                let found = shrink(&fresh, &actors, script, found);
                return Err(Box::new(Broken::new(trial.seed, case, found)));
            }
        }
        total.add(run.checked());
    }
    Ok(total)
}

/// The laws. See [`crate::traits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// Verdicts and effects depend on state and operation alone.
    Pure,
    /// `validate`, `verdict` and `verdict_batch` agree.
    OneOpinion,
    /// Valid stays valid, whatever others do.
    Stable,
    /// Never stays never, whatever others do.
    Final,
    /// Valid operations of different sources commute.
    Commuting,
    /// States and operations survive the wire; equal states have equal bytes and give equal
    /// verdicts.
    Faithful,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pure => "law 1, pure",
            Self::OneOpinion => "law 2, one opinion",
            Self::Stable => "law 3, stable",
            Self::Final => "law 4, final",
            Self::Commuting => "law 5, commuting",
            Self::Faithful => "law 6, faithful",
        })
    }
}

/// What was really exercised. A trial that judged nothing forged says nothing about forgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Histories.
    pub cases: u64,
    /// Operations judged `Valid`, each counted once a step.
    pub valid: u64,
    /// Operations judged `NotYet`.
    pub not_yet: u64,
    /// Operations judged `Never`.
    pub never: u64,
    /// Operations applied.
    pub applied: u64,
    /// Batches of at least two operations.
    pub batches: u64,
    /// Times that a `Valid` operation was judged again after a foreign one.
    pub still_valid: u64,
    /// Times that a `Never` operation was judged again after a foreign one.
    pub still_never: u64,
    /// Pairs of valid operations of different sources, applied in both orders.
    pub commuted: u64,
}

impl Checked {
    /// What the laws need and the generator never showed, in words. Empty when all of them were
    /// really tried.
    pub fn unseen(&self) -> impl Iterator<Item = &'static str> {
        let seen = [
            (
                self.applied,
                "nothing was applied: every law was tried on a fresh replica alone",
            ),
            (
                self.never,
                "nothing forged: no operation was judged Never, so forgers were not tried",
            ),
            (
                self.not_yet,
                "nothing early: no operation was judged NotYet, so waiting was not tried",
            ),
            (
                self.batches,
                "no batch: no two operations were judged in one go (law 2)",
            ),
            (
                self.still_valid,
                "no foreign operation was applied between two judgements of a Valid one (law 3)",
            ),
            (
                self.still_never,
                "no foreign operation was applied between two judgements of a Never one (law 4)",
            ),
            (
                self.commuted,
                "no two sources had a Valid operation at once, to be applied in both orders (law 5)",
            ),
        ];
        let unseen = seen.into_iter().filter(|(count, _)| *count == 0);
        unseen.map(|(_, what)| what)
    }

    /// This, if the generator showed all that the laws need.
    ///
    /// # Errors
    /// [`Unseen`]: what it never showed. An algorithm on which nothing is ever early, such as a
    /// counter, has no `NotYet` to show: ask [`Checked::complete_without_early`] of it.
    pub fn complete(self) -> Result<Self, Unseen> {
        let unseen: Vec<_> = self.unseen().collect();
        if unseen.is_empty() {
            Ok(self)
        } else {
            Err(Unseen(unseen))
        }
    }

    /// Like [`Checked::complete`], for an algorithm on which each operation is valid or never will
    /// be.
    ///
    /// # Errors
    /// [`Unseen`]: what the generator never showed.
    pub fn complete_without_early(self) -> Result<Self, Unseen> {
        let early = Self {
            not_yet: self.not_yet.max(1),
            ..self
        };
        early.complete().map(|_| self)
    }

    /// One more history.
    fn add(&mut self, run: &Self) {
        self.cases += 1;
        self.valid += run.valid;
        self.not_yet += run.not_yet;
        self.never += run.never;
        self.applied += run.applied;
        self.batches += run.batches;
        self.still_valid += run.still_valid;
        self.still_never += run.still_never;
        self.commuted += run.commuted;
    }
}

/// What the laws need and a generator never showed, in words. What is never shown is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen(pub Vec<&'static str>);

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(unseen) = self;
        write!(
            f,
            "no law was broken, but the generator never showed what some need:"
        )?;
        unseen.iter().try_for_each(|what| write!(f, "\n- {what}"))
    }
}

impl std::error::Error for Unseen {}

/// A law that does not hold, and how to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken<Op> {
    /// The law.
    pub law: Law,
    /// The trial's seed.
    pub seed: u64,
    /// Which of the trial's histories, counted from 0.
    pub case: u32,
    /// What had been applied, in order, each by its source. Shrunk.
    pub history: Vec<(Actor, Op)>,
    /// What broke the law on that state: one operation, the two that do not commute, or a batch.
    /// None when the state itself is at fault.
    pub ops: Vec<(Actor, Op)>,
    /// What was seen.
    pub explanation: String,
}

impl<Op> Broken<Op> {
    fn new(seed: u64, case: u32, Found { fault, history }: Found<Op>) -> Self {
        Self {
            law: fault.law,
            seed,
            case,
            history,
            ops: fault.ops,
            explanation: fault.explanation,
        }
    }
}

impl<Op: Debug> fmt::Display for Broken<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            law, explanation, ..
        } = self;
        writeln!(f, "{law}: {explanation}")?;
        for (from, op) in &self.ops {
            writeln!(f, "  {from:?}: {op:?}")?;
        }
        if self.history.is_empty() {
            writeln!(f, "on a fresh replica")?;
        } else {
            writeln!(f, "after")?;
        }
        for (i, (from, op)) in self.history.iter().enumerate() {
            writeln!(f, "  {}. {from:?}: {op:?}", i + 1)?;
        }
        write!(f, "(seed {}, case {})", self.seed, self.case)
    }
}

impl<Op: Debug> std::error::Error for Broken<Op> {}
