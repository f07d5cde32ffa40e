//! A recording as dense text: one line an event, a column an actor, for terminals and the logs of
//! continuous integration.

use std::fmt::Write;

use super::{Event, Kind, Recording};

impl Recording {
    /// The events as text, a line each: the time in milliseconds, a column for each actor with the
    /// letter of what happened at it, and what it was about. The first lines name the run, the
    /// actors, and the letters.
    #[must_use]
    pub fn columns(&self) -> String {
        let mut text = String::new();
        let (seed, replay) = (&self.run.seed, &self.run.replay);
        let seed = plain(seed.as_deref().unwrap_or("none"));
        let _ = writeln!(
            text,
            "# seed {seed}; {}",
            plain(replay.as_deref().unwrap_or_default())
        );
        for (place, actor) in (0u32..).zip(&self.actors) {
            let byzantine = if actor.byzantine { ", Byzantine" } else { "" };
            let _ = writeln!(text, "# {}: {}{byzantine}", self.name(place), actor.key);
        }
        let letters = Kind::ALL.map(|kind| format!("{} {}", kind.letter(), kind.word()));
        let _ = writeln!(text, "# {}", letters.join(", "));
        for event in &self.events {
            self.row(event, &mut text);
        }
        text
    }

    /// The columns stay in their places whatever the event, so that an actor's life is read down
    /// the page.
    fn row(&self, event: &Event, text: &mut String) {
        let _ = write!(text, "{:>6}.{:03} ", event.at / 1000, event.at % 1000);
        for place in 0..self.actors.len() {
            let here = place == event.who as usize;
            text.push(if here { event.kind.letter() } else { '.' });
        }
        let _ = write!(text, "  {} {}", self.name(event.who), event.kind.word());
        if let Some(dot) = event.dot {
            let _ = write!(text, " {}.{}", self.name(dot.source), dot.seq);
        }
        let way = event.peer.map(|peer| self.name(peer));
        let words = [
            event.packet.as_deref(),
            way.as_deref(),
            event.words.as_deref(),
        ];
        for word in words.into_iter().flatten() {
            let _ = write!(text, " {}", plain(word));
        }
        text.push('\n');
    }

    /// The first eight digits of the key where the recording names nobody, as a node's does not.
    fn name(&self, place: u32) -> String {
        let actor = self
            .actors
            .get(place as usize)
            .expect("events name actors that were introduced");
        match actor.name.as_str() {
            "" | "?" => actor.key.to_string()[..8].to_owned(),
            name => plain(name),
        }
    }
}

/// What a terminal prints as it stands: a recording may hold texts of anybody.
///
/// Without it a text could move the cursor, or show a line that is not there.
fn plain(text: &str) -> String {
    let shown = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Participant, Run};
    use super::*;
    use crate::actor::Actor;

    #[test]
    fn an_event_is_a_line_with_a_letter_in_its_actor_s_column_and_steers_no_terminal() {
        let run = Run::simulated(7, String::new());
        let mut recording = Recording::new(run);
        for name in ["a", "b"] {
            recording.introduce(Participant {
                key: Actor::from_bytes([1; 32]),
                name: name.to_owned(),
                byzantine: false,
            });
        }
        let mut event = Event::new(0, 12_345, Kind::Refuse, 1);
        event.words = Some("two\nlines\u{1b}[2J\u{9b}".to_owned());
        recording.push(event);
        let columns = recording.columns();
        assert_eq!(
            columns.lines().last(),
            Some("    12.345 .R  b refuse two lines [2J ")
        );
    }

    #[test]
    fn no_two_kinds_have_one_letter() {
        let letters: std::collections::BTreeSet<_> = Kind::ALL.map(Kind::letter).into();
        assert_eq!(letters.len(), Kind::ALL.len());
    }
}
