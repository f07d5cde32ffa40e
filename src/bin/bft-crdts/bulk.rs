//! Many lines at once: they are read and said in batches, so that memory stays small, and may be
//! read again, since what is so already is not made again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::json;

use crate::client::{self, Call};
use crate::failure::Failure;
use crate::home::Home;
use crate::protocol::{Kind, Put, Refusal, Reply, Request};

/// Bytes of a line that are read, at most; what is longer is told by its number. Escaped as JSON
/// they fit a request.
const LINE_BYTES: usize = 128 << 10;
/// Lines of a batch, at most, and their bytes unless there is only one.
const BATCH_LINES: usize = 1000;
const BATCH_BYTES: usize = 64 << 10;
/// Bytes of a line in an operation besides its own.
const ITEM_BYTES: usize = 16;

/// What `import` reads.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportOptions {
    /// The file, or - for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Each line is a member of a set as it is, and not JSON
    #[arg(long)]
    lines: bool,
}

/// What `export` prints.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExportOptions {
    /// Each line is a member of a set as it is, and not JSON; members that are no line are left out
    /// and told
    #[arg(long)]
    lines: bool,
}

/// What is to be done with lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Add,
    Remove,
    Put,
}

/// An element that a line stands for.
enum Item {
    Member(String),
    Put(Put),
}

/// Elements with the numbers of their lines.
#[derive(Default)]
struct Batch {
    items: Vec<(u64, Item)>,
    bytes: usize,
}

/// Lines that are read for a running node.
struct Job<'a> {
    home: &'a Home,
    action: Action,
    plain: bool,
    json: bool,
    bar: ProgressBar,
    batch: Batch,
    lines: u64,
    changed: u64,
    left_out: u64,
}

/// The lines that a request stands for, if it does: of a file, or of standard input.
pub(crate) fn source(request: &Request) -> Option<&Path> {
    match request {
        Request::Add { file, members, .. } | Request::Remove { file, members } => match file {
            Some(file) => Some(file),
            None => (members.as_slice() == ["-"]).then(|| Path::new("-")),
        },
        _ => None,
    }
}

/// Adds or removes lines.
pub(crate) fn change(home: &Home, request: &Request, json: bool) -> Result<(), Failure> {
    let action = match request {
        Request::Add {
            receipt: Some(_), ..
        } => {
            let why = "--receipt is for one operation, and lines make several";
            return Err(Failure::Usage(why.to_owned()));
        }
        Request::Remove { .. } => Action::Remove,
        _ => Action::Add,
    };
    let lines = source(request).expect("the request stands for lines");
    Job::new(home, action, true, json).run(lines)
}

/// Adds what `export` wrote, as far as it is missing.
pub(crate) fn import(home: &Home, options: &ImportOptions, json: bool) -> Result<(), Failure> {
    let action = match (kind(home)?, options.lines) {
        (Kind::Set, _) => Action::Add,
        (Kind::Map, false) => Action::Put,
        (Kind::Map, true) => return Err(Failure::Usage("--lines are members of a set".to_owned())),
        (other, _) => return Err(Refusal::OtherKind(other).into()),
    };
    Job::new(home, action, options.lines, json).run(&options.file)
}

fn kind(home: &Home) -> Result<Kind, Failure> {
    match client::ask(home, &Request::Status)? {
        Reply::Status(status) => Ok(status.kind),
        _ => Err(Failure::NotRunning(home.directory().to_owned())),
    }
}

impl<'a> Job<'a> {
    fn new(home: &'a Home, action: Action, plain: bool, json: bool) -> Self {
        Self {
            home,
            action,
            plain,
            json,
            bar: ProgressBar::hidden(),
            batch: Batch::default(),
            lines: 0,
            changed: 0,
            left_out: 0,
        }
    }

    /// Reads all lines, from standard input when the file is `-`.
    fn run(mut self, file: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::File(file.to_owned(), error);
        let begin = Instant::now();
        let read = if file == Path::new("-") {
            self.show(None);
            self.read(io::stdin().lock(), failed)
        } else {
            let opened = File::open(file).map_err(failed)?;
            let metadata = opened.metadata().map_err(failed)?;
            self.show(metadata.is_file().then_some(metadata.len()));
            self.read(BufReader::new(opened), failed)
        };
        self.bar.finish_and_clear();
        read?;
        self.sum_up(begin.elapsed().as_secs_f64())?;
        match self.left_out {
            0 => Ok(()),
            count => Err(Failure::LeftOut(count)),
        }
    }

