//! What the node says, in the words of the control socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bft_crdts::Actor;
use bft_crdts::codec::Digest;
use bft_crdts::deterministic_secure_broadcast::{
    ApproveError, BlockReason, Blocked, Fault, ProposeError,
};
use bft_crdts::dot::{Dot, Seq};
use bft_crdts::membership::{ChangeError, ChangeKey, Origin};
use bft_crdts::node::{self, Address, NotDelivered, RequestError};
use bft_crdts::quorum::Generation;
use bft_crdts::traits::Verdict;

use crate::failure::Failure;
use crate::kinds::Service;
use crate::protocol::{
    Event, Kind, Member, Place, Refusal, StateOrigin, Status, Unreached, Waiting, Wish, Wished,
};

pub(crate) fn place(dot: &Dot) -> Place {
    Place {
        source: dot.source.to_string(),
        seq: dot.seq.number(),
    }
}

fn names<'a>(actors: impl IntoIterator<Item = &'a Actor>) -> Vec<String> {
    actors.into_iter().map(Actor::to_string).collect()
}

/// A header as those name it who trust it.
pub(crate) fn header(generation: Generation, digest: &Digest) -> String {
    format!("{}:{digest}", generation.number())
}

/// Where the node stands. What it does not know of itself is given.
pub(crate) fn status(
    status: &node::Status,
    kind: Kind,
    network: String,
    header: String,
    origin: Option<Origin>,
    listens: Option<Address>,
) -> Status {
    let ended = status.lanes.iter().filter(|lane| lane.head.seq > Seq::ZERO);
    Status {
        actor: status.actor.to_string(),
        network,
        origin: origin.map(|origin| StateOrigin {
            network: origin.network.digest().to_string(),
            generation: origin.generation.number(),
        }),
        kind,
        listens,
        generation: status.generation.number(),
        header,
        members: status.members.len(),
        quorum: status.quorum,
        seated: status.seated,
        leaving: status.leaving,
        unproven: status.awaits_checkpoint,
        missing_answers: status.missing_answers,
        silenced: status.silenced,
        phase: status.phase.to_string(),
        behind: status.behind(),
        pending: status.pending,
        held: status
            .lanes
            .iter()
            .filter_map(|lane| lane.held.as_ref())
            .count(),
        asked: status.asked.len(),
        convicted: names(&status.convicted),
        lanes: ended
            .map(|lane| Place {
                source: lane.source.to_string(),
                seq: lane.head.seq.number(),
            })
            .collect(),
        held_bytes: status.memory.lane_bytes + status.memory.outbox_bytes,
        sent: status.traffic.sent,
        received: status.traffic.received,
        dropped: status.traffic.dropped,
        refused: status.traffic.refused,
    }
}

pub(crate) fn members(status: &node::Status, listens: Option<&Address>) -> Vec<Member> {
    let member = |member: &node::MemberStatus| {
        let this = member.actor == status.actor;
        let progress = member.progress.as_ref();
        Member {
            actor: member.actor.to_string(),
            this,
            address: match this {
                true => listens.cloned(),
                false => member.address.clone(),
            },
            linked: member.linked,
            generation: progress.map(|progress| progress.generation.number()),
            lacks: progress.map(|progress| progress.lacks),
            leads: progress.map(|progress| progress.leads),
            heard_seconds: member.heard.map(|ago| ago.as_secs()),
            heard_at: member.heard.map(since),
            owes_seconds: member.owes.map(|lasts| lasts.as_secs()),
            unreached: member.unreached.iter().map(unreached).collect(),
        }
    };
    status.members.iter().map(member).collect()
}

/// When something was that is so long ago, by this machine's clock: seconds since 1970.
pub(crate) fn since(ago: Duration) -> u64 {
    let then = SystemTime::now().checked_sub(ago);
    let then = then.and_then(|then| then.duration_since(UNIX_EPOCH).ok());
    // A clock before 1970 is none.
    then.unwrap_or_default().as_secs()
}

fn unreached(unreached: &node::Unreached) -> Unreached {
    Unreached {
        address: unreached.address.clone(),
        why: unreached.why.to_string(),
    }
}

/// What waits at this node. A silenced one names itself, whether it waits for anything or not.
pub(crate) fn why(status: &node::Status) -> Vec<Waiting> {
    let held = status.lanes.iter().filter_map(|lane| lane.held.as_ref());
    let mut why: Vec<_> = held.map(waiting).collect();
    let own = status.lanes.iter().find(|lane| lane.source == status.actor);
    if let Some(own) = own.filter(|own| status.silenced && own.held.is_none()) {
        let next = own.head.seq.next().unwrap_or(own.head.seq);
        let dot = Dot {
            source: own.source,
            seq: next,
        };
        why.push(Waiting {
            place: place(&dot),
            why: BlockReason::Silenced.to_string(),
            missing: Vec::new(),
        });
    }
    why
}

