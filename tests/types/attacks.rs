//! What a state must not say, and what a member must not be able to make for ever.

use std::collections::{BTreeMap, BTreeSet};

use bft_crdts::bank::{Bank, Money};
use bft_crdts::codec::{DecodeError, Limits, decode, encode};
use bft_crdts::orswot::Orswot;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::merkle_reg::{CHILDREN, MerkleReg, Node};
use bft_crdts::types::text::{Side, Text};
use bft_crdts::types::tree::{Parent, Tree};
use bft_crdts::types::{BoundedCounter, LwwRegister, Map, Stamp};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};
use serde::Serialize;

use crate::generators::ACTORS;

fn read<A: WireAlgorithm>(forged: &impl Serialize) -> Result<A::ReplicatedState, DecodeError> {
    let bytes = encode(forged);
    decode(&bytes, bytes.len())
}

fn ranks(last: &[(Actor, u64)]) -> BTreeMap<Actor, u64> {
    last.iter().copied().collect()
}

#[test]
fn a_bank_with_more_money_than_was_issued_is_no_state() {
    let rich = (Money::MAX, 0u64);
    let accounts = BTreeMap::from([(ACTORS[0], rich), (ACTORS[1], rich)]);
    let state = read::<Bank>(&(accounts, Money::MAX));
    assert_eq!(state, Err(DecodeError::Malformed));
}

#[test]
fn a_register_that_shows_the_loser_of_a_tie_is_no_state() {
    let mut one = LwwRegister::<u8>::new(ACTORS[0]);
    let writes = [0, 1].map(|who| LwwRegister::<u8>::new(ACTORS[who]).write(7));
    writes.iter().for_each(|write| one.apply(write.clone()));
    let winner = one.current().expect("it was written").stamp;
    let both = ranks(&[(ACTORS[0], 1), (ACTORS[1], 1)]);
    for write in writes {
        let state = read::<LwwRegister<u8>>(&(&both, Some((write.stamp, 7u8))));
        assert_eq!(state.is_ok(), write.stamp == winner, "{state:?}");
    }
}

#[test]
fn a_map_with_two_puts_of_one_name_is_no_state() {
    let stamp = Stamp {
        rank: 1,
        by: ACTORS[0],
    };
    let puts = BTreeMap::from([(1u8, vec![(stamp, 7u8)]), (2, vec![(stamp, 7)])]);
    let state = read::<Map<u8, u8>>(&(ranks(&[(ACTORS[0], 1)]), puts));
    assert_eq!(state, Err(DecodeError::Malformed));
}

#[test]
fn a_tree_whose_nodes_were_created_in_a_circle_is_no_state() {
    let [one, two] = [1, 2].map(|rank| Stamp {
        rank,
        by: ACTORS[0],
    });
    let nodes = BTreeMap::from([
        (one, (7u8, Parent::Under(two), one)),
        (two, (7u8, Parent::Under(one), two)),
    ]);
    let state = read::<Tree<u8>>(&(ranks(&[(ACTORS[0], 2)]), nodes));
    assert_eq!(state, Err(DecodeError::Malformed));
}

#[test]
fn a_tree_with_a_node_created_in_the_trash_is_no_state() {
    let one = Stamp {
        rank: 1,
        by: ACTORS[0],
    };
    let nodes = BTreeMap::from([(one, (7u8, Parent::Trash, one))]);
    let state = read::<Tree<u8>>(&(ranks(&[(ACTORS[0], 1)]), nodes));
    assert_eq!(state, Err(DecodeError::Malformed));
}

#[test]
fn a_tree_with_a_node_under_a_later_one_of_whoever_moved_it_is_no_state() {
    let stamp = |who: usize, rank| Stamp {
        rank,
        by: ACTORS[who],
    };
    let nodes = |moved: Stamp| {
        BTreeMap::from([
            (stamp(0, 1), (7u8, Parent::Under(stamp(1, 3)), moved)),
            (stamp(1, 3), (7u8, Parent::Top, stamp(1, 3))),
        ])
    };
    let last = ranks(&[(ACTORS[0], 1), (ACTORS[1], 9)]);
    let state = read::<Tree<u8>>(&(&last, nodes(stamp(1, 2))));
    assert_eq!(state, Err(DecodeError::Malformed));
    let state = read::<Tree<u8>>(&(&last, nodes(stamp(1, 4))));
    assert!(state.is_ok(), "{state:?}");
}

