//! A set at rest: sorted, canonical, and checked when it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::Clock;
use crate::actor::Actor;
use crate::budget::size;
use crate::few::Few;

/// A snapshot of a set: equal sets have equal snapshots and equal bytes, whatever their histories.
///
/// It decodes only when it can be the state of a set: no counter of 0 or `u64::MAX`, no member
/// without a dot, no dot beyond the set's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<M>")]
#[serde(bound(serialize = "M: Serialize", deserialize = "M: Ord + Deserialize<'de>"))]
pub struct State<M> {
    clock: Clock,
    /// In the order of the members.
    #[serde(serialize_with = "as_map")]
    members: Vec<(M, Dots)>,
}

/// The additions that hold a member, in the order of their sources. It encodes as a [`Clock`], and
/// takes no memory of its own when there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dots(Few<(Actor, u64)>);

impl Dots {
    /// Of at least one, each of another source.
    pub(super) fn of(dots: impl Iterator<Item = (Actor, u64)>) -> Self {
        let mut dots = Few::collect(dots);
        dots.as_mut_slice().sort_unstable();
        Self(dots)
    }

    pub(super) fn as_slice(&self) -> &[(Actor, u64)] {
        self.0.as_slice()
    }
}

impl Serialize for Dots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_map(self.as_slice(), serializer)
    }
}

fn as_map<K: Serialize, V: Serialize, S: Serializer>(
    entries: &[(K, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
}

impl<M: Ord> State<M> {
    /// Of members in their order.
    pub(super) fn new(clock: Clock, members: impl Iterator<Item = (M, Dots)>) -> Self {
        let members = members.collect();
        Self { clock, members }
    }

    /// How many members the set has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the set has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = &M> {
        self.members.iter().map(|(member, _)| member)
    }

    /// The bytes of each member, once for each actor that has an addition of it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Actor, u64)>
    where
        M: Serialize,
    {
        self.members.iter().flat_map(|(member, dots)| {
            let bytes = size(member);
            dots.as_slice()
                .iter()
                .map(move |(actor, _)| (*actor, bytes))
        })
    }

    pub(super) fn into_parts(self) -> (Clock, Vec<(M, Dots)>) {
        (self.clock, self.members)
    }
}

/// A state as it was read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "M: Ord + Deserialize<'de>"))]
struct Unchecked<M> {
    clock: Clock,
    members: BTreeMap<M, Clock>,
}

/// Why a state that was read is the state of no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum StateError {
    #[error("a counter of 0 or u64::MAX")]
    Counter,
    #[error("a member without a dot")]
    NoDot,
    #[error("a dot beyond the set's clock")]
    Beyond,
}

impl<M: Ord> TryFrom<Unchecked<M>> for State<M> {
    type Error = StateError;

    fn try_from(Unchecked { clock, members }: Unchecked<M>) -> Result<Self, StateError> {
        if clock
            .values()
            .any(|&counter| !super::op::is_counter(counter))
        {
            return Err(StateError::Counter);
        }
        for dots in members.values() {
            if dots.is_empty() {
                return Err(StateError::NoDot);
            }
            if dots.values().any(|&counter| counter == 0) {
                return Err(StateError::Counter);
            }
            if dots
                .iter()
                .any(|(actor, counter)| clock.get(actor) < Some(counter))
            {
                return Err(StateError::Beyond);
            }
        }
        let held = |(member, dots): (M, Clock)| (member, Dots::of(dots.into_iter()));
        Ok(Self::new(clock, members.into_iter().map(held)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{DecodeError, decode, encode};

    fn actor(byte: u8) -> Actor {
        Actor::from_bytes([byte; 32])
    }

    fn read(clock: &[(u8, u64)], dots: &[(u8, u64)]) -> Result<State<u8>, DecodeError> {
        let clocked = |dots: &[(u8, u64)]| -> Clock {
            dots.iter()
                .map(|&(byte, counter)| (actor(byte), counter))
                .collect()
        };
        let members = BTreeMap::from([(7u8, clocked(dots))]);
        let bytes = encode(&(clocked(clock), members));
        decode(&bytes, bytes.len())
    }

    #[test]
    fn a_state_that_no_set_can_have_is_refused() {
        let good = read(&[(1, 3), (2, 1)], &[(1, 2)]);
        assert!(good.is_ok_and(|state| state.iter().eq([&7])));
        let forged = [
            read(&[(1, 0)], &[(1, 0)]),
            read(&[(1, u64::MAX)], &[(1, 1)]),
            read(&[(1, 1)], &[(1, 0)]),
            read(&[(1, 1)], &[]),
            read(&[(1, 1)], &[(1, 2)]),
            read(&[(1, 1)], &[(2, 1)]),
        ];
        for state in forged {
            assert_eq!(state, Err(DecodeError::Malformed));
        }
    }
}
