//! The page that shows a recording.

use super::Recording;

/// The viewer: one HTML file without dependencies, in which these marks stand for the lines of one
/// run and of another.
const VIEWER: &str = include_str!("viewer.html");
const MARK: &str = "@RECORDING@";
const OTHER: &str = "@OTHER@";

impl Recording {
    /// One HTML page that shows this recording, to be opened as a file. It asks nothing of any
    /// network.
    #[must_use]
    pub fn page(&self) -> String {
        page(&self.lines(), "")
    }

    /// The same with another recording beside it, from the first event in which they differ.
    #[must_use]
    pub fn page_beside(&self, other: &Self) -> String {
        page(&self.lines(), &other.lines())
    }

    /// The viewer without a recording: files can be dropped on it.
    #[must_use]
    pub fn viewer() -> String {
        page("", "")
    }
}

/// The marks are looked for in the viewer alone, before the recordings are in it: a recording that
/// contains a mark changes nothing.
fn page(lines: &str, other: &str) -> String {
    // JSON can write this letter so, and it stands in strings alone: no text of a recording ends
    // the element that holds it.
    let [lines, other] = [lines, other].map(|lines| lines.replace('<', "\\u003c"));
    let (before, rest) = VIEWER.split_once(MARK).expect("the viewer has its mark");
    let (between, after) = rest.split_once(OTHER).expect("the viewer has its mark");
    [before, &lines, between, &other, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the viewer, at most: it stands next to every failing scenario.
    const MOST: usize = 100_000;

    #[test]
    fn the_viewer_is_small_and_asks_nothing_of_a_network() {
        assert!(VIEWER.len() <= MOST, "{} bytes", VIEWER.len());
        for foreign in [
            "http:", "https:", "src=", "import ", "@import", "url(", "fetch(",
        ] {
            assert!(!VIEWER.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn no_text_of_a_recording_ends_the_element_that_holds_it() {
        let page = page("{\"words\":\"</script><b>\"}", "");
        assert_eq!(
            page.matches("</script>").count(),
            VIEWER.matches("</script>").count()
        );
        assert!(page.contains("\\u003c/script>"));
    }
}
