//! Which scenarios show which bug, and after how many of them it must have been caught.

use crate::net::scenario::Family::{self, *};
use crate::zoo::Bug;

/// A bug, the families of scenarios that show it, and how many of them it may live through; those of an ordinary campaign
/// when no family is named.
pub(super) struct Way {
    pub(super) bug: Bug,
    pub(super) families: &'static [Family],
    pub(super) most: u64,
}

const fn way(bug: Bug, families: &'static [Family], most: u64) -> Way {
    Way {
        bug,
        families,
        most,
    }
}

/// Every bug.
pub(super) const CAUGHT: &[Way] = &[
    way(Bug::QuorumOfOneLess, &[Calm, Thieves], 40),
    way(Bug::ShortCertificate, &[Certifiers], 40),
    way(Bug::SeatsRepeated, &[Certifiers], 40),
    way(Bug::CertificateUnchecked, &[Certifiers], 40),
    way(Bug::OutsidersCounted, &[Certifiers], 40),
    way(Bug::EchoUnsigned, &[Certifiers], 40),
    way(Bug::ProposalUnsigned, &[Impostors], 40),
    way(Bug::BallotUnsigned, &[Impostors], 40),
    way(Bug::ApprovalUnsigned, &[Impostors], 40),
    way(Bug::ReportUnsigned, &[Impostors], 40),
    way(Bug::StandingUnsigned, &[Impostors], 40),
    way(Bug::ReturnAddressBelieved, &[Impostors], 40),
    way(Bug::NoDomainTag, &[Calm], 40),
    way(Bug::BindingWithoutNumber, &[Accusers], 40),
    way(Bug::EvidenceUnchecked, &[Accusers], 40),
    way(Bug::RepetitionConvicts, &[Accusers], 40),
    way(Bug::ProposalNotRepeated, &[], 40),
    way(Bug::EchoNotRepeated, &[], 40),
    way(Bug::OutboxNotDurable, &[PowerCuts], 40),
    way(Bug::OutboxUnbounded, &[Backlog], 40),
    way(Bug::LockNotDurable, &[Crashes], 40),
    way(Bug::SentBeforeWritten, &[PowerCuts], 40),
    way(Bug::DeliveryNotDurable, &[Crashes], 40),
    way(Bug::BallotNotDurable, &[Votes], 40),
    way(Bug::FreezeNotDurable, &[Crashes, Patience], 40),
    way(Bug::ConvictionNotDurable, &[Amnesia], 40),
    way(Bug::SecondMessageEchoed, &[Thieves], 40),
    way(Bug::EvidenceNotShared, &[Thieves], 40),
    way(Bug::EquivocationForgotten, &[Thieves], 40),
    way(Bug::StrangersEchoed, &[Heirs], 40),
    way(Bug::ParentUnchecked, &[Authors], 40),
    way(Bug::EchoUnjudged, &[Authors], 40),
    way(Bug::PayloadUnchecked, &[Substitutes], 40),
    way(Bug::DeliveredUnjudged, &[Relays], 40),
    way(Bug::ProofNotKept, &[Absences], 40),
    way(Bug::AnnouncedForEver, &[], 40),
    way(Bug::NeverAnnounced, &[], 40),
    way(Bug::NoBackoff, &[Silence], 40),
    way(Bug::LocksNotReported, &[Patience], 40),
    way(Bug::EchoWhileFrozen, &[Seals, Patience], 40),
    way(Bug::LocksNotAdopted, &[Patience], 40),
    way(Bug::PickedInsteadOfSealed, &[Patience, Seals], 40),
    way(Bug::AdoptedForgotten, &[Patience], 40),
    way(Bug::SealForgotten, &[Patience, Seals], 40),
    way(Bug::FrontierForgotten, &[Seals, Patience], 40),
    way(Bug::SealedDotEchoed, &[Patience, Seals], 40),
    way(Bug::EchoNotRenewed, &[Seals, Patience], 40),
    way(Bug::EveryReportAwaited, &[Silence], 40),
    way(Bug::TooFewReports, &[Coordinators, Votes], 40),
    way(Bug::NilWhenBeyond, &[Votes], 40),
    way(Bug::InstalledBehind, &[Absences, Seals], 40),
    way(Bug::PrevoteWithoutHolding, &[Coordinators], 40),
    way(Bug::StateUnchecked, &[Coordinators], 40),
    way(Bug::RoundsMixed, &[Votes], 40),
    way(Bug::LockedForgotten, &[Turncoats], 40),
    way(Bug::UnlockedFreely, &[Turncoats], 40),
    way(Bug::ValidNotPassedOn, &[Turncoats], 40),
    way(Bug::NoClosingRule, &[Heirs], 40),
    way(Bug::SnapshotUnchecked, &[Fetches], 40),
    way(Bug::ManifestUnchecked, &[Fetches], 40),
];
