//! The events of a node, from a cursor on. What was delivered is read from the lanes, so that no
//! reader is too slow for it; what happens from now on wakes the stream, and tells the rest.

use bft_crdts::Actor;
use bft_crdts::deterministic_secure_broadcast::{Message, Replica};
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::node::{self, Events};

use crate::cursor::Cursor;
use crate::kinds::Service;
use crate::protocol::{Event, Refusal, Told};
use crate::service::Desk;
use crate::{times, view};

/// What is read from the lanes at once: so many messages, and no more once they have so many bytes
/// of operations. Each lane has its part of it, so that none keeps the others out, and one message
/// at least.
const PAGE_MESSAGES: usize = 256;
const PAGE_BYTES: usize = 256 << 10;

/// What a reader is told next, and where it stands then.
struct Step {
    event: Event,
    /// The source of which it tells, and the last of its messages.
    until: Dot,
}

/// A stream of events. What was told and what has not been is told apart by its cursor alone.
pub(crate) struct Stream<A: Service> {
    desk: Desk<A>,
    events: Events,
    cursor: Cursor,
    /// Read from the lanes, and not told yet; the next one last.
    read: Vec<Step>,
    /// Whether the lanes may hold what was not read.
    behind: bool,
    begun: bool,
}

impl<A: Service> Stream<A> {
    /// The events since a cursor; from now on, without one.
    pub(crate) async fn open(desk: Desk<A>, since: Option<&str>) -> Result<Self, Refusal> {
        // First: what happens while the cursor is read is in both, and is told once.
        let events = desk.node.events();
        let network = desk.node.network();
        let cursor = match since {
            Some(text) => Cursor::read(&network, text)?,
            None => {
                let frontier = desk.node.read(Replica::frontier).await?;
                Cursor::after(&network, &frontier)
            }
        };
        Ok(Self {
            desk,
            events,
            cursor,
            read: Vec::new(),
            behind: true,
            begun: false,
        })
    }

    /// The next event; none when the node has stopped.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        if !self.begun {
            self.begun = true;
            return Some(self.tell(Event::Following, None));
        }
        loop {
            if let Some(Step { event, until }) = self.read.pop() {
                self.cursor.advance(&until.source, until.seq);
                return Some(self.tell(event, Some(&until)));
            }
            if self.behind {
                self.read_lanes().await?;
                continue;
            }
            let event = self.events.next().await?;
            if let Some(told) = self.take(&event) {
                return Some(told);
            }
        }
    }

    /// What just happened, unless it is told from the lanes.
    fn take(&mut self, event: &node::Event) -> Option<Told> {
        match event {
            node::Event::Delivered(delivery) => {
                let dot = delivery.dot();
                self.desk.times.note(dot);
                if self.cursor.has(&dot) {
                    return None;
                }
                if self.cursor.seq(&dot.source).next() != Some(dot.seq) {
                    self.behind = true;
                    return None;
                }
                self.cursor.advance(&dot.source, dot.seq);
                let event = view::event::<A>(event)?;
                Some(self.tell(event, Some(&dot)))
            }
            // A snapshot may have passed over messages.
            node::Event::Installed(_) | node::Event::Missed(_) => {
                self.behind = true;
                let event = view::event::<A>(event)?;
                Some(self.tell(event, None))
            }
            event => {
                let event = view::event::<A>(event)?;
                Some(self.tell(event, None))
            }
        }
    }

    /// Of messages it is remembered when they took effect; all else happens now.
    fn tell(&self, event: Event, dot: Option<&Dot>) -> Told {
        let time = match dot {
            Some(dot) => self.desk.times.of(dot),
            None => Some(std::time::SystemTime::now()),
        };
        Told {
            cursor: self.cursor.to_string(),
            time: time.map(times::rfc3339),
            event,
        }
    }

    /// Reads the next messages from the lanes; none when the node has stopped.
    async fn read_lanes(&mut self) -> Option<()> {
        let cursor = self.cursor.clone();
        let steps = self.desk.node.read(move |replica| page(replica, &cursor));
        self.read = steps.await.ok()?;
        self.behind = !self.read.is_empty();
        self.read.reverse();
        Some(())
    }
}

/// Of what was delivered after the cursor as much as fits.
fn page<A: Service>(replica: &Replica<A>, cursor: &Cursor) -> Vec<Step> {
    let lanes = replica.sources().count().max(1);
    let (most, most_bytes) = ((PAGE_MESSAGES / lanes).max(1), PAGE_BYTES / lanes);
    let mut steps = Vec::new();
    for source in replica.sources() {
        let read = cursor.seq(source);
        let head = replica.head(source).map_or(Seq::ZERO, |head| head.seq);
        if head <= read {
            continue;
        }
        let mut messages = replica.messages_after(source, read).peekable();
        let first_kept = messages.peek().map(|message| message.seq);
        steps.extend(forgotten(source, read, first_kept, head));
        let mut bytes = 0;
        for message in messages.take(most) {
            steps.push(delivered(replica, message));
            bytes += message.ops.len();
            if bytes >= most_bytes {
                break;
            }
        }
    }
    steps
}

/// That messages after `read` are no longer kept, if some are not.
fn forgotten(source: &Actor, read: Seq, first_kept: Option<Seq>, head: Seq) -> Option<Step> {
    let last = match first_kept {
        Some(first) => first.number() - 1,
        None => head.number(),
    };
    let from = read.number() + 1;
    (from <= last).then(|| Step {
        event: Event::Forgotten {
            source: source.to_string(),
            from,
            to: last,
        },
        until: Dot {
            source: *source,
            seq: Seq::new(last),
        },
    })
}

fn delivered<A: Service>(replica: &Replica<A>, message: &Message) -> Step {
    let ops: Vec<A::Op> = message
        .decode(replica.limits())
        .expect("what was delivered was decoded");
    let until = message.dot();
    let place = view::place(&until);
    let ops = ops.iter().map(A::effect).collect();
    let event = Event::Delivered { place, ops };
    Step { event, until }
}
