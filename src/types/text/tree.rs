//! The tree of a list's elements, and where each is in document order.
//!
//! The tree is Fugue's (Weidner, Kleppmann: The Art of the Fugue: Minimizing Interleaving in
//! Collaborative Text Editing, 2023): an element is a left or a right child of another, and the
//! document is the tree read left children, element, right children. Elements only come, so an
//! element's parent, depth and place among the others never change.
//!
//! A *chunk* is a stretch of one source's elements, each the right child of the one before, that
//! lie side by side in the document and are all visible or all deleted. How a run is cut into
//! chunks depends on what came when; nothing outside shows it.
//!
//! Nothing here walks the tree, which a liar makes as deep as it likes: the end of an element's
//! subtree is the first gap after the element whose lowest common ancestor is less deep than it,
//! and [`Order`] finds that in O(log n).

use std::collections::BTreeMap;

use super::lane::Lane;
use super::op::{Id, Side};
use super::order::{Direction, Measure, Order};
use super::siblings::{Key, Rank, Siblings};
use crate::actor::Actor;

#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) lane: u32,
    /// The counter of the first element.
    pub(super) first: u32,
    pub(super) len: u32,
    /// The depth of the first element. A child of the start has depth 1.
    pub(super) depth: u64,
    /// Whether the first element is the right child of its source's element before it.
    pub(super) continues: bool,
    pub(super) deleted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Tree<T> {
    pub(super) lanes: Vec<Lane<T>>,
    numbers: BTreeMap<Actor, u32>,
    chunks: Vec<Chunk>,
    pub(super) order: Order,
    siblings: BTreeMap<(Option<Key>, Side), Siblings>,
}

/// Where a run goes.
struct Spot {
    /// The chunk before it.
    before: Option<u32>,
    /// The depth of the parent.
    depth: u64,
    /// Whether what comes after the run, and not what comes before it, is in the subtree of the
    /// parent.
    leads: bool,
}

impl Chunk {
    pub(super) fn visible(&self) -> u64 {
        if self.deleted { 0 } else { self.len.into() }
    }

    /// The counter after its last element's. No element has the largest number, so that there is
    /// one.
    pub(super) fn end(&self) -> u32 {
        self.first + self.len
    }

    /// The depth of its last element.
    fn deepest(&self) -> u64 {
        self.depth + u64::from(self.len) - 1
    }
}

impl<T> Tree<T> {
    pub(super) fn new() -> Self {
        Self {
            lanes: Vec::new(),
            numbers: BTreeMap::new(),
            chunks: Vec::new(),
            order: Order::new(),
            siblings: BTreeMap::new(),
        }
    }

    pub(super) fn lane(&self, source: &Actor) -> Option<&Lane<T>> {
        let number = self.numbers.get(source)?;
        Some(&self.lanes[*number as usize])
    }

    /// The lane's number, which it gets here unless it has one.
    pub(super) fn number(&mut self, source: Actor) -> u32 {
        let next = u32::try_from(self.lanes.len()).expect("fewer lanes than a network may have");
        let number = *self.numbers.entry(source).or_insert(next);
        if number == next {
            self.lanes.push(Lane::new(source));
        }
        number
    }

    pub(super) fn key(&self, id: Id) -> Key {
        let lane = self.numbers.get(&id.source).copied();
        Key {
            lane: lane.expect("the verdict wants it here"),
            counter: id.counter,
        }
    }

    pub(super) fn id(&self, key: Key) -> Id {
        id(&self.lanes, key)
    }

    pub(super) fn chunk(&self, number: u32) -> &Chunk {
        &self.chunks[number as usize]
    }

    pub(super) fn chunk_mut(&mut self, number: u32) -> &mut Chunk {
        &mut self.chunks[number as usize]
    }

    /// The element's chunk and which of its elements it is; `None` before it is placed.
    pub(super) fn find(&self, key: Key) -> Option<(u32, u32)> {
        let number = self.lanes[key.lane as usize].chunk(key.counter)?;
        let chunk = self.chunk(number);
        let offset = key.counter - chunk.first;
        (offset < chunk.len).then_some((number, offset))
    }

