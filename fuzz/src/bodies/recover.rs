//! Records of a real replica, cut, reordered and harmed: a replica that agrees with them, or a
//! typed error.

use bft_crdts::codec::{decode, encode};
use bft_crdts::deterministic_secure_broadcast::{Record, RecoverError, Replica};

use super::edit::{flip, rearrange, renumber, reword};
use super::scene::{Scene, scenes};
use super::script::Script;
use crate::common::Set;

/// Edits in one script.
const EDITS: usize = 6;

/// Recovers a replica from the records that the script in `input` makes of a real one's.
pub fn recover(input: &[u8]) {
    let mut script = Script::new(input);
    let scene = &scenes()[script.below(scenes().len())];
    let seat = script.below(scene.table.keys.len());
    let mut records = scene.table.records[seat].clone();
    // A crash loses the end, and nothing else.
    records.truncate(records.len() - script.below(records.len() + 1));
    let sound = script.is_over();
    for _ in 0..EDITS {
        if script.is_over() {
            break;
        }
        edit(&mut script, scene, &mut records);
    }
    match build(scene, seat, &records) {
        Ok(replica) => agrees(scene, seat, &records, replica, sound),
        Err(RecoverError::Record { index }) => {
            assert!(!sound, "record {index} of its own: {:?}", records[index]);
            assert!(index < records.len());
        }
        Err(error) => panic!("the genesis is good: {error}"),
    }
}

fn build(scene: &Scene, seat: usize, records: &[Record]) -> Result<Replica<Set>, RecoverError> {
    let (key, genesis) = (scene.table.keys[seat].clone(), scene.table.genesis.clone());
    let set = <Set as bft_crdts::SecureBroadcastAlgorithm>::new(key.actor());
    crate::common::recover(key, set, genesis, records.to_vec())
}

fn edit(script: &mut Script<'_>, scene: &Scene, records: &mut Vec<Record>) {
    match script.below(8) {
        0..=2 => rearrange(script, records),
        3 => {
            // A record of somebody else, or of another time.
            let other = &scenes()[script.below(scenes().len())];
            let theirs = script
                .pick(&other.table.records)
                .and_then(|all| script.pick(all));
            let at = script.below(records.len() + 1);
            records.extend(theirs.cloned());
            records[at..].rotate_right(usize::from(theirs.is_some()));
        }
        4 | 5 => rewrite(script, records, flip),
        6 => rewrite(script, records, renumber),
        _ => rewrite(script, records, |script, bytes| {
            reword(script, scene, bytes)
        }),
    }
}

/// Changes the bytes of one record; what stops being one is left as it was, as a store would not
/// load it.
fn rewrite(
    script: &mut Script<'_>,
    records: &mut [Record],
    change: impl FnOnce(&mut Script<'_>, &mut [u8]),
) {
    let at = script.below(records.len());
    if let Some(record) = records.get_mut(at) {
        let mut bytes = encode(record);
        change(script, &mut bytes);
        if let Ok(other) = decode(&bytes, bytes.len()) {
            *record = other;
        }
    }
}

fn agrees(scene: &Scene, seat: usize, records: &[Record], mut replica: Replica<Set>, sound: bool) {
    for (source, dot) in super::play::ends(records) {
        let end = replica.head(&source).expect("a lane in which it delivered");
        assert!(end.seq >= dot.seq, "{dot} is forgotten");
    }
    for record in records {
        match record {
            Record::Convicted(evidence) => {
                assert!(replica.convicted().contains_key(&evidence.accused()));
            }
            Record::Silenced => assert!(replica.is_silenced()),
            _ => {}
        }
    }
    let again = build(scene, seat, records).expect("as the first time");
    assert_eq!(format!("{replica:?}"), format!("{again:?}"));
    let fewer = replica.checkpoint();
    if let Some(records) = fewer.filter(|_| sound) {
        let same = build(scene, seat, &records).expect("its own checkpoint");
        assert_eq!(same.frontier(), replica.frontier());
        assert_eq!(same.generation(), replica.generation());
        assert_eq!(same.algorithm(), replica.algorithm());
        assert!(same.convicted().keys().eq(replica.convicted().keys()));
    }
    for _ in 0..4 {
        let _ = replica.tick();
    }
}
