//! What a replica takes in memory: what a process of its own grows by when it loads one from its saved bytes.

use std::error::Error;
use std::io::{Read, Write, stdin};
use std::process::{Command, Stdio};

use crate::Engine;
use crate::cluster::resident_bytes;
use crate::ours::Ours;
use crate::theirs::{Automerge, Yrs};

/// Lets a process of its own load what an engine saved, and returns by how many bytes it has grown.
pub(crate) fn of(engine: &str, saved: &[u8]) -> Result<u64, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--memory-of", engine])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("no pipe")?.write_all(saved)?;
    let output = child.wait_with_output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// That process.
pub(crate) fn child(engine: &str) -> Result<(), Box<dyn Error>> {
    let mut saved = Vec::new();
    stdin().read_to_end(&mut saved)?;
    let grown = match engine {
        Ours::NAME => grown::<Ours>(&saved),
        Yrs::NAME => grown::<Yrs>(&saved),
        Automerge::NAME => grown::<Automerge>(&saved),
        _ => return Err("no such engine".into()),
    };
    println!("{grown}");
    Ok(())
}

fn grown<E: Engine>(saved: &[u8]) -> u64 {
    let before = resident_bytes();
    let replica = E::load(saved);
    let grown = resident_bytes().saturating_sub(before);
    assert!(!replica.text().is_empty());
    grown
}
