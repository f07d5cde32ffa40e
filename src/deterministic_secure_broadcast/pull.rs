//! Catching up: whoever lacks something asks, and whatever is answered proves itself, so that it may come from anybody.
//!
//! An answer holds first the generations that the asker lacks, then a stretch of each lane. A stretch ends at a
//! certificate or at a lane's end in a generation's frontier, else a liar could stream a million well-chained false
//! messages before it is found out.
//!
//! Once later generations are known here, a certificate of an earlier committee alone proves nothing: its keys may be
//! retired and stolen. Such a stretch is held, and delivered when it has reached a generation's frontier. No more of a
//! lane is held than one chunk: where a frontier is further, or is not where the held stretch leads, the certified
//! snapshot of the newest generation is the way there.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::deliver::record;
use super::error::Refusal;
use super::lane::Certified;
use super::log::Stretch;
use super::message::{Certificate, Entry};
use super::packet::{Answer, Body, Chunk, Request};
use super::step::Step;
use crate::actor::Actor;
use crate::codec::{Limits, encode};
use crate::dot::{Head, Seq};
use crate::membership::{Admission, Boundary, Founding, Generation};
use crate::traits::Wire;

/// In a request: of this lane, nothing more yet.
const ENOUGH: Seq = Seq::MAX;

/// What a chunk is worth here.
enum Worth {
    /// Nothing new.
    Nothing,
    /// Its messages may be delivered.
    Proven(Actor, Certified),
    /// Its messages are to be held until they reach the frontier of a generation that is founded.
    Provisional(Actor, Certified),
    /// It shows that no frontier is reached from what is held: a snapshot has to be taken.
    Astray,
}

impl<A: Wire> Replica<A> {
    /// Asks for what we lack, unless an answer may still be under way.
    pub(super) fn pull(&mut self, from: Actor, step: &mut Step<A::Op>) {
        let now = self.now;
        let peer = self.peers.get_mut(&from);
        if !peer.is_some_and(|peer| peer.pull.fire(now)) {
            return;
        }
        let held = self.lanes.iter().filter_map(|(source, lane)| {
            let certified = lane.certified.as_ref()?;
            let end = certified.tail.back()?.message().seq;
            let wanted = if certified.provisional { end } else { ENOUGH };
            Some((*source, wanted))
        });
        let request = Request {
            held: held.collect(),
            known: self.known_generation(),
            standing: self.standing(),
        };
        self.send(from, Body::Request(request), step);
    }

    pub(super) fn handle_request(
        &mut self,
        from: Actor,
        request: &Request,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        self.learn(&request.standing, step)?;
        let mut room = answer_room(self.limits());
        let foundings = self.foundings_after(request.known, &mut room);
        let all = request.known.number() + foundings.len() as u64 >= self.generation().number();
        let chunks = all.then(|| self.chunks_for(request, room));
        let pruned = self.lanes.iter().any(|(source, lane)| {
            let asked = request.from(source);
            asked < lane.log.base()
        });
        let answer = Answer {
            foundings,
            chunks: chunks.unwrap_or_default(),
            pruned,
            standing: self.standing(),
        };
        self.send(from, Body::Answer(answer), step);
        Ok(())
    }

    /// The generations after `known`, oldest first, as many as fit.
    fn foundings_after(&self, known: Generation, room: &mut usize) -> Vec<Arc<Founding>> {
        let skip = usize::try_from(known.number()).unwrap_or(usize::MAX);
        let after = self.chain.iter().skip(skip);
        let fitting = after.take_while(|founding| {
            let left = room.checked_sub(encode(founding.as_ref()).len());
            *room = left.unwrap_or(*room);
            left.is_some()
        });
        fitting.cloned().collect()
    }

    /// The next stretch of each lane that the asker lacks, as many as fit.
    fn chunks_for(&self, request: &Request, mut room: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for (source, lane) in &self.lanes {
            let from = request.from(source);
            if lane.head().seq <= from {
                continue;
            }
            let Some((proposals, certificate)) = lane.chunk_after(from, self.limits()) else {
                continue;
            };
            let chunk = Chunk {
                source: *source,
                proposals,
                certificate,
            };
            let Some(left) = room.checked_sub(chunk_size(&chunk)) else {
                break;
            };
            room = left;
            chunks.push(chunk);
        }
        chunks
    }

