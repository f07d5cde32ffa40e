//! Starting from a certified snapshot: the chain of generations proves its digest, its manifest
//! proves its chunks, and the chunks may come from anybody.
//!
//! State: the snapshot on its way, whether we ask for a seat, whether our store is in doubt.
//! Inputs: parts of a snapshot, from anybody. Outputs: questions, at a steady pace, another part of
//! each peer; and the state, once it is whole. Invariant: no byte is kept that the manifest does
//! not prove, and no manifest that a quorum did not certify, so that a liar can delay a newcomer by
//! what it does not send, and cannot mislead it or fill its memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::error::PacketError;
use super::memory::Doubt;
use super::packet::{Body, SnapshotPart, SnapshotQuestion};
use super::peers::Peer;
use super::step::{Record, Step};
use crate::actor::Actor;
use crate::codec::Bytes;
use crate::membership::{self};
use crate::quorum::Generation;
use crate::snapshot::{Manifest, Snapshot};
use crate::traits::WireAlgorithm;

/// A snapshot on its way.
#[derive(Debug)]
pub(super) struct Fetching {
    /// The newest that was founded when the fetch began.
    generation: Generation,
    /// `None` until a part of it has come that has the certified digest; no chunk is asked for
    /// before.
    manifest: Option<Manifest>,
    /// By their numbers. Each is proven by the manifest, so that they are no longer than the state
    /// together.
    chunks: BTreeMap<usize, Bytes>,
    /// The part that each peer was asked for last.
    asked: BTreeMap<Actor, usize>,
    /// When the missing parts are asked for again; it is not reset by parts that come.
    repeat: Backoff,
}

impl Fetching {
    fn is_whole(&self) -> bool {
        self.manifest.as_ref().map(Manifest::chunks) == Some(self.chunks.len())
    }
}

/// How this replica comes to have what the others have, and what it asks before it signs.
#[derive(Debug, Default)]
pub(super) struct Bootstrap {
    /// `None` when nothing is fetched. A boundary that is installed ends it.
    pub(super) fetching: Option<Fetching>,
    /// When we ask again to be let into the committee.
    pub(super) joining: Option<Backoff>,
    /// Until it is known whether our store remembers what our key has signed.
    pub(super) doubt: Option<Doubt>,
    /// When it is asked again how the generation before the newest one ended, while nobody showed
    /// it.
    pub(super) ending: Option<Backoff>,
    /// Whether lanes are followed from the start, instead of from a snapshot.
    ///
    /// Not on record: it is said again after each start.
    replays: bool,
}

impl<A: WireAlgorithm> Replica<A> {
    /// Asks to be let into the committee, and again on ticks until we are. The members'
    /// applications decide.
    pub fn ask_to_join(&mut self) -> Step {
        self.bootstrap.joining = Some(Backoff::starting(self.turn.now));
        self.resend_entry();
        self.turn()
    }

    /// Remembers somebody to ask, until the next generation begins here: an invitation names whom,
    /// when the first members may have left; and whoever slept while all others were exchanged
    /// knows nobody any more. As many as there are seats, beside the members.
    pub fn meet(&mut self, contact: Actor) {
        let peers = self.peers.iter().map(Peer::actor);
        let contacts = peers.filter(|actor| self.history.seated(actor).is_none());
        let room = contacts.count() < self.limits().seats as usize;
        if contact != self.actor() && room {
            self.peers.meet(contact, self.turn.now);
        }
    }

    /// Asks for a seat again, until there is one here. Where we stand is named in it, so that an
    /// old wish lets nobody in later.
    pub(super) fn resend_entry(&mut self) {
        if self.history.committee.contains(&self.actor()) {
            self.bootstrap.joining = None;
        }
        let now = self.turn.now;
        if !self
            .bootstrap
            .joining
            .as_mut()
            .is_some_and(|joining| joining.fire(now))
            || self.awaits_checkpoint()
        {
            return;
        }
        let entry = membership::Entry {
            generation: self.generation(),
            value: self.history.boundary.value(),
        };
        if let Some(fact) = self.signer.sign(entry) {
            self.send_to_members(Body::Enter(fact.into_claim()));
        }
    }

