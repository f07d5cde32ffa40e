//! Which scenarios show which bug, and after how many of them it must have been caught.

use super::shape::*;
use crate::zoo::Bug::{self, *};

/// Bugs that are caught: by these shapes in turns, within so many scenarios.
pub(super) const CAUGHT: &[(Bug, &[&Shape], u64)] = &[
    (QuorumOfOneLess, &[&CALM, &THIEVES], 40),
    (ShortCertificate, &[&CERTIFIED], 40),
    (SeatsRepeated, &[&CERTIFIED], 40),
    (CertificateUnchecked, &[&CERTIFIED], 40),
    (OutsidersCounted, &[&CERTIFIED], 40),
    (EchoUnsigned, &[&CERTIFIED], 40),
    (ProposalUnsigned, &[&IMPERSONATED], 40),
    (BallotUnsigned, &[&IMPERSONATED], 40),
    (ApprovalUnsigned, &[&IMPERSONATED], 40),
    (StandingUnsigned, &[&ANYTHING], 120),
    (BindingWithoutNumber, &[&FRAMED], 40),
    (EvidenceUnchecked, &[&FRAMED], 40),
    (RepetitionConvicts, &[&FRAMED], 40),
    (ProposalNotRepeated, &[&ANYTHING], 40),
    (EchoNotRepeated, &[&ANYTHING], 40),
    (OutboxNotDurable, &[&POWER_CUTS], 40),
    (OutboxUnbounded, &[&BACKLOG], 40),
    (LockNotDurable, &[&CRASHES], 40),
    (SentBeforeWritten, &[&POWER_CUTS], 80),
    (DeliveryNotDurable, &[&CRASHES], 40),
    (BallotNotDurable, &[&AGREEMENTS], 80),
    (ConvictionNotDurable, &[&FORGETFUL], 40),
    (SecondMessageEchoed, &[&THIEVES], 40),
    (EvidenceNotShared, &[&THIEVES], 40),
    (EquivocationForgotten, &[&THIEVES], 40),
    (ParentUnchecked, &[&BRAZEN], 40),
    (EchoUnjudged, &[&BRAZEN], 40),
    (DeliveredUnjudged, &[&RELAYS], 200),
    (ProofNotKept, &[&ABSENCES, &ANYTHING], 40),
    (AnnouncedForEver, &[&ANYTHING], 40),
    (NeverAnnounced, &[&ANYTHING], 40),
    (NoBackoff, &[&SILENT], 40),
    (LocksNotReported, &[&SEALS, &PATIENCE], 40),
    (EchoWhileFrozen, &[&SEALS, &PATIENCE], 40),
    (LocksNotAdopted, &[&SEALS, &PATIENCE], 40),
    (FrontierForgotten, &[&SEALS, &PATIENCE], 120),
    (EchoNotRenewed, &[&SEALS, &PATIENCE], 40),
    (EveryReportAwaited, &[&AGREEMENTS, &CHANGES], 40),
    (NilWhenBeyond, &[&AGREEMENTS, &CHANGES], 40),
    (InstalledBehind, &[&AGREEMENTS, &CHANGES], 40),
    (RoundsMixed, &[&AGREEMENTS], 40),
    (StateUnchecked, &[&COORDINATORS], 40),
];

/// Bugs that no scenario has shown yet, with what it would take.
pub(super) const AT_LARGE: &[Bug] = &[
    // a liar that forges reports only while the generation ends, and with locks in them
    ReportUnsigned,
    // a check that nobody becomes a member who did not ask
    EntryUnsigned,
    // no two kinds of statements have encodings of one length here, so nothing can be shown as another: a check of the digests themselves is wanted
    NoDomainTag,
    // a liar that was a member and is none: an act that expels, or one that corrupts who has left
    StrangersEchoed,
    // breaks no promise that is checked: the lane of a convicted source may go on
    ConvictedEchoed,
    // an equivocator that shows its second message only to who has the certificate of the first and not its message
    PayloadUnchecked,
    // a standing under a false address while its owner is cut off
    ReturnAddressBelieved,
    // masked: whoever is ahead announces again, and that makes the member pull
    PullNotRepeated,
    // a framer that keeps echoes over a change that imposed another message
    EchoesOfTwoGenerationsConvict,
    // a crash between report and install, with an equivocator that waits for it
    FreezeNotDurable,
    // a coordinator that leaves out the one report with the lock, together with a patient equivocator: vices that are combined
    TooFewReports,
    // two changes during which the adopted message stays in flight: its payload withheld
    AdoptedForgotten,
    // as for the adopted ones, with a sealed dot
    SealForgotten,
    // a certificate shown to one member only, which is then left out of the reports
    PickedInsteadOfSealed,
    // a value whose frontier is false, proposed by a liar with a false report in it
    PrevoteWithoutHolding,
    // a lock reported whose message its source withholds
    PayloadsNotHeld,
    // a lock in the agreement and a crash, in a round that was not decided: links that are cut between the votes of one round
    LockedForgotten,
    // as for the forgotten lock; a coordinator that proposes another value in the next round
    UnlockedFreely,
    // as for the forgotten lock
    NeverUnlocked,
    // a liar whose prevote reaches one member only
    ValidNotPassedOn,
    // keys of members that have left, in the hand of a liar
    NoClosingRule,
    // a sealed dot at which a quorum is locked on one of the messages
    SealedDotEchoed,
    // a member that is beyond the frontier in one lane and behind what is pruned in another
    BeyondSnapshotForgotten,
    // more actors than seats: the player of scenarios stops at ten
    PeersUnbounded,
    // a liar that serves another state that decodes, with its own manifest: `FalseSnapshot` spoils the first byte, which
    // is a length
    SnapshotUnchecked,
    // the same
    ManifestUnchecked,
];

/// The shapes that look where a bug lives; all of them when nobody knows.
pub(super) fn sharpest(bug: Bug) -> &'static [&'static Shape] {
    let known = CAUGHT.iter().find(|(caught, ..)| *caught == bug);
    known.map_or(&ALL, |(_, shapes, _)| shapes)
}
