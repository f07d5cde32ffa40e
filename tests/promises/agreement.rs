//! The agreement that ends a generation, under random delivery, loss, duplication, crashes and
//! liars: two members never decide differently, all decide once the network lets messages through,
//! and evidence convicts liars only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bft_crdts::actor::{Actor, Signed, Signer, SigningActor};
use bft_crdts::codec::{Digest, decode, encode};
use bft_crdts::evidence::Exclusive;
use bft_crdts::membership::{
    Agreement, AgreementMessage, AgreementOutput, Boundary, Record, Round, Timeouts, Vote, VoteKind,
};
use bft_crdts::quorum::{Certificate, Generation, QuorumCertificate, Tally};
use quickcheck_macros::quickcheck;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values up to this number are good.
const GOOD: u8 = 4;
/// Short, so that a storm makes many rounds.
const PACE: Timeouts = Timeouts {
    first: 1,
    growth: 1,
};
/// Ticks after which all must have decided, once the network is fair.
const PATIENCE: usize = 600;

fn value(name: u8) -> Digest {
    Digest::from_bytes([name; 32])
}

fn is_good(value: &Digest) -> bool {
    value.as_bytes()[0] <= GOOD
}

/// A correct member and its disk.
struct Member {
    agreement: Agreement,
    signer: Signer,
    disk: Vec<Record>,
}

/// A liar: its key, and what it has heard.
struct Liar {
    key: SigningActor,
    heard: Vec<Signed<Vote>>,
}

struct World {
    chance: ChaCha8Rng,
    last: Boundary,
    keys: Vec<SigningActor>,
    members: BTreeMap<usize, Member>,
    liars: BTreeMap<usize, Liar>,
    post: Vec<(usize, usize, AgreementMessage)>,
    said: BTreeMap<Actor, Vec<Vote>>,
    decisions: BTreeMap<usize, QuorumCertificate<Vote>>,
    convicted: BTreeSet<Actor>,
    /// Whether packets are lost and members crash.
    storm: bool,
    /// How often packets are lost in the storm.
    loss: f64,
    /// How often time passes in the storm, instead of a packet arriving: much of it makes many
    /// rounds.
    haste: f64,
    /// How often precommits are lost on top of that: so that one member decides, and the others go
    /// on.
    hush: f64,
    /// Members that decided in the storm and that nobody hears from until it is over.
    alone: BTreeSet<usize>,
    /// Links that are down in the storm, from and to.
    cut: BTreeSet<(usize, usize)>,
}

