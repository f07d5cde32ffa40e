//! Message sequence charts: a pure function from a [`Trace`] to mscgen's text.
//!
//! Lifelines are the members in seat order, named a, b, c; a liar's is red. `=>` is a proposal,
//! `>>` an echo, `:>` a certificate, `-x` a loss, `->` anything else, each drawn when it arrives or
//! is lost; what takes effect is a box. `d.1` is the first message of d; `d.1'` is another one with
//! the same source and number: a lie, or what a fault of the network made of a packet.
//!
//! What happens at a member is drawn from above to below in its order, and otherwise as high as
//! there is room: what did not lead to one another may share a row. What a member says to several
//! is one arrow with several heads. A packet that is sent again is drawn again only when one
//! between the same two about the same message was lost; evidence, and what ended a generation,
//! only where it is news.
//!
//! `---` is where a generation begins anywhere; boxes say who has installed it. What a member says
//! to all about the end of a generation (approvals, reports, votes) is drawn once, as an arrow to
//! all, when it first arrives, unless that generation is over.
//!
//! Announcements and receipts are left out: they say only how far their sender is, every replica
//! repeats them until all are level, and they are the half of most runs. What they lead to, a
//! request and its answer, is drawn.

mod sheet;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use self::sheet::{Arc, Fan, rows};
use super::trace::{About, Event, Trace};
use crate::actor::Actor;
use crate::codec::Digest;
use crate::dot::Dot;
use crate::membership::ChangeKey;
use crate::quorum::Generation;

/// Arcs in one chart; mscgen draws a row of them 36 pixels high.
pub const MOST_ARCS: usize = 800;

/// Letters in one label.
const MOST_LETTERS: usize = 64;

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

/// Lifelines are `members`, of whom `founders` sit in the first generation.
///
/// # Errors
/// [`ChartError::TooLong`]. Events that the trace did not keep count as an arc each.
pub(super) fn chart(
    trace: &Trace,
    members: &[Actor],
    founders: &BTreeSet<Actor>,
    liars: &[Actor],
    seed: u64,
) -> Result<String, ChartError> {
    let mut names = Names::new(members);
    names.seated.clone_from(founders);
    let forgotten = trace.len() - trace.events().len();
    let mut arcs = Vec::new();
    for (_, event) in trace.events() {
        arcs.extend(opening(event, &mut names));
        arcs.extend(arc(event, &mut names));
    }
    let count = arcs.len() + forgotten;
    if count > MOST_ARCS {
        return Err(ChartError::TooLong { arcs: count });
    }
    let mut text = format!("# seed {seed}, {} members, liars:", members.len());
    for liar in liars {
        let _ = write!(text, " {}", names.of(liar));
    }
    text.push_str("\n# announcements and receipts are not drawn, and repetitions only after a loss\nmsc {\n  hscale = \"1.5\", arcgradient = \"0\";\n  ");
    let entities = members.iter().map(|member| {
        let name = names.of(member);
        if liars.contains(member) {
            format!("\"{name}\" [label=\"{name}, a liar\"{LIAR}]")
        } else {
            format!("\"{name}\" [label=\"{name}\"]")
        }
    });
    text.push_str(&entities.collect::<Vec<_>>().join(", "));
    text.push_str(";\n");
    for row in rows(arcs, members.len()) {
        let _ = writeln!(text, "  {};", row.join(", "));
    }
    if count == 0 {
        text.push_str("  |||;\n");
    }
    text.push_str("}\n");
    Ok(text)
}

/// A lifeline in red, with all that starts from it.
const LIAR: &str = ", linecolour=\"#c00000\", textcolour=\"#c00000\", arclinecolour=\"#c00000\"";
/// A lost packet in grey.
const LOST: &str = ", linecolour=\"#909090\", textcolour=\"#909090\"";
/// What takes effect.
const GREEN: &str = "#d8f0d8";
/// A fault that was reported.
const RED: &str = "#f8d0d0";
/// A generation that a member has installed.
const YELLOW: &str = "#fff0c0";
/// A crash.
const GREY: &str = "#d0d0d0";
/// A restart.
const BLUE: &str = "#d0d0f8";
/// What is proposed, and what is refused.
const WHITE: &str = "#ffffff";

