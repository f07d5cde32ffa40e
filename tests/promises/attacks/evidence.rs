//! Two signatures of one actor for one dot and generation that reach one correct replica convict
//! it, however they come, and whether that generation is over or not. Of two generations they
//! convict nobody.

use std::sync::Arc;

use crate::common::{Table, add};
use bft_crdts::actor::{BadSignature, Sig, Signed};
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, PacketError, Proposal};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{Change, Mark, Report};
use bft_crdts::quorum::{Generation, VerifyError};

const SOURCE: usize = 0;
const JUDGE: usize = 3;

/// Two messages at the source's first dot, of which the judge holds or delivered the first.
fn two(delivered: bool) -> (Table, [Arc<Proposal>; 2]) {
    let mut table = Table::of(4);
    let source = table.actor(SOURCE);
    let both = [1, 2].map(|member| table.first(SOURCE, &[add(source, 1, member)]));
    let shown = table.give(source, JUDGE, Body::Proposal(Arc::clone(&both[0])));
    shown.expect("a proposal");
    if delivered {
        let certificate = table.certificate(&[0, 1, 2], &both[0]);
        let given = table.give(source, JUDGE, Body::Certificate(certificate));
        given.expect("a certificate");
        assert_eq!(table.delivered[JUDGE].len(), 1);
    }
    table.take_wire();
    (table, both)
}

fn generations() -> [Generation; 2] {
    let next = Generation::GENESIS.next().expect("a number");
    [Generation::GENESIS, next]
}

/// The echo of a message by anybody in any generation.
fn echo(table: &Table, by: usize, message: &Proposal, generation: Generation) -> Signed<Echo> {
    let echo = Echo {
        generation,
        ..table.echo_of(message)
    };
    table.keys[by].sign(&table.network(), echo).into_claim()
}

fn convicts(table: &Table, accused: usize) -> bool {
    table.replicas[JUDGE]
        .convicted()
        .contains_key(&table.actor(accused))
}

#[test]
fn a_message_or_an_echo_of_its_source_convicts_in_the_generation_of_what_it_contradicts_alone() {
    for delivered in [false, true] {
        for generation in generations() {
            for as_proposal in [false, true] {
                // The control says the same again, in another generation.
                for contradicts in [false, true] {
                    let (mut table, both) = two(delivered);
                    let said = &both[usize::from(contradicts)];
                    let body = match as_proposal {
                        true => {
                            Body::Proposal(table.sign_in(SOURCE, said.message.clone(), generation))
                        }
                        false => Body::Echo(echo(&table, SOURCE, said, generation)),
                    };
                    table
                        .give(table.actor(1), JUDGE, body)
                        .expect("a signed word");
                    let excluded = contradicts && generation == Generation::GENESIS;
                    assert_eq!(
                        convicts(&table, SOURCE),
                        excluded,
                        "{delivered} {generation}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_echo_of_a_generation_that_is_over_convicts_its_source_and_its_member() {
    for (by, contradicts) in [(SOURCE, true), (1, true), (SOURCE, false), (1, false)] {
        let mut table = Table::of(4);
        table.add(SOURCE, 1);
        table.run(4);
        table.approve(&[0, 1, 2], Change::Renew);
        assert!(table.replicas[JUDGE].generation() > Generation::GENESIS);
        let source = table.actor(SOURCE);
        let message = table.replicas[JUDGE].messages(&source).next().cloned();
        let Some(delivered) = message else {
            panic!("one generation keeps what was delivered in the one before it");
        };
        let (delivered, other) = (
            table.sign(SOURCE, delivered),
            table.first(SOURCE, &[add(source, 1, 2)]),
        );
        let said = if contradicts { other } else { delivered };
        let claim = echo(&table, by, &said, Generation::GENESIS);
        let given = table.give(table.actor(2), JUDGE, Body::Echo(claim));
        given.expect("a signed word");
        assert_eq!(convicts(&table, by), contradicts, "{by}");
    }
}

#[test]
fn a_member_that_echoes_two_messages_at_one_dot_is_convicted_by_whoever_tallies() {
    for contradicts in [false, true] {
        let (mut table, both) = two(false);
        for said in [&both[0], &both[usize::from(contradicts)]] {
            let claim = table.echo(1, said);
            let given = table.give(table.actor(1), JUDGE, Body::Echo(claim));
            given.expect("a signed word");
        }
        assert_eq!(convicts(&table, 1), contradicts);
        assert!(!convicts(&table, SOURCE), "it signed one message here");
    }
}

#[test]
fn a_signature_that_nobody_made_convicts_nobody() {
    for generation in generations() {
        let (mut table, [_, other]) = two(true);
        let mut claim = echo(&table, SOURCE, &other, generation);
        claim.sig = Sig::from_bytes([9; 64]);
        let forged = Proposal {
            generation,
            sig: claim.sig,
            ..Proposal::clone(&other)
        };
        let why = VerifyError::BadSignature(BadSignature(table.actor(SOURCE)));
        // Of a later generation it only makes us ask.
        let refused = match generation {
            Generation::GENESIS => Err(PacketError::Unsigned(why)),
            _ => Ok(()),
        };
        for body in [Body::Echo(claim), Body::Proposal(Arc::new(forged))] {
            let given = table.give(table.actor(1), JUDGE, body);
            assert_eq!(given, refused);
        }
        assert!(!convicts(&table, SOURCE));
    }
}

/// A report shows what sources signed: one word that contradicts what is held here, or two.
#[test]
fn what_a_member_reports_of_a_source_convicts_it() {
    let source_of = |mark: &Mark| mark.echoes().next().map(|echo| echo.signer);
    for held in [true, false] {
        let (mut table, [one, other]) = two(false);
        let [one, other] = [&one, &other].map(|said| table.echo(SOURCE, said));
        let mark = match held {
            true => Mark::Lock(other),
            false => Mark::Seal(Conflict {
                left: one,
                right: other,
            }),
        };
        let mut report = Report::of(table.replicas[JUDGE].boundary());
        report
            .marks
            .insert(source_of(&mark).expect("a source"), mark);
        let report = table.keys[1].sign(&table.network(), report).into_claim();
        let body = Body::Report {
            report: Arc::new(report),
            changes: Vec::new(),
        };
        table.give(table.actor(1), JUDGE, body).expect("a report");
        assert!(convicts(&table, SOURCE), "{held}");
    }
}
