//! Several authors who wrote at the same time: each edits what it had seen.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use bft_crdts::types::Text;
use bft_crdts::types::text::Op;
use bft_crdts::{Actor, SecureBroadcastAlgorithm, SigningActor};
use serde_json::Value;

use crate::trace::{Edit, edits, read, transactions};

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

impl Author {
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
            for op in ops {
                assert!(self.text.validate(&actors[*by], op));
                self.text.apply(op.clone());
            }
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
