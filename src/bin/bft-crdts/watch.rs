//! What the operator of a node sees while it runs, and what is kept up to date beside it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use bft_crdts::deterministic_secure_broadcast::Fault;
use bft_crdts::node::{Event, Node};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use crate::home::Home;
use crate::kinds::Service;
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
    let mut events = desk.events();
    while let Some(event) = events.next().await {
        if let Event::Fault(Fault::Equivocation(evidence)) = &event {
            say(
                &bar,
                &match desk.write_evidence(evidence).await {
                    Ok(file) => format!("evidence against {:?} is in {file}", evidence.accused()),
                    Err(refusal) => refusal.to_string(),
                },
            );
        }
        if matches!(event, Event::Delivered(_) | Event::Missed(_)) {
            continue;
        }
        if let Some(event) = view::event::<A>(&event) {
            say(&bar, &show::event(&event));
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
        let behind = node.read(|replica| {
            let progress = replica.progress().into_iter();
            progress.map(|member| member.leads).max().unwrap_or(0)
        });
        let Ok(behind) = behind.await else {
            return;
        };
        if most == 0 && behind >= FAR {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            bar.set_style(style());
        }
        if most > 0 || behind >= FAR {
            most = behind.max(most);
            bar.set_length(most);
            bar.set_position(most - behind);
        }
        if behind == 0 && most > 0 {
            most = 0;
            bar.finish_and_clear();
            bar.reset();
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("catching up {wide_bar} {pos}/{len} messages, {eta}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes down where the others listen, for the next start.
async fn keep_addresses<A: Service>(node: Node<A>, home: Home) {
    let mut written = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let book = node.book();
        if written.as_ref() == Some(&book) {
            continue;
        }
        match home.write_peers(&book) {
            Ok(()) => written = Some(book),
            Err(failure) => tracing::warn!(%failure, "the address book is not kept"),
        }
    }
}
