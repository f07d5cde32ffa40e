//! What a running node finds of itself: who echoes, what is wrong, since when.

use std::time::Duration;

use bft_crdts::Actor;
use bft_crdts::deterministic_secure_broadcast::BlockReason;
use bft_crdts::node::{MemberStatus, Status, Unreached};

use crate::kinds::Service;
use crate::last_run::{LastRun, RunState};
use crate::protocol::{Answer, Echoing, Finding, FindingCode, Health, HealthState, Reply};
use crate::service::Desk;
use crate::show::span;
use crate::view::since;

/// For how long an echo may be missing, and a generation may take to end, before it is worth a
/// word.
const GRACE: Duration = Duration::from_secs(5);
/// For how long it is worth a word how the last node ended.
const RECENT: Duration = Duration::from_secs(600);
/// Messages that a node may lack before it is worth a word.
const FAR: u64 = 200;

/// How the node is, told within `patience`; half of it the members have to answer.
pub(crate) async fn of<A: Service>(desk: &Desk<A>, patience: Duration) -> Answer {
    let look = async {
        let answered = desk.node.probe(patience / 2).await?;
        Ok((desk.node.status().await?, answered))
    };
    let last = desk.last.as_ref().as_ref();
    match tokio::time::timeout(patience, look).await {
        Ok(Ok((status, answered))) => Ok(Reply::Health(health(&status, &answered, last))),
        Ok(Err(error)) => Err(bft_crdts::node::RequestError::into(error)),
        Err(_) => Ok(Reply::Health(busy(patience))),
    }
}

fn busy(patience: Duration) -> Health {
    let words = format!(
        "the node is busy: its replica has not answered for {} ms; the disk may be slow",
        patience.as_millis()
    );
    Health {
        state: HealthState::NotReady,
        committee: None,
        findings: vec![finding(FindingCode::Busy, None, words)],
    }
}

/// What is wrong with a node of which these members have just answered, and which came after this
/// one.
fn health(status: &Status, answered: &[Actor], last: Option<&LastRun>) -> Health {
    let mut findings: Vec<_> = own(status).into_iter().collect();
    let committee = echoing(status, answered);
    let certified = committee.is_some_and(|it| it.echo >= it.quorum);
    let ready = findings.is_empty() && certified;
    if let Some(committee) = committee {
        if !certified {
            findings.push(finding(FindingCode::NoQuorum, None, no_quorum(&committee)));
        }
        let others = status.members.iter().filter(|it| it.actor != status.actor);
        findings.extend(others.filter_map(|member| of_member(status, member, answered)));
    }
    findings.extend(generation_waits(status));
    findings.extend(convicted(status));
    findings.extend(unreadable(status));
    findings.extend(behind(status));
    findings.extend(restarted(status, last));
    let state = match (ready, findings.is_empty()) {
        (false, _) => HealthState::NotReady,
        (true, false) => HealthState::Attention,
        (true, true) => HealthState::Well,
    };
    Health {
        state,
        committee,
        findings,
    }
}

/// How many members can be counted on. A node that signs no more cannot ask them: their silence is
/// none.
fn echoing(status: &Status, answered: &[Actor]) -> Option<Echoing> {
    let echoes = |member: &&MemberStatus| {
        let there = answered.contains(&member.actor) && !owes(member);
        member.actor == status.actor || there
    };
    (!status.silenced).then(|| Echoing {
        echo: status.members.iter().filter(echoes).count(),
        members: status.members.len(),
        quorum: status.quorum,
    })
}

fn finding(code: FindingCode, lasts: Option<Duration>, words: String) -> Finding {
    Finding {
        code,
        actor: None,
        seconds: lasts.map(|lasts| lasts.as_secs()),
        since: lasts.map(since),
        words,
    }
}

fn about(member: &Actor, code: FindingCode, lasts: Option<Duration>, words: String) -> Finding {
    Finding {
        actor: Some(member.to_string()),
        ..finding(code, lasts, words)
    }
}

// ---- the node itself

/// Why the node can have no operation made, whoever echoes.
fn own(status: &Status) -> Option<Finding> {
    let generation = status.generation;
    let uptime = status.uptime;
    let (code, lasts, words) = if status.silenced || status.convicted.contains(&status.actor) {
        (
            FindingCode::Convicted,
            status.silenced_for,
            format!(
                "this node is convicted{}: its own key has signed what it does not remember, so that it signs no more; its \
                 directory was copied or put back. Begin anew with `init` in another directory, and let the members expel this \
                 actor",
                known_for(status.silenced_for, uptime)
            ),
        )
    } else if status.awaits_checkpoint {
        (
            FindingCode::Unproven,
            Some(uptime),
            "the chain of generations has not reached the one that the invitation names: a member of today has to be reached"
                .to_owned(),
        )
    } else if let Some(missing) = status.missing_answers.filter(|_| status.seated) {
        let words = format!(
            "since its start {} ago this node signs nothing until members have told what its key has signed, so that an old \
             copy of its store contradicts nothing: {missing} more are needed",
            span(uptime.as_secs())
        );
        (FindingCode::InDoubt, Some(uptime), words)
    } else if status.seated {
        return None;
    } else if status.had_seat {
        (
            FindingCode::SeatLost,
            status.unseated_for,
            format!(
                "this node has no seat any more in {generation}{}: it left or was expelled. What it proposes waits; invited by \
                 a member again, it can `ask` to be let in",
                known_for(status.unseated_for, uptime)
            ),
        )
    } else {
        (
            FindingCode::NoSeat,
            status.unseated_for,
            "this node has no seat yet: it follows, and a quorum of the members has to `admit` it"
                .to_owned(),
        )
    };
    Some(finding(code, lasts, words))
}

