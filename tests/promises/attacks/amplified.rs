//! A small question that asks for much. Anybody can write one, and to whom the answer goes.

use crate::common::{Table, key};
use crate::judging::freeze;
use bft_crdts::actor::{Actor, Statement as _};
use bft_crdts::codec::{Digest, Limits};
use bft_crdts::deterministic_secure_broadcast::{Body, FetchPayloads, Packet};
use bft_crdts::dot::Dot;
use bft_crdts::membership::Report;

const ASKED: usize = 0;

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.lanes = 1000;
    limits
}

/// What a stranger is sent that asks for these at once: packets, and their bytes.
fn answered(
    table: &mut Table,
    reports: Vec<(Actor, Digest)>,
    payloads: Vec<(Dot, Digest)>,
) -> (usize, usize) {
    table.take_wire();
    let fetch = FetchPayloads {
        reports,
        payloads,
        ..FetchPayloads::default()
    };
    let given = table.give(key(99).actor(), ASKED, Body::FetchPayloads(fetch));
    given.expect("a question");
    let sent = table.take_wire();
    (
        sent.len(),
        sent.iter().map(|p: &Packet| p.encode().len()).sum(),
    )
}

#[test]
fn a_question_that_names_one_message_many_times_is_answered_once() {
    let mut table = Table::bounded(4, limits());
    table.add(ASKED, 1);
    table.run(4);
    let message = table.delivered[ASKED][0];
    let (once, _) = answered(&mut table, Vec::new(), vec![message]);
    assert_eq!(once, 1);
    let most = limits().lanes as usize;
    let (many, _) = answered(&mut table, Vec::new(), vec![message; most]);
    assert_eq!(many, 1);
}

#[test]
fn a_question_that_names_one_report_many_times_is_answered_once() {
    let mut table = Table::bounded(4, limits());
    freeze(&mut table, ASKED);
    let asked = &table.replicas[ASKED];
    let empty = Report::of(asked.boundary());
    let report = (asked.actor(), empty.digest(asked.network()));
    let (once, bytes) = answered(&mut table, vec![report], Vec::new());
    assert_eq!(once, 1);
    let most = limits().seats as usize;
    let again = answered(&mut table, vec![report; most], Vec::new());
    assert_eq!(again, (1, bytes));
}
