//! The signatures in a packet, wherever they sit: for those who tamper with them.

use std::sync::Arc;

use crate::actor::{Actor, Sig, Signed};
use crate::deterministic_secure_broadcast::{Body, Equivocation, Proposal};
use crate::membership::Change;

/// Shows each signature whose signer the body names, to be read or changed. Certificates name
/// seats, and are left out.
pub(super) fn each_claim(body: &mut Body, mut see: impl FnMut(&mut Actor, &mut Sig)) {
    match body {
        Body::Proposal(proposal) => see_proposal(proposal, &mut see),
        Body::Echo(claim) => see(&mut claim.signer, &mut claim.sig),
        Body::Announce(claim) | Body::Receipt(claim) => see_shared(claim, &mut see),
        Body::Request(request) => see_standing(&mut request.standing, &mut see),
        Body::Answer(answer) => {
            see_standing(&mut answer.standing, &mut see);
            let chunks = answer.segments.iter_mut();
            let proposals = chunks.flat_map(|chunk| &mut chunk.proposals);
            proposals.for_each(|proposal| see_proposal(proposal, &mut see));
        }
        Body::Evidence(evidence) => match Arc::make_mut(evidence) {
            Equivocation::Echo(pair) => see_both(&mut pair.left, &mut pair.right, &mut see),
            Equivocation::Ballot(pair) => see_both(&mut pair.left, &mut pair.right, &mut see),
        },
        Body::Enter(claim) => see(&mut claim.signer, &mut claim.sig),
        Body::Approve(consent) => {
            let consent = Arc::make_mut(consent);
            see(&mut consent.approval.signer, &mut consent.approval.sig);
            if let Change::Join(entry) = &mut consent.change {
                see(&mut entry.signer, &mut entry.sig);
            }
        }
        Body::Report { report, .. } => see_shared(report, &mut see),
        Body::Speech { speech, .. } => {
            let ballots = speech.ballots.iter_mut();
            ballots.for_each(|ballot| see(&mut ballot.signer, &mut ballot.sig));
        }
        Body::Recollection(told) => {
            see_standing(&mut told.standing, &mut see);
            let echoes = told.echoes.iter_mut();
            echoes.for_each(|echo| see(&mut echo.signer, &mut echo.sig));
            let ballots = told.ballots.iter_mut();
            ballots.for_each(|ballot| see(&mut ballot.signer, &mut ballot.sig));
            let reports = told.report.iter_mut();
            reports.for_each(|report| see(&mut report.signer, &mut report.sig));
        }
        Body::Certificate(_)
        | Body::Want(_)
        | Body::Value(_)
        | Body::Founding(_)
        | Body::Fetch { .. }
        | Body::Snapshot { .. }
        | Body::Recall(_) => {}
    }
}

fn see_proposal(proposal: &mut Arc<Proposal>, see: &mut impl FnMut(&mut Actor, &mut Sig)) {
    let proposal = Arc::make_mut(proposal);
    see(&mut proposal.message.source, &mut proposal.sig);
}

fn see_standing<T: Clone>(
    claim: &mut Option<Arc<Signed<T>>>,
    see: &mut impl FnMut(&mut Actor, &mut Sig),
) {
    claim.iter_mut().for_each(|claim| see_shared(claim, see));
}

fn see_shared<T: Clone>(claim: &mut Arc<Signed<T>>, see: &mut impl FnMut(&mut Actor, &mut Sig)) {
    let claim = Arc::make_mut(claim);
    see(&mut claim.signer, &mut claim.sig);
}

fn see_both<T>(
    left: &mut Signed<T>,
    right: &mut Signed<T>,
    see: &mut impl FnMut(&mut Actor, &mut Sig),
) {
    see(&mut left.signer, &mut left.sig);
    see(&mut right.signer, &mut right.sig);
}
