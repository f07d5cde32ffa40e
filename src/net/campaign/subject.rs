//! What a campaign is waged against: an algorithm, and how a scenario is played on it.

use std::any::Any;
use std::fmt;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::actor::{Actor, Signatures};
use crate::codec::Digest;
use crate::net::Violation;
use crate::net::check::Broken;
use crate::net::{Coverage, Scenario, SimBuilder};
use crate::recording::Recording;
use crate::traits::WireAlgorithm;

/// What each member proposes at last, to see whether it still can.
const LAST_PICK: u16 = 7;

/// Plays a scenario; with a command by which people can see it again, it is recorded.
type Play = dyn Fn(&Scenario, Signatures, Option<&str>) -> Played + Send + Sync;

/// An algorithm on the simulated network, of which a campaign needs to know no more.
pub struct Subject {
    /// It stands in commands and in tests, where a function of this name plays a scenario of it.
    name: &'static str,
    /// All that can happen on a network of it, so that a campaign can say what never did.
    everything: Coverage,
    /// Without the algorithm's type, so that a campaign can have subjects of several.
    play: Box<Play>,
}

/// A scenario that was played to the end.
#[derive(Clone, Debug)]
pub struct Played {
    /// What it exercised.
    pub coverage: Coverage,
    /// Packets that were sent.
    pub packets: u64,
    /// A digest of every event and every byte sent; see
    /// [`Trace::digest`](crate::net::Trace::digest).
    pub digest: Digest,
    /// The run, if it was played to be recorded.
    pub recording: Option<Recording>,
}

/// A promise was broken, or something panicked.
#[derive(Clone, Debug)]
pub struct Defeat {
    /// What was broken; if nothing, something panicked.
    pub violation: Option<Box<Violation>>,
    /// What happened, in a line.
    pub what: String,
    /// The last things that happened, a line each.
    pub tail: String,
    /// The run as a message sequence chart, if it fits one.
    pub chart: Option<String>,
    /// The run up to there, if it was played to be recorded, and a promise was broken.
    pub recording: Option<Box<Recording>>,
}

impl Subject {
    /// An algorithm under a name. `prepare` adds to the network before it is built: its beginning,
    /// its invariants; `pick` turns a number into an operation for a member on its state, or none.
    /// An operation that the member's replica refuses is left out.
    pub fn new<A: WireAlgorithm>(
        name: &'static str,
        prepare: impl Fn(SimBuilder<A>) -> SimBuilder<A> + Send + Sync + 'static,
        pick: impl Fn(&A, &Actor, u16) -> Option<A::Op> + Send + Sync + 'static,
    ) -> Self {
        let play = move |scenario: &Scenario, signatures, replay: Option<&str>| {
            let mut net = scenario.play(
                |builder| {
                    let builder = prepare(builder).signatures(signatures).unwinding();
                    match replay {
                        Some(replay) => builder.recording(replay),
                        None => builder,
                    }
                },
                &pick,
            );
            net.assert_live(|algorithm, who| pick(algorithm, who, LAST_PICK));
            Played {
                coverage: net.coverage().clone(),
                packets: net.trace().packets(),
                digest: net.trace().digest(),
                recording: net.recording(),
            }
        };
        Self {
            name,
            everything: Coverage::everything::<A>(),
            play: Box::new(play),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Of each kind no times.
    pub(super) fn everything(&self) -> &Coverage {
        &self.everything
    }

    /// Plays a scenario.
    ///
    /// # Errors
    /// [`Defeat`] when a promise is broken, or something panics.
    pub fn play(&self, scenario: &Scenario, signatures: Signatures) -> Result<Played, Defeat> {
        self.run(scenario, signatures, None)
    }

    /// Plays a scenario and records it.
    ///
    /// # Errors
    /// [`Defeat`] when a promise is broken, or something panics.
    pub fn record(&self, scenario: &Scenario, signatures: Signatures) -> Result<Played, Defeat> {
        let replay = replay_command(self.name, scenario);
        self.run(scenario, signatures, Some(&replay))
    }

    /// A panic of the algorithm, or of an assertion here, is a defeat as well as a broken promise.
    fn run(
        &self,
        scenario: &Scenario,
        signatures: Signatures,
        replay: Option<&str>,
    ) -> Result<Played, Defeat> {
        // A network that unwinds is dropped, and shares nothing but what is known of signatures.
        let play = || (self.play)(scenario, signatures, replay);
        catch_unwind(AssertUnwindSafe(play)).map_err(Defeat::of)
    }
}

/// The command that plays a scenario of a shipped subject again.
pub(super) fn replay_command(subject: &str, scenario: &Scenario) -> String {
    let code = scenario.code();
    format!("cargo run --release --example campaign -- --replay {subject}:{code}")
}

impl Defeat {
    /// A panic has no chart and no recording: the network was gone when it was caught.
    fn of(cause: Box<dyn Any + Send>) -> Self {
        let cause = match cause.downcast::<Broken>() {
            Ok(broken) => {
                return Self {
                    what: broken.violation.to_string(),
                    violation: Some(Box::new(broken.violation)),
                    chart: broken.chart.ok(),
                    recording: broken.recording.map(Box::new),
                    tail: broken.tail,
                };
            }
            Err(cause) => cause,
        };
        let said = cause
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| cause.downcast_ref::<&str>().copied());
        Self {
            violation: None,
            what: format!("a panic: {}", said.unwrap_or("without a word")),
            chart: None,
            recording: None,
            tail: String::new(),
        }
    }

    /// Whether the same promise was broken, by whomever.
    ///
    /// Of two panics that is taken to be so, whatever they say.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let kind = |defeat: &Self| defeat.violation.as_deref().map(discriminant);
        kind(self) == kind(other)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.name)
    }
}
