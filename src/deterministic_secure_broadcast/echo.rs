//! The member's side: the echo rule on a proposal, and the tally of echoes by whoever holds the
//! lock.
//!
//! The rule's numbers are those of the protocol: a replica signs one digest a dot and generation,
//! says the same again to the same proposal, remembers nothing of what it cannot place, and
//! convicts on two signatures.

use std::sync::Arc;

use super::Replica;
use super::error::PacketError;
use super::lane::{Certified, Early, Lane, Slot};
use super::message::{Certificate, Echo, Entry, Proposal, QuorumCertificate};
use super::packet::{Body, Segment};
use super::step::{Fault, Record, Step};
use crate::actor::{Actor, Signed, Verified};
use crate::dot::{Head, Seq};
use crate::traits::{Verdict, WireAlgorithm};

/// Ticks after which a member whose echo led to no certificate sends the proposal on itself, one
/// more a seat, so that members do not all start at once.
const PATIENCE: u64 = 8;

impl<A: WireAlgorithm> Replica<A> {
    /// Takes a proposal, from its source or from whoever sends it on: it is signed, so that it
    /// makes no difference. If a value rests on it, it is kept for that, whatever the rules make of
    /// it.
    ///
    /// # Errors
    /// When its lane is not known, it is signed badly, or it breaks a rule; then nobody is accused
    /// by it.
    pub(super) fn handle_proposal(
        &mut self,
        from: Actor,
        proposal: Arc<Proposal>,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        let dot = proposal.message.dot();
        let head = self.lanes.known(&dot.source)?.head();
        if dot.seq == Seq::ZERO {
            return Err(PacketError::NoDot(dot));
        }
        let mut entry = Entry::new(&self.history.network, proposal);
        if entry.proposal.generation > self.generation() {
            self.accuse(entry.echo(), step)?;
            self.pull(from, step);
            return Ok(());
        }
        let wanted = self.take_payload(&mut entry, step);
        let placed = self.place(from, entry, head, step);
        // What was wanted is taken, whatever else it is good for.
        if wanted { Ok(()) } else { placed }
    }

