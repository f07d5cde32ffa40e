//! The false coordinator: when it is its turn to propose the value that ends a generation, it
//! proposes two, or a bad one, or one with a report left out, or nothing.
//!
//! It attacks the agreement's value and its end. What stops it: members prevote on facts about the
//! value alone, execute it again themselves, and the next round has another coordinator.

use std::sync::Arc;

use rand::RngExt;

use super::{Adversary, Hand, Vice};
use crate::actor::{Actor, Signed};
use crate::deterministic_secure_broadcast::{Body, Packet, Replica};
use crate::dot::Head;
use crate::membership::{CheckedReport, GenerationProposal, VoteKind};
use crate::quorum::Generation;
use crate::traits::WireAlgorithm;

/// How a coordinator lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FalseProposal {
    /// It says nothing that has a proposal in it.
    None,
    /// It proposes one value to every second member, and another with one report less to the rest.
    Two,
    /// It proposes a value with a wrong state.
    WrongState,
    /// It proposes a value without one of the reports.
    ReportLeftOut,
    /// It proposes a value with a report of its own that names a head which nobody certified.
    Unbacked,
}

/// Lies as coordinator, in one way a generation; by default chance decides in which. Otherwise it
/// behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct FalseCoordinator {
    /// `None` when chance decides for each generation.
    always: Option<FalseProposal>,
    /// The way in which it lies in this generation.
    now: Option<(Generation, FalseProposal)>,
}

impl FalseCoordinator {
    /// A coordinator that lies in this way only.
    #[must_use]
    pub fn with(lie: FalseProposal) -> Self {
        Self {
            always: Some(lie),
            now: None,
        }
    }

    /// Draws once in each generation.
    fn choose<A: WireAlgorithm>(&mut self, hand: &mut Hand<'_, A>) -> FalseProposal {
        let generation = hand.half().generation();
        match self.now {
            Some((when, lie)) if when == generation => lie,
            _ => {
                let lie = match hand.random().random_range(0..5u8) {
                    0 => FalseProposal::None,
                    1 => FalseProposal::Two,
                    2 => FalseProposal::WrongState,
                    3 => FalseProposal::Unbacked,
                    _ => FalseProposal::ReportLeftOut,
                };
                let lie = self.always.unwrap_or(lie);
                self.now = Some((generation, lie));
                lie
            }
        }
    }

    /// Packets in which it proposes nothing stay as they are.
    fn lie<A: WireAlgorithm>(hand: &mut Hand<'_, A>, lie: FalseProposal, packet: &mut Packet) {
        let seat = hand.others().iter().position(|other| *other == packet.to);
        let first = seat.is_none_or(|seat| seat % 2 == 0);
        match lie {
            FalseProposal::None => withhold(hand, packet),
            FalseProposal::Two if first => {}
            FalseProposal::Two | FalseProposal::ReportLeftOut => {
                propose(hand, packet, |_, value| {
                    value.draft.reports.pop_last();
                    None
                });
            }
            FalseProposal::Unbacked => propose(hand, packet, claim_a_head),
            FalseProposal::WrongState => {
                propose(hand, packet, |_, value| {
                    value.state.snapshot = value.draft.parent;
                    None
                });
            }
        }
    }
}

/// Its other votes stay.
fn withhold<A: WireAlgorithm>(hand: &mut Hand<'_, A>, packet: &mut Packet) {
    let me = hand.actor();
    if let Body::Agreement { message, value, .. } = &mut packet.body {
        let proposes = |kind: &VoteKind| matches!(kind, VoteKind::Proposal { .. });
        let all = message.votes.len();
        message
            .votes
            .retain(|vote| vote.signer != me || !proposes(&vote.statement.kind));
        *value = None;
        if message.votes.len() < all {
            hand.lied(Vice::FalseCoordinator.name());
        }
    }
}

/// Proposes what `change` makes of the value, instead of the value.
///
/// The value goes with the packet, and each proposal of its own in it names the new one. A report
/// of its own on which the new one rests goes along.
fn propose<A: WireAlgorithm>(
    hand: &mut Hand<'_, A>,
    packet: &mut Packet,
    change: impl Fn(&Hand<'_, A>, &mut GenerationProposal) -> Option<CheckedReport>,
) {
    let me = hand.actor();
    let Body::Agreement {
        message,
        value: Some(value),
        ..
    } = &mut packet.body
    else {
        return;
    };
    let mut other = GenerationProposal::clone(value);
    let report = change(hand, &mut other);
    let other = follow_up(hand.half(), other, report.as_ref());
    let digest = other.digest(hand.half().network());
    for vote in message.votes.iter_mut().filter(|b| b.signer == me) {
        let mut statement = vote.statement;
        if let VoteKind::Proposal { value, .. } = &mut statement.kind {
            *value = digest;
            *vote = hand.sign(statement).into_claim();
            hand.lied(Vice::FalseCoordinator.name());
        }
    }
    *value = Arc::new(other);
    if let Some(report) = report {
        show(hand, packet.to, &report);
    }
}

/// Sends a report of its own on which a value of its own rests.
///
/// It goes after the value, as nobody takes a second report on which no value rests; its half would
/// serve the first one alone.
pub(super) fn show<A: WireAlgorithm>(hand: &mut Hand<'_, A>, to: Actor, report: &CheckedReport) {
    let report = Arc::new(Signed::clone(report));
    let changes = Vec::new();
    hand.send(to, Body::Report { report, changes });
}

/// The value with all that follows from its changes and reports, one of which may be in no half, so
/// that nothing else is wrong with it than what the liar made wrong.
pub(super) fn follow_up<A: WireAlgorithm>(
    half: &Replica<A>,
    value: GenerationProposal,
    own: Option<&CheckedReport>,
) -> GenerationProposal {
    let (last, draft) = (half.boundary(), &value.draft);
    let reports = draft.resolve(|of, digest| {
        let own = own.filter(|own| own.name() == (*of, *digest));
        own.or_else(|| half.report_of(of, digest))
    });
    let ending = reports
        .ok()
        .and_then(|reports| draft.ending(last, &reports).ok());
    match ending {
        Some(ending) => value.draft.found(last, &ending, value.state),
        None => value,
    }
}

/// Its own report names one message more of somebody's lane than there is.
fn claim_a_head<A: WireAlgorithm>(
    hand: &Hand<'_, A>,
    value: &mut GenerationProposal,
) -> Option<CheckedReport> {
    let (me, half) = (hand.actor(), hand.half());
    let own = value.draft.reports.get_mut(&me)?;
    let whose = *hand.others().first()?;
    let seq = half.head(&whose).and_then(|head| head.seq.next())?;
    let digest = half.network().digest();
    let mut other = half.report_of(&me, own)?.statement.clone();
    other.heads.insert(whose, Head { seq, digest });
    other.marks.remove(&whose);
    let other = CheckedReport::of(half.boundary(), hand.sign(other)).ok()?;
    *own = other.digest();
    Some(other)
}

impl<A: WireAlgorithm> Adversary<A> for FalseCoordinator {
    fn on_send(&mut self, hand: &mut Hand<'_, A>, packets: &mut Vec<Packet>) {
        let lie = self.choose(hand);
        for packet in packets {
            Self::lie(hand, lie, packet);
        }
    }
}
