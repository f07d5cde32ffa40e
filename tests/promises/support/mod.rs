//! A network of nothing: members and a boundary, for tests that need no algorithm.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod torsion;

use std::collections::BTreeSet;

use bft_crdts::actor::{Actor, SigningActor};
use bft_crdts::codec::Limits;
use bft_crdts::membership::{Boundary, Genesis};
use bft_crdts::traits::SecureBroadcastAlgorithm;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing;

impl SecureBroadcastAlgorithm for Nothing {
    type Op = u8;
    type ReplicatedState = u8;
    const NAME: &'static str = "nothing/1";
    fn new(_: Actor) -> Self {
        Self
    }
    fn state(&self) -> u8 {
        0
    }
    fn sync_from(&mut self, _: u8) {}
    fn validate(&self, _: &Actor, _: &u8) -> bool {
        true
    }
    fn apply(&mut self, _: u8) {}
}

/// Members in the order of their seats.
pub fn members(n: u8) -> Vec<SigningActor> {
    let mut members: Vec<_> = (0..n)
        .map(|i| SigningActor::from_secret(&[i + 1; 32]))
        .collect();
    members.sort_by_key(SigningActor::actor);
    members
}

/// Somebody who is no member.
pub fn stranger(i: u8) -> SigningActor {
    SigningActor::from_secret(&[200 + i; 32])
}

pub fn boundary(n: u8) -> Boundary {
    boundary_within(n, Limits::default())
}

pub fn boundary_within(n: u8, limits: Limits) -> Boundary {
    let actors: BTreeSet<Actor> = members(n).iter().map(SigningActor::actor).collect();
    let genesis = Genesis::new(&Nothing, actors, limits, [0; 32]).expect("a good genesis");
    Boundary::genesis(&genesis).expect("a good genesis")
}