    /// Shows how far it is, if somebody looks at a terminal.
    fn show(&mut self, bytes: Option<u64>) {
        if !io::stderr().is_terminal() {
            return;
        }
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{msg} lines {wide_bar} {bytes}/{total_bytes}, {eta} left",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} lines, {bytes}"),
        };
        let style = ProgressStyle::with_template(template);
        self.bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }

    fn read(
        &mut self,
        mut reader: impl BufRead,
        failed: impl Fn(io::Error) -> Failure,
    ) -> Result<(), Failure> {
        loop {
            let (line, read) = next_line(&mut reader).map_err(&failed)?;
            if read == 0 {
                break;
            }
            self.lines += 1;
            self.bar.inc(read);
            match line {
                None => self.leave_out(self.lines, &format!("has more than {LINE_BYTES} bytes")),
                Some(line) => self.take(&line)?,
            }
        }
        self.flush()
    }

    /// Takes a line. Empty ones stand for nothing.
    fn take(&mut self, line: &[u8]) -> Result<(), Failure> {
        if line.is_empty() {
            return Ok(());
        }
        let item = match self.item(line) {
            Ok(item) => item,
            Err(why) => {
                self.leave_out(self.lines, &why);
                return Ok(());
            }
        };
        let bytes = line.len() + ITEM_BYTES;
        if self.batch.items.len() >= BATCH_LINES || self.batch.bytes + bytes > BATCH_BYTES {
            self.flush()?;
        }
        self.batch.bytes += bytes;
        self.batch.items.push((self.lines, item));
        Ok(())
    }

    fn item(&self, line: &[u8]) -> Result<Item, String> {
        if self.plain {
            let text = str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
            return Ok(Item::Member(text.to_owned()));
        }
        let read = match self.action {
            Action::Add | Action::Remove => serde_json::from_slice(line).map(Item::Member),
            Action::Put => serde_json::from_slice(line).map(Item::Put),
        };
        read.map_err(|why| format!("is not what `export` writes: {why}"))
    }

    /// A line that is left out is told by its number, and costs no other one.
    fn leave_out(&mut self, number: u64, why: &str) {
        self.left_out += 1;
        self.bar
            .suspend(|| crate::remark(&format!("line {number} {why}: it is left out")));
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        self.say(batch.items)?;
        self.bar.set_message(HumanCount(self.lines).to_string());
        Ok(())
    }

    /// Says a batch; in halves, if it is too large for one operation.
    fn say(&mut self, mut items: Vec<(u64, Item)>) -> Result<(), Failure> {
        let Some(&(first, _)) = items.first() else {
            return Ok(());
        };
        match client::ask(self.home, &self.request(&items)) {
            Ok(Reply::Changed(changed)) => self.changed += changed,
            Ok(_) => return Err(Failure::NotRunning(self.home.directory().to_owned())),
            Err(Failure::Refused(Refusal::TooLarge { len, limit })) if items.len() == 1 => {
                self.leave_out(
                    first,
                    &format!("takes {len} bytes in an operation, and {limit} fit"),
                );
            }
            Err(Failure::Refused(Refusal::TooLarge { .. }) | Failure::TooLong(_))
                if items.len() > 1 =>
            {
                let rest = items.split_off(items.len() / 2);
                self.say(items)?;
                self.say(rest)?;
            }
            Err(failure) => {
                let told = format!(
                    "stopped at line {first}; what comes before it is done, and all may be read again"
                );
                self.bar.suspend(|| crate::remark(&told));
                return Err(failure);
            }
        }
        Ok(())
    }

    fn request(&self, items: &[(u64, Item)]) -> Request {
        let mut members = Vec::new();
        let mut puts = Vec::new();
        for (_, item) in items {
            match item {
                Item::Member(member) => members.push(member.clone()),
                Item::Put(put) => puts.push(put.clone()),
            }
        }
        match self.action {
            Action::Add => Request::AddMissing { members },
            Action::Remove => Request::RemovePresent { members },
            Action::Put => Request::PutMissing { puts },
        }
    }

    fn sum_up(&self, seconds: f64) -> Result<(), Failure> {
        let (lines, changed, left_out) = (self.lines, self.changed, self.left_out);
        let unchanged = lines.saturating_sub(left_out).saturating_sub(changed);
        let rate = lines as f64 / seconds.max(0.001);
        if self.json {
            let told = json!({
                "lines": lines, "changed": changed, "unchanged": unchanged, "left_out": left_out,
                "seconds": (seconds * 1000.0).round() / 1000.0, "per_second": rate.round(),
            });
            return Ok(crate::print(&told.to_string())?);
        }
        let (done, so) = match self.action {
            Action::Add => ("added", "there already or empty"),
            Action::Remove => ("removed", "not there or empty"),
            Action::Put => ("put", "there already or empty"),
        };
        Ok(crate::print(&format!(
            "{lines} lines in {seconds:.1} s, {rate:.0} a second: {changed} {done}, {unchanged} {so}, {left_out} left out"
        ))?)
    }
}

