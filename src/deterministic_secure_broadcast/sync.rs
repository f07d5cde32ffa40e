//! Totality and catching up: who is known to have what, and how whoever lacks something gets it.
//!
//! Every replica remembers the newest standing that each member signed. On ticks it announces its own to the members
//! that are not known to be level with it; a member that lacks something pulls it, any other answers where it stands.
//! When all are known to be level, nobody speaks. What is pulled proves itself, so it may come from anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::error::Refusal;
use super::lane::Certified;
use super::message::{Entry, Equivocation, Standing};
use super::packet::{Answer, Body, Chunk, Request};
use super::step::{Record, Step};
use crate::actor::{Actor, Signed};
use crate::codec::Limits;
use crate::dot::Seq;
use crate::traits::Wire;

/// What is known of one member, by its own signature.
#[derive(Debug)]
pub(super) struct Peer {
    actor: Actor,
    delivered: BTreeMap<Actor, Seq>,
    convicted: BTreeSet<Actor>,
    /// The last standing that was checked: the same bytes need no second check.
    last: Option<Arc<Signed<Standing>>>,
    announce: Backoff,
    pull: Backoff,
}

impl Peer {
    pub(super) fn new(actor: Actor, now: u64) -> Self {
        Self {
            actor,
            delivered: BTreeMap::new(),
            convicted: BTreeSet::new(),
            last: None,
            announce: Backoff::starting(now + 1),
            pull: Backoff::starting(now),
        }
    }

    fn has(&self, source: &Actor, seq: Seq) -> bool {
        self.delivered
            .get(source)
            .is_some_and(|known| *known >= seq)
    }
}

impl<A: Wire> Replica<A> {
    /// Our standing, signed when it has changed.
    pub(super) fn standing(&mut self) -> Arc<Signed<Standing>> {
        if let Some(standing) = &self.standing {
            return Arc::clone(standing);
        }
        let statement = Standing {
            generation: self.generation(),
            frontier: self.frontier(),
            convicted: self.convicted.keys().copied().collect(),
        };
        let signed = Arc::new(self.key.sign(&self.network, statement).into_claim());
        self.standing = Some(Arc::clone(&signed));
        signed
    }

    // ---- who has what

    pub(super) fn handle_announce(
        &mut self,
        from: Actor,
        standing: &Arc<Signed<Standing>>,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        self.learn(standing)?;
        if self.lacks_from(&standing.signer) {
            self.pull(standing.signer, step);
        } else {
            let receipt = self.standing();
            self.send(from, Body::Receipt(receipt), step);
        }
        Ok(())
    }

    pub(super) fn handle_receipt(
        &mut self,
        standing: &Arc<Signed<Standing>>,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        self.learn(standing)?;
        if self.lacks_from(&standing.signer) {
            self.pull(standing.signer, step);
        }
        Ok(())
    }

    /// Remembers a member's standing. Standings only grow, so whatever is old or out of order adds nothing.
    fn learn(&mut self, standing: &Arc<Signed<Standing>>) -> Result<(), Refusal> {
        let now = self.now;
        if let Some(peer) = self.peers.get(&standing.signer)
            && peer.last.as_ref() == Some(standing)
        {
            return Ok(());
        }
        let claim = Signed::clone(standing);
        let fact = self.committee.verify(&self.network, claim)?;
        let lanes = &self.lanes;
        let peer = self
            .peers
            .entry(fact.signer)
            .or_insert_with(|| Peer::new(fact.signer, now));
        let known = fact
            .statement
            .frontier
            .iter()
            .filter(|(source, _)| lanes.contains_key(source));
        for (source, head) in known {
            let seq = peer.delivered.entry(*source).or_default();
            *seq = head.seq.max(*seq);
        }
        let convicted = fact
            .statement
            .convicted
            .iter()
            .filter(|actor| lanes.contains_key(actor));
        peer.convicted.extend(convicted);
        peer.last = Some(Arc::clone(standing));
        peer.announce = Backoff::starting(now + 1);
        peer.pull.hurry(now);
        Ok(())
    }

