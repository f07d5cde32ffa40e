//! One liar of four reports a lock on a message of its own that no correct member can have echoed.
//! A boundary that adopts it imposes on all what nobody can ever judge valid; and when all drop its
//! only copies, no later value can be backed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bft_crdts::codec::{Digest, Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, ChangeApproval, Echo, Equivocation, Message, Packet, Proposal,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Approval, Change, Mark, Report, Round, Vote, VoteKind};
use bft_crdts::quorum::Generation;

use crate::common::{Table, add, dot, key, remove};

const LIAR: usize = 3;
const OTHERS: [usize; 3] = [0, 1, 2];

/// Time passes for the others. The liar serves these messages to whoever asks for any, and says
/// nothing else.
fn run(table: &mut Table, ticks: u32, served: &[Arc<Proposal>]) {
    let liar = table.actor(LIAR);
    for _ in 0..ticks {
        OTHERS.into_iter().for_each(|seat| table.tick(seat));
        while let Some(packet) = table.wire.pop_front() {
            if packet.to != liar {
                table.hand_over(packet).expect("a correct member's packet");
            } else if matches!(packet.body, Body::FetchPayloads(_)) {
                let seat = table.seat_of(&packet.from).expect("a seat");
                for proposal in served {
                    let body = Body::Proposal(Arc::clone(proposal));
                    // Whoever has it already, or does not want it, may refuse it.
                    let _ = table.give(liar, seat, body);
                }
            }
        }
    }
}

fn renew(table: &mut Table, served: &[Arc<Proposal>]) {
    for seat in OTHERS {
        // Whoever heard of it from a quorum holds the change already.
        if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
            table.spend(seat, step);
        }
    }
    run(table, 200, served);
}

fn generations(table: &Table) -> Vec<u64> {
    let others = table.replicas[..LIAR].iter();
    others
        .map(|replica| replica.generation().number())
        .collect()
}

/// The liar tells everybody that it echoed this.
fn report_lock(table: &mut Table, echo: Echo) {
    let liar = table.actor(LIAR);
    let mut report = Report::of(table.replicas[0].boundary());
    let lock = table.keys[LIAR].sign(&table.network(), echo).into_claim();
    report.marks.insert(liar, Mark::Lock(lock));
    let report = Arc::new(table.keys[LIAR].sign(&table.network(), report).into_claim());
    for seat in OTHERS {
        let body = Body::Report {
            report: Arc::clone(&report),
            changes: vec![],
        };
        table.give(liar, seat, body).expect("a report");
    }
}

/// An operation of a correct member is delivered by all of them.
fn deliver_another(table: &mut Table, member: u8) {
    let before: Vec<_> = table.delivered.iter().map(Vec::len).collect();
    table.add(0, member);
    run(table, 30, &[]);
    for seat in OTHERS {
        assert!(table.delivered[seat].len() > before[seat]);
    }
}

/// Two changes end and operations are delivered after each, restarts or not. Whether the first
/// boundary adopted the lock.
fn outlive(table: &mut Table, echo: Echo, served: &[Arc<Proposal>], restarts: bool) -> bool {
    report_lock(table, echo);
    renew(table, served);
    assert_eq!(generations(table), [1, 1, 1]);
    let boundary = table.replicas[0].boundary();
    let adopted = boundary.adopted().contains_key(&table.actor(LIAR));
    deliver_another(table, 50);
    if restarts {
        OTHERS.into_iter().for_each(|seat| table.restart(seat));
        run(table, 30, &[]);
    }
    renew(table, &[]);
    assert_eq!(generations(table), [2, 2, 2]);
    deliver_another(table, 51);
    for seat in OTHERS {
        assert!(!table.replicas[seat].is_silenced());
        assert!(table.rebuild(seat).0.generation() == table.replicas[seat].generation());
    }
    adopted
}

/// Nobody can have echoed this message: two changes end all the same, and no boundary adopts it.
fn binds_nobody(ops: Vec<u8>, parent: impl Fn(&Table) -> Digest) {
    for restarts in [false, true] {
        let mut table = Table::of(4);
        let (source, seq) = (table.actor(LIAR), Seq::new(1));
        let (parent, ops) = (parent(&table), ops.clone().into());
        let message = Message {
            source,
            seq,
            parent,
            ops,
        };
        let proposal = table.sign(LIAR, message);
        let echo = table.echo_of(&proposal);
        assert!(!outlive(&mut table, echo, &[proposal], restarts));
    }
}

fn first(table: &Table) -> Digest {
    Head::empty(&table.network()).digest
}

#[test]
fn a_lock_on_what_does_not_decode_binds_nobody() {
    binds_nobody(vec![0xff; 24], first);
}

#[test]
fn a_lock_on_what_is_early_for_ever_binds_nobody() {
    let other = key(1).actor();
    binds_nobody(encode(&vec![remove(other, 1_000_000, 9)]), first);
}

#[test]
fn a_lock_on_what_can_never_be_valid_binds_nobody() {
    let other = key(1).actor();
    binds_nobody(encode(&vec![add(other, 1, 9)]), first);
}

