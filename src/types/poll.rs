//! A poll, or an allow-list: who voted for what, and what `k` of them approve.
//!
//! ```
//! use bft_crdts::types::poll::{Poll, Rules};
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let [alice, bob] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
//! let rules = Rules { approvals: 2, ..Rules::default() };
//! let mut tools = Poll::<&str>::with_rules(alice, rules.clone());
//! tools.apply(tools.vote("hammer"));
//! assert!(!tools.is_approved(&"hammer"));
//! let second = tools.vote("saw");
//! assert!(!tools.validate(&alice, &second), "one vote each, and it stays");
//! tools.apply(Poll::with_rules(bob, rules).vote("hammer"));
//! assert!(tools.is_approved(&"hammer"));
//! ```
//!
//! # What a liar cannot do
//!
//! - *Count twice*: a second vote for the same, or more votes than [`Budget::entries`] of its own,
//!   are `Never` valid; only own votes decide on that.
//! - *Vote in another's name*, or *without a right to*: `Never`.
//! - *Take a vote back* once others have built on it: votes stay. If they could be withdrawn, what
//!   is approved would depend on the order in which a withdrawal and the last missing vote arrive.
//! - *Fill the memory*: see [`Budget`]; the default is one vote each.
//!
//! Verdict and `apply` cost O(1) whatever the number of choices, and O(log v) for `v` votes for the
//! choice. Counting them costs O(1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::map::Key;
use crate::actor::Actor;
use crate::budget::{Alive, Budget, Usage, size};
use crate::codec;
use crate::index::Index;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// Votes for choices. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll<C: Key> {
    actor: Actor,
    rules: Arc<Rules>,
    /// The voters of each choice that has one.
    votes: Index<C, BTreeSet<Actor>>,
    /// Derived from the votes.
    alive: Alive,
}

/// Who may vote, how often, and how many votes approve a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Who may vote; `None`: every source.
    pub voters: Option<BTreeSet<Actor>>,
    /// How many voters approve a choice.
    pub approvals: u64,
    /// Its entries are the choices that one source may vote for.
    pub budget: Budget,
}

impl Default for Rules {
    /// Every source has one vote, and one approves.
    fn default() -> Self {
        let budget = Budget {
            entries: 1,
            ..Budget::default()
        };
        Self {
            voters: None,
            approvals: 1,
            budget,
        }
    }
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote<C> {
    /// Who votes.
    pub by: Actor,
    /// For what.
    pub choice: C,
}

/// What all replicas that applied the same votes agree on: the voters of each choice, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<C>")]
#[serde(bound(deserialize = "C: Ord + Deserialize<'de>"))]
pub struct State<C> {
    votes: BTreeMap<C, BTreeSet<Actor>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "C: Ord + Deserialize<'de>"))]
struct Unchecked<C> {
    votes: BTreeMap<C, BTreeSet<Actor>>,
}

impl<C> TryFrom<Unchecked<C>> for State<C> {
    type Error = &'static str;

    fn try_from(Unchecked { votes }: Unchecked<C>) -> Result<Self, &'static str> {
        if votes.values().any(BTreeSet::is_empty) {
            return Err("a choice without a vote");
        }
        Ok(Self { votes })
    }
}

impl<C> Default for State<C> {
    fn default() -> Self {
        let votes = BTreeMap::new();
        Self { votes }
    }
}

impl<C: Serialize> State<C> {
    /// The bytes of each vote, with its source.
    fn entries(&self) -> impl Iterator<Item = (Actor, u64)> {
        self.votes.iter().flat_map(|(choice, voters)| {
            let bytes = size(choice);
            voters.iter().map(move |by| (*by, bytes))
        })
    }
}

/// What a source's votes change for the verdict on its next.
struct Own<'a, C> {
    usage: Usage,
    cast: BTreeSet<&'a C>,
}

impl<C: Key> Poll<C> {
    /// A replica in a network with these rules.
    #[must_use]
    pub fn with_rules(actor: Actor, rules: Rules) -> Self {
        Self {
            actor,
            rules: Arc::new(rules),
            votes: Index::default(),
            alive: Alive::default(),
        }
    }

