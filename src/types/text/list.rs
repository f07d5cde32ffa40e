//! The list as an algorithm: a strict judge, and the tree.

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::ops::Range;

use serde::Serialize;

use super::op::{Id, Op, SPANS_PER_OP, Side, Span};
use super::siblings::Key;
use super::state::State;
use super::tree::Tree;
use crate::actor::Actor;
use crate::budget::{Budget, Usage, size};
use crate::codec;
use crate::summary::bare;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// Elements that one source can insert, whatever the budget: without `u32::MAX` there is always a
/// next number.
pub(super) const MOST_ELEMENTS: u64 = u32::MAX as u64 - 1;

/// What a list can hold. Implemented for all such types. Equal elements must have equal bytes, and
/// at least one.
pub trait Element: Debug + Clone + Hash + Eq + Serialize {}

impl<T: Debug + Clone + Hash + Eq + Serialize> Element for T {}

/// A replicated list. See the [module](super).
///
/// Two lists are equal when they belong to one actor, have one budget and are in the same state; to
/// compare replicas of different actors, compare their states.
#[derive(Clone)]
pub struct List<T: Element> {
    actor: Actor,
    budget: Budget,
    pub(super) tree: Tree<T>,
}

impl<T: Element> List<T> {
    /// A replica in a network whose sources may each insert what `budget` allows: so many elements
    /// and bytes of them in all, whether they are deleted or not, since a deleted element still
    /// takes a place in the tree.
    #[must_use]
    pub fn with_budget(actor: Actor, budget: Budget) -> Self {
        let tree = Tree::new();
        Self {
            actor,
            budget,
            tree,
        }
    }

    /// The operation that inserts `elements` so that the first is at position `at`; `None` when
    /// that is beyond the end.
    ///
    /// Of no elements, or beyond the budget, it is never valid.
    #[must_use]
    pub fn insert_all(&self, at: usize, elements: impl IntoIterator<Item = T>) -> Option<Op<T>> {
        let (parent, side) = self.gap(at)?;
        let (source, inserted) = (self.actor, self.own(&self.actor).entries);
        let counter = u32::try_from(inserted + 1).unwrap_or(u32::MAX);
        let elements = elements.into_iter().collect();
        Some(Op::Insert {
            id: Id { source, counter },
            parent,
            side,
            elements,
        })
    }

    /// Where an element between position `at` and the one before it hangs: on the one before,
    /// unless that has right children, and otherwise on the first of those, which has no left
    /// children (Fugue, algorithm 1).
    fn gap(&self, at: usize) -> Option<(Option<Id>, Side)> {
        let Some(before) = at.checked_sub(1) else {
            let first = self.tree.order.first();
            let side = first.map_or(Side::Right, |_| Side::Left);
            return Some((first.map(|number| self.id_in(number, 0)), side));
        };
        let (number, offset) = self.find(before)?;
        if offset + 1 < self.tree.chunk(number).len {
            return Some((Some(self.id_in(number, offset + 1)), Side::Left));
        }
        Some(match self.tree.first_right_child(number) {
            Some(next) => (Some(self.id_in(next, 0)), Side::Left),
            None => (Some(self.id_in(number, offset)), Side::Right),
        })
    }

    /// The operation that deletes the elements in `range`; `None` when there are none or the range
    /// goes beyond the end.
    ///
    /// Where many authors have typed into each other's words, a range may be more than
    /// [`SPANS_PER_OP`] spans: of those it is never valid, and parts of the range have to be
    /// deleted one after the other.
    #[must_use]
    pub fn delete(&self, range: Range<usize>) -> Option<Op<T>> {
        if range.is_empty() || range.end > self.len() {
            return None;
        }
        let mut found: Vec<_> = self.parts(range).map(|part| self.span(part)).collect();
        found.sort_unstable();
        let mut spans = Vec::<Span>::with_capacity(found.len());
        for span in found {
            match spans.last_mut().filter(|last| self.joins(last, &span)) {
                Some(last) => last.last = span.last,
                None => spans.push(span),
            }
        }
        Some(Op::Delete { spans })
    }

    /// Whether nothing is between two spans, or only what is deleted.
    fn joins(&self, one: &Span, next: &Span) -> bool {
        let between = || self.tree.lane(&one.source).expect("it has elements");
        one.source == next.source
            && (one.last + 1 == next.first
                || between().deleted.covers(one.last + 1, next.first - 1))
    }

