//! The records of a checkpoint, put in the place of all others, rebuild the very replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Set, Table, add, kinds, recover, remove};
use bft_crdts::actor::{Actor, Signed, Statement};
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{
    Body, ChangeApproval, Echo, Equivocation, Message, Packet, Proposal, PullRequest, PullResponse,
    Record, Replica, Segment, Summary,
};
use bft_crdts::dot::Seq;
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Approval, Change};
use bft_crdts::quorum::Generation;
use bft_crdts::{SecureBroadcastAlgorithm, SigningActor};

const MEMBERS: u8 = 7;
/// Whose checkpoint it is.
const ME: usize = 1;
/// Whose echoes make a certificate.
const QUORUM: [usize; 5] = [0, 2, 3, 4, 5];

/// All that a replica shows of what it knows and is bound to.
fn shown(replica: &mut Replica<Set>) -> impl PartialEq + std::fmt::Debug + use<> {
    let state = (replica.algorithm().clone(), replica.ahead().state());
    let place = (replica.boundary().value(), replica.frontier());
    let word = (replica.convicted().clone(), replica.is_silenced());
    (
        state,
        place,
        word,
        replica.is_pending(),
        replica.memory_use(),
    )
}

fn rebuilt(table: &Table, records: Vec<Record>) -> Replica<Set> {
    let key = table.keys[ME].clone();
    let set = Set::new(key.actor());
    recover(key, set, table.genesis.clone(), records).expect("a checkpoint follows from itself")
}

/// What a stranger is answered that has all lanes but one, and of that one so many messages.
fn answer(table: &Table, replica: &mut Replica<Set>, lane: Actor, from: u64) -> Vec<Packet> {
    let stranger = crate::common::key(99);
    let summary = Summary {
        generation: Generation::GENESIS,
        frontier: BTreeMap::new(),
        convicted: [].into(),
    };
    let summary = stranger.sign(&table.network(), summary).into_claim();
    let keys = table.keys.iter();
    let mut held: BTreeMap<_, _> = keys.map(|key| (key.actor(), Seq::MAX)).collect();
    held.insert(lane, Seq::new(from));
    let request = PullRequest {
        summary: Some(Arc::new(summary)),
        known: replica.generation(),
        held,
    };
    let packet = Packet {
        from: stranger.actor(),
        to: replica.actor(),
        body: Body::PullRequest(request),
    };
    let step = replica.handle_packet(packet).expect("a question");
    let answers: Vec<_> = step.packets().collect();
    assert_eq!(kinds(&answers), ["answer"]);
    answers
}

/// All that it answers of what it delivered in this generation.
fn served(table: &Table, replica: &mut Replica<Set>) -> Vec<Packet> {
    let mut answers = Vec::new();
    for lane in table.keys.iter().map(SigningActor::actor) {
        let begin = replica.boundary().head(&lane).seq.number();
        let end = replica.head(&lane).expect("a lane").seq.number();
        for from in begin..end {
            answers.extend(answer(table, replica, lane, from));
        }
    }
    answers
}

/// A checkpoint rebuilds what all records do, down to what is said next and served.
fn assert_rebuilds(table: &mut Table) {
    let records = table.replicas[ME].checkpoint().expect("a checkpoint");
    let (mut twin, mut whole) = (rebuilt(table, records), table.rebuild(ME).0);
    assert_eq!(shown(&mut whole), shown(&mut table.replicas[ME]));
    assert_eq!(shown(&mut twin), shown(&mut whole));
    assert_eq!(served(table, &mut twin), served(table, &mut whole));
    for _ in 0..3 {
        assert!(twin.tick().packets().eq(whole.tick().packets()));
    }
    let again = twin.checkpoint().expect("a checkpoint");
    assert_eq!(shown(&mut rebuilt(table, again)), shown(&mut whole));
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.segment_messages = 2;
    limits
}

