//! Every vice, alone and with others in one member, beside correct members under hostile faults:
//! all promises hold, and the vice was really exercised.

use std::collections::{BTreeMap, BTreeSet};

use bft_crdts::Actor;
use bft_crdts::actor::{Signed, Statement};
use bft_crdts::deterministic_secure_broadcast::{Body, Echo, Packet, Step};
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::membership::{Approval, ChangeKey, Entry};
use bft_crdts::net::{
    Adversary, EarlyAuthor, EarlyLie, Faults, Hand, Net, SETTLE_TICKS, TICK_MICROS, Tick, Vice,
};
use bft_crdts::orswot::{Op, Orswot};

type Set = Orswot<u8>;
type Lies = BTreeMap<&'static str, u64>;

/// Everybody proposes, somebody goes away and comes back, a new generation begins, somebody enters,
/// and everybody proposes again.
fn live(seed: u64, members: usize, liars: &[&[Vice]]) -> Net<Set> {
    let mut builder = Net::<Set>::builder(seed).members(members);
    for vices in liars {
        builder = builder.byzantine_boxed(Vice::seat(vices));
    }
    let mut net = builder.faults(Faults::hostile()).approving().build();
    let (everybody, absent) = (net.actors(), net.honest(1));
    propose(&mut net, &everybody, 0);
    net.crash(&absent);
    propose(&mut net, &everybody, 1);
    let _ = net.renew(&net.honest(0));
    net.run_for(10 * TICK_MICROS);
    net.restart(&absent);
    let newcomer = net.join();
    net.run_for(10 * TICK_MICROS);
    propose(&mut net, &everybody, 2);
    net.settle();
    assert!(net.committee().contains(&newcomer));
    assert!(net.committee().generation().number() >= 1);
    net
}

fn propose(net: &mut Net<Set>, members: &[Actor], round: u8) {
    for (index, who) in (0..).zip(members) {
        if !net.is_down(who) {
            net.add(who, 16 * round + index).expect("valid, or a lie");
        }
        net.run_for(TICK_MICROS);
    }
}

fn count(all: &mut Lies, net: &Net<Set>) {
    for (vice, lies) in net.lies() {
        *all.entry(vice).or_default() += lies;
    }
}

fn assert_exercised(lies: &Lies, vices: &[Vice]) {
    for vice in vices {
        assert!(
            lies.contains_key(vice.name()),
            "{vice} never lied: {lies:?}"
        );
    }
}

#[test]
fn every_promise_holds_beside_each_vice() {
    for vice in Vice::ALL {
        let mut lies = Lies::new();
        for seed in 0..30 {
            count(&mut lies, &live(seed, 4, &[&[vice]]));
        }
        for seed in 100..106 {
            count(&mut lies, &live(seed, 7, &[&[vice], &[vice]]));
        }
        assert_exercised(&lies, &[vice]);
    }
}

#[test]
fn every_promise_holds_beside_each_pair_of_vices_in_one_member() {
    let mut seed = 1000;
    for (index, one) in Vice::ALL.into_iter().enumerate() {
        for other in Vice::ALL.into_iter().skip(index + 1) {
            seed += 1;
            live(seed, 4, &[&[one, other]]);
        }
    }
}

#[test]
fn every_promise_holds_beside_three_vices_in_one_member_and_several_such_liars() {
    let mut lies = Lies::new();
    for seed in 0..Vice::ALL.len() as u64 {
        let vice = |skip: usize| Vice::ALL[(seed as usize * 3 + skip * 5) % Vice::ALL.len()];
        let first = [vice(0), vice(1), vice(2)];
        let second = [vice(3), vice(4)];
        let third = [vice(5), vice(6), vice(7)];
        count(&mut lies, &live(seed, 4, &[&first]));
        count(&mut lies, &live(seed, 7, &[&first, &second]));
        if seed % 4 == 0 {
            count(&mut lies, &live(seed, 10, &[&first, &second, &third]));
        }
    }
    // Which of several vices in one member comes to lie is up to chance.
    assert!(lies.len() > Vice::ALL.len() / 2, "{lies:?}");
}

#[test]
fn nothing_that_an_early_author_signs_in_any_way_stops_anybody() {
    for lie in EarlyLie::ALL {
        for seed in 0..5 {
            let mut net = Net::<Set>::builder(seed)
                .members(4)
                .byzantine(EarlyAuthor::with(lie))
                .build();
            let everybody = net.actors();
            propose(&mut net, &everybody, 0);
            propose(&mut net, &everybody, 1);
            net.settle();
            assert_eq!(net.lies()[Vice::EarlyAuthor.name()], 1);
        }
    }
}

