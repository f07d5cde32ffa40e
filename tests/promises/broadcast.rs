//! The three phases by hand: what a replica says, holds, delivers and refuses, packet by packet.

use std::sync::Arc;

use crate::common::{Set, Table, add, dot, echoes, genesis_of, key, keys, kinds, remove};
use bft_crdts::actor::{BadSignature, Sig, Signed, Statement};
use bft_crdts::codec::{DecodeError, Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, Echo, Equivocation, Fault, Message, Packet, PacketError, Proposal,
    ProposeError, PullRequest, PullResponse, Record, Replica, Segment,
};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::evidence::{Conflict, EvidenceError};
use bft_crdts::membership::Change;
use bft_crdts::orswot::Op;
use bft_crdts::quorum::{CertificateError, Generation, VerifyError};
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

/// The first messages of `source`, two that exclude each other.
fn two_first(table: &Table, source: usize) -> [Arc<Proposal>; 2] {
    let actor = table.actor(source);
    [1, 2].map(|member| table.first(source, &[add(actor, 1, member)]))
}

fn proposal(proposal: &Arc<Proposal>) -> Body {
    Body::Proposal(Arc::clone(proposal))
}

fn head_of(table: &Table, proposal: &Proposal) -> Head {
    Head {
        seq: proposal.message.seq,
        digest: proposal.message.digest(&table.network()),
    }
}

/// The accused, if this convicts somebody.
fn convicts(table: &Table, evidence: &Equivocation) -> Result<Actor, EvidenceError> {
    evidence.verify(&table.network())
}

// ---- the phases

#[test]
fn an_operation_is_delivered_by_all_in_three_phases_and_then_nobody_speaks() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let sent = table.take_wire();
    assert_eq!(kinds(&sent), ["proposal"; 3]);
    table.wire.extend(sent);
    table.carry_all();
    table.run(200);
    table.assert_level();
    assert!(
        table
            .replicas
            .iter()
            .all(|replica| replica.algorithm().contains(&7))
    );
    assert!(table.refused.is_empty() && table.faults.iter().all(Vec::is_empty));
    (0..4).for_each(|seat| table.tick(seat));
    assert!(table.wire.is_empty());
}

#[test]
fn a_repeated_proposal_gets_the_same_echo() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let first = table.wire.front().expect("a proposal").clone();
    table.take_wire();
    table.hand_over(first.clone()).expect("a good proposal");
    let answer = table.take_wire();
    let written = table.records.clone();
    assert_eq!(echoes(&answer).len(), 1);
    for _ in 0..5 {
        table.hand_over(first.clone()).expect("a good proposal");
        assert_eq!(table.take_wire(), answer);
    }
    assert_eq!(
        table.records, written,
        "the same answer is not written again"
    );
    let receiver = table.seat_of(&first.to).expect("a member");
    table.restart(receiver);
    table.take_wire();
    table.hand_over(first).expect("a good proposal");
    assert_eq!(echoes(&table.take_wire()), echoes(&answer));
}

#[test]
fn a_repeated_proposal_of_a_delivered_message_gets_the_certificate() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let first = table.wire.front().expect("a proposal").clone();
    table.carry_all();
    table.hand_over(first).expect("a good proposal");
    assert_eq!(kinds(&table.take_wire()), ["certificate"]);
}

#[test]
fn operations_proposed_while_one_is_in_flight_arrive_together_and_in_order() {
    let mut table = Table::of(4);
    for member in 0..10 {
        table.add(0, member);
    }
    let message =
        |packet: &Packet| matches!(&packet.body, Body::Proposal(p) if p.message.seq == Seq::new(1));
    assert_eq!(table.wire.len(), 3);
    assert!(
        table.wire.iter().all(message),
        "one message at a time is under way"
    );
    table.carry_all();
    for seat in 0..4 {
        let dots: Vec<_> = table.delivered[seat].iter().map(|(dot, _)| *dot).collect();
        assert_eq!(dots, [1, 2].map(|seq| dot(table.actor(0), seq)));
        let replica = &table.replicas[seat];
        let limits = table.genesis.limits();
        let source = table.actor(0);
        let messages = replica.messages(&source);
        let batches: Vec<Vec<_>> = messages
            .map(|m| m.decode::<Op<u8>>(limits).expect("ops"))
            .collect();
        let expected: Vec<_> = (0u8..10)
            .map(|m| add(table.actor(0), u64::from(m) + 1, m))
            .collect();
        assert_eq!(batches.concat(), expected);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [1, 9]);
        assert_eq!(replica.algorithm().len(), 10);
    }
}

#[test]
fn a_batch_is_cut_at_the_bounds_on_messages() {
    let mut limits = Limits::default();
    limits.message_ops = 3;
    let mut table = Table::bounded(4, limits);
    (0..8).for_each(|member| table.add(0, member));
    table.carry_all();
    let limits = table.genesis.limits();
    let source = table.actor(0);
    let messages = table.replicas[3].messages(&source);
    let sizes: Vec<_> = messages
        .map(|m| m.decode::<Op<u8>>(limits).expect("ops").len())
        .collect();
    assert_eq!(sizes, [1, 3, 3, 1]);
}

#[test]
fn committees_of_one_two_three_four_seven_and_sixteen_agree() {
    for n in [1, 2, 3, 4, 7, 16] {
        let mut table = Table::of(n);
        for seat in 0..usize::from(n) {
            table.add(seat, seat as u8);
        }
        table.carry_all();
        table.run(2);
        table.assert_level();
        assert_eq!(table.replicas[0].algorithm().len(), usize::from(n));
        assert!(table.refused.is_empty(), "{n}: {:?}", table.refused);
    }
}

#[test]
fn an_invalid_operation_is_refused_to_its_caller_and_changes_nothing() {
    let mut table = Table::of(4);
    let before = format!("{:?}", table.replicas[0]);
    let forged = add(table.actor(1), 1, 7);
    let refused = table.replicas[0].propose(forged);
    assert!(matches!(refused, Err(ProposeError::NotValid(_))));
    assert_eq!(format!("{:?}", table.replicas[0]), before);
}

#[test]
fn what_others_did_shows_on_the_state_ahead_while_an_operation_is_under_way() {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.take_wire();
    table.add(1, 9);
    table.carry_all();
    let ahead = table.replicas[0].ahead();
    assert!(ahead.contains(&9) && ahead.contains(&1));
    assert!(!table.replicas[0].algorithm().contains(&1));
}

// ---- certificates of another message

