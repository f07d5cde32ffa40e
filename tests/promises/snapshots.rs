//! Starting from a certified snapshot: whom it is asked of, in which parts, and what it leaves as
//! it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Table, Told, key, keys, kinds, opaque};
use bft_crdts::actor::{Actor, SigningActor, Work};
use bft_crdts::codec::{Digest, Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Packet, PacketError, PullResponse, Record, Replica, SnapshotPart, SnapshotQuestion,
    Summary,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{
    Approval, Approvals, Boundary, Change, GenerationProof, Genesis, Report, Round, Vote, VoteKind,
};
use bft_crdts::quorum::{Certificate, Generation};
use bft_crdts::snapshot::{CHUNK, Snapshot};
use bft_crdts::{SecureBroadcastAlgorithm, Verdict};

// ---- a large state, in parts

/// A state of many bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blob(Vec<u8>);

impl SecureBroadcastAlgorithm for Blob {
    type Op = u8;
    type ReplicatedState = Vec<u8>;
    const NAME: &'static str = "blob/1";
    fn new(_: Actor) -> Self {
        Self(Vec::new())
    }
    fn state(&self) -> Vec<u8> {
        self.0.clone()
    }
    fn sync_from(&mut self, other: Vec<u8>) {
        self.0 = other;
    }
    fn validate(&self, _: &Actor, _: &u8) -> bool {
        true
    }
    fn apply(&mut self, op: u8) {
        self.0.push(op);
    }
    fn verdict(&self, _: &Actor, _: &u8) -> Verdict {
        Verdict::Valid
    }
}

/// Four members, and somebody new.
struct Story {
    keys: Vec<SigningActor>,
    last: Boundary,
    follower: Replica<Blob>,
}

impl Story {
    fn begin() -> Self {
        let keys = keys(4);
        let members = keys.iter().map(SigningActor::actor).collect();
        let genesis = Genesis::new(&Blob(Vec::new()), members, Limits::default(), [0; 32]);
        let genesis = genesis.expect("a good genesis");
        let last = Boundary::genesis(&genesis).expect("a good genesis");
        let follower = Replica::recover(key(99), Blob(Vec::new()), genesis, []);
        let follower = follower.expect("the genesis fits").0;
        Self {
            keys,
            last,
            follower,
        }
    }

    /// The next generation, which begins with this state after another message of the first member.
    fn found(&mut self, state: &Snapshot) -> Body {
        let (last, network) = (&self.last, self.last.network());
        let mut approvals = Approvals::default();
        let mut certified = self.keys.iter().filter_map(|key| {
            let approval = Approval {
                generation: last.generation(),
                change: Change::Renew.key(),
            };
            let fact = key.sign(network, approval);
            approvals.add(last, &Change::Renew, fact).expect("a change")
        });
        let certified = certified.next().expect("a quorum");
        let source = self.keys[0].actor();
        let reports = self.keys[..3].iter().map(|key| {
            let mut report = Report::of(last);
            let seq = last.head(&source).seq.next().expect("a number");
            let digest = Digest::from_bytes([7; 32]);
            report.heads.insert(source, Head { seq, digest });
            key.sign(network, report)
        });
        let reports: Vec<_> = reports.collect();
        let state = opaque(state.manifest().digest());
        let value = Told::of(last, &[certified], &reports, state);
        let statement = Vote {
            generation: last.generation(),
            round: Round::FIRST,
            kind: VoteKind::Precommit(Some(value.digest(network))),
        };
        let seats = last
            .committee()
            .seats()
            .map(|(seat, _)| seat)
            .zip(&self.keys);
        let signatures = seats.map(|(seat, key)| (seat, key.sign(network, statement).sig));
        let certificate = Arc::new(Certificate {
            statement,
            signatures: signatures.take(3).collect(),
        });
        let next = value.check(last).expect("a good value").next;
        let proof = GenerationProof {
            header: value.header(network),
            certificate,
            ending: Some(Arc::clone(next.ending())),
        };
        proof.verify(last).expect("a good generation");
        self.last = next;
        Body::GenerationProof(Arc::new(proof))
    }

    /// What the newcomer says when a member says this.
    fn hear(&mut self, member: usize, body: Body) -> Result<Vec<Packet>, PacketError> {
        let packet = Packet {
            from: self.keys[member].actor(),
            to: self.follower.actor(),
            body,
        };
        Ok(self.follower.handle_packet(packet)?.packets().collect())
    }

    fn part(&self, part: SnapshotPart) -> Body {
        let generation = self.last.generation();
        Body::Snapshot { generation, part }
    }
}

fn large(fill: u8) -> Snapshot {
    let bytes: Vec<u8> = (0..3 * CHUNK + 100)
        .map(|i| (i / CHUNK) as u8 + fill)
        .collect();
    Snapshot::from_bytes(encode(&bytes).into())
}

fn chunk(state: &Snapshot, index: u32) -> SnapshotPart {
    let bytes = state
        .chunk(index as usize)
        .expect("a chunk")
        .to_vec()
        .into();
    SnapshotPart::Chunk { index, bytes }
}

/// The parts that are asked for: of whom, of which generation, which.
fn asked(packets: &[Packet]) -> Vec<(Actor, u64, Option<u32>)> {
    let asked = packets.iter().filter_map(|packet| match packet.body {
        Body::FetchSnapshot { generation, part } => {
            let chunk = match part {
                SnapshotQuestion::Chunk(index) => Some(index),
                SnapshotQuestion::Manifest => None,
                SnapshotQuestion::Ending => panic!("it was shown"),
            };
            Some((packet.to, generation.number(), chunk))
        }
        _ => None,
    });
    asked.collect()
}

#[test]
fn each_member_is_asked_for_another_part_and_the_last_ones_of_whoever_answers() {
    let (mut story, state) = (Story::begin(), large(0));
    let of = |story: &Story, member: usize, part| (story.keys[member].actor(), 1, part);
    let proof = story.found(&state);
    let sent = story.hear(0, proof).expect("a generation");
    let manifest: Vec<_> = (0..4).map(|member| of(&story, member, None)).collect();
    assert_eq!(asked(&sent), manifest);
    for member in 0..4u32 {
        let body = story.part(SnapshotPart::Manifest(state.manifest().clone()));
        let sent = story.hear(member as usize, body).expect("the manifest");
        assert_eq!(asked(&sent), [of(&story, member as usize, Some(member))]);
    }
    let body = story.part(chunk(&state, 0));
    let sent = story.hear(0, body).expect("a chunk");
    assert_eq!(
        asked(&sent),
        [of(&story, 0, Some(1))],
        "the others are slow"
    );
    for index in 1..4 {
        assert_eq!(story.follower.generation(), Generation::GENESIS);
        let body = story.part(chunk(&state, index));
        story.hear(0, body).expect("a chunk");
    }
    assert_eq!(story.follower.generation().number(), 1);
    assert_eq!(
        encode(&story.follower.algorithm().0),
        state.bytes().as_slice()
    );
}

/// The sender of a packet is a claim: whoever shows one good part under many names would have them
/// all remembered, and every part marked as asked for.
#[test]
fn who_was_not_asked_for_a_part_and_shows_one_is_asked_for_none() {
    let (mut story, state) = (Story::begin(), large(0));
    let proof = story.found(&state);
    story.hear(0, proof).expect("a generation");
    let body = story.part(SnapshotPart::Manifest(state.manifest().clone()));
    story.hear(0, body).expect("the manifest");
    for number in 50..60 {
        let packet = Packet {
            from: key(number).actor(),
            to: story.follower.actor(),
            body: story.part(chunk(&state, 0)),
        };
        let step = story.follower.handle_packet(packet).expect("a good part");
        assert_eq!(asked(&step.packets().collect::<Vec<_>>()), []);
    }
    let body = story.part(chunk(&state, 1));
    let sent = story.hear(1, body).expect("a good part");
    assert_eq!(asked(&sent).len(), 1, "who was asked is asked for more");
}

#[test]
fn a_manifest_or_a_chunk_of_another_state_is_refused() {
    let (mut story, state, other) = (Story::begin(), large(0), large(1));
    let proof = story.found(&state);
    story.hear(0, proof).expect("a generation");
    let refused = PacketError::Snapshot(story.last.generation());
    let false_one = story.part(SnapshotPart::Manifest(other.manifest().clone()));
    assert_eq!(story.hear(1, false_one), Err(refused.clone()));
    let body = story.part(SnapshotPart::Manifest(state.manifest().clone()));
    story.hear(0, body).expect("the manifest");
    let false_one = story.part(chunk(&other, 0));
    assert_eq!(story.hear(1, false_one), Err(refused.clone()));
    let SnapshotPart::Chunk { bytes, .. } = chunk(&state, 1) else {
        return;
    };
    let misplaced = story.part(SnapshotPart::Chunk { index: 0, bytes });
    assert_eq!(story.hear(1, misplaced), Err(refused));
    for index in 0..4 {
        let body = story.part(chunk(&state, index));
        story.hear(0, body).expect("a chunk");
    }
    assert_eq!(story.follower.generation().number(), 1);
}

#[test]
fn a_newer_snapshot_is_fetched_instead_and_the_same_one_is_not_begun_anew() {
    let (mut story, old, new) = (Story::begin(), large(0), large(1));
    let proof = story.found(&old);
    story.hear(0, proof).expect("a generation");
    let body = story.part(SnapshotPart::Manifest(old.manifest().clone()));
    story.hear(0, body).expect("the manifest");
    // Somebody says that it keeps nothing from so long ago: that is known.
    let summary = Summary {
        generation: Generation::GENESIS,
        frontier: BTreeMap::new(),
        convicted: [].into(),
    };
    let summary = story.keys[1].sign(story.last.network(), summary);
    let pruned = PullResponse {
        proofs: Vec::new(),
        pruned: true,
        segments: Vec::new(),
        summary: Some(Arc::new(summary.into_claim())),
    };
    let questions = story.follower.tick().send;
    assert!(
        questions
            .iter()
            .any(|packet| packet.body.kind() == "request")
    );
    let sent = story
        .hear(1, Body::PullResponse(pruned))
        .expect("an answer");
    assert_eq!(asked(&sent), []);
    let late = story.part(chunk(&old, 0));
    let proof = story.found(&new);
    let sent = story.hear(0, proof).expect("a generation");
    let members = story.keys.iter();
    let again: Vec<_> = members.map(|key| (key.actor(), 2, None)).collect();
    assert_eq!(asked(&sent), again);
    assert_eq!(story.hear(1, late).expect("of no use"), []);
    let body = story.part(SnapshotPart::Manifest(new.manifest().clone()));
    story.hear(0, body).expect("the manifest");
    for index in 0..4 {
        let body = story.part(chunk(&new, index));
        story.hear(0, body).expect("a chunk");
    }
    assert_eq!(story.follower.generation().number(), 2);
    assert_eq!(
        encode(&story.follower.algorithm().0),
        new.bytes().as_slice()
    );
}

// ---- what it costs

/// Snapshots that are made while this happens.
fn snapshots_made(table: &mut Table, happens: impl FnOnce(&mut Table)) -> u64 {
    let before = Work::so_far().snapshots;
    happens(table);
    Work::so_far().snapshots - before
}

#[test]
fn a_new_generation_walks_the_state_once_at_each_member() {
    let mut table = Table::of(4);
    (0..4).for_each(|seat| table.add(seat, seat as u8));
    table.run(4);
    for generation in 1..4 {
        let made = snapshots_made(&mut table, |table| {
            table.approve(&[0, 1, 2], Change::Renew);
        });
        assert_eq!(table.replicas[3].generation().number(), generation);
        assert_eq!(made, 4, "generation {generation}");
    }
}

/// One member has seen a message more than the others have, and none of them has its certificate.
#[test]
fn members_that_are_not_level_walk_the_state_once_a_frontier_whatever_else_is_said() {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.run(4);
    table.add(0, 2);
    table.carry(|packet| packet.body.kind() != "certificate");
    let heads: Vec<_> = (0..4).map(|seat| table.replicas[seat].frontier()).collect();
    assert!(heads[0] != heads[1] && heads[1] == heads[2]);
    let made = snapshots_made(&mut table, |table| {
        for seat in 1..4 {
            let step = table.replicas[seat].approve(Change::Renew);
            table.spend(seat, step.expect("a member"));
        }
        let apart = |packet: &Packet| !matches!(packet.body, Body::GenerationProof(_));
        for _ in 0..12 {
            table.carry(apart);
            for seat in 0..4 {
                for other in 0..4 {
                    let body = Body::Announce(table.summary(other));
                    let from = table.actor(other);
                    // Known to be late, it may be refused: it is said all the same.
                    let _ = table.give(from, seat, body);
                }
                table.tick(seat);
            }
        }
        table.run(8);
    });
    assert!((0..4).all(|seat| table.replicas[seat].generation().number() == 1));
    assert!(made <= 8, "{made} snapshots");
}

// ---- whom one knows

#[test]
fn a_newcomer_remembers_whom_it_meets_but_itself_and_no_more_contacts_than_there_are_seats() {
    let mut limits = Limits::default();
    limits.seats = 6;
    let mut table = Table::bounded(4, limits);
    let newcomer = table.enter(50, |_| ());
    let replica = &mut table.replicas[newcomer];
    let peers = |replica: &Replica<_>| replica.memory_use().peers;
    assert_eq!(peers(replica), 4);
    replica.meet(key(50).actor());
    assert_eq!(peers(replica), 4, "itself");
    replica.meet(key(60).actor());
    replica.meet(key(60).actor());
    assert_eq!(peers(replica), 5);
    for contact in 61..70 {
        replica.meet(key(contact).actor());
    }
    assert_eq!(peers(replica), 4 + 6);
}

#[test]
fn the_members_of_the_generation_are_remembered_and_nobody_else() {
    let mut table = Table::of(4);
    let newcomer = table.enter(50, |_| ());
    table.run(8);
    let entry = table.entry(newcomer);
    table.approve(&[0, 1, 2, 3], entry);
    let peers = |table: &Table, seat: usize| table.replicas[seat].memory_use().peers;
    for seat in 0..5 {
        assert_eq!(peers(&table, seat), 4, "{seat}");
    }
    let leaver = table.actor(3);
    table.approve(&[0, 1, 2, newcomer], Change::Leave(leaver));
    for seat in [0, 1, 2, newcomer] {
        assert_eq!(peers(&table, seat), 3, "{seat}");
    }
    assert_eq!(peers(&table, 3), 4, "it can ask all of them");
}

#[test]
fn the_snapshots_of_the_last_two_generations_are_kept() {
    let mut table = Table::of(4);
    for generation in 1..=4 {
        table.add(0, generation);
        table.run(4);
        table.approve(&[0, 1, 2], Change::Renew);
        let begun = table.replicas[0].generation().number();
        assert_eq!(begun, u64::from(generation));
        let mut next = Some(Generation::GENESIS);
        let mut served = Vec::new();
        while let Some(generation) = next.filter(|next| next.number() <= begun) {
            let body = Body::FetchSnapshot {
                generation,
                part: SnapshotQuestion::Manifest,
            };
            table.take_wire();
            let given = table.give(key(99).actor(), 0, body);
            given.expect("a question");
            if kinds(&table.take_wire()) == ["snapshot"] {
                served.push(generation.number());
            }
            next = generation.next();
        }
        assert_eq!(served, [begun - 1, begun]);
    }
}

// ---- what it leaves as it was

/// The lane of which the last member is to miss more than a segment, and another of which it misses
/// nothing.
const LONG: usize = 0;
const SHORT: usize = 1;
const AWAY: usize = 3;

fn short_segments() -> Table {
    let mut limits = Limits::default();
    limits.segment_messages = 2;
    Table::bounded(4, limits)
}

/// While one is away the others go on for longer than a segment, and begin a generation.
fn go_on_without(table: &mut Table) {
    let away = table.actor(AWAY);
    let here = move |packet: &Packet| packet.from != away && packet.to != away;
    table.carry(here);
    for member in 0..5 {
        table.add(LONG, member);
        table.carry(here);
    }
    for seat in 0..AWAY {
        let step = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, step.expect("a change"));
    }
    for _ in 0..40 {
        table.carry(here);
        (0..AWAY).for_each(|seat| table.tick(seat));
    }
    table.take_wire();
    assert_eq!(table.replicas[LONG].generation().number(), 1);
}

