//! `bft-crdts`: a node of a replicated set or bank, to be founded, run and asked from a terminal.
//!
//! One directory holds one identity. `run` is the node; every other command that needs it asks it
//! over the control socket in that directory. Nothing here is part of the library's interface.

#[cfg(not(unix))]
compile_error!("the program talks to its node over a Unix socket");

mod bulk;
mod changes;
mod checkup;
mod client;
mod cluster;
mod control;
mod cursor;
mod door;
mod failure;
mod founding;
mod health;
mod home;
mod kinds;
mod last_run;
mod log;
mod metrics;
mod name;
mod payments;
mod prompt;
mod proof_file;
mod proofs;
mod protocol;
mod run;
mod service;
mod show;
mod snapshot;
mod stream;
mod supervisor;
mod times;
mod trace;
mod verdict;
mod view;
mod watch;
mod witness;

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bft_crdts::node::Invitation;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use serde_json::json;

use crate::failure::Failure;
use crate::home::Home;
pub(crate) use crate::log::remark;
use crate::protocol::{Reply, Request, Told};
use crate::verdict::Verdict;

/// Bytes of a text that are looked at for an invitation, which has half as many with all its
/// spaces.
const INVITATION: u64 = 8 << 20;

const EXIT_CODES: &str = "\
Actors are written with all 64 digits, or with the first few (at least 4) where the node knows the rest; never where somebody
is let in.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 no node is running there, or it does not answer;
4 the operation was taken and may be made yet, so that asking again may make it twice: `operation PLACE` tells;
5 and 6 `health`: no operation can be made here now; operations are made, and something wants attention;
5 and 6 `verify`: of another network than the one that is trusted; what is trusted does not decide;
7 `run` alone: no node starts there, however often it is tried, until somebody does what the words say.";

/// The exit code that tells a supervisor not to start the node again.
const IN_VAIN: u8 = 7;

/// Replicated data types that survive malicious replicas, without consensus on every operation.
#[derive(Debug, Parser)]
#[command(name = "bft-crdts", version, after_help = EXIT_CODES)]
struct Program {
    /// The directory of the identity.
    #[arg(
        long,
        global = true,
        env = "BFT_CRDTS_DIR",
        default_value = "./bft-crdts-data",
        value_name = "DIR"
    )]
    dir: PathBuf,
    /// Prints for programs, on standard output: JSON, one line an answer, an event or an error. Not
    /// with `run` and `cluster`.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes an identity, and prints its actor.
    Init,
    /// Prints the actor. Not while its node runs; then `status` does.
    Whoami,
    /// Prints the invitation with which a network begins. Each founder takes it with `join`.
    #[command(visible_alias = "found")]
    CreateNetwork(founding::Options),
    /// Takes an invitation. A later `run` follows the network, and asks to be let in if it has no
    /// seat.
    Join {
        /// The text, or @FILE, or - for standard input.
        invitation: String,
        /// The file from which the network was created. An identity of the network whose state it
        /// holds leaves that one for good
        #[arg(long, value_name = "FILE")]
        from_snapshot: Option<PathBuf>,
    },
    /// Runs the node, until it is interrupted. Prints `ready ADDRESS` when it listens: the address
    /// that others are told, unless it is 0.0.0.0, which leads nowhere.
    Run(run::Options),
    /// Tells whether this node and the members work, since when not, and what it means; answers
    /// within its time limit.
    Health(health::Options),
    /// Writes the state that the network certified last into a file that proves itself: from it a
    /// new network can go on when too many members are lost. Also while the node does not run.
    /// `renew` certifies today's state.
    Snapshot {
        /// The file, in the place of one that is there.
        file: PathBuf,
    },
    /// Tells what a file with a receipt, a proof of a record or evidence proves, and what it does
    /// not. No node is needed.
    Verify(verdict::Options),
    /// Writes the other form of a file with a proof: JSON of bytes, bytes of JSON.
    Convert {
        /// The file.
        file: PathBuf,
        /// Where the other form goes, in the place of a proof that is there.
        out: PathBuf,
    },
    /// Short for `verify` with evidence, by the network that its file names.
    VerifyEvidence {
        /// The file.
        file: PathBuf,
    },
    /// Shows what nodes recorded with `run --trace`.
    Trace(trace::Options),
    /// Adds what `export` wrote to a set or a map, as far as it is missing. Interrupted, it may be
    /// run again.
    Import(bulk::ImportOptions),
    /// Prints all of the state, an element a line, as JSON.
    Export(bulk::ExportOptions),
    /// Asks for commands, and completes them.
    Prompt,
    /// Shows what a network does: starts one on this machine, and lets members crash, come and go.
    Cluster(cluster::Options),
    #[command(flatten)]
    Request(Request),
}

