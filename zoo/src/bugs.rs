//! The list of bugs, read.

use crate::place::Place;

const LIST: &str = include_str!("../bugs.txt");

/// A known mistake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bug {
    pub(crate) name: String,
    /// What the mistake is, in a sentence.
    pub(crate) mistake: String,
    /// Where it is made.
    pub(crate) places: Vec<Place>,
}

/// Every bug.
///
/// # Errors
/// What is wrong with the list.
pub(crate) fn all() -> Result<Vec<Bug>, String> {
    read(LIST)
}

fn read(list: &str) -> Result<Vec<Bug>, String> {
    let mut bugs: Vec<Bug> = Vec::new();
    let lines = list.lines().map(str::trim_end);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let stray = || format!("bugs.txt: nothing is known that this belongs to: {line}");
        if !line.starts_with(' ') {
            let (name, mistake) = line.split_once(": ").ok_or_else(stray)?;
            bugs.push(Bug {
                name: name.to_owned(),
                mistake: mistake.to_owned(),
                places: Vec::new(),
            });
            continue;
        }
        let bug = bugs.last_mut().ok_or_else(stray)?;
        let text = line.trim_start();
        match (text.split_once(' '), bug.places.last_mut()) {
            (Some(("-", text)), Some(place)) => place.find(text),
            (Some(("+", text)), Some(place)) => place.put(text),
            (None, _) => bug.places.push(Place::in_file(text)),
            _ => return Err(stray()),
        }
    }
    Ok(bugs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_bug_has_a_name_of_its_own_a_sentence_and_a_place() {
        let bugs = all().expect("a list");
        let names: BTreeSet<_> = bugs.iter().map(|bug| &bug.name).collect();
        assert_eq!(names.len(), bugs.len());
        for bug in &bugs {
            assert!(bug.mistake.ends_with('.'), "{}", bug.name);
            assert!(!bug.places.is_empty(), "{}", bug.name);
        }
    }

    #[test]
    fn a_list_is_read_line_by_line() {
        let list = "# Said of all.\n\nOne: A mistake.\n    a.rs\n        - let «x»\n        - = 1;\n        + y\n    b.rs\n        - «z();»\n";
        let (mut first, mut second) = (Place::in_file("a.rs"), Place::in_file("b.rs"));
        first.find("let «x»");
        first.find("= 1;");
        first.put("y");
        second.find("«z();»");
        let bug = Bug {
            name: "One".to_owned(),
            mistake: "A mistake.".to_owned(),
            places: vec![first, second],
        };
        assert_eq!(read(list), Ok(vec![bug]));
    }

    #[test]
    fn a_line_that_belongs_to_nothing_is_refused() {
        for list in ["    a.rs\n", "One\n", "One: A mistake.\n    - x\n"] {
            assert!(read(list).is_err(), "{list}");
        }
    }
}
