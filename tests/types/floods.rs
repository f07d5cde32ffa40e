//! One source writes valid operations for as long as it can: what all others keep for it stays
//! bounded.

use std::collections::BTreeMap;

use bft_crdts::at2_impl::At2;
use bft_crdts::bank::{Bank, Money};
use bft_crdts::codec::encode;
use bft_crdts::orswot::Orswot;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::tree::Parent;
use bft_crdts::types::{
    BoundedCounter, Budget, Counter, Graph, Keyed, LwwRegister, Map, MerkleReg, MvRegister, Part,
    Poll, Text, Tree, mv_register, poll,
};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

use crate::generators::ACTORS;

const BUDGET: Budget = Budget {
    op_bytes: 100,
    entries: 20,
    bytes: 600,
};

/// More than any budget here.
const FLOOD: usize = 500;

/// The author, and what a bound allows an entry to take beside its content: names, ranks, lengths.
const OVERHEAD: usize = 200;

/// Floods `all` with what `write` makes of a number, and returns how much was valid. The state is
/// never larger than `most` bytes, and from the middle of the flood on never larger than before.
fn flood<A: WireAlgorithm>(mut all: A, most: usize, write: impl Fn(&A, usize) -> A::Op) -> usize {
    let from = ACTORS[0];
    let (mut valid, mut largest) = (0, 0);
    for number in 0..FLOOD {
        let op = write(&all, number);
        if all.validate(&from, &op) {
            all.apply(op);
            valid += 1;
        }
        let bytes = encode(&all.state()).len();
        assert!(bytes <= most, "{bytes} bytes after {number} writes");
        if number < FLOOD / 2 {
            largest = largest.max(bytes);
        }
        assert!(bytes <= largest, "it still grows at {number}");
    }
    valid
}

fn liar() -> Actor {
    ACTORS[0]
}

/// A new value each time, of the same length.
fn text(number: usize) -> String {
    format!("{number:020}")
}

fn entries(count: usize) -> usize {
    count * OVERHEAD + BUDGET.bytes as usize
}

#[test]
fn one_source_fills_no_counter() {
    let most = OVERHEAD;
    assert_eq!(flood(Counter::new(liar()), most, |it, _| it.add(1)), FLOOD);
    let over = flood(Counter::new(liar()), most, |it, _| it.add(Counter::MOST));
    assert_eq!(over, 1);
}

#[test]
fn one_source_opens_one_account_of_rights_and_none_for_others() {
    let quotas = BTreeMap::from([(liar(), u64::MAX / 2)]);
    let rights = BoundedCounter::with_quotas(liar(), quotas).expect("one quota");
    let valid = flood(rights, OVERHEAD, |it, number| match number {
        0 => it.open(),
        1 => it.grant(1_000_000),
        _ => {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
            it.give(Actor::from_bytes(bytes), 1)
        }
    });
    assert_eq!(
        valid, 2,
        "gifts wait for accounts that only their owners open"
    );
}

#[test]
fn one_source_fills_no_register() {
    let most = OVERHEAD + BUDGET.op_bytes as usize;
    let lww = LwwRegister::with_budget(liar(), BUDGET);
    assert_eq!(flood(lww, most, |it, number| it.write(text(number))), FLOOD);
    let mv = MvRegister::with_budget(liar(), BUDGET);
    assert_eq!(flood(mv, most, |it, number| it.write(text(number))), FLOOD);
    let lww = LwwRegister::with_budget(liar(), BUDGET);
    assert_eq!(flood(lww, most, |it, _| it.write("x".repeat(200))), 0);
}

#[test]
fn one_source_fills_no_map() {
    let map = Map::<String, String>::with_budget(liar(), BUDGET);
    let valid = flood(map, entries(20), |it, number| it.put(text(number), text(0)));
    assert!((5..=20).contains(&valid), "{valid}");
    let map = Map::<u64, u8>::with_budget(liar(), BUDGET);
    let valid = flood(map, entries(20), |it, number| it.put(number as u64, 0));
    assert_eq!(valid, 20);
}

