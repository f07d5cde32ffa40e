//! A demonstration: a network of processes on this machine, in which members crash, come and go, and all end alike.
//!
//! Each node is this program, tethered: should the demonstration be killed, they end as well.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bft_crdts::Actor;
use bft_crdts::bank::Rules;
use bft_crdts::node::{Address, Invitation};

use crate::client;
use crate::failure::Failure;
use crate::founding;
use crate::home::Home;
use crate::name::Contact;
use crate::print;
use crate::prompt;
use crate::protocol::{Kind, Reply, Request};
use crate::show;

/// How long the others may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to demonstrate.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Founders.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=16))]
    nodes: u8,
    /// What is replicated.
    #[arg(long, value_enum, default_value_t = Kind::Set)]
    kind: Kind,
    /// Keeps all files in this new directory.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Keeps the nodes running afterwards, until interrupted.
    #[arg(long)]
    stay: bool,
}

/// Plays it from beginning to end.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut stage = Stage::new(options)?;
    stage.found()?;
    stage.operate()?;
    stage.crash()?;
    stage.admit()?;
    stage.expel()?;
    stage.compare()?;
    if options.stay {
        stage.stay()?;
    }
    Ok(())
}

/// The nodes, and where they live. They end and vanish with it.
struct Stage {
    directory: PathBuf,
    keep: bool,
    kind: Kind,
    actors: Vec<Player>,
}

/// One node.
struct Player {
    name: String,
    home: Home,
    actor: Actor,
    address: Address,
    process: Option<Child>,
}

