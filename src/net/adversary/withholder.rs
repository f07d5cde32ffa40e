//! The withholder: it shows the certificate of its message to one member only, and to that one not
//! the message.
//!
//! It attacks totality, and the change of the committee: one member knows that something is
//! certified, which nobody else may contradict. What stops it: who is bound to a message tallies
//! its echoes without the source, a payload is fetched from whoever echoed it, and who has
//! delivered serves all others; a reported lock is adopted by the next generation.

use std::collections::BTreeSet;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::traits::WireAlgorithm;

/// Proposes to as many members as make a quorum with it, shows the certificate to one of the
/// others, and never serves its own lane. Otherwise it behaves.
#[derive(Clone, Debug, Default)]
pub struct Withholder {
    /// Who is kept from its messages; the first is shown their certificates.
    kept_from: Option<(Actor, BTreeSet<Actor>)>,
}

impl Withholder {
    /// Chooses its victims once: as many as a quorum can do without, at least one.
    ///
    /// `None` where it is alone.
    fn choose<A: WireAlgorithm>(
        &mut self,
        hand: &mut Hand<'_, A>,
    ) -> Option<&(Actor, BTreeSet<Actor>)> {
        if self.kept_from.is_none() {
            let mut others = hand.others();
            let committee = hand.half().committee();
            let spare = (committee.size() - committee.quorum()).max(1);
            let mut victims = Vec::new();
            while victims.len() < spare && !others.is_empty() {
                let index = hand.random().random_range(0..others.len());
                victims.push(others.swap_remove(index));
            }
            let first = *victims.first()?;
            self.kept_from = Some((first, victims.into_iter().collect()));
        }
        self.kept_from.as_ref()
    }
}

impl<A: WireAlgorithm> Adversary<A> for Withholder {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let me = hand.actor();
        let Some((shown, victims)) = self.choose(hand) else {
            return;
        };
        packets.retain_mut(|packet| {
            let keeps = match &mut packet.body {
                Body::Proposal(proposal) => {
                    proposal.message.source != me || !victims.contains(&packet.to)
                }
                Body::Certificate(certificate) => {
                    certificate.statement.dot.source != me || packet.to == *shown
                }
                Body::PullResponse(answer) => {
                    let all = answer.segments.len();
                    answer.segments.retain(|segment| segment.source != me);
                    if answer.segments.len() < all {
                        hand.lied(Vice::Withholder.name());
                    }
                    true
                }
                _ => true,
            };
            if !keeps {
                hand.lied(Vice::Withholder.name());
            }
            keeps
        });
    }
}
