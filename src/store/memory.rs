//! A store in memory that loses power like a disk: what was not synced is gone, the last record may
//! be torn.

use sha2::Digest as _;

use super::Store;
use crate::codec::{decode, encode};
use crate::deterministic_secure_broadcast::Record;

/// Bytes before a record: its length and the beginning of its hash.
const FRAME: usize = 8;

/// Records as framed bytes, with a power cut to order.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    disk: Vec<u8>,
    appended: usize,
    cut: Option<Cut>,
}

/// Where in the next append power fails.
#[derive(Clone, Copy, Debug)]
struct Cut {
    after: usize,
    torn: usize,
}

/// Why a [`MemoryStore`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrashError {
    /// Power failed, as was ordered.
    #[error("power failed")]
    PowerCut,
    /// What is stored is not what was written.
    #[error("corrupt at byte {offset}")]
    Corrupt {
        /// Where the bad record begins.
        offset: usize,
    },
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// In the next append power fails after `after` records, and `torn` bytes of the one behind
    /// them are written.
    pub fn cut_power(&mut self, after: usize, torn: usize) {
        self.cut = Some(Cut { after, torn });
    }

    /// Whether the next append is to fail.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Power is back: nothing is ordered any more.
    pub fn restore_power(&mut self) {
        self.cut = None;
    }

    /// Records that were ever appended, those too that others took the place of.
    #[must_use]
    pub fn appended(&self) -> usize {
        self.appended
    }

    /// Bytes that are durable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.disk.len()
    }

    /// Whether nothing is durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disk.is_empty()
    }

    /// The next record's bytes after `offset`; `None` where the log ends or was torn.
    fn frame(&self, offset: usize) -> Option<&[u8]> {
        let rest = &self.disk[offset..];
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (hash, rest) = rest.split_first_chunk::<4>()?;
        let bytes = rest.get(..u32::from_le_bytes(*len) as usize)?;
        (checksum(bytes) == *hash).then_some(bytes)
    }
}

impl Store for MemoryStore {
    type Error = CrashError;

    fn append(&mut self, records: &[Record]) -> Result<(), CrashError> {
        for (index, record) in records.iter().enumerate() {
            let bytes = encode(record);
            let len = u32::try_from(bytes.len()).expect("records are bounded far below 4 GiB");
            let mut frame = len.to_le_bytes().to_vec();
            frame.extend(checksum(&bytes));
            frame.extend(&bytes);
            match self.cut {
                Some(cut) if cut.after == index => {
                    let torn = cut.torn.min(frame.len() - 1);
                    self.disk.extend(&frame[..torn]);
                    return Err(CrashError::PowerCut);
                }
                _ => {
                    self.disk.extend(frame);
                    self.appended += 1;
                }
            }
        }
        match self.cut {
            Some(cut) if cut.after >= records.len() => Err(CrashError::PowerCut),
            _ => Ok(()),
        }
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), CrashError> {
        let mut fresh = Self::new();
        fresh.append(records)?;
        self.disk = fresh.disk;
        Ok(())
    }

    fn load(&mut self) -> Result<Vec<Record>, CrashError> {
        let mut records = Vec::new();
        let mut offset = 0;
        while let Some(bytes) = self.frame(offset) {
            let record = decode(bytes, bytes.len()).map_err(|_| CrashError::Corrupt { offset })?;
            offset += FRAME + bytes.len();
            records.push(record);
        }
        self.disk.truncate(offset);
        Ok(records)
    }
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let hash: [u8; 32] = sha2::Sha256::digest(bytes).into();
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Bytes;

    fn record(byte: u8) -> Record {
        Record::Queued(Bytes::from(vec![byte; 9]))
    }

    #[test]
    fn a_power_cut_leaves_a_prefix_whatever_was_torn() {
        let records = [record(1), record(2), record(3)];
        for after in 0..=records.len() {
            for torn in 0..40 {
                let mut store = MemoryStore::new();
                store.append(&[record(0)]).expect("power is on");
                store.cut_power(after, torn);
                assert_eq!(store.append(&records), Err(CrashError::PowerCut));
                store.restore_power();
                let mut expected = vec![record(0)];
                expected.extend_from_slice(&records[..after]);
                assert_eq!(store.load(), Ok(expected.clone()));
                store.append(&[record(4)]).expect("power is on");
                expected.push(record(4));
                assert_eq!(store.load(), Ok(expected));
            }
        }
    }

    #[test]
    fn a_record_of_another_version_is_corrupt_and_not_skipped() {
        let mut store = MemoryStore::new();
        store.append(&[record(1)]).expect("power is on");
        let bytes = [0xff; 9];
        store.disk.extend(9u32.to_le_bytes());
        store.disk.extend(checksum(&bytes));
        store.disk.extend(bytes);
        assert!(matches!(store.load(), Err(CrashError::Corrupt { .. })));
    }
}