/// Two of the three echoes were made for the other message, and verified here.
#[test]
fn a_certificate_with_the_echoes_of_another_message_is_refused() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    table
        .give(table.actor(0), 1, proposal(&one))
        .expect("a good proposal");
    let echo = table.echo(0, &one);
    table
        .give(table.actor(0), 1, Body::Echo(echo))
        .expect("a good echo");
    let mut copied = table.certificate(&[0, 1, 3], &one).signatures.clone();
    let good = table.certificate(&[0, 1, 3], &other);
    copied[2] = good.signatures[2];
    let forged = Arc::new(Certificate {
        statement: good.statement,
        signatures: copied,
    });
    let refused = table.give(table.actor(3), 1, Body::Certificate(forged));
    let bad = CertificateError::BadSignature(BadSignature(table.actor(0)));
    assert_eq!(refused, Err(PacketError::Certificate(bad)));
}

#[test]
fn another_message_does_not_take_the_place_of_the_certified_one() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    let certificate = table.certificate(&[0, 2, 3], &one);
    table
        .give(table.actor(0), 1, Body::Certificate(certificate))
        .expect("a good certificate");
    let _ = table.give(table.actor(0), 1, proposal(&other));
    assert!(table.delivered[1].is_empty());
    table
        .give(table.actor(2), 1, proposal(&one))
        .expect("the message");
    let head = head_of(&table, &one);
    let expected = (dot(table.actor(0), 1), head.digest);
    assert_eq!(table.delivered[1], [expected]);
}

// ---- echoes

#[test]
fn echoes_of_outsiders_are_not_counted() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let sent = table.take_wire();
    let Body::Proposal(proposed) = &sent[0].body else {
        panic!("a proposal");
    };
    let echo = table.echo_of(proposed);
    for number in 100..110 {
        let outsider = key(number);
        let claim = outsider.sign(&table.network(), echo).into_claim();
        let refused = table.give(outsider.actor(), 0, Body::Echo(claim));
        let why = VerifyError::NoSeat(outsider.actor());
        assert_eq!(refused, Err(PacketError::Unsigned(why)));
    }
    // One short of a quorum, the source's own counted, however often it comes.
    let member = table.echo(1, proposed);
    for _ in 0..5 {
        table
            .give(table.actor(1), 0, Body::Echo(member))
            .expect("a good echo");
    }
    assert!(table.delivered[0].is_empty() && table.wire.is_empty());
    let member = table.echo(2, proposed);
    table
        .give(table.actor(1), 0, Body::Echo(member))
        .expect("a good echo, whoever brings it");
    assert_eq!(table.delivered[0].len(), 1);
}

#[test]
fn echoes_that_are_not_what_they_claim_are_refused() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let Body::Proposal(proposed) = table.take_wire().remove(0).body else {
        panic!("a proposal");
    };
    let good = table.echo(1, &proposed);
    let from = table.actor(1);
    let give = |table: &mut Table, claim: Signed<Echo>| table.give(from, 0, Body::Echo(claim));

    let mut stolen = good;
    stolen.signer = table.actor(2);
    let bad = PacketError::Unsigned(VerifyError::BadSignature(BadSignature(table.actor(2))));
    assert_eq!(give(&mut table, stolen), Err(bad));

    let generation = Generation::GENESIS.next().expect("a number");
    let other = Echo {
        generation,
        ..good.statement
    };
    let early = table.keys[1].sign(&table.network(), other).into_claim();
    // Of a generation that is not known yet: asked after, and nothing else.
    assert_eq!(give(&mut table, early), Ok(()));
    assert_eq!(kinds(&table.take_wire()), ["request"]);

    let other = Echo {
        digest: Digest::from_bytes([9; 32]),
        ..good.statement
    };
    let unasked = table.keys[1].sign(&table.network(), other).into_claim();
    let refused = give(&mut table, unasked);
    assert_eq!(refused, Err(PacketError::Unasked(good.statement.dot)));

    let elsewhere = genesis_of(&keys(5), Limits::default()).network();
    let foreign = table.keys[1].sign(&elsewhere, good.statement).into_claim();
    let bad = PacketError::Unsigned(VerifyError::BadSignature(BadSignature(table.actor(1))));
    assert_eq!(give(&mut table, foreign), Err(bad));
}

// ---- proposals

#[test]
fn proposals_that_are_not_what_they_claim_are_refused() {
    let mut table = Table::of(4);
    let good = table.first(0, &[add(table.actor(0), 1, 7)]);
    let from = table.actor(0);
    let bad = PacketError::Unsigned(VerifyError::BadSignature(BadSignature(from)));
    let give =
        |table: &mut Table, forged: Proposal| table.give(from, 1, Body::Proposal(Arc::new(forged)));

    let by_another = Proposal {
        sig: table.echo(2, &good).sig,
        ..Proposal::clone(&good)
    };
    assert_eq!(give(&mut table, by_another), Err(bad.clone()));

    let mut changed = Proposal::clone(&good);
    changed.message.ops = vec![1, 2, 3].into();
    assert_eq!(give(&mut table, changed), Err(bad.clone()));

    // An old signature at another dot.
    let mut moved = Proposal::clone(&good);
    moved.message.seq = Seq::new(2);
    assert_eq!(give(&mut table, moved), Err(bad.clone()));

    // Its source's signature for another generation.
    let next = Generation::GENESIS.next().expect("a number");
    let other = Echo {
        generation: next,
        ..table.echo_of(&good)
    };
    let other = Proposal {
        sig: table.keys[0].sign(&table.network(), other).sig,
        ..Proposal::clone(&good)
    };
    assert_eq!(give(&mut table, other), Err(bad));

    let zero = Message {
        seq: Seq::ZERO,
        ..good.message.clone()
    };
    let zero = Proposal::clone(&table.sign(0, zero));
    let refused = give(&mut table, zero);
    assert_eq!(refused, Err(PacketError::NoDot(dot(from, 0))));

    let orphan = Message {
        parent: Digest::from_bytes([5; 32]),
        ..good.message.clone()
    };
    let orphan = Proposal::clone(&table.sign(0, orphan));
    let refused = give(&mut table, orphan);
    assert_eq!(refused, Err(PacketError::WrongParent(dot(from, 1))));

    let outsider = key(100);
    let message = Message {
        source: outsider.actor(),
        ..good.message.clone()
    };
    let forged = Proposal {
        message,
        ..Proposal::clone(&good)
    };
    let sig = outsider.sign(&table.network(), table.echo_of(&forged)).sig;
    let refused = give(&mut table, Proposal { sig, ..forged });
    assert_eq!(refused, Err(PacketError::NoLane(outsider.actor())));

    let mut large = Proposal::clone(&good);
    large.message.ops = vec![0; (128 << 10) + 1].into();
    let refused = give(&mut table, large);
    let too_long = matches!(
        refused,
        Err(PacketError::Decode(DecodeError::TooLong { .. }))
    );
    assert!(too_long);

    let strange = Packet {
        from,
        to: table.actor(2),
        body: proposal(&good),
    };
    let refused = table.replicas[1].handle_packet(strange);
    let Err(PacketError::Misdelivered(to)) = refused else {
        panic!("a packet for somebody else");
    };
    assert_eq!(to, table.actor(2));
    assert!(table.records[1].is_empty() && table.faults[1].is_empty() && table.wire.is_empty());
    give(&mut table, Proposal::clone(&good)).expect("the good one");
    assert_eq!(echoes(&table.take_wire()).len(), 1);
}