/// Five messages of two lanes that all deliver, in each of so many generations and after.
fn lived(generations: u8) -> Table {
    let mut table = Table::bounded(MEMBERS, limits());
    for generation in 0..=generations {
        for member in 0..5 {
            for seat in [0, ME] {
                table.add(seat, 20 * generation + 2 * member + seat as u8);
                table.carry_all();
            }
        }
        table.run(3);
        if generation < generations {
            table.approve(&[0, 1, 2, 3, 4], Change::Renew);
        }
    }
    let begun = table.replicas[ME].generation().number();
    assert_eq!(begun, u64::from(generations));
    table
}

/// A message of `source` after what was delivered of it, or after `parent`, said in the present
/// generation.
fn said(table: &Table, source: usize, parent: Option<&Proposal>, member: u8) -> Arc<Proposal> {
    let (network, actor) = (table.network(), table.actor(source));
    let generation = table.replicas[ME].generation();
    let ops = match parent {
        // Early: what it removes was never added.
        Some(_) => [remove(table.actor(0), 200, member)],
        None => [add(actor, 1, member)],
    };
    let head = parent.map(|p| bft_crdts::dot::Head {
        seq: p.message.seq,
        digest: p.message.digest(&network),
    });
    let head = head.or_else(|| table.replicas[ME].head(&actor));
    let message: Message = table.message(source, head.expect("a lane"), &ops);
    let echo = Echo {
        generation,
        dot: message.dot(),
        digest: message.digest(&network),
    };
    Arc::new(Proposal {
        message,
        generation,
        sig: table.keys[source].sign(&network, echo).sig,
    })
}

/// A segment of which only the first message can be delivered.
fn half(table: &Table, source: usize) -> Segment {
    let first = said(table, source, None, 90 + source as u8);
    let second = said(table, source, Some(&first), 1);
    let certificate = Some(table.certificate(&QUORUM, &second));
    Segment {
        source: table.actor(source),
        proposals: vec![first, second],
        certificate,
    }
}

fn give(table: &mut Table, from: usize, body: Body) {
    let given = table.give(table.actor(from), ME, body);
    given.expect("what it takes");
}

fn give_segment(table: &mut Table, segment: Segment) {
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(table.summary(0)),
    };
    table.ask(ME, 0);
    give(table, 0, Body::PullResponse(answer));
}

fn evidence(table: &Table, against: usize) -> Arc<Equivocation> {
    let [left, right] = [1, 2].map(|member| {
        let proposal = said(table, against, None, member);
        table.echo(against, &proposal)
    });
    Arc::new(Equivocation::Echo(Conflict { left, right }))
}

/// One lane in each state that there is.
fn in_every_state(table: &mut Table) {
    // Two operations of its own: one is under way, one waits.
    table.add(ME, 200);
    table.add(ME, 201);
    // It is bound to another's message.
    let locked = said(table, 2, None, 60);
    give(table, 2, Body::Proposal(locked));
    // A segment that is half delivered, and a certificate without its message.
    let segment = half(table, 3);
    give_segment(table, segment);
    let alone = said(table, 5, None, 80);
    let certificate = table.certificate(&QUORUM, &alone);
    give(table, 5, Body::Certificate(certificate));
    give(table, 0, Body::Evidence(evidence(table, 6)));
    table.take_wire();
    let replica = &mut table.replicas[ME];
    assert_eq!(replica.memory_use().outbox_ops, 1);
    assert!(replica.convicted().len() == 1 && replica.memory_use().lane_bytes > 0);
}

#[test]
fn a_checkpoint_rebuilds_the_very_replica_with_every_lane_in_another_state() {
    for generations in 0..3 {
        let mut table = lived(generations);
        assert_rebuilds(&mut table);
        in_every_state(&mut table);
        assert_rebuilds(&mut table);
        let forgotten: Signed<Echo> = table.echo(ME, &said(&table, 4, None, 71));
        give(&mut table, 4, Body::Echo(forgotten));
        assert!(table.replicas[ME].is_silenced());
        assert_rebuilds(&mut table);
    }
}

