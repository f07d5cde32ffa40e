//! Liars that do what only an unchecked signature, number or parent lets them get away with.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;

use crate::actor::{Actor, Sig, Signed, SigningActor, Statement};
use crate::bank::{Bank, Money};
use crate::codec::{Digest, encode};
use crate::deterministic_secure_broadcast::{
    Body, Certificate, Consent, Echo, Equivocation, Message, Packet, Proposal, Standing,
};
use crate::dot::{Binding, Dot, Head};
use crate::evidence::Conflict;
use crate::membership::{Approval, Change, Entry, Generation, Report, Said, Seat, Tally};
use crate::net::{Adversary, Hand};
use crate::traits::SecureBroadcastAlgorithm;

type Op = crate::bank::Op;

/// Accuses everybody of what they said: once twice, once elsewhere, once otherwise.
#[derive(Default)]
pub(super) struct Framer {
    heard: BTreeMap<Actor, Vec<Signed<Binding>>>,
}

impl Framer {
    fn accuse(&self, hand: &mut Hand<'_, Bank>) {
        let accused: Vec<_> = self.heard.values().filter(|said| said.len() > 1).collect();
        if accused.is_empty() {
            return;
        }
        let said = accused[hand.random().random_range(0..accused.len())];
        let (left, mut right) = (said[0], said[1]);
        match hand.random().random_range(0..3u8) {
            0 => right = left,
            1 => right.statement.dot = left.statement.dot,
            _ => {
                right = left;
                right.statement.digest = hand.half().network().digest();
            }
        }
        let evidence = Arc::new(Equivocation::Source(Conflict { left, right }));
        for other in hand.others() {
            hand.send(other, Body::Evidence(Arc::clone(&evidence)));
        }
    }
}

impl Adversary<Bank> for Framer {
    fn on_packet(&mut self, hand: &mut Hand<'_, Bank>, packet: Packet) {
        if let Body::Proposal(proposal) = &packet.body {
            let dot = proposal.message.dot();
            let digest = proposal.message.digest(hand.half().network());
            let (signer, sig) = (dot.source, proposal.sig);
            let statement = Binding { dot, digest };
            let claim = Signed {
                statement,
                signer,
                sig,
            };
            let said = self.heard.entry(signer).or_default();
            if !said.iter().any(|held| held.statement == statement) {
                said.push(claim);
            }
        }
        hand.behave(packet);
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, Bank>) {
        hand.behave_on_tick();
        self.accuse(hand);
    }
}

/// How somebody with one key makes a quorum.
#[derive(Clone, Copy)]
enum Quorum {
    /// Of any bytes.
    Garbage,
    /// Of its own signature.
    Repeated,
    /// Of one less.
    Short,
    /// Of echoes in the names of others.
    OthersEchoes,
    /// Of echoes by keys that nobody knows.
    OutsidersEchoes,
}

/// Shows one message to some, another to the rest, and to each a quorum that is none.
#[derive(Default)]
pub(super) struct Certifier {
    first: Option<Op>,
    lies: Vec<(Arc<Proposal>, Vec<Actor>, BTreeMap<Seat, Sig>)>,
    kind: Option<Quorum>,
}

impl Certifier {
    fn tell(&mut self, hand: &mut Hand<'_, Bank>, head: Head, op: Op, to: Vec<Actor>) {
        let proposal = propose(hand, head, head.digest, &[op]);
        for member in &to {
            hand.send(*member, Body::Proposal(Arc::clone(&proposal)));
        }
        self.lies.push((proposal, to, BTreeMap::new()));
    }

