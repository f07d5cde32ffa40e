//! From one generation to the next: a generation is expected once its proof is here, and installed
//! when everything up to its frontier is delivered here, or its certified snapshot is.
//!
//! Installing takes up what the boundary imposes: each adopted lock replaces our own to the
//! contrary and is echoed anew for everybody to tally, so that what was in flight completes even if
//! its source is gone; at a sealed dot nobody echoes any more, and the source is convicted.
//!
//! Inputs: proofs of generations, and the deliveries that bring us to a frontier.
//! Outputs: the next generation, as one record. Invariants: generations are installed in their
//! order, on the state that their members certified, and never before everything up to the frontier
//! is here; what a boundary names is kept until a frontier covers it.
//!
//! A replica whose state is not the certified one stops there, and says so: either a law of the
//! algorithm is broken, or more members lie than are tolerated, and going on would hide which.

use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::error::PacketError;
use super::execution::replay_lanes;
use super::history::{ENDINGS, Founded};
use super::lane::{Certified, Early, Lane, Slot};
use super::log::Log;
use super::message::Entry;
use super::message::{Certificate, Echo, Tally};
use super::packet::Body;
use super::step::{Fault, Installed, Record};
use super::transition::Transition;
use crate::actor::{Actor, Signed};
use crate::membership::{
    Admission, Boundary, Ending, Foundation, GenerationProof, GenerationProofError,
};
use crate::quorum::Generation;
use crate::snapshot::Snapshot;
use crate::traits::WireAlgorithm;

/// The message of an adopted lock, if it is here. Only a digest vouched for it; its source's
/// signature is the one that was reported.
fn known<Op>(lock: &Signed<Echo>, lane: &Lane<Op>, closing: &Transition) -> Option<Entry> {
    let Echo { dot, digest, .. } = &lock.statement;
    let known = lane
        .find(dot.seq, digest)
        .or_else(|| closing.payloads.held.get(digest))?;
    Some(known.clone().signed_with(lock))
}

