//! Which additions hold one member in the set.

use super::{Clock, Dot};
use crate::actor::Actor;
use crate::few::Few;

/// The additions that hold a member in the set, the newest of each actor that has one, by actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Additions(Few<Dot>);

impl Additions {
    pub(super) fn one(dot: Dot) -> Self {
        Self(Few::One(dot))
    }

    /// `dot` is newer than all of its actor's before. Whether there was none.
    pub(super) fn add(&mut self, dot: Dot) -> bool {
        match self.place(&dot.actor) {
            Ok(place) => {
                self.0.as_mut_slice()[place] = dot;
                false
            }
            Err(place) => {
                self.0.insert(place, dot);
                true
            }
        }
    }

    /// Takes away what `clock` names, and tells whose. Whether anything is left.
    pub(super) fn remove(&mut self, clock: &Clock, mut taken: impl FnMut(&Actor)) -> bool {
        self.0.retain(|dot| {
            let stays = !is_named(clock, &dot.actor, dot.counter);
            if !stays {
                taken(&dot.actor);
            }
            stays
        })
    }

    /// The number of `actor`'s addition, or 0 for none.
    pub(super) fn number(&self, actor: &Actor) -> u64 {
        let dots = self.0.as_slice();
        self.place(actor).map_or(0, |place| dots[place].counter)
    }

    fn place(&self, actor: &Actor) -> Result<usize, usize> {
        let dots = self.0.as_slice();
        dots.binary_search_by(|dot| dot.actor.cmp(actor))
    }

    pub(super) fn clock(&self) -> Clock {
        let dots = self.0.as_slice().iter();
        dots.map(|dot| (dot.actor, dot.counter)).collect()
    }

    /// Of a clock that is not empty.
    pub(super) fn of(clock: Clock) -> Self {
        let dots = clock
            .into_iter()
            .map(|(actor, counter)| Dot { actor, counter });
        Self(Few::of(dots.collect()))
    }
}

/// Whether `clock` names this addition.
pub(super) fn is_named(clock: &Clock, actor: &Actor, counter: u64) -> bool {
    clock.get(actor).is_some_and(|last| counter <= *last)
}
