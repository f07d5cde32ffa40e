//! The deliver rule: a certified message takes effect when it is next in its lane, here, and valid on the very state
//! that it is applied to. What is early is held; whatever it rests on is certified too, and will come.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::error::Refusal;
use super::lane::{Certified, Lane, Stance};
use super::message::{Certificate, Entry};
use super::packet::Chunk;
use super::step::{Delivery, Fault, Record, Step};
use crate::actor::Actor;
use crate::codec::Digest;
use crate::dot::Dot;
use crate::membership::Admission;
use crate::traits::{Verdict, Wire};

impl<A: Wire> Replica<A> {
    pub(super) fn handle_certificate(
        &mut self,
        from: Actor,
        certificate: Arc<Certificate>,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        let dot = certificate.statement.dot;
        let lane = self.lane(&dot.source)?;
        if let Some(held) = lane.certificate_at(dot.seq) {
            // A second certificate here says the same, or more members lie than are tolerated.
            if held.statement.digest != certificate.statement.digest {
                let held = Arc::clone(held);
                let other = self.certify(certificate)?;
                self.accuse_members(&held, &other, step);
            }
            return Ok(());
        }
        if dot.seq <= lane.head().seq {
            return Ok(());
        }
        match self.admits(&certificate) {
            Admission::Current | Admission::Named => {}
            Admission::Later => {
                self.pull(from, step);
                return Ok(());
            }
            Admission::Within(_) | Admission::Refused => return Err(Refusal::Closed(dot.source)),
        }
        if !dot.seq.follows(lane.head().seq) {
            // Only a proven gap makes us ask, or anybody could use up the pace at which we ask.
            let fact = self.certify(certificate)?;
            self.check_memory(&fact, step);
            self.pull(from, step);
            return Ok(());
        }
        if lane.certified.is_some() {
            return Ok(());
        }
        let fact = self.certify(certificate)?;
        self.accept_certificate(from, dot, fact, step);
        Ok(())
    }

    /// The fact behind a certificate. Echoes that we made or checked for our lock are not checked again.
    pub(super) fn certify(
        &self,
        certificate: Arc<Certificate>,
    ) -> Result<Arc<Certificate>, Refusal> {
        let echo = certificate.statement;
        let lock = self.lanes.get(&echo.dot.source).and_then(Lane::lock);
        let tally = lock
            .map(|lock| &lock.tally)
            .filter(|tally| *tally.statement() == echo);
        let known = |seat| tally.and_then(|tally| tally.signature(seat));
        let closed = Refusal::Closed(echo.dot.source);
        let committee = self.committee_of(echo.generation).ok_or(closed)?;
        let fact = committee.certify(&self.network, certificate, known)?;
        Ok(fact.claim())
    }

    fn accept_certificate(
        &mut self,
        from: Actor,
        dot: Dot,
        certificate: Arc<Certificate>,
        step: &mut Step<A::Op>,
    ) {
        self.check_memory(&certificate, step);
        let Some(lane) = self.lanes.get_mut(&dot.source) else {
            return;
        };
        let digest = certificate.statement.digest;
        let entry = lane.bound().filter(|entry| entry.digest == digest).cloned();
        let Some(entry) = entry else {
            // The message is missing, or contradicts the one we are bound to: fetch it, with its signature.
            lane.certified = Some(missing(certificate));
            self.pull(from, step);
            return;
        };
        lane.certified = Some(missing(certificate));
        self.fill(dot.source, entry, step);
    }

    /// Whether this is the message that is certified after the head and missing here.
    pub(super) fn is_certified_next(&self, entry: &Entry) -> bool {
        let lane = self.lanes.get(&entry.message().source);
        let certified = lane.and_then(|lane| lane.certified.as_ref());
        certified.is_some_and(|certified| {
            let proof = certified.certificate.as_ref();
            certified.tail.is_empty()
                && proof.is_some_and(|proof| {
                    let (proof, entry) = (proof.head(), entry.head());
                    proof == entry || (bug!(PayloadUnchecked) && proof.seq == entry.seq)
                })
        })
    }

    /// Takes in the message that was missing, whoever brings it. The certificate vouches for it; its source's signature
    /// is checked because it is kept, to convict with.
    pub(super) fn fill_certified(
        &mut self,
        entry: Entry,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        let lane = self.lane(&entry.message().source)?;
        if entry.message().parent != lane.head().digest {
            return Err(Refusal::WrongParent(entry.message().dot()));
        }
        self.verify_source(&entry)?;
        self.fill(entry.message().source, entry, step);
        Ok(())
    }

    fn fill(&mut self, source: Actor, entry: Entry, step: &mut Step<A::Op>) {
        let Some(lane) = self.lanes.get_mut(&source) else {
            return;
        };
        let locked = lane.lock().map(|lock| lock.entry.digest);
        let Some(certified) = &mut lane.certified else {
            return;
        };
        certified.tail.push_back(entry);
        step.persist.push(record(source, certified, locked));
        self.ready.insert(source);
    }

    /// Delivers and judges until nothing more can be: each delivery may make what other lanes hold valid.
    pub(super) fn settle(&mut self, step: &mut Step<A::Op>) {
        if self.awaits_checkpoint() {
            return;
        }
        while let Some(source) = self.ready.pop_first() {
            while self.deliver_next(source, step) {
                let held = self.lanes.iter().filter(|(_, lane)| lane.holds());
                self.ready.extend(held.map(|(source, _)| *source));
                if source == self.actor() {
                    self.flush(self.outbox.len(), step);
                }
            }
            self.judge_waiting(source, step);
        }
    }

