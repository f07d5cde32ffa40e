//! What the pieces cost that a broadcast is made of, and the three rules of one replica.
//!
//! `cargo bench --bench pieces` measures all; words after `--` choose by name. Every signature is really made and
//! checked: replicas share no memory of what they checked.

mod cluster;
#[path = "pieces/material.rs"]
mod material;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bft_crdts::actor::Statement;
use bft_crdts::bank::{Bank, Money};
use bft_crdts::codec::{self, Limits};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Proposal};
use bft_crdts::orswot;
use bft_crdts::quorum::Generation;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};
use cluster::{Cluster, Handled};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput};
use material::{
    Set, Voters, actor, actors, again, dot_after, echo, funded, member, message_of, network,
    secret, set_of, transfer,
};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Operations in a large message.
const BATCH: usize = 512;

/// A prime: consecutive operations are about members far apart.
const SCATTER: u64 = 7_919;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(50)
        .configure_from_args();
    let c = &mut criterion;
    encoding(c, "set", |number| again(number, number, 1_000));
    encoding(c, "bank", transfer);
    digests(c);
    signatures(c);
    packets(c);
    for members in [4, 7, 16, 31, 64, 100] {
        certificates(c, members);
    }
    for members in [1_000, 100_000] {
        let set = set_of(members);
        let name = format!("set of {members}");
        verdicts(c, &name, &set, |number| again(number, number, members));
        applying_to_a_set(c, &name, set);
    }
    proposals_together(c);
    verdicts(c, "bank", &funded(&actors(4), actor(1)), transfer);
    applying_to_a_bank(c);
    for batch in [1, BATCH] {
        rules::<Set>(
            c,
            "set",
            batch,
            |_, actor| Set::new(actor),
            |set, number, _| set.add(member(number as u64 % 1_000)),
        );
        rules::<Bank>(c, "bank", batch, funded, |bank, _, to| {
            bank.transfer(to, Money::new(1))
        });
    }
    criterion.final_summary();
}

// ---- the pure pieces

fn encoding<Op>(c: &mut Criterion, name: &str, op: impl Fn(u64) -> Op)
where
    Op: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut group = c.benchmark_group(format!("codec {name}"));
    let ops = &(0..BATCH as u64).map(op).collect::<Vec<_>>();
    let one = &ops[0];
    let bytes = codec::encode(one);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode an op", |b| b.iter(|| codec::encode(black_box(one))));
    group.bench_function("decode an op", |b| {
        b.iter(|| codec::decode::<Op>(black_box(&bytes), bytes.len()))
    });
    let message = message_of(codec::encode(ops));
    let limits = Limits::default();
    group.throughput(Throughput::Bytes(message.ops.len() as u64));
    group.bench_function("encode 512 ops", |b| {
        b.iter(|| codec::encode(black_box(ops)))
    });
    group.bench_function("decode 512 ops", |b| {
        b.iter(|| black_box(&message).decode::<Op>(&limits))
    });
}

fn digests(c: &mut Criterion) {
    let mut group = c.benchmark_group("digest");
    let network = network();
    for (name, bytes) in [("100 B", 100), ("50 KB", 50_000)] {
        let message = message_of(vec![7; bytes]);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("message of {name}"), |b| {
            b.iter(|| black_box(&message).digest(&network))
        });
    }
    group.throughput(Throughput::Elements(1));
    let echo = echo();
    group.bench_function("echo", |b| b.iter(|| black_box(&echo).digest(&network)));
}

fn signatures(c: &mut Criterion) {
    let mut group = c.benchmark_group("signature");
    group.throughput(Throughput::Elements(1));
    let (network, echo, key) = (network(), echo(), secret(1));
    group.bench_function("sign", |b| b.iter(|| key.sign(&network, black_box(echo))));
    let claim = key.sign(&network, echo).into_claim();
    let public = key.actor().public_key().expect("a generated key");
    group.bench_function("verify", |b| {
        b.iter(|| black_box(claim).verify(&network, &public).expect("good"))
    });
    group.bench_function("make a key ready", |b| {
        b.iter(|| black_box(key.actor()).public_key())
    });
}

