//! What was exercised: what happened how often, by kind, beside everything that can happen at all.

use std::collections::BTreeMap;
use std::fmt;

use super::adversary::Vice;
use crate::actor::BadSignature;
use crate::codec::DecodeError;
use crate::deterministic_secure_broadcast::{Body, Fault, PacketError, Replica};
use crate::evidence::EvidenceError;
use crate::membership::{AgreementMessageError, ChangeError, GenerationProofError, ReportError};
use crate::quorum::{CertificateError, VerifyError};
use crate::traits::WireAlgorithm;

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// The network or the power did harm.
    Fault(&'static str),
    /// A liar lied.
    Lie(&'static str),
    /// A packet of this kind arrived.
    Packet(&'static str),
    /// A correct replica refused a packet for this reason.
    Refusal(&'static str),
    /// A correct replica reported a fault.
    Report(&'static str),
    /// A correct replica entered this state.
    State(&'static str),
}

impl Kind {
    /// The first and second column of the table.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Fault(what) => ("fault", what),
            Self::Lie(what) => ("lie", what),
            Self::Packet(what) => ("packet", what),
            Self::Refusal(what) => ("refusal", what),
            Self::Report(what) => ("report", what),
            Self::State(what) => ("state", what),
        }
    }
}

/// The faults of links and of power, and what is done to a network by hand.
const FAULTS: [&str; 21] = [
    "a packet lost",
    "a packet twice",
    "a packet late",
    "a bit of a packet flipped",
    "a packet on a link that is cut",
    "a packet on a link that is slow",
    "a crash",
    "a crash while writing",
    "a restart",
    "a restart from an older copy of the store",
    "a newcomer",
    "a certificate by retired keys",
    "a certificate by retired keys for a sleeper",
    "a generation by retired keys for somebody invited",
    "a crash of all",
    "a phase of a change awaited",
    "a vote on a link that carries none",
    "a packet on a network that is slow",
    "an agreement in a late round",
    "an agreement past its 50th round",
    "a member that left switched off for good",
];

/// What nothing within the bound on liars can bring about on a simulated network.
const IMPOSSIBLE: [Kind; 8] = [
    // Nobody lies to a committee of one.
    Kind::Refusal("change: the last member"),
    // Only who has a lane is accused, and lanes are those of actors whose keys are good.
    Kind::Refusal("evidence: an unusable key"),
    // A quorum would have had to decide on it.
    Kind::Refusal("generation: a bad value"),
    Kind::Refusal("generation: not that of the invitation"),
    // A proposal of nothing is no packet that is refused but a fault that is reported.
    Kind::Refusal("packet: a message of nothing"),
    // The algorithm would have to break a law.
    Kind::Report("broken law"),
    Kind::Report("diverged"),
    // All have one version of it.
    Kind::Report("unreadable"),
];

/// How often what happened.
///
/// With [`everything`](Self::everything) as its beginning it also tells what never happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// A kind with no times is one that can happen and did not; one that is absent was not
    /// expected.
    counts: BTreeMap<Kind, u64>,
}

impl Coverage {
    /// Everything that can happen on a network of `A` with no more liars than are tolerated, never.
    ///
    /// So a refusal, a vice or a state that is new in the code is asked for without being named
    /// here.
    #[must_use]
    pub fn everything<A: WireAlgorithm>() -> Self {
        let kinds = FAULTS
            .into_iter()
            .map(Kind::Fault)
            .chain(Vice::ALL.iter().map(|vice| Kind::Lie(vice.name())))
            .chain(Body::KINDS.into_iter().map(Kind::Packet))
            .chain(REFUSALS.iter().map(|refusal| Kind::Refusal(refusal)))
            .chain(Fault::KINDS.into_iter().map(Kind::Report))
            .chain(Replica::<A>::every_situation().map(Kind::State));
        Self {
            counts: kinds
                .filter(|kind| !IMPOSSIBLE.contains(kind))
                .map(|kind| (kind, 0))
                .collect(),
        }
    }

    /// The kind need not be among those that were expected.
    pub(super) fn hit(&mut self, kind: Kind) {
        self.add(kind, 1);
    }

    pub(super) fn add(&mut self, kind: Kind, times: u64) {
        *self.counts.entry(kind).or_default() += times;
    }

    /// Counts the states that a replica was not in before.
    ///
    /// `before` is what the replica was in when it was looked at last, and is brought up to date.
    pub(super) fn enter<A: WireAlgorithm>(&mut self, before: &mut Vec<bool>, replica: &Replica<A>) {
        before.resize(Replica::<A>::every_situation().count(), false);
        let states = Replica::<A>::every_situation().zip(replica.situations());
        for (was, (name, is)) in before.iter_mut().zip(states) {
            if is && !*was {
                self.hit(Kind::State(name));
            }
            *was = is;
        }
    }

    /// Adds what happened elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (kind, times) in &other.counts {
            self.add(*kind, *times);
        }
    }

    /// How often this happened.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// Each kind with how often it happened.
    pub fn counts(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.counts.iter().map(|(kind, times)| (*kind, *times))
    }

    /// What never happened.
    pub fn missing(&self) -> impl Iterator<Item = Kind> {
        let never = self.counts().filter(|(_, times)| *times == 0);
        never.map(|(kind, _)| kind)
    }
}

