//! Whether the simulated network finds each bug of the [zoo](crate::zoo).
//!
//! | bug | scenarios, median of three searches | what broke first |
//! |---|---|---|
//! | `QuorumOfOneLess` | 8 | consistency |
//! | `ShortCertificate` | 12 | consistency |
//! | `SeatsRepeated` | 4 | consistency |
//! | `CertificateUnchecked` | 3 | a member reports silenced |
//! | `OutsidersCounted` | 6 | quiescence |
//! | `EchoUnsigned` | 1 | quiescence |
//! | `ProposalUnsigned` | 4 | a member accuses a member, who is correct |
//! | `BallotUnsigned` | 2 | a member reports silenced |
//! | `ApprovalUnsigned` | 6 | quiescence |
//! | `StandingUnsigned` | 21 | quiescence |
//! | `BindingWithoutNumber` | 1 | a member reports silenced |
//! | `EvidenceUnchecked` | 1 | a member reports evidence that does not verify |
//! | `RepetitionConvicts` | 1 | a member accuses a member, who is correct |
//! | `ProposalNotRepeated` | 9 | lock-out |
//! | `EchoNotRepeated` | 13 | quiescence |
//! | `OutboxNotDurable` | 8 | recovery |
//! | `OutboxUnbounded` | 1 | memory |
//! | `LockNotDurable` | 2 | a member reports silenced |
//! | `SentBeforeWritten` | over 80 | a member signed a second digest |
//! | `DeliveryNotDurable` | 10 | recovery |
//! | `BallotNotDurable` | 31 | a member reports silenced |
//! | `ConvictionNotDurable` | 13 | totality |
//! | `SecondMessageEchoed` | 15 | a member signed a second digest |
//! | `EvidenceNotShared` | 2 | quiescence |
//! | `EquivocationForgotten` | 15 | quiescence |
//! | `ParentUnchecked` | 3 | recovery |
//! | `EchoUnjudged` | 4 | a member reports broken law |
//! | `DeliveredUnjudged` | 70 | convergence |
//! | `ProofNotKept` | 6 | quiescence |
//! | `AnnouncedForEver` | 1 | quiescence |
//! | `NeverAnnounced` | 17 | totality |
//! | `NoBackoff` | 1 | quiescence |
//! | `LocksNotReported` | 6 | quiescence |
//! | `EchoWhileFrozen` | 4 | quiescence |
//! | `LocksNotAdopted` | 6 | quiescence |
//! | `FrontierForgotten` | 41 | quiescence |
//! | `EchoNotRenewed` | 2 | quiescence |
//! | `EveryReportAwaited` | 2 | quiescence |
//! | `NilWhenBeyond` | 5 | quiescence |
//! | `InstalledBehind` | 10 | quiescence |
//! | `RoundsMixed` | 7 | quiescence |
//! | `StateUnchecked` | 12 | a member reports diverged |
//!
//! Those at large, and what would catch them, are in `table.rs`.

mod rogues;
mod shape;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shape::Shape;
use table::{AT_LARGE, CAUGHT, sharpest};

use super::{Net, NetBuilder, Scenario};
use crate::actor::Actor;
use crate::bank::{Bank, Money, Op};
use crate::codec::Limits;
use crate::zoo::{self, Bug};

/// Small bounds, so that they are reached.
fn limits(seats: u32) -> Limits {
    Limits {
        message_bytes: 256,
        outbox_bytes: 256,
        message_ops: 8,
        seats,
        chunk_messages: 4,
        ..Limits::default()
    }
}

/// Every member begins with 100, and nobody makes money.
fn rich(builder: NetBuilder<Bank>, shape: &Shape) -> NetBuilder<Bank> {
    let members = builder.actors().len();
    let conserved = |bank: &Bank| {
        let told = || format!("{bank:?}");
        bank.is_conserved().then_some(()).ok_or_else(told)
    };
    let builder = match shape.rogue {
        Some(rogue) => builder.byzantine_boxed(rogue()),
        None => builder,
    };
    builder
        .limits(limits(shape.seats))
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

fn play(shape: &Shape, scenario: &Scenario) -> Net<Bank> {
    scenario.play(|builder| rich(builder, shape), pick)
}

/// The promise that breaks when this scenario is played with this bug, if one does.
fn broken(bug: Bug, shape: &Shape, scenario: &Scenario) -> Option<String> {
    let play = || zoo::with(bug, || play(shape, scenario));
    let played = catch_unwind(AssertUnwindSafe(play));
    let why = played.err()?;
    let why = why
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| why.downcast_ref::<&str>().map(|why| (*why).to_owned()));
    Some(why.unwrap_or_default())
}

/// How many scenarios it takes to catch a bug when these shapes take turns, and what breaks.
fn hunt(bug: Bug, shapes: &[&Shape], first: u64, most: u64) -> Option<(u64, String)> {
    let mut turns = shapes.iter().cycle();
    (0..most).find_map(|tried| {
        let shape = turns.next()?;
        let scenario = shape.draw(first + tried);
        Some((tried + 1, broken(bug, shape, &scenario)?))
    })
}

#[test]
fn every_bug_that_was_ever_caught_is_caught_again() {
    let mut escaped = Vec::new();
    for (bug, shapes, most) in CAUGHT {
        if hunt(*bug, shapes, 0, *most).is_none() {
            escaped.push((bug, most));
        }
    }
    assert!(escaped.is_empty(), "{escaped:?}");
}

#[test]
fn every_bug_is_caught_or_known_to_be_at_large() {
    let is_caught = |bug: &Bug| CAUGHT.iter().any(|(caught, ..)| caught == bug);
    for bug in Bug::ALL {
        assert_ne!(is_caught(bug), AT_LARGE.contains(bug), "{bug:?}");
    }
}

#[test]
fn without_a_bug_nothing_is_caught() {
    for shape in shape::ALL {
        for number in 0..3 {
            play(shape, &shape.draw(number));
        }
    }
}

mod survey;
