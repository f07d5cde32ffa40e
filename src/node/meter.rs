//! What a node counts of itself, and since when it waits: for metrics, and for whoever asks how
//! long.
//!
//! The replica has no clock. Looked at after each write, it is known to within a batch when
//! something began.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::actor::Work;
use crate::deterministic_secure_broadcast::Replica;
use crate::dot::Dot;
use crate::quorum::Generation;
use crate::store::Effect;
use crate::traits::WireAlgorithm;

/// What a node counted since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages that were delivered one by one; what a snapshot covers is not counted.
    pub deliveries: u64,
    /// Packets that the replica took in or refused, by their
    /// [kind](crate::deterministic_secure_broadcast::Body::kind).
    pub received: BTreeMap<&'static str, u64>,
    /// Packets that were handed to the links, by their kind.
    pub sent: BTreeMap<&'static str, u64>,
    /// Packets, and parts of packets, that the replica refused, by their
    /// [reason](crate::deterministic_secure_broadcast::PacketError::kind).
    pub refused: BTreeMap<&'static str, u64>,
    /// Writes that the store made durable.
    pub writes: u64,
    /// Generations that began.
    pub generations: u64,
    /// Rounds of agreement that this node was in after a write: those that begin and end within one
    /// batch are not seen.
    pub rounds: u64,
    /// How long the generations took to end that ended here: from the first certified change to
    /// the next generation.
    pub changing: Duration,
    /// Signatures made and checked by the replica.
    pub work: Work,
}

/// Counts one more of a kind.
pub(super) fn count(counts: &mut BTreeMap<&'static str, u64>, kind: &'static str) {
    *counts.entry(kind).or_default() += 1;
}

/// What the driver notes, for whoever asks.
#[derive(Debug)]
pub(super) struct Meter {
    begun: Instant,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) counts: Counts,
    /// Our message that is in flight, and since when.
    proposed: Option<(Dot, Instant)>,
    /// The generation that ends, since when, and the rounds of its agreement.
    ending: Option<(Generation, Instant, u64)>,
    /// Since when the node has had no seat.
    unseated: Option<Instant>,
    /// Since when its own key has contradicted it.
    silenced: Option<Instant>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            notes: Mutex::default(),
        }
    }

    /// How long the node has been running.
    pub(super) fn uptime(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What is noted there is whole, whoever panicked.
    pub(super) fn open(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what follows a write.
    pub(super) fn sees(&self, effect: &Effect) {
        let counts = &mut self.open().counts;
        match effect {
            Effect::Delivered(_) => counts.deliveries += 1,
            Effect::Installed(_) => counts.generations += 1,
            Effect::Refused(refusal) => count(&mut counts.refused, refusal.kind()),
            Effect::Send(_) | Effect::Fault(_) | Effect::Asked(_) => {}
        }
    }

    /// Looks at the replica before anything is done. What it finds may have begun long before.
    pub(super) fn begin<A: WireAlgorithm>(&self, replica: &Replica<A>) {
        self.look_at(replica, self.begun);
    }

    /// Looks at the replica after a write.
    pub(super) fn look<A: WireAlgorithm>(&self, replica: &Replica<A>) {
        self.look_at(replica, Instant::now());
    }

    fn look_at<A: WireAlgorithm>(&self, replica: &Replica<A>, now: Instant) {
        let ending = replica.is_frozen().then(|| {
            let rounds = replica.round().map_or(0, |round| u64::from(round) + 1);
            (replica.generation(), rounds)
        });
        let mut notes = self.open();
        notes.counts.work = Work::so_far();
        notes.note_proposed(replica.in_flight(), now);
        notes.note_ending(ending, now);
        let seated = replica.committee().contains(&replica.actor());
        note(&mut notes.unseated, !seated, now);
        note(&mut notes.silenced, replica.is_silenced(), now);
    }
}

/// Notes since when something holds, if it does.
fn note(since: &mut Option<Instant>, holds: bool, now: Instant) {
    *since = holds.then(|| since.unwrap_or(now));
}

impl Notes {
    fn note_proposed(&mut self, in_flight: Option<Dot>, now: Instant) {
        let same = |proposed: &(Dot, Instant)| in_flight == Some(proposed.0);
        self.proposed = match self.proposed.filter(same) {
            None => in_flight.map(|dot| (dot, now)),
            known => known,
        };
    }

    /// The generation that ends now, if one does, with the rounds of its agreement.
    fn note_ending(&mut self, ending: Option<(Generation, u64)>, now: Instant) {
        let generation = ending.map(|(generation, _)| generation);
        if let Some((ended, since, _)) = self.ending
            && generation != Some(ended)
        {
            self.counts.changing += now.duration_since(since);
            self.ending = None;
        }
        if let Some((generation, rounds)) = ending {
            let (_, _, seen) = self.ending.get_or_insert((generation, now, 0));
            self.counts.rounds += rounds.saturating_sub(*seen);
            *seen = rounds.max(*seen);
        }
    }

    /// For how long our message that is in flight has been.
    pub(super) fn proposed_for(&self) -> Option<Duration> {
        self.proposed.map(|(_, since)| since.elapsed())
    }

    /// For how long the present generation has been ending.
    pub(super) fn ending_for(&self) -> Option<Duration> {
        self.ending.map(|(_, since, _)| since.elapsed())
    }

    /// For how long the node has had no seat.
    pub(super) fn unseated_for(&self) -> Option<Duration> {
        self.unseated.map(|since| since.elapsed())
    }

    /// For how long its own key has contradicted it.
    pub(super) fn silenced_for(&self) -> Option<Duration> {
        self.silenced.map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::dot::Seq;

    #[test]
    fn a_message_in_flight_is_waited_for_since_it_was_first_seen_and_the_next_one_anew() {
        let source = Actor::from_bytes([1; 32]);
        let dot = |number| Dot {
            source,
            seq: Seq::new(number),
        };
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut notes = Notes::default();
        for (seconds, in_flight, since) in [
            (1, Some(1), Some(1)),
            (2, Some(1), Some(1)),
            (3, Some(2), Some(3)),
            (4, None, None),
            (5, Some(3), Some(5)),
        ] {
            notes.note_proposed(in_flight.map(dot), at(seconds));
            let noted = notes.proposed.map(|(_, since)| since);
            assert_eq!(noted, since.map(at), "after {seconds} s");
        }
    }

    #[test]
    fn what_holds_has_held_since_it_was_first_seen_and_not_since_it_held_before() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut since = None;
        for (seconds, holds, noted) in [
            (1, true, Some(1)),
            (2, true, Some(1)),
            (3, false, None),
            (4, true, Some(4)),
        ] {
            note(&mut since, holds, at(seconds));
            assert_eq!(since, noted.map(at), "after {seconds} s");
        }
    }

    #[test]
    fn each_round_and_the_time_of_each_change_is_counted_once() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let [first, second] = [0, 1].map(Generation::numbered);
        let mut notes = Notes::default();
        notes.note_ending(None, at(0));
        notes.note_ending(Some((first, 1)), at(10));
        notes.note_ending(Some((first, 3)), at(11));
        notes.note_ending(Some((first, 3)), at(12));
        // One follows the other within a batch.
        notes.note_ending(Some((second, 1)), at(15));
        notes.note_ending(None, at(17));
        notes.note_ending(None, at(20));
        assert_eq!(notes.counts.rounds, 4);
        assert_eq!(notes.counts.changing, Duration::from_secs(5 + 2));
        assert_eq!(notes.ending, None);
    }
}
