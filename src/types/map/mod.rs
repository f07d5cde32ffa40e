//! A map whose keys everybody puts and removes: observed remove, and of concurrent values the last
//! one is read.
//!
//! A put is named by its [`Stamp`], source and rank; ranks run through the whole map. A put
//! replaces, and a removal takes away, the puts that its author had seen under the key, and no
//! others: so what is put concurrently survives. Of those that survive, [`Map::get`] reads the one
//! of the largest rank, and [`Map::get_all`] each.
//!
//! ```
//! use bft_crdts::types::Map;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let [alice, bob] = [1, 2].map(|n| SigningActor::from_secret(&[n; 32]).actor());
//! let mut ages = Map::<&str, u8>::new(alice);
//! ages.apply(ages.put("fritz", 40));
//! let concurrent = Map::new(bob).put("fritz", 41);
//! let removal = ages.remove(&"fritz").expect("it is there");
//! assert!(ages.validate(&alice, &removal));
//! ages.apply(concurrent);
//! ages.apply(removal);
//! assert_eq!(ages.get(&"fritz"), Some(&41), "the removal did not know of it");
//! ```
//!
//! # What a liar cannot do
//!
//! - *Pin a value* with a rank from the future (`NotYet`), or win each tie under each key with one
//!   ground key of its own: ties go to the larger digest of key, rank and source.
//! - *Remove what is yet to come*: a removal or a put names puts that are applied; of others
//!   `NotYet`, of its own to come `Never`.
//! - *Write in another's name*, or *return to an old rank*: `Never`.
//! - *Fill the memory*: what one source has alive is within its [`Budget`]; more is `NotYet` valid,
//!   since others may remove some. Of a removed key nothing is kept, and of each source one rank.
//!
//! Verdict and `apply` cost O(1) whatever the number of keys, O(log s) for `s` sources and each put
//! in `over`, and the size of the value. A key has at most one put of each source.

mod state;

use std::collections::BTreeMap;

use serde::Serialize;

use super::lww_register::Value;
use super::mv_register::Seen;
use super::rank::{Ranks, Stamp};
use crate::actor::Actor;
use crate::budget::{Alive, Budget, Usage};
use crate::codec;
use crate::few::Few;
use crate::index::Index;
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

use state::bytes;

pub use state::{Op, Put, State};

/// What a key can be. Implemented for all such types; to be replicated over a network, a key must
/// also decode.
pub trait Key: Value + Ord {}

impl<K: Value + Ord> Key for K {}

/// Values under keys. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map<K: Key, V: Value> {
    actor: Actor,
    budget: Budget,
    ranks: Ranks,
    /// Under each key that has one the puts, in the order of their sources.
    puts: Index<K, Few<Put<V>>>,
    /// Derived: what each source has alive.
    alive: Alive,
}

/// What a source's operations change for the verdict on its next: its last rank, what it has alive,
/// and of which keys it has a put since: its rank and what it takes.
struct Own<'a, K> {
    rank: u64,
    usage: Usage,
    touched: BTreeMap<&'a K, Option<(u64, Usage)>>,
}

impl<K: Key, V: Value> Map<K, V> {
    /// A replica in a network with this budget; its entries are the keys under which a source has a
    /// value.
    #[must_use]
    pub fn with_budget(actor: Actor, budget: Budget) -> Self {
        Self {
            actor,
            budget,
            ranks: Ranks::default(),
            puts: Index::default(),
            alive: Alive::default(),
        }
    }

    /// The operation that puts `value` under `key`, over all that is seen there.
    #[must_use]
    pub fn put(&self, key: K, value: V) -> Op<K, V> {
        let (rank, by) = (self.ranks.next(), self.actor);
        let stamp = Stamp { rank, by };
        let mut over = self.seen(&key);
        over.remove(&by);
        Op::Put {
            stamp,
            key,
            value,
            over,
        }
    }

    /// The operation that removes what is seen under `key`; `None` when there is nothing.
    #[must_use]
    pub fn remove(&self, key: &K) -> Option<Op<K, V>> {
        let over = self.seen(key);
        let key = key.clone();
        (!over.is_empty()).then_some(Op::Remove { key, over })
    }

