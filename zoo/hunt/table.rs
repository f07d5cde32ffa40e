//! Which scenarios show which bug, and after how many of them it must have been caught.

use bft_crdts_with_bugs::net::Family::{self, *};
use bft_crdts_with_bugs::zoo::Bug;

/// A bug, the families of scenarios that show it, the first of them that is played, and how many it
/// may live through; those of an ordinary campaign when no family is named.
pub(crate) struct Way {
    pub(crate) bug: Bug,
    pub(crate) families: &'static [Family],
    pub(crate) first: u64,
    pub(crate) most: u64,
}

const fn way(bug: Bug, families: &'static [Family], most: u64) -> Way {
    way_from(bug, families, 0, most)
}

/// For what is rare: where a search found it.
const fn way_from(bug: Bug, families: &'static [Family], first: u64, most: u64) -> Way {
    Way {
        bug,
        families,
        first,
        most,
    }
}

/// Every bug.
pub(crate) const CAUGHT: &[Way] = &[
    way(Bug::QuorumOfOneLess, &[Calm, Thieves], 10),
    way(Bug::ShortCertificate, &[Certifiers], 40),
    way(Bug::SeatsRepeated, &[Certifiers], 10),
    way(Bug::CertificateUnchecked, &[Certifiers], 20),
    way(Bug::BatchBelieved, &[Certifiers], 40),
    way(Bug::OutsidersCounted, &[Certifiers], 10),
    way(Bug::EchoUnsigned, &[Certifiers], 10),
    way(Bug::VoteUnsigned, &[Impostors], 30),
    way(Bug::ApprovalUnsigned, &[Impostors], 10),
    way(Bug::ReportUnsigned, &[Impostors], 40),
    way(Bug::SummaryUnsigned, &[Impostors], 60),
    way(Bug::ReturnAddressBelieved, &[Impostors], 40),
    way(Bug::NoDomainTag, &[Calm], 10),
    way(Bug::EchoWithoutNumber, &[Accusers], 10),
    way(Bug::EvidenceUnchecked, &[Accusers], 10),
    way(Bug::RepetitionConvicts, &[Accusers], 10),
    way(Bug::ProposalNotRepeated, &[], 10),
    way(Bug::EchoNotRepeated, &[], 10),
    way(Bug::OutboxNotDurable, &[PowerCuts], 10),
    way(Bug::OutboxUnbounded, &[Backlog], 10),
    way(Bug::LockNotDurable, &[Crashes], 10),
    way(Bug::SentBeforeWritten, &[PowerCuts], 60),
    way(Bug::DeliveryNotDurable, &[Crashes], 20),
    way(Bug::VoteNotDurable, &[Patience], 10),
    way(Bug::FreezeNotDurable, &[Crashes, Patience], 10),
    way(Bug::ConvictionNotDurable, &[Amnesia], 20),
    way(Bug::SecondMessageEchoed, &[Thieves], 20),
    way(Bug::EvidenceNotShared, &[Thieves], 10),
    way(Bug::EquivocationForgotten, &[Thieves], 20),
    way(Bug::StrangersEchoed, &[Heirs], 10),
    way(Bug::ParentUnchecked, &[Authors], 60),
    way(Bug::EchoUnjudged, &[Authors], 40),
    way(Bug::PayloadUnchecked, &[Substitutes], 10),
    way(Bug::DeliveredUnjudged, &[Relays], 10),
    way(Bug::ProofNotKept, &[Absences], 10),
    way(Bug::AnnouncedForEver, &[], 10),
    way(Bug::NeverAnnounced, &[], 10),
    way(Bug::NoBackoff, &[Silence], 10),
    way(Bug::LocksNotReported, &[Patience], 10),
    way(Bug::EchoWhileFrozen, &[Seals, Patience], 10),
    way(Bug::LocksNotAdopted, &[Patience], 10),
    way(Bug::PickedInsteadOfSealed, &[Patience, Seals], 100),
    way(Bug::AdoptedForgotten, &[Patience], 60),
    way(Bug::SealForgotten, &[Patience, Seals], 20),
    way(Bug::FrontierForgotten, &[Seals, Patience], 10),
    way(Bug::SealedDotEchoed, &[Patience, Seals], 10),
    way(Bug::EchoNotRenewed, &[Seals, Patience], 10),
    way(Bug::EveryReportAwaited, &[Silence], 10),
    way(Bug::TooFewReports, &[Coordinators, Votes], 20),
    way(Bug::BackedNotDurable, &[Blackouts, Patience], 20),
    way(Bug::OtherReportRefused, &[Votes], 40),
    way(Bug::NilWhenBeyond, &[Coordinators], 10),
    way_from(Bug::InstalledBehind, &[Absences, Seals], 25, 10),
    way(Bug::PrevoteWithoutHolding, &[Coordinators], 20),
    way(Bug::StateUnchecked, &[Coordinators], 100),
    way(Bug::RoundsMixed, &[Coordinators], 10),
    way_from(Bug::LockedForgotten, &[Locks], 104, 10),
    way(Bug::UnlockedFreely, &[Turncoats], 80),
    way(Bug::ValidNotPassedOn, &[Turncoats], 10),
    way(Bug::NoClosingRule, &[Heirs], 60),
    way(Bug::SnapshotUnchecked, &[Fetches], 60),
    way(Bug::EndingUnchecked, &[Fetches, Absences], 60),
    way(Bug::ManifestUnchecked, &[Fetches], 200),
    way(Bug::GarbageLocked, &[Marks], 10),
    way_from(Bug::MarksUnbounded, &[Marks], 95, 10),
    way(Bug::ValidWithoutValue, &[Blackouts], 20),
    way(Bug::ValuesEvicted, &[Floods], 20),
    way(Bug::CheckpointUnheeded, &[Invitations], 10),
    way(Bug::PendingNotClosed, &[Sleepers], 20),
    way(Bug::FaultsRepeated, &[Nags], 10),
    way(Bug::Poison, &[Poisons], 10),
    way(Bug::LeftTooSoon, &[HandOvers], 40),
    way(Bug::EvidenceUnused, &[Backdaters], 20),
    way(Bug::ConvictedAcross, &[Revisers, Backdaters], 20),
    way(Bug::OldLockKept, &[Revisers], 20),
    way_from(Bug::OldMarkCounted, &[Revisers], 1490, 40),
    way(Bug::SilencedSigns, &[Lapses], 10),
    way(Bug::AccusedNotTold, &[Lapses], 100),
    way(Bug::ApprovalsReplayed, &[Revivals], 40),
    way_from(Bug::FarLaneForgotten, &[Dozers], 50, 40),
    way(Bug::LeftForgotten, &[Stragglers], 10),
];
