//! The deliver rule: a certified message takes effect when it is next in its lane, here, and valid
//! on the very state that it is applied to. What is early is held; whatever it rests on is
//! certified too, and will come.
//!
//! Inputs: certificates, and the messages that they are of. Outputs: deliveries, in the order of
//! each lane, each with its record. Invariants: what is delivered was certified by a quorum that
//! the newest generation known here vouches for; a lane is delivered without a gap; and the
//! algorithm never applies what it does not call valid.
//!
//! Why waiting is enough: a correct member echoes what is valid on what it has delivered. All of
//! that was certified, so that it comes; and what is valid for a source stays valid until that
//! source's next operation is applied (the law *stable*, [`laws`](crate::traits)), whatever is
//! applied before it here.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::history::Vouch;
use super::lane::{Certified, Lane, Slot};
use super::message::{Certificate, Echo, Entry};
use super::packet::Segment;
use super::step::{Delivery, Fault, Record};
use crate::actor::{Actor, Claim, Sig, Statement};
use crate::codec::Digest;
use crate::dot::Dot;
use crate::quorum::Seat;
use crate::traits::{Verdict, WireAlgorithm};

impl<A: WireAlgorithm> Replica<A> {
    /// A generation is founded: what was certified before, and is not delivered yet, is asked of it
    /// again.
    ///
    /// Called when the chain grows, and after replaying. A segment that only an ended committee
    /// certifies turns provisional; one that the new generation names or covers stays; one that it
    /// excludes is dropped, and what replaces it is pulled.
    pub(super) fn vouch_again(&mut self) {
        let newest = self.history.next().unwrap_or(&self.history.boundary);
        let held = self.lanes.iter().filter_map(|(source, lane)| {
            let held = lane.certified.as_ref().filter(|held| !held.provisional)?;
            let certificate = held.certificate.as_deref()?;
            // Right after its frontier a generation may adopt it: that shows when it is installed.
            let reached = lane.head() == newest.head(source);
            Some((
                *source,
                self.history.vouch_certificate(certificate),
                reached,
            ))
        });
        for (source, vouch, reached) in held.collect::<Vec<_>>() {
            let lane = self.lanes.get_mut(&source).expect("it was looked at");
            let held = lane.certified.take().expect("it was looked at");
            let keeps = match vouch {
                Vouch::Frontier | Vouch::Certificate => true,
                Vouch::Provisional => !held.tail.is_empty(),
                Vouch::Later => reached,
                Vouch::Closed => false,
            };
            // What is not kept comes again, with what proves it.
            lane.certified = keeps.then_some(Certified {
                provisional: matches!(vouch, Vouch::Provisional | Vouch::Later),
                ..held
            });
        }
    }

    /// Takes a certificate. What is cheap is asked first: whether its dot is delivered, whether its
    /// committee's word counts now, whether it is next; its signatures are checked last, and once.
    ///
    /// Costs a quorum of signature checks at most once for each dot that is next in its lane: a
    /// second good certificate finds the first one there. One for a later dot makes us pull, after
    /// it is checked.
    ///
    /// # Errors
    /// When its lane is not known, the closing rule refuses it, or its signatures do not make a
    /// quorum.
    pub(super) fn handle_certificate(
        &mut self,
        from: Actor,
        certificate: Arc<Certificate>,
    ) -> Result<(), PacketError> {
        let dot = certificate.statement.dot;
        let lane = self.lanes.known(&dot.source)?;
        let held = lane
            .certificate_at(dot.seq)
            .map(|held| held.statement.digest);
        if let Some(held) = held.or_else(|| lane.log.digest(dot.seq)) {
            // A second certificate here says the same, or more members lie than are tolerated.
            if held != certificate.statement.digest {
                let other = self.certify(certificate)?;
                self.accuse_signers(&other);
            }
            return Ok(());
        }
        if dot.seq <= lane.head().seq {
            return Ok(());
        }
        match self.history.vouch_certificate(&certificate) {
            Vouch::Frontier | Vouch::Certificate => {}
            Vouch::Provisional | Vouch::Later => {
                self.pull(from);
                return Ok(());
            }
            Vouch::Closed => return Err(PacketError::Closed(dot.source)),
        }
        if !dot.seq.follows(lane.head().seq) {
            // Only a proven gap makes us ask, or anybody could use up the pace at which we ask.
            let fact = self.certify(certificate)?;
            self.check_memory(&fact);
            self.pull(from);
            return Ok(());
        }
        if lane.certified.is_some() {
            return Ok(());
        }
        let fact = self.certify(certificate)?;
        self.accept_certificate(from, dot, fact);
        Ok(())
    }