impl World {
    /// A storm among `n` members, as many of them liars as can be, or a few less.
    fn new(seed: u64, n: u8) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let most = crate::support::boundary(n).committee().tolerated();
        let count = most - chance.random_range(0..=most) / 2;
        let mut liars = BTreeSet::new();
        while liars.len() < count {
            liars.insert(chance.random_range(0..usize::from(n)));
        }
        Self::cast(chance, n, &liars, true)
    }

    fn cast(mut chance: ChaCha8Rng, n: u8, liars: &BTreeSet<usize>, storm: bool) -> Self {
        let mut world = Self {
            last: crate::support::boundary(n),
            keys: crate::support::members(n),
            members: BTreeMap::new(),
            liars: BTreeMap::new(),
            post: Vec::new(),
            said: BTreeMap::new(),
            decisions: BTreeMap::new(),
            convicted: BTreeSet::new(),
            storm,
            loss: chance.random_range(0.0..0.6),
            haste: chance.random_range(0.05..0.7),
            hush: chance.random_range(0.0..0.9),
            alone: BTreeSet::new(),
            cut: BTreeSet::new(),
            chance,
        };
        for seat in 0..world.keys.len() {
            if liars.contains(&seat) {
                let key = world.keys[seat].clone();
                let heard = Vec::new();
                world.liars.insert(seat, Liar { key, heard });
            } else {
                world.boot(seat, Vec::new());
            }
        }
        world
    }

    fn boot(&mut self, seat: usize, disk: Vec<Record>) {
        let key = self.keys[seat].clone();
        let opened = Agreement::open(&self.last, key.actor(), PACE, disk.clone());
        let agreement = opened.expect("our own records");
        let signer = Signer::new(key, *self.last.network());
        let member = Member {
            agreement,
            signer,
            disk,
        };
        self.members.insert(seat, member);
        let candidate = value(self.chance.random_range(0..=GOOD));
        self.input(seat, &mut |agreement, signer| agreement.start(signer));
        self.input(seat, &mut |agreement, signer| {
            agreement.offer(candidate, signer)
        });
    }

    /// One input and what follows from it: records, then packets. A crash falls between any two
    /// records.
    fn input(
        &mut self,
        seat: usize,
        input: &mut dyn FnMut(&mut Agreement, &Signer) -> AgreementOutput,
    ) {
        let member = self.members.get_mut(&seat).expect("a correct member");
        let mut output = input(&mut member.agreement, &member.signer);
        let crash = self.storm && !output.persist.is_empty() && self.chance.random_bool(0.05);
        if crash {
            output
                .persist
                .truncate(self.chance.random_range(0..=output.persist.len()));
            member.disk.append(&mut output.persist);
            let disk = member.disk.clone();
            return self.boot(seat, disk);
        }
        member.disk.append(&mut output.persist);
        assert_eq!(
            output.forgotten, None,
            "a correct member knows its own votes"
        );
        for evidence in &output.faults {
            let guilty = evidence.verify(self.last.network()).expect("good evidence");
            self.convicted.insert(guilty);
        }
        if let Some(message) = output.send {
            self.broadcast(seat, &message);
        }
        if let Some(decision) = output.decided {
            self.decide(seat, decision);
        }
        for value in output.validate {
            if !self.storm || self.chance.random_bool(0.3) {
                self.input(seat, &mut |agreement, signer| {
                    agreement.validated(value, is_good(&value), signer)
                });
            }
        }
    }

    fn broadcast(&mut self, seat: usize, message: &AgreementMessage) {
        self.witness(seat, message);
        for to in (0..self.keys.len()).filter(|to| *to != seat) {
            self.post.push((seat, to, message.clone()));
        }
    }

    /// No correct member ever signs two statements of a kind in a round, across crashes too.
    fn witness(&mut self, seat: usize, message: &AgreementMessage) {
        let me = self.keys[seat].actor();
        let said = self.said.entry(me).or_default();
        for claim in message.votes.iter().filter(|claim| claim.signer == me) {
            let vote = claim.statement;
            assert!(!said.iter().any(|other| other.excludes(&vote)), "{vote:?}");
            if !said.contains(&vote) {
                said.push(vote);
            }
        }
    }

    fn decide(&mut self, seat: usize, decision: QuorumCertificate<Vote>) {
        let VoteKind::Precommit(Some(decided)) = decision.statement.kind else {
            panic!("no decision: {decision:?}");
        };
        assert!(is_good(&decided), "a bad value was decided");
        for other in self.decisions.values() {
            assert_eq!(
                other.statement.kind, decision.statement.kind,
                "two decisions"
            );
        }
        let checked =
            self.last
                .committee()
                .certify(self.last.network(), decision.claim(), |_, _| false);
        assert!(checked.is_ok());
        self.decisions.insert(seat, decision);
        if self.storm && self.chance.random_bool(0.8) {
            self.alone.insert(seat);
        }
    }

    /// Delivers one packet, any of those on the way.
    fn deliver(&mut self) {
        if self.post.is_empty() {
            return;
        }
        let index = self.chance.random_range(0..self.post.len());
        let (from, to, message) = self.post.swap_remove(index);
        let precommits =
            |claim: &Signed<Vote>| matches!(claim.statement.kind, VoteKind::Precommit(_));
        let hushed = message.votes.iter().any(precommits) && self.chance.random_bool(self.hush);
        let down = self.cut.contains(&(from, to)) || self.alone.contains(&from) || hushed;
        if self.storm && (down || self.chance.random_bool(self.loss)) {
            return;
        }
        if self.storm && self.chance.random_bool(0.1) {
            self.post.push((from, to, message.clone()));
        }
        let bytes = encode(&message);
        assert_eq!(decode(&bytes, bytes.len()).as_ref(), Ok(&message));
        if let Some(liar) = self.liars.get_mut(&to) {
            liar.heard.extend(message.votes);
            let excess = liar.heard.len().saturating_sub(128);
            liar.heard.drain(..excess);
            return;
        }
        let mut reply = None;
        let honest = self.members.contains_key(&from);
        self.input(
            to,
            &mut |agreement, signer| match agreement.hear(&message, signer) {
                Ok(mut output) => {
                    reply = output.reply.take();
                    output
                }
                Err(error) => {
                    assert!(!honest, "a correct member was refused: {error}");
                    AgreementOutput::default()
                }
            },
        );
        if let Some(reply) = reply {
            self.post.push((to, from, reply));
        }
    }

    fn tick(&mut self, seat: usize) {
        if self.members.contains_key(&seat) {
            self.input(seat, &mut |agreement, signer| agreement.tick(signer));
        } else {
            self.lie(seat);
        }
    }

    /// A liar says anything that its key allows, to anybody: what others said and the contrary, two
    /// proposals, far rounds, old quorums; and it makes quorums of others' votes and its own, and
    /// shows them to some.
    fn lie(&mut self, seat: usize) {
        for _ in 0..self.chance.random_range(1..6) {
            let said = match self.chance.random_range(0..4) {
                0 => Some(self.babble()),
                1 => self.another(seat),
                _ => self.agreeing(seat),
            };
            if let Some(statement) = said {
                let claim = *self.liars[&seat].key.sign(self.last.network(), statement);
                self.whisper(seat, vec![claim], vec![]);
            }
        }
        if let Some(quorum) = self.withheld(seat) {
            let votes = self.revived(seat, &quorum.statement).into_iter().collect();
            self.whisper(seat, votes, vec![quorum.claim()]);
        }
    }

    /// Sends to some.
    fn whisper(
        &mut self,
        seat: usize,
        votes: Vec<Signed<Vote>>,
        quorums: Vec<Arc<Certificate<Vote>>>,
    ) {
        let message = AgreementMessage { votes, quorums };
        for to in (0..self.keys.len()).filter(|to| *to != seat) {
            if self.chance.random_bool(0.4) {
                self.post.push((seat, to, message.clone()));
            }
        }
    }

    /// What somebody else said, in the liar's name.
    fn agreeing(&mut self, seat: usize) -> Option<Vote> {
        let heard = &self.liars[&seat].heard;
        let any = self.chance.random_range(0..heard.len().max(1));
        Some(heard.get(any)?.statement)
    }

    fn babble(&mut self) -> Vote {
        let furthest = self.furthest();
        let round = match self.chance.random_range(0..8) {
            0 => u32::MAX - self.chance.random_range(0..2),
            1 => furthest + 1,
            _ => furthest.saturating_sub(self.chance.random_range(0..2)),
        };
        let named = value(self.chance.random_range(0..=GOOD + 2));
        let voted = Some(named).filter(|_| self.chance.random_bool(0.7));
        let kind = match self.chance.random_range(0..3) {
            0 => VoteKind::Proposal {
                value: named,
                valid_round: None,
            },
            1 => VoteKind::Prevote(voted),
            _ => VoteKind::Precommit(voted),
        };
        vote(round, kind)
    }

    /// A good value, when the liar coordinates a round that members are about to be in.
    fn another(&mut self, seat: usize) -> Option<Vote> {
        let value = value(self.chance.random_range(0..=GOOD));
        let valid_round = None;
        let kind = VoteKind::Proposal { value, valid_round };
        Some(vote(self.turn_of(seat)?, kind))
    }

    fn turn_of(&self, seat: usize) -> Option<u32> {
        let mut rounds = self.furthest().saturating_sub(1)..self.furthest() + 2;
        rounds.find(|round| *round as usize % self.keys.len() == seat)
    }

    fn furthest(&self) -> u32 {
        let rounds = self
            .members
            .values()
            .map(|member| member.agreement.round().number());
        rounds.max().unwrap_or(0)
    }

    /// A proposal of what a quorum prevoted at any time, when the liar coordinates this round or
    /// the next.
    fn revived(&self, seat: usize, prevote: &Vote) -> Option<Signed<Vote>> {
        let VoteKind::Prevote(Some(value)) = prevote.kind else {
            return None;
        };
        let round = self.turn_of(seat)?;
        let valid_round = Some(prevote.round);
        let kind = VoteKind::Proposal { value, valid_round };
        Some(*self.keys[seat].sign(self.last.network(), vote(round, kind)))
    }

    fn withheld(&mut self, seat: usize) -> Option<QuorumCertificate<Vote>> {
        let statement = self.agreeing(seat)?;
        let liar = &self.liars[&seat];
        let mut tally = Tally::new(statement);
        let committee = self.last.committee();
        let others = liar
            .heard
            .iter()
            .filter(|claim| claim.statement == statement);
        let others = others.filter_map(|claim| committee.verify(self.last.network(), *claim).ok());
        let own = liar.key.sign(self.last.network(), statement);
        others
            .chain([own])
            .find_map(|fact| tally.add(committee, &fact))
    }

    fn all_decided(&self) -> bool {
        self.decisions.len() == self.members.len()
    }

    fn run(&mut self) {
        for _ in 0..self.chance.random_range(0..100 * self.keys.len()) {
            let seat = self.chance.random_range(0..self.keys.len());
            if self.chance.random_bool(0.02) {
                self.cut_links();
            }
            if self.chance.random_bool(self.haste) {
                self.tick(seat);
            } else {
                self.deliver();
            }
        }
        self.storm = false;
        for _ in 0..PATIENCE {
            self.drain();
            if self.all_decided() {
                return;
            }
            (0..self.keys.len()).for_each(|seat| self.tick(seat));
        }
    }

    /// Delivers everything but what does not pass.
    fn drain_through(&mut self, passes: impl Fn(usize, &AgreementMessage) -> bool) {
        loop {
            self.post
                .retain(|(from, _, message)| passes(*from, message));
            if self.post.is_empty() {
                return;
            }
            self.deliver();
        }
    }

    /// A liar says this to everybody.
    fn say(&mut self, seat: usize, round: u32, kind: VoteKind) {
        let claim = *self.keys[seat].sign(self.last.network(), vote(round, kind));
        for to in (0..self.keys.len()).filter(|to| *to != seat) {
            let message = AgreementMessage {
                votes: vec![claim],
                quorums: vec![],
            };
            self.post.push((seat, to, message));
        }
    }

    fn round(&self, seat: usize) -> u32 {
        self.members[&seat].agreement.round().number()
    }

    /// The network is fair and the liars are silent.
    fn calm(&mut self) {
        for _ in 0..PATIENCE {
            self.drain();
            for seat in self.members.keys().copied().collect::<Vec<_>>() {
                self.tick(seat);
            }
        }
    }

    fn cut_links(&mut self) {
        let seats = 0..self.keys.len();
        let links = seats
            .clone()
            .flat_map(|from| seats.clone().map(move |to| (from, to)));
        self.cut = links.filter(|_| self.chance.random_bool(0.4)).collect();
    }

    fn drain(&mut self) {
        while !self.post.is_empty() {
            self.deliver();
        }
    }

    fn check(&mut self, seed: u64) {
        let rounds: Vec<_> = self.members.values().map(|m| m.agreement.round()).collect();
        assert!(self.all_decided(), "seed {seed}: not decided, {rounds:?}");
        let liars: BTreeSet<_> = self.liars.values().map(|liar| liar.key.actor()).collect();
        assert!(
            self.convicted.is_subset(&liars),
            "seed {seed}: an innocent was convicted"
        );
        self.drain();
        for seat in self.members.keys().copied().collect::<Vec<_>>() {
            self.tick(seat);
        }
        assert!(
            self.post.is_empty(),
            "seed {seed}: not quiet after the decision"
        );
    }
}