#[test]
fn a_proposal_beyond_the_next_dot_leaves_nothing_behind_and_asks() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 1)]);
    let second = table.message(0, head_of(&table, &first), &[add(table.actor(0), 2, 2)]);
    let second = table.sign(0, second);
    let holdings = table.replicas[1].memory_use();
    table
        .give(table.actor(0), 1, proposal(&second))
        .expect("a question");
    assert_eq!(table.replicas[1].memory_use(), holdings);
    assert!(table.records[1].is_empty());
    let sent = table.take_wire();
    assert_eq!(kinds(&sent), ["request"]);
    assert_eq!(sent[0].to, table.actor(0));
    // It did not see the digest at the dot: a contradiction comes too late to convict.
    let other = table.message(0, head_of(&table, &first), &[add(table.actor(0), 2, 3)]);
    let other = table.sign(0, other);
    table
        .give(table.actor(0), 1, proposal(&other))
        .expect("no answer");
    assert!(table.replicas[1].convicted().is_empty());
}

#[test]
fn a_first_message_of_another_network_is_nobodys_here() {
    let mut table = Table::of(4);
    let elsewhere = Table::of(5);
    let seat = elsewhere
        .seat_of(&table.actor(0))
        .expect("a member of both");
    let foreign = elsewhere.first(seat, &[add(table.actor(0), 1, 7)]);
    let refused = table.give(table.actor(0), 1, proposal(&foreign));
    let bad = VerifyError::BadSignature(BadSignature(table.actor(0)));
    assert_eq!(refused, Err(PacketError::Unsigned(bad)));
}

#[test]
fn operations_that_never_will_be_valid_are_reported_and_not_echoed() {
    let mut table = Table::of(4);
    let forged = [
        vec![add(table.actor(1), 1, 7)],
        vec![add(table.actor(0), 2, 7)],
        vec![],
    ];
    for ops in forged {
        let mut table = Table::of(4);
        let forged = table.first(0, &ops);
        table
            .give(table.actor(0), 1, proposal(&forged))
            .expect("a fault, not a refusal");
        assert!(table.take_wire().is_empty() && table.records[1].is_empty());
        let fault = table.faults[1].pop().expect("a fault");
        assert_eq!(fault.accused(), Some(table.actor(0)));
        assert!(matches!(fault, Fault::Invalid { .. }));
    }
    let mut undecodable = table.first(0, &[]).message.clone();
    undecodable.ops = vec![0xff; 20].into();
    let undecodable = table.sign(0, undecodable);
    table
        .give(table.actor(0), 1, proposal(&undecodable))
        .expect("a fault, not a refusal");
    assert!(matches!(table.faults[1][..], [Fault::Invalid { .. }]));
    assert_eq!(table.replicas[1].memory_use().lane_bytes, 0);
}

// ---- early operations

#[test]
fn an_early_proposal_is_held_and_echoed_when_what_it_rests_on_is_delivered() {
    let mut table = Table::of(4);
    table.add(0, 7);
    table.carry(|packet| packet.to != packet.from);
    // Seat 3 starts from nothing; the others know the addition.
    table.records[3].clear();
    let (fresh, _) = table.rebuild(3);
    table.replicas[3] = fresh;
    let op = table.replicas[1].ahead().remove(&7).expect("there");
    table.propose(1, op);
    let to_three = |packet: &&Packet| packet.to == table.actor(3);
    let early = table
        .wire
        .iter()
        .find(to_three)
        .expect("a proposal")
        .clone();
    table.take_wire();
    table.hand_over(early.clone()).expect("held");
    assert!(table.wire.is_empty() && table.records[3].is_empty());
    assert!(table.replicas[3].memory_use().lane_bytes > 0);
    let certificate = Body::Certificate(newest(&mut table, 0));
    let addition = table.first(0, &[add(table.actor(0), 1, 7)]);
    table
        .give(table.actor(0), 3, proposal(&addition))
        .expect("a proposal");
    table.take_wire();
    table
        .give(table.actor(0), 3, certificate)
        .expect("a certificate");
    let sent = table.take_wire();
    let echoes = echoes(&sent);
    assert_eq!(echoes.len(), 1, "{:?}", kinds(&sent));
    assert_eq!(echoes[0].statement.dot, dot(table.actor(1), 1));
}

/// The newest certificate of `source`'s lane, as seat 2 answers a proposal that comes late.
fn newest(table: &mut Table, source: usize) -> Arc<Certificate> {
    let first = table.first(source, &[add(table.actor(source), 1, 7)]);
    table
        .give(table.actor(source), 2, proposal(&first))
        .expect("late");
    match table.wire.pop_back().expect("an answer").body {
        Body::Certificate(certificate) => certificate,
        other => panic!("{other}"),
    }
}

#[test]
fn a_certified_early_message_is_held_and_delivered_when_what_it_rests_on_is() {
    let mut table = Table::of(4);
    let addition = table.first(0, &[add(table.actor(0), 1, 7)]);
    let removal = table.first(1, &[remove(table.actor(0), 1, 7)]);
    let certified = table.certificate(&[0, 1, 2], &removal);
    table
        .give(table.actor(1), 3, proposal(&removal))
        .expect("held");
    table
        .give(table.actor(1), 3, Body::Certificate(certified))
        .expect("held");
    assert!(table.delivered[3].is_empty() && echoes(&table.take_wire()).is_empty());
    let certified = table.certificate(&[0, 1, 2], &addition);
    table
        .give(table.actor(0), 3, proposal(&addition))
        .expect("echoed");
    table
        .give(table.actor(0), 3, Body::Certificate(certified))
        .expect("delivered");
    let dots: Vec<_> = table.delivered[3].iter().map(|(dot, _)| *dot).collect();
    assert_eq!(dots, [dot(table.actor(0), 1), dot(table.actor(1), 1)]);
    assert!(table.replicas[3].algorithm().is_empty());
}

/// Two certificates of one lane contradict each other only at one dot.
#[test]
fn a_certificate_beyond_one_that_is_held_makes_its_receiver_ask_and_accuses_nobody() {
    let mut table = Table::of(4);
    let removal = table.first(1, &[remove(table.actor(0), 1, 7)]);
    let next = table.message(1, head_of(&table, &removal), &[add(table.actor(1), 1, 8)]);
    let next = table.sign(1, next);
    let certified = table.certificate(&[0, 1, 2], &removal);
    for body in [proposal(&removal), Body::Certificate(certified)] {
        table.give(table.actor(1), 3, body).expect("held");
    }
    table.take_wire();
    let beyond = Body::Certificate(table.certificate(&[0, 1, 2], &next));
    table.give(table.actor(1), 3, beyond).expect("a gap");
    assert_eq!(kinds(&table.take_wire()), ["request"]);
    assert!(table.replicas[3].convicted().is_empty() && table.faults[3].is_empty());
}