    /// The fact behind a certificate. Echoes that we made or checked for our lock are not checked
    /// again.
    ///
    /// Nothing is remembered of a certificate that fails. A key that is bad as such cannot be in a
    /// committee.
    ///
    /// # Errors
    /// [`PacketError::Closed`] when the committee is not known here, else what
    /// [`Committee::certify`](crate::quorum::Committee::certify) says.
    pub(super) fn certify(
        &self,
        certificate: Arc<Certificate>,
    ) -> Result<Arc<Certificate>, PacketError> {
        let echo = certificate.statement;
        let closed = PacketError::Closed(echo.dot.source);
        let committee = self.history.committee_of(echo.generation).ok_or(closed)?;
        let digest = echo.digest(&self.history.network);
        let known = |seat, sig: &Sig| {
            let is_checked = |key| {
                let claim = Claim::new(key, digest, *sig);
                self.checked.signatures().contains(&claim)
            };
            self.has_counted(&echo, seat, sig) || committee.key(seat).is_some_and(is_checked)
        };
        let fact = committee.certify(&self.history.network, certificate, known)?;
        Ok(fact.claim())
    }

    /// Whether our lock has counted this very signature on this very echo.
    ///
    /// The very same bytes: another signature of the same member on the same echo may be good as
    /// well, and is checked.
    pub(super) fn has_counted(&self, echo: &Echo, seat: Seat, sig: &Sig) -> bool {
        let lock = self.lanes.get(&echo.dot.source).and_then(Lane::lock);
        lock.map(|lock| &lock.tally).is_some_and(|tally| {
            tally.statement() == echo && tally.signature(seat).as_ref() == Some(sig)
        })
    }

    /// Takes a checked certificate for the next message of a lane. If that is not the message that
    /// we hold, ours is not the one that counts: what contradicts it is evidence, and the message
    /// is fetched.
    ///
    /// The certificate alone is not on record: after a crash it is sent or pulled again. What is on
    /// record is the segment with its message.
    fn accept_certificate(&mut self, from: Actor, dot: Dot, certificate: Arc<Certificate>) {
        self.check_memory(&certificate);
        let lane = self.lanes.kept(&dot.source);
        let digest = certificate.statement.digest;
        let entry = lane.bound().filter(|entry| entry.digest == digest).cloned();
        let Some(entry) = entry else {
            // The message is missing, or contradicts the one we are bound to: fetch it, with its
            // signature.
            lane.certified = Some(missing(Arc::clone(&certificate)));
            self.accuse_signers(&certificate);
            self.pull(from);
            return;
        };
        lane.certified = Some(missing(certificate));
        self.fill(dot.source, entry);
    }

    /// Whether this is the message that is certified after the head and missing here.
    ///
    /// Asked before the echo rule: a message that a quorum certified needs no verdict of ours, and
    /// a lock of ours to the contrary must not keep it out.
    pub(super) fn is_certified_next(&self, entry: &Entry) -> bool {
        let lane = self.lanes.get(&entry.message().source);
        let certified = lane.and_then(|lane| lane.certified.as_ref());
        let next = certified.is_some_and(|certified| {
            let proof = certified.certificate.as_ref();
            certified.tail.is_empty() && proof.is_some_and(|proof| proof.head() == entry.head())
        });
        next && self.history.wants_ending().is_none()
    }

    /// Takes in the message that was missing, whoever brings it. The certificate vouches for it;
    /// its source's signature is checked because it is kept, to convict with.
    ///
    /// # Errors
    /// [`PacketError::WrongParent`] when a quorum certified what does not follow our head, which
    /// takes more liars than are tolerated; else what is wrong with the source's signature.
    pub(super) fn fill_certified(&mut self, entry: Entry) -> Result<(), PacketError> {
        let lane = self.lanes.known(&entry.message().source)?;
        if entry.message().parent != lane.head().digest {
            return Err(PacketError::WrongParent(entry.message().dot()));
        }
        self.verify_source(&entry)?;
        self.fill(entry.message().source, entry);
        Ok(())
    }