/// Members by letter, and the messages at each dot in the order in which they are first seen.
///
/// What was said and shown is forgotten when a generation begins anywhere, as it may be said anew.
struct Names<'a> {
    /// In the order of the lifelines.
    members: &'a [Actor],
    /// By it the second message at a dot gets its prime.
    messages: BTreeMap<Dot, Vec<Digest>>,
    /// The newest generation that began somewhere, and its members.
    generation: Generation,
    seated: BTreeSet<Actor>,
    /// What was said to all about its end, and what else is drawn only once in it.
    said: BTreeSet<(Actor, About)>,
    /// To whom, what kind, and of which dot.
    shown: BTreeSet<(usize, &'static str, Option<Dot>)>,
    /// What was drawn between two about which message since something of it was lost.
    drawn: BTreeMap<Exchange, BTreeSet<Fan>>,
    /// Losses that were drawn: to whom, and of what.
    lost: BTreeSet<(usize, Fan)>,
}

/// Two lifelines, the first one first, and the message that they speak of.
type Exchange = ([usize; 2], Option<Dot>);

/// A member's letter; who is no member has none.
pub(super) fn name(members: &[Actor], actor: &Actor) -> String {
    let place = members.iter().position(|member| member == actor);
    place.map_or_else(|| "?".to_owned(), name_of)
}

/// Letters as far as there are any.
fn name_of(place: usize) -> String {
    match place {
        0..=25 => char::from(b"abcdefghijklmnopqrstuvwxyz"[place]).to_string(),
        _ => format!("m{place}"),
    }
}

impl<'a> Names<'a> {
    fn new(members: &'a [Actor]) -> Self {
        Self {
            members,
            messages: BTreeMap::new(),
            generation: Generation::GENESIS,
            seated: BTreeSet::new(),
            said: BTreeSet::new(),
            shown: BTreeSet::new(),
            drawn: BTreeMap::new(),
            lost: BTreeSet::new(),
        }
    }

    fn of(&self, actor: &Actor) -> String {
        name(self.members, actor)
    }

    /// A packet can claim any sender, but mscgen refuses an arc to an undeclared lifeline: who is
    /// no member is drawn at the first.
    fn lifeline(&self, actor: &Actor) -> usize {
        let place = self.members.iter().position(|member| member == actor);
        place.unwrap_or_default()
    }

    /// Without a digest it is not known which of the messages at that dot is meant: then it is the
    /// dot alone.
    fn message(&mut self, dot: &Dot, digest: Option<&Digest>) -> String {
        let name = format!("{}.{}", self.of(&dot.source), dot.seq);
        let Some(digest) = digest else {
            return name;
        };
        let seen = self.messages.entry(*dot).or_default();
        let index = seen.iter().position(|other| other == digest);
        let index = index.unwrap_or_else(|| {
            seen.push(*digest);
            seen.len() - 1
        });
        name + &"'".repeat(index)
    }

    /// Whether an arrow is drawn: the first of its kind since something of the exchange was lost.
    fn draws(&mut self, ends: [usize; 2], dot: Option<Dot>, fan: Fan) -> bool {
        let exchange = exchange(ends, dot);
        self.drawn.entry(exchange).or_default().insert(fan)
    }

    /// Whether a loss is drawn: the first of its kind. Either way, what is said again may be drawn
    /// again.
    fn loses(&mut self, ends: [usize; 2], dot: Option<Dot>, fan: Fan) -> bool {
        self.drawn.remove(&exchange(ends, dot));
        self.lost.insert((ends[1], fan))
    }

