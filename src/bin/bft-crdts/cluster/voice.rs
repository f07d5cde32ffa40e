//! How the demonstration speaks: in colours where a terminal shows them, and no faster than people
//! read.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::failure::Failure;

/// How long what was said is left to be read.
const AFTER_A_TALE: Duration = Duration::from_millis(2500);
const AFTER_AN_ANSWER: Duration = Duration::from_millis(700);

const TALE: Style = AnsiColor::Cyan.on_default().bold();
const COMMAND: Style = Style::new().bold();
const PROOF: Style = AnsiColor::Red.on_default().bold();

/// Where the demonstration speaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    paused: bool,
}

impl Voice {
    /// One that leaves time to read, if somebody reads.
    pub(super) fn new(fast: bool) -> Self {
        let paused = !fast && io::stdout().is_terminal();
        Self { paused }
    }

    /// What happens next, and why.
    pub(super) fn tell(self, text: &str) -> Result<(), Failure> {
        say(&format!("\n{TALE}{text}{TALE:#}"))?;
        self.pause(AFTER_A_TALE);
        Ok(())
    }

    /// A command that is given.
    pub(super) fn command(self, text: &str) -> Result<(), Failure> {
        say(&format!("  {COMMAND}{text}{COMMAND:#}"))
    }

    /// What is answered to it.
    pub(super) fn answer(self, text: &str) -> Result<(), Failure> {
        for line in text.lines() {
            say(&format!("    {line}"))?;
        }
        self.pause(AFTER_AN_ANSWER);
        Ok(())
    }

    /// Something that was seen.
    pub(super) fn note(self, text: &str) -> Result<(), Failure> {
        say(&format!("  {text}"))
    }

    /// What a liar is proven.
    pub(super) fn proof(self, text: &str) -> Result<(), Failure> {
        say(&format!("  {PROOF}{text}{PROOF:#}"))?;
        self.pause(AFTER_AN_ANSWER);
        Ok(())
    }

    fn pause(self, time: Duration) {
        if self.paused {
            std::thread::sleep(time);
        }
    }
}

/// A line; its colours only where a terminal shows them and nobody wishes otherwise, as with
/// `NO_COLOR`.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