fn main() -> ExitCode {
    let program = match parse() {
        Ok(program) => program,
        Err(misuse) => return tell_misuse(&misuse),
    };
    let json = program.json;
    match carry_out(program) {
        Ok(code) => code,
        // Whoever read what we print has read enough.
        Err(Failure::System(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            complain(&failure, json);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn parse() -> Result<Program, clap::Error> {
    let program = Program::try_parse()?;
    if program.json && matches!(program.command, Command::Run(_) | Command::Cluster(_)) {
        let why =
            "--json is for answers and events; what a node does is followed with `events --json`";
        return Err(Program::command().error(ErrorKind::ArgumentConflict, why));
    }
    Ok(program)
}

/// Prints what was asked for, such as the help, or what was wrong with the command line.
fn tell_misuse(misuse: &clap::Error) -> ExitCode {
    if misuse.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let failure = Failure::Usage(misuse.to_string().trim_end().to_owned());
        complain(&failure, true);
        return ExitCode::from(failure.exit_code());
    }
    // Nobody reads it: there is nothing more to do.
    let _ = misuse.print();
    ExitCode::from(u8::try_from(misuse.exit_code()).unwrap_or(1))
}

/// What happened, and what to do: for people on standard error, for programs where the answer would
/// be.
fn complain(failure: &Failure, json: bool) {
    if json {
        let _ = print(&show::line(&failure.machine()));
        return;
    }
    log::complain(failure);
}

fn carry_out(program: Program) -> Result<ExitCode, Failure> {
    let home = Home::at(program.dir);
    let json = program.json;
    match program.command {
        Command::Init => print_actor(home.create()?, json)?,
        Command::Whoami => print_actor(home.open()?.key().actor(), json)?,
        Command::CreateNetwork(options) => founding::print(&options, json)?,
        Command::Join {
            invitation,
            from_snapshot,
        } => {
            let invitation = invitation_of(&invitation)?;
            let origin = from_snapshot.map(|file| founding::origin_of(&invitation, &file));
            let origin = origin.transpose()?;
            print_actor(home.join(&invitation, origin.as_ref())?, json)?;
        }
        Command::Run(options) => match run::run(home, options) {
            Err(failure) if failure.lasts() => {
                complain(&failure, json);
                return Ok(ExitCode::from(IN_VAIN));
            }
            ended => ended?,
        },
        Command::Snapshot { file } => print_reply(&snapshot::take(&home, file)?, json)?,
        Command::Health(options) => {
            let health = health::of(&home, &options)?;
            let code = options.exit_code(health.state);
            print_reply(&Reply::Health(health), json)?;
            return Ok(ExitCode::from(code));
        }
        Command::Verify(options) => print_verdict(&verdict::verify(&options)?, json)?,
        Command::VerifyEvidence { file } => {
            print_verdict(&verdict::verify_evidence(&file)?, json)?;
        }
        Command::Convert { file, out } => proof_file::convert(&home, &file, &out, json)?,
        Command::Trace(options) => trace::show(&options, json)?,
        Command::Prompt => prompt::run(&home, json)?,
        Command::Cluster(options) => cluster::run(&options)?,
        Command::Request(request @ Request::Events { .. }) => {
            let call = client::Call::say(&home, &request)?;
            client::follow(call, |told| print_event(told, json))?;
        }
        Command::Import(options) => bulk::import(&home, &options, json)?,
        Command::Export(options) => bulk::export(&home, &options)?,
        Command::Request(request) if bulk::source(&request).is_some() => {
            bulk::change(&home, &request, json)?;
        }
        Command::Request(request) => {
            proof_file::prepare(&request)?;
            let taken = |reply: &Reply| print_taken(reply, json);
            let call = client::Call::say(&home, &request)?;
            let reply = client::wait(call, &request, taken)?;
            proof_file::finish(&home, &request, &reply, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line, or nothing when there is nothing to say.
pub(crate) fn print(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn print_actor(actor: bft_crdts::Actor, json: bool) -> io::Result<()> {
    let actor = actor.to_string();
    match json {
        true => print(&json!({ "actor": actor }).to_string()),
        false => print(&actor),
    }
}

/// The invitation that an argument is, or names.
fn invitation_of(argument: &str) -> Result<Invitation, Failure> {
    let text = match argument.strip_prefix('@') {
        Some(file) => {
            let opened = fs::File::open(file);
            let read = opened.and_then(|opened| io::read_to_string(opened.take(INVITATION)));
            read.map_err(|why| Failure::File(file.into(), why))?
        }
        None if argument == "-" => io::read_to_string(io::stdin().take(INVITATION))?,
        None => argument.to_owned(),
    };
    Ok(text.parse()?)
}

fn print_verdict(verdict: &Verdict, json: bool) -> io::Result<()> {
    match json {
        true => print(&show::line(&show::proof::machine(verdict))),
        false => print(&show::proof::human(verdict)),
    }
}

fn print_reply(reply: &Reply, json: bool) -> io::Result<()> {
    match json {
        true => print(&show::machine(reply)),
        false => print(&show::human(reply)),
    }
}

/// Tells that an operation is durable: people beside the answer, programs before it.
fn print_taken(reply: &Reply, json: bool) -> io::Result<()> {
    match json {
        true => print_reply(reply, json),
        false => {
            remark(&show::human(reply));
            Ok(())
        }
    }
}

fn print_event(told: Told, json: bool) -> io::Result<()> {
    print_reply(&Reply::Event(told), json)
}
