//! A tree whose nodes are created, moved and thrown away by everybody: folders, an outline, a
//! scene.
//!
//! Each node has one place, a register: of all moves of the node the one of the largest rank wins.
//! Two moves that are harmless alone may close a cycle together. It is broken in what is shown,
//! never by replaying history: of the nodes on a cycle, the one whose move is the last is shown at
//! the top, until another move opens the cycle.
//!
//! ```
//! use bft_crdts::types::tree::{Parent, Tree};
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let mut files = Tree::<&str>::new(alice);
//! let create = files.create(Parent::Top, "music");
//! let music = create.stamp;
//! files.apply(create);
//! let create = files.create(Parent::Top, "song.ogg");
//! let song = create.stamp;
//! files.apply(create);
//! files.apply(files.move_to(song, Parent::Under(music)));
//! assert_eq!(files.children(Parent::Under(music)), [song]);
//! files.apply(files.move_to(music, Parent::Trash));
//! assert!(!files.is_shown(&song), "thrown away with its folder");
//! ```
//!
//! # What a liar cannot do
//!
//! - *Make a cycle* that anybody sees, or hide a subtree in one: see above.
//! - *Pin a node* with a rank from the future: as in the [register](super::lww_register), `NotYet`.
//! - *Move what is not here*: `NotYet`, and what it should have created itself `Never`.
//! - *Write in another's name*, *return to an old rank*, or *put a node under itself*: `Never`.
//! - *Fill the memory*: a source creates at most [`Budget::entries`] nodes, of [`Budget::bytes`] in
//!   all. A node that is thrown away may be fetched back, so it stays, and one more is `Never`
//!   valid: choose the budget for the tree's life. A move replaces the node's place, and leaves
//!   nothing else behind.
//! - *Exhaust the stack* by depth: no function recurses.
//!
//! Verdict and `apply` cost O(1) whatever the number of nodes, and O(log s) for `s` sources.
//! Reading one node's shown place costs O(d log d) at depth `d`.

mod state;

use std::collections::{BTreeMap, BTreeSet};

use super::lww_register::Value;
use super::rank::{Ranks, Stamp};
use crate::actor::Actor;
use crate::budget::{Alive, Budget, Usage, size};
use crate::codec;
use crate::index::Index;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

pub use state::{Act, Node, Op, Parent, State};

/// Nodes that move. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree<V: Value> {
    actor: Actor,
    budget: Budget,
    ranks: Ranks,
    nodes: Index<Stamp, Node<V>>,
    /// Derived: at each place where there are nodes, which.
    below: Index<Parent, Index<Stamp, ()>>,
    /// Derived: what each source has created.
    alive: Alive,
}

/// What a source's operations change for the verdict on its next.
struct Own {
    rank: u64,
    usage: Usage,
    created: BTreeSet<Stamp>,
}

impl<V: Value> Tree<V> {
    /// A replica in a network with this budget; its entries are the nodes that one source creates.
    #[must_use]
    pub fn with_budget(actor: Actor, budget: Budget) -> Self {
        Self {
            actor,
            budget,
            ranks: Ranks::default(),
            nodes: Index::default(),
            below: Index::default(),
            alive: Alive::default(),
        }
    }

    /// The operation that creates a node, whose name is its stamp.
    #[must_use]
    pub fn create(&self, parent: Parent, value: V) -> Op<V> {
        self.op(Act::Create { parent, value })
    }

    /// The operation that moves a node, with all that is under it.
    #[must_use]
    pub fn move_to(&self, node: Stamp, parent: Parent) -> Op<V> {
        self.op(Act::Move { node, parent })
    }

    fn op(&self, act: Act<V>) -> Op<V> {
        let (rank, by) = (self.ranks.next(), self.actor);
        let stamp = Stamp { rank, by };
        Op { stamp, act }
    }

    /// The node of this name, shown or not.
    #[must_use]
    pub fn node(&self, node: &Stamp) -> Option<&Node<V>> {
        self.nodes.get(node)
    }

    /// All nodes, shown or not, in the order of their names, which takes O(n log n).
    pub fn nodes(&self) -> impl Iterator<Item = (&Stamp, &Node<V>)> {
        self.nodes.sorted().into_iter()
    }

