//! The kinds of liars, by name: for scenarios, which are data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Adversary, DoubleVoter, Equivocator, FalseCoordinator, FalseReporter, FalseServer,
    FalseSnapshot, Mute, Twins,
};
use crate::traits::Wire;

/// A kind of liar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Vice {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Mute,
        Self::Equivocator,
        Self::Twins,
        Self::FalseReporter,
        Self::DoubleVoter,
        Self::FalseCoordinator,
        Self::FalseServer,
        Self::FalseSnapshot,
    ];

    /// The kind, in a word or two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Equivocator => "equivocator",
            Self::Twins => "twins",
            Self::FalseReporter => "false reporter",
            Self::DoubleVoter => "double voter",
            Self::FalseCoordinator => "false coordinator",
            Self::FalseServer => "false server",
            Self::FalseSnapshot => "false snapshot",
        }
    }

    pub(in crate::net) fn seat<A: Wire>(vices: &[Self]) -> Box<dyn Adversary<A>> {
        vices[0].single()
    }

    fn single<A: Wire>(self) -> Box<dyn Adversary<A>> {
        match self {
            Self::Mute => Box::new(Mute),
            Self::Equivocator => Box::new(Equivocator::default()),
            Self::Twins => Box::new(Twins::new()),
            Self::FalseReporter => Box::new(FalseReporter),
            Self::DoubleVoter => Box::new(DoubleVoter::default()),
            Self::FalseCoordinator => Box::new(FalseCoordinator::default()),
            Self::FalseServer => Box::new(FalseServer::default()),
            Self::FalseSnapshot => Box::new(FalseSnapshot::default()),
        }
    }
}

impl fmt::Display for Vice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
