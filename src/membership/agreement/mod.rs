//! The agreement on the value that ends a generation: single-shot Tendermint as a pure state
//! machine.
//!
//! Buchman, Kwon, Milosevic: The latest gossip on BFT consensus, arXiv 1807.04938, Algorithm 1;
//! `rules.rs` names the lines. No clock and no I/O: it hears [`AgreementMessage`]es, opinions on
//! values and ticks, and answers each with an [`AgreementOutput`]. The machine holds the member's
//! key, so that a vote is signed, counted and recorded in one step, and no driver can count a vote
//! that was not signed, or sign one that was not counted.
//!
//! Where the paper assumes gossip, this does instead:
//! - a proposal with a valid round carries its quorum of prevotes;
//! - on [`Agreement::tick`] a member says again what it said in its round, the precommits with
//!   which it left the last one, and the prevotes of its valid round, from which others take the
//!   valid value too (else a liar whose prevote reaches one member only locks it away from all
//!   others); the precommits with which it left are durable, or a crash of all could leave one
//!   member alone in a later round, where it has nothing to take the others along with, and they
//!   too few in theirs;
//! - who has decided answers everything with the decision.
//!
//! Invariants:
//! - a correct member signs one statement of a kind in a round, across crashes too: [`Record`]s
//!   before messages;
//! - precommits of different rounds are never counted together: a certificate has one statement,
//!   which names the round (else two generations can follow one);
//! - memory: two slots a seat, four quorums, and opinions on the values that are
//!   [named](Agreement::names).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::{Actor, CheckedSignatures, Signed, Signer, Verified};
use crate::codec::{Digest, NetworkId};
use crate::evidence::Conflict;
use crate::membership::Boundary;
use crate::quorum::{Committee, QuorumCertificate, Seat};

mod hear;
mod recover;
mod rules;
mod slots;
#[cfg(test)]
mod tests;
mod vote;

pub use hear::AgreementMessageError;
pub use recover::RecoverError;
use slots::Slots;
pub use vote::{AgreementMessage, Record, Round, Vote, VoteKind};

/// How long a member waits, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// In the first round.
    pub first: u32,
    /// Longer in each round than in the one before. Zero gives up termination.
    pub growth: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first: 4,
            growth: 2,
        }
    }
}

impl Timeouts {
    fn ticks(self, round: Round) -> u32 {
        let grown = self.growth.saturating_mul(round.number());
        self.first.saturating_add(grown)
    }
}

/// How far a member is in its round: what it has said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Propose,
    Prevote,
    Precommit,
}

/// Ticks since each of the paper's three timeouts was scheduled.
#[derive(Clone, Copy, Debug, Default)]
struct Timers {
    propose: u32,
    prevote: Option<u32>,
    precommit: Option<u32>,
}

/// A quorum of prevotes for a value, with both for quick reading.
#[derive(Clone, Debug)]
struct Polka {
    round: Round,
    value: Digest,
    prevotes: QuorumCertificate<Vote>,
}

impl Polka {
    fn of(prevotes: QuorumCertificate<Vote>) -> Option<Self> {
        match prevotes.statement.kind {
            VoteKind::Prevote(Some(value)) => Some(Self {
                round: prevotes.statement.round,
                value,
                prevotes,
            }),
            _ => None,
        }
    }
}

/// Who votes.
#[derive(Clone, Debug)]
struct Voter {
    network: NetworkId,
    committee: Arc<Committee>,
    actor: Actor,
    seat: Seat,
}

/// One input: who signs, and what it leads to.
struct Turn<'a> {
    signer: &'a Signer,
    output: AgreementOutput,
}

impl Turn<'_> {
    /// Whether our key may be used. What it is found to have signed elsewhere ends that at once.
    fn may_sign(&self) -> bool {
        self.signer.may_sign() && self.output.forgotten.is_none()
    }

    fn sign(&self, vote: Vote) -> Option<Verified<Vote>> {
        self.may_sign().then(|| self.signer.sign(vote))?
    }
}

/// The round that we are in. With the next one all of it begins anew.
#[derive(Clone, Debug)]
struct Attempt {
    round: Round,
    stage: Stage,
    timers: Timers,
    /// The quorum of prevotes that the proposal of this round rests on.
    proof_of_lock: Option<Polka>,
    /// The precommits with which we left the last one, if its timeout made us.
    left: Vec<Signed<Vote>>,
}

/// What binds us from round to round.
#[derive(Clone, Debug, Default)]
struct Locks {
    locked: Option<(Round, Digest)>,
    valid: Option<Polka>,
    /// The newest quorum of prevotes that was heard of, valid or not yet judged.
    newest: Option<Polka>,
}

