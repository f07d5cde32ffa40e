//! The kinds of liars, by name: for scenarios, which are data.

use super::{
    Adversary, DoubleVoter, Equivocator, FalseCoordinator, FalseReporter, FalseServer,
    FalseSnapshot, Mute, Twins,
};
use crate::traits::Wire;

/// A kind of liar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    pub(in crate::net) fn seat<A: Wire>(self) -> Box<dyn Adversary<A>> {
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
