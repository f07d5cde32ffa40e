//! The bank's promises: money is moved only by its owner, is never made or lost, and no operation
//! is a bomb.

use crate::transfers::{Ledger, actor};
use std::collections::BTreeSet;

use bft_crdts::bank::{Bank, Money, Op, Rules, Transfer, TransferId};
use bft_crdts::codec::{Limits, decode, encode};
use bft_crdts::laws::{self, Trial};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use quickcheck_macros::quickcheck;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Opens the account of each of the actors 1, 2, 3 and so on; the replica belongs to the first.
fn bank(balances: &[u64]) -> Bank {
    let mut bank = Bank::new(actor(1));
    for (n, balance) in (1..).zip(balances) {
        let op = Bank::new(actor(n)).open(Money::new(*balance));
        deliver(&mut bank, n, op);
    }
    bank
}

/// The same state, on the replica of the actor `n`.
fn at(n: u8, bank: &Bank) -> Bank {
    let mut replica = Bank::new(actor(n));
    replica.sync_from(bank.state());
    replica
}

fn pay(bank: &Bank, from: u8, to: u8, amount: u64) -> Op {
    at(from, bank).transfer(actor(to), Money::new(amount))
}

fn deliver(bank: &mut Bank, from: u8, op: Op) {
    assert_eq!(bank.verdict(&actor(from), &op), Verdict::Valid, "{op:?}");
    bank.apply(op);
    assert!(bank.is_conserved());
}

fn balances(bank: &Bank) -> Vec<u64> {
    bank.accounts()
        .map(|(_, account)| account.balance.units())
        .collect()
}

fn is_never(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Never(_))
}

fn is_not_yet(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotYet(_))
}

fn transfer(op: Op) -> Transfer {
    match op {
        Op::Transfer(transfer) | Op::Referenced(transfer, _) => transfer,
        Op::OpenAccount { .. } => panic!("{op:?} is no transfer"),
    }
}

#[quickcheck]
fn an_ordinary_transfer_moves_its_amount(ann: u32, bob: u32, amount: u32) {
    let amount = u64::from(amount % ann.max(1)).max(1);
    let (ann, bob) = (u64::from(ann).max(1), u64::from(bob));
    let mut bank = bank(&[ann, bob]);
    let op = bank.transfer(actor(2), Money::new(amount));
    deliver(&mut bank, 1, op);
    assert_eq!(balances(&bank), [ann - amount, bob + amount]);
}

#[quickcheck]
fn a_transfer_beyond_the_balance_waits_for_income(ann: u32, beyond: u32) {
    let (ann, beyond) = (u64::from(ann), u64::from(beyond) + 1);
    let mut bank = bank(&[ann, 0, beyond]);
    let op = bank.transfer(actor(2), Money::new(ann + beyond));
    assert!(is_not_yet(bank.verdict(&actor(1), &op)));
    let income = pay(&bank, 3, 1, beyond);
    deliver(&mut bank, 3, income);
    deliver(&mut bank, 1, op);
    assert_eq!(balances(&bank), [0, ann + beyond, 0]);
}

#[quickcheck]
fn nobody_pays_from_anothers_account(balance: u32, amount: u32, impostor: u8) {
    let bank = bank(&[balance.into(), 10, 10]);
    let op = bank.transfer(actor(2), Money::new(amount.into()));
    let impostor = actor(impostor.max(2));
    assert!(is_never(bank.verdict(&impostor, &op)));
}

#[quickcheck]
fn a_transfer_to_oneself_is_refused_and_moves_nothing(balance: u32, amount: u64) {
    let mut bank = bank(&[balance.into()]);
    let before = bank.state();
    let op = bank.transfer(actor(1), Money::new(amount));
    assert!(is_never(bank.verdict(&actor(1), &op)));
    bank.apply(op);
    assert_eq!(bank.state(), before);
}

#[quickcheck]
fn a_transfer_of_nothing_is_refused(balance: u32) {
    let bank = bank(&[balance.into(), 0]);
    let op = bank.transfer(actor(2), Money::ZERO);
    assert!(is_never(bank.verdict(&actor(1), &op)));
}

#[test]
fn two_equal_payments_move_twice_the_money() {
    let mut bank = bank(&[100, 0]);
    for _ in 0..2 {
        let op = bank.transfer(actor(2), Money::new(10));
        deliver(&mut bank, 1, op);
    }
    assert_eq!(balances(&bank), [80, 20]);
}