/// What we think of values.
#[derive(Clone, Debug, Default)]
struct Values {
    /// What we would propose.
    candidate: Option<Digest>,
    opinions: BTreeMap<Digest, bool>,
    /// What the replica was asked for an opinion on, since the last tick.
    asked: BTreeSet<Digest>,
}

/// One member's part in the agreement that ends one generation.
#[derive(Clone, Debug)]
pub struct Agreement {
    voter: Voter,
    pace: Timeouts,
    attempt: Attempt,
    slots: Slots,
    locks: Locks,
    values: Values,
    accused: BTreeSet<Seat>,
    decision: Option<QuorumCertificate<Vote>>,
}

impl Attempt {
    fn new(round: Round, left: Vec<Signed<Vote>>) -> Self {
        Self {
            round,
            stage: Stage::Propose,
            timers: Timers::default(),
            proof_of_lock: None,
            left,
        }
    }
}

/// What a member does now: in this order.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgreementOutput {
    /// Make these durable before anything below; and before each, the value that it
    /// [names](Record::value).
    pub persist: Vec<Record>,
    /// Send this to every member.
    pub send: Option<AgreementMessage>,
    /// Send this to whoever sent what was heard.
    pub reply: Option<AgreementMessage>,
    /// Newly decided: the generation certificate.
    pub decided: Option<QuorumCertificate<Vote>>,
    /// Find out whether these values are good, and tell [`Agreement::validated`]. Asked again at
    /// each tick.
    pub validate: BTreeSet<Digest>,
    /// Members that voted twice in one place; one evidence a member.
    pub faults: Vec<Conflict<Vote>>,
    /// Something that our key signed and that we do not remember: a restored backup or a cloned
    /// disk. This machine signs nothing any more.
    pub forgotten: Option<Signed<Vote>>,
}

impl Agreement {
    /// Our seat, from the boundary at which the generation that ends began, as far as `records`
    /// tell: none at first, all of this generation after a crash. Follow it with
    /// [`Agreement::start`].
    ///
    /// # Errors
    /// [`RecoverError`] when we are no member, or when the records are not ours.
    pub fn open(
        last: &Boundary,
        me: Actor,
        pace: Timeouts,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RecoverError> {
        let seat = last.committee().seat(&me).ok_or(RecoverError::NoMember)?;
        let committee = Arc::clone(last.committee());
        let mut agreement = Self {
            voter: Voter {
                network: *last.network(),
                committee: Arc::clone(&committee),
                actor: me,
                seat,
            },
            pace,
            attempt: Attempt::new(Round::FIRST, Vec::new()),
            slots: Slots::new(committee, Round::FIRST),
            locks: Locks::default(),
            values: Values::default(),
            accused: BTreeSet::new(),
            decision: None,
        };
        agreement.recover(records)?;
        Ok(agreement)
    }

    /// The attempt that we are in.
    #[must_use]
    pub fn round(&self) -> Round {
        self.attempt.round
    }

    /// Whether the member at `seat` is known to have said anything in our round.
    #[must_use]
    pub fn has_heard(&self, seat: Seat) -> bool {
        self.slots.said(seat).next().is_some()
    }

    /// All that is held of what a member has said: at most three statements of each of two rounds.
    #[must_use]
    pub fn said_by(&self, member: &Actor) -> Vec<Signed<Vote>> {
        let seat = self.voter.committee.seat(member);
        let said = seat.into_iter().flat_map(|seat| self.slots.all_said(seat));
        said.map(|fact| Signed::clone(fact)).collect()
    }

    /// Whether we precommitted to a value, and prevote for no other without a newer quorum.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locks.locked.is_some()
    }

    /// The generation certificate, once there is one.
    #[must_use]
    pub fn decision(&self) -> Option<&QuorumCertificate<Vote>> {
        self.decision.as_ref()
    }

