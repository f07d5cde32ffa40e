//! The limit: what one message costs `n` replicas if nothing is done but what the protocol cannot do without, each part at
//! the price that it has in this run. Sending, keeping, finding and asking again are free here.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bft_crdts::codec::{Bytes, Limits, NetworkId, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Message, Packet, Proposal,
};
use bft_crdts::membership::{Generation, Genesis};
use bft_crdts::traits::Wire;
use bft_crdts::{Actor, SigningActor};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest as _, Sha256};

use bft_crdts::actor::{Sig, Statement};
use bft_crdts::dot::Seq;

/// What goes into a digest before the value: the tag's length, the tag, the network's name.
const DIGEST_PREFIX: usize = 1 + 19 + 32;
/// Messages over which judging and applying are measured.
const MESSAGES: u64 = 16;

/// Prices that do not depend on what is broadcast, in nanoseconds.
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
            verify: nanos(|| {
                public
                    .verify_strict(black_box(&digest), &sig)
                    .expect("good")
            }),
            block: nanos(|| Sha256::digest(black_box(&bytes))) / 1024.0,
        }
    }

    fn hash(&self, len: usize) -> f64 {
        // A bit and the length are appended.
        self.block * (len + 9).div_ceil(64) as f64
    }
}

/// How often what has to be done for one message among `n` replicas with quorums of `q`.
pub(crate) struct Counts {
    /// The source signs its message, which binds it to it as an echo would; the others echo it.
    pub(crate) signatures: u64,
    /// See [`Counts::of`].
    pub(crate) verifications: u64,
}

impl Counts {
    pub(crate) fn of(n: u64) -> Self {
        let q = n - (n - 1) / 3;
        // The source checks the echoes that make a quorum with its own signature.
        let echoes = q - 1;
        // Everybody else checks the source's signature before it echoes.
        let source = n - 1;
        // Members in the certificate check it without the source's signature, which they have checked, and their own.
        let inside = (q - 1) * (q - 2);
        // The others check it without the source's.
        let outside = (n - q) * (q - 1);
        Self {
            signatures: n,
            verifications: echoes + source + inside + outside,
        }
    }
}

/// A message with what is said about it, as it goes over the wire.
struct Wired {
    proposal: Packet,
    echo: Packet,
    certificate: Packet,
    ops: Bytes,
    /// Bytes that are hashed for the message and for what is signed of it.
    hashed: [usize; 2],
}

/// Nanoseconds of one message of `batch` operations in a network of `members`: `make` makes the algorithm, `op` the next
/// operation of the first member.
pub(crate) fn nanos_a_message<A: Wire>(
    members: u8,
    batch: u64,
    make: impl Fn(&[Actor], Actor) -> A,
    op: impl Fn(&A, &[Actor], u64) -> A::Op,
) -> f64 {
    let keys: Vec<_> = (1..=members)
        .map(|byte| SigningActor::from_secret(&[byte; 32]))
        .collect();
    let actors: Vec<_> = keys.iter().map(SigningActor::actor).collect();
    let genesis = Genesis::new(
        &make(&actors, actors[0]),
        actors.iter().copied().collect(),
        Limits::default(),
    );
    let genesis = genesis.expect("a committee");
    let mut author = make(&actors, actors[0]);
    let mut message = |first: u64| -> Vec<A::Op> {
        let numbers = first..first + batch;
        let made = numbers.map(|number| {
            let op = op(&author, &actors, number);
            author.apply(op.clone());
            op
        });
        made.collect()
    };
    let messages: Vec<_> = (0..MESSAGES)
        .map(|number| message(number * batch))
        .collect();
    let prices = Prices::measure();
    let wired = Wired::new(&keys, &genesis, &messages[0]);
    let n = f64::from(members);
    let counts = Counts::of(u64::from(members));
    let signatures =
        prices.sign * counts.signatures as f64 + prices.verify * counts.verifications as f64;
    // Everybody hashes the message and what is signed of it, once.
    let hashes: f64 = wired.hashed.iter().map(|len| n * prices.hash(*len)).sum();
    signatures
        + hashes
        + wired.coding::<A::Op>(n)
        + executing(n, &make(&actors, actors[1]), &actors[0], &messages)
}

