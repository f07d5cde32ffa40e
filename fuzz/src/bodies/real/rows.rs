//! Rows of a real replica's log, cut, reordered and harmed: what was written, or the first wrong
//! row is named.

use bft_crdts::deterministic_secure_broadcast::Record;
use bft_crdts::store::DurableError;
use bft_crdts::store::fuzz::{read, rows as write};

use super::super::edit::{flip, rearrange, renumber};
use super::super::scene::scenes;
use super::super::script::Script;

/// Edits in one script.
const EDITS: usize = 6;

type Rows = Vec<(u64, Vec<u8>)>;

/// Loads the log that the script in `input` makes of a real one, and `input` itself as a row and as
/// an end.
pub fn rows(input: &[u8]) {
    let mut script = Script::new(input);
    let scene = &scenes()[script.below(scenes().len())];
    let seat = script.below(scene.table.keys.len());
    let actor = scene.table.actor(seat);
    let groups = groups(&mut script, &scene.table.records[seat]);
    let written = write(&actor, &groups);
    let (mut rows, mut end) = written.clone();
    let known = read(&actor, &rows, &end);
    assert_eq!(known.expect("what was written"), groups.concat());
    for _ in 0..EDITS {
        if script.is_over() {
            break;
        }
        edit(&mut script, &mut rows, &mut end);
    }
    match read(&actor, &rows, &end) {
        Ok(records) => {
            assert_eq!((rows, end), written);
            assert_eq!(records, groups.concat());
        }
        Err(DurableError::Corrupt { row }) => {
            let same = rows
                .iter()
                .zip(&written.0)
                .take_while(|(found, row)| found == row);
            assert_eq!(row, same.count() as u64);
        }
        Err(DurableError::Entry { .. }) => assert_ne!(end, written.1),
        Err(error) => panic!("there is no database here: {error}"),
    }
    assert!(read(&actor, &[(0, input.to_vec())], &written.1).is_err());
    if let Ok(records) = read(&actor, &[], input) {
        assert!(records.is_empty() && input == write(&actor, &[]).1);
    }
}

fn groups(script: &mut Script<'_>, mut records: &[Record]) -> Vec<Vec<Record>> {
    let mut groups = Vec::new();
    while !records.is_empty() {
        let (group, rest) = records.split_at(1 + script.below(records.len()));
        groups.push(group.to_vec());
        records = rest;
    }
    groups
}

fn edit(script: &mut Script<'_>, rows: &mut Rows, end: &mut Vec<u8>) {
    let at = script.below(rows.len());
    match (script.below(8), rows.get_mut(at)) {
        (0 | 1, _) => rearrange(script, rows),
        (2, Some((_, value))) => flip(script, value),
        (3, Some((_, value))) => renumber(script, value),
        (4, Some((_, value))) => rearrange(script, value),
        (5, Some((number, _))) => *number = u64::from(script.byte()),
        (6, _) => flip(script, end),
        (7, _) => renumber(script, end),
        _ => end.truncate(script.below(end.len() + 1)),
    }
}
