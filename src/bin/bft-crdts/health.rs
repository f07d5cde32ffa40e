//! `health`: how a node is, told within a time limit whether it runs, is stopped, is busy or has
//! ended.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::client::Call;
use crate::failure::Failure;
use crate::home::Home;
use crate::last_run::{LastRun, RunState};
use crate::protocol::{Finding, FindingCode, Health, HealthState, Refusal, Reply, Request};

/// What to ask of a node's health.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The exit code tells whether the node answers, and nothing else: 0, or 3
    #[arg(long, conflicts_with = "ready")]
    live: bool,
    /// The exit code tells whether operations can be made here now: 0, 5, or 3 without an answer
    #[arg(long)]
    ready: bool,
    /// Seconds within which there is an answer, of whatever kind; half of them the members have
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    timeout: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let sound = (0.1..=60.0).contains(&seconds);
    sound
        .then_some(seconds)
        .ok_or_else(|| "between 0.1 and 60".to_owned())
}

impl Options {
    /// The exit code that says this.
    pub(crate) fn exit_code(&self, state: HealthState) -> u8 {
        match state {
            HealthState::Down => 3,
            _ if self.live => 0,
            HealthState::NotReady => 5,
            _ if self.ready => 0,
            HealthState::Attention => 6,
            HealthState::Well => 0,
        }
    }
}

/// How the node in this directory is.
pub(crate) fn of(home: &Home, options: &Options) -> Result<Health, Failure> {
    home.check()?;
    let limit = Duration::from_secs_f64(options.timeout);
    // What the node itself may take, so that its answer comes before the limit.
    let millis = u64::try_from(limit.as_millis() * 3 / 4).unwrap_or(u64::MAX);
    let (tell, told) = mpsc::channel();
    let asked = home.clone();
    // A node that is stopped leaves whoever calls it hanging, already when it connects: the thread
    // ends with the process.
    thread::Builder::new().spawn(move || {
        let call = Call::say(&asked, &Request::Health { millis });
        // Nobody listens when it took too long.
        let _ = tell.send(call.and_then(Call::reply));
    })?;
    match told.recv_timeout(limit) {
        Ok(Ok(Reply::Health(health))) => Ok(health),
        Ok(Err(Failure::NotRunning(_) | Failure::Refused(Refusal::Stopped))) => Ok(down(home)),
        Ok(Ok(_)) | Ok(Err(Failure::Silent(..))) | Err(_) => Ok(hanging(home, limit)),
        Ok(Err(failure)) => Err(failure),
    }
}

fn found(code: FindingCode, last: Option<&LastRun>, words: String) -> Health {
    let ago = last.and_then(LastRun::seconds_ago);
    let finding = Finding {
        code,
        actor: None,
        seconds: ago,
        since: last.map(|last| last.at),
        words,
    };
    Health {
        state: HealthState::Down,
        committee: None,
        findings: vec![finding],
    }
}

/// No node runs; how the last one ended.
fn down(home: &Home) -> Health {
    let last = home.last_run();
    let ended = match &last {
        None => "none has run yet, or what it left is gone".to_owned(),
        Some(last) => format!("the last one{}", last.ended()),
    };
    let words = format!("no node is running here; {ended}. `run` starts it");
    found(FindingCode::NotRunning, last.as_ref(), words)
}

/// A node has the socket, and says nothing.
fn hanging(home: &Home, limit: Duration) -> Health {
    let last = home.last_run();
    let late = format!("the node does not answer within {} ms", limit.as_millis());
    let words = match last.as_ref().map(|last| &last.state) {
        Some(RunState::Running { process }) if is_stopped(*process) => {
            format!(
                "{late}: its process {process} is stopped; `kill -CONT {process}` lets it go on"
            )
        }
        Some(RunState::Running { process }) => {
            format!(
                "{late}: its process {process} is busy, or hangs; see what it wrote to its standard error"
            )
        }
        _ => format!("{late}; see what it wrote to its standard error"),
    };
    found(FindingCode::NoAnswer, last.as_ref(), words)
}

/// Whether the system says that a process is stopped. Where it says nothing, it is not known to be.
fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"))
        .unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| state.starts_with(['T', 't']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_an_exit_code_and_what_is_not_asked_for_does_not_count() {
        let options = |live, ready| Options {
            live,
            ready,
            timeout: 1.0,
        };
        let states = [
            HealthState::Well,
            HealthState::Attention,
            HealthState::NotReady,
            HealthState::Down,
        ];
        for (options, codes) in [
            (options(false, false), [0, 6, 5, 3]),
            (options(false, true), [0, 0, 5, 3]),
            (options(true, false), [0, 0, 0, 3]),
        ] {
            assert_eq!(states.map(|state| options.exit_code(state)), codes);
        }
    }

    #[test]
    fn a_time_limit_is_a_time() {
        for bad in ["", "-1", "0", "nan", "inf", "1e9", "2 s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert_eq!(seconds("0.5"), Ok(0.5));
    }
}
