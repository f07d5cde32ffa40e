//! The values that the agreement names, and the reports that these rest on: asked for, taken in,
//! judged, put on record.
//!
//! A value names of each reporter the digest of what it reported, so that it fits a packet however
//! much moved; members have most of the reports before they hear of the value. What a liar reports
//! to some members alone, or to each in other words, the others ask for when a value rests on it,
//! of all members: whoever votes for a value holds all of that, and serves it as long as its
//! agreement names the value, as it does when it is locked on it. So of what can be decided at
//! least `f + 1` correct members serve all, and a member without it is bound to nothing.
//!
//! Invariant: held are no more values than the agreement names, and no more reports than one a
//! member and those on which a held value rests. Whatever is said of a value, it and its reports
//! are on record before.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Replica;
use super::backoff::Backoff;
use super::packet::{Body, FetchPayloads};
use super::step::Record;
use super::transition::{Decided, Transition};
use crate::actor::{Actor, CheckedSignatures, Signed, Statement as _};
use crate::codec::{Digest, NetworkId};
use crate::membership::{
    Agreement, Boundary, CheckedProposal, CheckedReport, GenerationProposal,
    GenerationProposalError, Report,
};
use crate::traits::WireAlgorithm;

/// The reports of this generation.
#[derive(Debug)]
pub(super) struct Reports {
    /// `None` until we freeze; from then on it never changes. It is repeated as it was signed, also
    /// after a restart.
    pub(super) own: Option<Arc<Signed<Report>>>,
    /// The first good one of each member, ours included; another one of the same member is not
    /// looked at, unless a value rests on it.
    pub(super) held: BTreeMap<Actor, CheckedReport>,
    /// Others, on which values rest.
    pub(super) others: BTreeMap<(Actor, Digest), CheckedReport>,
    /// Those of other members that are on record, of which a value that is held rests on each.
    pub(super) durable: BTreeSet<(Actor, Digest)>,
    /// Members whose reports we do not offer: they are locked on what no correct member can have
    /// echoed.
    pub(super) unfounded: BTreeSet<Actor>,
    /// Signatures in the marks of those that are held, and on approvals: what members report alike,
    /// and what a value is made of, is checked once.
    pub(super) checked: CheckedSignatures,
    /// When ours is said again, while this generation lasts.
    pub(super) repeat: Backoff,
}

impl Reports {
    /// None, at the beginning of a generation.
    pub(super) fn new(now: u64) -> Self {
        Self {
            own: None,
            held: BTreeMap::new(),
            others: BTreeMap::new(),
            durable: BTreeSet::new(),
            unfounded: BTreeSet::new(),
            checked: CheckedSignatures::default(),
            repeat: Backoff::starting(now + 1),
        }
    }

    /// The one of this member with this digest.
    pub(super) fn find(&self, reporter: &Actor, digest: &Digest) -> Option<&CheckedReport> {
        match self.held.get(reporter) {
            Some(first) if first.digest() == *digest => Some(first),
            _ => self.others.get(&(*reporter, *digest)),
        }
    }

    /// Holds a member's report: its first, or one on which a value rests.
    pub(super) fn hold(&mut self, report: CheckedReport) {
        match self.held.entry(report.signer) {
            Entry::Vacant(first) => drop(first.insert(report)),
            Entry::Occupied(_) => {
                self.others.insert(report.name(), report);
            }
        }
    }
}

/// A value with what its check said.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) digest: Digest,
    pub(super) value: Arc<GenerationProposal>,
    /// It is a fact of the value and the last boundary, so that it is found once: when all the
    /// reports that it rests on are here.
    pub(super) check: Option<Result<Box<CheckedProposal>, GenerationProposalError>>,
    /// When reports that are missing are asked for, and asked for again. What is under way when the
    /// value comes is not asked for.
    fetch: Backoff,
    /// Whether it is on record, with the reports and messages that it rests on.
    pub(super) durable: bool,
}

impl Candidate {
    /// A value that came at this tick, of which nothing is known yet.
    pub(super) fn new(
        value: Arc<GenerationProposal>,
        digest: Digest,
        durable: bool,
        now: u64,
    ) -> Self {
        Self {
            digest,
            value,
            check: None,
            fetch: Backoff::starting(now + 1),
            durable,
        }
    }

    /// Checks the value, if that is not done and the reports are here.
    ///
    /// Who is said to have reported is looked at first: of a value that names strangers nothing is
    /// asked for, as nobody could ever answer.
    ///
    /// # Errors
    /// The reports that are missing.
    pub(super) fn judge(
        &mut self,
        last: &Boundary,
        reports: &Reports,
    ) -> Result<(), Vec<(Actor, Digest)>> {
        if self.check.is_none() {
            let draft = &self.value.draft;
            self.check = Some(match draft.check_reporters(last) {
                Err(bad) => Err(bad),
                Ok(()) => {
                    let rests_on = draft.resolve(|of, digest| reports.find(of, digest))?;
                    let value = &self.value;
                    let checked = value.check_knowing(last, &rests_on, &reports.checked);
                    checked.map(Box::new)
                }
            });
        }
        Ok(())
    }
}

impl Transition {
    /// The value with this digest, if it is held.
    pub(super) fn candidate(&self, digest: &Digest) -> Option<&Candidate> {
        self.values.iter().find(|held| held.digest == *digest)
    }

