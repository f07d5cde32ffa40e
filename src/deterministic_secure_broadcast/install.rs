//! From one generation to the next: a founding is expected, and installed when everything up to its frontier is
//! delivered here, or its certified snapshot is.
//!
//! Installing takes up what the boundary imposes: each adopted lock replaces our own to the contrary and is echoed anew
//! for everybody to tally, so that what was in flight completes even if its source is gone; at a sealed dot
//! nobody echoes any more, and the source is convicted.

use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::closing::Closing;
use super::error::Refusal;
use super::lane::{Certified, Early, Lane, Stance};
use super::log::Log;
use super::message::Entry;
use super::message::{Certificate, Echo, Equivocation, Tally};
use super::packet::Body;
use super::step::{Fault, Installed, Record, Step};
use super::sync::Peer;
use crate::actor::{Actor, Signed};
use crate::codec::decode;
use crate::dot::{Dot, Frontier};
use crate::evidence::Conflict;
use crate::membership::{Admission, Boundary, Committee, Founding, Generation};
use crate::snapshot::Snapshot;
use crate::traits::Wire;

/// Snapshots that are kept for newcomers.
const SNAPSHOTS: usize = 2;

/// The message of an adopted lock, if it is here. Only a digest vouched for it; its source's signature is the one that was
/// reported.
fn known<Op>(lock: &Signed<Echo>, lane: &Lane<Op>, closing: &Closing) -> Option<Entry> {
    let Echo { dot, digest, .. } = &lock.statement;
    let known = lane.find(dot.seq, digest);
    let known = known.or_else(|| closing.payloads.get(digest))?;
    Some(known.clone().signed_with(lock))
}

impl<A: Wire> Replica<A> {
    /// The newest boundary that we know, installed or not.
    pub(super) fn tip(&self) -> &Boundary {
        self.pending
            .last()
            .map_or(&self.boundary, |(_, boundary)| boundary)
    }

    /// The newest committee that we know in which an actor sits.
    pub(super) fn seated(&self, actor: &Actor) -> Option<&Committee> {
        let committees = [self.tip().committee(), &self.committee];
        committees
            .into_iter()
            .find(|committee| committee.contains(actor))
            .map(|c| &**c)
    }

    /// The committee of a generation that we know.
    pub(super) fn committee_of(&self, generation: Generation) -> Option<&Committee> {
        let index = usize::try_from(generation.number()).ok()?;
        let pending = self
            .pending
            .iter()
            .map(|(_, boundary)| boundary.committee());
        self.committees
            .iter()
            .chain(pending)
            .nth(index)
            .map(|committee| &**committee)
    }

    /// The generation that began without this actor, which had a seat before and has none now.
    #[must_use]
    pub fn left(&self, actor: &Actor) -> Option<Generation> {
        if self.committee.contains(actor) {
            return None;
        }
        let mut committees = self.committees.iter();
        let last = committees.rfind(|committee| committee.contains(actor));
        last.and_then(|last| last.generation().next())
    }

    /// The closing rule.
    pub(super) fn admits(&self, certificate: &Certificate) -> Admission {
        let Echo {
            generation,
            dot,
            digest,
        } = certificate.statement;
        self.boundary.admits(generation, &dot, &digest)
    }

    pub(super) fn handle_founding(
        &mut self,
        from: Actor,
        founding: Arc<Founding>,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        let news = self.take_foundings(vec![founding], step)?;
        if news && self.seated(&from).is_none() {
            // All whom we knew may be gone: who shows us this has the rest.
            self.meet(from);
            self.pull(from, step);
        }
        Ok(())
    }

