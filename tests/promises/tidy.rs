//! What was agreed on for every file, held by a test. Where the house is not there yet, a number
//! says how far it is; it may only shrink.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::floors::{Source, files, production};

/// Lines of code in a file, at most.
const FILE_LINES: usize = 400;

/// Characters in a line of prose.
const PROSE: usize = 100;

/// Fields of a struct in the protocol's rooms.
const FIELDS: usize = 10;

/// Methods in one `impl` of the protocol's rooms.
const METHODS: usize = 25;

/// Assertions in 1,000 lines of the protocol's rooms, at least.
const ASSERTIONS: usize = 3;

/// Names that are bound twice in a row, the second time to what is made of the first.
const CHAINS: usize = 70;

/// Lines of documentation for 100 lines of code, at least; in which rooms there are less.
const USUAL_DOCS: usize = 25;
const DOCS: &[(&str, usize)] = &[
    ("bin", 10),
    ("few", 11),
    ("index", 10),
    ("deterministic_secure_broadcast", 33),
    ("node", 28),
    ("orswot", 22),
    ("recording", 30),
    ("summary", 18),
];

/// The lines of a file that are code, in what is released.
fn code(source: &Source) -> Vec<String> {
    let production = production(&source.text);
    let lines = production.lines().filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// Those that are not tests alone.
fn released() -> Vec<Source> {
    let mut sources = files();
    sources.retain(|source| !source.path.ends_with("tests.rs") && !source.path.contains("/tests/"));
    sources
}

fn is_protocol(source: &&Source) -> bool {
    ["deterministic_secure_broadcast", "membership", "quorum"].contains(&source.room.as_str())
}

/// The least documentation of a room: the usual one, unless it is an exception.
fn least_docs(room: &str) -> usize {
    let exception = DOCS.iter().find(|(of, _)| *of == room);
    exception.map_or(USUAL_DOCS, |(_, least)| *least)
}

#[test]
fn no_file_is_too_long() {
    for source in released() {
        let lines = code(&source).len();
        let path = &source.path;
        assert!(lines <= FILE_LINES, "{path} has {lines} lines of code");
    }
}

#[test]
fn prose_fits_the_eye() {
    let mut long = Vec::new();
    for source in files() {
        for (number, line) in (1..).zip(source.text.lines()) {
            let prose = line.trim_start().strip_prefix("//");
            let table = prose.is_some_and(|prose| prose.contains('|') || prose.contains("://"));
            if prose.is_some() && !table && line.chars().count() > PROSE {
                long.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// What stands at this depth between the braces that follow each line with `start`, by that line.
fn blocks<'a>(lines: &'a [String], start: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut found = Vec::new();
    let mut rest = lines.iter();
    while let Some(line) = rest.next() {
        let words = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(super) ");
        let words = words.trim_start_matches("pub(crate) ");
        if words.starts_with(start) && line.ends_with('{') {
            let inside = rest.by_ref().take_while(|line| *line != "}");
            found.push((words, inside.map(String::as_str).collect()));
        }
    }
    found
}

/// Whether a line begins something at the first depth of a block.
fn begins(line: &str, words: &[&str]) -> bool {
    let first = line
        .strip_prefix("    ")
        .filter(|line| !line.starts_with(' '));
    first.is_some_and(|line| {
        let line = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(super) ");
        let line = line.trim_start_matches("pub(crate) ");
        words.iter().any(|word| line.starts_with(word))
    })
}

#[test]
fn the_protocol_s_structs_and_impls_are_small() {
    let mut seen = 0;
    for source in released().iter().filter(is_protocol) {
        let lines = code(source);
        for (head, inside) in blocks(&lines, "struct ") {
            let name = head["struct ".len()..].split(|c: char| !c.is_alphanumeric());
            let name = name.into_iter().next().unwrap_or_default();
            let fields = inside
                .iter()
                .filter(|line| line.contains(": ") && begins(line, &[""]));
            let fields = fields.count();
            assert!(
                fields <= FIELDS,
                "{}: {name} has {fields} fields",
                source.path
            );
            seen += 1;
        }
        for (head, inside) in blocks(&lines, "impl") {
            let methods = inside
                .iter()
                .filter(|line| begins(line, &["fn ", "const fn "]));
            let methods = methods.count();
            assert!(methods <= METHODS, "{}: {methods} in `{head}`", source.path);
        }
    }
    assert!(seen > 50, "there are more structs than {seen}");
}

#[test]
fn the_protocol_asserts_what_it_takes_for_granted() {
    for room in ["deterministic_secure_broadcast", "membership", "quorum"] {
        let sources = released();
        let room = sources.iter().filter(|source| source.room == room);
        let lines: Vec<_> = room.flat_map(code).collect();
        let asserts = |line: &&String| {
            ["assert!(", "assert_eq!(", ".expect(", "unreachable!("]
                .iter()
                .any(|word| line.contains(word))
        };
        let asserted = lines.iter().filter(asserts).count();
        assert!(
            asserted * 1000 >= ASSERTIONS * lines.len(),
            "{asserted} in {} lines",
            lines.len()
        );
    }
}

#[test]
fn names_are_bound_once_and_not_in_chains() {
    let mut chains = Vec::new();
    for source in released() {
        let lines = code(&source);
        for pair in lines.windows(2) {
            let bound = |line: &str| {
                let rest = line.trim_start().strip_prefix("let ")?;
                let rest = rest.trim_start_matches("mut ");
                let name = rest.split([':', ' ', '=']).next()?;
                (!["", "_"].contains(&name) && rest.contains('=')).then(|| name.to_owned())
            };
            let first = bound(&pair[0]).filter(|_| pair[0].ends_with(';'));
            if first.is_some() && first == bound(&pair[1]) {
                chains.push(format!("{}: {}", source.path, pair[1].trim()));
            }
        }
    }
    assert_eq!(
        chains.len(),
        CHAINS,
        "less is better, and the new number: {chains:#?}"
    );
}

#[test]
fn each_room_is_documented() {
    let mut rooms: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for source in released() {
        let docs = source.text.lines().map(str::trim_start);
        let docs = docs.filter(|line| line.starts_with("///") || line.starts_with("//!"));
        let (lines, said) = rooms.entry(source.room.clone()).or_default();
        *lines += code(&source).len();
        *said += docs.count();
    }
    for (room, (lines, said)) in rooms {
        let least = least_docs(&room);
        assert!(
            said * 100 >= least * lines,
            "{room}: {said} lines of documentation for {lines} of code"
        );
    }
}

/// One that is not costs whoever compiles the library a replica and a network of its type.
#[test]
fn the_verbs_of_one_type_are_compiled_where_they_are_used() {
    let mut verbs = 0;
    for source in released() {
        let mut generic = false;
        let lines: Vec<_> = source.text.lines().collect();
        for pair in lines.windows(2) {
            generic = pair[0].starts_with("impl<") || generic && pair[0] != "}";
            let verb = pair[1].trim_start();
            let verb = verb.starts_with("fn ") || verb.starts_with("pub fn ");
            if source.path.starts_with("net/verbs/") && verb && !generic {
                let path = &source.path;
                assert_eq!(pair[0].trim(), "#[inline]", "{path}: {}", pair[1]);
                verbs += 1;
            }
        }
    }
    assert!(verbs > 10, "{verbs}");
}

#[test]
fn clippy_watches_the_length_of_functions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let thresholds = fs::read_to_string(root.join("clippy.toml")).expect("it is there");
    assert!(thresholds.contains("too-many-lines-threshold = 70"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("it is there");
    assert!(manifest.contains("too_many_lines = \"warn\""));
}
