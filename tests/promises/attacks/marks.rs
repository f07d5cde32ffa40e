//! A liar's report marks as many lanes as it can: a value, or the proof of a generation, that
//! outgrows a packet would freeze all for ever, or never reach a member that lags behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use bft_crdts::SigningActor;
use bft_crdts::actor::{Actor, Sig, Signed};
use bft_crdts::codec::{Digest, Limits, decode, encode};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Echo, Packet, PacketError, PullResponse, Recollection, Summary,
};
use bft_crdts::dot::{Frontier, Head, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    AgreementMessage, Approval, Boundary, CHANGES, Change, ChangeCertificate, ChangeKey, Ending,
    GenerationDraft, GenerationProof, GenerationProposal, Mark, Report, ReportError, Round, Vote,
    VoteKind,
};
use bft_crdts::quorum::{Certificate, Generation, Seat};

use crate::common::{Table, add, dot, genesis_of, keys, opaque};

const LIAR: usize = 3;
const OTHERS: [usize; 3] = [0, 1, 2];

/// The smallest packets that these bounds admit.
fn tight(seats: u32, lanes: u32) -> Limits {
    let mut limits = Limits::default();
    (limits.seats, limits.lanes) = (seats, lanes);
    (limits.message_bytes, limits.message_ops) = (512, 8);
    (limits.segment_bytes, limits.segment_messages) = (1, 1);
    limits.outbox_bytes = 512;
    let (mut low, mut high) = (0, 64 << 20);
    while low < high {
        limits.packet_bytes = low + (high - low) / 2;
        if limits.check().is_ok() {
            high = limits.packet_bytes;
        } else {
            low = limits.packet_bytes + 1;
        }
    }
    limits.packet_bytes = high;
    limits.check().expect("the smallest that fit");
    limits
}

/// Two signatures of one source at one dot.
fn seal(last: &Boundary, source: &SigningActor, seq: u64) -> Mark {
    let [left, right] = [1, 2].map(|name| {
        let echo = Echo {
            generation: last.generation(),
            dot: dot(source.actor(), seq),
            digest: Digest::from_bytes([name; 32]),
        };
        source.sign(last.network(), echo).into_claim()
    });
    Mark::Seal(Conflict { left, right })
}

fn report_to_all(table: &mut Table, report: &Report) -> Vec<Result<(), PacketError>> {
    let liar = table.actor(LIAR);
    let report = table.keys[LIAR].sign(&table.network(), report.clone());
    let report = Arc::new(report.into_claim());
    let tell = |seat| {
        let report = Arc::clone(&report);
        let changes = vec![];
        table.give(liar, seat, Body::Report { report, changes })
    };
    OTHERS.map(tell).into()
}

/// Only what fits a packet arrives.
fn run(table: &mut Table, liar: usize, ticks: u32) {
    let (mute, liar) = (liar, table.actor(liar));
    let bound = table.genesis.limits().packet_bytes as usize;
    for _ in 0..ticks {
        for seat in (0..table.replicas.len()).filter(|seat| *seat != mute) {
            table.tick(seat);
        }
        table.carry(|packet| {
            let fits = packet.encode().len() <= bound;
            assert!(fits, "what cannot fit is never built: {}", packet.body);
            packet.to != liar && packet.from != liar
        });
    }
}

/// The change is made, and a follower that knows nothing is served.
fn goes_on(table: &mut Table) {
    for seat in OTHERS {
        if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
            table.spend(seat, step);
        }
    }
    run(table, LIAR, 100);
    let laggard = table.enter(90, |_| ());
    run(table, LIAR, 100);
    for seat in [0, 1, 2, laggard] {
        assert_eq!(table.replicas[seat].generation().number(), 1);
    }
}

#[test]
fn marks_of_invented_keys_count_nowhere_and_freeze_nobody() {
    for limits in [tight(4, 4), tight(4, 40), Limits::default()] {
        let mut table = Table::bounded(4, limits.clone());
        let last = table.replicas[0].boundary().clone();
        let invented = (0..limits.lanes.min(250)).map(|number| {
            let byte = u8::try_from(number).expect("at most 250");
            let source = SigningActor::from_secret(&[byte; 32]);
            (source.actor(), seal(&last, &source, 1))
        });
        let mut report = Report::of(&last);
        report.marks = invented.collect();
        for told in report_to_all(&mut table, &report) {
            let refused = matches!(told, Err(PacketError::Report(ReportError::Mark(_))));
            assert!(refused, "{told:?}");
        }
        goes_on(&mut table);
    }
}

