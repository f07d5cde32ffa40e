//! AT2 on the network, and that it and the bank are one ledger there.

use crate::money::{Brazen, with_thief};
use bft_crdts::at2_impl::At2;
use bft_crdts::bank::{Bank, Op};
use bft_crdts::deterministic_secure_broadcast::ProposeError;
use bft_crdts::dot::Dot;
use bft_crdts::money::{Money, Transfer};
use bft_crdts::net::{Equivocator, Event, Faults, Net, Scenario, SimBuilder, Twins, Vice};
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use quickcheck_macros::quickcheck;

const ALL: Money = Money::new(100);

fn rich(builder: SimBuilder<At2>) -> SimBuilder<At2> {
    let members = builder.actors().len();
    builder
        .balances(vec![ALL; members])
        .invariant(money_is_conserved)
}

fn money_is_conserved(at2: &At2) -> Result<(), String> {
    let told = || format!("{at2:?}");
    at2.is_conserved().then_some(()).ok_or_else(told)
}

fn units(net: &Net<At2>, at: &Actor, of: &Actor) -> u64 {
    net.balance(at, of).expect("an account").units()
}

/// What the payer wants; what it writes is AT2's, so that both ledgers are asked for the same.
fn wish(accounts: &[Actor], balance: Money, number: u16) -> (Actor, Money, u64) {
    let (kind, choice) = (number % 16, u64::from(number / 16));
    let to = accounts[choice as usize % accounts.len()];
    let amount = match kind {
        0..5 => balance.units(),
        5..8 => balance.units().div_ceil(2),
        _ => 1 + choice % 50,
    };
    let twist = match kind {
        14 => 1,
        15 => 2,
        _ => 0,
    };
    (to, Money::new(amount), twist)
}

/// A quarter is what a counterfeiter would write.
fn twisted(mut transfer: Transfer, twist: u64) -> Transfer {
    match twist {
        1 => transfer.amount = Money::MAX,
        2 => transfer.id.number -= 1,
        _ => {}
    }
    transfer
}

fn pick(at2: &At2, actor: &Actor, number: u16) -> Option<Transfer> {
    let accounts: Vec<_> = at2.accounts().map(|(owner, _)| *owner).collect();
    let (to, amount, twist) = wish(&accounts, at2.balance(actor)?, number);
    Some(twisted(at2.transfer(to, amount)?, twist))
}

fn pick_at_the_bank(bank: &Bank, actor: &Actor, number: u16) -> Option<Op> {
    let accounts: Vec<_> = bank.accounts().map(|(owner, _)| *owner).collect();
    let balance = bank.balance(actor)?;
    let (to, amount, twist) = wish(&accounts, balance, number);
    match bank.transfer(to, amount) {
        Op::Transfer(transfer) if amount <= balance => Some(Op::Transfer(twisted(transfer, twist))),
        _ => None,
    }
}

#[quickcheck]
fn money_is_neither_made_nor_lost_whatever_happens(scenario: Scenario) {
    scenario.play(rich, pick);
}

#[quickcheck]
fn thieves_do_not_spend_twice_under_any_interleaving(scenario: Scenario, twins: bool) {
    let thief = if twins {
        Vice::Twins
    } else {
        Vice::Equivocator
    };
    with_thief(scenario, thief).play(rich, pick);
}

#[quickcheck]
fn of_two_payments_of_the_same_money_at_most_one_is_made(seed: u64, twins: bool) {
    let builder = rich(Net::builder(seed).members(4)).faults(Faults::hostile());
    let mut net = match twins {
        true => builder.byzantine(Twins::new()),
        false => builder.byzantine(Equivocator::default()),
    }
    .build();
    let (thief, ann, bob) = (net.liars()[0], net.honest(0), net.honest(1));
    for to in [ann, bob] {
        assert_eq!(net.pay(&thief, &to, ALL), Ok(true));
    }
    net.settle();
    let got = units(&net, &ann, &ann) + units(&net, &ann, &bob) - 200;
    assert!(got == 0 || got == 100, "{got}");
    assert_eq!(units(&net, &ann, &thief), 100 - got);
}

#[quickcheck]
fn all_agree_on_the_initial_balances(seed: u64, balances: (u16, u16, u16, u16)) {
    let (a, b, c, d) = balances;
    let balances = [a, b, c, d].map(|units| Money::new(units.into()));
    let mut net = Net::<At2>::builder(seed)
        .members(4)
        .balances(balances)
        .build();
    net.settle();
    for at in net.actors() {
        let seen: Vec<_> = net
            .read(&at)
            .accounts()
            .map(|(_, balance)| balance)
            .collect();
        assert_eq!(seen, balances);
    }
}

