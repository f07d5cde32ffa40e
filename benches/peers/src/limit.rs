//! The limit: a network that does nothing but what the protocol cannot do without, and so could survive nothing. It keeps no
//! messages, tells nobody where it stands, finds nobody by name, has nothing to say again, and its source applies its own
//! operations before anybody agreed. What is left, for each message among `n` members with quorums of `q`:
//!
//! | who | does |
//! |---|---|
//! | the source | makes, judges, encodes and applies the operations; hashes message and echo; signs; encodes the proposal once |
//! | `n - 1` others | decode proposal and operations, hash message and echo, check the source's signature, judge, sign, encode an echo |
//! | the source | decodes and checks `q - 1` echoes, which with its own are a quorum; encodes the certificate once |
//! | `q - 1` others, in the certificate | decode it, check it without the source's signature and their own: `q - 2`; apply |
//! | `n - q` others | decode it, check it without the source's signature: `q - 1`; apply |

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bft_crdts::actor::{Sig, Signed, Statement};
use bft_crdts::codec::{Bytes, Digest, Limits, NetworkId, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Message, Packet, Proposal,
};
use bft_crdts::dot::Seq;
use bft_crdts::membership::Genesis;
use bft_crdts::quorum::{Committee, Seat};
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::{Actor, SigningActor};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::measure::{Contender, Traffic};

/// How many signatures are made for one message among `n` members, and how many are checked.
pub(crate) fn counts(n: u64) -> (u64, u64) {
    let q = n - (n - 1) / 3;
    let (source, others) = (q - 1, n - 1);
    let (inside, outside) = ((q - 1) * (q - 2), (n - q) * (q - 1));
    (n, source + others + inside + outside)
}

/// One member, without a protocol.
struct Member<A> {
    key: SigningKey,
    public: VerifyingKey,
    actor: Actor,
    algorithm: A,
    /// The end of its own lane.
    seq: u64,
    parent: Digest,
}

/// Members that broadcast in turn; `op` makes the operation of a number.
pub(crate) struct Bare<A, F> {
    members: Vec<Member<A>>,
    committee: Committee,
    network: NetworkId,
    limits: Limits,
    op: F,
    batch: u64,
    messages: usize,
    made: u64,
    traffic: Traffic,
}

impl<A: WireAlgorithm, F: Fn(&A, &[Actor], u64) -> A::Op> Bare<A, F> {
    pub(crate) fn new(members: u8, batch: u64, make: impl Fn(&[Actor], Actor) -> A, op: F) -> Self {
        let mut secrets: Vec<_> = (1..=members).map(|byte| [byte; 32]).collect();
        secrets.sort_by_key(|secret| SigningActor::from_secret(secret).actor());
        let actor = |secret: &[u8; 32]| SigningActor::from_secret(secret).actor();
        let actors: Vec<_> = secrets.iter().map(actor).collect();
        let (first, seated) = (make(&actors, actors[0]), actors.iter().copied().collect());
        let genesis =
            Genesis::new(&first, seated, Limits::default(), [0; 32]).expect("a committee");
        let network = genesis.network();
        let member = |(secret, actor): (&[u8; 32], &Actor)| {
            let key = SigningKey::from_bytes(secret);
            Member {
                public: key.verifying_key(),
                key,
                actor: *actor,
                algorithm: make(&actors, *actor),
                seq: 0,
                parent: network.digest(),
            }
        };
        Self {
            members: secrets.iter().zip(&actors).map(member).collect(),
            committee: genesis.committee().expect("checked"),
            network,
            limits: Limits::default(),
            op,
            batch,
            messages: 0,
            made: 0,
            traffic: Traffic::default(),
        }
    }

    /// One message of the member at `source`.
    fn broadcast(&mut self, source: usize) {
        let (size, quorum) = (self.members.len(), self.committee.quorum());
        let (proposal, echo, digest) = self.propose(source);
        let mut held = Vec::new();
        let mut answers = Vec::new();
        for distance in 1..size {
            let member = (source + distance) % size;
            let (answer, digest, ops) = self.answer(member, source, &proposal);
            held.push((member, digest, ops));
            answers.push((member, answer));
        }
        let certificate = self.certify(source, echo, &digest, &answers[..quorum - 1]);
        for (member, digest, ops) in held {
            self.accept(member, source, &digest, &certificate);
            let algorithm = &mut self.members[member].algorithm;
            ops.into_iter().for_each(|op| algorithm.apply(op));
        }
    }

    fn propose(&mut self, source: usize) -> (Vec<u8>, Signed<Echo>, Digest) {
        let actors: Vec<_> = self.members.iter().map(|member| member.actor).collect();
        let mut ops = Vec::new();
        for _ in 0..self.batch {
            let Member {
                algorithm, actor, ..
            } = &mut self.members[source];
            let op = (self.op)(algorithm, &actors, self.made);
            assert!(algorithm.verdict(actor, &op).is_valid());
            algorithm.apply(op.clone());
            ops.push(op);
            self.made += 1;
        }
        let member = &mut self.members[source];
        member.seq += 1;
        let message = Message {
            source: member.actor,
            seq: Seq::new(member.seq),
            parent: member.parent,
            ops: Bytes::from(encode(&ops)),
        };
        let echo = self.echo(&message);
        self.members[source].parent = echo.digest;
        let digest = echo.digest(&self.network);
        let signed = self.sign(source, echo, &digest);
        let proposal = Proposal {
            message,
            generation: echo.generation,
            sig: signed.sig,
        };
        let to_others = self.members.len() - 1;
        let sent = self.send(source, to_others, Body::Proposal(Arc::new(proposal)));
        (sent, signed, digest)
    }

