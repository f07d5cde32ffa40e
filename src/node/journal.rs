//! What happens at a node, written into a file of bounded size while it happens.
//!
//! Events are written when what they speak of is durable, with the rest of their batch: a crash
//! takes those of its last batch and leaves a line that breaks off at most.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::actor::Actor;
use crate::codec::Digest;
use crate::deterministic_secure_broadcast::{Packet, PacketError, Record, Replica};
use crate::recording::scribe::{Scribe, digest, digits};
use crate::recording::{Kind, Line, MOST_LINE, Recording, Run, World};
use crate::store::Effect;
use crate::traits::WireAlgorithm;

/// Events in one file, at most: a reader takes no more than
/// [`MOST_EVENTS`](crate::recording::MOST_EVENTS).
const EVENTS: u64 = 500_000;

/// Why a recording cannot be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refuses.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// Something else is where the recording is to be, and stays there.
    #[error("{0} is there already and is no recording")]
    Occupied(PathBuf),
}

/// A recording in the making, or none.
///
/// Becomes none when the disk does not take it.
#[derive(Debug)]
pub(super) struct Journal(Option<Open>);

#[derive(Debug)]
struct Open {
    actor: Actor,
    file: PathBuf,
    /// Bytes in the file, at most.
    most: u64,
    out: BufWriter<File>,
    /// Bytes in the file so far.
    written: u64,
    /// Actors that are in the file.
    introduced: usize,
    scribe: Scribe,
    /// What the times of events count from, in microseconds; a clock that cannot go back.
    begin: Instant,
    /// When that was, in microseconds since 1970 by the machine's clock; 0 when the clock says it
    /// was before.
    begun: u64,
    /// Whether the batch changed the state.
    moved: bool,
}

