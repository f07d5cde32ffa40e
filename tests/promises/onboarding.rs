//! A newcomer believes nobody, and gets in.

use std::sync::Arc;

use crate::common::Table;
use bft_crdts::Actor;
use bft_crdts::actor::{Sig, Signed};
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{
    Body, Certificate, CheckpointError, Fault, PacketError, Proposal, ProposeError, PullResponse,
    Record, Replica, Segment, SnapshotPart,
};
use bft_crdts::dot::Head;
use bft_crdts::membership::{
    AgreementMessage, Approval, Change, ChangeKey, GenerationProof, GenerationProofError, Report,
    Round, Vote, VoteKind,
};
use bft_crdts::net::{Event, FalseAnswer, FalseServer, FalseSnapshot, Net, TICK_MICROS};
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::{Generation, VerifyError};
use bft_crdts::snapshot::Snapshot;

type Set = Orswot<u8>;

fn peaceful(seed: u64) -> Net<Set> {
    Net::builder(seed).members(4).approving().build()
}

/// Everybody adds something, in each of so many generations.
fn live(net: &mut Net<Set>, generations: u8) {
    for generation in 0..generations {
        for (index, who) in net.members().iter().enumerate() {
            net.add(who, generation * 10 + index as u8).expect("valid");
        }
        net.run_for(20 * TICK_MICROS);
        net.renew(&net.members()[0]).expect("a member");
        net.settle();
    }
    let installed = net.committee().generation().number();
    assert_eq!(installed, u64::from(generations));
}

/// What was delivered one by one at `who`.
fn deliveries(net: &Net<Set>, who: &Actor) -> usize {
    let events = net.trace().events().iter();
    let here =
        events.filter(|(_, event)| matches!(event, Event::Delivered { at, .. } if at == who));
    here.count()
}

fn refusals(net: &Net<Set>, who: &Actor) -> Vec<PacketError> {
    let events = net.trace().events().iter();
    let refused = events.filter_map(|(_, event)| match event {
        Event::Refused { at, refusal } if at == who => Some(refusal.clone()),
        _ => None,
    });
    refused.collect()
}

// ---- in peace

#[test]
fn a_newcomer_starts_from_a_snapshot_after_many_generations() {
    let mut net = peaceful(1);
    live(&mut net, 6);
    let newcomer = net.join();
    net.settle();
    assert_eq!(net.committee().size(), 5);
    assert_eq!(net.read(&newcomer).len(), 24);
    assert_eq!(deliveries(&net, &newcomer), 0);
    net.add(&newcomer, 200).expect("valid");
    net.settle();
    assert!(net.read(&net.honest(0)).contains(&200));
}

#[test]
fn a_newcomer_replays_the_lanes_from_the_start_when_it_is_told_to() {
    let mut net = peaceful(2);
    live(&mut net, 1);
    let newcomer = net.follow_prepared(|replica| replica.replay_lanes_from_the_start());
    net.settle();
    assert_eq!(net.read(&newcomer).len(), 4);
    assert_eq!(deliveries(&net, &newcomer), 4);
    let change = net.entry(&newcomer).expect("up");
    net.approve(&net.honest_actors()[0], change)
        .or_else(|_| net.approve(&net.members()[1], change))
        .expect("an entry");
    net.settle();
    assert!(net.committee().contains(&newcomer));
}

#[test]
fn one_that_would_replay_what_everybody_pruned_starts_from_a_snapshot_all_the_same() {
    let mut net = peaceful(3);
    live(&mut net, 6);
    let newcomer = net.follow_prepared(|replica| replica.replay_lanes_from_the_start());
    net.settle();
    net.run_for(50 * TICK_MICROS);
    assert_eq!(net.read(&newcomer).len(), 24);
}

