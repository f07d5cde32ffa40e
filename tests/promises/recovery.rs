//! A crash loses nothing that was said: at every record boundary, with every kind of torn write.

use std::collections::BTreeMap;

use crate::common::Table;
use bft_crdts::Actor;
use bft_crdts::codec::{Digest, encode};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Record};
use bft_crdts::dot::Dot;
use bft_crdts::net::{Equivocator, Net, TICK_MICROS};
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::Generation;
use bft_crdts::store::{MemoryStore, Store};
use quickcheck_macros::quickcheck;

type Set = Orswot<u8>;

/// Bytes of a record that a crash may leave: none, one, the frame's first half and more, all but
/// one.
const TORN: [usize; 4] = [0, 1, 9, usize::MAX];

/// What is done in the runs that are crashed. `watch` sees the network between any two steps.
fn drive(net: &mut Net<Set>, mut watch: impl FnMut(&mut Net<Set>)) {
    let honest = net.honest_actors();
    let everyone = net.actors();
    for round in 0..3u8 {
        for (index, who) in everyone.iter().enumerate() {
            if !net.is_down(who) {
                // A refused removal and a member that is down are part of the story.
                let _ = net.add(who, round * 10 + index as u8);
            }
            watch(net);
            if !net.is_down(who) {
                let _ = net.remove(who, &(round * 10));
            }
            watch(net);
            for _ in 0..3 {
                net.step();
                watch(net);
            }
        }
        if round == 1 {
            net.partition(&[honest[0]]);
        }
        let until = net.now() + 2 * TICK_MICROS;
        while net.now() < until {
            net.step();
            watch(net);
        }
        // Healing restores power too: what is ordered is ordered after it.
        net.heal();
        watch(net);
    }
}

fn records(net: &Net<Set>, who: &Actor) -> usize {
    let mut store = net.backup(who).expect("a member");
    store.load().expect("what was written").len()
}

fn network(lying: bool) -> Net<Set> {
    let builder = Net::builder(11).members(4);
    if lying {
        builder.byzantine(Equivocator::default()).build()
    } else {
        builder.build()
    }
}

/// How many records `who` has after each thing that happens in a run without crashes.
fn story(lying: bool, who: Actor) -> Vec<usize> {
    let mut net = network(lying);
    let mut counts = vec![0];
    drive(&mut net, |net| counts.push(records(net, &who)));
    counts
}

/// Crashes `who` where it is to write its `record`th record, with `torn` bytes of it written.
fn crash_at(lying: bool, who: Actor, story: &[usize], record: usize, torn: usize, pause: u64) {
    let mut net = network(lying);
    let happens = story
        .windows(2)
        .position(|pair| (pair[0]..pair[1]).contains(&record));
    let happens = happens.expect("a record of the story");
    let order = |net: &mut Net<Set>| {
        net.crash_while_writing(&who, record - story[happens], torn);
    };
    if happens == 0 {
        order(&mut net);
    }
    let (mut index, mut back_at) = (0, None);
    drive(&mut net, |net| {
        index += 1;
        if index == happens {
            order(net);
        } else if index == happens + 1 {
            assert!(net.is_down(&who));
            assert_eq!(records(net, &who), record, "crashed at this very record");
            back_at = Some(net.now() + pause);
        }
        if back_at.is_some_and(|at| net.now() >= at) {
            net.restart(&who);
        }
    });
    net.settle();
}

/// How many records were crashed at.
fn crash_everywhere(lying: bool) -> usize {
    let mut tried = 0;
    for who in network(lying).honest_actors() {
        let story = story(lying, who);
        let count = *story.last().expect("a story");
        assert!(count >= 20, "{count} records are no story");
        for record in 0..count {
            let torn = TORN[record % TORN.len()];
            let pause = [0, TICK_MICROS, 20 * TICK_MICROS][record % 3];
            crash_at(lying, who, &story, record, torn, pause);
            tried += 1;
        }
    }
    tried
}

#[test]
fn a_crash_at_any_record_of_any_member_loses_nothing() {
    assert!(crash_everywhere(false) > 80);
}

#[test]
fn a_crash_at_any_record_of_any_member_beside_a_liar_loses_nothing() {
    assert!(crash_everywhere(true) > 60);
}

