//! The false accuser: it makes evidence of what others really said.
//!
//! It attacks accountability: everything in its evidence is signed by the accused. What stops it:
//! two statements convict only if they exclude each other, and a signature binds the dot, the
//! generation and the round that it was made for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Signed, Statement};
use crate::deterministic_secure_broadcast::{Body, Echo, Equivocation, Packet};
use crate::evidence::Conflict;
use crate::traits::WireAlgorithm;

/// Statements of each kind that are remembered of each member.
const SEEN: usize = 8;

/// Accuses somebody on about every second tick, to everybody: of the same thing said twice, of two
/// messages at two dots, of one of them at the other's dot, or of two echoes. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct FalseAccuser {
    /// What each source signed, the newest last; at most [`SEEN`] of each.
    proposed: BTreeMap<Actor, VecDeque<Signed<Echo>>>,
    /// What each member echoed.
    echoed: BTreeMap<Actor, VecDeque<Signed<Echo>>>,
}

/// The same statement is kept once.
fn remember<T: PartialEq>(said: &mut BTreeMap<Actor, VecDeque<Signed<T>>>, claim: Signed<T>) {
    let said = said.entry(claim.signer).or_default();
    if !said.iter().any(|held| held.statement == claim.statement) {
        said.push_back(claim);
        if said.len() > SEEN {
            said.pop_front();
        }
    }
}

impl FalseAccuser {
    /// Of the same statement twice, or of two at different dots, or of one whose dot was changed so
    /// that its signature is not on it any more.
    fn accuse_source<A: WireAlgorithm>(&self, hand: &mut Hand<'_, A>) -> Option<Equivocation> {
        let all: Vec<_> = self.proposed.values().collect();
        let said = *hand.draw(&all)?;
        let left = said[hand.random().random_range(0..said.len())];
        let mut right = said[hand.random().random_range(0..said.len())];
        if hand.random().random_bool(0.5) {
            right.statement.dot = left.statement.dot;
        }
        Some(Equivocation::Echo(Conflict { left, right }))
    }

    /// Of two echoes at one dot, if there are two: of one generation and the next.
    fn accuse_member<A: WireAlgorithm>(&self, hand: &mut Hand<'_, A>) -> Option<Equivocation> {
        let pairs = self.echoed.values().flat_map(|said| {
            let dot = |echo: &Signed<Echo>| echo.statement.dot;
            let pairs = said.iter().zip(said.iter().skip(1));
            pairs.filter(move |(left, right)| dot(left) == dot(right))
        });
        let pairs: Vec<_> = pairs.collect();
        let (left, right) = hand.draw(&pairs)?;
        let (left, right) = (**left, **right);
        Some(Equivocation::Echo(Conflict { left, right }))
    }
}

impl<A: WireAlgorithm> Adversary<A> for FalseAccuser {
    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        match &packet.body {
            Body::Proposal(proposal) => {
                let dot = proposal.message.dot();
                let digest = proposal.message.digest(hand.half().network());
                remember(
                    &mut self.proposed,
                    Signed {
                        statement: Echo {
                            generation: proposal.generation,
                            dot,
                            digest,
                        },
                        signer: dot.source,
                        sig: proposal.sig,
                    },
                );
            }
            Body::Echo(echo) => remember(&mut self.echoed, *echo),
            _ => {}
        }
        Some(packet)
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let evidence = match hand.random().random_range(0..4u8) {
            0 => self.accuse_source(hand),
            1 => self.accuse_member(hand),
            _ => None,
        };
        if let Some(evidence) = evidence.map(Arc::new) {
            for other in hand.others() {
                hand.send(other, Body::Evidence(Arc::clone(&evidence)));
            }
            hand.lied(Vice::FalseAccuser.name());
        }
        Some(tick)
    }
}