fn took_a_snapshot(table: &Table) -> bool {
    let mut records = table.records[AWAY].iter();
    records.any(|record| matches!(record, Record::Snapshot { .. }))
}

#[test]
fn lanes_that_the_snapshot_does_not_move_keep_their_messages() {
    let mut table = short_segments();
    for member in [100, 101, 102] {
        table.add(SHORT, member);
        table.carry_all();
    }
    table.run(4);
    go_on_without(&mut table);
    table.run(60);
    assert!(took_a_snapshot(&table));
    table.assert_level();
    let kept = |lane: usize| table.replicas[AWAY].messages(&table.actor(lane)).count();
    assert_eq!((kept(SHORT), kept(LONG)), (3, 0));
    let end = table.replicas[AWAY].head(&table.actor(SHORT));
    assert_eq!(end.map(|head| head.seq), Some(Seq::new(3)));
}

#[test]
fn who_finds_its_own_message_in_the_snapshot_goes_on_and_who_does_not_remember_it_falls_silent() {
    for remembers in [true, false] {
        let mut table = short_segments();
        let me = table.actor(AWAY);
        table.add(AWAY, 200);
        // The others have its message; whoever holds it in doubt sees it certified.
        table.carry(|packet| packet.to != me && packet.from == me);
        for _ in 0..40 {
            (0..AWAY).for_each(|seat| table.tick(seat));
            table.carry(|packet| packet.from != me && packet.to != me);
        }
        assert_eq!(table.delivered[0].len(), 1);
        go_on_without(&mut table);
        if !remembers {
            table.records[AWAY].clear();
            table.restart(AWAY);
            table.take_wire();
        }
        // Of what it could hear, only the generation and its state reach it: nothing else of its
        // own.
        let (proof, summary) = told(&mut table);
        let pruned = PullResponse {
            proofs: vec![proof],
            pruned: true,
            segments: Vec::new(),
            summary: Some(summary),
        };
        table.ask(AWAY, 0);
        let given = table.give(table.actor(0), AWAY, Body::PullResponse(pruned));
        given.expect("an answer");
        table.carry(|packet| ["fetch", "snapshot"].contains(&packet.body.kind()));
        assert!(took_a_snapshot(&table));
        assert_eq!(table.replicas[AWAY].generation().number(), 1);
        assert_eq!(table.replicas[AWAY].is_silenced(), !remembers);
        assert!(!table.replicas[AWAY].is_pending());
        let (twin, _) = table.rebuild(AWAY);
        assert_eq!(twin.is_silenced(), !remembers);
    }
}

/// What ended the first generation, and where a member stands that says nothing of lanes.
fn told(table: &mut Table) -> (Arc<GenerationProof>, Arc<bft_crdts::actor::Signed<Summary>>) {
    let entry = table.keys[2].sign(
        &table.network(),
        bft_crdts::membership::Entry {
            generation: Generation::GENESIS,
            value: Digest::from_bytes([0; 32]),
        },
    );
    let given = table.give(table.actor(2), 0, Body::Enter(entry.into_claim()));
    given.expect("a word of a generation that is over");
    let proof = table.take_wire().into_iter().find_map(|p| match p.body {
        Body::GenerationProof(proof) => Some(proof),
        _ => None,
    });
    let summary = Summary {
        generation: Generation::GENESIS,
        frontier: BTreeMap::new(),
        convicted: [].into(),
    };
    let summary = table.keys[0].sign(&table.network(), summary);
    (
        proof.expect("what ended it"),
        Arc::new(summary.into_claim()),
    )
}
