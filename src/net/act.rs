//! What a step of a correct replica leads to: it is spent like any driver's, judged, told, and what
//! it asks for is done.
//!
//! Everything is written before anything is sent, by the same [`spend`] that a node uses: what is
//! found out here about replicas holds for those in a node only while both drive them alike.

use super::Net;
use super::coverage::Kind;
use super::participant::Participant;
use super::scenario::Phase;
use super::trace::Event;
use crate::actor::Actor;
use crate::deterministic_secure_broadcast::{Record, Replica, Step};
use crate::store::{Effect, Store, spend};
use crate::traits::WireAlgorithm;

impl<A: WireAlgorithm> Net<A> {
    /// Spends a correct replica's step like any driver, and checks it.
    ///
    /// The order matters: what begins is judged before the step is spent, as spending it consumes
    /// it; effects are judged one by one; a store that loses its power in the middle takes the
    /// replica down, and nothing that was to be sent after the write is. A violation is raised
    /// last, when the trace holds what led to it.
    pub(super) fn act(&mut self, who: Actor, step: Step) {
        let Some(participant) = self.participants.get_mut(&who) else {
            return;
        };
        for phase in step.persist.iter().filter_map(Phase::of) {
            self.passed.entry(phase).or_default().insert(who);
        }
        let mut packets = Vec::new();
        let mut events = Vec::new();
        let mut asked = Vec::new();
        let installed = !step.installed.is_empty();
        let checks = &mut self.checks;
        let begun = |replica| checks.begun(who, replica, &step);
        // What is not durable never happened: alone in its committee, a member may decide otherwise
        // after the crash.
        let durable = participant
            .replica()
            .filter(|_| !participant.store.is_cut());
        let mut judgement = durable.map_or(Ok(()), begun);
        let committee = participant
            .replica()
            .map(|r| r.committee().actors().to_vec());
        let seated = committee.unwrap_or_default();
        let recording = self.trace.recorder.is_some();
        let written = recording.then(|| step.persist.clone());
        let moved = !step.delivered.is_empty() || installed;
        let spent = spend(step, &mut participant.store, |effect| {
            if judgement.is_ok() {
                judgement = checks.effect(who, &effect);
            }
            match effect {
                Effect::Send(said) => packets.extend(said.packets()),
                Effect::Asked(change) => asked.push(change),
                told => events.extend(event_of(who, told, &seated)),
            }
        });
        for event in &events {
            if let Event::Reported { fault, .. } = event {
                self.coverage.hit(Kind::Report(fault.kind()));
            }
        }
        if judgement.is_ok()
            && let Some(replica) = participant.replica()
        {
            judgement = self.checks.replica(who, replica);
        }
        let written = written.filter(|_| spent.is_ok());
        self.write_down(who, written, events, moved);
        self.transmit_all(who, packets);
        if spent.is_err() {
            self.coverage.hit(Kind::Fault("a crash while writing"));
            return self.down(who);
        }
        if installed
            && let Some(participant) = self.participants.get_mut(&who)
            && let Some(records) = participant.replica().and_then(Replica::checkpoint)
        {
            let replaced = participant.store.replace(&records);
            replaced.expect("power was on a moment ago");
        }
        self.hold_to(|_| judgement);
        self.switch_off(&who);
        asked.retain(|change| self.approving && self.is_wished(&who, change));
        for change in asked {
            // What cannot be made is not approved.
            let _ = self.approve(&who, change);
        }
    }

    /// Puts into the trace and the coverage what a step led to; `written` is what became durable of
    /// it, if that is recorded, and `moved` whether the algorithm's state is another now.
    ///
    /// Of a step in which the power went no records are shown.
    fn write_down(
        &mut self,
        who: Actor,
        written: Option<Vec<Record>>,
        events: Vec<Event>,
        moved: bool,
    ) {
        let now = self.schedule.now();
        let replica = self.participants.get(&who).and_then(Participant::replica);
        if let (Some(replica), Some(recorder), Some(written)) =
            (replica, &mut self.trace.recorder, written)
        {
            recorder.writes(now, replica, &written);
        }
        for event in events {
            self.trace.record(now, event);
        }
        let Some(replica) = replica else {
            return;
        };
        if let (Some(recorder), true) = (&mut self.trace.recorder, moved) {
            recorder.is_in(&who, &replica.algorithm().state());
        }
        let before = self.situations.entry(who).or_default();
        self.coverage.enter(before, replica);
    }
}

/// What a trace says of what a replica tells.
///
/// Packets are in the trace where they arrive or are lost, so that none is told twice.
fn event_of(at: Actor, told: Effect, members: &[Actor]) -> Option<Event> {
    match told {
        Effect::Delivered(delivery) => Some(Event::Delivered {
            at,
            dot: delivery.dot(),
            digest: delivery.digest(),
        }),
        Effect::Fault(fault) => Some(Event::Reported { at, fault }),
        Effect::Installed(installed) => Some(Event::Installed {
            at,
            generation: installed.generation,
            members: members.to_vec(),
        }),
        Effect::Send(_) | Effect::Asked(_) | Effect::Refused(_) => None,
    }
}
