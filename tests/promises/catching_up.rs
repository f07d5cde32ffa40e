//! Whoever was away ends level with the others, over the ends of generations too, and serves what
//! it keeps in segments that others take.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Table, add, remove};
use bft_crdts::actor::Statement;
use bft_crdts::codec::{DecodeError, Limits};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Packet, PacketError, Proposal, PullRequest, PullResponse, Record, Segment, Summary,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{Change, GenerationProof};
use bft_crdts::quorum::Generation;

/// Who is away, and whose lane it misses.
const AWAY: usize = 3;
const SOURCE: usize = 0;

/// Four members with small segments. All have the first `known` messages of a lane. Of each
/// generation after, one is away from the number that is given, and from the end.
fn missed(most: u32, known: u8, of_generations: &[u8]) -> Table {
    let mut limits = Limits::default();
    limits.segment_messages = most;
    let mut table = Table::bounded(4, limits);
    for member in 0..known {
        table.add(SOURCE, member);
        table.carry_all();
    }
    // All know that all have it.
    table.run(4);
    let mut member = known;
    for (index, missed) in of_generations.iter().enumerate() {
        for _ in 0..*missed {
            table.add(SOURCE, member);
            table.carry(without_away(&table));
            member += 1;
        }
        if index + 1 < of_generations.len() {
            renew(&mut table);
        }
    }
    table
}

fn without_away(table: &Table) -> impl FnMut(&Packet) -> bool + use<> {
    let away = table.actor(AWAY);
    move |packet| packet.from != away && packet.to != away
}

/// Those who are there begin a new generation.
fn renew(table: &mut Table) {
    let next = table.replicas[SOURCE].generation().next();
    for seat in 0..AWAY {
        // The last ones hold a certified change already.
        if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
            table.spend(seat, step);
        }
    }
    let begun = |table: &Table| {
        let mut here = table.replicas[..AWAY].iter();
        here.all(|replica| Some(replica.generation()) == next)
    };
    for _ in 0..100 {
        table.carry(without_away(table));
        if begun(table) {
            break;
        }
        (0..AWAY).for_each(|seat| table.tick(seat));
    }
    assert!(begun(table), "a new generation");
}

/// What `seat` answers to somebody who has the lane up to `from` and knows all generations.
fn asked(table: &mut Table, seat: usize, from: u64) -> PullResponse {
    // Who asks from where it stands says so in its summary: here one that has nothing, and holds
    // the rest.
    let nobody = crate::common::key(77);
    let statement = Summary {
        generation: Generation::GENESIS,
        frontier: BTreeMap::new(),
        convicted: [].into(),
    };
    let summary = nobody.sign(&table.network(), statement).into_claim();
    let request = PullRequest {
        summary: Some(Arc::new(summary)),
        known: table.replicas[seat].generation(),
        held: [(table.actor(SOURCE), Seq::new(from))].into(),
    };
    table.take_wire();
    let given = table.give(nobody.actor(), seat, Body::PullRequest(request));
    given.expect("a question");
    let answer = table.take_wire().into_iter().find_map(|p| match p.body {
        Body::PullResponse(answer) => Some(answer),
        _ => None,
    });
    answer.expect("an answer")
}

/// From wherever somebody asks, it gets the next segment, and no longer a one than it takes.
fn assert_serves_all(table: &mut Table, seat: usize) {
    let source = table.actor(SOURCE);
    let end = table.replicas[seat].head(&source).expect("a lane").seq;
    let mut messages = table.replicas[seat].messages(&source);
    let first = messages
        .next()
        .map_or(end.number(), |first| first.seq.number() - 1);
    drop(messages);
    for from in first..end.number() {
        let answer = asked(table, seat, from);
        let [segment] = answer.segments.as_slice() else {
            panic!("nothing after {from} of {first}..{end}");
        };
        assert!(!segment.proposals.is_empty());
        let next = segment.proposals[0].message.seq;
        assert_eq!(next.number(), from + 1);
        let body = Body::PullResponse(answer);
        assert_eq!(body.check(table.replicas[seat].limits()), Ok(()), "{from}");
    }
}

fn ends_level(table: &mut Table) {
    table.run(60);
    table.assert_level();
    let generation = table.replicas[SOURCE].generation();
    assert_eq!(table.replicas[AWAY].generation(), generation);
    for seat in 0..table.replicas.len() {
        assert!(table.faults[seat].is_empty());
        assert_serves_all(table, seat);
    }
}