// ---- certificates

#[test]
fn a_certificate_without_its_message_fetches_it() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let last = table.actor(3);
    table.carry(|packet| packet.to != last || packet.body.kind() == "certificate");
    // The request went out and was answered: no proposal ever reached seat 3.
    assert_eq!(table.delivered[3].len(), 0);
    let answered = |packet: &Packet| packet.body.kind() != "proposal";
    for _ in 0..4 {
        (0..4).for_each(|seat| table.tick(seat));
        table.carry(answered);
    }
    table.assert_level();
    assert_eq!(table.delivered[3].len(), 1);
}

#[test]
fn a_certificate_without_its_message_asks_whoever_brought_it_at_once() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let certificate = table.certificate(&[0, 1, 2], &first);
    table
        .give(table.actor(2), 3, Body::Certificate(certificate))
        .expect("a good certificate");
    let sent = table.take_wire();
    assert_eq!(kinds(&sent), ["request"]);
    assert_eq!(sent[0].to, table.actor(2));
    // Whoever brings the message, it is delivered.
    table
        .give(table.actor(1), 3, proposal(&first))
        .expect("the message");
    assert_eq!(table.delivered[3].len(), 1);
}

#[test]
fn a_certificate_that_contradicts_our_lock_is_delivered_and_convicts_the_source() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    table
        .give(table.actor(0), 3, proposal(&one))
        .expect("echoed");
    table.take_wire();
    let certificate = table.certificate(&[0, 1, 2], &other);
    let segment = Segment {
        source: other.message.source,
        proposals: vec![Arc::clone(&other)],
        certificate: Some(Arc::clone(&certificate)),
    };
    table
        .give(table.actor(1), 3, Body::Certificate(certificate))
        .expect("a good certificate");
    assert_eq!(kinds(&table.take_wire()), ["evidence", "request"]);
    table.ask(3, 1);
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(table.summary(1)),
    };
    table
        .give(table.actor(1), 3, Body::PullResponse(answer))
        .expect("an answer");
    assert_eq!(table.delivered[3].len(), 1);
    assert!(table.replicas[3].algorithm().contains(&2));
    let evidence = &table.replicas[3].convicted()[&table.actor(0)];
    assert_eq!(convicts(&table, evidence), Ok(table.actor(0)));
}

#[test]
fn a_contradicting_certificate_whose_message_comes_without_the_source_s_signature_still_convicts() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    table
        .give(table.actor(0), 3, proposal(&one))
        .expect("echoed");
    let certificate = table.certificate(&[0, 1, 2], &other);
    let unsigned = Arc::new(Proposal {
        sig: Sig::from_bytes([0; 64]),
        ..Proposal::clone(&other)
    });
    table.ask(3, 1);
    for (message, good) in [(unsigned, false), (other, true)] {
        let segment = Segment {
            source: message.message.source,
            proposals: vec![message],
            certificate: Some(Arc::clone(&certificate)),
        };
        let answer = PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![segment],
            summary: Some(table.summary(1)),
        };
        let taken = table.give(table.actor(1), 3, Body::PullResponse(answer));
        assert_eq!(
            taken.is_ok(),
            good,
            "the source's signature is kept with each message"
        );
    }
    assert_eq!(table.delivered[3].len(), 1);
    assert!(table.replicas[3].convicted().contains_key(&table.actor(0)));
}

#[test]
fn a_missing_message_without_its_source_s_signature_is_refused_and_with_it_delivered() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let certificate = table.certificate(&[0, 1, 2], &first);
    table
        .give(table.actor(2), 3, Body::Certificate(certificate))
        .expect("a good certificate");
    let unsigned = Arc::new(Proposal {
        sig: Sig::from_bytes([0; 64]),
        ..Proposal::clone(&first)
    });
    let refused = table.give(table.actor(2), 3, proposal(&unsigned));
    let bad = VerifyError::BadSignature(BadSignature(table.actor(0)));
    assert_eq!(refused, Err(PacketError::Unsigned(bad)));
    table
        .give(table.actor(2), 3, proposal(&first))
        .expect("the message");
    assert_eq!(table.delivered[3].len(), 1);
}

#[test]
fn a_proposal_that_contradicts_a_certified_early_message_convicts_and_is_not_echoed() {
    let mut table = Table::of(4);
    let early = table.first(1, &[remove(table.actor(0), 1, 7)]);
    let certificate = table.certificate(&[0, 1, 2], &early);
    let segment = Segment {
        source: early.message.source,
        proposals: vec![early],
        certificate: Some(certificate),
    };
    table.ask(3, 2);
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(table.summary(2)),
    };
    table
        .give(table.actor(2), 3, Body::PullResponse(answer))
        .expect("held");
    table.take_wire();
    let other = table.first(1, &[add(table.actor(1), 1, 7)]);
    table
        .give(table.actor(1), 3, proposal(&other))
        .expect("a fault");
    assert!(echoes(&table.take_wire()).is_empty());
    assert!(table.replicas[3].convicted().contains_key(&table.actor(1)));
}

