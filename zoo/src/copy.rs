//! The copy of the crate that holds every bug.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bugs::{self, Bug};
use crate::place::{self, Place};
use crate::root;

/// What the copy takes of the crate's own manifest.
const SECTIONS: [&str; 4] = [
    "[features]",
    "[dependencies]",
    "[profile.dev]",
    "[profile.dev.package.\"*\"]",
];

/// Switches bugs on and off.
const CAGE: &str = include_str!("../cage.rs");

/// Writes the copy into a folder. A file that is there and need not change is left alone, so that
/// it is not compiled again.
pub(crate) fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let files = files()?;
    let source = folder.join("src");
    fs::create_dir_all(&source)?;
    let kept: BTreeSet<_> = files.keys().map(|path| folder.join(path)).collect();
    for path in below(&source)? {
        if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    for (path, text) in &files {
        let path = folder.join(path);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            fs::create_dir_all(path.parent().expect("below the folder"))?;
            fs::write(path, text)?;
        }
    }
    // Written by cargo, too: it drops what the copy does not need.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(())
}

/// Each file of the copy, with its text.
fn files() -> Result<BTreeMap<PathBuf, String>, Box<dyn Error>> {
    let bugs = bugs::all()?;
    let mut files = sources(&bugs)?;
    let library = files.get_mut(Path::new("src/lib.rs"));
    *library.ok_or("src/lib.rs is missing")? += "\npub mod zoo;\n";
    files.insert("src/zoo.rs".into(), cage(&bugs));
    files.insert("Cargo.toml".into(), manifest()?);
    Ok(files)
}

/// The crate's sources, with the bugs in them.
fn sources(bugs: &[Bug]) -> Result<BTreeMap<PathBuf, String>, Box<dyn Error>> {
    let mut places: BTreeMap<&Path, Vec<(&str, &Place)>> = BTreeMap::new();
    for bug in bugs {
        for place in &bug.places {
            let places = places.entry(Path::new(&place.file)).or_default();
            places.push((&bug.name, place));
        }
    }
    let (source, mut files, mut wrong) = (root().join("src"), BTreeMap::new(), Vec::new());
    for path in below(&source)? {
        let file = path.strip_prefix(&source)?;
        if file.starts_with("bin") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        match place::changed(&text, &places.remove(file).unwrap_or_default()) {
            Ok(text) => {
                files.insert(Path::new("src").join(file), text);
            }
            Err(told) => wrong.push(told),
        }
    }
    wrong.extend(
        places
            .keys()
            .map(|file| format!("there is no {}", file.display())),
    );
    if wrong.is_empty() {
        Ok(files)
    } else {
        Err(format!(
            "zoo/bugs.txt does not fit the sources:\n{}",
            wrong.join("\n")
        )
        .into())
    }
}

/// The module that switches bugs on and off, and has their names.
fn cage(bugs: &[Bug]) -> String {
    let names = bugs
        .iter()
        .map(|bug| format!("    /// {}\n    {},\n", bug.mistake, bug.name));
    format!("{CAGE}\nbugs! {{\n{}}}\n", names.collect::<String>())
}

fn manifest() -> Result<String, Box<dyn Error>> {
    let own = fs::read_to_string(root().join("Cargo.toml"))?;
    let mut taken = String::new();
    let mut takes = false;
    for line in own.lines() {
        if line.starts_with('[') {
            takes = SECTIONS.contains(&line);
        }
        if takes {
            taken += line;
            taken.push('\n');
        }
    }
    let hunt = root().join("zoo/hunt/main.rs");
    Ok(format!(
        r#"[package]
name = "bft-crdts-with-bugs"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[[test]]
name = "hunt"
path = {hunt:?}

# A bug ends what it stands in early, or leaves something unused; and a condition needs its parentheses in some places alone.
[lints.rust]
unused = {{ level = "allow", priority = -1 }}

{taken}"#
    ))
}

/// Every file below a folder.
fn below(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_every_bug_is_found_once() {
        if let Err(wrong) = files() {
            panic!("{wrong}");
        }
    }
}