fn took_a_snapshot(table: &Table) -> bool {
    let mut records = table.records[AWAY].iter();
    records.any(|record| matches!(record, Record::Snapshot { .. }))
}

#[test]
fn what_was_missed_up_to_the_end_of_a_generation_comes_by_its_lane_if_it_fits_a_segment() {
    const SEGMENT: u8 = 3;
    for known in 1..=4 {
        for before in 0..=5 {
            for after in [0, 1, 4] {
                let mut table = missed(SEGMENT.into(), known, &[before, after]);
                ends_level(&mut table);
                let told = table.delivered[AWAY].len();
                let all = usize::from(known + before + after);
                assert_eq!(took_a_snapshot(&table), before > SEGMENT);
                assert_eq!(told == all, before <= SEGMENT, "{known}, {before}, {after}");
                assert!(table.refused.is_empty(), "{:?}", table.refused);
            }
        }
    }
}

#[test]
fn who_was_away_over_two_ends_of_generations_ends_level_wherever_it_restarts() {
    let missed_of = [[0, 5, 0], [0, 2, 3], [3, 0, 1], [5, 5, 5], [1, 1, 1]];
    for of_generations in missed_of {
        for known in [0, 1, 3] {
            let packets = {
                let mut table = missed(2, known, &of_generations);
                let packets = come_back(&mut table, usize::MAX);
                ends_level(&mut table);
                packets
            };
            for at in (0..packets.min(60)).step_by(4) {
                let mut table = missed(2, known, &of_generations);
                come_back(&mut table, at);
                ends_level(&mut table);
                table.restart(AWAY);
                ends_level(&mut table);
            }
        }
    }
}

/// The one that was away hears the others again, and restarts after so many packets. How many came.
fn come_back(table: &mut Table, restart: usize) -> usize {
    let (away, mut came) = (table.actor(AWAY), 0);
    for _ in 0..20 {
        (0..table.replicas.len()).for_each(|seat| table.tick(seat));
        while let Some(packet) = table.wire.pop_front() {
            let to = packet.to;
            let given = table.hand_over(packet);
            // After a restart an answer may come to a question that is forgotten.
            assert!(given.is_ok() || came >= restart, "{given:?}");
            if to == away {
                came += 1;
                if came == restart {
                    table.restart(AWAY);
                }
            }
        }
    }
    came
}

#[test]
fn who_holds_a_false_segment_of_a_committee_that_is_over_ends_level_all_the_same() {
    let mut table = missed(4, 1, &[3, 0]);
    table.take_wire();
    let generations = answer_to_away(&mut table);
    learn(&mut table, generations.proofs, Vec::new());
    let source = table.actor(SOURCE);
    // The keys of the old committee are in wrong hands.
    let parent = table.replicas[AWAY].head(&source).expect("a lane");
    let forged = table.message(SOURCE, parent, &[add(source, 2, 99)]);
    let forged = table.sign(SOURCE, forged);
    let certificate = Some(table.certificate(&[0, 1, 2], &forged));
    let lie = Segment {
        source,
        proposals: vec![forged],
        certificate,
    };
    learn(&mut table, Vec::new(), vec![lie]);
    assert!(table.replicas[AWAY].memory_use().most_lane_bytes > 0);
    table.run(60);
    table.assert_level();
    assert!(took_a_snapshot(&table));
}

#[test]
fn who_begins_two_generations_at_once_serves_segments_that_end_with_each() {
    let mut table = missed(4, 1, &[3, 0]);
    table.take_wire();
    let up_to_the_first = answer_to_away(&mut table).segments;
    for member in 10..13 {
        table.add(SOURCE, member);
        table.carry(without_away(&table));
    }
    renew(&mut table);
    let generations = answer_to_away(&mut table).proofs;
    assert_eq!(generations.len(), 2);
    learn(&mut table, generations, up_to_the_first);
    assert_eq!(table.delivered[AWAY].len(), 4);
    assert_eq!(table.replicas[AWAY].generation(), Generation::GENESIS);
    ends_level(&mut table);
    assert!(!took_a_snapshot(&table));
    assert_eq!(table.delivered[AWAY].len(), 7);
    table.restart(AWAY);
    ends_level(&mut table);
}

