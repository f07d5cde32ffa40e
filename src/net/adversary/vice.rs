//! The kinds of liars, by name: for scenarios, which are data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Adversary, Archivist, Babbler, Backdater, DoubleEchoer, DoubleVoter, EarlyAuthor, Equivocator,
    FalseAccuser, FalseApprover, FalseCertifier, FalseCoordinator, FalseMarker, FalseReporter,
    FalseServer, FalseSnapshot, FickleServer, Flooder, Forger, Glutton, Impostor, Mute, MuteToSome,
    Nag, Poisoner, Procrastinator, Replayer, Reviser, Revivalist, SlowLoris, Substituter, Turncoat,
    Twins, Vices, Withholder,
};
use crate::traits::WireAlgorithm;

/// A kind of liar.
///
/// A scenario names it by its kebab-case word, in files as in code: to rename one breaks the
/// scenarios that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Vice {
    /// [`Mute`].
    Mute,
    /// [`Equivocator`].
    Equivocator,
    /// [`Twins`].
    Twins,
    /// [`FalseReporter`].
    FalseReporter,
    /// [`DoubleVoter`].
    DoubleVoter,
    /// [`FalseCoordinator`].
    FalseCoordinator,
    /// [`FalseServer`].
    FalseServer,
    /// [`FalseSnapshot`].
    FalseSnapshot,
    /// [`MuteToSome`].
    MuteToSome,
    /// [`Forger`].
    Forger,
    /// [`Replayer`].
    Replayer,
    /// [`Withholder`].
    Withholder,
    /// [`DoubleEchoer`].
    DoubleEchoer,
    /// [`EarlyAuthor`].
    EarlyAuthor,
    /// [`Babbler`].
    Babbler,
    /// [`SlowLoris`].
    SlowLoris,
    /// [`FalseApprover`].
    FalseApprover,
    /// [`FalseAccuser`].
    FalseAccuser,
    /// [`FalseCertifier`].
    FalseCertifier,
    /// [`Impostor`].
    Impostor,
    /// [`Procrastinator`].
    Procrastinator,
    /// [`Substituter`].
    Substituter,
    /// [`Turncoat`].
    Turncoat,
    /// [`Glutton`].
    Glutton,
    /// [`Poisoner`].
    Poisoner,
    /// [`FalseMarker`].
    FalseMarker,
    /// [`Flooder`].
    Flooder,
    /// [`FickleServer`].
    FickleServer,
    /// [`Archivist`].
    Archivist,
    /// [`Nag`].
    Nag,
    /// [`Revivalist`].
    Revivalist,
    /// [`Backdater`].
    Backdater,
    /// [`Reviser`].
    Reviser,
}

impl Vice {
    /// Every kind.
    pub const ALL: [Self; 33] = [
        Self::Mute,
        Self::Equivocator,
        Self::Twins,
        Self::FalseReporter,
        Self::DoubleVoter,
        Self::FalseCoordinator,
        Self::FalseServer,
        Self::FalseSnapshot,
        Self::MuteToSome,
        Self::Forger,
        Self::Replayer,
        Self::Withholder,
        Self::DoubleEchoer,
        Self::EarlyAuthor,
        Self::Babbler,
        Self::SlowLoris,
        Self::FalseApprover,
        Self::FalseAccuser,
        Self::FalseCertifier,
        Self::Impostor,
        Self::Procrastinator,
        Self::Substituter,
        Self::Turncoat,
        Self::Glutton,
        Self::Flooder,
        Self::FickleServer,
        Self::Archivist,
        Self::FalseMarker,
        Self::Poisoner,
        Self::Nag,
        Self::Revivalist,
        Self::Backdater,
        Self::Reviser,
    ];

