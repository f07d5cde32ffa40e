//! The control socket: who may open it owns the directory, and is believed to be careless rather than kind.
//!
//! A connection carries one request and its answer, or the events that follow a trace. Lines are bounded, and so are
//! connections; those that may last long leave room for the others, so that `why` is answered while operations wait.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::home::Home;
use crate::kinds::Service;
use crate::protocol::{Answer, REQUEST_BYTES, Refusal, Reply, Request};
use crate::service::Desk;
use crate::view;

/// Connections at once.
const CONNECTIONS: usize = 64;
/// Those of them that may wait for a delivery, or follow the events.
const LASTING: usize = 48;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// The control socket, at its place and open to its owner alone. The store is ours, so what is there is left over.
pub(crate) fn bind(home: &Home) -> Result<UnixListener, Failure> {
    let path = home.socket();
    let bind = || {
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    bind().map_err(|error| Failure::File(path.clone(), error))
}

/// Answers until it is dropped.
pub(crate) async fn serve<A: Service>(listener: UnixListener, desk: Desk<A>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let lasting = Arc::new(Semaphore::new(LASTING));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some become free.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (desk, lasting) = (desk.clone(), Arc::clone(&lasting));
        tokio::spawn(async move {
            // Whoever is gone needs no answer.
            let _ = converse(stream, &desk, &lasting).await;
            drop(permit);
        });
    }
}

async fn converse<A: Service>(
    stream: UnixStream,
    desk: &Desk<A>,
    lasting: &Semaphore,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let request = match timeout(ARRIVAL, read(&mut reader)).await {
        Ok(Ok(request)) => request,
        Ok(Err(refusal)) => return say(&mut writer, &Err(refusal)).await,
        Err(_) => return Ok(()),
    };
    let lasts = request == Request::Trace || request.awaits_delivery();
    let permit = lasts.then(|| lasting.try_acquire());
    if matches!(permit, Some(Err(_))) {
        return say(&mut writer, &Err(Refusal::Busy)).await;
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
) -> std::io::Result<()> {
    if request != Request::Trace {
        return say(writer, &desk.grant(request).await).await;
    }
    let mut events = desk.events();
    while let Some(event) = events.next().await {
        if let Some(event) = view::event::<A>(&event) {
            say(writer, &Ok(Reply::Event(event))).await?;
        }
    }
    say(writer, &Err(Refusal::Stopped)).await
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
    serde_json::from_slice(&line).map_err(|error| malformed(&error))
}

async fn say(writer: &mut OwnedWriteHalf, answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Waits until the other end has closed. Whatever else it says is ignored.
async fn gone(mut reader: BufReader<OwnedReadHalf>) {
    let mut rest = [0; 1024];
    while reader.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}
