//! Whether our store remembers all that our key has signed: asked of the members before the key
//! signs anything more.
//!
//! A store that was put back, or a machine that went back to a snapshot, does not know what it
//! forgot. What it signs next may contradict what its key has said, and would convict a correct
//! operator's key. So a replica that starts in doubt signs nothing until members have told it what
//! they hold of its statements. Each of these is signed by its own key, so that no liar can invent
//! one; one that the store does not know silences the replica before it has signed.
//!
//! It waits for a quorum, counting itself, and some ticks more for the rest. The store in doubt is
//! the one that may be faulty, so that of the others at most `f - 1` are. Whatever a quorum
//! certified with its signature is held by a correct one among those who answer. What only a liar
//! ever received, or only members who do not answer, it cannot learn.
//!
//! Questions are answered in any state and without a signature: members that start all at once do
//! not wait for each other. Each question is a challenge of its own, so that only who received it
//! can answer it, and none of an earlier start counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Replica;
use super::backoff::Backoff;
use super::diagnose::BlockReason;
use super::error::{PacketError, RecoverError};
use super::lane::Lane;
use super::message::{Echo, Entry, Summary};
use super::packet::{Body, Recollection};
use super::step::{Record, Step};
use crate::actor::{Actor, Signed, SigningActor, Statement};
use crate::codec::{Digest, Domain};
use crate::dot::Seq;
use crate::membership::{self, Genesis, Report, Vote};
use crate::quorum::VerifyError;
use crate::traits::WireAlgorithm;

/// Ticks for which those who have not answered are waited for, after a quorum has.
const GRACE: u64 = 10;

/// A start of which it is not known whether the store remembers everything.
#[derive(Debug)]
pub(super) struct Doubt {
    /// Not to be guessed, and drawn anew for each start: an answer to an earlier question is none.
    secret: [u8; 32],
    /// Members that answered with their own challenge and knew of nothing that is missing here.
    answered: BTreeSet<Actor>,
    /// When those that have not answered are asked again; begun anew with each generation.
    again: Backoff,
    /// When a quorum had answered.
    enough: Option<u64>,
}

/// What one member is asked with.
#[derive(Serialize, Deserialize)]
struct Challenge {
    secret: [u8; 32],
    member: Actor,
}

impl<A: WireAlgorithm> Replica<A> {
    /// As [`recover`](Self::recover), for a store that may be an old copy: a backup that was put
    /// back, a machine that went back to a snapshot. Where it has a seat, the replica signs nothing
    /// until a quorum of the members, counting itself, has told it what they hold of its key's
    /// statements; [`missing_answers`](Self::missing_answers) counts those that are awaited. When
    /// they hold one that the records do not have, it signs nothing ever again and reports
    /// [`Fault::Silenced`](super::Fault::Silenced). Operations are taken meanwhile, and leave when
    /// it may sign.
    ///
    /// `secret` is drawn anew for each start, from what nobody can guess.
    ///
    /// # Errors
    /// As [`recover`](Self::recover).
    pub fn recover_in_doubt(
        key: SigningActor,
        algorithm: A,
        genesis: Genesis,
        records: impl IntoIterator<Item = Record>,
        secret: [u8; 32],
    ) -> Result<(Self, Step), RecoverError> {
        let mut replica = Self::rebuilt(key, algorithm, genesis, records)?;
        replica.bootstrap.doubt = Some(Doubt {
            secret,
            answered: BTreeSet::new(),
            again: Backoff::starting(replica.turn.now),
            enough: None,
        });
        replica.heed_doubt();
        if replica.is_in_doubt() {
            replica.lanes.look_at_all();
            replica.dispel();
        } else {
            replica.speak_again();
        }
        let step = replica.turn();
        Ok((replica, step))
    }

    /// Members whose answer is awaited before this replica signs, at least; `None` when it need not
    /// ask, or no more.
    #[must_use]
    pub fn missing_answers(&self) -> Option<usize> {
        let doubt = self
            .bootstrap
            .doubt
            .as_ref()
            .filter(|_| self.is_in_doubt())?;
        Some(self.needed_answers().saturating_sub(self.answers(doubt)))
    }

    /// Whether nothing is signed because what was signed before is not known yet. Who has no seat
    /// signs nothing that another signature could contradict.
    pub(super) fn is_in_doubt(&self) -> bool {
        let seated = self.history.committee.contains(&self.actor());
        self.bootstrap.doubt.is_some() && seated && !self.signer.is_silenced()
    }

    /// The committee or the doubt has changed.
    pub(super) fn heed_doubt(&mut self) {
        let (doubts, now) = (self.is_in_doubt(), self.turn.now);
        self.signer.doubt(doubts);
        if let Some(doubt) = &mut self.bootstrap.doubt {
            doubt.again = Backoff::starting(now);
        }
    }

    /// Others that have to answer: a quorum, but for ourselves.
    fn needed_answers(&self) -> usize {
        self.history.committee.quorum() - 1
    }

