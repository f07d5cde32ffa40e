//! A store in one file: the identity's key, the network it belongs to, and the log of records.
//!
//! Invariants:
//! - what was appended is on the disk when `append` returns, and comes in groups: one call, one
//!   transaction;
//! - the log that is loaded is the one that was written, row by row, to its end; else the first
//!   wrong row is named;
//! - only the file's owner may read it, and one handle at a time has it open;
//! - damage is an error and never a panic.
//!
//! Writes are committed in two phases. With one, the database would take a damaged last commit for
//! one that a crash cut short and go back to the one before, and the replica would contradict what
//! it has said; and it would tell whole commits from torn ones by a checksum that whoever chooses
//! the bytes of a record can forge.

mod error;
mod file;
#[cfg(feature = "_fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod rows;
#[cfg(test)]
mod tests;

pub use error::DurableError;

use std::path::Path;

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    WriteTransaction,
};

use self::error::failed;
use self::rows::{End, groups};
use super::Store;
use crate::actor::SigningActor;
use crate::codec::{decode, encode};
use crate::deterministic_secure_broadcast::Record;
use crate::membership::{Genesis, Origin};

/// The version of what is in the tables. The second has a nonce in the network's description,
/// the third its rule for signatures, the fourth headers of generations, the fifth locks that end
/// with theirs, and reports beside the values that rest on them, the sixth headers over trees whose
/// leaves have several records.
const FORMAT: u32 = 6;

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

const VERSION: &str = "version";
const SECRET: &str = "secret";
const GENESIS: &str = "genesis";
/// The application's note, in the word of the first version.
const NOTE: &str = "book";
const END: &str = "end";
/// How often the store was written to. Stores of before it was counted have none.
const WRITES: &str = "writes";

/// The file is made smaller when its log was that many times as long as the new one, and that many
/// bytes more.
const SHRINK_FACTOR: u64 = 4;
const SHRINK_BYTES: u64 = 16 << 20;

/// A participant's store in a file. Its key is in it: the two are lost together, and copied never.
///
/// After a failed write it is not known what is durable: it is opened anew, and the replica
/// recovered from it.
#[derive(Debug)]
pub struct DurableStore {
    database: Database,
    key: SigningActor,
}

impl DurableStore {
    /// A new store for `key` in a new file at `path`, which only its owner may read.
    ///
    /// # Errors
    /// [`DurableError::Exists`] when there is a file already; else what writing failed with.
    pub fn create(path: impl AsRef<Path>, key: SigningActor) -> Result<Self, DurableError> {
        let path = path.as_ref();
        let file = file::create(path)?;
        let store = file::backend(file).and_then(|backend| Self::begin(backend, key));
        let named = store.and_then(|store| file::sync_name(path).map(|()| store));
        named.inspect_err(|_| file::remove(path))
    }

    /// The store in the file at `path`. The whole file is checked, and what a crash left is
    /// cleared.
    ///
    /// # Errors
    /// [`DurableError`] saying why the file is no store of this version that we alone use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DurableError> {
        let file = file::open(path.as_ref())?;
        Self::go_on(file::backend(file)?)
    }

    fn begin(backend: impl StorageBackend, key: SigningActor) -> Result<Self, DurableError> {
        let database = file::database(backend)?;
        let store = Self { database, key };
        store.write(|transaction| {
            put(transaction, VERSION, &encode(&FORMAT))?;
            put(transaction, SECRET, &store.key.secret())?;
            put(transaction, END, &encode(&store.nothing()))?;
            transaction.open_table(RECORDS).map_err(failed).map(|_| ())
        })?;
        Ok(store)
    }

    fn go_on(backend: impl StorageBackend) -> Result<Self, DurableError> {
        let database = file::database(backend)?;
        let version = entry(&database, VERSION)?.and_then(|bytes| decode(&bytes, 4).ok());
        match version.ok_or(DurableError::Entry { name: VERSION })? {
            FORMAT => {}
            found => {
                let known = FORMAT;
                return Err(DurableError::Version { found, known });
            }
        }
        let secret = entry(&database, SECRET)?
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(DurableError::Entry { name: SECRET })?;
        let key = SigningActor::from_secret(&secret);
        let store = Self { database, key };
        store.writes()?;
        Ok(store)
    }

    /// The identity that this store belongs to.
    #[must_use]
    pub fn key(&self) -> SigningActor {
        self.key.clone()
    }

    /// The network that this store belongs to; `None` until [`found`](Self::found).
    ///
    /// # Errors
    /// [`DurableError`] when reading fails.
    pub fn genesis(&self) -> Result<Option<Genesis>, DurableError> {
        let Some(bytes) = entry(&self.database, GENESIS)? else {
            return Ok(None);
        };
        let genesis = decode(&bytes, bytes.len());
        genesis
            .map(Some)
            .map_err(|_| DurableError::Entry { name: GENESIS })
    }

    /// Binds this store to the network that `genesis` describes, once and for all. Again with the
    /// same one is nothing.
    ///
    /// # Errors
    /// [`DurableError::Founded`] when it is bound to another; else what writing failed with.
    pub fn found(&mut self, genesis: &Genesis) -> Result<(), DurableError> {
        match self.genesis()? {
            Some(present) if present == *genesis => Ok(()),
            Some(_) => Err(DurableError::Founded),
            None => self.write(|transaction| put(transaction, GENESIS, &encode(genesis))),
        }
    }

    /// Moves this store from its network to the one that `genesis` describes, which goes on from it
    /// at `origin`. The log and the note of the old one are forgotten, so that the key signs
    /// nothing there any more.
    ///
    /// # Errors
    /// [`DurableError::Founded`] when it is bound to another network, or that one does not go on
    /// from it; else what writing failed with.
    pub fn succeed(&mut self, genesis: &Genesis, origin: &Origin) -> Result<(), DurableError> {
        let present = self.genesis()?;
        let bound = present.is_some_and(|present| present.network() == origin.network);
        if !bound || !genesis.succeeds(origin) {
            return Err(DurableError::Founded);
        }
        self.write(|transaction| {
            transaction.delete_table(RECORDS).map_err(failed)?;
            transaction.open_table(RECORDS).map_err(failed)?;
            let mut meta = transaction.open_table(META).map_err(failed)?;
            meta.remove(NOTE).map_err(failed)?;
            drop(meta);
            put(transaction, END, &encode(&self.nothing()))?;
            put(transaction, GENESIS, &encode(genesis))
        })
    }

    /// The application's note beside the log, for example the invitation that it follows; `None`
    /// until it is set. Nothing here reads it.
    ///
    /// # Errors
    /// [`DurableError`] when reading fails.
    pub fn note(&self) -> Result<Option<Vec<u8>>, DurableError> {
        entry(&self.database, NOTE)
    }

    /// Puts `note` in the place of the application's last one.
    ///
    /// # Errors
    /// [`DurableError`] when it is not known that this is durable.
    pub fn set_note(&mut self, note: &[u8]) -> Result<(), DurableError> {
        self.write(|transaction| put(transaction, NOTE, note))
    }

    /// How often this store was written to since it was made; a copy that is put back has the
    /// smaller number of when it was taken. Whoever keeps the number elsewhere can tell.
    ///
    /// # Errors
    /// [`DurableError`] when reading fails.
    pub fn writes(&self) -> Result<u64, DurableError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        writes(&transaction.open_table(META).map_err(failed)?)
    }

    fn nothing(&self) -> End {
        End::of_nothing(&self.key.actor())
    }

    /// What `change` does, at once and durable.
    fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, DurableError>,
    ) -> Result<T, DurableError> {
        let mut transaction = self.database.begin_write().map_err(failed)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(failed)?;
        transaction.set_two_phase_commit(true);
        let result = change(&transaction)?;
        let before = writes(&transaction.open_table(META).map_err(failed)?)?;
        put(&transaction, WRITES, &encode(&before.saturating_add(1)))?;
        transaction.commit().map_err(failed)?;
        Ok(result)
    }
}

