//! The bug zoo: known mistakes of protocols like this one, to be switched on one at a time, so that a test can show
//! that the simulated network finds each of them.
//!
//! It exists in the unit tests of this crate alone. Everywhere else `bug!` is the word `false`, and a [`Bug`] has no
//! meaning: no release can hold one.

/// Whether a bug of the zoo is on, on this thread.
#[cfg(test)]
macro_rules! bug {
    ($bug:ident) => {
        $crate::zoo::has($crate::zoo::Bug::$bug)
    };
}

/// Bugs exist in unit tests alone.
#[cfg(not(test))]
macro_rules! bug {
    ($bug:ident) => {
        false
    };
}

#[cfg(test)]
pub(crate) use cage::{Bug, has, with};

#[cfg(test)]
mod cage {
    use std::cell::Cell;

    thread_local! {
        static LOOSE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether this bug is on.
    pub(crate) fn has(bug: Bug) -> bool {
        LOOSE.get() == Some(bug)
    }

    /// Runs something with a bug on. It is off again afterwards, after a panic too.
    pub(crate) fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
        struct Closed;
        impl Drop for Closed {
            fn drop(&mut self) {
                LOOSE.set(None);
            }
        }
        LOOSE.set(Some(bug));
        let _closed = Closed;
        run()
    }

