//! A certified state in a file, from which a new network can be founded when too many members of
//! the old one are lost.
//!
//! Before the canonical bytes stands a line that says what they are. The file proves itself: it can
//! be kept anywhere, and taken from anybody, by whoever knows which network is meant.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bft_crdts::codec::{self, DecodeError};
use bft_crdts::deterministic_secure_broadcast::Replica;
use bft_crdts::membership::{CertifiedState, Origin};
use bft_crdts::store::{DurableStore, Store};

use crate::client;
use crate::failure::{Failure, NoSnapshot};
use crate::home::{self, Home};
use crate::kinds::{Service, by_kind};
use crate::protocol::{Kind, Refusal, Reply, Request, SnapshotFile};

const MAGIC: &[u8] = b"bft-crdts snapshot 1\n";

/// Bytes of a state with its proof.
const LIMIT: usize = 1 << 30;

/// A state that its network has certified.
#[derive(Clone, Debug)]
pub(crate) struct Certified {
    pub(crate) state: CertifiedState,
    /// Whose it is: the caller says whether that is meant.
    pub(crate) origin: Origin,
}

impl Certified {
    /// What the file holds, if its proof holds.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = read(path).map_err(|error| Failure::File(path.to_owned(), error))?;
        let judged = bytes.and_then(|bytes| Self::judge(&bytes));
        judged.map_err(|why| Failure::Snapshot(path.to_owned(), why))
    }

    fn judge(bytes: &[u8]) -> Result<Self, NoSnapshot> {
        let state: CertifiedState = codec::decode(bytes, LIMIT)?;
        let origin = state.verify()?;
        Ok(Self { state, origin })
    }

    /// The bytes of a file that holds it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(&self.state)
    }
}

fn encode(state: &CertifiedState) -> Vec<u8> {
    [MAGIC, &codec::encode(state)].concat()
}

/// What follows the first line. Of a file that is longer than any snapshot, or is something else,
/// little is read.
fn read(path: &Path) -> io::Result<Result<Vec<u8>, NoSnapshot>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    let first = MAGIC.len() as u64;
    file.by_ref().take(first).read_to_end(&mut bytes)?;
    if bytes != MAGIC {
        return Ok(Err(NoSnapshot::Magic));
    }
    let (len, limit) = (file.metadata()?.len().saturating_sub(first), LIMIT);
    if len > limit as u64 {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        return Ok(Err(DecodeError::TooLong { len, limit }.into()));
    }
    bytes.clear();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}

/// Writes the state that was certified last into `file`, whether the node of this directory runs or
/// not. A node may see its own directory alone, so that it writes there.
pub(crate) fn take(home: &Home, file: PathBuf) -> Result<Reply, Failure> {
    // Whatever its version.
    let name = &MAGIC[..MAGIC.len() - "1\n".len()];
    let spared = spare(&file, &[name], "which no snapshot replaces");
    spared.map_err(|error| Failure::File(file.clone(), error))?;
    let mut written = match home.open() {
        Err(Failure::InUse(_)) => match client::ask(home, &Request::Snapshot)? {
            Reply::Snapshot(written) => written,
            other => return Ok(other),
        },
        store => write(home, of_store(home, store?)?)?,
    };
    // The node may see its directory under another name.
    let made = home.snapshot();
    let failed = |error| Failure::File(made.clone(), error);
    let bytes = fs::read(&made).map_err(failed)?;
    fs::remove_file(&made).map_err(failed)?;
    home.write(file.clone(), &bytes)?;
    written.file = file.display().to_string();
    Ok(Reply::Snapshot(written))
}

/// Refuses to write in the place of anything else than what begins so: a store, or a device.
pub(crate) fn spare(file: &Path, beginnings: &[&[u8]], words: &str) -> io::Result<()> {
    let metadata = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if metadata.is_file() {
        let longest = beginnings.iter().map(|name| name.len()).max();
        let mut first = Vec::new();
        let mut begin = File::open(file)?.take(longest.unwrap_or(0) as u64);
        begin.read_to_end(&mut first)?;
        if first.is_empty() || beginnings.iter().any(|name| first.starts_with(name)) {
            return Ok(());
        }
    }
    Err(io::Error::other(format!(
        "something else is there, {words}"
    )))
}

/// Writes what is certified into the directory.
pub(crate) fn write(home: &Home, state: Option<CertifiedState>) -> Result<SnapshotFile, Refusal> {
    let state = state.ok_or(Refusal::NothingCertified)?;
    let (bytes, file) = (encode(&state), home.snapshot());
    if bytes.len() > MAGIC.len() + LIMIT {
        let why = format!("{} bytes, and a snapshot has {LIMIT} at most", bytes.len());
        return Err(Refusal::Directory(why));
    }
    let origin = state
        .verify()
        .expect("a replica has verified its own chain");
    home.write(file.clone(), &bytes)?;
    Ok(SnapshotFile {
        network: origin.network.digest().to_string(),
        generation: origin.generation.number(),
        file: home::absolute(&file),
    })
}

/// What the replica of this store has last begun a generation with. Nothing is said, and nothing
/// written.
fn of_store(home: &Home, mut store: DurableStore) -> Result<Option<CertifiedState>, Failure> {
    let failed = |error| Failure::Store(home.directory().to_owned(), error);
    let (genesis, _) = home.network(&store)?;
    let key = store.key();
    let records = store.load().map_err(failed)?;
    let origin = home.origin(&genesis)?;
    let origin = origin.as_ref().map(|origin| &origin.state);
    let kind = Kind::of(&genesis, key.actor()).ok_or(Failure::UnknownKind)?;
    by_kind!(kind, A => {
        let first = A::begin(&genesis, key.actor(), origin)?;
        let recovered = Replica::recover(key, first, genesis, records);
        let (replica, _) = recovered.map_err(bft_crdts::node::StartError::from)?;
        Ok(replica.certified_state())
    })
}