    /// The value of the largest rank under `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        Some(&self.winner(key)?.value)
    }

    /// The put that [`get`](Self::get) reads, with its source.
    #[must_use]
    pub fn winner(&self, key: &K) -> Option<&Put<V>> {
        winner(key, self.puts.get(key)?.as_slice())
    }

    /// All values under `key`, in the order of their sources: more than one when they were put
    /// concurrently.
    pub fn get_all(&self, key: &K) -> impl Iterator<Item = &Put<V>> {
        self.puts_under(key).iter()
    }

    fn puts_under(&self, key: &K) -> &[Put<V>] {
        self.puts.get(key).map_or(&[], Few::as_slice)
    }

    /// Whether there is a value under `key`.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.puts.contains_key(key)
    }

    /// How many keys have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.puts.len()
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty()
    }

    /// The keys in order, each with the value that [`get`](Self::get) reads. Takes O(n log n).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let puts = self.puts.sorted().into_iter();
        puts.filter_map(|(key, puts)| Some((key, &winner(key, puts.as_slice())?.value)))
    }

    /// What `source` has alive.
    #[must_use]
    pub fn usage(&self, source: &Actor) -> Usage {
        self.alive.of(source)
    }

    fn seen(&self, key: &K) -> Seen {
        let puts = self.puts_under(key).iter();
        puts.map(|put| (put.stamp.by, put.stamp.rank)).collect()
    }

    fn own(&self, from: &Actor) -> Own<'_, K> {
        Own {
            rank: self.ranks.last(from),
            usage: self.alive.of(from),
            touched: BTreeMap::new(),
        }
    }

    fn judge<'a>(
        &self,
        from: &Actor,
        own: &mut Own<'a, K>,
        op: &'a Op<K, V>,
    ) -> Result<(), Verdict> {
        let over = match op {
            Op::Put { over, .. } | Op::Remove { over, .. } => over,
        };
        if over.values().any(|&rank| rank == 0) {
            return Err(Verdict::Never("no put has this rank"));
        }
        if over.get(from).is_some_and(|&rank| rank > own.rank) {
            return Err(Verdict::Never("a put that its author has yet to make"));
        }
        match op {
            Op::Put { .. } => self.judge_put(from, own, op),
            Op::Remove { key, over } => self.judge_removal(from, own, key, over),
        }
    }

    fn judge_put<'a>(
        &self,
        from: &Actor,
        own: &mut Own<'a, K>,
        op: &'a Op<K, V>,
    ) -> Result<(), Verdict> {
        let Op::Put {
            stamp,
            key,
            value,
            over,
        } = op
        else {
            unreachable!("a put");
        };
        if stamp.by != *from {
            return Err(Verdict::Never("a put in another's name"));
        }
        if over.contains_key(from) {
            return Err(Verdict::Never("a put that names its source's own"));
        }
        let entry = entry(key, value);
        if !self.budget.allows_op(entry.bytes) {
            return Err(Verdict::Never("an entry beyond the budget"));
        }
        self.ranks.judge(&mut own.rank, stamp.rank)?;
        self.judge_seen(from, over)?;
        own.take(self.own_put(from, own, key));
        own.usage = own.usage.plus(entry);
        if !self.budget.allows(own.usage) {
            return Err(Verdict::NotYet("room in its source's budget"));
        }
        own.touched.insert(key, Some((stamp.rank, entry)));
        Ok(())
    }

    fn judge_removal<'a>(
        &self,
        from: &Actor,
        own: &mut Own<'a, K>,
        key: &'a K,
        over: &Seen,
    ) -> Result<(), Verdict> {
        if over.is_empty() {
            return Err(Verdict::Never("a removal of nothing"));
        }
        self.judge_seen(from, over)?;
        let put = self.own_put(from, own, key);
        let named = |put: &(u64, Usage)| over.get(from).is_some_and(|&rank| put.0 <= rank);
        if let Some(put) = put.filter(named) {
            own.take(Some(put));
            own.touched.insert(key, None);
        }
        Ok(())
    }

    /// Ranks only rise, so what is named stays named.
    fn judge_seen(&self, from: &Actor, over: &Seen) -> Result<(), Verdict> {
        let known =
            |(source, rank): (&Actor, &u64)| source == from || *rank <= self.ranks.last(source);
        if over.iter().all(known) {
            Ok(())
        } else {
            Err(Verdict::NotYet("a put that it names"))
        }
    }

    /// The rank of the put of `from` under `key`, and what it takes.
    fn own_put(&self, from: &Actor, own: &Own<'_, K>, key: &K) -> Option<(u64, Usage)> {
        if let Some(put) = own.touched.get(key) {
            return *put;
        }
        let puts = self.puts_under(key);
        let place = place(puts, from).ok()?;
        let put = &puts[place];
        Some((put.stamp.rank, entry(key, &put.value)))
    }

    fn take_away(&mut self, key: &K, over: &Seen) {
        if over.is_empty() {
            return;
        }
        let Some(puts) = self.puts.get_mut(key) else {
            return;
        };
        let is_left = puts.retain(|put| {
            let named = over.get(&put.stamp.by);
            let stays = named.is_none_or(|&rank| put.stamp.rank > rank);
            if !stays {
                self.alive.remove(&put.stamp.by, entry(key, &put.value));
            }
            stays
        });
        if !is_left {
            self.puts.remove(key);
        }
    }

    fn insert(&mut self, key: K, put: Put<V>) {
        let source = put.stamp.by;
        self.alive.add(source, entry(&key, &put.value));
        let Some(puts) = self.puts.get_mut(&key) else {
            self.puts.insert(key, Few::One(put));
            return;
        };
        match place(puts.as_slice(), &source) {
            Ok(place) => {
                let old = std::mem::replace(&mut puts.as_mut_slice()[place], put);
                self.alive.remove(&source, entry(&key, &old.value));
            }
            Err(place) => puts.insert(place, put),
        }
    }
}

