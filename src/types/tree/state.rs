//! What can be done to a tree, and a tree at rest: sorted, canonical, and checked when it is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::budget::size;
use crate::types::rank::{Ranks, Stamp};

/// Where a node is. A node is named by the stamp of its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Parent {
    /// At the top.
    Top,
    /// Under another node.
    Under(Stamp),
    /// Thrown away, with all that is under it.
    Trash,
}

/// A change of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Op<V> {
    /// Its source, and how late it was. The stamp of a creation names the node.
    pub stamp: Stamp,
    /// What is done.
    pub act: Act<V>,
}

/// What is done to a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Act<V> {
    /// It is created, not in the trash.
    Create {
        /// Where.
        parent: Parent,
        /// What it holds, for ever.
        value: V,
    },
    /// It is moved.
    Move {
        /// Which node.
        node: Stamp,
        /// Where to.
        parent: Parent,
    },
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node<V> {
    /// What it holds.
    pub value: V,
    /// Where the last of its moves put it. What is shown may differ: see
    /// [`Tree::parent`](super::Tree::parent).
    pub parent: Parent,
    /// The last of its moves, or its creation.
    pub moved: Stamp,
}

/// What all replicas that applied the same operations agree on: all nodes that were ever created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<V>")]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
pub struct State<V> {
    pub(super) ranks: Ranks,
    pub(super) nodes: BTreeMap<Stamp, Node<V>>,
}

impl<V: Serialize> State<V> {
    /// The bytes of each node, with its source.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Actor, u64)> {
        let nodes = self.nodes.iter();
        nodes.map(|(id, node)| (id.by, size(&node.value)))
    }
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
struct Unchecked<V> {
    ranks: Ranks,
    nodes: BTreeMap<Stamp, Node<V>>,
}

impl<V> TryFrom<Unchecked<V>> for State<V> {
    type Error = &'static str;

    fn try_from(Unchecked { ranks, nodes }: Unchecked<V>) -> Result<Self, &'static str> {
        let used = |stamp: &Stamp| (1..=ranks.last(&stamp.by)).contains(&stamp.rank);
        let mut moves = BTreeSet::new();
        for (id, node) in &nodes {
            let stays = node.moved == *id;
            if !moves.insert(node.moved) || (!stays && nodes.contains_key(&node.moved)) {
                return Err("two operations of one name");
            }
            if stays && is_after(node.parent, id) {
                return Err("a creation in the trash, or under a later node of its author");
            }
            if !used(id) || !used(&node.moved) {
                return Err("a rank that its source has not used");
            }
            if !stays && !node.moved.beats(id, id) {
                return Err("a move that lost against the creation");
            }
            if matches!(node.parent, Parent::Under(_)) && is_after(node.parent, &node.moved) {
                return Err("under a later node of whoever moved it");
            }
            if let Parent::Under(parent) = node.parent
                && (parent == *id || !nodes.contains_key(&parent))
            {
                return Err("a node under itself, or under none");
            }
        }
        Ok(Self { ranks, nodes })
    }
}

/// Whether an operation of this stamp can have created no node there.
fn is_after(parent: Parent, id: &Stamp) -> bool {
    match parent {
        Parent::Top => false,
        Parent::Under(parent) => parent.by == id.by && parent.rank >= id.rank,
        Parent::Trash => true,
    }
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            ranks: Ranks::default(),
            nodes: BTreeMap::new(),
        }
    }
}
