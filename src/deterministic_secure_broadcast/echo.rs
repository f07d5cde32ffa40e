//! The member's side: the echo rule on a proposal, and the tally of echoes by whoever holds the
//! lock.
//!
//! The rule's numbers are those of the protocol: a replica signs one digest a dot and generation,
//! what the boundary carries on or else what its source signed in that generation; it says the same
//! again to the same proposal, remembers nothing of what it cannot place, and convicts on two
//! signatures of one generation.

use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::lane::{Certified, Early, Lane, Slot};
use super::message::{Certificate, Echo, Entry, Proposal, QuorumCertificate};
use super::packet::{Body, Segment};
use super::step::{Fault, Record};
use crate::actor::{Actor, Signed, Statement, Verified};
use crate::dot::{Head, Seq};
use crate::quorum::{Committee, VerifyError};
use crate::traits::{Verdict, WireAlgorithm};

/// Ticks after which a member whose echo led to no certificate sends the proposal on itself, one
/// more a seat, so that members do not all start at once.
const PATIENCE: u64 = 8;

impl<A: WireAlgorithm> Replica<A> {
    /// Takes a proposal, from its source or from whoever sends it on: it is signed, so that it
    /// makes no difference. If a value rests on it, it is kept for that, whatever the rules make of
    /// it.
    ///
    /// A proposal of a generation that is not installed here convicts where it contradicts what is
    /// delivered of that generation, and else only makes us ask: its source may already be beyond a
    /// boundary that we have to learn of first.
    ///
    /// # Errors
    /// When its lane is not known, it is signed badly, or it breaks a rule; then nobody is accused
    /// by it.
    pub(super) fn handle_proposal(
        &mut self,
        from: Actor,
        proposal: Arc<Proposal>,
    ) -> Result<(), PacketError> {
        let dot = proposal.message.dot();
        let head = self.lanes.known(&dot.source)?.head();
        if dot.seq == Seq::ZERO {
            return Err(PacketError::NoDot(dot));
        }
        let mut entry = self.entry(proposal);
        if entry.proposal.generation > self.generation() {
            self.accuse(entry.echo())?;
            self.pull(from);
            return Ok(());
        }
        let wanted = self.take_payload(&mut entry);
        let placed = self.place(from, entry, head);
        // What was wanted is taken, whatever else it is good for.
        if wanted { Ok(()) } else { placed }
    }

    /// Rules 1 to 3, and the same proposal again.
    ///
    /// The order is that of cost and of harm: what is certified is taken in whoever signed
    /// something else; what contradicts is evidence; what is delivered is answered without a check
    /// of its signature. Only then a signature is checked, once for each new message.
    ///
    /// # Errors
    /// [`PacketError::Invalid`] for what was refused before; those of the signature; those of
    /// [`judge`](Self::judge).
    fn place(&mut self, from: Actor, entry: Entry, head: Head) -> Result<(), PacketError> {
        let dot = entry.message().dot();
        if self.is_certified_next(&entry) {
            return self.fill_certified(entry);
        }
        if self.accuse(entry.echo())? {
            // 3. Two digests at one dot: whichever we are bound to stays, and nothing new is
            //    signed.
            return Ok(());
        }
        let lane = self.lanes.known(&dot.source)?;
        if dot.seq <= head.seq {
            // 1. Delivered here: its source lost our answer, or lies.
            return self.answer_late(from, &dot.source);
        }
        if !dot.seq.follows(head.seq) {
            // 2. We are behind. Only a signed proposal makes us ask.
            self.verify_source(&entry)?;
            if self.is_our_word(&entry) {
                self.silence();
            }
            self.pull(from);
            return Ok(());
        }
        if lane
            .lock()
            .is_some_and(|lock| lock.entry.digest == entry.digest)
        {
            self.send_echo(&[from, dot.source], dot.source);
            return Ok(());
        }
        if lane.refuses(&entry.digest) {
            return Err(PacketError::Invalid(dot));
        }
        if lane
            .early()
            .is_some_and(|early| early.entry.digest == entry.digest)
        {
            // It is judged again when something has happened.
            return Ok(());
        }
        self.verify_source(&entry)?;
        self.judge(from, entry)
    }