/// What the one that is away would be answered.
fn answer_to_away(table: &mut Table) -> PullResponse {
    let request = PullRequest {
        summary: Some(table.summary(AWAY)),
        known: Generation::GENESIS,
        held: BTreeMap::new(),
    };
    let asker = table.actor(AWAY);
    table.take_wire();
    let given = table.give(asker, SOURCE, Body::PullRequest(request));
    given.expect("a question");
    let mut packets = table.take_wire().into_iter();
    let answer = packets.find_map(|packet| match packet.body {
        Body::PullResponse(answer) => Some(answer),
        _ => None,
    });
    answer.expect("an answer")
}

/// The one that is away is answered this.
fn learn(table: &mut Table, proofs: Vec<Arc<GenerationProof>>, segments: Vec<Segment>) {
    let answer = PullResponse {
        proofs,
        pruned: false,
        segments,
        summary: Some(table.summary(SOURCE)),
    };
    table.ask(AWAY, SOURCE);
    let from = table.actor(SOURCE);
    let given = table.give(from, AWAY, Body::PullResponse(answer));
    given.expect("generations and certificates of theirs");
}

#[test]
fn a_segment_of_too_many_bytes_is_refused() {
    let mut table = missed(4, 3, &[0]);
    let body = Body::PullResponse(asked(&mut table, SOURCE, 0));
    let Body::PullResponse(answer) = &body else {
        return;
    };
    let sizes = answer.segments[0].proposals.iter();
    let sizes: Vec<_> = sizes.map(|p| p.message.ops.len()).collect();
    assert_eq!(sizes.len(), 3);
    let len = sizes[0] + sizes[1];
    let mut limits = table.replicas[SOURCE].limits().clone();
    limits.segment_bytes = len as u32 + 1;
    assert_eq!(body.check(&limits), Ok(()));
    limits.segment_bytes = len as u32;
    let limit = len;
    assert_eq!(
        body.check(&limits),
        Err(DecodeError::TooLong { len, limit })
    );
}

/// Somebody stands where it did when it spoke in vain: of a lane that was not known here.
#[test]
fn a_summary_that_spoke_of_lanes_to_come_is_news_when_they_have_come() {
    let mut table = missed(4, 1, &[0]);
    let newcomer = table.enter(50, |_| ());
    let author = table.actor(newcomer);
    table.run(8);
    let entry = table.entry(newcomer);
    for seat in 0..AWAY {
        let step = table.replicas[seat].approve(entry);
        table.spend(seat, step.expect("a change"));
    }
    for _ in 0..40 {
        table.carry(without_away(&table));
        let here = (0..table.replicas.len()).filter(|seat| *seat != AWAY);
        here.for_each(|seat| table.tick(seat));
    }
    table.add(newcomer, 200);
    table.carry(without_away(&table));
    table.take_wire();
    let (from, summary) = (table.actor(SOURCE), table.summary(SOURCE));
    let told = Body::Announce(summary);
    let given = table.give(from, AWAY, told.clone());
    given.expect("a member's word");
    let proof = answer_to_away(&mut table).proofs[0].clone();
    let given = table.give(from, AWAY, Body::GenerationProof(proof));
    given.expect("a generation");
    assert_eq!(table.replicas[AWAY].generation().number(), 1);
    table.tick(AWAY);
    table.take_wire();
    let given = table.give(from, AWAY, told);
    given.expect("a member's word");
    let to = table.actor(SOURCE);
    table.carry(|packet| packet.from == to || packet.body.kind() == "request");
    let head = table.replicas[AWAY].head(&author).expect("a lane");
    assert_eq!(head.seq, Seq::new(1));
}

// ---- what does not fit a generation that is to begin

/// The one that is away is given a segment by somebody who has no more than it has.
fn given_while_behind(table: &mut Table, segment: Segment) -> Result<(), PacketError> {
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(table.summary(AWAY)),
    };
    table.ask(AWAY, SOURCE);
    let from = table.actor(SOURCE);
    table.give(from, AWAY, Body::PullResponse(answer))
}