#[test]
fn certificates_that_are_not_what_they_claim_are_refused() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let good = Certificate::clone(&table.certificate(&[0, 1, 2], &first));
    let from = table.actor(0);
    let refused = |table: &mut Table, certificate: Certificate, why: CertificateError| {
        let refused = table.give(from, 3, Body::Certificate(Arc::new(certificate)));
        assert_eq!(refused, Err(PacketError::Certificate(why)));
    };
    let with = |by: &[usize], table: &Table| Certificate {
        statement: good.statement,
        signatures: table.signatures(by, good.statement),
    };
    let quorum = |signatures| CertificateError::NotAQuorum {
        signatures,
        quorum: 3,
    };

    for by in [&[][..], &[0], &[0, 1], &[0, 1, 2, 3]] {
        let certificate = with(by, &table);
        refused(&mut table, certificate, quorum(by.len()));
    }
    for by in [[0, 0, 1], [0, 1, 1], [1, 0, 2], [2, 1, 0]] {
        let certificate = with(&by, &table);
        refused(&mut table, certificate, CertificateError::Seats);
    }

    let mut beyond = good.clone();
    let larger = Table::of(7);
    beyond.signatures[2].0 = larger.seats()[6];
    refused(&mut table, beyond, CertificateError::Seats);

    for index in 0..3 {
        let mut forged = good.clone();
        forged.signatures[index].1 = Sig::from_bytes([7; 64]);
        let why = CertificateError::BadSignature(BadSignature(table.actor(index)));
        refused(&mut table, forged, why);
    }

    let mut swapped = good.clone();
    let seats: Vec<_> = swapped.signatures.iter().map(|(seat, _)| *seat).collect();
    swapped.signatures[0].0 = seats[0];
    swapped.signatures[0].1 = good.signatures[1].1;
    let why = CertificateError::BadSignature(BadSignature(table.actor(0)));
    refused(&mut table, swapped, why);

    let mut of_another = good.clone();
    of_another.statement.digest = Digest::from_bytes([3; 32]);
    refused(&mut table, of_another, why);

    let elsewhere = Table::of(5);
    let seats = table.seats();
    let foreign = Certificate {
        statement: good.statement,
        signatures: (0..3)
            .map(|seat| {
                let sig = table.keys[seat]
                    .sign(&elsewhere.network(), good.statement)
                    .sig;
                (seats[seat], sig)
            })
            .collect(),
    };
    refused(&mut table, foreign, why);

    let generation = Generation::GENESIS.next().expect("a number");
    let statement = Echo {
        generation,
        ..good.statement
    };
    let early = Certificate {
        statement,
        signatures: table.signatures(&[0, 1, 2], statement),
    };
    let asked = table.give(from, 3, Body::Certificate(Arc::new(early)));
    assert_eq!(asked, Ok(()));
    assert_eq!(kinds(&table.take_wire()), ["request"]);

    let mut nobodys = good.clone();
    nobodys.statement.dot.source = key(100).actor();
    let refused = table.give(from, 3, Body::Certificate(Arc::new(nobodys)));
    assert_eq!(refused, Err(PacketError::NoLane(key(100).actor())));

    assert!(table.records[3].is_empty() && table.wire.is_empty());
    table
        .give(from, 3, Body::Certificate(Arc::new(good)))
        .expect("the good one");
}

#[test]
fn a_certificate_beyond_the_next_dot_is_checked_before_anybody_is_asked() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 1)]);
    let second = table.message(0, head_of(&table, &first), &[add(table.actor(0), 2, 2)]);
    let second = table.sign(0, second);
    let good = table.certificate(&[0, 1, 2], &second);
    let mut forged = Certificate::clone(&good);
    forged.signatures[2].1 = Sig::from_bytes([7; 64]);
    let refused = table.give(table.actor(1), 3, Body::Certificate(Arc::new(forged)));
    let why = CertificateError::BadSignature(BadSignature(table.actor(2)));
    assert_eq!(refused, Err(PacketError::Certificate(why)));
    assert!(table.wire.is_empty());
    table
        .give(table.actor(1), 3, Body::Certificate(good))
        .expect("a good one");
    assert_eq!(kinds(&table.take_wire()), ["request"]);
    // Who signed it did so on what it had delivered, and remembers.
    let with_ours = table.certificate(&[0, 1, 3], &second);
    table
        .give(table.actor(1), 3, Body::Certificate(with_ours))
        .expect("a good one");
    assert!(table.replicas[3].is_silenced());
}

#[test]
fn a_certified_message_with_the_wrong_parent_is_refused() {
    // More than the tolerated liars must sign it: then it is refused, not followed.
    let mut table = Table::of(4);
    let mut orphan = table.first(0, &[add(table.actor(0), 1, 7)]).message.clone();
    orphan.parent = Digest::from_bytes([5; 32]);
    let orphan = table.sign(0, orphan);
    let certificate = table.certificate(&[0, 1, 2], &orphan);
    table
        .give(
            table.actor(0),
            3,
            Body::Certificate(Arc::clone(&certificate)),
        )
        .expect("the message is not here yet");
    table.take_wire();
    let refused = table.give(table.actor(0), 3, proposal(&orphan));
    assert_eq!(
        refused,
        Err(PacketError::WrongParent(dot(table.actor(0), 1)))
    );
    let segment = Segment {
        source: orphan.message.source,
        proposals: vec![orphan],
        certificate: Some(certificate),
    };
    table.ask(3, 1);
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(table.summary(1)),
    };
    let refused = table.give(table.actor(1), 3, Body::PullResponse(answer));
    assert_eq!(refused, Err(PacketError::Segment(table.actor(0))));
}

// ---- catching up

#[test]
fn a_segment_that_does_not_hold_together_is_refused_whole() {
    let mut table = Table::of(4);
    for member in 0..4 {
        table.add(0, member);
        let last = table.actor(3);
        table.carry(|packet| packet.to != last);
    }
    let asker = table.summary(3);
    let request = PullRequest {
        summary: Some(asker),
        known: Generation::GENESIS,
        held: [].into(),
    };
    table
        .give(table.actor(3), 1, Body::PullRequest(request))
        .expect("a request");
    let Body::PullResponse(good) = table.wire.pop_back().expect("an answer").body else {
        panic!("an answer");
    };
    assert_eq!(good.segments[0].proposals.len(), 4);
    let mut gap = good.clone();
    gap.segments[0].proposals.remove(1);
    let mut short = good.clone();
    short.segments[0].proposals.pop();
    let mut headless = good.clone();
    headless.segments[0].proposals.remove(0);
    let mut swapped = good.clone();
    swapped.segments[0].proposals.swap(1, 2);
    let mut empty = good.clone();
    empty.segments[0].proposals.clear();
    let mut twice = good.clone();
    twice.segments.push(good.segments[0].clone());
    table.ask(3, 1);
    for (index, bad) in [gap, short, headless, swapped, empty, twice]
        .into_iter()
        .enumerate()
    {
        let refused = table.give(table.actor(1), 3, Body::PullResponse(bad));
        assert!(matches!(refused, Err(PacketError::Segment(_))), "{index}");
    }
    let mut forged = good.clone();
    let certificate = forged.segments[0].certificate.as_mut().expect("its proof");
    Arc::make_mut(certificate).signatures[1].1 = Sig::from_bytes([1; 64]);
    let refused = table.give(table.actor(1), 3, Body::PullResponse(forged));
    assert!(matches!(refused, Err(PacketError::Certificate(_))));
    let mut nobodys = good.clone();
    let outsider = key(100);
    let summary = table.summary(1).statement.clone();
    let summary = outsider.sign(&table.network(), summary).into_claim();
    nobodys.summary = Some(Arc::new(summary));
    table
        .give(table.actor(1), 3, Body::PullResponse(nobodys))
        .expect("a segment proves itself, whoever brings it");
    assert_eq!(table.delivered[3].len(), 4);
}