    /// `text` with each member's letter in the place of its key.
    ///
    /// Refusals name actors as they print, which is too long for a label.
    fn in_letters(&self, text: &str) -> String {
        let named = self.members.iter();
        named.fold(text.to_owned(), |text, member| {
            text.replace(&format!("{member:?}"), &self.of(member))
        })
    }
}

/// Whoever sends: an answer is of the same exchange.
fn exchange(mut ends: [usize; 2], dot: Option<Dot>) -> Exchange {
    ends.sort_unstable();
    (ends, dot)
}

/// The line across the chart, when a generation begins for the first time.
fn opening(event: &Event, names: &mut Names<'_>) -> Option<Arc> {
    let Event::Installed {
        generation,
        members,
        ..
    } = event
    else {
        return None;
    };
    if *generation <= names.generation {
        return None;
    }
    names.generation = *generation;
    names.seated = members.iter().copied().collect();
    names.said.clear();
    names.shown.clear();
    names.drawn.clear();
    names.lost.clear();
    let members: Vec<_> = members.iter().map(|member| names.of(member)).collect();
    let what = label(&format!("{generation}: {}", members.join(" ")));
    Some(Arc::Whole(format!("--- [label=\"{what}\"]")))
}

/// What is said to all, once.
fn said(from: &Actor, said: (Generation, About), names: &mut Names<'_>) -> Option<Arc> {
    let (generation, about) = said;
    if generation < names.generation || !names.said.insert((*from, about)) {
        return None;
    }
    let what = match about {
        About::Entry => "wants to join".to_owned(),
        About::Approval(ChangeKey::Join(who)) => format!("approves that {} joins", names.of(&who)),
        About::Approval(ChangeKey::Leave(who)) => {
            format!("approves that {} leaves", names.of(&who))
        }
        About::Approval(ChangeKey::Renew) => "approves a new generation".to_owned(),
        About::Report => "reports".to_owned(),
        About::Proposal(round) => format!("proposes a value, {round}"),
        About::Prevote(round) => format!("prevotes, {round}"),
        About::Precommit(round) => format!("precommits, {round}"),
        About::Decision => "tells the decision".to_owned(),
    };
    let what = label(&format!("{} {what}", names.of(from)));
    let from = name_of(names.lifeline(from));
    let text = format!("\"{from}\" -> * [label=\"{what}\"]");
    Some(Arc::Whole(text))
}

/// How an event is drawn, if it is.
fn arc(event: &Event, names: &mut Names<'_>) -> Option<Arc> {
    let drawn = match event {
        Event::Arrived { kind, .. } | Event::Lost { kind, .. } if is_chatter(kind) => return None,
        Event::Arrived {
            from,
            about: Some(about),
            ..
        } => return said(from, *about, names),
        Event::Arrived {
            from,
            to,
            kind,
            dot,
            digest,
            about: None,
        } => {
            let arrow = match *kind {
                "proposal" => "=>",
                "echo" => ">>",
                "certificate" => ":>",
                _ => "->",
            };
            let what = what(names, kind, dot.as_ref(), digest.as_ref());
            let ends = [from, to].map(|end| names.lifeline(end));
            // Everybody shows these to everybody who may not know them yet: the first time counts.
            let shown = matches!(*kind, FOUNDING | "evidence");
            if shown && !names.shown.insert((ends[1], kind, *dot)) {
                return None;
            }
            let fan = (ends[0], arrow, format!("label=\"{}\"", label(&what)));
            names
                .draws(ends, *dot, fan.clone())
                .then(|| arrow_of(ends, fan))?
        }
        Event::Lost {
            from,
            to,
            kind,
            dot,
            digest,
        } => {
            let what = what(names, kind, dot.as_ref(), digest.as_ref());
            let ends = [from, to].map(|end| names.lifeline(end));
            let fan = (ends[0], "-x", format!("label=\"{}\"{LOST}", label(&what)));
            names
                .loses(ends, *dot, fan.clone())
                .then(|| arrow_of(ends, fan))?
        }
        Event::Proposed { source, op } => {
            note(names.lifeline(source), &format!("proposes {op}"), WHITE)
        }
        Event::Delivered { at, dot, digest } => delivers(at, dot, digest, names),
        Event::Refused { at, refusal } => {
            let why = names.in_letters(&refusal.to_string());
            note(names.lifeline(at), &format!("refuses: {why}"), WHITE)
        }
        Event::Reported { at, fault } => {
            let by = fault.accused().map(|who| format!(" by {}", names.of(&who)));
            let what = format!("{}{}", fault.kind(), by.unwrap_or_default());
            note(names.lifeline(at), &what, RED)
        }
        Event::Installed { at, generation, .. } => {
            let at = names.lifeline(at);
            names.shown.insert((at, FOUNDING, None));
            note(at, &generation.to_string(), YELLOW)
        }
        Event::Crashed { who } => note(names.lifeline(who), "crashes", GREY),
        Event::Restarted { who } => note(names.lifeline(who), "restarts", BLUE),
    };
    Some(drawn)
}

