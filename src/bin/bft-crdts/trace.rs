//! Shows the recordings that nodes wrote: as lines, or as a page.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bft_crdts::recording::Recording;

use crate::failure::Failure;
use crate::print;

/// Bytes of one file, at most.
pub(crate) const FILE_BYTES: u64 = 512 << 20;

/// Which recordings, and how to show them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Recordings of nodes, of one or of several members, the older parts too: what each saw is put
    /// in the order in which one thing led to another
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Writes a page to be opened in a browser
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// With the page: another recording beside this one, from the first event in which they differ
    #[arg(long, value_name = "FILE", requires = "page")]
    beside: Option<PathBuf>,
    /// Prints a line an event and a column an actor, as without a page
    #[arg(long)]
    lines: bool,
}

/// Shows them. With `json` the lines are those of one recording of them all.
pub(crate) fn show(options: &Options, json: bool) -> Result<(), Failure> {
    let recording = match options.files.as_slice() {
        [file] => read(file)?,
        files => {
            let recordings: Result<Vec<_>, _> = files.iter().map(|file| read(file)).collect();
            Recording::merge(&recordings?)?
        }
    };
    if let Some(page) = &options.page {
        let html = match &options.beside {
            Some(other) => recording.page_beside(&read(other)?),
            None => recording.page(),
        };
        fs::write(page, html).map_err(|error| Failure::File(page.clone(), error))?;
    }
    if options.page.is_none() || options.lines {
        let lines = match json {
            true => recording.lines(),
            false => recording.columns(),
        };
        print(lines.trim_end())?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Recording, Failure> {
    let text = text(path).map_err(|error| Failure::File(path.to_owned(), error))?;
    Recording::read(&text).map_err(|error| Failure::Recording(path.to_owned(), error))
}

/// The text of a file. What is no text is in no line of a recording, unless a crash tore the last
/// one.
fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(FILE_BYTES + 1);
    { read }.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other(format!("more than {FILE_BYTES} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
