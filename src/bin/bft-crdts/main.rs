//! `bft-crdts`: a node of a replicated set or bank, to be founded, run and asked from a terminal.
//!
//! One directory holds one identity. `run` is the node; every other command that needs it asks it over the control socket in
//! that directory. Nothing here is part of the library's interface.

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(not(unix))]
compile_error!("the program talks to its node over a Unix socket");

mod client;
mod control;
mod evidence;
mod failure;
mod home;
mod kinds;
mod name;
mod protocol;
mod run;
mod service;
mod show;
mod view;
mod watch;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bft_crdts::node::Invitation;
use clap::{Parser, Subcommand};
use serde_json::json;

use crate::failure::Failure;
use crate::home::Home;
use crate::name::Contact;
use crate::protocol::{Kind, Request};

const EXIT_CODES: &str = "\
Actors are written with all 64 digits, or with the first few (at least 4) where the node knows the rest.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 no node is running there, or it does not answer.";

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
    /// Prints for programs: JSON, one line an answer or event.
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
    Found {
        /// What is replicated.
        #[arg(long, value_enum)]
        kind: Kind,
        /// The founders, and where each will listen.
        #[arg(required = true, value_name = "ACTOR@HOST:PORT")]
        founders: Vec<Contact>,
    },
    /// Takes an invitation. A later `run` follows the network, and asks to be let in if it has no seat.
    Join {
        /// The text, or @FILE, or - for standard input.
        invitation: String,
    },
    /// Runs the node, until it is interrupted. Prints `ready ADDRESS` when others can reach it.
    Run(run::Options),
    /// Checks evidence with nothing but its file.
    VerifyEvidence {
        /// The file.
        file: PathBuf,
    },
    #[command(flatten)]
    Request(Request),
}

fn main() -> ExitCode {
    let program = Program::parse();
    match carry_out(program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// What happened, and what to do.
fn complain(failure: &Failure) {
    match failure.advice() {
        Some(advice) => eprintln!("bft-crdts: {failure}\n  {advice}"),
        None => eprintln!("bft-crdts: {failure}"),
    }
}

fn carry_out(program: Program) -> Result<(), Failure> {
    let home = Home::at(program.dir);
    let json = program.json;
    match program.command {
        Command::Init => print_actor(home.create()?, json),
        Command::Whoami => print_actor(home.open()?.key().actor(), json),
        Command::Found { kind, founders } => print_founding(kind, &founders, json)?,
        Command::Join { invitation } => {
            let actor = home.join(&invitation_of(&invitation)?)?;
            print_actor(actor, json);
        }
        Command::Run(options) => run::run(home, options)?,
        Command::VerifyEvidence { file } => print_verdict(&file, json)?,
        Command::Request(Request::Trace) => {
            let call = client::Call::say(&home, &Request::Trace)?;
            client::follow(call, |event| print_event(&event, json))?;
        }
        Command::Request(request) => print_reply(&client::ask(&home, &request)?, json),
    }
    Ok(())
}

fn print_actor(actor: bft_crdts::Actor, json: bool) {
    let actor = actor.to_string();
    match json {
        true => println!("{}", json!({ "actor": actor })),
        false => println!("{actor}"),
    }
}

fn print_founding(kind: Kind, founders: &[Contact], json: bool) -> Result<(), Failure> {
    let invitation = founding(kind, founders)?.to_string();
    match json {
        true => println!("{}", json!({ "invitation": invitation })),
        false => println!("{invitation}"),
    }
    Ok(())
}

/// The invitation to a network of these founders.
fn founding(kind: Kind, founders: &[Contact]) -> Result<Invitation, Failure> {
    let members = founders.iter().map(|founder| founder.actor).collect();
    let contacts = founders.iter();
    let contacts = contacts.map(|founder| (founder.actor, founder.address.clone()));
    let genesis = kind.found(members)?;
    Ok(Invitation::founding(genesis, contacts.collect()))
}

/// The invitation that an argument is, or names.
fn invitation_of(argument: &str) -> Result<Invitation, Failure> {
    let text = match argument.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).map_err(|why| Failure::File(file.into(), why))?,
        None if argument == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        None => argument.to_owned(),
    };
    Ok(text.parse()?)
}

fn print_verdict(file: &Path, json: bool) -> Result<(), Failure> {
    let verdict = evidence::verify(file)?;
    let (accused, network) = (verdict.accused, verdict.network.digest());
    if json {
        let dot = verdict.dot.map(|dot| view::place(&dot));
        let (accused, network) = (accused.to_string(), network.to_string());
        println!(
            "{}",
            json!({ "accused": accused, "network": network, "place": dot })
        );
        return Ok(());
    }
    let crime = match verdict.dot {
        Some(dot) => format!("signed two things about {dot}"),
        None => "voted twice in one round".to_owned(),
    };
    println!("{accused} is convicted: it {crime} in network {network}");
    Ok(())
}

fn print_reply(reply: &protocol::Reply, json: bool) {
    let text = match json {
        true => show::machine(reply).to_string(),
        false => show::human(reply),
    };
    if !text.is_empty() {
        println!("{text}");
    }
}

fn print_event(event: &protocol::Event, json: bool) {
    print_reply(&protocol::Reply::Event(event.clone()), json);
}
