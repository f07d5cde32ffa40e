//! A tree of digests over records, so that one digest commits to all of them, and a short path
//! shows that a record is among them, or that there is none under a key.
//!
//! A record's place in the tree is the digest of its key, bit by bit from the root: whoever chooses
//! keys cannot make the tree deep, and the same records make the same tree in whatever order they
//! come. That is a Merkle tree (Merkle: A Digital Signature Based on a Conventional Encryption
//! Function, 1987) in the shape of a trie, in which what is absent has a place, too.
//!
//! Nothing here names a network: what signs a tree's digest does.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::codec::{Digest, Domain, Hasher, NetworkId, Slice};

/// Bits of a position, hence siblings on the longest path.
const DEPTH: usize = 256;

/// The records of a tree: of each the position of its key and the digest of its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// In the order of their positions.
    leaves: Vec<(Digest, Digest)>,
}

/// The way from the root of a tree to where a key's record is, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// The other side of each branch on the way, from the root down.
    siblings: Vec<Digest>,
    leaf: Leaf,
}

/// What is at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Leaf {
    /// The record of the key.
    Here,
    /// Another record: alone on its side of the last branch, so that there is none of the key.
    Other {
        /// Where it belongs.
        position: Digest,
        /// What it is.
        record: Digest,
    },
    /// Nothing.
    None,
}

impl Tree {
    /// The digest of no record.
    pub const EMPTY: Digest = Digest::ZERO;

    /// The tree of these records, each a key and a value, in any order.
    ///
    /// # Panics
    /// In debug builds, when two have one key: a fault of whoever made them.
    pub fn of<K: AsRef<[u8]>, V: AsRef<[u8]>>(records: impl IntoIterator<Item = (K, V)>) -> Self {
        // Those of a set all have the same.
        let mut last: Option<(V, Digest)> = None;
        let leaf = |(key, value): (K, V)| {
            let known = last
                .as_ref()
                .filter(|(last, _)| last.as_ref() == value.as_ref());
            let record = known.map_or_else(|| record(value.as_ref()), |(_, record)| *record);
            last = Some((value, record));
            (position(key.as_ref()), record)
        };
        let mut leaves: Vec<_> = records.into_iter().map(leaf).collect();
        leaves.sort_unstable();
        let distinct = leaves.windows(2).all(|pair| pair[0].0 < pair[1].0);
        debug_assert!(distinct, "one record a key");
        leaves.dedup_by_key(|(position, _)| *position);
        Self { leaves }
    }

    /// The digest that commits to all records: [`EMPTY`](Self::EMPTY) of none.
    #[must_use]
    pub fn digest(&self) -> Digest {
        below(&self.leaves, 0)
    }

    /// The path to a key's record, or to where there is none.
    #[must_use]
    pub fn path(&self, key: &[u8]) -> Path {
        let wanted = position(key);
        let (mut leaves, mut siblings) = (&self.leaves[..], Vec::new());
        while leaves.len() > 1 {
            let depth = siblings.len();
            let (left, right) = parted(leaves, depth);
            let (side, other) = match bit(&wanted, depth) {
                false => (left, right),
                true => (right, left),
            };
            siblings.push(below(other, depth + 1));
            leaves = side;
        }
        let leaf = match leaves.first() {
            None => Leaf::None,
            Some((position, _)) if *position == wanted => Leaf::Here,
            Some(&(position, record)) => Leaf::Other { position, record },
        };
        Path { siblings, leaf }
    }
}

