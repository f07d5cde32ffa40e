//! Money on the network: nobody makes any, nobody loses any, whatever the network and the liars do.

use std::collections::{BTreeMap, BTreeSet};

use crate::money::{Brazen, with_thief};
use bft_crdts::bank::{Bank, Money, Op, Transfer};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Body, Fault, Packet, ProposeError, Replica};
use bft_crdts::membership::Genesis;
use bft_crdts::net::{
    Act, Adversary, Equivocator, Event, Faults, Net, Scenario, SimBuilder, TICK_MICROS, Twins, Vice,
};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor, Verdict};
use quickcheck_macros::quickcheck;

const ALL: Money = Money::new(100);

/// Every member begins with 100.
fn rich(builder: SimBuilder<Bank>) -> SimBuilder<Bank> {
    let members = builder.actors().len();
    builder
        .balances(vec![ALL; members])
        .invariant(money_is_conserved)
}

fn money_is_conserved(bank: &Bank) -> Result<(), String> {
    let told = || format!("{bank:?}");
    bank.is_conserved().then_some(()).ok_or_else(told)
}

fn units(net: &Net<Bank>, at: &Actor, of: &Actor) -> u64 {
    net.balance(at, of).expect("an open account").units()
}

/// What `actor` wants to do: mostly what it may, and often with all its money; else what a
/// counterfeiter would. An honest replica refuses to propose the latter.
fn pick(bank: &Bank, actor: &Actor, number: u16) -> Option<Op> {
    let (kind, choice) = (number % 16, u64::from(number / 16));
    let Some(balance) = bank.balance(actor) else {
        return Some(bank.open(Money::new(choice % 200)));
    };
    let others: Vec<_> = bank.accounts().map(|(owner, _)| *owner).collect();
    let to = others[choice as usize % others.len()];
    let amount = match kind {
        0..5 => balance.units(),
        5..8 => balance.units().div_ceil(2),
        8 => balance.units() + 1,
        9 => u64::MAX,
        _ => 1 + choice % 50,
    };
    let mut op = bank.transfer(to, Money::new(amount));
    if let Op::Transfer(transfer) = &mut op {
        match kind {
            10 => transfer.id.source = to,
            11 => transfer.id.number += 1,
            12 => transfer.id.number -= 1,
            _ => {}
        }
    }
    match kind {
        13 => Some(bank.open(ALL)),
        14 => Some(Op::OpenAccount {
            owner: to,
            balance: ALL,
        }),
        _ => Some(op),
    }
}

/// The balances that follow from the delivered operations alone, in sums that could go below zero.
fn by_the_books(net: &Net<Bank>, at: &Actor, start: i128) -> BTreeMap<Actor, i128> {
    let replica = net.replica(at).expect("up");
    let mut books: BTreeMap<_, _> = net.actors().iter().map(|actor| (*actor, start)).collect();
    for source in net.actors() {
        for message in replica.messages(&source) {
            for op in message.decode::<Op>(replica.limits()).expect("canonical") {
                match op {
                    Op::Transfer(transfer) | Op::Referenced(transfer, _) => {
                        let amount = i128::from(transfer.amount.units());
                        *books.entry(source).or_default() -= amount;
                        *books.entry(transfer.to).or_default() += amount;
                    }
                    Op::OpenAccount { balance, .. } => {
                        *books.entry(source).or_default() += i128::from(balance.units());
                    }
                }
            }
        }
    }
    books
}

fn the_books_are_right(net: &Net<Bank>, start: i128) {
    for at in net.honest_actors() {
        for (owner, sum) in by_the_books(net, &at, start) {
            let balance = net.balance(&at, &owner).unwrap_or_default();
            assert_eq!(i128::from(balance.units()), sum, "{owner:?} at {at:?}");
        }
    }
}

// ---- whatever happens

