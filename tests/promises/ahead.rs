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

/// Proposes 1 so many times, one by one or with one call, then lets everybody deliver all. The
/// copies that it took.
fn burst(replicas: &mut [Replica<Sum>], ops: usize, at_once: bool) -> u32 {
    let before = COPIES.get();
    let mut wire = VecDeque::new();
    for _ in 0..if at_once { 1 } else { ops } {
        let together = vec![1; if at_once { ops } else { 1 }];
        let step = replicas[0].propose_all(together).expect("valid");
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

fn sums() -> Vec<Replica<Sum>> {
    let keys = keys(4);
    let members = keys.iter().map(|key| key.actor()).collect();
    let genesis = Genesis::new(&Sum(0), members, Limits::default(), [0; 32]).expect("a committee");
    let replica = |key: &bft_crdts::SigningActor| {
        let replica = Replica::recover(key.clone(), Sum(0), genesis.clone(), []);
        replica.expect("the genesis fits").0
    };
    keys.iter().map(replica).collect()
}

fn assert_sum(replicas: &mut [Replica<Sum>], sum: u64) {
    for replica in replicas {
        assert_eq!(replica.algorithm().0, sum);
        assert_eq!(replica.ahead().0, sum);
    }
}

#[test]
fn bursts_copy_the_algorithm_once_until_the_source_rests_and_single_operations_never_do() {
    let mut replicas = sums();
    let mut one_by_one = |ops| burst(&mut replicas, ops, false);
    assert_eq!(one_by_one(1) + one_by_one(1), 0);
    assert_eq!(one_by_one(3), 1);
    assert_eq!(one_by_one(3) + one_by_one(3), 0);
    for _ in 0..15 {
        let _pausing = replicas[0].tick();
    }
    assert_eq!(burst(&mut replicas, 3, false), 0);
    for _ in 0..20 {
        let _resting = replicas[0].tick();
    }
    assert_eq!(burst(&mut replicas, 3, false), 1);
    assert_sum(&mut replicas, 17);
}

#[test]
fn what_is_proposed_at_once_copies_nothing_where_nothing_is_pending() {
    let mut replicas = sums();
    for _ in 0..3 {
        assert_eq!(burst(&mut replicas, 2_000, true), 0);
    }
    assert_sum(&mut replicas, 6_000);
}