    /// Whether a value waits for this report, which is not the first of its member.
    ///
    /// It is hashed only where a value waits for one of this member.
    pub(super) fn awaits(&self, network: &NetworkId, report: &Signed<Report>) -> bool {
        let waiting = self.values.iter().filter(|value| value.check.is_none());
        let named: Vec<&Digest> = waiting
            .filter_map(|value| value.value.draft.reports.get(&report.signer))
            .collect();
        !named.is_empty() && {
            let digest = report.statement.digest(network);
            named.contains(&&digest) && self.reports.find(&report.signer, &digest).is_none()
        }
    }

    /// Lets go of the values that do not count any more, and of what they alone rest on. None that
    /// does is ever let go, however many others are shown.
    ///
    /// Called after each output of the agreement, when the set of values that it names may have
    /// changed.
    pub(super) fn forget_values(&mut self) {
        let Some(agreement) = &self.agreement else {
            return;
        };
        let named = agreement.names();
        let all = self.values.len();
        self.values.retain(|held| named.contains(&held.digest));
        if self.values.len() < all {
            let values = &self.values;
            let named = |of: &Actor, digest: &Digest| {
                let mut drafts = values.iter().map(|held| &held.value.draft);
                drafts.any(|draft| draft.reports.get(of) == Some(digest))
            };
            let Reports {
                others, durable, ..
            } = &mut self.reports;
            others.retain(|(of, digest), _| named(of, digest));
            durable.retain(|(of, digest)| named(of, digest));
        }
    }
}

impl<A: WireAlgorithm> Replica<A> {
    /// Takes in a value that we asked for.
    ///
    /// Costs a hash: an attacker that sends values makes us hash each of them and hold none.
    pub(super) fn take_value(&mut self, value: Arc<GenerationProposal>) {
        let digest = value.digest(&self.history.network);
        let asked = self
            .transition
            .agreement
            .as_ref()
            .map(Agreement::awaiting_validation);
        let decided = self.transition.decided.as_ref().map(Decided::value);
        if asked.is_some_and(|asked| asked.contains(&digest)) || decided == Some(digest) {
            self.hold_value(value, digest, false);
        }
    }

    /// Holds a value: one that counts, or it is let go with the next output of the agreement.
    ///
    /// `durable` says whether it is on record, as it is when records are replayed.
    pub(super) fn hold_value(
        &mut self,
        value: Arc<GenerationProposal>,
        digest: Digest,
        durable: bool,
    ) {
        if self.transition.candidate(&digest).is_none() {
            let candidate = Candidate::new(value, digest, durable, self.turn.now);
            self.transition.values.push(candidate);
        }
    }

    /// What the check of a value says that we hold. `None` when we do not, or as long as a report
    /// that it rests on is missing, which all members are asked for.
    ///
    /// A report that counts nowhere, as its marks are forged, is never here: a value that rests on
    /// it gets no opinion from anybody correct, and its round passes without one.
    pub(super) fn judged(
        &mut self,
        digest: Digest,
    ) -> Option<&Result<Box<CheckedProposal>, GenerationProposalError>> {
        let (last, reports) = (&self.history.boundary, &self.transition.reports);
        let mut values = self.transition.values.iter_mut();
        let candidate = values.find(|held| held.digest == digest)?;
        if let Err(reports) = candidate.judge(last, reports)
            && candidate.fetch.fire(self.turn.now)
        {
            self.send_to_members(Body::FetchPayloads(FetchPayloads {
                reports,
                ..FetchPayloads::default()
            }));
        }
        self.transition.candidate(&digest)?.check.as_ref()
    }

    /// Asks all members for a value that somebody spoke of. It proves itself by its digest.
    pub(super) fn want_value(&mut self, digest: Digest) {
        let fetch = FetchPayloads {
            value: Some(digest),
            ..FetchPayloads::default()
        };
        self.send_to_members(Body::FetchPayloads(fetch));
    }

    /// Puts a value on record, with the reports that it rests on and the messages that it adopts,
    /// unless they are: whoever counts on it must find all of it, even after all members have
    /// crashed at once.
    pub(super) fn make_durable(&mut self, digest: Digest) {
        let mut values = self.transition.values.iter_mut();
        let held = values.find(|held| held.digest == digest);
        let candidate = held.expect("a value that is named is held");
        if std::mem::replace(&mut candidate.durable, true) {
            return;
        }
        let value = Arc::clone(&candidate.value);
        let checked = candidate
            .check
            .as_ref()
            .expect("a value that is named is judged");
        let preconditions = checked.as_ref().map(|next| &next.preconditions);
        let payloads = preconditions.map(|known| known.payloads.clone());
        for (dot, digest) in payloads.into_iter().flatten() {
            self.keep_message(&dot, &digest);
        }
        // Ours has a record of its own.
        let me = self.actor();
        let others = value.draft.reports.iter().filter(|(of, _)| **of != me);
        for (reporter, digest) in others {
            if self.transition.reports.durable.insert((*reporter, *digest)) {
                let held = self.transition.reports.find(reporter, digest);
                let report = held.expect("what a judged value rests on is held");
                let claim = Arc::new(Signed::clone(report));
                self.turn.write(Record::Backed(claim));
            }
        }
        self.turn.write(Record::Value(value));
    }

    /// The report of this member with this digest, if it is here: for liars, who propose others.
    #[cfg(feature = "sim")]
    pub(crate) fn report_of(&self, reporter: &Actor, digest: &Digest) -> Option<&CheckedReport> {
        self.transition.reports.find(reporter, digest)
    }
}