    /// Where a node is shown.
    #[must_use]
    pub fn parent(&self, node: &Stamp) -> Option<Parent> {
        let found = self.node(node)?;
        Some(if self.is_overruled(node) {
            Parent::Top
        } else {
            found.parent
        })
    }

    /// Whether a node is there, and neither it nor what it is under was thrown away.
    #[must_use]
    pub fn is_shown(&self, node: &Stamp) -> bool {
        let mut passed = BTreeSet::new();
        let mut up = Some(*node);
        let mut parent = None;
        while let Some(node) = up.filter(|node| passed.insert(*node)) {
            parent = self.node(&node).map(|node| node.parent);
            up = match parent {
                Some(Parent::Under(above)) => Some(above),
                _ => None,
            };
        }
        // A way that does not end leads into a cycle, which is shown at the top.
        parent.is_some_and(|parent| parent != Parent::Trash)
    }

    /// The nodes that are shown at this place, in the order of their names.
    ///
    /// At the top there may be nodes of cycles, which are looked for: O(n log n) there. Elsewhere
    /// O(d log d) for each node that was put there, at depth `d`.
    #[must_use]
    pub fn children(&self, parent: Parent) -> Vec<Stamp> {
        let put_here = self.put_at(parent);
        let overruled = match parent {
            Parent::Top => {
                return put_here
                    .chain(self.overruled())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
            }
            Parent::Trash => return put_here.collect(),
            Parent::Under(_) => |node: &Stamp| self.is_overruled(node),
        };
        put_here.filter(|node| !overruled(node)).collect()
    }

    /// What `source` has alive.
    #[must_use]
    pub fn usage(&self, source: &Actor) -> Usage {
        self.alive.of(source)
    }

    fn put_at(&self, parent: Parent) -> impl Iterator<Item = Stamp> {
        let nodes = self.below.get(&parent).map(Index::sorted);
        nodes.into_iter().flatten().map(|(node, ())| *node)
    }

    /// Whether `node` is on a cycle, and its move is the last of those on it.
    fn is_overruled(&self, node: &Stamp) -> bool {
        let mut passed = BTreeSet::new();
        let mut last = *node;
        let mut at = *node;
        while passed.insert(at) {
            if self.moved_after(&at, &last) {
                last = at;
            }
            match self.node(&at).map(|node| node.parent) {
                Some(Parent::Under(above)) if above == *node => return last == *node,
                Some(Parent::Under(above)) => at = above,
                _ => return false,
            }
        }
        // The way leads into a cycle that the node is not on.
        false
    }

    /// The nodes that are overruled: one of each cycle. Passes each node once.
    fn overruled(&self) -> Vec<Stamp> {
        let mut passed = BTreeMap::new();
        let mut overruled = Vec::new();
        for (way, (start, _)) in self.nodes().enumerate() {
            let mut at = *start;
            let met = loop {
                if let Some(earlier) = passed.insert(at, way) {
                    // Keeps the number of the way that came first.
                    passed.insert(at, earlier);
                    break (earlier == way).then_some(at);
                }
                match self.node(&at).map(|node| node.parent) {
                    Some(Parent::Under(above)) => at = above,
                    _ => break None,
                }
            };
            overruled.extend(met.map(|on_cycle| self.last_moved_on_cycle(on_cycle)));
        }
        overruled
    }

    fn last_moved_on_cycle(&self, start: Stamp) -> Stamp {
        let (mut last, mut at) = (start, start);
        loop {
            if self.moved_after(&at, &last) {
                last = at;
            }
            match self.node(&at).map(|node| node.parent) {
                Some(Parent::Under(above)) if above != start => at = above,
                _ => return last,
            }
        }
    }

    fn moved_after(&self, one: &Stamp, other: &Stamp) -> bool {
        let moved = |node: &Stamp| self.node(node).map(|node| node.moved);
        match (moved(one), moved(other)) {
            (Some(one), Some(other)) => one.beats(&other, &()),
            _ => false,
        }
    }