#[test]
fn a_mark_in_a_members_lane_counts_and_fits() {
    for limits in [tight(4, 4), tight(4, 40), Limits::default()] {
        let mut table = Table::bounded(4, limits);
        let last = table.replicas[0].boundary().clone();
        let mut report = Report::of(&last);
        let mark = seal(&last, &table.keys[LIAR], 1);
        report.marks.insert(table.actor(LIAR), mark);
        for told in report_to_all(&mut table, &report) {
            assert_eq!(told, Ok(()));
        }
        goes_on(&mut table);
        let sealed = table.replicas[0].boundary().sealed();
        assert!(sealed.contains_key(&table.actor(LIAR)));
    }
}

// ---- the bounds themselves

fn actors(count: u32) -> impl Iterator<Item = Actor> + Clone {
    (0..count).map(|number| {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Actor::from_bytes(bytes)
    })
}

/// A signature that nobody made: of the same length as any.
fn unsigned<T>(signer: Actor, statement: T) -> Signed<T> {
    let sig = Sig::from_bytes([1; 64]);
    Signed {
        statement,
        signer,
        sig,
    }
}

fn certificate<T>(seats: &[Seat], quorum: usize, statement: T) -> Arc<Certificate<T>> {
    let sig = Sig::from_bytes([1; 64]);
    let signatures = seats[..quorum].iter().map(|seat| (*seat, sig)).collect();
    Arc::new(Certificate {
        statement,
        signatures,
    })
}

fn head(seq: u64) -> Head {
    Head {
        seq: Seq::new(seq),
        digest: Digest::from_bytes([9; 32]),
    }
}

/// What a source is said to have signed as its first message.
fn first_echo(source: Actor) -> Signed<Echo> {
    let echo = Echo {
        generation: Generation::GENESIS,
        dot: dot(source, 1),
        digest: head(0).digest,
    };
    unsigned(source, echo)
}

/// An end of every lane that may speak, and a seal in the lane of every seat.
fn fullest_report(limits: &Limits, signer: Actor) -> Signed<Report> {
    let mark = |source: Actor| {
        let claim = first_echo(source);
        let conflict = Conflict {
            left: claim,
            right: claim,
        };
        (source, Mark::Seal(conflict))
    };
    let report = Report {
        generation: Generation::GENESIS,
        value: head(0).digest,
        heads: actors(limits.speakers())
            .map(|source| (source, head(1)))
            .collect(),
        marks: actors(limits.seats).map(mark).collect(),
    };
    unsigned(signer, report)
}

/// An end of every lane, and a seal in each that may speak, with as many digests as all members can
/// report.
fn fullest_ending(limits: &Limits) -> Ending {
    let seal = |source: Actor| {
        let claim = first_echo(source);
        let others = vec![head(0).digest; 2 * limits.seats as usize - 2];
        (source, (claim, claim, others))
    };
    let heads: Frontier = actors(limits.lanes)
        .map(|source| (source, head(1)))
        .collect();
    let adopted = BTreeMap::<Actor, Signed<Echo>>::new();
    let sealed: BTreeMap<_, _> = actors(limits.speakers()).map(seal).collect();
    let bytes = encode(&(heads, adopted, sealed));
    decode(&bytes, bytes.len()).expect("its own fields")
}

fn change(table: &Boundary, seats: &[Seat]) -> ChangeCertificate {
    let entry = bft_crdts::membership::Entry {
        generation: Generation::GENESIS,
        value: head(0).digest,
    };
    let actor = Actor::from_bytes([8; 32]);
    let approval = Approval {
        generation: Generation::GENESIS,
        change: ChangeKey::Join(actor),
    };
    ChangeCertificate {
        change: Change::Join(unsigned(actor, entry)),
        approvals: certificate(seats, table.committee().quorum(), approval),
    }
}

/// Of all members a report, and as many changes as a value carries.
fn fullest_value(last: &Boundary, seats: &[Seat]) -> GenerationProposal {
    let reporters = last.committee().actors().iter();
    let draft = GenerationDraft {
        parent: head(0).digest,
        changes: vec![change(last, seats); CHANGES],
        reports: reporters.map(|signer| (*signer, head(0).digest)).collect(),
    };
    draft.found(last, last.ending(), opaque(head(0).digest))
}

fn vote(kind: VoteKind) -> Vote {
    Vote {
        generation: Generation::GENESIS,
        round: Round::new(u32::MAX),
        kind,
    }
}

/// All of a member's statements that another may hold: two echoes a lane, of its own one more, and
/// what it voted in two rounds.
fn fullest_recollection(last: &Boundary, me: Actor, summary: Summary) -> Recollection {
    let echo = |source| Echo {
        generation: Generation::GENESIS,
        dot: dot(source, 1),
        digest: head(0).digest,
    };
    let lanes = actors(last.limits().lanes).flat_map(|source| [source, source]);
    let proposal = VoteKind::Proposal {
        value: head(0).digest,
        valid_round: Some(Round::FIRST),
    };
    Recollection {
        challenge: head(0).digest,
        summary: Some(Arc::new(unsigned(me, summary))),
        echoes: lanes
            .chain([me])
            .map(|source| unsigned(me, echo(source)))
            .collect(),
        report: Some(Box::new(fullest_report(last.limits(), me))),
        votes: vec![unsigned(me, vote(proposal)); 6],
    }
}

