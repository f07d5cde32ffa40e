//! A crash of one who is generations behind, and has taken in a message of a newcomer whose
//! generation it has not installed.

use std::sync::Arc;

use crate::common::{Table, key};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, PullRequest, PullResponse, Summary};
use bft_crdts::dot::Dot;
use bft_crdts::membership::Change;
use bft_crdts::quorum::Generation;

const SOURCE: usize = 0;
const PRESENT: [usize; 3] = [0, 1, 2];
const AWAY: usize = 3;

fn without_away(table: &Table) -> impl FnMut(&Packet) -> bool + use<> {
    let away = table.actor(AWAY);
    move |packet| packet.from != away && packet.to != away
}

/// These members make a change that the last one does not hear of.
fn change(table: &mut Table, members: &[usize], change: Change) {
    let next = table.replicas[SOURCE].generation().next();
    for seat in members {
        // The last ones hold a certified change already.
        if let Ok(step) = table.replicas[*seat].approve(change) {
            table.spend(*seat, step);
        }
    }
    for _ in 0..100 {
        table.carry(without_away(table));
        (0..table.replicas.len())
            .filter(|seat| *seat != AWAY)
            .for_each(|seat| table.tick(seat));
        table.carry(without_away(table));
        let mut generations = members
            .iter()
            .map(|seat| table.replicas[*seat].generation());
        if generations.all(|generation| Some(generation) == next) {
            return;
        }
    }
    panic!("no new generation");
}

/// What the source answers to somebody who has nothing.
fn answer(table: &mut Table) -> PullResponse {
    let nobody = key(77);
    let summary = Summary {
        generation: Generation::GENESIS,
        frontier: [].into(),
        convicted: [].into(),
    };
    let summary = nobody.sign(&table.network(), summary).into_claim();
    let request = PullRequest {
        summary: Some(Arc::new(summary)),
        known: Generation::GENESIS,
        held: [].into(),
    };
    table.take_wire();
    let given = table.give(nobody.actor(), SOURCE, Body::PullRequest(request));
    given.expect("a question");
    let mut sent = table.take_wire().into_iter();
    let answer = sent.find_map(|packet| match packet.body {
        Body::PullResponse(answer) => Some(answer),
        _ => None,
    });
    answer.expect("an answer")
}

#[test]
fn a_crash_loses_no_message_of_a_newcomer_whose_generation_is_not_installed() {
    let mut table = Table::of(4);
    let newcomer = table.enter(60, |_| ());
    let members = [&PRESENT[..], &[newcomer]].concat();
    let enters = table.entry(newcomer);
    change(&mut table, &PRESENT, enters);
    for (seat, member) in [(newcomer, 7), (SOURCE, 8)] {
        table.add(seat, member);
        table.carry(without_away(&table));
    }
    change(&mut table, &members, Change::Renew);
    let mut part = answer(&mut table);
    let newcomers = table.actor(newcomer);
    part.segments.retain(|segment| segment.source == newcomers);
    table.ask(AWAY, SOURCE);
    let source = table.actor(SOURCE);
    let given = table.give(source, AWAY, Body::PullResponse(part));
    given.expect("an answer");
    let dots = |table: &Table| -> Vec<Dot> {
        let told = table.delivered[AWAY].iter();
        told.map(|(dot, _)| *dot).collect()
    };
    assert_eq!(table.replicas[AWAY].generation(), Generation::GENESIS);
    assert!(dots(&table).iter().any(|dot| dot.source == newcomers));
    table.restart(AWAY);
    table.take_wire();
    assert!(table.replicas[AWAY].algorithm().contains(&7));
    table.run(64);
    table.assert_level();
    assert_eq!(table.replicas[AWAY].generation().number(), 2);
    // What was written in one go may be there in part.
    let all = table.records[AWAY].clone();
    for end in 0..=all.len() {
        table.records[AWAY] = all[..end].to_vec();
        let _ = table.rebuild(AWAY);
    }
}
