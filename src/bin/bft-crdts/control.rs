//! The control socket: who may open it owns the directory, and is believed to be careless rather
//! than kind.
//!
//! A connection carries one request and its answer, or the events that follow it. Lines are
//! bounded, and so are connections; those that may last long leave room for the others, so that
//! `why` is answered while operations wait.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::door;
use crate::failure::Failure;
use crate::home::Home;
use crate::kinds::Service;
use crate::protocol::{self, Line, REQUEST_BYTES, Refusal, Reply, Request};
use crate::service::Desk;
use crate::stream::Stream;

/// Connections at once.
const CONNECTIONS: usize = 64;
/// Those of them that may wait for a delivery, or follow the events.
const LASTING: usize = 48;
/// How long a request may take to arrive, and its answer to be taken.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Where the control socket is.
pub(crate) struct Place {
    path: PathBuf,
    /// The file at it, which no other one is told by while the socket is open.
    file: (u64, u64),
    _socket: net::UnixListener,
}

impl Place {
    /// The control socket, at its place and open to its owner alone. The store is ours, so what is
    /// there is left over.
    pub(crate) fn take(home: &Home) -> Result<(Self, UnixListener), Failure> {
        let path = home.socket();
        let take = || {
            if path.symlink_metadata().is_ok() {
                fs::remove_file(&path)?;
            }
            let socket = net::UnixListener::bind(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            socket.set_nonblocking(true)?;
            let place = Self {
                file: file(&path)?,
                path: path.clone(),
                _socket: socket.try_clone()?,
            };
            Ok((place, UnixListener::from_std(socket)?))
        };
        take().map_err(|error| Failure::File(path.clone(), error))
    }

    /// Takes the socket away. When the store is closed another node may have begun here: its socket
    /// stays.
    pub(crate) fn leave(self) {
        if file(&self.path).is_ok_and(|file| file == self.file) {
            // Who cannot take it away leaves it to the next node.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What tells the file at `path` from all others.
fn file(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Answers until it is dropped.
pub(crate) async fn serve<A: Service>(listener: UnixListener, desk: Desk<A>) {
    let lasting = Arc::new(Semaphore::new(LASTING));
    let converse = |(stream, _)| {
        let (desk, lasting) = (desk.clone(), Arc::clone(&lasting));
        // Whoever is gone needs no answer.
        async move { drop(converse(stream, &desk, &lasting).await) }
    };
    door::keep(CONNECTIONS, || listener.accept(), converse).await;
}

async fn converse<A: Service>(
    stream: UnixStream,
    desk: &Desk<A>,
    lasting: &Semaphore,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let request = match timeout(ARRIVAL, read(&mut reader)).await {
        Ok(Ok(request)) => request,
        Ok(Err(refusal)) => return say_in_time(&mut writer, Line::last(Err(refusal))).await,
        Err(_) => return Ok(()),
    };
    let permit = request.lasts().then(|| lasting.try_acquire());
    if matches!(permit, Some(Err(_))) {
        return say_in_time(&mut writer, Line::last(Err(Refusal::Busy))).await;
    }
    tokio::select! {
        said = respond(&mut writer, desk, request) => said,
        () = gone(reader) => Ok(()),
    }
}

async fn respond<A: Service>(
    writer: &mut OwnedWriteHalf,
    desk: &Desk<A>,
    request: Request,
) -> io::Result<()> {
    if let Request::Events { since } = request {
        return tell_events(writer, desk, since.as_deref()).await;
    }
    let (tell, mut taken) = oneshot::channel();
    let granted = desk.grant(request, tell);
    tokio::pin!(granted);
    let answer = tokio::select! {
        Ok(reply) = &mut taken => {
            say_in_time(writer, Line::before_another(reply)).await?;
            granted.await
        }
        answer = &mut granted => {
            // It may have been taken and delivered at once.
            if let Ok(reply) = taken.try_recv() {
                say_in_time(writer, Line::before_another(reply)).await?;
            }
            answer
        }
    };
    match answer {
        Ok(reply) => say_pages(writer, reply).await,
        Err(refusal) => say_in_time(writer, Line::last(Err(refusal))).await,
    }
}

async fn say_pages(writer: &mut OwnedWriteHalf, reply: Reply) -> io::Result<()> {
    let mut pages = reply.pages().into_iter().peekable();
    while let Some(page) = pages.next() {
        let line = match pages.peek() {
            Some(_) => Line::before_another(page),
            None => Line::last(Ok(page)),
        };
        say_in_time(writer, line).await?;
    }
    Ok(())
}

/// Who is slow to take them waits for nobody, and nobody for it: what it has not taken is read from
/// the lanes.
async fn tell_events<A: Service>(
    writer: &mut OwnedWriteHalf,
    desk: &Desk<A>,
    since: Option<&str>,
) -> io::Result<()> {
    let mut stream = match Stream::open(desk.clone(), since).await {
        Ok(stream) => stream,
        Err(refusal) => return say_in_time(writer, Line::last(Err(refusal))).await,
    };
    while let Some(told) = stream.next().await {
        say(writer, Line::before_another(Reply::Event(told))).await?;
    }
    say(writer, Line::last(Err(Refusal::Stopped))).await
}

async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Request, Refusal> {
    let malformed = |why: &dyn std::fmt::Display| Refusal::Malformed(why.to_string());
    let mut line = Vec::new();
    let mut bounded = reader.take(REQUEST_BYTES);
    let read = bounded.read_until(b'\n', &mut line).await;
    read.map_err(|error| malformed(&error))?;
    if line.pop() != Some(b'\n') {
        return Err(malformed(&"no end of line within the bound"));
    }
    protocol::hear(&line)
}

async fn say(writer: &mut OwnedWriteHalf, line: Line) -> io::Result<()> {
    writer.write_all(&line.write()?).await
}

/// Waits until the other end has closed. Whatever else it says is ignored.
async fn gone(mut reader: BufReader<OwnedReadHalf>) {
    let mut rest = [0; 1024];
    while reader.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

/// Whoever does not take it keeps nobody else out.
async fn say_in_time(writer: &mut OwnedWriteHalf, line: Line) -> io::Result<()> {
    let said = timeout(ARRIVAL, say(writer, line)).await;
    said.unwrap_or_else(|late| Err(late.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_node_leaves_the_socket_of_one_that_began_meanwhile() {
        let directory = format!("bft-crdts-control-{}", std::process::id());
        let home = Home::at(std::env::temp_dir().join(directory));
        fs::create_dir(home.directory()).expect("a new directory");
        let (first, listener) = Place::take(&home).expect("a socket");
        drop(listener);
        let (second, _listener) = Place::take(&home).expect("another socket");
        first.leave();
        assert!(UnixStream::connect(home.socket()).await.is_ok());
        second.leave();
        assert!(!home.socket().exists());
        fs::remove_dir(home.directory()).expect("empty");
    }
}
