//! Several authors who wrote at the same time: each edits what it had seen.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use bft_crdts::types::Text;
use bft_crdts::types::text::{Id, Op};
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};
use serde_json::Value;

use crate::trace::{Edit, Trace, edits, read, transactions};

/// Edits of each author that the others have not seen when they make theirs.
const ROUND: usize = 64;

/// Well below what the budget allows.
const CHARACTERS_PER_OP: usize = 10_000;

struct Author {
    actor: Actor,
    text: Text,
    /// Transactions that it has seen.
    seen: BTreeSet<usize>,
}

/// A transaction's author, what it did, and everything that its author had seen.
struct Written {
    by: usize,
    ops: Vec<Op<char>>,
    parents: Vec<usize>,
}

/// Replays a concurrent trace, every author on a replica of its own.
pub(crate) fn replay(path: &Path) -> Result<(), Box<dyn Error>> {
    let json = read(path)?;
    let authors = json["numAgents"].as_u64().ok_or("no number of authors")?;
    let mut authors: Vec<_> = (1..=authors)
        .map(|number| Author::new(number as u8))
        .collect();
    let actors: Vec<_> = authors.iter().map(|author| author.actor).collect();
    let mut written = Vec::<Written>::new();
    for transaction in transactions(&json)? {
        let by = transaction["agent"].as_u64().ok_or("no author")? as usize;
        let parents = transaction["parents"].as_array().ok_or("no parents")?;
        let parents: Vec<_> = parents
            .iter()
            .filter_map(Value::as_u64)
            .map(|parent| parent as usize)
            .collect();
        authors[by].see(&parents, &written, &actors);
        let ops = edits(transaction)?
            .iter()
            .flat_map(|edit| authors[by].write(edit))
            .collect();
        authors[by].seen.insert(written.len());
        written.push(Written { by, ops, parents });
    }
    let all: Vec<_> = (0..written.len()).collect();
    for author in &mut authors {
        author.see(&all, &written, &actors);
        assert_eq!(
            Some(author.text.to_string().as_str()),
            json["endContent"].as_str()
        );
    }
    let states = authors.iter().map(|author| author.text.state());
    assert!(
        states.is_sorted_by(|one, next| one == next),
        "all are in one state"
    );
    println!(
        "{} transactions of {} authors: all end with the trace's text",
        written.len(),
        authors.len()
    );
    Ok(())
}

/// Lets so many authors write at once what one wrote: the edits are cut into as many parts, and each author has a chapter of its
/// own, which begins as the text before its part. All end with each chapter as the text after its part.
pub(crate) fn chapters(trace: &Trace, count: u8) {
    let part = trace.edits.len().div_ceil(count.into());
    let bounds = (0..=usize::from(count)).map(|number| number * part);
    let texts = trace.texts(&bounds.collect::<Vec<_>>());
    let mut authors: Vec<_> = (1..=count).map(Author::new).collect();
    let titles = begin(&mut authors, &texts);
    let parts: Vec<_> = trace.edits.chunks(part).collect();
    for round in 0..part.div_ceil(ROUND) {
        let mut written = Vec::new();
        for (number, author) in authors.iter_mut().enumerate() {
            let own = parts[number].iter().skip(round * ROUND).take(ROUND);
            let ops = own.flat_map(|edit| author.write_under(&titles[number], edit));
            let ops: Vec<_> = ops.collect();
            written.push((author.actor, ops));
        }
        for author in &mut authors {
            let own = author.actor;
            let others = written.iter().filter(|(by, _)| *by != own);
            others.for_each(|(by, ops)| author.take(by, ops));
        }
    }
    let expected: String = texts[1..].iter().map(|text| format!("\n{text}")).collect();
    let state = authors[0].text.state();
    for author in &authors {
        assert_eq!(author.text.to_string(), expected);
        assert!(author.text.state() == state, "all are in one state");
    }
    println!(
        "{count} authors at once, {ROUND} edits each between exchanges: all end with {} characters alike",
        expected.len()
    );
}

/// The first author begins all chapters. Returns the names of the line breaks before them.
fn begin(authors: &mut [Author], texts: &[String]) -> Vec<Id> {
    let [first, others @ ..] = authors else {
        return Vec::new();
    };
    let mut titles = Vec::new();
    for text in &texts[..=others.len()] {
        let title = first.text.len();
        let text: Vec<char> = format!("\n{text}").chars().collect();
        for part in text.chunks(CHARACTERS_PER_OP) {
            let edit = Edit {
                at: first.text.len(),
                delete: 0,
                insert: part.iter().collect(),
            };
            let ops = first.write(&edit);
            others
                .iter_mut()
                .for_each(|author| author.take(&first.actor, &ops));
        }
        titles.push(first.text.id(title).expect("it was just inserted"));
    }
    titles
}

impl Author {
    /// Makes an edit of the chapter under this title.
    fn write_under(&mut self, title: &Id, edit: &Edit) -> Vec<Op<char>> {
        let title = self.text.position(title).expect("titles stay");
        let at = title + 1 + edit.at;
        self.write(&Edit { at, ..edit.clone() })
    }

    fn take(&mut self, by: &Actor, ops: &[Op<char>]) {
        for op in ops {
            assert!(self.text.validate(by, op));
            self.text.apply(op.clone());
        }
    }

    fn new(number: u8) -> Self {
        let actor = SigningActor::from_secret(&[number; 32]).actor();
        Self {
            actor,
            text: Text::new(actor),
            seen: BTreeSet::new(),
        }
    }

    /// Takes what is missing of these transactions, and of what their authors had seen.
    fn see(&mut self, wanted: &[usize], written: &[Written], actors: &[Actor]) {
        let mut missing = BTreeSet::new();
        let mut open = wanted.to_vec();
        while let Some(number) = open.pop() {
            if !self.seen.contains(&number) && missing.insert(number) {
                open.extend(&written[number].parents);
            }
        }
        for number in missing {
            let Written { by, ops, .. } = &written[number];
            self.take(&actors[*by], ops);
            self.seen.insert(number);
        }
    }

    fn write(&mut self, edit: &Edit) -> Vec<Op<char>> {
        let Edit { at, delete, insert } = edit;
        let mut ops = Vec::from_iter(self.text.delete(*at..at + delete));
        ops.iter().for_each(|op| self.text.apply(op.clone()));
        if let Some(op) = self.text.insert(*at, insert).filter(|_| !insert.is_empty()) {
            self.text.apply(op.clone());
            ops.push(op);
        }
        ops
    }
}
