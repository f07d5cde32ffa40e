//! How runs are compared: by what their thread really ran, in turns, by the median of several rounds.

use std::time::Duration;

use crate::cluster::processor_time;

/// What went over the network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Traffic {
    pub(crate) fn count(&mut self, packet: &[u8]) {
        self.packets += 1;
        self.bytes += packet.len() as u64;
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            packets: self.packets - earlier.packets,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

/// A whole network with something to do.
pub(crate) trait Contender {
    /// Makes and delivers at least so many more operations. How many it were.
    fn run(&mut self, ops: u64) -> u64;

    /// What went over the network since it was built.
    fn traffic(&self) -> Traffic;
}

/// One round, or the median of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Operations that one second of processor time brings to all replicas.
    pub(crate) rate: f64,
    pub(crate) packets: f64,
    pub(crate) bytes: f64,
}

impl Sample {
    /// Of one run.
    pub(crate) fn of(contender: &mut dyn Contender, ops: u64) -> Self {
        let (time, traffic) = (processor_time(), contender.traffic());
        let ops = contender.run(ops) as f64;
        let spent = processor_time().saturating_sub(time);
        let traffic = contender.traffic().since(traffic);
        Self {
            rate: ops / spent.max(Duration::from_micros(1)).as_secs_f64(),
            packets: traffic.packets as f64 / ops,
            bytes: traffic.bytes as f64 / ops,
        }
    }
}

/// Lets each contender run `ops` operations in each of `rounds`, in turns, so that whatever else the machine does falls on
/// all of them. The median of each.
pub(crate) fn race<const N: usize>(
    rounds: usize,
    mut contenders: [(&mut dyn Contender, u64); N],
) -> [Sample; N] {
    let mut samples: [Vec<Sample>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..=rounds {
        for ((contender, ops), samples) in contenders.iter_mut().zip(&mut samples) {
            let sample = Sample::of(*contender, *ops);
            // The first round warms up.
            samples.extend((round > 0).then_some(sample));
        }
    }
    samples.map(median)
}

pub(crate) fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    samples[samples.len() / 2]
}

/// A stream of numbers that is the same on every machine: the order in which packets arrive (Steele, Lea, Flood: Fast
/// Splittable Pseudorandom Number Generators, 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

/// The `number`th member of the sets: with it, one addition of ours is 100 bytes encoded, and one of `brb`'s 108.
pub(crate) fn member(number: u64) -> String {
    format!("{number:040}")
}
