//! Catching up: whoever lacks something asks, and whatever is answered proves itself, so that it
//! may come from anybody.
//!
//! An answer holds first the generations that the asker lacks, then a segment of each lane. A
//! segment ends at a certificate or at a lane's end in a generation's frontier, else a liar could
//! stream a million well-chained false messages before it is found out.
//!
//! Once later generations are known here, a certificate of an earlier committee alone proves
//! nothing: its keys may be retired and stolen. Such a segment is held, and delivered when it has
//! reached a generation's frontier. No more of a lane is held than one segment: where a frontier is
//! further, or is not where the held segment leads, the certified snapshot of the newest generation
//! is the way there.
//!
//! Invariants: what is held and served was checked, with its source's signature; a copy that is
//! good is never replaced by another; the parts of an answer are judged one by one, so that a bad
//! one keeps no good one away; and nothing is taken that was not asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::deliver::record;
use super::error::PacketError;
use super::history::Vouch;
use super::lane::{Certified, Lane};
use super::log::SegmentSize;
use super::message::{Certificate, Entry};
use super::packet::{Body, PullRequest, PullResponse, Segment};
use crate::actor::Actor;
use crate::codec::Limits;
use crate::dot::{Head, Seq};
use crate::traits::WireAlgorithm;

/// In a request: of this lane, nothing more yet.
const ENOUGH: Seq = Seq::MAX;

/// What a segment is worth here.
enum SegmentVerdict {
    /// Nothing new.
    Nothing,
    /// Its messages may be delivered or, if they are provisional, are held until they reach the
    /// frontier of a generation that is founded.
    New(Actor, Certified),
    /// It shows that no frontier is reached from what is held: a snapshot has to be taken.
    Astray,
}

impl<A: WireAlgorithm> Replica<A> {
    /// Asks for what we lack, unless an answer may still be under way.
    ///
    /// Does nothing for an actor that is not a peer, and sends no more often than the peer's pace
    /// allows: a packet in another's name cannot make us ask at will.
    pub(super) fn pull(&mut self, from: Actor) {
        let now = self.turn.now;
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        if !peer.pull.fire(now) {
            return;
        }
        peer.asked = true;
        // What a summary does not say any more is said without a signature: it is only asked for.
        let unsaid = !self.signer.may_sign();
        let held = self.lanes.iter().filter_map(|(source, lane)| {
            let head = Some(lane.head().seq).filter(|seq| unsaid && *seq > Seq::ZERO);
            let certified = lane.certified.as_ref();
            let end = certified
                .and_then(|held| Some((held.tail.back()?, held.provisional)))
                .map(|(last, provisional)| match provisional {
                    true => last.message().seq,
                    false => ENOUGH,
                });
            Some((*source, end.or(head)?))
        });
        let request = PullRequest {
            held: held.collect(),
            known: self.history.known_generation(),
            summary: self.summary(),
        };
        self.send(from, Body::PullRequest(request));
    }

    /// Answers whoever asks, member or not, with as much as a packet holds: first generations, as
    /// nothing else proves itself without them, then segments of lanes.
    ///
    /// # Errors
    /// When the asker's summary is signed badly.
    pub(super) fn handle_pull_request(
        &mut self,
        from: Actor,
        request: &PullRequest,
    ) -> Result<(), PacketError> {
        if let Some(summary) = &request.summary {
            self.learn(summary)?;
        }
        let mut room = answer_room(self.limits());
        let proofs = self.history.proofs_after(request.known, &mut room);
        let all = request.known.number() + proofs.len() as u64 >= self.generation().number();
        let segments = all.then(|| self.segments_for(request, room));
        let pruned = self.lanes.iter().any(|(source, lane)| {
            let asked = request.from(source);
            asked < lane.log.base()
        });
        let answer = PullResponse {
            proofs,
            segments: segments.unwrap_or_default(),
            pruned,
            summary: self.summary(),
        };
        self.send(from, Body::PullResponse(answer));
        Ok(())
    }

    /// The next segment of each lane that the asker lacks, as many as fit.
    ///
    /// Stops at the first that does not fit, so that lanes in the order of their keys are served
    /// before others; the asker comes back with what it has then.
    fn segments_for(&self, request: &PullRequest, mut room: usize) -> Vec<Segment> {
        let mut segments = Vec::new();
        for (source, lane) in self.lanes.iter() {
            let from = request.from(source);
            if lane.head().seq <= from {
                continue;
            }
            let Some((proposals, certificate)) = lane.segment_after(from, self.limits()) else {
                continue;
            };
            let segment = Segment {
                source: *source,
                proposals,
                certificate,
            };
            let Some(left) = room.checked_sub(segment_size(&segment)) else {
                break;
            };
            room = left;
            segments.push(segment);
        }
        segments
    }

