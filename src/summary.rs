//! Values in a few letters, for charts and recordings.

use std::fmt::{self, Write};

/// Letters of a state or an operation that are kept.
const MOST_LETTERS: usize = 240;

/// What `Debug` shows of an element, without the quotation marks around it.
pub(crate) fn bare(element: &impl fmt::Debug) -> String {
    short(element).trim_matches(['"', '\'']).to_owned()
}

/// The first letters of a text, written no further than that.
pub(crate) fn short(what: &impl fmt::Debug) -> String {
    struct Bounded(String);
    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MOST_LETTERS.saturating_sub(self.0.chars().count());
            self.0.extend(text.chars().take(room));
            if text.chars().nth(room).is_some() {
                self.0.push('…');
                return Err(fmt::Error);
            }
            Ok(())
        }
    }
    let mut text = Bounded(String::new());
    // An error is the end of the room.
    let _ = write!(text, "{what:?}");
    text.0
}
