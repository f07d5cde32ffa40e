//! A certified segment with a copy whose source signature is garbage, offered to members that hold
//! a good copy.
//!
//! The attacker is one of four. It shows `two` to A and B and `one` to C, and gathers the quorum
//! for `two` alone. Were the copy that it offers kept and served, C would refuse it for ever: C
//! never delivers, what rests on it is never certified, the two signatures convict nobody, and the
//! change that expels the attacker never ends.

use std::sync::Arc;

use crate::common::{Table, add, echoes, remove};
use bft_crdts::actor::{BadSignature, Sig};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Fault, Packet, PacketError, Proposal, PullResponse, Record, Segment,
};
use bft_crdts::dot::Seq;
use bft_crdts::membership::Change;
use bft_crdts::quorum::{Generation, VerifyError};

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const LIAR: usize = 3;
fn correct() -> std::ops::Range<usize> {
    A..LIAR
}

/// `one`, `two`, and the certificate of `two` that only the attacker has. A and B echoed `two`, C
/// echoed `one`.
struct Split {
    table: Table,
    two: Arc<Proposal>,
    certificate: Arc<Certificate>,
}

fn split() -> Split {
    let mut table = Table::of(4);
    let liar = table.actor(LIAR);
    let [one, two] = [1, 2].map(|member| table.first(LIAR, &[add(liar, 1, member)]));
    for (seat, proposal) in [(A, &two), (B, &two), (C, &one)] {
        let shown = table.give(liar, seat, Body::Proposal(Arc::clone(proposal)));
        shown.expect("a signed proposal");
    }
    let wire = table.take_wire();
    assert!(wire.iter().all(|packet| packet.to == liar));
    let statement = table.echo_of(&two);
    let given = echoes(&wire)
        .into_iter()
        .filter(|echo| echo.statement == statement);
    let own = table.echo(LIAR, &two);
    let seated = given.chain([own]).map(|echo| {
        let seat = table.seat_of(&echo.signer).expect("a member");
        (table.seats()[seat], echo.sig)
    });
    let mut signatures: Vec<_> = seated.collect();
    signatures.sort_by_key(|(seat, _)| *seat);
    let certificate = Arc::new(Certificate {
        statement,
        signatures,
    });
    Split {
        table,
        two,
        certificate,
    }
}

/// The same message with a signature that nobody made.
fn unsigned(proposal: &Proposal) -> Arc<Proposal> {
    let sig = Sig::from_bytes([7; 64]);
    Arc::new(Proposal {
        sig,
        ..proposal.clone()
    })
}

impl Split {
    fn answer(&self, copy: &Arc<Proposal>) -> Body {
        let segment = Segment {
            source: copy.message.source,
            proposals: vec![Arc::clone(copy)],
            certificate: Some(Arc::clone(&self.certificate)),
        };
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![segment],
            summary: Some(self.table.summary(LIAR)),
        })
    }
}

/// The attacker says no more; everything else arrives at once, for so many ticks.
fn without_liar(table: &mut Table, ticks: u32) {
    let liar = table.actor(LIAR);
    let here = |packet: &Packet| packet.from != liar && packet.to != liar;
    for _ in 0..ticks {
        correct().for_each(|seat| table.tick(seat));
        table.carry(here);
    }
}

fn has(table: &Table, seat: usize, source: usize) -> bool {
    let head = table.replicas[seat].head(&table.actor(source));
    head.is_some_and(|head| head.seq > Seq::ZERO)
}

/// Every promise that the attack once broke.
fn keeps_its_promises(table: &mut Table) {
    without_liar(table, 200);
    for seat in correct() {
        assert!(
            has(table, seat, LIAR),
            "totality: {seat} delivers what the others did"
        );
        let convicted = table.replicas[seat].convicted();
        assert!(
            convicted.contains_key(&table.actor(LIAR)),
            "accountability: {seat}"
        );
    }
    // An operation that rests on the attacker's.
    let rests = remove(table.actor(LIAR), 1, 2);
    table.propose(A, rests);
    without_liar(table, 200);
    assert!(
        correct().all(|seat| has(table, seat, A)),
        "no lock-out of A"
    );
    let expelled = Change::Leave(table.actor(LIAR));
    for seat in correct() {
        if let Ok(step) = table.replicas[seat].approve(expelled) {
            table.spend(seat, step);
        }
    }
    without_liar(table, 400);
    let mut members = correct().map(|seat| table.replicas[seat].generation());
    assert!(
        members.all(|generation| generation > Generation::GENESIS),
        "the change ends"
    );
    table.add(B, 77);
    without_liar(table, 200);
    assert!(
        correct().all(|seat| has(table, seat, B)),
        "no lock-out of B"
    );
}