#[test]
fn a_follower_follows_without_being_a_member() {
    let mut net = peaceful(4);
    let follower = net.follow();
    live(&mut net, 2);
    net.run_for(200 * TICK_MICROS);
    assert!(!net.committee().contains(&follower));
    assert_eq!(net.read(&follower).len(), 8);
    let op = net.read(&follower).add(9);
    assert_eq!(net.propose(&follower, op), Err(ProposeError::NotAMember));
    let spoke = |event: &Event| matches!(event, Event::Arrived { from, kind: "echo" | "vote" | "report", .. } if *from == follower);
    assert!(!net.trace().events().iter().any(|(_, event)| spoke(event)));
}

// ---- beside a liar

/// A newcomer to four members of whom one serves lies, and is all that it reaches at first. What it
/// refused until it reached the others, and whether it had nothing until then.
fn beside(
    seed: u64,
    liar: impl bft_crdts::net::Adversary<Set> + 'static,
    replays: bool,
    generations: u8,
) -> (Vec<PacketError>, bool) {
    let mut net: Net<Set> = Net::builder(seed)
        .members(4)
        .byzantine(liar)
        .approving()
        .build();
    live(&mut net, generations);
    let newcomer = net.follow_prepared(|replica| {
        if replays {
            replica.replay_lanes_from_the_start();
        }
    });
    for other in net.honest_actors() {
        net.cut(&other, &newcomer);
    }
    net.run_for(20 * TICK_MICROS);
    let refused = refusals(&net, &newcomer);
    let had_nothing = net.read(&newcomer).is_empty();
    net.heal();
    net.run_for(200 * TICK_MICROS);
    let change = net.entry(&newcomer).expect("up");
    let members = net.members();
    for member in members.iter().filter(|member| **member != newcomer) {
        let _ = net.approve(member, change);
    }
    net.settle();
    assert!(net.committee().contains(&newcomer), "seed {seed}");
    assert_eq!(
        net.read(&newcomer).len(),
        net.read(&net.honest_actors()[0]).len()
    );
    assert!(net.read(&newcomer).len() >= 3);
    (refused, had_nothing)
}

#[test]
fn a_forged_chain_of_generations_is_refused_and_the_newcomer_goes_elsewhere() {
    let forged = PacketError::GenerationProof(GenerationProofError::OtherValue);
    for seed in 0..5 {
        let liar = FalseServer::with(FalseAnswer::Forged);
        let (refused, had_nothing) = beside(seed, liar, false, 1);
        assert!(had_nothing);
        assert!(refused.contains(&forged), "{seed}: {refused:?}");
    }
}

#[test]
fn a_forged_snapshot_is_refused_and_the_newcomer_goes_elsewhere() {
    for seed in 0..5 {
        // After the second generation the lanes from the start are pruned.
        let (refused, had_nothing) = beside(seed, FalseSnapshot::always(), false, 2);
        assert!(had_nothing);
        // Of its proofs the ending is another, too; a part of a state comes from it only if it is
        // asked for one.
        let forged = |refusal: &PacketError| {
            matches!(refusal, PacketError::Snapshot(_))
                || matches!(refusal, PacketError::GenerationProof(error) if matches!(error, GenerationProofError::Ending(_)))
        };
        assert!(refused.iter().any(forged), "{seed}: {refused:?}");
    }
}

#[test]
fn a_truncated_or_unchained_lane_is_refused_and_the_newcomer_goes_elsewhere() {
    for lie in [FalseAnswer::Truncated, FalseAnswer::Unchained] {
        for seed in 0..5 {
            let (refused, had_nothing) = beside(seed, FalseServer::with(lie), true, 1);
            assert!(had_nothing);
            let broken = |refusal: &PacketError| matches!(refusal, PacketError::Segment(_));
            assert!(refused.iter().any(broken), "{lie:?}, {seed}: {refused:?}");
        }
    }
}

