//! The directory of one identity: its store, its address book, its guests, its control socket.
//!
//! The secret key lies in the store alone. The other files can be read and edited as text; `run`
//! writes them anew by putting a whole file in the old one's place. The address book is in others'
//! words: it is a help, and no line of it is in the way.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use bft_crdts::membership::Genesis;
use bft_crdts::node::{Address, Invitation};
use bft_crdts::store::{DurableError, DurableStore};
use bft_crdts::{Actor, SigningActor};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::failure::Failure;
use crate::kinds::{Service, by_kind};
use crate::name::{self, NameError};
use crate::protocol::Kind;
use crate::snapshot::Certified;

/// Where actors are believed to listen, some at more than one address.
pub(crate) type Peers = BTreeSet<(Actor, Address)>;

/// Bytes from the system that nobody can guess, and that it never gives again.
pub(crate) fn draw() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    let drawn = SysRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|error| Failure::System(io::Error::other(error)))?;
    Ok(bytes)
}

/// How a file is told to others, who may work in another directory.
pub(crate) fn absolute(file: &Path) -> String {
    let whole = std::path::absolute(file);
    whole.as_deref().unwrap_or(file).display().to_string()
}

/// The directory of one identity.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    directory: PathBuf,
}

impl Home {
    /// The one in this directory, whether there is one or not.
    pub(crate) fn at(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { directory }
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The control socket of the node that runs here.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("control.sock")
    }

