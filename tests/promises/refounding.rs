//! A network goes on from a state that another one had certified: the state proves itself, and
//! nothing else is taken over.

use std::sync::Arc;

use crate::common::{Set, Table, key};
use bft_crdts::codec::{Bytes, DecodeError, Limits, decode, encode};
use bft_crdts::deterministic_secure_broadcast::RecoverError;
use bft_crdts::deterministic_secure_broadcast::{Packet, Replica};
use bft_crdts::membership::{
    CertifiedState, CertifiedStateError, Change, GenerationProof, Genesis, GenesisError, Origin,
};
use bft_crdts::quorum::Generation;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

type Parts = (Genesis, Vec<Arc<GenerationProof>>, Bytes);

/// The first generation added 1 and 2, the second begins.
fn renewed(limits: Limits) -> Table {
    let mut table = Table::bounded(4, limits);
    table.add(0, 1);
    table.add(1, 2);
    table.carry_all();
    assert_eq!(table.replicas[0].certified_state(), None);
    table.approve(&[0, 1, 2], Change::Renew);
    table
}

fn certified(table: &Table) -> CertifiedState {
    let state = table.replicas[0].certified_state();
    state.expect("a generation began")
}

fn parts(state: &CertifiedState) -> Parts {
    decode(&encode(state), usize::MAX).expect("the same fields")
}

fn judged(parts: &Parts) -> Result<Origin, CertifiedStateError> {
    let bytes = encode(parts);
    let state: CertifiedState = decode(&bytes, bytes.len()).expect("the same fields");
    state.verify()
}

fn members(set: &Set) -> Vec<u8> {
    let mut members: Vec<_> = set.iter().copied().collect();
    members.sort_unstable();
    members
}

/// In `state`, whoever looks at it.
fn restored(state: &CertifiedState) -> Set {
    let set = state.into_fresh(Set::new(key(50).actor()));
    set.expect("a state of a set")
}

#[test]
fn a_certified_state_is_the_one_with_which_the_last_generation_began_and_proves_itself() {
    let mut table = renewed(Limits::default());
    table.add(0, 3);
    table.carry_all();
    let state = certified(&table);
    let origin = state.verify().expect("a proof");
    assert_eq!(origin.network, table.network());
    assert_eq!(origin.generation, table.replicas[0].generation());
    assert_eq!(members(&restored(&state)), [1, 2]);
    for (seat, replica) in table.replicas.iter().enumerate() {
        let (rebuilt, _) = table.rebuild(seat);
        let state = replica.certified_state();
        assert_eq!(rebuilt.certified_state(), state);
        let proven = state.map(|state| state.verify());
        assert_eq!(proven, Some(Ok(origin)));
    }
}

#[test]
fn no_byte_of_a_certified_state_can_be_changed_or_left_out() {
    let file = encode(&certified(&renewed(Limits::default())));
    let judge = |bytes: &[u8]| {
        let state: Result<CertifiedState, DecodeError> = decode(bytes, file.len());
        state.is_ok_and(|state| state.verify().is_ok())
    };
    assert!(judge(&file));
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 1;
        assert!(!judge(&changed), "byte {place}");
        assert!(!judge(&file[..place]), "{place} bytes");
    }
}

#[test]
fn a_state_that_no_generation_began_with_is_not_certified() {
    let table = renewed(Limits::default());
    let (genesis, proofs, bytes) = parts(&certified(&table));
    let other: Bytes = encode(&table.replicas[0].algorithm().add(9)).into();
    let uncertified = judged(&(genesis.clone(), proofs.clone(), other));
    assert_eq!(uncertified, Err(CertifiedStateError::State));
    // The first state of a network needs nobody's signature.
    let first = encode(&Set::new(table.actor(0)).state()).into();
    let unsigned = judged(&(genesis.clone(), Vec::new(), first));
    assert_eq!(unsigned, Err(CertifiedStateError::State));
    let twice = [proofs.clone(), proofs].concat();
    let repeated = judged(&(genesis, twice, bytes));
    assert!(matches!(
        repeated,
        Err(CertifiedStateError::GenerationProof(_))
    ));
}

