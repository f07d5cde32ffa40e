//! The set: a strict judge, and one ordered map from each member to the additions that hold it in the set.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::hash::Hash;

use serde::Serialize;

use super::op::is_counter;
use super::{Clock, Dot, MEMBERS_PER_OP, Op, State};
use crate::actor::Actor;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// What a set can hold. Implemented for all such types.
///
/// Equal members must have equal bytes: of two that are equal a replica keeps the one that came first, and
/// replicas differ in which that is. To be replicated over a network, a member must also decode.
pub trait Member: Debug + Clone + Hash + Eq + Ord + Serialize {}

impl<M: Debug + Clone + Hash + Eq + Ord + Serialize> Member for M {}

/// A replicated set in which add wins. See the [module](super).
///
/// With `n` members and `a` actors that ever added, reads cost O(log n) or O(1), applying costs O(log n + a) for
/// each member of the operation, and `clone`, `==`, [`state`](SecureBroadcastAlgorithm::state) and
/// [`sync_from`](SecureBroadcastAlgorithm::sync_from) walk the whole set. A member takes 72 bytes beside its own.
///
/// Two sets are equal when they belong to one actor and hold the same; to compare replicas of different actors,
/// compare their states.
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
#[derive(Clone, PartialEq, Eq)]
pub struct Orswot<M: Member> {
    actor: Actor,
    /// How many additions of each actor were applied.
    clock: Clock,
    members: BTreeMap<M, Additions>,
}

/// The additions that hold a member in the set, the newest of each actor that has one, by actor. Never empty: most
/// members have one, for which a map would take several times the room.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Additions(Vec<Dot>);

impl Additions {
    /// `dot` is newer than all of its actor's before.
    fn add(&mut self, dot: Dot) {
        match self.0.binary_search_by_key(&dot.actor, |dot| dot.actor) {
            Ok(place) => self.0[place] = dot,
            Err(place) => self.0.insert(place, dot),
        }
    }

    /// Takes away what `clock` names. Whether anything is left.
    fn remove(&mut self, clock: &Clock) -> bool {
        let named = |dot: &Dot| {
            clock
                .get(&dot.actor)
                .is_some_and(|last| dot.counter <= *last)
        };
        self.0.retain(|dot| !named(dot));
        !self.0.is_empty()
    }

    fn clock(&self) -> Clock {
        self.0.iter().map(|dot| (dot.actor, dot.counter)).collect()
    }

    fn of(clock: Clock) -> Self {
        let dots = clock.into_iter();
        Self(
            dots.map(|(actor, counter)| Dot { actor, counter })
                .collect(),
        )
    }
}

impl<M: Member> Orswot<M> {
    /// Adds `member`, also if it is there: the addition then survives the removals that do not know it.
    #[must_use]
    pub fn add(&self, member: M) -> Op<M> {
        self.add_all([member])
    }

    /// Adds `members` in one operation. Of none, or of more than [`MEMBERS_PER_OP`], it is never valid.
    #[must_use]
    pub fn add_all(&self, members: impl IntoIterator<Item = M>) -> Op<M> {
        let dot = Dot {
            actor: self.actor,
            counter: self.next(&self.actor),
        };
        let members = members.into_iter().collect();
        Op::Add { dot, members }
    }

    /// Removes `member`, so far as its additions are known here; `None` when it is not there.
    #[must_use]
    pub fn remove(&self, member: &M) -> Option<Op<M>> {
        let clock = self.members.get(member)?.clock();
        let members = [member.clone()].into();
        Some(Op::Rm { clock, members })
    }

    /// Whether `member` is in the set, in O(log n).
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