#[test]
fn a_copy_without_its_sources_signature_locks_nobody_out_when_it_is_pushed_unasked() {
    let mut split = split();
    let (bad, liar) = (split.answer(&unsigned(&split.two)), split.table.actor(LIAR));
    for seat in [A, B] {
        let pushed = split.table.give(liar, seat, bad.clone());
        assert_eq!(pushed, Err(PacketError::UnaskedAnswer(liar)));
    }
    keeps_its_promises(&mut split.table);
}

/// A member that echoed the message has a good copy, and keeps it: the certificate is welcome.
#[test]
fn a_copy_without_its_sources_signature_locks_nobody_out_when_it_is_an_answer() {
    let mut split = split();
    let (bad, liar) = (split.answer(&unsigned(&split.two)), split.table.actor(LIAR));
    for seat in [A, B] {
        split.table.ask(seat, LIAR);
        split
            .table
            .give(liar, seat, bad.clone())
            .expect("an answer");
        assert!(has(&split.table, seat, LIAR));
    }
    keeps_its_promises(&mut split.table);
}

/// The control: the attacker equivocates, and serves a good copy.
#[test]
fn an_equivocator_that_serves_a_good_copy_locks_nobody_out() {
    let mut split = split();
    let (good, liar) = (split.answer(&split.two), split.table.actor(LIAR));
    for seat in [A, B] {
        split.table.ask(seat, LIAR);
        split
            .table
            .give(liar, seat, good.clone())
            .expect("an answer");
    }
    keeps_its_promises(&mut split.table);
}

#[test]
fn a_copy_without_its_sources_signature_is_refused_by_a_member_that_holds_no_other() {
    let mut split = split();
    let (bad, liar) = (split.answer(&unsigned(&split.two)), split.table.actor(LIAR));
    split.table.ask(C, LIAR);
    let why = VerifyError::BadSignature(BadSignature(liar));
    assert_eq!(
        split.table.give(liar, C, bad),
        Err(PacketError::Unsigned(why))
    );
    let good = split.answer(&split.two);
    split
        .table
        .give(liar, C, good)
        .expect("the same with its signature");
    assert!(has(&split.table, C, LIAR));
    assert!(split.table.replicas[C].convicted().contains_key(&liar));
}

/// A record of an older version may hold the bad copy of what a lock before it holds well.
#[test]
fn a_bad_copy_on_record_gives_way_to_the_good_one_that_was_locked_before_it() {
    let mut split = split();
    let (bad, liar) = (unsigned(&split.two), split.table.actor(LIAR));
    let locked = &split.table.records[A];
    assert!(matches!(locked.as_slice(), [Record::Locked { .. }]));
    let segment = Segment {
        source: liar,
        proposals: vec![bad],
        certificate: Some(Arc::clone(&split.certificate)),
    };
    let delivered = Record::Delivered(split.two.message.dot());
    split.table.records[A].extend([Record::Certified(segment), delivered]);
    split.table.restart(A);
    split.table.take_wire();
    keeps_its_promises(&mut split.table);
}

/// One bad segment takes nothing from the good ones beside it.
#[test]
fn the_segments_of_an_answer_are_judged_one_by_one() {
    for bad_first in [true, false] {
        let mut table = Table::of(4);
        let (good, bad) = if bad_first { (1, 0) } else { (0, 1) };
        let mut segments = Vec::new();
        for source in [0, 1] {
            let proposal = table.first(source, &[add(table.actor(source), 1, 7)]);
            let certificate = Some(table.certificate(&[0, 1, 3], &proposal));
            let copy = if source == bad {
                unsigned(&proposal)
            } else {
                proposal
            };
            let (source, proposals) = (table.actor(source), vec![copy]);
            segments.push(Segment {
                source,
                proposals,
                certificate,
            });
        }
        table.ask(C, LIAR);
        let answer = PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments,
            summary: Some(table.summary(LIAR)),
        };
        let liar = table.actor(LIAR);
        table
            .give(liar, C, Body::PullResponse(answer))
            .expect("a good segment");
        assert!(has(&table, C, good) && !has(&table, C, bad));
        let why = VerifyError::BadSignature(BadSignature(table.actor(bad)));
        assert_eq!(table.refused, [(C, PacketError::Unsigned(why))]);
        assert!(
            !table.faults[C]
                .iter()
                .any(|fault| matches!(fault, Fault::Silenced))
        );
    }
}
