//! Look-ups that cost the same among few entries and among many, and an order only where one is
//! shown.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// A map for the inside of an algorithm, never of a state.
///
/// Its hash is the standard library's, keyed at random: whoever chooses the keys does not know
/// which of them collide. So the order in the table differs from replica to replica, and the only
/// way to walk it is [`sorted`](Self::sorted).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Index<K: Hash + Eq, V>(HashMap<K, V>);

impl<K: Hash + Eq, V> Index<K, V> {
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    pub(crate) fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        self.0.get_key_value(key)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    pub(crate) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.0.entry(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Gives memory back when few entries are left of many, so that what is removed leaves nothing
    /// behind.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.0.remove(key);
        if self.len() < self.0.capacity() / 8 {
            self.0.shrink_to(self.len() * 2);
        }
        removed
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Hash + Ord, V> Index<K, V> {
    /// The entries in the order of their keys, in O(n log n).
    pub(crate) fn sorted(&self) -> Vec<(&K, &V)> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }
}

impl<K: Hash + Eq, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for Index<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<K: Hash + Ord + Debug, V: Debug> Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use quickcheck_macros::quickcheck;

    use super::*;

    #[quickcheck]
    fn entries_are_shown_in_order_whatever_the_table_does(keys: Vec<u16>) -> bool {
        let index: Index<_, _> = keys.iter().map(|key| (*key, ())).collect();
        let mut ordered = keys;
        ordered.sort_unstable();
        ordered.dedup();
        let shown = index.sorted().into_iter().map(|(key, ())| *key);
        index.len() == ordered.len() && shown.eq(ordered)
    }

    #[test]
    fn what_is_removed_leaves_no_memory_behind() {
        let mut index: Index<_, _> = (0..10_000).map(|key| (key, ())).collect();
        (0..9_990).for_each(|key| {
            index.remove(&key);
        });
        assert!(
            index
                .sorted()
                .into_iter()
                .map(|(key, ())| *key)
                .eq(9_990..10_000)
        );
        assert!(index.0.capacity() < 200, "{}", index.0.capacity());
    }
}
