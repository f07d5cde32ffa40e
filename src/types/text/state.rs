//! A list at rest: sorted, canonical, and checked when it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::list::{MOST_ELEMENTS, content};
use super::op::{Side, Span};
use super::siblings::Key;
use super::tree::{Tree, is_next};
use crate::actor::Actor;
use crate::budget::Usage;

/// A snapshot of a list: equal lists have equal snapshots and equal bytes, whatever their
/// histories.
///
/// It holds the tree of all elements, as the fewest runs, and of those that are not deleted what
/// they are. It decodes only when there is an order in which its sources can have written it: each
/// run hangs on the start or on an element that came before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<T>")]
#[serde(bound(deserialize = "T: Serialize + Deserialize<'de>"))]
pub struct State<T> {
    /// In order.
    sources: Vec<Actor>,
    /// One for each source.
    lanes: Vec<Contribution<T>>,
}

/// What one source inserted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Contribution<T> {
    /// How many elements, deleted ones included.
    count: u32,
    /// By first element.
    runs: Vec<Run>,
    /// The first and the last of each range, with gaps between them.
    deleted: Vec<(u32, u32)>,
    /// Those that are not deleted.
    elements: Vec<T>,
    /// Of all elements, when they were inserted.
    bytes: u64,
}

/// Elements of one source, from `first` to the next run or the last element, each the right child
/// of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    first: u32,
    parent: Option<Place>,
    side: Side,
}

/// An element: the place of its source among the sources, and its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place {
    lane: u32,
    counter: u32,
}

impl From<Place> for Key {
    fn from(Place { lane, counter }: Place) -> Self {
        Self { lane, counter }
    }
}

impl<T> Contribution<T> {
    /// How many elements the run of this number has.
    fn run_len(&self, run: usize) -> u32 {
        self.last_before(run + 1) + 1 - self.runs[run].first
    }

    /// The last element before the run of this number; of all, if there is no such run.
    fn last_before(&self, run: usize) -> u32 {
        let next = self.runs.get(run);
        next.map_or(self.count, |next| next.first - 1)
    }
}

impl<T: Clone> State<T> {
    pub(super) fn of(tree: &Tree<T>) -> Self {
        let mut numbers: Vec<_> = (0..tree.lanes.len()).collect();
        numbers.sort_unstable_by_key(|number| tree.lanes[*number].source);
        let mut places = vec![0; numbers.len()];
        for (place, number) in (0..).zip(&numbers) {
            places[*number] = place;
        }
        let place = |Key { lane, counter }: Key| Place {
            lane: places[lane as usize],
            counter,
        };
        let contributions = numbers.iter().map(|number| &tree.lanes[*number]);
        let mut lanes: Vec<_> = contributions.clone().map(Contribution::of).collect();
        for (parent, side, key) in tree.siblings() {
            let (parent, first) = (parent.map(place), key.counter);
            lanes[place(key).lane as usize].runs.push(Run {
                first,
                parent,
                side,
            });
        }
        for lane in &mut lanes {
            lane.runs.sort_unstable_by_key(|run| run.first);
        }
        let sources = contributions.map(|lane| lane.source).collect();
        Self { sources, lanes }
    }

    /// The tree, rebuilt run by run.
    pub(super) fn into_tree(self) -> Tree<T> {
        let mut tree = Tree::new();
        for source in &self.sources {
            tree.number(*source);
        }
        for (lane, run) in self.order() {
            let len = self.lane(lane).run_len(run);
            let Run {
                first,
                parent,
                side,
            } = self.lane(lane).runs[run];
            let key = Key {
                lane,
                counter: first,
            };
            tree.insert(parent.map(Key::from), side, key, len);
        }
        for (number, (source, lane)) in self.sources.into_iter().zip(self.lanes).enumerate() {
            tree.lanes[number].restore(&lane.deleted, lane.elements, lane.bytes);
            for (first, last) in lane.deleted {
                tree.delete(&Span {
                    source,
                    first,
                    last,
                });
            }
        }
        tree
    }
}

impl<T: Clone> Contribution<T> {
    /// Without its runs.
    fn of(lane: &super::lane::Lane<T>) -> Self {
        Self {
            count: lane.len(),
            runs: Vec::new(),
            deleted: lane.deleted.iter().collect(),
            elements: lane.visible(1, lane.len()).cloned().collect(),
            bytes: lane.usage.bytes,
        }
    }
}