#[test]
fn a_summary_in_another_s_name_teaches_nothing() {
    let mut table = Table::of(4);
    table.add(0, 7);
    table.carry(|_| false);
    let mut forged = Signed::clone(&table.summary(1));
    let head = Head {
        seq: Seq::new(1),
        digest: Digest::from_bytes([1; 32]),
    };
    forged.statement.frontier.insert(table.actor(0), head);
    let bad = PacketError::Unsigned(VerifyError::BadSignature(BadSignature(table.actor(1))));
    let forged = Arc::new(forged);
    let bodies = [
        Body::Announce(Arc::clone(&forged)),
        Body::SummaryAck(Arc::clone(&forged)),
        Body::PullRequest(PullRequest {
            summary: Some(Arc::clone(&forged)),
            known: Generation::GENESIS,
            held: [].into(),
        }),
        Body::PullResponse(PullResponse {
            proofs: Vec::new(),
            pruned: false,
            segments: vec![],
            summary: Some(forged),
        }),
    ];
    table.ask(0, 2);
    for body in bodies {
        assert_eq!(table.give(table.actor(2), 0, body), Err(bad.clone()));
    }
}

#[test]
fn the_largest_segment_that_tight_limits_allow_reaches_a_member_that_was_absent() {
    let mut limits = Limits::default();
    limits.seats = 4;
    limits.lanes = 4;
    limits.message_bytes = 2048;
    limits.message_ops = 64;
    limits.segment_messages = 1;
    limits.segment_bytes = 1;
    // The smallest packet that the limits' own check admits.
    limits.packet_bytes = (1..20_000)
        .find(|bytes| {
            limits.packet_bytes = *bytes;
            limits.check().is_ok()
        })
        .expect("some size fits");
    let mut table = Table::bounded(4, limits);
    let me = table.actor(0);
    let absent = table.actor(3);
    table.propose(0, add(me, 1, 0));
    let mut set = table.replicas[0].ahead().clone();
    for _ in 0..40 {
        let op = set.add_all(0..200);
        set.apply(op.clone());
        table.propose(0, op);
    }
    table.carry(|packet| packet.to != absent && packet.from != absent);
    assert!(table.delivered[1].len() > 3);
    table.run(200);
    table.assert_level();
    let bound = table.genesis.limits().packet_bytes as usize;
    assert!(
        table
            .wire
            .iter()
            .all(|packet| packet.encode().len() <= bound)
    );
}

#[test]
fn a_locked_message_whose_source_is_gone_is_completed_by_the_members_that_hold_it() {
    let mut table = Table::of(4);
    table.add(0, 7);
    let (gone, holder) = (table.actor(0), table.actor(1));
    table.carry(|packet| packet.from == gone && packet.to == holder);
    for _ in 0..64 {
        (1..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| packet.to != gone && packet.from != gone);
    }
    for seat in 1..4 {
        assert_eq!(table.delivered[seat].len(), 1, "seat {seat}");
    }
    table.run(64);
    table.assert_level();
}

// ---- evidence

#[test]
fn two_messages_at_one_dot_convict_by_evidence_that_the_network_s_name_verifies() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    table
        .give(table.actor(0), 1, proposal(&one))
        .expect("echoed");
    assert_eq!(echoes(&table.take_wire()).len(), 1);
    table
        .give(table.actor(0), 1, proposal(&other))
        .expect("a fault");
    assert!(
        echoes(&table.take_wire()).is_empty(),
        "nothing new is signed"
    );
    let evidence = Arc::clone(&table.replicas[1].convicted()[&table.actor(0)]);
    let [Fault::Equivocation(reported)] = &table.faults[1][..] else {
        panic!("one fault");
    };
    assert_eq!(*reported, evidence);
    let network = genesis_of(&keys(4), Limits::default()).network();
    assert_eq!(evidence.verify(&network), Ok(table.actor(0)));
    let elsewhere = genesis_of(&keys(5), Limits::default()).network();
    assert!(evidence.verify(&elsewhere).is_err());
    // It travels, and convicts elsewhere.
    table
        .give(table.actor(3), 2, Body::Evidence(evidence))
        .expect("good evidence");
    assert!(table.replicas[2].convicted().contains_key(&table.actor(0)));
    table.run(3);
    assert!(table.replicas[3].convicted().contains_key(&table.actor(0)));
    // The same first message still gets the same echo; no other one does.
    table
        .give(table.actor(0), 1, proposal(&one))
        .expect("echoed");
    assert_eq!(echoes(&table.take_wire()).len(), 1);
}

#[test]
fn tampered_evidence_convicts_nobody() {
    let table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    let left = table.echo(0, &one);
    let right = table.echo(0, &other);
    let good = Conflict { left, right };
    assert_eq!(
        good.verify(&table.network()),
        Ok(table.actor(0)),
        "untampered"
    );
    let stranger = table.actor(1);
    type Tampering = fn(&mut Conflict<Echo>, Actor);
    let tampered: [Tampering; 9] = [
        |c, _| c.right = c.left,
        |c, _| c.left.statement.digest = Digest::from_bytes([0; 32]),
        |c, _| c.left.statement.dot.seq = Seq::new(2),
        |c, _| c.right.sig = c.left.sig,
        |c, stranger| c.left.signer = stranger,
        |c, stranger| (c.left.signer, c.right.signer) = (stranger, stranger),
        |c, stranger| {
            for side in [&mut c.left, &mut c.right] {
                side.signer = stranger;
                side.statement.dot.source = stranger;
            }
        },
        |c, _| {
            let mut bytes = *c.left.sig.as_bytes();
            bytes[40] ^= 1;
            c.left.sig = Sig::from_bytes(bytes);
        },
        |c, stranger| c.right.statement.dot.source = stranger,
    ];
    for (index, tamper) in tampered.iter().enumerate() {
        let mut conflict = good.clone();
        tamper(&mut conflict, stranger);
        let evidence = Equivocation::Echo(conflict);
        assert!(evidence.verify(&table.network()).is_err(), "{index}");
        let mut table = Table::of(4);
        let refused = table.give(stranger, 2, Body::Evidence(Arc::new(evidence)));
        assert!(matches!(refused, Err(PacketError::Evidence(_))), "{index}");
    }
}

#[test]
fn no_evidence_against_an_honest_member_can_be_made_of_what_it_signed() {
    // Collect every signature that four honest members make in a long run, and put each beside
    // each.
    let mut table = Table::of(4);
    let mut seen = Vec::new();
    for round in 0..6u8 {
        for seat in 0..4usize {
            table.add(seat, round * 4 + seat as u8);
        }
        if round == 3 {
            (0..4).for_each(|seat| table.restart(seat));
        }
        table.carry(|packet| {
            seen.push(packet.clone());
            true
        });
    }
    let mut echoes: Vec<Signed<Echo>> = Vec::new();
    for packet in &seen {
        match &packet.body {
            Body::Proposal(p) => echoes.push(Signed {
                statement: table.echo_of(p),
                signer: p.message.source,
                sig: p.sig,
            }),
            Body::Echo(echo) => echoes.push(*echo),
            _ => {}
        }
    }
    echoes.sort_by_key(|claim| (claim.signer, claim.statement.dot));
    echoes.dedup();
    assert!(echoes.len() >= 80);
    let network = table.network();
    for left in &echoes {
        for right in &echoes {
            let (left, right) = (*left, *right);
            // As it is; the same signature, said to be at the other's dot; and said to be the
            // other's.
            let (mut moved, mut renamed) = (right, right);
            moved.statement.dot = left.statement.dot;
            renamed.signer = left.signer;
            for right in [right, moved, renamed] {
                let evidence = Equivocation::Echo(Conflict { left, right });
                assert!(evidence.verify(&network).is_err());
            }
        }
    }
}