    /// Takes in the generations that follow those that we know. Whether there were any.
    pub(super) fn take_foundings(
        &mut self,
        foundings: Vec<Arc<Founding>>,
        step: &mut Step<A::Op>,
    ) -> Result<bool, Refusal> {
        // Those before a bad one prove themselves.
        let proven = self.trace_back(&foundings, step);
        let mut news = false;
        for founding in foundings {
            let ends = founding.certificate.statement.generation;
            if ends != self.tip().generation() {
                continue;
            }
            let followed = self.is_proven(&founding);
            let followed = followed.and_then(|proven| {
                let next = proven.then(|| founding.verify(self.tip()));
                Ok(next.transpose()?)
            });
            let next = match followed {
                Err(refusal) if !news && !proven => return Err(refusal),
                Err(_) | Ok(None) => break,
                Ok(Some(next)) => next,
            };
            self.expect_generation(founding, next);
            self.heed_checkpoint();
            news = true;
        }
        if news && !self.awaits_checkpoint() {
            self.choose_snapshot(step);
        }
        Ok(news || proven)
    }

    /// A generation is founded: what it names gets lanes here, and its members are asked for what we lack.
    pub(super) fn expect_generation(&mut self, founding: Arc<Founding>, next: Boundary) {
        for source in next.lanes() {
            self.begin_lane(source);
        }
        let (me, now) = (self.actor(), self.now);
        for member in next
            .committee()
            .actors()
            .iter()
            .filter(|member| **member != me)
        {
            self.peers
                .entry(*member)
                .or_insert_with(|| Peer::new(*member, now));
        }
        self.peers.values_mut().for_each(Peer::forget_last);
        self.pending.push((founding, next));
        self.vouch_again();
    }

    /// A lane for `source`, if it has none.
    pub(super) fn begin_lane(&mut self, source: Actor) {
        let network = &self.network;
        let lane = self.lanes.entry(source);
        lane.or_insert_with(|| Lane::new(network));
    }

    /// Whether each lane is here up to where `frontier` says.
    pub(super) fn reaches(&self, frontier: &Frontier) -> bool {
        let mut ends = frontier.iter();
        ends.all(|(source, end)| self.head(source).is_some_and(|own| own.seq >= end.seq))
    }

    /// Installs the newest founded generation when everything up to its frontier is delivered.
    pub(super) fn install_if_level(&mut self, step: &mut Step<A::Op>) {
        let Some((_, next)) = self.pending.last().filter(|_| !self.awaits_checkpoint()) else {
            return;
        };
        if !self.reaches(next.frontier()) {
            return;
        }
        let (generation, state) = (next.generation(), next.state());
        let snapshot = self.snapshot_at(&next.frontier().clone());
        let certified = |snapshot: &Snapshot| snapshot.manifest().digest() == state;
        match snapshot.filter(certified) {
            Some(snapshot) => {
                let foundings = self
                    .pending
                    .iter()
                    .map(|(founding, _)| Arc::clone(founding));
                step.persist.push(Record::Installed(foundings.collect()));
                self.install(snapshot, false, step);
                self.settle(step);
            }
            None if !self.diverged => {
                self.diverged = true;
                tracing::error!(me = ?self.actor(), %generation, "our state is not the certified one");
                step.faults.push(Fault::Diverged { generation });
            }
            None => {}
        }
    }

