//! Totality and catching up: who is known to have what, and how whoever lacks something gets it.
//!
//! Every replica remembers the newest summary that each member signed, and each contact that the
//! application named. On ticks it announces its own to those that are not known to be level with
//! it; one that lacks something pulls it, any other answers where it stands. When all are known to
//! be level, and each contact was heard, nobody speaks. What is pulled proves itself, so it may
//! come from anybody.

use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::message::{Equivocation, Summary};
use super::packet::Body;
use super::peers::Peer;
use super::step::Step;
use crate::actor::{Actor, BadSignature, Signed};
use crate::dot::Seq;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// Our summary, signed anew when it has changed. A replica that signs no more shows the last
    /// that it signed, if it has one: summaries only grow, so an old one is true.
    ///
    /// Signed at most once for each change of what it says, however many ask. The generation in it
    /// goes back to the one before while a message that the boundary adopted is missing.
    pub(super) fn summary(&mut self) -> Option<Arc<Signed<Summary>>> {
        if self.peers.summary.current {
            return self.peers.summary.last.clone();
        }
        // Whoever left may hold alone what the boundary adopted, and goes when a quorum says that
        // it is here.
        let arrived = self.holds_adopted();
        let before = self.generation().number().saturating_sub(1);
        let statement = Summary {
            generation: if arrived {
                self.generation()
            } else {
                Generation::numbered(before)
            },
            frontier: self.frontier(),
            convicted: self.told().map(|(actor, _)| *actor).collect(),
        };
        if let Some(fact) = self.signer.sign(statement) {
            self.peers.summary.last = Some(Arc::new(fact.into_claim()));
            self.peers.summary.current = true;
        }
        self.peers.summary.last.clone()
    }

    // ---- who has what

    /// Hears where a member stands. Who has more is asked for it; anybody else is told where we
    /// stand, which ends the exchange when we are level.
    ///
    /// # Errors
    /// When the summary is signed badly.
    pub(super) fn handle_announce(
        &mut self,
        from: Actor,
        summary: &Arc<Signed<Summary>>,
    ) -> Result<(), PacketError> {
        self.learn(summary)?;
        if self.lacks_from(&summary.signer) {
            self.pull(summary.signer);
        } else if let Some(ours) = self.summary() {
            self.send(from, Body::SummaryAck(ours));
        }
        self.show_chain(from, &summary.statement);
        Ok(())
    }

    /// Hears where a member stands that we told where we do.
    ///
    /// # Errors
    /// When the summary is signed badly.
    pub(super) fn handle_summary_ack(
        &mut self,
        from: Actor,
        summary: &Arc<Signed<Summary>>,
    ) -> Result<(), PacketError> {
        self.learn(summary)?;
        if self.lacks_from(&summary.signer) {
            self.pull(summary.signer);
        }
        self.show_chain(from, &summary.statement);
        Ok(())
    }

    /// Shows what ended its generation to whoever stands in an older one in which we had no seat:
    /// it does not know us, and so would not ask.
    fn show_chain(&mut self, to: Actor, summary: &Summary) {
        let known = self
            .history
            .committee_of(summary.generation)
            .is_some_and(|committee| committee.contains(&self.actor()));
        if summary.generation < self.generation() && !known {
            self.answer_with_proof(to, summary.generation);
        }
    }

    /// Remembers a member's summary. Summaries only grow, so whatever is old or out of order adds
    /// nothing.
    ///
    /// A summary of an actor that is neither seated nor a contact is not checked and not kept.
    ///
    /// # Errors
    /// When it is signed badly.
    pub(super) fn learn(&mut self, summary: &Arc<Signed<Summary>>) -> Result<(), PacketError> {
        let peer = self.peers.get(&summary.signer);
        if peer.is_some_and(|peer| peer.said_last(summary)) {
            return Ok(());
        }
        let claim = Signed::clone(summary);
        let signer = claim.signer;
        let fact = match self.history.seated(&signer) {
            Some(committee) => self.verify_member(committee, claim)?,
            // A contact may sit in a committee that is not known here yet.
            None if self.peers.get(&signer).is_some() => {
                let key = signer.public_key().map_err(|_| BadSignature(signer))?;
                claim.verify(&self.history.network, &key)?
            }
            // Whoever else is no member, or no longer one, is answered and forgotten.
            None => return Ok(()),
        };
        let peer = self.peers.meet(fact.signer, self.turn.now);
        peer.learn(summary, &self.lanes, self.turn.now);
        self.end_leaving();
        self.confront(summary);
        self.show_ignorant(summary);
        Ok(())
    }

    /// A convicted actor that does not say that it knows is shown the evidence.
    fn show_ignorant(&mut self, summary: &Signed<Summary>) {
        if !summary.statement.convicted.contains(&summary.signer) {
            self.show_accused(summary.signer);
        }
    }

    /// Whether a member signed that it delivered what we have not.
    pub(super) fn lacks_from(&self, member: &Actor) -> bool {
        let peer = self.peers.get(member);
        peer.is_some_and(|peer| peer.leads(self.generation(), &self.lanes))
    }

    /// Whether the application named somebody who has not said yet where it stands: we may be far
    /// behind, and not know it.
    fn is_unheard_contact(&self, actor: &Actor) -> bool {
        let unheard = |peer: &Peer| !peer.is_understood();
        self.history.seated(actor).is_none() && self.peers.get(actor).is_some_and(unheard)
    }

    /// Whether a member signed that it has all that we have.
    pub(super) fn is_level(&self, peer: &Peer) -> bool {
        let lanes = self.lanes.iter();
        let mut started = lanes.filter(|(_, lane)| lane.head().seq > Seq::ZERO);
        peer.generation() >= self.generation()
            && started.all(|(source, lane)| peer.has(source, lane.head().seq))
            && self.unknown_to(peer).next().is_none()
    }

    /// The evidence that is told of: no more than a summary may name. Members come and go, and so
    /// do the liars among them: those who have a lane in this generation go before those who left
    /// nothing behind.
    fn told(&self) -> impl Iterator<Item = (&Actor, &Arc<Equivocation>)> {
        let here = |(actor, _): &(&Actor, _)| self.history.boundary.has_lane(actor);
        let gone = self
            .lanes
            .convicted
            .iter()
            .filter(move |piece| !here(piece));
        let told = self.lanes.convicted.iter().filter(here).chain(gone);
        told.take(self.limits().lanes as usize)
    }

    /// Evidence that a member is not known to hold.
    ///
    /// Sent with our summary, until the member signs that it holds it.
    fn unknown_to(&self, peer: &Peer) -> impl Iterator<Item = &Arc<Equivocation>> {
        let unknown = self.told().filter(move |(actor, _)| !peer.knows_of(actor));
        unknown.map(|(_, evidence)| evidence)
    }

    /// Announces to members that are not known to be level, and pulls from those that have more.
    /// Those of whom neither is so are not asked about each lane again, at each tick, until one of
    /// us moves.
    pub(super) fn keep_peers_even(&mut self) {
        let me = self.actor();
        let members = self.peers.actors();
        let seated = self.history.committee.contains(&me);
        let speaks = seated || self.peers.leaving;
        let number = self.peers.summary.number;
        for member in members.into_iter().filter(|member| *member != me) {
            if seated
                && self
                    .peers
                    .get(&member)
                    .is_some_and(|peer| peer.even == Some(number))
            {
                continue;
            }
            if !seated || self.lacks_from(&member) || self.is_unheard_contact(&member) {
                self.pull(member);
            }
            let Some(peer) = self.peers.get(&member).filter(|_| speaks) else {
                continue;
            };
            if self.is_level(peer) {
                let even = !self.lacks_from(&member) && !self.is_unheard_contact(&member);
                if let Some(peer) = self.peers.get_mut(&member).filter(|_| even) {
                    peer.even = Some(number);
                }
                continue;
            }
            let evidence: Vec<_> = self.unknown_to(peer).cloned().collect();
            let now = self.turn.now;
            if self
                .peers
                .get_mut(&member)
                .is_some_and(|peer| peer.announce.fire(now))
            {
                self.announce(member);
                for piece in evidence {
                    self.send(member, Body::Evidence(piece));
                }
            }
        }
    }

    /// Says to all other members where we stand, though they may know it. A correct member that
    /// hears it answers, with where it stands itself or with a question: so whoever counts on the
    /// members learns which of them answer, although nobody speaks while all are level. A replica
    /// that has signed nothing and signs no more says nothing.
    pub fn probe(&mut self) -> Step {
        self.announce_to_members();
        self.turn()
    }

    /// Tells all other members where we stand, if we have ever signed it.
    pub(super) fn announce_to_members(&mut self) {
        if let Some(summary) = self.summary() {
            self.send_to_members(Body::Announce(summary));
        }
    }

    /// Tells where we stand, if we have ever signed it.
    pub(super) fn announce(&mut self, to: Actor) {
        if let Some(summary) = self.summary() {
            self.send(to, Body::Announce(summary));
        }
    }
}
