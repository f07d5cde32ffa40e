//! The chunks of a list in document order: a B+ tree that only grows, in one vector, without
//! pointers.
//!
//! Chunks have numbers, 0, 1, 2, .., given by the caller. Each has two values: how many of its
//! elements are visible, and its *gap*, which is the depth of the lowest common ancestor of its
//! last element and the element after it. Inner nodes hold the sum of the one and the least of the
//! other, so that a position is found, and so is the end of a subtree, in O(log n).

/// Entries of one node.
const WIDTH: usize = 32;

const NONE: u32 = u32::MAX;

/// What is known of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    /// Visible elements.
    pub(super) visible: u64,
    /// The depth of the lowest common ancestor of the last element and the one after it: of several
    /// chunks the least.
    pub(super) gap: u64,
}

/// Where to look for a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Backward,
    Forward,
}

#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    /// 0 for a leaf, whose children are chunks.
    height: u8,
    len: u8,
    children: [u32; WIDTH],
    visible: [u64; WIDTH],
    gaps: [u64; WIDTH],
}

/// The chunks, in order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    nodes: Vec<Node>,
    root: u32,
    /// By chunk.
    leaves: Vec<u32>,
}

impl Node {
    fn new(height: u8) -> Self {
        Self {
            parent: NONE,
            height,
            len: 0,
            children: [NONE; WIDTH],
            visible: [0; WIDTH],
            gaps: [0; WIDTH],
        }
    }

    fn len(&self) -> usize {
        usize::from(self.len)
    }

    fn slot(&self, child: u32) -> usize {
        let mut slots = self.children[..self.len()].iter();
        slots
            .position(|other| *other == child)
            .expect("a node's parent has it")
    }

    fn measure(&self) -> Measure {
        Measure {
            visible: self.visible[..self.len()].iter().sum(),
            gap: self.gaps[..self.len()]
                .iter()
                .copied()
                .min()
                .unwrap_or(u64::MAX),
        }
    }

    fn set(&mut self, slot: usize, measure: Measure) {
        self.visible[slot] = measure.visible;
        self.gaps[slot] = measure.gap;
    }

    fn insert(&mut self, slot: usize, child: u32, measure: Measure) {
        let len = self.len();
        self.children.copy_within(slot..len, slot + 1);
        self.visible.copy_within(slot..len, slot + 1);
        self.gaps.copy_within(slot..len, slot + 1);
        self.len += 1;
        self.children[slot] = child;
        self.set(slot, measure);
    }

    /// Takes the upper half away.
    fn halve(&mut self) -> Self {
        let mut upper = Self::new(self.height);
        upper.parent = self.parent;
        for slot in WIDTH / 2..self.len() {
            let (visible, gap) = (self.visible[slot], self.gaps[slot]);
            upper.insert(upper.len(), self.children[slot], Measure { visible, gap });
        }
        self.len -= upper.len;
        upper
    }