#[quickcheck]
fn money_is_neither_made_nor_lost_whatever_happens(scenario: Scenario) {
    let net = scenario.with_a_fixed_committee().play(rich, pick);
    the_books_are_right(&net, 100);
}

/// The books cannot be read back where logs are pruned; the invariant is checked after every step
/// all the same.
#[quickcheck]
fn money_is_conserved_while_members_come_and_go(scenario: Scenario) {
    scenario.play(rich, pick);
}

#[quickcheck]
fn accounts_that_are_opened_on_the_way_hold_what_was_issued(scenario: Scenario) {
    let scenario = scenario.with_a_fixed_committee();
    let net = scenario.play(|builder| builder.invariant(money_is_conserved), pick);
    the_books_are_right(&net, 0);
}

#[quickcheck]
fn an_equivocator_does_not_spend_twice_under_any_interleaving(scenario: Scenario) {
    let scenario = with_thief(scenario, Vice::Equivocator).with_a_fixed_committee();
    let net = scenario.play(rich, pick);
    the_books_are_right(&net, 100);
}

#[quickcheck]
fn twins_do_not_spend_twice_under_any_interleaving(scenario: Scenario) {
    let scenario = with_thief(scenario, Vice::Twins).with_a_fixed_committee();
    let net = scenario.play(rich, pick);
    the_books_are_right(&net, 100);
}

#[quickcheck]
fn all_agree_on_the_initial_balances(seed: u64, balances: Vec<u16>, hostile: bool) {
    let members = balances.len() % 7 + 1;
    let mut builder = Net::<Bank>::builder(seed)
        .members(members)
        .invariant(money_is_conserved);
    if hostile {
        builder = builder.faults(Faults::hostile());
    }
    let mut net = builder.build();
    let balances = balances.into_iter().map(u64::from).chain([7; 7]);
    let accounts: Vec<_> = net.actors().into_iter().zip(balances).collect();
    for (owner, balance) in &accounts {
        net.open(owner, Money::new(*balance)).expect("not open yet");
    }
    net.settle();
    for at in net.actors() {
        for (owner, balance) in &accounts {
            assert_eq!(units(&net, &at, owner), *balance);
        }
        let issued = accounts.iter().map(|(_, balance)| balance).sum();
        assert_eq!(net.read(&at).issued(), Money::new(issued));
    }
}

// ---- the double spender

/// The thief pays all it has to two others. What the two have got in the end, and whether the thief
/// is convicted everywhere.
fn two_payments_of_the_same_money(
    seed: u64,
    members: usize,
    hostile: bool,
    thief: impl Adversary<Bank> + 'static,
) -> (u64, bool) {
    let builder = Net::<Bank>::builder(seed).members(members);
    let mut builder = rich(builder).byzantine(thief);
    if hostile {
        builder = builder.faults(Faults::hostile());
    }
    let mut net = builder.build();
    let (thief, ann, bob) = (net.liars()[0], net.honest(0), net.honest(1));
    net.transfer(&thief, &ann, ALL).expect("a liar takes it");
    net.transfer(&thief, &bob, ALL).expect("a liar takes it");
    net.settle();
    the_books_are_right(&net, 100);
    let got = units(&net, &ann, &ann) + units(&net, &ann, &bob) - 200;
    assert_eq!(got + units(&net, &ann, &thief), 100);
    let convicted = |at: &Actor| {
        net.replica(at)
            .expect("up")
            .convicted()
            .contains_key(&thief)
    };
    (got, net.honest_actors().iter().all(convicted))
}

#[quickcheck]
fn of_two_payments_of_the_same_money_at_most_one_is_made(seed: u64, members: u8, hostile: bool) {
    let members = 4 + usize::from(members % 7);
    let (got, _) = two_payments_of_the_same_money(seed, members, hostile, Equivocator::default());
    assert!(got == 0 || got == 100, "{got}");
    let (got, _) = two_payments_of_the_same_money(seed, members, hostile, Twins::new());
    assert!(got == 0 || got == 100, "{got}");
}

