//! Smaller scenarios: first fewer acts and liars, then less of the schedule in disorder, then fewer
//! faults.

use std::ops::Range;

use super::{Act, Scenario};
use crate::net::{Faults, Vice};

/// Packets beyond which no failure was ever seen: where the search for the packets that matter
/// begins.
const MOST_PACKETS: u64 = 1 << 16;

impl Scenario {
    /// Scenarios that are smaller by one thing, the much smaller ones first.
    ///
    /// Whoever shrinks takes the first that still fails and asks it again. Each is smaller by some
    /// measure, so that this ends.
    pub fn smaller(&self) -> impl Iterator<Item = Self> + 'static {
        let base = self;
        let acts = without_chunks(&self.acts).map(with(base, |s, acts| s.acts = acts));
        let liars = without_chunks(&self.liars).map(with(base, |s, liars| s.liars = liars));
        let vices = fewer_vices(&self.liars).map(with(base, |s, liars| s.liars = liars));
        let members = (1..self.members).map(with(base, |s, members| s.members = members));
        let plain = plainly_named(self).map(with(base, |s, acts| s.acts = acts));
        let simpler = simpler_acts(&self.acts).map(with(base, |s, acts| s.acts = acts));
        let unruly = narrower(&self.unruly).map(with(base, |s, unruly| s.unruly = unruly));
        let faults = calmer(&self.faults).map(with(base, |s, faults| s.faults = faults));
        let scenario = acts.chain(liars).chain(vices).chain(members);
        let scenario = scenario.chain(plain).chain(simpler);
        scenario.chain(unruly).chain(faults)
    }
}

/// Puts something into the place of what the base has there.
fn with<T: 'static>(base: &Scenario, put: fn(&mut Scenario, T)) -> impl Fn(T) -> Scenario + use<T> {
    let base = base.clone();
    move |part| {
        let mut scenario = base.clone();
        put(&mut scenario, part);
        scenario
    }
}

/// The list without each half, each quarter, ... down to without each element.
fn without_chunks<T: Clone + 'static>(all: &[T]) -> impl Iterator<Item = Vec<T>> + 'static {
    let all = all.to_vec();
    let sizes = std::iter::successors(Some(all.len().div_ceil(2)), |size| Some(size / 2));
    let sizes: Vec<_> = sizes.take_while(|size| *size > 0).collect();
    sizes.into_iter().flat_map(move |size| {
        let all = all.clone();
        (0..all.len()).step_by(size).map(move |from| {
            let until = (from + size).min(all.len());
            [&all[..from], &all[until..]].concat()
        })
    })
}

/// A liar keeps one at least: without any it is taken out as a whole.
fn fewer_vices(liars: &[Vec<Vice>]) -> impl Iterator<Item = Vec<Vec<Vice>>> + 'static {
    let liars = liars.to_vec();
    let places: Vec<_> = (0..liars.len())
        .flat_map(|liar| (0..liars[liar].len()).map(move |vice| (liar, vice)))
        .collect();
    let places = places.into_iter();
    places.filter_map(move |(liar, vice)| {
        let mut fewer = liars.clone();
        fewer[liar].remove(vice);
        (!fewer[liar].is_empty()).then_some(fewer)
    })
}

/// The members that act by their seats, if some are not. Newcomers shift the seats, so this may
/// change what happens.
fn plainly_named(scenario: &Scenario) -> impl Iterator<Item = Vec<Act>> + use<> {
    let actors = scenario.members.max(1);
    let mut acts = scenario.acts.clone();
    for act in &mut acts {
        match act {
            Act::Propose { who, .. }
            | Act::Crash { who }
            | Act::CrashWhileWriting { who, .. }
            | Act::Leave { who }
            | Act::Renew { who }
            | Act::Restart { who }
            | Act::Backup { who }
            | Act::Restore { who }
            | Act::Reserved { who } => *who %= actors,
            Act::Cut { from, to } | Act::Clog { from, to } | Act::Hush { from, to } => {
                *from %= actors;
                *to %= actors;
            }
            Act::Run { .. }
            | Act::Partition { .. }
            | Act::Heal
            | Act::Join
            | Act::MisuseRetiredKeys { .. }
            | Act::Await { .. }
            | Act::Knock
            | Act::Retire { .. }
            | Act::CrashAll
            | Act::RestartAll
            | Act::Slow { .. }
            | Act::Rounds { .. }
            | Act::RobSleepers { .. }
            | Act::Lag { .. }
            | Act::Insist { .. }
            | Act::Follow
            | Act::HandOver
            | Act::SwitchOff
            | Act::Doubt
            | Act::Invite { .. } => {}
        }
    }
    (acts != scenario.acts).then_some(acts).into_iter()
}

/// Each wait ten times as short, each operation the simplest.
fn simpler_acts(acts: &[Act]) -> impl Iterator<Item = Vec<Act>> + 'static {
    let acts = acts.to_vec();
    (0..acts.len()).filter_map(move |index| {
        let simpler = match acts[index] {
            Act::Run { tenths } if tenths > 0 => Act::Run {
                tenths: tenths / 10,
            },
            Act::Propose { who, pick } if pick > 0 => Act::Propose {
                who,
                pick: pick / 16,
            },
            Act::Slow { ticks } if ticks > 0 => Act::Slow { ticks: ticks / 2 },
            Act::Lag { ticks } if ticks > 0 => Act::Lag { ticks: ticks / 2 },
            Act::Rounds { many } if many > 0 => Act::Rounds { many: many / 2 },
            _ => return None,
        };
        let mut acts = acts.clone();
        acts[index] = simpler;
        Some(acts)
    })
}

/// Neither half alone need hold the packets that matter, so that each end also moves by one.
fn narrower(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + 'static {
    let (start, end) = (range.start, range.end.min(MOST_PACKETS));
    let middle = start + end.saturating_sub(start) / 2;
    let halves = [start..start, start..middle, middle..end];
    let by_one = [start + 1..end, start..end.saturating_sub(1)];
    let wider = range.clone();
    let narrower = halves.into_iter().chain(by_one);
    narrower.filter(move |range| *range != wider && !wider.is_empty())
}

/// One kind of fault less, or one latency for all packets.
fn calmer(faults: &Faults) -> impl Iterator<Item = Faults> + 'static {
    let changes: [fn(&mut Faults); 5] = [
        |faults| faults.drop = 0.0,
        |faults| faults.duplicate = 0.0,
        |faults| faults.corrupt = 0.0,
        |faults| faults.delay = 0.0,
        |faults| faults.latency = 10_000..=10_000,
    ];
    let rough = faults.clone();
    let calmer = changes.into_iter().map({
        let rough = rough.clone();
        move |change| {
            let mut calm = rough.clone();
            change(&mut calm);
            calm
        }
    });
    calmer.filter(move |calm| *calm != rough)
}
