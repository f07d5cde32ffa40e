//! A store that may be an old copy: nothing is signed before members have told what its key has
//! signed.

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::deterministic_secure_broadcast::{
    Body, Fault, Packet, PacketError, ProposeError, Replica,
};
use bft_crdts::environment;
use bft_crdts::membership::Change;
use bft_crdts::quorum::VerifyError;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::{Set, Table, kinds};

/// Ticks after which a replica goes on when some members do not answer.
const GRACE: u32 = 12;

/// Starts `seat` again from its records, in doubt.
fn start(table: &mut Table, seat: usize, secret: u8) {
    let key = table.keys[seat].clone();
    let set = Set::new(key.actor());
    let records = table.records[seat].clone();
    let genesis = table.genesis.clone();
    let started = Replica::recover_in_doubt(key, set, genesis, records, [secret; 32]);
    let (replica, step) = started.expect("its own records");
    table.replicas[seat] = replica;
    table.spend(seat, step);
}

/// Whether a packet carries a statement of its sender, if that is `seat`.
fn says(table: &Table, seat: usize, packet: &Packet) -> bool {
    let signed = match &packet.body {
        Body::PullRequest(request) => request.summary.is_some(),
        Body::PullResponse(answer) => answer.summary.is_some(),
        // What others signed, or nobody.
        Body::Recall(_)
        | Body::Recollection(_)
        | Body::FetchSnapshot { .. }
        | Body::Snapshot { .. }
        | Body::GenerationProof(_)
        | Body::Certificate(_)
        | Body::Evidence(_) => false,
        _ => true,
    };
    packet.from == table.actor(seat) && signed
}

fn assert_signs_nothing(table: &Table, seat: usize, packets: &[Packet]) {
    let says = packets.iter().any(|packet| says(table, seat, packet));
    assert!(!says, "{:?}", kinds(packets));
}

fn assert_none_convicted(table: &Table) {
    let mut replicas = table.replicas.iter();
    assert!(replicas.all(|replica| replica.convicted().is_empty()));
}

#[test]
fn a_replica_in_doubt_says_nothing_before_a_quorum_has_answered_and_then_all() {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.carry_all();
    start(&mut table, 0, 1);
    table.add(0, 2);
    assert_eq!(table.replicas[0].missing_answers(), Some(2));
    let (asked, one) = (table.take_wire(), table.actor(1));
    assert_signs_nothing(&table, 0, &asked);
    table.wire.extend(asked);
    // With one answer of the two that are needed it waits for ever.
    for _ in 0..40 {
        table.tick(0);
        let said = table.take_wire();
        assert_signs_nothing(&table, 0, &said);
        table.wire.extend(said);
        table.carry(|packet| packet.from == one || packet.to == one);
    }
    assert_eq!(table.replicas[0].missing_answers(), Some(1));
    table.run(70);
    assert_eq!(table.replicas[0].missing_answers(), None);
    table.assert_level();
    assert_eq!(table.delivered[3].len(), 2, "what was proposed in doubt");
}

#[test]
fn an_old_copy_learns_from_any_quorum_what_it_forgot_before_it_signs() {
    for silent in 1..4 {
        let mut table = Table::of(4);
        table.add(0, 1);
        table.carry_all();
        let copy = table.records[0].clone();
        table.add(0, 2);
        table.carry_all();
        table.records[0] = copy;
        start(&mut table, 0, 1);
        table.add(0, 3);
        let absent = table.actor(silent);
        for _ in 0..GRACE {
            table.tick(0);
            let said = table.take_wire();
            assert_signs_nothing(&table, 0, &said);
            table.wire.extend(said);
            table.carry(|packet| packet.from != absent && packet.to != absent);
        }
        assert!(table.replicas[0].is_silenced());
        assert_eq!(table.faults[0], [Fault::Silenced]);
        let op = crate::common::add(table.actor(0), 3, 4);
        let refused = table.replicas[0].propose(op).err();
        assert_eq!(refused, Some(ProposeError::Silenced));
        table.run(4);
        assert_none_convicted(&table);
    }
}

#[test]
fn a_proposal_that_one_correct_member_has_seen_is_told_while_all_answer() {
    let mut table = Table::of(4);
    let copy = table.records[0].clone();
    table.add(0, 1);
    let witness = table.actor(2);
    table.carry(|packet| packet.to == witness);
    table.records[0] = copy;
    start(&mut table, 0, 1);
    table.carry_all();
    assert!(table.replicas[0].is_silenced());
}