    /// The members, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &M> + ExactSizeIterator {
        self.members.keys()
    }

    /// The number of `actor`'s next addition. What it would be after the last is no addition's.
    fn next(&self, actor: &Actor) -> u64 {
        self.clock
            .get(actor)
            .map_or(1, |last| last.saturating_add(1))
    }

    /// Judges `op` of `from`, whose next addition is the `next`th.
    fn judge(&self, from: &Actor, next: u64, op: &Op<M>) -> Verdict {
        match op.members().len() {
            0 => return Verdict::Never("no member"),
            len if len > MEMBERS_PER_OP => return Verdict::Never("too many members"),
            _ => {}
        }
        match op {
            Op::Add { dot, .. } => judge_add(from, next, dot),
            Op::Rm { clock, .. } => self.judge_rm(from, next, clock),
        }
    }

    /// Counters only grow, so a removal stays valid; and the dots that it names are here, so that it takes away
    /// the same whether it comes before or after what others do.
    fn judge_rm(&self, from: &Actor, next: u64, clock: &Clock) -> Verdict {
        if clock.is_empty() {
            return Verdict::Never("a removal of no addition");
        }
        if !clock.values().all(|&counter| is_counter(counter)) {
            return Verdict::Never("no addition has this number");
        }
        if clock.get(from).is_some_and(|&counter| counter >= next) {
            return Verdict::Never("a removal of an addition that its author has yet to make");
        }
        let known = |(actor, &counter)| actor == from || counter < self.next(actor);
        if clock.iter().all(known) {
            Verdict::Valid
        } else {
            Verdict::NotYet("a removal of an addition that is not here yet")
        }
    }

    fn apply_add(&mut self, dot: Dot, members: impl IntoIterator<Item = M>) {
        if dot.counter < self.next(&dot.actor) {
            return;
        }
        self.clock.insert(dot.actor, dot.counter);
        for member in members {
            match self.members.entry(member) {
                Entry::Occupied(mut known) => known.get_mut().add(dot),
                Entry::Vacant(new) => {
                    new.insert(Additions(vec![dot]));
                }
            }
        }
    }

    fn apply_rm<'a>(&mut self, clock: &Clock, members: impl IntoIterator<Item = &'a M>)
    where
        M: 'a,
    {
        for member in members {
            if let Some(additions) = self.members.get_mut(member)
                && !additions.remove(clock)
            {
                self.members.remove(member);
            }
        }
    }
}

/// Dots are made in order and without gaps, each by its own actor: so only an actor's own operations change what
/// its next addition must be called.
fn judge_add(from: &Actor, next: u64, dot: &Dot) -> Verdict {
    if dot.actor != *from {
        return Verdict::Never("an addition in another actor's name");
    }
    if !is_counter(dot.counter) {
        return Verdict::Never("no addition has this number");
    }
    if dot.counter != next {
        return Verdict::Never("not its author's next addition");
    }
    Verdict::Valid
}

impl<M: Member> SecureBroadcastAlgorithm for Orswot<M> {
    type Op = Op<M>;
    type ReplicatedState = State<M>;

    const NAME: &'static str = "orswot/1";

    fn new(actor: Actor) -> Self {
        Self {
            actor,
            clock: Clock::new(),
            members: BTreeMap::new(),
        }
    }

    fn state(&self) -> State<M> {
        let members = self.members.iter();
        let members = members.map(|(member, additions)| (member.clone(), additions.clock()));
        State::new(self.clock.clone(), members)
    }

    fn sync_from(&mut self, other: State<M>) {
        let (clock, members) = other.into_parts();
        let members = members.into_iter();
        self.members = members
            .map(|(member, clock)| (member, Additions::of(clock)))
            .collect();
        self.clock = clock;
    }

    fn validate(&self, from: &Actor, op: &Op<M>) -> bool {
        self.verdict(from, op).is_valid()
    }

    fn verdict(&self, from: &Actor, op: &Op<M>) -> Verdict {
        self.judge(from, self.next(from), op)
    }

    /// Walks without a copy: of all that the operations of one source change, only the number of its next addition
    /// decides on those that follow.
    fn verdict_batch(&self, from: &Actor, ops: &[Op<M>]) -> Verdict {
        let mut next = self.next(from);
        for op in ops {
            match self.judge(from, next, op) {
                Verdict::Valid => next += u64::from(matches!(op, Op::Add { .. })),
                verdict => return verdict,
            }
        }
        Verdict::Valid
    }

    fn apply(&mut self, op: Op<M>) {
        match op {
            Op::Add { dot, members } => self.apply_add(dot, members),
            Op::Rm { clock, members } => self.apply_rm(&clock, &members),
        }
    }
}

impl<M: Member> Debug for Orswot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orswot")
            .field("actor", &self.actor)
            .field("clock", &self.clock)
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