impl Stage {
    fn new(options: &Options) -> Result<Self, Failure> {
        let temporary = || std::env::temp_dir().join(format!("bft-crdts-{}", std::process::id()));
        let directory = options.keep.clone().unwrap_or_else(temporary);
        let made = fs::create_dir(&directory);
        made.map_err(|error| Failure::File(directory.clone(), error))?;
        let mut stage = Self {
            directory,
            keep: options.keep.is_some(),
            kind: options.kind,
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
    fn cast(&mut self, address: Address) -> Result<(), Failure> {
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

    // ---- the acts

    fn found(&mut self) -> Result<(), Failure> {
        tell(&format!(
            "{} actors, of whom nobody trusts another, found a network.",
            self.actors.len()
        ))?;
        let contacts = self.actors.iter().map(|player| Contact {
            actor: player.actor,
            address: player.address.clone(),
        });
        let invitation =
            founding::found(self.kind, Rules::default(), &contacts.collect::<Vec<_>>())?;
        for player in &mut self.actors {
            player.start(&invitation)?;
            let actor = player.actor.to_string();
            print(&format!(
                "  {} is {}, at {}",
                player.name,
                show::short(&actor),
                player.address
            ))?;
        }
        Ok(())
    }

    fn operate(&mut self) -> Result<(), Failure> {
        tell("Each acts on its own. An answer means: durable, and signed by a quorum.")?;
        match self.kind {
            Kind::Set => {
                let fruit = ["apple", "pear", "plum", "fig"].into_iter().cycle();
                for (index, fruit) in (0..self.actors.len()).zip(fruit) {
                    self.play(index, &["add", fruit])?;
                }
                self.agree()?;
                self.play(0, &["remove", "fig"])
            }
            Kind::Bank => {
                for index in 0..self.actors.len() {
                    self.play(index, &["open", "100"])?;
                }
                self.agree()?;
                let payee = self.actors[1].actor.to_string();
                self.play(0, &["pay", &payee, "30"])
            }
            Kind::Counter => {
                for index in 0..self.actors.len() {
                    self.play(index, &["incr", "1"])?;
                }
                self.play(0, &["incr", "5"])
            }
            Kind::Map => {
                self.play(0, &["put", "apple", "red"])?;
                self.play(1, &["put", "plum", "blue"])?;
                self.agree()?;
                self.play(2, &["delete", "plum"])
            }
            Kind::Text => {
                self.play(0, &["insert", "0", "bread and "])?;
                self.agree()?;
                self.play(1, &["insert", "10", "butter"])?;
                self.agree()?;
                self.play(2, &["delete", "6", "4"])
            }
        }
    }

    fn crash(&mut self) -> Result<(), Failure> {
        let last = self.actors.len() - 1;
        tell(&format!(
            "{} is killed without warning. The others go on.",
            self.actors[last].name
        ))?;
        self.actors[last].kill();
        match self.kind {
            Kind::Set => self.play(1, &["add", "while one was away"])?,
            Kind::Bank => {
                let payee = self.actors[2].actor.to_string();
                self.play(1, &["pay", &payee, "5"])?;
            }
            Kind::Counter => self.play(1, &["incr", "7"])?,
            Kind::Map => self.play(1, &["put", "apple", "green"])?,
            Kind::Text => self.play(1, &["insert", "0", "fresh "])?,
        }
        tell("It starts again, and catches up.")?;
        self.actors[last].run()?;
        self.agree()?;
        self.play(last, &[self.question()])
    }

    fn admit(&mut self) -> Result<(), Failure> {
        tell("Somebody new is invited by one member, and let in by a quorum.")?;
        self.cast(free_socket()?.local_addr()?.into())?;
        let newcomer = self.actors.len() - 1;
        let name = self.actors[newcomer].actor.to_string();
        let invitation = match self.ask(0, &["invite", &name])? {
            Reply::Invitation(text) => text.parse::<Invitation>()?,
            _ => return Err(Failure::Demonstration("no invitation")),
        };
        print(&format!("  $ {} invite {name}", self.command(0)))?;
        self.actors[newcomer].start(&invitation)?;
        self.approve("admit", &name, newcomer)?;
        self.until("the newcomer has no seat", |stage| {
            stage.is_seated(newcomer)
        })?;
        match self.kind {
            Kind::Set => self.play(newcomer, &["add", "mango"]),
            Kind::Bank => self.play(newcomer, &["open", "7"]),
            Kind::Counter => self.play(newcomer, &["incr", "3"]),
            Kind::Map => self.play(newcomer, &["put", "mango", "yellow"]),
            Kind::Text => self.play(newcomer, &["insert", "0", "some "]),
        }
    }

    fn expel(&mut self) -> Result<(), Failure> {
        let name = self.actors[1].actor.to_string();
        tell(&format!("A quorum sends {} away.", self.actors[1].name))?;
        self.approve("expel", &name, 1)?;
        self.until("the expelled one keeps its seat", |stage| {
            Ok(!stage.is_seated(1)?)
        })?;
        let expelled = self.actors.remove(1);
        print(&format!("  {} has no seat any more", expelled.name))?;
        self.play(0, &["members"])
    }

    fn compare(&mut self) -> Result<(), Failure> {
        tell("All that remain show the same.")?;
        self.agree()?;
        for index in 0..self.actors.len() {
            self.play(index, &[self.question()])?;
        }
        let state = self.ask(0, &[self.question()])?;
        if !self.is_expected(&state) {
            return Err(Failure::Demonstration("something was lost, or made up"));
        }
        tell("They agree, and nothing was lost.")
    }

    fn stay(&self) -> Result<(), Failure> {
        tell("Try it, in another terminal; interrupt here to end it:")?;
        let command = self.command(0);
        for request in ["prompt", "status", "members", self.question()] {
            print(&format!("  {command} {request}"))?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(tokio::signal::ctrl_c())?)
    }

    // ---- the means

    /// As many approvals as make the change, from others than `about`.
    fn approve(&self, verb: &str, name: &str, about: usize) -> Result<(), Failure> {
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

    fn is_asked(&self, index: usize) -> Result<bool, Failure> {
        let reply = self.ask(index, &["requests"])?;
        Ok(matches!(reply, Reply::Requests(wishes) if wishes.iter().any(|wish| wish.waits)))
    }

    fn is_seated(&self, index: usize) -> Result<bool, Failure> {
        let reply = self.ask(index, &["status"])?;
        Ok(matches!(reply, Reply::Status(status) if status.seated))
    }

    fn is_expected(&self, state: &Reply) -> bool {
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
            // Which of two words that were inserted at the start comes first is by lot, if neither was seen by the other's author.
            Reply::Value(text) => {
                let words: BTreeSet<_> = text.split(' ').collect();
                words == BTreeSet::from(["bread", "butter", "fresh", "some"])
            }
            _ => false,
        }
    }

    fn question(&self) -> &'static str {
        match self.kind {
            Kind::Set => "list",
            Kind::Bank => "accounts",
            Kind::Counter | Kind::Map | Kind::Text => "get",
        }
    }

    /// Waits until all that run show the same state.
    fn agree(&self) -> Result<(), Failure> {
        self.until("the nodes do not agree", |stage| {
            let states = (0..stage.actors.len()).map(|index| stage.ask(index, &[stage.question()]));
            let states = states.collect::<Result<Vec<_>, _>>()?;
            Ok(states.windows(2).all(|pair| pair[0] == pair[1]))
        })
    }

    fn until(
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

    fn ask(&self, index: usize, words: &[&str]) -> Result<Reply, Failure> {
        client::ask(&self.actors[index].home, &request(words)?)
    }

    /// Asks, and shows the command and its answer.
    fn play(&self, index: usize, words: &[&str]) -> Result<(), Failure> {
        let quoted = words.iter().map(|word| match word.contains(' ') {
            true => format!("{word:?}"),
            false => (*word).to_owned(),
        });
        let quoted = quoted.collect::<Vec<_>>().join(" ");
        print(&format!("  $ {} {quoted}", self.command(index)))?;
        let reply = self.ask(index, words)?;
        Ok(print(&indented(&show::human(&reply)))?)
    }

    fn command(&self, index: usize) -> String {
        let directory = self.actors[index].home.directory();
        format!("bft-crdts --dir {}", directory.display())
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
    fn start(&mut self, invitation: &Invitation) -> Result<(), Failure> {
        self.home.join(invitation, None)?;
        self.run()
    }

    /// Runs, and waits until it says that it does.
    fn run(&mut self) -> Result<(), Failure> {
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

    fn kill(&mut self) {
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

fn tell(text: &str) -> Result<(), Failure> {
    Ok(print(&format!("\n{text}"))?)
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("    {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn request(words: &[&str]) -> Result<Request, Failure> {
    prompt::parse(words).map_err(|_| Failure::Demonstration("a command is not understood"))
}

fn log(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// A port that is free now; whoever takes it within the next moment makes a node fail to start.
fn free_socket() -> io::Result<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0")
}