    /// Its name, under which its lies are counted; unique among [`Vice::ALL`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Equivocator => "equivocator",
            Self::Twins => "twins",
            Self::FalseReporter => "false-reporter",
            Self::DoubleVoter => "double-voter",
            Self::FalseCoordinator => "false-coordinator",
            Self::FalseServer => "false-server",
            Self::FalseSnapshot => "false-snapshot",
            Self::MuteToSome => "mute-to-some",
            Self::Forger => "forger",
            Self::Replayer => "replayer",
            Self::Withholder => "withholder",
            Self::DoubleEchoer => "double-echoer",
            Self::EarlyAuthor => "early-author",
            Self::Babbler => "babbler",
            Self::SlowLoris => "slow-loris",
            Self::FalseApprover => "false-approver",
            Self::FalseAccuser => "false-accuser",
            Self::FalseCertifier => "false-certifier",
            Self::Impostor => "impostor",
            Self::Procrastinator => "procrastinator",
            Self::Substituter => "substituter",
            Self::Turncoat => "turncoat",
            Self::Glutton => "glutton",
            Self::Poisoner => "poisoner",
            Self::FalseMarker => "false-marker",
            Self::Flooder => "flooder",
            Self::FickleServer => "fickle-server",
            Self::Archivist => "archivist",
            Self::Nag => "nag",
            Self::Revivalist => "revivalist",
            Self::Backdater => "backdater",
            Self::Reviser => "reviser",
        }
    }

    /// A liar with all of these vices. Those that take everything away from the others come last,
    /// whatever the order.
    #[must_use]
    pub fn seat<A: WireAlgorithm>(vices: &[Self]) -> Box<dyn Adversary<A>> {
        if let [vice] = vices {
            return vice.boxed();
        }
        let mut sorted = vices.to_vec();
        sorted.sort_by_key(|vice| vice.greed());
        let all = sorted.iter().map(|vice| vice.boxed());
        Box::new(all.fold(Vices::default(), Vices::and_boxed))
    }

    /// How much it leaves to those after it.
    fn greed(self) -> u8 {
        match self {
            Self::Equivocator
            | Self::DoubleEchoer
            | Self::FalseCertifier
            | Self::Flooder
            | Self::Nag
            | Self::Poisoner
            | Self::Procrastinator
            | Self::Reviser
            | Self::Substituter => 1,
            Self::Twins => 2,
            Self::Mute => 3,
            _ => 0,
        }
    }

    /// Each as chance lets it lie: what a test chooses is built by hand.
    fn boxed<A: WireAlgorithm>(self) -> Box<dyn Adversary<A>> {
        match self {
            Self::Mute => Box::new(Mute),
            Self::Equivocator => Box::new(Equivocator::default()),
            Self::Twins => Box::new(Twins::new()),
            Self::FalseReporter => Box::new(FalseReporter),
            Self::DoubleVoter => Box::new(DoubleVoter::default()),
            Self::FalseCoordinator => Box::new(FalseCoordinator::default()),
            Self::FalseServer => Box::new(FalseServer::default()),
            Self::FalseSnapshot => Box::new(FalseSnapshot::default()),
            Self::MuteToSome => Box::new(MuteToSome::default()),
            Self::Forger => Box::new(Forger::default()),
            Self::Replayer => Box::new(Replayer::default()),
            Self::Withholder => Box::new(Withholder::default()),
            Self::DoubleEchoer => Box::new(DoubleEchoer::default()),
            Self::EarlyAuthor => Box::new(EarlyAuthor::default()),
            Self::Babbler => Box::new(Babbler::default()),
            Self::SlowLoris => Box::new(SlowLoris::default()),
            Self::FalseApprover => Box::new(FalseApprover),
            Self::FalseAccuser => Box::new(FalseAccuser::default()),
            Self::FalseCertifier => Box::new(FalseCertifier::default()),
            Self::Impostor => Box::new(Impostor::default()),
            Self::Procrastinator => Box::new(Procrastinator::default()),
            Self::Substituter => Box::new(Substituter::default()),
            Self::Turncoat => Box::new(Turncoat::default()),
            Self::Glutton => Box::new(Glutton),
            Self::Poisoner => Box::new(Poisoner::default()),
            Self::FalseMarker => Box::new(FalseMarker::default()),
            Self::Flooder => Box::new(Flooder::default()),
            Self::FickleServer => Box::new(FickleServer::default()),
            Self::Archivist => Box::new(Archivist::default()),
            Self::Nag => Box::new(Nag::default()),
            Self::Revivalist => Box::new(Revivalist::default()),
            Self::Backdater => Box::new(Backdater::default()),
            Self::Reviser => Box::new(Reviser::default()),
        }
    }
}

impl fmt::Display for Vice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
