//! A scenario as a line of text that replays it, and as Rust.

use super::Scenario;
use crate::codec::{DecodeError, decode, encode, from_digits};
use crate::net::Faults;

/// Bytes of the longest scenario that is read.
const MOST_BYTES: usize = 1 << 16;

impl Scenario {
    /// The scenario as one word, for [`from_code`](Self::from_code).
    ///
    /// Codes are of one version: other fields, acts or vices make others of the old ones.
    #[must_use]
    pub fn code(&self) -> String {
        let bytes = encode(self);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The scenario that a [`code`](Self::code) stands for.
    ///
    /// # Errors
    /// [`DecodeError`] when it stands for none.
    pub fn from_code(code: &str) -> Result<Self, DecodeError> {
        let bytes = from_digits(code).ok_or(DecodeError::Malformed)?;
        let scenario: Self = decode(&bytes, MOST_BYTES)?;
        let sound = scenario.faults.are_sound() && scenario.liars.iter().all(|v| !v.is_empty());
        sound.then_some(scenario).ok_or(DecodeError::Malformed)
    }

    /// The scenario as a Rust expression.
    #[must_use]
    pub fn as_rust(&self) -> String {
        let vices = |vices: &Vec<_>| {
            let vices: Vec<_> = vices.iter().map(|vice| format!("Vice::{vice:?}")).collect();
            format!("vec![{}]", vices.join(", "))
        };
        let liars: Vec<_> = self.liars.iter().map(vices).collect();
        let acts: Vec<_> = self
            .acts
            .iter()
            .map(|act| format!("Act::{act:?}"))
            .collect();
        let (seed, members, liars, acts) =
            (self.seed, self.members, liars.join(", "), acts.join(", "));
        let (faults, unruly) = (self.faults.as_rust(), &self.unruly);
        let unruly = match *unruly == (0..u64::MAX) {
            true => String::new(),
            false => format!("unruly: {unruly:?}, "),
        };
        format!(
            "Scenario {{ seed: {seed}, members: {members}, liars: vec![{liars}], {faults}{unruly}acts: vec![{acts}], \
             ..Scenario::default() }}"
        )
    }
}

impl Faults {
    /// Whether each rate is a probability and there is a latency.
    ///
    /// A code may come from anywhere, and what is drawn with an impossible rate panics.
    fn are_sound(&self) -> bool {
        let rates = [self.drop, self.duplicate, self.corrupt, self.delay];
        rates.iter().all(|rate| (0.0..=1.0).contains(rate)) && !self.latency.is_empty()
    }

    /// Nothing for the usual ones, which a scenario has by default.
    fn as_rust(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let Self {
            drop,
            duplicate,
            corrupt,
            delay,
            latency,
        } = self;
        format!(
            "faults: Faults {{ drop: {drop:?}, duplicate: {duplicate:?}, corrupt: {corrupt:?}, delay: {delay:?}, \
             latency: {latency:?} }}, "
        )
    }
}