    fn forge(&mut self, hand: &mut Hand<'_, Bank>, echo: &Signed<Echo>) {
        let kinds = [
            Quorum::Garbage,
            Quorum::Repeated,
            Quorum::Short,
            Quorum::OthersEchoes,
            Quorum::OutsidersEchoes,
        ];
        let drawn = kinds[hand.random().random_range(0..kinds.len())];
        let kind = *self.kind.get_or_insert(drawn);
        let digest = echo.statement.digest;
        let network = *hand.half().network();
        let lie = self.lies.iter_mut();
        let mut lie = lie.filter(|(proposal, ..)| proposal.message.digest(&network) == digest);
        let Some((_, to, echoes)) = lie.next() else {
            return;
        };
        let committee = hand.half().committee().clone();
        let own = hand.sign(echo.statement).into_claim();
        let seats: Vec<_> = committee.seats().map(|(seat, _)| seat).collect();
        for claim in [&own, echo] {
            echoes.extend(committee.seat(&claim.signer).map(|seat| (seat, claim.sig)));
        }
        let quorum = committee.quorum();
        let signatures = match kind {
            Quorum::Garbage => seats.into_iter().map(|seat| (seat, own.sig)).collect(),
            Quorum::Repeated => {
                let seat = committee.seat(&hand.actor());
                seat.map_or_else(Vec::new, |seat| vec![(seat, own.sig); quorum])
            }
            Quorum::Short if echoes.len() + 1 == quorum => {
                echoes.iter().map(|(seat, sig)| (*seat, *sig)).collect()
            }
            Quorum::Short => return,
            Quorum::OthersEchoes | Quorum::OutsidersEchoes => {
                let others = committee.actors().iter().filter(|a| **a != echo.signer);
                for other in others {
                    let claim = match kind {
                        Quorum::OthersEchoes => Signed {
                            signer: *other,
                            ..own
                        },
                        _ => {
                            let outsider = SigningActor::generate(hand.random());
                            outsider.sign(&network, echo.statement).into_claim()
                        }
                    };
                    hand.send(echo.signer, Body::Echo(claim));
                }
                return;
            }
        };
        let mut signatures = signatures;
        signatures.truncate(quorum);
        let certificate = Arc::new(Certificate {
            statement: echo.statement,
            signatures,
        });
        for member in to.clone() {
            hand.send(member, Body::Certificate(Arc::clone(&certificate)));
        }
    }
}

impl Adversary<Bank> for Certifier {
    fn on_propose(&mut self, hand: &mut Hand<'_, Bank>, op: Op) {
        let Some(first) = self.first.take() else {
            self.first = Some(op);
            return;
        };
        let (me, others) = (hand.actor(), hand.others());
        if let Some(head) = hand.half().head(&me).filter(|_| self.lies.is_empty()) {
            let (left, right) = others.split_at(others.len() / 2);
            self.tell(hand, head, first, left.to_vec());
            self.tell(hand, head, op, right.to_vec());
        }
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, Bank>, packet: Packet) {
        match &packet.body {
            Body::Echo(echo) if echo.statement.dot.source == hand.actor() => {
                self.forge(hand, echo);
            }
            _ => hand.behave(packet),
        }
    }
}

/// Lies that an impostor tells: without end they would be answered without end, and nobody would be silent.
const IMPOSTURES: u32 = 40;

/// Says what others never said, under its own signature, in one way a life.
#[derive(Default)]
pub(super) struct Impostor {
    way: Option<u8>,
    lies: u32,
}

impl Impostor {
    fn lie(&mut self, hand: &mut Hand<'_, Bank>) {
        let drawn = hand.random().random_range(0..6u8);
        let way = *self.way.get_or_insert(drawn);
        for victim in hand.others() {
            match way {
                0 => Self::stand(hand, victim, true),
                1 => Self::stand(hand, victim, false),
                2 => Self::report(hand, victim),
                3 => Self::approve(hand, victim),
                4 => Self::enter(hand),
                _ => Self::propose(hand, victim),
            }
        }
    }

    fn send_to_all(hand: &mut Hand<'_, Bank>, body: &Body) {
        for other in hand.others() {
            hand.send(other, body.clone());
        }
    }

