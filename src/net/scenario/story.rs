//! A scenario in words.

use std::fmt;

use super::{Act, Scenario};
use crate::net::Faults;

/// A member's name in a story: its seat as a letter, as in charts, as far as letters go.
fn name(seat: u8) -> String {
    match seat {
        0..26 => char::from(b'a' + seat).to_string(),
        _ => format!("member {seat}"),
    }
}

/// For people, and in the order in which it is played.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} members (seed {})", self.members, self.seed)?;
        for vices in &self.liars {
            let vices: Vec<_> = vices.iter().map(ToString::to_string).collect();
            writeln!(f, "a liar: {}", vices.join(", "))?;
        }
        write!(f, "{}", self.faults)?;
        if self.unruly != (0..u64::MAX) {
            let (from, until) = (self.unruly.start, self.unruly.end);
            writeln!(f, "only packets {from} to {until} may be harmed or late")?;
        }
        let actors = self.members.max(1);
        for (index, act) in self.acts.iter().enumerate() {
            writeln!(f, "{:>3}. {}", index + 1, Told { act, actors })?;
        }
        writeln!(f, "     all heals, and time passes")
    }
}

/// Rates that are zero are left out.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.latency.start(), self.latency.end());
        write!(f, "packets take {least} to {most} us")?;
        let rates = [
            (self.drop, "are lost"),
            (self.duplicate, "come twice"),
            (self.corrupt, "have a bit flipped"),
            (self.delay, "take up to 20 times as long"),
        ];
        for (rate, what) in rates.iter().filter(|(rate, _)| *rate > 0.0) {
            write!(f, ", {} % {what}", rate * 100.0)?;
        }
        writeln!(f)
    }
}

/// An act among so many actors. Newcomers shift the names; the chart tells.
struct Told<'a> {
    /// What is told.
    act: &'a Act,
    /// How many members the network begins with.
    actors: u8,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |who: u8| name(who % self.actors);
        match *self.act {
            Act::Propose { who, pick } => write!(f, "{} proposes (pick {pick})", name(who)),
            Act::Run { tenths } => write!(f, "{} ticks pass", f64::from(tenths) / 10.0),
            Act::Partition { side } => {
                let side: Vec<_> = (0..self.actors.min(16))
                    .filter(|seat| side >> seat & 1 == 1)
                    .map(name)
                    .collect();
                write!(f, "{{{}}} are cut off from the others", side.join(", "))
            }
            Act::Cut { from, to } => write!(f, "nothing gets from {} to {}", name(from), name(to)),
            Act::Clog { from, to } => {
                write!(f, "what {} sends to {} is slow", name(from), name(to))
            }
            Act::Heal => write!(f, "the network heals"),
            Act::Crash { who } => write!(f, "{} crashes", name(who)),
            Act::CrashWhileWriting { who, records, torn } => write!(
                f,
                "{} will crash while it writes, {records} records and {torn} bytes into it",
                name(who)
            ),
            Act::Restart { who } => write!(f, "{} starts again", name(who)),
            Act::Backup { who } => write!(f, "the store of {} is copied", name(who)),
            Act::Restore { who } => write!(f, "{} starts again from the old copy", name(who)),
            Act::Join => write!(f, "somebody new asks to be let in"),
            Act::Leave { who } => write!(f, "{} asks to leave", name(who)),
            Act::Renew { who } => write!(f, "{} asks for a new generation", name(who)),
            Act::MisuseRetiredKeys { pick } => write!(
                f,
                "with the keys of those who have left something new is certified (pick {pick})"
            ),
            Act::Await { phase, many } => write!(f, "time passes until {many} {phase}"),
            Act::CrashAll => write!(f, "all crash at once"),
            Act::Hush { from, to } => {
                write!(f, "no vote gets from {} to {}", name(from), name(to))
            }
            Act::RestartAll => write!(f, "all start again"),
            Act::Slow { ticks } => write!(f, "each packet takes up to {ticks} ticks more"),
            Act::Rounds { many } => write!(f, "the agreement gets to round {many}, or ends"),
            Act::RobSleepers { pick } => write!(
                f,
                "with the keys of those who have left something new is shown to those who are behind (pick {pick})"
            ),
            Act::Invite { pick } => write!(
                f,
                "somebody new is invited, and with the keys of those who have left lied to (pick {pick})"
            ),
            Act::Knock => write!(f, "somebody new asks to be let in, room or not"),
            Act::Retire { who } => write!(f, "founder {who} asks to leave"),
            Act::Lag { ticks } => write!(f, "each packet takes {ticks} ticks more"),
            Act::Insist { who } => write!(f, "founder {who} asks for a new generation"),
            Act::Follow => write!(f, "somebody new follows the network"),
            Act::HandOver => write!(
                f,
                "all members want to leave, and everybody who follows to enter"
            ),
            Act::SwitchOff => write!(
                f,
                "from now on who has left is switched off as soon as it may be"
            ),
            Act::Doubt => write!(
                f,
                "from now on who starts again asks first what its key has signed"
            ),
            Act::Reserved { who } => {
                write!(f, "{} approves no more what others wish", name(who))
            }
        }
    }
}