#[test]
fn one_source_opens_no_more_keys_than_its_budget() {
    let inner = LwwRegister::<String>::with_budget(liar(), BUDGET);
    let keyed = Keyed::of(liar(), inner, BUDGET);
    let each = OVERHEAD + BUDGET.op_bytes as usize;
    let valid = flood(keyed, entries(20) + 20 * each, |it, number| {
        it.on(number as u64, |register| register.write(text(number)))
    });
    assert_eq!(valid, 20);
}

#[test]
fn one_source_fills_no_merkle_register() {
    let register = MerkleReg::<String>::with_budget(liar(), BUDGET);
    let valid = flood(register, entries(20), |it, number| {
        let mut node = it.write(text(number));
        node.children.clear();
        node
    });
    assert!((5..=20).contains(&valid), "{valid}");
}

#[test]
fn one_source_fills_no_graph_and_no_set() {
    let set = Orswot::<String>::with_budget(liar(), BUDGET);
    let valid = flood(set, entries(20), |it, number| it.add(text(number)));
    assert_eq!(valid, 20);
    let graph = Graph::<u64>::with_budgets(liar(), BUDGET, BUDGET);
    let valid = flood(graph, 2 * entries(20), |it, number| match number % 2 {
        0 => it.add_vertex(number as u64),
        _ => it.add_edge(number as u64, 0),
    });
    assert_eq!(valid, 40);
}

#[test]
fn what_is_removed_makes_room_in_the_budget_of_the_set_and_the_map() {
    let set = Orswot::<u64>::with_budget(liar(), BUDGET);
    let most = entries(20);
    let valid = flood(set, most, |it, number| {
        let full = it.len() == 20;
        let oldest = it.iter().next().copied().filter(|_| full);
        let removal = oldest.and_then(|oldest| it.remove(&oldest));
        removal.unwrap_or_else(|| it.add(number as u64))
    });
    assert_eq!(valid, FLOOD);
    let map = Map::<u64, u8>::with_budget(liar(), BUDGET);
    let valid = flood(map, most, |it, number| {
        let full = it.len() == 20;
        let oldest = it.iter().next().map(|(key, _)| *key).filter(|_| full);
        let removal = oldest.and_then(|oldest| it.remove(&oldest));
        removal.unwrap_or_else(|| it.put(number as u64, 0))
    });
    assert_eq!(valid, FLOOD);
}

#[test]
fn one_source_fills_no_tree_with_nodes_and_none_with_moves() {
    let tree = Tree::<String>::with_budget(liar(), BUDGET);
    let valid = flood(tree, entries(20), |it, number| {
        it.create(Parent::Top, text(number))
    });
    assert_eq!(valid, 20);
    let tree = Tree::<String>::with_budget(liar(), BUDGET);
    let valid = flood(tree, entries(2), |it, number| {
        let first = it.nodes().next().map(|(node, _)| *node);
        match first {
            None => it.create(Parent::Top, text(0)),
            Some(node) if number % 2 == 0 => it.move_to(node, Parent::Top),
            Some(node) => it.move_to(node, Parent::Trash),
        }
    });
    assert_eq!(valid, FLOOD);
}

#[test]
fn one_source_fills_no_text_and_deletes_to_no_end() {
    let valid = flood(
        Text::with_budget(liar(), BUDGET),
        entries(20),
        |it, number| match it.delete(0..1) {
            Some(delete) if number % 2 == 1 => delete,
            _ => it.insert(it.len() / 2, "a").expect("within"),
        },
    );
    assert_eq!(valid, 40, "20 letters, each deleted");
}

#[test]
fn one_source_fills_no_poll() {
    let rules = poll::Rules {
        budget: BUDGET,
        ..poll::Rules::default()
    };
    let poll = Poll::<String>::with_rules(liar(), rules);
    let valid = flood(poll, entries(20), |it, number| it.vote(text(number)));
    assert_eq!(valid, 20);
}

#[test]
fn one_source_opens_one_account_of_a_bank_and_pays_no_other_into_being() {
    let valid = flood(Bank::new(liar()), OVERHEAD, |it, number| match number {
        0 => it.open(Money::new(1_000_000)),
        _ => {
            let mut bytes = [1; 32];
            bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
            it.transfer(Actor::from_bytes(bytes), Money::new(1))
        }
    });
    assert_eq!(valid, 1);
}