#[test]
fn what_an_old_copy_signed_in_a_generation_that_is_over_binds_it_no_more() {
    let mut table = Table::of(4);
    let (copy, me, witness) = (table.records[0].clone(), table.actor(0), table.actor(1));
    table.add(0, 1);
    let delayed = table.take_wire();
    for seat in 1..4 {
        let approved = table.replicas[seat].approve(Change::Renew);
        table.spend(seat, approved.expect("a member's"));
    }
    // It is the one that would have proposed first.
    for _ in 0..40 {
        (1..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| packet.to != me);
    }
    assert_eq!(table.replicas[1].generation().number(), 1);
    table.wire.extend(delayed);
    table.carry(|packet| packet.from == me && packet.to == witness);
    table.records[0] = copy;
    start(&mut table, 0, 1);
    for _ in 0..8 {
        table.tick(0);
        table.carry(|packet| !matches!(packet.body, Body::Recollection(_)));
    }
    assert_eq!(table.replicas[0].generation().number(), 1);
    for _ in 0..GRACE {
        table.tick(0);
        table.carry(|packet| matches!(packet.body, Body::Recall(_) | Body::Recollection(_)));
    }
    assert!(!table.replicas[0].is_silenced());
    table.add(0, 2);
    table.run(4);
    table.assert_level();
    assert_eq!(table.replicas[0].messages(&me).count(), 1);
    assert_none_convicted(&table);
}

#[test]
fn an_echo_that_a_member_has_counted_is_told() {
    let mut table = Table::of(4);
    let copy = table.records[3].clone();
    table.add(0, 1);
    // The source has one echo beside its own: no quorum.
    let (source, echoes) = (table.actor(0), table.actor(3));
    table.carry(|packet| packet.to == echoes || (packet.from == echoes && packet.to == source));
    table.records[3] = copy;
    start(&mut table, 3, 1);
    table.carry(|packet| packet.from == echoes || packet.to == echoes);
    assert!(table.replicas[3].is_silenced());
}

#[test]
fn all_members_start_at_once_in_doubt_and_go_on() {
    for members in [1, 2, 3, 4, 7] {
        let mut table = Table::of(members);
        for seat in 0..usize::from(members) {
            table.add(seat, u8::try_from(seat).expect("few"));
        }
        table.run(4);
        (0..usize::from(members)).for_each(|seat| start(&mut table, seat, 1));
        for seat in 0..usize::from(members) {
            table.add(seat, 100 + u8::try_from(seat).expect("few"));
        }
        table.run(GRACE);
        table.assert_level();
        assert_eq!(table.delivered[0].len(), 2 * usize::from(members));
        assert!(
            table
                .replicas
                .iter()
                .all(|replica| replica.missing_answers().is_none())
        );
    }
}

#[test]
fn a_crash_after_a_renewal_leaves_no_doubt() {
    let mut table = Table::of(4);
    for round in 0..3 {
        (0..4).for_each(|seat| table.add(seat, round * 4 + u8::try_from(seat).expect("few")));
        table.run(2);
    }
    table.approve(&[0, 1, 2, 3], Change::Renew);
    table.add(0, 99);
    table.run(4);
    start(&mut table, 0, 1);
    table.run(GRACE);
    assert!(!table.replicas[0].is_silenced());
    assert_eq!(table.replicas[0].missing_answers(), None);
}

#[test]
fn who_crashes_while_the_members_change_is_in_no_doubt_of_itself_and_an_old_copy_is() {
    for forgets in [false, true] {
        let mut table = Table::of(4);
        table.add(0, 1);
        table.carry_all();
        let copy = table.records[0].clone();
        for seat in 0..4 {
            if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
                table.spend(seat, step);
            }
        }
        // All are frozen and have reported; no generation begins.
        table.carry(|packet| !matches!(packet.body, Body::Agreement { .. }));
        assert!(table.replicas[0].is_frozen());
        if forgets {
            table.records[0] = copy;
        }
        start(&mut table, 0, 1);
        table.carry(|packet| !matches!(packet.body, Body::Agreement { .. }));
        assert_eq!(table.replicas[0].is_silenced(), forgets);
        table.run(40);
        assert_eq!(table.replicas[1].generation().number(), 1);
        assert_none_convicted(&table);
    }
}