    /// Whether a member signed that it delivered what we have not.
    fn lacks_from(&self, member: &Actor) -> bool {
        self.peers.get(member).is_some_and(|peer| {
            peer.delivered
                .iter()
                .any(|(source, seq)| self.head(source).is_some_and(|head| head.seq < *seq))
        })
    }

    /// Whether a member signed that it has all that we have.
    fn is_level(&self, peer: &Peer) -> bool {
        let lanes = self.lanes.iter();
        let mut started = lanes.filter(|(_, lane)| lane.head().seq > Seq::ZERO);
        started.all(|(source, lane)| peer.has(source, lane.head().seq))
            && self.unknown_to(peer).next().is_none()
    }

    /// Evidence that a member is not known to hold. Nobody is asked to convict itself.
    fn unknown_to(&self, peer: &Peer) -> impl Iterator<Item = &Arc<Equivocation>> {
        let evidence = self.convicted.iter();
        let unknown = evidence
            .filter(move |(actor, _)| !peer.convicted.contains(actor) && **actor != peer.actor);
        unknown.map(|(_, evidence)| evidence)
    }

    /// Announces to members that are not known to be level, and pulls from those that have more.
    pub(super) fn keep_peers_even(&mut self, step: &mut Step<A::Op>) {
        let me = self.actor();
        let members: Vec<_> = self
            .peers
            .keys()
            .copied()
            .filter(|member| *member != me)
            .collect();
        let seated = self.committee.contains(&me);
        for member in members {
            if !seated || self.lacks_from(&member) {
                self.pull(member, step);
            }
            let Some(peer) = self.peers.get(&member).filter(|_| seated) else {
                continue;
            };
            if self.is_level(peer) {
                continue;
            }
            let evidence: Vec<_> = self.unknown_to(peer).cloned().collect();
            let now = self.now;
            if self
                .peers
                .get_mut(&member)
                .is_some_and(|peer| peer.announce.fire(now))
            {
                self.announce(member, step);
                for piece in evidence {
                    self.send(member, Body::Evidence(piece), step);
                }
            }
        }
    }

    pub(super) fn announce(&mut self, to: Actor, step: &mut Step<A::Op>) {
        let standing = self.standing();
        self.send(to, Body::Announce(standing), step);
    }

    // ---- pulling

    /// Asks a member for what we lack, unless an answer of it may still be under way.
    pub(super) fn pull(&mut self, from: Actor, step: &mut Step<A::Op>) {
        let now = self.now;
        let due = self
            .peers
            .get_mut(&from)
            .is_some_and(|peer| peer.pull.fire(now));
        if !due || from == self.actor() {
            return;
        }
        let held = self.lanes.iter().filter(|(_, lane)| {
            lane.certified
                .as_ref()
                .is_some_and(|certified| !certified.tail.is_empty())
        });
        let skip = held.map(|(source, _)| *source).collect();
        let standing = self.standing();
        self.send(from, Body::Request(Request { standing, skip }), step);
    }

    pub(super) fn handle_request(
        &mut self,
        from: Actor,
        request: &Request,
        step: &mut Step<A::Op>,
    ) -> Result<(), Refusal> {
        // Whoever is no member is answered and forgotten.
        if self.committee.contains(&request.standing.signer) {
            self.learn(&request.standing)?;
        }
        let chunks = self.chunks_for(request);
        let standing = self.standing();
        self.send(from, Body::Answer(Answer { chunks, standing }), step);
        Ok(())
    }

