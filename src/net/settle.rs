//! What is done to a network by hand: cuts, crashes, restarts; and what is asked of it when all
//! that ends.

use std::collections::BTreeSet;

use rand::RngExt;

use super::coverage::Kind;
use super::participant::{Mind, Participant};
use super::scenario::Phase;
use super::schedule::Happening;
use super::trace::Event;
use super::violation::Violation;
use super::{Faults, Net, TICK_MICROS};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::Replica;
use crate::store::{MemoryStore, Store};
use crate::traits::WireAlgorithm;

/// Ticks for which each round of an agreement is awaited.
const ROUND_TICKS: u64 = 100;

/// The latest round of an agreement that a scenario is to get past.
const LATEST_ROUND: u32 = 50;

/// Ticks for which a phase of a change is awaited.
const PHASE_TICKS: u64 = 40;

/// Ticks without a packet between correct members after which they are taken to be silent: twice
/// the longest wait between two repetitions.
const SILENCE_TICKS: u64 = 2 * 64 + 2;

/// Answers to answers after which correct members are not only reacting to a lie, but talk: a
/// question asked in a false name, its answer, a pull, a response and an acknowledgement are fewer.
const PROVOKED: u8 = 6;

/// Ticks after healing within which everything must have been delivered everywhere, and silence
/// begun; and for each round that the agreement on the next generation has failed in, six more for
/// each seat: so much longer its rounds take by then.
pub const SETTLE_TICKS: u64 = 1024;

/// What a correct member says in the silence to one that never answered, at most: each thing that
/// it repeats comes once in the longest wait between two repetitions.
const UNHEARD: u64 = 32;

impl<A: WireAlgorithm> Net<A> {
    /// Changes what the links do to packets.
    ///
    /// Packets that are under way are not touched by it.
    pub fn set_faults(&mut self, faults: Faults) {
        self.links.set_faults(faults);
    }

    /// Loses everything from `from` to `to` until the network heals.
    ///
    /// In one direction: what `to` says to `from` still passes.
    pub fn cut(&mut self, from: &Actor, to: &Actor) {
        self.links.cut(*from, *to);
    }

    /// Slows everything from `from` to `to` down until the network heals.
    ///
    /// Each packet there takes up to 20 times as long.
    pub fn clog(&mut self, from: &Actor, to: &Actor) {
        self.links.clog(*from, *to);
    }

    /// Cuts all links between `side` and the others, both ways, until the network heals.
    ///
    /// What is under way when it begins still arrives.
    pub fn partition(&mut self, side: &[Actor]) {
        for other in self.actors().iter().filter(|actor| !side.contains(actor)) {
            for member in side {
                self.links.cut(*member, *other);
                self.links.cut(*other, *member);
            }
        }
    }

    /// Ends faults, cuts and ordered crashes.
    ///
    /// Who is down stays down: [`restart`](Self::restart) it, or [`settle`](Self::settle).
    pub fn heal(&mut self) {
        let stores = self
            .participants
            .values_mut()
            .map(|participant| &mut participant.store);
        stores.for_each(MemoryStore::restore_power);
        self.links.heal();
        self.links.set_faults(Faults::default());
    }

    /// Crashes a correct member between two of its steps.
    ///
    /// What is in its memory alone is lost; its store is whole. Nothing happens to a liar.
    pub fn crash(&mut self, who: &Actor) {
        if self.participants.get(who).is_some_and(|p| !p.is_liar()) {
            self.coverage.hit(Kind::Fault("a crash"));
            self.down(*who);
        }
    }

    /// Makes each packet take up to `micros` longer until the network heals.
    pub fn slow_down(&mut self, micros: u64) {
        self.links.slow_down(micros);
    }

    /// Makes each packet take `micros` longer until the network heals.
    pub fn lag(&mut self, micros: u64) {
        self.links.lag(micros);
    }

    /// Loses everything of the agreement from `from` to `to` until the network heals.
    ///
    /// It keeps the agreement from ending while everything else goes on, so that later rounds are
    /// reached.
    pub fn hush(&mut self, from: &Actor, to: &Actor) {
        self.links.hush(*from, *to);
    }

    /// Lets time pass until `many` correct members have got to `phase` of the change that is under
    /// way, but no longer than some rounds of the agreement take.
    ///
    /// A scenario crashes all members there: what they count on must be durable by then.
    pub fn run_to(&mut self, phase: Phase, many: usize) {
        self.passed.clear();
        let many = many.min(self.honest_actors().len());
        let until = self.now() + PHASE_TICKS * TICK_MICROS;
        let passed = |net: &Self| net.passed.get(&phase).map_or(0, BTreeSet::len);
        while passed(self) < many && self.now() < until {
            self.step();
        }
        if passed(self) >= many {
            self.coverage
                .hit(Kind::Fault("a phase of a change awaited"));
        }
    }

