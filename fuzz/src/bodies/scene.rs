//! Where a script begins: tables of replicas at the turning points of one honest run, with all
//! packets sent so far.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use bft_crdts::actor::{Signed, Statement};
use bft_crdts::codec::{Digest, Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet};
use bft_crdts::membership::{Boundary, Change, CheckedReport};
use bft_crdts::quorum::Generation;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

use crate::common::Table;

/// The chair whose key a script holds. Everybody else is correct.
pub(super) const LIAR: usize = 3;

/// A moment of the run.
pub(super) struct Scene {
    pub(super) table: Table,
    /// Every packet sent until now, each once.
    pub(super) pool: Vec<Packet>,
    /// The reports among them that count now.
    pub(super) reports: Vec<CheckedReport>,
    /// Keys and digests that somebody signed: what is put in another's place.
    pub(super) words: Vec<[u8; 32]>,
}

/// Bounds so small that a script reaches them.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.message_bytes = 512;
    limits.message_ops = 4;
    limits.seats = 8;
    limits.lanes = 12;
    limits.packet_bytes = 64 << 10;
    limits.segment_bytes = 512;
    limits.segment_messages = 2;
    limits.outbox_bytes = 1024;
    limits
}

/// The turning points, recorded once a process.
pub(super) fn scenes() -> &'static [Scene] {
    static SCENES: OnceLock<Vec<Scene>> = OnceLock::new();
    SCENES.get_or_init(record)
}

impl Scene {
    pub(super) fn boundary(&self) -> &Boundary {
        self.table.replicas[0].boundary()
    }

    /// Reports that were sent and count now.
    fn reports_now(&self) -> Vec<CheckedReport> {
        let last = self.boundary();
        let sent = self.pool.iter().filter_map(|packet| match &packet.body {
            Body::Report { report, .. } => Some(Signed::clone(report)),
            _ => None,
        });
        let signed = sent.filter_map(|report| last.committee().verify(last.network(), report).ok());
        signed
            .filter_map(|report| CheckedReport::of(last, report).ok())
            .collect()
    }

    /// The same moment again: each replica as its records left it, and what it then says under way.
    pub(super) fn restore(&self) -> Table {
        let seats = self.table.keys.len();
        let mut table = Table {
            keys: self.table.keys.clone(),
            genesis: self.table.genesis.clone(),
            first: None,
            replicas: Vec::new(),
            records: self.table.records.clone(),
            wire: self.table.wire.clone(),
            delivered: self.table.delivered.clone(),
            faults: vec![Vec::new(); seats],
            refused: Vec::new(),
        };
        for seat in 0..seats {
            let (mut replica, step) = table.rebuild(seat);
            if seat > LIAR {
                self.table.keys[..=LIAR]
                    .iter()
                    .for_each(|key| replica.meet(key.actor()));
            }
            table.replicas.push(replica);
            table.spend(seat, step);
        }
        table
    }

    /// What packets are made of, encoded alone.
    pub(super) fn parts(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut parts = vec![("genesis", encode(&self.table.genesis))];
        for packet in &self.pool {
            parts.extend(part(&packet.body));
        }
        let state = self.table.replicas[0].algorithm().state();
        parts.push(("state", encode(&state)));
        parts
    }
}

fn part(body: &Body) -> Vec<(&'static str, Vec<u8>)> {
    match body {
        Body::Proposal(proposal) => vec![
            ("proposal", encode(proposal)),
            ("message", encode(&proposal.message)),
            ("ops", proposal.message.ops.as_slice().to_vec()),
        ],
        Body::Certificate(certificate) => vec![("certificate", encode(certificate))],
        Body::Announce(summary) => vec![("summary", encode(summary))],
        Body::PullRequest(request) => vec![("pull-request", encode(request))],
        Body::PullResponse(answer) => vec![("pull-response", encode(answer))],
        Body::Evidence(evidence) => vec![("evidence", encode(evidence))],
        Body::Approve(approved) => vec![("change-approval", encode(approved))],
        Body::Report { report, changes } => {
            let mut parts = vec![("report", encode(report))];
            parts.extend(
                changes
                    .iter()
                    .map(|change| ("change-certificate", encode(change))),
            );
            parts
        }
        Body::Agreement { message, .. } => vec![("agreement", encode(message))],
        Body::Value(value) => vec![("value", encode(value))],
        Body::GenerationProof(proof) => vec![
            ("generation-proof", encode(proof)),
            ("header", encode(&proof.header)),
        ],
        Body::Snapshot { part, .. } => vec![("snapshot", encode(part))],
        _ => Vec::new(),
    }
}

/// The run, and what the camera has seen of it.
struct Film {
    table: Table,
    pool: Vec<Packet>,
    scenes: Vec<Scene>,
}

