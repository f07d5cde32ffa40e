//! How a node stands, in words for people.

use bft_crdts::node::Address;

use super::{lines, plain, span, unreached};
use crate::protocol::{Member, StateOrigin, Status};

/// What a node says of itself, a row for each thing.
pub(super) fn status(it: &Status) -> String {
    let mut rows = identity_rows(it);
    rows.extend(progress_rows(it));
    rows.extend(alarm_rows(it));
    let lines_of = |(name, value): &(&str, String)| format!("{name:<11}{value}");
    lines(rows.iter().map(lines_of))
}

type Row = (&'static str, String);

/// Who the node is, and where it stands among the members.
fn identity_rows(it: &Status) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name, value: String| rows.push((name, value));
    row("actor", it.actor.clone());
    row("network", it.network.clone());
    if let Some(StateOrigin {
        network,
        generation,
    }) = &it.origin
    {
        row(
            "begun with",
            format!("the state of generation {generation} of network {network}"),
        );
    }
    row(
        "listens",
        it.listens
            .as_ref()
            .map(Address::to_string)
            .unwrap_or_default(),
    );
    let seat = if it.seated { "seated" } else { "no seat" };
    let phase = match &*it.phase {
        "open" => String::new(),
        ending => format!(", {ending}"),
    };
    row(
        "generation",
        format!(
            "{}: {} members, quorum {}, {seat}{phase}",
            it.generation, it.members, it.quorum
        ),
    );
    row("header", it.header.clone());
    if let Some(level) = it.leaving {
        row(
            "leaving",
            format!(
                "keep it running: {level} members have all that it has, {} are needed",
                it.quorum
            ),
        );
    }
    if it.unproven {
        row(
            "following",
            "the chain has not reached the generation that the invitation names".to_owned(),
        );
    }
    rows
}

/// How far it is, and what passes through it.
fn progress_rows(it: &Status) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name, value: String| rows.push((name, value));
    let delivered: u64 = it.lanes.iter().map(|lane| lane.seq).sum();
    row(
        "messages",
        format!(
            "{delivered} delivered, {} behind, {} held, {} of our operations pending",
            it.behind, it.held, it.pending
        ),
    );
    row(
        "packets",
        format!(
            "{} sent, {} received, {} dropped, {} refused",
            it.sent, it.received, it.dropped, it.refused
        ),
    );
    if it.asked > 0 {
        row(
            "asked",
            format!("{} changes wait for approval: see `requests`", it.asked),
        );
    }
    rows
}

/// What its operator has to look into.
fn alarm_rows(it: &Status) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name, value: String| rows.push((name, value));
    if !it.convicted.is_empty() {
        row(
            "convicted",
            format!("{}: see `evidence`", it.convicted.join(" ")),
        );
    }
    if let Some(missing) = it.missing_answers {
        row(
            "asking",
            format!(
                "signs nothing until members have told what this key has signed; {missing} more are needed"
            ),
        );
    }
    if it.silenced {
        row(
            "silenced",
            "our own key contradicts us; we sign no more".to_owned(),
        );
    }
    rows
}

/// What a node knows of a member.
pub(super) fn member(it: &Member) -> String {
    let address = it.address.as_ref().map_or("?", Address::as_str);
    // Others may pass on what a member signed that this node has not heard.
    let heard = it.this || it.heard_seconds.is_some();
    let (lacks, leads) = (it.lacks.filter(|_| heard), it.leads.filter(|_| heard));
    let state = match (it.this, lacks, leads) {
        (true, ..) => "this node".to_owned(),
        (_, Some(0), Some(0)) => "level".to_owned(),
        (_, Some(lacks), Some(0)) => format!("not known to have {lacks}"),
        (_, Some(0), Some(leads)) => format!("has {leads} that are missing here"),
        (_, Some(lacks), Some(leads)) => {
            format!("not known to have {lacks}, has {leads} that are missing here")
        }
        _ => "not heard of".to_owned(),
    };
    let link = match it.linked {
        true => ", linked".to_owned(),
        false => it.unreached.iter().map(unreached).collect(),
    };
    let heard = it.heard_seconds;
    let heard = heard.map(|ago| format!(", heard {} ago", span(ago)));
    let owes = it
        .owes_seconds
        .filter(|lasts| *lasts > 0)
        .map(|lasts| format!(", has not echoed for {}", span(lasts)));
    let [heard, owes] = [heard, owes].map(Option::unwrap_or_default);
    format!("{} {} {state}{heard}{owes}{link}", it.actor, plain(address))
}