    pub(super) fn handle_answer(
        &mut self,
        from: Actor,
        answer: Answer,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        let sources = answer.chunks.windows(2);
        if !sources
            .into_iter()
            .all(|pair| pair[0].source < pair[1].source)
        {
            return Err(Refusal::Chunk(from));
        }
        let mut progress = self.take_foundings(answer.foundings, step)?;
        if self.awaits_checkpoint() {
            // What committees certify is believed when it is known which ones there were.
            self.learn(&answer.standing, step)?;
            if progress {
                self.pull_on(from, step);
            }
            return Ok(());
        }
        let worths = answer.chunks.iter().map(|chunk| self.verify_chunk(chunk));
        let worths = worths.collect::<Result<Vec<_>, _>>();
        let rest = worths.and_then(|worths| self.learn(&answer.standing, step).map(|()| worths));
        // Generations prove themselves: they are kept, whatever comes with them.
        let worths = match rest {
            Err(_) if progress => Vec::new(),
            rest => rest?,
        };
        let astray = worths.iter().any(|worth| matches!(worth, Worth::Astray));
        for worth in worths {
            progress |= self.hold_chunk(worth, step);
        }
        self.settle(step);
        if answer.pruned || astray {
            self.fetch_snapshot(step);
        }
        if progress {
            self.pull_on(from, step);
        }
        Ok(())
    }

    /// After an answer that was of use: the next question need not wait, and is asked at once if there is more.
    fn pull_on(&mut self, from: Actor, step: &mut Step<A::Op>) {
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.pull = Backoff::starting(now);
        }
        if self.lacks_from(&from) || !self.pending.is_empty() || self.awaits_checkpoint() {
            self.pull(from, step);
        }
    }

    /// What a chunk's messages after those that we have are worth.
    fn verify_chunk(&self, chunk: &Chunk) -> Result<Worth, Refusal> {
        let source = chunk.source;
        let lane = self.lane(&source)?;
        let broken = Refusal::Chunk(source);
        let held = lane.certified.as_ref();
        let mut tail = match held {
            Some(held) if held.provisional => held.tail.clone(),
            Some(held) if !held.tail.is_empty() => return Ok(Worth::Nothing),
            _ => VecDeque::new(),
        };
        let known = tail.back().map_or(lane.head(), Entry::head);
        let (mut head, provisional) = (known, !tail.is_empty());
        for proposal in chunk.proposals.iter().filter(|p| p.message.seq > known.seq) {
            let entry = Entry::new(&self.network, Arc::clone(proposal));
            let message = entry.message();
            if !message.seq.follows(head.seq) || message.source != source {
                return Err(broken);
            }
            if message.parent != head.digest {
                // One of the two is false, and there is no telling which.
                let parts = provisional && head == known;
                return if parts {
                    Ok(Worth::Astray)
                } else {
                    Err(broken)
                };
            }
            head = entry.head();
            tail.push_back(entry);
        }
        if chunk.proposals.is_empty() {
            return Err(broken);
        }
        if head == known {
            return Ok(Worth::Nothing);
        }
        if chunk
            .certificate
            .as_ref()
            .is_some_and(|c| c.head() != head || c.statement.dot.source != source)
        {
            return Err(broken);
        }
        if Stretch::of(&tail, self.limits()).is_too_long() {
            return Ok(Worth::Astray);
        }
        // A certificate vouches for messages, not for what their source signed. Where it contradicts what we are bound to,
        // both signatures are wanted: they convict the source.
        if let (Some(first), Some(bound)) = (tail.front(), lane.bound())
            && first.digest != bound.digest
        {
            self.verify_source(first)?;
        }
        self.weigh(source, head, tail, chunk.certificate.clone())
    }

    fn weigh(
        &self,
        source: Actor,
        end: Head,
        tail: VecDeque<Entry>,
        certificate: Option<Arc<Certificate>>,
    ) -> Result<Worth, Refusal> {
        let closed = Refusal::Closed(source);
        let certified = |certificate, provisional| Certified {
            certificate,
            tail,
            provisional,
        };
        let bound = self
            .pending
            .last()
            .map(|(_, boundary)| boundary.head(&source));
        let ends = |boundary: &Boundary| boundary.head(&source) == end;
        if self.pending.iter().any(|(_, boundary)| ends(boundary)) {
            // A generation's frontier, signed by a quorum, vouches for it.
            return Ok(Worth::Proven(source, certified(None, false)));
        }
        let certificate = certificate.ok_or(closed.clone())?;
        match bound {
            Some(bound) if end.seq == bound.seq => Err(closed),
            Some(bound) if end.seq < bound.seq => {
                let fact = self.certify(certificate)?;
                Ok(Worth::Provisional(source, certified(Some(fact), true)))
            }
            Some(_) => Ok(Worth::Nothing),
            None => {
                let admission = self.admits(&certificate);
                match admission {
                    Admission::Current | Admission::Named => {
                        let fact = self.certify(certificate)?;
                        Ok(Worth::Proven(source, certified(Some(fact), false)))
                    }
                    Admission::Later => Ok(Worth::Nothing),
                    Admission::Within(_) | Admission::Refused => Err(closed),
                }
            }
        }
    }

    /// Takes a stretch to be delivered or held. Whether it adds anything.
    fn hold_chunk(&mut self, worth: Worth, step: &mut Step<A::Op>) -> bool {
        let (source, certified) = match worth {
            Worth::Nothing | Worth::Astray => return false,
            Worth::Proven(source, certified) | Worth::Provisional(source, certified) => {
                (source, certified)
            }
        };
        if let Some(certificate) = certified.certificate.clone() {
            self.check_memory(&certificate, step);
        }
        let Some(lane) = self.lanes.get_mut(&source) else {
            return false;
        };
        if !certified.provisional {
            let locked = lane.lock().map(|lock| lock.entry.digest);
            step.persist.push(record(source, &certified, locked));
        }
        lane.certified = Some(certified);
        self.ready.insert(source);
        true
    }
}