    /// Rules 4 to 7, on a proposal for the next dot of its lane whose signature is good.
    ///
    /// A signature of our own key that we do not remember silences us where it is of this
    /// generation: what was signed before is carried on, or void.
    ///
    /// # Errors
    /// [`PacketError::WrongParent`] when the message does not follow what was delivered here,
    /// [`PacketError::NoLane`] when its source has no voice and no generation after the first is
    /// installed that could be shown, [`PacketError::Silenced`] when we sign no more. A convicted
    /// source is not refused but shown the evidence, as it may be correct with a stolen key.
    fn judge(&mut self, from: Actor, entry: Entry) -> Result<(), PacketError> {
        let dot = entry.message().dot();
        let lane = self.lanes.known(&dot.source)?;
        if self.is_our_word(&entry) {
            self.silence();
            return Ok(());
        }
        if entry.message().parent != lane.head().digest {
            return Err(PacketError::WrongParent(dot));
        }
        if self.lanes.is_convicted(&dot.source) {
            self.show_accused(dot.source);
            return Ok(());
        }
        // 4. Only what the boundary carries on, or a member signed in this generation. Who signed
        //    before signs again when it knows of the boundary.
        if !self.history.boundary.echoes(&entry.echo().statement) {
            if !self.answer_with_proof(from, entry.proposal.generation) {
                let newest = self.history.chain.last().cloned();
                let proof = newest.ok_or(PacketError::NoLane(dot.source))?;
                self.send(from, Body::GenerationProof(proof));
            }
            let lane = self.lanes.kept(&dot.source);
            lane.void.get_or_insert(entry.echo());
            return Ok(());
        }
        if self.signer.is_silenced() {
            return Err(PacketError::Silenced);
        }
        // If it is early, another delivery may be what it waits for.
        let early = Early::new(entry, self.moment().saturating_add(1));
        self.echo_if_valid(from, early);
        self.lanes.waiting.insert(dot.source);
        Ok(())
    }

    /// Whether our own key signed it in this generation, so that we have to remember it.
    fn is_our_word(&self, entry: &Entry) -> bool {
        let Proposal {
            message,
            generation,
            ..
        } = &*entry.proposal;
        (message.source, *generation) == (self.actor(), self.generation())
    }

    /// Rules 6 and 7: hold what is early, report what is never valid, else lock and echo.
    ///
    /// Takes for granted that the message follows the head and its signature is good. Without a
    /// seat a valid message waits as an early one does: a later generation may give us a seat, and
    /// then it is judged again. The record of the lock is in the step before the packet with the
    /// echo; between them a crash loses an echo, and not the lock.
    pub(super) fn echo_if_valid(&mut self, from: Actor, early: Early) {
        let entry = &early.entry;
        let dot = entry.message().dot();
        let Ok(ops) = entry.message().decode::<A::Op>(self.history.limits()) else {
            return self.refuse(entry.echo(), None);
        };
        let verdict = match self.execution.algorithm.verdict_batch(&dot.source, &ops) {
            // 5. Nothing is echoed at the end of a generation.
            Verdict::Valid if self.is_frozen() => Verdict::NotYet("frozen"),
            verdict => verdict,
        };
        let seated = self.history.committee.contains(&self.signer.actor());
        let lane = self.lanes.kept(&dot.source);
        match verdict {
            Verdict::NotYet(_) => lane.slot = Slot::Waiting(early),
            Verdict::Valid if !seated => lane.slot = Slot::Waiting(early),
            Verdict::Never(reason) => self.refuse(entry.echo(), Some(reason)),
            Verdict::Valid => {
                let proposal = Arc::clone(&entry.proposal);
                self.turn.write(Record::Locked {
                    proposal,
                    from_outbox: 0,
                });
                let seat = self.history.committee.seat(&self.actor());
                let patience = PATIENCE + seat.map_or(0, |seat| seat.index() as u64);
                self.lock(early.entry, ops, self.turn.now + patience);
                self.send_echo(&[from, dot.source], dot.source);
            }
        }
    }

