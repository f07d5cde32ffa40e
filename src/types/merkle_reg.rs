//! A register with its whole history: each write names the writes that it replaces by their
//! digests.
//!
//! A Merkle-CRDT (Sanjuán, Pöyhtäri, Teixeira, Psaras: Merkle-CRDTs: Merkle-DAGs meet CRDTs, 2020).
//! The writes that no other names are the register's values. A digest proves a node with all that
//! went before it.
//!
//! ```
//! use bft_crdts::types::MerkleReg;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let mut draft = MerkleReg::<&str>::new(alice);
//! draft.apply(draft.write("first words"));
//! draft.apply(draft.write("better words"));
//! let (digest, node) = draft.heads().next().expect("it was written");
//! assert_eq!(node.value, "better words");
//! let before = draft.node(node.children.first().expect("it replaced one")).expect("it is kept");
//! assert_eq!(before.value, "first words");
//! assert_eq!(node.digest(), *digest);
//! ```
//!
//! # What a liar cannot do
//!
//! - *Change the past*: a node is named by the digest of its author, its children and its value.
//! - *Name what does not exist*: children must be applied, else the write is `NotYet` valid. So
//!   there are neither cycles nor orphans to keep.
//! - *Write in another's name*, or *the same node twice*: `Never`. The author is part of the
//!   digest, so nobody else can write it.
//! - *Fill the memory*: a source has at most [`Budget::entries`] nodes, of [`Budget::bytes`] in
//!   all, and a node at most [`CHILDREN`] children. History stays, so what is beyond is `Never`
//!   valid: choose the budget for the register's life.
//!
//! Verdict and `apply` cost a digest of the node, O(1) for each child whatever the number of nodes,
//! and O(log h) for `h` heads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::lww_register::Value;
use crate::actor::Actor;
use crate::budget::{Alive, Budget, Usage, size};
use crate::codec::{self, Digest, Domain, NetworkId};
use crate::index::Index;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// Children of one node.
pub const CHILDREN: usize = 1024;

/// A register with its history. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleReg<V: Value> {
    actor: Actor,
    budget: Budget,
    nodes: Index<Digest, Node<V>>,
    /// Derived: the nodes that are no node's children.
    heads: BTreeSet<Digest>,
    /// Derived: what each source has written.
    alive: Alive,
}

/// A write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node<V> {
    /// Who writes.
    pub by: Actor,
    /// The digests of the writes that it replaces: at most [`CHILDREN`].
    pub children: BTreeSet<Digest>,
    /// What is written.
    pub value: V,
}

impl<V: Serialize> Node<V> {
    /// The node's name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Domain::Node, &NetworkId::NONE, self)
    }
}

/// What all replicas that applied the same writes agree on: all nodes, by their digests, and of
/// each node all children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<V>")]
#[serde(bound(deserialize = "V: Serialize + Deserialize<'de>"))]
pub struct State<V> {
    nodes: BTreeMap<Digest, Node<V>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
struct Unchecked<V> {
    nodes: BTreeMap<Digest, Node<V>>,
}

impl<V: Serialize> TryFrom<Unchecked<V>> for State<V> {
    type Error = &'static str;

    fn try_from(Unchecked { nodes }: Unchecked<V>) -> Result<Self, &'static str> {
        for (digest, node) in &nodes {
            if node.digest() != *digest {
                return Err("a node under another digest");
            }
            if node.children.len() > CHILDREN {
                return Err("too many children");
            }
            if !node.children.iter().all(|child| nodes.contains_key(child)) {
                return Err("a node without its children");
            }
        }
        Ok(Self { nodes })
    }
}

impl<V> Default for State<V> {
    fn default() -> Self {
        let nodes = BTreeMap::new();
        Self { nodes }
    }
}

impl<V: Serialize> State<V> {
    /// The bytes of each node, with its source.
    fn entries(&self) -> impl Iterator<Item = (Actor, u64)> {
        self.nodes.values().map(|node| (node.by, size(node)))
    }
}