    /// The operation that votes for `choice`.
    #[must_use]
    pub fn vote(&self, choice: C) -> Vote<C> {
        let by = self.actor;
        Vote { by, choice }
    }

    /// Whether enough voted for `choice`. What is approved stays so.
    #[must_use]
    pub fn is_approved(&self, choice: &C) -> bool {
        self.count(choice) as u64 >= self.rules.approvals
    }

    /// How many voted for `choice`.
    #[must_use]
    pub fn count(&self, choice: &C) -> usize {
        self.votes.get(choice).map_or(0, BTreeSet::len)
    }

    /// Who voted for `choice`.
    pub fn voters(&self, choice: &C) -> impl Iterator<Item = &Actor> {
        self.votes.get(choice).into_iter().flatten()
    }

    /// Each choice that has a vote, and how many, in the order of the choices, which takes O(n log
    /// n).
    pub fn iter(&self) -> impl Iterator<Item = (&C, usize)> {
        let votes = self.votes.sorted().into_iter();
        votes.map(|(choice, voters)| (choice, voters.len()))
    }

    /// The choices that enough voted for.
    pub fn approved(&self) -> impl Iterator<Item = &C> {
        let all = self.iter();
        all.filter_map(|(choice, count)| (count as u64 >= self.rules.approvals).then_some(choice))
    }

    /// What `source` has alive.
    #[must_use]
    pub fn usage(&self, source: &Actor) -> Usage {
        self.alive.of(source)
    }

    fn own(&self, from: &Actor) -> Own<'_, C> {
        Own {
            usage: self.alive.of(from),
            cast: BTreeSet::new(),
        }
    }

    /// Reads the source's own votes alone: so whatever is not valid never will be.
    fn judge<'a>(
        &self,
        from: &Actor,
        own: &mut Own<'a, C>,
        op: &'a Vote<C>,
    ) -> Result<(), Verdict> {
        if op.by != *from {
            return Err(Verdict::Never("a vote in another's name"));
        }
        let voters = self.rules.voters.as_ref();
        if voters.is_some_and(|voters| !voters.contains(from)) {
            return Err(Verdict::Never("a vote without a right to"));
        }
        let voters = self.votes.get(&op.choice);
        if voters.is_some_and(|voters| voters.contains(from)) || own.cast.contains(&op.choice) {
            return Err(Verdict::Never("a second vote for the same"));
        }
        let bytes = size(&op.choice);
        own.usage = own.usage.plus(Usage::entry(bytes));
        if !self.rules.budget.allows_op(bytes) || !self.rules.budget.allows(own.usage) {
            return Err(Verdict::Never("beyond its source's budget"));
        }
        own.cast.insert(&op.choice);
        Ok(())
    }
}

impl<C: Key> SecureBroadcastAlgorithm for Poll<C> {
    type Op = Vote<C>;
    type ReplicatedState = State<C>;

    const NAME: &'static str = "poll/1";

    /// A replica of a network with the default [`Rules`].
    fn new(actor: Actor) -> Self {
        Self::with_rules(actor, Rules::default())
    }

    fn state(&self) -> State<C> {
        let votes = self
            .votes
            .sorted()
            .into_iter()
            .map(|(choice, voters)| (choice.clone(), voters.clone()));
        State {
            votes: votes.collect(),
        }
    }

    fn sync_from(&mut self, other: State<C>) {
        self.alive = other.entries().collect();
        self.votes = other.votes.into_iter().collect();
    }

    judged_in_order!();

    fn apply(&mut self, op: Vote<C>) {
        self.alive.add(op.by, Usage::entry(size(&op.choice)));
        self.votes
            .get_or_insert_with(op.choice, Default::default)
            .insert(op.by);
    }

    /// Whether all voters have the right to vote, and are within the budget.
    fn admits(&self, state: &State<C>) -> bool {
        let voters = self.rules.voters.as_ref();
        let may_vote = |by: &Actor| voters.is_none_or(|voters| voters.contains(by));
        state.votes.values().flatten().all(may_vote) && self.rules.budget.admits(state.entries())
    }

    /// The rules.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&*self.rules)
    }
}
