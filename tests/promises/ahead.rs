//! What a source pays for proposing in bursts, in copies of its algorithm.

use std::cell::Cell;
use std::collections::VecDeque;

use crate::common::keys;
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::Replica;
use bft_crdts::membership::Genesis;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

thread_local! {
    static COPIES: Cell<u32> = const { Cell::new(0) };
}

/// A sum, of which copies are counted.
#[derive(Debug, PartialEq, Eq)]
struct Sum(u64);

impl Clone for Sum {
    fn clone(&self) -> Self {
        COPIES.set(COPIES.get() + 1);
        Self(self.0)
    }
}

impl SecureBroadcastAlgorithm for Sum {
    type Op = u64;
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

    fn validate(&self, _: &Actor, _: &u64) -> bool {
        true
    }

    fn apply(&mut self, op: u64) {
        self.0 += op;
    }

    fn verdict_batch(&self, _: &Actor, _: &[u64]) -> bft_crdts::Verdict {
        bft_crdts::Verdict::Valid
    }
}

/// Proposes 1 so many times, then lets everybody deliver all. The copies that it took.
fn burst(replicas: &mut [Replica<Sum>], ops: u64) -> u32 {
    let before = COPIES.get();
    let mut wire = VecDeque::new();
    for _ in 0..ops {
        let step = replicas[0].propose(1).expect("valid");
        wire.extend(step.packets());
    }
    let copies = COPIES.get() - before;
    while let Some(packet) = wire.pop_front() {
        let to = |replica: &&mut Replica<Sum>| replica.actor() == packet.to;
        let replica = replicas.iter_mut().find(to).expect("a member");
        let step = replica.handle_packet(packet).expect("nobody lies");
        wire.extend(step.packets());
    }
    copies
}

#[test]
fn bursts_copy_the_algorithm_once_until_the_source_rests_and_single_operations_never_do() {
    let keys = keys(4);
    let members = keys.iter().map(|key| key.actor()).collect();
    let genesis = Genesis::new(&Sum(0), members, Limits::default(), [0; 32]).expect("a committee");
    let replica = |key: &bft_crdts::SigningActor| {
        let replica = Replica::recover(key.clone(), Sum(0), genesis.clone(), []);
        replica.expect("the genesis fits").0
    };
    let mut replicas: Vec<_> = keys.iter().map(replica).collect();
    assert_eq!(burst(&mut replicas, 1) + burst(&mut replicas, 1), 0);
    assert_eq!(burst(&mut replicas, 3), 1);
    assert_eq!(burst(&mut replicas, 3) + burst(&mut replicas, 3), 0);
    for _ in 0..15 {
        let _pausing = replicas[0].tick();
    }
    assert_eq!(burst(&mut replicas, 3), 0);
    for _ in 0..20 {
        let _resting = replicas[0].tick();
    }
    assert_eq!(burst(&mut replicas, 3), 1);
    for replica in &mut replicas {
        assert_eq!(replica.algorithm().0, 17);
        assert_eq!(replica.ahead().0, 17);
    }
}