impl Request {
    /// After which message of a lane the asker wants more.
    fn from(&self, source: &Actor) -> Seq {
        let frontier = &self.standing.statement.frontier;
        let delivered = frontier.get(source).map_or(Seq::ZERO, |head| head.seq);
        let held = self.held.get(source).copied().unwrap_or_default();
        delivered.max(held)
    }
}

/// Bytes for generations and chunks in an answer, beside the largest standing.
fn answer_room(limits: &Limits) -> usize {
    let standing = limits.lanes as usize * (72 + 32) + 1024;
    (limits.packet_bytes as usize).saturating_sub(standing)
}

fn chunk_size(chunk: &Chunk) -> usize {
    let messages = chunk.proposals.iter();
    let messages = messages.map(|proposal| proposal.message.ops.len());
    let overhead = Limits::MESSAGE_OVERHEAD as usize * chunk.proposals.len();
    let signatures = chunk.certificate.iter().map(|c| c.signatures.len() * 66);
    messages.sum::<usize>() + overhead + signatures.sum::<usize>() + Limits::CHUNK_OVERHEAD as usize
}

#[cfg(test)]
mod tests {
    use super::super::message::{Echo, Message, Proposal, Standing};
    use super::*;
    use crate::actor::{Sig, SigningActor};
    use crate::codec::{Bytes, Digest, NetworkId};
    use crate::dot::Dot;
    use crate::membership::Committee;

    /// Signers of one network, in seat order.
    fn keys(count: u8) -> Vec<SigningActor> {
        let keys = (1..=count).map(|byte| SigningActor::from_secret(&[byte; 32]));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(SigningActor::actor);
        keys
    }

    /// A stretch of messages with operations of these sizes, and a certificate of so many signatures.
    fn chunk(sizes: &[usize], signatures: u8) -> Chunk {
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
        Chunk {
            source,
            proposals: sizes.iter().map(proposal).collect(),
            certificate: (signatures > 0).then(|| Arc::new(certificate)),
        }
    }

    /// Were it less, an answer would not fit a packet; were it much more, an answer would hold less than it may.
    #[test]
    fn a_stretch_is_weighed_as_no_less_than_its_bytes_and_hardly_more() {
        for sizes in [&[][..], &[1], &[0, 700], &[1000; 5], &[3; 40]] {
            for signatures in [0, 1, 3, 20] {
                let chunk = chunk(sizes, signatures);
                let (bytes, size) = (encode(&chunk).len(), chunk_size(&chunk));
                let slack = 200 + 40 * sizes.len();
                assert!(size >= bytes, "{size} for {bytes} bytes");
                assert!(size <= bytes + slack, "{size} for {bytes} bytes");
            }
        }
    }

    #[test]
    fn the_room_in_an_answer_is_what_the_largest_standing_leaves() {
        let mut limits = Limits::default();
        for lanes in [128, 1000] {
            limits.lanes = lanes;
            let actors = (0..lanes).map(|index| {
                let mut bytes = [0; 32];
                bytes[..4].copy_from_slice(&index.to_le_bytes());
                Actor::from_bytes(bytes)
            });
            let head = Head::empty(&NetworkId::NONE);
            let standing = Standing {
                generation: Generation::GENESIS,
                frontier: actors.clone().map(|actor| (actor, head)).collect(),
                convicted: actors.collect(),
            };
            let standing = keys(1)[0].sign(&NetworkId::NONE, standing).into_claim();
            let answer = Answer {
                foundings: Vec::new(),
                pruned: false,
                chunks: Vec::new(),
                standing: Arc::new(standing),
            };
            let (room, packet) = (answer_room(&limits), limits.packet_bytes as usize);
            let rest = encode(&answer).len() + 72;
            assert!(room + rest <= packet, "{room} beside {rest}");
            assert!(room + rest + 1024 >= packet, "{room} beside {rest}");
        }
    }
}