    /// Whether a node can have its socket here: the path of one is short, about a hundred bytes.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let named = SocketAddr::from_pathname(self.socket());
        named
            .map(drop)
            .map_err(|_| Failure::LongDirectory(self.directory.clone()))
    }

    /// Whether the directory is its owner's to write in: whoever else may could put another store,
    /// an old one, in the place of ours.
    fn guard(&self) -> Result<(), Failure> {
        let metadata = match fs::metadata(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.map_err(|error| Failure::File(self.directory.clone(), error))?,
        };
        let mode = metadata.permissions().mode() & 0o7777;
        match mode & 0o022 {
            0 => Ok(()),
            _ => Err(Failure::Shared(self.directory.clone(), mode)),
        }
    }

    /// What was typed at the prompt.
    pub(crate) fn history(&self) -> PathBuf {
        self.directory.join("history")
    }

    /// The file for evidence against `accused`. Its name is whole, or another liar could have the
    /// same file.
    pub(crate) fn evidence(&self, accused: &Actor) -> PathBuf {
        self.directory.join(format!("evidence-{accused}.bin"))
    }

    /// The file for a certified state, from where whoever asks for it takes it.
    pub(crate) fn snapshot(&self) -> PathBuf {
        self.directory.join("snapshot.tmp")
    }

    /// How often the store was written to, for when an old one is put in its place.
    pub(crate) fn witness(&self) -> PathBuf {
        self.directory.join("writes")
    }

    /// Bytes of the store's file; 0 where it cannot be looked at.
    pub(crate) fn store_bytes(&self) -> u64 {
        fs::metadata(self.store_file()).map_or(0, |metadata| metadata.len())
    }

    fn store_file(&self) -> PathBuf {
        self.directory.join("store.redb")
    }

    fn peers_file(&self) -> PathBuf {
        self.directory.join("peers")
    }

    fn guests_file(&self) -> PathBuf {
        self.directory.join("guests")
    }

    // ---- the identity

    /// Makes the directory, for its owner alone, and an identity in it.
    pub(crate) fn create(&self) -> Result<Actor, Failure> {
        self.check()?;
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory);
        made.map_err(|error| Failure::File(self.directory.clone(), error))?;
        self.guard()?;
        let key = SigningActor::from_secret(&draw()?);
        let store = DurableStore::create(self.store_file(), key);
        let store = store.map_err(|error| self.failed(error))?;
        Ok(store.key().actor())
    }

    /// The store. Nobody else can have it open meanwhile, so that one node at a time runs here.
    pub(crate) fn open(&self) -> Result<DurableStore, Failure> {
        self.guard()?;
        DurableStore::open(self.store_file()).map_err(|error| self.failed(error))
    }

    /// Binds the identity to the network that it was invited to. A network that goes on from a
    /// state of another one takes over the identities of that one, and begins with `origin`.
    pub(crate) fn join(
        &self,
        invitation: &Invitation,
        origin: Option<&Certified>,
    ) -> Result<Actor, Failure> {
        self.check()?;
        let mut store = self.open()?;
        let failed = |error| self.failed(error);
        let (genesis, actor) = (&invitation.genesis, store.key().actor());
        let kept = match origin {
            Some(_) => None,
            None => self.origin(genesis)?,
        };
        let first = origin.or(kept.as_ref()).map(|origin| &origin.state);
        let kind = Kind::of(genesis, actor).ok_or(Failure::UnknownKind)?;
        by_kind!(kind, A => A::begin(genesis, actor, first).map(drop))?;
        let mut peers = self.peers()?;
        let bound = store.genesis().map_err(failed)?;
        match (origin, bound) {
            (Some(origin), Some(bound)) if bound.network() == origin.origin.network => {
                store.succeed(genesis, &origin.origin).map_err(failed)?;
                self.write(self.guests_file(), &[])?;
                peers.clear();
            }
            _ => store.found(genesis).map_err(failed)?,
        }
        if let Some(origin) = origin {
            self.write(self.origin_file(genesis), &origin.encode())?;
        }
        // Last: without it a `join` that was cut short is none.
        let text = invitation.to_string();
        store.set_note(text.as_bytes()).map_err(failed)?;
        peers.extend(invitation.contacts.clone());
        self.write_peers(&peers)?;
        Ok(actor)
    }

    /// The state with which the network begins that `genesis` describes, if it goes on from one.
    pub(crate) fn origin(&self, genesis: &Genesis) -> Result<Option<Certified>, Failure> {
        let file = self.origin_file(genesis);
        match file.exists() {
            true => Certified::read(&file).map(Some),
            false => Ok(None),
        }
    }

    fn origin_file(&self, genesis: &Genesis) -> PathBuf {
        let network = genesis.network().digest();
        self.directory.join(format!("origin-{network}"))
    }

    /// The network, and the invitation to it that was taken last.
    pub(crate) fn network(&self, store: &DurableStore) -> Result<(Genesis, Invitation), Failure> {
        let failed = |error| self.failed(error);
        let genesis = store.genesis().map_err(failed)?;
        let genesis = genesis.ok_or_else(|| Failure::NoNetwork(self.directory.clone()))?;
        let text = store.note().map_err(failed)?;
        // Without the generation that it names, a chain would be believed that is forged.
        let text = text.ok_or_else(|| Failure::NoNetwork(self.directory.clone()))?;
        let invitation = String::from_utf8_lossy(&text).parse()?;
        Ok((genesis, invitation))
    }

    fn failed(&self, error: DurableError) -> Failure {
        let here = self.directory.clone();
        match error {
            DurableError::Exists => Failure::Exists(here),
            DurableError::Locked => Failure::InUse(here),
            DurableError::Founded => Failure::OtherNetwork(here),
            DurableError::Io(error) if error.kind() == ErrorKind::NotFound => {
                Failure::NoIdentity(here)
            }
            error => Failure::Store(self.store_file(), error),
        }
    }

    // ---- the text files

    /// Where the others were last known to listen. A line that makes no sense is told, and skipped.
    pub(crate) fn peers(&self) -> Result<Peers, Failure> {
        let lines = self.lines(self.peers_file(), |line| {
            let (actor, address) = line.split_once(' ').ok_or(NameError::NoAddress)?;
            Ok((name::whole(actor)?, address.trim().parse()?))
        })?;
        let sound = lines.into_iter().filter_map(|line| match line {
            Ok(contact) => Some(contact),
            Err(failure) => {
                crate::remark(&format!("{failure}: the line is skipped"));
                None
            }
        });
        Ok(sound.collect())
    }

    /// Puts `peers` in the place of what was known.
    pub(crate) fn write_peers(&self, peers: &Peers) -> Result<(), Failure> {
        let lines = peers
            .iter()
            .map(|(actor, address)| format!("{actor} {address}\n"));
        self.write(self.peers_file(), lines.collect::<String>().as_bytes())
    }

    /// Who was invited here, the newest last.
    pub(crate) fn guests(&self) -> Result<Vec<Actor>, Failure> {
        let lines = self.lines(self.guests_file(), name::whole)?;
        lines.into_iter().collect()
    }

    /// Remembers a guest over a restart.
    pub(crate) fn add_guest(&self, guest: Actor) -> Result<(), Failure> {
        let mut guests = self.guests()?;
        guests.retain(|other| *other != guest);
        guests.push(guest);
        let lines = guests.iter().map(|guest| format!("{guest}\n"));
        self.write(self.guests_file(), lines.collect::<String>().as_bytes())
    }

    /// What `read` makes of each line that is not empty; nothing when there is no file.
    fn lines<T>(
        &self,
        file: PathBuf,
        read: impl Fn(&str) -> Result<T, NameError>,
    ) -> Result<Vec<Result<T, Failure>>, Failure> {
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Failure::File(file, error)),
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty());
        let read = |(index, line)| {
            read(line).map_err(|error| Failure::Line(file.clone(), index + 1, error))
        };
        Ok(lines.map(read).collect())
    }

    /// Writes a file whole, in the place of the one that was there.
    pub(crate) fn write(&self, file: PathBuf, bytes: &[u8]) -> Result<(), Failure> {
        let mut fresh = file.clone().into_os_string();
        fresh.push(".new");
        let write = || -> io::Result<()> {
            // Whatever is there was left over, or leads elsewhere.
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut opened = options.open(&fresh)?;
            opened.write_all(bytes)?;
            opened.sync_all()?;
            fs::rename(&fresh, &file)
        };
        write().map_err(|error| Failure::File(file.clone(), error))
    }
}