#[test]
fn the_same_payment_is_not_made_twice() {
    let mut bank = bank(&[100, 0]);
    let op = bank.transfer(actor(2), Money::new(10));
    deliver(&mut bank, 1, op.clone());
    assert!(is_never(bank.verdict(&actor(1), &op)));
}

#[quickcheck]
fn a_transfer_number_that_is_not_the_next_is_refused(made: u8, number: u64) {
    let made = made % 8;
    let mut bank = bank(&[100, 0]);
    for _ in 0..made {
        let op = bank.transfer(actor(2), Money::new(1));
        deliver(&mut bank, 1, op);
    }
    let mut op = transfer(bank.transfer(actor(2), Money::new(1)));
    for number in [0, u64::from(made), u64::from(made) + 2, number, u64::MAX] {
        op.id.number = number;
        let next = number == u64::from(made) + 1;
        let verdict = bank.verdict(&actor(1), &Op::Transfer(op.clone()));
        assert_eq!(is_never(verdict), !next, "{number} after {made}");
    }
}

#[quickcheck]
fn a_payment_from_an_actor_without_an_account_is_refused(amount: u64) {
    let mut bank = bank(&[100, 0]);
    let before = bank.state();
    let op = pay(&bank, 9, 1, amount);
    assert!(is_never(bank.verdict(&actor(9), &op)));
    bank.apply(op);
    assert_eq!(bank.state(), before);
}

#[test]
fn a_payment_to_an_unknown_account_waits_for_its_opening() {
    let mut bank = bank(&[100]);
    let op = bank.transfer(actor(7), Money::new(40));
    assert!(is_not_yet(bank.verdict(&actor(1), &op)));
    deliver(&mut bank, 7, Bank::new(actor(7)).open(Money::ZERO));
    deliver(&mut bank, 1, op);
    assert_eq!(balances(&bank), [60, 40]);
}

#[test]
fn an_account_is_opened_by_its_owner_and_once() {
    let bank = bank(&[100]);
    let again = bank.open(Money::new(1));
    assert!(is_never(bank.verdict(&actor(1), &again)));
    let mine = Bank::new(actor(2)).open(Money::new(1));
    assert!(is_never(bank.verdict(&actor(3), &mine)));
    assert!(bank.validate(&actor(2), &mine));
}

#[test]
fn no_network_has_lanes_enough_for_openings_to_overflow() {
    let mut limits = Limits::default();
    limits.packet_bytes = u32::MAX;
    limits.lanes = 1 << 26;
    assert!(limits.check().is_err());
    let all = u128::from(Bank::MOST_OPENING.units()) << 26;
    assert!(all <= u128::from(u64::MAX));
}

#[test]
fn without_an_issuer_an_opening_is_bounded() {
    let bank = Bank::new(actor(1));
    assert!(bank.validate(&actor(1), &bank.open(Bank::MOST_OPENING)));
    let beyond = Money::new(Bank::MOST_OPENING.units() + 1);
    for balance in [beyond, Money::MAX] {
        assert!(is_never(bank.verdict(&actor(1), &bank.open(balance))));
    }
}

#[quickcheck]
fn with_an_issuer_all_money_is_its_own_opening(units: u64, other: u64) {
    let mut bank = Bank::with_issuer(actor(1), actor(1));
    let bob = Bank::with_issuer(actor(2), actor(1));
    let opening = bob.open(Money::new(other.max(1)));
    assert!(is_never(bank.verdict(&actor(2), &opening)));
    deliver(&mut bank, 2, bob.open(Money::ZERO));
    let opening = bank.open(Money::new(units));
    deliver(&mut bank, 1, opening);
    assert_eq!(bank.issued(), Money::new(units));
}

#[test]
fn the_rules_are_part_of_the_configuration() {
    let issued = |issuer, supply| Rules::issued_by(actor(issuer), Money::new(supply));
    let opening = Rules::default().with_opening(Money::new(7));
    let payment = Rules::default().with_payment(Money::new(7));
    let different = [
        Rules::default(),
        issued(1, 5),
        issued(2, 5),
        issued(1, 6),
        opening.expect("small"),
        Rules::default().with_floor(Money::new(7)),
        payment.expect("something"),
    ];
    let configurations: BTreeSet<_> = different
        .iter()
        .map(|rules| Bank::with_rules(actor(1), rules.clone()).configuration())
        .collect();
    assert_eq!(configurations.len(), different.len());
    for rules in different {
        let other = Bank::with_rules(actor(2), rules.clone()).configuration();
        assert!(configurations.contains(&other), "whoever looks at it");
        assert_eq!(Rules::decode(&other), Ok(rules));
    }
}