    /// Told once: whoever sends it again is refused. Without a reason it could not be read, which
    /// is no proof against its source: that may have a later version of the algorithm.
    ///
    /// The echo is kept, not the message: it is what contradicts another signature at the same dot.
    fn refuse(&mut self, echo: Signed<Echo>, reason: Option<&'static str>) {
        let dot = echo.statement.dot;
        let readable = reason.is_some();
        self.lanes.kept(&dot.source).slot = Slot::Refused { echo, readable };
        let reason =
            reason.unwrap_or("operations that this version cannot read, and a later one may");
        let fault = Fault::Invalid { dot, reason };
        tracing::warn!(me = ?self.actor(), source = %dot.source, ?fault, "a source is faulty");
        self.turn.report(fault);
    }

    /// Signs the echo of our lock in `source`'s lane, or takes the one that we signed before, and
    /// sends it.
    ///
    /// To whoever sent the proposal and to its source: the sender may be a member that
    /// [resends](Self::resend_locks) a lock in doubt and tallies.
    fn send_echo(&mut self, to: &[Actor; 2], source: Actor) {
        let Some(echo) = self.own_echo(source) else {
            return;
        };
        self.send(to[0], Body::Echo(echo));
        if to[1] != to[0] {
            self.send(to[1], Body::Echo(echo));
        }
    }

    /// Signs again what we are bound to: whoever holds a lock counts its own echo.
    ///
    /// After a restart. A single member may make a certificate by it, as its own echo is a quorum.
    pub(super) fn echo_locks(&mut self) {
        for source in self.lanes.sources() {
            self.own_echo(source);
        }
    }

    /// A source's signature on its message is its echo in the generation in which it made it.
    ///
    /// Only where the source signed in the present generation; else it does not match the tally's
    /// statement. Without this rule a source would have to send its own echo beside each message.
    fn count_source(&mut self, source: &Actor) {
        let lane = self
            .lanes
            .get_mut(source)
            .filter(|_| !self.signer.is_replaying());
        let certificate = lane.and_then(Lane::lock_mut).and_then(|lock| {
            let echo = lock.entry.echo();
            lock.tally.add_checked(&self.history.committee, &echo)
        });
        if let Some(certificate) = certificate {
            self.spread(&certificate);
        }
    }

    /// Our echo of the lock in `source`'s lane: the one that we signed before, or else a new one.
    ///
    /// `None` without a seat, without a lock, frozen, where the boundary lets nobody speak, or
    /// while nothing may be signed. Signing again gives the same signature, so that a restart does
    /// no harm.
    pub(super) fn own_echo(&mut self, source: Actor) -> Option<Signed<Echo>> {
        let seat = self.history.committee.seat(&self.signer.actor())?;
        self.count_source(&source);
        let lock = self.lanes.get(&source)?.lock()?;
        let echo = *lock.tally.statement();
        if let Some(sig) = lock.tally.signature(seat) {
            let signer = self.signer.actor();
            return Some(Signed {
                statement: echo,
                signer,
                sig,
            });
        }
        let said = lock.entry.echo().statement;
        if self.is_frozen() || !self.history.boundary.echoes(&echo) {
            return None;
        }
        let fact = self.signer.sign(echo)?;
        if !self.history.boundary.echoes(&said) {
            self.sign_again(&fact);
        }
        self.count(&fact);
        Some(fact.into_claim())
    }

