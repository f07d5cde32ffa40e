//! Writes to one actor what waits for it, over the newest connection, or a new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{Connection, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::dial::dial;
use super::error::LinkError;
use super::links::Links;
use super::transport::is_live;
use crate::actor::Actor;
use crate::codec::Bytes;

/// The shortest and the longest time between two attempts to reach somebody.
const REDIAL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// How long one who may be a second user of a key has for taking the evidence.
const PATIENCE: Duration = Duration::from_secs(1);
/// Streams that are opened for one packet, when one after the other fails.
///
/// Else one that opens and breaks connections could keep us at one packet for ever.
const STREAMS: u32 = 3;

/// What one actor is to be told.
pub(super) enum Outgoing {
    /// A frame.
    Frame(Bytes),
    /// A frame for all who use the actor's key, not only for the one who came last.
    Everywhere(Bytes),
    /// Another greeting than the one before.
    ///
    /// The stream is begun anew for it, as a greeting comes first in a stream.
    Greeting,
}

impl Outgoing {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Frame(bytes) | Self::Everywhere(bytes) => bytes.len(),
            Self::Greeting => 0,
        }
    }
}

/// It ends when its peer is forgotten or the node closes.
pub(super) struct Speaker {
    links: Arc<Links>,
    to: Actor,
    queue: mpsc::Receiver<Outgoing>,
    waiting: Arc<AtomicUsize>,
    connections: watch::Receiver<Vec<Connection>>,
    /// The open streams, each with the identity of its connection: one a connection. None before
    /// the first, and after a failure.
    streams: Vec<(usize, SendStream)>,
    /// Until then packets are dropped where there is no connection.
    dial_after: Instant,
    /// Doubled with each attempt; the shortest again when the next one has been due for long and
    /// there was nothing to say.
    pause: Duration,
}

impl Speaker {
    pub(super) fn new(
        links: Arc<Links>,
        to: Actor,
        queue: mpsc::Receiver<Outgoing>,
        waiting: Arc<AtomicUsize>,
        connections: watch::Receiver<Vec<Connection>>,
    ) -> Self {
        Self {
            links,
            to,
            queue,
            waiting,
            connections,
            streams: Vec::new(),
            dial_after: Instant::now(),
            pause: REDIAL.0,
        }
    }

    /// Until the queue has no other end.
    pub(super) async fn run(mut self) {
        while let Some(outgoing) = self.queue.recv().await {
            self.waiting.fetch_sub(outgoing.len(), Ordering::Relaxed);
            match outgoing {
                Outgoing::Frame(bytes) => self.note(&bytes).await,
                Outgoing::Everywhere(bytes) => self.write_everywhere(&bytes).await,
                Outgoing::Greeting => {
                    self.streams.clear();
                    // Who is not reached is greeted when it is.
                    let _ = self.write(&Bytes::from(Vec::new())).await;
                }
            }
        }
    }

    async fn note(&mut self, bytes: &Bytes) {
        let written = self.write(bytes).await;
        self.links.note_written(bytes.len(), written.is_ok());
    }

    /// Writes to each connection; where there is none, as any other frame is written.
    ///
    /// Whoever does not take it keeps nobody else waiting, and who comes meanwhile is told, too.
    async fn write_everywhere(&mut self, bytes: &Bytes) {
        let (mut told, mut written) = (Vec::new(), false);
        while let Some(connection) = self.untold(&told) {
            let id = connection.stable_id();
            told.push(id);
            let open = self.open_stream(&connection);
            let writing = write_to(&self.links, &connection, open, bytes);
            if let Ok(Ok(stream)) = timeout(PATIENCE, writing).await {
                self.streams.push((id, stream));
                written = true;
            }
        }
        match told.is_empty() {
            true => self.note(bytes).await,
            false => self.links.note_written(bytes.len(), written),
        }
    }

    /// The oldest live connection that is not among these.
    fn untold(&self, told: &[usize]) -> Option<Connection> {
        let connections = self.connections.borrow();
        let untold = |connection: &&Connection| !told.contains(&connection.stable_id());
        let mut live = connections.iter().filter(|connection| is_live(connection));
        live.find(untold).cloned()
    }

    /// # Errors
    /// [`LinkError`] when no connection was to be had, or all of these streams failed. The packet
    /// is lost then.
    async fn write(&mut self, bytes: &Bytes) -> Result<(), LinkError> {
        for _ in 0..STREAMS {
            let connection = self.connection().await?;
            let open = self.open_stream(&connection);
            let writing = write_to(&self.links, &connection, open, bytes);
            tokio::select! {
                stream = writing => if let Ok(stream) = stream {
                    self.streams.push((connection.stable_id(), stream));
                    return Ok(());
                },
                // The other end may have started anew: what the old connection still waits for
                // never comes.
                changed = self.connections.changed() => changed.map_err(|_| LinkError::Lost)?,
            }
        }
        Err(LinkError::Lost)
    }

    /// Takes out what is open on this connection, and lets go of what is open on none.
    fn open_stream(&mut self, connection: &Connection) -> Option<SendStream> {
        let connections = self.connections.borrow().clone();
        let live = |id: usize| connections.iter().any(|it| it.stable_id() == id);
        self.streams.retain(|(id, _)| live(*id));
        let mut streams = self.streams.iter();
        let index = streams.position(|(id, _)| *id == connection.stable_id())?;
        Some(self.streams.swap_remove(index).1)
    }

    /// The newest connection; a new one if there is none.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`] while the pause between two attempts lasts, or when nobody is
    /// reached. An attempt is given up when the other end dials us meanwhile.
    async fn connection(&mut self) -> Result<Connection, LinkError> {
        let newest = newest(&self.connections.borrow_and_update());
        if let Some(connection) = newest {
            return Ok(connection);
        }
        let now = Instant::now();
        if now < self.dial_after {
            return Err(LinkError::Unreachable);
        }
        let calm = now.duration_since(self.dial_after) > REDIAL.1;
        let longer = (self.pause * 2).min(REDIAL.1);
        self.pause = if calm { REDIAL.0 } else { longer };
        self.dial_after = now + self.pause;
        tokio::select! {
            dialled = dial(&self.links, self.to) => {
                self.connections.mark_unchanged();
                dialled
            }
            _ = self.connections.changed() => {
                newest_of(&self.connections).ok_or(LinkError::Lost)
            }
        }
    }
}

fn newest_of(connections: &watch::Receiver<Vec<Connection>>) -> Option<Connection> {
    newest(&connections.borrow())
}

fn newest(connections: &[Connection]) -> Option<Connection> {
    connections.iter().rev().find(|c| is_live(c)).cloned()
}

/// Writes to the open stream, or greets on a new one first.
async fn write_to(
    links: &Links,
    connection: &Connection,
    open: Option<SendStream>,
    bytes: &Bytes,
) -> Result<SendStream, LinkError> {
    let lost = |_| LinkError::Lost;
    let mut stream = match open {
        Some(stream) => stream,
        None => {
            let mut stream = connection.open_uni().await.map_err(|_| LinkError::Lost)?;
            let hello = links.hello().framed();
            stream.write_all(hello.as_slice()).await.map_err(lost)?;
            stream
        }
    };
    stream.write_all(bytes.as_slice()).await.map_err(lost)?;
    Ok(stream)
}