#[test]
fn a_crash_with_any_torn_bytes_loses_nothing() {
    let who = network(false).honest(1);
    let story = story(false, who);
    for record in 0..*story.last().expect("a story") {
        for torn in TORN {
            crash_at(false, who, &story, record, torn, 0);
        }
    }
}

#[quickcheck]
fn a_member_that_crashes_again_and_again_loses_nothing(crashes: Vec<(u8, u8, u8)>) {
    let mut net = network(true);
    let mut crashes = crashes.into_iter().take(12);
    let mut steps = 0;
    drive(&mut net, |net| {
        steps += 1;
        if steps % 7 == 0
            && let Some((who, records, torn)) = crashes.next()
        {
            let honest = net.honest_actors();
            let who = honest[usize::from(who) % honest.len()];
            net.restart(&who);
            net.crash_while_writing(&who, usize::from(records % 4), usize::from(torn));
        }
    });
    net.settle();
}

// ---- one replica's records

/// All that a member says that binds it.
#[derive(Default)]
struct Word {
    echoes: BTreeMap<(Generation, Dot), Digest>,
    proposals: BTreeMap<Dot, Digest>,
}

impl Word {
    /// Hears a packet; panics when it contradicts what was heard before.
    fn hear(&mut self, speaker: Actor, network: &bft_crdts::codec::NetworkId, packet: &Packet) {
        use bft_crdts::actor::Statement;
        match &packet.body {
            Body::Echo(echo) if echo.signer == speaker => {
                let said = echo.statement;
                let key = (said.generation, said.dot);
                let first = *self.echoes.entry(key).or_insert(said.digest);
                assert_eq!(first, said.digest, "two echoes at {}", said.dot);
            }
            Body::Proposal(proposal) if proposal.message.source == speaker => {
                let digest = proposal.message.digest(network);
                let dot = proposal.message.dot();
                let first = *self.proposals.entry(dot).or_insert(digest);
                assert_eq!(first, digest, "two proposals at {dot}");
            }
            _ => {}
        }
    }
}

/// A run in which every member writes every kind of record but those of lost memory.
fn eventful() -> (Table, Vec<Packet>) {
    let mut table = Table::of(4);
    let mut said = Vec::new();
    let last = table.actor(3);
    for round in 0..8u8 {
        for seat in 0..4 {
            table.add(seat, round * 4 + seat as u8);
            table.add(seat, 100 + round * 4 + seat as u8);
        }
        table.carry(|packet| {
            said.push(packet.clone());
            round % 3 != 1 || (packet.to != last && packet.from != last)
        });
        (0..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| {
            said.push(packet.clone());
            true
        });
    }
    let seen = [1, 2].map(|member| {
        let op = crate::common::add(table.actor(0), 999, member);
        let head = table.replicas[0].head(&table.actor(0)).expect("a lane");
        table.message(0, head, &[op])
    });
    let [left, right] = seen.map(|message| table.echo(0, &table.sign(0, message)));
    let conflict = bft_crdts::evidence::Conflict { left, right };
    let evidence = bft_crdts::deterministic_secure_broadcast::Equivocation::Echo(conflict);
    for seat in 1..4 {
        let body = Body::Evidence(std::sync::Arc::new(evidence.clone()));
        table.give(last, seat, body).expect("good evidence");
    }
    for _ in 0..4 {
        (0..4).for_each(|seat| table.tick(seat));
        table.carry(|packet| {
            said.push(packet.clone());
            true
        });
    }
    (table, said)
}

