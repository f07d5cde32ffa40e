//! The set: a strict judge, and an index from each member to the additions that hold it in the set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::hash::Hash;

use serde::Serialize;

use super::additions::{Addition, Additions};
use super::op::is_counter;
use super::sources::Sources;
use super::state::Dots;
use super::{Clock, Dot, MEMBERS_PER_OP, Members, Op, State};
use crate::actor::Actor;
use crate::budget::{Budget, Usage, size};
use crate::codec;
use crate::index::Index;
use crate::summary::bare;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// What a set can hold. Implemented for all such types.
///
/// Equal members must have equal bytes: of two that are equal a replica keeps the one that came
/// first, and replicas differ in which that is. To be replicated over a network, a member must also
/// decode.
pub trait Member: Debug + Clone + Hash + Eq + Ord + Serialize {}

impl<M: Debug + Clone + Hash + Eq + Ord + Serialize> Member for M {}

/// A replicated set in which add wins. See the [module](super).
///
/// With `n` members and `a` actors that ever added, asking for one member costs O(1), applying
/// costs O(a) for each member of the operation, and `clone`, `==`, [`iter`](Self::iter),
/// [`state`](SecureBroadcastAlgorithm::state) and
/// [`sync_from`](SecureBroadcastAlgorithm::sync_from) walk the whole set. A member takes some 95
/// bytes beside its own when there are 1,000,000; fewer, the fuller the table is, which doubles
/// when it is full.
///
/// Two sets are equal when they belong to one actor and hold the same; to compare replicas of
/// different actors, compare their states.
///
/// ```
/// use bft_crdts::orswot::Orswot;
/// use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
///
/// let alice = SigningActor::from_secret(&[1; 32]).actor();
/// let mut fruit = Orswot::<String>::new(alice);
/// let op = fruit.add("apple".to_string());
/// assert!(fruit.validate(&alice, &op));
/// fruit.apply(op);
/// assert!(fruit.contains(&"apple".to_string()));
/// ```
#[derive(Clone)]
pub struct Orswot<M: Member> {
    actor: Actor,
    budget: Budget,
    /// How many additions of each actor were applied, and what they leave alive.
    sources: Sources,
    members: Index<M, Additions>,
}

/// What an actor's operations change for the verdict on its next: the number of its next addition,
/// what it has alive, and of which members it has an addition since: its number, or 0 for none.
struct Own<'a, M> {
    /// Its number, once it has added.
    source: Option<u32>,
    next: u64,
    usage: Usage,
    /// `None` where each addition counts as one of a new member, and no removal as one: then
    /// `usage` is what it has alive at most, and nothing has to be looked up.
    touched: Option<BTreeMap<&'a M, u64>>,
}

impl<M: Member> Orswot<M> {
    /// The budget of a set that is made without one: 128 KiB an operation, so that a message's
    /// bound comes first; 1,048,576 members and 64 MiB an actor.
    pub const BUDGET: Budget = Budget {
        op_bytes: 128 << 10,
        entries: 1 << 20,
        bytes: 64 << 20,
    };

    /// A replica in a network with this budget; its entries are the members that one actor has an
    /// addition of.
    #[must_use]
    pub fn with_budget(actor: Actor, budget: Budget) -> Self {
        Self {
            actor,
            budget,
            sources: Sources::default(),
            members: Index::default(),
        }
    }

    /// Adds `member`, also if it is there: the addition then survives the removals that do not know
    /// it.
    #[must_use]
    pub fn add(&self, member: M) -> Op<M> {
        self.add_all([member])
    }

    /// Adds `members` in one operation. Of none, or of more than [`MEMBERS_PER_OP`], it is never
    /// valid.
    #[must_use]
    pub fn add_all(&self, members: impl IntoIterator<Item = M>) -> Op<M> {
        let dot = Dot {
            actor: self.actor,
            counter: self.next(&self.actor),
        };
        let members = members.into_iter().collect();
        Op::Add { dot, members }
    }