#[test]
fn the_thieves_really_try_sometimes_get_one_payment_through_and_are_mostly_convicted() {
    for twins in [false, true] {
        let runs = (0..40).map(|seed| match twins {
            true => two_payments_of_the_same_money(seed, 4, false, Twins::new()),
            false => two_payments_of_the_same_money(seed, 4, false, Equivocator::default()),
        });
        let runs: Vec<_> = runs.collect();
        let made = runs.iter().filter(|(got, _)| *got == 100).count();
        let convicted = runs.iter().filter(|(_, convicted)| *convicted).count();
        assert!(made > 0, "twins {twins}: {runs:?}");
        assert!(convicted > 20, "twins {twins}: {runs:?}");
    }
}

/// Two of four lie: agreement is lost, but still no single copy of the bank ever shows money from
/// nothing.
#[quickcheck]
fn beyond_the_bound_no_copy_of_the_bank_shows_money_from_nothing(seed: u64) {
    let mut net = rich(Net::builder(seed).members(4))
        .byzantine(Twins::new())
        .byzantine(Equivocator::default())
        .beyond_the_bound()
        .build();
    let (ann, bob) = (net.honest(0), net.honest(1));
    for thief in net.liars() {
        net.transfer(&thief, &ann, ALL).expect("a liar takes it");
        net.transfer(&thief, &bob, ALL).expect("a liar takes it");
    }
    net.run_for(30 * TICK_MICROS);
    for at in net.honest_actors() {
        assert!(net.read(&at).is_conserved());
    }
}

// ---- the counterfeiter

/// A member signs `forge`'s operations, all in one message; nothing of it takes effect, and whether
/// it is reported.
fn counterfeit(forge: impl Fn(&Bank, &Actor) -> Vec<Op>) -> bool {
    let mut net = rich(Net::builder(3).members(4))
        .byzantine(Brazen::new())
        .build();
    let (liar, ann) = (net.liars()[0], net.honest(0));
    let before = net.read(&ann).state();
    let mut bank = net.read(&liar).clone();
    for op in forge(&bank.clone(), &ann) {
        bank.apply(op.clone());
        net.propose(&liar, op).expect("a liar takes it");
    }
    net.settle();
    assert_eq!(net.read(&ann).state(), before);
    the_books_are_right(&net, 100);
    let events = net.trace().events().iter();
    let mut reports = events.filter_map(|(_, event)| match event {
        Event::Reported { fault, .. } => Some(fault),
        _ => None,
    });
    reports.any(|fault| matches!(fault, Fault::Invalid { dot, .. } if dot.source == liar))
}

fn altered(op: Op, alter: impl FnOnce(&mut Transfer)) -> Op {
    match op {
        Op::Transfer(mut transfer) => {
            alter(&mut transfer);
            Op::Transfer(transfer)
        }
        other @ (Op::OpenAccount { .. } | Op::Referenced(..)) => other,
    }
}

#[test]
fn an_overspend_takes_no_effect_and_is_nobodys_fault_as_long_as_income_could_cure_it() {
    assert!(!counterfeit(|bank, ann| vec![
        bank.transfer(*ann, Money::new(101))
    ]));
    assert!(!counterfeit(|bank, ann| vec![
        bank.transfer(*ann, Money::MAX)
    ]));
}

#[test]
fn a_batch_that_overspends_takes_no_effect_not_even_its_first_payment() {
    let twice = |bank: &Bank, ann: &Actor| {
        let first = bank.transfer(*ann, ALL);
        let second = altered(first.clone(), |transfer| transfer.id.number = 2);
        vec![first, second]
    };
    assert!(!counterfeit(twice));
}

#[test]
fn one_payment_twice_in_a_batch_takes_no_effect() {
    assert!(counterfeit(|bank, ann| vec![
        bank.transfer(
            *ann,
            Money::new(1)
        );
        2
    ]));
}

