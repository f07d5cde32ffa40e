//! What is printed.

use std::fmt::{self, Display};

use crate::limit::Counts;
use crate::measure::Sample;

/// Heads of the columns.
pub(crate) const COLUMNS: &str =
    "                                          ops/s  ours/it   packets   bytes/op";

/// One network on one workload.
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    pub(crate) sample: Sample,
    /// What ours made of the same.
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

/// The limit of a workload, and how much of it ours reaches.
pub(crate) struct Limit {
    /// Operations a second.
    pub(crate) rate: f64,
    /// What it counts, of one message.
    pub(crate) counts: Counts,
    pub(crate) ours: Sample,
}

impl Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, counts, ours } = self;
        let Counts {
            signatures,
            verifications,
        } = counts;
        let (ratio, share) = (ours.rate / rate, 100.0 * ours.rate / rate);
        let name = "the limit of this protocol";
        write!(
            f,
            "  {name:36} {rate:>8.0} {ratio:>8.2}   ours reaches {share:.0} % ({signatures} signatures, {verifications} checks a message)"
        )
    }
}