    /// Follows the lanes from the start, instead of starting from a snapshot, as far as they can
    /// be: a snapshot is taken all the same when nobody keeps the lanes from there on, or when a
    /// lane is longer than one segment ([`Limits::segment_messages`](crate::codec::Limits),
    /// `segment_bytes`) up to where a generation ended. No more than that is held before a quorum's
    /// word on a generation proves it.
    pub fn replay_lanes_from_the_start(&mut self) {
        self.bootstrap.replays = true;
    }

    /// A newcomer that has nothing takes a snapshot, unless it was told otherwise.
    pub(super) fn choose_snapshot(&mut self) {
        if !self.bootstrap.replays && self.frontier().is_empty() {
            self.fetch_snapshot();
        }
    }

    /// Begins to fetch the snapshot of the newest founded generation.
    ///
    /// Does nothing when no generation is founded that is not installed, or when its snapshot is on
    /// its way already; a newer generation's takes the place of an older one's, of which the chunks
    /// are dropped.
    pub(super) fn fetch_snapshot(&mut self) {
        if self.history.pending.is_empty() {
            return;
        }
        let generation = self.history.tip().generation();
        if self
            .bootstrap
            .fetching
            .as_ref()
            .is_none_or(|fetching| fetching.generation < generation)
        {
            self.bootstrap.fetching = Some(Fetching {
                generation,
                manifest: None,
                chunks: BTreeMap::new(),
                asked: BTreeMap::new(),
                repeat: Backoff::starting(self.turn.now),
            });
            self.repeat_fetch();
        }
    }

    /// Of a snapshot that is being fetched, the chunks that are here and all that there are; of all
    /// none are known before its manifest is here.
    #[must_use]
    pub fn fetched(&self) -> Option<(usize, usize)> {
        let fetching = self.bootstrap.fetching.as_ref()?;
        let all = fetching.manifest.as_ref().map_or(0, Manifest::chunks);
        Some((fetching.chunks.len(), all))
    }

    /// Asks each peer for another part that is missing.
    pub(super) fn repeat_fetch(&mut self) {
        let now = self.turn.now;
        if self
            .bootstrap
            .fetching
            .as_mut()
            .is_some_and(|fetching| fetching.repeat.fire(now))
        {
            for peer in self.peers.actors() {
                self.ask_part(peer);
            }
        }
    }

    /// Asks a peer for a part that is missing, another one than others were asked for while there
    /// are such: so that all serve at once, and one that sends nothing holds up its own part alone.
    fn ask_part(&mut self, peer: Actor) {
        let Some(fetching) = &mut self.bootstrap.fetching else {
            return;
        };
        let generation = fetching.generation;
        let part = match &fetching.manifest {
            None => SnapshotQuestion::Manifest,
            Some(manifest) => {
                let asked: Vec<_> = fetching.asked.values().copied().collect();
                let missing = |index: &usize| !fetching.chunks.contains_key(index);
                let free = |index: &usize| missing(index) && !asked.contains(index);
                let all = 0..manifest.chunks();
                let next = all.clone().find(free).or_else(|| all.clone().find(missing));
                let Some(next) = next else {
                    return;
                };
                let Ok(index) = u32::try_from(next) else {
                    return;
                };
                fetching.asked.insert(peer, next);
                SnapshotQuestion::Chunk(index)
            }
        };
        self.send(peer, Body::FetchSnapshot { generation, part });
    }

    /// Asks everybody how the generation before the newest one ended, while nobody showed it.
    ///
    /// Somebody keeps it: who has the newest generation as its own, or the one after. Where all are
    /// further on, their headers come with our next question for lanes, and the newest of them
    /// is asked after in its turn.
    pub(super) fn want_ending(&mut self) {
        let now = self.turn.now;
        if let Some(generation) = self.history.wants_ending()
            && let Some(ending) = &mut self.bootstrap.ending
            && ending.fire(now)
        {
            let part = SnapshotQuestion::Ending;
            for peer in self.peers.actors() {
                self.send(peer, Body::FetchSnapshot { generation, part });
            }
        }
    }