    /// Puts the message that was missing behind its certificate. From here on it is on record that
    /// a quorum certified it.
    fn fill(&mut self, source: Actor, entry: Entry) {
        let lane = self.lanes.kept(&source);
        let locked = lane.lock().map(|lock| lock.entry.digest);
        let certified = lane
            .certified
            .as_mut()
            .expect("a certificate waits for this message");
        debug_assert!(certified.tail.is_empty(), "the message is missing");
        certified.tail.push_back(entry);
        self.turn.write(record(source, certified, locked));
        self.lanes.ready.insert(source);
    }

    /// Delivers and judges until nothing more can be: each delivery may make what other lanes hold
    /// valid.
    ///
    /// Ends, as each round delivers a message or empties the set of lanes to look at. Called at the
    /// end of each input, so that between inputs nothing that can be delivered waits. Before the
    /// trusted checkpoint nothing is delivered, as the certificates may be those of a forged chain;
    /// nor while a generation is known by its header alone, as they may be of keys that were
    /// stolen.
    pub(super) fn settle(&mut self) {
        if self.awaits_checkpoint() || self.history.wants_ending().is_some() {
            return;
        }
        while let Some(source) = self.lanes.ready.pop_first() {
            while self.deliver_next(source) {
                self.lanes.ready.append(&mut self.lanes.waiting);
                if source == self.actor() {
                    self.flush(self.outbox.len());
                }
            }
            self.judge_waiting(source);
            if self.lanes.get(&source).is_some_and(Lane::holds) {
                self.lanes.waiting.insert(source);
            }
        }
        debug_assert!(
            self.lanes
                .iter()
                .all(|(source, lane)| !lane.holds() || self.lanes.waiting.contains(source)),
            "whatever makes a lane hold something has it looked at"
        );
    }

    /// Applies the next certified message of a lane, if it is here and valid. Whether it did.
    ///
    /// Stops the lane, and reports it, when the message cannot be read or can never be valid: going
    /// on would make the states differ in silence. A message of ours that we hold no lock on
    /// silences us, and is delivered all the same, as others deliver it too.
    fn deliver_next(&mut self, source: Actor) -> bool {
        let lane = self.lanes.get(&source).filter(|lane| !lane.stopped);
        let certified = lane.and_then(|lane| lane.certified.as_ref());
        let Some(certified) = certified.filter(|held| !held.provisional) else {
            return false;
        };
        let Some(entry) = certified.tail.front().cloned() else {
            return false;
        };
        let proof = certified.certificate.clone();
        let dot = entry.message().dot();
        // Records are trusted: what they say was delivered, was.
        debug_assert!(
            self.signer.is_replaying() || proof.is_none_or(|proof| self.history.vouches(&proof)),
            "whatever makes a segment ready asks the newest generation that is known"
        );
        let lane = self.lanes.kept(&source);
        let Some((ops, verdict)) = judge(
            &self.execution.algorithm,
            lane,
            &entry,
            self.history.limits(),
        ) else {
            lane.stopped = true;
            tracing::error!(%dot, "a certified message cannot be read: a later version of the program is needed");
            self.turn.report(Fault::Unreadable { dot });
            return false;
        };
        let ops = match (ops, verdict) {
            (ops, Verdict::Valid) => ops,
            (_, Verdict::NotYet(_)) => return false,
            (_, Verdict::Never(reason)) => {
                lane.stopped = true;
                tracing::error!(%dot, reason, "a certified message can never be valid");
                self.turn.report(Fault::BrokenLaw { dot, reason });
                return false;
            }
        };
        let remembered = lane
            .lock()
            .is_some_and(|lock| lock.entry.digest == entry.digest);
        if source == self.signer.actor() && !remembered {
            self.silence();
            self.outbox.forget_ahead();
        }
        let lane = self.lanes.kept(&source);
        let contradicted = lane.said_against(&entry.echo().statement);
        lane.advance(&entry, self.history.limits());
        self.apply(source, ops);
        self.execution.deliveries += 1;
        self.peers.summary.outdate();
        self.turn.write(Record::Delivered(dot));
        self.turn.step.delivered.push(Delivery::new(entry.clone()));
        if let Some(held) = contradicted {
            self.convict_echoes(held, entry.echo());
        }
        true
    }

