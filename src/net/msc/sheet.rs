//! Lays a chart out: which lines and boxes share a row.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::name_of;

/// One line or box of a chart.
pub(super) enum Arc {
    /// Across all lifelines, as it stands.
    Whole(String),
    /// At one lifeline.
    Note { at: usize, text: String },
    /// From one lifeline to another. `what` is its label and style.
    Arrow {
        from: usize,
        to: usize,
        arrow: &'static str,
        what: String,
    },
}

/// The arcs in rows: those of each lifeline in their order, each as high as there is room.
///
/// Each arc is placed once, in the order of the events, and looks for room from its lifelines'
/// levels on. So the cost grows with the arcs times the rows.
pub(super) fn rows(arcs: Vec<Arc>, lifelines: usize) -> Vec<Vec<String>> {
    let mut sheet = Sheet {
        rows: Vec::new(),
        levels: vec![0; lifelines.max(1)],
        fans: BTreeMap::new(),
    };
    arcs.into_iter().for_each(|arc| sheet.place(arc));
    sheet.rows.iter().map(|row| texts(row)).collect()
}

/// What is in a row. Of several heads one has the label: between two lifelines if there is such a
/// one, not upon a third.
fn texts(row: &[Drawn]) -> Vec<String> {
    let between = |drawn: &Drawn| (drawn.span.end() - drawn.span.start()) % 2 == 1;
    let labelled = |drawn: &Drawn| {
        let fan = || row.iter().filter(|other| other.fan == drawn.fan);
        let best = fan().find(|other| between(other)).or(fan().next());
        best.is_some_and(|best| std::ptr::eq(best, drawn))
    };
    let text = |drawn: &Drawn| match &drawn.fan {
        Some((_, _, what)) if labelled(drawn) => format!("{} [{what}]", drawn.text),
        _ => drawn.text.clone(),
    };
    row.iter().map(text).collect()
}

/// A chart while it is laid out.
///
/// Invariant: in a row no two arcs go over the same lifeline, unless they are one thing said to
/// several.
struct Sheet {
    rows: Vec<Vec<Drawn>>,
    /// The first row below all that is drawn at each lifeline.
    levels: Vec<usize>,
    /// The row in which a member says something to several.
    fans: BTreeMap<Fan, usize>,
}

/// Who says what.
pub(super) type Fan = (usize, &'static str, String);

/// What is in a row, and over which lifelines it goes.
struct Drawn {
    /// The first and the last lifeline.
    span: RangeInclusive<usize>,
    /// `None` for boxes and lines across the chart.
    fan: Option<Fan>,
    /// Without the label of an arrow, which one head of several has.
    text: String,
}

impl Sheet {
    /// A line across the chart goes below all that is drawn; a box as high as its lifeline has
    /// room.
    fn place(&mut self, arc: Arc) {
        match arc {
            Arc::Whole(text) => {
                let all = 0..=self.levels.len() - 1;
                self.draw(self.rows.len(), all, None, text);
            }
            Arc::Note { at, text } => {
                let row = self.room(self.levels[at], &(at..=at), None);
                self.draw(row, at..=at, None, text);
            }
            Arc::Arrow {
                from,
                to,
                arrow,
                what,
            } => self.arrow(from, to, (from, arrow, what)),
        }
    }

    /// An arrow goes where the same is said to others already, if its receiver has come no further;
    /// else below.
    fn arrow(&mut self, from: usize, to: usize, fan: Fan) {
        let span = from.min(to)..=from.max(to);
        let shared = self.fans.get(&fan).copied();
        let shared = shared
            .filter(|row| self.levels[to] <= *row && self.room(*row, &span, Some(&fan)) == *row);
        let ends = [from, to].map(name_of);
        let arrow = format!("\"{}\" {} \"{}\"", ends[0], fan.1, ends[1]);
        match shared {
            Some(row) => self.draw(row, span, Some(fan), arrow),
            None => {
                let row = self.levels[from].max(self.levels[to]);
                let row = self.room(row, &span, None);
                self.fans.insert(fan.clone(), row);
                self.draw(row, span, Some(fan), arrow);
            }
        }
    }

    /// The first row from this one on in which nothing else goes over the same lifelines.
    fn room(&self, from: usize, span: &RangeInclusive<usize>, fan: Option<&Fan>) -> usize {
        let overlaps = |drawn: &Drawn| {
            drawn.span.start() <= span.end()
                && span.start() <= drawn.span.end()
                && (fan.is_none() || drawn.fan.as_ref() != fan)
        };
        let taken = |row: &usize| self.rows[*row].iter().any(overlaps);
        (from..self.rows.len())
            .find(|row| !taken(row))
            .unwrap_or_else(|| from.max(self.rows.len()))
    }

    /// Only the ends of an arrow move down; the lifelines between them keep their levels.
    fn draw(&mut self, row: usize, span: RangeInclusive<usize>, fan: Option<Fan>, text: String) {
        if row == self.rows.len() {
            self.rows.push(Vec::new());
        }
        let ends = [*span.start(), *span.end()];
        let whole = fan.is_none() && ends[0] < ends[1];
        for (lifeline, level) in self.levels.iter_mut().enumerate() {
            if whole || ends.contains(&lifeline) {
                *level = (row + 1).max(*level);
            }
        }
        self.rows[row].push(Drawn { span, fan, text });
    }
}