    /// What another member does with a proposal.
    fn answer(
        &mut self,
        member: usize,
        source: usize,
        bytes: &[u8],
    ) -> (Vec<u8>, Digest, Vec<A::Op>) {
        let Body::Proposal(proposal) = self.receive(source, bytes) else {
            unreachable!("a proposal was sent")
        };
        let echo = self.echo(&proposal.message);
        let digest = echo.digest(&self.network);
        self.check(source, &digest, &proposal.sig);
        let ops = proposal.message.decode::<A::Op>(&self.limits);
        let ops = ops.expect("just encoded");
        let algorithm = &self.members[member].algorithm;
        let verdict = algorithm.verdict_batch(&proposal.message.source, &ops);
        assert!(verdict.is_valid());
        let signed = self.sign(member, echo, &digest);
        (self.send(member, 1, Body::Echo(signed)), digest, ops)
    }

    /// What the source does with the answers.
    fn certify(
        &mut self,
        source: usize,
        own: Signed<Echo>,
        digest: &Digest,
        answers: &[(usize, Vec<u8>)],
    ) -> Vec<u8> {
        let mut signatures = vec![(self.seat(&own.signer), own.sig)];
        for (member, answer) in answers {
            let Body::Echo(echo) = self.receive(*member, answer) else {
                unreachable!("an echo was sent")
            };
            self.check(*member, digest, &echo.sig);
            signatures.push((self.seat(&echo.signer), echo.sig));
        }
        signatures.sort_by_key(|(seat, _)| *seat);
        let certificate = Certificate {
            statement: own.statement,
            signatures,
        };
        let to_others = self.members.len() - 1;
        self.send(source, to_others, Body::Certificate(Arc::new(certificate)))
    }

    /// What another member does with the certificate.
    fn accept(&self, member: usize, source: usize, digest: &Digest, bytes: &[u8]) {
        let Body::Certificate(certificate) = self.receive(source, bytes) else {
            unreachable!("a certificate was sent")
        };
        for (seat, sig) in &certificate.signatures {
            let known = [member, source].contains(&seat.index());
            if !known {
                self.check(seat.index(), digest, sig);
            }
        }
    }

    fn echo(&self, message: &Message) -> Echo {
        Echo {
            generation: self.committee.generation(),
            dot: message.dot(),
            digest: message.digest(&self.network),
        }
    }

    fn sign(&self, member: usize, statement: Echo, digest: &Digest) -> Signed<Echo> {
        let Member { key, actor, .. } = &self.members[member];
        Signed {
            statement,
            signer: *actor,
            sig: Sig::from_bytes(key.sign(digest.as_bytes()).to_bytes()),
        }
    }

    fn check(&self, signer: usize, digest: &Digest, sig: &Sig) {
        let sig = Signature::from_bytes(sig.as_bytes());
        let checked = self.members[signer]
            .public
            .verify_strict(digest.as_bytes(), &sig);
        checked.expect("just signed");
    }

    fn seat(&self, actor: &Actor) -> Seat {
        self.committee.seat(actor).expect("a member")
    }

    /// Encodes once what goes to so many: on a link it is the same for all.
    fn send(&mut self, from: usize, copies: usize, body: Body) -> Vec<u8> {
        let from = self.members[from].actor;
        let packet = Packet {
            from,
            to: from,
            body,
        };
        let bytes = packet.encode_linked();
        (0..copies).for_each(|_| self.traffic.count(&bytes));
        bytes
    }

    fn receive(&self, from: usize, bytes: &[u8]) -> Body {
        let from = self.members[from].actor;
        Packet::decode_linked(bytes, from, from, &self.limits)
            .expect("just encoded")
            .body
    }
}

impl<A: WireAlgorithm, F: Fn(&A, &[Actor], u64) -> A::Op> Contender for Bare<A, F> {
    fn run(&mut self, ops: u64) -> u64 {
        let messages = ops.div_ceil(self.batch);
        for _ in 0..messages {
            self.broadcast(self.messages % self.members.len());
            self.messages += 1;
        }
        messages * self.batch
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

/// What the parts cost that everything is made of, in nanoseconds.
pub(crate) struct Prices {
    /// One ed25519 signature of a digest.
    pub(crate) sign: f64,
    /// One strict check of one.
    pub(crate) verify: f64,
    /// One block of 64 bytes through SHA-256.
    pub(crate) block: f64,
}

impl Prices {
    pub(crate) fn measure() -> Self {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (public, digest) = (key.verifying_key(), [3; 32]);
        let sig = key.sign(&digest);
        let bytes = vec![5; 64 << 10];
        Self {
            sign: nanos(|| key.sign(black_box(&digest))),
            verify: nanos(|| public.verify_strict(black_box(&digest), &sig)),
            block: nanos(|| Sha256::digest(black_box(&bytes))) / 1024.0,
        }
    }
}

const ROUNDS: usize = 101;
/// Of one round, in nanoseconds: short, so that few are interrupted.
const ROUND: f64 = 400_000.0;

/// What `act` takes: the median of many rounds.
fn nanos<T>(mut act: impl FnMut() -> T) -> f64 {
    let mut round = |times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| drop(black_box(act())));
        start.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let times = (ROUND / round(10).max(1.0)).clamp(1.0, 1e6) as u32;
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| round(times)).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
