//! The promises of AT2, and that it is the bank whose accounts are all opened at genesis.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::transfers::{Ledger, actor};
use bft_crdts::at2_impl::{At2, TooMuchMoney};
use bft_crdts::bank::{Bank, Op};
use bft_crdts::codec::{decode, encode};
use bft_crdts::laws::{self, Trial};
use bft_crdts::money::{Money, Transfer, TransferId};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use quickcheck_macros::quickcheck;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEPS: usize = 100;

fn genesis(balances: &[u64]) -> BTreeMap<Actor, Money> {
    let accounts = (1..).zip(balances);
    accounts
        .map(|(n, balance)| (actor(n), Money::new(*balance)))
        .collect()
}

/// The replica of the actor `n`.
fn at2(n: u8, balances: &[u64]) -> At2 {
    At2::with_balances(actor(n), genesis(balances)).expect("little money")
}

fn deliver(at2: &mut At2, from: u8, op: Transfer) {
    assert_eq!(at2.verdict(&actor(from), &op), Verdict::Valid, "{op:?}");
    at2.apply(op);
    assert!(at2.is_conserved());
}

fn balances(at2: &At2) -> Vec<u64> {
    at2.accounts().map(|(_, balance)| balance.units()).collect()
}

fn is_never(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Never(_))
}

fn is_not_yet(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotYet(_))
}

fn transfer(from: u8, number: u64, to: u8, amount: u64) -> Transfer {
    let source = actor(from);
    Transfer {
        id: TransferId { source, number },
        to: actor(to),
        amount: Money::new(amount),
        deps: vec![],
    }
}

#[quickcheck]
fn an_ordinary_transfer_moves_its_amount(ann: u32, bob: u32, amount: u32) {
    let amount = u64::from(amount % ann.max(1)).max(1);
    let (ann, bob) = (u64::from(ann).max(1), u64::from(bob));
    let mut at2 = at2(1, &[ann, bob]);
    let op = at2
        .transfer(actor(2), Money::new(amount))
        .expect("it is there");
    deliver(&mut at2, 1, op);
    assert_eq!(balances(&at2), [ann - amount, bob + amount]);
}

#[quickcheck]
fn a_transfer_beyond_the_balance_is_not_written_and_waits_if_it_comes(ann: u32, beyond: u32) {
    let (ann, beyond) = (u64::from(ann), u64::from(beyond) + 1);
    let mut at2 = at2(1, &[ann, 0, beyond]);
    assert_eq!(at2.transfer(actor(2), Money::new(ann + beyond)), None);
    let op = transfer(1, 1, 2, ann + beyond);
    assert!(is_not_yet(at2.verdict(&actor(1), &op)));
    deliver(&mut at2, 3, transfer(3, 1, 1, beyond));
    deliver(&mut at2, 1, op);
    assert_eq!(balances(&at2), [0, ann + beyond, 0]);
}

#[quickcheck]
fn nobody_pays_from_anothers_account(amount: u64, impostor: u8) {
    let impostor = actor(impostor.max(2));
    let verdict = at2(1, &[100, 100, 100]).verdict(&impostor, &transfer(1, 1, 2, amount));
    assert!(is_never(verdict));
}

#[quickcheck]
fn a_transfer_that_moves_nothing_is_refused(amount: u64) {
    let mut at2 = at2(1, &[100, 100]);
    let before = at2.state();
    for op in [transfer(1, 1, 1, amount), transfer(1, 1, 2, 0)] {
        assert!(is_never(at2.verdict(&actor(1), &op)));
    }
    at2.apply(transfer(1, 1, 1, amount));
    assert_eq!(at2.state(), before);
}

#[quickcheck]
fn accounts_that_the_genesis_does_not_name_neither_pay_nor_are_paid(amount: u64) {
    let mut at2 = at2(1, &[100]);
    let before = at2.state();
    for op in [transfer(9, 1, 1, amount), transfer(1, 1, 9, amount)] {
        assert!(is_never(at2.verdict(&op.id.source, &op)));
        at2.apply(op);
    }
    assert_eq!(at2.state(), before);
    assert_eq!(at2.balance(&actor(9)), None);
}

#[test]
fn two_equal_payments_move_twice_the_money() {
    let mut at2 = at2(1, &[100, 0]);
    for _ in 0..2 {
        let op = at2.transfer(actor(2), Money::new(10)).expect("it is there");
        deliver(&mut at2, 1, op);
    }
    assert_eq!(balances(&at2), [80, 20]);
}

#[test]
fn a_genesis_with_more_money_than_can_be_counted_is_refused() {
    let all = At2::with_balances(actor(1), genesis(&[u64::MAX, 0]));
    assert!(all.is_ok_and(|at2| at2.is_conserved()));
    let more = At2::with_balances(actor(1), genesis(&[u64::MAX, 1]));
    assert_eq!(more.err(), Some(TooMuchMoney));
}

