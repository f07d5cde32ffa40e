//! Campaigns: scenarios by the thousand, to find what is wrong before anybody else does.

mod failure;
mod subject;

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

pub use failure::Failure;
pub use subject::{Defeat, Played, Subject};

use super::coverage::Coverage;
use super::scenario::{Scenario, Shape};
use crate::actor::Signatures;
use crate::codec::Digest;

/// Scenarios by the thousand, on all cores, to find what is wrong before anybody else does.
///
/// ```
/// use bft_crdts::net::{Campaign, Subject};
/// use bft_crdts::orswot::Orswot;
///
/// // Your own algorithm: how a network of it begins, and which operation a number stands for.
/// let set = Subject::new("set", |builder| builder, |set: &Orswot<u8>, _, pick| {
///     Some(set.add(pick as u8))
/// });
/// let campaign = Campaign::new([set]);
/// let report = campaign.run(0..20, |_| true);
/// assert!(report.failures.is_empty(), "{}", report.failures[0]);
/// println!("{report}");
/// ```
///
/// A scenario is drawn from its number alone: size, subject, acts, faults, liars, changes of the
/// committee. When a promise is broken, the scenario is shrunk: first acts and liars, then the part
/// of the schedule that is in disorder, then the faults. What is left is told in words, as a chart,
/// as a code that replays it, and as a test.
pub struct Campaign {
    /// They take turns by the scenarios' numbers.
    subjects: Vec<Subject>,
    /// By default all that there is.
    shape: Shape,
    /// On each thread that plays.
    signatures: Signatures,
    /// As many as the machine runs at once, by default.
    threads: NonZeroUsize,
}

/// What a campaign found, and what it exercised.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Scenarios that were played to the end.
    pub scenarios: u64,
    /// Packets that were sent in them.
    pub packets: u64,
    /// A digest of all that happened in them: equal for equal numbers, shapes and subjects on every
    /// machine, in whatever order they were played. A change of the code that leaves it as it was
    /// has changed nothing that members do.
    pub digest: [u8; 32],
    /// How long it took.
    pub took: Duration,
    /// What was exercised.
    pub coverage: Coverage,
    /// Broken promises, in the order of their numbers: at most one a thread, since the first one
    /// ends the campaign.
    pub failures: Vec<Failure>,
}

impl Campaign {
    /// A campaign of scenarios of the default [`Shape`], on all cores.
    ///
    /// # Panics
    /// When there are no subjects.
    #[must_use]
    pub fn new(subjects: impl IntoIterator<Item = Subject>) -> Self {
        let subjects: Vec<_> = subjects.into_iter().collect();
        assert!(!subjects.is_empty(), "a campaign needs a subject");
        let threads = thread::available_parallelism();
        Self {
            subjects,
            shape: Shape::default(),
            signatures: Signatures::default(),
            threads: threads.unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// What scenarios are drawn from.
    #[must_use]
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// How signatures are made and checked.
    #[must_use]
    pub fn signatures(mut self, signatures: Signatures) -> Self {
        self.signatures = signatures;
        self
    }

    /// How many threads play.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// The scenario of this number, and whose it is.
    #[must_use]
    pub fn scenario(&self, number: u64) -> (&Subject, Scenario) {
        let index = (number % self.subjects.len() as u64) as usize;
        let scenario = Scenario::draw(number, &self.shape);
        (&self.subjects[index], scenario)
    }

    /// The subject of this name.
    #[must_use]
    pub fn subject(&self, name: &str) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.name() == name)
    }

    /// Plays the scenario of this number.
    ///
    /// # Errors
    /// [`Defeat`] when a promise is broken.
    pub fn play(&self, number: u64) -> Result<Played, Defeat> {
        let (subject, scenario) = self.scenario(number);
        subject.play(&scenario, self.signatures)
    }

    /// Plays the scenarios with these numbers, until one breaks a promise, which is then shrunk.
    /// `told` is called, on any thread, with how many have been played, and says whether to go on.
    ///
    /// Numbers are taken by whatever thread is free. Since each scenario is a function of its
    /// number, neither the threads nor their order change what is found in the numbers that are
    /// played.
    ///
    /// # Panics
    /// When there are no numbers: a campaign that plays nothing must not end without a failure.
    pub fn run(&self, numbers: Range<u64>, told: impl Fn(u64) -> bool + Sync) -> Report {
        assert!(!numbers.is_empty(), "a campaign needs scenarios to play");
        let began = Instant::now();
        let (next, played) = (AtomicU64::new(numbers.start), AtomicU64::new(0));
        let work = || {
            let mut report = Report::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return report;
                }
                self.take(number, &mut report);
                let more = told(played.fetch_add(1, Ordering::Relaxed) + 1);
                if !more || !report.failures.is_empty() {
                    next.store(numbers.end, Ordering::Relaxed);
                }
            }
        };
        let mut report = Report::default();
        for subject in &self.subjects {
            report.coverage.merge(subject.everything());
        }
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.get()).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                report.add(thread.join().expect("a defeat is caught where it happens"));
            }
        });
        report.failures.sort_by_key(|failure| failure.number);
        report.took = began.elapsed();
        report
    }

    /// A played scenario under its number, so that equal ones do not cancel each other.
    fn digest(number: u64, played: &Played) -> [u8; 32] {
        let hasher = Sha256::new_with_prefix(number.to_le_bytes());
        hasher
            .chain_update(played.digest.as_bytes())
            .finalize()
            .into()
    }

    /// A failure is shrunk on the thread that found it.
    fn take(&self, number: u64, report: &mut Report) {
        match self.play(number) {
            Ok(played) => {
                report.scenarios += 1;
                report.packets += played.packets;
                report.blend(Self::digest(number, &played));
                report.coverage.merge(&played.coverage);
            }
            Err(defeat) => {
                let (subject, scenario) = self.scenario(number);
                let failure = Failure::shrunk(number, subject, scenario, defeat, self.signatures);
                report.failures.push(failure);
            }
        }
    }
}

impl Report {
    /// What one thread has played is added to the rest.
    fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.packets += other.packets;
        self.blend(other.digest);
        self.coverage.merge(&other.coverage);
        self.failures.extend(other.failures);
    }

    /// By exclusive or, so that the order in which scenarios end makes no difference.
    fn blend(&mut self, digest: [u8; 32]) {
        for (byte, other) in self.digest.iter_mut().zip(digest) {
            *byte ^= other;
        }
    }
}

/// What was exercised as a table, the totals, and each failure.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.coverage)?;
        let seconds = self.took.as_secs_f64();
        let (scenarios, packets) = (self.scenarios, self.packets);
        let pace = scenarios as f64 / seconds.max(f64::MIN_POSITIVE);
        let mean = packets as f64 / scenarios.max(1) as f64;
        writeln!(
            f,
            "{scenarios} scenarios in {seconds:.1} s: {pace:.0} a second, of {mean:.0} packets each"
        )?;
        let digest = Digest::from_bytes(self.digest);
        writeln!(f, "digest of all that happened: {digest}")?;
        let never = self.coverage.missing().count();
        if never > 0 {
            writeln!(f, "{never} kinds of things never happened")?;
        }
        self.failures
            .iter()
            .try_for_each(|failure| write!(f, "\n{failure}"))
    }
}
