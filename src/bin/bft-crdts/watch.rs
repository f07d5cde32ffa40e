//! What the operator of a node sees while it runs, and what is kept up to date beside it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use bft_crdts::deterministic_secure_broadcast::{Equivocation, Fault, Progress, Replica};
use bft_crdts::node::{Event, Node};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::home::Home;
use crate::kinds::Service;
use crate::protocol::Refusal;
use crate::service::Desk;
use crate::show;
use crate::view;

/// Messages that a node is behind before it shows how it catches up.
const FAR: u64 = 200;
/// How often it looks how far behind it is.
const GLANCE: Duration = Duration::from_millis(200);
/// How often it looks whether addresses have changed.
const LOOK: Duration = Duration::from_secs(1);

/// Follows a node and tells its operator, on standard error.
pub(crate) struct Watch {
    bar: ProgressBar,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// A watch over this node, from now on.
    pub(crate) fn over<A: Service>(desk: &Desk<A>) -> Self {
        let bar = ProgressBar::hidden();
        let tasks = vec![
            tokio::spawn(tell_events(desk.clone(), bar.clone())),
            tokio::spawn(show_progress(desk.node.clone(), bar.clone())),
            tokio::spawn(keep_addresses(desk.node.clone(), desk.home.clone())),
        ];
        Self { bar, tasks }
    }

    /// Tells the operator something.
    pub(crate) fn say(&self, line: &str) {
        say(&self.bar, line);
    }

    /// Ends the watch.
    pub(crate) fn end(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.bar.finish_and_clear();
    }
}

fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| crate::remark(line));
}

/// One line for each thing that an operator should know of. What is delivered is no news.
async fn tell_events<A: Service>(desk: Desk<A>, bar: ProgressBar) {
    let mut events = desk.node.events();
    // Members may have told the node before anybody listened, or before it was started again.
    let mut silenced = desk
        .node
        .read(|replica| replica.is_silenced())
        .await
        .unwrap_or(false);
    if silenced {
        say_silenced::<A>(&bar);
    }
    while let Some(event) = events.next().await {
        if let Event::Delivered(delivery) = &event {
            desk.times.note(delivery.dot());
        }
        if matches!(event, Event::Delivered(_) | Event::Missed(_)) {
            continue;
        }
        if matches!(&event, Event::Fault(Fault::Silenced)) {
            if !std::mem::replace(&mut silenced, true) {
                say_silenced::<A>(&bar);
            }
            continue;
        }
        if let Some(told) = view::event::<A>(&event) {
            say(&bar, &show::event(&told));
        }
        match &event {
            Event::Fault(Fault::Equivocation(evidence)) => {
                say(&bar, &kept(&desk, evidence).await);
            }
            // Among them may be convictions.
            Event::FaultsMissed(_) => {
                if let Err(refusal) = desk.evidence().await {
                    say(&bar, &refusal.to_string());
                }
            }
            _ => {}
        }
    }
}

/// Tells that this node signs no more, and what to do.
fn say_silenced<A: Service>(bar: &ProgressBar) {
    let event = Event::Fault(Fault::Silenced);
    if let Some(told) = view::event::<A>(&event) {
        say(bar, &show::event(&told));
    }
    let advice = Refusal::Silenced.advice().unwrap_or_default();
    say(bar, &format!("  {advice}"));
}

/// Writes evidence into its file, and says so.
async fn kept<A: Service>(desk: &Desk<A>, evidence: &Equivocation) -> String {
    let accused = evidence.accused();
    let against = match accused == desk.node.actor() {
        true => "this node itself: its key is used twice, or its directory was put back".to_owned(),
        false => accused.to_string(),
    };
    match desk.write_evidence(evidence).await {
        Ok(file) => format!("the evidence is in {file}, against {against}"),
        Err(refusal) => refusal.to_string(),
    }
}

/// How far a node is that catches up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It fetches the state of which these parts are here, of so many.
    State(u64, u64),
    /// It lacks so many messages.
    Messages(u64),
}

impl Way {
    fn of<A: Service>(replica: &Replica<A>) -> Self {
        match replica.fetched() {
            Some((here, all)) => Self::State(here as u64, all as u64),
            None => {
                let tolerated = replica.committee().tolerated();
                Self::Messages(Progress::behind(replica.progress(), tolerated))
            }
        }
    }
}

/// Shows how a node that is far behind catches up, if somebody looks at a terminal.
async fn show_progress<A: Service>(node: Node<A>, bar: ProgressBar) {
    if !io::stderr().is_terminal() {
        return;
    }
    let mut most = 0;
    loop {
        tokio::time::sleep(GLANCE).await;
        let Ok(way) = node.read(Way::of).await else {
            return;
        };
        let shown = match way {
            Way::State(here, all) => Some(("state", here, all)),
            Way::Messages(0) => None,
            Way::Messages(behind) => {
                most = behind.max(most);
                (most >= FAR).then_some(("messages", most - behind, most))
            }
        };
        match shown {
            Some((what, place, length)) => draw(&bar, what, place, length),
            None if !bar.is_hidden() => {
                most = 0;
                bar.finish_and_clear();
                bar.set_draw_target(ProgressDrawTarget::hidden());
                bar.reset();
            }
            None => {}
        }
    }
}

fn draw(bar: &ProgressBar, what: &'static str, place: u64, length: u64) {
    bar.set_message(what);
    bar.set_length(length);
    bar.set_position(place);
    if bar.is_hidden() {
        bar.set_style(style());
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar.tick();
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("catching up {wide_bar} {pos}/{len} {msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes down where the others listen, for the next start.
async fn keep_addresses<A: Service>(node: Node<A>, home: Home) {
    let (mut written, mut told) = (None, false);
    loop {
        tokio::time::sleep(LOOK).await;
        let book = node.book();
        if written.as_ref() == Some(&book) {
            continue;
        }
        match home.write_peers(&book) {
            Ok(()) => (written, told) = (Some(book), false),
            // A disk that is full is not to be filled with this.
            Err(_) if told => {}
            Err(failure) => {
                tracing::warn!(%failure, "the address book is not kept");
                told = true;
            }
        }
    }
}
