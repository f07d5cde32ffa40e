//! What the program tells on standard error, and what a running node notes there: in lines for
//! people, or in JSON for programs. That it cannot be written is no reason to stop.

use std::env::{self, VarError};
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Builder;

use crate::failure::Failure;
use crate::{show, times};

/// What is noted when nothing else is asked for: who is proven faulty, who is not reached, what is
/// broken.
const DEFAULT: &str = "bft_crdts=warn";
/// The environment variable that asks for something else.
const FILTER: &str = "RUST_LOG";

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object of JSON in each line: `timestamp`, `level`, `target`, and `fields`, one of which
    /// is `message`.
    Json,
}

/// How this process writes; set once, where it is not [`LogFormat::Text`].
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// From now on, what this process notes goes to standard error in this format.
pub(crate) fn begin(format: LogFormat) {
    let set = FORMAT.set(format);
    assert_eq!(set, Ok(()), "one node a process");
    let (filter, complaint) = filter();
    let notes = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Told on standard error too, where it panics if it cannot be written.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => notes.init(),
        LogFormat::Json => {
            std::panic::set_hook(Box::new(|panic| say("ERROR", &panic.to_string())));
            notes.json().init();
        }
    }
    if let Some(complaint) = complaint {
        say("WARN", &complaint);
    }
}

/// What is noted, and what is wrong with what was asked for. Read here, because the library tells
/// what it ignores on standard error, and panics where that cannot be written.
fn filter() -> (EnvFilter, Option<String>) {
    let text = match env::var(FILTER) {
        Ok(text) => text,
        Err(VarError::NotPresent) => String::new(),
        Err(error @ VarError::NotUnicode(_)) => return default_for(&error),
    };
    match builder().parse(&text) {
        Ok(filter) => (filter, None),
        Err(error) => default_for(&error),
    }
}

fn default_for(error: &dyn std::fmt::Display) -> (EnvFilter, Option<String>) {
    let complaint = format!("{FILTER} is not understood, {DEFAULT} is used: {error}");
    (builder().parse_lossy(""), Some(complaint))
}

fn builder() -> Builder {
    let default = DEFAULT.parse().expect("a directive");
    EnvFilter::builder().with_default_directive(default)
}

/// Tells the operator a line.
pub(crate) fn remark(line: &str) {
    say("INFO", line);
}

/// What went wrong, and what to do.
pub(crate) fn complain(failure: &Failure) {
    match failure.advice() {
        Some(advice) => say("ERROR", &format!("bft-crdts: {failure}\n  {advice}")),
        None => say("ERROR", &format!("bft-crdts: {failure}")),
    }
}

fn say(level: &str, message: &str) {
    let line = match FORMAT.get() {
        Some(LogFormat::Json) => show::line(&json!({
            "timestamp": times::rfc3339(SystemTime::now()),
            "level": level,
            "fields": { "message": message },
            "target": "bft_crdts",
        })),
        Some(LogFormat::Text) | None => message.to_owned(),
    };
    // That nobody reads it is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}