#[test]
fn a_payment_signed_again_in_the_next_message_takes_no_effect() {
    let mut net = rich(Net::builder(3).members(4))
        .byzantine(Brazen::new())
        .build();
    let (liar, ann) = (net.liars()[0], net.honest(0));
    let op = net.read(&liar).transfer(ann, Money::new(10));
    for _ in 0..3 {
        net.propose(&liar, op.clone()).expect("a liar takes it");
        net.run_for(20 * TICK_MICROS);
    }
    net.settle();
    assert_eq!(
        [units(&net, &ann, &liar), units(&net, &ann, &ann)],
        [90, 110]
    );
    the_books_are_right(&net, 100);
}

#[test]
fn a_second_opening_takes_no_effect() {
    assert!(counterfeit(|bank, _| vec![bank.open(ALL)]));
    let with_payment = |bank: &Bank, ann: &Actor| vec![bank.open(ALL), bank.transfer(*ann, ALL)];
    assert!(counterfeit(with_payment));
}

#[test]
fn a_payment_from_anothers_account_takes_no_effect() {
    let from_ann = |bank: &Bank, ann: &Actor| {
        let me = bank
            .accounts()
            .map(|(owner, _)| *owner)
            .find(|owner| owner != ann);
        let to = me.expect("another");
        vec![Bank::transfer(&at(ann, bank), to, ALL)]
    };
    assert!(counterfeit(from_ann));
}

/// The same state, on the replica of another.
fn at(actor: &Actor, bank: &Bank) -> Bank {
    let mut replica = Bank::new(*actor);
    replica.sync_from(bank.state());
    replica
}

#[test]
fn a_payment_to_oneself_takes_no_effect() {
    let to_itself = |bank: &Bank, _: &Actor| {
        let op = bank.transfer(Actor::from_bytes([1; 32]), ALL);
        vec![altered(op, |transfer| transfer.to = transfer.id.source)]
    };
    assert!(counterfeit(to_itself));
}

#[test]
fn a_payment_to_nobody_takes_no_effect_and_the_money_stays() {
    let nobody = Actor::from_bytes([1; 32]);
    assert!(!counterfeit(|bank, _| vec![bank.transfer(nobody, ALL)]));
}

#[test]
fn a_payment_that_builds_on_income_that_never_came_takes_no_effect() {
    let forged = |bank: &Bank, ann: &Actor| {
        let dep = bft_crdts::bank::TransferId {
            source: *ann,
            number: 1,
        };
        vec![altered(bank.transfer(*ann, ALL), |transfer| {
            transfer.deps = vec![dep]
        })]
    };
    assert!(!counterfeit(forged));
}

#[test]
fn where_there_is_an_issuer_nobody_else_issues() {
    let builder = Net::<Bank>::builder(5).members(4);
    let issuer = builder.actors()[0];
    let mut net = builder
        .algorithm(move |actor| Bank::with_issuer(actor, issuer))
        .invariant(money_is_conserved)
        .build();
    for who in net.actors() {
        let refused = net.open(&who, ALL);
        assert_eq!(refused.is_ok(), who == issuer, "{refused:?}");
        if who != issuer {
            net.open(&who, Money::ZERO).expect("an empty account");
        }
    }
    net.settle();
    assert_eq!(net.read(&issuer).issued(), ALL);
}

#[test]
fn a_member_without_an_account_neither_pays_nor_brings_a_replica_down() {
    let mut net = Net::<Bank>::builder(1)
        .members(4)
        .byzantine(Brazen::new())
        .invariant(money_is_conserved)
        .build();
    let (liar, ann, bob) = (net.liars()[0], net.honest(0), net.honest(1));
    net.open(&ann, ALL).expect("not open yet");
    let refused = net.transfer(&bob, &ann, Money::new(1));
    assert!(matches!(
        refused,
        Err(ProposeError::NotValid(Verdict::Never(_)))
    ));
    net.run_for(5 * TICK_MICROS);
    net.transfer(&liar, &ann, Money::new(1))
        .expect("a liar takes it");
    net.settle();
    assert_eq!(units(&net, &bob, &ann), 100);
    assert_eq!(net.balance(&ann, &liar), None);
}