impl Journal {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// # Errors
    /// [`JournalError::Occupied`] when the file, or the one that it would be moved to, is there and
    /// does not begin as a recording: nothing else is ever overwritten. [`JournalError::Io`].
    pub(super) fn open(actor: Actor, file: PathBuf, most: u64) -> Result<Self, JournalError> {
        for path in [file.clone(), old(&file)] {
            match is_free(&path) {
                Ok(true) => {}
                Ok(false) => return Err(JournalError::Occupied(path)),
                Err(error) => return Err(JournalError::Io(path, error)),
            }
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock before 1970 is none.
        let begun = since.map_or(0, |since| since.as_micros() as u64);
        let opened = begin(&file, begun);
        let (out, written) = opened.map_err(|error| JournalError::Io(file.clone(), error))?;
        Ok(Self(Some(Open {
            actor,
            file,
            most,
            out,
            written,
            introduced: 0,
            scribe: Scribe::default(),
            begin: Instant::now(),
            begun,
            moved: false,
        })))
    }

    // ---- what happens

    pub(super) fn restarts<A: WireAlgorithm>(&mut self, replica: &Replica<A>) {
        self.note(Kind::Restart, |_, event| {
            event.generation = Some(replica.committee().generation().number());
        });
        self.moved();
    }

    /// Notes a proposal; `summary` tells the operation.
    pub(super) fn proposes(&mut self, summary: impl FnOnce() -> String) {
        self.note(Kind::Propose, |_, event| {
            Scribe::proposes(event, &summary());
        });
    }

    /// Before the replica takes the packet in, so that what follows from it comes after it in the
    /// file.
    pub(super) fn arrives<A: WireAlgorithm>(&mut self, replica: &Replica<A>, packet: &Packet) {
        let ends = (Kind::Deliver, &packet.from);
        self.carries(replica, packet, ends);
    }

    /// Before it is known whether there is room for it; [`loses`](Self::loses) follows when there
    /// is none.
    pub(super) fn sends<A: WireAlgorithm>(&mut self, replica: &Replica<A>, packet: &Packet) {
        self.carries(replica, packet, (Kind::Send, &packet.to));
    }

    /// The packet is named by the SHA-256 of its bytes, by which two recordings of two nodes can be
    /// put together.
    fn carries<A: WireAlgorithm>(
        &mut self,
        replica: &Replica<A>,
        packet: &Packet,
        (kind, end): (Kind, &Actor),
    ) {
        self.note(kind, |scribe, event| {
            let (body, dot) = (packet.body.kind(), packet.body.dot());
            let message = digest(packet, replica.network());
            scribe.carries(event, end, body, (dot.as_ref(), message.as_ref()));
            let bytes = Sha256::digest(packet.encode());
            event.bytes = Some(digits(&Digest::from_bytes(bytes.into())));
        });
    }

    /// A packet that was to leave found no room, or nobody.
    pub(super) fn loses(&mut self, to: &Actor, kind: &str) {
        self.note(Kind::Lose, |scribe, event| {
            scribe.carries(event, to, kind, (None, None));
        });
    }

    pub(super) fn refuses(&mut self, refusal: &PacketError) {
        self.note(Kind::Refuse, |_, event| Scribe::refuses(event, refusal));
    }

    /// What is about to be made durable.
    pub(super) fn will_write<A: WireAlgorithm>(
        &mut self,
        replica: &Replica<A>,
        records: &[Record],
    ) {
        if let Some(open) = &mut self.0 {
            open.scribe.writes(open.now(), replica, records);
        }
    }

    /// What follows once it is durable.
    pub(super) fn sees<A: WireAlgorithm>(&mut self, replica: &Replica<A>, effect: &Effect) {
        match effect {
            Effect::Delivered(delivery) => {
                self.note(Kind::Apply, |scribe, event| {
                    scribe.about(event, &delivery.dot(), Some(&delivery.digest()));
                });
                self.moved();
            }
            Effect::Fault(fault) => {
                self.note(Kind::Fault, |scribe, event| scribe.reports(event, fault));
            }
            Effect::Installed(installed) => {
                self.note(Kind::Generation, |scribe, event| {
                    let members = replica.committee().actors();
                    scribe.begins(event, installed.generation, members);
                });
                self.moved();
            }
            Effect::Refused(refusal) => self.refuses(refusal),
            Effect::Send(_) | Effect::Asked(_) => {}
        }
    }

    /// The state is written with the end of the batch: once, however many events changed it.
    fn moved(&mut self) {
        self.0.iter_mut().for_each(|open| open.moved = true);
    }

    fn note(&mut self, kind: Kind, fill: impl FnOnce(&mut Scribe, &mut crate::recording::Event)) {
        if let Some(open) = &mut self.0 {
            let (at, actor) = (open.now(), open.actor);
            open.scribe.push(at, kind, &actor, fill);
        }
    }

    // ---- the file

    /// Writes what happened in a batch.
    ///
    /// Called after the effects of a batch, when all that it speaks of is durable.
    pub(super) fn commit<A: WireAlgorithm>(&mut self, replica: &Replica<A>) {
        let Some(open) = &mut self.0 else {
            return;
        };
        if std::mem::take(&mut open.moved) {
            open.scribe.is_in(&open.actor, &replica.algorithm().state());
        }
        self.write();
    }

    /// Writes what happened last, and what is held for ever.
    pub(super) fn end<A: WireAlgorithm>(&mut self, replica: &Replica<A>) {
        if let Some(open) = &mut self.0 {
            open.scribe.waits(open.now(), replica);
        }
        self.write();
    }

    /// A failure ends the recording, and is logged once.
    fn write(&mut self) {
        let Some(open) = &mut self.0 else {
            return;
        };
        if let Err(error) = open.write() {
            let file = open.file.display();
            tracing::warn!(%file, %error, "the recording ends here");
            self.0 = None;
        }
    }
}

impl Open {
    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Begins the next file when this one is full. So a file is longer than it may be by one batch
    /// at most.
    fn write(&mut self) -> io::Result<()> {
        let mut events = self.scribe.take().into_iter().peekable();
        if events.peek().is_none() {
            return Ok(());
        }
        let actors = self.scribe.actors()[self.introduced..].iter().cloned();
        self.introduced = self.scribe.actors().len();
        for line in actors.map(Line::Actor).chain(events.map(Line::Event)) {
            let text = line.text();
            assert!(text.len() <= MOST_LINE, "events are short");
            self.written += text.len() as u64;
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()?;
        if self.written >= self.most || self.scribe.count() >= EVENTS {
            (self.out, self.written) = begin(&self.file, self.begun)?;
            (self.scribe, self.introduced) = (Scribe::default(), 0);
        }
        Ok(())
    }
}

/// Puts away what is there, and begins a recording in its place. The bytes of its first line.
///
/// The file is readable by its owner alone where the system knows of owners. One that is there
/// already takes the place of the old one.
fn begin(file: &Path, begun: u64) -> io::Result<(BufWriter<File>, u64)> {
    if file.try_exists()? {
        fs::rename(file, old(file))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = BufWriter::new(options.open(file)?);
    let text = Line::Run(Run::real(World::Node, begun)).text();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok((out, text.len() as u64))
}

fn old(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".old");
    name.into()
}

/// Whether nothing is there that is not a recording.
fn is_free(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut first = Vec::new();
    let mut start = BufReader::new(file.take(MOST_LINE as u64));
    start.read_until(b'\n', &mut first)?;
    let recording = Recording::read(&String::from_utf8_lossy(&first));
    Ok(first.is_empty() || recording.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = format!("bft-journal-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir(&folder).expect("a new directory");
            Self(folder)
        }

        fn journal(&self, most: u64) -> Journal {
            let actor = Actor::from_bytes([1; 32]);
            Journal::open(actor, self.0.join("run"), most).expect("it is free")
        }

        fn read(&self, name: &str) -> Recording {
            let text = fs::read_to_string(self.0.join(name)).expect("written");
            Recording::read(&text).expect("a recording")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn two_parts_are_kept_and_each_is_a_recording() {
        let folder = Folder::new("parts");
        let mut journal = folder.journal(2_000);
        for number in 0..100 {
            journal.proposes(|| number.to_string());
            journal.write();
        }
        drop(journal);
        let parts = ["run.old", "run"].map(|name| folder.read(name));
        let files = fs::read_dir(&folder.0).expect("a directory");
        let bytes: Vec<_> = files
            .map(|file| file.expect("a file").metadata().expect("there").len())
            .collect();
        assert_eq!(bytes.len(), 2);
        assert!(bytes.iter().all(|bytes| *bytes < 2_200), "{bytes:?}");
        let merged = Recording::merge(&parts).expect("of one node");
        let last: Vec<_> = (100 - merged.events().len()..100)
            .map(|number| number.to_string())
            .collect();
        let words = merged
            .events()
            .iter()
            .filter_map(|event| event.words.clone());
        assert_eq!(words.collect::<Vec<_>>(), last);
        assert!(last.len() > 10);
    }

    #[test]
    fn an_operation_is_told_in_a_line_however_long_its_summary_is() {
        let folder = Folder::new("long");
        let mut journal = folder.journal(1 << 20);
        journal.proposes(|| "word ".repeat(MOST_LINE));
        journal.write();
        drop(journal);
        let told = folder.read("run").events()[0].words.clone();
        let told = told.expect("words");
        assert!(
            told.starts_with("word word") && told.len() < 1_000,
            "{told}"
        );
    }

    #[test]
    fn a_disk_that_takes_no_more_ends_the_recording_and_not_the_node() {
        let folder = Folder::new("full");
        let mut journal = folder.journal(1);
        fs::remove_dir_all(&folder.0).expect("there");
        for _ in 0..3 {
            journal.proposes(String::new);
            journal.write();
        }
        assert!(journal.0.is_none());
    }

    #[test]
    fn where_something_else_is_no_recording_begins() {
        let folder = Folder::new("occupied");
        for name in ["run", "run.old"] {
            fs::write(folder.0.join(name), "mine").expect("written");
            let refused = Journal::open(Actor::from_bytes([1; 32]), folder.0.join("run"), 1);
            assert!(matches!(refused, Err(JournalError::Occupied(_))));
            assert_eq!(fs::read(folder.0.join(name)).expect("there"), b"mine");
            fs::remove_file(folder.0.join(name)).expect("there");
        }
    }
}
