//! The signatures in a packet, wherever they sit: for those who tamper with them.

use std::sync::Arc;

use crate::actor::{Actor, Sig, Signed};
use crate::deterministic_secure_broadcast::{Body, Equivocation, Proposal};
use crate::membership::Change;

/// Shows each signature whose signer the body names, to be read or changed. Certificates name
/// seats, and are left out.
///
/// A shared part is copied before it is shown, so that nobody else's copy changes. A new kind of
/// body does not compile until it is said here what is signed in it.
pub(super) fn each_claim(body: &mut Body, mut see: impl FnMut(&mut Actor, &mut Sig)) {
    match body {
        Body::Proposal(proposal) => see_proposal(proposal, &mut see),
        Body::Echo(claim) => see(&mut claim.signer, &mut claim.sig),
        Body::Announce(claim) | Body::SummaryAck(claim) => see_shared(claim, &mut see),
        Body::PullRequest(request) => see_summary(&mut request.summary, &mut see),
        Body::PullResponse(answer) => {
            see_summary(&mut answer.summary, &mut see);
            let segments = answer.segments.iter_mut();
            let proposals = segments.flat_map(|segment| &mut segment.proposals);
            proposals.for_each(|proposal| see_proposal(proposal, &mut see));
        }
        Body::Evidence(evidence) => match Arc::make_mut(evidence) {
            Equivocation::Echo(pair) => see_both(&mut pair.left, &mut pair.right, &mut see),
            Equivocation::Vote(pair) => see_both(&mut pair.left, &mut pair.right, &mut see),
        },
        Body::Enter(claim) => see(&mut claim.signer, &mut claim.sig),
        Body::Approve(approved) => {
            let approved = Arc::make_mut(approved);
            see(&mut approved.approval.signer, &mut approved.approval.sig);
            if let Change::Join(entry) = &mut approved.change {
                see(&mut entry.signer, &mut entry.sig);
            }
        }
        Body::Report { report, .. } => see_shared(report, &mut see),
        Body::Agreement { message, .. } => {
            let votes = message.votes.iter_mut();
            votes.for_each(|vote| see(&mut vote.signer, &mut vote.sig));
        }
        Body::Recollection(told) => {
            see_summary(&mut told.summary, &mut see);
            let echoes = told.echoes.iter_mut();
            echoes.for_each(|echo| see(&mut echo.signer, &mut echo.sig));
            let votes = told.votes.iter_mut();
            votes.for_each(|vote| see(&mut vote.signer, &mut vote.sig));
            let reports = told.report.iter_mut();
            reports.for_each(|report| see(&mut report.signer, &mut report.sig));
        }
        Body::Certificate(_)
        | Body::FetchPayloads(_)
        | Body::Value(_)
        | Body::GenerationProof(_)
        | Body::FetchSnapshot { .. }
        | Body::Snapshot { .. }
        | Body::Recall(_) => {}
    }
}

fn see_proposal(proposal: &mut Arc<Proposal>, see: &mut impl FnMut(&mut Actor, &mut Sig)) {
    let proposal = Arc::make_mut(proposal);
    see(&mut proposal.message.source, &mut proposal.sig);
}

fn see_summary<T: Clone>(
    claim: &mut Option<Arc<Signed<T>>>,
    see: &mut impl FnMut(&mut Actor, &mut Sig),
) {
    claim.iter_mut().for_each(|claim| see_shared(claim, see));
}

/// For parts that packets share.
fn see_shared<T: Clone>(claim: &mut Arc<Signed<T>>, see: &mut impl FnMut(&mut Actor, &mut Sig)) {
    let claim = Arc::make_mut(claim);
    see(&mut claim.signer, &mut claim.sig);
}

/// Both halves of evidence.
fn see_both<T>(
    left: &mut Signed<T>,
    right: &mut Signed<T>,
    see: &mut impl FnMut(&mut Actor, &mut Sig),
) {
    see(&mut left.signer, &mut left.sig);
    see(&mut right.signer, &mut right.sig);
}