fn record() -> Vec<Scene> {
    let mut film = Film {
        table: Table::bounded(4, limits()),
        pool: Vec::new(),
        scenes: Vec::new(),
    };
    film.members_add();
    film.a_generation_ends();
    film.somebody_joins();
    film.scenes
}

impl Film {
    fn members_add(&mut self) {
        (0..4).for_each(|seat| self.table.add(seat, 1));
        self.cut();
        self.roll(|_| true);
        (0..4).for_each(|seat| self.table.add(seat, 2));
        self.roll(|_| true);
        self.pass(2, |_| true);
        self.cut();
        // In flight: all are locked, and no certificate arrives.
        (0..4).for_each(|seat| self.table.add(seat, 3));
        self.roll(|packet| !matches!(packet.body, Body::Certificate(_)));
        self.cut();
    }

    fn a_generation_ends(&mut self) {
        let late = self.table.actor(2);
        for seat in [0, 1] {
            self.approve(seat, Change::Renew);
        }
        self.roll(|packet| matches!(packet.body, Body::Approve(_)));
        self.cut();
        self.approve(LIAR, Change::Renew);
        self.roll(|packet| matches!(packet.body, Body::Approve(_) | Body::Report { .. }));
        self.cut();
        for _ in 0..40 {
            self.pass(1, |packet| packet.to != late && packet.from != late);
            if self.table.replicas[0].generation() > Generation::GENESIS {
                break;
            }
        }
        self.cut();
        self.pass(20, |_| true);
        self.cut();
    }

    fn somebody_joins(&mut self) {
        let newcomer = self.table.enter(5, |_| {});
        self.pass(4, |_| true);
        let step = self.table.replicas[newcomer].ask_to_join();
        self.table.spend(newcomer, step);
        let entry = self.table.entry(newcomer);
        self.cut();
        for seat in 0..3 {
            self.approve(seat, entry);
        }
        self.cut();
        self.pass(30, |_| true);
        self.table.add(newcomer, 9);
        self.pass(4, |_| true);
        self.cut();
        // Somebody who has nothing yet, and a restart of somebody who missed the last message.
        self.table.enter(6, |_| {});
        self.table.add(0, 10);
        let out = self.table.actor(1);
        self.roll(|packet| packet.to != out);
        self.cut();
    }

    fn approve(&mut self, seat: usize, change: Change) {
        // The last ones may hold the change already.
        if let Ok(step) = self.table.replicas[seat].approve(change) {
            self.table.spend(seat, step);
        }
    }

    fn roll(&mut self, lets: impl Fn(&Packet) -> bool) {
        let pool = &mut self.pool;
        self.table.carry(|packet| {
            if !pool.contains(packet) {
                pool.push(packet.clone());
            }
            lets(packet)
        });
    }

    fn pass(&mut self, ticks: u32, lets: impl Fn(&Packet) -> bool) {
        for _ in 0..ticks {
            (0..self.table.replicas.len()).for_each(|seat| self.table.tick(seat));
            self.roll(&lets);
        }
    }

    /// Takes a scene. What is under way goes on in the run.
    fn cut(&mut self) {
        for packet in &self.table.wire {
            if !self.pool.contains(packet) {
                self.pool.push(packet.clone());
            }
        }
        let mut scene = Scene {
            table: Table {
                keys: self.table.keys.clone(),
                genesis: self.table.genesis.clone(),
                first: None,
                replicas: Vec::new(),
                records: self.table.records.clone(),
                wire: self.table.wire.clone(),
                delivered: self.table.delivered.clone(),
                faults: Vec::new(),
                refused: Vec::new(),
            },
            pool: self.pool.clone(),
            reports: Vec::new(),
            words: words(&self.table, &self.pool),
        };
        let rebuilt = (0..scene.table.keys.len()).map(|seat| scene.table.rebuild(seat).0);
        scene.table.replicas = rebuilt.collect();
        scene.reports = scene.reports_now();
        self.scenes.push(scene);
    }
}

fn words(table: &Table, pool: &[Packet]) -> Vec<[u8; 32]> {
    let network = table.network();
    let mut words: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut digest = |digest: Digest| words.insert(*digest.as_bytes());
    digest(network.digest());
    digest(table.genesis.state().snapshot);
    digest(table.genesis.state().records);
    for replica in &table.replicas {
        digest(replica.boundary().value());
    }
    for packet in pool {
        match &packet.body {
            Body::Proposal(proposal) => digest(proposal.message.digest(&network)),
            Body::Value(value) => digest(value.digest(&network)),
            _ => false,
        };
    }
    let keys = table.keys.iter().map(SigningActor::actor);
    words.extend(keys.map(|actor| *actor.as_bytes()));
    words.into_iter().collect()
}
