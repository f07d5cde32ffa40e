//! What is measured on: a quorum's voices, a message, operations, a set, a bank.

use std::sync::{Arc, LazyLock};

use bft_crdts::actor::Verified;
use bft_crdts::bank::{self, Bank, Money, Transfer, TransferId};
use bft_crdts::codec::{Bytes, Digest, Limits, NetworkId};
use bft_crdts::deterministic_secure_broadcast::{Echo, Message};
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::membership::Genesis;
use bft_crdts::orswot::{self, Orswot};
use bft_crdts::quorum::{Certificate, Committee, Generation, Tally};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};

pub(crate) type Set = Orswot<String>;

/// A quorum that said one thing.
pub(crate) struct Voters {
    pub(crate) committee: Committee,
    pub(crate) facts: Vec<Verified<Echo>>,
}

impl Voters {
    pub(crate) fn new(members: u8) -> Self {
        let seated = actors(members).into_iter().collect();
        let committee = Committee::new(Generation::GENESIS, &seated, &Limits::default());
        let committee = committee.expect("generated keys");
        let (network, keys) = (network(), (1..=members).map(secret));
        let facts = keys.map(|key| key.sign(&network, echo()));
        let facts = facts.take(committee.quorum()).collect();
        Self { committee, facts }
    }

    pub(crate) fn certificate(&self) -> Arc<Certificate<Echo>> {
        let mut tally = Tally::new(echo());
        let mut facts = self.facts.iter();
        let certificate = facts.find_map(|fact| tally.add(&self.committee, fact));
        certificate.expect("a quorum").claim()
    }
}

pub(crate) fn secret(byte: u8) -> SigningActor {
    SigningActor::from_secret(&[byte; 32])
}

pub(crate) fn actor(byte: u8) -> Actor {
    static ACTORS: LazyLock<Vec<Actor>> =
        LazyLock::new(|| (0..=100).map(|byte| secret(byte).actor()).collect());
    ACTORS[usize::from(byte)]
}

pub(crate) fn actors(count: u8) -> Vec<Actor> {
    (1..=count).map(actor).collect()
}

pub(crate) fn network() -> NetworkId {
    let members = actors(4).into_iter().collect();
    let genesis = Genesis::new(&Set::new(actor(1)), members, Limits::default(), [0; 32]);
    genesis.expect("a committee").network()
}

pub(crate) fn message_of(ops: Vec<u8>) -> Message {
    Message {
        source: actor(1),
        seq: Seq::new(1),
        parent: network().digest(),
        ops: Bytes::from(ops),
    }
}

pub(crate) fn echo() -> Echo {
    Echo {
        generation: Generation::GENESIS,
        dot: Dot {
            source: actor(1),
            seq: Seq::new(1),
        },
        digest: Digest::from_bytes([7; 32]),
    }
}

pub(crate) fn member(number: u64) -> String {
    format!("{number:040}")
}

/// Someone else's members, so that the first addition of `actor(1)` is its first.
pub(crate) fn set_of(members: u64) -> Set {
    let mut set = Set::new(actor(2));
    let numbers: Vec<_> = (0..members).collect();
    for numbers in numbers.chunks(orswot::MEMBERS_PER_OP) {
        let op = set.add_all(numbers.iter().copied().map(member));
        set.apply(op);
    }
    set
}

/// The addition of `actor(1)` after `before` others.
pub(crate) fn dot_after(before: u64) -> orswot::Dot {
    let (actor, counter) = (actor(1), before + 1);
    orswot::Dot { actor, counter }
}

/// That addition, of one of the `members` of a set.
pub(crate) fn again(before: u64, which: u64, members: u64) -> orswot::Op<String> {
    let (dot, members) = (dot_after(before), [member(which % members)].into());
    orswot::Op::Add { dot, members }
}

/// The transfer of `actor(1)` after `before` others.
pub(crate) fn transfer(before: u64) -> bank::Op {
    let (source, number) = (actor(1), before + 1);
    bank::Op::Transfer(Transfer {
        id: TransferId { source, number },
        to: actor(2),
        amount: Money::new(1),
        deps: Vec::new(),
    })
}

pub(crate) fn funded(actors: &[Actor], actor: Actor) -> Bank {
    let mut bank = Bank::new(actor);
    let opened = actors
        .iter()
        .map(|owner| Bank::new(*owner).open(Bank::MOST_OPENING));
    opened.for_each(|op| bank.apply(op));
    bank
}
