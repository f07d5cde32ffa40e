//! The file of a real store, with bytes changed, pages swapped, or its end gone: an error, or a
//! beginning of what was written.

use std::sync::OnceLock;

use bft_crdts::deterministic_secure_broadcast::Record;
use bft_crdts::store::fuzz::open;
use bft_crdts::store::{DurableStore, Store};

use super::super::scene::scenes;
use super::super::script::Script;

/// Edits in one script.
const EDITS: usize = 6;
/// Bytes of a page.
const PAGE: usize = 4096;

/// A closed store: its bytes, the places of those that are not zero, and its records.
struct Written {
    bytes: Vec<u8>,
    used: Vec<usize>,
    records: Vec<Record>,
}

/// Opens and loads the file that the script in `input` makes of a real one.
pub fn file(input: &[u8]) {
    let written = written();
    let mut script = Script::new(input);
    let mut bytes = written.bytes.clone();
    for _ in 0..EDITS {
        if script.is_over() {
            break;
        }
        edit(&mut script, &written.used, &mut bytes);
    }
    let same = bytes == written.bytes;
    let loaded = open(&bytes).and_then(|mut store| Ok((store.key(), store.load()?)));
    match loaded {
        Ok((key, records)) => {
            assert_eq!(key.actor(), scenes()[0].table.actor(0));
            assert!(written.records.starts_with(&records));
            assert!(!same || written.records == records);
        }
        Err(error) => assert!(!same, "{error}"),
    }
}

fn edit(script: &mut Script<'_>, used: &[usize], bytes: &mut Vec<u8>) {
    let at = match script.below(4) {
        0 => script.below(512),
        1 => script.below(bytes.len() / PAGE) * PAGE + script.below(64),
        _ => script.pick(used).copied().unwrap_or_default(),
    };
    let page = |at: usize| at / PAGE * PAGE..(at / PAGE + 1) * PAGE;
    match script.below(16) {
        0 => bytes.truncate(at),
        1 => {
            let other = script.pick(used).copied().unwrap_or_default();
            if page(at.max(other)).end <= bytes.len() {
                bytes.copy_within(page(other), page(at).start);
            }
        }
        2 => bytes
            .iter_mut()
            .skip(at)
            .take(8)
            .for_each(|byte| *byte = 0xff),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= script.byte().max(1);
            }
        }
    }
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let name = format!("bft-crdts-fuzz-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let table = &scenes()[0].table;
        let records = table.records[0].clone();
        let mut store = DurableStore::create(&path, table.keys[0].clone()).expect("a new store");
        for group in records.chunks(3) {
            store.append(group).expect("durable");
        }
        drop(store);
        let bytes = std::fs::read(&path).expect("our file");
        std::fs::remove_file(&path).expect("our file");
        let used = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
        Written {
            bytes,
            used,
            records,
        }
    })
}