#[test]
fn from_generation_to_generation_a_member_may_change_its_mind_and_so_may_a_source() {
    let table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    let next = Echo {
        generation: Generation::GENESIS.next().expect("a number"),
        ..table.echo_of(&other)
    };
    let evidence = |by: usize| {
        let right = table.keys[by].sign(&table.network(), next).into_claim();
        let left = table.echo(by, &one);
        Equivocation::Echo(Conflict { left, right })
    };
    for by in [0, 1] {
        let freed = convicts(&table, &evidence(by));
        assert_eq!(freed, Err(EvidenceError::NoConflict), "{by}");
    }
}

#[test]
fn a_source_that_echoes_another_message_than_it_proposed_is_convicted_by_its_echo_alone() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    table.give(table.actor(0), 1, proposal(&one)).expect("good");
    let echo = Body::Echo(table.echo(0, &other));
    table.give(table.actor(2), 1, echo).expect("evidence");
    assert!(table.replicas[1].convicted().contains_key(&table.actor(0)));
}

#[test]
fn a_proposal_signed_in_a_later_generation_is_not_echoed_but_makes_its_receiver_ask() {
    // Did its source's signature count in the old generation too, one member that is late and one
    // liar could certify it there, and the late one would deliver what nobody else can take from
    // it.
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let echo = Echo {
        generation: Generation::GENESIS.next().expect("a number"),
        ..table.echo_of(&first)
    };
    let later = Arc::new(Proposal {
        generation: echo.generation,
        sig: table.keys[0].sign(&table.network(), echo).sig,
        ..Proposal::clone(&first)
    });
    table
        .give(table.actor(0), 1, proposal(&later))
        .expect("taken");
    assert_eq!(kinds(&table.take_wire()), ["request"]);
    // Nor is it a signature in this generation.
    let moved = Arc::new(Proposal {
        generation: Generation::GENESIS,
        ..Proposal::clone(&later)
    });
    let bad = VerifyError::BadSignature(BadSignature(table.actor(0)));
    let refused = table.give(table.actor(0), 1, proposal(&moved));
    assert_eq!(refused, Err(PacketError::Unsigned(bad)));
}

#[test]
fn what_two_members_said_convicts_neither() {
    let table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    let (left, right) = (table.echo(1, &one), table.echo(2, &other));
    let evidence = Equivocation::Echo(Conflict { left, right });
    assert_eq!(convicts(&table, &evidence), Err(EvidenceError::NoConflict));
}

#[test]
fn evidence_against_nobody_here_is_refused() {
    let mut table = Table::of(4);
    let outsider = key(100);
    let sign = |digest| {
        let echo = Echo {
            generation: Generation::GENESIS,
            dot: dot(outsider.actor(), 1),
            digest: Digest::from_bytes(digest),
        };
        outsider.sign(&table.network(), echo).into_claim()
    };
    let (left, right) = (sign([1; 32]), sign([2; 32]));
    let evidence = Arc::new(Equivocation::Echo(Conflict { left, right }));
    let refused = table.give(outsider.actor(), 0, Body::Evidence(evidence));
    assert_eq!(refused, Err(PacketError::NoLane(outsider.actor())));
}

#[test]
fn a_convicted_source_gets_no_new_echo() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    let conflict = Conflict {
        left: table.echo(0, &one),
        right: table.echo(0, &other),
    };
    let evidence = Arc::new(Equivocation::Echo(conflict));
    table
        .give(table.actor(3), 1, Body::Evidence(evidence))
        .expect("good evidence");
    table.take_wire();
    table
        .give(table.actor(0), 1, proposal(&one))
        .expect("the evidence is the answer");
    let answer = table.take_wire();
    assert_eq!(kinds(&answer), ["evidence"]);
    assert_eq!(answer[0].to, table.actor(0));
    // What a quorum certified nevertheless is delivered: others may have delivered it before.
    let certificate = table.certificate(&[0, 2, 3], &one);
    table
        .give(table.actor(2), 1, Body::Certificate(certificate))
        .expect("a good certificate");
    table
        .give(table.actor(2), 1, proposal(&one))
        .expect("the message");
    assert_eq!(table.delivered[1].len(), 1);
}

#[test]
fn an_approval_stands_until_its_change_is_made() {
    let mut table = Table::of(4);
    assert!(!table.replicas[0].has_approvals());
    table.approve(&[0], Change::Renew);
    let held = table.replicas.iter().map(Replica::has_approvals);
    assert_eq!(held.collect::<Vec<_>>(), [true, false, false, false]);
    table.approve(&[1, 2, 3], Change::Renew);
    assert!(table.replicas[0].generation() > Generation::GENESIS);
    assert!(!table.replicas[0].has_approvals());
}

#[test]
fn a_conviction_survives_a_restart() {
    let mut table = Table::of(4);
    for two in two_first(&table, 0) {
        let _ = table.give(table.actor(0), 1, proposal(&two));
    }
    assert!(table.replicas[1].convicted().contains_key(&table.actor(0)));
    table.restart(1);
    assert!(table.replicas[1].convicted().contains_key(&table.actor(0)));
}

// ---- lost memory

#[test]
fn who_learns_from_a_snapshot_that_its_store_is_old_is_silenced_by_the_first_of_its_records() {
    let mut table = Table::of(4);
    let backup = table.records[0].clone();
    for item in 1..3 {
        table.add(0, item);
        table.run(2);
        table.approve(&[0, 1, 2, 3], Change::Renew);
        table.run(8);
    }
    table.records[0] = backup;
    table.delivered[0].clear();
    table.restart(0);
    table.run(20);
    assert!(table.replicas[0].is_silenced());
    let place = |wanted: fn(&Record) -> bool| table.records[0].iter().position(wanted);
    let silenced = place(|record| matches!(record, Record::Silenced));
    let snapshot = place(|record| matches!(record, Record::Snapshot { .. }));
    // Of records in one write a crash may leave the first alone.
    assert!(
        silenced.is_some() && silenced < snapshot,
        "{silenced:?} {snapshot:?}"
    );
}

