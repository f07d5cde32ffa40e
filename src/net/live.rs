//! Liveness, judged when a scenario is over: what correct members promise when those that lied say
//! nothing any more.
//!
//! [`Net::settle`] asks for it while the liars go on lying, who may help by what they say. Here
//! nobody but a quorum of correct members is left, and all of them start again at once from what is
//! durable.

use std::collections::{BTreeMap, BTreeSet};

use super::violation::Violation;
use super::{Net, TICK_MICROS};
use crate::actor::Actor;
use crate::membership::ChangeKey;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Ticks within which correct members alone deliver what they propose and make the changes that a
/// quorum of them approved, on a network that is well; and again after all of them have started
/// anew. With liars in a third of the seats some ten rounds of the agreement pass in less.
pub const LIVE_TICKS: u64 = 512;

/// Who approved what by its own will, in each generation.
///
/// Only of correct members, and only what is durable.
pub(super) type Approvers = BTreeMap<Generation, BTreeMap<ChangeKey, BTreeSet<Actor>>>;

impl<A: WireAlgorithm> Net<A> {
    /// Silences the liars for good and asks for liveness without them: within [`LIVE_TICKS`] every
    /// change that a quorum approved is made. Then all start again at once, each correct member
    /// proposes what `op` gives, all of them ask for a new generation, and within as many ticks
    /// that has begun everywhere and everything is delivered.
    ///
    /// A network that has more liars than it tolerates, lapsed members among them, owes nobody
    /// anything.
    ///
    /// What is asked is more than [`settle`](Net::settle) asks: no liar helps, and everything rests
    /// on what is durable at a quorum of correct members.
    ///
    /// # Panics
    /// When it is not so; see [`Violation`].
    pub fn assert_live(&mut self, op: impl Fn(&A, &Actor) -> Option<A::Op>) {
        self.muted = true;
        if !self.is_tolerated() {
            return;
        }
        self.await_live(|net| net.unmade().is_none() && net.is_level());
        self.restart_all();
        let before = self.committee().generation();
        for who in self.live_members() {
            if let Some(op) = op(self.ahead(&who), &who) {
                // A refusal to propose is the replica's right; what it accepts must arrive.
                let _ = self.propose(&who, op);
            }
        }
        // In doubt a wish is refused, and its owner told to repeat it.
        self.await_live(|net| net.doubters() == 0);
        for who in self.live_members() {
            // Who begins the new generation before its own wish is known has nothing left to wish
            // for.
            let _ = self.renew(&who);
        }
        self.await_live(|net| {
            net.unmade().is_none() && net.is_level() && net.committee().generation() > before
        });
        self.assert_agreement();
        self.assert_no_lock_out();
    }

    /// Crashes and restarts all correct members at once, those that are not seated too.
    fn restart_all(&mut self) {
        self.crash_all();
        for who in self.honest_actors() {
            self.restart(&who);
        }
    }

    /// Checks before each tick and after the last.
    fn await_live(&mut self, is_live: impl Fn(&Self) -> bool) {
        for _ in 0..LIVE_TICKS {
            if is_live(self) {
                return;
            }
            self.run_for(TICK_MICROS);
        }
        if !is_live(self) {
            let what = self.what_is_not_live();
            let ticks = LIVE_TICKS;
            self.hold_to(|_| Err(Violation::NotLive { ticks, what }));
        }
    }

    /// The first that is not so, for the violation's words.
    fn what_is_not_live(&self) -> &'static str {
        if self.doubters() > 0 {
            "a member does not learn what its key has signed"
        } else if self.unmade().is_some() {
            "a change that a quorum approved is not made"
        } else if self.is_level() {
            "a new generation that all asked for has not begun"
        } else {
            "the members are not level"
        }
    }

    /// The members of the newest committee that are correct and always were.
    fn live_members(&self) -> Vec<Actor> {
        let members = self.members().into_iter();
        members.filter(|who| self.is_correct(who)).collect()
    }

    /// Members that do not know yet what their keys have signed.
    fn doubters(&self) -> usize {
        let members = self.live_members();
        let replicas = members.iter().filter_map(|who| self.replica(who));
        replicas
            .filter(|replica| replica.missing_answers().is_some())
            .count()
    }

    /// Whether those that are correct suffice without anybody else.
    ///
    /// Else what is promised rests on liars.
    fn is_tolerated(&self) -> bool {
        self.live_members().len() >= self.committee().quorum()
    }

    /// Whether all correct members have installed the newest generation, delivered and convicted
    /// the same, and have nothing to say.
    ///
    /// Who was ever excused is not asked.
    pub(super) fn is_level(&self) -> bool {
        let newest = self.committee().generation();
        let replicas = self.live_members();
        let mut replicas = replicas.iter().filter_map(|who| self.replica(who));
        let first = replicas.clone().next();
        replicas.all(|replica| {
            replica.generation() == newest
                && !replica.is_pending()
                && !replica.is_frozen()
                && first.is_some_and(|first| {
                    first.frontier() == replica.frontier()
                        && first.convicted().keys().eq(replica.convicted().keys())
                })
        })
    }

    /// A change that a quorum of correct members approved in a generation which goes on, or that
    /// was the only wish in one that is over and was not made.
    ///
    /// Where several changes were wished in one generation, one that ends it is enough: which of
    /// them the value carries is for its coordinator to say.
    pub(super) fn unmade(&self) -> Option<ChangeKey> {
        let newest = self.committee().generation();
        self.approvers.iter().find_map(|(generation, wishes)| {
            let boundary = self.checks.rules.boundary(*generation)?;
            let committee = boundary.committee();
            let counts = |who: &&Actor| committee.contains(who) && self.is_correct(who);
            let approved = |who: &BTreeSet<Actor>| who.iter().filter(counts).count();
            let mut due = wishes.iter();
            let due = due.find(|(_, who)| approved(who) >= committee.quorum());
            let (change, _) = due?;
            let next = generation.next()?;
            let only = self.wished.iter().filter(|(when, _)| when == generation);
            let made = match self.checks.rules.boundary(next) {
                Some(next) if only.count() == 1 => match change {
                    ChangeKey::Join(who) => next.committee().contains(who),
                    ChangeKey::Leave(who) => !next.committee().contains(who),
                    ChangeKey::Renew => true,
                },
                _ => newest > *generation,
            };
            (!made).then_some(*change)
        })
    }
}
