//! What a store makes of rows and of a file, for the fuzz targets. No part of the interface.

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::DurableStore;
use super::error::DurableError;
use super::rows::End;
use crate::actor::Actor;
use crate::codec::{decode, encode};
use crate::deterministic_secure_broadcast::Record;

/// The rows that `actor`'s store makes of these groups, and the entry that says where they end.
pub fn rows(actor: &Actor, groups: &[Vec<Record>]) -> (Vec<(u64, Vec<u8>)>, Vec<u8>) {
    let mut end = End::of_nothing(actor);
    let groups = groups.iter();
    let rows = groups.map(|group| (end.rows, end.write(group))).collect();
    (rows, encode(&end))
}

/// The records in such rows; else the first row that is wrong, missing, or one too many.
///
/// # Errors
/// [`DurableError`].
pub fn read(
    actor: &Actor,
    rows: &[(u64, Vec<u8>)],
    end: &[u8],
) -> Result<Vec<Record>, DurableError> {
    let written: End = decode(end, end.len()).map_err(|_| DurableError::Entry { name: "end" })?;
    let mut read = End::of_nothing(actor);
    let mut records = Vec::new();
    for (row, value) in rows {
        records.extend(read.read(*row, value)?);
    }
    read.meets(&written)?;
    Ok(records)
}

/// The store in a file with these bytes.
///
/// # Errors
/// [`DurableError`].
pub fn open(file: &[u8]) -> Result<DurableStore, DurableError> {
    let backend = InMemoryBackend::new();
    backend.set_len(file.len() as u64)?;
    backend.write(0, file)?;
    DurableStore::go_on(backend)
}