    /// The values that count here: proposed, offered, voted for or locked by us, prevoted by a
    /// quorum, decided. Eight at most, whatever others say. They must be kept and shown to whoever
    /// asks; no other value matters.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Digest> {
        let quorums = [
            &self.locks.valid,
            &self.locks.newest,
            &self.attempt.proof_of_lock,
        ]
        .into_iter()
        .flatten()
        .map(|polka| polka.value);
        let own = self.slots.said(self.voter.seat);
        let own = own.filter_map(|fact| fact.statement.kind.value());
        let decision = self.decision.iter();
        let decision = decision.filter_map(|decision| decision.statement.kind.value());
        let proposed = self.proposed().map(|(value, _)| value);
        let locked = self.locks.locked.map(|(_, value)| value);
        let alone = proposed
            .into_iter()
            .chain(locked)
            .chain(self.values.candidate);
        quorums.chain(own).chain(decision).chain(alone).collect()
    }

    /// Whether it is our turn to propose, and nothing has been: then [`Agreement::offer`] a value.
    #[must_use]
    pub fn awaits_offer(&self) -> bool {
        self.due() && self.locks.valid.is_none() && self.values.candidate.is_none()
    }

    /// Begins, or goes on after a crash.
    pub fn start(&mut self, signer: &Signer) -> AgreementOutput {
        self.run(signer, |_, _| ())
    }

    /// A value that we hold good and would propose, if no earlier round bound us. The newest offer
    /// counts.
    pub fn offer(&mut self, value: Digest, signer: &Signer) -> AgreementOutput {
        self.run(signer, |agreement, _| {
            agreement.values.candidate = Some(value);
            agreement.values.opinions.insert(value, true);
        })
    }

    /// The opinion on a value that an [`AgreementOutput`] asked for: good when it passes its check
    /// and its preconditions are fulfilled, bad when it fails. Say nothing as long as something is
    /// missing.
    pub fn validated(&mut self, value: Digest, good: bool, signer: &Signer) -> AgreementOutput {
        self.run(signer, |agreement, _| {
            if agreement.awaiting_validation().contains(&value) {
                agreement.values.opinions.insert(value, good);
            }
        })
    }

    /// Time passes.
    pub fn tick(&mut self, signer: &Signer) -> AgreementOutput {
        let mut output = self.run(signer, |agreement, turn| {
            agreement.values.asked.clear();
            agreement.on_timeouts(turn);
        });
        if self.decision.is_none() {
            output.send = Some(self.repetition()).filter(|message| !message.is_empty());
        }
        output
    }

    /// Somebody speaks, or passes on what others said.
    ///
    /// # Errors
    /// [`AgreementMessageError`] when anything in it is no statement of a member of this
    /// generation; then none of it counts.
    pub fn hear(
        &mut self,
        message: &AgreementMessage,
        signer: &Signer,
    ) -> Result<AgreementOutput, AgreementMessageError> {
        self.hear_knowing(message, signer, &CheckedSignatures::default())
    }

    /// The same, where some signatures are known to be good.
    pub(crate) fn hear_knowing(
        &mut self,
        message: &AgreementMessage,
        signer: &Signer,
        known: &CheckedSignatures,
    ) -> Result<AgreementOutput, AgreementMessageError> {
        let (votes, quorums) = self.verify(message, known)?;
        if let Some(decision) = &self.decision {
            let news = !message.shows_decision() && !message.is_empty();
            return Ok(AgreementOutput {
                reply: news.then(|| closing(decision)),
                ..AgreementOutput::default()
            });
        }
        Ok(self.run(signer, |agreement, turn| {
            for fact in votes {
                agreement.hear_vote(fact, turn);
            }
            agreement.advance(turn);
            for quorum in quorums {
                agreement.hear_quorum(quorum, turn);
            }
        }))
    }

    /// Runs one input and all rules that it makes possible.
    ///
    /// `signer` is of the key that [`open`](Self::open) was told.
    fn run(
        &mut self,
        signer: &Signer,
        input: impl FnOnce(&mut Self, &mut Turn<'_>),
    ) -> AgreementOutput {
        debug_assert_eq!(signer.actor(), self.voter.actor, "it votes for itself");
        let output = AgreementOutput::default();
        let mut turn = Turn { signer, output };
        if self.decision.is_none() {
            input(self, &mut turn);
            self.advance(&mut turn);
            let named = self.names();
            self.values
                .opinions
                .retain(|value, _| named.contains(value));
            self.ask(&mut turn);
        }
        turn.output
    }

    /// The coordinator of a round: seat `(g + r) mod n`.
    fn coordinator(&self, round: Round) -> Actor {
        let seats = self.voter.committee.size() as u64;
        let turn = self.voter.committee.generation().number() % seats + u64::from(round.number());
        self.voter.committee.actors()[(turn % seats) as usize]
    }
}

fn is_decision(vote: &Vote) -> bool {
    matches!(vote.kind, VoteKind::Precommit(Some(_)))
}

/// The message that ends it.
fn closing(decision: &QuorumCertificate<Vote>) -> AgreementMessage {
    AgreementMessage {
        votes: Vec::new(),
        quorums: vec![decision.claim()],
    }
}
