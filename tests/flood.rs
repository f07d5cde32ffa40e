//! A million packets by outsiders and by a member that lies: what a replica holds stays within its
//! stated bounds.

#[path = "promises/common/mod.rs"]
mod common;

use std::sync::Arc;

use bft_crdts::actor::{Sig, Signed};
use bft_crdts::codec::{Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Equivocation, Message, Packet, Proposal, PullRequest, PullResponse,
    Replica, Segment, Summary,
};
use bft_crdts::dot::{Dot, Head, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::Generation;
use bft_crdts::{Actor, SigningActor};
use common::{Table, add, key, remove};

const PACKETS: usize = 1_000_000;
/// Different signed packets of each kind; the flood repeats them, with what needs no signature
/// changed each time.
const POOL: u64 = 200;
/// What the process may grow by, whatever comes. Measured on Linux, debug build: it does not grow
/// at all.
const GROWTH_BYTES: usize = 64 << 20;

struct Flooder {
    table: Table,
    liar: usize,
    outsider: SigningActor,
}

impl Flooder {
    fn message(&self, source: Actor, seq: u64, salt: u64) -> Message {
        let parent = match seq {
            1 => self.table.network().digest(),
            _ => digest(salt),
        };
        // Large where it can be held: early removals fill a message.
        let ops = match salt % 3 {
            0 => vec![remove(self.table.actor(0), salt + 1, salt as u8); 900],
            1 => vec![add(source, 1, salt as u8)],
            _ => vec![add(source, salt + 5, salt as u8)],
        };
        Message {
            source,
            seq: Seq::new(seq),
            parent,
            ops: bft_crdts::codec::encode(&ops).into(),
        }
    }

    fn proposal(&self, by: &SigningActor, seq: u64, salt: u64) -> Arc<Proposal> {
        use bft_crdts::actor::Statement;
        let message = self.message(by.actor(), seq, salt);
        let echo = Echo {
            generation: Generation::GENESIS,
            dot: message.dot(),
            digest: message.digest(&self.table.network()),
        };
        Arc::new(Proposal {
            message,
            generation: echo.generation,
            sig: by.sign(&self.table.network(), echo).sig,
        })
    }

    fn summary(&self, by: &SigningActor, salt: u64) -> Arc<Signed<Summary>> {
        let head = |actor: Actor| {
            let seq = Seq::new(u64::MAX - salt);
            let digest = digest(salt);
            (actor, Head { seq, digest })
        };
        let strangers = (0..200u64).map(|index| stranger(salt * 1000 + index));
        let members = self.table.keys.iter().map(SigningActor::actor);
        let summary = Summary {
            generation: Generation::GENESIS,
            frontier: strangers.clone().chain(members).map(head).collect(),
            convicted: strangers.collect(),
        };
        Arc::new(by.sign(&self.table.network(), summary).into_claim())
    }

    fn certificate(&self, by: &SigningActor, seq: u64, salt: u64) -> Arc<Certificate> {
        let statement = Echo {
            generation: Generation::GENESIS,
            dot: Dot {
                source: self.table.actor(salt as usize % 4),
                seq: Seq::new(seq),
            },
            digest: digest(salt),
        };
        let sig = by.sign(&self.table.network(), statement).sig;
        let seats = self.table.seats();
        let signatures = seats[..3].iter().map(|seat| (*seat, sig)).collect();
        Arc::new(Certificate {
            statement,
            signatures,
        })
    }

    fn evidence(&self, by: &SigningActor, salt: u64) -> Arc<Equivocation> {
        let claim = |salt| {
            let dot = Dot {
                source: by.actor(),
                seq: Seq::new(3),
            };
            let echo = Echo {
                generation: Generation::GENESIS,
                dot,
                digest: digest(salt),
            };
            by.sign(&self.table.network(), echo).into_claim()
        };
        let (left, right) = (claim(salt), claim(salt + 1));
        Arc::new(Equivocation::Echo(Conflict { left, right }))
    }

    /// One of each kind by `by`, for one number.
    fn bodies(&self, by: &SigningActor, salt: u64) -> Vec<Body> {
        let echo = |source: Actor, seq| {
            let echo = Echo {
                generation: Generation::GENESIS,
                dot: Dot {
                    source,
                    seq: Seq::new(seq),
                },
                digest: digest(salt),
            };
            Body::Echo(by.sign(&self.table.network(), echo).into_claim())
        };
        let next = self.proposal(by, 1, salt);
        let certificate = self.certificate(by, 2 + salt, salt);
        let segment = Segment {
            source: by.actor(),
            proposals: vec![Arc::clone(&next)],
            certificate: Some(Arc::clone(&certificate)),
        };
        let summary = self.summary(by, salt);
        vec![
            Body::Proposal(next),
            Body::Proposal(self.proposal(by, 2 + salt, salt)),
            echo(self.table.actor(0), 1),
            echo(by.actor(), 1 + salt),
            Body::Certificate(self.certificate(by, 1, salt)),
            Body::Certificate(certificate),
            Body::Announce(Arc::clone(&summary)),
            Body::SummaryAck(Arc::clone(&summary)),
            Body::PullRequest(PullRequest {
                summary: Some(Arc::clone(&summary)),
                known: Generation::GENESIS,
                held: (0..50)
                    .map(|index| (stranger(salt + index), Seq::MAX))
                    .collect(),
            }),
            Body::PullResponse(PullResponse {
                proofs: Vec::new(),
                pruned: false,
                segments: vec![segment],
                summary: Some(summary),
            }),
        ]
    }
}

fn digest(salt: u64) -> Digest {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&salt.to_le_bytes());
    Digest::from_bytes(bytes)
}