    /// Takes each part that proves itself, whatever comes with it: one bad segment must not keep
    /// the good ones away.
    ///
    /// # Errors
    /// [`PacketError::UnaskedAnswer`] when `from` was not asked; [`PacketError::Segment`] when the
    /// lanes are out of order; else the first refusal, when nothing in the answer was of use.
    pub(super) fn handle_pull_response(
        &mut self,
        from: Actor,
        answer: PullResponse,
    ) -> Result<(), PacketError> {
        let asked = self.peers.get(&from).is_some_and(|peer| peer.asked);
        if !asked {
            return Err(PacketError::UnaskedAnswer(from));
        }
        let mut sources = answer.segments.windows(2);
        if !sources.all(|pair| pair[0].source < pair[1].source) {
            return Err(PacketError::Segment(from));
        }
        // What it shows of the chain tells whom to ask for what next, believed or not.
        let traced = self.awaits_checkpoint() && !answer.proofs.is_empty();
        let mut refused = Vec::new();
        let founded = self
            .take_proofs(answer.proofs)
            .map_err(|refusal| refused.push(refusal));
        let mut progress = founded.unwrap_or_default();
        // What committees certify is believed when it is known which ones there were.
        let awaits = self.awaits_checkpoint();
        let segments = answer.segments.iter().filter(|_| !awaits);
        let verdicts = self.verify_segments(segments, &mut refused);
        let worthless = verdicts
            .iter()
            .all(|verdict| matches!(verdict, SegmentVerdict::Nothing));
        // A forgery among them says more of the sender than what is first.
        let forgery = refused.iter().find(|refusal| refusal.is_forgery());
        if let (Some(refusal), true) = (forgery.or(refused.first()), worthless && !progress) {
            return Err(refusal.clone());
        }
        let summary = answer.summary.as_ref();
        match summary.map_or(Ok(()), |summary| self.learn(summary)) {
            Err(refusal) if worthless && !progress && !traced => return Err(refusal),
            learned => refused.extend(learned.err()),
        }
        self.turn.step.refused.extend(refused);
        let astray = verdicts
            .iter()
            .any(|verdict| matches!(verdict, SegmentVerdict::Astray));
        for verdict in verdicts {
            progress |= self.hold_segment(verdict);
        }
        self.settle();
        if (answer.pruned || astray) && !awaits {
            self.fetch_snapshot();
        }
        self.ask_on(from, progress);
        Ok(())
    }

