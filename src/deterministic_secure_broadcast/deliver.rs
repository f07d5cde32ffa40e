//! The deliver rule: a certified message takes effect when it is next in its lane, here, and valid on the very state
//! that it is applied to. What is early is held; whatever it rests on is certified too, and will come.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::error::Refusal;
use super::lane::{Certified, Lane, Stance, Waiting};
use super::message::{Certificate, Entry};
use super::step::{Delivery, Fault, Record, Step};
use crate::actor::Actor;
use crate::dot::Dot;
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
        self.check_generation(certificate.statement.generation)?;
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
        let fact = self.committee.certify(&self.network, certificate, known)?;
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
            let tail = VecDeque::new();
            lane.certified = Some(Certified { certificate, tail });
            self.pull(from, step);
            return;
        };
        lane.certified = Some(Certified {
            certificate,
            tail: VecDeque::new(),
        });
        self.fill(dot.source, entry, step);
    }

    /// Whether this is the message that is certified after the head and missing here.
    pub(super) fn is_certified_next(&self, entry: &Entry) -> bool {
        let lane = self.lanes.get(&entry.message().source);
        let certified = lane.and_then(|lane| lane.certified.as_ref());
        certified.is_some_and(|certified| {
            certified.tail.is_empty() && certified.certificate.head() == entry.head()
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
        let locked = lane
            .lock()
            .is_some_and(|lock| lock.entry.digest == entry.digest);
        let Some(certified) = &mut lane.certified else {
            return;
        };
        let proposals = if locked {
            Vec::new()
        } else {
            vec![Arc::clone(&entry.proposal)]
        };
        step.persist.push(Record::Certified {
            proposals,
            certificate: Arc::clone(&certified.certificate),
        });
        certified.tail.push_back(entry);
        self.ready.insert(source);
    }

    /// Delivers and judges until nothing more can be: each delivery may make what other lanes hold valid.
    pub(super) fn settle(&mut self, step: &mut Step<A::Op>) {
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
        let Some(entry) = lane
            .certified
            .as_ref()
            .and_then(|c| c.tail.front())
            .cloned()
        else {
            return false;
        };
        let dot = entry.message().dot();
        let (ops, verdict) = judge(&self.algorithm, lane, &entry, self.genesis.limits());
        let ops = match (ops, verdict) {
            (ops, Verdict::Valid) => ops,
            (_, Verdict::NotYet(_)) => return false,
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
            self.silence(dot, step);
        }
        let Some(lane) = self.lanes.get_mut(&source) else {
            return false;
        };
        let contradicted = lane.advance(&entry, self.genesis.limits());
        self.apply(source, ops);
        self.standing = None;
        step.persist.push(Record::Delivered(dot));
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
        if self.silenced || self.convicted.contains_key(&source) {
            return;
        }
        let Some(lane) = self.lanes.get_mut(&source) else {
            return;
        };
        match std::mem::replace(&mut lane.stance, Stance::Open) {
            Stance::Waiting(Waiting { entry, binding }) => {
                self.echo_if_valid(source, entry, binding, step);
            }
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
                certificate = Some(Arc::clone(&certified.certificate));
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
