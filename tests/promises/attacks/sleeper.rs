//! A member that slept knows that its generation is over and lacks what the next one rests on; the
//! attacker has the keys of all retired members.

use std::sync::Arc;

use crate::common::{Table, add};
use bft_crdts::actor::Statement;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, Proposal};
use bft_crdts::dot::Head;
use bft_crdts::membership::{Change, GenerationProof};
use bft_crdts::quorum::Generation;

const SOURCE: usize = 0;
const SLEEPER: usize = 3;
const RETIRED: [usize; 3] = [0, 1, 2];

/// All have the first message of the source. The sleeper misses two more and the end of the
/// generation.
fn asleep() -> (Table, Arc<GenerationProof>) {
    let mut table = Table::of(4);
    table.add(SOURCE, 1);
    table.run(4);
    let sleeper = table.actor(SLEEPER);
    let here = |packet: &Packet| packet.from != sleeper && packet.to != sleeper;
    for member in [2, 3] {
        table.add(SOURCE, member);
        table.carry(here);
    }
    for seat in RETIRED {
        // The last ones hold a certified change already.
        if let Ok(step) = table.replicas[seat].approve(Change::Renew) {
            table.spend(seat, step);
        }
    }
    for _ in 0..20 {
        table.carry(here);
        RETIRED.into_iter().for_each(|seat| table.tick(seat));
    }
    assert_eq!(table.replicas[SOURCE].generation().number(), 1);
    let proof = table.proofs(SOURCE).remove(0);
    (table, proof)
}

fn know(table: &mut Table, proof: &Arc<GenerationProof>) {
    let given = table.give(
        table.actor(SOURCE),
        SLEEPER,
        Body::GenerationProof(Arc::clone(proof)),
    );
    given.expect("a generation");
    table.take_wire();
    let sleeper = &table.replicas[SLEEPER];
    assert_eq!(
        sleeper.generation(),
        Generation::GENESIS,
        "it lacks two messages"
    );
}

/// Messages that nobody proposed while the generation lasted: in the source's lane before its
/// frontier, and in another lane after it.
fn forgeries(table: &Table) -> Vec<Arc<Proposal>> {
    let source = table.actor(SOURCE);
    let parent = table.replicas[SLEEPER].head(&source).expect("a lane");
    let before = table.message(SOURCE, parent, &[add(source, 2, 98)]);
    let empty = Head::empty(&table.network());
    let after = table.message(1, empty, &[add(table.actor(1), 1, 99)]);
    vec![table.sign(SOURCE, before), table.sign(1, after)]
}

/// Ways to bring a message and its certificate.
#[derive(Clone, Copy, Debug)]
enum Way {
    CertificateFirst,
    ProposalFirst,
    Echoes,
}

const WAYS: [Way; 3] = [Way::CertificateFirst, Way::ProposalFirst, Way::Echoes];

/// The attacker brings the sleeper a forgery. Its proof, if any, comes after the first packet or
/// before all.
fn bring(
    table: &mut Table,
    way: Way,
    forgery: &Arc<Proposal>,
    late: Option<&Arc<GenerationProof>>,
) {
    let from = table.actor(1);
    let proposal = Body::Proposal(Arc::clone(forgery));
    let certificate = Body::Certificate(table.certificate(&RETIRED, forgery));
    let echoes = RETIRED.map(|seat| Body::Echo(table.echo(seat, forgery)));
    let bodies: Vec<_> = match way {
        Way::CertificateFirst => vec![certificate, proposal],
        Way::ProposalFirst => vec![proposal, certificate],
        Way::Echoes => [proposal].into_iter().chain(echoes).collect(),
    };
    for (index, body) in bodies.into_iter().enumerate() {
        // It may refuse.
        let _ = table.give(from, SLEEPER, body);
        if index == 0
            && let Some(proof) = late
        {
            know(table, proof);
        }
    }
}

fn took(table: &Table, forgery: &Proposal) -> bool {
    let digest = forgery.message.digest(&table.network());
    table.delivered[SLEEPER]
        .iter()
        .any(|(_, delivered)| *delivered == digest)
}

#[test]
fn whoever_knows_that_its_generation_is_over_delivers_nothing_that_its_retired_members_certify() {
    for way in WAYS {
        for which in [0, 1] {
            for late in [false, true] {
                let (mut table, proof) = asleep();
                let forgery = forgeries(&table).remove(which);
                if !late {
                    know(&mut table, &proof);
                }
                bring(&mut table, way, &forgery, late.then_some(&proof));
                assert!(!took(&table, &forgery), "{way:?} {which} {late}");
                // It ends level with the others. What takes no other message's place they may
                // certify anew.
                table.run(80);
                assert!(which == 1 || !took(&table, &forgery), "{way:?} {late}");
                table.assert_level();
                assert_eq!(table.replicas[SLEEPER].generation().number(), 1);
            }
        }
    }
}

/// The control: as long as it does not know, the keys of its generation are believed. The
/// documentation says so.
#[test]
fn whoever_does_not_know_that_its_generation_is_over_believes_its_members() {
    for way in WAYS {
        for which in [0, 1] {
            let (mut table, _) = asleep();
            let forgery = forgeries(&table).remove(which);
            bring(&mut table, way, &forgery, None);
            assert!(took(&table, &forgery), "{way:?} {which}");
        }
    }
}
