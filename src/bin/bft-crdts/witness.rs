//! A second witness of how old the store is: how often it was written to, in a file beside it.
//!
//! A store that is put back from a copy has forgotten what its key has signed since. Put back
//! alone, without this file, it is known for what it is before the node starts, with no member
//! reachable. A directory that is put back whole is known by what the members tell, and by nothing
//! here.
//!
//! The file follows each write of the store and never goes before one: what it names is a number
//! that the store has reached.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bft_crdts::Actor;
use bft_crdts::deterministic_secure_broadcast::Record;
use bft_crdts::store::{DurableError, DurableStore, Store};

use crate::failure::Failure;
use crate::home::Home;
use crate::name;

/// Bytes of the line: an actor, a blank, a number with all its digits.
const LINE: usize = 64 + 1 + 20 + 1;

/// A store whose writes are counted beside it.
#[derive(Debug)]
pub(crate) struct Witnessed {
    store: DurableStore,
    actor: Actor,
    file: File,
    /// Whether it was told that the file cannot be written.
    told: bool,
}

impl Witnessed {
    /// The store, unless the file beside it knows of later writes.
    pub(crate) fn over(home: &Home, store: DurableStore) -> Result<Self, Failure> {
        let (path, actor) = (home.witness(), store.key().actor());
        let failed = |error| Failure::File(path.clone(), error);
        let writes = store.writes();
        let writes = writes.map_err(|error| Failure::Store(path.clone(), error))?;
        let known = last_known(&path, &actor).map_err(failed)?;
        if let Some(known) = known.filter(|known| *known > writes) {
            return Err(Failure::OldStore {
                directory: home.directory().to_owned(),
                forgotten: known - writes,
            });
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        file.set_len(LINE as u64).map_err(failed)?;
        let mut witnessed = Self {
            store,
            actor,
            file,
            told: false,
        };
        witnessed.note();
        Ok(witnessed)
    }

    /// Follows the store. That this fails takes away a help, and is no reason to stop.
    fn note(&mut self) {
        let noted = self
            .store
            .writes()
            .map_err(io::Error::other)
            .and_then(|writes| {
                let line = format!("{} {writes:020}\n", self.actor);
                debug_assert_eq!(line.len(), LINE);
                self.file.write_all_at(line.as_bytes(), 0)
            });
        if let Err(error) = noted
            && !std::mem::replace(&mut self.told, true)
        {
            tracing::warn!(%error, "how often the store was written to is not kept beside it");
        }
    }
}

/// How often the store of `actor` was written to, as far as the file knows.
fn last_known(path: &Path, actor: &Actor) -> io::Result<Option<u64>> {
    let opened = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    opened.take(LINE as u64).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.trim_end().split_once(' ');
    let known = line
        .and_then(|(named, writes)| Some((name::whole(named).ok()?, writes.parse::<u64>().ok()?)));
    if known.is_none() {
        crate::remark(&format!("{} makes no sense: begun anew", path.display()));
    }
    // Another identity was here before: its store had numbers of its own.
    Ok(known
        .filter(|(named, _)| named == actor)
        .map(|(_, writes)| writes))
}

impl Store for Witnessed {
    type Error = DurableError;

    fn append(&mut self, records: &[Record]) -> Result<(), DurableError> {
        self.store.append(records)?;
        self.note();
        Ok(())
    }

    fn replace(&mut self, records: &[Record]) -> Result<(), DurableError> {
        self.store.replace(records)?;
        self.note();
        Ok(())
    }

    fn load(&mut self) -> Result<Vec<Record>, DurableError> {
        self.store.load()
    }
}
