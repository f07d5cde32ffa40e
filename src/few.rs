//! Nearly always one.

/// At least one item. A single one lies where the list lies, not behind a pointer: so there is one
/// place less in memory to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Few<T> {
    One(T),
    /// Two at least.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// Of at least one item.
    pub(crate) fn of(mut items: Vec<T>) -> Self {
        match items.len() {
            1 => Self::One(items.remove(0)),
            _ => Self::Many(items),
        }
    }

    /// Of at least one item; nothing is allocated for one alone.
    pub(crate) fn collect(mut items: impl Iterator<Item = T>) -> Self {
        let first = items.next().expect("at least one item");
        match items.next() {
            None => Self::One(first),
            Some(second) => Self::Many([first, second].into_iter().chain(items).collect()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(item) => std::slice::from_mut(item),
            Self::Many(items) => items,
        }
    }

    pub(crate) fn insert(&mut self, place: usize, item: T) {
        let mut items = self.take();
        items.insert(place, item);
        *self = Self::Many(items);
    }

    /// Keeps what stays. Whether anything does: otherwise it is not to be used any more.
    pub(crate) fn retain(&mut self, stays: impl FnMut(&T) -> bool) -> bool {
        let mut items = self.take();
        items.retain(stays);
        let is_left = !items.is_empty();
        *self = Self::of(items);
        is_left
    }

    fn take(&mut self) -> Vec<T> {
        match std::mem::replace(self, Self::Many(Vec::new())) {
            Self::One(item) => vec![item],
            Self::Many(items) => items,
        }
    }
}