fn waiting(held: &Blocked) -> Waiting {
    let missing = match &held.why {
        BlockReason::EchoesMissing { missing, .. } | BlockReason::InDoubt { missing, .. } => {
            names(missing)
        }
        _ => Vec::new(),
    };
    Waiting {
        place: place(&held.dot),
        why: held.why.to_string(),
        missing,
    }
}

/// The changes that somebody wishes: those that were approved, and those that wait for this node.
pub(crate) fn wishes(status: &node::Status) -> Vec<Wish> {
    let wish = |change: &ChangeKey, approved_by: &[Actor]| Wish {
        change: wished(*change),
        approved_by: names(approved_by),
        quorum: status.quorum,
        waits: status.asked.contains(change),
    };
    let approved = status
        .wishes
        .iter()
        .map(|(change, actors)| wish(change, actors));
    let is_approved = |change: &&ChangeKey| status.wishes.iter().any(|(key, _)| key == *change);
    let unapproved = status.asked.iter().filter(|change| !is_approved(change));
    approved
        .chain(unapproved.map(|change| wish(change, &[])))
        .collect()
}

pub(crate) fn wished(change: ChangeKey) -> Wished {
    match change {
        ChangeKey::Join(actor) => Wished::Join {
            actor: actor.into(),
        },
        ChangeKey::Leave(actor) => Wished::Leave {
            actor: actor.into(),
        },
        ChangeKey::Renew => Wished::Renew,
    }
}

/// What happened, if this program has words for it.
pub(crate) fn event<A: Service>(event: &node::Event) -> Option<Event> {
    Some(match event {
        node::Event::Delivered(delivery) => Event::Delivered {
            place: place(&delivery.dot()),
            ops: delivery.ops::<A>().iter().map(A::effect).collect(),
        },
        node::Event::Fault(fault) => Event::Fault {
            kind: fault.kind().to_owned(),
            accused: fault.accused().map(|accused| accused.to_string()),
            words: words(fault),
        },
        node::Event::Installed(installed) => Event::Installed {
            generation: installed.generation.number(),
            seated: installed.seated,
            by_snapshot: installed.by_snapshot,
        },
        node::Event::Left => Event::Left,
        node::Event::Asked(change) => Event::Asked {
            change: wished(change.key()),
        },
        node::Event::Missed(events) => Event::Missed { events: *events },
        node::Event::FaultsMissed(faults) => Event::FaultsMissed { faults: *faults },
        _ => return None,
    })
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Equivocation(evidence) => match evidence.dot() {
            Some(dot) => format!("signed two things about {dot}"),
            None => "voted twice".to_owned(),
        },
        Fault::Invalid { dot, reason } => format!("signed at {dot} what it must not: {reason}"),
        Fault::BrokenLaw { dot, reason } => {
            format!(
                "certified at {dot}, and never valid: {reason}; a law is broken or too many lie"
            )
        }
        Fault::Unreadable { dot } => {
            format!("certified at {dot}, and not readable by the version of this node: give it a later one")
        }
        Fault::Silenced => {
            "our own key has signed what this store does not know: it is an old copy, or the key is used twice; we sign no more".to_owned()
        }
        Fault::Diverged { generation } => {
            format!("our state is not the certified one of {generation}")
        }
        _ => String::new(),
    }
}

// ---- refusals

impl From<NotDelivered> for Refusal {
    fn from(why: NotDelivered) -> Self {
        match why {
            NotDelivered::Refused(error) => error.into(),
            NotDelivered::Unseated => Self::Unseated,
            NotDelivered::Equivocated => Self::Contradicted,
            NotDelivered::Stopped { durable: true } => Self::StoppedDurable,
            NotDelivered::Stopped { durable: false } => Self::StoppedLost,
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<ProposeError> for Refusal {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NotValid(Verdict::NotYet(reason)) => Self::Early(reason.to_owned()),
            ProposeError::NotValid(Verdict::Never(reason)) => Self::Invalid(reason.to_owned()),
            ProposeError::TooLarge { len, limit } => Self::TooLarge { len, limit },
            ProposeError::NotAMember => Self::NoSeat,
            ProposeError::LaneFull => Self::LaneFull,
            ProposeError::Silenced => Self::Silenced,
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Stopped => Self::Stopped,
            RequestError::Unasked => Self::Unasked,
            RequestError::Approve(ApproveError::NotAMember) => Self::NoSeat,
            RequestError::Approve(ApproveError::Silenced) => Self::Silenced,
            RequestError::Approve(ApproveError::Change(ChangeError::Member(_))) => Self::Member,
            RequestError::Approve(ApproveError::Change(error)) => Self::Change(error.to_string()),
            other => Self::Change(other.to_string()),
        }
    }
}

/// What went wrong with a file while a request was granted.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal,
            other => Self::Directory(other.to_string()),
        }
    }
}
