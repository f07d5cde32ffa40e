//! Which additions hold one member in the set.

use crate::few::Few;

/// The additions that hold a member in the set, the newest of each source that has one, by the
/// source's number.
#[derive(Clone, Debug)]
pub(super) struct Additions(Few<Addition>);

/// The `counter`th addition of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addition {
    /// Which of the source's additions it is, counted from 1.
    pub(super) counter: u64,
    /// Its number among the sources of this replica.
    pub(super) source: u32,
}

impl Additions {
    /// Of a member that was not there.
    pub(super) fn one(addition: Addition) -> Self {
        Self(Few::One(addition))
    }

    /// Of at least one, each of another source.
    pub(super) fn of(additions: impl Iterator<Item = Addition>) -> Self {
        let mut additions = Few::collect(additions);
        additions
            .as_mut_slice()
            .sort_unstable_by_key(|addition| addition.source);
        Self(additions)
    }

    /// By the number of the source, which is no order that others see.
    pub(super) fn as_slice(&self) -> &[Addition] {
        self.0.as_slice()
    }

    /// `addition` is newer than all of its source's before. Whether there was none.
    pub(super) fn add(&mut self, addition: Addition) -> bool {
        match self.place(addition.source) {
            Ok(place) => {
                self.0.as_mut_slice()[place] = addition;
                false
            }
            Err(place) => {
                self.0.insert(place, addition);
                true
            }
        }
    }

    /// Keeps what stays. Whether anything does.
    pub(super) fn retain(&mut self, stays: impl FnMut(&Addition) -> bool) -> bool {
        self.0.retain(stays)
    }

    /// The number of the source's addition, or 0 for none.
    pub(super) fn counter(&self, source: u32) -> u64 {
        let place = self.place(source);
        place.map_or(0, |place| self.as_slice()[place].counter)
    }

    fn place(&self, source: u32) -> Result<usize, usize> {
        let additions = self.as_slice();
        additions.binary_search_by_key(&source, |addition| addition.source)
    }
}
