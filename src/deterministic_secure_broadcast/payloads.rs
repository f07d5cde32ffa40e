//! Messages that a value, a report or a boundary rests on, beside those that lanes hold: asked for,
//! taken in, kept, served; values and their reports, too, are served here.
//!
//! Invariant: what a boundary names, a vote names or a report is locked on is on record here and
//! kept until a frontier covers it, or later values could not be judged by anybody once all have
//! let go of it. No more is asked for than reports and values name, at most one message for each
//! member's lane, so that none takes another's place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::message::Entry;
use super::packet::{Body, FetchPayloads};
use super::step::Record;
use crate::actor::{Actor, Signed};
use crate::codec::{Digest, Limits, encoded_len};
use crate::dot::Dot;
use crate::traits::WireAlgorithm;

/// Those of one generation.
#[derive(Debug)]
pub(super) struct Payloads {
    /// Messages that a value adopts, or that a report is locked on, beside those in lanes: each is
    /// on record.
    pub(super) held: BTreeMap<Digest, Entry>,
    /// No more than reports and values name, each one message a member's lane: none takes another's
    /// place, or a liar that names what it never serves would keep others' from being asked for.
    pub(super) wanted: BTreeSet<(Dot, Digest)>,
    /// When what is wanted is asked for again, outside of an agreement; in one it is each tick.
    fetch: Backoff,
}