/// Everybody judges the message once, before it signs, and applies it once.
fn executing<A: Wire>(n: f64, fresh: &A, source: &Actor, messages: &[Vec<A::Op>]) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let (mut algorithm, messages) = (fresh.clone(), messages.to_vec());
        let start = Instant::now();
        for ops in messages {
            assert!(algorithm.verdict_batch(source, &ops).is_valid());
            ops.into_iter().for_each(|op| algorithm.apply(op));
        }
        start.elapsed().as_nanos() as f64 / MESSAGES as f64
    });
    n * median(rounds.collect())
}

impl Wired {
    fn new<Op: serde::Serialize>(keys: &[SigningActor], genesis: &Genesis, ops: &Vec<Op>) -> Self {
        let network = genesis.network();
        let source = keys[0].actor();
        let ops = Bytes::from(encode(ops));
        let message = Message {
            source,
            seq: Seq::new(1),
            parent: network.digest(),
            ops: ops.clone(),
        };
        let (dot, digest) = (message.dot(), message.digest(&network));
        let generation = Generation::GENESIS;
        let echo = Echo {
            generation,
            dot,
            digest,
        };
        let hashed = [encode(&message).len(), encode(&echo).len()];
        let sig = keys[0].sign(&network, echo).sig;
        let proposal = Arc::new(Proposal {
            message,
            generation,
            sig,
        });
        let certificate = certificate(keys, genesis, &network, echo);
        let packet = |body| Packet {
            from: source,
            to: keys[1].actor(),
            body,
        };
        Self {
            proposal: packet(Body::Proposal(proposal)),
            echo: packet(Body::Echo(keys[1].sign(&network, echo).into_claim())),
            certificate: packet(Body::Certificate(Arc::new(certificate))),
            ops,
            hashed: hashed.map(|len| DIGEST_PREFIX + len),
        }
    }

    fn coding<Op: serde::Serialize + serde::de::DeserializeOwned>(&self, n: f64) -> f64 {
        let q = n - ((n - 1.0) / 3.0).floor();
        let limits = Limits::default();
        let ops = || {
            bft_crdts::codec::decode_sequence::<Op>(self.ops.as_slice(), usize::MAX, u32::MAX)
                .expect("just encoded")
        };
        let decoded = ops();
        // Operations are encoded once, by their source, and decoded by everybody else.
        let of_ops = nanos(|| encode(&decoded)) + (n - 1.0) * nanos(ops);
        // What goes to everybody is encoded once; each other replica decodes it.
        let once_for_all = [&self.proposal, &self.certificate]
            .map(|packet| writing(packet) + (n - 1.0) * reading(packet, &limits));
        // Everybody else cannot know that its echo is not needed; the source can know it of those past the quorum.
        let echoes = (n - 1.0) * writing(&self.echo) + (q - 1.0) * reading(&self.echo, &limits);
        of_ops + once_for_all.iter().sum::<f64>() + echoes
    }
}

fn certificate(
    keys: &[SigningActor],
    genesis: &Genesis,
    network: &NetworkId,
    echo: Echo,
) -> Certificate {
    let committee = genesis.committee().expect("checked");
    let signed = |(seat, actor): (_, Actor)| {
        let key = keys.iter().find(|key| key.actor() == actor)?;
        Some((seat, key.sign(network, echo).sig))
    };
    let signatures: Vec<(_, Sig)> = committee
        .seats()
        .filter_map(signed)
        .take(committee.quorum())
        .collect();
    Certificate {
        statement: echo,
        signatures,
    }
}

fn writing(packet: &Packet) -> f64 {
    nanos(|| packet.encode())
}

fn reading(packet: &Packet, limits: &Limits) -> f64 {
    let bytes = packet.encode();
    nanos(|| drop(black_box(Packet::decode(black_box(&bytes), limits)).expect("just encoded")))
}

const ROUNDS: usize = 41;
/// One round of one price, in nanoseconds: short, so that few rounds are interrupted.
const ROUND: f64 = 400_000.0;

/// What `act` takes: the median of many rounds.
fn nanos<T>(mut act: impl FnMut() -> T) -> f64 {
    let mut round = |times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| drop(black_box(act())));
        start.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let once = round(10).max(1.0);
    let times = (ROUND / once).clamp(1.0, 1e6) as u32;
    median((0..ROUNDS).map(|_| round(times)).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