#[test]
fn a_server_that_claims_to_have_pruned_everything_keeps_nobody_out() {
    for seed in 0..5 {
        for replays in [false, true] {
            let liar = FalseServer::with(FalseAnswer::Pruned);
            let (mut refused, _) = beside(seed, liar, replays, 1);
            // An answer may come when its question is answered already.
            refused.retain(|refusal| !matches!(refusal, PacketError::UnaskedAnswer(_)));
            assert!(refused.is_empty(), "{refused:?}");
        }
    }
}

// ---- invitations

fn trust(replica: &mut Replica<Set>, generation: Generation, value: Digest) {
    let trusted = replica.expect(generation, value);
    trusted.expect("it follows no other chain yet");
}

#[test]
fn an_invitation_that_pins_a_generation_refuses_another_chain() {
    let mut real = Table::of(4);
    real.add(0, 7);
    real.run(4);
    real.approve(&[0, 1, 2, 3], Change::Renew);
    let value = real.replicas[0].boundary().value();
    let first = real.replicas[0].generation();
    assert_eq!(first.number(), 1);
    let invited = real.enter(50, |replica| trust(replica, first, value));
    real.run(30);
    assert_eq!(real.replicas[invited].generation(), first);
    assert!(real.replicas[invited].algorithm().contains(&7));

    // The same keys, stolen, tell another story of the same network.
    let mut forged = Table::of(4);
    forged.add(0, 8);
    forged.run(4);
    forged.approve(&[0, 1, 2, 3], Change::Renew);
    let believer = forged.enter(51, |_| ());
    let invited = forged.enter(50, |replica| trust(replica, first, value));
    forged.run(30);
    assert!(forged.replicas[believer].algorithm().contains(&8));
    assert_eq!(forged.replicas[invited].generation(), Generation::GENESIS);
    assert!(forged.replicas[invited].algorithm().is_empty());
    assert!(
        forged
            .refused
            .contains(&(invited, PacketError::Forged(first)))
    );
}

/// A network that one actor founded, which left when three others had entered. They have renewed
/// their generation since.
fn founder_left() -> Table {
    let mut table = Table::of(1);
    table.add(0, 1);
    table.run(4);
    let mut present = vec![0];
    for number in 60..63 {
        let guest = table.enter(number, |_| ());
        table.run(8);
        let entry = table.entry(guest);
        table.approve(&present, entry);
        present.push(guest);
    }
    table.add(1, 2);
    table.run(8);
    let leaver = Change::Leave(table.actor(0));
    table.approve(&present, leaver);
    present.remove(0);
    table.approve(&present, Change::Renew);
    assert_eq!(table.replicas[1].generation().number(), 5);
    table
}

/// What the founder's key, once stolen, can tell of its network: an operation in generation 0, and
/// so many generations.
struct Forgery {
    proposal: Arc<Proposal>,
    certificate: Arc<Certificate>,
    proofs: Vec<Arc<GenerationProof>>,
    snapshot: Snapshot,
}

impl Forgery {
    fn of(generations: u64) -> Self {
        let mut table = Table::of(1);
        let proposal = table.first(0, &[crate::common::add(table.actor(0), 1, 66)]);
        let certificate = table.certificate(&[0], &proposal);
        table.add(0, 66);
        table.run(2);
        (0..generations).for_each(|_| table.approve(&[0], Change::Renew));
        assert_eq!(table.replicas[0].generation().number(), generations);
        let founded = table.records[0].iter().filter_map(|record| match record {
            Record::Installed(proofs) => Some(proofs.clone()),
            _ => None,
        });
        Self {
            proposal,
            certificate,
            proofs: founded.flatten().collect(),
            snapshot: Snapshot::of(table.replicas[0].algorithm()),
        }
    }