    /// Adds each of `members` in an operation of its own. They are valid in this order alone:
    /// propose them with
    /// [one call](crate::deterministic_secure_broadcast::Replica::propose_all).
    #[must_use]
    pub fn add_each(&self, members: impl IntoIterator<Item = M>) -> Vec<Op<M>> {
        let (actor, next) = (self.actor, self.next(&self.actor));
        let members = members.into_iter().zip(0..);
        let add = |(member, later)| {
            let counter = next.saturating_add(later);
            let dot = Dot { actor, counter };
            let members = [member].into();
            Op::Add { dot, members }
        };
        members.map(add).collect()
    }

    /// Removes `member`, so far as its additions are known here; `None` when it is not there. Where
    /// many actors have added a large one, the operation names more than a message holds:
    /// [`Op::within`] makes several of it.
    #[must_use]
    pub fn remove(&self, member: &M) -> Option<Op<M>> {
        let clock = self.clock(self.members.get(member)?);
        let members = [member.clone()].into();
        Some(Op::Rm { clock, members })
    }

    /// Whether `member` is in the set, in O(1).
    #[must_use]
    pub fn contains(&self, member: &M) -> bool {
        self.members.contains_key(member)
    }

    /// How many members there are, in O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none, in O(1).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members, in order, which takes O(n log n).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &M> + ExactSizeIterator {
        let members = self.members.sorted().into_iter();
        members.map(|(member, _)| member)
    }

    /// The number of `actor`'s next addition. What it would be after the last is no addition's.
    fn next(&self, actor: &Actor) -> u64 {
        let source = self.sources.get(actor);
        source.map_or(1, |source| source.added.saturating_add(1))
    }

    /// Whose additions these are, by name.
    fn clock(&self, additions: &Additions) -> Clock {
        self.dots(additions).collect()
    }

    fn dots(&self, additions: &Additions) -> impl Iterator<Item = (Actor, u64)> {
        let additions = additions.as_slice().iter();
        additions.map(|addition| (self.sources.at(addition.source).actor, addition.counter))
    }

    /// What `actor` has alive: the members that it has an addition of.
    #[must_use]
    pub fn usage(&self, actor: &Actor) -> Usage {
        let source = self.sources.get(actor);
        source.map(|source| source.alive).unwrap_or_default()
    }

    fn walk<'a>(
        &self,
        from: &Actor,
        ops: &'a [Op<M>],
        touched: Option<BTreeMap<&'a M, u64>>,
    ) -> Result<(), Verdict> {
        let mut own = Own {
            source: self.sources.number(from),
            next: self.next(from),
            usage: self.usage(from),
            touched,
        };
        ops.iter().try_for_each(|op| self.judge(from, &mut own, op))
    }

    fn judge<'a>(&self, from: &Actor, own: &mut Own<'a, M>, op: &'a Op<M>) -> Result<(), Verdict> {
        match op.members().len() {
            0 => return Err(Verdict::Never("no member")),
            len if len > MEMBERS_PER_OP => return Err(Verdict::Never("too many members")),
            _ => {}
        }
        match op {
            Op::Add { dot, members } => {
                judge_add(from, own.next, dot)?;
                self.judge_room(own, dot, members)
            }
            Op::Rm { clock, members } => {
                self.judge_rm(from, own.next, clock)?;
                self.free_room(from, own, clock, members);
                Ok(())
            }
        }
    }

    /// Others can take away an actor's members, and so make room, but never room away: so what is
    /// valid stays so.
    fn judge_room<'a>(
        &self,
        own: &mut Own<'a, M>,
        dot: &Dot,
        members: &'a Members<M>,
    ) -> Result<(), Verdict> {
        let mut op_bytes = 0u64;
        for member in members {
            let bytes = size(member);
            op_bytes = op_bytes.saturating_add(bytes);
            let is_new = match &mut own.touched {
                None => true,
                Some(touched) => {
                    let number = self.own_addition(own.source, touched, member);
                    touched.insert(member, dot.counter);
                    number == 0
                }
            };
            if is_new {
                own.usage = own.usage.plus(Usage::entry(bytes));
            }
        }
        own.next += 1;
        if !self.budget.allows_op(op_bytes) {
            return Err(Verdict::Never("members beyond the budget of one operation"));
        }
        if !self.budget.allows(own.usage) {
            return Err(Verdict::NotYet("room in its author's budget"));
        }
        Ok(())
    }

    fn free_room<'a>(
        &self,
        from: &Actor,
        own: &mut Own<'a, M>,
        clock: &Clock,
        members: &'a Members<M>,
    ) {
        let Some(touched) = &mut own.touched else {
            return;
        };
        for member in members {
            let number = self.own_addition(own.source, touched, member);
            if number > 0 && is_named(clock, from, number) {
                own.usage = own.usage.minus(Usage::entry(size(member)));
                touched.insert(member, 0);
            }
        }
    }

    /// The number of the source's addition of `member`, or 0 for none.
    fn own_addition(&self, source: Option<u32>, touched: &BTreeMap<&M, u64>, member: &M) -> u64 {
        let here = || {
            let additions = source.zip(self.members.get(member));
            additions.map_or(0, |(source, additions)| additions.counter(source))
        };
        touched.get(member).copied().unwrap_or_else(here)
    }

    /// Counters only grow, so a removal stays valid; and the dots that it names are here, so that
    /// it takes away the same whether it comes before or after what others do.
    fn judge_rm(&self, from: &Actor, next: u64, clock: &Clock) -> Result<(), Verdict> {
        if clock.is_empty() {
            return Err(Verdict::Never("a removal of no addition"));
        }
        if !clock.values().all(|&counter| is_counter(counter)) {
            return Err(Verdict::Never("no addition has this number"));
        }
        if clock.get(from).is_some_and(|&counter| counter >= next) {
            return Err(Verdict::Never(
                "a removal of an addition that its author has yet to make",
            ));
        }
        let known = |(actor, &counter)| actor == from || counter < self.next(actor);
        if clock.iter().all(known) {
            Ok(())
        } else {
            Err(Verdict::NotYet(
                "a removal of an addition that is not here yet",
            ))
        }
    }

    fn apply_add(&mut self, dot: Dot, members: impl IntoIterator<Item = M>) {
        if dot.counter < self.next(&dot.actor) {
            return;
        }
        let number = self.sources.join(dot.actor);
        let source = self.sources.at_mut(number);
        source.added = dot.counter;
        let addition = Addition {
            counter: dot.counter,
            source: number,
        };
        for member in members {
            let usage = Usage::entry(size(&member));
            let mut is_new = false;
            let additions = self.members.get_or_insert_with(member, || {
                is_new = true;
                Additions::one(addition)
            });
            if is_new || additions.add(addition) {
                source.alive = source.alive.plus(usage);
            }
        }
    }

    fn apply_rm<'a>(&mut self, clock: &Clock, members: impl IntoIterator<Item = &'a M>)
    where
        M: 'a,
    {
        for member in members {
            let Some(additions) = self.members.get_mut(member) else {
                continue;
            };
            let sources = &mut self.sources;
            let is_left = additions.retain(|addition| {
                let source = sources.at_mut(addition.source);
                let stays = !is_named(clock, &source.actor, addition.counter);
                if !stays {
                    source.alive = source.alive.minus(Usage::entry(size(member)));
                }
                stays
            });
            if !is_left {
                self.members.remove(member);
            }
        }
    }
}

