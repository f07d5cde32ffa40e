mod damage;
mod power;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::codec::{Bytes, Limits, from_digits};
use crate::orswot::Orswot;
use crate::traits::SecureBroadcastAlgorithm;

type Set = Orswot<String>;

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bft-crdts-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key() -> SigningActor {
    SigningActor::from_secret(&[7; 32])
}

/// Records that all differ, as many as `numbers`.
fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    let bytes = |number: u64| Bytes::from(number.to_le_bytes().repeat(1 + number as usize % 7));
    numbers
        .map(|number| Record::Queued(bytes(number)))
        .collect()
}

fn create(path: &Path) -> DurableStore {
    DurableStore::create(path, key()).expect("a new store")
}

fn open(path: &Path) -> DurableStore {
    DurableStore::open(path).expect("a store")
}

fn genesis(limits: Limits) -> Genesis {
    let actor = key().actor();
    Genesis::new(&Set::new(actor), [actor].into(), limits, [0; 32]).expect("a network")
}

#[test]
fn what_was_appended_is_there_after_reopening_and_goes_on() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    assert_eq!(store.load().expect("a log"), []);
    store.append(&records(0..3)).expect("durable");
    store.append(&records(3..4)).expect("durable");
    assert_eq!(store.load().expect("a log"), records(0..4));
    drop(store);
    let mut store = open(&folder.path());
    assert_eq!(store.key().actor(), key().actor());
    store.append(&records(4..9)).expect("durable");
    assert_eq!(store.load().expect("a log"), records(0..9));
}

#[test]
fn what_replaces_the_log_is_all_that_is_there() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    store.append(&records(0..3)).expect("durable");
    store.replace(&records(5..7)).expect("durable");
    store.append(&records(7..8)).expect("durable");
    drop(store);
    assert_eq!(open(&folder.path()).load().expect("a log"), records(5..8));
}

#[test]
fn a_store_belongs_to_one_network() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    let here = genesis(Limits::default());
    let mut limits = Limits::default();
    limits.seats -= 1;
    assert_eq!(store.genesis().expect("readable"), None);
    store.found(&here).expect("durable");
    store.found(&here).expect("the same");
    let elsewhere = store.found(&genesis(limits));
    assert!(matches!(elsewhere, Err(DurableError::Founded)));
    drop(store);
    assert_eq!(
        open(&folder.path()).genesis().expect("readable"),
        Some(here)
    );
}

#[test]
fn the_note_is_kept_as_it_is() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    assert_eq!(store.note().expect("readable"), None);
    store.set_note(b"first").expect("durable");
    store.set_note(b"second").expect("durable");
    drop(store);
    let note = open(&folder.path()).note().expect("readable");
    assert_eq!(note.as_deref(), Some(&b"second"[..]));
}

#[test]
fn a_store_is_open_once_at_a_time() {
    let folder = Folder::new();
    let store = create(&folder.path());
    let again = DurableStore::open(folder.path());
    assert!(matches!(again, Err(DurableError::Locked)));
    let anew = DurableStore::create(folder.path(), key());
    assert!(matches!(anew, Err(DurableError::Exists)));
    drop(store);
    open(&folder.path());
}

#[cfg(unix)]
#[test]
fn a_store_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    drop(create(&folder.path()));
    let metadata = fs::metadata(folder.path()).expect("a file");
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
    for mode in [0o644, 0o640, 0o602, 0o620] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.path(), permissions).expect("our file");
        let exposed = DurableStore::open(folder.path());
        assert!(matches!(exposed, Err(DurableError::Exposed { mode: found }) if found == mode));
    }
}

#[test]
fn a_group_is_one_row_and_a_long_log_several() {
    let rows = |store: &DurableStore| {
        let transaction = store.database.begin_read().expect("readable");
        let table = transaction.open_table(META).expect("the entries");
        end(&table).expect("an end").rows
    };
    let folder = Folder::new();
    let mut store = create(&folder.path());
    store.append(&records(0..50)).expect("durable");
    assert_eq!(rows(&store), 1);
    let long: Vec<_> = (0..40u8)
        .map(|byte| Record::Queued(Bytes::from(vec![byte; 100_000])))
        .collect();
    store.replace(&long).expect("durable");
    assert_eq!(rows(&store), 4);
    assert_eq!(store.load().expect("a log"), long);
    let longest = [Record::Queued(Bytes::from(vec![1; 3 << 20]))];
    store.replace(&longest).expect("durable");
    assert_eq!(rows(&store), 1);
    assert_eq!(store.load().expect("a log"), longest);
}

#[test]
fn a_file_shrinks_when_little_takes_the_place_of_much() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    let much = Record::Queued(Bytes::from(vec![1; 24 << 20]));
    store.append(&[much]).expect("durable");
    let length = || fs::metadata(folder.path()).expect("a file").len();
    let before = length();
    store.replace(&records(0..9)).expect("durable");
    assert!(length() < before / 4, "{} of {before}", length());
    drop(store);
    assert_eq!(open(&folder.path()).load().expect("a log"), records(0..9));
}

#[test]
fn an_unclean_stop_is_repaired() {
    let folder = Folder::new();
    let copy = Folder::new();
    let mut store = create(&folder.path());
    for row in 0..20 {
        store.append(&records(row..row + 1)).expect("durable");
        fs::copy(folder.path(), copy.path()).expect("a copy");
        let mut found = open(&copy.path());
        assert_eq!(found.load().expect("a log"), records(0..row + 1));
    }
}

/// What this version writes, but for the database's own pages. Stores that are out there hold the
/// same.
const GOLDEN: &str = include_str!("../../../tests/golden/store-v6.txt");

