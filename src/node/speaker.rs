//! Writes to one actor what waits for it, over the newest connection, or a new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{Connection, Endpoint, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::address::Address;
use super::error::LinkError;
use super::links::{HANDSHAKE, Links, is_live};
use crate::actor::Actor;
use crate::codec::Bytes;

/// The shortest and the longest time between two attempts to reach somebody.
const REDIAL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// How much later the next address is tried while the ones before have not answered.
const STAGGER: Duration = Duration::from_millis(300);
/// Sockets of one name that are tried.
const SOCKETS: usize = 4;
/// Streams that are opened for one packet, when one after the other fails.
const STREAMS: u32 = 3;

pub(super) struct Speaker {
    links: Arc<Links>,
    to: Actor,
    queue: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    connections: watch::Receiver<Vec<Connection>>,
    stream: Option<(usize, SendStream)>,
    dial_after: Instant,
    pause: Duration,
}

impl Speaker {
    pub(super) fn new(
        links: Arc<Links>,
        to: Actor,
        queue: mpsc::Receiver<Bytes>,
        waiting: Arc<AtomicUsize>,
        connections: watch::Receiver<Vec<Connection>>,
    ) -> Self {
        Self {
            links,
            to,
            queue,
            waiting,
            connections,
            stream: None,
            dial_after: Instant::now(),
            pause: REDIAL.0,
        }
    }

    /// Until the queue has no other end.
    pub(super) async fn run(mut self) {
        while let Some(bytes) = self.queue.recv().await {
            self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            let written = self.write(&bytes).await;
            self.links.note_written(written.is_ok());
        }
    }

    async fn write(&mut self, bytes: &Bytes) -> Result<(), LinkError> {
        for _ in 0..STREAMS {
            let connection = self.connection().await?;
            let id = connection.stable_id();
            let open = self.stream.take().filter(|(open, _)| *open == id);
            let writing = write_to(&self.links, &connection, open, bytes);
            tokio::select! {
                stream = writing => if let Ok(stream) = stream {
                    self.stream = Some((id, stream));
                    return Ok(());
                },
                // The other end may have started anew: what the old connection still waits for never comes.
                changed = self.connections.changed() => changed.map_err(|_| LinkError::Lost)?,
            }
        }
        Err(LinkError::Lost)
    }

    /// The newest connection; a new one if there is none.
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
    open: Option<(usize, SendStream)>,
    bytes: &Bytes,
) -> Result<SendStream, LinkError> {
    let lost = |_| LinkError::Lost;
    let mut stream = match open {
        Some((_, stream)) => stream,
        None => {
            let mut stream = connection.open_uni().await.map_err(|_| LinkError::Lost)?;
            let hello = links.hello().encode();
            stream.write_all(hello.as_slice()).await.map_err(lost)?;
            stream
        }
    };
    stream.write_all(bytes.as_slice()).await.map_err(lost)?;
    Ok(stream)
}

/// Tries all known addresses: the first that proves the actor's key wins.
async fn dial(links: &Arc<Links>, actor: Actor) -> Result<Connection, LinkError> {
    let config = links.client(actor)?;
    let addresses = links.addresses(&actor).into_iter();
    let attempts = addresses.map(|at| dial_name(links.endpoint().clone(), config.clone(), at));
    let connection = first_of(attempts).await;
    let connection = connection.ok_or(LinkError::Unreachable)?;
    links.register(actor, true, &connection);
    Ok(connection)
}

async fn dial_name(
    endpoint: Endpoint,
    config: quinn::ClientConfig,
    address: Address,
) -> Option<Connection> {
    let sockets = timeout(HANDSHAKE, tokio::net::lookup_host(address.as_str())).await;
    let sockets: Vec<_> = sockets.ok()?.ok()?.take(SOCKETS).collect();
    let attempts = sockets.into_iter().map(|socket| {
        let (endpoint, config) = (endpoint.clone(), config.clone());
        async move {
            let connecting = endpoint.connect_with(config, socket, "actor").ok()?;
            timeout(HANDSHAKE, connecting).await.ok()?.ok()
        }
    });
    first_of(attempts).await
}

/// What the first attempt that succeeds leads to. Each begins a little after the one before it.
async fn first_of<T: Send + 'static>(
    attempts: impl IntoIterator<Item = impl Future<Output = Option<T>> + Send + 'static>,
) -> Option<T> {
    let mut racing = JoinSet::new();
    for (index, attempt) in (0..).zip(attempts) {
        racing.spawn(async move {
            sleep(STAGGER * index).await;
            attempt.await
        });
    }
    while let Some(done) = racing.join_next().await {
        if let Ok(Some(won)) = done {
            return Some(won);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_that_never_ends_keeps_none_of_the_others_from_succeeding() {
        let attempts = [Some(1), None, None, Some(4)];
        let attempt = |(index, result)| async move {
            if index == 0 {
                std::future::pending::<()>().await;
            }
            result
        };
        let won = first_of(attempts.into_iter().enumerate().map(attempt)).await;
        assert_eq!(won, Some(4));
        assert_eq!(first_of([async { None::<u8> }]).await, None);
    }
}
