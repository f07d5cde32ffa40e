//! Scenarios for property tests.

use std::cell::Cell;

use quickcheck::{Arbitrary, Gen};

use super::{Scenario, Shape};

/// The n-th scenario that a thread draws is the same in every run, so that a property that held holds again, and
/// one that failed fails again. `SCENARIO_SEED`, a number, draws others.
impl Arbitrary for Scenario {
    fn arbitrary(_: &mut Gen) -> Self {
        let seed = std::env::var("SCENARIO_SEED").ok();
        let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or_default();
        let drawn = DRAWN.replace(DRAWN.get() + 1);
        let number = seed.wrapping_mul(1 << 32).wrapping_add(drawn);
        Self::draw(number, &Shape::default())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.smaller())
    }
}

thread_local! {
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}
