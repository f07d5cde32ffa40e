//! The house's floors: a file uses only floors below its own, without exception.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each floor, from the ground up. A room is what stands under one name in src: a
/// file, a folder, or both.
const FLOORS: &[&[&str]] = &[
    // Words.
    &["codec", "environment", "few", "index", "summary"],
    &["actor", "merkle"],
    &["budget", "dot", "evidence", "money"],
    // The contract.
    &["message", "traits"],
    &["laws", "quorum", "snapshot"],
    // Algorithms, and the protocol.
    &["at2_impl", "bank", "membership", "orswot"],
    &["verify"],
    &["deterministic_secure_broadcast", "types"],
    &["recording"],
    // Worlds.
    &["store"],
    &["net", "node"],
];

/// The lowest floor on which there are time, chance and I/O.
const WORLDS: usize = 9;

/// The sides of the house do not know each other, whatever the floor.
const SIDES: [&[&str]; 2] = [
    &["at2_impl", "bank", "orswot", "types"],
    &[
        "deterministic_secure_broadcast",
        "membership",
        "quorum",
        "verify",
    ],
];

/// A file below `src/`, and the room that it stands in: its folder there, or its name.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) room: String,
    pub(crate) text: String,
}

impl Source {
    fn floor(&self) -> usize {
        floor_of(&self.room).expect("every file of the house stands on a floor")
    }
}

/// Every file below `src/`, in the order of their paths.
pub(crate) fn files() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        let path = path.strip_prefix(&root).expect("below src");
        let path = path.to_string_lossy().replace('\\', "/");
        let room = path.split(['/', '.']).next().unwrap_or_default().to_owned();
        Source { path, room, text }
    };
    paths.into_iter().map(source).collect()
}

/// Those of the house.
fn sources() -> Vec<Source> {
    let mut sources = files();
    // The program stands before the house: it sees what is public, and prints.
    sources.retain(|source| source.path != "lib.rs" && source.room != "bin");
    for Source { path, room, .. } in &sources {
        assert!(
            floor_of(room).is_some(),
            "{path} stands on no floor: say in tests/promises/floors.rs where it belongs"
        );
    }
    assert!(sources.len() > 30, "the house is larger than that");
    sources
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
}

/// The file without its comments and without its unit tests, which may look anywhere.
pub(crate) fn production(text: &str) -> String {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    let lines = code.lines().map(|line| match line.find("//") {
        Some(comment) => &line[..comment],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names by `crate::room`, in `use` lines and elsewhere.
fn rooms_named(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (index, _) in code.match_indices("crate::") {
        let rest = &code[index + "crate::".len()..];
        assert!(!rest.starts_with('{'), "one `use crate::` line a room");
        let name: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        named.push(name);
    }
    named.sort();
    named.dedup();
    named
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn side_of(room: &str) -> Option<usize> {
    SIDES.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn a_file_uses_only_floors_below_its_own_and_no_room_of_the_other_side() {
    let mut wrong = Vec::new();
    for source in sources() {
        for used in rooms_named(&production(&source.text)) {
            let below = floor_of(&used).is_some_and(|floor| floor < source.floor());
            let sides = side_of(&used).zip(side_of(&source.room));
            let across = sides.is_some_and(|(used, own)| used != own);
            if used != source.room && (!below || across) {
                wrong.push(format!("{} uses crate::{used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where `word` stands as a word of its own in what is compiled.
fn files_naming(word: &str, code: impl Fn(&Source) -> String) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = |source: &&Source| {
        let code = code(source);
        code.match_indices(word).any(|(index, _)| {
            let before = code[..index].chars().next_back();
            let after = code[index + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    };
    let sources = sources();
    sources
        .iter()
        .filter(names)
        .map(|s| s.path.clone())
        .collect()
}

#[test]
fn the_encoding_s_crate_is_named_in_one_file() {
    let whole = |source: &Source| source.text.clone();
    assert_eq!(files_naming("bincode", whole), ["codec/mod.rs"]);
}

#[test]
fn there_is_no_clock_no_chance_and_no_input_below_the_worlds() {
    let allowed: &[(&str, &[&str])] = &[
        ("std::time", &[]),
        ("Instant", &[]),
        ("SystemTime", &[]),
        ("std::net", &[]),
        ("std::fs", &[]),
        // What a simulated network remembers of signatures is its thread's.
        ("std::thread", &["actor/signatures.rs"]),
        // Keyed at random, and never walked but in order.
        ("HashMap", &["index.rs"]),
        ("HashSet", &[]),
        // The encoding writes into hashers.
        ("std::io", &["codec/mod.rs"]),
        // How many trials to make is the environment's to say.
        ("std::env", &["environment.rs"]),
        ("rand", &["actor/", "laws/"]),
        ("rand_chacha", &["laws/"]),
    ];
    let mut wrong = Vec::new();
    for (word, files) in allowed {
        let low = |source: &Source| match source.floor() {
            0..WORLDS => production(&source.text),
            _ => String::new(),
        };
        for path in files_naming(word, low) {
            if !files.iter().any(|allowed| path.starts_with(allowed)) {
                wrong.push(format!("{path} names {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let actor = sources()
        .into_iter()
        .find(|source| source.path == "actor/mod.rs");
    let actor = production(&actor.expect("the file").text);
    let uses: Vec<_> = actor
        .lines()
        .filter(|line| line.contains("rand::"))
        .collect();
    assert_eq!(uses, ["use rand::CryptoRng;"]);
}

#[test]
fn nothing_is_printed_from_the_library() {
    for word in ["println", "eprintln", "dbg", "print", "eprint"] {
        let with_bang = |source: &Source| {
            let code = production(&source.text);
            code.replace(&format!("{word}!"), "PRINTED")
        };
        assert_eq!(files_naming("PRINTED", with_bang), [""; 0], "{word}!");
    }
}