impl Founded {
    /// What `proof` founds after `last`.
    ///
    /// Costs the signatures of a quorum; and where it is shown how the generation before ended, two
    /// hashes for each lane.
    ///
    /// # Errors
    /// When it does not follow, or is shown with another ending than its header commits to.
    pub(super) fn after(
        last: &Foundation,
        proof: Arc<GenerationProof>,
    ) -> Result<Self, GenerationProofError> {
        let foundation = proof.verify(last)?;
        let ending = proof.ending.clone();
        let boundary = ending
            .map(|ending| foundation.clone().begin(ending))
            .transpose()?;
        Ok(Self {
            proof,
            foundation,
            boundary,
        })
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// Takes what founded a generation, from whoever shows it: it proves itself. Who is no member
    /// that we know and shows us news becomes a contact, as all whom we knew may have left.
    ///
    /// # Errors
    /// When it does not follow from what we know, or is not of the chain that we trust.
    pub(super) fn handle_generation_proof(
        &mut self,
        from: Actor,
        proof: Arc<GenerationProof>,
    ) -> Result<(), PacketError> {
        let news = self.take_proofs(vec![proof])?;
        if news && self.history.seated(&from).is_none() {
            // All whom we knew may be gone: who shows us this has the rest.
            self.meet(from);
            self.pull(from);
        }
        Ok(())
    }

    /// Takes in the generations that follow those that we know. Whether there were any.
    ///
    /// Proofs of generations that are known already are passed over without a check. The first bad
    /// one ends it; those before it stay.
    ///
    /// # Errors
    /// What is wrong with the first that would have been news, when nothing before it was.
    pub(super) fn take_proofs(
        &mut self,
        proofs: Vec<Arc<GenerationProof>>,
    ) -> Result<bool, PacketError> {
        // Those before a bad one prove themselves.
        let proven = self.trace_back(&proofs);
        let mut news = false;
        let last = proofs.len().saturating_sub(ENDINGS);
        for (index, proof) in proofs.into_iter().enumerate() {
            // Of what is further back nobody needs to know more than the header.
            let proof = match proof.ending.is_some() && index < last {
                true => Arc::new(proof.without_ending()),
                false => proof,
            };
            let ends = proof.certificate.statement.generation;
            if ends != self.history.tip().generation() {
                news |= self.take_ending_of(&proof);
                continue;
            }
            let followed = self.history.is_proven(&proof).and_then(|proven| {
                let next = proven.then(|| Founded::after(self.history.tip(), proof));
                Ok(next.transpose()?)
            });
            let next = match followed {
                Err(refusal) if !news && !proven => return Err(refusal),
                Err(_) | Ok(None) => break,
                Ok(Some(next)) => next,
            };
            self.expect_generation(next);
            self.history.heed_checkpoint();
            news = true;
        }
        if news && !self.awaits_checkpoint() {
            self.choose_snapshot();
        }
        Ok(news || proven)
    }

    /// A generation is founded: what it names gets lanes here, and its members are asked for what
    /// we lack.
    ///
    /// The caller has verified the proof, or holds the decision. Nothing is on record by this:
    /// [`Record::Installed`] and [`Record::Snapshot`] name all generations since the last, so that
    /// a crash makes us ask for them again.
    pub(super) fn expect_generation(&mut self, founded: Founded) {
        let me = self.actor();
        for member in founded.foundation.committee().actors() {
            // Also of who sat in a generation of which nothing but the header is kept.
            self.lanes.begin(*member, &self.history.network);
            if *member != me {
                self.peers.meet(*member, self.turn.now);
            }
        }
        self.peers.forget_last();
        self.history.pending.push(founded);
        self.bootstrap.ending = Some(Backoff::starting(self.turn.now));
        if self.bootstrap.fetching.is_some() {
            // Of the newest one, or what comes would be put under its boundary.
            self.fetch_snapshot();
        }
        self.begin_lanes();
    }

    /// Takes from a proof of the newest generation that is founded how the one before ended, if
    /// that is all we lack. Whether it did.
    ///
    /// Another one proves nothing, also not against who shows it: the header may be another, too.
    fn take_ending_of(&mut self, proof: &GenerationProof) -> bool {
        let generation = proof.header.generation;
        let wanted = self.history.wants_ending() == Some(generation);
        let shown = proof.ending.clone().filter(|_| wanted);
        shown.is_some_and(|ending| self.take_ending(generation, ending).is_ok())
    }

    /// Of the newest generation we may have judged the value ourselves: then we know how the one
    /// before ended, and need to be shown nothing. Were it asked of others, a liar that shows the
    /// header alone to all, before any of them has decided, would have all of them wait.
    pub(super) fn recall_ending(&mut self) {
        let Some(generation) = self.history.wants_ending() else {
            return;
        };
        let value = self.history.tip().value();
        let judged = self.transition.candidate(&value);
        let checked = judged.and_then(|candidate| candidate.check.as_ref()?.as_ref().ok());
        let ending = checked.map(|checked| Arc::clone(checked.next.ending()));
        if let Some(ending) = ending {
            let taken = self.take_ending(generation, ending);
            debug_assert_eq!(taken, Ok(()), "a value has one header");
            self.settle();
        }
    }

    /// Takes how the generation before the newest one ended, from whoever shows it: the header
    /// commits to it.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn take_ending(
        &mut self,
        generation: Generation,
        ending: Arc<Ending>,
    ) -> Result<(), PacketError> {
        if self.history.wants_ending() != Some(generation) {
            return Ok(());
        }
        let pending = &mut self.history.pending;
        let newest = pending.last_mut().expect("it is wanted of this one");
        let boundary = newest.foundation.clone().begin(Arc::clone(&ending));
        newest.boundary = Some(boundary.map_err(GenerationProofError::from)?);
        Arc::make_mut(&mut newest.proof).ending = Some(ending);
        self.begin_lanes();
        Ok(())
    }

    /// Where the newest generation begins is known: its lanes are there, and what is certified is
    /// asked of it.
    ///
    /// Does nothing until it is known. Then everything that waits is looked at again.
    fn begin_lanes(&mut self) {
        let Some(next) = self.history.next() else {
            return;
        };
        for source in next.lanes() {
            self.lanes.begin(source, &self.history.network);
        }
        self.vouch_again();
        self.lanes.look_at_all();
    }