/// The next line without its end, nothing in its place when it is too long; and how many bytes were
/// read, none at the end.
fn next_line(reader: &mut impl BufRead) -> io::Result<(Option<Vec<u8>>, u64)> {
    let (mut line, mut read, mut fits) = (Vec::new(), 0, true);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        fits &= line.len() + part.len() <= LINE_BYTES;
        if fits {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        read += used as u64;
        if end.is_some() {
            break;
        }
    }
    Ok((fits.then_some(line), read))
}

// ---- export

/// Prints all of the state, an element a line, as it comes.
pub(crate) fn export(home: &Home, options: &ExportOptions) -> Result<(), Failure> {
    let kind = kind(home)?;
    if options.lines && kind != Kind::Set {
        return Err(Failure::Usage("--lines are members of a set".to_owned()));
    }
    let request = match kind {
        Kind::Set => Request::List,
        Kind::Bank => Request::Accounts,
        Kind::Counter | Kind::Map | Kind::Text => Request::Get { key: None },
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut left_out = 0;
    let mut call = Call::say(home, &request)?;
    // A text comes in pieces, and is one element.
    let mut text = String::new();
    client::answers(&mut call, &request, |reply| match reply {
        Reply::Value(piece) => {
            text.push_str(&piece);
            Ok(())
        }
        page => write_page(&mut out, page, options.lines, &mut left_out),
    })?;
    if kind == Kind::Text {
        write_json(&mut out, &text)?;
    }
    out.flush()?;
    match left_out {
        0 => Ok(()),
        count => Err(Failure::LeftOut(count)),
    }
}

fn write_page(
    out: &mut impl Write,
    page: Reply,
    plain: bool,
    left_out: &mut u64,
) -> io::Result<()> {
    match page {
        Reply::List(members) if plain => {
            for member in members {
                match member.is_empty() || member.contains('\n') {
                    true => *left_out += 1,
                    false => writeln!(out, "{member}")?,
                }
            }
            Ok(())
        }
        Reply::List(members) => members.iter().try_for_each(|it| write_json(out, it)),
        Reply::Puts(puts) => puts.iter().try_for_each(|it| write_json(out, it)),
        Reply::Accounts(accounts) => accounts.iter().try_for_each(|it| write_json(out, it)),
        Reply::Number(number) => write_json(out, &number),
        _ => Ok(()),
    }
}

fn write_json(out: &mut impl Write, element: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, element)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_costs_no_other_one() {
        let long = "x".repeat(LINE_BYTES + 1);
        let fits = "y".repeat(LINE_BYTES);
        let text = format!("one\n{long}\n\n{fits}\n{long}");
        let mut reader = BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        loop {
            let (line, read) = next_line(&mut reader).expect("bytes");
            if read == 0 {
                break;
            }
            lines.push(line.map(|line| String::from_utf8(line).expect("texts")));
        }
        let expected = [Some("one"), None, Some(""), Some(&fits), None];
        assert_eq!(lines, expected.map(|line| line.map(str::to_owned)));
    }
}
