//! Why a store could not be made, opened, written or read.

use std::io;

/// Why a [`DurableStore`](super::DurableStore) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// Another process, or another handle in this one, has the store open.
    #[error("the store is open elsewhere")]
    Locked,
    /// There is a file where the new store was to be.
    #[error("the file exists")]
    Exists,
    /// Others than its owner may read or write the file, and so the secret in it.
    #[error("others than the owner may use the file: its mode is {mode:o}")]
    Exposed {
        /// The file's permissions.
        mode: u32,
    },
    /// The file is no store, or the beginning of one whose creation was cut short.
    #[error("not a store")]
    NotAStore,
    /// The store is of another version than this program writes.
    #[error("a store of version {found}, where {known} is known")]
    Version {
        /// The store's version.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// The file is shorter than it was, or is not what the database wrote.
    #[error("the file of the store is damaged")]
    Damaged,
    /// The rows of the log are not those that were written, from this one on.
    #[error("row {row} of the log is not what was written")]
    Corrupt {
        /// The first row that is wrong, missing, or one too many.
        row: u64,
    },
    /// One of the entries beside the log is missing or malformed.
    #[error("the entry {name:?} is not what was written")]
    Entry {
        /// The entry's name.
        name: &'static str,
    },
    /// The store belongs to another network.
    #[error("the store belongs to another network")]
    Founded,
    /// Reading or writing the file failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The database failed in another way. After a failed write, the store is opened anew first.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The same for all of the database's own errors, so that its types stay out of our interface.
pub(super) fn failed(error: impl Into<redb::Error>) -> DurableError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            DurableError::Locked
        }
        redb::Error::TableDoesNotExist(_) | redb::Error::TableTypeMismatch { .. } => {
            DurableError::NotAStore
        }
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            DurableError::NotAStore
        }
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DurableError::Damaged
        }
        redb::Error::Io(error) => DurableError::Io(error),
        redb::Error::Corrupted(_) => DurableError::Damaged,
        error => DurableError::Database(Box::new(error)),
    }
}
