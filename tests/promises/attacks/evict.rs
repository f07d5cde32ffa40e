//! One liar of four and a network that is slow for a while: the liar proposes a new value whenever
//! it may. Were they kept in the place of those that honest members stand for, nobody could show
//! what is proposed once the network is well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bft_crdts::actor::Signed;
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{Body, Packet};
use bft_crdts::membership::{AgreementMessage, Change, GenerationProposal, Round, Vote, VoteKind};
use bft_crdts::quorum::Generation;

use crate::common::Table;

const SLOW: usize = 2;
const LIAR: usize = 3;
const OTHERS: [usize; 3] = [0, 1, 2];

/// Rounds that fail: in each fourth the liar shows another value.
const ROUNDS: u32 = 36;

/// What the liar has seen of the first two members, and done.
#[derive(Default)]
struct Liar {
    junk: bool,
    value: Option<Arc<GenerationProposal>>,
    seen: BTreeMap<(usize, Round), Signed<Vote>>,
    dragged: BTreeSet<Round>,
    furthest: Round,
}

fn vote(table: &Table, round: Round, kind: VoteKind) -> Signed<Vote> {
    let vote = Vote {
        generation: Generation::GENESIS,
        round,
        kind,
    };
    table.keys[LIAR].sign(&table.network(), vote).into_claim()
}

fn speak(
    table: &mut Table,
    to: usize,
    votes: Vec<Signed<Vote>>,
    value: Option<Arc<GenerationProposal>>,
) {
    let body = Body::Agreement {
        generation: Generation::GENESIS,
        message: AgreementMessage {
            votes,
            quorums: vec![],
        },
        value,
    };
    let from = table.actor(LIAR);
    table.give(from, to, body).expect("well formed");
}

impl Liar {
    /// Answers each round of the first two with votes for none, so that it fails, and drags the
    /// slow one along.
    fn sees(&mut self, table: &mut Table, packet: &Packet) {
        let Body::Agreement { message, value, .. } = &packet.body else {
            return;
        };
        if self.value.is_none() {
            self.value.clone_from(value);
        }
        for said in &message.votes {
            let by = table.seat_of(&said.signer).expect("a member");
            let round = said.statement.round;
            if by >= SLOW {
                continue;
            }
            self.furthest = self.furthest.max(round);
            if self.seen.insert((by, round), *said).is_none() {
                let votes = [VoteKind::Prevote(None), VoteKind::Precommit(None)];
                let votes = votes.map(|said| vote(table, round, said)).to_vec();
                self.propose(table, by, round);
                speak(table, by, votes, None);
            }
            self.drag(table, round);
        }
    }

    /// Shows the slow member that two others are in a round in which it, or the liar, coordinates.
    fn drag(&mut self, table: &mut Table, round: Round) {
        let both = [0, 1].map(|by| self.seen.get(&(by, round)).copied());
        if let [Some(one), Some(other)] = both
            && round.number() % 4 >= 2
            && self.dragged.insert(round)
        {
            speak(table, SLOW, vec![one, other], None);
            self.propose(table, SLOW, round);
        }
    }

    /// A new value, when it is the liar's turn.
    fn propose(&self, table: &mut Table, to: usize, round: Round) {
        if round.number() % 4 != 3 || !self.junk {
            return;
        }
        let mut value = GenerationProposal::clone(self.value.as_ref().expect("a value was seen"));
        let number = u8::try_from(round.number()).expect("few rounds");
        value.state.snapshot = Digest::from_bytes([number; 32]);
        let said = VoteKind::Proposal {
            value: value.digest(&table.network()),
            valid_round: None,
        };
        let proposal = vote(table, round, said);
        speak(table, to, vec![proposal], Some(Arc::new(value)));
    }
}

/// The first two hear each other; to and from the slow one everything but the agreement arrives.
fn slow_rounds(table: &mut Table, junk: bool) {
    let (liar, slow) = (table.actor(LIAR), table.actor(SLOW));
    let mut script = Liar {
        junk,
        ..Liar::default()
    };
    while script.furthest.number() < ROUNDS {
        OTHERS.into_iter().for_each(|seat| table.tick(seat));
        while let Some(packet) = table.wire.pop_front() {
            let late = matches!(
                packet.body,
                Body::Agreement { .. } | Body::Value(_) | Body::FetchPayloads(_)
            );
            let late = late && (packet.to == slow || packet.from == slow);
            if packet.to == liar {
                script.sees(table, &packet);
            } else if packet.from != liar && !late {
                table.hand_over(packet).expect("a correct member's packet");
            }
        }
    }
}

fn heals(junk: bool) {
    let mut table = Table::of(4);
    for seat in OTHERS {
        let step = table.replicas[seat].approve(Change::Renew).expect("a wish");
        table.spend(seat, step);
    }
    slow_rounds(&mut table, junk);
    assert!(
        OTHERS
            .iter()
            .all(|seat| table.replicas[*seat].generation() == Generation::GENESIS)
    );
    // The network is well again, and the liar says nothing any more.
    let liar = table.actor(LIAR);
    for _ in 0..500 {
        OTHERS.into_iter().for_each(|seat| table.tick(seat));
        table.carry(|packet| packet.to != liar && packet.from != liar);
    }
    for seat in OTHERS {
        assert_eq!(table.replicas[seat].generation().number(), 1);
    }
}

#[test]
fn after_slow_rounds_the_change_is_made() {
    heals(false);
}

#[test]
fn values_that_a_liar_shows_push_out_none_that_others_stand_for() {
    heals(true);
}
