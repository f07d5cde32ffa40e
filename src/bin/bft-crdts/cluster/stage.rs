//! The nodes of the demonstration: processes of this program, each tethered, so that they end when
//! the demonstration does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bft_crdts::Actor;
use bft_crdts::node::{Address, Invitation};

use super::Options;
use super::voice::Voice;
use crate::client;
use crate::failure::Failure;
use crate::home::Home;
use crate::prompt;
use crate::protocol::{Kind, Reply, Request};
use crate::show;

/// How long the others may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The nodes, and where they live. They end and vanish with it.
pub(super) struct Stage {
    directory: PathBuf,
    keep: bool,
    pub(super) kind: Kind,
    pub(super) voice: Voice,
    pub(super) actors: Vec<Player>,
}

/// One node.
pub(super) struct Player {
    pub(super) name: String,
    pub(super) home: Home,
    pub(super) actor: Actor,
    pub(super) address: Address,
    process: Option<Child>,
}

impl Stage {
    pub(super) fn new(options: &Options) -> Result<Self, Failure> {
        let temporary = || std::env::temp_dir().join(format!("bft-crdts-{}", std::process::id()));
        let directory = options.keep.clone().unwrap_or_else(temporary);
        let made = fs::create_dir(&directory);
        made.map_err(|error| Failure::File(directory.clone(), error))?;
        let mut stage = Self {
            directory,
            keep: options.keep.is_some(),
            kind: options.kind,
            voice: Voice::new(options.fast),
            actors: Vec::new(),
        };
        // Held together, so that no two get the same port.
        let sockets: Vec<_> = (0..options.nodes).map(|_| free_socket()).collect();
        for socket in sockets {
            stage.cast(socket?.local_addr()?.into())?;
        }
        Ok(stage)
    }

    /// A new identity that will listen at `address`.
    pub(super) fn cast(&mut self, address: Address) -> Result<(), Failure> {
        let name = format!("node-{}", self.actors.len() + 1);
        let home = Home::at(self.directory.join(&name));
        let actor = home.create()?;
        self.actors.push(Player {
            name,
            home,
            actor,
            address,
            process: None,
        });
        Ok(())
    }

    /// As many approvals as make the change, from others than `about`.
    pub(super) fn approve(&self, verb: &str, name: &str, about: usize) -> Result<(), Failure> {
        let quorum = match self.ask(0, &["status"])? {
            Reply::Status(status) => status.quorum,
            _ => 0,
        };
        let others = (0..self.actors.len()).filter(|index| *index != about);
        for index in others.take(quorum) {
            if verb == "admit" {
                self.until("a member was not asked", |stage| stage.is_asked(index))?;
            }
            self.play(index, &[verb, name])?;
        }
        Ok(())
    }

    /// Whether the status of all these satisfies.
    pub(super) fn all(
        &self,
        mut indices: std::ops::Range<usize>,
        holds: impl Fn(&Reply) -> bool,
    ) -> Result<bool, Failure> {
        indices.try_fold(true, |all, index| {
            Ok(all && holds(&self.ask(index, &["status"])?))
        })
    }

    fn is_asked(&self, index: usize) -> Result<bool, Failure> {
        let reply = self.ask(index, &["requests"])?;
        Ok(matches!(reply, Reply::Requests(wishes) if wishes.iter().any(|wish| wish.waits)))
    }

    pub(super) fn is_seated(&self, index: usize) -> Result<bool, Failure> {
        let reply = self.ask(index, &["status"])?;
        Ok(matches!(reply, Reply::Status(status) if status.seated))
    }

    pub(super) fn is_expected(&self, state: &Reply) -> bool {
        match state {
            Reply::List(members) => {
                members == &["apple", "mango", "pear", "plum", "while one was away"]
            }
            Reply::Accounts(accounts) => {
                // Somebody was sent away; the money stays.
                let opened = 100 * accounts.len() as u64 - 93;
                accounts.iter().map(|account| account.balance).sum::<u64>() == opened
            }
            // One of each founder, of whom one left as another came.
            Reply::Number(sum) => *sum == self.actors.len() as i64 + 15,
            Reply::Puts(puts) => {
                let puts = puts.iter();
                puts.map(|put| (&*put.key, &*put.value))
                    .eq([("apple", "green"), ("mango", "yellow")])
            }
            // Which of two words that were inserted at the start comes first is by lot, if neither
            // was seen by the other's author.
            Reply::Value(text) => {
                let words: BTreeSet<_> = text.split(' ').collect();
                words == BTreeSet::from(["bread", "butter", "fresh", "some"])
            }
            _ => false,
        }
    }

    pub(super) fn question(&self) -> &'static str {
        match self.kind {
            Kind::Set => "list",
            Kind::Bank => "accounts",
            Kind::Counter | Kind::Map | Kind::Text => "get",
        }
    }

    /// Waits until all that run show the same state.
    pub(super) fn agree(&self) -> Result<(), Failure> {
        self.until("the nodes do not agree", |stage| {
            let states = (0..stage.actors.len())
                .map(|index| stage.ask(index, &[stage.question()]))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(states.windows(2).all(|pair| pair[0] == pair[1]))
        })
    }

    pub(super) fn until(
        &self,
        otherwise: &'static str,
        holds: impl Fn(&Self) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let begin = Instant::now();
        while !holds(self)? {
            if begin.elapsed() > PATIENCE {
                return Err(Failure::Demonstration(otherwise));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(super) fn ask(&self, index: usize, words: &[&str]) -> Result<Reply, Failure> {
        client::ask(&self.actors[index].home, &request(words)?)
    }

    /// Asks, and shows the command and its answer.
    pub(super) fn play(&self, index: usize, words: &[&str]) -> Result<(), Failure> {
        let quoted = words.iter().map(|word| match word.contains(' ') {
            true => format!("{word:?}"),
            false => (*word).to_owned(),
        });
        let quoted = quoted.collect::<Vec<_>>().join(" ");
        self.command(index, &quoted)?;
        let reply = self.ask(index, words)?;
        self.voice.answer(&show::human(&reply))
    }

    /// What its operator types, in its directory.
    pub(super) fn command(&self, index: usize, words: &str) -> Result<(), Failure> {
        let name = &self.actors[index].name;
        self.voice.command(&format!("{name} $ bft-crdts {words}"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.actors.iter_mut().for_each(Player::kill);
        if !self.keep {
            // What is left of it is in the way of nobody.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

impl Player {
    /// Takes the invitation, and runs.
    pub(super) fn start(&mut self, invitation: &Invitation) -> Result<(), Failure> {
        self.home.join(invitation, None)?;
        self.run()
    }

    /// Runs, and waits until it says that it does.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--dir")
            .arg(self.home.directory())
            .args(["run", "--tethered", "--listen", self.address.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log(&self.home.directory().join("log"))?);
        let mut process = command.spawn()?;
        let said = process.stdout.take();
        self.process = Some(process);
        let mut ready = String::new();
        if let Some(said) = said {
            BufReader::new(said).read_line(&mut ready)?;
        }
        match ready.starts_with("ready ") {
            true => Ok(()),
            false => Err(Failure::Demonstration("a node did not start; see its log")),
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.kill();
    }
}

fn request(words: &[&str]) -> Result<Request, Failure> {
    prompt::parse(words).map_err(|_| Failure::Demonstration("a command is not understood"))
}

fn log(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// A port that is free now; whoever takes it within the next moment makes a node fail to start.
pub(super) fn free_socket() -> io::Result<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0")
}
