//! What a row of the log holds: records, under a checksum that chains them to all rows before.
//!
//! The database checks its pages only when it opens the file, and its checksums are not
//! cryptographic. Ours are checked with each load, and cover what its do not: which row it is,
//! after which others, under whose key.

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::error::DurableError;
use crate::actor::Actor;
use crate::codec::{decode, encode, encoded_len};
use crate::deterministic_secure_broadcast::Record;

/// Bytes of records in a row, unless one record alone has more: a row is read, checked and decoded
/// as a whole. A little below a power of two, as the database rounds up to one.
pub(super) const ROW_BYTES: usize = (1 << 20) - 4096;

/// Bytes of a row before its records.
const CHECKSUM: usize = 8;

type Checksum = [u8; CHECKSUM];

/// Where the log ends. Kept beside it, or the loss of its last rows would not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) rows: u64,
    /// In all values.
    pub(super) bytes: u64,
    checksum: Checksum,
}

impl End {
    /// The end of an empty log, which is `actor`'s: what was said under one key does not go on
    /// under another.
    pub(super) fn of_nothing(actor: &Actor) -> Self {
        Self {
            rows: 0,
            bytes: 0,
            checksum: checksum(b"bft-crdts", 0, actor.as_bytes()),
        }
    }

    /// The next row's value, with these records.
    pub(super) fn write(&mut self, records: &[Record]) -> Vec<u8> {
        let bytes = encode(records);
        let checksum = checksum(&self.checksum, self.rows, &bytes);
        let mut value = checksum.to_vec();
        value.extend(bytes);
        self.advance(checksum, &value);
        value
    }

    /// The records in the next row's value, if that is what was written.
    pub(super) fn read(&mut self, row: u64, value: &[u8]) -> Result<Vec<Record>, DurableError> {
        let wrong = self.corrupt();
        let Some((claimed, bytes)) = value.split_first_chunk::<CHECKSUM>() else {
            return Err(wrong);
        };
        if row != self.rows || checksum(&self.checksum, row, bytes) != *claimed {
            return Err(wrong);
        }
        self.advance(*claimed, value);
        decode(bytes, bytes.len()).map_err(|_| wrong)
    }

    /// Whether what was read ends where the log does: else rows are missing, or there are too many.
    pub(super) fn meets(&self, written: &Self) -> Result<(), DurableError> {
        (self == written).then_some(()).ok_or(self.corrupt())
    }

    fn corrupt(&self) -> DurableError {
        DurableError::Corrupt { row: self.rows }
    }

    fn advance(&mut self, checksum: Checksum, value: &[u8]) {
        self.rows += 1;
        self.bytes += value.len() as u64;
        self.checksum = checksum;
    }
}

fn checksum(previous: &[u8], row: u64, bytes: &[u8]) -> Checksum {
    let mut hasher = sha2::Sha256::new();
    hasher.update(previous);
    hasher.update(row.to_le_bytes());
    hasher.update(bytes);
    let hash: [u8; 32] = hasher.finalize().into();
    std::array::from_fn(|index| hash[index])
}

/// The records in groups that fit into rows.
pub(super) fn groups(mut records: &[Record]) -> impl Iterator<Item = &[Record]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = records.iter().take_while(|record| {
            bytes += encoded_len(*record);
            bytes <= ROW_BYTES
        });
        let count = fitting.count().max(1);
        let (group, rest) = records.split_at_checked(count)?;
        records = rest;
        Some(group)
    })
}
