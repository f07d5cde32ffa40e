//! A tree of digests over records, so that one digest commits to all of them, and a short path
//! shows that a record is among them, or that there is none under a key.
//!
//! A record's place in the tree is the digest of its key, bit by bit from the root: whoever chooses
//! keys cannot make the tree deep, and the same records make the same tree in whatever order they
//! come. That is a Merkle tree (Merkle: A Digital Signature Based on a Conventional Encryption
//! Function, 1987) in the shape of a trie, in which what is absent has a place, too. A leaf has up
//! to [`TOGETHER`] records: were it one, a tree would take about twice the hashes.
//!
//! Nothing here names a network: what signs a tree's digest does.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::codec::{Digest, Domain};

/// Bits of a position, hence siblings on the longest path.
const DEPTH: usize = 256;

/// Records in a leaf at most.
pub const TOGETHER: usize = 8;

/// What a tree has of a record: the position of its key, and the digest of the record.
type Entry = [[u8; 32]; 2];

/// The records of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// In the order of their positions.
    entries: Vec<Entry>,
}

/// The way from the root of a tree to the leaf where a key's record is, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// The other side of each branch on the way, from the root down.
    siblings: Vec<Digest>,
    /// The entries of the leaf's other records.
    beside: Vec<[Digest; 2]>,
}

impl Tree {
    /// The digest of no record.
    pub const EMPTY: Digest = Digest::ZERO;

    /// The tree of these records, each a key and a value, in any order.
    ///
    /// # Panics
    /// In debug builds, when two have one key: a fault of whoever made them.
    pub fn of<K: AsRef<[u8]>, V: AsRef<[u8]>>(records: impl IntoIterator<Item = (K, V)>) -> Self {
        let entry = |(key, value): (K, V)| {
            let position = position(key.as_ref());
            [position, record(&position, value.as_ref())].map(|digest| *digest.as_bytes())
        };
        let mut entries: Vec<_> = records.into_iter().map(entry).collect();
        entries.sort_unstable_by(order);
        let before = entries.len();
        entries.dedup_by_key(|[position, _]| *position);
        debug_assert_eq!(entries.len(), before, "one record a key");
        Self { entries }
    }

    /// The digest that commits to all records: [`EMPTY`](Self::EMPTY) of none.
    #[must_use]
    pub fn digest(&self) -> Digest {
        below(&self.entries, 0)
    }

    /// The path to a key's record, or to where there is none.
    #[must_use]
    pub fn path(&self, key: &[u8]) -> Path {
        let wanted = position(key);
        let (mut entries, mut siblings) = (&self.entries[..], Vec::new());
        while entries.len() > TOGETHER {
            let depth = siblings.len();
            let (left, right) = parted(entries, depth);
            let (side, other) = match bit(wanted.as_bytes(), depth) {
                false => (left, right),
                true => (right, left),
            };
            siblings.push(below(other, depth + 1));
            entries = side;
        }
        let entries = entries.iter().map(|entry| entry.map(Digest::from_bytes));
        let beside = entries
            .filter(|[position, _]| *position != wanted)
            .collect();
        Path { siblings, beside }
    }
}

impl Path {
    /// Whether this path shows, of the tree with this digest, that `key` has this `value`, or no
    /// record for `None`. Costs a hash of the key and one of the value, a hash for each sibling, of
    /// which no more than 256 are looked at, and one for the leaf, of [`TOGETHER`] records at most.
    #[must_use]
    pub fn shows(&self, root: &Digest, key: &[u8], value: Option<&[u8]>) -> bool {
        let wanted = position(key);
        let own = value.map(|value| [wanted, record(&wanted, value)]);
        let entries = self.beside.iter().chain(&own);
        if self.siblings.len() > DEPTH || entries.clone().count() > TOGETHER {
            return false;
        }
        let elsewhere = self.beside.iter().all(|[position, _]| *position != wanted);
        let mut entries: Vec<_> = entries
            .map(|entry| entry.map(|digest| *digest.as_bytes()))
            .collect();
        entries.sort_unstable_by(order);
        let depths = self.siblings.iter().enumerate().rev();
        let reached = depths.fold(leaf(&entries), |below, (depth, sibling)| {
            match bit(wanted.as_bytes(), depth) {
                false => branch(&below, sibling),
                true => branch(sibling, &below),
            }
        });
        elsewhere && reached == *root
    }

    /// How many branches are on the way.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.siblings.len()
    }
}

/// The digest of the part of a tree that has these entries, all alike in their first `depth` bits.
fn below(entries: &[Entry], depth: usize) -> Digest {
    if entries.len() <= TOGETHER {
        return leaf(entries);
    }
    let (left, right) = parted(entries, depth);
    branch(&below(left, depth + 1), &below(right, depth + 1))
}

/// By all their bytes; nearly all differ in the first, which are compared at once.
fn order(left: &Entry, right: &Entry) -> Ordering {
    let first = |[position, _]: &Entry| u64::from_be_bytes(*position.first_chunk().expect("of 32"));
    first(left).cmp(&first(right)).then_with(|| left.cmp(right))
}

fn parted(entries: &[Entry], depth: usize) -> (&[Entry], &[Entry]) {
    entries.split_at(entries.partition_point(|[position, _]| !bit(position, depth)))
}

/// Bit 0 is the highest of the first byte.
fn bit(position: &[u8; 32], depth: usize) -> bool {
    position[depth / 8] >> (7 - depth % 8) & 1 == 1
}

fn position(key: &[u8]) -> Digest {
    Digest::of_bytes(Domain::Key, [key])
}