    pub(super) fn place_of(&self, key: Key) -> (u32, u32) {
        self.find(key).expect("parents and siblings are placed")
    }

    /// The chunk after this one, if the last element of this one has right children: it begins with
    /// the first of their subtrees.
    pub(super) fn first_right_child(&self, number: u32) -> Option<u32> {
        let has_child = self.order.measure(number).gap == self.chunk(number).deepest();
        let next = || self.order.neighbour(number, Direction::Forward);
        has_child.then(next).flatten()
    }

    /// Each parent and its children on one side, without those that continue their parent's run.
    pub(super) fn siblings(&self) -> impl Iterator<Item = (Option<Key>, Side, Key)> {
        let all = self.siblings.iter();
        all.flat_map(|((parent, side), keys)| keys.iter().map(|key| (*parent, *side, key)))
    }

    /// Inserts the run of `len` elements that begins with `key`.
    pub(super) fn insert(&mut self, parent: Option<Key>, side: Side, key: Key, len: u32) {
        let continues = is_next(parent, side, key);
        if continues && self.grow(key, len) {
            return;
        }
        let spot = self.spot(parent, side, key);
        self.put(&spot, key, len, continues);
        if !continues {
            self.adopt(parent, side, key);
        }
    }

    /// Appends to the chunk of the element before, if nothing has come between.
    fn grow(&mut self, key: Key, len: u32) -> bool {
        let last = self.lanes[key.lane as usize].last_chunk();
        let number = last.expect("the element before has a chunk");
        let chunk = *self.chunk(number);
        let has_child = self.order.measure(number).gap == chunk.deepest();
        if chunk.end() != key.counter || chunk.deleted || has_child {
            return false;
        }
        self.chunk_mut(number).len += len;
        self.order.grow(number, len.into());
        true
    }

    fn put(&mut self, spot: &Spot, key: Key, len: u32, continues: bool) {
        let before = spot
            .before
            .map(|before| (before, self.order.measure(before)));
        let outside = before.map_or(0, |(_, measure)| measure.gap);
        let gap = if spot.leads { spot.depth } else { outside };
        if let Some((before, measure)) = before.filter(|_| !spot.leads) {
            let gap = spot.depth;
            self.order.set(before, Measure { gap, ..measure });
        }
        let chunk = Chunk {
            lane: key.lane,
            first: key.counter,
            len,
            depth: spot.depth + 1,
            continues,
            deleted: false,
        };
        self.add_chunk(spot.before, chunk, gap);
    }

    fn add_chunk(&mut self, before: Option<u32>, chunk: Chunk, gap: u64) -> u32 {
        let visible = chunk.visible();
        let number = self.order.insert(before, Measure { visible, gap });
        self.lanes[chunk.lane as usize].begin_chunk(chunk.first, number);
        self.chunks.push(chunk);
        number
    }

    fn adopt(&mut self, parent: Option<Key>, side: Side, key: Key) {
        let Self {
            lanes, siblings, ..
        } = self;
        let siblings = siblings.entry((parent, side));
        let rank_of = |key| rank(lanes, parent, side, key);
        siblings
            .and_modify(|others| others.insert(key, rank_of))
            .or_insert(Siblings::One(key));
    }

    /// Where a child of `parent` goes.
    fn spot(&mut self, parent: Option<Key>, side: Side, key: Key) -> Spot {
        let depth = parent.map_or(0, |parent| {
            let (chunk, offset) = self.place_of(parent);
            self.chunk(chunk).depth + u64::from(offset)
        });
        let sibling = self.sibling_before(parent, side, key);
        let before = match (sibling, parent, side) {
            (Some(sibling), _, _) => Some(self.end(sibling)),
            (None, None, _) => None,
            (None, Some(parent), Side::Right) => Some(self.cut_after(parent)),
            (None, Some(parent), Side::Left) => self.before_subtree(parent),
        };
        let leads = sibling.is_none() && side == Side::Left;
        Spot {
            before,
            depth,
            leads,
        }
    }