    /// Our own message in flight, which we signed in an earlier generation and no boundary carried
    /// on, is from now on one of this generation.
    ///
    /// On record, as the lock that it is: the report of this generation is made of it.
    fn sign_again(&mut self, fact: &Verified<Echo>) {
        let source = fact.statement.dot.source;
        assert_eq!(source, self.actor(), "others' locks end at the boundary");
        let lane = self.lanes.get_mut(&source);
        let lock = lane
            .and_then(Lane::lock_mut)
            .expect("it was just looked at");
        lock.entry = lock.entry.clone().signed_with(fact);
        self.turn.write(Record::Locked {
            proposal: Arc::clone(&lock.entry.proposal),
            from_outbox: 0,
        });
    }

    /// Takes an echo. It counts only for the lock that is of the same statement; its signature is
    /// checked only then, or when it claims to be ours, so that echoes of what we do not hold cost
    /// a liar more than us.
    ///
    /// A frozen member counts echoes all the same: a certificate that is made now is as good as an
    /// earlier one.
    ///
    /// # Errors
    /// When nothing here waits for it, or its signature is bad.
    pub(super) fn handle_echo(&mut self, claim: Signed<Echo>) -> Result<(), PacketError> {
        let Echo { dot, digest, .. } = claim.statement;
        let lane = self.lanes.known(&dot.source)?;
        if dot.seq <= lane.head().seq {
            return Ok(());
        }
        let lock = lane
            .lock()
            .filter(|lock| *lock.tally.statement() == claim.statement);
        let Some(lock) = lock else {
            return self.handle_unasked(claim);
        };
        debug_assert_eq!(lock.entry.digest, digest);
        let seat = self.history.committee.seat(&claim.signer);
        if seat.is_some_and(|seat| lock.tally.signature(seat).is_some()) {
            return Ok(());
        }
        let fact = self.verify_member(&self.history.committee, claim)?;
        // Our own counts too: of what we are bound to it says nothing new, and who restarts frozen
        // has not signed it again.
        self.count(&fact);
        Ok(())
    }

    /// An echo that no lock of ours is waiting for: nothing, unless it is our own.
    ///
    /// # Errors
    /// [`PacketError::Unasked`] for an echo of what nobody spoke of here, which costs no check. Our
    /// own echo of what we hold no lock on says that the store forgot it: then we are silenced.
    fn handle_unasked(&mut self, claim: Signed<Echo>) -> Result<(), PacketError> {
        let Echo { dot, digest, .. } = claim.statement;
        if claim.signer != self.actor() {
            // Of a lock that everybody adopts, echoes go to everybody, whether its message is here
            // or not.
            let adopted = self.history.boundary.names(&dot, &digest);
            // And whoever served a message for the agreement gets an echo of it, whether it has a
            // lock of its own or not.
            let served = self.message(&dot, &digest).is_some();
            return (adopted || served)
                .then_some(())
                .ok_or(PacketError::Unasked(dot));
        }
        self.history
            .committee
            .verify(&self.history.network, claim)?;
        self.silence();
        Ok(())
    }

    /// Counts an echo for the lock that it is of.
    ///
    /// The certificate goes out when the quorum is newly reached, so once for each lock and
    /// generation, and once more after a restart.
    fn count(&mut self, fact: &Verified<Echo>) {
        let source = fact.statement.dot.source;
        let lock = self.lanes.get_mut(&source).and_then(Lane::lock_mut);
        if let Some(certificate) =
            lock.and_then(|lock| lock.tally.add(&self.history.committee, fact))
        {
            self.spread(&certificate);
        }
    }

    /// A quorum's certificate goes to everybody, once.
    fn spread(&mut self, certificate: &QuorumCertificate) {
        let source = certificate.statement.dot.source;
        self.send_to_members(Body::Certificate(certificate.claim()));
        self.certify_lock(source, certificate.claim());
    }

