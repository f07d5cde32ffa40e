//! Whether the simulated network finds each bug of the [zoo](crate::zoo).

mod survey;
mod table;

use table::{CAUGHT, Way};

use super::scenario::Family;
use super::{Campaign, NetBuilder, Shape, Signatures, Subject};
use crate::actor::Actor;
use crate::bank::{Bank, Money, Op};
use crate::codec::Limits;
use crate::zoo::{self, Bug};

/// Scenarios that a bug may live through: more than one here is a bug that needs a sharper tool.
const MOST: u64 = 400;

/// A bank with small bounds, so that they are reached.
fn bank() -> Subject {
    Subject::new("bank", small, pick)
}

/// Every member begins with 100, and nobody makes money.
fn small(builder: NetBuilder<Bank>) -> NetBuilder<Bank> {
    let members = builder.actors().len();
    let conserved = |bank: &Bank| {
        let told = || format!("{bank:?}");
        bank.is_conserved().then_some(()).ok_or_else(told)
    };
    builder
        .limits(Limits {
            message_bytes: 256,
            outbox_bytes: 256,
            message_ops: 8,
            seats: 10,
            chunk_messages: 4,
            ..Limits::default()
        })
        .balances(vec![Money::new(100); members])
        .invariant(conserved)
}

/// Mostly a payment, often of everything, to whoever.
fn pick(bank: &Bank, actor: &Actor, number: u16) -> Option<Op> {
    let (kind, choice) = (number % 16, u64::from(number / 16));
    let Some(balance) = bank.balance(actor) else {
        return Some(bank.open(Money::new(choice % 200)));
    };
    let others: Vec<_> = bank.accounts().map(|(owner, _)| *owner).collect();
    let to = others[usize::try_from(choice).expect("small") % others.len()];
    let amount = match kind {
        0..6 => balance.units(),
        6..10 => balance.units().div_ceil(2),
        _ => 1 + choice % 50,
    };
    Some(bank.transfer(to, Money::new(amount)))
}

/// An ordinary campaign, or one of these families alone.
fn campaign(families: &[Family]) -> Campaign {
    let shape = match families {
        [] => Shape::default(),
        families => Shape::of(families),
    };
    let campaign = Campaign::new([bank()]).shape(shape);
    campaign.signatures(Signatures::default())
}

/// How many scenarios it takes to catch a bug, and what breaks.
fn hunt(bug: Bug, campaign: &Campaign, first: u64, most: u64) -> Option<(u64, String)> {
    (0..most).find_map(|tried| {
        let played = zoo::with(bug, || campaign.play(first + tried));
        Some((tried + 1, played.err()?.what))
    })
}

#[test]
fn every_bug_is_caught() {
    let mut escaped = Vec::new();
    for Way {
        bug,
        families,
        most,
    } in CAUGHT
    {
        if hunt(*bug, &campaign(families), 0, *most).is_none() {
            escaped.push((bug, most));
        }
    }
    assert!(escaped.is_empty(), "{escaped:?}");
    for bug in Bug::ALL {
        assert!(CAUGHT.iter().any(|way| way.bug == *bug), "{bug:?}");
    }
}

#[test]
fn without_a_bug_nothing_is_caught() {
    for family in Family::ALL {
        let campaign = campaign(&[*family]);
        for number in 0..4 {
            if let Err(defeat) = campaign.play(number) {
                panic!("{family} {number}: {}", defeat.what);
            }
        }
    }
}
