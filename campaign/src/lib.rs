//! What a campaign is waged against: each algorithm of the crate on the simulated network.
//!
//! Each takes a replica and a network of its type to compile, so that they are compiled here, once
//! for all who wage campaigns.

use std::collections::BTreeMap;

use bft_crdts::Actor;
use bft_crdts::net::{SimBuilder, Subject};
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::tree::Parent;
use bft_crdts::types::{
    BoundedCounter, Counter, Graph, Keyed, LwwRegister, Map, MerkleReg, MvRegister, Part, Poll,
    Tree, bounded_counter, graph, keyed, lww_register, tree,
};

/// What each of the first members may grant.
const QUOTA: u64 = 1_000;

/// All of them.
#[must_use]
pub fn subjects() -> Vec<Subject> {
    vec![
        Subject::set(),
        Subject::bank(),
        Subject::at2(),
        Subject::text(),
        Subject::new("counter", plain, |it: &Counter, _, pick| {
            Some(it.add(1 + i64::from(pick % 100) - 50))
        }),
        Subject::new(
            "bounded_counter",
            granted,
            |it: &BoundedCounter, actor, pick| Some(move_rights(it, actor, pick)),
        ),
        Subject::new("lww_register", plain, |it: &LwwRegister<u16>, _, pick| {
            Some(it.write(pick))
        }),
        Subject::new("mv_register", plain, |it: &MvRegister<u16>, _, pick| {
            Some(it.write(pick))
        }),
        Subject::new("map", plain, |it: &Map<u16, u16>, _, pick| {
            let (key, choice) = (pick % 8, pick / 8);
            match choice % 3 {
                0 => it.remove(&key),
                _ => Some(it.put(key, choice)),
            }
        }),
        Subject::new(
            "keyed",
            plain,
            |it: &Keyed<u16, LwwRegister<u16>>, _, pick| Some(write_under_key(it, pick)),
        ),
        Subject::new("pair", plain, |it: &(Counter, MvRegister<u16>), _, pick| {
            Some(match pick % 2 {
                0 => Part::First(it.0.add(1 + i64::from(pick))),
                _ => Part::Second(it.1.write(pick)),
            })
        }),
        Subject::new("merkle_reg", plain, |it: &MerkleReg<u16>, _, pick| {
            Some(it.write(pick))
        }),
        Subject::new("graph", plain, |it: &Graph<u16>, _, pick| draw(it, pick)),
        Subject::new("tree", plain, |it: &Tree<u16>, _, pick| {
            Some(grow(it, pick))
        }),
        Subject::new("poll", plain, |it: &Poll<u16>, _, pick| {
            Some(it.vote(pick % 3))
        }),
    ]
}

fn plain<A: WireAlgorithm>(builder: SimBuilder<A>) -> SimBuilder<A> {
    builder
}

fn granted(builder: SimBuilder<BoundedCounter>) -> SimBuilder<BoundedCounter> {
    let members = builder.actors().into_iter();
    let quotas: BTreeMap<Actor, u64> = members.map(|actor| (actor, QUOTA)).collect();
    let conserved = |it: &BoundedCounter| {
        let sum = |of: fn(&bounded_counter::Account) -> u64| -> u64 {
            it.accounts().map(|(_, account)| of(account)).sum()
        };
        let (rights, used) = (sum(|account| account.rights), sum(|account| account.used));
        let kept = rights == it.available() && rights + used == sum(|account| account.granted);
        let told = || format!("rights are not conserved: {it:?}");
        kept.then_some(()).ok_or_else(told)
    };
    let fresh = move |actor| {
        let counter = BoundedCounter::with_quotas(actor, quotas.clone());
        counter.expect("a thousand each is little")
    };
    builder.algorithm(fresh).invariant(conserved)
}

fn move_rights(it: &BoundedCounter, actor: &Actor, pick: u16) -> bounded_counter::Op {
    let (kind, choice) = (pick % 4, u64::from(pick / 4));
    let Some(rights) = it.rights(actor) else {
        return it.open();
    };
    let accounts: Vec<_> = it.accounts().map(|(owner, _)| *owner).collect();
    match kind {
        0 => it.grant(1 + choice % 100),
        1 => it.consume(1 + choice % 20),
        // Often all there is, so that what comes next must wait for a gift.
        2 => it.give(accounts[choice as usize % accounts.len()], rights.max(1)),
        _ => it.give(accounts[choice as usize % accounts.len()], 1 + choice % 30),
    }
}

fn write_under_key(
    it: &Keyed<u16, LwwRegister<u16>>,
    pick: u16,
) -> keyed::Op<u16, lww_register::Write<u16>> {
    it.on(pick % 5, |register| register.write(pick))
}

fn draw(it: &Graph<u16>, pick: u16) -> Option<graph::Op<u16>> {
    let (one, other) = (pick / 8 % 6, pick / 64 % 6);
    match pick % 8 {
        0 => it.remove_vertex(&one),
        1 => it.remove_edge(one, other),
        2..5 => Some(it.add_vertex(one)),
        _ => Some(it.add_edge(one, other)),
    }
}

/// Half of what it does is to move, as often as not into what makes a cycle with another's move.
fn grow(it: &Tree<u16>, pick: u16) -> tree::Op<u16> {
    let nodes: Vec<_> = it.nodes().map(|(node, _)| *node).collect();
    let node = |choice: u16| nodes.get(usize::from(choice) % nodes.len().max(1)).copied();
    let place = match pick / 4 % 8 {
        0 => Parent::Trash,
        1 => Parent::Top,
        _ => node(pick / 32).map_or(Parent::Top, Parent::Under),
    };
    match node(pick / 512) {
        Some(node) if pick & 1 == 0 => it.move_to(node, place),
        _ if place == Parent::Trash => it.create(Parent::Top, pick),
        _ => it.create(place, pick),
    }
}