/// Since when something is so, of a node that has been up for so long.
fn known_for(lasts: Option<Duration>, uptime: Duration) -> String {
    match lasts.map(|lasts| (lasts < uptime, span(lasts.as_secs()))) {
        None => String::new(),
        Some((true, span)) => format!(", for {span}"),
        Some((false, span)) => format!(", since before it was started {span} ago"),
    }
}

fn no_quorum(committee: &Echoing) -> String {
    let Echoing {
        echo,
        members,
        quorum,
    } = committee;
    format!(
        "{echo} of {members} echo, a quorum is {quorum}: nothing is delivered, and what is proposed waits, until {} more do",
        quorum - echo
    )
}

/// Or a node that fails again and again, and is started each time, would look well in between.
fn restarted(status: &Status, last: Option<&LastRun>) -> Option<Finding> {
    let last = last.filter(|last| last.state != RunState::Ended)?;
    let words = format!(
        "this node was started {} ago; the last one{}",
        span(status.uptime.as_secs()),
        last.ended()
    );
    let finding = Finding {
        seconds: last.seconds_ago(),
        since: Some(last.at),
        ..finding(FindingCode::Restarted, None, words)
    };
    (status.uptime < RECENT).then_some(finding)
}

/// What is not certified may be a liar's.
fn unreadable(status: &Status) -> impl Iterator<Item = Finding> {
    let held = status.lanes.iter().filter_map(|lane| lane.held.as_ref());
    let unreadable = held.filter(|held| held.why == BlockReason::Unreadable { certified: true });
    unreadable.map(|held| {
        let (source, number) = (held.dot.source, held.dot.seq.number());
        let words = format!(
            "message {number} of {source} cannot be read by the version of this node, and a quorum has certified it: nothing of \
             that source is delivered here until the node has the version of its source"
        );
        about(&source, FindingCode::Unreadable, None, words)
    })
}

fn behind(status: &Status) -> Option<Finding> {
    let behind = status.behind();
    let words = format!("this node lacks {behind} messages that the members have; it fetches them");
    (behind >= FAR).then(|| finding(FindingCode::Behind, None, words))
}

// ---- the members

/// Whether a member has not echoed for longer than that takes.
fn owes(member: &MemberStatus) -> bool {
    member.owes.is_some_and(|lasts| lasts > GRACE)
}

fn of_member(status: &Status, member: &MemberStatus, answered: &[Actor]) -> Option<Finding> {
    let actor = &member.actor;
    if !answered.contains(actor) {
        let words = silent(status, member);
        let lasts = member.heard.unwrap_or(status.uptime);
        return Some(about(actor, FindingCode::Silent, Some(lasts), words));
    }
    let lasts = member.owes.filter(|_| owes(member))?;
    let words = format!(
        "{actor} answers, and has not echoed this node's last operation for {}",
        span(lasts.as_secs())
    );
    Some(about(actor, FindingCode::NoEcho, Some(lasts), words))
}

fn silent(status: &Status, member: &MemberStatus) -> String {
    let heard = match member.heard {
        Some(ago) => format!("silent: last heard {} ago", span(ago.as_secs())),
        None => format!(
            "silent: not heard since this node was started {} ago",
            span(status.uptime.as_secs())
        ),
    };
    let unreached = member
        .unreached
        .iter()
        .map(|Unreached { address, why, .. }| {
            let address = address.as_ref().map(|address| format!(" at {address}"));
            format!("; not reached{}: {why}", address.unwrap_or_default())
        });
    format!(
        "{} is {heard}{}",
        member.actor,
        unreached.collect::<String>()
    )
}

fn generation_waits(status: &Status) -> Option<Finding> {
    let ending = status.ending.as_ref()?;
    let names: Vec<_> = ending.awaited.iter().map(Actor::to_string).collect();
    let whom = match names.is_empty() {
        true => String::new(),
        false => format!(" and waits for {}", names.join(" ")),
    };
    let lasts = ending.lasts;
    let words = format!(
        "the members change: {} has been ending for {}{whom}",
        status.generation,
        span(lasts.as_secs())
    );
    (lasts > GRACE).then(|| finding(FindingCode::GenerationWaits, Some(lasts), words))
}

fn convicted(status: &Status) -> impl Iterator<Item = Finding> {
    let members = status.members.iter().map(|member| &member.actor);
    let convicted = members.filter(|actor| status.convicted.contains(actor));
    let others = convicted.filter(|actor| **actor != status.actor);
    others.map(|actor| {
        let words = format!(
            "{actor} is convicted of signing two things, and has a seat: `evidence` shows it, `expel {actor}` takes its seat"
        );
        about(actor, FindingCode::MemberConvicted, None, words)
    })
}
