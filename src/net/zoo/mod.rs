//! Whether the simulated network finds each bug of the [zoo](crate::zoo).

mod rogues;
mod shape;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shape::*;

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

/// The shapes that look where a bug lives.
fn sharpest(bug: Bug) -> &'static [&'static Shape] {
    match bug {
        Bug::QuorumOfOneLess => &[&CHANGES, &CALM],
        Bug::ShortCertificate
        | Bug::SeatsRepeated
        | Bug::CertificateUnchecked
        | Bug::OutsidersCounted
        | Bug::EchoUnsigned => &[&CERTIFIED],
        Bug::ProposalUnsigned
        | Bug::StandingUnsigned
        | Bug::BallotUnsigned
        | Bug::ReportUnsigned
        | Bug::ApprovalUnsigned
        | Bug::EntryUnsigned
        | Bug::ReturnAddressBelieved => &[&IMPERSONATED],
        Bug::NoDomainTag
        | Bug::BindingWithoutNumber
        | Bug::EvidenceUnchecked
        | Bug::RepetitionConvicts
        | Bug::EchoesOfTwoGenerationsConvict => &[&FRAMED],
        Bug::ParentUnchecked | Bug::EchoUnjudged => &[&BRAZEN],
        Bug::DeliveredUnjudged => &[&RELAYS],
        Bug::OutboxUnbounded => &[&BACKLOG],
        Bug::ProposalNotRepeated | Bug::EchoNotRepeated | Bug::NeverAnnounced => &[&ANYTHING],
        Bug::OutboxNotDurable
        | Bug::LockNotDurable
        | Bug::DeliveryNotDurable
        | Bug::FreezeNotDurable
        | Bug::BallotNotDurable => &[&CRASHES],
        Bug::SecondMessageEchoed
        | Bug::ConvictedEchoed
        | Bug::EvidenceNotShared
        | Bug::EquivocationForgotten => &[&THIEVES],
        Bug::SentBeforeWritten => &[&POWER_CUTS],
        Bug::ConvictionNotDurable => &[&FORGETFUL],
        Bug::PayloadUnchecked => &[&SLOW_THIEVES],
        Bug::NoBackoff => &[&SILENT],
        Bug::ProofNotKept | Bug::AnnouncedForEver | Bug::PullNotRepeated => &[&ABSENCES, &ANYTHING],
        Bug::EchoWhileFrozen
        | Bug::AdoptedForgotten
        | Bug::SealForgotten
        | Bug::FrontierForgotten
        | Bug::PickedInsteadOfSealed
        | Bug::LocksNotAdopted
        | Bug::LocksNotReported
        | Bug::PayloadsNotHeld
        | Bug::SealedDotEchoed
        | Bug::EchoNotRenewed => &[&SEALS, &PATIENCE],
        Bug::EveryReportAwaited
        | Bug::TooFewReports
        | Bug::PrevoteWithoutHolding
        | Bug::NilWhenBeyond
        | Bug::InstalledBehind => &[&AGREEMENTS, &CHANGES],
        Bug::StateUnchecked => &[&COORDINATORS],
        Bug::LockedForgotten
        | Bug::UnlockedFreely
        | Bug::NeverUnlocked
        | Bug::RoundsMixed
        | Bug::ValidNotPassedOn => &[&AGREEMENTS],
        Bug::NoClosingRule | Bug::StrangersEchoed | Bug::PeersUnbounded => &[&CHANGES],
        Bug::SnapshotUnchecked | Bug::ManifestUnchecked => &[&FETCHES],
        Bug::BeyondSnapshotForgotten => &[&ABSENCES],
    }
}

mod survey;