/// What a source's writes change for the verdict on its next.
struct Own {
    usage: Usage,
    written: BTreeSet<Digest>,
}

impl<V: Value> MerkleReg<V> {
    /// A replica in a network with this budget; its entries are the nodes of one source.
    #[must_use]
    pub fn with_budget(actor: Actor, budget: Budget) -> Self {
        Self {
            actor,
            budget,
            nodes: Index::default(),
            heads: BTreeSet::new(),
            alive: Alive::default(),
        }
    }

    /// The operation that writes `value` over the heads: over the first [`CHILDREN`] of them, if
    /// there are more.
    #[must_use]
    pub fn write(&self, value: V) -> Node<V> {
        Node {
            by: self.actor,
            children: self.heads.iter().take(CHILDREN).copied().collect(),
            value,
        }
    }

    /// The nodes that no other replaces, in the order of their digests: one, when no two were
    /// written concurrently.
    pub fn heads(&self) -> impl Iterator<Item = (&Digest, &Node<V>)> {
        let heads = self.heads.iter();
        heads.filter_map(|digest| self.nodes.get_key_value(digest))
    }

    /// The node of this digest.
    #[must_use]
    pub fn node(&self, digest: &Digest) -> Option<&Node<V>> {
        self.nodes.get(digest)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What `source` has alive.
    #[must_use]
    pub fn usage(&self, source: &Actor) -> Usage {
        self.alive.of(source)
    }

    fn own(&self, from: &Actor) -> Own {
        Own {
            usage: self.alive.of(from),
            written: BTreeSet::new(),
        }
    }

    fn judge(&self, from: &Actor, own: &mut Own, op: &Node<V>) -> Result<(), Verdict> {
        if op.by != *from {
            return Err(Verdict::Never("a write in another's name"));
        }
        if op.children.len() > CHILDREN {
            return Err(Verdict::Never("too many children"));
        }
        let bytes = size(op);
        own.usage = own.usage.plus(Usage::entry(bytes));
        if !self.budget.allows_op(bytes) || !self.budget.allows(own.usage) {
            return Err(Verdict::Never("beyond its source's budget"));
        }
        let digest = op.digest();
        let is_here =
            |digest: &Digest| self.nodes.contains_key(digest) || own.written.contains(digest);
        if is_here(&digest) {
            return Err(Verdict::Never("the same write again"));
        }
        if !op.children.iter().all(is_here) {
            return Err(Verdict::NotYet("a write that it replaces"));
        }
        own.written.insert(digest);
        Ok(())
    }
}

impl<V: Value> SecureBroadcastAlgorithm for MerkleReg<V> {
    type Op = Node<V>;
    type ReplicatedState = State<V>;

    const NAME: &'static str = "merkle-reg/1";

    fn new(actor: Actor) -> Self {
        Self::with_budget(actor, Budget::default())
    }

    fn state(&self) -> State<V> {
        let nodes = self
            .nodes
            .sorted()
            .into_iter()
            .map(|(digest, node)| (*digest, node.clone()));
        State {
            nodes: nodes.collect(),
        }
    }

    fn sync_from(&mut self, other: State<V>) {
        self.alive = other.entries().collect();
        self.heads = other.nodes.keys().copied().collect();
        for node in other.nodes.values() {
            for child in &node.children {
                self.heads.remove(child);
            }
        }
        self.nodes = other.nodes.into_iter().collect();
    }

    judged_in_order!();

    fn apply(&mut self, op: Node<V>) {
        let digest = op.digest();
        for child in &op.children {
            self.heads.remove(child);
        }
        self.heads.insert(digest);
        self.alive.add(op.by, Usage::entry(size(&op)));
        self.nodes.insert(digest, op);
    }

    /// Whether all sources are within the budget.
    fn admits(&self, state: &Self::ReplicatedState) -> bool {
        self.budget.admits(state.entries())
    }

    /// The budget.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&self.budget)
    }
}