#[test]
fn a_merkle_register_with_too_many_children_of_one_node_is_no_state() {
    let leaves = (0..=CHILDREN as u32).map(|value| Node {
        by: ACTORS[0],
        children: BTreeSet::new(),
        value,
    });
    let mut nodes: BTreeMap<_, _> = leaves.map(|node| (node.digest(), node)).collect();
    let top = Node {
        by: ACTORS[0],
        children: nodes.keys().copied().collect(),
        value: 0,
    };
    nodes.insert(top.digest(), top);
    let state = read::<MerkleReg<u32>>(&(nodes,));
    assert!(state.is_err());
}

/// One lane: its count, its runs (first, parent's lane and counter, side), what is deleted, its
/// elements, and their bytes.
type Lane = (
    u32,
    Vec<(u32, Option<(u32, u32)>, Side)>,
    Vec<(u32, u32)>,
    Vec<char>,
    u64,
);

#[test]
fn a_text_whose_element_hangs_on_a_later_one_of_its_author_is_no_state() {
    let runs = vec![(1, Some((0, 2)), Side::Left), (2, None, Side::Right)];
    let lane: Lane = (2, runs, vec![], vec!['a', 'b'], 2);
    let state = read::<Text>(&(vec![ACTORS[0]], vec![lane]));
    assert_eq!(state, Err(DecodeError::Malformed));
}

#[test]
fn a_text_of_two_authors_who_each_waited_for_the_other_is_no_state() {
    let lane = |other| -> Lane {
        let runs = vec![(1, Some((other, 2)), Side::Right), (2, None, Side::Right)];
        (2, runs, vec![], vec!['a', 'b'], 2)
    };
    let mut sources = [ACTORS[0], ACTORS[1]];
    sources.sort_unstable();
    let state = read::<Text>(&(sources.to_vec(), vec![lane(1), lane(0)]));
    assert_eq!(state, Err(DecodeError::Malformed));
}

#[test]
fn a_text_of_two_authors_who_wrote_in_turns_is_a_state() {
    let runs = |other| vec![(1, None, Side::Right), (2, Some((other, 1)), Side::Right)];
    let lane = |other| -> Lane { (2, runs(other), vec![], vec!['a', 'b'], 2) };
    let mut sources = [ACTORS[0], ACTORS[1]];
    sources.sort_unstable();
    let state = read::<Text>(&(sources.to_vec(), vec![lane(1), lane(0)]));
    let mut text = Text::new(ACTORS[2]);
    text.sync_from(state.expect("both wrote, and then each after the other's"));
    assert_eq!(text.to_string(), "abab");
}

#[test]
fn a_text_of_deleted_elements_that_took_no_bytes_is_no_state() {
    let runs = vec![(1, None, Side::Right)];
    let lane: Lane = (1 << 24, runs, vec![(1, 1 << 24)], vec![], 0);
    let state = read::<Text>(&(vec![ACTORS[0]], vec![lane]));
    assert!(
        state.is_err(),
        "a few bytes that make a newcomer keep 64 MiB"
    );
}

#[test]
fn rights_beyond_every_quota_make_no_valid_grant_overflow() {
    let mut rights =
        BoundedCounter::with_quotas(ACTORS[0], BTreeMap::from([(ACTORS[0], 9)])).expect("few");
    let accounts = BTreeMap::from([
        (ACTORS[0], (0u64, 0u64, 0u64)),
        (ACTORS[1], (u64::MAX / 2, 0, u64::MAX / 2)),
    ]);
    let more = BTreeMap::from([(ACTORS[1], (u64::MAX, 0u64, u64::MAX))]);
    assert!(read::<BoundedCounter>(&more).is_err(), "beyond every bound");
    let state = read::<BoundedCounter>(&accounts).expect("within the bound");
    rights.sync_from(state);
    let grant = rights.grant(9);
    assert!(rights.validate(&ACTORS[0], &grant));
    rights.apply(grant);
    assert_eq!(rights.available(), u64::MAX / 2 + 9);
}

#[test]
fn what_fits_a_message_when_it_is_added_fits_one_when_it_is_removed() {
    let most = Limits::default().message_bytes as usize - size_of::<u64>();
    let mut set = Orswot::<String>::new(ACTORS[0]);
    let around = encode(&set.add(String::new())).len();
    let add = set.add("m".repeat(most - around));
    assert_eq!(encode(&add).len(), most);
    if set.validate(&ACTORS[0], &add) {
        let member = add.members().first().expect("one").clone();
        set.apply(add);
        let removal = set.remove(&member).expect("it is there");
        let len = encode(&removal).len();
        assert!(
            len <= most,
            "a removal of {len} bytes, where {most} fit: nobody can remove it"
        );
    }
}