/// A table, a line a kind.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, times) in self.counts() {
            let (section, what) = kind.words();
            let times = match times {
                0 => "never".to_owned(),
                times => times.to_string(),
            };
            writeln!(f, "{section:<8} {what:<58} {times:>12}")?;
        }
        Ok(())
    }
}

/// Makes a function that names each value of a type, and the list of the names.
///
/// A match without a wildcard: a new kind of refusal does not compile until it has a name.
macro_rules! names {
    ($all:ident, $name:ident, $type:ty, { $($pattern:pat => $words:literal,)+ }) => {
        const $all: &[&str] = &[$($words),+];

        pub(super) fn $name(value: &$type) -> &'static str {
            match value {
                $($pattern => $words,)+
            }
        }
    };
}

names!(REFUSALS, refusal, PacketError, {
    PacketError::Decode(DecodeError::TooLong { .. }) => "packet: too long",
    PacketError::Decode(DecodeError::Malformed) => "packet: malformed",
    PacketError::Decode(DecodeError::NotCanonical) => "packet: not canonical",
    PacketError::Decode(DecodeError::TooMany { .. }) => "packet: too many of something",
    PacketError::Decode(DecodeError::Empty) => "packet: a message of nothing",
    PacketError::Misdelivered(_) => "for somebody else",
    PacketError::NoLane(_) => "the lane of somebody unknown",
    PacketError::Unsigned(VerifyError::NoSeat(_)) => "said by nobody seated",
    PacketError::Unsigned(VerifyError::BadSignature(BadSignature(_))) => "a bad signature",
    PacketError::NoDot(_) => "number 0",
    PacketError::WrongParent(_) => "a wrong parent",
    PacketError::Invalid(_) => "never valid, and told before",
    PacketError::Silenced => "we are silenced",
    PacketError::Unasked(_) => "an echo not asked for",
    PacketError::UnaskedAnswer(_) => "an answer not asked for",
    PacketError::Certificate(CertificateError::NotAQuorum { .. }) => "certificate: not a quorum",
    PacketError::Certificate(CertificateError::Seats) => "certificate: seats out of order",
    PacketError::Certificate(CertificateError::BadSignature(_)) => "certificate: a bad signature",
    PacketError::Segment(_) => "a segment that does not hold together",
    PacketError::Closed(_) => "a certificate that comes too late",
    PacketError::Change(ChangeError::Member(_)) => "change: a member already",
    PacketError::Change(ChangeError::NoMember(_)) => "change: no member",
    PacketError::Change(ChangeError::LastMember) => "change: the last member",
    PacketError::Change(ChangeError::Full) => "change: no seat left",
    PacketError::Change(ChangeError::TooMany) => "change: too many newcomers approved",
    PacketError::Change(ChangeError::Stale) => "change: of another generation",
    PacketError::Change(ChangeError::WeakKey(_)) => "change: an unusable key",
    PacketError::Change(ChangeError::BadSignature(_)) => "change: a bad signature",
    PacketError::Change(ChangeError::Certificate(_)) => "change: approvals that are none",
    PacketError::Report(ReportError::Stale) => "report: of another generation",
    PacketError::Report(ReportError::Head(_)) => "report: a head that cannot be",
    PacketError::Report(ReportError::Mark(_)) => "report: a lock that cannot be",
    PacketError::Report(ReportError::BadSignature(_)) => "report: a bad signature",
    PacketError::Agreement(AgreementMessageError::TooMany) => "vote: too many",
    PacketError::Agreement(AgreementMessageError::Generation) => "vote: of another generation",
    PacketError::Agreement(AgreementMessageError::NotCoordinator) => "vote: proposed out of turn",
    PacketError::Agreement(AgreementMessageError::NoQuorum) => "vote: a quorum of nothing",
    PacketError::Agreement(AgreementMessageError::Vote(_)) => "vote: a bad signature",
    PacketError::Agreement(AgreementMessageError::Quorum(_)) => "vote: a bad quorum",
    PacketError::GenerationProof(GenerationProofError::NoDecision) => "generation: not decided",
    PacketError::GenerationProof(GenerationProofError::OtherValue) => "generation: another value was decided",
    PacketError::GenerationProof(GenerationProofError::Certificate(_)) => "generation: a bad certificate",
    PacketError::GenerationProof(GenerationProofError::Committee(_)) => "generation: no committee",
    PacketError::GenerationProof(GenerationProofError::Ending(_)) => "generation: another ending",
    PacketError::Forged(_) => "generation: not that of the invitation",
    PacketError::Snapshot(_) => "a part of another snapshot",
    PacketError::Evidence(EvidenceError::NoConflict) => "evidence: no conflict",
    PacketError::Evidence(EvidenceError::WeakKey(_)) => "evidence: an unusable key",
    PacketError::Evidence(EvidenceError::BadSignature(_)) => "evidence: a bad signature",
});