    /// Serves a part of what a generation begins with, of one that is kept: of the present one and
    /// of the one before.
    ///
    /// Anybody may ask, and nothing is remembered of it.
    pub(super) fn handle_fetch_snapshot(
        &mut self,
        from: Actor,
        generation: Generation,
        part: SnapshotQuestion,
    ) {
        let mut kept = self.history.snapshots.iter();
        let snapshot = kept
            .find(|(kept, _)| *kept == generation)
            .map(|(_, snapshot)| snapshot);
        let part = match part {
            SnapshotQuestion::Ending => {
                let ending = self.history.ending(generation);
                ending.map(|ending| SnapshotPart::Ending(Arc::clone(ending)))
            }
            SnapshotQuestion::Manifest => {
                snapshot.map(|snapshot| SnapshotPart::Manifest(snapshot.manifest().clone()))
            }
            SnapshotQuestion::Chunk(index) => {
                let bytes = snapshot.and_then(|snapshot| snapshot.chunk(index as usize));
                bytes.map(|bytes| SnapshotPart::Chunk {
                    index,
                    bytes: bytes.to_vec().into(),
                })
            }
        };
        if let Some(part) = part {
            self.send(from, Body::Snapshot { generation, part });
        }
    }

    /// Takes a part of the snapshot that is being fetched, from whoever sends it. One of another
    /// generation is left out in silence: it may have been asked for before a newer one was
    /// founded.
    ///
    /// # Errors
    /// When the certified digest, or the manifest, does not prove it.
    pub(super) fn handle_part(
        &mut self,
        from: Actor,
        generation: Generation,
        part: SnapshotPart,
    ) -> Result<(), PacketError> {
        let part = match part {
            SnapshotPart::Ending(ending) => return self.take_ending(generation, ending),
            part => part,
        };
        let certified = self.history.tip().state().snapshot;
        let Some(fetching) = self
            .bootstrap
            .fetching
            .as_mut()
            .filter(|f| f.generation == generation)
        else {
            return Ok(());
        };
        match part {
            SnapshotPart::Ending(_) => {}
            SnapshotPart::Manifest(manifest) => {
                if manifest.digest() != certified || !manifest.is_sound() {
                    return Err(PacketError::Snapshot(generation));
                }
                fetching.manifest.get_or_insert(manifest);
            }
            SnapshotPart::Chunk { index, bytes } => {
                let Some(manifest) = &fetching.manifest else {
                    return Ok(());
                };
                let index = index as usize;
                if !manifest.proves(index, bytes.as_slice()) {
                    return Err(PacketError::Snapshot(generation));
                }
                fetching.chunks.insert(index, bytes);
            }
        }
        if !fetching.is_whole() && self.peers.get(&from).is_some() {
            // Anybody may show a part; only peers, of whom there is a bound, are asked for more.
            self.ask_part(from);
        }
        Ok(())
    }

    /// Goes on when all of the snapshot is here, and where its generation begins is known.
    ///
    /// At the end of each input that was not refused: the last chunk and how the generation before
    /// ended come in any order, and beside what is refused.
    pub(super) fn finish_if_whole(&mut self) {
        let fetching = self.bootstrap.fetching.as_ref();
        let next = self.history.next().map(|next| next.generation());
        if fetching.is_some_and(|whole| whole.is_whole() && Some(whole.generation) == next) {
            self.finish_fetch();
            self.settle();
        }
    }

    /// All chunks are here. The record is written before the state is taken up, and only if it is:
    /// a state that does not decode, or that the algorithm's budget refuses, leaves no trace.
    ///
    /// The fetch is over in any case: what led nowhere is begun again by the next answer that says
    /// it is needed.
    fn finish_fetch(&mut self) {
        let Some(fetching) = self.bootstrap.fetching.take() else {
            return;
        };
        let chunks = fetching.chunks.values().map(Bytes::as_slice);
        let bytes = Bytes::from(chunks.collect::<Vec<_>>().concat());
        let pending = self.history.pending.iter();
        let proofs = pending.map(|founded| Arc::clone(&founded.proof));
        self.turn.write(Record::Snapshot {
            proofs: proofs.collect(),
            bytes: bytes.clone(),
        });
        if !self.install_snapshot(Snapshot::from_bytes(bytes)) {
            self.turn.step.persist.pop();
        }
    }
}