impl<K> Own<'_, K> {
    fn take(&mut self, put: Option<(u64, Usage)>) {
        if let Some((_, usage)) = put {
            self.usage = self.usage.minus(usage);
        }
    }
}

fn entry<K: Serialize, V: Serialize>(key: &K, value: &V) -> Usage {
    Usage::entry(bytes(key, value))
}

fn place<V>(puts: &[Put<V>], source: &Actor) -> Result<usize, usize> {
    puts.binary_search_by(|put| put.stamp.by.cmp(source))
}

fn winner<'a, K: Serialize, V>(key: &K, puts: &'a [Put<V>]) -> Option<&'a Put<V>> {
    puts.iter().reduce(|best, put| {
        if put.stamp.beats(&best.stamp, key) {
            put
        } else {
            best
        }
    })
}

impl<K: Key, V: Value> SecureBroadcastAlgorithm for Map<K, V> {
    type Op = Op<K, V>;
    type ReplicatedState = State<K, V>;

    const NAME: &'static str = "map/1";

    fn new(actor: Actor) -> Self {
        Self::with_budget(actor, Budget::default())
    }

    fn state(&self) -> State<K, V> {
        let puts = self.puts.sorted().into_iter();
        let puts = puts.map(|(key, puts)| (key.clone(), puts.as_slice().to_vec()));
        State {
            ranks: self.ranks.clone(),
            puts: puts.collect(),
        }
    }

    fn sync_from(&mut self, other: State<K, V>) {
        self.alive = other.entries().collect();
        self.ranks = other.ranks;
        let puts = other.puts.into_iter();
        self.puts = puts.map(|(key, puts)| (key, Few::of(puts))).collect();
    }

    judged_in_order!();

    fn apply(&mut self, op: Op<K, V>) {
        match op {
            Op::Put {
                stamp,
                key,
                value,
                over,
            } => {
                self.ranks.insert(stamp.by, stamp.rank);
                self.take_away(&key, &over);
                self.insert(key, Put { stamp, value });
            }
            Op::Remove { key, over } => self.take_away(&key, &over),
        }
    }

    /// Whether all sources are within the budget.
    fn admits(&self, state: &Self::ReplicatedState) -> bool {
        self.budget.admits(state.entries())
    }

    /// Of each key one: its canonical bytes, and those of its value.
    fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        self.iter()
            .map(|(key, value)| (codec::encode(key), codec::encode(value)))
    }

    /// The budget.
    fn configuration(&self) -> Vec<u8> {
        codec::encode(&self.budget)
    }
}