    /// Applies the next certified message of a lane, if it is here and valid. Whether it did.
    fn deliver_next(&mut self, source: Actor, step: &mut Step<A::Op>) -> bool {
        let Some(lane) = self.lanes.get_mut(&source).filter(|lane| !lane.stopped) else {
            return false;
        };
        let certified = lane.certified.as_ref().filter(|held| !held.provisional);
        let Some(entry) = certified.and_then(|held| held.tail.front()).cloned() else {
            return false;
        };
        let dot = entry.message().dot();
        let (ops, verdict) = judge(&self.algorithm, lane, &entry, self.genesis.limits());
        let ops = match (ops, verdict) {
            (ops, verdict) if verdict.is_valid() || bug!(DeliveredUnjudged) => ops,
            (_, Verdict::Valid | Verdict::NotYet(_)) => return false,
            (_, Verdict::Never(reason)) => {
                lane.stopped = true;
                tracing::error!(%dot, reason, "a certified message can never be valid");
                step.faults.push(Fault::BrokenLaw { dot, reason });
                return false;
            }
        };
        let remembered = lane
            .lock()
            .is_some_and(|lock| lock.entry.digest == entry.digest);
        if source == self.key.actor() && !remembered {
            self.silence(step);
            self.outbox.forget_ahead();
        }
        let Some(lane) = self.lanes.get_mut(&source) else {
            return false;
        };
        let contradicted = lane.advance(&entry, self.genesis.limits());
        self.apply(source, ops);
        self.standing = None;
        let delivered = Record::Delivered(dot);
        step.persist
            .extend((!bug!(DeliveryNotDurable)).then_some(delivered));
        step.delivered.push(Delivery::new(entry.clone()));
        self.accuse_contradicted(&entry, contradicted, step);
        true
    }

    pub(super) fn apply(&mut self, source: Actor, ops: Vec<A::Op>) {
        for op in ops {
            if source != self.key.actor() {
                self.outbox.apply_foreign(&op);
            }
            self.algorithm.apply(op);
        }
    }

    /// Judges again a proposal that was early.
    fn judge_waiting(&mut self, source: Actor, step: &mut Step<A::Op>) {
        let waits = self.silenced || self.is_frozen() || self.convicted.contains_key(&source);
        let Some(lane) = self.lanes.get_mut(&source).filter(|_| !waits) else {
            return;
        };
        match std::mem::replace(&mut lane.stance, Stance::Open) {
            Stance::Waiting(entry) => self.echo_if_valid(source, entry, step),
            stance => lane.stance = stance,
        }
    }
}

impl<Op> Lane<Op> {
    /// Moves the certified message `entry` from the held stretch to the log. What we were bound to at its dot, if it was
    /// something else.
    pub(super) fn advance(
        &mut self,
        entry: &Entry,
        limits: &crate::codec::Limits,
    ) -> Option<Entry> {
        let mut certificate = None;
        if let Some(certified) = &mut self.certified {
            certified.tail.pop_front();
            if certified.tail.is_empty() {
                certificate.clone_from(&certified.certificate);
                self.certified = None;
            }
        }
        let bound = self
            .bound()
            .filter(|bound| bound.digest != entry.digest)
            .cloned();
        self.stance = Stance::Open;
        self.log.append(entry.clone(), certificate, limits);
        bound
    }
}

/// The operations of a certified message and their verdict. Those of our own lock are decoded already.
fn judge<A: Wire>(
    algorithm: &A,
    lane: &mut Lane<A::Op>,
    entry: &Entry,
    limits: &crate::codec::Limits,
) -> (Vec<A::Op>, Verdict) {
    let source = entry.message().source;
    if let Some(lock) = lane
        .lock_mut()
        .filter(|lock| lock.entry.digest == entry.digest)
    {
        let verdict = algorithm.verdict_batch(&source, &lock.ops);
        let valid = verdict.is_valid();
        let ops = if valid {
            std::mem::take(&mut lock.ops)
        } else {
            Vec::new()
        };
        return (ops, verdict);
    }
    match entry.message().decode::<A::Op>(limits) {
        Ok(ops) => {
            let verdict = algorithm.verdict_batch(&source, &ops);
            (ops, verdict)
        }
        Err(_) => (Vec::new(), Verdict::Never("operations that do not decode")),
    }
}

/// A certificate whose message is still to come.
fn missing(certificate: Arc<Certificate>) -> Certified {
    Certified {
        certificate: Some(certificate),
        tail: VecDeque::new(),
        provisional: false,
    }
}

/// The record of a certified stretch. What is locked is on record already.
pub(super) fn record(source: Actor, certified: &Certified, locked: Option<Digest>) -> Record {
    let known = certified.tail.iter().map(|entry| entry.digest).eq(locked);
    let proposals = certified.tail.iter().filter(|_| !known);
    Record::Certified(Chunk {
        source,
        proposals: proposals.map(|entry| Arc::clone(&entry.proposal)).collect(),
        certificate: certified.certificate.clone(),
    })
}