    /// Members of this generation that have answered since we asked.
    fn answers(&self, doubt: &Doubt) -> usize {
        let answered = doubt.answered.iter();
        answered
            .filter(|member| self.history.committee.contains(member))
            .count()
    }

    /// What a member is asked with. Only who received it can answer with it.
    fn challenge(&self, member: Actor) -> Option<Digest> {
        let secret = self.bootstrap.doubt.as_ref()?.secret;
        let challenge = Challenge { secret, member };
        Some(Digest::of(
            Domain::Challenge,
            &self.history.network,
            &challenge,
        ))
    }

    /// As [`tick`](Self::tick), in doubt: asks again, and catches up.
    pub(super) fn tick_in_doubt(&mut self) {
        self.dispel();
        if self.is_in_doubt() {
            self.pull_from_all();
            self.repeat_fetch();
        }
    }

    /// What waits in our own lane for the answers of members, if anything does.
    pub(super) fn held_in_doubt(&self, lane: &Lane<A::Op>) -> Option<BlockReason> {
        let needed = self.missing_answers()?;
        let waits = lane.lock().is_some() || self.outbox.len() > 0;
        waits.then(|| BlockReason::InDoubt {
            needed,
            missing: self.unheard(),
        })
    }

    /// The other members that have not answered.
    fn unheard(&self) -> Vec<Actor> {
        let (me, members) = (
            self.actor(),
            self.history.committee.actors().iter().copied(),
        );
        let answered = self.bootstrap.doubt.as_ref().map(|doubt| &doubt.answered);
        let heard = |member: &Actor| answered.is_some_and(|answered| answered.contains(member));
        members
            .filter(|member| *member != me && !heard(member))
            .collect()
    }

    /// Asks those who have not answered. When enough have, the doubt is over, and what was not said
    /// is said.
    ///
    /// The chain has to have reached a trusted checkpoint first: before that it is not known who
    /// the members are.
    fn dispel(&mut self) {
        let (missing, unheard, now) = (self.missing_answers(), self.unheard(), self.turn.now);
        let proven = self.history.trusted.is_none();
        let enough = missing == Some(0);
        let doubt = self
            .bootstrap
            .doubt
            .as_mut()
            .expect("it is asked in doubt alone");
        if enough {
            doubt.enough.get_or_insert(now);
        }
        let waited = doubt.enough.is_some_and(|since| now >= since + GRACE);
        if enough && (waited || unheard.is_empty()) && proven {
            let answers = self.history.committee.actors().len() - 1 - unheard.len();
            tracing::info!(me = %self.actor(), answers, "the members know of nothing that our store does not");
            self.bootstrap.doubt = None;
            self.heed_doubt();
            self.echo_adopted();
            self.speak_again();
            return;
        }
        if doubt.again.fire(now) {
            for member in unheard {
                if let Some(challenge) = self.challenge(member) {
                    self.send(member, Body::Recall(challenge));
                }
            }
        }
    }

    // ---- the one who is asked

    /// Tells a member what is held here of its key's statements, as often as it is asked: who asks
    /// is not known, and a question in another's name must not use up its turn.
    ///
    /// # Errors
    /// [`VerifyError::NoSeat`] for who is not a member: an answer may be as long as a packet, and
    /// is not given to everybody.
    pub(super) fn handle_recall(
        &mut self,
        from: Actor,
        challenge: Digest,
    ) -> Result<(), PacketError> {
        if !self.history.committee.contains(&from) {
            return Err(VerifyError::NoSeat(from).into());
        }
        // Our own question, which somebody sent back: we know what is on record here.
        let Some(peer) = self.peers.get(&from) else {
            return Ok(());
        };
        let summary = peer.newest();
        let lanes = self.lanes.iter();
        let echoes = lanes.flat_map(|(_, lane)| self.echoes_by(&from, lane));
        let reports = &self.transition.reports.held;
        let report = reports.get(&from).map(|report| Signed::clone(report));
        let agreement = self.transition.agreement.as_ref();
        let votes = agreement.map(|agreement| agreement.said_by(&from));
        let recollection = Recollection {
            challenge,
            summary,
            echoes: echoes.collect(),
            report: report.map(Box::new),
            votes: votes.unwrap_or_default(),
        };
        self.send(from, Body::Recollection(recollection));
        Ok(())
    }