    /// What the segments of an answer are worth, one by one.
    ///
    /// Nothing changes by it: all parts are judged on the state before any of them is taken.
    fn verify_segments<'a>(
        &self,
        segments: impl Iterator<Item = &'a Segment>,
        refused: &mut Vec<PacketError>,
    ) -> Vec<SegmentVerdict> {
        let mut verdicts = Vec::new();
        for segment in segments {
            match self.verify_segment(segment) {
                Ok(verdict) => verdicts.push(verdict),
                Err(refusal) => refused.push(refusal),
            }
        }
        verdicts
    }

    /// After an answer: who brought something is asked for more at once.
    ///
    /// The pace begins anew with each answer that brings something, so that catching up takes as
    /// long as the answers travel; an answer that brings nothing leaves the pace to grow.
    fn ask_on(&mut self, from: Actor, progress: bool) {
        let now = self.turn.now;
        let lacks = self.lacks_from(&from) || self.awaits_checkpoint();
        if let Some(peer) = self.peers.get_mut(&from) {
            // An answer that leaves something out is not believed to be the last: anybody can write
            // who it is from.
            peer.asked = lacks;
            if progress {
                peer.pull = Backoff::starting(now);
            }
        }
        if progress && (lacks || !self.history.pending.is_empty()) {
            self.pull(from);
        }
    }

    /// What a segment's messages after those that we have are worth.
    ///
    /// Signatures are checked last, and only of messages that the certificate or a frontier proves:
    /// without it a liar makes us check a segment of them in vain. What was held and provisional is
    /// extended, never replaced.
    fn verify_segment(&self, segment: &Segment) -> Result<SegmentVerdict, PacketError> {
        let source = segment.source;
        let lane = self.lanes.known(&source)?;
        let held = lane.certified.as_ref();
        let tail = match held {
            Some(held) if held.provisional => held.tail.clone(),
            Some(held) if !held.tail.is_empty() => return Ok(SegmentVerdict::Nothing),
            _ => VecDeque::new(),
        };
        let known = tail.back().map_or(lane.head(), Entry::head);
        let Some(tail) = self.follow(segment, lane, known, tail)? else {
            return Ok(SegmentVerdict::Astray);
        };
        let head = tail.back().map_or(known, Entry::head);
        if segment.proposals.is_empty() {
            return Err(PacketError::Segment(source));
        }
        if head == known {
            return Ok(SegmentVerdict::Nothing);
        }
        if segment
            .certificate
            .as_ref()
            .is_some_and(|c| c.head() != head || c.statement.dot.source != source)
        {
            return Err(PacketError::Segment(source));
        }
        if SegmentSize::of(&tail, self.limits()).is_too_long() {
            return Ok(SegmentVerdict::Astray);
        }
        let verdict = self.weigh(source, head, tail, segment.certificate.clone())?;
        if let SegmentVerdict::New(_, certified) = &verdict {
            self.verify_sources(lane, &certified.tail)?;
        }
        Ok(verdict)
    }

    /// What is held, with the messages of a segment after it. `None` when they contradict what is
    /// held for a committee that is over.
    ///
    /// # Errors
    /// [`PacketError::Segment`] when there is a gap, a message of another source, one of a
    /// generation that is not known, or a broken chain.
    fn follow(
        &self,
        segment: &Segment,
        lane: &Lane<A::Op>,
        known: Head,
        mut tail: VecDeque<Entry>,
    ) -> Result<Option<VecDeque<Entry>>, PacketError> {
        let (source, provisional) = (segment.source, !tail.is_empty());
        let broken = PacketError::Segment(source);
        let mut head = known;
        for proposal in segment
            .proposals
            .iter()
            .filter(|p| p.message.seq > known.seq)
        {
            let entry = Entry::new(&self.history.network, Arc::clone(proposal));
            let message = entry.message();
            let late = proposal.generation > self.history.tip().generation();
            if !message.seq.follows(head.seq) || message.source != source || late {
                return Err(broken);
            }
            if message.parent != head.digest {
                // One of the two is false, and there is no telling which.
                let parts = provisional && head == known;
                return if parts { Ok(None) } else { Err(broken) };
            }
            head = entry.head();
            // Our own copy was checked.
            let ours = lane.find(head.seq, &head.digest);
            tail.push_back(ours.cloned().unwrap_or(entry));
        }
        Ok(Some(tail))
    }

    /// A certificate vouches for messages, not for what their source signed. What is kept is
    /// served, and convicts the source where it contradicts what others hold: so a copy is only
    /// kept with its source's signature.
    fn verify_sources(
        &self,
        lane: &Lane<A::Op>,
        tail: &VecDeque<Entry>,
    ) -> Result<(), PacketError> {
        for entry in tail {
            let head = entry.head();
            let ours = lane.find(head.seq, &head.digest).map(Entry::echo);
            if ours != Some(entry.echo()) {
                self.verify_source(entry)?;
            }
        }
        Ok(())
    }

    /// What the newest generation that is known makes of a segment that hangs together.
    ///
    /// # Errors
    /// When its certificate is bad, or the closing rule refuses it.
    fn weigh(
        &self,
        source: Actor,
        end: Head,
        tail: VecDeque<Entry>,
        certificate: Option<Arc<Certificate>>,
    ) -> Result<SegmentVerdict, PacketError> {
        let vouch = self.history.vouch(&source, end, certificate.as_deref());
        let certificate = match vouch {
            Vouch::Frontier => None,
            Vouch::Certificate | Vouch::Provisional => certificate,
            Vouch::Later => return Ok(SegmentVerdict::Nothing),
            Vouch::Closed => return Err(PacketError::Closed(source)),
        };
        let certified = Certified {
            certificate: certificate.map(|claim| self.certify(claim)).transpose()?,
            tail,
            provisional: vouch == Vouch::Provisional,
        };
        Ok(SegmentVerdict::New(source, certified))
    }

    /// Takes a segment to be delivered or held. Whether it adds anything.
    ///
    /// Takes for granted that the verdict was formed on the present state. Only what may be
    /// delivered is on record.
    fn hold_segment(&mut self, verdict: SegmentVerdict) -> bool {
        let SegmentVerdict::New(source, certified) = verdict else {
            return false;
        };
        if let Some(certificate) = certified.certificate.clone() {
            self.check_memory(&certificate);
        }
        let lane = self.lanes.kept(&source);
        if !certified.provisional {
            let locked = lane.lock().map(|lock| lock.entry.digest);
            self.turn.write(record(source, &certified, locked));
        }
        lane.certified = Some(certified);
        self.lanes.ready.insert(source);
        true
    }
}

impl PullRequest {
    /// After which message of a lane the asker wants more.
    fn from(&self, source: &Actor) -> Seq {
        let summary = self.summary.as_ref();
        let delivered = summary.and_then(|summary| summary.statement.frontier.get(source));
        let delivered = delivered.map_or(Seq::ZERO, |head| head.seq);
        let held = self.held.get(source).copied().unwrap_or_default();
        delivered.max(held)
    }
}