    /// The slot nearest to `slot`, on that side of it, with a gap below `depth`.
    fn seek(&self, slot: usize, direction: Direction, depth: u64) -> Option<usize> {
        match direction {
            Direction::Forward => (slot + 1..self.len()).find(|slot| self.gaps[*slot] < depth),
            Direction::Backward => (0..slot).rev().find(|slot| self.gaps[*slot] < depth),
        }
    }
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::new(0)],
            root: 0,
            leaves: Vec::new(),
        }
    }

    /// All visible elements.
    pub(super) fn visible(&self) -> u64 {
        self.node(self.root).measure().visible
    }

    pub(super) fn measure(&self, chunk: u32) -> Measure {
        let leaf = self.node(self.leaf(chunk));
        let slot = leaf.slot(chunk);
        Measure {
            visible: leaf.visible[slot],
            gap: leaf.gaps[slot],
        }
    }

    pub(super) fn set(&mut self, chunk: u32, measure: Measure) {
        let leaf = self.leaf(chunk);
        let node = self.node_mut(leaf);
        node.set(node.slot(chunk), measure);
        self.refresh(leaf);
    }

    /// Makes `count` more elements of a chunk visible.
    pub(super) fn grow(&mut self, chunk: u32, count: u64) {
        let (mut child, mut node) = (chunk, self.leaf(chunk));
        while node != NONE {
            let parent = self.node_mut(node);
            let slot = parent.slot(child);
            parent.visible[slot] += count;
            (child, node) = (node, parent.parent);
        }
    }

    /// Adds the next chunk, after `before` or at the very start. Returns its number.
    pub(super) fn insert(&mut self, before: Option<u32>, measure: Measure) -> u32 {
        let chunk = u32::try_from(self.leaves.len())
            .expect("fewer chunks than elements, which are counted in 32 bits");
        let (leaf, slot) = self.place_after(before);
        self.node_mut(leaf).insert(slot, chunk, measure);
        self.leaves.push(leaf);
        self.refresh(leaf);
        chunk
    }

    /// The leaf and the slot after `before`, with room for one more.
    fn place_after(&mut self, before: Option<u32>) -> (u32, usize) {
        match before {
            Some(before) => {
                self.make_room(self.leaf(before));
                let leaf = self.leaf(before);
                (leaf, self.node(leaf).slot(before) + 1)
            }
            None => {
                let first = self.first_leaf();
                self.make_room(first);
                (first, 0)
            }
        }
    }

    fn first_leaf(&self) -> u32 {
        let mut node = self.root;
        while self.node(node).height > 0 {
            node = self.node(node).children[0];
        }
        node
    }

    /// The first chunk.
    pub(super) fn first(&self) -> Option<u32> {
        let leaf = self.node(self.first_leaf());
        leaf.children[..leaf.len()].first().copied()
    }

    /// The nearest chunk on that side of `chunk`, itself excluded, with a gap below `depth`.
    pub(super) fn seek(&self, chunk: u32, direction: Direction, depth: u64) -> Option<u32> {
        let (mut child, mut number) = (chunk, self.leaf(chunk));
        loop {
            let node = self.nodes.get(number as usize)?;
            if let Some(slot) = node.seek(node.slot(child), direction, depth) {
                return Some(self.descend(number, slot, direction, depth));
            }
            (child, number) = (number, node.parent);
        }
    }

    /// The chunk beside `chunk`.
    pub(super) fn neighbour(&self, chunk: u32, direction: Direction) -> Option<u32> {
        self.seek(chunk, direction, u64::MAX)
    }

    fn descend(&self, number: u32, mut slot: usize, direction: Direction, depth: u64) -> u32 {
        let mut node = self.node(number);
        while node.height > 0 {
            node = self.node(node.children[slot]);
            let found = match direction {
                Direction::Forward => (0..node.len()).find(|slot| node.gaps[*slot] < depth),
                Direction::Backward => node.seek(node.len(), direction, depth),
            };
            slot = found.expect("the least of a node's gaps is one of them");
        }
        node.children[slot]
    }

    /// The chunk that has the visible element at `position`, and how many visible ones of the chunk
    /// are before it.
    pub(super) fn at(&self, position: u64) -> Option<(u32, u64)> {
        let (mut node, mut left) = (self.node(self.root), position);
        loop {
            let slot = (0..node.len()).find(|slot| {
                let inside = left < node.visible[*slot];
                if !inside {
                    left -= node.visible[*slot];
                }
                inside
            })?;
            if node.height == 0 {
                return Some((node.children[slot], left));
            }
            node = self.node(node.children[slot]);
        }
    }

    /// How many visible elements are before `chunk`.
    pub(super) fn position(&self, chunk: u32) -> u64 {
        let (mut child, mut number, mut before) = (chunk, self.leaf(chunk), 0);
        while let Some(node) = self.nodes.get(number as usize) {
            before += node.visible[..node.slot(child)].iter().sum::<u64>();
            (child, number) = (number, node.parent);
        }
        before
    }

    fn leaf(&self, chunk: u32) -> u32 {
        self.leaves[chunk as usize]
    }

    fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize]
    }

    fn node_mut(&mut self, number: u32) -> &mut Node {
        &mut self.nodes[number as usize]
    }

    /// Tells the ancestors of a node what has changed in it.
    fn refresh(&mut self, mut number: u32) {
        loop {
            let (measure, parent) = (self.node(number).measure(), self.node(number).parent);
            let Some(above) = self.nodes.get_mut(parent as usize) else {
                return;
            };
            above.set(above.slot(number), measure);
            number = parent;
        }
    }

    /// Splits a node that is full, after its ancestors. The recursion is as deep as the tree is
    /// high.
    fn make_room(&mut self, number: u32) {
        if self.node(number).len() < WIDTH {
            return;
        }
        match self.node(number).parent {
            NONE => self.add_root(),
            parent => self.make_room(parent),
        }
        let upper = self.node_mut(number).halve();
        let (above, measure) = (self.node(number).parent, upper.measure());
        let new = u32::try_from(self.nodes.len()).expect("fewer nodes than chunks");
        for slot in 0..upper.len() {
            match upper.height {
                0 => self.leaves[upper.children[slot] as usize] = new,
                _ => self.node_mut(upper.children[slot]).parent = new,
            }
        }
        let lower = self.node(number).measure();
        let parent = self.node_mut(above);
        let slot = parent.slot(number);
        parent.set(slot, lower);
        parent.insert(slot + 1, new, measure);
        self.nodes.push(upper);
        self.nodes[new as usize].parent = above;
    }

    fn add_root(&mut self) {
        let old = self.root;
        let mut root = Node::new(self.node(old).height + 1);
        root.insert(0, old, self.node(old).measure());
        self.root = u32::try_from(self.nodes.len()).expect("fewer nodes than chunks");
        self.nodes.push(root);
        self.node_mut(old).parent = self.root;
    }
}
