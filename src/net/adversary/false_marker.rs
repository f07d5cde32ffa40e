//! The false marker: at the end of a generation it reports locks on messages that nobody can ever
//! deliver, or in the lanes of keys that it made up, as many as there may be and fit a packet.
//!
//! It attacks what the next generation begins with. A boundary adopts what was reported: if that is
//! worth nothing and only the liar has it, every later change waits for it; if it is much, it
//! outgrows what a packet holds. What stops it: what no correct member can have echoed binds
//! nobody, what a boundary names is kept until it is covered, and a mark counts only of who may
//! speak.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, SigningActor, Statement};
use crate::codec::{Bytes, Digest, encode};
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Proposal};
use crate::dot::{Dot, Seq};
use crate::evidence::Conflict;
use crate::membership::{Generation, Mark, Report};
use crate::traits::WireAlgorithm;

/// Lanes of nobody that it reports a lock in, mostly.
const FEW: u32 = 4;

/// Bytes around a report in its packet, as long as no change is shown with it.
const AROUND: usize = 512;

/// What it reports a lock on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// A message of its own that is no operations.
    Garbage,
    /// A message of its own with one operation many times, which is early for ever if it is not
    /// wrong.
    Early,
    /// The first message in each of many lanes of nobody, others for each member.
    Foreign,
}

/// What it says in one generation.
#[derive(Debug)]
struct Said {
    generation: Generation,
    lie: Lie,
    proposal: Option<Arc<Proposal>>,
    served: BTreeSet<Actor>,
    reported: bool,
    foreign: BTreeMap<Actor, BTreeMap<Actor, Mark>>,
}

/// Lies in its report in a way that chance chooses for each generation, and reports as soon as that
/// begins, so that it is heard before anybody else is. It proposes nothing. What it reports a lock
/// on it shows each member once, as soon as it is asked, and never again. Otherwise it behaves.
#[derive(Debug, Default)]
pub struct FalseMarker {
    op: Option<Vec<u8>>,
    said: Option<Said>,
}

impl FalseMarker {
    fn said<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) -> &mut Said {
        let generation = hand.half().generation();
        let current = self.said.take().filter(|s| s.generation == generation);
        let said = current.unwrap_or_else(|| Said {
            generation,
            lie: [Lie::Garbage, Lie::Early, Lie::Foreign][hand.random().random_range(0..3)],
            proposal: None,
            served: BTreeSet::new(),
            reported: false,
            foreign: BTreeMap::new(),
        });
        self.said.insert(said)
    }

    fn lie<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>, packet: &mut Packet) {
        let me = hand.actor();
        let Body::Report { report, .. } = &mut packet.body else {
            return;
        };
        if report.signer != me {
            return;
        }
        let op = self.op.clone().unwrap_or_default();
        let said = self.said(hand);
        let mut other = report.statement.clone();
        if said.lie == Lie::Foreign {
            let marks = said
                .foreign
                .entry(packet.to)
                .or_insert_with(|| marks_of_nobody(hand));
            let room = room_for(hand, &other, marks);
            let fitting = marks.iter().take(room);
            other
                .marks
                .extend(fitting.map(|(who, mark)| (*who, mark.clone())));
        } else {
            let garbage: Bytes = match said.lie {
                Lie::Early if !op.is_empty() => op.into(),
                _ => vec![0xff; 24].into(),
            };
            mark_own(hand, &mut other, &mut said.proposal, garbage);
        }
        *report = Arc::new(hand.sign(other).into_claim());
        hand.lied(Vice::FalseMarker.name());
    }
}

/// A lock on a message of its own right after what it reports to have delivered of itself: always
/// the same in one generation.
fn mark_own<A: WireAlgorithm>(
    hand: &Hand<'_, A>,
    report: &mut Report,
    told: &mut Option<Arc<Proposal>>,
    ops: Bytes,
) {
    let me = hand.actor();
    let head = report.head(hand.half().boundary(), &me);
    let Some(seq) = head.seq.next() else {
        return;
    };
    let proposal = told.get_or_insert_with(|| hand.sign_message(seq, head.digest, ops));
    let lock = hand.sign(Echo {
        generation: proposal.generation,
        dot: proposal.message.dot(),
        digest: proposal.message.digest(hand.half().network()),
    });
    if proposal.message.seq == seq {
        report.marks.insert(me, Mark::Lock(lock.into_claim()));
    }
}

/// How many of these marks the report still may have, and its packet holds.
fn room_for<A: WireAlgorithm>(
    hand: &Hand<'_, A>,
    report: &Report,
    marks: &BTreeMap<Actor, Mark>,
) -> usize {
    let limits = hand.half().limits();
    let lanes = (limits.lanes as usize).saturating_sub(report.marks.len());
    let taken = encode(report).len() + AROUND;
    let bytes = (limits.packet_bytes as usize).saturating_sub(taken);
    let longest = marks.iter().map(|mark| encode(&mark).len()).max();
    longest.map_or(lanes, |longest| lanes.min(bytes / longest))
}

/// Some locks in lanes of nobody, or as many seals as there may be marks: nobody needs a message to
/// back those.
fn marks_of_nobody<A: WireAlgorithm>(hand: &mut Hand<'_, A>) -> BTreeMap<Actor, Mark> {
    let many = hand.random().random_range(0..4u8) == 0;
    let most = if many {
        hand.half().limits().lanes
    } else {
        FEW
    };
    let (generation, network) = (hand.half().generation(), *hand.half().network());
    let mark = |_| {
        let nobody = SigningActor::generate_with(hand.random());
        let source = nobody.actor();
        let seq = Seq::new(1);
        let digests = [network.digest(), Digest::from_bytes([1; 32])];
        let [left, right] = digests.map(|digest| {
            let dot = Dot { source, seq };
            let echo = Echo {
                generation,
                dot,
                digest,
            };
            nobody.sign(&network, echo).into_claim()
        });
        let mark = match many {
            true => Mark::Seal(Conflict { left, right }),
            false => Mark::Lock(left),
        };
        (source, mark)
    };
    (0..most).map(mark).collect()
}

impl<A: WireAlgorithm> Adversary<A> for FalseMarker {
    fn on_propose(&mut self, _: &mut Hand<'_, A>, op: A::Op) -> Option<A::Op> {
        self.op = Some(encode(&vec![&op; 4]));
        None
    }

    fn on_tick(&mut self, hand: &mut Hand<'_, A>, tick: Tick) -> Option<Tick> {
        if !std::mem::replace(&mut self.said(hand).reported, true) {
            let report = hand.sign(Report::of(hand.half().boundary()));
            let report = Arc::new(report.into_claim());
            for other in hand.others() {
                let (report, changes) = (Arc::clone(&report), Vec::new());
                // The lie is put into it on its way out.
                hand.send(other, Body::Report { report, changes });
            }
        }
        Some(tick)
    }

    fn on_packet(&mut self, hand: &mut Hand<'_, A>, packet: Packet) -> Option<Packet> {
        let network = *hand.half().network();
        let said = self.said(hand);
        if let (Body::Want(want), Some(proposal)) = (&packet.body, &said.proposal) {
            let digest = proposal.message.digest(&network);
            let mut wanted = want.payloads.iter().map(|(_, digest)| *digest);
            if wanted.any(|wanted| wanted == digest) && said.served.insert(packet.from) {
                hand.send(packet.from, Body::Proposal(Arc::clone(proposal)));
            }
        }
        Some(packet)
    }

    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        for packet in packets {
            self.lie(hand, packet);
        }
    }
}
