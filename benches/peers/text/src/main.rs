//! Races the crate's text against `yrs` and `automerge` on what a real person wrote: the editing trace of a paper, 259,778 edits of
//! one character each, whose last text has 104,852 characters.
//!
//! Each writes the trace as its own author does, and another replica of it applies what that author sent: in one call where the
//! library is faster so. Times are processor time, the median of several rounds taken in turns. Memory is what a process of its own
//! grows by. Then the trace goes through networks of four, in batches: a plain one, for its rate, and a simulated one with a liar.
//!
//! `cargo run --release --manifest-path benches/peers/text/Cargo.toml` takes some minutes once it is built; with `-- --test`
//! it only shows that it runs.
//!
//! In the end two to four authors write at once. No package carries a trace of several authors, so they share the edits of the
//! one: each makes its part of them in a chapter of its own. Real ones, of <https://github.com/josephg/editing-traces>, are replayed
//! from files: `-- --concurrent FILE`.

#[path = "../../../cluster/mod.rs"]
mod cluster;
mod concurrent;
mod memory;
mod networks;
mod ours;
mod theirs;
mod trace;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use cluster::processor_time;
use ours::Ours;
use theirs::{Automerge, Yrs};
use trace::{Edit, Trace};

/// Races the crate's text against yrs and automerge on the editing trace of a paper
#[derive(Parser)]
struct Arguments {
    /// Runs everything once and small: shows that it runs, and measures nothing
    #[arg(long)]
    test: bool,
    /// Lets the authors of a concurrent trace write it again, and measures nothing
    #[arg(long, value_name = "FILE", exclusive = true)]
    concurrent: Option<PathBuf>,
    /// Loads the text on standard input, and prints how many bytes of memory that takes
    #[arg(long, value_name = "ENGINE", exclusive = true, hide = true)]
    memory_of: Option<String>,
}

/// Edits that are enough to show that everything runs.
const FEW: usize = 3_000;

/// One library's replica of a text.
pub(crate) trait Engine: Sized {
    const NAME: &'static str;
    /// What an author sends, ready to be applied.
    type Sent: Clone;

    /// What the author of these edits sends, an update for each.
    fn write(edits: &[Edit]) -> Self::Sent;
    /// How many bytes that is.
    fn sent_bytes(sent: &Self::Sent) -> usize;
    fn apply(sent: Self::Sent) -> Self;
    fn text(&self) -> String;
    fn save(&self) -> Vec<u8>;
    fn load(bytes: &[u8]) -> Self;
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(path) = arguments.concurrent {
        return concurrent::replay(&path);
    }
    if let Some(engine) = arguments.memory_of {
        return memory::child(&engine);
    }
    let trace = Trace::find()?;
    match arguments.test {
        true => race(&trace.beginning(FEW), 1),
        false => race(&trace, 5),
    }
}

fn race(trace: &Trace, rounds: usize) -> Result<(), Box<dyn Error>> {
    let Trace { edits, text } = trace;
    println!(
        "{} edits, {} characters in the end",
        edits.len(),
        text.len()
    );
    table("an update for each edit", trace, rounds)?;
    let (edits, text) = (trace::runs(edits), text.clone());
    let runs = Trace { edits, text };
    table(
        &format!("{} runs of edits", runs.edits.len()),
        &runs,
        rounds,
    )?;
    networks::race(trace, &runs);
    println!();
    (2..=4).for_each(|authors| concurrent::chapters(trace, authors));
    Ok(())
}

fn table(what: &str, trace: &Trace, rounds: usize) -> Result<(), Box<dyn Error>> {
    println!("\n{what}");
    println!("                write ms  apply ms  bytes sent     saved   load ms    memory");
    let mut ours = Contender::<Ours>::write(&trace.edits);
    let mut yrs = Contender::<Yrs>::write(&trace.edits);
    let mut automerge = Contender::<Automerge>::write(&trace.edits);
    for _ in 0..rounds {
        ours.read(&trace.text);
        yrs.read(&trace.text);
        automerge.read(&trace.text);
    }
    let (ours, yrs, automerge) = (ours.row()?, yrs.row()?, automerge.row()?);
    let (to_yrs, to_automerge) = (ours / yrs, ours / automerge);
    println!("  applying: ours/yrs {to_yrs:.2}, ours/automerge {to_automerge:.3}");
    Ok(())
}

/// What one engine did.
struct Contender<E: Engine> {
    sent: E::Sent,
    saved: Vec<u8>,
    write: Duration,
    apply: Vec<Duration>,
    load: Vec<Duration>,
}

impl<E: Engine> Contender<E> {
    /// Writes what the author wrote.
    fn write(edits: &[Edit]) -> Self {
        let (write, sent) = timed(|| E::write(edits));
        Self {
            sent,
            saved: Vec::new(),
            write,
            apply: Vec::new(),
            load: Vec::new(),
        }
    }

    /// Applies it at a replica, and loads another from what that one saves.
    fn read(&mut self, text: &str) {
        let arriving = self.sent.clone();
        let (apply, replica) = timed(|| E::apply(arriving));
        assert_eq!(replica.text(), text, "{} ends with the text", E::NAME);
        self.saved = replica.save();
        let (load, loaded) = timed(|| E::load(&self.saved));
        assert_eq!(loaded.text(), text, "{} loads what it saved", E::NAME);
        self.apply.push(apply);
        self.load.push(load);
    }

    /// Prints the medians, and returns the milliseconds that applying took.
    fn row(mut self) -> Result<f64, Box<dyn Error>> {
        let write = self.write.as_secs_f64() * 1e3;
        let (apply, load) = (median(&mut self.apply), median(&mut self.load));
        let (sent, saved) = (E::sent_bytes(&self.sent), self.saved.len());
        let memory = memory::of(E::NAME, &self.saved)? / 1024;
        let name = E::NAME;
        println!(
            "  {name:10} {write:>11.0} {apply:>9.1} {sent:>11} {saved:>9} {load:>9.1} {memory:>6} kB"
        );
        Ok(apply)
    }
}

fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let start = processor_time();
    let value = act();
    (processor_time().saturating_sub(start), value)
}

/// In milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}