#[test]
fn all_the_money_there_can_be_moves_to_and_fro_without_overflow() {
    let mut at2 = at2(1, &[u64::MAX, 0]);
    for number in 1..=3 {
        deliver(&mut at2, 1, transfer(1, number, 2, u64::MAX));
        assert!(is_not_yet(
            at2.verdict(&actor(1), &transfer(1, number + 1, 2, 1))
        ));
        deliver(&mut at2, 2, transfer(2, number, 1, u64::MAX));
    }
    assert_eq!(balances(&at2), [u64::MAX, 0]);
}

/// What the seed's prototype of AT2 ran: the third spends what the first brought.
#[test]
fn a_payment_names_the_income_it_builds_on_and_waits_for_it() {
    let start = [1000, 1000, 1000, 1000];
    let mut here = at2(4, &start);
    let mut there = at2(2, &start);
    let first = transfer(1, 1, 2, 500);
    deliver(&mut there, 1, first.clone());
    let third = there.transfer(actor(4), Money::new(1500)).expect("it came");
    assert_eq!(third.deps, [first.id]);
    assert!(is_not_yet(here.verdict(&actor(2), &third)));
    deliver(&mut here, 1, first);
    deliver(&mut here, 1, transfer(1, 2, 3, 500));
    deliver(&mut here, 2, third);
    assert_eq!(balances(&here), [0, 0, 1500, 2500]);
}

#[test]
fn the_genesis_is_part_of_the_configuration() {
    assert_eq!(
        at2(1, &[1, 2]).configuration(),
        at2(2, &[1, 2]).configuration()
    );
    assert_ne!(
        at2(1, &[1, 2]).configuration(),
        at2(1, &[1, 3]).configuration()
    );
}

#[test]
fn at2_keeps_the_laws() {
    // The last of those who take part has no account, and neither has the stranger.
    let balances = [500, 100, 10, 0].map(Money::new);
    let genesis: BTreeMap<_, _> = laws::actors(4).into_iter().zip(balances).collect();
    let fresh = |owner| At2::with_balances(owner, genesis.clone()).expect("little money");
    let trial = Trial::from_env(1).actors(5).length(80);
    let checked = laws::check(fresh, &trial, |random, at2, from| {
        assert!(at2.is_conserved(), "{at2:?}");
        op(random, at2, from, &laws::actors(6))
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

/// A transfer of `from` on `state`: mostly what an honest one would write, else what a liar would.
fn op(random: &mut ChaCha8Rng, state: &At2, from: &Actor, actors: &[Actor]) -> Transfer {
    let ledger = Ledger {
        actors,
        balance: &|owner| state.balance(owner).unwrap_or_default().units(),
        transfers: &|owner| state.history(owner).seq,
    };
    ledger.transfer(random, from)
}

/// Both can express: accounts that are all open before the first transfer, and are not beyond the
/// bank's bound.
#[quickcheck]
fn at2_and_the_bank_agree_on_every_transfer(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let five = [1, 2, 3, 4, 5].map(actor);
    let start: Vec<u64> = (0..5).map(|_| random.random_range(0..500)).collect();
    let (mut at2, mut bank) = (at2(1, &start), Bank::new(actor(1)));
    for (owner, balance) in genesis(&start) {
        bank.apply(Bank::new(owner).open(balance));
    }
    for _ in 0..STEPS {
        let from = actor(random.random_range(1..=5));
        let batch: Vec<_> = (0..3)
            .map(|_| op(&mut random, &at2, &from, &five))
            .collect();
        let ops: Vec<_> = batch.iter().cloned().map(Op::Transfer).collect();
        agree(
            at2.verdict_batch(&from, &batch),
            bank.verdict_batch(&from, &ops),
        );
        for (transfer, op) in batch.into_iter().zip(ops) {
            let verdict = at2.verdict(&from, &transfer);
            agree(verdict, bank.verdict(&from, &op));
            if verdict.is_valid() {
                at2.apply(transfer);
                bank.apply(op);
            }
        }
        let banked: Vec<_> = bank
            .accounts()
            .map(|(_, account)| account.balance.units())
            .collect();
        assert_eq!(balances(&at2), banked);
        let (mine, one) = (actor(2), Money::new(1));
        let written = at2.transfer(mine, one).map(Op::Transfer);
        assert!(written.is_none_or(|op| op == bank.transfer(mine, one)));
    }
}

fn agree(one: Verdict, other: Verdict) {
    assert_eq!(
        discriminant(&one),
        discriminant(&other),
        "{one:?} and {other:?}"
    );
}

#[quickcheck]
fn a_snapshot_survives_the_wire(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let five = [1, 2, 3, 4, 5].map(actor);
    let mut state = at2(1, &[100, 100, 100, 0, 0]);
    for from in (1..=5).cycle().take(30) {
        let op = op(&mut random, &state, &actor(from), &five);
        assert_eq!(decode(&encode(&op), 1 << 20), Ok(op.clone()));
        if state.validate(&actor(from), &op) {
            deliver(&mut state, from, op);
        }
    }
    assert_eq!(decode(&encode(&state.state()), 1 << 20), Ok(state.state()));
}