fn vote(round: u32, kind: VoteKind) -> Vote {
    Vote {
        generation: Generation::GENESIS,
        round: Round::new(round),
        kind,
    }
}

fn settle(seed: u64, n: u8) -> World {
    let mut world = World::new(seed, n);
    world.run();
    world.check(seed);
    world
}

#[quickcheck]
fn members_never_decide_differently_and_all_decide_when_the_network_heals(seed: u64) {
    let n = [1, 2, 3, 4, 4, 5, 7, 7, 10][(seed % 9) as usize];
    let _ = settle(seed, n);
}

#[test]
fn many_double_voters_are_convicted_and_nobody_else() {
    let mut convicted = 0;
    for seed in 0..40 {
        let world = settle(seed, 4);
        convicted += world.convicted.len();
    }
    assert!(convicted > 10, "only {convicted} convicted in 40 runs");
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let run = |seed| {
        let world = settle(seed, 7);
        let decisions = world.decisions.values();
        let decided: Vec<_> = decisions.map(|quorum| quorum.statement).collect();
        (decided, world.said)
    };
    assert_eq!(run(11), run(11));
}

/// In each round the liar gives its prevote, with those of the others, to some members only, and
/// says nothing else.
#[test]
fn prevotes_that_reach_one_member_only_do_not_keep_the_others_from_deciding() {
    for seed in 0..20 {
        let mut world = World::new(seed, 4);
        world.storm = false;
        for _ in 0..PATIENCE {
            world.drain();
            for seat in 0..4 {
                if world.liars.contains_key(&seat) {
                    if let Some(quorum) = world.withheld(seat) {
                        world.whisper(seat, vec![], vec![quorum.claim()]);
                    }
                } else {
                    world.tick(seat);
                }
            }
            if world.all_decided() {
                break;
            }
        }
        world.check(seed);
    }
}