    /// A member has all that there is: in its name, or under its address only.
    fn stand(hand: &mut Hand<'_, Bank>, victim: Actor, named: bool) {
        let half = hand.half();
        let standing = Standing {
            generation: half.generation(),
            frontier: half.frontier(),
            convicted: half.convicted().keys().copied().collect(),
        };
        let mut claim = hand.sign(standing).into_claim();
        if named {
            claim.signer = victim;
        }
        let claim = Arc::new(claim);
        Self::send_to_all(hand, &Body::Announce(claim));
        if !named {
            hand.alter(|_, packet| packet.from = victim);
        }
    }

    fn report(hand: &mut Hand<'_, Bank>, victim: Actor) {
        let report = Report::of(hand.half().boundary());
        let mut claim = hand.sign(report).into_claim();
        claim.signer = victim;
        let report = Arc::new(claim);
        let changes = Vec::new();
        Self::send_to_all(hand, &Body::Report { report, changes });
    }

    /// Everybody wants everybody to leave.
    fn approve(hand: &mut Hand<'_, Bank>, victim: Actor) {
        let others = hand.others();
        let change = Change::Leave(others[0]);
        let approval = Approval {
            generation: hand.half().generation(),
            change: change.key(),
        };
        let mut approval = hand.sign(approval).into_claim();
        approval.signer = victim;
        let consent = Arc::new(Consent { change, approval });
        Self::send_to_all(hand, &Body::Approve(consent));
    }

    /// Somebody wants in who never said so.
    fn enter(hand: &mut Hand<'_, Bank>) {
        let entry = Entry {
            generation: hand.half().generation(),
            value: hand.half().boundary().value(),
        };
        let mut claim = hand.sign(entry).into_claim();
        claim.signer = SigningActor::generate(hand.random()).actor();
        Self::send_to_all(hand, &Body::Enter(claim));
    }

    fn propose(hand: &mut Hand<'_, Bank>, victim: Actor) {
        let Some(head) = hand.half().head(&victim) else {
            return;
        };
        let op = Bank::new(victim).transfer(victim, Money::new(1));
        let own = propose(hand, head, head.digest, &[op]);
        let message = Message {
            source: victim,
            ..own.message.clone()
        };
        let sig = own.sig;
        let proposal = Arc::new(Proposal { message, sig });
        Self::send_to_all(hand, &Body::Proposal(proposal));
    }
}

impl Adversary<Bank> for Impostor {
    fn on_tick(&mut self, hand: &mut Hand<'_, Bank>) {
        self.lies += 1;
        if self.lies < IMPOSTURES {
            self.lie(hand);
        }
        hand.behave_on_tick();
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, Bank>, packet: Packet) {
        hand.behave(packet);
        // Its votes are everybody's.
        let me = hand.actor();
        let others = hand.others();
        hand.alter(|hand, packet| {
            let Body::Speech { speech, .. } = &mut packet.body else {
                return;
            };
            let own = speech.ballots.iter().find(|ballot| {
                ballot.signer == me && matches!(ballot.statement.said, Said::Precommit(Some(_)))
            });
            if let Some(own) = own.copied() {
                let mut nil = own;
                nil.statement.said = Said::Precommit(None);
                let victim = others[hand.random().random_range(0..others.len())];
                nil.signer = victim;
                speech.ballots = vec![own, nil];
            }
        });
    }
}

/// Proposes messages that follow nothing, and operations that nobody may do.
#[derive(Default)]
pub(super) struct Brazen;

impl Adversary<Bank> for Brazen {
    fn on_propose(&mut self, hand: &mut Hand<'_, Bank>, op: Op) {
        let me = hand.actor();
        let Some(head) = hand.half().head(&me) else {
            return;
        };
        let proposal = if hand.random().random_bool(0.5) {
            let elsewhere = Digest::from_bytes([7; 32]);
            propose(hand, head, elsewhere, &[op])
        } else {
            propose(hand, head, head.digest, &[op.clone(), op])
        };
        for other in hand.others() {
            hand.send(other, Body::Proposal(Arc::clone(&proposal)));
        }
    }
}