impl Store for DurableStore {
    type Error = DurableError;

    fn append(&mut self, records: &[Record]) -> Result<(), DurableError> {
        self.write(|transaction| {
            let end = end(&transaction.open_table(META).map_err(failed)?)?;
            add(transaction, end, records).map(|_| ())
        })
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), DurableError> {
        let (before, after) = self.write(|transaction| {
            let before = end(&transaction.open_table(META).map_err(failed)?)?;
            transaction.delete_table(RECORDS).map_err(failed)?;
            Ok((before, add(transaction, self.nothing(), records)?))
        })?;
        // The database reuses what is free, but never gives it back on its own. Moving what is left
        // to the front costs as much as writing it again: worth it only where little is left.
        if before.bytes > SHRINK_FACTOR * after.bytes + SHRINK_BYTES {
            self.database.compact().map_err(failed)?;
        }
        Ok(())
    }

    fn load(&mut self) -> Result<Vec<Record>, DurableError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let written = end(&transaction.open_table(META).map_err(failed)?)?;
        let table = transaction.open_table(RECORDS).map_err(failed)?;
        let mut records = Vec::new();
        let mut read = self.nothing();
        for row in table.iter().map_err(failed)? {
            let (row, value) = row.map_err(failed)?;
            records.extend(read.read(row.value(), value.value())?);
        }
        read.meets(&written)?;
        Ok(records)
    }
}

/// Writes the rows of `records` behind `end`, and where the log ends now.
fn add(
    transaction: &WriteTransaction,
    mut end: End,
    records: &[Record],
) -> Result<End, DurableError> {
    let mut table = transaction.open_table(RECORDS).map_err(failed)?;
    for group in groups(records) {
        let row = end.rows;
        table
            .insert(row, end.write(group).as_slice())
            .map_err(failed)?;
    }
    put(transaction, END, &encode(&end))?;
    Ok(end)
}

fn put(transaction: &WriteTransaction, name: &str, value: &[u8]) -> Result<(), DurableError> {
    let mut table = transaction.open_table(META).map_err(failed)?;
    table.insert(name, value).map_err(failed).map(|_| ())
}

fn entry(database: &Database, name: &str) -> Result<Option<Vec<u8>>, DurableError> {
    let transaction = database.begin_read().map_err(failed)?;
    let table = transaction.open_table(META).map_err(failed)?;
    let value = table.get(name).map_err(failed)?;
    Ok(value.map(|value| value.value().to_vec()))
}

fn writes(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<u64, DurableError> {
    match table.get(WRITES).map_err(failed)? {
        None => Ok(0),
        Some(count) => decode(count.value(), size_of::<u64>())
            .map_err(|_| DurableError::Entry { name: WRITES }),
    }
}

fn end(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<End, DurableError> {
    let value = table.get(END).map_err(failed)?;
    let end = value.and_then(|value| decode(value.value(), value.value().len()).ok());
    end.ok_or(DurableError::Entry { name: END })
}
