//! Catching up: whoever lacks something asks, and whatever is answered proves itself, so that it may come from anybody.
//!
//! An answer holds first the generations that the asker lacks, then a stretch of each lane. A stretch ends at a
//! certificate or at a lane's end in a generation's frontier, else a liar could stream a million well-chained false
//! messages before it is found out.
//!
//! Once later generations are known here, a certificate of an earlier committee alone proves nothing: its keys may be
//! retired and stolen. Such a stretch is held, and delivered when it has reached the generation's frontier.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::deliver::record;
use super::error::Refusal;
use super::lane::Certified;
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
            known: self.tip().generation(),
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
            let Some((proposals, certificate)) = lane.chunk_after(from) else {
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
        let worths = answer.chunks.iter().map(|chunk| self.verify_chunk(chunk));
        let worths = worths.collect::<Result<Vec<_>, _>>();
        let rest = worths.and_then(|worths| self.learn(&answer.standing, step).map(|()| worths));
        // Generations prove themselves: they are kept, whatever comes with them.
        let worths = match rest {
            Err(_) if progress => Vec::new(),
            rest => rest?,
        };
        for worth in worths {
            progress |= self.hold_chunk(worth, step);
        }
        self.settle(step);
        if answer.pruned {
            self.fetch_snapshot(step);
        }
        if progress {
            let now = self.now;
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.pull = Backoff::starting(now);
            }
            if self.lacks_from(&from) || !self.pending.is_empty() {
                self.pull(from, step);
            }
        }
        Ok(())
    }

    /// What a chunk's messages after those that we have are worth.
    fn verify_chunk(&self, chunk: &Chunk) -> Result<Worth, Refusal> {
        let source = chunk.source;
        let lane = self.lane(&source)?;
        let broken = Refusal::Chunk(source);
        let held = lane.certified.as_ref();
        let (mut tail, checkpoints) = match held {
            Some(held) if !held.tail.is_empty() && !held.provisional => return Ok(Worth::Nothing),
            Some(held) if held.provisional => (held.tail.clone(), false),
            _ => (VecDeque::new(), self.pending.is_empty()),
        };
        let mut head = tail.back().map_or(lane.head(), Entry::head);
        let (known, mut stretch, mut full) = (head.seq, lane.log.since(), false);
        for proposal in chunk.proposals.iter().filter(|p| p.message.seq > known) {
            let entry = Entry::new(&self.network, Arc::clone(proposal));
            let message = entry.message();
            let follows = message.seq.follows(head.seq) && message.parent == head.digest;
            // A stretch that crosses a checkpoint would leave us without a certificate there.
            if full || !follows || message.source != source {
                return Err(broken);
            }
            full = stretch.push(&entry, self.limits()) && checkpoints;
            head = entry.head();
            tail.push_back(entry);
        }
        if chunk.proposals.is_empty() {
            return Err(broken);
        }
        if head.seq == known {
            return Ok(Worth::Nothing);
        }
        if chunk
            .certificate
            .as_ref()
            .is_some_and(|c| c.head() != head || c.statement.dot.source != source)
        {
            return Err(broken);
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
            Worth::Nothing => return false,
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