#[test]
fn a_newcomer_asks_before_it_signs_in_its_first_generation() {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.run(2);
    let seat = table.enter(9, |_| {});
    start(&mut table, seat, 1);
    let contacts: Vec<_> = (0..4).map(|member| table.actor(member)).collect();
    contacts
        .into_iter()
        .for_each(|member| table.replicas[seat].meet(member));
    let newcomer = table.entry(0);
    let Change::Join(mut entry) = newcomer else {
        panic!("a join");
    };
    let statement = entry.statement;
    entry = table.keys[seat]
        .sign(&table.network(), statement)
        .into_claim();
    table.approve(&[0, 1, 2, 3], Change::Join(entry));
    table.run(GRACE);
    assert!(
        table.replicas[seat]
            .committee()
            .contains(&table.actor(seat))
    );
    assert_eq!(table.replicas[seat].missing_answers(), None);
    table.add(seat, 7);
    table.run(4);
    table.assert_level();
}

#[test]
fn answers_that_were_not_asked_for_or_are_of_another_start_count_nothing() {
    let mut table = Table::of(4);
    start(&mut table, 0, 1);
    let asker = table.actor(0);
    table.carry(|packet| packet.from == asker);
    let answers = table.take_wire();
    assert!(answers.is_empty());
    (1..4).for_each(|seat| table.tick(seat));
    table.take_wire();
    start(&mut table, 0, 1);
    let questions = table.take_wire();
    for question in questions {
        table.hand_over(question).expect("a question");
    }
    let answers: Vec<_> = table.take_wire();
    assert!(
        answers
            .iter()
            .all(|answer| answer.body.kind() == "recollection")
    );
    start(&mut table, 0, 2);
    table.take_wire();
    for answer in &answers {
        let refused = table.hand_over(answer.clone());
        assert_eq!(refused, Err(PacketError::UnaskedAnswer(answer.from)));
    }
    assert_eq!(table.replicas[0].missing_answers(), Some(2));
    // The answer of one in the name of another.
    start(&mut table, 0, 1);
    table.take_wire();
    let mut forged = answers[0].clone();
    forged.from = answers[1].from;
    let refused = table.hand_over(forged.clone());
    assert_eq!(refused, Err(PacketError::UnaskedAnswer(forged.from)));
}

#[test]
fn a_member_is_told_what_it_signed_whoever_asked_before_in_its_name_and_nobody_else_is() {
    let mut table = Table::of(4);
    start(&mut table, 0, 1);
    let question = table.take_wire().remove(0);
    let mut asked = question.clone();
    asked.body = Body::Recall(bft_crdts::codec::Digest::from_bytes([9; 32]));
    for question in [asked.clone(), asked.clone(), question.clone()] {
        table.hand_over(question).expect("a question");
    }
    for answer in table.take_wire().split_off(2) {
        table.hand_over(answer).expect("an answer");
    }
    assert_eq!(table.replicas[0].missing_answers(), Some(1));
    let guest = table.enter(9, |_| {});
    asked.from = table.actor(guest);
    let refused = table.hand_over(asked);
    let seatless = VerifyError::NoSeat(table.actor(guest));
    assert_eq!(refused, Err(seatless.into()));
}

#[test]
fn a_question_that_is_sent_back_to_who_asked_it_changes_nothing() {
    let mut table = Table::of(4);
    start(&mut table, 0, 1);
    let mut question = table.take_wire().remove(0);
    question.to = question.from;
    assert_eq!(table.hand_over(question), Ok(()));
    assert!(table.take_wire().is_empty());
    assert_eq!(table.replicas[0].missing_answers(), Some(2));
}

#[test]
fn statements_of_others_silence_nobody() {
    let mut table = Table::of(4);
    table.add(1, 1);
    table.carry_all();
    start(&mut table, 0, 1);
    let question = table.take_wire().remove(0);
    let answers_by = question.to;
    table.hand_over(question).expect("a question");
    let mut answer = table.take_wire().remove(0);
    let first = table.first(2, &[crate::common::add(table.actor(2), 1, 9)]);
    let foreign = table.echo(2, &first);
    let Body::Recollection(told) = &mut answer.body else {
        panic!("an answer");
    };
    told.echoes.push(foreign);
    assert_eq!(answer.from, answers_by);
    assert!(table.hand_over(answer.clone()).is_err());
    // Nor one with our name and another's signature.
    let Body::Recollection(told) = &mut answer.body else {
        panic!("an answer");
    };
    told.echoes.pop();
    let mut forged = foreign;
    forged.signer = table.actor(0);
    told.echoes.push(forged);
    assert!(table.hand_over(answer).is_err());
    assert!(!table.replicas[0].is_silenced());
}