    /// How many elements there are, in O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.tree.order.visible()).expect("what is in memory fits it")
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `position`, in O(log n).
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&T> {
        let (number, offset) = self.find(position)?;
        let chunk = self.tree.chunk(number);
        self.tree.lanes[chunk.lane as usize].get(chunk.first + offset)
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.range(0..self.len())
    }

    /// The elements at the positions in `range`, as far as there are any. The first takes O(log n).
    pub fn range(&self, range: Range<usize>) -> impl Iterator<Item = &T> {
        self.parts(range).flat_map(|(number, offset, len)| {
            let chunk = self.tree.chunk(number);
            let lane = &self.tree.lanes[chunk.lane as usize];
            lane.visible(chunk.first + offset, len)
        })
    }

    /// The name of the element at `position`. Unlike a position it does not change when others
    /// insert and delete.
    #[must_use]
    pub fn id(&self, position: usize) -> Option<Id> {
        let (number, offset) = self.find(position)?;
        Some(self.id_in(number, offset))
    }

    /// The position of the element; of one that is deleted the position where it would be. `None`
    /// when it is not here.
    #[must_use]
    pub fn position(&self, id: &Id) -> Option<usize> {
        self.tree.lane(&id.source)?;
        let (number, offset) = self.tree.find(self.tree.key(*id))?;
        let inside = if self.tree.chunk(number).deleted {
            0
        } else {
            offset.into()
        };
        usize::try_from(self.tree.order.position(number) + inside).ok()
    }

    fn find(&self, position: usize) -> Option<(u32, u32)> {
        let (number, offset) = self.tree.order.at(position as u64)?;
        let offset = u32::try_from(offset).expect("a chunk is part of a lane");
        Some((number, offset))
    }

    fn id_in(&self, number: u32, offset: u32) -> Id {
        let chunk = self.tree.chunk(number);
        let (lane, counter) = (chunk.lane, chunk.first + offset);
        self.tree.id(Key { lane, counter })
    }

    /// The visible parts of chunks that make up the range: chunk, offset, length.
    fn parts(&self, range: Range<usize>) -> impl Iterator<Item = (u32, u32, u32)> {
        let mut position = range.start;
        std::iter::from_fn(move || {
            let left = range.end.checked_sub(position).filter(|left| *left > 0)?;
            let (number, offset) = self.find(position)?;
            let rest = self.tree.chunk(number).len - offset;
            let len = rest.min(u32::try_from(left).unwrap_or(u32::MAX));
            position += len as usize;
            Some((number, offset, len))
        })
    }

    fn span(&self, (number, offset, len): (u32, u32, u32)) -> Span {
        let chunk = self.tree.chunk(number);
        let (lane, first) = (chunk.lane, chunk.first + offset);
        Span {
            source: self.tree.lanes[lane as usize].source,
            first,
            last: first + (len - 1),
        }
    }
}

/// Judging. Elements are never taken out of the tree, so what is named stays named; and how many
/// elements a source has inserted is all that its own operations change for its later ones.
impl<T: Element> List<T> {
    fn own(&self, from: &Actor) -> Usage {
        let lane = self.tree.lane(from);
        lane.map_or_else(Usage::default, |lane| lane.usage)
    }

    fn judge(&self, from: &Actor, own: &mut Usage, op: &Op<T>) -> Result<(), Verdict> {
        match op {
            Op::Insert {
                id,
                parent,
                side,
                elements,
            } => {
                let after = self.judge_elements(from, *own, *id, elements)?;
                self.judge_parent(from, own.entries, *parent, *side)?;
                *own = after;
                Ok(())
            }
            Op::Delete { spans } => self.judge_spans(from, own.entries, spans),
        }
    }

    /// What its author has inserted after it.
    fn judge_elements(
        &self,
        from: &Actor,
        own: Usage,
        id: Id,
        elements: &[T],
    ) -> Result<Usage, Verdict> {
        if id.source != *from {
            return Err(Verdict::Never("an insertion in another's name"));
        }
        if u64::from(id.counter) != own.entries + 1 {
            return Err(Verdict::Never("not its author's next element"));
        }
        if elements.is_empty() {
            return Err(Verdict::Never("an insertion of nothing"));
        }
        let added = content(elements);
        let after = own.plus(added);
        if !self.budget.allows_op(added.bytes)
            || !self.budget.allows(after)
            || after.entries > MOST_ELEMENTS
        {
            return Err(Verdict::Never("elements beyond the budget"));
        }
        Ok(after)
    }