/// Shows one message when it likes, its certificate to one member at most, and another message to the rest when the
/// next generation has begun.
#[derive(Default)]
pub(super) struct Patient {
    ops: Vec<Op>,
    patience: Option<u8>,
    told: Vec<(Arc<Proposal>, Tally<Echo>)>,
    proofs: Vec<Arc<Certificate>>,
    friend: Option<Actor>,
    began: Option<Generation>,
}

impl Patient {
    fn tell(&mut self, hand: &mut Hand<'_, Bank>, op: Op, to: &[Actor]) {
        let me = hand.actor();
        let head = hand.half().boundary().head(&me);
        let proposal = propose(hand, head, head.digest, &[op]);
        let echo = hand.sign(Echo {
            generation: hand.half().generation(),
            dot: proposal.message.dot(),
            digest: proposal.message.digest(hand.half().network()),
        });
        let mut tally = Tally::new(echo.statement);
        tally.add(hand.half().committee(), &echo);
        for member in to {
            hand.send(*member, Body::Proposal(Arc::clone(&proposal)));
        }
        self.told.push((proposal, tally));
    }

    fn go_on(&mut self, hand: &mut Hand<'_, Bank>) {
        let drawn = hand.random().random_range(0..12);
        let patience = self.patience.get_or_insert(drawn);
        *patience = patience.saturating_sub(1);
        let (others, generation) = (hand.others(), hand.half().generation());
        if *patience > 0 || self.ops.len() < 2 || others.is_empty() {
            return;
        }
        let drawn = others[hand.random().random_range(0..others.len())];
        let friend = *self.friend.get_or_insert(drawn);
        match (self.told.len(), self.began) {
            (0, _) => {
                let stranger = others[hand.random().random_range(0..others.len())];
                let some: Vec<_> = others.into_iter().filter(|o| *o != stranger).collect();
                let op = self.ops[0].clone();
                self.tell(hand, op, &some);
                self.began = Some(generation);
            }
            (1, Some(began)) if began < generation => {
                let some: Vec<_> = others.into_iter().filter(|o| *o != friend).collect();
                let op = self.ops[1].clone();
                self.tell(hand, op, &some);
            }
            _ => {}
        }
    }

    fn count(&mut self, hand: &mut Hand<'_, Bank>, echo: Signed<Echo>) {
        let committee = hand.half().committee().clone();
        let mut told = self.told.iter_mut().enumerate();
        let told = told.find(|(_, (_, tally))| *tally.statement() == echo.statement);
        if let Some((index, (_, tally))) = told
            && let Ok(fact) = committee.verify(hand.half().network(), echo)
            && let Some(certificate) = tally.add(&committee, &fact)
        {
            let proof = certificate.claim();
            let to = match (index, self.friend) {
                (0, Some(friend)) => vec![friend],
                _ => hand.others(),
            };
            for member in to {
                hand.send(member, Body::Certificate(Arc::clone(&proof)));
            }
            self.proofs.push(proof);
        }
    }
}

impl Adversary<Bank> for Patient {
    fn on_propose(&mut self, _: &mut Hand<'_, Bank>, op: Op) {
        self.ops.push(op);
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, Bank>, packet: Packet) {
        if let Body::Echo(echo) = &packet.body
            && echo.statement.dot.source == hand.actor()
        {
            return self.count(hand, *echo);
        }
        hand.behave(packet);
        self.go_on(hand);
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, Bank>) {
        hand.behave_on_tick();
        self.go_on(hand);
    }
}

/// A message of its own after `head`, with any parent.
fn propose(hand: &Hand<'_, Bank>, head: Head, parent: Digest, ops: &[Op]) -> Arc<Proposal> {
    let source = hand.actor();
    let seq = head.seq.next().expect("short lanes");
    let ops = encode(&ops.to_vec()).into();
    let message = Message {
        source,
        seq,
        parent,
        ops,
    };
    let digest = message.digest(hand.half().network());
    let dot = Dot { source, seq };
    let sig = hand.sign(Binding { dot, digest }).sig;
    Arc::new(Proposal { message, sig })
}
