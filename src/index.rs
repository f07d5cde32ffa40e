//! Look-ups that cost the same among few entries and among many, and an order only where one is
//! shown.

use std::borrow::Borrow;
use std::fmt::{self, Debug};
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A map for the inside of an algorithm, never of a state.
///
/// Its hash is the standard library's, keyed at random: whoever chooses the keys does not know
/// which of them collide. So the order in the table differs from replica to replica: whatever shows
/// one walks it [`sorted`](Self::sorted).
///
/// A key's hash is kept beside it, so that a table that grows need not fetch and hash its keys.
#[derive(Clone)]
pub(crate) struct Index<K, V> {
    table: HashTable<Slot<K, V>>,
    hasher: RandomState,
}

#[derive(Clone)]
struct Slot<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Slot<K, V> {
    fn is<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.hash == hash && self.key.borrow() == key
    }
}

impl<K: Hash + Eq, V> Index<K, V> {
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub(crate) fn get_key_value<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let slot = self.table.find(hash, |slot| slot.is(hash, key))?;
        Some((&slot.key, &slot.value))
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let hash = self.hasher.hash_one(key);
        let slot = self.table.find_mut(hash, |slot| slot.is(hash, key))?;
        Some(&mut slot.value)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get_key_value(key).is_some()
    }

    /// The value under `key`, which `make` makes where there is none.
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let hash = self.hasher.hash_one(&key);
        let place = self
            .table
            .entry(hash, |slot| slot.is(hash, &key), |slot| slot.hash);
        let slot = match place {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let value = make();
                new.insert(Slot { hash, key, value }).into_mut()
            }
        };
        &mut slot.value
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let mut value = Some(value);
        let here = self.get_or_insert_with(key, || value.take().expect("asked once"));
        value.map(|value| std::mem::replace(here, value))
    }

    /// Gives memory back when few entries are left of many, so that what is removed leaves nothing
    /// behind.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let found = self.table.find_entry(hash, |slot| slot.is(hash, key));
        let (removed, _) = found.ok()?.remove();
        if self.len() < self.table.capacity() / 8 {
            self.table.shrink_to(self.len() * 2, |slot| slot.hash);
        }
        Some(removed.value)
    }

    /// Whether both have the same keys, and under each of them what `same` says is the same.
    pub(crate) fn equals(&self, other: &Self, same: impl Fn(&V, &V) -> bool) -> bool {
        let found = |slot: &Slot<K, V>| {
            let there = other.get(&slot.key);
            there.is_some_and(|there| same(&slot.value, there))
        };
        self.len() == other.len() && self.table.iter().all(found)
    }

    /// The entries in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.table.iter().map(|slot| (&slot.key, &slot.value))
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl<K: Hash + Ord, V> Index<K, V> {
    /// The entries in the order of their keys, in O(n log n).
    pub(crate) fn sorted(&self) -> Vec<(&K, &V)> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }
}

impl<K: Hash + Eq, V: PartialEq> PartialEq for Index<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other, V::eq)
    }
}

impl<K: Hash + Eq, V: Eq> Eq for Index<K, V> {}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for Index<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut index = Self::default();
        index.table.reserve(entries.size_hint().0, |slot| slot.hash);
        for (key, value) in entries {
            index.insert(key, value);
        }
        index
    }
}

impl<K: Hash + Ord + Debug, V: Debug> Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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

    /// What is done to both, as a number and a key.
    #[quickcheck]
    fn an_index_is_a_map(acts: Vec<(u8, u8)>) -> bool {
        let (mut index, mut map) = (Index::default(), BTreeMap::new());
        let mut same = true;
        for (number, (act, key)) in acts.into_iter().enumerate() {
            let key = key % 32;
            same &= match act % 4 {
                0 => index.insert(key, number) == map.insert(key, number),
                1 => index.remove(&key) == map.remove(&key),
                2 => {
                    let here = index.get_or_insert_with(key, || number);
                    *here += 1;
                    let there = map.entry(key).or_insert(number);
                    *there += 1;
                    here == there
                }
                _ => index.get_mut(&key) == map.get_mut(&key),
            };
            same &= index.get(&key) == map.get(&key) && index.len() == map.len();
        }
        let other: Index<_, _> = map
            .iter()
            .rev()
            .map(|(key, value)| (*key, *value))
            .collect();
        same && index == other && index.clone() == other && index.sorted().into_iter().eq(&map)
    }

    #[test]
    fn indexes_of_other_keys_or_values_are_not_equal() {
        let of = |entries: &[(u8, u8)]| entries.iter().copied().collect::<Index<_, _>>();
        let index = of(&[(1, 1), (2, 2)]);
        assert_eq!(index, of(&[(2, 2), (1, 1)]));
        for others in [&[(1, 1)][..], &[(1, 1), (3, 2)], &[(1, 1), (2, 1)]] {
            assert_ne!(index, of(others));
        }
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
        let buckets = index.table.num_buckets();
        assert!(buckets < 200, "{buckets}");
    }
}
