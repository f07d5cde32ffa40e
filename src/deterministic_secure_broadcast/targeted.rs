//! What is to be sent, and to whom.

use std::sync::Arc;

use super::packet::{Body, Packet};
use crate::actor::Actor;
use crate::quorum::Committee;

/// Whom a body is for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Target {
    /// One actor.
    One(Actor),
    /// The members of a committee, without the sender: those of the moment in which it was said,
    /// whoever follows them meanwhile.
    Members(Arc<Committee>),
}

/// A body, who says it, and to whom. So what goes to all is there once, and a transport can encode
/// it once.
#[derive(Clone, Debug)]
pub struct Targeted {
    /// Who says it: the replica that wants it sent.
    pub from: Actor,
    /// To whom.
    pub target: Target,
    /// What.
    pub body: Body,
}

impl Targeted {
    /// Who is to receive it, each once.
    pub fn receivers(&self) -> impl Iterator<Item = Actor> + '_ {
        let actors = match &self.target {
            Target::One(actor) => std::slice::from_ref(actor),
            Target::Members(committee) => committee.actors(),
        };
        actors.iter().copied().filter(|to| *to != self.from)
    }

    /// A packet for each receiver. What is long in a body is shared by all of them.
    pub fn packets(&self) -> impl Iterator<Item = Packet> + '_ {
        self.receivers().map(|to| Packet {
            from: self.from,
            to,
            body: self.body.clone(),
        })
    }
}