#[test]
fn the_issuer_opens_with_no_more_than_the_supply_and_a_snapshot_with_more_is_not_admitted() {
    let rules = |supply| Rules::issued_by(actor(1), Money::new(supply));
    let mut bank = Bank::with_rules(actor(1), rules(100));
    let beyond = bank.open(Money::new(101));
    assert!(is_never(bank.verdict(&actor(1), &beyond)));
    let all = bank.open(Money::new(100));
    deliver(&mut bank, 1, all);
    assert!(bank.admits(&bank.state()));
    assert!(!Bank::with_rules(actor(1), rules(99)).admits(&bank.state()));
}

#[test]
fn no_payment_leaves_less_than_the_floor_or_moves_more_than_one_may() {
    let rules = Rules::issued_by(actor(1), Money::new(100)).with_floor(Money::new(10));
    let rules = rules.with_payment(Money::new(60)).expect("something");
    let [mut bank, other] = [1, 2].map(|n| Bank::with_rules(actor(n), rules.clone()));
    let opening = bank.open(Money::new(100));
    deliver(&mut bank, 1, opening);
    deliver(&mut bank, 2, other.open(Money::ZERO));
    let large = pay(&bank, 1, 2, 61);
    assert!(is_never(bank.verdict(&actor(1), &large)));
    let first = pay(&bank, 1, 2, 60);
    deliver(&mut bank, 1, first);
    let below = pay(&bank, 1, 2, 31);
    assert!(is_not_yet(bank.verdict(&actor(1), &below)));
    let floor = pay(&bank, 1, 2, 30);
    let mut one_more = transfer(pay(&bank, 1, 2, 1));
    one_more.id.number += 1;
    let one_more = Op::Transfer(one_more);
    assert!(is_not_yet(
        bank.verdict_batch(&actor(1), &[floor.clone(), one_more])
    ));
    deliver(&mut bank, 1, floor);
    assert_eq!(balances(&bank), [10, 90]);
}

#[test]
fn all_the_money_there_can_be_moves_without_overflow() {
    let mut bank = Bank::with_issuer(actor(1), actor(1));
    let opening = bank.open(Money::MAX);
    deliver(&mut bank, 1, opening);
    deliver(&mut bank, 2, Bank::new(actor(2)).open(Money::ZERO));
    let there = pay(&bank, 1, 2, u64::MAX);
    deliver(&mut bank, 1, there);
    let one_more = pay(&bank, 1, 2, 1);
    assert!(is_not_yet(bank.verdict(&actor(1), &one_more)));
    let back = pay(&bank, 2, 1, u64::MAX);
    deliver(&mut bank, 2, back);
    assert_eq!(balances(&bank), [u64::MAX, 0]);
}

#[test]
fn malformed_deps_are_refused() {
    let bank = bank(&[100, 0, 0]);
    let dep = |n, number| TransferId {
        source: actor(n),
        number,
    };
    let many = u8::try_from(Transfer::MOST_DEPS).expect("a small bound") + 10;
    for deps in [
        vec![dep(2, 0)],
        vec![dep(1, 1)],
        vec![dep(2, 1), dep(2, 2)],
        vec![dep(3, 1), dep(2, 1)],
        (2..many).map(|n| dep(n, 1)).collect(),
    ] {
        let mut op = transfer(bank.transfer(actor(2), Money::new(1)));
        op.deps = deps;
        assert!(is_never(bank.verdict(&actor(1), &Op::Transfer(op))));
    }
}