#[test]
fn a_lock_on_what_follows_nothing_binds_nobody() {
    let liar = Table::of(4).actor(LIAR);
    let ops = encode(&vec![add(liar, 1, 9)]);
    binds_nobody(ops, |_| Digest::from_bytes([9; 32]));
}

/// A source signs a digest for a dot; that it is the digest of the message at that dot, nobody has
/// checked.
#[test]
fn a_lock_on_the_digest_of_another_dots_message_binds_nobody() {
    let mut table = Table::of(4);
    let first = table.first(LIAR, &[add(table.actor(LIAR), 1, 9)]);
    let head = Head {
        seq: Seq::new(1),
        digest: table.echo_of(&first).digest,
    };
    let second = table.message(LIAR, head, &[add(table.actor(LIAR), 2, 8)]);
    let second = table.sign(LIAR, second);
    let echo = Echo {
        generation: Generation::GENESIS,
        dot: dot(table.actor(LIAR), 1),
        digest: table.echo_of(&second).digest,
    };
    assert!(!outlive(&mut table, echo, &[first, second], true));
}

/// The liar's source signature on two messages seals the dot: nothing is imposed there, so that
/// nothing need be valid.
#[test]
fn a_garbage_lock_beside_a_correct_members_seals_the_dot() {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let shown = table.first(LIAR, &[add(liar, 1, 9)]);
    table
        .give(liar, 0, Body::Proposal(Arc::clone(&shown)))
        .expect("a good proposal");
    let message = Message {
        source: liar,
        seq: Seq::new(1),
        parent: first(&table),
        ops: vec![0xff; 24].into(),
    };
    let garbage = table.sign(LIAR, message);
    let echo = table.echo_of(&garbage);
    assert!(!outlive(&mut table, echo, &[garbage], true));
    let sealed = table.replicas[0].boundary().sealed();
    assert!(sealed.contains_key(&liar));
}

/// Three values are put together from three different reports, if each names another lock: so
/// nobody may back what it would not vote for.
#[test]
fn each_told_another_garbage_lock_still_agree() {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let mut served = Vec::new();
    for seat in OTHERS {
        let message = Message {
            source: liar,
            seq: Seq::new(1),
            parent: table.network().digest(),
            ops: vec![seat as u8; 3].into(),
        };
        let proposal = table.sign(LIAR, message);
        let mut report = Report::of(table.replicas[seat].boundary());
        let lock = Mark::Lock(table.echo(LIAR, &proposal));
        report.marks.insert(liar, lock);
        let report = Arc::new(table.keys[LIAR].sign(&table.network(), report).into_claim());
        let changes = vec![];
        let body = Body::Report { report, changes };
        table.give(liar, seat, body).expect("a report");
        served.push(proposal);
    }
    renew(&mut table, &served);
    assert_eq!(generations(&table), [1, 1, 1]);
    renew(&mut table, &[]);
    assert_eq!(generations(&table), [2, 2, 2]);
}

#[test]
fn a_lock_on_a_valid_message_is_adopted_and_the_message_delivered() {
    for restarts in [false, true] {
        let mut table = Table::of(4);
        let proposal = table.first(LIAR, &[add(table.actor(LIAR), 1, 9)]);
        let echo = table.echo_of(&proposal);
        assert!(outlive(&mut table, echo, &[proposal], restarts));
        for seat in OTHERS {
            let head = table.replicas[seat].head(&table.actor(LIAR));
            assert_eq!(head.expect("a lane").seq, Seq::new(1));
        }
    }
}

/// The liar voted twice in one place.
fn double_vote(table: &Table) -> Equivocation {
    let vote = |value: Option<Digest>| {
        let vote = Vote {
            generation: Generation::GENESIS,
            round: Round::FIRST,
            kind: VoteKind::Prevote(value),
        };
        table.keys[LIAR].sign(&table.network(), vote)
    };
    let (left, right) = (vote(None), vote(Some(table.network().digest())));
    let conflict = Conflict::between(&left, &right);
    Equivocation::Vote(conflict.expect("two votes"))
}

/// The source is convicted when a boundary adopts its lock: nobody echoes it any more, and it stays
/// imposed. Its message must outlive a crash of all, or no later value can be backed.
#[test]
fn what_a_boundary_names_outlives_a_restart_of_all() {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let proposal = table.first(LIAR, &[add(liar, 1, 9)]);
    let echo = table.echo_of(&proposal);
    report_lock(&mut table, echo);
    for seat in OTHERS {
        let body = Body::Evidence(Arc::new(double_vote(&table)));
        table.give(liar, seat, body).expect("evidence");
    }
    renew(&mut table, &[proposal]);
    assert_eq!(generations(&table), [1, 1, 1]);
    assert!(table.replicas[0].boundary().adopted().contains_key(&liar));
    OTHERS.into_iter().for_each(|seat| table.restart(seat));
    renew(&mut table, &[]);
    assert_eq!(generations(&table), [2, 2, 2]);
    let spared: Vec<_> = OTHERS.map(|seat| table.replicas[seat].checkpoint()).into();
    for (seat, records) in spared.into_iter().enumerate() {
        table.records[seat] = records.expect("right after a change nothing is open");
        table.restart(seat);
    }
    renew(&mut table, &[]);
    assert_eq!(generations(&table), [3, 3, 3]);
}