    /// Crashes all correct members between two of their steps.
    pub fn crash_all(&mut self) {
        self.coverage.hit(Kind::Fault("a crash of all"));
        let all = self.honest_actors();
        all.iter().for_each(|who| self.crash(who));
    }

    /// Lets time pass until a correct member's agreement is in this round or a later one, or no
    /// correct member that is up has one, but no longer than `ROUND_TICKS` for each round.
    ///
    /// Every tick it looks once.
    pub fn run_rounds(&mut self, many: u32) {
        for _ in 0..ROUND_TICKS * u64::from(many) {
            match self.latest_round() {
                Some(round) if round < many => self.run_for(TICK_MICROS),
                Some(round) => {
                    let late = "an agreement in a late round";
                    self.coverage.hit(Kind::Fault(late));
                    if round > LATEST_ROUND {
                        let latest = "an agreement past its 50th round";
                        self.coverage.hit(Kind::Fault(latest));
                    }
                    return;
                }
                None => return,
            }
        }
    }

    /// The latest round of the agreement that a correct member is in.
    fn latest_round(&self) -> Option<u32> {
        let up = self
            .participants
            .values()
            .filter(|participant| !participant.is_liar());
        let replicas = up.filter_map(Participant::replica);
        replicas.filter_map(Replica::round).max()
    }

    /// Crashes a correct member in the middle of its next step that writes: after `records` of its
    /// records, with `torn` bytes of the one behind them, before anything is sent.
    ///
    /// The store is cut when it writes next, and not now; with no write to come nothing happens
    /// until the network [heals](Self::heal).
    pub fn crash_while_writing(&mut self, who: &Actor, records: usize, torn: usize) {
        if let Some(participant) = self.participants.get_mut(who).filter(|p| !p.is_liar()) {
            participant.store.cut_power(records, torn);
        }
    }

    /// From here on a refusal does not count as a violation: packets for what was forgotten may
    /// arrive.
    pub(super) fn down(&mut self, who: Actor) {
        self.links.disturb();
        let now = self.schedule.now();
        if let Some(participant) = self.participants.get_mut(&who) {
            participant.mind = Mind::Down;
            participant.store.restore_power();
            self.trace.record(now, Event::Crashed { who });
        }
    }

    /// Whether a member is down.
    #[must_use]
    pub fn is_down(&self, who: &Actor) -> bool {
        self.replica(who).is_none()
    }

    /// Starts a member that is down, from what its store holds.
    ///
    /// What it says to have delivered is compared with what all delivered. Nothing happens to who
    /// is up, or was switched off for good.
    ///
    /// # Panics
    /// When it cannot be rebuilt, or is not what it was.
    pub fn restart(&mut self, who: &Actor) {
        let Some(participant) = self.participants.get_mut(who) else {
            return;
        };
        if !matches!(participant.mind, Mind::Down) || self.switched_off.contains(who) {
            return;
        }
        self.coverage.hit(Kind::Fault("a restart"));
        let _entered = self.signatures.enter();
        let records = participant.store.load();
        let algorithm = (self.algorithm)(*who);
        let key = participant.key.clone();
        let genesis = self.genesis.clone();
        let recovered = records
            .map_err(|error| error.to_string())
            .and_then(|records| {
                let recovered = match self.doubting {
                    true => {
                        let secret = self.random.random();
                        Replica::recover_in_doubt(key, algorithm, genesis, records, secret)
                    }
                    false => Replica::recover(key, algorithm, genesis, records),
                };
                recovered.map_err(|error| error.to_string())
            });
        match recovered {
            Err(why) => self.hold_to(|_| Err(Violation::Recovery { who: *who, why })),
            Ok((replica, step)) => {
                self.trace
                    .record(self.schedule.now(), Event::Restarted { who: *who });
                self.hold_to(|checks| checks.resumed(*who, &replica, &step.delivered));
                if let Some(participant) = self.participants.get_mut(who) {
                    participant.mind = Mind::Correct(Box::new(replica));
                }
                self.act(*who, step);
            }
        }
    }

    /// Whether a member neither lies nor ever had its store replaced by an older copy.
    #[must_use]
    pub fn is_correct(&self, who: &Actor) -> bool {
        self.checks.is_correct(who)
    }

    /// From now on who starts again signs nothing before members have told it what its key has
    /// signed.
    ///
    /// As a node starts: the other tests spare its questions.
    pub fn doubt(&mut self) {
        self.doubting = true;
    }

    /// A copy of a member's store as it is now, as a backup makes it.
    ///
    /// `None` where there is no such member.
    #[must_use]
    pub fn backup(&self, who: &Actor) -> Option<MemoryStore> {
        self.participants
            .get(who)
            .map(|participant| participant.store.clone())
    }

    /// Puts a copy in the place of the store of a member that is down. By the protocol's words this
    /// makes it Byzantine, so that it may be accused.
    pub fn restore(&mut self, who: &Actor, backup: MemoryStore) {
        if let Some(participant) = self.participants.get_mut(who) {
            participant.store = backup;
            let what = "a restart from an older copy of the store";
            self.coverage.hit(Kind::Fault(what));
            self.checks.restored(who);
        }
    }

