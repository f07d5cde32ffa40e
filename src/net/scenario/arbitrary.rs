//! Scenarios for property tests.

use std::cell::Cell;

use quickcheck::{Arbitrary, Gen};

use super::{Scenario, Shape};
use crate::environment;

/// The n-th scenario that a thread draws is the same in every run, so that a property that held
/// holds again, and one that failed fails again. `SCENARIO_SEED`, a number below 2^32, draws
/// others: each seed has as many scenarios of its own.
///
/// # Panics
/// `arbitrary` panics when `SCENARIO_SEED` is set to anything else.
impl Arbitrary for Scenario {
    fn arbitrary(_: &mut Gen) -> Self {
        let seed: u32 = environment::number("SCENARIO_SEED", 0).unwrap_or_default();
        let drawn = DRAWN.replace(DRAWN.get() + 1);
        let number = (u64::from(seed) << 32) + drawn;
        Self::draw(number, &Shape::default())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.smaller())
    }
}

// How many this thread has drawn.
thread_local! {
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}
