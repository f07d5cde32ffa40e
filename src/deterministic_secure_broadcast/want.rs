//! Messages that a value or a report rests on, beside those that lanes hold: asked for, taken in, served.

use std::sync::Arc;

use super::Replica;
use super::message::Entry;
use super::packet::{Body, Want};
use super::step::Step;
use crate::actor::Actor;
use crate::codec::Digest;
use crate::dot::Dot;
use crate::traits::Wire;

impl<A: Wire> Replica<A> {
    /// Whether we have these messages; those that are missing are asked for.
    pub(super) fn holds_payloads(
        &mut self,
        payloads: Vec<(Dot, Digest)>,
        step: &mut Step<A::Op>,
    ) -> bool {
        let missing = payloads
            .into_iter()
            .filter(|(dot, digest)| self.message(dot, digest).is_none());
        let missing: Vec<_> = missing.collect();
        let news = missing
            .iter()
            .filter(|(_, digest)| !self.closing.wanted.contains_key(digest));
        let news: Vec<_> = news.copied().collect();
        if !news.is_empty() {
            let room = (self.limits().lanes as usize).saturating_sub(self.closing.wanted.len());
            self.closing
                .wanted
                .extend(news.iter().take(room).map(|(dot, digest)| (*digest, *dot)));
            let want = Want {
                value: None,
                payloads: news,
            };
            self.send_to_members(&Body::Want(want), step);
        }
        missing.is_empty()
    }

    /// What was asked for and did not come is asked for again.
    pub(super) fn repeat_wants(&mut self, step: &mut Step<A::Op>) {
        let mut wanted = std::mem::take(&mut self.closing.wanted);
        wanted.retain(|digest, dot| self.message(dot, digest).is_none());
        if !wanted.is_empty() {
            let payloads = wanted.iter().map(|(digest, dot)| (*dot, *digest)).collect();
            let want = Want {
                value: None,
                payloads,
            };
            self.send_to_members(&Body::Want(want), step);
        }
        self.closing.wanted = wanted;
    }

    /// A message that we hold, wherever it is.
    pub(super) fn message(&self, dot: &Dot, digest: &Digest) -> Option<Entry> {
        let lane = self.lanes.get(&dot.source)?;
        let held = lane.find(dot.seq, digest);
        held.or_else(|| self.closing.payloads.get(digest)).cloned()
    }

    /// Takes in a message that a value or a report rests on. The digest vouches for it, not for its signature.
    /// Whether it was wanted.
    pub(super) fn take_payload(&mut self, entry: &Entry) -> bool {
        let wanted = self.closing.wanted.get(&entry.digest);
        let wanted = wanted == Some(&entry.message().dot());
        if wanted {
            self.closing.wanted.remove(&entry.digest);
            self.closing.payloads.insert(entry.digest, entry.clone());
        }
        wanted
    }

    pub(super) fn handle_want(&mut self, from: Actor, want: &Want, step: &mut Step<A::Op>) {
        if let Some(candidate) = want
            .value
            .and_then(|digest| self.closing.candidate(&digest))
        {
            let value = Arc::clone(&candidate.value);
            self.send(from, Body::Value(value), step);
        }
        for (dot, digest) in &want.payloads {
            if let Some(entry) = self.message(dot, digest) {
                self.send(from, Body::Proposal(entry.proposal), step);
            }
        }
    }
}