    fn own(&self, from: &Actor) -> Own {
        Own {
            rank: self.ranks.last(from),
            usage: self.alive.of(from),
            created: BTreeSet::new(),
        }
    }

    fn judge(&self, from: &Actor, own: &mut Own, op: &Op<V>) -> Result<(), Verdict> {
        if op.stamp.by != *from {
            return Err(Verdict::Never("in another's name"));
        }
        match &op.act {
            Act::Create { parent, value } => {
                if *parent == Parent::Trash {
                    return Err(Verdict::Never("a creation in the trash"));
                }
                let bytes = size(value);
                own.usage = own.usage.plus(Usage::entry(bytes));
                if !self.budget.allows_op(bytes) || !self.budget.allows(own.usage) {
                    return Err(Verdict::Never("beyond its source's budget"));
                }
                self.judge_node(from, own, parent)?;
                self.ranks.judge(&mut own.rank, op.stamp.rank)?;
                own.created.insert(op.stamp);
                Ok(())
            }
            Act::Move { node, parent } => {
                if *parent == Parent::Under(*node) {
                    return Err(Verdict::Never("a node under itself"));
                }
                self.judge_node(from, own, &Parent::Under(*node))?;
                self.judge_node(from, own, parent)?;
                self.ranks.judge(&mut own.rank, op.stamp.rank)
            }
        }
    }

    /// Nodes stay, so one that is here stays here.
    fn judge_node(&self, from: &Actor, own: &Own, parent: &Parent) -> Result<(), Verdict> {
        let Parent::Under(node) = parent else {
            return Ok(());
        };
        if self.nodes.contains_key(node) || own.created.contains(node) {
            return Ok(());
        }
        Err(if node.by == *from {
            Verdict::Never("a node that its author has not created")
        } else {
            Verdict::NotYet("a node that it names")
        })
    }

    fn create_node(&mut self, id: Stamp, parent: Parent, value: V) {
        self.alive.add(id.by, Usage::entry(size(&value)));
        self.put_below(parent, id);
        let moved = id;
        let node = Node {
            value,
            parent,
            moved,
        };
        self.nodes.insert(id, node);
    }

    fn move_node(&mut self, id: Stamp, parent: Parent, moved: Stamp) {
        let node = self.nodes.get_mut(&id);
        let node = node.expect("a valid move is of a node that is here");
        if !moved.beats(&node.moved, &id) {
            return;
        }
        let before = std::mem::replace(&mut node.parent, parent);
        node.moved = moved;
        if before != parent {
            self.take_from_below(before, &id);
            self.put_below(parent, id);
        }
    }

    fn put_below(&mut self, parent: Parent, node: Stamp) {
        self.below
            .get_or_insert_with(parent, Default::default)
            .insert(node, ());
    }

    fn take_from_below(&mut self, parent: Parent, node: &Stamp) {
        let nodes = self
            .below
            .get_mut(&parent)
            .expect("each node is below its place");
        nodes.remove(node);
        if nodes.is_empty() {
            self.below.remove(&parent);
        }
    }
}

impl<V: Value> SecureBroadcastAlgorithm for Tree<V> {
    type Op = Op<V>;
    type ReplicatedState = State<V>;

    const NAME: &'static str = "tree/1";

    fn new(actor: Actor) -> Self {
        Self::with_budget(actor, Budget::default())
    }

    fn state(&self) -> State<V> {
        let nodes = self.nodes().map(|(id, node)| (*id, node.clone()));
        State {
            ranks: self.ranks.clone(),
            nodes: nodes.collect(),
        }
    }

    fn sync_from(&mut self, other: State<V>) {
        self.alive = other.entries().collect();
        self.below = Index::default();
        for (id, node) in &other.nodes {
            self.put_below(node.parent, *id);
        }
        self.ranks = other.ranks;
        self.nodes = other.nodes.into_iter().collect();
    }

    judged_in_order!();

    fn apply(&mut self, op: Op<V>) {
        self.ranks.insert(op.stamp.by, op.stamp.rank);
        match op.act {
            Act::Create { parent, value } => self.create_node(op.stamp, parent, value),
            Act::Move { node, parent } => self.move_node(node, parent, op.stamp),
        }
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
