//! What one source inserted.

use std::collections::BTreeMap;

use super::ranges::Ranges;
use crate::actor::Actor;
use crate::budget::Usage;

/// The elements of one source, by their counters.
#[derive(Clone, Debug)]
pub(super) struct Lane<T> {
    pub(super) source: Actor,
    /// The element of counter 1 first; `None` when it is deleted.
    elements: Vec<Option<T>>,
    /// All that it ever inserted.
    pub(super) usage: Usage,
    pub(super) deleted: Ranges,
    /// By the counter of the first element.
    chunks: BTreeMap<u32, u32>,
}

impl<T> Lane<T> {
    pub(super) fn new(source: Actor) -> Self {
        Self {
            source,
            elements: Vec::new(),
            usage: Usage::default(),
            deleted: Ranges::default(),
            chunks: BTreeMap::new(),
        }
    }

    /// How many elements it has, deleted ones included.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.elements.len()).expect("the verdict counts in 32 bits")
    }

    /// Fills in what a snapshot holds: the ranges that are deleted, and all other elements.
    pub(super) fn restore(&mut self, deleted: &[(u32, u32)], elements: Vec<T>, bytes: u64) {
        let mut elements = elements.into_iter().map(Some);
        for (first, last) in deleted {
            let before = *first as usize - 1 - self.elements.len();
            self.elements.extend(elements.by_ref().take(before));
            self.elements.extend((*first..=*last).map(|_| None));
        }
        self.elements.extend(elements);
        let entries = self.elements.len() as u64;
        self.usage = Usage { entries, bytes };
    }

    pub(super) fn extend(&mut self, elements: Vec<T>) {
        self.elements.extend(elements.into_iter().map(Some));
    }

    pub(super) fn get(&self, counter: u32) -> Option<&T> {
        self.elements[counter as usize - 1].as_ref()
    }

    /// The elements that are not deleted among so many from `first` on.
    pub(super) fn visible(&self, first: u32, len: u32) -> impl Iterator<Item = &T> {
        let start = first as usize - 1;
        self.elements[start..start + len as usize].iter().flatten()
    }

    /// Forgets so many elements from `first` on.
    pub(super) fn clear(&mut self, first: u32, len: u32) {
        let start = first as usize - 1;
        self.elements[start..start + len as usize].fill_with(|| None);
    }

    /// The chunk that may have the element: the last one that begins at or before it.
    pub(super) fn chunk(&self, counter: u32) -> Option<u32> {
        self.chunks
            .range(..=counter)
            .next_back()
            .map(|(_, chunk)| *chunk)
    }

    /// The chunk that has the last element.
    pub(super) fn last_chunk(&self) -> Option<u32> {
        self.chunks.last_key_value().map(|(_, chunk)| *chunk)
    }

    pub(super) fn begin_chunk(&mut self, first: u32, chunk: u32) {
        self.chunks.insert(first, chunk);
    }

    /// A chunk that began at `before` now begins at `first`.
    pub(super) fn move_chunk(&mut self, before: u32, first: u32) {
        let chunk = self.chunks.remove(&before).expect("a chunk begins there");
        self.chunks.insert(first, chunk);
    }
}