#[cfg(test)]
mod tests {
    use bft_crdts::bank::Rules;

    use super::*;

    #[test]
    fn a_join_that_was_cut_short_is_none() {
        let directory = format!("bft-crdts-cut-{}", std::process::id());
        let home = Home::at(std::env::temp_dir().join(directory));
        let actor = home.create().expect("an identity");
        let genesis = Kind::Set.found(Rules::default(), [actor].into(), [0; 32]);
        let invitation = Invitation::founding(genesis.expect("one founder"), [].into());
        let mut store = home.open().expect("a store");
        store.found(&invitation.genesis).expect("durable");
        let network = home.network(&store);
        assert!(matches!(network, Err(Failure::NoNetwork(_))), "{network:?}");
        drop(store);
        home.join(&invitation, None).expect("taken");
        let store = home.open().expect("a store");
        assert_eq!(home.network(&store).expect("a network").1, invitation);
        drop(store);
        fs::remove_dir_all(home.directory()).expect("removed");
    }

    #[test]
    fn lines_that_make_no_sense_are_skipped_and_an_actor_may_have_several_addresses() {
        let directory = format!("bft-crdts-home-{}", std::process::id());
        let home = Home::at(std::env::temp_dir().join(directory));
        home.create().expect("an identity");
        let [liar, friend] = [1, 2].map(|byte| Actor::from_bytes([byte; 32]));
        let sound: Peers = ["here:1", "there:1"]
            .map(|it| (friend, it.parse().expect("an address")))
            .into();
        home.write_peers(&sound).expect("a directory");
        for word in ["", " ", " h", " h:1 x", " h:1\u{1b}[2J"] {
            let file = fs::read_to_string(home.peers_file()).expect("a file");
            fs::write(home.peers_file(), format!("{liar}{word}\n{file}")).expect("written");
        }
        assert_eq!(home.peers().expect("a file"), sound);
        fs::remove_dir_all(home.directory()).expect("removed");
    }
}