/// Lets one tick pass for all, and a random part of what is under way arrive. Whether the one in
/// doubt said anything.
fn weather(table: &mut Table, victim: usize, random: &mut ChaCha8Rng) -> bool {
    let mut said = false;
    for seat in 0..4 {
        let before = table.wire.len();
        table.tick(seat);
        said |= says_since(table, victim, before);
    }
    for packet in table.take_wire() {
        let before = table.wire.len();
        if random.random_bool(0.9) {
            let _ = table.hand_over(packet);
        }
        said |= says_since(table, victim, before);
    }
    said
}

fn says_since(table: &Table, victim: usize, before: usize) -> bool {
    let doubts = table.replicas[victim].missing_answers().is_some();
    let mut new = table.wire.iter().skip(before);
    doubts && new.any(|packet| says(table, victim, packet))
}

/// What a node is started again with.
#[derive(Clone, Copy, PartialEq)]
enum Store {
    /// All that it made durable: it crashed.
    Whole,
    /// A copy that was taken before.
    Old,
}

/// A run under load, in which packets are lost and overtake each other: a copy of one store is
/// taken on the way; the node is stopped, and started again with one of the two, in doubt or as if
/// nothing could be amiss.
fn start_again(seed: u64, store: Store, doubts: bool) -> Table {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut table = Table::of(4);
    let victim = victim_of(seed);
    let (copied, stopped) = (random.random_range(0..20), random.random_range(20..40));
    let mut copy = Vec::new();
    for round in 0..stopped {
        if round == copied {
            copy = table.records[victim].clone();
        }
        let seat = random.random_range(0..4);
        table.add(seat, u8::try_from(round).expect("few"));
        if random.random_bool(0.05) {
            for seat in 0..3 {
                if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
                    table.spend(seat, step);
                }
            }
        }
        weather(&mut table, victim, &mut random);
    }
    if store == Store::Old {
        table.records[victim] = copy;
    }
    let me = table.actor(victim);
    // What was sent before the end arrives or is lost before the store is put back.
    for packet in table.take_wire() {
        if packet.from == me && random.random_bool(0.5) {
            let _ = table.hand_over(packet);
        }
    }
    match doubts {
        true => start(
            &mut table,
            victim,
            u8::try_from(seed % 251).expect("a byte"),
        ),
        false => table.restart(victim),
    }
    table.add(victim, 200);
    for _ in 0..60 {
        let said = weather(&mut table, victim, &mut random);
        assert!(!said, "seed {seed}");
    }
    table
}

fn victim_of(seed: u64) -> usize {
    usize::try_from(seed % 4).expect("small")
}

fn is_anybody_convicted(table: &Table) -> bool {
    let mut replicas = table.replicas.iter();
    replicas.any(|replica| !replica.convicted().is_empty())
}

#[test]
#[allow(clippy::print_stderr, reason = "the count is what the test is for")]
fn of_stores_that_are_put_back_under_load_each_is_told_and_none_convicted() {
    let tests = environment::number("QUICKCHECK_TESTS", 1).unwrap_or(100_u64);
    for seed in 0..tests {
        let table = start_again(seed, Store::Old, true);
        assert!(table.replicas[victim_of(seed)].is_silenced(), "seed {seed}");
        assert!(!is_anybody_convicted(&table), "seed {seed}");
    }
    eprintln!("{tests} old stores put back under load: {tests} told, none convicted");
}

#[test]
fn of_nodes_that_crash_under_load_none_is_taken_for_an_old_copy() {
    let tests = environment::number("QUICKCHECK_TESTS", 1).unwrap_or(100_u64);
    for seed in 0..tests {
        let table = start_again(seed, Store::Whole, true);
        let replica = &table.replicas[victim_of(seed)];
        assert!(!replica.is_silenced(), "seed {seed}");
        assert_eq!(replica.missing_answers(), None, "seed {seed}");
        assert!(!is_anybody_convicted(&table), "seed {seed}");
    }
}

/// Or the two tests above would not tell anything.
#[test]
fn without_doubt_a_store_that_is_put_back_convicts_its_key() {
    let mut runs = (0..20).map(|seed| start_again(seed, Store::Old, false));
    assert!(runs.any(|table| is_anybody_convicted(&table)));
}