fn precommits(message: &AgreementMessage) -> bool {
    let precommit = |vote: &Vote| matches!(vote.kind, VoteKind::Precommit(_));
    let mut votes = message.votes.iter().map(|claim| &claim.statement);
    let mut quorums = message.quorums.iter().map(|quorum| &quorum.statement);
    votes.any(precommit) || quorums.any(precommit)
}

/// One member decides alone and falls silent; the liar leads the two others, who are locked, into
/// the next round and proposes another value there. Without the lock, on disk too, they would
/// decide it.
#[test]
fn who_is_locked_does_not_follow_a_liar_to_another_value_even_after_a_crash() {
    for (seed, crash) in [(1, false), (2, true), (3, false), (4, true)] {
        let chance = ChaCha8Rng::seed_from_u64(seed);
        let mut world = World::cast(chance, 4, &BTreeSet::from([1]), false);
        let passes = |from, message: &AgreementMessage| from != 0 || !precommits(message);
        world.drain_through(passes);
        assert!(world.decisions.keys().eq([&0]), "one has decided");
        if crash {
            for seat in [2, 3] {
                let disk = world.members[&seat].disk.clone();
                world.boot(seat, disk);
            }
        }
        let decided = world.decisions[&0].statement.kind;
        let mut others = (0..=GOOD).map(value);
        let other = others.find(|other| VoteKind::Precommit(Some(*other)) != decided);
        let value = other.expect("several values");
        world.say(1, 0, VoteKind::Precommit(None));
        let valid_round = None;
        world.say(1, 1, VoteKind::Proposal { value, valid_round });
        world.say(1, 1, VoteKind::Prevote(Some(value)));
        world.say(1, 1, VoteKind::Precommit(Some(value)));
        for _ in 0..20 {
            world.drain_through(passes);
            [2, 3].into_iter().for_each(|seat| world.tick(seat));
        }
        assert!(world.round(2) > 0 && world.decisions.len() == 1);
        world.calm();
        world.check(seed);
    }
}

/// One member leaves the round by precommits that the others have not all seen, one of them its
/// own: it is not enough to take them along, so they need those precommits.
#[test]
fn who_leaves_a_round_shows_the_others_why() {
    let chance = ChaCha8Rng::seed_from_u64(1);
    let mut world = World::cast(chance, 4, &BTreeSet::from([0]), false);
    while world.round(3) == 0 {
        (1..4).for_each(|seat| world.tick(seat));
        world.drain_through(|from, message| from != 3 || !precommits(message));
    }
    assert_eq!((world.round(1), world.round(2)), (0, 0));
    world.calm();
    world.check(1);
}