    /// The next stretch of each lane that the asker lacks, as many as fit a packet.
    fn chunks_for(&self, request: &Request) -> Vec<Chunk> {
        let limits = self.genesis.limits();
        let frontier = &request.standing.statement.frontier;
        let mut room = chunk_room(limits);
        let mut chunks = Vec::new();
        for (source, lane) in &self.lanes {
            let from = frontier.get(source).map_or(Seq::ZERO, |head| head.seq);
            if request.skip.contains(source) || lane.head().seq <= from {
                continue;
            }
            let Some((proposals, certificate)) = lane.chunk_after(from) else {
                continue;
            };
            let chunk = Chunk {
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
        let ascending = answer
            .chunks
            .windows(2)
            .all(|pair| pair[0].source() < pair[1].source());
        if !ascending {
            return Err(Refusal::Chunk(from));
        }
        let verified = answer.chunks.iter().map(|chunk| self.verify_chunk(chunk));
        let verified: Vec<_> = verified.collect::<Result<_, _>>()?;
        if self.committee.contains(&answer.standing.signer) {
            self.learn(&answer.standing)?;
        }
        let mut progress = false;
        for (source, certified) in verified.into_iter().flatten() {
            progress |= self.hold_chunk(source, certified, step);
        }
        self.settle(step);
        if progress {
            let now = self.now;
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.pull = Backoff::starting(now);
            }
            if self.lacks_from(&from) {
                self.pull(from, step);
            }
        }
        Ok(())
    }

    /// The messages of a stretch that follow what we delivered, if it proves itself; none if it adds nothing.
    fn verify_chunk(&self, chunk: &Chunk) -> Result<Option<(Actor, Certified)>, Refusal> {
        let source = chunk.source();
        let lane = self.lane(&source)?;
        let broken = Refusal::Chunk(source);
        let mut head = lane.head();
        let holds = lane
            .certified
            .as_ref()
            .is_some_and(|certified| !certified.tail.is_empty());
        if holds || chunk.certificate.head().seq <= head.seq {
            return Ok(None);
        }
        let mut stretch = lane.log.since();
        let mut full = false;
        let mut tail = Vec::new();
        let delivered = head.seq;
        let new = chunk.proposals.iter().filter(|p| p.message.seq > delivered);
        for proposal in new {
            let entry = Entry::new(&self.network, Arc::clone(proposal));
            let message = entry.message();
            let follows = message.seq.follows(head.seq) && message.parent == head.digest;
            // A stretch that crosses a checkpoint would leave us without a certificate there.
            if full || !follows || message.source != source {
                return Err(broken);
            }
            full = stretch.push(&entry, self.genesis.limits());
            head = entry.head();
            tail.push(entry);
        }
        if tail.is_empty() || head != chunk.certificate.head() {
            return Err(broken);
        }
        self.check_generation(chunk.certificate.statement.generation)?;
        let certificate = self.certify(Arc::clone(&chunk.certificate))?;
        // The certificate vouches for the messages, not for what their source signed; and without that it is never
        // convicted, should it have signed something else there too.
        for entry in &tail {
            self.verify_source(entry)?;
        }
        let tail = tail.into();
        Ok(Some((source, Certified { certificate, tail })))
    }

    /// Takes a stretch to be delivered. Whether there was room for it.
    fn hold_chunk(&mut self, source: Actor, certified: Certified, step: &mut Step<A::Op>) -> bool {
        self.check_memory(&certified.certificate, step);
        let Some(lane) = self.lanes.get_mut(&source) else {
            return false;
        };
        let digests: Vec<_> = certified.tail.iter().map(|entry| entry.digest).collect();
        let locked = lane
            .lock()
            .is_some_and(|lock| digests == [lock.entry.digest]);
        let proposals = certified
            .tail
            .iter()
            .map(|entry| Arc::clone(&entry.proposal));
        step.persist.push(Record::Certified {
            proposals: if locked {
                Vec::new()
            } else {
                proposals.collect()
            },
            certificate: Arc::clone(&certified.certificate),
        });
        lane.certified = Some(certified);
        self.ready.insert(source);
        true
    }
}

/// Bytes for chunks in an answer, beside the largest standing.
fn chunk_room(limits: &Limits) -> usize {
    let standing = limits.lanes as usize * (72 + 32) + 1024;
    (limits.packet_bytes as usize).saturating_sub(standing)
}

fn chunk_size(chunk: &Chunk) -> usize {
    let messages = chunk
        .proposals
        .iter()
        .map(|proposal| proposal.message.ops.len());
    let overhead = Limits::MESSAGE_OVERHEAD as usize * chunk.proposals.len();
    let signatures = chunk.certificate.signatures.len() * 66;
    messages.sum::<usize>() + overhead + signatures + Limits::CHUNK_OVERHEAD as usize
}