/// Whether `clock` names this addition.
fn is_named(clock: &Clock, actor: &Actor, counter: u64) -> bool {
    clock.get(actor).is_some_and(|last| counter <= *last)
}

/// Dots are made in order and without gaps, each by its own actor: so only an actor's own
/// operations change what its next addition must be called.
fn judge_add(from: &Actor, next: u64, dot: &Dot) -> Result<(), Verdict> {
    if dot.actor != *from {
        return Err(Verdict::Never("an addition in another actor's name"));
    }
    if !is_counter(dot.counter) {
        return Err(Verdict::Never("no addition has this number"));
    }
    if dot.counter != next {
        return Err(Verdict::Never("not its author's next addition"));
    }
    Ok(())
}

impl<M: Member> SecureBroadcastAlgorithm for Orswot<M> {
    type Op = Op<M>;
    type ReplicatedState = State<M>;

    const NAME: &'static str = "orswot/1";

    fn new(actor: Actor) -> Self {
        Self::with_budget(actor, Self::BUDGET)
    }

    fn state(&self) -> State<M> {
        let members = self.members.sorted().into_iter();
        let held = |(member, additions): (&M, &Additions)| {
            (member.clone(), Dots::of(self.dots(additions)))
        };
        State::new(self.sources.clock(), members.map(held))
    }