#[test]
fn the_rows_are_those_of_the_sixth_version() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    store.found(&genesis(Limits::default())).expect("durable");
    store.set_note(b"book").expect("durable");
    store.append(&records(0..3)).expect("durable");
    store.append(&records(3..4)).expect("durable");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let transaction = store.database.begin_read().expect("readable");
    let mut text = String::new();
    for row in (transaction.open_table(META).expect("entries").iter()).expect("readable") {
        let (name, value) = row.expect("readable");
        text += &format!("meta {} {}\n", name.value(), hex(value.value()));
    }
    for row in (transaction.open_table(RECORDS).expect("log").iter()).expect("readable") {
        let (number, value) = row.expect("readable");
        text += &format!("records {} {}\n", number.value(), hex(value.value()));
    }
    assert_eq!(text, GOLDEN);
}

#[test]
fn the_rows_of_the_sixth_version_are_read() {
    let folder = Folder::new();
    let store = create(&folder.path());
    let bytes = |digits: &str| from_digits(digits).expect("digits");
    let fill = |transaction: &WriteTransaction| {
        for line in GOLDEN.lines() {
            let words: Vec<_> = line.split(' ').collect();
            if words[0] == "meta" {
                put(transaction, words[1], &bytes(words[2]))?;
            } else {
                let mut log = transaction.open_table(RECORDS).map_err(failed)?;
                let row = words[1].parse::<u64>().expect("a number");
                log.insert(row, bytes(words[2]).as_slice())
                    .map_err(failed)?;
            }
        }
        Ok(())
    };
    store.write(fill).expect("durable");
    drop(store);
    let mut store = open(&folder.path());
    assert_eq!(store.key().actor(), key().actor());
    let network = store.genesis().expect("readable");
    assert_eq!(network, Some(genesis(Limits::default())));
    assert_eq!(store.note().expect("readable"), Some(b"book".to_vec()));
    assert_eq!(store.load().expect("a log"), records(0..4));
    store.append(&records(4..5)).expect("durable");
    assert_eq!(store.load().expect("a log"), records(0..5));
}

#[test]
fn each_write_is_counted_and_a_store_of_before_they_were_counted_begins_with_none() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    let writes = |store: &DurableStore| store.writes().expect("readable");
    assert_eq!(writes(&store), 1);
    store.append(&records(0..3)).expect("durable");
    store.replace(&records(0..1)).expect("durable");
    assert_eq!(writes(&store), 3);
    drop(store);
    let mut store = open(&folder.path());
    assert_eq!(writes(&store), 3, "reading is no write");
    let transaction = store.database.begin_write().expect("writable");
    let mut table = transaction.open_table(META).expect("entries");
    table.remove(WRITES).expect("writable");
    drop(table);
    transaction.commit().expect("durable");
    assert_eq!(writes(&store), 0);
    store.append(&records(1..2)).expect("durable");
    assert_eq!(writes(&store), 1);
}

#[test]
fn a_replica_goes_on_from_its_file() {
    use crate::deterministic_secure_broadcast::Replica;
    use crate::store::spend;
    let folder = Folder::new();
    let mut store = create(&folder.path());
    store.found(&genesis(Limits::default())).expect("durable");
    drop(store);
    for count in 0..4 {
        let mut store = open(&folder.path());
        let network = store.genesis().expect("readable").expect("founded");
        let (log, set) = (store.load().expect("a log"), Set::new(key().actor()));
        let recovered = Replica::recover(store.key(), set, network, log);
        let (mut replica, step) = recovered.expect("what it was");
        spend(step, &mut store, |_| {}).expect("durable");
        for number in 0..4 {
            let there = replica.algorithm().contains(&format!("{number}"));
            assert_eq!(there, number < count);
        }
        let add = replica.ahead().add(format!("{count}"));
        let step = replica.propose(add).expect("a good operation");
        assert_eq!(step.delivered.len(), 1, "one member delivers alone");
        spend(step, &mut store, |_| {}).expect("durable");
    }
}

#[test]
fn a_store_moves_to_a_network_that_goes_on_from_its_own_and_to_no_other() {
    use crate::membership::Origin;
    use crate::quorum::Generation;

    let folder = Folder::new();
    let mut store = create(&folder.path());
    let old = genesis(Limits::default());
    let generation = Generation::GENESIS;
    let origin = |network| Origin {
        network,
        generation,
    };
    let succeeding = |origin: &Origin| {
        let set = Set::new(key().actor());
        let (members, limits) = ([key().actor()].into(), Limits::default());
        Genesis::succeeding(&set, members, limits, origin, [1; 16]).expect("a network")
    };
    let from_old = origin(old.network());
    let new = succeeding(&from_old);
    let unbound = store.succeed(&new, &from_old);
    assert!(matches!(unbound, Err(DurableError::Founded)));
    store.found(&old).expect("bound");
    store.set_note(b"old").expect("durable");
    store.append(&records(0..3)).expect("durable");
    let from_elsewhere = origin(new.network());
    for (genesis, origin) in [
        (succeeding(&from_elsewhere), from_elsewhere),
        (succeeding(&from_elsewhere), from_old),
        (old.clone(), from_old),
    ] {
        let refused = store.succeed(&genesis, &origin);
        assert!(matches!(refused, Err(DurableError::Founded)));
    }
    assert_eq!(store.load().expect("a log"), records(0..3));
    let writes = store.writes().expect("a number");
    store.succeed(&new, &from_old).expect("moved");
    drop(store);
    let mut store = open(&folder.path());
    assert_eq!(store.genesis().expect("readable"), Some(new));
    assert_eq!(store.note().expect("readable"), None);
    assert_eq!(store.load().expect("a log"), []);
    assert_eq!(store.writes().expect("a number"), writes + 1);
    store.append(&records(5..7)).expect("durable");
    assert_eq!(store.load().expect("a log"), records(5..7));
}
