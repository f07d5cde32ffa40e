//! The keys of members that have left, in the wrong hands: the protocol promises nothing about
//! them, so what they sign must be worth nothing. What stops them is the closing rule.

use std::sync::Arc;

use rand::RngExt;

use super::Net;
use super::coverage::Kind;
use super::participant::Mind;
use super::schedule::Happening;
use crate::actor::{Actor, SigningActor, Statement};
use crate::codec::encode;
use crate::deterministic_secure_broadcast::{Body, Echo, Message, Packet, Proposal, Replica};
use crate::dot::Head;
use crate::membership::{
    Approval, Boundary, Change, ChangeCertificate, CheckedReport, GenerationDraft, GenerationProof,
    GenerationProposal, Report, Round, Vote, VoteKind,
};
use crate::quorum::{Certificate, Seat};
use crate::traits::WireAlgorithm;

/// An old generation of which one owner has a quorum of keys.
///
/// Invariant: a quorum of its committee signs, all of whom have left or lie, so that no rule of a
/// later generation may believe them.
struct Heist {
    /// Where that generation began.
    boundary: Boundary,
    /// Exactly a quorum, as a certificate has.
    signers: Vec<(Seat, SigningActor)>,
    /// A member that has left, in whose lane messages are forged.
    source: SigningActor,
}

impl<A: WireAlgorithm> Net<A> {
    /// Somebody who has a quorum of the keys of an old generation, of members that have left and of
    /// liars, shows one new message of one of them, certified, to each second member and another to
    /// the rest. `op` says what is in them.
    ///
    /// Nothing happens while a correct member is down or in an old generation, which believes its
    /// keys still: that is a known limit.
    ///
    /// If any of it is delivered, two correct members deliver different messages at one dot, which
    /// the checks find.
    pub(super) fn misuse_retired_keys(&mut self, op: impl Fn(&A, &Actor, u16) -> Option<A::Op>) {
        if self.participants.keys().any(|who| self.is_late(who)) {
            return;
        }
        let Some(heist) = self.newest_heist() else {
            return;
        };
        let victims = self.members();
        self.steal(&heist, "a certificate by retired keys");
        for (side, victim) in (0..2).cycle().zip(victims) {
            self.rob(&heist, victim, side, &op);
        }
    }

    /// The same in the generation of each correct member that is behind, which is shown first what
    /// ended it, and all that followed: so it knows that those keys are retired.
    ///
    /// It is the case that asks the closing rule of generations that are founded and not installed.
    pub(super) fn rob_sleepers(&mut self, op: impl Fn(&A, &Actor, u16) -> Option<A::Op>) {
        let newest = self.committee().generation();
        let chain: Vec<_> = self.checks.rules.proofs().cloned().collect();
        for (side, victim) in (0..2).cycle().zip(self.honest_actors()) {
            let generation = self.replica(&victim).map(Replica::generation);
            let Some(generation) = generation.filter(|generation| *generation < newest) else {
                continue;
            };
            let boundary = self.checks.rules.boundary(generation);
            let Some(heist) = boundary.and_then(|boundary| self.heist(boundary)) else {
                continue;
            };
            self.steal(&heist, "a certificate by retired keys for a sleeper");
            let proofs = chain.iter().cloned();
            let bodies = proofs.map(Body::GenerationProof).collect();
            self.whisper(heist.source.actor(), victim, bodies);
            self.rob(&heist, victim, side, &op);
        }
    }

    /// Somebody new who knows from an invitation how the newest generation begins asks to be let
    /// in. Whoever has a quorum of the keys of the first shows it what they certify, and
    /// generations of their own making, one more than there are.
    ///
    /// It is the case that asks for the trusted checkpoint: without one a newcomer has no way to
    /// tell the chains apart.
    ///
    /// # Panics
    /// Never: the first generation has a boundary, and who has heard nothing trusts anything.
    pub(super) fn rob_invited(&mut self, op: impl Fn(&A, &Actor, u16) -> Option<A::Op>) {
        let all: Vec<_> = self.checks.rules.boundaries().cloned().collect();
        let (first, newest) = (all.first(), all.last());
        let newest = newest.expect("the first generation has a boundary");
        let (generation, value) = (newest.generation(), newest.value());
        let heist = first.and_then(|first| self.heist(first));
        let victim = self.follow_prepared(|replica| {
            let trusted = replica.expect(generation, value);
            trusted.expect("a replica that has heard nothing contradicts nothing");
        });
        self.ask_to_join(&victim);
        let Some(heist) = heist else {
            return;
        };
        self.steal(&heist, "a generation by retired keys for somebody invited");
        let forged = heist
            .forge(generation.number() + 1)
            .into_iter()
            .map(Body::GenerationProof)
            .collect();
        let (first, source) = (self.random.random(), heist.source.actor());
        if first {
            self.rob(&heist, victim, 0, &op);
            self.whisper(source, victim, forged);
        } else {
            self.whisper(source, victim, forged);
            self.rob(&heist, victim, 0, &op);
        }
    }

    /// The newest generation of which the keys can be stolen.
    fn newest_heist(&self) -> Option<Heist> {
        let mut newest = self.checks.rules.boundaries().rev();
        newest.find_map(|boundary| self.heist(boundary))
    }