#[test]
fn each_vice_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Vice::ALL.iter().map(|vice| vice.to_string()).collect();
    assert_eq!(names.len(), Vice::ALL.len());
    assert!(
        names
            .iter()
            .all(|name| name.chars().all(|c| c == '-' || c.is_ascii_lowercase()))
    );
}

// ---- what a hand cannot do

/// Does everything that a hand can do, before it has heard anything, and collects each claim that
/// comes of it.
#[derive(Default)]
struct Prober {
    probed: bool,
}

impl Adversary<Set> for Prober {
    fn on_propose(&mut self, hand: &mut Hand<'_, Set>, op: Op<u8>) -> Option<Op<u8>> {
        let (me, network) = (hand.actor(), *hand.half().network());
        let victim = hand.draw_other().expect("four members");
        let dot = Dot {
            source: victim,
            seq: Seq::new(1),
        };
        let digest = network.digest();
        let generation = hand.half().generation();
        let echo = Echo {
            generation,
            dot,
            digest,
        };
        cannot_be_of(&victim, hand, hand.sign(echo).into_claim());
        let (change, value) = (ChangeKey::Renew, digest);
        cannot_be_of(
            &victim,
            hand,
            hand.sign(Approval { generation, change }).into_claim(),
        );
        cannot_be_of(
            &victim,
            hand,
            hand.sign(Entry { generation, value }).into_claim(),
        );
        // Both halves have the same key, and nobody else's.
        let mut other = hand.another_half();
        assert_eq!((other.actor(), hand.half().actor()), (me, me));
        let step = other.propose(op.clone()).expect("valid");
        let mine = hand.half_mut().propose(op).expect("valid");
        let renewal = hand
            .half_mut()
            .approve(bft_crdts::membership::Change::Renew);
        let steps = [step, mine, renewal.expect("a member")];
        let packets: Vec<_> = steps.iter().flat_map(Step::packets).collect();
        assert!(packets.len() > 6);
        packets.iter().for_each(|packet| names_only(&me, packet));
        let message = hand.sign_message(Seq::new(1), digest, vec![]);
        assert_eq!(message.message.source, me);
        // An echo of the victim's that it makes up, under the victim's return address, is refused.
        let forged = Signed {
            signer: victim,
            ..hand.sign(echo).into_claim()
        };
        for to in hand.others() {
            hand.send_as(victim, to, Body::Echo(forged));
        }
        self.probed = true;
        hand.lied("prober");
        None
    }

    fn on_tick(&mut self, _: &mut Hand<'_, Set>, _: Tick) -> Option<Tick> {
        assert!(self.probed);
        None
    }
}

/// A claim signed by the hand is no claim of the victim, whatever name is written under it.
fn cannot_be_of<T: Statement + Clone>(victim: &Actor, hand: &Hand<'_, Set>, claim: Signed<T>) {
    let network = hand.half().network();
    let key = victim.public_key().expect("a member's key");
    assert_eq!(claim.signer, hand.actor());
    assert!(claim.clone().verify(network, &key).is_err());
    let renamed = Signed {
        signer: *victim,
        ..claim
    };
    assert!(renamed.verify(network, &key).is_err());
}

/// All signatures in what a half says that has heard nothing are its own.
fn names_only(me: &Actor, packet: &Packet) {
    let signer = match &packet.body {
        Body::Proposal(proposal) => proposal.message.source,
        Body::Echo(claim) => claim.signer,
        Body::Announce(claim) | Body::SummaryAck(claim) => claim.signer,
        Body::Approve(approved) => approved.approval.signer,
        Body::PullRequest(request) => match &request.summary {
            Some(summary) => summary.signer,
            None => panic!("a half that may sign shows where it stands"),
        },
        body => panic!("a half that has heard nothing says {}", body.kind()),
    };
    assert_eq!((&packet.from, &signer), (me, me));
}

#[test]
fn a_hand_makes_no_statement_of_anybody_else() {
    let mut net = Net::<Set>::builder(1)
        .members(4)
        .byzantine(Prober::default())
        .build();
    let liar = net.liars()[0];
    net.add(&liar, 1).expect("a lie");
    net.run_for(SETTLE_TICKS.min(20) * TICK_MICROS);
    assert_eq!(net.lies()["prober"], 1);
    for who in net.honest_actors() {
        assert!(net.read(&who).is_empty());
        assert!(
            net.replica(&who)
                .is_some_and(|replica| replica.convicted().is_empty())
        );
    }
}
