//! Those who added to a set, by number.

use std::collections::BTreeMap;

use super::Clock;
use crate::actor::Actor;
use crate::budget::Usage;

/// Everybody who ever added, numbered as they came: so a member keeps 16 bytes of each of its
/// additions, and not 40 with the actor's name.
///
/// The numbers differ from replica to replica, and nothing that leaves the set shows them.
#[derive(Clone, Default)]
pub(super) struct Sources {
    numbers: BTreeMap<Actor, u32>,
    all: Vec<Source>,
}

/// One who added.
#[derive(Clone)]
pub(super) struct Source {
    /// Its name.
    pub(super) actor: Actor,
    /// How many additions were applied.
    pub(super) added: u64,
    /// Derived: the members that it has an addition of.
    pub(super) alive: Usage,
}

impl Sources {
    /// The number of `actor`, once it has added.
    pub(super) fn number(&self, actor: &Actor) -> Option<u32> {
        self.numbers.get(actor).copied()
    }

    /// What is known of `actor`, once it has added.
    pub(super) fn get(&self, actor: &Actor) -> Option<&Source> {
        self.number(actor).map(|number| self.at(number))
    }

    /// Of a number that was given out here.
    pub(super) fn at(&self, number: u32) -> &Source {
        &self.all[number as usize]
    }

    /// The same, to be changed.
    pub(super) fn at_mut(&mut self, number: u32) -> &mut Source {
        &mut self.all[number as usize]
    }

    /// The number of `actor`, which gets one if it has none.
    pub(super) fn join(&mut self, actor: Actor) -> u32 {
        let next = u32::try_from(self.all.len()).expect("memory ends before the numbers do");
        let number = *self.numbers.entry(actor).or_insert(next);
        if number == next {
            self.all.push(Source {
                actor,
                added: 0,
                alive: Usage::default(),
            });
        }
        number
    }

    /// How many additions of each were applied, by name, as a state has it.
    pub(super) fn clock(&self) -> Clock {
        let all = self.all.iter();
        all.map(|source| (source.actor, source.added)).collect()
    }
}

/// Of a clock: nothing is alive yet.
impl From<Clock> for Sources {
    fn from(clock: Clock) -> Self {
        let mut sources = Self::default();
        for (actor, added) in clock {
            let number = sources.join(actor);
            sources.at_mut(number).added = added;
        }
        sources
    }
}
