//! Whatever is done to the file or to its rows: it is found, or nothing of it shows.

use std::fs;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// A closed store of five rows, and its file.
fn five_rows(folder: &Folder) -> Vec<u8> {
    let mut store = create(&folder.path());
    for row in 0..5 {
        store.append(&records(row..row + 1)).expect("durable");
    }
    drop(store);
    fs::read(folder.path()).expect("our file")
}

/// Changes the tables behind the store's back.
fn tamper(path: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(path).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    change(&transaction);
    transaction.commit().expect("durable");
}

fn row(transaction: &WriteTransaction, row: u64) -> Vec<u8> {
    let table = transaction.open_table(RECORDS).expect("the log");
    let value = table.get(row).expect("readable").expect("a row");
    value.value().to_vec()
}

fn set_row(transaction: &WriteTransaction, row: u64, value: &[u8]) {
    let mut table = transaction.open_table(RECORDS).expect("the log");
    table.insert(row, value).expect("writable");
}

fn remove_row(transaction: &WriteTransaction, row: u64) {
    let mut table = transaction.open_table(RECORDS).expect("the log");
    table.remove(row).expect("writable");
}

fn corrupt_row(path: &Path) -> Option<u64> {
    match open(path).load() {
        Err(DurableError::Corrupt { row }) => Some(row),
        _ => None,
    }
}

#[test]
fn a_flipped_byte_in_a_row_is_found_and_the_row_named() {
    let folder = Folder::new();
    five_rows(&folder);
    let mut length = 1;
    let mut index = 0;
    while index < length {
        let flip = |transaction: &WriteTransaction| {
            let mut value = row(transaction, 2);
            length = value.len();
            value[index] ^= 1 << (index % 8);
            set_row(transaction, 2, &value);
        };
        tamper(&folder.path(), flip);
        assert_eq!(corrupt_row(&folder.path()), Some(2), "byte {index}");
        tamper(&folder.path(), |transaction| {
            let mut value = row(transaction, 2);
            value[index] ^= 1 << (index % 8);
            set_row(transaction, 2, &value);
        });
        index += 1;
    }
    let all = open(&folder.path()).load();
    assert_eq!(all.expect("what was written"), records(0..5));
}

#[test]
fn a_row_that_is_missing_moved_repeated_or_new_is_found() {
    type Change = fn(&WriteTransaction);
    let changes: [(Change, u64); 6] = [
        (|log| remove_row(log, 0), 0),
        (|log| remove_row(log, 2), 2),
        (|log| remove_row(log, 4), 4),
        (|log| set_row(log, 5, &row(log, 4)), 5),
        (|log| set_row(log, 3, &row(log, 2)), 3),
        (
            |log| {
                let (left, right) = (row(log, 1), row(log, 2));
                set_row(log, 1, &right);
                set_row(log, 2, &left);
            },
            1,
        ),
    ];
    for (index, (change, found)) in changes.into_iter().enumerate() {
        let folder = Folder::new();
        five_rows(&folder);
        tamper(&folder.path(), change);
        assert_eq!(corrupt_row(&folder.path()), Some(found), "change {index}");
    }
}

#[test]
fn another_key_does_not_go_on_with_the_log() {
    let folder = Folder::new();
    five_rows(&folder);
    tamper(&folder.path(), |log| {
        put(log, SECRET, &[8; 32]).expect("durable");
    });
    assert_eq!(corrupt_row(&folder.path()), Some(0));
}

#[test]
fn a_missing_or_malformed_entry_is_named() {
    let names = [VERSION, SECRET, END].into_iter();
    let harms = names.flat_map(|name| [(name, None), (name, Some(&b"?"[..]))]);
    for (name, value) in harms.chain([(WRITES, Some(&b"?"[..]))]) {
        let folder = Folder::new();
        five_rows(&folder);
        tamper(&folder.path(), |log| {
            let mut table = log.open_table(META).expect("the entries");
            match value {
                Some(value) => table.insert(name, value).map(|_| ()),
                None => table.remove(name).map(|_| ()),
            }
            .expect("writable");
        });
        let loaded = DurableStore::open(folder.path()).and_then(|mut store| store.load());
        assert!(matches!(loaded, Err(DurableError::Entry { name: found }) if found == name));
    }
}

#[test]
fn a_store_of_another_version_is_left_alone() {
    for other in [1u32, 2, 3, 4, 5, 7] {
        let folder = Folder::new();
        five_rows(&folder);
        tamper(&folder.path(), |log| {
            put(log, VERSION, &encode(&other)).expect("durable");
        });
        let opened = DurableStore::open(folder.path());
        let refused =
            matches!(opened, Err(DurableError::Version { found, known: 6 }) if found == other);
        assert!(refused, "version {other}");
    }
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = Folder::new();
    for bytes in [&b""[..], b"?", b"redb", &[0; 4096], &[0xff; 100_000]] {
        drop(file::create(&folder.path()).expect("a file"));
        fs::write(folder.path(), bytes).expect("our file");
        let opened = DurableStore::open(folder.path());
        assert!(matches!(opened, Err(DurableError::NotAStore)), "{opened:?}");
        fs::remove_file(folder.path()).expect("our file");
    }
    drop(file::create(&folder.path()).expect("a file"));
    tamper_new(&folder.path());
    let opened = DurableStore::open(folder.path());
    assert!(matches!(opened, Err(DurableError::NotAStore)));
}

/// Somebody else's database.
fn tamper_new(path: &Path) {
    drop(Database::create(path).expect("a database"));
}

/// Writes `bytes` over the file; what is loaded, if anything, is the beginning of what was written.
fn nothing_else(folder: &Folder, bytes: &[u8], story: &str) {
    fs::write(folder.path(), bytes).expect("our file");
    let Ok(mut store) = DurableStore::open(folder.path()) else {
        return;
    };
    assert_eq!(store.key().actor(), key().actor(), "{story}");
    if let Ok(found) = store.load() {
        assert!(records(0..5).starts_with(&found), "{story}: {found:?}");
    }
}

#[test]
fn a_truncated_file_is_an_error_or_a_beginning() {
    let folder = Folder::new();
    let bytes = five_rows(&folder);
    let ends = (0..400).chain((400..bytes.len()).step_by(4093));
    for end in ends {
        nothing_else(&folder, &bytes[..end], &format!("cut at {end}"));
    }
}

#[test]
fn a_file_with_flipped_bits_is_an_error_or_a_beginning() {
    let folder = Folder::new();
    let bytes = five_rows(&folder);
    // Where something is: all else is free space, which nobody reads.
    let used: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    for seed in 0..600u64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut damaged = bytes.clone();
        for _ in 0..random.random_range(1..4) {
            let at = match random.random_range(0..3) {
                0 => random.random_range(0..512),
                1 => random.random_range(0..bytes.len()),
                _ => used[random.random_range(0..used.len())],
            };
            damaged[at] ^= 1 << random.random_range(0..8);
        }
        nothing_else(&folder, &damaged, &format!("seed {seed}"));
    }
}