#[test]
fn every_prefix_of_a_member_s_records_rebuilds_it_and_contradicts_nothing_that_it_signed() {
    let (mut table, said) = eventful();
    let network = table.network();
    for seat in 0..4 {
        let me = table.actor(seat);
        let all = std::mem::take(&mut table.records[seat]);
        let kinds: std::collections::BTreeSet<_> = all.iter().map(kind).collect();
        assert!(kinds.len() >= 4, "{kinds:?}");
        for prefix in 0..=all.len() {
            table.records[seat] = all[..prefix].to_vec();
            let (mut replica, step) = table.rebuild(seat);
            let written: Vec<_> = [all[..prefix].to_vec(), step.persist.clone()].concat();
            // What was durable when it spoke: only a crash at the very end has said all of it.
            let mut word = Word::default();
            if prefix == all.len() {
                said.iter().for_each(|p| word.hear(me, &network, p));
            }
            step.packets().for_each(|p| word.hear(me, &network, &p));
            for packet in said.iter().filter(|packet| packet.to == me) {
                if let Ok(step) = replica.handle_packet(packet.clone()) {
                    step.packets().for_each(|p| word.hear(me, &network, &p));
                }
            }
            let step = replica.tick();
            step.packets().for_each(|p| word.hear(me, &network, &p));
            // Rebuilt once more, it is where it was after its first step.
            table.records[seat] = written;
            let (again, _) = table.rebuild(seat);
            table.records[seat] = all[..prefix].to_vec();
            let (first, _) = table.rebuild(seat);
            assert_eq!(again.frontier(), first.frontier());
            assert_eq!(again.memory_use(), first.memory_use());
        }
        table.records[seat] = all;
    }
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Queued(_) => "queued",
        Record::Locked { .. } => "locked",
        Record::Certified { .. } => "certified",
        Record::Delivered(_) => "delivered",
        Record::Convicted(_) => "convicted",
        _ => "other",
    }
}

/// Whose lane a record is about.
fn lane(record: &Record) -> Option<Actor> {
    match record {
        Record::Locked { proposal, .. } => Some(proposal.message.source),
        Record::Certified(segment) => Some(segment.source),
        Record::Delivered(dot) => Some(dot.source),
        _ => None,
    }
}

#[test]
fn a_prefix_keeps_every_delivery_and_every_lock_that_it_holds() {
    let (mut table, _) = eventful();
    for seat in 0..4 {
        let all = std::mem::take(&mut table.records[seat]);
        for prefix in 0..=all.len() {
            table.records[seat] = all[..prefix].to_vec();
            let (replica, _) = table.rebuild(seat);
            for record in &table.records[seat] {
                if let Record::Delivered(dot) = record {
                    let before = table.replicas[seat].delivered(dot);
                    assert!(before.is_some());
                    assert_eq!(replica.delivered(dot), before);
                }
            }
        }
        table.records[seat] = all;
        let (rebuilt, _) = table.rebuild(seat);
        let whole = &table.replicas[seat];
        assert_eq!(rebuilt.frontier(), whole.frontier());
        assert_eq!(rebuilt.memory_use(), whole.memory_use());
        assert_eq!(rebuilt.algorithm(), whole.algorithm());
        assert_eq!(rebuilt.convicted(), whole.convicted());
    }
}

#[test]
fn records_that_do_not_follow_from_each_other_are_an_error_and_not_a_replica() {
    let (table, _) = eventful();
    let all = &table.records[1];
    let recover = |records: Vec<Record>| {
        let key = table.keys[1].clone();
        let set = bft_crdts::SecureBroadcastAlgorithm::new(key.actor());
        let genesis = table.genesis.clone();
        crate::common::recover(key, set, genesis, records).map(|_| ())
    };
    let mut refused = 0;
    for gone in 0..all.len() {
        let mut records = all.clone();
        let lost = kind(&records.remove(gone));
        if recover(records).is_err() {
            refused += 1;
        } else {
            // A lost delivery shows as soon as its lane goes on.
            let goes_on = all[gone + 1..]
                .iter()
                .any(|later| lane(later) == lane(&all[gone]));
            assert!(lost != "delivered" || !goes_on, "{lost} {gone}");
        }
    }
    assert!(refused > all.len() / 2);
    let elsewhere = Table::of(5);
    let seat = elsewhere
        .seat_of(&table.actor(1))
        .expect("a member of both");
    let key = elsewhere.keys[seat].clone();
    let set = bft_crdts::SecureBroadcastAlgorithm::new(key.actor());
    let genesis = elsewhere.genesis.clone();
    assert!(crate::common::recover(key, set, genesis, all.clone()).is_err());
}

