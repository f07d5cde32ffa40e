//! Who started the node and watches over it, such as systemd: it asks for the end by a signal, and
//! hears over the socket in `NOTIFY_SOCKET` how far the node is.
//!
//! The datagrams are sent from here because sd-notify 0.5 takes the name of an abstract socket for
//! a path, and waits for ever where nobody reads.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long a supervisor may take to have room for a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It listens, has all that its store holds, and can be asked.
    Ready,
    /// It was asked to end, or failed.
    Stopping,
}

/// Tells the supervisor, where there is one that wants to know. One that cannot be told is no
/// reason to stop.
pub(crate) fn tell(phase: Phase) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, phase) {
        crate::remark(&format!(
            "the supervisor at NOTIFY_SOCKET does not hear that the node is {phase:?}: {error}"
        ));
    }
}

fn send(socket: &OsStr, phase: Phase) -> io::Result<()> {
    let word = match phase {
        Phase::Ready => "READY=1\n",
        Phase::Stopping => "STOPPING=1\n",
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(PATIENCE))?;
    sender.send_to_addr(word.as_bytes(), &address(socket)?)?;
    Ok(())
}

/// Where the supervisor listens: a path, or after an `@` the name of an abstract socket.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => abstract_address(name),
        _ => SocketAddr::from_pathname(socket),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The signals that ask for the end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they end nothing by themselves. Taken before all else: the first process of a
    /// container has no other way to hear them.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one that came since they were taken.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