/// Every packet that carries a value: its proposal beside a message of the longest, its proof
/// beside the longest summary. And a report with what froze its member, and what a member is told
/// of itself.
fn packets(last: &Boundary, seats: &[Seat], value: &Arc<GenerationProposal>) -> [Packet; 5] {
    let (limits, me) = (last.limits(), Actor::from_bytes([6; 32]));
    let quorum = last.committee().quorum();
    let proposal = VoteKind::Proposal {
        value: head(0).digest,
        valid_round: Some(Round::FIRST),
    };
    let decided = vote(VoteKind::Precommit(Some(head(0).digest)));
    let certificate = certificate(seats, quorum, decided);
    let message = AgreementMessage {
        votes: vec![unsigned(me, vote(proposal)); limits.seats as usize + AgreementMessage::OWN],
        quorums: vec![Arc::clone(&certificate); AgreementMessage::QUORUMS],
    };
    let summary = Summary {
        generation: Generation::GENESIS,
        frontier: actors(limits.lanes)
            .map(|actor| (actor, head(1)))
            .collect::<Frontier>(),
        convicted: actors(limits.lanes).collect(),
    };
    let proof = GenerationProof {
        header: value.header(last.network()),
        certificate,
        ending: Some(Arc::new(fullest_ending(last.limits()))),
    };
    let answer = PullResponse {
        proofs: vec![Arc::new(proof.clone())],
        pruned: false,
        segments: vec![],
        summary: Some(Arc::new(unsigned(me, summary.clone()))),
    };
    let told = fullest_recollection(last, me, summary);
    let bodies = [
        Body::Agreement {
            generation: Generation::GENESIS,
            message,
            value: Some(Arc::clone(value)),
        },
        Body::Report {
            report: Arc::new(fullest_report(limits, me)),
            changes: vec![change(last, seats); CHANGES],
        },
        Body::GenerationProof(Arc::new(proof)),
        Body::PullResponse(answer),
        Body::Recollection(told),
    ];
    bodies.map(|body| Packet {
        from: me,
        to: me,
        body,
    })
}

#[test]
fn the_fullest_value_report_and_recollection_fit_every_packet_that_carries_them() {
    for (seats, lanes) in [
        (1, 1),
        (1, 9),
        (1, 1024),
        (2, 3),
        (4, 4),
        (4, 64),
        (7, 20),
        (64, 64),
        (64, 1024),
    ] {
        let limits = tight(seats, lanes);
        let members = keys(u8::try_from(seats).expect("few"));
        let last = Boundary::genesis(&genesis_of(&members, limits.clone())).expect("a committee");
        let seated: Vec<_> = last.committee().seats().map(|(seat, _)| seat).collect();
        let value = Arc::new(fullest_value(&last, &seated));
        for packet in packets(&last, &seated, &value) {
            let (len, bound) = (packet.encode().len(), limits.packet_bytes as usize);
            assert!(
                len <= bound,
                "{seats} seats, {lanes} lanes: {len} of {bound}"
            );
        }
    }
}

/// All of `n` members move, one of them signs two messages, and all see both.
fn change_with_the_smallest_packets(n: u8) {
    let limits = tight(u32::from(n), u32::from(n));
    let mut table = Table::bounded(n, limits);
    (0..usize::from(n)).for_each(|seat| table.add(seat, 1));
    table.run(4);
    let liar = usize::from(n) - 1;
    let source = table.actor(liar);
    let head = table.replicas[0].head(&source).expect("a lane");
    let twice = [2, 3].map(|member| {
        let message = table.message(liar, head, &[add(source, 2, member)]);
        table.sign(liar, message)
    });
    for seat in 0..liar {
        for proposal in &twice {
            let _ = table.give(
                table.actor(liar),
                seat,
                Body::Proposal(Arc::clone(proposal)),
            );
        }
    }
    for seat in 0..liar {
        let approved = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, approved.expect("a member's"));
    }
    run(&mut table, liar, 20);
    for seat in 0..liar {
        assert_eq!(table.replicas[seat].generation().number(), 1, "{n}: {seat}");
    }
}

#[test]
fn whatever_the_smallest_packets_hold_members_change_their_generation() {
    for n in [4, 7, 13] {
        change_with_the_smallest_packets(n);
    }
}
