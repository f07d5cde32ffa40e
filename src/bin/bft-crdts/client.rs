//! Asks a running node over its control socket.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::home::Home;
use crate::protocol::{self, Line, REQUEST_BYTES, Refusal, Reply, Request, Told, Unreadable};

/// After this time somebody who waits is told so.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a node may take to stop.
const STOPPING: Duration = Duration::from_secs(30);

/// A connection to a running node, with one request said.
pub(crate) struct Call {
    reader: BufReader<UnixStream>,
    home: Home,
}

impl Call {
    /// Says a request.
    pub(crate) fn say(home: &Home, request: &Request) -> Result<Self, Failure> {
        let line = protocol::ask(request).map_err(io::Error::from)?;
        if line.len() as u64 > REQUEST_BYTES {
            return Err(Failure::TooLong(line.len()));
        }
        home.check()?;
        let mut stream =
            UnixStream::connect(home.socket()).map_err(|error| match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                    Failure::NotRunning(home.directory().to_owned())
                }
                _ => Failure::File(home.socket(), error),
            })?;
        let silent = |error| Failure::Silent(home.directory().to_owned(), error);
        stream.write_all(&line).map_err(silent)?;
        Ok(Self {
            reader: BufReader::new(stream),
            home: home.clone(),
        })
    }

    /// The connection, to be shut down from another thread.
    pub(crate) fn stream(&self) -> io::Result<UnixStream> {
        self.reader.get_ref().try_clone()
    }

    /// The next reply, and whether another one follows. `meanwhile` is called once if it takes
    /// long.
    fn answer(&mut self, meanwhile: impl FnOnce()) -> Result<(Reply, bool), Failure> {
        let mut meanwhile = Some(meanwhile);
        let mut line = Vec::new();
        self.reader.get_ref().set_read_timeout(Some(PATIENCE))?;
        while line.last() != Some(&b'\n') {
            match self.reader.read_until(b'\n', &mut line) {
                Ok(0) => return Err(self.silent(ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.reader.get_ref().set_read_timeout(None)?;
                    if let Some(meanwhile) = meanwhile.take() {
                        meanwhile();
                    }
                }
                Err(error) => return Err(self.silent(error)),
            }
        }
        let line = Line::read(&line).map_err(|why| self.unreadable(why))?;
        Ok((line.answer?, line.more))
    }

    fn unreadable(&self, why: Unreadable) -> Failure {
        Failure::Unreadable(self.home.directory().to_owned(), why)
    }

    /// The first line of the answer, however long it takes.
    pub(crate) fn reply(mut self) -> Result<Reply, Failure> {
        Ok(self.answer(|| {})?.0)
    }

    fn silent(&self, error: io::Error) -> Failure {
        Failure::Silent(self.home.directory().to_owned(), error)
    }
}

/// The answer to one request. Whoever waits for long is told what for; the wait has no end but the
/// answer.
pub(crate) fn ask(home: &Home, request: &Request) -> Result<Reply, Failure> {
    wait(Call::say(home, request)?, request, |_| Ok(()))
}

/// The answer to a request that was said; `taken` is called with what comes before it.
pub(crate) fn wait(
    mut call: Call,
    request: &Request,
    mut taken: impl FnMut(&Reply) -> io::Result<()>,
) -> Result<Reply, Failure> {
    let mut whole: Option<Reply> = None;
    answers(&mut call, request, |reply| {
        match (reply, &mut whole) {
            (reply @ Reply::Taken(_), _) => taken(&reply)?,
            (page, Some(whole)) => whole.append(page),
            (first, none) => *none = Some(first),
        }
        Ok(())
    })?;
    let silent = ErrorKind::UnexpectedEof.into();
    let whole = whole.ok_or_else(|| call.silent(silent))?;
    if *request == Request::Stop {
        await_end(&call.home)?;
    }
    Ok(whole)
}

/// Hands each reply to a request that was said to `take`.
pub(crate) fn answers(
    call: &mut Call,
    request: &Request,
    mut take: impl FnMut(Reply) -> io::Result<()>,
) -> Result<(), Failure> {
    let meanwhile = || {
        crate::remark(match request.awaits_delivery() {
            true => {
                "waiting for a quorum: `why` says for whom. Interrupted, it may be delivered yet"
            }
            false => "waiting for the node",
        });
    };
    let unheard = |failure| match failure {
        Failure::Silent(directory, error) if request.awaits_delivery() => {
            Failure::Unheard(directory, error)
        }
        Failure::Unreadable(directory, why) if request.awaits_delivery() => {
            Failure::Unheard(directory, io::Error::other(why))
        }
        failure => failure,
    };
    loop {
        let (reply, more) = call.answer(meanwhile).map_err(unheard)?;
        take(reply)?;
        if !more {
            return Ok(());
        }
    }
}

/// Hands each event to `take`, until the node stops or the connection is shut down.
pub(crate) fn follow(
    mut call: Call,
    mut take: impl FnMut(Told) -> io::Result<()>,
) -> Result<(), Failure> {
    loop {
        match call.answer(|| {}) {
            Ok((Reply::Event(told), _)) => take(told)?,
            Ok(_) => {}
            Err(Failure::Refused(Refusal::Stopped)) => return Ok(()),
            Err(Failure::Silent(_, error)) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// A node takes its socket away when everything is written and its store is closed.
fn await_end(home: &Home) -> Result<(), Failure> {
    let begin = Instant::now();
    while home.socket().exists() {
        if begin.elapsed() > STOPPING {
            let error = ErrorKind::TimedOut.into();
            return Err(Failure::Silent(home.directory().to_owned(), error));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