impl<T> State<T> {
    /// Runs, by lane and number, as they can have come: those of each source in its order, and each
    /// after the element that it hangs on. Without those that cannot have come at all.
    fn order(&self) -> Vec<(u32, usize)> {
        let mut order = Vec::new();
        let mut next = vec![0; self.lanes.len()];
        let mut ready: Vec<u32> = (0..).take(self.lanes.len()).collect();
        let mut waiting = BTreeMap::<Place, Vec<u32>>::new();
        while let Some(number) = ready.pop() {
            let lane = self.lane(number);
            while let Some(run) = lane.runs.get(next[number as usize]) {
                let is_here = |parent: &Place| {
                    let lane = self.lane(parent.lane);
                    parent.counter <= lane.last_before(next[parent.lane as usize])
                };
                if let Some(parent) = run.parent.filter(|parent| !is_here(parent)) {
                    waiting.entry(parent).or_default().push(number);
                    break;
                }
                order.push((number, next[number as usize]));
                next[number as usize] += 1;
            }
            let place = |counter| Place {
                lane: number,
                counter,
            };
            let come = place(0)..=place(lane.last_before(next[number as usize]));
            let come: Vec<_> = waiting.range(come).map(|(parent, _)| *parent).collect();
            let lanes = come.iter().filter_map(|parent| waiting.remove(parent));
            ready.extend(lanes.flatten());
        }
        order
    }

    /// What each source has inserted.
    pub(super) fn usages(&self) -> impl Iterator<Item = Usage> {
        self.lanes.iter().map(|lane| Usage {
            entries: lane.count.into(),
            bytes: lane.bytes,
        })
    }

    fn lane(&self, number: u32) -> &Contribution<T> {
        &self.lanes[number as usize]
    }

    /// Whether there is such an element.
    fn has(&self, place: Place) -> bool {
        let lane = self.lanes.get(place.lane as usize);
        place.counter > 0 && lane.is_some_and(|lane| place.counter <= lane.count)
    }
}

/// A state as it was read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Unchecked<T> {
    sources: Vec<Actor>,
    lanes: Vec<Contribution<T>>,
}

/// Why a state that was read is the state of no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum StateError {
    #[error("sources that are not in order, or not as many as contributions")]
    Sources,
    #[error("deleted elements that are not in order, or not there")]
    Deleted,
    #[error(
        "none, too many, or not as many elements as are told, or more bytes of them than were inserted"
    )]
    Count,
    #[error("runs that are not in order, or not the fewest, or a gap before them")]
    Runs,
    #[error("a run that hangs on nothing, or on what cannot have come before it")]
    Parent,
}

impl<T: Serialize> TryFrom<Unchecked<T>> for State<T> {
    type Error = StateError;

    fn try_from(Unchecked { sources, lanes }: Unchecked<T>) -> Result<Self, StateError> {
        if sources.len() != lanes.len() || !sources.is_sorted_by(|one, next| one < next) {
            return Err(StateError::Sources);
        }
        let state = Self { sources, lanes };
        state
            .lanes
            .iter()
            .try_for_each(Contribution::check_elements)?;
        for (number, lane) in (0..).zip(&state.lanes) {
            state.check_runs(number, lane)?;
        }
        let runs = state.lanes.iter().map(|lane| lane.runs.len());
        if state.order().len() != runs.sum::<usize>() {
            return Err(StateError::Parent);
        }
        Ok(state)
    }
}

impl<T: Serialize> Contribution<T> {
    fn check_elements(&self) -> Result<(), StateError> {
        let (mut free, mut count) = (1, self.elements.len() as u64);
        for &(first, last) in &self.deleted {
            if u64::from(first) < free || first > last || last > self.count {
                return Err(StateError::Deleted);
            }
            count += u64::from(last) + 1 - u64::from(first);
            free = u64::from(last) + 2;
        }
        let inserted = u64::from(self.count);
        // An element has at least one byte, also when it is deleted.
        let deleted = inserted - self.elements.len().min(self.count as usize) as u64;
        if inserted != count
            || !(1..=MOST_ELEMENTS).contains(&inserted)
            || content(&self.elements).bytes.saturating_add(deleted) > self.bytes
        {
            return Err(StateError::Count);
        }
        Ok(())
    }
}

impl<T> State<T> {
    fn check_runs(&self, lane: u32, contribution: &Contribution<T>) -> Result<(), StateError> {
        let runs = &contribution.runs;
        let first = runs.first().is_some_and(|run| run.first == 1);
        let last = runs
            .last()
            .is_some_and(|run| run.first <= contribution.count);
        if !first || !last || !runs.is_sorted_by(|one, next| one.first < next.first) {
            return Err(StateError::Runs);
        }
        for run in runs {
            let key = Key {
                lane,
                counter: run.first,
            };
            let there = match run.parent {
                None => run.side == Side::Right,
                // What hangs on an element of its own author came after it.
                Some(parent) if parent.lane == lane => (1..run.first).contains(&parent.counter),
                Some(parent) => self.has(parent),
            };
            if !there {
                return Err(StateError::Parent);
            }
            if is_next(run.parent.map(Key::from), run.side, key) {
                return Err(StateError::Runs);
            }
        }
        Ok(())
    }
}