    /// What `signer` is known to have said last in a lane: as its source, or as a member.
    fn echoes_by(&self, signer: &Actor, lane: &Lane<A::Op>) -> impl Iterator<Item = Signed<Echo>> {
        let said = said_last(lane).into_iter().chain(lane.void);
        let own = said.filter(|echo| echo.signer == *signer);
        let seat = self.history.committee.seat(signer);
        let counted = lane.lock().zip(seat).and_then(|(lock, seat)| {
            let sig = lock.tally.signature(seat)?;
            Some((*lock.tally.statement(), sig))
        });
        let certified = lane.log.newest().and_then(|certificate| {
            let committee = self
                .history
                .committee_of(certificate.statement.generation)?;
            let seat = committee.seat(signer)?;
            let mut signatures = certificate.signatures.iter();
            let (_, sig) = signatures.find(|(signed, _)| *signed == seat)?;
            Some((certificate.statement, *sig))
        });
        let signer = *signer;
        let claim = move |(statement, sig)| Signed {
            statement,
            signer,
            sig,
        };
        let member = counted.into_iter().chain(certified).map(claim);
        own.chain(member)
    }

    // ---- the one who asks

    /// Takes a member's answer. One statement of ours that is not on record here is enough.
    pub(super) fn handle_recollection(
        &mut self,
        from: Actor,
        recollection: &Recollection,
    ) -> Result<(), PacketError> {
        let asked = self.challenge(from) == Some(recollection.challenge);
        if !asked || !self.history.committee.contains(&from) {
            return Err(PacketError::UnaskedAnswer(from));
        }
        if self.forgot(recollection)? {
            self.bootstrap.doubt = None;
            self.silence();
            self.heed_doubt();
            return Ok(());
        }
        if let Some(doubt) = &mut self.bootstrap.doubt {
            doubt.answered.insert(from);
        }
        if self.is_in_doubt() {
            self.dispel();
        }
        Ok(())
    }

    /// Whether we signed something that is in there and not on record here. The first such
    /// statement decides: a liar makes us check one signature an answer, however many are in it.
    ///
    /// # Errors
    /// When a statement that is not on record here is not signed by our key: then the answer does
    /// not count.
    fn forgot(&self, told: &Recollection) -> Result<bool, PacketError> {
        let summary = told.summary.as_deref();
        if let Some(summary) = summary.filter(|it| !self.remembers_summary(&it.statement)) {
            return self.is_ours(summary.clone());
        }
        let report = told.report.as_deref();
        if let Some(report) = report.filter(|it| !self.remembers_report(&it.statement)) {
            return self.is_ours(report.clone());
        }
        let mut echoes = told.echoes.iter();
        if let Some(echo) = echoes.find(|it| !self.remembers_echo(&it.statement)) {
            return self.is_ours(*echo);
        }
        let mut votes = told.votes.iter();
        match votes.find(|it| !self.remembers_vote(&it.statement)) {
            Some(vote) => self.is_ours(*vote),
            None => Ok(false),
        }
    }

    /// Whether a statement that is not on record here was signed with our key.
    ///
    /// # Errors
    /// When it was not: then who told us of it lies.
    fn is_ours<T: Statement>(&self, claim: Signed<T>) -> Result<bool, PacketError> {
        let key = self
            .actor()
            .public_key()
            .expect("our own key is a good one");
        claim.verify(&self.history.network, &key)?;
        Ok(true)
    }

    /// What we said to have delivered was on record before we said it.
    ///
    /// Compares the numbers at which lanes end, and no digests.
    fn remembers_summary(&self, summary: &Summary) -> bool {
        let mut frontier = summary.frontier.iter();
        summary.generation <= self.generation()
            && frontier.all(|(source, end)| self.head(source).is_none_or(|own| own.seq >= end.seq))
    }

    /// What we echoed was locked, and is locked or delivered. Of an earlier generation it binds us
    /// no more, but through the boundary.
    fn remembers_echo(&self, echo: &Echo) -> bool {
        let lane = self.lanes.get(&echo.dot.source);
        let known = lane.is_some_and(|lane| {
            let locked = lane.lock().map(|lock| lock.entry.digest);
            echo.dot.seq <= lane.head().seq
                || (echo.dot.seq.follows(lane.head().seq) && locked == Some(echo.digest))
        });
        let expired = echo.generation < self.generation();
        known || expired
    }

    /// A report was on record before it was sent.
    fn remembers_report(&self, report: &Report) -> bool {
        let own = self.transition.reports.own.as_ref();
        report.generation < self.generation() || own.is_some_and(|own| own.statement == *report)
    }

    /// In doubt the agreement is not open: what we said in it is as it was on record.
    fn remembers_vote(&self, vote: &Vote) -> bool {
        let mut records = self.transition.agreement_records.iter();
        let known = records.any(
            |record| matches!(record, membership::Record::Vote(said) if said.statement == *vote),
        );
        known || vote.generation < self.generation()
    }
}

/// The newest message of a lane that its source is known here to have signed.
fn said_last<Op>(lane: &Lane<Op>) -> Option<Signed<Echo>> {
    let certified = lane.certified.iter().filter_map(|held| held.tail.back());
    let head = lane.log.entry(lane.head().seq);
    let entries = certified.chain(head).map(Entry::echo);
    let said = entries.chain(lane.spoken());
    said.max_by_key(|echo: &Signed<Echo>| -> Seq { echo.statement.dot.seq })
}