/// A note in a lifeline that a message was delivered.
fn delivers(at: &Actor, dot: &Dot, digest: &Digest, names: &mut Names<'_>) -> Arc {
    let what = names.message(dot, Some(digest));
    note(names.lifeline(at), &format!("delivers {what}"), GREEN)
}

/// The packet that says what ended a generation.
const FOUNDING: &str = "generation";

/// By the words for kinds that bodies have.
fn is_chatter(kind: &str) -> bool {
    matches!(kind, "announce" | "receipt")
}

/// The kind of a packet and the message that it speaks of.
fn what(names: &mut Names<'_>, kind: &str, dot: Option<&Dot>, digest: Option<&Digest>) -> String {
    match dot {
        Some(dot) => format!("{kind} {}", names.message(dot, digest)),
        None => kind.to_owned(),
    }
}

fn arrow_of([from, to]: [usize; 2], (_, arrow, what): Fan) -> Arc {
    Arc::Arrow {
        from,
        to,
        arrow,
        what,
    }
}

/// A box.
fn note(at: usize, what: &str, colour: &str) -> Arc {
    let (what, name) = (label(what), name_of(at));
    let text = format!("\"{name}\" box \"{name}\" [label=\"{what}\", textbgcolour=\"{colour}\"]");
    Arc::Note { at, text }
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
    use crate::deterministic_secure_broadcast::PacketError;
    use crate::dot::Seq;

    fn member(byte: u8) -> Actor {
        Actor::from_bytes([byte; 32])
    }

    fn founders() -> BTreeSet<Actor> {
        [member(1), member(2)].into()
    }

    #[test]
    fn a_run_in_which_nothing_happened_still_has_an_arc() {
        let text = chart(&Trace::default(), &[member(1)], &founders(), &[], 7).expect("short");
        assert!(text.contains("|||"));
    }

    #[test]
    fn labels_hold_nothing_that_mscgen_chokes_on() {
        assert_eq!(label("say \"hi\"\\\n\0!"), "say 'hi'/  !");
        assert_eq!(label(&"x".repeat(100)).len(), MOST_LETTERS);
    }

    #[test]
    fn boxes_that_follow_one_another_share_a_row_unless_they_are_at_one_lifeline() {
        let mut trace = Trace::default();
        for byte in [1, 2, 1] {
            let source = member(byte);
            let op = String::new();
            trace.record(0, Event::Proposed { source, op });
        }
        let text = chart(&trace, &[member(1), member(2)], &founders(), &[], 7).expect("short");
        assert_eq!(text.lines().filter(|line| line.contains("box")).count(), 2);
    }

    fn arrived(from: u8, to: u8, kind: &'static str) -> Event {
        Event::Arrived {
            from: member(from),
            to: member(to),
            kind,
            dot: None,
            digest: None,
            about: None,
        }
    }

    fn drawn(events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let mut trace = Trace::default();
        for event in events {
            trace.record(0, event);
        }
        let members = [1, 2, 3, 4].map(member);
        let text = chart(&trace, &members, &members.into(), &[], 7).expect("short");
        let rows = text.lines().filter(|line| line.starts_with("  \""));
        rows.skip(1).map(|row| row.trim().to_owned()).collect()
    }

    #[test]
    fn what_one_says_to_several_is_one_arrow_with_several_heads() {
        let rows = drawn([
            arrived(2, 4, "proposal"),
            arrived(2, 1, "proposal"),
            arrived(2, 3, "proposal"),
        ]);
        let row = "\"b\" => \"d\", \"b\" => \"a\" [label=\"proposal\"], \"b\" => \"c\";";
        assert_eq!(rows, [row]);
    }

    #[test]
    fn what_did_not_lead_to_one_another_shares_a_row_and_nothing_is_drawn_over() {
        let rows = drawn([
            arrived(1, 2, "echo"),
            arrived(2, 1, "request"),
            arrived(3, 4, "echo"),
            arrived(1, 4, "echo"),
            arrived(2, 3, "request"),
        ]);
        assert_eq!(rows.len(), 3, "{rows:?}");
        assert!(rows[0].contains("\"a\" >> \"b\"") && rows[0].contains("\"c\" >> \"d\""));
    }

    #[test]
    fn a_repetition_is_drawn_only_after_a_loss() {
        let lost = || Event::Lost {
            from: member(2),
            to: member(1),
            kind: "echo",
            dot: None,
            digest: None,
        };
        let again = || arrived(1, 2, "proposal");
        assert_eq!(drawn([again(), again()]).len(), 1);
        assert_eq!(drawn([again(), lost(), again(), again(), lost()]).len(), 3);
    }

    #[test]
    fn who_is_no_member_is_drawn_at_a_lifeline_and_named_nobody() {
        let members = [member(1)];
        let mut names = Names::new(&members);
        let (source, seq) = (member(9), Seq::new(1));
        assert_eq!(names.lifeline(&source), 0);
        assert_eq!(names.message(&Dot { source, seq }, None), "?.1");
    }

    #[test]
    fn the_second_message_at_a_dot_is_marked() {
        let members = [member(1)];
        let mut names = Names::new(&members);
        let (source, seq) = (member(1), Seq::new(1));
        let dot = Dot { source, seq };
        let digests = [1, 2, 1].map(|byte| Digest::from_bytes([byte; 32]));
        let labels = digests.map(|digest| names.message(&dot, Some(&digest)));
        assert_eq!(labels, ["a.1", "a.1'", "a.1"]);
    }

    #[test]
    fn votes_are_drawn_once_and_a_generation_is_a_line() {
        let mut trace = Trace::default();
        let vote = |to| Event::Arrived {
            from: member(1),
            to: member(to),
            kind: "report",
            dot: None,
            digest: None,
            about: Some((Generation::GENESIS, About::Report)),
        };
        let installed = |at| Event::Installed {
            at: member(at),
            generation: Generation::GENESIS.next().expect("not the last"),
            members: vec![member(1), member(2)],
        };
        for event in [vote(2), vote(1), installed(1), installed(2), vote(2)] {
            trace.record(0, event);
        }
        let members = [member(1), member(2)];
        let text = chart(&trace, &members, &founders(), &[], 7).expect("short");
        assert_eq!(text.matches("-> * [label=\"a reports\"]").count(), 1);
        assert_eq!(text.matches("--- [label=\"generation 1: a b\"]").count(), 1);
    }

    #[test]
    fn a_chart_that_would_be_too_long_is_refused_with_its_length() {
        let mut trace = Trace::default();
        for _ in 0..=MOST_ARCS {
            let refusal = PacketError::Decode(DecodeError::Malformed);
            trace.record(
                0,
                Event::Refused {
                    at: member(1),
                    refusal,
                },
            );
        }
        let refused = chart(&trace, &[member(1)], &founders(), &[], 7);
        assert_eq!(
            refused,
            Err(ChartError::TooLong {
                arcs: MOST_ARCS + 1
            })
        );
    }
}