fn packets(c: &mut Criterion) {
    let mut group = c.benchmark_group("packet");
    let voters = Voters::new(4);
    let sig = voters.facts[0].sig;
    let proposal = |ops| {
        Body::Proposal(Arc::new(Proposal {
            message: message_of(ops),
            generation: Generation::GENESIS,
            sig,
        }))
    };
    let bodies = [
        ("proposal of 100 B", proposal(vec![7; 100])),
        ("proposal of 50 KB", proposal(vec![7; 50_000])),
        ("echo", Body::Echo(voters.facts[0].into_claim())),
        ("certificate", Body::Certificate(voters.certificate())),
    ];
    for (name, body) in bodies {
        let (from, to) = (actor(1), actor(2));
        let packet = Packet { from, to, body };
        let bytes = packet.encode();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| black_box(&packet).encode())
        });
        let limits = Limits::default();
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| Packet::decode(black_box(&bytes), &limits).expect("just encoded"))
        });
    }
}

fn certificates(c: &mut Criterion, members: u8) {
    let mut group = c.benchmark_group(format!("certificate n={members}"));
    let voters = Voters::new(members);
    let committee = &voters.committee;
    group.throughput(Throughput::Elements(committee.quorum() as u64));
    group.bench_function("tally verified echoes", |b| {
        b.iter(|| voters.certificate());
    });
    let (network, certificate) = (network(), voters.certificate());
    let certify = || {
        let claim = Arc::clone(black_box(&certificate));
        committee
            .certify(&network, claim, |_, _| false)
            .expect("good")
    };
    group.bench_function("certify", |b| b.iter(certify));
    // Other threads have fallen asleep meanwhile.
    group.bench_function("certify after a rest", |b| {
        b.iter_custom(|iterations| {
            let times = (0..iterations).map(|_| {
                std::thread::sleep(Duration::from_millis(1));
                let start = Instant::now();
                black_box(certify());
                start.elapsed()
            });
            times.sum()
        });
    });
}

/// The signatures of 64 proposals by 64 sources, which is what many writers at once ask of a member.
fn proposals_together(c: &mut Criterion) {
    const SOURCES: usize = 64;
    let mut cluster = Cluster::new(65, |_, actor| Set::new(actor));
    for source in 0..SOURCES {
        cluster.propose(source, |set| set.add(member(source as u64)));
    }
    let packets = cluster.waiting_for(SOURCES);
    let replica = cluster.replica(SOURCES);
    let mut group = c.benchmark_group(format!("{SOURCES} proposals"));
    group.throughput(Throughput::Elements(SOURCES as u64));
    group.bench_function("check one by one", |b| {
        b.iter(|| {
            for packet in &packets {
                black_box(replica.precheck([packet]).run());
            }
        })
    });
    group.bench_function("check together", |b| {
        b.iter(|| replica.precheck(&packets).run())
    });
}

fn verdicts<A: SecureBroadcastAlgorithm>(
    c: &mut Criterion,
    name: &str,
    algorithm: &A,
    op: impl Fn(u64) -> A::Op,
) {
    let mut group = c.benchmark_group(format!("verdict {name}"));
    let (from, ops) = (actor(1), (0..BATCH as u64).map(op).collect::<Vec<_>>());
    assert!(algorithm.verdict_batch(&from, &ops).is_valid());
    group.throughput(Throughput::Elements(1));
    group.bench_function("verdict", |b| {
        b.iter(|| algorithm.verdict(&from, black_box(&ops[0])))
    });
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("verdict_batch of 512", |b| {
        b.iter(|| algorithm.verdict_batch(&from, black_box(&ops)))
    });
}