    /// Applies operations that are certified and valid here, to the algorithm and to the copy on
    /// which our own next ones are judged.
    ///
    /// Nothing is asked here: the caller has a verdict, or a record.
    pub(super) fn apply(&mut self, source: Actor, ops: Vec<A::Op>) {
        for op in ops {
            if source != self.signer.actor() {
                self.outbox.apply_foreign(&op);
            }
            self.execution.algorithm.apply(op);
        }
    }

    /// Judges again a proposal that was early.
    ///
    /// While we are frozen or silenced, or the source is convicted, the message waits on: what a
    /// boundary leaves there is looked at again after it.
    fn judge_waiting(&mut self, source: Actor) {
        let waits =
            self.signer.is_silenced() || self.is_frozen() || self.lanes.is_convicted(&source);
        let moment = self.moment();
        let Some(lane) = self.lanes.get_mut(&source).filter(|_| !waits) else {
            return;
        };
        match std::mem::replace(&mut lane.slot, Slot::Open) {
            Slot::Waiting(mut early) => {
                if early.again.fire(moment) {
                    self.echo_if_valid(source, early);
                } else {
                    lane.slot = Slot::Waiting(early);
                }
            }
            slot => lane.slot = slot,
        }
    }

    /// Early messages are judged again as time passes too: the delivery that makes one valid may be
    /// the last.
    ///
    /// Walks over the lanes, and judges only those that are due.
    pub(super) fn judge_early(&mut self) {
        let moment = self.moment();
        let lanes = self.lanes.by_source.iter();
        let due =
            lanes.filter(|(_, lane)| lane.early().is_some_and(|early| early.again.is_due(moment)));
        self.lanes.ready.extend(due.map(|(source, _)| *source));
    }

    /// How much has happened that may make early messages valid, or lets them be looked at:
    /// deliveries and ticks.
    pub(super) fn moment(&self) -> u64 {
        self.turn.now.saturating_add(self.execution.deliveries)
    }
}

impl<Op> Lane<Op> {
    /// Moves the certified message `entry` from the held segment to the log.
    ///
    /// The certificate goes into the log with the last message of the segment, which is the one
    /// that it names.
    pub(super) fn advance(&mut self, entry: &Entry, limits: &crate::codec::Limits) {
        let mut certificate = None;
        if let Some(certified) = &mut self.certified {
            let next = certified.tail.pop_front();
            debug_assert!(next.is_some_and(|next| next.digest == entry.digest));
            if certified.tail.is_empty() {
                certificate.clone_from(&certified.certificate);
                self.certified = None;
            }
        }
        (self.slot, self.read) = (Slot::Open, None);
        self.log.append(entry.clone(), certificate, limits);
    }
}

/// The operations of a certified message and their verdict; `None` when they cannot be read. Those
/// of our own lock are decoded already, and those of what is early are kept: it is judged again at
/// each delivery, and to decode it each time costs more than the message did.
///
/// Takes the operations out of what is valid, as they are applied right after.
fn judge<A: WireAlgorithm>(
    algorithm: &A,
    lane: &mut Lane<A::Op>,
    entry: &Entry,
    limits: &crate::codec::Limits,
) -> Option<(Vec<A::Op>, Verdict)> {
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
        return Some((ops, verdict));
    }
    let read = lane.read.take();
    let ops = match read.filter(|(digest, _)| *digest == entry.digest) {
        Some((_, ops)) => ops,
        None => entry.message().decode::<A::Op>(limits).ok()?,
    };
    let verdict = algorithm.verdict_batch(&source, &ops);
    if matches!(verdict, Verdict::NotYet(_)) {
        lane.read = Some((entry.digest, ops));
        return Some((Vec::new(), verdict));
    }
    Some((ops, verdict))
}

/// A certificate whose message is still to come.
fn missing(certificate: Arc<Certificate>) -> Certified {
    Certified {
        certificate: Some(certificate),
        tail: VecDeque::new(),
        provisional: false,
    }
}

/// The record of a certified segment. What is locked is on record already.
///
/// The record names no messages where the tail is the one that is locked, as a message would else
/// be written twice: once with its lock and once here.
pub(super) fn record(source: Actor, certified: &Certified, locked: Option<Digest>) -> Record {
    let known = certified.tail.iter().map(|entry| entry.digest).eq(locked);
    let proposals = certified.tail.iter().filter(|_| !known);
    Record::Certified(Segment {
        source,
        proposals: proposals.map(|entry| Arc::clone(&entry.proposal)).collect(),
        certificate: certified.certificate.clone(),
    })
}