    /// A quorum of the keys of a generation, if it is over, and somebody who has left to speak for.
    ///
    /// The keys are those of the participants themselves; whoever signs with them is Byzantine from
    /// then on.
    fn heist(&self, boundary: &Boundary) -> Option<Heist> {
        let newest = self.committee();
        if boundary.generation() >= newest.generation() {
            return None;
        }
        let is_stolen = |actor: &Actor| {
            let participant = self.participants.get(actor);
            participant.is_some_and(|p| p.is_liar() || !newest.contains(actor))
        };
        let seats = boundary.committee().seats();
        let signers = seats.filter(|(_, actor)| is_stolen(actor));
        let key = |actor: &Actor| self.participants[actor].key.clone();
        let signers: Vec<_> = signers.map(|(seat, actor)| (seat, key(&actor))).collect();
        let mut retired = signers.iter().map(|(_, key)| key);
        let source = retired.find(|key| !newest.contains(&key.actor()))?.clone();
        let quorum = boundary.committee().quorum();
        let signers = signers.get(..quorum)?.to_vec();
        Some(Heist {
            boundary: boundary.clone(),
            signers,
            source,
        })
    }

    /// From now on the keys sign elsewhere.
    ///
    /// Their owners may be accused from now on, and refusals are no violations.
    fn steal(&mut self, heist: &Heist, what: &'static str) {
        self.coverage.hit(Kind::Fault(what));
        for (_, key) in &heist.signers {
            self.checks.excuse(&key.actor());
        }
        self.links.disturb();
    }

    /// Shows a member a new message of somebody who has left, certified by those whose keys are
    /// stolen.
    ///
    /// The operation is made on the victim's own state, so that nothing but the closing rule can be
    /// in its way.
    fn rob(
        &mut self,
        heist: &Heist,
        victim: Actor,
        side: u16,
        op: &impl Fn(&A, &Actor, u16) -> Option<A::Op>,
    ) {
        let Some(replica) = self.replica(&victim) else {
            return;
        };
        let who = heist.source.actor();
        let mut own = (self.algorithm)(who);
        own.sync_from(replica.algorithm().state());
        if let (Some(op), Some(head)) = (op(&own, &who, side), replica.head(&who))
            && let Some(bodies) = heist.certify(head, encode(&vec![op]))
        {
            self.whisper(who, victim, bodies);
        }
    }

    /// Sends this to somebody at once, before anything else arrives there.
    ///
    /// It takes one microsecond, which is less than any link does.
    fn whisper(&mut self, from: Actor, to: Actor, bodies: Vec<Body>) {
        for body in bodies {
            let bytes = Packet { from, to, body }.encode();
            let stirred = Some(0);
            self.schedule.after(
                1,
                Happening::Arrival {
                    to,
                    bytes,
                    number: None,
                    stirred,
                },
            );
        }
    }

    /// Whether a correct member is down, or in an older generation than others.
    fn is_late(&self, who: &Actor) -> bool {
        let newest = self.committee();
        let generation = newest.generation();
        newest.contains(who)
            && match &self.participants[who].mind {
                Mind::Down => true,
                Mind::Correct(replica) => replica.generation() < generation,
                Mind::Liar { .. } => false,
            }
    }
}

impl Heist {
    /// A certificate that is good by the committee's own rule.
    fn sign<T: Statement + Clone>(&self, statement: T) -> Certificate<T> {
        let network = self.boundary.network();
        let sign =
            |(seat, key): &(Seat, SigningActor)| (*seat, key.sign(network, statement.clone()).sig);
        let signatures = self.signers.iter().map(sign).collect();
        Certificate {
            statement,
            signatures,
        }
    }

    /// A certificate of a message after this end of the source's lane, and the message.
    fn certify(&self, head: Head, ops: Vec<u8>) -> Option<Vec<Body>> {
        let network = self.boundary.network();
        let message = Message {
            source: self.source.actor(),
            seq: head.seq.next()?,
            parent: head.digest,
            ops: ops.into(),
        };
        let echo = Echo {
            generation: self.boundary.generation(),
            dot: message.dot(),
            digest: Statement::digest(&message, network),
        };
        let certificate = Arc::new(self.sign(echo));
        let proposal = Arc::new(Proposal {
            message,
            generation: echo.generation,
            sig: self.source.sign(network, echo).sig,
        });
        Some(vec![
            Body::Certificate(certificate),
            Body::Proposal(proposal),
        ])
    }

    /// So many generations after this one, of the same members.
    ///
    /// Each is good by all rules but that of the checkpoint; the chain ends early where a value
    /// does not pass.
    fn forge(&self, many: u64) -> Vec<Arc<GenerationProof>> {
        let mut last = self.boundary.clone();
        let mut forged = Vec::new();
        for _ in 0..many {
            let (value, reports) = self.value(&last);
            let Ok(checked) = value.check(&last, &reports.iter().collect::<Vec<_>>()) else {
                break;
            };
            let decision = Vote {
                generation: last.generation(),
                round: Round::FIRST,
                kind: VoteKind::Precommit(Some(value.digest(last.network()))),
            };
            forged.push(Arc::new(GenerationProof {
                header: value.header(last.network()),
                certificate: Arc::new(self.sign(decision)),
                ending: Some(Arc::clone(checked.next.ending())),
            }));
            last = checked.next;
        }
        forged
    }

    /// A value on which nobody has anything to report, with the reports.
    fn value(&self, last: &Boundary) -> (GenerationProposal, Vec<CheckedReport>) {
        let change = Change::Renew;
        let approvals = Arc::new(self.sign(Approval {
            generation: last.generation(),
            change: change.key(),
        }));
        let keys = self.signers.iter().map(|(_, key)| key);
        let report = |key: &SigningActor| {
            let report = key.sign(last.network(), Report::of(last));
            CheckedReport::of(last, report).expect("an empty report counts")
        };
        let reports: Vec<_> = keys.map(report).collect();
        let draft = GenerationDraft {
            parent: last.value(),
            changes: vec![ChangeCertificate { change, approvals }],
            reports: reports.iter().map(CheckedReport::name).collect(),
        };
        let value = draft.found(last, last.ending(), last.state());
        (value, reports)
    }
}