#[test]
fn a_source_restored_from_an_old_copy_falls_silent_and_says_so() {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.carry_all();
    let backup = table.records[0].clone();
    table.add(0, 2);
    table.carry_all();
    table.records[0] = backup;
    table.delivered[0].clear();
    table.restart(0);
    table.carry_all();
    table.run(4);
    assert!(table.replicas[0].is_silenced());
    assert!(matches!(table.faults[0][..], [Fault::Silenced]));
    let mut records = table.records[0].iter();
    assert!(records.any(|record| matches!(record, Record::Silenced)));
    let op = add(table.actor(0), 3, 3);
    assert_eq!(
        table.replicas[0].propose(op).err(),
        Some(ProposeError::Silenced)
    );
    table.assert_level();
    // It stays silent, and signs no echo, when it is started again.
    table.restart(0);
    assert!(table.replicas[0].is_silenced());
    table.take_wire();
    let other = table.first(1, &[add(table.actor(1), 1, 9)]);
    let refused = table.give(table.actor(1), 0, proposal(&other));
    assert_eq!(refused, Err(PacketError::Silenced));
}

#[test]
fn a_member_that_forgot_its_echo_falls_silent_when_a_certificate_shows_it() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let with_ours = table.certificate(&[0, 1, 3], &first);
    table
        .give(table.actor(0), 3, Body::Certificate(with_ours))
        .expect("a good certificate");
    assert!(table.replicas[3].is_silenced());
}

#[test]
fn a_certificate_of_our_own_lane_that_we_do_not_remember_silences_before_we_sign_at_its_dot() {
    let mut table = Table::of(4);
    let forgotten = table.first(0, &[add(table.actor(0), 1, 7)]);
    let without_ours = table.certificate(&[1, 2, 3], &forgotten);
    table
        .give(table.actor(1), 0, Body::Certificate(without_ours))
        .expect("a good certificate");
    assert!(table.replicas[0].is_silenced());
    let op = add(table.actor(0), 1, 8);
    let refused = table.replicas[0].propose(op);
    assert_eq!(refused.err(), Some(ProposeError::Silenced));
}

#[test]
fn an_echo_of_our_own_that_we_do_not_remember_silences() {
    let mut table = Table::of(4);
    let [one, other] = two_first(&table, 0);
    let forgotten = table.echo(3, &one);
    table
        .give(table.actor(1), 3, Body::Echo(forgotten))
        .expect("taken in");
    assert!(table.replicas[3].is_silenced(), "with no lock there");
    let mut table = Table::of(4);
    table
        .give(table.actor(0), 3, proposal(&other))
        .expect("echoed");
    table
        .give(table.actor(1), 3, Body::Echo(forgotten))
        .expect("taken in");
    assert!(table.replicas[3].is_silenced(), "with another lock there");
}

#[test]
fn who_is_silenced_signs_not_even_what_it_said_before() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    table
        .give(table.actor(0), 3, proposal(&first))
        .expect("echoed");
    let forgotten = table.first(1, &[add(table.actor(1), 1, 8)]);
    let forgotten = table.echo(3, &forgotten);
    table
        .give(table.actor(1), 3, Body::Echo(forgotten))
        .expect("taken in");
    assert!(table.replicas[3].is_silenced());
    table.restart(3);
    table.take_wire();
    let _ = table.give(table.actor(0), 3, proposal(&first));
    table.tick(3);
    assert_eq!(echoes(&table.take_wire()), []);
}

#[test]
fn a_proposal_of_our_own_that_we_do_not_remember_silences() {
    let mut table = Table::of(4);
    let forgotten = table.first(0, &[add(table.actor(0), 1, 7)]);
    table
        .give(table.actor(1), 0, proposal(&forgotten))
        .expect("taken in");
    assert!(table.replicas[0].is_silenced());
    assert!(matches!(table.faults[0][..], [Fault::Silenced]));
    // And one whose signature is not ours does not.
    let mut table = Table::of(4);
    let forged = Arc::new(Proposal {
        sig: table.echo(1, &forgotten).sig,
        ..Proposal::clone(&forgotten)
    });
    assert!(table.give(table.actor(1), 0, proposal(&forged)).is_err());
    assert!(!table.replicas[0].is_silenced());
}

#[test]
fn a_proposal_of_our_own_beyond_the_next_dot_that_we_do_not_remember_silences() {
    let mut table = Table::of(4);
    let first = table.first(0, &[add(table.actor(0), 1, 7)]);
    let second = table.message(0, head_of(&table, &first), &[add(table.actor(0), 2, 8)]);
    let second = table.sign(0, second);
    table
        .give(table.actor(1), 0, proposal(&second))
        .expect("taken in");
    assert!(table.replicas[0].is_silenced());
}

// ---- following

#[test]
fn who_is_no_member_holds_a_proposal_and_is_bound_to_nothing() {
    let mut table = Table::of(4);
    let seat = table.enter(100, |_| ());
    let [one, other] = two_first(&table, 0);
    table
        .give(table.actor(0), seat, proposal(&one))
        .expect("taken in");
    assert!(table.records[seat].is_empty());
    assert_eq!(echoes(&table.take_wire()), []);
    let certificate = table.certificate(&[0, 1, 2], &other);
    table
        .give(table.actor(0), seat, Body::Certificate(certificate))
        .expect("a good certificate");
    table
        .give(table.actor(0), seat, proposal(&other))
        .expect("the message");
    assert_eq!(table.delivered[seat].len(), 1);
}

#[test]
fn an_actor_that_is_no_member_follows_and_signs_nothing() {
    let mut table = Table::of(4);
    table.add(0, 7);
    table.carry_all();
    let follower = key(100);
    let set = Set::new(follower.actor());
    let recovered = Replica::recover(follower.clone(), set, table.genesis.clone(), []);
    let (mut replica, step) = recovered.expect("a follower");
    assert!(step.is_empty());
    let wire: Vec<_> = replica.tick().packets().collect();
    assert!(kinds(&wire).iter().all(|kind| *kind == "request"));
    for packet in wire {
        table.hand_over(packet).expect("anybody is answered");
    }
    for packet in table.take_wire() {
        if packet.to == follower.actor() {
            let step = replica.handle_packet(packet).expect("an answer");
            assert!(echoes(&step.packets().collect::<Vec<_>>()).is_empty());
        }
    }
    assert!(replica.algorithm().contains(&7));
    let first = table.first(1, &[add(table.actor(1), 1, 9)]);
    let packet = Packet {
        from: table.actor(1),
        to: follower.actor(),
        body: proposal(&first),
    };
    if let Ok(step) = replica.handle_packet(packet) {
        assert!(echoes(&step.packets().collect::<Vec<_>>()).is_empty());
    }
    let op = replica.ahead().add(1);
    assert_eq!(replica.propose(op).err(), Some(ProposeError::NotAMember));
}

#[test]
fn a_frontier_names_no_lane_in_which_nothing_was_delivered() {
    let mut table = Table::of(4);
    assert!(table.replicas[0].frontier().is_empty());
    table.add(1, 1);
    table.run(4);
    let frontier = table.replicas[0].frontier();
    assert!(frontier.keys().eq([&table.actor(1)]), "{frontier:?}");
}