    macro_rules! bugs {
        ($($(#[$doc:meta])* $bug:ident,)*) => {
            /// A known mistake.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub(crate) enum Bug {
                $($(#[$doc])* $bug,)*
            }

            impl Bug {
                /// Every one.
                pub(crate) const ALL: &[Self] = &[$(Self::$bug,)*];
            }
        };
    }

    bugs! {
        // ---- quorums, certificates, signatures
        /// A quorum is `n - f - 1`.
        QuorumOfOneLess,
        /// A certificate with one signature less than a quorum is taken.
        ShortCertificate,
        /// One seat may stand twice in a certificate.
        SeatsRepeated,
        /// The signatures in a certificate are not checked.
        CertificateUnchecked,
        /// A signature by somebody without a seat is counted for a seat that is free.
        OutsidersCounted,
        /// The signature of an echo is not checked, nor that of a source on its message.
        EchoUnsigned,
        /// What a member is said to have delivered is believed without its signature.
        StandingUnsigned,
        /// The signature of a vote on the next generation is not checked.
        BallotUnsigned,
        /// The signature of a report is not checked.
        ReportUnsigned,
        /// The signature of an approval is not checked.
        ApprovalUnsigned,
        /// All kinds of statements are hashed under one tag.
        NoDomainTag,
        /// An echo names a digest in a lane, not its number in it.
        EchoWithoutNumber,

        // ---- the source
        /// A proposal that was lost is not sent again.
        ProposalNotRepeated,
        /// Operations that wait are not durable.
        OutboxNotDurable,
        /// Any number of operations may wait.
        OutboxUnbounded,

        // ---- the echo rule
        /// A second message at one dot is echoed too.
        SecondMessageEchoed,
        /// The same proposal again gets no answer.
        EchoNotRepeated,
        /// What a message follows is not checked.
        ParentUnchecked,
        /// A message is echoed without asking whether its operations are valid.
        EchoUnjudged,
        /// The lock is not durable before the echo is sent.
        LockNotDurable,
        /// Packets leave before the records are written.
        SentBeforeWritten,
        /// Who is no member is echoed like a member.
        StrangersEchoed,

        // ---- delivery and catching up
        /// The message of a certificate is found by its number, not by its digest.
        PayloadUnchecked,
        /// A certified message is applied without asking whether it is valid here.
        DeliveredUnjudged,
        /// A delivery is not durable.
        DeliveryNotDurable,
        /// What was delivered is served without its certificate.
        ProofNotKept,
        /// Members are not told what was delivered here.
        NeverAnnounced,
        /// Members are told again and again what they know.
        AnnouncedForEver,
        /// Whoever is named as a packet's sender is taken to have what the packet says.
        ReturnAddressBelieved,
        /// Nothing that is said again is ever said less often.
        NoBackoff,

        // ---- evidence
        /// Evidence from others is believed.
        EvidenceUnchecked,
        /// A conviction is not durable.
        ConvictionNotDurable,
        /// Evidence is kept to oneself.
        EvidenceNotShared,
        /// Two messages at one dot convict nobody.
        EquivocationForgotten,
        /// The same thing said twice convicts.
        RepetitionConvicts,

        // ---- the end of a generation
        /// A member that is frozen goes on echoing.
        EchoWhileFrozen,
        /// The freeze is not durable.
        FreezeNotDurable,
        /// A report does not name what its member is bound to.
        LocksNotReported,
        /// Every member's report is waited for.
        EveryReportAwaited,
        /// A value needs one report less than a quorum.
        TooFewReports,
        /// What the last boundary imposed is not carried on.
        AdoptedForgotten,
        /// What the last boundary sealed is not carried on.
        SealForgotten,
        /// The last frontier is not carried on.
        FrontierForgotten,
        /// Of two reported messages at one dot one is imposed.
        PickedInsteadOfSealed,
        /// No reported lock is imposed on anybody.
        LocksNotAdopted,

        // ---- the agreement
        /// A member prevotes a value before it holds what the value rests on.
        PrevoteWithoutHolding,
        /// The state that a value names is not checked.
        StateUnchecked,
        /// A member that delivered beyond a value's frontier prevotes nil.
        NilWhenBeyond,
        /// Votes are not durable before they are sent.
        BallotNotDurable,
        /// What a member precommitted is not remembered after a crash.
        LockedForgotten,
        /// A lock of the agreement is given up without a newer quorum of prevotes.
        UnlockedFreely,
        /// Precommits of different rounds are counted together.
        RoundsMixed,
        /// A member keeps the quorum of prevotes that made a value valid to itself.
        ValidNotPassedOn,

        // ---- the next generation
        /// A certificate of retired members is taken, whatever it says.
        NoClosingRule,
        /// What a member is bound to is not echoed anew.
        EchoNotRenewed,
        /// A dot that is sealed is echoed.
        SealedDotEchoed,
        /// A generation is installed, and reported in at its end, before everything up to its frontier is here.
        InstalledBehind,
        /// The bytes of a snapshot are not checked.
        SnapshotUnchecked,
        /// The manifest of a snapshot is not checked.
        ManifestUnchecked,

        // ---- found by hand first, and by enemies that came later
        /// A lock counts whatever it is on, and what a boundary imposes is kept only while it may be echoed.
        GarbageLocked,
        /// A quorum of prevotes for a value is on record before the value is.
        ValidWithoutValue,
        /// Values that others show push out those that count.
        ValuesEvicted,
        /// A report may mark the lanes of whoever, and a value may have any length.
        MarksUnbounded,
        /// Old approvals push out new ones, whoever shows them.
        ApprovalsReplayed,
        /// A trusted checkpoint is compared with its own generation alone; before that anything is believed.
        CheckpointUnheeded,
        /// Who has no seat any more is told to go, whatever the others lack.
        LeftTooSoon,
        /// Any answer is taken, asked for or not, and a copy of a message without its source's signature is kept and served
        /// in the place of a good one.
        Poison,
        /// Who knows that its generation is over, and has not installed the next, delivers what its retired members certify.
        PendingNotClosed,
        /// What can never be valid is reported each time that it is sent.
        FaultsRepeated,
        /// Of two signatures that contradict each other, one that names another generation than ours convicts nobody.
        EvidenceUnused,
        /// A replica that is silenced signs standings still, and votes in the agreement.
        SilencedSigns,
        /// Who is convicted is not shown the evidence.
        AccusedNotTold,
        /// The precommits with which we left a round are not durable.
        LeftForgotten,
        /// A record of a message whose source entered with a generation that is not installed yet is taken for a damaged one.
        FarLaneForgotten,
    }
}
