//! The impostor: it says to everybody at once what others never said.
//!
//! It attacks all that is known about a member. What stops it: a statement counts with its signer's signature on just
//! that, and a packet's return address says nothing about anybody. The [`Forger`](super::Forger) tampers with single packets;
//! the impostor lets nobody hear the truth first.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, Signed};
use crate::deterministic_secure_broadcast::{Body, Consent, Packet, Standing};
use crate::membership::{Approval, Change, Report, Said};
use crate::traits::Wire;

/// Ticks on which it lies, in all. Lies with another's return address are answered to that one, and endless ones would
/// make correct members talk without end.
const LIES: u32 = 64;

/// What it says of the others.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// They have all that there is.
    Standing,
    /// The same, but signed by itself and with their return addresses.
    ReturnAddress,
    /// They want somebody to leave.
    Approval,
    /// They hold nothing at the end of a generation.
    Report,
    /// They precommit nothing.
    Ballot,
}

/// Says one kind of thing in the names of all others, on every tick for a while. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Impostor {
    lie: Option<Lie>,
    told: u32,
}

impl Impostor {
    fn choose<A: Wire>(&mut self, hand: &mut Hand<'_, A>) -> Lie {
        let lies = [
            Lie::Standing,
            Lie::ReturnAddress,
            Lie::Approval,
            Lie::Report,
            Lie::Ballot,
        ];
        let drawn = lies[hand.random().random_range(0..lies.len())];
        *self.lie.get_or_insert(drawn)
    }

    /// What it says in the name of `victim`, and whether under its return address only.
    fn words<A: Wire>(lie: Lie, hand: &Hand<'_, A>, victim: Actor) -> Option<Body> {
        let half = hand.half();
        let named = |signer| match lie {
            Lie::ReturnAddress => signer,
            _ => victim,
        };
        match lie {
            Lie::Standing | Lie::ReturnAddress => {
                let standing = Standing {
                    generation: half.generation(),
                    frontier: half.frontier(),
                    convicted: half.convicted().keys().copied().collect(),
                };
                let claim = hand.sign(standing).into_claim();
                let signer = named(claim.signer);
                Some(Body::Announce(Arc::new(Signed { signer, ..claim })))
            }
            Lie::Approval => {
                let change = Change::Leave(*hand.others().first()?);
                let approval = hand.sign(Approval {
                    generation: half.generation(),
                    change: change.key(),
                });
                let approval = Signed {
                    signer: victim,
                    ..approval.into_claim()
                };
                Some(Body::Approve(Arc::new(Consent { change, approval })))
            }
            Lie::Report if half.is_frozen() => {
                let claim = hand.sign(Report::of(half.boundary())).into_claim();
                let signer = victim;
                Some(Body::Report {
                    report: Arc::new(Signed { signer, ..claim }),
                    changes: Vec::new(),
                })
            }
            Lie::Report | Lie::Ballot => None,
        }
    }

    fn tell<A: Wire>(hand: &mut Hand<'_, A>, lie: Lie) {
        for victim in hand.others() {
            let Some(body) = Self::words(lie, hand, victim) else {
                return;
            };
            let from = match lie {
                Lie::ReturnAddress => victim,
                _ => hand.actor(),
            };
            for other in hand.others() {
                hand.send_as(from, other, body.clone());
            }
            hand.lied(Vice::Impostor.name());
        }
    }

    /// Its own vote is everybody's, and somebody else's the opposite.
    fn vote<A: Wire>(hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        let Body::Speech { speech, .. } = &mut packet.body else {
            return;
        };
        let mut own = speech.ballots.iter().filter(|ballot| ballot.signer == me);
        let own = own.find(|ballot| matches!(ballot.statement.said, Said::Precommit(Some(_))));
        if let (Some(own), Some(victim)) = (own.copied(), hand.draw_other()) {
            let mut nil = own;
            nil.statement.said = Said::Precommit(None);
            nil.signer = victim;
            speech.ballots = vec![own, nil];
            hand.lied(Vice::Impostor.name());
        }
    }
}

impl<A: Wire> Adversary<A> for Impostor {
    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        let lie = self.choose(hand);
        if self.told < LIES {
            self.told += 1;
            Self::tell(hand, lie);
        }
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        if let Lie::Ballot = self.choose(hand) {
            packets
                .iter_mut()
                .for_each(|packet| Self::vote(hand, packet));
        }
    }
}
