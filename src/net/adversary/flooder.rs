//! The flooder: in the agreement that ends a generation it proposes a new worthless value whenever
//! it may speak, votes for nothing, and keeps those going who would stop for lack of company.
//!
//! It attacks what a member keeps of values while rounds fail: what was locked, valid or its own is
//! to be pushed out, until something is decided that nobody holds. What stops it: what a vote, a
//! lock or a record names is never let go, and each coordinator has a bounded share of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::{Actor, Signed};
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::membership::{AgreementMessage, GenerationProposal, Round, Vote, VoteKind};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Rounds of which votes are remembered, the newest.
const ROUNDS: usize = 4;

/// What it heard in one generation's agreement.
///
/// Begun anew with each generation.
#[derive(Debug, Default)]
struct Heard {
    /// The one whose end is agreed on.
    generation: Generation,
    /// The first that it was shown, of which it makes its worthless ones.
    value: Option<Arc<GenerationProposal>>,
    /// Of the newest rounds, one vote of each member.
    votes: BTreeMap<Round, BTreeMap<Actor, Signed<Vote>>>,
    /// Whom it has answered in which round; now and then it answers again.
    answered: BTreeSet<(Round, Actor)>,
    /// The rounds into which it has drawn others.
    dragged: BTreeSet<Round>,
}

/// Votes for nothing with whoever speaks, proposes a worthless value in each round that is its own,
/// and shows the coordinator of a round what others said in it, and all of them in its own. It
/// takes no other part in the agreement. Otherwise it behaves.
#[derive(Debug, Default)]
pub struct Flooder {
    heard: Heard,
    /// What it is about to say, apart from what its half is.
    said: Vec<(Actor, Body)>,
}

/// The coordinator of a round.
fn coordinator<A: WireAlgorithm>(hand: &Hand<'_, A>, round: Round) -> Actor {
    let committee = hand.half().committee();
    let turn = committee.generation().number() + u64::from(round.number());
    committee.actors()[(turn % committee.size() as u64) as usize]
}

impl Flooder {
    /// Its half hears none of it, so that it decides nothing by itself.
    fn hear<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &Packet) {
        let Body::Agreement { message, value, .. } = &packet.body else {
            return;
        };
        let generation = hand.half().generation();
        if self.heard.generation != generation {
            self.heard = Heard {
                generation,
                ..Heard::default()
            };
        }
        if self.heard.value.is_none() {
            self.heard.value.clone_from(value);
        }
        let me = hand.actor();
        for vote in message.votes.iter().filter(|vote| vote.signer != me) {
            let round = vote.statement.round;
            let said = self.heard.votes.entry(round).or_default();
            said.insert(vote.signer, *vote);
            if self.heard.votes.len() > ROUNDS {
                self.heard.votes.pop_first();
            }
            let again = hand.random().random_bool(0.1);
            if vote.signer == packet.from
                && (self.heard.answered.insert((round, packet.from)) || again)
            {
                self.answer(hand, packet.from, round);
            }
            self.drag(hand, round);
        }
    }

    /// Votes for nothing, and something to vote against.
    fn answer<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, to: Actor, round: Round) {
        if coordinator(hand, round) == hand.actor() {
            self.propose(hand, to, round);
        }
        let nothing = [VoteKind::Prevote(None), VoteKind::Precommit(None)];
        let votes = nothing.map(|kind| vote(hand, round, kind));
        self.speak(hand, to, votes.to_vec(), None);
    }

    /// Each round gets another value: its state names the round, and no execution leads to it.
    fn propose<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, to: Actor, round: Round) {
        let Some(value) = &self.heard.value else {
            return;
        };
        let mut worthless = GenerationProposal::clone(value);
        let mut state = [0xee; 32];
        state[..4].copy_from_slice(&round.number().to_le_bytes());
        worthless.state.snapshot = Digest::from_bytes(state);
        let value = worthless.digest(hand.half().network());
        let kind = VoteKind::Proposal {
            value,
            valid_round: None,
        };
        let vote = vote(hand, round, kind);
        self.speak(hand, to, vec![vote], Some(Arc::new(worthless)));
    }

    /// Whoever is to propose in a round learns that others are in it.
    ///
    /// A member goes to a round that `f + 1` others are in: so many votes are shown to it.
    fn drag<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, round: Round) {
        let enough = hand.half().committee().tolerated() + 1;
        let Some(said) = self.heard.votes.get(&round) else {
            return;
        };
        if said.len() < enough || !self.heard.dragged.insert(round) {
            return;
        }
        let votes: Vec<_> = said.values().copied().collect();
        let first = coordinator(hand, round);
        let others = hand.others().into_iter();
        let all = first == hand.actor();
        let strangers: Vec<_> = others
            .filter(|other| (all || *other == first) && !said.contains_key(other))
            .collect();
        for other in strangers {
            self.speak(hand, other, votes.clone(), None);
            if all {
                self.propose(hand, other, round);
            }
        }
    }

    /// It goes out with what its half sends, in [`on_send`](Adversary::on_send).
    fn speak<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
        to: Actor,
        votes: Vec<Signed<Vote>>,
        value: Option<Arc<GenerationProposal>>,
    ) {
        let generation = hand.half().generation();
        let quorums = Vec::new();
        let message = AgreementMessage { votes, quorums };
        let body = Body::Agreement {
            generation,
            message,
            value,
        };
        self.said.push((to, body));
        hand.lied(Vice::Flooder.name());
    }
}

/// Signed with its own key: each of its votes is one that it may give, were it not for the others.
fn vote<A: WireAlgorithm>(hand: &Hand<'_, A>, round: Round, kind: VoteKind) -> Signed<Vote> {
    let generation = hand.half().generation();
    let vote = Vote {
        generation,
        round,
        kind,
    };
    hand.sign(vote).into_claim()
}

impl<A: WireAlgorithm> Adversary<A> for Flooder {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match &packet.body {
            Body::Agreement { generation, .. } if *generation == hand.half().generation() => {
                self.hear(hand, &packet);
                None
            }
            _ => Some(packet),
        }
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        // Its half hears nothing of the agreement, and would vote in the first round for ever.
        let me = hand.actor();
        let votes = |body: &Body| matches!(body, Body::Agreement { .. });
        packets.retain(|packet| packet.from != me || !votes(&packet.body));
        for (to, body) in self.said.drain(..) {
            hand.send(to, body);
        }
    }
}
