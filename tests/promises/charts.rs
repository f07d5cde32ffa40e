//! Golden charts: what a scenario looks like is a function of its seed, and a change of it is seen
//! in review.
//!
//! Each test compares its run with `msc/<test name>.msc`. After a change that is meant, write them
//! anew: `BLESS=1 cargo test --test promises charts`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bft_crdts::bank::{Bank, Money};
use bft_crdts::deterministic_secure_broadcast::{Body, Packet, PacketError, PullResponse, Segment};
use bft_crdts::environment;
use bft_crdts::net::{Adversary, Equivocator, Event, Hand, Net, TICK_MICROS};
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::Generation;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::types::text::Text;

type Set = Orswot<u8>;

/// A golden chart is for reading: longer than this nobody does.
const MOST_LINES: usize = 150;

#[test]
fn four_in_peace() {
    let mut net = Net::<Set>::builder(1).members(4).build();
    let [a, b] = [net.honest(0), net.honest(1)];
    net.add(&a, 1).expect("valid");
    net.add(&b, 2).expect("valid");
    net.settle();
    assert_eq!(net.read(&a).len(), 2);
    compare(&net, "four_in_peace");
}

#[test]
fn two_lost_echoes_then_a_retry() {
    let mut net = Net::<Set>::builder(1).members(4).build();
    let [a, b, c] = [net.honest(0), net.honest(1), net.honest(2)];
    net.cut(&b, &a);
    net.cut(&c, &a);
    net.add(&a, 1).expect("valid");
    net.run_for(TICK_MICROS / 2);
    assert!(net.read(&a).is_empty(), "three of four must answer");
    let lost = |event: &Event| matches!(event, Event::Lost { kind: "echo", .. });
    let events = net.trace().events().iter();
    assert_eq!(events.filter(|(_, event)| lost(event)).count(), 2);
    net.settle();
    assert_eq!(net.read(&a).len(), 1);
    compare(&net, "two_lost_echoes_then_a_retry");
}

#[test]
fn an_equivocator_is_convicted() {
    // One seed, one set of keys: these are the members of the network below.
    let members = Net::<Set>::builder(1).members(4).build().actors();
    let mut net = Net::<Set>::builder(1)
        .members(4)
        .byzantine(Equivocator::splitting(members[..2].to_vec()))
        .build();
    let liar = net.liars()[0];
    net.add(&liar, 1).expect("a liar takes anything");
    net.add(&liar, 2).expect("a liar takes anything");
    net.settle();
    for honest in net.honest_actors() {
        assert!(net.read(&honest).len() <= 1);
        let replica = net.replica(&honest).expect("up");
        assert!(replica.convicted().keys().eq([&liar]));
    }
    compare(&net, "an_equivocator_is_convicted");
}

#[test]
fn a_crash_and_a_restart() {
    let mut net = Net::<Set>::builder(1).members(4).build();
    let [a, d] = [net.honest(0), net.honest(3)];
    net.add(&d, 1).expect("valid");
    net.run_for(TICK_MICROS / 50);
    net.crash(&d);
    net.run_for(TICK_MICROS);
    net.add(&a, 2).expect("valid");
    net.run_for(TICK_MICROS);
    net.restart(&d);
    net.settle();
    assert_eq!(net.read(&d).len(), 2);
    compare(&net, "a_crash_and_a_restart");
}

/// The removal is certified before the addition that it removes has reached everybody: it is held
/// until then.
#[test]
fn an_early_removal_is_held() {
    let mut net = Net::<Set>::builder(1).members(4).build();
    let [a, b, d] = [net.honest(0), net.honest(1), net.honest(3)];
    net.cut(&a, &d);
    net.add(&a, 1).expect("valid");
    net.run_for(TICK_MICROS);
    assert!(net.remove(&b, &1).expect("valid"), "b sees it");
    net.settle();
    assert!(net.read(&d).is_empty());
    compare(&net, "an_early_removal_is_held");
}

#[test]
fn one_member_decides_alone() {
    let mut net = Net::<Set>::builder(1).members(1).build();
    let a = net.honest(0);
    net.add(&a, 1).expect("valid");
    net.settle();
    assert_eq!(net.read(&a).len(), 1);
    compare(&net, "one_member_decides_alone");
}

#[test]
fn a_newcomer_joins() {
    let mut net = Net::<Set>::builder(1).members(4).approving().build();
    let a = net.honest(0);
    net.add(&a, 1).expect("valid");
    net.settle();
    let newcomer = net.join();
    net.settle();
    assert!(net.committee().contains(&newcomer));
    assert!(net.read(&newcomer).contains(&1));
    compare(&net, "a_newcomer_joins");
}