    /// Installs the newest founded generation when everything up to its frontier is delivered.
    ///
    /// Generations in between are passed over: what they imposed is in the newest one's boundary.
    /// The record is written before anything of the new generation is said. A state that differs
    /// from the certified one is told once, and the replica stays where it is.
    pub(super) fn install_if_level(&mut self) {
        let next = self.history.next();
        let Some(next) = next.filter(|_| !self.awaits_checkpoint()) else {
            return;
        };
        if !self.lanes.reach(next.frontier()) {
            return;
        }
        let (generation, state) = (next.generation(), next.state());
        let here = self.certifiable_at(&next.frontier().clone());
        match here.filter(|(_, here)| *here == state) {
            Some((snapshot, _)) => {
                let pending = self.history.pending.iter();
                let proofs = pending.map(|founded| Arc::clone(&founded.proof));
                self.turn.write(Record::Installed(proofs.collect()));
                self.install(snapshot, false);
                self.settle();
            }
            None if !self.execution.diverged => {
                self.execution.diverged = true;
                tracing::error!(me = ?self.actor(), %generation, "our state is not the certified one");
                self.turn.report(Fault::Diverged { generation });
            }
            None => {}
        }
    }

    /// Moves to the newest founded generation, whose state at the frontier is `snapshot`.
    ///
    /// The order matters. The logs pass the boundaries before the history moves, as they are told
    /// of each; the signer hears of doubt before anything is signed; lanes enter before locks are
    /// echoed, as those that the boundary adopts replace our own; and the outbox comes last, behind
    /// what our own lane is bound to.
    pub(super) fn install(&mut self, snapshot: Snapshot, by_snapshot: bool) {
        let me = self.actor();
        let pending = self.history.pending.iter();
        let mut committees = pending.clone().map(|next| next.foundation.committee());
        let had_a_seat = self.history.committee.contains(&me)
            || committees.any(|committee| committee.contains(&me));
        for boundary in pending.filter_map(|next| next.boundary.as_ref()) {
            for (source, lane) in &mut self.lanes.by_source {
                let start = boundary.head(source).seq;
                lane.log.pass_boundary(start, self.history.limits());
            }
        }
        let previous = self.history.install(snapshot);
        tracing::info!(?me, generation = %self.generation(), members = self.history.committee.size(), "installed");
        self.heed_doubt();
        let closing = std::mem::replace(&mut self.transition, Transition::new(self.turn.now));
        self.execution.forget_executed();
        self.bootstrap.fetching = None;
        self.peers.summary.outdate();
        self.meet_members();
        self.begin_to_leave(had_a_seat);
        self.welcome(&previous);
        for source in self.lanes.sources() {
            self.enter_lane(source, &previous, &closing);
        }
        self.echo_adopted();
        self.lanes.look_at_all();
        self.flush(self.outbox.len());
        self.turn.step.installed.push(Installed {
            generation: self.generation(),
            seated: self.history.committee.contains(&self.signer.actor()),
            by_snapshot,
        });
    }

    /// Remembers those who are in the new committee, and nobody else.
    ///
    /// Contacts that the application named are forgotten as well: the committee is known now.
    fn meet_members(&mut self) {
        let (me, now) = (self.actor(), self.turn.now);
        let members = self.history.committee.actors().iter();
        for member in members.filter(|member| **member != me) {
            let peer = self.peers.meet(*member, now);
            peer.announce = Backoff::starting(now + 1);
        }
        self.peers.keep(&self.history.committee);
    }

    /// Whoever is new is told at once that it is in.
    ///
    /// Said once and not again: a newcomer that misses it learns of its seat by asking, as it does
    /// on ticks.
    fn welcome(&mut self, previous: &Boundary) {
        let committee = Arc::clone(&self.history.committee);
        let newest = self.history.chain.last();
        let proof = Arc::clone(newest.expect("a generation is installed"));
        let newcomers = committee
            .actors()
            .iter()
            .filter(|actor| !previous.committee().contains(actor));
        for newcomer in newcomers {
            self.send(*newcomer, Body::GenerationProof(Arc::clone(&proof)));
        }
    }