/// A set that stays as large as it is.
fn applying_to_a_set(c: &mut Criterion, name: &str, mut set: Set) {
    let mut group = c.benchmark_group(format!("apply {name}"));
    let members = set.len() as u64;
    let mut number = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("add a member again", |b| {
        let next = || {
            number += 1;
            again(number - 1, number.wrapping_mul(SCATTER), members)
        };
        b.iter_batched(next, |op| set.apply(op), BatchSize::SmallInput);
    });
    group.bench_function("add a member and remove it", |b| {
        let next = || {
            number += 1;
            let dot = dot_after(number - 1);
            let clock = [(dot.actor, dot.counter)].into();
            let members = [format!(
                "{:039}+",
                number.wrapping_mul(SCATTER) % (members / 10)
            )];
            let add = orswot::Op::Add {
                dot,
                members: members.clone().into(),
            };
            (
                add,
                orswot::Op::Rm {
                    clock,
                    members: members.into(),
                },
            )
        };
        let apply = |(add, remove)| {
            set.apply(add);
            set.apply(remove);
        };
        b.iter_batched(next, apply, BatchSize::SmallInput);
    });
    assert_eq!(set.len() as u64, members);
}

fn applying_to_a_bank(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply bank");
    let mut bank = funded(&actors(4), actor(1));
    let mut number = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("transfer", |b| {
        let next = || {
            number += 1;
            transfer(number - 1)
        };
        b.iter_batched(next, |op| bank.apply(op), BatchSize::SmallInput);
    });
    assert!(bank.is_conserved());
}

// ---- the rules of a replica, in a network of four

/// What one member does with one packet of a message's way through the network. The members take what comes in the
/// order of sending: the echoes of 1 and 2 make the quorum, with the source's own.
const RULES: [(&str, &str, usize, usize); 5] = [
    ("echo rule: a proposal", "proposal", 1, 0),
    ("tally: an echo", "echo", 0, 0),
    ("tally: the quorum's last echo, delivered", "echo", 0, 1),
    (
        "deliver rule: a certificate with one's own echo",
        "certificate",
        1,
        0,
    ),
    ("deliver rule: a certificate without", "certificate", 3, 0),
];

fn rules<A: WireAlgorithm>(
    c: &mut Criterion,
    name: &str,
    batch: usize,
    make: impl Fn(&[Actor], Actor) -> A,
    op: impl Fn(&A, usize, Actor) -> A::Op,
) {
    let mut group = c.benchmark_group(format!("rules {name} n=4 batch={batch}"));
    configure(&mut group, batch);
    for (title, kind, by, nth) in RULES {
        group.bench_function(title, |b| {
            b.iter_custom(|iterations| {
                let mut cluster = Cluster::new(4, &make);
                let times = (0..iterations).map(|_| {
                    let handled = round(&mut cluster, batch, &op);
                    let mut these = handled.iter().filter(|h| (h.kind, h.by) == (kind, by));
                    these.nth(nth).expect("in each round").time
                });
                times.sum()
            });
        });
    }
}

/// Flat and short: a round costs several times what is measured of it, and the lanes of a sample stay in memory.
fn configure(group: &mut Group<'_>, batch: usize) {
    group.throughput(Throughput::Elements(batch as u64));
    group.sampling_mode(SamplingMode::Flat);
    group.sample_size(30);
    group.warm_up_time(Duration::from_millis(20));
    group.measurement_time(Duration::from_millis(150));
}

/// One message of `batch` operations goes its way, and what everybody did with it.
fn round<A: WireAlgorithm>(
    cluster: &mut Cluster<A>,
    batch: usize,
    op: impl Fn(&A, usize, Actor) -> A::Op,
) -> Vec<Handled> {
    let to = cluster.actors()[1];
    // A large message forms while a small one is under way.
    let small = usize::from(batch > 1);
    (0..batch + small).for_each(|number| cluster.propose(0, |ahead| op(ahead, number, to)));
    let handled: Vec<_> = std::iter::from_fn(|| cluster.handle_one()).collect();
    let last = handled.iter().filter_map(|handled| handled.dot).max();
    handled
        .into_iter()
        .filter(|handled| handled.dot == last)
        .collect()
}
