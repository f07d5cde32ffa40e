//! A scenario that broke a promise, and the smallest one that still does.

use std::fmt;

use super::subject::{Defeat, Subject, replay_command};
use crate::actor::Signatures;
use crate::net::Scenario;

/// Scenarios that are tried to make a failure smaller, at most.
///
/// It bounds how long a campaign takes to end once it has found something.
const MOST_TRIALS: usize = 2_000;

/// A broken promise, shrunk.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The number of the scenario.
    pub number: u64,
    /// Whose it is.
    pub subject: &'static str,
    /// As it was drawn.
    pub scenario: Scenario,
    /// The smallest that was found to break the same promise.
    pub shrunk: Scenario,
    /// What the smallest one breaks.
    pub defeat: Defeat,
}

impl Failure {
    /// Each round takes the first smaller scenario that breaks the same promise, until none does or
    /// there were enough trials. The last one is played once more to be recorded, so that the
    /// recording is of what is shown.
    pub(super) fn shrunk(
        number: u64,
        subject: &Subject,
        scenario: Scenario,
        defeat: Defeat,
        signatures: Signatures,
    ) -> Self {
        let mut failure = Self {
            number,
            subject: subject.name(),
            shrunk: scenario.clone(),
            scenario,
            defeat,
        };
        let mut trials = 0;
        while let Some((smaller, defeat)) = failure.smaller(subject, signatures, &mut trials) {
            failure.shrunk = smaller;
            failure.defeat = defeat;
        }
        if let Err(recorded) = subject.record(&failure.shrunk, signatures) {
            failure.defeat = recorded;
        }
        failure
    }

    /// One that breaks another promise is not taken: it would be another failure.
    fn smaller(
        &self,
        subject: &Subject,
        signatures: Signatures,
        trials: &mut usize,
    ) -> Option<(Scenario, Defeat)> {
        self.shrunk.smaller().find_map(|smaller| {
            *trials += 1;
            if *trials > MOST_TRIALS {
                return None;
            }
            let defeat = subject.play(&smaller, signatures).err()?;
            defeat.is_like(&self.defeat).then_some((smaller, defeat))
        })
    }

    /// The shrunk scenario as a test, to be named and kept.
    #[must_use]
    pub fn as_test(&self) -> String {
        let (subject, code) = (self.subject, self.shrunk.as_rust());
        format!("#[test]\nfn name_me_as_a_sentence() {{\n    {subject}({code});\n}}\n")
    }
}

/// What broke, how to see it again, the story, the test, and the chart.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, subject) = (self.number, self.subject);
        writeln!(f, "scenario {number} ({subject}) breaks a promise:")?;
        writeln!(f, "{}\n", self.defeat.what)?;
        writeln!(f, "{}", self.shrunk)?;
        writeln!(f, "to see it again:")?;
        writeln!(f, "{}\n", replay_command(subject, &self.shrunk))?;
        writeln!(
            f,
            "to keep it, in tests/promises/regressions.rs:\n{}",
            self.as_test()
        )?;
        writeln!(f, "the last that happened:\n{}", self.defeat.tail)?;
        match &self.defeat.chart {
            Some(chart) => writeln!(f, "its chart, for mscgen:\n{chart}"),
            None => writeln!(f, "it does not fit a chart"),
        }
    }
}