/// Four liars of thirteen report locks on sixteen messages that they never serve: more than there
/// are lanes. What a correct member is locked on is asked for and taken all the same.
#[test]
fn wants_that_nobody_fulfils_leave_room_for_others() {
    let mut limits = Limits::default();
    (limits.seats, limits.lanes) = (13, 13);
    let mut table = Table::bounded(13, limits);
    for seat in 0..9 {
        let approval = Approval {
            generation: Generation::GENESIS,
            change: Change::Renew.key(),
        };
        let approval = table.keys[seat].sign(&table.network(), approval);
        let body = Body::Approve(Arc::new(ChangeApproval {
            change: Change::Renew,
            approval: approval.into_claim(),
        }));
        if seat == 0 {
            let step = table.replicas[0].approve(Change::Renew).expect("a wish");
            table.spend(0, step);
        } else {
            table.give(table.actor(seat), 0, body).expect("an approval");
        }
    }
    let empty = Report::of(table.replicas[0].boundary());
    let proposal = table.first(12, &[add(table.actor(12), 1, 9)]);
    for liar in 9..13 {
        let mut report = empty.clone();
        for source in 9..13 {
            let ops = vec![liar as u8; 9];
            let message = Message {
                source: table.actor(source),
                seq: Seq::new(1),
                parent: table.network().digest(),
                ops: ops.into(),
            };
            let lock = table.echo(source, &table.sign(source, message));
            report.marks.insert(table.actor(source), Mark::Lock(lock));
        }
        if liar == 9 {
            // The digest that a correct member is locked on, at another dot.
            let mut echo = table.echo_of(&proposal);
            echo.dot = dot(table.actor(liar), 1);
            let lock = table.keys[liar].sign(&table.network(), echo);
            let lock = Mark::Lock(lock.into_claim());
            report.marks.insert(table.actor(liar), lock);
        }
        give_report(&mut table, liar, report);
    }
    // The place in the lane is taken by another message of the same source.
    let other = table.first(12, &[add(table.actor(12), 1, 8)]);
    let source = table.actor(12);
    table
        .give(source, 0, Body::Proposal(other))
        .expect("a good proposal");
    for seat in 1..9 {
        let mut report = empty.clone();
        let lock = Mark::Lock(table.echo(12, &proposal));
        report.marks.insert(table.actor(12), lock);
        give_report(&mut table, seat, report);
    }
    table.take_wire();
    let holder = table.actor(1);
    table
        .give(holder, 0, Body::Proposal(proposal))
        .expect("it was asked for");
    table.tick(0);
    let proposes =
        |packet: &Packet| matches!(&packet.body, Body::Agreement { value, .. } if value.is_some());
    assert!(table.take_wire().iter().any(proposes));
}

fn give_report(table: &mut Table, by: usize, report: Report) {
    let report = table.keys[by].sign(&table.network(), report);
    let report = Arc::new(report.into_claim());
    let changes = vec![];
    table
        .give(table.actor(by), 0, Body::Report { report, changes })
        .expect("a report");
}

/// All members are exchanged, and a boundary adopts what only they hold: the new member asks them
/// for it.
#[test]
fn what_a_boundary_names_is_asked_of_those_who_left() {
    let mut table = Table::of(3);
    let [source, holder, third] = [0, 1, 2].map(|seat| table.actor(seat));
    table.add(0, 7);
    // One of the others locks it. What would complete it is lost.
    table.carry(|packet| packet.to == holder);
    let newcomer = table.enter(50, |_| ());
    table.take_wire();
    let leaves = [source, holder, third].map(Change::Leave);
    for seat in 0..3 {
        for change in leaves.into_iter().chain([table.entry(newcomer)]) {
            let step = table.replicas[seat].approve(change).expect("a good change");
            table.spend(seat, step);
        }
        // The last one holds all changes at once, and its report shows them.
        table.carry(|packet| seat < 2 && packet.to != source);
    }
    let new = table.actor(newcomer);
    for _ in 0..60 {
        (0..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| match &packet.body {
            Body::Echo(_) => false,
            Body::Proposal(_) => packet.to != new,
            _ => true,
        });
    }
    let boundary = table.replicas[newcomer].boundary();
    assert_eq!(boundary.committee().actors(), [new]);
    assert!(boundary.adopted().contains_key(&source));
    assert_eq!(table.delivered[newcomer], []);
    // The others say nothing of themselves any more: they answer.
    let mut asked = BTreeSet::new();
    for _ in 0..130 {
        table.tick(newcomer);
        for packet in table.take_wire() {
            if matches!(packet.body, Body::FetchPayloads(_)) {
                asked.insert(packet.to);
                table.hand_over(packet).expect("a question");
                table.carry(|answer| answer.to == new);
            }
        }
    }
    assert_eq!(asked, [source, holder, third].into());
    let head = table.replicas[newcomer].head(&source).expect("a lane");
    assert_eq!(head.seq, Seq::new(1));
}
