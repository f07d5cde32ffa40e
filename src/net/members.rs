//! Members come and go: the verbs of changing the committee.

use super::coverage::Kind;
use super::participant::{Mind, Participant};
use super::schedule::Happening;
use super::{Net, TICK_MICROS};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{ApproveError, Replica};
use crate::membership::{Change, ChangeKey, Entry};
use crate::quorum::{Committee, Generation};
use crate::store::MemoryStore;
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Net<A> {
    /// The newest committee that a correct replica has installed.
    ///
    /// Liars' honest halves are not asked.
    ///
    /// # Panics
    /// When everybody is down.
    #[must_use]
    pub fn committee(&self) -> &Committee {
        let replicas =
            self.participants
                .values()
                .filter_map(|participant| match &participant.mind {
                    Mind::Correct(replica) => Some(replica.committee()),
                    _ => None,
                });
        let newest = replicas.max_by_key(|committee| committee.generation());
        newest.expect("somebody correct is up")
    }

    /// The correct members of the newest committee, in seat order.
    #[must_use]
    pub fn members(&self) -> Vec<Actor> {
        let honest = self.honest_actors().into_iter();
        honest.filter(|actor| self.is_member(actor)).collect()
    }

    /// While nobody correct is up everybody counts, as there is no committee to ask.
    pub(super) fn is_member(&self, actor: &Actor) -> bool {
        let mut up = self.participants.values();
        let up = up.any(|participant| matches!(participant.mind, Mind::Correct(_)));
        !up || self.committee().contains(actor)
    }

    /// Whether a correct member approved a change that is not made yet.
    ///
    /// Those of liars' honest halves count, too.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        let replicas = self.participants.values().filter_map(Participant::replica);
        replicas
            .into_iter()
            .any(|replica| replica.is_frozen() || replica.has_approvals())
    }

    /// Somebody correct and new follows the network and asks to be let in. Who it is.
    ///
    /// It begins to ask at once, and again on its ticks.
    pub fn join(&mut self) -> Actor {
        let actor = self.follow();
        self.ask_to_join(&actor);
        actor
    }

    /// Somebody who [follows](Self::follow) the network asks to be let in.
    ///
    /// Nothing happens when it is down or lies.
    pub fn ask_to_join(&mut self, who: &Actor) {
        let _entered = self.signatures.enter();
        if let Some(Mind::Correct(replica)) = self.participants.get_mut(who).map(|p| &mut p.mind) {
            let step = replica.ask_to_join();
            self.act(*who, step);
        }
    }

    /// Somebody correct and new follows the network without asking for more. Who it is.
    ///
    /// # Panics
    /// Never: a new copy is in the genesis state like all others.
    pub fn follow(&mut self) -> Actor {
        self.follow_prepared(|_| ())
    }

    /// Like [`follow`](Self::follow), with a replica that is told something before it hears of
    /// anybody: what an invitation names, or how to begin.
    ///
    /// It knows the members of the newest committee as contacts, as from an invitation, and begins
    /// with an empty store.
    ///
    /// # Panics
    /// Never: a new copy is in the genesis state like all others.
    pub fn follow_prepared(&mut self, prepare: impl FnOnce(&mut Replica<A>)) -> Actor {
        let _entered = self.signatures.enter();
        self.coverage.hit(Kind::Fault("a newcomer"));
        let participants = self.participants.values();
        let taken: Vec<_> = participants.map(|p| p.key.clone()).collect();
        let key = self.keyring.draw(&mut self.random, &taken);
        let actor = key.actor();
        let algorithm = (self.algorithm)(actor);
        let genesis = self.genesis.clone();
        let (mut replica, step) = Replica::recover(key.clone(), algorithm, genesis, [])
            .expect("every copy begins in the genesis state");
        for contact in self.committee().actors() {
            replica.meet(*contact);
        }
        prepare(&mut replica);
        let (store, mind) = (MemoryStore::new(), Mind::Correct(Box::new(replica)));
        self.participants
            .insert(actor, Participant { key, store, mind });
        self.checks.enter(actor);
        self.schedule
            .after(TICK_MICROS, Happening::Tick { who: actor });
        self.act(actor, step);
        actor
    }

    /// The change by which somebody who follows enters, with the signature that it gives where it
    /// stands now. `None` when it is down.
    #[must_use]
    pub fn entry(&self, who: &Actor) -> Option<Change> {
        let _entered = self.signatures.enter();
        let participant = self.participants.get(who)?;
        let boundary = participant.replica()?.boundary();
        let entry = Entry {
            generation: boundary.generation(),
            value: boundary.value(),
        };
        let entry = participant.key.sign(&self.network, entry);
        Some(Change::Join(entry.into_claim()))
    }

    /// A member consents to a change.
    ///
    /// What became durable of it counts as this member's wish: [`assert_live`](Self::assert_live)
    /// asks that a change with a quorum of such wishes is made.
    ///
    /// # Errors
    /// [`ApproveError`] of its replica; `NotAMember` when it is down or lies.
    pub fn approve(&mut self, who: &Actor, change: Change) -> Result<(), ApproveError> {
        let _entered = self.signatures.enter();
        let Some(Mind::Correct(replica)) = self.participants.get_mut(who).map(|p| &mut p.mind)
        else {
            return Err(ApproveError::NotAMember);
        };
        let generation = replica.generation();
        let step = replica.approve(change)?;
        self.wished.insert((generation, change.key()));
        self.act(*who, step);
        if !self.is_down(who) {
            let wishes = self.approvers.entry(generation).or_default();
            wishes.entry(change.key()).or_default().insert(*who);
        }
        Ok(())
    }

    /// Whether a change that `who` is asked for is somebody's wish and not a liar's alone: those
    /// who run a correct member know what they agreed upon, or the liars would rule every network
    /// whose members agree to everything.
    pub(super) fn is_wished(&self, who: &Actor, change: &Change) -> bool {
        if self.reserved.contains(who) {
            return false;
        }
        let generation = self.replica(who).map(Replica::generation);
        match change.key() {
            ChangeKey::Join(actor) => self.participants.contains_key(&actor),
            key => generation.is_some_and(|now| self.wished.contains(&(now, key))),
        }
    }

    /// A member approves from now on what it is told to approve by hand, also where members
    /// [approve](super::SimBuilder::approving) what others wish.
    pub fn reserve(&mut self, who: &Actor) {
        self.reserved.insert(*who);
    }

    /// A member asks to leave, by consenting to it first.
    ///
    /// # Errors
    /// [`ApproveError`] of its replica.
    pub fn leave(&mut self, who: &Actor) -> Result<(), ApproveError> {
        self.approve(who, Change::Leave(*who))
    }

    /// A member asks for a new generation of the same members, hence for a new snapshot.
    ///
    /// # Errors
    /// [`ApproveError`] of its replica.
    pub fn renew(&mut self, who: &Actor) -> Result<(), ApproveError> {
        self.approve(who, Change::Renew)
    }

    /// All correct members of the newest committee consent at once to the entry of everybody
    /// correct who follows and never had a seat, and to the leaving of each of them. Nothing
    /// happens while nobody follows.
    ///
    /// The next committee has nobody of the last one. It is the hardest case for who sleeps through
    /// it, since nobody whom it knows is left.
    pub fn hand_over(&mut self) {
        let members = self.members();
        let newest = self.committee().generation();
        let seated = |who: &Actor| members.contains(who) || self.had_a_seat(who, newest);
        let strangers = self.honest_actors().into_iter();
        let strangers = strangers.filter(|who| !seated(who) && self.is_correct(who));
        let joins: Vec<_> = strangers.filter_map(|who| self.entry(&who)).collect();
        if joins.is_empty() {
            return;
        }
        let leaves = members.iter().map(|who| Change::Leave(*who));
        let changes: Vec<_> = joins.into_iter().chain(leaves).collect();
        for (who, change) in members
            .iter()
            .flat_map(|who| changes.iter().map(move |c| (who, c)))
        {
            // What cannot be made is not approved.
            let _ = self.approve(who, *change);
        }
    }

    /// Switches off for good, from now on, every correct member that has no seat any more, as soon
    /// as it is [told](Replica::is_leaving) that nobody needs it.
    ///
    /// If it was needed after all, what it alone knew is gone for good, and the network does not
    /// settle.
    pub fn switch_off_leavers(&mut self) {
        self.switches_off = true;
    }

    /// Called after each step of a correct replica.
    pub(super) fn switch_off(&mut self, who: &Actor) {
        let Some(replica) = self.replica(who).filter(|_| self.switches_off) else {
            return;
        };
        let here = replica.boundary();
        let needed = here.committee().contains(who) || replica.is_leaving();
        let had_a_seat = self.had_a_seat(who, here.generation());
        if had_a_seat && !needed {
            let what = "a member that left switched off for good";
            self.coverage.hit(Kind::Fault(what));
            self.switched_off.insert(*who);
            self.down(*who);
        }
    }

    /// Whether somebody was a member before this generation.
    ///
    /// By the boundaries that correct members have installed.
    fn had_a_seat(&self, who: &Actor, generation: Generation) -> bool {
        let mut before = self.checks.rules.boundaries();
        before.any(|boundary| {
            boundary.generation() < generation && boundary.committee().contains(who)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::net::Net;
    use crate::orswot::Orswot;

    /// Committees are kept for ever, and tables are large.
    #[test]
    fn the_committee_in_office_alone_has_tables_of_its_keys() {
        let mut net: Net<Orswot<u8>> = Net::builder(1).members(4).approving().build();
        let me = net.honest(0);
        for generation in 1..4 {
            net.renew(&me).expect("a change");
            net.settle();
            let tabled = net.replica(&me).expect("it runs").tabled();
            assert_eq!(tabled.len(), generation + 1);
            assert!(tabled[generation] && !tabled[..generation].contains(&true));
        }
    }
}