// ---- what honest members expect

#[quickcheck]
fn two_equal_payments_move_twice_the_money(seed: u64, hostile: bool, pause: u8) {
    let mut builder = rich(Net::builder(seed).members(4));
    if hostile {
        builder = builder.faults(Faults::hostile());
    }
    let mut net = builder.build();
    let (ann, bob) = (net.honest(0), net.honest(1));
    let ten = Money::new(10);
    net.transfer(&ann, &bob, ten).expect("the money is there");
    net.run_for(u64::from(pause) * 2_000);
    net.transfer(&ann, &bob, ten).expect("the money is there");
    net.settle();
    for at in net.actors() {
        assert_eq!([units(&net, &at, &ann), units(&net, &at, &bob)], [80, 120]);
    }
}

#[test]
fn an_honest_member_cannot_spend_the_same_money_twice_even_before_the_first_payment_is_through() {
    let mut net = rich(Net::builder(1).members(4)).build();
    let (ann, bob) = (net.honest(0), net.honest(1));
    net.transfer(&ann, &bob, ALL).expect("the money is there");
    let refused = net.transfer(&ann, &bob, ALL);
    assert!(matches!(
        refused,
        Err(ProposeError::NotValid(Verdict::NotYet(_)))
    ));
    net.settle();
    assert_eq!(units(&net, &bob, &bob), 200);
}

// ---- cause before effect

/// Three payments, each with all that the one before brought, and the packets by which a fifth
/// member hears of them.
struct Hops {
    genesis: Genesis,
    keys: Vec<SigningActor>,
    /// For each hop its proposal and its certificate.
    packets: Vec<Packet>,
}

impl Hops {
    fn start(actor: Actor, owners: &[SigningActor]) -> Bank {
        let mut bank = Bank::new(actor);
        for (index, owner) in owners.iter().enumerate() {
            let balance = if index == 0 { ALL } else { Money::ZERO };
            bank.apply(Bank::new(owner.actor()).open(balance));
        }
        bank
    }

    fn replica(&self, index: usize) -> Replica<Bank> {
        let key = self.keys[index].clone();
        let bank = Self::start(key.actor(), &self.keys);
        let (replica, _) = Replica::recover(key, bank, self.genesis.clone(), []).expect("fits");
        replica
    }

    fn make() -> Self {
        let keys: Vec<_> = (1..=5)
            .map(|byte| SigningActor::from_secret(&[byte; 32]))
            .collect();
        let members: BTreeSet<_> = keys.iter().map(SigningActor::actor).collect();
        let first = Self::start(keys[0].actor(), &keys);
        let genesis = Genesis::new(&first, members, Limits::default(), [0; 32]).expect("fits");
        let packets = Vec::new();
        let mut hops = Self {
            genesis,
            keys,
            packets,
        };
        let mut replicas: Vec<_> = (0..4).map(|index| hops.replica(index)).collect();
        for index in 0..3 {
            let to = hops.keys[index + 1].actor();
            let op = replicas[index].ahead().transfer(to, ALL);
            let step = replicas[index].propose(op).expect("the income came");
            hops.pump(&mut replicas, step.packets().collect());
        }
        assert_eq!(hops.packets.len(), 6);
        hops
    }