    /// Moves to the newest founded generation, whose state at the frontier is `snapshot`.
    pub(super) fn install(
        &mut self,
        snapshot: Snapshot,
        by_snapshot: bool,
        step: &mut Step<A::Op>,
    ) {
        let Some((_, next)) = self.pending.last() else {
            return;
        };
        let next = next.clone();
        tracing::info!(me = ?self.actor(), generation = %next.generation(), members = next.committee().size(), "installed");
        let me = self.actor();
        let mut committees = self
            .pending
            .iter()
            .map(|(_, boundary)| boundary.committee());
        let had_a_seat =
            self.committee.contains(&me) || committees.any(|committee| committee.contains(&me));
        for (founding, boundary) in std::mem::take(&mut self.pending) {
            for (source, lane) in &mut self.lanes {
                let start = boundary.head(source).seq;
                lane.log.pass_boundary(start, self.genesis.limits());
            }
            self.chain.push(founding);
            self.committees.push(Arc::clone(boundary.committee()));
        }
        let previous = std::mem::replace(&mut self.boundary, next);
        self.committee = Arc::clone(self.boundary.committee());
        self.heed_doubt();
        self.snapshots.push_back((self.generation(), snapshot));
        if self.snapshots.len() > SNAPSHOTS {
            self.snapshots.pop_front();
        }
        let closing = std::mem::replace(&mut self.closing, Closing::new(self.now));
        self.executed = None;
        self.fetching = None;
        self.standing.outdate();
        self.meet_members();
        self.begin_to_leave(had_a_seat);
        self.welcome(&previous, step);
        for source in self.lanes.keys().copied().collect::<Vec<_>>() {
            self.enter_lane(source, &previous, &closing, step);
        }
        self.echo_adopted(step);
        self.ready.extend(self.lanes.keys().copied());
        self.flush(self.outbox.len(), step);
        step.installed.push(Installed {
            generation: self.generation(),
            seated: self.committee.contains(&self.signer.actor()),
            by_snapshot,
        });
    }

    /// Remembers those who are in the new committee, and nobody else.
    fn meet_members(&mut self) {
        let (committee, me, now) = (Arc::clone(&self.committee), self.actor(), self.now);
        for member in committee.actors().iter().filter(|member| **member != me) {
            let peer = self
                .peers
                .entry(*member)
                .or_insert_with(|| Peer::new(*member, now));
            peer.announce = Backoff::starting(now + 1);
        }
        self.peers.retain(|actor, _| committee.contains(actor));
    }

    /// Whoever is new is told at once that it is in.
    fn welcome(&self, previous: &Boundary, step: &mut Step<A::Op>) {
        let newcomers = self.committee.actors().iter();
        let newcomers = newcomers.filter(|actor| !previous.committee().contains(actor));
        if let Some(founding) = self.chain.last() {
            for newcomer in newcomers {
                self.send(*newcomer, Body::Founding(Arc::clone(founding)), step);
            }
        }
    }

    /// Brings one lane over the boundary.
    fn enter_lane(
        &mut self,
        source: Actor,
        previous: &Boundary,
        closing: &Closing,
        step: &mut Step<A::Op>,
    ) {
        let moment = self.moment();
        let boundary = &self.boundary;
        let Some(lane) = self.lanes.get_mut(&source) else {
            return;
        };
        lane.log.forget(previous.head(&source).seq);
        let admitted = |certificate: &Arc<Certificate>| {
            let Echo {
                generation,
                dot,
                digest,
            } = certificate.statement;
            let admission = boundary.admits(generation, &dot, &digest);
            matches!(admission, Admission::Named | Admission::Current)
        };
        let held = lane.certified.take();
        let held = held.filter(|held| held.certificate.as_ref().is_some_and(admitted));
        lane.certified = held.map(|held| Certified {
            provisional: false,
            ..held
        });
        let head = lane.head();
        let adopted = boundary.adopted().get(&source);
        let adopted = adopted.filter(|lock| lock.statement.dot.seq.follows(head.seq));
        let mut accusations = Vec::new();
        let known = adopted.and_then(|lock| known(lock, lane, closing));
        let unrecorded = known.as_ref().filter(|entry| {
            let seq = entry.message().seq;
            !lane.has_recorded(seq, &entry.digest) && !closing.payloads.contains_key(&entry.digest)
        });
        // Our standing says that it is here: it must be after a crash, too.
        let message = unrecorded.map(|entry| Record::Message(Arc::clone(&entry.proposal)));
        step.persist.extend(message);
        lane.carried = known.clone();
        if let Some(lock) = adopted {
            let (dot, digest) = (lock.statement.dot, lock.statement.digest);
            if known.is_none() {
                self.closing.wanted.insert((dot, digest));
            }
            if let Some(left) = lane.said_otherwise(&dot, &digest) {
                let right = *lock;
                accusations.push(Equivocation::Echo(Conflict { left, right }));
            }
            if lane.lock().is_none_or(|lock| lock.entry.digest != digest) {
                // It is judged with everything else that waits; until then nothing else is echoed here.
                let early = |entry| Stance::Waiting(Early::new(entry, moment));
                lane.stance = known.map_or(Stance::Open, early);
            }
        }
        // Our own message stays, also when we are out: another in its place, once we are back, would convict us.
        let (next, own) = (
            head.seq.next().unwrap_or(head.seq),
            source == self.signer.actor(),
        );
        if !own && !boundary.speaks(&Dot { source, seq: next }) {
            lane.stance = Stance::Open;
        }
        let seal = boundary.sealed().get(&source);
        accusations.extend(seal.map(|seal| Equivocation::Echo(seal.evidence())));
        if seal.is_some_and(|seal| seal.dot().seq.follows(head.seq)) {
            lane.stance = Stance::Open;
        }
        if let Stance::Waiting(early) = &mut lane.stance {
            early.again = Backoff::starting(moment);
        }
        self.renew_lock(source);
        for evidence in accusations {
            self.convict_member(evidence, step);
        }
    }