    /// Tells all of it to who sits at `seat`, in every way that there is.
    fn tell(&self, table: &mut Table, seat: usize) {
        let thief = table.actor(0);
        // It asks everybody whom it knows.
        table.tick(seat);
        table.take_wire();
        let segment = Segment {
            source: thief,
            proposals: vec![Arc::clone(&self.proposal)],
            certificate: Some(Arc::clone(&self.certificate)),
        };
        let answer = |proofs: &[Arc<GenerationProof>], segments| {
            Body::PullResponse(PullResponse {
                proofs: proofs.to_vec(),
                pruned: true,
                segments,
                summary: Some(table.summary(0)),
            })
        };
        let mut bodies = vec![
            Body::Proposal(Arc::clone(&self.proposal)),
            Body::Certificate(Arc::clone(&self.certificate)),
            answer(&[], vec![segment.clone()]),
            answer(&self.proofs, vec![segment]),
        ];
        bodies.extend(self.proofs.iter().cloned().map(Body::GenerationProof));
        let last = self
            .proofs
            .last()
            .map(|last| last.certificate.statement.generation);
        if let Some(generation) = last.and_then(Generation::next) {
            let manifest = SnapshotPart::Manifest(self.snapshot.manifest().clone());
            let chunk = SnapshotPart::Chunk {
                index: 0,
                bytes: self.snapshot.bytes().clone(),
            };
            let parts = [manifest, chunk];
            bodies.extend(parts.map(|part| Body::Snapshot { generation, part }));
        }
        for body in bodies {
            // Whether it is refused or of no use: nothing of it may be believed.
            let _ = table.give(thief, seat, body);
            table.take_wire();
        }
    }
}

#[test]
fn who_was_given_a_trusted_checkpoint_believes_nothing_that_a_founders_stolen_key_tells() {
    for generations in 0..8 {
        let mut table = founder_left();
        let (trusted, value) = (
            table.replicas[1].generation(),
            table.replicas[1].boundary().value(),
        );
        let invited = table.enter(50, |replica| trust(replica, trusted, value));
        table.take_wire();
        let forgery = Forgery::of(generations);
        for _ in 0..3 {
            forgery.tell(&mut table, invited);
            let replica = &table.replicas[invited];
            assert!(replica.awaits_checkpoint());
            assert_eq!(replica.generation(), Generation::GENESIS);
            assert!(replica.algorithm().is_empty());
            assert!(table.delivered[invited].is_empty());
            assert!(table.records[invited].is_empty());
        }
        // Then it hears of the true one, between all the lies.
        for _ in 0..40 {
            forgery.tell(&mut table, invited);
            table.run(1);
        }
        let replica = &table.replicas[invited];
        assert!(!replica.awaits_checkpoint(), "{generations}");
        assert_eq!(replica.generation(), trusted, "{generations}");
        assert!(replica.algorithm().iter().eq(&[1, 2]));
    }
}

/// What is refused has changed nothing: neither whom it asks, nor after what.
#[test]
fn an_answer_that_is_refused_moves_nobody_who_follows_a_trusted_checkpoint() {
    let mut table = founder_left();
    let (trusted, value) = (
        table.replicas[1].generation(),
        table.replicas[1].boundary().value(),
    );
    let invited = table.enter(50, |replica| trust(replica, trusted, value));
    table.tick(invited);
    table.take_wire();
    let thief = table.actor(0);
    let mut summary = Signed::clone(&table.summary(0));
    summary.sig = Sig::from_bytes([0; 64]);
    let answer = PullResponse {
        proofs: Forgery::of(1).proofs,
        pruned: false,
        segments: Vec::new(),
        summary: Some(Arc::new(summary)),
    };
    // What is refused has changed nothing, and what has changed something is refused in part.
    let given = table.give(thief, invited, Body::PullResponse(answer));
    let refused = given
        .err()
        .or(table.refused.pop().map(|(_, refusal)| refusal));
    assert!(
        matches!(refused, Some(PacketError::Unsigned(_))),
        "{refused:?}"
    );
}