#[test]
fn a_payment_names_the_newest_income_since_the_last_payment() {
    let mut bank = bank(&[0, 100, 100]);
    for from in [2, 3, 2] {
        let income = pay(&bank, from, 1, 10);
        deliver(&mut bank, from, income);
    }
    let first = transfer(bank.transfer(actor(2), Money::new(5)));
    let named = [(2, 2), (3, 1)].map(|(n, number)| TransferId {
        source: actor(n),
        number,
    });
    assert_eq!(first.deps, named);
    // Income that comes before the payment takes effect is named by the next one.
    let late = pay(&bank, 3, 1, 10);
    deliver(&mut bank, 3, late);
    deliver(&mut bank, 1, Op::Transfer(first));
    let second = transfer(bank.transfer(actor(2), Money::new(5)));
    assert_eq!(
        second.deps,
        [TransferId {
            source: actor(3),
            number: 2
        }]
    );
    deliver(&mut bank, 1, Op::Transfer(second));
    assert_eq!(transfer(bank.transfer(actor(2), Money::new(5))).deps, []);
}

/// A dep beyond the snapshot would hold the payment back everywhere.
#[test]
fn after_a_snapshot_a_payment_names_only_income_that_came_since() {
    let mut bank = bank(&[10, 10]);
    let earlier = bank.state();
    let income = pay(&bank, 2, 1, 5);
    deliver(&mut bank, 2, income);
    bank.sync_from(earlier);
    let payment = bank.transfer(actor(2), Money::new(1));
    assert_eq!(transfer(payment.clone()).deps, []);
    deliver(&mut bank, 1, payment);
}

#[test]
fn income_beyond_the_bound_on_deps_is_named_by_the_next_payment() {
    let payers = u8::try_from(Transfer::MOST_DEPS).expect("a small bound") + 3;
    let mut bank = bank(&vec![10; usize::from(payers) + 1]);
    for from in 2..=payers + 1 {
        let income = pay(&bank, from, 1, 1);
        deliver(&mut bank, from, income);
    }
    for named in [Transfer::MOST_DEPS, 3, 0] {
        let payment = bank.transfer(actor(2), Money::new(1));
        assert_eq!(transfer(payment.clone()).deps.len(), named);
        deliver(&mut bank, 1, payment);
    }
}

/// Each hop spends what the hop before brought; then held operations arrive in every order.
#[test]
fn three_hops_take_effect_in_their_causal_order_whatever_order_they_come_in() {
    let start = bank(&[100, 0, 0, 0]);
    let mut replicas: Vec<Bank> = (1..=4).map(|n| at(n, &start)).collect();
    let mut hops = Vec::new();
    for n in 1..=3u8 {
        let op = replicas[usize::from(n) - 1].transfer(actor(n + 1), Money::new(100));
        for replica in &mut replicas {
            deliver(replica, n, op.clone());
        }
        hops.push((n, op));
    }
    assert_eq!(transfer(hops[2].1.clone()).deps.len(), 1);
    for [a, b, c] in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut bank = start.clone();
        let mut held = Vec::new();
        for hop in [a, b, c] {
            held.push(hops[hop].clone());
            settle(&mut bank, &mut held);
        }
        assert!(held.is_empty());
        assert_eq!(balances(&bank), [0, 0, 0, 100]);
    }
}

/// Also where the money is there already: a payment is never seen before the income that it names.
#[test]
fn a_payment_waits_for_the_income_it_names_although_it_could_afford_to_go() {
    let mut here = bank(&[50, 50]);
    let mut there = at(2, &here);
    let income = here.transfer(actor(2), Money::new(10));
    deliver(&mut there, 1, income.clone());
    let payment = there.transfer(actor(1), Money::new(1));
    assert!(is_not_yet(here.verdict(&actor(2), &payment)));
    deliver(&mut here, 1, income);
    deliver(&mut here, 2, payment);
    assert_eq!(balances(&here), [41, 59]);
}

fn settle(bank: &mut Bank, held: &mut Vec<(u8, Op)>) {
    while let Some(ready) = held
        .iter()
        .position(|(n, op)| bank.validate(&actor(*n), op))
    {
        let (n, op) = held.remove(ready);
        deliver(bank, n, op);
    }
    for (n, op) in held {
        assert!(is_not_yet(bank.verdict(&actor(*n), op)));
    }
}

#[test]
fn a_batch_may_open_an_account_and_spend_from_it() {
    let bank = bank(&[0]);
    let mut newcomer = at(2, &bank);
    let open = newcomer.open(Money::new(10));
    newcomer.apply(open.clone());
    let spend = newcomer.transfer(actor(1), Money::new(10));
    newcomer.apply(spend.clone());
    let overspend = newcomer.transfer(actor(1), Money::new(1));
    let from = actor(2);
    assert!(
        bank.verdict_batch(&from, &[open.clone(), spend.clone()])
            .is_valid()
    );
    assert!(is_not_yet(bank.verdict_batch(
        &from,
        &[open.clone(), spend.clone(), overspend]
    )));
    assert!(is_never(bank.verdict_batch(&from, &[spend, open])));
}