#[test]
fn a_store_s_bytes_cut_anywhere_are_a_prefix_of_its_records() {
    let (table, _) = eventful();
    let records = &table.records[2];
    let mut whole = MemoryStore::new();
    whole.append(records).expect("power is on");
    for (index, record) in records.iter().enumerate() {
        let len = encode(record).len() + 8;
        for torn in [0, 1, 7, 8, 9, len / 2, len - 1] {
            let mut store = MemoryStore::new();
            store.cut_power(index, torn);
            assert!(store.append(records).is_err());
            store.restore_power();
            assert_eq!(store.load().expect("a prefix"), records[..index]);
        }
    }
    assert_eq!(whole.load().expect("all"), *records);
}

// ---- what is no replica of this network

#[test]
fn another_first_state_or_another_algorithm_is_refused() {
    use bft_crdts::SecureBroadcastAlgorithm;
    use bft_crdts::deterministic_secure_broadcast::{RecoverError, Replica};
    use bft_crdts::membership::GenesisError;
    let table = Table::of(4);
    let (key, me) = (table.keys[1].clone(), table.actor(1));
    let mut later = Set::new(me);
    later.apply(crate::common::add(me, 1, 7));
    let refused = crate::common::recover(key.clone(), later, table.genesis.clone(), Vec::new());
    assert_eq!(
        refused.err(),
        Some(RecoverError::Genesis(GenesisError::State))
    );
    let other = crate::support::Nothing;
    let refused = Replica::recover(key, other, table.genesis.clone(), Vec::new());
    let refused = refused.err();
    assert_eq!(
        refused,
        Some(RecoverError::Genesis(GenesisError::Algorithm))
    );
}

/// A message that has the next number or the right parent, and not both; and generations of which
/// there are none.
#[test]
fn a_lock_a_segment_or_an_installation_that_does_not_follow_is_no_record() {
    use bft_crdts::deterministic_secure_broadcast::{RecoverError, Segment};
    let table = Table::of(4);
    let me = table.actor(1);
    let first = table.first(0, &[crate::common::add(table.actor(0), 1, 7)]);
    let mut far = first.message.clone();
    far.seq = bft_crdts::dot::Seq::new(2);
    let mut elsewhere = first.message.clone();
    elsewhere.parent = Digest::from_bytes([9; 32]);
    let recover = |record: Record| {
        let set = bft_crdts::SecureBroadcastAlgorithm::new(me);
        let (key, genesis) = (table.keys[1].clone(), table.genesis.clone());
        crate::common::recover(key, set, genesis, vec![record]).err()
    };
    for (message, good) in [
        (first.message.clone(), true),
        (far, false),
        (elsewhere, false),
    ] {
        let proposal = table.sign(0, message);
        let refused = (!good).then_some(RecoverError::Record { index: 0 });
        let certificate = Some(table.certificate(&[0, 1, 2], &proposal));
        let segment = Record::Certified(Segment {
            source: table.actor(0),
            proposals: vec![std::sync::Arc::clone(&proposal)],
            certificate,
        });
        assert_eq!(recover(segment), refused);
        let from_outbox = 0;
        let lock = Record::Locked {
            proposal,
            from_outbox,
        };
        assert_eq!(recover(lock), refused);
    }
    let nothing = Record::Installed(Vec::new());
    assert_eq!(recover(nothing), Some(RecoverError::Record { index: 0 }));
}

#[test]
fn a_generation_that_does_not_follow_is_no_record() {
    let mut table = Table::of(4);
    table.add(0, 7);
    table.run(4);
    table.approve(&[0, 1, 2], bft_crdts::membership::Change::Renew);
    let (twin, _) = table.rebuild(1);
    assert_eq!(twin.generation().number(), 1);
    assert_eq!(twin.boundary(), table.replicas[1].boundary());
    let mut records = table.records[1].clone();
    for record in &mut records {
        if let Record::Installed(proofs) = record {
            let mut forged = (*proofs[0]).clone();
            let certificate = std::sync::Arc::make_mut(&mut forged.certificate);
            certificate.signatures.pop();
            proofs[0] = std::sync::Arc::new(forged);
        }
    }
    let set = bft_crdts::SecureBroadcastAlgorithm::new(table.actor(1));
    let (key, genesis) = (table.keys[1].clone(), table.genesis.clone());
    assert!(crate::common::recover(key, set, genesis, records).is_err());
}
