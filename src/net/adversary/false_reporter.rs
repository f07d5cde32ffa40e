//! The false reporter: at the end of a generation it reports what nobody certified and what nobody
//! signed, and not the same to all.
//!
//! It attacks the boundary of the next generation. What stops it: a coordinator proposes only
//! reports that it can back with certificates, a lock counts with its source's signature only, and
//! what a liar will not back is left out.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::Signed;
use crate::deterministic_secure_broadcast::Echo;
use crate::deterministic_secure_broadcast::{Body, Packet};
use crate::dot::{Dot, Head};
use crate::membership::{Mark, Report};
use crate::traits::WireAlgorithm;

/// Sends each member, each time, its report as it is, one with a head that nobody certified, or one
/// with a lock that it signed itself in the name of another. Otherwise it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct FalseReporter;

impl FalseReporter {
    /// Drawn anew for each packet, so that no two members need hear the same report.
    fn lie<A: WireAlgorithm>(hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        if let Body::Report { report, .. } = &mut packet.body
            && report.signer == me
        {
            let mut other = report.statement.clone();
            match hand.random().random_range(0..3u8) {
                0 => return,
                1 => Self::claim_a_head(hand, &mut other),
                _ => Self::forge_a_lock(hand, &mut other),
            }
            *report = Arc::new(hand.sign(other).into_claim());
            hand.lied(Vice::FalseReporter.name());
        }
    }

    /// The end of somebody's lane, one message beyond what there is.
    fn claim_a_head<A: WireAlgorithm>(hand: &mut Hand<'_, A>, report: &mut Report) {
        let Some(whose) = hand.draw_other() else {
            return;
        };
        let head = hand.half().head(&whose);
        if let Some(seq) = head.and_then(|head| head.seq.next()) {
            let digest = hand.half().network().digest();
            report.heads.insert(whose, Head { seq, digest });
            report.marks.remove(&whose);
        }
    }

    /// A lock at the next dot of somebody's lane, with a signature that is not its source's.
    fn forge_a_lock<A: WireAlgorithm>(hand: &mut Hand<'_, A>, report: &mut Report) {
        let Some(source) = hand.draw_other() else {
            return;
        };
        let head = hand.half().head(&source);
        if let Some(seq) = head.and_then(|head| head.seq.next()) {
            let echo = Echo {
                generation: hand.half().generation(),
                dot: Dot { source, seq },
                digest: hand.half().network().digest(),
            };
            let forged = Signed {
                signer: source,
                ..hand.sign(echo).into_claim()
            };
            report.marks.insert(source, Mark::Lock(forged));
        }
    }
}

impl<A: WireAlgorithm> Adversary<A> for FalseReporter {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            Self::lie(hand, packet);
        }
    }
}