#[test]
fn one_source_leaves_no_more_in_at2_than_the_accounts_of_the_genesis() {
    let genesis = BTreeMap::from([(liar(), Money::new(1_000)), (ACTORS[1], Money::ZERO)]);
    let at2 = At2::with_balances(liar(), genesis).expect("it can be counted");
    let valid = flood(at2, 2 * OVERHEAD, |it, _| {
        let payment = it.transfer(ACTORS[1], Money::new(1));
        payment.expect("there is enough")
    });
    assert_eq!(valid, FLOOD);
}

/// Lets `write` fill a replica of a wide budget beyond a narrow one. The narrow one admits what it
/// holds itself, and not that.
fn is_admitted_within_the_budget<A: WireAlgorithm>(
    of: impl Fn(Budget) -> A,
    write: impl Fn(&A, usize) -> A::Op,
) {
    let wide = Budget {
        op_bytes: 1 << 20,
        entries: 1 << 20,
        bytes: 1 << 30,
    };
    let (narrow, from) = (of(BUDGET), ACTORS[0]);
    for (budget, admitted) in [(BUDGET, true), (wide, false)] {
        let mut all = of(budget);
        for number in 0..FLOOD {
            let op = write(&all, number);
            if all.validate(&from, &op) {
                all.apply(op);
            }
        }
        assert_eq!(narrow.admits(&all.state()), admitted, "{}", A::NAME);
    }
}

#[test]
fn a_state_beyond_the_budget_is_not_admitted() {
    let large = |number: usize| text(number).repeat(1 + number % 9);
    is_admitted_within_the_budget(
        |budget| Orswot::with_budget(liar(), budget),
        |it, n| it.add(n),
    );
    is_admitted_within_the_budget(
        |budget| Map::with_budget(liar(), budget),
        |it, n| it.put(n, n),
    );
    is_admitted_within_the_budget(
        |budget| Graph::with_budgets(liar(), budget, budget),
        |it, n| it.add_edge(n, n),
    );
    is_admitted_within_the_budget(
        |budget| Tree::with_budget(liar(), budget),
        |it, n| it.create(Parent::Top, n),
    );
    is_admitted_within_the_budget(
        |budget| MerkleReg::with_budget(liar(), budget),
        |it, n| it.write(n),
    );
    is_admitted_within_the_budget(
        |budget| Keyed::of(liar(), Counter::new(liar()), budget),
        |it, n| it.on(n, |inner| inner.add(1)),
    );
    is_admitted_within_the_budget(
        |budget| {
            let inner = LwwRegister::with_budget(liar(), budget);
            Keyed::<u8, _>::of(liar(), inner, BUDGET)
        },
        |it, n| it.on(1, |inner| inner.write(large(n))),
    );
    is_admitted_within_the_budget(
        |budget| {
            (
                Counter::new(liar()),
                MvRegister::with_budget(liar(), budget),
            )
        },
        |_, n| {
            let (by, over, value) = (liar(), [].into(), large(n));
            Part::Second(mv_register::Write { by, over, value })
        },
    );
    is_admitted_within_the_budget(
        |budget| {
            let rules = poll::Rules {
                budget,
                ..poll::Rules::default()
            };
            Poll::with_rules(liar(), rules)
        },
        |it, n| it.vote(n),
    );
    is_admitted_within_the_budget(
        |budget| Text::with_budget(liar(), budget),
        |it, _| it.insert(0, "a").expect("the start"),
    );
    is_admitted_within_the_budget(
        |budget| {
            let quotas = BTreeMap::from([(liar(), budget.entries)]);
            BoundedCounter::with_quotas(liar(), quotas).expect("one quota")
        },
        |it, n| if n == 0 { it.open() } else { it.grant(1) },
    );
}

#[test]
fn a_vote_without_a_right_to_is_not_admitted() {
    let all = Poll::new(liar());
    let voters = [ACTORS[1]].into();
    let rules = poll::Rules {
        voters: Some(voters),
        ..poll::Rules::default()
    };
    let some = Poll::with_rules(ACTORS[1], rules);
    let mut voted = all.clone();
    voted.apply(all.vote(7u8));
    assert!(all.admits(&voted.state()));
    assert!(!some.admits(&voted.state()));
}
