//! Nobody lies. All four crash at once, when all know a quorum of prevotes for a value and nobody
//! has precommitted to it: the quorum binds them after the restart, so that the value must have
//! been durable before it.

use bft_crdts::SecureBroadcastAlgorithm;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Record};
use bft_crdts::membership::{self, Change, VoteKind};

use crate::common::{Set, Table, recover};

const SEATS: [usize; 4] = [0, 1, 2, 3];

/// Whether the sender says so in its own name.
fn says(packet: &Packet, what: impl Fn(&VoteKind) -> bool) -> bool {
    let Body::Agreement { message, .. } = &packet.body else {
        return false;
    };
    let mut own = message
        .votes
        .iter()
        .filter(|vote| vote.signer == packet.from);
    own.any(|vote| what(&vote.statement.kind))
}

fn proposes(packet: &Packet) -> bool {
    says(packet, |said| matches!(said, VoteKind::Proposal { .. }))
}

fn prevotes(packet: &Packet) -> bool {
    says(packet, |said| matches!(said, VoteKind::Prevote(_)))
}

fn precommits(packet: &Packet) -> bool {
    says(packet, |said| matches!(said, VoteKind::Precommit(_)))
}

/// Delivers what is under way from one to another and `is`; the rest stays under way.
fn deliver(table: &mut Table, from: usize, to: usize, is: impl Fn(&Packet) -> bool) {
    let (from, to) = (table.actor(from), table.actor(to));
    let mut rest = Vec::new();
    for packet in table.take_wire() {
        if packet.from == from && packet.to == to && is(&packet) {
            table.hand_over(packet).expect("a correct member's packet");
        } else {
            rest.push(packet);
        }
    }
    rest.extend(table.take_wire());
    table.wire.extend(rest);
}

/// Lets approvals and reports arrive everywhere at once. What is said in the agreement waits.
fn freeze_all(table: &mut Table) {
    for seat in SEATS {
        if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
            table.spend(seat, step);
        }
    }
    let mut votes = Vec::new();
    while let Some(packet) = table.wire.pop_front() {
        if matches!(packet.body, Body::Agreement { .. }) {
            votes.push(packet);
        } else {
            table.hand_over(packet).expect("a correct member's packet");
        }
    }
    table.wire.extend(votes);
}

/// All know a quorum of prevotes for a value, and all have precommitted to none.
fn prevote_too_late(table: &mut Table) {
    freeze_all(table);
    let [a, b, c, d] = SEATS;
    for to in [b, c] {
        deliver(table, a, to, proposes);
    }
    // One waits in vain, and votes for none.
    (0..6).for_each(|_| table.tick(d));
    for to in [a, b, c] {
        deliver(table, d, to, prevotes);
    }
    // Each of the others hears one more vote for the value: a quorum of votes, not for one thing.
    for (from, to) in [(b, a), (a, b), (a, c), (b, d)] {
        deliver(table, from, to, prevotes);
    }
    deliver(table, a, d, |packet| prevotes(packet) || proposes(packet));
    for _ in 0..6 {
        SEATS.into_iter().for_each(|seat| table.tick(seat));
    }
    // The votes that were late.
    for (from, to) in [(c, a), (c, b), (b, c), (c, d), (b, d)] {
        deliver(table, from, to, |p| prevotes(p) && !precommits(p));
    }
}

fn has_valid_value(records: &[Record]) -> bool {
    let valid = |record: &Record| matches!(record, Record::Agreement(membership::Record::Valid(_)));
    records.iter().any(valid)
}

fn ends(crash: bool) {
    let mut table = Table::of(4);
    table.add(0, 1);
    table.run(3);
    table.take_wire();
    prevote_too_late(&mut table);
    for seat in SEATS {
        let precommitted = |record: &Record| matches!(record, Record::Agreement(membership::Record::Vote(vote)) if matches!(vote.statement.kind, VoteKind::Precommit(Some(_))));
        assert!(!table.records[seat].iter().any(precommitted));
        assert!(has_valid_value(&table.records[seat]));
    }
    if crash {
        table.take_wire();
        SEATS.into_iter().for_each(|seat| table.restart(seat));
    }
    table.run(300);
    for replica in &table.replicas {
        assert_eq!(replica.generation().number(), 1);
    }
}

#[test]
fn when_nobody_crashes_the_change_is_made() {
    ends(false);
}

#[test]
fn when_all_crash_at_once_with_a_valid_value_the_change_is_made() {
    ends(true);
}

/// Records that name a value without it are not ours: we never wrote them.
#[test]
fn records_that_name_a_value_nobody_wrote_are_refused() {
    let mut table = Table::of(4);
    prevote_too_late(&mut table);
    for seat in SEATS {
        let is_value = |record: &Record| matches!(record, Record::Value(_));
        let mut records = table.records[seat].clone();
        assert!(records.iter().any(is_value));
        records.retain(|record| !is_value(record));
        let (key, genesis) = (table.keys[seat].clone(), table.genesis.clone());
        let set = Set::new(key.actor());
        assert!(recover(key, set, genesis, records).is_err());
    }
}