    /// A quorum agrees with our lock: it is next to be delivered.
    ///
    /// Nothing is taken where a certified segment waits already, or where the newest generation
    /// that is known does not vouch for it: then a boundary says what became of the message.
    fn certify_lock(&mut self, source: Actor, certificate: Arc<Certificate>) {
        let vouches = self.history.vouches(&certificate);
        let lane = self.lanes.kept(&source);
        let lock = lane.lock().expect("its tally was just counted");
        let entry = lock.entry.clone();
        let held = lane.certified.as_ref();
        let waits = held.is_some_and(|held| !held.tail.is_empty());
        if waits || !vouches {
            return;
        }
        let certificate = Some(certificate);
        self.turn.write(Record::Certified(Segment {
            source,
            proposals: Vec::new(),
            certificate: certificate.clone(),
        }));
        lane.certified = Some(Certified {
            certificate,
            tail: [entry].into(),
            provisional: false,
        });
        self.lanes.ready.insert(source);
    }

    /// Sends each lock in doubt to the members whose echo is missing: our own message from the
    /// start, another's when its source had time enough.
    ///
    /// A lock whose lane has a certificate is not in doubt, and one of a convicted source is given
    /// up until a boundary decides. Each lock is resent after 1, 2, 4 ticks and so on, up to 64: a
    /// network without a quorum is not flooded.
    pub(super) fn resend_locks(&mut self) {
        if self.is_frozen() {
            return;
        }
        let mut due = Vec::new();
        for (source, lane) in &mut self.lanes.by_source {
            let certain = lane.certified.is_some() || self.lanes.convicted.contains_key(source);
            let Some(lock) = lane.lock_mut().filter(|_| !certain) else {
                continue;
            };
            let counts = self.history.boundary.echoes(&lock.entry.echo().statement);
            if counts && lock.resend.fire(self.turn.now) {
                let proposal = &lock.entry.proposal;
                let missing = self
                    .history
                    .committee
                    .seats()
                    .filter(|(seat, _)| lock.tally.signature(*seat).is_none());
                due.extend(missing.map(|(_, member)| (member, Arc::clone(proposal))));
            }
        }
        for (member, proposal) in due {
            self.send(member, Body::Proposal(proposal));
        }
    }

    /// The source lost our answer: the newest certificate of its lane, or the generation that
    /// covers it, says it all.
    ///
    /// Costs no signature check, since nothing is taken in. For each packet of an attacker we send
    /// one, a certificate or the proof of a generation.
    fn answer_late(&mut self, from: Actor, source: &Actor) -> Result<(), PacketError> {
        if let Some(certificate) = self.lanes.known(source)?.log.newest() {
            let certificate = Arc::clone(certificate);
            self.send(from, Body::Certificate(certificate));
        } else if let Some(proof) = self.history.chain.last() {
            let proof = Arc::clone(proof);
            self.send(from, Body::GenerationProof(proof));
        }
        Ok(())
    }

    /// The fact behind a source's signature on its message.
    ///
    /// The committee's decompressed keys are used where the source has a seat; the key of one that
    /// has left is decompressed for each message, which is rare.
    ///
    /// # Errors
    /// When the signature or the key is bad.
    pub(super) fn verify_source(&self, entry: &Entry) -> Result<Verified<Echo>, PacketError> {
        let source = entry.message().source;
        if let Ok(key) = self.history.committee.key_of(&source) {
            let signatures = self.checked.signatures();
            return Ok(signatures.verify(&self.history.network, key, entry.echo())?);
        }
        let key = source
            .public_key()
            .map_err(|_| PacketError::NoLane(source))?;
        Ok(entry.verify(&self.history.network, &key)?)
    }

    /// The fact that a member of this committee said it.
    ///
    /// # Errors
    /// When the signer has no seat or the signature is bad.
    pub(super) fn verify_member<T: Statement>(
        &self,
        committee: &Committee,
        claim: Signed<T>,
    ) -> Result<Verified<T>, VerifyError> {
        committee.verify_knowing(&self.history.network, claim, self.checked.signatures())
    }
}