/// It names the position, too: who guesses at values has to guess for each record anew, and does
/// not see which are alike. Of a value without bytes there is nothing to guess.
fn record(position: &Digest, value: &[u8]) -> Digest {
    if value.is_empty() {
        return Digest::ZERO;
    }
    Digest::of_bytes(Domain::Record, [position.as_bytes(), value])
}

fn leaf(entries: &[Entry]) -> Digest {
    if entries.is_empty() {
        return Tree::EMPTY;
    }
    Digest::of_bytes(Domain::Leaf, [entries.as_flattened().as_flattened()])
}

fn branch(left: &Digest, right: &Digest) -> Digest {
    Digest::of_bytes(Domain::Branch, [left, right].map(Digest::as_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(keys: std::ops::Range<u32>) -> Tree {
        Tree::of(keys.map(|key| (key.to_le_bytes(), (key * 7).to_le_bytes())))
    }

    #[test]
    fn every_record_and_every_absence_has_a_path_and_no_other_value_has() {
        for many in [0, 1, 2, 3, 10, 100] {
            let tree = tree(0..many);
            let root = tree.digest();
            for key in 0..many + 50 {
                let (key, value) = (key.to_le_bytes(), (key * 7).to_le_bytes());
                let present = u32::from_le_bytes(key) < many;
                let path = tree.path(&key);
                assert_eq!(path.shows(&root, &key, Some(&value)), present);
                assert_eq!(path.shows(&root, &key, None), !present);
                assert!(!path.shows(&root, &key, Some(b"another")));
                assert!(path.depth() <= 20, "{}", path.depth());
            }
        }
    }

    /// Keys that differ late can be found; two replicas that have them in another order must not
    /// differ.
    #[test]
    fn entries_that_differ_in_one_byte_alone_are_in_the_order_of_their_bytes() {
        for at in [0, 7, 8, 31, 32, 63] {
            let with = |byte: u8| {
                let mut entry: Entry = [[7; 32]; 2];
                entry[at / 32][at % 32] = byte;
                entry
            };
            let mut all = [9, 6, 200, 8].map(with);
            all.sort_unstable_by(order);
            assert_eq!(all, [6, 8, 9, 200].map(with));
        }
    }

    #[test]
    fn the_order_of_records_does_not_matter_and_each_record_does() {
        let back = Tree::of(
            (0..20u32)
                .rev()
                .map(|key| (key.to_le_bytes(), (key * 7).to_le_bytes())),
        );
        assert_eq!(back, tree(0..20));
        let mut digests: Vec<_> = (0..20).map(|many| tree(0..many).digest()).collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 20);
        assert_eq!(tree(0..0).digest(), Tree::EMPTY);
    }

    /// Were the key not looked for among what is beside, the leaf that has a record would show that
    /// there is none.
    #[test]
    fn a_leaf_shows_no_absence_of_a_record_that_it_has() {
        for many in [1, TOGETHER as u32, 40] {
            let tree = tree(0..many);
            let root = tree.digest();
            for key in 0..many {
                let (key, value) = (key.to_le_bytes(), (key * 7).to_le_bytes());
                let mut path = tree.path(&key);
                assert!(path.shows(&root, &key, Some(&value)));
                path.beside
                    .push([position(&key), record(&position(&key), &value)]);
                assert!(!path.shows(&root, &key, None));
            }
        }
    }

    #[test]
    fn a_path_of_a_key_serves_no_other_that_is_not_absent_from_the_same_leaf() {
        let tree = tree(0..40);
        let root = tree.digest();
        for (key, other) in (0..80u32).flat_map(|key| (0..80u32).map(move |other| (key, other))) {
            let path = tree.path(&key.to_le_bytes());
            let own = other.to_le_bytes();
            let alike = path == tree.path(&own);
            assert_eq!(path.shows(&root, &own, None), alike && other >= 40);
            assert_eq!(
                path.shows(&root, &own, Some(&(other * 7).to_le_bytes())),
                alike && other < 40
            );
        }
    }

    #[test]
    fn where_all_records_are_on_one_side_the_other_has_nothing() {
        let right = |key: &u32| bit(position(&key.to_le_bytes()).as_bytes(), 0);
        let (there, here): (Vec<u32>, Vec<u32>) = (0..100).partition(right);
        let tree = Tree::of(there.iter().map(|key| (key.to_le_bytes(), b"")));
        let key = here[0].to_le_bytes();
        let path = tree.path(&key);
        assert_eq!((path.depth(), path.beside.len()), (1, 0));
        assert!(path.shows(&tree.digest(), &key, None));
        assert!(!path.shows(&tree.digest(), &key, Some(b"")));
    }

    #[test]
    fn a_path_that_is_too_long_and_a_leaf_that_is_too_full_show_nothing() {
        let (siblings, beside) = (vec![Tree::EMPTY; DEPTH + 1], Vec::new());
        assert!(!Path { siblings, beside }.shows(&Tree::EMPTY, b"key", None));
        for many in [TOGETHER, TOGETHER + 1] {
            let keys = (0..many as u32).map(|key| position(&key.to_le_bytes()));
            let mut all: Vec<Entry> = keys.map(|key| [*key.as_bytes(), [0; 32]]).collect();
            all.sort_unstable();
            let beside = all.iter().map(|entry| entry.map(Digest::from_bytes));
            let (siblings, beside) = (Vec::new(), beside.collect());
            let path = Path { siblings, beside };
            assert_eq!(path.shows(&leaf(&all), b"key", None), many == TOGETHER);
        }
    }
}