/// That it matters: the same, told to who was given no checkpoint.
#[test]
fn without_a_trusted_checkpoint_a_founders_stolen_key_is_believed() {
    for generations in [0, 3, 7] {
        let mut table = founder_left();
        let believer = table.enter(51, |_| ());
        table.take_wire();
        Forgery::of(generations).tell(&mut table, believer);
        assert!(table.replicas[believer].algorithm().contains(&66));
    }
}

#[test]
fn a_checkpoint_that_contradicts_what_is_installed_is_an_error_and_one_that_agrees_changes_nothing()
{
    let mut table = founder_left();
    let other = Digest::from_bytes([9; 32]);
    let (newest, value) = (
        table.replicas[1].generation(),
        table.replicas[1].boundary().value(),
    );
    let genesis = table.network().digest();
    let replica = &mut table.replicas[1];
    assert_eq!(replica.expect(newest, value), Ok(()));
    assert_eq!(replica.expect(Generation::GENESIS, genesis), Ok(()));
    for generation in [Generation::GENESIS, newest] {
        let error = Err(CheckpointError(generation));
        assert_eq!(replica.expect(generation, other), error);
    }
    assert!(!replica.awaits_checkpoint());
}

/// The store of who believed a forged chain, started again with an invitation.
#[test]
fn one_that_installed_a_forged_chain_finds_out_and_follows_no_further() {
    let mut table = founder_left();
    let believer = table.enter(51, |_| ());
    table.take_wire();
    Forgery::of(2).tell(&mut table, believer);
    assert_eq!(table.replicas[believer].generation().number(), 2);
    let (trusted, value) = (
        table.replicas[1].generation(),
        table.replicas[1].boundary().value(),
    );
    trust(&mut table.replicas[believer], trusted, value);
    table.run(40);
    let replica = &table.replicas[believer];
    assert!(replica.awaits_checkpoint());
    assert_eq!(replica.generation().number(), 2);
    let generation = replica.generation();
    assert!(table.faults[believer].contains(&Fault::Diverged { generation }));
}

// ---- retired keys

/// Four founders, of whom each is replaced by somebody new, one after the other. The new ones'
/// chairs.
fn all_replaced(table: &mut Table) -> Vec<usize> {
    let mut present = vec![0, 1, 2, 3];
    for old in 0..4usize {
        let new = table.enter(60 + old as u8, |_| ());
        table.run(8);
        let entry = table.entry(new);
        table.approve(&present, entry);
        present.push(new);
        let leaver = Change::Leave(table.actor(old));
        table.approve(&present, leaver);
        present.retain(|seat| *seat != old);
    }
    table.run(8);
    present
}

#[test]
fn all_members_are_replaced_and_the_state_stays() {
    let mut table = Table::of(4);
    (0..4).for_each(|seat| table.add(seat, seat as u8));
    table.run(4);
    let present = all_replaced(&mut table);
    for seat in &present {
        let replica = &table.replicas[*seat];
        assert_eq!(replica.generation().number(), 8);
        assert_eq!(replica.committee().size(), 4);
        assert_eq!(replica.algorithm().len(), 4);
    }
    table.add(present[0], 9);
    table.run(4);
    assert!(table.replicas[present[3]].algorithm().contains(&9));
}

