//! Totality and catching up: who is known to have what, and how whoever lacks something gets it.
//!
//! Every replica remembers the newest standing that each member signed, and each contact that the
//! application named. On ticks it announces its own to those that are not known to be level with
//! it; one that lacks something pulls it, any other answers where it stands. When all are known to
//! be level, and each contact was heard, nobody speaks. What is pulled proves itself, so it may
//! come from anybody.

use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::message::{Equivocation, Standing};
use super::packet::Body;
use super::peers::Peer;
use super::step::Step;
use crate::actor::{Actor, BadSignature, Signed};
use crate::dot::Seq;
use crate::membership::Generation;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Replica<A> {
    /// Our standing, signed anew when it has changed. A replica that signs no more shows the last
    /// that it signed, if it has one: standings only grow, so an old one is true.
    pub(super) fn standing(&mut self) -> Option<Arc<Signed<Standing>>> {
        if self.peers.standing.current {
            return self.peers.standing.last.clone();
        }
        // Whoever left may hold alone what the boundary adopted, and goes when a quorum says that
        // it is here.
        let arrived = self.holds_adopted();
        let before = self.generation().number().saturating_sub(1);
        let statement = Standing {
            generation: if arrived {
                self.generation()
            } else {
                Generation::numbered(before)
            },
            frontier: self.frontier(),
            convicted: self.told().map(|(actor, _)| *actor).collect(),
        };
        if let Some(fact) = self.signer.sign(statement) {
            self.peers.standing.last = Some(Arc::new(fact.into_claim()));
            self.peers.standing.current = true;
        }
        self.peers.standing.last.clone()
    }

    // ---- who has what

    /// Hears where a member stands. Who has more is asked for it; anybody else is told where we
    /// stand, which ends the exchange when we are level.
    ///
    /// # Errors
    /// When the standing is signed badly.
    pub(super) fn handle_announce(
        &mut self,
        from: Actor,
        standing: &Arc<Signed<Standing>>,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        self.learn(standing, step)?;
        if self.lacks_from(&standing.signer) {
            self.pull(standing.signer, step);
        } else if let Some(receipt) = self.standing() {
            self.send(from, Body::Receipt(receipt), step);
        }
        self.show_chain(from, &standing.statement, step);
        Ok(())
    }

    /// Hears where a member stands that we told where we do.
    ///
    /// # Errors
    /// When the standing is signed badly.
    pub(super) fn handle_receipt(
        &mut self,
        from: Actor,
        standing: &Arc<Signed<Standing>>,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        self.learn(standing, step)?;
        if self.lacks_from(&standing.signer) {
            self.pull(standing.signer, step);
        }
        self.show_chain(from, &standing.statement, step);
        Ok(())
    }

    /// Shows what ended its generation to whoever stands in an older one in which we had no seat:
    /// it does not know us, and so would not ask.
    fn show_chain(&self, to: Actor, standing: &Standing, step: &mut Step) {
        let known = self
            .history
            .committee_of(standing.generation)
            .is_some_and(|committee| committee.contains(&self.actor()));
        if standing.generation < self.generation() && !known {
            self.answer_with_founding(to, standing.generation, step);
        }
    }

    /// Remembers a member's standing. Standings only grow, so whatever is old or out of order adds
    /// nothing.
    pub(super) fn learn(
        &mut self,
        standing: &Arc<Signed<Standing>>,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        let peer = self.peers.get(&standing.signer);
        if peer.is_some_and(|peer| peer.said_last(standing)) {
            return Ok(());
        }
        let claim = Signed::clone(standing);
        let signer = claim.signer;
        let fact = match self.history.seated(&signer) {
            Some(committee) => committee.verify(&self.history.network, claim)?,
            // A contact may sit in a committee that is not known here yet.
            None if self.peers.get(&signer).is_some() => {
                let key = signer.public_key().map_err(|_| BadSignature(signer))?;
                claim.verify(&self.history.network, &key)?
            }
            // Whoever else is no member, or no longer one, is answered and forgotten.
            None => return Ok(()),
        };
        let peer = self.peers.meet(fact.signer, self.now);
        peer.learn(standing, &self.lanes, self.now);
        self.end_leaving();
        self.confront(standing, step);
        self.show_ignorant(standing, step);
        Ok(())
    }

    /// A convicted actor that does not say that it knows is shown the evidence.
    fn show_ignorant(&self, standing: &Signed<Standing>, step: &mut Step) {
        if !standing.statement.convicted.contains(&standing.signer) {
            self.show_accused(standing.signer, step);
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

    /// The evidence that is told of: no more than a standing may name. Members come and go, and so
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
    fn unknown_to(&self, peer: &Peer) -> impl Iterator<Item = &Arc<Equivocation>> {
        let unknown = self.told().filter(move |(actor, _)| !peer.knows_of(actor));
        unknown.map(|(_, evidence)| evidence)
    }

    /// Announces to members that are not known to be level, and pulls from those that have more.
    /// Those of whom neither is so are not asked about each lane again, at each tick, until one of
    /// us moves.
    pub(super) fn keep_peers_even(&mut self, step: &mut Step) {
        let me = self.actor();
        let members = self.peers.actors();
        let seated = self.history.committee.contains(&me);
        let speaks = seated || self.peers.leaving;
        let number = self.peers.standing.number;
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
                self.pull(member, step);
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
            let now = self.now;
            if self
                .peers
                .get_mut(&member)
                .is_some_and(|peer| peer.announce.fire(now))
            {
                self.announce(member, step);
                for piece in evidence {
                    self.send(member, Body::Evidence(piece), step);
                }
            }
        }
    }

    /// Says to all other members where we stand, though they may know it. A correct member that
    /// hears it answers, with where it stands itself or with a question: so whoever counts on the
    /// members learns which of them answer, although nobody speaks while all are level. A replica
    /// that has signed nothing and signs no more says nothing.
    pub fn probe(&mut self) -> Step {
        let mut step = Step::default();
        let me = self.actor();
        let members = self.history.committee.actors().to_vec();
        for member in members.into_iter().filter(|member| *member != me) {
            self.announce(member, &mut step);
        }
        step
    }

    /// Tells where we stand, if we have ever signed it.
    pub(super) fn announce(&mut self, to: Actor, step: &mut Step) {
        if let Some(standing) = self.standing() {
            self.send(to, Body::Announce(standing), step);
        }
    }
}