impl Path {
    /// Whether this path shows, of the tree with this digest, that `key` has this `value`, or no
    /// record for `None`. Costs a hash for each sibling, of which no more than 256 are looked at.
    #[must_use]
    pub fn shows(&self, root: &Digest, key: &[u8], value: Option<&[u8]>) -> bool {
        let wanted = position(key);
        let end = match (self.leaf, value) {
            (Leaf::Here, Some(value)) => leaf_digest(&wanted, &record(value)),
            (Leaf::Other { position, record }, None) if self.separates(&position, &wanted) => {
                leaf_digest(&position, &record)
            }
            (Leaf::None, None) => Tree::EMPTY,
            _ => return false,
        };
        if self.siblings.len() > DEPTH {
            return false;
        }
        let mut depths = self.siblings.iter().enumerate().rev();
        let reached = depths.try_fold(end, |below, (depth, sibling)| {
            Some(match bit(&wanted, depth) {
                false => branch(&below, sibling),
                true => branch(sibling, &below),
            })
        });
        reached == Some(*root)
    }

    /// Whether another record's place is where this path leads, and not the key's own.
    fn separates(&self, other: &Digest, wanted: &Digest) -> bool {
        let mut depths = 0..self.siblings.len().min(DEPTH);
        other != wanted && depths.all(|depth| bit(other, depth) == bit(wanted, depth))
    }

    /// How many branches are on the way.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.siblings.len()
    }
}

/// The digest of the part of a tree that has these leaves, all alike in their first `depth` bits.
fn below(leaves: &[(Digest, Digest)], depth: usize) -> Digest {
    match leaves {
        [] => Tree::EMPTY,
        [(position, record)] => leaf_digest(position, record),
        _ => {
            let (left, right) = parted(leaves, depth);
            branch(&below(left, depth + 1), &below(right, depth + 1))
        }
    }
}

type Leaves<'a> = &'a [(Digest, Digest)];

fn parted(leaves: Leaves<'_>, depth: usize) -> (Leaves<'_>, Leaves<'_>) {
    leaves.split_at(leaves.partition_point(|(position, _)| !bit(position, depth)))
}

/// Bit 0 is the highest of the first byte.
fn bit(position: &Digest, depth: usize) -> bool {
    position.as_bytes()[depth / 8] >> (7 - depth % 8) & 1 == 1
}

fn position(key: &[u8]) -> Digest {
    KEY.clone().digest(&Slice(key))
}

fn record(value: &[u8]) -> Digest {
    Digest::of(Domain::Record, &NetworkId::NONE, &Slice(value))
}

fn leaf_digest(position: &Digest, record: &Digest) -> Digest {
    LEAF.clone().pair(position, record)
}

fn branch(left: &Digest, right: &Digest) -> Digest {
    BRANCH.clone().pair(left, right)
}

static KEY: LazyLock<Hasher> = LazyLock::new(|| hasher(Domain::Key));
static LEAF: LazyLock<Hasher> = LazyLock::new(|| hasher(Domain::Leaf));
static BRANCH: LazyLock<Hasher> = LazyLock::new(|| hasher(Domain::Branch));

fn hasher(domain: Domain) -> Hasher {
    Hasher::new(domain, &NetworkId::NONE)
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

    /// Were the position of the other record not asked for, any record of the tree would show that
    /// any key is absent.
    #[test]
    fn a_record_elsewhere_shows_no_absence_and_a_path_of_a_key_serves_no_other() {
        let tree = tree(0..40);
        let root = tree.digest();
        for key in 0..40u32 {
            let present = key.to_le_bytes();
            let mut path = tree.path(&present);
            path.leaf = Leaf::Other {
                position: position(&present),
                record: record(&(key * 7).to_le_bytes()),
            };
            for other in 0..80u32 {
                let other = other.to_le_bytes();
                let elsewhere = tree.path(&other).siblings != path.siblings;
                let shown = path.shows(&root, &other, None);
                assert!(!shown || (!elsewhere && other != present));
            }
        }
    }

    #[test]
    fn a_path_that_is_too_long_shows_nothing() {
        let path = Path {
            siblings: vec![Tree::EMPTY; DEPTH + 1],
            leaf: Leaf::None,
        };
        assert!(!path.shows(&Tree::EMPTY, b"key", None));
    }
}