fn stranger(number: u64) -> Actor {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Actor::from_bytes(bytes)
}

/// Resident memory of this process, where the system tells.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn assert_bounded(replica: &Replica<Orswot<u8>>, limits: &Limits) {
    let held = replica.memory_use();
    assert_eq!(held.lanes, 4);
    assert!(held.peers <= 3);
    assert!(held.evidence <= 4);
    let lane = 2 * limits.message_bytes + limits.segment_bytes;
    assert!(held.most_lane_bytes <= lane as usize);
    assert!(held.outbox_bytes <= limits.outbox_bytes as usize);
}

/// Floods seat 0 and yields how many packets were taken. A tick comes every thousand packets.
fn flood(flooder: &mut Flooder, pool: &[Body], packets: usize) -> usize {
    let to = flooder.table.actor(0);
    let limits = flooder.table.genesis.limits().clone();
    let before = resident();
    let mut taken = 0;
    let mut answered = 0;
    for number in 0..packets {
        let mut body = pool[number % pool.len()].clone();
        if number >= pool.len() {
            spoil(&mut body, number);
        }
        // Any return address.
        let from = match number % 3 {
            0 => stranger(number as u64),
            _ => flooder.table.actor(number % 4),
        };
        let replica = &mut flooder.table.replicas[0];
        if let Ok(step) = replica.handle_packet(Packet { from, to, body }) {
            taken += 1;
            answered += step.packets().count();
            assert!(step.delivered.is_empty());
        }
        if number.is_multiple_of(1000) {
            let step = replica.tick();
            assert!(
                step.packets().count() <= 64,
                "{} packets on a tick",
                step.packets().count()
            );
            assert_bounded(replica, &limits);
        }
    }
    assert_bounded(&flooder.table.replicas[0], &limits);
    assert!(answered <= 2 * taken, "at most two answers a packet");
    if let (Some(before), Some(after)) = (before, resident()) {
        let growth = after.saturating_sub(before);
        assert!(growth < GROWTH_BYTES, "grew by {growth} bytes");
    }
    taken
}

/// Changes what costs the flooder nothing, in two thirds of the packets: the rest are good for what
/// they are.
fn spoil(body: &mut Body, number: usize) {
    let mut junk = [0; 64];
    junk[..8].copy_from_slice(&number.to_le_bytes());
    junk[32..40].copy_from_slice(&number.to_le_bytes());
    let junk = Sig::from_bytes(junk);
    match body {
        _ if number.is_multiple_of(3) => {}
        Body::Proposal(proposal) => {
            Arc::make_mut(proposal).sig = junk;
        }
        Body::Echo(echo) => echo.sig = junk,
        Body::Certificate(certificate) => {
            let mut forged = Certificate::clone(certificate);
            forged.signatures[0].1 = junk;
            *certificate = Arc::new(forged);
        }
        _ => {}
    }
}

fn flooder() -> Flooder {
    let mut table = Table::of(4);
    // Something of its own is in flight, so that echoes are wanted.
    table.add(0, 255);
    table.take_wire();
    Flooder {
        table,
        liar: 3,
        outsider: key(99),
    }
}

#[test]
fn half_a_million_packets_of_outsiders_leave_nothing_behind() {
    let mut flooder = flooder();
    let outsider = flooder.outsider.clone();
    let mut pool = Vec::new();
    for salt in 0..POOL {
        pool.extend(flooder.bodies(&outsider, salt));
        pool.push(Body::Evidence(flooder.evidence(&outsider, salt)));
    }
    let before = flooder.table.replicas[0].memory_use();
    flood(&mut flooder, &pool, PACKETS / 2);
    assert_eq!(flooder.table.replicas[0].memory_use(), before);
    assert!(flooder.table.replicas[0].convicted().is_empty());
    still_works(flooder);
}

#[test]
fn half_a_million_packets_of_a_member_leave_no_more_than_the_bounds_say() {
    let mut flooder = flooder();
    let liar = flooder.table.keys[flooder.liar].clone();
    let mut pool = Vec::new();
    for salt in 0..POOL {
        pool.extend(flooder.bodies(&liar, salt));
    }
    // At last it convicts itself, many times over.
    let evidence = (0..POOL).map(|salt| Body::Evidence(flooder.evidence(&liar, salt)));
    let evidence: Vec<_> = evidence.collect();
    pool.extend(evidence);
    let taken = flood(&mut flooder, &pool, PACKETS / 2);
    assert!(taken > 1000);
    let convicted = flooder.table.replicas[0].convicted().keys();
    assert!(convicted.eq([&liar.actor()]));
    still_works(flooder);
}

/// After all that, the three others work on.
fn still_works(mut flooder: Flooder) {
    let liar = flooder.table.actor(flooder.liar);
    let step = flooder.table.replicas[0].tick();
    flooder.table.spend(0, step);
    for _ in 0..130 {
        (0..3).for_each(|seat| flooder.table.tick(seat));
        flooder
            .table
            .carry(|packet| packet.to != liar && packet.from != liar);
    }
    for seat in 0..3 {
        assert!(flooder.table.replicas[seat].algorithm().contains(&255));
    }
}