    fn judge_parent(
        &self,
        from: &Actor,
        own: u64,
        parent: Option<Id>,
        side: Side,
    ) -> Result<(), Verdict> {
        let Some(parent) = parent else {
            return match side {
                Side::Right => Ok(()),
                Side::Left => Err(Verdict::Never("before the start of the list")),
            };
        };
        self.judge_known(from, own, parent.source, parent.counter)
    }

    /// First all that is final, then what others can still bring.
    fn judge_spans(&self, from: &Actor, own: u64, spans: &[Span]) -> Result<(), Verdict> {
        if spans.is_empty() || spans.len() > SPANS_PER_OP {
            return Err(Verdict::Never(
                "a deletion of nothing, or of too many spans",
            ));
        }
        let before = std::iter::once(None).chain(spans.iter().map(Some));
        if !spans
            .iter()
            .zip(before)
            .all(|(span, before)| span.follows(before))
        {
            return Err(Verdict::Never("spans that are not in order"));
        }
        let mut verdict = Ok(());
        for span in spans {
            match self.judge_known(from, own, span.source, span.last) {
                Err(Verdict::Never(why)) => return Err(Verdict::Never(why)),
                judged => verdict = verdict.and(judged),
            }
        }
        verdict
    }

    /// Whether the element is here. An operation of `from`, which has inserted `own` elements,
    /// names it.
    fn judge_known(
        &self,
        from: &Actor,
        own: u64,
        source: Actor,
        counter: u32,
    ) -> Result<(), Verdict> {
        let counter = u64::from(counter);
        if counter == 0 || counter > self.budget.entries.min(MOST_ELEMENTS) {
            return Err(Verdict::Never("no element has this number"));
        }
        let here = if source == *from {
            own
        } else {
            self.own(&source).entries
        };
        if counter <= here {
            return Ok(());
        }
        Err(match source == *from {
            true => Verdict::Never("an element that its author has yet to insert"),
            false => Verdict::NotYet("an element that is not here yet"),
        })
    }
}

/// What a source keeps with these elements: their own bytes, not those of their count.
pub(super) fn content<T: Serialize>(elements: &[T]) -> Usage {
    Usage {
        entries: elements.len() as u64,
        bytes: elements.iter().map(size).sum(),
    }
}

impl<T: Element> SecureBroadcastAlgorithm for List<T> {
    type Op = Op<T>;
    type ReplicatedState = State<T>;

    const NAME: &'static str = "list/1";

    fn new(actor: Actor) -> Self {
        Self::with_budget(actor, Budget::default())
    }

    fn state(&self) -> State<T> {
        State::of(&self.tree)
    }

    fn sync_from(&mut self, other: State<T>) {
        self.tree = other.into_tree();
    }

    judged_in_order!();

    fn apply(&mut self, op: Op<T>) {
        match op {
            Op::Insert {
                id,
                parent,
                side,
                elements,
            } => self.apply_insert(id, parent, side, elements),
            Op::Delete { spans } => spans.iter().for_each(|span| self.tree.delete(span)),
        }
    }

    fn summary(op: &Op<T>) -> String {
        op.label(bare)
    }

    /// Whether all sources are within the budget.
    fn admits(&self, state: &State<T>) -> bool {
        state.usages().all(|usage| self.budget.allows(usage))
    }

    fn configuration(&self) -> Vec<u8> {
        codec::encode(&self.budget)
    }
}

impl<T: Element> List<T> {
    fn apply_insert(&mut self, id: Id, parent: Option<Id>, side: Side, elements: Vec<T>) {
        let number = self.tree.number(id.source);
        let added = content(&elements);
        let len = u32::try_from(elements.len()).expect("the verdict counts in 32 bits");
        let lane = &mut self.tree.lanes[number as usize];
        assert_eq!(
            u64::from(id.counter),
            lane.usage.entries + 1,
            "the verdict wants the next"
        );
        lane.usage = lane.usage.plus(added);
        lane.extend(elements);
        let parent = parent.map(|parent| self.tree.key(parent));
        let (lane, counter) = (number, id.counter);
        self.tree.insert(parent, side, Key { lane, counter }, len);
    }
}

impl<T: Element> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.actor, self.budget) == (other.actor, other.budget) && self.state() == other.state()
    }
}

impl<T: Element> Eq for List<T> {}

impl<T: Element> Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("actor", &self.actor)
            .field("elements", &self.iter().collect::<Vec<_>>())
            .finish()
    }
}
