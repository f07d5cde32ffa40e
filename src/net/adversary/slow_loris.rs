//! The slow loris: it asks everybody for everything all the time, and answers late, in crumbs, or
//! never.
//!
//! It attacks whoever catches up, and the time of whoever serves. What stops it: one pull per peer
//! at a time and several peers, answers of a bounded size, and backoff.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::deterministic_secure_broadcast::{Body, Packet, PullRequest, SnapshotQuestion, Summary};
use crate::dot::Frontier;
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// Ticks by which an answer is late.
const LATE: u64 = 40;

/// Answers that are kept for later; there are no more promises than that.
const KEPT: usize = 64;

/// On every tick says to all members that it has nothing and asks for everything. Of its own
/// answers a third is never sent, and the others late and with one segment of one lane. Otherwise
/// it behaves.
#[derive(Clone, Debug, Default)]
pub struct SlowLoris {
    /// Its own ticks.
    now: u64,
    /// When each is due.
    late: Vec<(u64, Packet)>,
}

impl<A: WireAlgorithm> Adversary<A> for SlowLoris {
    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        self.now += 1;
        let nowhere = Summary {
            generation: Generation::GENESIS,
            frontier: Frontier::new(),
            convicted: BTreeSet::new(),
        };
        let request = PullRequest {
            summary: Some(Arc::new(hand.sign(nowhere).into_claim())),
            known: Generation::GENESIS,
            held: BTreeMap::new(),
        };
        for to in hand.others() {
            hand.send(to, Body::PullRequest(request.clone()));
            let generation = hand.half().generation();
            let part = SnapshotQuestion::Manifest;
            hand.send(to, Body::FetchSnapshot { generation, part });
        }
        Some(tick)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let due = self.now;
        let (ready, late) = self.late.drain(..).partition(|(at, _)| *at <= due);
        self.late = late;
        packets.retain(|packet| {
            let answers = matches!(
                packet.body,
                Body::PullResponse(_)
                    | Body::Value(_)
                    | Body::GenerationProof(_)
                    | Body::Snapshot { .. }
            );
            if answers {
                hand.lied(Vice::SlowLoris.name());
                if self.late.len() < KEPT && !hand.random().random_ratio(1, 3) {
                    self.late.push((due + LATE, crumb(packet)));
                }
            }
            !answers
        });
        packets.extend(ready.into_iter().map(|(_, packet): (u64, Packet)| packet));
    }
}

/// The packet with one segment of one lane.
fn crumb(packet: &Packet) -> Packet {
    let mut crumb = packet.clone();
    if let Body::PullResponse(answer) = &mut crumb.body {
        answer.segments.truncate(1);
    }
    crumb
}
