//! A demonstration: a network of processes on this machine, in which members crash, come and go,
//! and all end alike.
//!
//! Each node is this program, tethered: should the demonstration be killed, they end as well.

mod liar;
mod stage;
mod voice;

use std::path::PathBuf;

use bft_crdts::bank::{Money, Rules};
use bft_crdts::node::Invitation;

use self::stage::{Stage, free_socket};
use crate::failure::Failure;
use crate::founding;
use crate::kinds::Wanted;
use crate::name::{self, Contact};
use crate::protocol::{Kind, Reply};
use crate::show;
use crate::verdict;

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
    /// Leaves no time to read, as it is where no terminal shows it.
    #[arg(long)]
    fast: bool,
}

/// Plays it from beginning to end.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut stage = Stage::new(options)?;
    stage.found()?;
    stage.operate()?;
    stage.crash()?;
    stage.admit()?;
    stage.be_lied_to()?;
    stage.expel()?;
    stage.compare()?;
    match options.stay {
        true => stage.stay(),
        false => stage.suggest(),
    }
}

impl Stage {
    fn found(&mut self) -> Result<(), Failure> {
        self.voice.tell(&format!(
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
            self.voice.note(&format!(
                "{} is {}, at {}",
                player.name,
                show::short(&actor),
                player.address
            ))?;
        }
        Ok(())
    }

    fn operate(&mut self) -> Result<(), Failure> {
        self.voice
            .tell("Each acts on its own. An answer means: durable, and signed by a quorum.")?;
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
        self.voice.tell(&format!(
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
        self.voice.tell("It starts again, and catches up.")?;
        self.actors[last].run()?;
        self.agree()?;
        self.play(last, &[self.question()])
    }

    fn admit(&mut self) -> Result<(), Failure> {
        self.voice
            .tell("Somebody new is invited by one member, and let in by a quorum.")?;
        self.cast(free_socket()?.local_addr()?.into())?;
        let newcomer = self.actors.len() - 1;
        let name = self.actors[newcomer].actor.to_string();
        let invitation = match self.ask(0, &["invite", &name])? {
            Reply::Invitation(text) => text.parse::<Invitation>()?,
            _ => return Err(Failure::Demonstration("no invitation")),
        };
        self.command(0, &format!("invite {name}"))?;
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

    /// The newcomer's node ends, and who has its key signs two operations as one.
    fn be_lied_to(&mut self) -> Result<(), Failure> {
        // Who does not have its last message yet would not listen to the next, which is said once.
        self.agree()?;
        let liar = self.actors.len() - 1;
        let name = self.actors[liar].name.clone();
        self.voice.tell(&format!(
            "{name} turns liar: it signs two operations as one, and shows each of them to half of the others."
        ))?;
        self.actors[liar].kill();
        let (one, other) = (liar / 2, liar);
        let halves = [0..one, one..other];
        let lies = self.lies();
        let (mut told, mut shown) = (Vec::new(), Vec::new());
        for (half, (wanted, words)) in halves.into_iter().zip(lies) {
            let players = &self.actors[half];
            let names: Vec<_> = players.iter().map(|player| &*player.name).collect();
            shown.push(format!("{words}, to {}", names.join(" and ")));
            let address = |address| name::socket(address).map_err(Failure::System);
            let to = players
                .iter()
                .map(|it| Ok((it.actor, address(&it.address)?)));
            told.push((wanted, to.collect::<Result<_, Failure>>()?));
        }
        let lies = told.try_into().expect("as many as there are halves");
        let _telling = liar::lie(self.kind, &self.actors[liar].home, lies)?;
        for line in shown {
            self.voice.note(&line)?;
        }
        let accused = self.actors[liar].actor.to_string();
        self.until("the liar was not convicted", |stage| {
            stage.all(0..liar, |reply| {
                matches!(reply, Reply::Status(status) if status.convicted.contains(&accused))
            })
        })?;
        self.voice.proof(&format!(
            "All others have convicted {name}: they hold both signatures."
        ))?;
        self.voice.tell(
            "Neither had a quorum, so neither was made. The evidence is checked by anybody, without a network.",
        )?;
        self.play(0, &["evidence"])?;
        let file = self.actors[0].home.evidence(&self.actors[liar].actor);
        let command = format!("anybody $ bft-crdts verify-evidence {}", file.display());
        self.voice.command(&command)?;
        let verdict = verdict::verify_evidence(&file)?;
        self.voice.answer(&show::proof::human(&verdict))
    }

    /// What the newcomer says to one half and to the other, and how it is told.
    fn lies(&self) -> [(Wanted, String); 2] {
        let [one, other] = [0, 1].map(|index| self.actors[index].actor);
        let pay = |payee| Wanted::Pay(payee, Money::new(7), None);
        match self.kind {
            Kind::Set => ["durian", "lychee"]
                .map(|fruit| (Wanted::Add(vec![fruit.to_owned()]), format!("add {fruit}"))),
            Kind::Bank => [one, other].map(|payee| {
                let words = format!("pay all of its 7 to {}", show::short(&payee.to_string()));
                (pay(payee), words)
            }),
            Kind::Counter => {
                [100, -100].map(|amount| (Wanted::Increase(amount), format!("incr {amount}")))
            }
            Kind::Map => ["ripe", "rotten"].map(|word| {
                let wanted = Wanted::Put("mango".to_owned(), word.to_owned());
                (wanted, format!("put mango {word}"))
            }),
            Kind::Text => ["salt ", "sugar "].map(|word| {
                let wanted = Wanted::Insert(0, word.to_owned());
                (wanted, format!("insert 0 {word:?}"))
            }),
        }
    }

    fn expel(&mut self) -> Result<(), Failure> {
        let liar = self.actors.len() - 1;
        let name = self.actors[liar].actor.to_string();
        self.voice
            .tell(&format!("A quorum sends {} away.", self.actors[liar].name))?;
        self.approve("expel", &name, liar)?;
        self.until("the expelled one keeps its seat", |stage| {
            let members = stage.ask(0, &["members"])?;
            Ok(matches!(members, Reply::Members(members) if members.iter().all(|it| it.actor != name)))
        })?;
        self.actors.truncate(liar);
        self.play(0, &["members"])
    }

    fn compare(&mut self) -> Result<(), Failure> {
        self.voice.tell("All that remain show the same.")?;
        self.agree()?;
        for index in 0..self.actors.len() {
            self.play(index, &[self.question()])?;
        }
        let state = self.ask(0, &[self.question()])?;
        if !self.is_expected(&state) {
            return Err(Failure::Demonstration("something was lost, or made up"));
        }
        self.voice.tell("They agree, and nothing was lost.")
    }

    fn stay(&self) -> Result<(), Failure> {
        self.voice
            .tell("Try it, in another terminal; interrupt here to end it:")?;
        let directory = self.actors[0].home.directory();
        for request in ["prompt", "status", "members", self.question()] {
            let command = format!("{} --dir {} {request}", program(), directory.display());
            self.voice.note(&command)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(tokio::signal::ctrl_c())?)
    }
    /// What the reader may do next.
    fn suggest(&self) -> Result<(), Failure> {
        self.voice.tell("Try next:")?;
        let program = program();
        let other = match self.kind {
            Kind::Bank => "set",
            _ => "bank",
        };
        for line in [
            format!(
                "{program} cluster --stay         # keeps the nodes running, for commands of yours"
            ),
            format!("{program} cluster --kind {other:<4}    # the same with a {other}"),
            format!(
                "{program} --help                 # for a network of your own: init, create-network, join, run"
            ),
        ] {
            self.voice.note(&line)?;
        }
        Ok(())
    }
}

/// This program, as it was called.
fn program() -> String {
    std::env::args()
        .next()
        .unwrap_or_else(|| "bft-crdts".to_owned())
}
