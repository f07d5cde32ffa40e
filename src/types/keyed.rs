//! One instance of another type under each key.
//!
//! ```
//! use bft_crdts::types::{Counter, Keyed};
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let mut visits = Keyed::<String, Counter>::new(alice);
//! let visit = visits.on("/index".to_string(), |counter| counter.add(1));
//! assert!(visits.validate(&alice, &visit));
//! visits.apply(visit);
//! let counter = visits.get(&"/index".to_string()).expect("it was opened");
//! assert_eq!(counter.value(), 1);
//! ```
//!
//! An instance begins with the first operation under its key. For its source, that operation
//! *opens* the key: it counts against the source's [`Budget`], whether or not another source has
//! opened it before. Who was first must not matter, since replicas differ in it.
//!
//! # What a liar cannot do
//!
//! - *Disturb other keys*: instances are independent, and each judges by its own state.
//! - *Claim a key*: everybody may open every key; a first-come name needs an agreement.
//! - *Fill the memory*: one source opens at most [`Budget::entries`] keys, of [`Budget::bytes`] in
//!   all, and under each it has what the inner type's budget allows. Keys stay open, so one more is
//!   `Never` valid.
//! - *Write in another's name*: `Never`.
//!
//! Verdict and `apply` cost O(1) whatever the number of keys, O(log s) for `s` sources that opened
//! the key, and what the instance's cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::first_fault;
use super::map::Key;
use crate::actor::Actor;
use crate::budget::{Alive, Budget, Usage, size};
use crate::codec;
use crate::few::Few;
use crate::index::Index;
use crate::traits::{SecureBroadcastAlgorithm, Verdict, WireAlgorithm};

/// Instances of `A` under keys. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed<K: Key, A: WireAlgorithm> {
    actor: Actor,
    budget: Budget,
    /// What each instance begins as.
    template: A,
    instances: Index<K, Opened<A>>,
    /// Derived from the instances.
    alive: Alive,
}

/// An operation of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Op<K, O> {
    /// Whose operation it is.
    pub by: Actor,
    /// Under which key.
    pub key: K,
    /// What is done there.
    pub op: O,
}

/// An instance, and who opened it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opened<A> {
    sources: Few<Actor>,
    inner: A,
}

/// The state of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Instance<T> {
    /// Who opened it, in order; at least one.
    sources: Vec<Actor>,
    inner: T,
}

/// What all replicas that applied the same operations agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<K, S>")]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, S: Deserialize<'de>"))]
pub struct State<K, S> {
    instances: BTreeMap<K, Instance<S>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, S: Deserialize<'de>"))]
struct Unchecked<K, S> {
    instances: BTreeMap<K, Instance<S>>,
}

impl<K, S> TryFrom<Unchecked<K, S>> for State<K, S> {
    type Error = &'static str;

    fn try_from(Unchecked { instances }: Unchecked<K, S>) -> Result<Self, &'static str> {
        for Instance { sources, .. } in instances.values() {
            if sources.is_empty() || !sources.is_sorted_by(|one, next| one < next) {
                return Err("an instance that no source opened, or one twice");
            }
        }
        Ok(Self { instances })
    }
}

impl<K: Serialize, S> State<K, S> {
    /// The bytes of each key, once for each source that opened it.
    fn entries(&self) -> impl Iterator<Item = (Actor, u64)> {
        self.instances.iter().flat_map(|(key, instance)| {
            let bytes = size(key);
            instance.sources.iter().map(move |by| (*by, bytes))
        })
    }
}

impl<A> Opened<A> {
    /// Where `source` is among those who opened it, or would be.
    fn place(&self, source: &Actor) -> Result<usize, usize> {
        self.sources.as_slice().binary_search(source)
    }
}

impl<K: Key, A: WireAlgorithm> Keyed<K, A> {
    /// A replica in a network with this budget, whose instances begin as `template`: a fresh
    /// replica of the same actor, with its own configuration. The budget's entries are the keys
    /// that one source opens.
    #[must_use]
    pub fn of(actor: Actor, template: A, budget: Budget) -> Self {
        Self {
            actor,
            budget,
            template,
            instances: Index::default(),
            alive: Alive::default(),
        }
    }

    /// The operation that `op` makes of the instance under `key`; of a fresh one, if nobody has
    /// opened it.
    #[must_use]
    pub fn on(&self, key: K, op: impl FnOnce(&A) -> A::Op) -> Op<K, A::Op> {
        let (by, op) = (self.actor, op(self.at(&key)));
        Op { by, key, op }
    }

