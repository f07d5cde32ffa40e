//! What is printed.

use std::fmt::{self, Display};

use crate::measure::Sample;

/// Heads of the columns.
pub(crate) const COLUMNS: &str =
    "                                          ops/s  ours/it   packets   bytes/op";

/// One network on one workload.
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    pub(crate) sample: Sample,
    /// What ours made of the same. Beside the limit, the ratio is the share of it that ours reaches.
    pub(crate) ours: Sample,
}

impl Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sample, ours } = self;
        let Sample {
            rate,
            packets,
            bytes,
        } = sample;
        let ratio = ours.rate / rate;
        write!(
            f,
            "  {name:36} {rate:>8.0} {ratio:>8.2} {packets:>9.2} {bytes:>10.0}"
        )
    }
}