    fn sync_from(&mut self, other: State<M>) {
        let (clock, members) = other.into_parts();
        let mut sources = Sources::from(clock);
        let hold = |(member, dots): (M, Dots)| {
            let usage = Usage::entry(size(&member));
            let additions = dots.as_slice().iter().map(|&(actor, counter)| {
                let number = sources.join(actor);
                let source = sources.at_mut(number);
                source.alive = source.alive.plus(usage);
                Addition {
                    counter,
                    source: number,
                }
            });
            (member, Additions::of(additions))
        };
        self.members = members.into_iter().map(hold).collect();
        self.sources = sources;
    }

    fn validate(&self, from: &Actor, op: &Op<M>) -> bool {
        self.verdict(from, op).is_valid()
    }

    fn verdict(&self, from: &Actor, op: &Op<M>) -> Verdict {
        self.verdict_batch(from, std::slice::from_ref(op))
    }

    /// Walks without a copy, and mostly without looking at the members: if there is room even for
    /// as many new ones as there are additions, there is room for what is really new.
    fn verdict_batch(&self, from: &Actor, ops: &[Op<M>]) -> Verdict {
        let exactly = |_| self.walk(from, ops, Some(BTreeMap::new()));
        let walked = self.walk(from, ops, None).or_else(exactly);
        walked.err().unwrap_or(Verdict::Valid)
    }

    fn apply(&mut self, op: Op<M>) {
        match op {
            Op::Add { dot, members } => self.apply_add(dot, members),
            Op::Rm { clock, members } => self.apply_rm(&clock, &members),
        }
    }

    /// Whether all sources are within the budget.
    fn admits(&self, state: &Self::ReplicatedState) -> bool {
        self.budget.admits(state.entries())
    }

    fn summary(op: &Op<M>) -> String {
        op.label(bare)
    }

    /// Of each member one: its canonical bytes, and an empty value.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let members = self.members.iter();
        members.map(|(member, _)| (codec::encode(member), Vec::new()))
    }

    /// The budget; of the default one no bytes.
    fn configuration(&self) -> Vec<u8> {
        if self.budget == Self::BUDGET {
            return Vec::new();
        }
        codec::encode(&self.budget)
    }
}

/// By names: two replicas number the same sources differently.
impl<M: Member> PartialEq for Orswot<M> {
    fn eq(&self, other: &Self) -> bool {
        let same = |here: &Additions, there: &Additions| self.clock(here) == other.clock(there);
        (self.actor, self.budget) == (other.actor, other.budget)
            && self.sources.clock() == other.sources.clock()
            && self.members.equals(&other.members, same)
    }
}

impl<M: Member> Eq for Orswot<M> {}