    /// Rules 1 to 3, and the same proposal again.
    fn place(
        &mut self,
        from: Actor,
        entry: Entry,
        head: Head,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        let dot = entry.message().dot();
        if self.is_certified_next(&entry) {
            return self.fill_certified(entry, step);
        }
        if self.accuse(entry.echo(), step)? {
            // 3. Two digests at one dot: whichever we are bound to stays, and nothing new is
            //    signed.
            return Ok(());
        }
        let lane = self.lanes.known(&dot.source)?;
        if dot.seq <= head.seq {
            // 1. Delivered here: its source lost our answer, or lies.
            return self.answer_late(from, &dot.source, step);
        }
        if !dot.seq.follows(head.seq) {
            // 2. We are behind. Only a signed proposal makes us ask.
            self.verify_source(&entry)?;
            if dot.source == self.actor() {
                self.silence(step);
            }
            self.pull(from, step);
            return Ok(());
        }
        if lane
            .lock()
            .is_some_and(|lock| lock.entry.digest == entry.digest)
        {
            self.send_echo(&[from, dot.source], dot.source, step);
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
        self.judge(from, entry, step)
    }

    /// Rules 4 to 7, on a proposal for the next dot of its lane whose signature is good.
    fn judge(&mut self, from: Actor, entry: Entry, step: &mut Step) -> Result<(), PacketError> {
        let dot = entry.message().dot();
        let lane = self.lanes.known(&dot.source)?;
        if dot.source == self.actor() {
            self.silence(step);
            return Ok(());
        }
        if entry.message().parent != lane.head().digest {
            return Err(PacketError::WrongParent(dot));
        }
        if self.lanes.is_convicted(&dot.source) {
            self.show_accused(dot.source, step);
            return Ok(());
        }
        // 4. Only members are sources, or who left a lock behind.
        if !self.history.boundary.speaks(&dot) {
            let founding = self
                .history
                .chain
                .last()
                .cloned()
                .ok_or(PacketError::NoLane(dot.source))?;
            self.send(from, Body::Founding(founding), step);
            return Ok(());
        }
        if self.signer.is_silenced() {
            return Err(PacketError::Silenced);
        }
        // If it is early, another delivery may be what it waits for.
        let early = Early::new(entry, self.moment().saturating_add(1));
        self.echo_if_valid(from, early, step);
        self.lanes.waiting.insert(dot.source);
        Ok(())
    }

    /// Rules 6 and 7: hold what is early, report what is never valid, else lock and echo.
    pub(super) fn echo_if_valid(&mut self, from: Actor, early: Early, step: &mut Step) {
        let entry = &early.entry;
        let dot = entry.message().dot();
        let Ok(ops) = entry.message().decode::<A::Op>(self.history.limits()) else {
            return self.refuse(entry.echo(), None, step);
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
            Verdict::Never(reason) => self.refuse(entry.echo(), Some(reason), step),
            Verdict::Valid => {
                let proposal = Arc::clone(&entry.proposal);
                step.persist.push(Record::Locked {
                    proposal,
                    from_outbox: 0,
                });
                let seat = self.history.committee.seat(&self.actor());
                let patience = PATIENCE + seat.map_or(0, |seat| seat.index() as u64);
                self.lock(early.entry, ops, self.now + patience);
                self.send_echo(&[from, dot.source], dot.source, step);
            }
        }
    }

    /// Told once: whoever sends it again is refused. Without a reason it could not be read, which
    /// is no proof against its source: that may have a later version of the algorithm.
    fn refuse(&mut self, echo: Signed<Echo>, reason: Option<&'static str>, step: &mut Step) {
        let dot = echo.statement.dot;
        let readable = reason.is_some();
        self.lanes.kept(&dot.source).slot = Slot::Refused { echo, readable };
        let reason =
            reason.unwrap_or("operations that this version cannot read, and a later one may");
        let fault = Fault::Invalid { dot, reason };
        tracing::warn!(me = ?self.actor(), source = %dot.source, ?fault, "a source is faulty");
        step.faults.push(fault);
    }

    /// Signs the echo of our lock in `source`'s lane, or takes the one that we signed before, and
    /// sends it.
    fn send_echo(&mut self, to: &[Actor; 2], source: Actor, step: &mut Step) {
        let Some(echo) = self.own_echo(source, step) else {
            return;
        };
        self.send(to[0], Body::Echo(echo), step);
        if to[1] != to[0] {
            self.send(to[1], Body::Echo(echo), step);
        }
    }

    /// Signs again what we are bound to: whoever holds a lock counts its own echo.
    pub(super) fn echo_locks(&mut self, step: &mut Step) {
        for source in self.lanes.sources() {
            self.own_echo(source, step);
        }
    }

    /// A source's signature on its message is its echo in the generation in which it made it.
    fn count_source(&mut self, source: &Actor, step: &mut Step) {
        let lane = self
            .lanes
            .get_mut(source)
            .filter(|_| !self.signer.is_replaying());
        let certificate = lane.and_then(Lane::lock_mut).and_then(|lock| {
            let echo = lock.entry.echo();
            lock.tally.add_checked(&self.history.committee, &echo)
        });
        if let Some(certificate) = certificate {
            self.spread(&certificate, step);
        }
    }

    /// Our echo of the lock in `source`'s lane: the one that we signed before, or else a new one.
    pub(super) fn own_echo(&mut self, source: Actor, step: &mut Step) -> Option<Signed<Echo>> {
        let seat = self.history.committee.seat(&self.signer.actor())?;
        self.count_source(&source, step);
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
        if self.is_frozen() || !self.history.boundary.speaks(&echo.dot) {
            return None;
        }
        let fact = self.signer.sign(echo)?;
        self.count(&fact, step);
        Some(fact.into_claim())
    }

    /// Takes an echo. It counts only for the lock that is of the same statement; its signature is
    /// checked only then, or when it claims to be ours, so that echoes of what we do not hold cost
    /// a liar more than us.
    ///
    /// # Errors
    /// When nothing here waits for it, or its signature is bad.
    pub(super) fn handle_echo(
        &mut self,
        claim: Signed<Echo>,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        let Echo { dot, digest, .. } = claim.statement;
        let lane = self.lanes.known(&dot.source)?;
        if dot.seq <= lane.head().seq {
            return Ok(());
        }
        let lock = lane
            .lock()
            .filter(|lock| *lock.tally.statement() == claim.statement);
        let Some(lock) = lock else {
            return self.handle_unasked(claim, step);
        };
        debug_assert_eq!(lock.entry.digest, digest);
        let seat = self.history.committee.seat(&claim.signer);
        if seat.is_some_and(|seat| lock.tally.signature(seat).is_some()) {
            return Ok(());
        }
        let fact = self
            .history
            .committee
            .verify(&self.history.network, claim)?;
        // Our own counts too: of what we are bound to it says nothing new, and who restarts frozen
        // has not signed it again.
        self.count(&fact, step);
        Ok(())
    }

    /// An echo that no lock of ours is waiting for: nothing, unless it is our own.
    fn handle_unasked(&mut self, claim: Signed<Echo>, step: &mut Step) -> Result<(), PacketError> {
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
        self.silence(step);
        Ok(())
    }

    /// Counts an echo for the lock that it is of.
    fn count(&mut self, fact: &Verified<Echo>, step: &mut Step) {
        let source = fact.statement.dot.source;
        let lock = self.lanes.get_mut(&source).and_then(Lane::lock_mut);
        if let Some(certificate) =
            lock.and_then(|lock| lock.tally.add(&self.history.committee, fact))
        {
            self.spread(&certificate, step);
        }
    }

    /// A quorum's certificate goes to everybody, once.
    fn spread(&mut self, certificate: &QuorumCertificate, step: &mut Step) {
        let source = certificate.statement.dot.source;
        self.send_to_members(&Body::Certificate(certificate.claim()), step);
        self.certify_lock(source, certificate.claim(), step);
    }

    /// A quorum agrees with our lock: it is next to be delivered.
    fn certify_lock(&mut self, source: Actor, certificate: Arc<Certificate>, step: &mut Step) {
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
        step.persist.push(Record::Certified(Segment {
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
    pub(super) fn resend_locks(&mut self, step: &mut Step) {
        if self.is_frozen() {
            return;
        }
        let mut due = Vec::new();
        for (source, lane) in &mut self.lanes.by_source {
            let certain = lane.certified.is_some() || self.lanes.convicted.contains_key(source);
            let Some(lock) = lane.lock_mut().filter(|_| !certain) else {
                continue;
            };
            let speaks = self.history.boundary.speaks(&lock.entry.message().dot());
            if speaks && lock.resend.fire(self.now) {
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
            self.send(member, Body::Proposal(proposal), step);
        }
    }

    /// The source lost our answer: the newest certificate of its lane, or the generation that
    /// covers it, says it all.
    fn answer_late(
        &mut self,
        from: Actor,
        source: &Actor,
        step: &mut Step,
    ) -> Result<(), PacketError> {
        if let Some(certificate) = self.lanes.known(source)?.log.newest() {
            let certificate = Arc::clone(certificate);
            self.send(from, Body::Certificate(certificate), step);
        } else if let Some(founding) = self.history.chain.last() {
            let founding = Arc::clone(founding);
            self.send(from, Body::Founding(founding), step);
        }
        Ok(())
    }

    /// The fact behind a source's signature on its message.
    ///
    /// # Errors
    /// When the signature or the key is bad.
    pub(super) fn verify_source(&self, entry: &Entry) -> Result<Verified<Echo>, PacketError> {
        let source = entry.message().source;
        if let Some(key) = self
            .history
            .committee
            .seat(&source)
            .and_then(|s| self.history.committee.key(s))
        {
            return Ok(entry.verify(&self.history.network, key)?);
        }
        let key = source
            .public_key()
            .map_err(|_| PacketError::NoLane(source))?;
        Ok(entry.verify(&self.history.network, &key)?)
    }
}