#[test]
fn what_one_network_certified_proves_nothing_of_another_of_the_same_members() {
    let mut limits = Limits::default();
    limits.message_ops -= 1;
    let (here, there) = (renewed(Limits::default()), renewed(limits));
    let (_, proofs, bytes) = parts(&certified(&here));
    let (genesis, _, _) = parts(&certified(&there));
    let moved = judged(&(genesis, proofs, bytes));
    assert!(matches!(
        moved,
        Err(CertifiedStateError::GenerationProof(_))
    ));
}

/// Two members of the old network and two new ones go on, from its certified state.
fn succeed(old: &Table) -> (Table, Origin) {
    let state = certified(old);
    let origin = state.verify().expect("a proof");
    let mut keys = vec![old.keys[0].clone(), old.keys[1].clone(), key(71), key(72)];
    keys.sort_by_key(SigningActor::actor);
    let members = keys.iter().map(SigningActor::actor).collect();
    let first = restored(&state);
    let limits = state.genesis().limits().clone();
    let genesis = Genesis::succeeding(&first, members, limits, &origin, [5; 16]);
    let genesis = genesis.expect("four members");
    (Table::seated(keys, genesis, Some(first.state())), origin)
}

#[test]
fn a_network_says_from_which_state_it_goes_on_and_begins_with_no_other() {
    let old = renewed(Limits::default());
    let (new, origin) = succeed(&old);
    assert!(new.genesis.succeeds(&origin));
    assert!(!old.genesis.succeeds(&origin));
    let later = Generation::GENESIS.next().and_then(Generation::next);
    let (network, generation) = (new.network(), later.expect("a number"));
    assert!(!new.genesis.succeeds(&Origin {
        generation,
        ..origin
    }));
    assert!(!new.genesis.succeeds(&Origin { network, ..origin }));
    let fresh = Set::new(new.actor(0));
    let empty = Replica::recover(new.keys[0].clone(), fresh, new.genesis.clone(), []);
    assert!(matches!(
        empty,
        Err(RecoverError::Genesis(GenesisError::State))
    ));
}

#[test]
fn a_network_that_goes_on_takes_nothing_that_was_said_in_the_old_one() {
    let mut old = renewed(Limits::default());
    let (mut new, _) = succeed(&old);
    let mut said = Vec::new();
    old.add(0, 3);
    old.carry(|packet| {
        said.push(packet.clone());
        true
    });
    (0..4).for_each(|seat| old.tick(seat));
    said.extend(old.take_wire());
    assert!(said.len() > 12);
    let keys: Vec<_> = new.keys.iter().map(SigningActor::actor).collect();
    for packet in said {
        for to in &keys {
            let (to, packet) = (*to, packet.clone());
            // Most are refused; none changes anything.
            let _ = new.hand_over(Packet { to, ..packet });
        }
    }
    new.take_wire();
    for (seat, replica) in new.replicas.iter().enumerate() {
        assert_eq!(members(replica.algorithm()), [1, 2]);
        assert!(replica.blocked().is_empty(), "{:?}", replica.blocked());
        assert!(replica.convicted().is_empty());
        assert!(new.delivered[seat].is_empty());
    }
}

#[test]
fn a_network_that_goes_on_adds_removes_renews_and_lets_others_in() {
    let (mut new, _) = succeed(&renewed(Limits::default()));
    let one = new.replicas[0].ahead().remove(&1).expect("it is there");
    new.propose(0, one);
    (0..4).for_each(|seat| new.add(seat, 10 + seat as u8));
    new.carry_all();
    new.run(3);
    new.assert_level();
    new.approve(&[0, 1, 2], Change::Renew);
    let newcomer = new.enter(80, |_| {});
    new.run(8);
    assert_eq!(
        new.replicas[newcomer].generation(),
        new.replicas[0].generation()
    );
    let joining = new.entry(newcomer);
    new.approve(&[0, 1, 2], joining);
    new.add(newcomer, 20);
    new.carry_all();
    new.run(3);
    new.assert_level();
    assert_eq!(
        members(new.replicas[0].algorithm()),
        [2, 10, 11, 12, 13, 20]
    );
}
