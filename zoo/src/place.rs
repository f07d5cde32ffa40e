//! Where a bug is made: found in the text of a file, and changed there.

use std::collections::BTreeMap;
use std::ops::Range;

/// The word for "whether the bug is on" in what stands there instead.
const IS_ON: &str = "BUG";

/// A text in a file, of which a part is changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, below `src/`.
    pub(crate) file: String,
    /// The text, with the part between `«` and `»`.
    anchor: String,
    /// What stands in the place of the part.
    instead: String,
}

impl Place {
    pub(crate) fn in_file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a line to the text that is looked for.
    pub(crate) fn find(&mut self, line: &str) {
        self.anchor += line;
        self.anchor.push('\n');
    }

    /// Adds a line to what stands there instead.
    pub(crate) fn put(&mut self, line: &str) {
        self.instead += line;
        self.instead.push('\n');
    }

    /// Where the part is in a text. White space does not count, so that the formatter may break
    /// lines anew.
    fn part(&self, text: &str) -> Result<Range<usize>, String> {
        let marked = self.anchor.split_once('«');
        let marked = marked.and_then(|(before, rest)| Some((before, rest.split_once('»')?)));
        let (before, (part, after)) = marked.ok_or("no part is marked")?;
        let solid: Vec<_> = text
            .char_indices()
            .filter(|(_, c)| !c.is_whitespace())
            .collect();
        let [before, part, after] = [before, part, after].map(|text| {
            let solid = text.chars().filter(|c| !c.is_whitespace());
            solid.collect::<Vec<_>>()
        });
        let wanted = [before.clone(), part.clone(), after].concat();
        let stands = |window: &[(usize, char)]| window.iter().map(|(_, c)| c).eq(&wanted);
        let windows = solid.windows(wanted.len()).enumerate();
        let mut found = windows.filter(|(_, window)| stands(window));
        let (first, _) = found.next().ok_or("it is not there")?;
        if found.next().is_some() {
            return Err("it is there twice".to_owned());
        }
        let start = first + before.len();
        let end_of = |(index, c): (usize, char)| index + c.len_utf8();
        Ok(match (before.is_empty(), part.is_empty()) {
            (true, true) => solid[start].0..solid[start].0,
            (false, true) => end_of(solid[start - 1])..end_of(solid[start - 1]),
            (_, false) => solid[start].0..end_of(solid[start + part.len() - 1]),
        })
    }
}

/// A file's text in which each of these places, with the names of their bugs, is an `if`.
///
/// # Errors
/// What is wrong with which bug's place.
pub(crate) fn changed(text: &str, places: &[(&str, &Place)]) -> Result<String, String> {
    let mut parts: BTreeMap<(usize, usize), Vec<(&str, &str)>> = BTreeMap::new();
    for (bug, place) in places {
        let part = place
            .part(text)
            .map_err(|wrong| format!("{bug}, {}: {wrong}:\n{}", place.file, place.anchor))?;
        let bugs = parts.entry((part.start, part.end)).or_default();
        bugs.push((bug, &place.instead));
    }
    let (mut new, mut done) = (String::new(), 0);
    for ((start, end), bugs) in parts {
        let between = text.get(done..start);
        new += between.ok_or_else(|| format!("{bugs:?}: a part of another place"))?;
        new += &conditional(&text[start..end], &bugs)?;
        done = end;
    }
    Ok(new + &text[done..])
}

/// What stands in the place of `part`: itself while none of these bugs is on.
fn conditional(part: &str, bugs: &[(&str, &str)]) -> Result<String, String> {
    let is_on = |bug: &str| format!("crate::zoo::has(crate::zoo::Bug::{bug})");
    if let [(bug, instead)] = bugs
        && instead.contains(IS_ON)
    {
        return Ok(format!("\n{}", instead.replace(IS_ON, &is_on(bug))));
    }
    if bugs.iter().any(|(_, instead)| instead.contains(IS_ON)) {
        return Err(format!("{bugs:?}: {IS_ON} where others change the same"));
    }
    let arms = bugs
        .iter()
        .map(|(bug, instead)| format!("if {} {{\n{instead}}} else ", is_on(bug)));
    let choice = format!("{}{{ {part} }}", arms.collect::<String>());
    Ok(if part.is_empty() || part.ends_with(';') {
        choice
    } else {
        format!("({choice})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(anchor: &str, instead: &str) -> Place {
        let mut place = Place::in_file("a.rs");
        place.find(anchor);
        place.put(instead);
        place
    }

    /// The changed text, all white space as one space.
    fn words(text: &str, places: &[(&str, &Place)]) -> Result<String, String> {
        let text = changed(text, places)?;
        let text = text.replace("crate::zoo::has(crate::zoo::Bug::", "on(");
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_part_is_an_if_on_the_bugs_that_change_it() {
        let text = "if a\n    && b { c(); }";
        let (expression, statement) = (place("if a && «b» {", "false"), place("«c();»", ""));
        assert_eq!(
            words(text, &[("X", &expression), ("Y", &statement)]).as_deref(),
            Ok("if a && (if on(X) { false } else { b }) { if on(Y) { } else { c(); } }")
        );
        let other = place("&& «b»", "true");
        assert_eq!(
            words(text, &[("X", &expression), ("Y", &other)]).as_deref(),
            Ok("if a && (if on(X) { false } else if on(Y) { true } else { b }) { c(); }")
        );
    }

    #[test]
    fn something_is_added_before_or_after_a_text() {
        let text = "f() { // why\n a; b; }";
        let (before, after) = (place("«» a;", "x;"), place("a;«»", "y;"));
        assert_eq!(
            words(text, &[("X", &before), ("Y", &after)]).as_deref(),
            Ok("f() { // why if on(X) { x; } else { }a;if on(Y) { y; } else { } b; }")
        );
        let always = place("a;«»", "if BUG { y; }");
        assert_eq!(
            words(text, &[("X", &always)]).as_deref(),
            Ok("f() { // why a; if on(X) { y; } b; }")
        );
    }

    #[test]
    fn a_text_that_is_not_there_once_or_is_changed_twice_is_told() {
        let text = "a(); b(); a();";
        for (anchor, wrong) in [
            ("«c();»", "it is not there"),
            ("«a();»", "it is there twice"),
            ("b();", "no part is marked"),
        ] {
            let told = changed(text, &[("X", &place(anchor, ""))]);
            let told = told.expect_err(anchor);
            assert!(told.starts_with(&format!("X, a.rs: {wrong}")), "{told}");
        }
        let (whole, part) = (place("«a(); b();»", ""), place("«b();»", ""));
        assert!(changed(text, &[("X", &whole), ("Y", &part)]).is_err());
    }
}
