//! A directed graph whose vertices and edges everybody adds and removes.
//!
//! Two observed-remove sets, and a view: an edge is shown while both its ends are vertices. It may
//! be added before them, and is kept when one of them goes, so that what is shown does not depend
//! on the order in which replicas learn of it.
//!
//! ```
//! use bft_crdts::types::Graph;
//! use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};
//!
//! let alice = SigningActor::from_secret(&[1; 32]).actor();
//! let [rome, ostia] = ["Rome", "Ostia"].map(str::to_owned);
//! let mut roads = Graph::<String>::new(alice);
//! roads.apply(roads.add_vertex(rome.clone()));
//! roads.apply(roads.add_edge(rome.clone(), ostia.clone()));
//! assert!(!roads.has_edge(&rome, &ostia), "one end is missing");
//! roads.apply(roads.add_vertex(ostia.clone()));
//! assert_eq!(roads.successors(&rome).collect::<Vec<_>>(), [&ostia]);
//! ```
//!
//! # What a liar cannot do
//!
//! What it cannot do to a [set](crate::orswot), twice: forge or re-use the names of additions,
//! remove what is yet to come, or have more alive than its [`Budget`]. An edge that a member
//! removes, or whose end it removes, was seen by it: who may remove what is not this type's to say.
//! That the graph has no cycles cannot be promised without agreement: two edges that are harmless
//! alone may close one together.
//!
//! Verdict and `apply` cost what the set's cost, O(1), and so does [`Graph::has_edge`]; an edge
//! that comes or goes costs O(log d) more at a vertex with `d` edges.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::product::Part;
use crate::actor::Actor;
use crate::budget::{Budget, Usage};
use crate::index::Index;
use crate::orswot::{self, Member, Orswot};
use crate::traits::{SecureBroadcastAlgorithm, Verdict};

/// An edge, from the one to the other.
pub type Edge<V> = (V, V);

/// An operation on vertices, or on edges.
pub type Op<V> = Part<orswot::Op<V>, orswot::Op<Edge<V>>>;

/// What all replicas that applied the same operations agree on: vertices and edges.
pub type State<V> = (orswot::State<V>, orswot::State<Edge<V>>);

/// Vertices, and edges between them. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph<V: Member> {
    sets: (Orswot<V>, Orswot<Edge<V>>),
    /// Derived: where the edges lead from each of their beginnings, shown or not.
    edges_from: Index<V, BTreeSet<V>>,
}

impl<V: Member> Graph<V> {
    /// A replica in a network in which each source may have so many vertices alive, and so many
    /// edges.
    #[must_use]
    pub fn with_budgets(actor: Actor, vertices: Budget, edges: Budget) -> Self {
        let vertices = Orswot::with_budget(actor, vertices);
        let edges = Orswot::with_budget(actor, edges);
        Self {
            sets: (vertices, edges),
            edges_from: Index::default(),
        }
    }

    /// The operation that adds a vertex.
    #[must_use]
    pub fn add_vertex(&self, vertex: V) -> Op<V> {
        Part::First(self.sets.0.add(vertex))
    }

    /// The operation that removes a vertex, so far as its additions are known here; `None` when it
    /// is not there. Its edges are hidden with it, and shown again if it is added again.
    #[must_use]
    pub fn remove_vertex(&self, vertex: &V) -> Option<Op<V>> {
        self.sets.0.remove(vertex).map(Part::First)
    }

    /// The operation that adds an edge.
    #[must_use]
    pub fn add_edge(&self, from: V, to: V) -> Op<V> {
        Part::Second(self.sets.1.add((from, to)))
    }

    /// The operation that removes an edge, shown or not, so far as its additions are known here;
    /// `None` when it is not there.
    #[must_use]
    pub fn remove_edge(&self, from: V, to: V) -> Option<Op<V>> {
        self.sets.1.remove(&(from, to)).map(Part::Second)
    }

    /// Whether there is this vertex.
    #[must_use]
    pub fn has_vertex(&self, vertex: &V) -> bool {
        self.sets.0.contains(vertex)
    }

    /// Whether this edge is shown.
    #[must_use]
    pub fn has_edge(&self, from: &V, to: &V) -> bool {
        self.has_vertex(from)
            && self.has_vertex(to)
            && self.sets.1.contains(&(from.clone(), to.clone()))
    }

    /// The vertices, in order, which takes O(n log n).
    pub fn vertices(&self) -> impl Iterator<Item = &V> {
        self.sets.0.iter()
    }

    /// The edges that are shown, in order, which takes O(n log n).
    pub fn edges(&self) -> impl Iterator<Item = &Edge<V>> {
        let edges = self.sets.1.iter();
        edges.filter(|(from, to)| self.has_vertex(from) && self.has_vertex(to))
    }

    /// What the shown edges from `vertex` lead to, in order.
    pub fn successors(&self, vertex: &V) -> impl Iterator<Item = &V> {
        let shown = self.has_vertex(vertex);
        let edges = self.edges_from.get(vertex).into_iter().flatten();
        edges.filter(move |to| shown && self.has_vertex(to))
    }

    /// What `source` has alive: vertices, and edges.
    #[must_use]
    pub fn usage(&self, source: &Actor) -> (Usage, Usage) {
        (self.sets.0.usage(source), self.sets.1.usage(source))
    }

    fn show_edge(&mut self, (from, to): &Edge<V>, there: bool) {
        if there {
            let ends = self
                .edges_from
                .get_or_insert_with(from.clone(), Default::default);
            ends.insert(to.clone());
        } else if let Some(ends) = self.edges_from.get_mut(from) {
            ends.remove(to);
            if ends.is_empty() {
                self.edges_from.remove(from);
            }
        }
    }
}

impl<V: Member + DeserializeOwned + 'static> SecureBroadcastAlgorithm for Graph<V> {
    type Op = Op<V>;
    type ReplicatedState = State<V>;

    const NAME: &'static str = "graph/1";

    fn new(actor: Actor) -> Self {
        Self::with_budgets(actor, Orswot::<V>::BUDGET, Orswot::<Edge<V>>::BUDGET)
    }

    fn state(&self) -> State<V> {
        self.sets.state()
    }

    fn sync_from(&mut self, other: State<V>) {
        self.sets.sync_from(other);
        self.edges_from = Index::default();
        let edges: Vec<_> = self.sets.1.iter().cloned().collect();
        for edge in edges {
            self.show_edge(&edge, true);
        }
    }

    fn validate(&self, from: &Actor, op: &Op<V>) -> bool {
        self.sets.validate(from, op)
    }

    fn verdict(&self, from: &Actor, op: &Op<V>) -> Verdict {
        self.sets.verdict(from, op)
    }

    fn verdict_batch(&self, from: &Actor, ops: &[Op<V>]) -> Verdict {
        self.sets.verdict_batch(from, ops)
    }

    fn apply(&mut self, op: Op<V>) {
        let edges: Vec<_> = match &op {
            Part::First(_) => Vec::new(),
            Part::Second(op) => {
                let edges = op.members().iter();
                edges
                    .map(|edge| (edge.clone(), self.sets.1.contains(edge)))
                    .collect()
            }
        };
        self.sets.apply(op);
        for (edge, was_there) in edges {
            let there = self.sets.1.contains(&edge);
            if there != was_there {
                self.show_edge(&edge, there);
            }
        }
    }

    fn admits(&self, state: &State<V>) -> bool {
        self.sets.admits(state)
    }

    /// The budgets.
    fn configuration(&self) -> Vec<u8> {
        self.sets.configuration()
    }
}
