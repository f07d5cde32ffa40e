//! Message sequence charts: a pure function from a [`Trace`] to mscgen's text.
//!
//! Lifelines are the members in seat order, named a, b, c; a liar's is red. `=>` is a proposal, `>>` an echo, `:>` a
//! certificate, `-x` a loss, `->` anything else; what takes effect is a box.

use std::fmt::Write;

use super::trace::{Event, Trace};
use crate::actor::Actor;
use crate::dot::Dot;

/// Arcs in one chart; mscgen draws each 36 pixels high.
pub const MOST_ARCS: usize = 800;

/// Letters in one label.
const MOST_LETTERS: usize = 40;

/// Why a run cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// More happened than a chart can show.
    #[error("{arcs} arcs, at most {MOST_ARCS} fit a chart: draw a shorter run")]
    TooLong {
        /// Arcs that the run has.
        arcs: usize,
    },
}

pub(super) fn chart(
    trace: &Trace,
    members: &[Actor],
    liars: &[Actor],
    seed: u64,
) -> Result<String, ChartError> {
    let arcs = trace.len();
    if arcs > MOST_ARCS {
        return Err(ChartError::TooLong { arcs });
    }
    let names = Names(members);
    let mut text = format!("# seed {seed}, {} members, liars:", members.len());
    for liar in liars {
        let _ = write!(text, " {}", names.of(liar));
    }
    text.push_str("\nmsc {\n  hscale = \"1.5\", arcgradient = \"4\";\n  ");
    let entities = members.iter().map(|member| {
        let name = names.of(member);
        let colour = if liars.contains(member) {
            ", linecolour=\"#c00000\", textcolour=\"#c00000\", arclinecolour=\"#c00000\""
        } else {
            ""
        };
        format!("\"{name}\" [label=\"{name}\"{colour}]")
    });
    text.push_str(&entities.collect::<Vec<_>>().join(", "));
    text.push_str(";\n");
    for (_, event) in trace.events() {
        let _ = writeln!(text, "  {};", arc(event, &names));
    }
    if arcs == 0 {
        text.push_str("  |||;\n");
    }
    text.push_str("}\n");
    Ok(text)
}

/// Members by letter.
struct Names<'a>(&'a [Actor]);

impl Names<'_> {
    fn of(&self, actor: &Actor) -> String {
        match self.0.iter().position(|member| member == actor) {
            Some(index @ 0..=25) => char::from(b"abcdefghijklmnopqrstuvwxyz"[index]).to_string(),
            Some(index) => format!("m{index}"),
            None => self
                .0
                .first()
                .map_or_else(|| "a".to_owned(), |first| self.of(first)),
        }
    }

    fn dot(&self, dot: &Dot) -> String {
        format!("{}.{}", self.of(&dot.source), dot.seq)
    }
}

fn arc(event: &Event, names: &Names<'_>) -> String {
    match event {
        Event::Proposed { source } => note(names.of(source), "proposes", None),
        Event::Arrived {
            from,
            to,
            kind,
            dot,
        } => {
            let arrow = match *kind {
                "proposal" => "=>",
                "echo" => ">>",
                "certificate" => ":>",
                _ => "->",
            };
            let what = dot.map_or_else(
                || (*kind).to_owned(),
                |dot| format!("{kind} {}", names.dot(&dot)),
            );
            arrow_arc(&names.of(from), arrow, &names.of(to), &what)
        }
        Event::Lost { from, to, kind } => arrow_arc(&names.of(from), "-x", &names.of(to), kind),
        Event::Delivered { at, dot } => note(
            names.of(at),
            &format!("delivers {}", names.dot(dot)),
            Some("#d8f0d8"),
        ),
        Event::Refused { at, refusal } => note(names.of(at), &format!("refuses: {refusal}"), None),
        Event::Reported { at, fault } => {
            let accused = fault
                .accused()
                .map_or_else(String::new, |who| format!(" by {}", names.of(&who)));
            note(
                names.of(at),
                &format!("{}{accused}", fault.kind()),
                Some("#f8d0d0"),
            )
        }
        Event::Installed { at, generation } => {
            note(names.of(at), &generation.to_string(), Some("#fff0c0"))
        }
        Event::Crashed { who } => note(names.of(who), "crashes", Some("#d0d0d0")),
        Event::Restarted { who } => note(names.of(who), "restarts", Some("#d0d0f8")),
    }
}

fn arrow_arc(from: &str, arrow: &str, to: &str, what: &str) -> String {
    format!("\"{from}\" {arrow} \"{to}\" [label=\"{}\"]", label(what))
}

fn note(at: String, what: &str, colour: Option<&str>) -> String {
    let colour = colour.map_or_else(String::new, |colour| format!(", textbgcolour=\"{colour}\""));
    format!("\"{at}\" box \"{at}\" [label=\"{}\"{colour}]", label(what))
}

/// What mscgen draws as it stands: no quotes, backslashes or control characters, and not too long.
fn label(text: &str) -> String {
    let plain = text.chars().map(|letter| match letter {
        '"' => '\'',
        '\\' => '/',
        letter if letter.is_control() => ' ',
        letter => letter,
    });
    plain.take(MOST_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::DecodeError;
    use crate::deterministic_secure_broadcast::Refusal;

    fn member(byte: u8) -> Actor {
        Actor::from_bytes([byte; 32])
    }

    #[test]
    fn a_run_in_which_nothing_happened_still_has_an_arc() {
        let text = chart(&Trace::default(), &[member(1)], &[], 7).expect("short");
        assert!(text.contains("|||"));
    }

    #[test]
    fn labels_hold_nothing_that_mscgen_chokes_on() {
        assert_eq!(label("say \"hi\"\\\n\0!"), "say 'hi'/  !");
        assert_eq!(label(&"x".repeat(100)).len(), MOST_LETTERS);
    }

    #[test]
    fn a_chart_that_would_be_too_long_is_refused_with_its_length() {
        let mut trace = Trace::default();
        for _ in 0..=MOST_ARCS {
            let refusal = Refusal::Decode(DecodeError::Malformed);
            trace.record(
                0,
                Event::Refused {
                    at: member(1),
                    refusal,
                },
            );
        }
        let refused = chart(&trace, &[member(1)], &[], 7);
        assert_eq!(
            refused,
            Err(ChartError::TooLong {
                arcs: MOST_ARCS + 1
            })
        );
    }
}