    /// The last of the siblings that come before `key`.
    fn sibling_before(&self, parent: Option<Key>, side: Side, key: Key) -> Option<Key> {
        let known = self.siblings.get(&(parent, side));
        let next = self.continuation(parent, side, key);
        if known.is_none() && next.is_none() {
            return None;
        }
        let rank_of = |key| rank(&self.lanes, parent, side, key);
        let own = rank_of(key);
        let known = known.and_then(|known| known.before(&own, rank_of));
        let next = next.filter(|next| rank_of(*next) < own);
        known
            .into_iter()
            .chain(next)
            .max_by_key(|key| rank_of(*key))
    }

    /// The child that continues the run of `parent`, if there is one, and it is not `key`.
    fn continuation(&self, parent: Option<Key>, side: Side, key: Key) -> Option<Key> {
        let parent = parent.filter(|_| side == Side::Right)?;
        let counter = parent.counter.checked_add(1)?;
        let next = Key { counter, ..parent };
        let (chunk, offset) = self.find(next).filter(|_| next != key)?;
        (offset > 0 || self.chunk(chunk).continues).then_some(next)
    }

    /// The last chunk of the subtree of an element that has siblings after it.
    fn end(&self, key: Key) -> u32 {
        let (chunk, offset) = self.place_of(key);
        let depth = self.chunk(chunk).depth + u64::from(offset);
        if self.order.measure(chunk).gap < depth {
            return chunk;
        }
        let end = self.order.seek(chunk, Direction::Forward, depth);
        end.expect("the gap at the end of the document is 0")
    }

    /// The last chunk before the subtree of `parent`, or before the part of it that its left
    /// children do not have.
    fn before_subtree(&mut self, parent: Key) -> Option<u32> {
        let Some(siblings) = self.siblings.get(&(Some(parent), Side::Left)) else {
            return self.cut_before(parent);
        };
        let (chunk, _) = self.place_of(siblings.first());
        let depth = self.chunk(chunk).depth;
        self.order.seek(chunk, Direction::Backward, depth)
    }

    /// The chunk that ends with this element.
    fn cut_after(&mut self, key: Key) -> u32 {
        let (chunk, offset) = self.place_of(key);
        if offset + 1 < self.chunk(chunk).len {
            self.split(chunk, offset + 1);
        }
        chunk
    }

    /// The chunk that ends before this element.
    fn cut_before(&mut self, key: Key) -> Option<u32> {
        let (chunk, offset) = self.place_of(key);
        if offset == 0 {
            return self.order.neighbour(chunk, Direction::Backward);
        }
        self.split(chunk, offset);
        Some(chunk)
    }

    /// Leaves so many elements in the chunk, and makes a new one of the others.
    pub(super) fn split(&mut self, number: u32, len: u32) -> u32 {
        let old = *self.chunk(number);
        let gap = self.order.measure(number).gap;
        let new = Chunk {
            first: old.first + len,
            len: old.len - len,
            depth: old.depth + u64::from(len),
            continues: true,
            ..old
        };
        self.resize(number, Chunk { len, ..old });
        self.add_chunk(Some(number), new, gap)
    }

    /// Replaces a chunk that another one now continues.
    pub(super) fn resize(&mut self, number: u32, chunk: Chunk) {
        *self.chunk_mut(number) = chunk;
        let (visible, gap) = (chunk.visible(), chunk.deepest());
        self.order.set(number, Measure { visible, gap });
    }
}

fn id<T>(lanes: &[Lane<T>], key: Key) -> Id {
    Id {
        source: lanes[key.lane as usize].source,
        counter: key.counter,
    }
}

fn rank<T>(lanes: &[Lane<T>], parent: Option<Key>, side: Side, key: Key) -> Rank {
    Rank::new(parent.map(|parent| id(lanes, parent)), side, id(lanes, key))
}

/// Whether an element is the right child of the one that its source inserted before it.
pub(super) fn is_next(parent: Option<Key>, side: Side, key: Key) -> bool {
    let before = key.counter.checked_sub(1);
    side == Side::Right
        && parent.is_some_and(|parent| parent.lane == key.lane && Some(parent.counter) == before)
}
