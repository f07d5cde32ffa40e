//! The bug zoo: known mistakes of protocols like this one, to see that the simulated network finds
//! each of them.
//!
//! The bugs are data, in `bugs.txt`, so that the crate reads as what a release does and no release
//! can hold one. This program copies the crate's sources, makes an `if` of each place where a bug
//! is made, and runs `hunt`, the tests in which each bug is switched on by its name, in one build
//! of the copy. What it is given on its command line goes to those tests.

mod bugs;
mod copy;
mod place;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Where the crate is.
fn root() -> &'static Path {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR"));
    zoo.parent().expect("the zoo is a folder of the repository")
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let target = std::path::absolute(target)?;
    let folder = target.join("zoo");
    copy::write(&folder)?;
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let hunt = Command::new(cargo)
        .args(["test", "--test", "hunt", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        // What the crate and its copy depend on is built once.
        .env("CARGO_TARGET_DIR", target)
        .arg("--")
        .args(env::args_os().skip(1))
        .status()?;
    Ok(if hunt.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