#[quickcheck]
fn two_equal_payments_move_twice_the_money(seed: u64) {
    let mut net = rich(Net::builder(seed).members(4)).build();
    let (ann, bob) = (net.honest(0), net.honest(1));
    for _ in 0..2 {
        assert_eq!(net.pay(&ann, &bob, Money::new(10)), Ok(true));
    }
    net.settle();
    for at in net.actors() {
        assert_eq!([units(&net, &at, &ann), units(&net, &at, &bob)], [80, 120]);
    }
}

#[test]
fn who_has_less_does_not_pay() {
    let mut net = rich(Net::builder(1).members(4)).build();
    let (ann, bob) = (net.honest(0), net.honest(1));
    assert_eq!(net.pay(&ann, &bob, Money::new(101)), Ok(false));
    assert_eq!(net.pay(&ann, &bob, ALL), Ok(true));
    assert_eq!(net.pay(&ann, &bob, Money::new(1)), Ok(false));
}

#[test]
fn a_member_without_an_account_neither_pays_nor_is_paid() {
    let builder = Net::<At2>::builder(1).members(4).byzantine(Brazen::new());
    let mut net = builder
        .balances([ALL; 3])
        .invariant(money_is_conserved)
        .build();
    let actors = net.actors();
    let (ann, poor) = (actors[0], actors[3]);
    assert_eq!(net.balance(&ann, &poor), None);
    assert_eq!(net.pay(&poor, &ann, Money::new(1)), Ok(false));
    if !net.liars().contains(&ann) {
        let refused = net.pay(&ann, &poor, Money::new(1));
        assert!(matches!(
            refused,
            Err(ProposeError::NotValid(Verdict::Never(_)))
        ));
    }
    net.settle();
}

// ---- one ledger

/// All deliveries with their time and place.
fn deliveries<A: WireAlgorithm>(net: &Net<A>) -> Vec<(u64, Actor, Dot)> {
    let events = net.trace().events().iter();
    let delivered = events.filter_map(|(time, event)| match event {
        Event::Delivered { at, dot, .. } => Some((*time, *at, *dot)),
        _ => None,
    });
    delivered.collect()
}

/// All but corruption, which depends on the bytes; the two differ in those. The same run twice,
/// once of each ledger: the same deliveries at the same times, and the same balances. A crash in
/// the middle of a write counts bytes too, and is left out.
#[quickcheck]
fn the_bank_and_at2_go_through_the_same_run_step_by_step(scenario: Scenario) {
    use bft_crdts::net::Act;
    let mut scenario = scenario.with_a_fixed_committee();
    scenario.faults.corrupt = 0.0;
    scenario
        .acts
        .retain(|act| !matches!(act, Act::CrashWhileWriting { .. }));
    let at2 = scenario.play::<At2>(rich, pick);
    let bank = scenario.play::<Bank>(
        |builder| {
            let members = builder.actors().len();
            builder.balances(vec![ALL; members])
        },
        pick_at_the_bank,
    );
    assert_eq!(deliveries(&at2), deliveries(&bank));
    for at in at2.honest_actors() {
        for of in at2.actors() {
            assert_eq!(at2.balance(&at, &of), bank.balance(&at, &of));
        }
    }
}

/// What one ledger delivered on the network, the other judges alike, operation by operation.
#[quickcheck]
fn the_bank_and_at2_agree_on_every_operation_of_a_run(scenario: Scenario) {
    let scenario = with_thief(scenario, Vice::Equivocator).with_a_fixed_committee();
    let net = scenario.play(rich, pick);
    let at = net.honest(0);
    let replica = net.replica(&at).expect("up");
    let mut bank = Bank::new(at);
    for owner in net.actors() {
        bank.apply(Bank::new(owner).open(ALL));
    }
    let mut at2 = At2::with_balances(at, net.actors().into_iter().map(|a| (a, ALL)).collect())
        .expect("little money");
    let lanes = net.actors().into_iter().map(|source| {
        let messages = replica.messages(&source);
        let ops = messages.flat_map(|message| message.decode(replica.limits()).expect("canonical"));
        (source, ops.collect::<Vec<Transfer>>())
    });
    let mut lanes: Vec<_> = lanes.collect();
    // In some causal order; what the one calls early, the other calls early.
    let mut progress = true;
    while std::mem::take(&mut progress) {
        for (source, ops) in &mut lanes {
            let Some(transfer) = ops.first().cloned() else {
                continue;
            };
            let op = Op::Transfer(transfer.clone());
            let verdict = at2.verdict(source, &transfer);
            assert_eq!(verdict.is_valid(), bank.verdict(source, &op).is_valid());
            if verdict.is_valid() {
                ops.remove(0);
                at2.apply(transfer);
                bank.apply(op);
                progress = true;
            }
        }
    }
    assert!(lanes.iter().all(|(_, ops)| ops.is_empty()));
    assert_eq!(at2.state(), net.read(&at).state());
    for (owner, balance) in at2.accounts() {
        assert_eq!(bank.balance(owner), Some(balance));
    }
}