    /// What we are bound to is tallied anew: echoes of the generation before count no more.
    fn renew_lock(&mut self, source: Actor) {
        let (generation, now) = (self.generation(), self.now);
        if let Some(lock) = self.lanes.get_mut(&source).and_then(Lane::lock_mut) {
            let dot = lock.entry.message().dot();
            let digest = lock.entry.digest;
            lock.tally = Tally::new(Echo {
                generation,
                dot,
                digest,
            });
            lock.resend = Backoff::starting(now + 1);
        }
    }

    /// Echoes our locks for the new generation; those that everybody adopts go to everybody.
    pub(super) fn echo_adopted(&mut self, step: &mut Step<A::Op>) {
        for source in self.lanes.keys().copied().collect::<Vec<_>>() {
            if let Some(echo) = self.own_echo(source, step)
                && self
                    .boundary
                    .names(&echo.statement.dot, &echo.statement.digest)
            {
                self.send_to_members(&Body::Echo(echo), step);
            }
        }
    }

    /// Starts from a certified snapshot of the newest founded generation. Our own deliveries beyond its frontier are
    /// applied to it again; what it covers is dropped.
    pub(super) fn install_snapshot(&mut self, snapshot: Snapshot, step: &mut Step<A::Op>) -> bool {
        let Some((_, next)) = self.pending.last() else {
            return false;
        };
        let next = next.clone();
        let bytes = snapshot.bytes().as_slice();
        let Ok(state) = decode(bytes, bytes.len()) else {
            return false;
        };
        let mut algorithm = self.pristine.clone();
        if !algorithm.admits(&state) {
            return false;
        }
        algorithm.sync_from(state);
        let mut beyond = Vec::new();
        for (source, lane) in &self.lanes {
            let head = lane.head().seq.max(next.head(source).seq);
            let entries = lane.log.between(next.head(source).seq, head);
            beyond.push(entries.cloned().collect());
        }
        if !self.replay_lanes(&mut algorithm, beyond) {
            return false;
        }
        let me = self.actor();
        for (source, head) in next.frontier() {
            if let Some(lane) = self
                .lanes
                .get_mut(source)
                .filter(|lane| lane.head().seq < head.seq)
            {
                let bound = lane.bound().map(Entry::head);
                let jump = source == &me && bound != Some(*head);
                lane.log = Log::new(*head);
                lane.certified = None;
                if bound.is_none_or(|bound| !bound.seq.follows(head.seq)) {
                    lane.stance = Stance::Open;
                }
                if jump && !self.signer.is_replaying() {
                    self.silence(step);
                }
            }
        }
        self.algorithm = algorithm;
        self.outbox.forget_ahead();
        self.install(snapshot, true, step);
        true
    }
}
