//! The false marker: at the end of a generation it reports locks on messages that nobody can ever
//! deliver, or in the lanes of keys that it made up, as many as there may be and fit a packet.
//!
//! It attacks what the next generation begins with. A boundary adopts what was reported: if that is
//! worth nothing and only the liar has it, every later change waits for it; if it is much, it
//! outgrows what a packet holds. What one liar may report fits, so they agree on which lanes they
//! mark: a boundary that has as many lanes as it may then takes in what all of them report. What
//! stops it: what no correct member can have echoed binds nobody, what a boundary names is kept
//! until it is covered, and a mark counts only of who may speak.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Adversary, Hand, Tick, Vice};
use crate::actor::{Actor, SigningActor, Statement};
use crate::codec::{Bytes, Digest, encode, encoded_len};
use crate::deterministic_secure_broadcast::{Body, Echo, Packet, Proposal};
use crate::dot::{Dot, Seq};
use crate::evidence::Conflict;
use crate::membership::{Mark, Report};
use crate::quorum::Generation;
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
    /// The first message in each of a few lanes of nobody, others for each member.
    Foreign,
    /// The same in as many lanes as there may be.
    Everywhere,
}

const LIES: [Lie; 4] = [Lie::Garbage, Lie::Early, Lie::Foreign, Lie::Everywhere];

/// What it says in one generation.
///
/// Begun anew with each generation.
#[derive(Debug)]
struct Said {
    /// The one of which it says it.
    generation: Generation,
    lie: Lie,
    /// Its own message, once it has reported a lock on it.
    proposal: Option<Arc<Proposal>>,
    /// Who was shown that message, and will not be again.
    served: BTreeSet<Actor>,
    /// Whether it has said its report for the first time, before it is frozen.
    reported: bool,
    /// What each member is told of lanes of nobody: the same at each repetition.
    foreign: BTreeMap<Actor, BTreeMap<Actor, Mark>>,
}

/// Lies in its report in a way that chance chooses for each generation, the same for all false
/// markers of a network, and reports as soon as that begins, so that it is heard before anybody
/// else is. It proposes nothing. What it reports a lock on it shows each member once, as soon as it
/// is asked, and never again. Otherwise it behaves.
#[derive(Debug, Default)]
pub struct FalseMarker {
    /// Four times the last operation that it was to propose, encoded.
    op: Option<Vec<u8>>,
    /// `None` before it has anything to say.
    said: Option<Said>,
}

impl FalseMarker {
    /// Draws the lie from what all false markers of the network share.
    fn said<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) -> &mut Said {
        let generation = hand.half().generation();
        let current = self.said.take().filter(|s| s.generation == generation);
        let said = current.unwrap_or_else(|| Said {
            generation,
            lie: LIES
                [agreed(hand.half().genesis().members(), generation).random_range(0..LIES.len())],
            proposal: None,
            served: BTreeSet::new(),
            reported: false,
            foreign: BTreeMap::new(),
        });
        self.said.insert(said)
    }

    /// Of reports that are its own: all that it sends, first words and repetitions, go through
    /// this.
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
        if matches!(said.lie, Lie::Foreign | Lie::Everywhere) {
            let many = said.lie == Lie::Everywhere;
            let marks = said
                .foreign
                .entry(packet.to)
                .or_insert_with(|| marks_of_nobody(hand, &packet.to, many));
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
    let taken = encoded_len(report) + AROUND;
    let bytes = (limits.packet_bytes as usize).saturating_sub(taken);
    let longest = marks.iter().map(|mark| encoded_len(&mark)).max();
    longest.map_or(lanes, |longest| lanes.min(bytes / longest))
}

/// Some locks in lanes of nobody, or as many seals as there may be marks: nobody needs a message to
/// back those.
fn marks_of_nobody<A: WireAlgorithm>(
    hand: &Hand<'_, A>,
    to: &Actor,
    many: bool,
) -> BTreeMap<Actor, Mark> {
    let most = if many {
        hand.half().limits().lanes
    } else {
        FEW
    };
    let (generation, network) = (hand.half().generation(), *hand.half().network());
    let random = &mut agreed(hand.half().genesis().members(), generation);
    random.set_stream(u64::from_be_bytes(std::array::from_fn(|i| {
        to.as_bytes()[i]
    })));
    let mark = |_| {
        let nobody = SigningActor::generate_with(random);
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

/// Chance that all who lie in this way in one generation share, in all networks of these founders:
/// whatever algorithm they run, they lie alike.
fn agreed(founders: &BTreeSet<Actor>, generation: Generation) -> ChaCha8Rng {
    let mut seed = [0; 32];
    let number = generation.number().to_be_bytes();
    for bytes in founders
        .iter()
        .map(|who| &who.as_bytes()[..])
        .chain([&number[..]])
    {
        seed.iter_mut()
            .zip(bytes)
            .for_each(|(byte, other)| *byte ^= other);
    }
    ChaCha8Rng::from_seed(seed)
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
        if let (Body::FetchPayloads(fetch), Some(proposal)) = (&packet.body, &said.proposal) {
            let digest = proposal.message.digest(&network);
            let mut wanted = fetch.payloads.iter().map(|(_, digest)| *digest);
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