impl Payloads {
    pub(super) fn new(now: u64) -> Self {
        Self {
            held: BTreeMap::new(),
            wanted: BTreeSet::new(),
            fetch: Backoff::starting(now + 1),
        }
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// Whether we have these messages; those that are missing are asked for.
    ///
    /// Each is asked for once here, of all members; [`repeat_fetches`](Self::repeat_fetches) asks
    /// again on ticks.
    pub(super) fn holds_payloads(&mut self, payloads: Vec<(Dot, Digest)>) -> bool {
        let missing = payloads
            .into_iter()
            .filter(|(dot, digest)| self.message(dot, digest).is_none());
        let missing: Vec<_> = missing.collect();
        let wanted = &mut self.transition.payloads.wanted;
        let mut news = missing.clone();
        news.retain(|message| wanted.insert(*message));
        for fetch in self.fetches(&news) {
            self.send_to_members(fetch);
        }
        missing.is_empty()
    }

    /// What was asked for and did not come is asked for again: also of who left, as what the
    /// boundary adopted may be held by the members before alone.
    pub(super) fn repeat_fetches(&mut self) {
        let mut wanted = std::mem::take(&mut self.transition.payloads.wanted);
        wanted.retain(|(dot, digest)| self.message(dot, digest).is_none());
        let urgent = self.transition.agreement.is_some();
        if !wanted.is_empty() && (urgent || self.transition.payloads.fetch.fire(self.turn.now)) {
            let payloads: Vec<_> = wanted.iter().copied().collect();
            let whom = self.history.recent_members();
            for fetch in self.fetches(&payloads) {
                for member in &whom {
                    self.send(*member, fetch.clone());
                }
            }
        }
        self.transition.payloads.wanted = wanted;
    }

    /// Questions for messages, each for as many as a packet may name.
    ///
    /// The messages come as proposals, one packet each.
    fn fetches(&self, payloads: &[(Dot, Digest)]) -> Vec<Body> {
        let pieces = payloads.chunks(self.limits().lanes as usize);
        let fetch = |piece: &[(Dot, Digest)]| {
            Body::FetchPayloads(FetchPayloads {
                payloads: piece.to_vec(),
                ..FetchPayloads::default()
            })
        };
        pieces.map(fetch).collect()
    }

    /// A message that we hold, wherever it is.
    pub(super) fn message(&self, dot: &Dot, digest: &Digest) -> Option<Entry> {
        let lane = self.lanes.get(&dot.source)?;
        let held = lane.find(dot.seq, digest);
        held.or_else(|| self.transition.payloads.held.get(digest))
            .cloned()
    }

    /// Whether all messages are here that the boundary adopted, or what was delivered in their
    /// places.
    ///
    /// As long as it says no, our summary names the generation before, so that no member that
    /// leaves counts on us.
    pub(super) fn holds_adopted(&self) -> bool {
        let mut adopted = self
            .history
            .boundary
            .adopted()
            .values()
            .map(|lock| &lock.statement);
        adopted.all(|echo| {
            let head = self.head(&echo.dot.source);
            head.is_some_and(|head| head.seq >= echo.dot.seq)
                || self.message(&echo.dot, &echo.digest).is_some()
        })
    }

    /// Takes in a message that a value, a report or the boundary rests on. The digest vouches for
    /// it; its source's signature is checked because it is served, or is the one that was reported
    /// where the boundary adopted it. Whether it is, or was, wanted: several may serve it.
    pub(super) fn take_payload(&mut self, entry: &mut Entry) -> bool {
        let dot = entry.message().dot();
        if self
            .transition
            .payloads
            .wanted
            .contains(&(dot, entry.digest))
        {
            if let Some(lock) = self.history.boundary.adopts(&dot, &entry.digest) {
                *entry = entry.clone().signed_with(lock);
            }
            if self.verify_source(entry).is_ok() {
                self.transition.payloads.wanted.remove(&(dot, entry.digest));
                let message = Record::Message(Arc::clone(&entry.proposal));
                self.turn.write(message);
                self.keep_payload(entry.clone());
            }
        }
        self.transition.payloads.held.contains_key(&entry.digest)
    }

    /// Keeps a message that is on record until this generation ends; what the boundary adopted,
    /// until a frontier covers it.
    pub(super) fn keep_payload(&mut self, entry: Entry) {
        let dot = entry.message().dot();
        if self.history.boundary.adopts(&dot, &entry.digest).is_some()
            && let Some(lane) = self.lanes.get_mut(&dot.source)
        {
            lane.carried = Some(entry.clone());
            self.peers.summary.outdate();
        }
        self.transition.payloads.held.insert(entry.digest, entry);
    }

    /// Puts a message that we hold on record, unless it is.
    ///
    /// Panics when we do not hold it: whoever names a value has asked for all that it adopts.
    pub(super) fn keep_message(&mut self, dot: &Dot, digest: &Digest) {
        let lane = self.lanes.get(&dot.source);
        let recorded = lane.is_some_and(|lane| lane.has_recorded(dot.seq, digest));
        if recorded || self.transition.payloads.held.contains_key(digest) {
            return;
        }
        let entry = self
            .message(dot, digest)
            .expect("what a value adopts is held");
        self.turn
            .write(Record::Message(Arc::clone(&entry.proposal)));
        self.keep_payload(entry);
    }

    /// Serves messages, reports and a value to whoever asks, once each: what is asked for proves
    /// itself by its digest, or by its signatures. Who asks for the value of a generation that is
    /// over is shown the proof of what it founded, as nobody holds the value any more: it may have
    /// decided, and left, so that nobody speaks to it.
    pub(super) fn handle_fetch_payloads(&mut self, from: Actor, fetch: &FetchPayloads) {
        if let Some(digest) = &fetch.value {
            if let Some(candidate) = self.transition.candidate(digest) {
                let value = Arc::clone(&candidate.value);
                self.send(from, Body::Value(value));
            } else if let Some(proof) = self.history.founded_by(digest) {
                let proof = Arc::clone(proof);
                self.send(from, Body::GenerationProof(proof));
            }
        }
        // Anybody can ask, and write to whom the answer goes: each once, and no more than an answer
        // holds.
        let mut room = self.limits().packet_bytes as usize;
        let asked: BTreeSet<_> = fetch.reports.iter().collect();
        for (reporter, digest) in asked {
            let Some(report) = self.transition.reports.find(reporter, digest) else {
                continue;
            };
            let report = Arc::new(Signed::clone(report));
            let Some(left) = room.checked_sub(encoded_len(&report)) else {
                return;
            };
            room = left;
            let changes = Vec::new();
            self.send(from, Body::Report { report, changes });
        }
        let asked: BTreeSet<_> = fetch.payloads.iter().collect();
        for (dot, digest) in asked {
            let Some(entry) = self.message(dot, digest) else {
                continue;
            };
            let len = entry.len() + Limits::MESSAGE_OVERHEAD as usize;
            let Some(left) = room.checked_sub(len) else {
                return;
            };
            room = left;
            self.send(from, Body::Proposal(entry.proposal));
        }
    }
}