    /// The instance under `key`, if anybody has opened it.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&A> {
        Some(&self.instances.get(key)?.inner)
    }

    /// The instances, by key, which takes O(n log n).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &A)> + ExactSizeIterator {
        let instances = self.instances.sorted().into_iter();
        instances.map(|(key, instance)| (key, &instance.inner))
    }

    /// How many keys are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether no key is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// What `source` has opened.
    #[must_use]
    pub fn usage(&self, source: &Actor) -> Usage {
        self.alive.of(source)
    }

    fn at(&self, key: &K) -> &A {
        self.get(key).unwrap_or(&self.template)
    }

    /// Judges all of an operation but what is done under the key. Reads what the source itself has
    /// opened alone.
    fn judge<'a>(
        &self,
        from: &Actor,
        own: &mut Own<'a, K>,
        op: &'a Op<K, A::Op>,
    ) -> Result<(), Verdict> {
        if op.by != *from {
            return Err(Verdict::Never("in another's name"));
        }
        let instance = self.instances.get(&op.key);
        let open = instance.is_some_and(|instance| instance.place(from).is_ok());
        if open || own.opened.contains(&op.key) {
            return Ok(());
        }
        let bytes = size(&op.key);
        own.usage = own.usage.plus(Usage::entry(bytes));
        if !self.budget.allows_op(bytes) || !self.budget.allows(own.usage) {
            return Err(Verdict::Never("a key beyond its source's budget"));
        }
        own.opened.insert(&op.key);
        Ok(())
    }

    /// The first of `ops` that its instance does not call valid.
    fn first_inner_fault(&self, from: &Actor, ops: &[Op<K, A::Op>]) -> Option<(usize, Verdict)> {
        let mut groups = BTreeMap::<&K, (Vec<usize>, Vec<A::Op>)>::new();
        for (place, Op { key, op, .. }) in ops.iter().enumerate() {
            let (places, group) = groups.entry(key).or_default();
            places.push(place);
            group.push(op.clone());
        }
        let faults = groups.into_iter().filter_map(|(key, (places, group))| {
            let (fault, verdict) = first_fault(self.at(key), from, &group)?;
            Some((places[fault], verdict))
        });
        faults.min_by_key(|(place, _)| *place)
    }
}

/// What a source's operations change for the verdict on its next, beside the instances.
struct Own<'a, K> {
    usage: Usage,
    opened: BTreeSet<&'a K>,
}

impl<K: Key, A: WireAlgorithm> Keyed<K, A> {
    fn own(&self, from: &Actor) -> Own<'_, K> {
        Own {
            usage: self.alive.of(from),
            opened: BTreeSet::new(),
        }
    }
}

impl<K: Key, A: WireAlgorithm> SecureBroadcastAlgorithm for Keyed<K, A> {
    type Op = Op<K, A::Op>;
    type ReplicatedState = State<K, A::ReplicatedState>;

    const NAME: &'static str = "keyed/1";

    fn new(actor: Actor) -> Self {
        Self::of(actor, A::new(actor), Budget::default())
    }

    fn state(&self) -> Self::ReplicatedState {
        let instances = self.instances.sorted().into_iter().map(|(key, instance)| {
            let sources = instance.sources.as_slice().to_vec();
            let inner = instance.inner.state();
            (key.clone(), Instance { sources, inner })
        });
        let instances = instances.collect();
        State { instances }
    }

    fn sync_from(&mut self, other: Self::ReplicatedState) {
        self.alive = other.entries().collect();
        self.instances = Index::default();
        for (key, Instance { sources, inner }) in other.instances {
            let mut instance = self.template.clone();
            instance.sync_from(inner);
            let (sources, inner) = (Few::of(sources), instance);
            self.instances.insert(key, Opened { sources, inner });
        }
    }

    fn validate(&self, from: &Actor, op: &Self::Op) -> bool {
        self.verdict(from, op).is_valid()
    }

    fn verdict(&self, from: &Actor, op: &Self::Op) -> Verdict {
        match self.judge(from, &mut self.own(from), op) {
            Ok(()) => self.at(&op.key).verdict(from, &op.op),
            Err(verdict) => verdict,
        }
    }

    fn verdict_batch(&self, from: &Actor, ops: &[Self::Op]) -> Verdict {
        if let [op] = ops {
            return self.verdict(from, op);
        }
        let mut own = self.own(from);
        let mut judged = ops.iter().enumerate();
        let outer = judged.find_map(|(place, op)| {
            let verdict = self.judge(from, &mut own, op).err()?;
            Some((place, verdict))
        });
        let until = outer.map_or(ops.len(), |(place, _)| place);
        let inner = self.first_inner_fault(from, &ops[..until]);
        inner
            .or(outer)
            .map_or(Verdict::Valid, |(_, verdict)| verdict)
    }

    fn apply(&mut self, op: Self::Op) {
        let Op { by, key, op } = op;
        let usage = Usage::entry(size(&key));
        let mut opens = false;
        let instance = self.instances.get_or_insert_with(key, || {
            opens = true;
            Opened {
                sources: Few::One(by),
                inner: self.template.clone(),
            }
        });
        if let Err(place) = instance.place(&by) {
            instance.sources.insert(place, by);
            opens = true;
        }
        if opens {
            self.alive.add(by, usage);
        }
        instance.inner.apply(op);
    }

    /// Whether all sources are within the budget, and each instance is one that the template
    /// admits.
    fn admits(&self, state: &Self::ReplicatedState) -> bool {
        let mut instances = state.instances.values();
        self.budget.admits(state.entries())
            && instances.all(|instance| self.template.admits(&instance.inner))
    }

    /// The budget, and the name, the configuration and the state of what each instance begins as.
    fn configuration(&self) -> Vec<u8> {
        let inner = (A::NAME, self.template.configuration());
        codec::encode(&(self.budget, inner, self.template.state()))
    }
}
