//! An attacker that says the same thing again and again, to have it reported or judged each time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::common::{Table, add, echoes, keys};
use bft_crdts::actor::Statement;
use bft_crdts::codec::{Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Fault, Message, Packet, PacketError, Proposal, Replica, Step,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{Boundary, Genesis};
use bft_crdts::quorum::Generation;
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};
use serde::{Deserialize, Deserializer, Serialize};

const LIAR: usize = 0;
const JUDGE: usize = 1;
const TIMES: usize = 200;

#[test]
fn the_same_invalid_proposal_is_reported_once() {
    let other = Table::of(4).actor(JUDGE);
    let mut undecodable = Table::of(4).first(LIAR, &[]).message.clone();
    undecodable.ops = vec![0xff; 20].into();
    for forged in [Some(add(other, 1, 7)), None] {
        let mut table = Table::of(4);
        let liar = table.actor(LIAR);
        let forged = match forged {
            Some(op) => table.first(LIAR, &[op]),
            None => table.sign(LIAR, undecodable.clone()),
        };
        let given = table.give(liar, JUDGE, Body::Proposal(Arc::clone(&forged)));
        given.expect("a fault, not a refusal");
        for _ in 1..TIMES {
            let again = table.give(liar, JUDGE, Body::Proposal(Arc::clone(&forged)));
            assert_eq!(again, Err(PacketError::Invalid(forged.message.dot())));
        }
        assert!(matches!(table.faults[JUDGE][..], [Fault::Invalid { .. }]));
        assert_eq!(table.replicas[JUDGE].memory_use().lane_bytes, 0);
    }
}

/// What is remembered of the first is half of what convicts.
#[test]
fn two_invalid_proposals_at_one_dot_convict_their_source() {
    let mut table = Table::of(4);
    let (liar, other) = (table.actor(LIAR), table.actor(JUDGE));
    for count in 1..20 {
        let forged = table.first(LIAR, &[add(other, count, 7)]);
        let _ = table.give(liar, JUDGE, Body::Proposal(forged));
    }
    let faults = &table.faults[JUDGE][..];
    assert!(
        matches!(faults, [Fault::Invalid { .. }, Fault::Equivocation(_)]),
        "{faults:?}"
    );
    assert!(table.replicas[JUDGE].convicted().contains_key(&liar));
}

/// The control: a valid proposal in the place of the invalid one is echoed.
#[test]
fn a_valid_proposal_is_echoed_each_time() {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let good = table.first(LIAR, &[add(liar, 1, 7)]);
    for _ in 0..5 {
        let given = table.give(liar, JUDGE, Body::Proposal(Arc::clone(&good)));
        given.expect("a proposal");
    }
    assert_eq!(echoes(&table.take_wire()).len(), 5);
    assert!(table.faults[JUDGE].is_empty());
}

// ---- early messages

thread_local! {
    /// How often a waiting operation was judged on this thread.
    static JUDGED: Cell<u64> = const { Cell::new(0) };
    /// How often a waiting operation was decoded on this thread.
    static DECODED: Cell<u64> = const { Cell::new(0) };
}

/// How many others have to be delivered before, if any.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct After(Option<u64>);

impl<'de> Deserialize<'de> for After {
    fn deserialize<D: Deserializer<'de>>(bytes: D) -> Result<Self, D::Error> {
        let after = Option::deserialize(bytes)?;
        DECODED.set(DECODED.get() + u64::from(after.is_some()));
        Ok(Self(after))
    }
}

/// Counts its operations. One with a number is early until there are so many.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Count(u64);

impl SecureBroadcastAlgorithm for Count {
    type Op = After;
    type ReplicatedState = u64;

    fn new(_: Actor) -> Self {
        Self(0)
    }

    fn state(&self) -> u64 {
        self.0
    }

    fn sync_from(&mut self, other: u64) {
        self.0 = other;
    }

    fn validate(&self, _: &Actor, After(op): &After) -> bool {
        if op.is_some() {
            JUDGED.set(JUDGED.get() + 1);
        }
        op.is_none_or(|wanted| wanted <= self.0)
    }

    fn apply(&mut self, _: After) {
        self.0 += 1;
    }
}

/// Four replicas, of which the last alone hears of a message that is early until `wanted` others
/// are delivered.
struct Early {
    replicas: Vec<Replica<Count>>,
    message: Arc<Proposal>,
    certificate: Arc<Certificate>,
    echoed: bool,
}

