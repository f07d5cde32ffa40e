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
use crate::membership::{Ballot, Generation, Round, Said, Speech, Value};
use crate::traits::WireAlgorithm;

/// Rounds of which votes are remembered, the newest.
const ROUNDS: usize = 4;

/// What it heard in one generation's agreement.
#[derive(Debug, Default)]
struct Heard {
    generation: Generation,
    value: Option<Arc<Value>>,
    ballots: BTreeMap<Round, BTreeMap<Actor, Signed<Ballot>>>,
    answered: BTreeSet<(Round, Actor)>,
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
    fn hear<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &Packet) {
        let Body::Speech { speech, value, .. } = &packet.body else {
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
        for ballot in speech.ballots.iter().filter(|ballot| ballot.signer != me) {
            let round = ballot.statement.round;
            let said = self.heard.ballots.entry(round).or_default();
            said.insert(ballot.signer, *ballot);
            if self.heard.ballots.len() > ROUNDS {
                self.heard.ballots.pop_first();
            }
            let again = hand.random().random_bool(0.1);
            if ballot.signer == packet.from
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
        let nothing = [Said::Prevote(None), Said::Precommit(None)];
        let ballots = nothing.map(|said| vote(hand, round, said));
        self.speak(hand, to, ballots.to_vec(), None);
    }

    fn propose<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, to: Actor, round: Round) {
        let Some(value) = &self.heard.value else {
            return;
        };
        let mut worthless = Value::clone(value);
        let mut state = [0xee; 32];
        state[..4].copy_from_slice(&round.number().to_le_bytes());
        worthless.state = Digest::from_bytes(state);
        let value = worthless.digest(hand.half().network());
        let said = Said::Proposal {
            value,
            valid_round: None,
        };
        let ballot = vote(hand, round, said);
        self.speak(hand, to, vec![ballot], Some(Arc::new(worthless)));
    }

    /// Whoever is to propose in a round learns that others are in it.
    fn drag<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, round: Round) {
        let enough = hand.half().committee().tolerated() + 1;
        let Some(said) = self.heard.ballots.get(&round) else {
            return;
        };
        if said.len() < enough || !self.heard.dragged.insert(round) {
            return;
        }
        let ballots: Vec<_> = said.values().copied().collect();
        let first = coordinator(hand, round);
        let others = hand.others().into_iter();
        let all = first == hand.actor();
        let strangers: Vec<_> = others
            .filter(|other| (all || *other == first) && !said.contains_key(other))
            .collect();
        for other in strangers {
            self.speak(hand, other, ballots.clone(), None);
            if all {
                self.propose(hand, other, round);
            }
        }
    }

    fn speak<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
        to: Actor,
        ballots: Vec<Signed<Ballot>>,
        value: Option<Arc<Value>>,
    ) {
        let generation = hand.half().generation();
        let quorums = Vec::new();
        let speech = Speech { ballots, quorums };
        let body = Body::Speech {
            generation,
            speech,
            value,
        };
        self.said.push((to, body));
        hand.lied(Vice::Flooder.name());
    }
}

fn vote<A: WireAlgorithm>(hand: &Hand<'_, A>, round: Round, said: Said) -> Signed<Ballot> {
    let generation = hand.half().generation();
    let ballot = Ballot {
        generation,
        round,
        said,
    };
    hand.sign(ballot).into_claim()
}

impl<A: WireAlgorithm> Adversary<A> for Flooder {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match &packet.body {
            Body::Speech { generation, .. } if *generation == hand.half().generation() => {
                self.hear(hand, &packet);
                None
            }
            _ => Some(packet),
        }
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        // Its half hears nothing of the agreement, and would vote in the first round for ever.
        let me = hand.actor();
        let votes = |body: &Body| matches!(body, Body::Speech { .. });
        packets.retain(|packet| packet.from != me || !votes(&packet.body));
        for (to, body) in self.said.drain(..) {
            hand.send(to, body);
        }
    }
}