impl<M: Member> Debug for Orswot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orswot")
            .field("actor", &self.actor)
            .field("clock", &self.sources.clock())
            .field("members", &self.iter().collect::<BTreeSet<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: [u64; 2] = [0, u64::MAX];

    fn actor(byte: u8) -> Actor {
        Actor::from_bytes([byte; 32])
    }

    fn alice() -> Actor {
        actor(1)
    }

    fn bob() -> Actor {
        actor(2)
    }

    /// Alice's set, with one addition of hers and one of Bob's.
    fn fruit() -> Orswot<&'static str> {
        let mut set = Orswot::new(alice());
        set.apply(add(alice(), 1, ["apple"]));
        set.apply(add(bob(), 1, ["banana"]));
        set
    }

    fn add<const N: usize>(
        actor: Actor,
        counter: u64,
        members: [&'static str; N],
    ) -> Op<&'static str> {
        let dot = Dot { actor, counter };
        let members = members.into();
        Op::Add { dot, members }
    }

    fn rm<const N: usize>(clock: [(Actor, u64); N], member: &'static str) -> Op<&'static str> {
        let (clock, members) = (clock.into(), [member].into());
        Op::Rm { clock, members }
    }

    fn is_never(set: &Orswot<&'static str>, from: Actor, op: &Op<&'static str>) -> bool {
        matches!(set.verdict(&from, op), Verdict::Never(_))
    }

    #[test]
    fn sets_to_which_sources_came_in_another_order_are_equal() {
        let (apple, fig) = (add(alice(), 1, ["apple"]), add(bob(), 1, ["fig"]));
        let both = add(bob(), 2, ["apple"]);
        let of = |ops: [&Op<&'static str>; 3]| {
            let mut set = Orswot::new(alice());
            ops.into_iter().for_each(|op| set.apply(op.clone()));
            set
        };
        let (one, other) = (of([&apple, &fig, &both]), of([&fig, &both, &apple]));
        assert_ne!(one.sources.number(&alice()), other.sources.number(&alice()));
        assert_eq!(one, other);
        assert_eq!(one.state(), other.state());
        assert_eq!(one.remove(&"apple"), other.remove(&"apple"));
        let mut synced = Orswot::new(alice());
        synced.sync_from(other.state());
        assert_eq!(synced, other);
        let again = add(bob(), 2, ["fig"]);
        let (with, without) = (of([&fig, &again, &apple]), of([&fig, &apple, &both]));
        assert_eq!(without, one);
        assert_ne!(with, one, "of fig another addition, of apple one less");
        let mut later = one.clone();
        let plum = add(bob(), 3, ["plum"]);
        later.apply(plum);
        later.apply(later.remove(&"plum").expect("just added"));
        assert_ne!(later, one, "the same members, and a later clock");
        for who in [alice(), bob()] {
            assert_eq!(one.usage(&who), synced.usage(&who));
        }
    }

    /// Nobody valid writes it, and `apply` is open to all.
    #[test]
    fn an_addition_under_no_number_leaves_nothing() {
        let mut set = fruit();
        set.apply(add(actor(3), 0, ["fig"]));
        assert_eq!(set, fruit());
    }

    #[test]
    fn only_its_authors_next_dot_names_an_addition() {
        let set = fruit();
        assert!(set.validate(&alice(), &add(alice(), 2, ["fig"])));
        assert!(
            is_never(&set, alice(), &add(alice(), 1, ["fig"])),
            "re-used"
        );
        assert!(is_never(&set, alice(), &add(alice(), 3, ["fig"])), "a gap");
        assert!(
            is_never(&set, alice(), &add(bob(), 2, ["fig"])),
            "another's"
        );
        for counter in NEVER {
            assert!(is_never(&set, alice(), &add(alice(), counter, ["fig"])));
        }
    }

    #[test]
    fn an_addition_is_named_after_those_that_are_applied() {
        let mut set = fruit();
        let first = set.add("fig");
        assert_eq!(first, set.add("fig"), "proposing reserves nothing");
        set.apply(first);
        assert_eq!(set.add("fig"), add(alice(), 3, ["fig"]));
    }

    #[test]
    fn additions_that_are_made_at_once_are_those_that_one_makes_one_after_the_other() {
        let mut set = fruit();
        let together = set.add_each(["fig", "apple", "kiwi"]);
        assert!(set.verdict_batch(&alice(), &together).is_valid());
        for (op, member) in together.into_iter().zip(["fig", "apple", "kiwi"]) {
            assert_eq!(op, set.add(member));
            set.apply(op);
        }
        assert!(set.add_each([]).is_empty());
        let clock = Clock::from([(alice(), u64::MAX - 2)]);
        set.sync_from(State::new(clock, std::iter::empty()));
        let beyond = set.add_each(["last", "more", "still more"]);
        assert!(set.validate(&alice(), &beyond[0]));
        assert!(!set.verdict_batch(&alice(), &beyond[..2]).is_valid());
        assert!(!set.verdict_batch(&alice(), &beyond).is_valid());
    }

    #[test]
    fn a_removal_of_what_is_gone_is_valid_and_changes_nothing() {
        let mut set = fruit();
        let remove = set.remove(&"apple").expect("it is there");
        set.apply(remove.clone());
        let before = set.clone();
        assert!(set.validate(&bob(), &remove));
        set.apply(remove);
        assert_eq!(set, before);
    }

    #[test]
    fn an_actor_that_has_used_up_its_dots_adds_no_more_and_nothing_wraps_around() {
        let mut set = Orswot::new(alice());
        let clock = Clock::from([(alice(), u64::MAX - 2)]);
        set.sync_from(State::new(clock, std::iter::empty()));
        let last = set.add("last");
        let batch = [last.clone(), add(alice(), u64::MAX, ["more"])];
        assert!(matches!(
            set.verdict_batch(&alice(), &batch),
            Verdict::Never(_)
        ));
        assert!(set.validate(&alice(), &last));
        set.apply(last);
        assert!(is_never(&set, alice(), &set.add("more")));
        assert!(is_never(&set, alice(), &add(alice(), 0, ["more"])));
        assert!(is_never(&set, alice(), &add(alice(), 1, ["more"])));
        let remove = set.remove(&"last").expect("it is there");
        assert!(set.validate(&bob(), &remove));
    }

    #[test]
    fn a_removal_of_an_addition_that_is_not_here_waits_for_it() {
        let mut set = fruit();
        let early = rm([(bob(), 2)], "cherry");
        assert!(matches!(set.verdict(&alice(), &early), Verdict::NotYet(_)));
        set.apply(add(bob(), 2, ["cherry"]));
        assert!(set.validate(&alice(), &early));
        set.apply(early);
        assert!(!set.contains(&"cherry"));
    }

    #[test]
    fn a_removal_of_its_authors_own_addition_to_come_is_forged() {
        let set = fruit();
        assert!(is_never(&set, alice(), &rm([(alice(), 2)], "apple")));
        let also_early = rm([(alice(), 2), (bob(), 9)], "apple");
        assert!(is_never(&set, alice(), &also_early));
    }

    #[test]
    fn a_removal_names_no_dot_zero_no_last_dot_and_not_nothing() {
        let set = fruit();
        for counter in NEVER {
            let forged = rm([(alice(), 1), (bob(), counter)], "apple");
            assert!(is_never(&set, alice(), &forged));
        }
        assert!(is_never(&set, alice(), &rm([], "apple")));
    }

    #[test]
    fn where_there_is_no_room_for_new_members_there_is_for_those_that_are_there_and_after_removals()
    {
        let budget = Budget {
            entries: 2,
            ..Orswot::<&str>::BUDGET
        };
        let mut set = Orswot::with_budget(alice(), budget);
        let full = [add(alice(), 1, ["fig"]), add(alice(), 2, ["kiwi"])];
        assert!(set.verdict_batch(&alice(), &full).is_valid());
        full.into_iter().for_each(|op| set.apply(op));
        let removed = rm([(alice(), 1)], "fig");
        let (again, new) = (add(alice(), 3, ["kiwi"]), add(alice(), 3, ["plum"]));
        for (batch, valid) in [
            (vec![again.clone()], true),
            (vec![new.clone()], false),
            (vec![removed.clone(), new.clone()], true),
            (vec![removed, new, add(alice(), 4, ["fig"])], false),
            (vec![again, add(alice(), 4, ["fig", "kiwi"])], true),
        ] {
            let verdict = set.verdict_batch(&alice(), &batch);
            assert_eq!(verdict.is_valid(), valid, "{batch:?}");
            assert!(!matches!(verdict, Verdict::Never(_)), "{batch:?}");
        }
    }

    #[test]
    fn an_operation_on_no_member_or_on_too_many_is_never_valid() {
        let mut set = Orswot::<usize>::new(alice());
        let of = |set: &Orswot<usize>, len: usize| {
            let Op::Add { members, .. } = set.add_all(0..len) else {
                unreachable!("an addition")
            };
            let clock = Clock::from([(alice(), 1)]);
            [set.add_all(0..len), Op::Rm { clock, members }]
        };
        set.apply(set.add(0));
        for len in [0, MEMBERS_PER_OP + 1] {
            for op in of(&set, len) {
                assert!(matches!(set.verdict(&alice(), &op), Verdict::Never(_)));
            }
        }
        for op in of(&set, MEMBERS_PER_OP) {
            assert!(set.validate(&alice(), &op));
        }
    }

    #[test]
    fn an_addition_that_the_remover_had_not_seen_survives() {
        let mut set = fruit();
        let remove = set.remove(&"apple").expect("it is there");
        set.apply(add(bob(), 2, ["apple"]));
        set.apply(remove.clone());
        assert!(set.contains(&"apple"));
        let mut other_way = fruit();
        other_way.apply(remove);
        other_way.apply(add(bob(), 2, ["apple"]));
        assert_eq!(set, other_way);
    }

    #[test]
    fn a_removal_names_the_dots_of_its_member_alone() {
        let set = fruit();
        assert_eq!(set.remove(&"banana"), Some(rm([(bob(), 1)], "banana")));
        assert_eq!(set.remove(&"cherry"), None);
    }

    #[test]
    fn a_batch_rests_on_its_own_additions() {
        let set = fruit();
        let batch = [
            add(alice(), 2, ["fig"]),
            rm([(alice(), 2)], "fig"),
            add(alice(), 3, ["fig"]),
        ];
        assert_eq!(set.verdict_batch(&alice(), &batch), Verdict::Valid);
        let swapped = [batch[1].clone(), batch[0].clone()];
        assert!(matches!(
            set.verdict_batch(&alice(), &swapped),
            Verdict::Never(_)
        ));
        let early = [batch[0].clone(), rm([(bob(), 9)], "fig")];
        assert!(matches!(
            set.verdict_batch(&alice(), &early),
            Verdict::NotYet(_)
        ));
        assert_eq!(set, fruit());
    }

    #[test]
    fn the_count_and_the_order_of_members_follow_every_change() {
        let mut set = fruit();
        set.apply(add(alice(), 2, ["banana", "apricot"]));
        assert!(set.iter().eq(&["apple", "apricot", "banana"]));
        set.apply(rm([(alice(), 1), (bob(), 1)], "banana"));
        assert_eq!(set.len(), 3, "Alice's banana is still there");
        set.apply(rm([(alice(), 2)], "banana"));
        assert!(set.iter().eq(&["apple", "apricot"]));
        set.apply(rm([(alice(), 2)], "banana"));
        assert_eq!(set.len(), 2);
        assert!(!set.is_empty());
    }

    #[test]
    fn a_state_names_no_owner_and_restores_a_set_with_all_its_removals() {
        let mut set = fruit();
        set.apply(add(alice(), 2, ["apple", "fig"]));
        set.apply(rm([(alice(), 1), (bob(), 1)], "banana"));
        let mut newcomer = Orswot::new(bob());
        newcomer.apply(add(bob(), 1, ["what it believed before"]));
        newcomer.sync_from(set.state());
        assert_eq!(newcomer.state(), set.state());
        assert!(newcomer.iter().eq(set.iter()));
        assert_eq!(newcomer.add("x"), add(bob(), 2, ["x"]));
        assert_ne!(newcomer, set, "they belong to different actors");
    }

    #[test]
    fn debug_shows_the_members_in_order() {
        let shown = format!("{:?}", fruit());
        let clock = format!("{{{:?}: 1, {:?}: 1}}", alice(), bob());
        let members = r#"{"apple", "banana"}"#;
        let expected = format!(
            "Orswot {{ actor: {:?}, clock: {clock}, members: {members} }}",
            alice()
        );
        assert_eq!(shown, expected);
    }
}