impl Early {
    fn until(wanted: u64) -> Self {
        let keys = keys(4);
        let members = keys.iter().map(SigningActor::actor).collect();
        let algorithm = Count(0);
        let genesis =
            Genesis::new(&algorithm, members, Limits::default(), [0; 32]).expect("four members");
        let network = genesis.network();
        let message = Message {
            source: keys[LIAR].actor(),
            seq: Seq::new(1),
            parent: Head::empty(&network).digest,
            ops: encode(&vec![After(Some(wanted))]).into(),
        };
        let echo = Echo {
            generation: Generation::GENESIS,
            dot: message.dot(),
            digest: message.digest(&network),
        };
        let (generation, sig) = (echo.generation, keys[LIAR].sign(&network, echo).sig);
        let message = Arc::new(Proposal {
            message,
            generation,
            sig,
        });
        let committee = Boundary::genesis(&genesis).expect("four members");
        let seats = committee.committee().seats().zip(&keys).take(3);
        let signed = |((seat, _), key): (_, &SigningActor)| (seat, key.sign(&network, echo).sig);
        let certificate = Arc::new(Certificate {
            statement: echo,
            signatures: seats.map(signed).collect(),
        });
        let replica = |key: SigningActor| {
            Replica::recover(key, Count(0), genesis.clone(), [])
                .expect("a first start")
                .0
        };
        let replicas = keys.into_iter().map(replica).collect();
        let mut early = Self {
            replicas,
            message,
            certificate,
            echoed: false,
        };
        early.show();
        JUDGED.set(0);
        DECODED.set(0);
        early
    }

    /// The attacker shows its message to the last.
    fn show(&mut self) {
        self.give(Body::Proposal(Arc::clone(&self.message)));
    }

    fn give(&mut self, body: Body) {
        let (from, to) = (self.message.message.source, self.replicas[3].actor());
        let step = self.replicas[3].handle_packet(Packet { from, to, body });
        self.carry(vec![step.expect("held")]);
    }

    fn carry(&mut self, steps: Vec<Step>) {
        let mut wire: VecDeque<_> = steps.iter().flat_map(Step::packets).collect();
        while let Some(packet) = wire.pop_front() {
            let own = matches!(&packet.body, Body::Echo(echo) if echo.statement.dot == self.message.message.dot());
            self.echoed |= own;
            let mut replicas = self.replicas.iter_mut();
            let to = replicas.find(|replica| replica.actor() == packet.to);
            let step = to.expect("a member").handle_packet(packet);
            wire.extend(step.iter().flat_map(Step::packets));
        }
    }

    fn deliver(&mut self, messages: u64) {
        for _ in 0..messages {
            let step = self.replicas[1].propose(After(None)).expect("valid");
            self.carry(vec![step]);
        }
    }
}

#[test]
fn an_early_message_is_not_judged_at_each_delivery() {
    let mut early = Early::until(u64::MAX);
    early.deliver(1000);
    assert_eq!(early.replicas[3].algorithm().0, 1000);
    let judged = JUDGED.get();
    assert!((1..=30).contains(&judged), "{judged} times");
}

#[test]
fn an_early_message_that_is_sent_again_is_not_judged_each_time() {
    let mut early = Early::until(u64::MAX);
    for _ in 0..TIMES {
        early.show();
    }
    assert_eq!(JUDGED.get(), 0);
}

/// By the next delivery if that is all it waited for, and else soon after, by ticks if nothing more
/// is delivered.
#[test]
fn an_early_message_is_echoed_when_it_is_valid() {
    for wanted in [1, 5, 100] {
        let mut early = Early::until(wanted);
        early.deliver(wanted - 1);
        assert!(!early.echoed);
        early.deliver(1);
        assert!(early.echoed || wanted > 1);
        for _ in 0..64 {
            let step = early.replicas[3].tick();
            early.carry(vec![step]);
        }
        assert!(early.echoed, "{wanted}");
    }
}

/// Others judged it when more was delivered to them than here, and it is delivered as soon as it is
/// valid here, too. To decode it each time would cost more than to judge it.
#[test]
fn a_certified_message_that_waits_is_judged_at_each_delivery_and_not_decoded_each_time() {
    const WANTED: u64 = 200;
    let mut early = Early::until(WANTED);
    early.give(Body::Certificate(Arc::clone(&early.certificate)));
    early.deliver(WANTED - 1);
    assert_eq!(early.replicas[3].algorithm().0, WANTED - 1);
    early.deliver(1);
    assert_eq!(early.replicas[3].algorithm().0, WANTED + 1);
    let (judged, decoded) = (JUDGED.get(), DECODED.get());
    assert!(judged > WANTED, "{judged} times");
    assert!((1..=20).contains(&decoded), "{decoded} times");
}