    /// Heals the network, restarts who is down, and asks for liveness: within [`SETTLE_TICKS`]
    /// every durable operation of a correct member is delivered by all correct members, their
    /// states are equal, and they fall silent.
    ///
    /// Silence means that no correct member says anything to another, and none writes, for longer
    /// than the longest wait between two repetitions. What they say in answer to liars does not
    /// count, and neither does what they say to members that have never said anything, up to a
    /// bound.
    ///
    /// # Panics
    /// When it is not so; see [`Violation`].
    pub fn settle(&mut self) {
        self.heal();
        for who in self.actors() {
            self.restart(&who);
        }
        let late = u64::from(self.latest_round().unwrap_or_default());
        let most = SETTLE_TICKS + 6 * late * self.participants.len() as u64;
        let (mut quiet, mut ticks, mut unheard) = (0, 0, self.unheard);
        while quiet < SILENCE_TICKS {
            // Who approves nothing leaves others with wishes, of which they go on speaking.
            let wishes = !self.reserved.is_empty() && !self.approvers.is_empty();
            if wishes && (ticks > most || (self.unmade().is_none() && self.is_level())) {
                break;
            }
            let spoken = self.spoken;
            let written = self.written();
            self.run_for(TICK_MICROS);
            let silent = self.spoken == spoken && self.written() == written;
            quiet = if silent { quiet + 1 } else { 0 };
            if !silent {
                unheard = self.unheard;
            }
            ticks += 1;
            if ticks > most + SILENCE_TICKS {
                return self.hold_to(|_| Err(Violation::NotQuiet { ticks }));
            }
        }
        if self.unheard - unheard > UNHEARD * self.participants.len() as u64 {
            return self.hold_to(|_| Err(Violation::NotQuiet { ticks }));
        }
        self.assert_agreement();
        self.assert_no_lock_out();
        self.assert_told();
        self.assert_provable();
    }

    /// Asserts that all correct members that are up have delivered the same and are in one state.
    ///
    /// # Panics
    /// When they have not.
    pub fn assert_agreement(&mut self) {
        let up: Vec<_> = self
            .members()
            .into_iter()
            .filter(|who| !self.is_down(who) && self.checks.is_correct(who))
            .collect();
        for pair in up.windows(2) {
            let [left, right] = [pair[0], pair[1]];
            let (Some(one), Some(other)) = (self.replica(&left), self.replica(&right)) else {
                continue;
            };
            let level = one.frontier() == other.frontier();
            let same = one.algorithm().state() == other.algorithm().state();
            let convicted = one.convicted().keys().eq(other.convicted().keys());
            self.hold_to(|_| match (level && convicted, same) {
                (false, _) => Err(Violation::NotLevel { left, right }),
                (true, false) => Err(Violation::Diverged { left, right }),
                (true, true) => Ok(()),
            });
        }
    }

    /// Asserts that every operation that a correct member was given, and made durable, is
    /// delivered.
    ///
    /// Of members of the newest committee that are up: who leaves is not promised every delivery.
    pub(super) fn assert_no_lock_out(&mut self) {
        for (source, proposed) in self.checks.proposed.clone() {
            if !self.checks.is_correct(&source) || !self.members().contains(&source) {
                continue;
            }
            let Some(replica) = self.replica(&source) else {
                continue;
            };
            let delivered = self
                .checks
                .arrived
                .get(&source)
                .copied()
                .unwrap_or_default();
            if delivered < proposed || replica.is_pending() {
                let source_actor = source;
                let lock_out = Violation::LockOut {
                    source_actor,
                    proposed,
                    delivered,
                };
                self.hold_to(|_| Err(lock_out));
            }
        }
    }

    /// Records in all stores together.
    fn written(&self) -> usize {
        self.participants
            .values()
            .map(|participant| participant.store.len())
            .sum()
    }

    /// Counts what correct members say to each other. Liars may ask, and be answered, without end:
    /// also under the return address of somebody correct. Then it ends after some answers.
    ///
    /// Called for each packet that leaves, lost or not.
    pub(super) fn listen(&mut self, from: Actor, to: Actor) {
        let counts = |actor: &Actor| self.checks.is_correct(actor) && self.is_member(actor);
        let provoked = self.stirred.is_some_and(|answers| answers < PROVOKED);
        let (from_correct, to_correct) = (counts(&from), counts(&to));
        self.spoken += u64::from(from_correct && to_correct && !provoked);
        self.unheard += u64::from(from_correct && !self.heard.contains(&to));
        self.heard.insert(from);
    }

    /// Sends arbitrary bytes to a member, as anybody can.
    pub fn inject(&mut self, to: &Actor, bytes: Vec<u8>) {
        self.links.disturb();
        self.schedule.after(
            1,
            Happening::Arrival {
                to: *to,
                bytes,
                number: None,
                stirred: Some(0),
            },
        );
    }
}