/// Half of the members hear of one newcomer first, the rest of the other: still all found the same
/// generations.
#[test]
fn two_joins_split_the_vote() {
    let mut net = Net::<Set>::builder(1).members(4).approving().build();
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| net.honest(index));
    let (one, other) = (net.follow(), net.follow());
    for (deaf, to) in [(one, c), (one, d), (other, a), (other, b)] {
        net.cut(&deaf, &to);
    }
    net.ask_to_join(&one);
    net.ask_to_join(&other);
    net.settle();
    assert_eq!(net.committee().size(), 6);
    compare(&net, "two_joins_split_the_vote");
}

/// A thief shows one payment to one member and another payment of the same money to a second one,
/// and the generation ends before either is certified. Meanwhile both signatures meet: who has them
/// echoes neither, and neither payment is made.
#[test]
fn a_double_spend_across_a_generation_change() {
    let bank = || Net::<Bank>::builder(1).members(4).approving();
    let first = bank().build().actors()[0];
    let mut net = bank()
        .byzantine(Equivocator::splitting(vec![first]))
        .balances([Money::new(100); 4])
        .build();
    let (thief, a, c, d) = (net.liars()[0], net.honest(0), net.honest(1), net.honest(2));
    net.cut(&thief, &d);
    net.transfer(&thief, &a, Money::new(100)).expect("a lie");
    net.transfer(&thief, &c, Money::new(100)).expect("a lie");
    net.run_for(TICK_MICROS / 2);
    net.renew(&d).expect("a member");
    net.settle();
    assert!(net.committee().generation() > Generation::GENESIS);
    for honest in net.honest_actors() {
        for of in net.actors() {
            assert_eq!(net.balance(&honest, &of), Some(Money::new(100)));
        }
        let replica = net.replica(&honest).expect("up");
        assert!(replica.convicted().keys().eq([&thief]));
    }
    compare(&net, "a_double_spend_across_a_generation_change");
}

/// A member wishes for a new generation; all report where they stand, agree on a value, and found
/// it.
#[test]
fn a_generation_begins() {
    let mut net = Net::<Set>::builder(1).members(4).approving().build();
    let [a, b] = [net.honest(0), net.honest(1)];
    net.add(&b, 1).expect("valid");
    net.settle();
    net.renew(&a).expect("a member");
    net.settle();
    assert!(net.committee().generation() > Generation::GENESIS);
    compare(&net, "a_generation_begins");
}

/// Neither waits for the other, and both end with the same text.
#[test]
fn two_authors_of_one_text() {
    let mut net = Net::<Text>::builder(1).members(4).build();
    let [a, d] = [net.honest(0), net.honest(3)];
    net.insert(&a, 0, "ink").expect("valid");
    net.settle();
    net.insert(&a, 0, "p").expect("valid");
    net.insert(&d, 3, "s").expect("valid");
    net.settle();
    assert_eq!(net.read(&a).to_string(), "pinks");
    assert_eq!(net.read(&d).to_string(), "pinks");
    compare(&net, "two_authors_of_one_text");
}

/// Whatever is proposed to it, it pushes to all others as the answer to a question that nobody
/// asked, without a certificate.
struct Pusher;

impl Adversary<Set> for Pusher {
    fn on_packet(&mut self, hand: &mut Hand<'_, Set>, packet: Packet) -> Option<Packet> {
        if let Body::Proposal(proposal) = &packet.body {
            let others = hand.half().committee().actors().to_vec();
            for other in others {
                if [packet.from, packet.to].contains(&other) {
                    continue;
                }
                let segment = Segment {
                    source: packet.from,
                    proposals: vec![Arc::clone(proposal)],
                    certificate: None,
                };
                let answer = PullResponse {
                    proofs: Vec::new(),
                    pruned: false,
                    segments: vec![segment],
                    summary: None,
                };
                hand.send(other, Body::PullResponse(answer));
            }
        }
        Some(packet)
    }
}

#[test]
fn an_enemy_pushes_what_nobody_asked_for() {
    let mut net = Net::<Set>::builder(1).members(4).byzantine(Pusher).build();
    let [a, b] = [net.honest(0), net.honest(1)];
    net.add(&a, 1).expect("valid");
    net.settle();
    let unasked = |event: &Event| {
        matches!(
            event,
            Event::Refused {
                refusal: PacketError::UnaskedAnswer(_),
                ..
            }
        )
    };
    assert!(net.trace().events().iter().any(|(_, event)| unasked(event)));
    assert!(net.read(&b).contains(&1));
    compare(&net, "an_enemy_pushes_what_nobody_asked_for");
}

fn compare<A: WireAlgorithm>(net: &Net<A>, name: &str) {
    let chart = net.chart().expect("short");
    assert!(chart.lines().count() <= MOST_LINES, "too long to be read");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("msc/{name}.msc"));
    if environment::is("BLESS", "1") {
        fs::write(&path, &chart).expect("msc/ can be written to");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        chart, golden,
        "{name} runs another way; if that is meant: BLESS=1 cargo test --test promises charts"
    );
}