#[test]
fn the_bank_without_an_issuer_keeps_the_laws() {
    keeps_the_laws(Bank::new, 1);
}

#[test]
fn the_bank_with_an_issuer_keeps_the_laws() {
    let issuer = laws::actors(2)[1];
    keeps_the_laws(move |owner| Bank::with_issuer(owner, issuer), 2);
}

#[test]
fn the_bank_with_a_floor_and_bounded_payments_keeps_the_laws() {
    let rules = Rules::default().with_floor(Money::new(50));
    let rules = rules.with_payment(Money::new(300)).expect("something");
    keeps_the_laws(move |owner| Bank::with_rules(owner, rules.clone()), 3);
}

fn keeps_the_laws(fresh: impl Fn(Actor) -> Bank, seed: u64) {
    let trial = Trial::from_env(seed).actors(5).length(80);
    // The last takes no part.
    let actors = laws::actors(6);
    let checked = laws::check(fresh, &trial, |random, bank, from| {
        assert!(bank.is_conserved(), "{bank:?}");
        op(random, bank, from, &actors)
    });
    let checked = checked.unwrap_or_else(|broken| panic!("{broken}"));
    let [valid, not_yet, never] = [checked.valid, checked.not_yet, checked.never];
    let again = [checked.still_valid, checked.still_never];
    let done = [checked.applied, checked.batches, checked.commuted];
    let least = [valid, not_yet, never]
        .into_iter()
        .chain(again)
        .chain(done)
        .min();
    assert!(least >= Some(checked.cases), "{checked:?}");
}

/// References, of which some are used again.
const INVOICES: [&str; 2] = ["invoice 7", "invoice 8"];

/// An operation of `actor` on `state`: mostly what an honest one would do, else what a liar would.
fn op(random: &mut ChaCha8Rng, state: &Bank, actor: &Actor, actors: &[Actor]) -> Op {
    let ledger = Ledger {
        actors,
        balance: &|owner| state.balance(owner).unwrap_or_default().units(),
        transfers: &|owner| state.account(owner).map_or(0, |account| account.transfers),
    };
    let open = state.account(actor).is_some();
    if random.random_ratio(if open { 1 } else { 8 }, 10) {
        let honest = random.random_ratio(3, 4);
        let owner = if honest {
            *actor
        } else {
            ledger.anybody(random)
        };
        let balance = match random.random_range(0..8) {
            0 => u64::MAX,
            1 => Bank::MOST_OPENING.units() + random.random_range(0..2),
            2..5 => 0,
            _ => random.random_range(0..1000),
        };
        let balance = Money::new(balance);
        return Op::OpenAccount { owner, balance };
    }
    let transfer = ledger.transfer(random, actor);
    match random.random_range(0..6) {
        number @ 0..2 => Op::Referenced(transfer, INVOICES[number].parse().expect("a short text")),
        _ => Op::Transfer(transfer),
    }
}

#[quickcheck]
fn operations_and_states_survive_the_wire(seed: u64) {
    use rand::SeedableRng;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bank = bank(&[100, 100, 100, 0, 0, 0]);
    let six = [1, 2, 3, 4, 5, 6].map(actor);
    for n in (1..=6).cycle().take(30) {
        let op = op(&mut random, &bank, &actor(n), &six);
        assert_eq!(decode(&encode(&op), 1 << 20), Ok(op.clone()));
        assert!(op.to_string().chars().count() <= 40, "{op}");
        if bank.validate(&actor(n), &op) {
            deliver(&mut bank, n, op);
        }
    }
    assert_eq!(decode(&encode(&bank.state()), 1 << 20), Ok(bank.state()));
}

#[test]
fn an_operation_is_short_on_a_chart() {
    let mut payment = transfer(bank(&[1]).transfer(actor(0xab), Money::MAX));
    payment.id.number = u64::MAX;
    let shown = Op::Transfer(payment).to_string();
    assert_eq!(shown, "pay ababab 18446744073709551615");
    assert_eq!(bank(&[]).open(Money::new(7)).to_string(), "open 7");
}