/// Bytes for generations and segments in an answer, beside the largest summary.
///
/// 72 bytes for each end of a lane and 32 for each convicted actor, and what is around them.
fn answer_room(limits: &Limits) -> usize {
    let summary = limits.lanes as usize * (72 + 32) + 1024;
    (limits.packet_bytes as usize).saturating_sub(summary)
}

/// Bytes of a segment in an answer, at most.
fn segment_size(segment: &Segment) -> usize {
    let messages = segment
        .proposals
        .iter()
        .map(|proposal| proposal.message.ops.len());
    let overhead = Limits::MESSAGE_OVERHEAD as usize * segment.proposals.len();
    let signatures = segment.certificate.iter().map(|c| c.signatures.len() * 66);
    messages.sum::<usize>()
        + overhead
        + signatures.sum::<usize>()
        + Limits::SEGMENT_OVERHEAD as usize
}

#[cfg(test)]
mod tests {
    use super::super::message::{Echo, Message, Proposal, Summary};
    use super::*;
    use crate::actor::{Sig, SigningActor};
    use crate::codec::{Bytes, Digest, NetworkId, encode};
    use crate::dot::Dot;
    use crate::quorum::{Committee, Generation};

    /// Signers of one network, in seat order.
    fn keys(count: u8) -> Vec<SigningActor> {
        let mut keys: Vec<_> = (1..=count)
            .map(|byte| SigningActor::from_secret(&[byte; 32]))
            .collect();
        keys.sort_by_key(SigningActor::actor);
        keys
    }

    /// A segment of messages with operations of these sizes, and a certificate of so many
    /// signatures.
    fn segment(sizes: &[usize], signatures: u8) -> Segment {
        let source = Actor::from_bytes([7; 32]);
        let (generation, digest) = (Generation::GENESIS, Digest::from_bytes([3; 32]));
        let proposal = |size: &usize| {
            let message = Message {
                source,
                seq: Seq::new(1),
                parent: digest,
                ops: Bytes::from(vec![1; *size]),
            };
            let sig = Sig::from_bytes([0; 64]);
            Arc::new(Proposal {
                message,
                generation,
                sig,
            })
        };
        let keys = keys(signatures);
        let seated = keys.iter().map(SigningActor::actor).collect();
        let committee = Committee::new(generation, &seated, &Limits::default());
        let seats = committee.iter().flat_map(Committee::seats);
        let signed = seats.map(|(seat, _)| (seat, Sig::from_bytes([0; 64])));
        let dot = Dot {
            source,
            seq: Seq::new(1),
        };
        let statement = Echo {
            generation,
            dot,
            digest,
        };
        let certificate = Certificate {
            statement,
            signatures: signed.collect(),
        };
        Segment {
            source,
            proposals: sizes.iter().map(proposal).collect(),
            certificate: (signatures > 0).then(|| Arc::new(certificate)),
        }
    }

    /// Were it less, an answer would not fit a packet; were it much more, an answer would hold less
    /// than it may.
    #[test]
    fn a_segment_is_weighed_as_no_less_than_its_bytes_and_hardly_more() {
        for sizes in [&[][..], &[1], &[0, 700], &[1000; 5], &[3; 40]] {
            for signatures in [0, 1, 3, 20] {
                let segment = segment(sizes, signatures);
                let (bytes, size) = (encode(&segment).len(), segment_size(&segment));
                let slack = 200 + 40 * sizes.len();
                assert!(size >= bytes, "{size} for {bytes} bytes");
                assert!(size <= bytes + slack, "{size} for {bytes} bytes");
            }
        }
    }

    #[test]
    fn the_room_in_an_answer_is_what_the_largest_summary_leaves() {
        let mut limits = Limits::default();
        for lanes in [128, 1000] {
            limits.lanes = lanes;
            let actors = (0..lanes).map(|index| {
                let mut bytes = [0; 32];
                bytes[..4].copy_from_slice(&index.to_le_bytes());
                Actor::from_bytes(bytes)
            });
            let head = Head::empty(&NetworkId::NONE);
            let summary = Summary {
                generation: Generation::GENESIS,
                frontier: actors.clone().map(|actor| (actor, head)).collect(),
                convicted: actors.collect(),
            };
            let summary = keys(1)[0].sign(&NetworkId::NONE, summary).into_claim();
            let answer = PullResponse {
                proofs: Vec::new(),
                pruned: false,
                segments: Vec::new(),
                summary: Some(Arc::new(summary)),
            };
            let (room, packet) = (answer_room(&limits), limits.packet_bytes as usize);
            let rest = encode(&answer).len() + 72;
            assert!(room + rest <= packet, "{room} beside {rest}");
            assert!(room + rest + 1024 >= packet, "{room} beside {rest}");
        }
    }
}