#[test]
fn the_keys_of_retired_members_can_do_nothing() {
    let mut table = Table::of(4);
    table.add(0, 0);
    table.run(4);
    let present = all_replaced(&mut table);
    let (target, network) = (present[0], table.network());
    let (retired, mallory) = (table.actor(0), table.actor(1));
    let generation = table.replicas[target].generation();
    let before = table.replicas[target].frontier();

    // A certificate of their own generation, by all of them, for a message that nobody saw.
    let head = table.replicas[target].head(&retired).expect("a lane");
    let late = table.message(0, head, &[crate::common::add(retired, 2, 99)]);
    let late = table.sign(0, late);
    let certificate = table.certificate(&[0, 1, 2], &late);
    let body = Body::Certificate(Arc::clone(&certificate));
    let refused = table.give(retired, target, body);
    assert_eq!(refused, Err(PacketError::Closed(retired)));
    let first = table.first(1, &[crate::common::add(mallory, 1, 98)]);
    let body = Body::Certificate(table.certificate(&[0, 1, 2], &first));
    let refused = table.give(mallory, target, body);
    assert_eq!(refused, Err(PacketError::Closed(mallory)));
    // The same in an answer.
    let segment = bft_crdts::deterministic_secure_broadcast::Segment {
        source: retired,
        proposals: vec![Arc::clone(&late)],
        certificate: Some(certificate),
    };
    let answer = PullResponse {
        proofs: Vec::new(),
        pruned: false,
        segments: vec![segment],
        summary: Some(table.summary(0)),
    };
    table.ask(target, present[1]);
    let asked = table.actor(present[1]);
    let refused = table.give(asked, target, Body::PullResponse(answer));
    assert_eq!(refused, Err(PacketError::Closed(retired)));

    // Proposals: answered with what retired them, never echoed.
    for proposal in [late, first] {
        table.take_wire();
        let source = proposal.message.source;
        table
            .give(source, target, Body::Proposal(proposal))
            .expect("an answer");
        assert!(crate::common::echoes(&table.take_wire()).is_empty());
    }

    // Echoes of what is in flight now, in the present generation's name.
    let source = present[1];
    let head = table.replicas[source]
        .head(&table.actor(source))
        .unwrap_or(Head::empty(&network));
    let message = table.message(
        source,
        head,
        &[crate::common::add(table.actor(source), 1, 5)],
    );
    let proposal = table.sign_in(source, message, generation);
    table
        .give(
            table.actor(source),
            target,
            Body::Proposal(Arc::clone(&proposal)),
        )
        .expect("a member's");
    let echo = table.echo(0, &proposal);
    let refused = table.give(retired, target, Body::Echo(echo));
    assert_eq!(
        refused,
        Err(PacketError::Unsigned(VerifyError::NoSeat(retired)))
    );

    // Approvals, reports and votes.
    let approval = Approval {
        generation,
        change: ChangeKey::Renew,
    };
    let approved = bft_crdts::deterministic_secure_broadcast::ChangeApproval {
        change: Change::Renew,
        approval: table.keys[0].sign(&network, approval).into_claim(),
    };
    let refused = table.give(retired, target, Body::Approve(Arc::new(approved)));
    assert_eq!(
        refused,
        Err(PacketError::Unsigned(VerifyError::NoSeat(retired)))
    );
    let report = Report::of(table.replicas[target].boundary());
    let body = Body::Report {
        report: Arc::new(table.keys[0].sign(&network, report).into_claim()),
        changes: Vec::new(),
    };
    let refused = table.give(retired, target, body);
    assert_eq!(
        refused,
        Err(PacketError::Unsigned(VerifyError::NoSeat(retired)))
    );
    assert!(!table.replicas[target].is_frozen());
    for seat in &present[..3] {
        let step = table.replicas[*seat]
            .approve(Change::Renew)
            .expect("a member");
        table.spend(*seat, step);
    }
    // Only the consents arrive.
    table.carry(|packet| packet.body.kind() == "approve");
    assert!(table.replicas[target].is_frozen());
    let vote = Vote {
        generation,
        round: Round::FIRST,
        kind: VoteKind::Prevote(None),
    };
    let message = AgreementMessage {
        votes: vec![table.keys[0].sign(&network, vote).into_claim()],
        quorums: Vec::new(),
    };
    let body = Body::Agreement {
        generation,
        message,
        value: None,
    };
    let refused = table.give(retired, target, body);
    assert!(
        matches!(refused, Err(PacketError::Agreement(_))),
        "{refused:?}"
    );
    assert_eq!(table.replicas[target].frontier(), before);
}
