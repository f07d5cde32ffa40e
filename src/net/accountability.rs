//! What becomes of a key that signed two things that exclude each other: whoever has seen both
//! convicts it, whoever holds it is told, and whoever knows that its own key did so signs nothing
//! more.

use super::Net;
use super::participant::Mind;
use super::violation::Violation;
use crate::actor::{Actor, Signed, Statement, Work};
use crate::codec::NetworkId;
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Replica};
use crate::evidence::Exclusive;
use crate::traits::WireAlgorithm;

/// What is owed by a replica that is about to be given an input.
///
/// Made before an input is given, and judged after it was taken.
pub(super) struct Duty {
    who: Actor,
    /// Signatures that were made on this thread, if it may make none.
    ///
    /// `None` when it may sign.
    signatures: Option<u64>,
    /// A source that contradicts by the input what was delivered here.
    ///
    /// It has to be convicted when the input was taken.
    contradicts: Option<Actor>,
}

impl Duty {
    /// Checks the claim's signature itself: a claim that is signed badly obliges to nothing.
    pub(super) fn of<A: WireAlgorithm>(replica: &Replica<A>, packet: Option<&Packet>) -> Self {
        let silenced = replica.is_silenced();
        let claim = packet.and_then(|packet| source_claim(packet, replica.network()));
        let claim = claim.filter(|claim| is_contradiction(replica, claim));
        Self {
            who: replica.actor(),
            signatures: silenced.then(|| Work::so_far().signatures),
            contradicts: claim.map(|claim| claim.signer),
        }
    }

    /// Whether it was done, by a replica that took the input.
    ///
    /// # Errors
    /// [`Violation::SignedSilenced`] and [`Violation::Unconvicted`].
    pub(super) fn judge<A: WireAlgorithm>(self, replica: &Replica<A>) -> Result<(), Violation> {
        let Self {
            who,
            signatures,
            contradicts,
        } = self;
        if signatures.is_some_and(|before| before < Work::so_far().signatures) {
            return Err(Violation::SignedSilenced { who });
        }
        match contradicts {
            Some(accused) if !replica.convicted().contains_key(&accused) => {
                Err(Violation::Unconvicted { at: who, accused })
            }
            _ => Ok(()),
        }
    }
}

/// What a source says of its own dot.
///
/// Of members' echoes nothing is owed here, as they are only kept for a lock.
fn source_claim(packet: &Packet, network: &NetworkId) -> Option<Signed<Echo>> {
    match &packet.body {
        Body::Echo(echo) if echo.signer == echo.statement.dot.source => Some(*echo),
        Body::Proposal(proposal) => {
            let message = &proposal.message;
            let statement = Echo {
                generation: proposal.generation,
                dot: message.dot(),
                digest: message.digest(network),
            };
            let (signer, sig) = (message.source, proposal.sig);
            Some(Signed {
                statement,
                signer,
                sig,
            })
        }
        _ => None,
    }
}

/// Whether the source signed another message at that dot in the same generation, which was
/// delivered and is still kept, and it has not been convicted yet.
fn is_contradiction<A: WireAlgorithm>(replica: &Replica<A>, claim: &Signed<Echo>) -> bool {
    let dot = claim.statement.dot;
    let said = replica.delivered_echo(&dot);
    let other = said.is_some_and(|said| said.excludes(&claim.statement));
    if !other || replica.convicted().contains_key(&dot.source) {
        return false;
    }
    let key = claim.signer.public_key();
    key.is_ok_and(|key| claim.verify(replica.network(), &key).is_ok())
}

impl<A: WireAlgorithm> Net<A> {
    /// Asserts that no member of the newest committee that is convicted by a correct one goes on as
    /// if nothing were: it knows that its key signs elsewhere, or that its store is an old copy.
    ///
    /// # Panics
    /// When one does.
    pub(super) fn assert_told(&mut self) {
        let members = self.members();
        let judges = members.iter().filter(|who| self.is_correct(who));
        let convicts = judges
            .filter_map(|who| self.replica(who))
            .flat_map(|replica| replica.convicted().keys());
        let untold = convicts.copied().find(|who| {
            let mind = self.participants.get(who).map(|p| &p.mind);
            let acts = matches!(mind, Some(Mind::Correct(replica)) if !replica.is_silenced());
            acts && members.contains(who)
        });
        if let Some(who) = untold {
            self.hold_to(|_| Err(Violation::NotTold { who }));
        }
    }
}