    /// Lets four replicas talk; what is for the fifth is kept.
    fn pump(
        &mut self,
        replicas: &mut [Replica<Bank>],
        mut packets: std::collections::VecDeque<Packet>,
    ) {
        while let Some(packet) = packets.pop_front() {
            match replicas
                .iter_mut()
                .find(|replica| replica.actor() == packet.to)
            {
                Some(replica) => {
                    packets.extend(replica.handle_packet(packet).expect("in peace").packets());
                }
                // Each holder of a quorum tells of it; once is enough.
                None if self.packets.iter().any(|kept| kept.body == packet.body) => {}
                None if matches!(packet.body, Body::Proposal(_) | Body::Certificate(_)) => {
                    self.packets.push(packet);
                }
                None => {}
            }
        }
    }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    let longer = shorter.iter().flat_map(|order| {
        (0..count).map(move |at| {
            let mut order = order.clone();
            order.insert(at, count - 1);
            order
        })
    });
    longer.collect()
}

#[test]
fn three_hops_take_effect_in_their_causal_order_in_every_order_of_arrival() {
    let hops = Hops::make();
    let orders = permutations(hops.packets.len());
    assert_eq!(orders.len(), 720);
    for order in orders {
        let mut last = hops.replica(4);
        let mut delivered = Vec::new();
        for index in &order {
            let step = last
                .handle_packet(hops.packets[*index].clone())
                .expect("in peace");
            assert!(step.faults.is_empty(), "{order:?}");
            delivered.extend(step.delivered.iter().map(|delivery| delivery.dot().source));
            assert!(last.algorithm().is_conserved());
        }
        let causes: Vec<_> = hops.keys[..3].iter().map(SigningActor::actor).collect();
        assert_eq!(delivered, causes, "{order:?}");
        let rich = last.algorithm().balance(&hops.keys[3].actor());
        assert_eq!(rich, Some(ALL));
        assert_eq!(last.memory_use().lane_bytes, 0);
    }
}

#[test]
fn a_certified_payment_that_comes_before_its_income_is_held_and_then_made() {
    let hops = Hops::make();
    let mut last = hops.replica(4);
    for packet in &hops.packets[2..] {
        let step = last.handle_packet(packet.clone()).expect("in peace");
        assert!(step.delivered.is_empty());
    }
    assert!(last.memory_use().lane_bytes > 0);
    assert_eq!(last.algorithm().balance(&hops.keys[0].actor()), Some(ALL));
    let first = last
        .handle_packet(hops.packets[0].clone())
        .expect("in peace");
    assert!(first.delivered.is_empty());
    let step = last
        .handle_packet(hops.packets[1].clone())
        .expect("in peace");
    assert_eq!(step.delivered.len(), 3);
    assert_eq!(last.algorithm().balance(&hops.keys[3].actor()), Some(ALL));
}

/// The same on the network, where clogged links and losses make the order.
#[quickcheck]
fn income_that_is_passed_on_at_once_is_never_missing(
    seed: u64,
    clogged: Vec<(u8, u8)>,
    hostile: bool,
) {
    let builder = Net::<Bank>::builder(seed).members(4);
    let mut builder = builder
        .balances([100, 0, 0, 0].map(Money::new))
        .invariant(money_is_conserved);
    if hostile {
        builder = builder.faults(Faults::hostile());
    }
    let mut net = builder.build();
    let actors = net.actors();
    for (from, to) in clogged {
        net.clog(&actors[usize::from(from % 4)], &actors[usize::from(to % 4)]);
    }
    for hop in 0..3 {
        let (from, to) = (actors[hop], actors[hop + 1]);
        while units(&net, &from, &from) < 100 {
            net.step();
        }
        net.transfer(&from, &to, ALL).expect("the income came");
    }
    net.settle();
    for at in &actors {
        assert_eq!(units(&net, at, &actors[3]), 100);
    }
}

#[test]
fn a_member_that_was_down_for_two_changes_is_level_again() {
    let scenario = Scenario {
        seed: 3713887418197973668,
        acts: vec![
            Act::Join,
            Act::Join,
            Act::Crash { who: 212 },
            Act::Run { tenths: 22 },
            Act::Propose { who: 210, pick: 49 },
            Act::Run { tenths: 16 },
        ],
        ..Scenario::default()
    };
    scenario.play(rich, pick);
}
