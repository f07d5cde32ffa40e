//! How the node that ran here last was: for whoever finds none running, and wonders why.
//!
//! The file has one length, from the begin of a run to its end, and is overwritten in place: a disk
//! that is full takes no new file, and a node that ended because of it can still say so.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::home::Home;
use crate::show::span;
use crate::view;

/// Characters of a reason that are kept: with all that JSON makes of them they fit.
const REASON: usize = 200;
/// Bytes of what is written of the last run: the same at its begin and its end.
const LAST_RUN: u64 = 1 << 10;

/// A run of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRun {
    /// When this was written: seconds since 1970.
    pub(crate) at: u64,
    pub(crate) state: RunState,
}

/// How far a run was when it was last written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunState {
    /// It runs, or ended without a word.
    Running { process: u32 },
    /// It was asked to end.
    Ended,
    /// It failed.
    Failed { why: String },
}

impl LastRun {
    fn now(state: RunState) -> Self {
        let at = view::since(Duration::ZERO);
        Self { at, state }
    }

    /// How long ago it was written, if the clock has not been put back since.
    pub(crate) fn seconds_ago(&self) -> Option<u64> {
        view::since(Duration::ZERO).checked_sub(self.at)
    }

    /// How it ended, in words that follow its name.
    pub(crate) fn ended(&self) -> String {
        let ago = self.seconds_ago();
        let ago = ago.map_or_else(String::new, |ago| format!(" {} ago", span(ago)));
        match &self.state {
            RunState::Running { .. } => format!(
                ", started{ago}, ended without a word: it was killed, or the machine stopped"
            ),
            RunState::Ended => format!(" was asked to end{ago}"),
            RunState::Failed { why } => format!(" failed{ago}: {why}"),
        }
    }

    /// A line of always the same length.
    fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("numbers and texts are JSON");
        let room = usize::try_from(LAST_RUN).expect("a small number");
        assert!(line.len() < room, "what it says is short");
        line.resize(room - 1, b' ');
        line.push(b'\n');
        line
    }
}

/// The begin of a reason, on one line.
fn excerpt(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    text.chars().take(REASON).map(plain).collect()
}

impl Home {
    /// Writes down that a node runs here, and no longer how the last one ended. The room for how it
    /// ends is taken now: a full disk lets no file grow.
    pub(crate) fn note_run(&self) -> Result<(), Failure> {
        let run = LastRun::now(RunState::Running {
            process: std::process::id(),
        });
        let line = run.line();
        match self.overwrite_last_run(&line) {
            Ok(()) => Ok(()),
            Err(_) => self.write(self.last_run_file(), &line),
        }
    }

    /// Writes down how the node of this process ended, where it runs by what is written there.
    pub(crate) fn note_end(&self, ended: Result<(), &Failure>) {
        let process = std::process::id();
        let last = self.last_run().map(|last| last.state);
        if last != Some(RunState::Running { process }) {
            return;
        }
        let state = match ended {
            Ok(()) => RunState::Ended,
            Err(failure) => RunState::Failed {
                why: excerpt(&failure.to_string()),
            },
        };
        if let Err(error) = self.overwrite_last_run(&LastRun::now(state).line()) {
            tracing::warn!(%error, "how the node ended is not kept");
        }
    }

    fn overwrite_last_run(&self, line: &[u8]) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).open(self.last_run_file())?;
        if file.metadata()?.len() != LAST_RUN {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.write_all(line)?;
        file.sync_all()
    }

    /// How the node that ran here last was when it was written down; `None` when nothing that makes
    /// sense is.
    pub(crate) fn last_run(&self) -> Option<LastRun> {
        let file = fs::File::open(self.last_run_file()).ok()?;
        let text = io::read_to_string(file.take(LAST_RUN)).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn last_run_file(&self) -> PathBuf {
        self.directory().join("last-run")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Refusal;

    struct Folder(Home);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.directory());
        }
    }

    fn folder(name: &str) -> Folder {
        let directory = format!("bft-crdts-last-{name}-{}", std::process::id());
        let home = Home::at(std::env::temp_dir().join(directory));
        fs::create_dir(home.directory()).expect("a new directory");
        Folder(home)
    }

    #[test]
    fn how_a_run_ended_takes_no_more_room_than_that_it_began() {
        let Folder(home) = &folder("room");
        for _ in 0..2 {
            home.note_run().expect("written");
        }
        let len = || fs::metadata(home.last_run_file()).expect("a file").len();
        assert_eq!(len(), LAST_RUN);
        let worst = "\"\\\u{1}\n\u{10ffff}".repeat(1000);
        let failure = Failure::Refused(Refusal::Malformed(worst));
        home.note_end(Err(&failure));
        assert_eq!(len(), LAST_RUN);
        let last = home.last_run().expect("it makes sense");
        let RunState::Failed { why } = last.state else {
            panic!("{last:?}");
        };
        assert!(why.starts_with("the request is not understood"), "{why}");
    }

    #[test]
    fn the_end_of_one_run_is_not_written_over_the_begin_of_another() {
        let Folder(home) = &folder("another");
        let other = RunState::Running { process: u32::MAX };
        let line = LastRun::now(other.clone()).line();
        home.write(home.last_run_file(), &line).expect("written");
        home.note_end(Ok(()));
        assert_eq!(home.last_run().map(|last| last.state), Some(other));
        fs::write(home.last_run_file(), "{").expect("written");
        assert_eq!(home.last_run(), None);
    }
}