/// The others end the generation without what was delivered here: it stays, though nothing proves
/// it any more.
#[test]
fn a_checkpoint_keeps_a_delivery_whose_certificate_counts_no_more() {
    let mut table = lived(0);
    let segment = half(&table, 3);
    give_segment(&mut table, segment);
    let (me, head) = (table.actor(ME), table.replicas[ME].head(&table.actor(3)));
    table.take_wire();
    for seat in [0, 2, 3, 4, 5, 6] {
        let step = table.replicas[seat].approve(Change::Renew);
        step.into_iter().for_each(|step| table.spend(seat, step));
    }
    for _ in 0..40 {
        table.carry(|packet| packet.from != me && packet.to != me);
        (0..7)
            .filter(|seat| *seat != ME)
            .for_each(|seat| table.tick(seat));
    }
    table.take_wire();
    let proof = proof(&mut table, 0);
    give(&mut table, 0, proof);
    let replica = &table.replicas[ME];
    assert_eq!(replica.generation().number(), 1);
    assert_eq!(replica.head(&table.actor(3)), head);
    assert_eq!(replica.memory_use().lane_bytes, 0, "the rest is gone");
    let records = replica.checkpoint().expect("a checkpoint");
    assert_eq!(rebuilt(&table, records).head(&table.actor(3)), head);
}

/// What ended the first generation, as `seat` tells it.
fn proof(table: &mut Table, seat: usize) -> Body {
    let approval = approval_by(table, 2);
    let given = table.give(table.actor(2), seat, Body::Approve(approval));
    given.expect("a word of a generation that is over");
    let mut told = table.take_wire().into_iter();
    let told = told.find(|packet| packet.body.kind() == "generation");
    told.expect("what ended it").body
}

fn approval_by(table: &Table, by: usize) -> Arc<ChangeApproval> {
    let change = Change::Renew;
    let approval = Approval {
        generation: Generation::GENESIS,
        change: change.key(),
    };
    let approval = table.keys[by].sign(&table.network(), approval).into_claim();
    Arc::new(ChangeApproval { change, approval })
}

#[test]
fn there_is_no_checkpoint_while_a_change_is_open() {
    let mut approved = lived(0);
    let step = approved.replicas[ME].approve(Change::Renew);
    approved.spend(ME, step.expect("a change"));
    assert!(!approved.replicas[ME].is_frozen());
    assert_eq!(approved.replicas[ME].checkpoint(), None);

    let mut frozen = lived(0);
    for seat in QUORUM {
        let approved = approval_by(&frozen, seat);
        give(&mut frozen, seat, Body::Approve(approved));
    }
    assert!(frozen.replicas[ME].is_frozen() && !frozen.replicas[ME].has_approvals());
    assert_eq!(frozen.replicas[ME].checkpoint(), None);

    // A generation has begun with what is missing here.
    let mut behind = Table::bounded(MEMBERS, limits());
    let me = behind.actor(ME);
    behind.add(0, 1);
    behind.carry(|packet| packet.to != me && packet.from != me);
    for seat in QUORUM {
        let step = behind.replicas[seat].approve(Change::Renew);
        step.into_iter().for_each(|step| behind.spend(seat, step));
    }
    for _ in 0..40 {
        behind.carry(|packet| packet.to != me && packet.from != me);
        (0..7)
            .filter(|seat| *seat != ME)
            .for_each(|seat| behind.tick(seat));
    }
    behind.take_wire();
    assert!(behind.replicas[ME].checkpoint().is_some());
    let proof = proof(&mut behind, 0);
    give(&mut behind, 0, proof);
    assert_eq!(behind.replicas[ME].generation(), Generation::GENESIS);
    assert_eq!(behind.replicas[ME].checkpoint(), None);
}
