//! What a node tells: deliveries and what else happens once, and faults, in a queue each. A liar
//! can make faults as fast as it can sign, and displaces none of the rest by it.

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender, WeakSender};

use crate::deterministic_secure_broadcast::{Delivery, Fault, Installed};
use crate::membership::Change;

/// Events that are kept for who is slow to take them.
const EVENTS: usize = 4096;
/// Faults that are kept for who is slow to take them.
const FAULTS: usize = 1024;

/// What happened at this node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message took effect. It is durable.
    Delivered(Delivery),
    /// Something that should not be.
    Fault(Fault),
    /// A generation began.
    Installed(Installed),
    /// The node had a seat, has none, and is needed no longer: a quorum of the members has all that
    /// it has. Told again after a restart.
    Left,
    /// Others wish this change: [`Node::approve`](super::Node::approve) it or not.
    Asked(Change),
    /// So many deliveries, generations and wishes were dropped because nobody took them in time:
    /// read the state afresh.
    Missed(u64),
    /// So many faults were dropped because nobody took them in time: [`Status`](super::Status)
    /// names who is convicted.
    FaultsMissed(u64),
}

/// Where events come from.
///
/// The driver owns it. When it is dropped, streams end after what is in them.
#[derive(Debug)]
pub(super) struct Teller {
    events: Sender<Event>,
    faults: Sender<Fault>,
}

impl Teller {
    pub(super) fn new() -> Self {
        Self {
            events: Sender::new(EVENTS),
            faults: Sender::new(FAULTS),
        }
    }

    /// Tells whoever listens.
    ///
    /// Never waits: a listener that is too slow loses the oldest, and is told how many.
    pub(super) fn tell(&self, event: Event) {
        match event {
            Event::Fault(fault) => drop(self.faults.send(fault)),
            event => drop(self.events.send(event)),
        }
    }

    /// Handles hold this one, or the streams would not end with the driver as long as a handle
    /// lives.
    pub(super) fn downgrade(&self) -> WeakTeller {
        WeakTeller {
            events: self.events.downgrade(),
            faults: self.faults.downgrade(),
        }
    }
}

/// From whom events come while the node runs.
#[derive(Debug)]
pub(super) struct WeakTeller {
    events: WeakSender<Event>,
    faults: WeakSender<Fault>,
}

impl WeakTeller {
    /// What happens from now on.
    ///
    /// Of a node that has stopped, a stream that is at its end.
    pub(super) fn listen(&self) -> Events {
        let (events, faults) = (self.events.upgrade(), self.faults.upgrade());
        Events {
            events: events.map_or_else(|| broadcast::channel(1).1, |events| events.subscribe()),
            faults: faults.map_or_else(|| broadcast::channel(1).1, |faults| faults.subscribe()),
        }
    }
}

/// The events of a node since the stream was asked for. Faults come in their order and so do all
/// others, which come first.
#[derive(Debug)]
pub struct Events {
    events: Receiver<Event>,
    faults: Receiver<Fault>,
}

impl Events {
    /// The next event; `None` when the node has stopped. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            Some(event) = next_event(&mut self.events) => Some(event),
            Some(fault) = next_fault(&mut self.faults) => Some(fault),
            else => None,
        }
    }
}

/// `None` when the driver has ended and all was taken.
async fn next_event(events: &mut Receiver<Event>) -> Option<Event> {
    match events.recv().await {
        Ok(event) => Some(event),
        Err(RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
        Err(RecvError::Closed) => None,
    }
}

async fn next_fault(faults: &mut Receiver<Fault>) -> Option<Event> {
    match faults.recv().await {
        Ok(fault) => Some(Event::Fault(fault)),
        Err(RecvError::Lagged(missed)) => Some(Event::FaultsMissed(missed)),
        Err(RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::dot::{Dot, Seq};
    use crate::quorum::Generation;

    fn fault(number: u64) -> Event {
        let source = Actor::from_bytes([7; 32]);
        let dot = Dot {
            source,
            seq: Seq::new(number),
        };
        let reason = "forged";
        Event::Fault(Fault::Invalid { dot, reason })
    }

    fn installed() -> Event {
        Event::Installed(Installed {
            generation: Generation::GENESIS,
            seated: true,
            by_snapshot: false,
        })
    }

    #[tokio::test]
    async fn faults_without_end_displace_nothing_else() {
        let teller = Teller::new();
        let mut events = teller.downgrade().listen();
        teller.tell(installed());
        for number in 0..20_000 {
            teller.tell(fault(number));
        }
        teller.tell(installed());
        drop(teller);
        let (mut begun, mut faults) = (0, 0);
        while let Some(event) = events.next().await {
            match event {
                Event::Installed(_) => begun += 1,
                Event::Fault(_) => faults += 1,
                Event::FaultsMissed(missed) => faults += missed,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((begun, faults), (2, 20_000));
    }
}
