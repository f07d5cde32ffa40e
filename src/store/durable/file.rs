//! The file: its owner's alone from the first byte on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use super::error::{DurableError, failed};

/// Bytes that the database keeps in memory: the log is read once, at the start.
const CACHE_BYTES: usize = 4 << 20;

/// A new file at `path`, empty.
pub(super) fn create(path: &Path) -> Result<File, DurableError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => DurableError::Exists,
        _ => DurableError::Io(error),
    })
}

/// The file at `path`, if it could be a store and nobody else may look into it.
pub(super) fn open(path: &Path) -> Result<File, DurableError> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let metadata = file.metadata()?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(DurableError::Exposed { mode });
        }
    }
    // The database would take an empty file for one that it is to begin.
    if metadata.len() == 0 {
        return Err(DurableError::NotAStore);
    }
    Ok(file)
}

/// Makes the file's name durable: an acknowledged record is lost with it.
pub(super) fn sync_name(path: &Path) -> Result<(), DurableError> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// Takes away what a failed creation left. What failed first is told.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

pub(super) fn backend(file: File) -> Result<FileBackend, DurableError> {
    FileBackend::new(file).map_err(failed)
}

/// The database in `backend`, begun if that is empty. Every page is checked: a database that trusts
/// a damaged file panics.
pub(super) fn database(backend: impl StorageBackend) -> Result<Database, DurableError> {
    Database::builder()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)
        .map_err(failed)
}
