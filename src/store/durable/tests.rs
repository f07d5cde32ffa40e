use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::codec::{Bytes, Limits};
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
    Genesis::new(&Set::new(actor), [actor].into(), limits).expect("a network")
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
fn the_book_is_kept_as_it_is() {
    let folder = Folder::new();
    let mut store = create(&folder.path());
    assert_eq!(store.book().expect("readable"), None);
    store.set_book(b"first").expect("durable");
    store.set_book(b"second").expect("durable");
    drop(store);
    let book = open(&folder.path()).book().expect("readable");
    assert_eq!(book.as_deref(), Some(&b"second"[..]));
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