#[test]
fn a_segment_that_ends_where_a_generation_does_and_is_another_is_refused_and_one_beyond_it_adds_nothing()
 {
    let mut table = missed(4, 1, &[2, 0]);
    table.take_wire();
    let generations = answer_to_away(&mut table);
    learn(&mut table, generations.proofs, Vec::new());
    let source = table.actor(SOURCE);
    let mut parent = table.replicas[AWAY].head(&source).expect("a lane");
    let mut proposals = Vec::new();
    for count in 2..5 {
        let message = table.message(SOURCE, parent, &[add(source, count, 90)]);
        parent = Head {
            seq: message.seq,
            digest: message.digest(&table.network()),
        };
        proposals.push(table.sign(SOURCE, message));
        let last = proposals.last().expect("one");
        let segment = Segment {
            source,
            proposals: proposals.clone(),
            certificate: Some(table.certificate(&[0, 1, 2], last)),
        };
        // The generation ends after the third.
        if count == 3 {
            let refused = given_while_behind(&mut table, segment);
            assert_eq!(refused, Err(PacketError::Closed(source)));
        } else if count > 3 {
            given_while_behind(&mut table, segment).expect("it may be good later");
        }
        assert_eq!(table.replicas[AWAY].memory_use().lane_bytes, 0, "{count}");
    }
}

/// Its keys are in wrong hands, and the signatures are good.
#[test]
fn a_segment_that_skips_a_number_or_is_of_two_sources_is_refused() {
    let mut table = missed(4, 1, &[0]);
    let source = table.actor(SOURCE);
    let parent = table.replicas[AWAY].head(&source).expect("a lane");
    let mut far = table.message(SOURCE, parent, &[add(source, 2, 90)]);
    far.seq = Seq::new(3);
    let mut other = table.message(SOURCE, parent, &[add(source, 2, 90)]);
    other.source = table.actor(1);
    for (signer, message) in [(SOURCE, far), (1, other)] {
        let proposal = table.sign(signer, message);
        let segment = Segment {
            source,
            certificate: Some(table.certificate(&[0, 1, 2], &proposal)),
            proposals: vec![proposal],
        };
        let refused = given_while_behind(&mut table, segment);
        assert_eq!(refused, Err(PacketError::Segment(source)));
    }
}

/// It holds a segment whose first message is early, and is offered the same one again and a longer
/// one.
#[test]
fn a_segment_that_waits_for_other_lanes_is_not_put_aside_for_another() {
    let mut table = missed(4, 1, &[0]);
    let source = table.actor(SOURCE);
    let parent = table.replicas[AWAY].head(&source).expect("a lane");
    let early = table.message(SOURCE, parent, &[remove(table.actor(1), 9, 1)]);
    let end = Head {
        seq: early.seq,
        digest: early.digest(&table.network()),
    };
    let early = table.sign(SOURCE, early);
    let after = table.message(SOURCE, end, &[add(source, 2, 91)]);
    let after = table.sign(SOURCE, after);
    let segment = |proposals: &[&Arc<Proposal>], table: &Table| Segment {
        source,
        certificate: proposals
            .last()
            .map(|last| table.certificate(&[0, 1, 2], last)),
        proposals: proposals.iter().map(|p| Arc::clone(p)).collect(),
    };
    let first = segment(&[&early], &table);
    given_while_behind(&mut table, first.clone()).expect("held");
    let (held, written) = (table.replicas[AWAY].memory_use(), table.records[AWAY].len());
    assert!(held.lane_bytes > 0);
    for again in [
        first,
        segment(&[&early, &after], &table),
        segment(&[&after], &table),
    ] {
        given_while_behind(&mut table, again).expect("nothing new");
        assert_eq!(table.replicas[AWAY].memory_use(), held);
        assert_eq!(table.records[AWAY].len(), written);
    }
}

/// Each of the two is a reason to start from a snapshot.
#[test]
fn who_is_told_that_what_it_lacks_is_kept_by_nobody_fetches_the_snapshot() {
    let mut table = missed(4, 1, &[2, 0]);
    table.take_wire();
    let proofs = answer_to_away(&mut table).proofs;
    learn(&mut table, proofs, Vec::new());
    table.take_wire();
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: true,
        segments: Vec::new(),
        summary: Some(table.summary(AWAY)),
    };
    table.ask(AWAY, SOURCE);
    let from = table.actor(SOURCE);
    let given = table.give(from, AWAY, Body::PullResponse(answer));
    given.expect("an answer");
    let asked = crate::common::kinds(&table.take_wire());
    assert_eq!(asked, ["fetch"; 3]);
}

#[test]
fn who_catches_up_asks_for_more_as_soon_as_it_is_answered() {
    let mut table = missed(2, 1, &[9]);
    table.take_wire();
    let (from, summary) = (table.actor(SOURCE), table.summary(SOURCE));
    let given = table.give(from, AWAY, Body::Announce(summary));
    given.expect("a member's word");
    table.carry_all();
    table.assert_level();
}