    /// Brings one lane over the boundary.
    ///
    /// What becomes of each part of the lane: messages that the boundary before covers are
    /// forgotten; a certified segment stays if this boundary admits its certificate; the slot holds
    /// what is adopted, or nothing; and whoever signed against what is adopted, or is sealed, is
    /// convicted.
    ///
    /// A lock that is not adopted was never certified, and its source signs again. Our own message
    /// in flight stays for that, also when we lose the seat. One of ours that is adopted and that
    /// we do not remember silences us: what waits in an old store may have been in it.
    fn enter_lane(&mut self, source: Actor, previous: &Boundary, closing: &Transition) {
        let moment = self.moment();
        let boundary = &self.history.boundary;
        let lane = self.lanes.kept(&source);
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
        lane.read = None;
        let held = held.filter(|held| held.certificate.as_ref().is_some_and(admitted));
        lane.certified = held.map(|held| Certified {
            provisional: false,
            ..held
        });
        let head = lane.head();
        let adopted = boundary.adopted().get(&source);
        let adopted = adopted.filter(|lock| lock.statement.dot.seq.follows(head.seq));
        let (mut accusations, mut forgotten) = (Vec::new(), false);
        let sealed = boundary.sealed().get(&source).map(|seal| seal.evidence());
        accusations.extend(sealed.map(|seal| (seal.left, seal.right)));
        let known = adopted.and_then(|lock| known(lock, lane, closing));
        let unrecorded = known.as_ref().filter(|entry| {
            let seq = entry.message().seq;
            !lane.has_recorded(seq, &entry.digest)
                && !closing.payloads.held.contains_key(&entry.digest)
        });
        // Our summary says that it is here: it must be after a crash, too.
        let message = unrecorded.map(|entry| Record::Message(Arc::clone(&entry.proposal)));
        self.turn.step.persist.extend(message);
        lane.carried = known.clone();
        if let Some(lock) = adopted {
            let (dot, digest) = (lock.statement.dot, lock.statement.digest);
            if known.is_none() {
                self.transition.payloads.wanted.insert((dot, digest));
            }
            let left = lane.said_against(&lock.statement);
            accusations.extend(left.map(|left| (left, *lock)));
            if lane.lock().is_none_or(|lock| lock.entry.digest != digest) {
                forgotten = source == self.signer.actor();
                lane.annul();
                // It is judged with everything else that waits; until then nothing else is echoed
                // here.
                let early = |entry| Slot::Waiting(Early::new(entry, moment));
                lane.slot = known.map_or(Slot::Open, early);
            }
        } else if source != self.signer.actor() || lane.lock().is_none() {
            lane.annul();
        }
        self.renew_lock(source);
        if forgotten && !self.signer.is_replaying() {
            self.silence();
        }
        for (left, right) in accusations {
            self.convict_echoes(left, right);
        }
    }

    /// What we are bound to is tallied anew: echoes of the generation before count no more.
    ///
    /// The old signatures say nothing in the new generation, as a certificate is made of one
    /// committee's echoes of one statement.
    fn renew_lock(&mut self, source: Actor) {
        let (generation, now) = (self.generation(), self.turn.now);
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
    ///
    /// Everybody tallies these, since the source may be gone. Beside them there is only our own
    /// message in flight, which others hear of when it is proposed again.
    pub(super) fn echo_adopted(&mut self) {
        for source in self.lanes.sources() {
            if let Some(echo) = self.own_echo(source)
                && self
                    .history
                    .boundary
                    .names(&echo.statement.dot, &echo.statement.digest)
            {
                self.send_to_members(Body::Echo(echo));
            }
        }
    }

    /// Starts from a certified snapshot of the newest founded generation. Our own deliveries beyond
    /// its frontier are applied to it again; what it covers is dropped.
    ///
    /// Returns `false` and changes nothing when the state does not decode or is over its budget, or
    /// when our own deliveries beyond the frontier are not valid on it. A lane of our own that the
    /// snapshot carries beyond what we remember silences us: our key has signed there, and our
    /// store does not know what.
    pub(super) fn install_snapshot(&mut self, snapshot: Snapshot) -> bool {
        let next = self.history.next().cloned();
        let certified = snapshot.manifest().digest();
        let Some(next) = next.filter(|next| next.state().snapshot == certified) else {
            return false;
        };
        let Some(mut algorithm) = self.execution.admitted(&snapshot) else {
            return false;
        };
        let mut beyond = Vec::new();
        for (source, lane) in self.lanes.iter() {
            let head = lane.head().seq.max(next.head(source).seq);
            let entries = lane.log.between(next.head(source).seq, head);
            beyond.push(entries.cloned().collect());
        }
        if !replay_lanes(&mut algorithm, beyond, self.history.limits()) {
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
                (lane.certified, lane.read) = (None, None);
                if bound.is_none_or(|bound| !bound.seq.follows(head.seq)) {
                    lane.slot = Slot::Open;
                }
                if jump && !self.signer.is_replaying() {
                    self.silence();
                }
            }
        }
        self.execution.algorithm = algorithm;
        self.outbox.forget_ahead();
        self.install(snapshot, true);
        true
    }
}
