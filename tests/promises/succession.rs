//! How a generation follows another: what a quorum must approve, what reports make of locks, and
//! which certificates of the past still count.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{Told, named, opaque};
use crate::support::{boundary, boundary_within, members, stranger};
use bft_crdts::actor::{Actor, Signed, SigningActor, Verified};
use bft_crdts::codec::{Digest, Limits, decode, encode};
use bft_crdts::dot::{Dot, Frontier, Head, Seq};
use bft_crdts::evidence::Conflict;
use bft_crdts::membership::{
    Admission, Agreement, Approval, Approvals, Boundary, CHANGES, CertifiedChange, Change,
    ChangeError, ChangeKey, CheckedProposal, CheckedReport, Echo, Ending, Entry, GenerationDraft,
    GenerationProof, GenerationProofError, GenerationProposal, GenerationProposalError, Header,
    Mark, OtherEnding, Report, ReportError, Round, Timeouts, Vote, VoteKind,
};
use bft_crdts::merkle::Tree;
use bft_crdts::quorum::{Committee, Generation, Tally};
use quickcheck_macros::quickcheck;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RENEW: Change = Change::Renew;

fn digest(name: u8) -> Digest {
    Digest::from_bytes([name; 32])
}

fn head(seq: u64, name: u8) -> Head {
    Head {
        seq: Seq::new(seq),
        digest: digest(name),
    }
}

fn dot(source: &SigningActor, seq: u64) -> Dot {
    Dot {
        source: source.actor(),
        seq: Seq::new(seq),
    }
}

fn echo(last: &Boundary, source: &SigningActor, seq: u64, name: u8) -> Signed<Echo> {
    let echo = Echo {
        generation: last.generation(),
        dot: dot(source, seq),
        digest: digest(name),
    };
    *source.sign(last.network(), echo)
}

fn entry(last: &Boundary, newcomer: &SigningActor) -> Change {
    let entry = Entry {
        generation: last.generation(),
        value: last.value(),
    };
    Change::Join(*newcomer.sign(last.network(), entry))
}

fn approve(last: &Boundary, member: &SigningActor, change: &Change) -> Verified<Approval> {
    let approval = Approval {
        generation: last.generation(),
        change: change.key(),
    };
    member.sign(last.network(), approval)
}

/// A change that the first members, just enough of them, approve.
fn certify(last: &Boundary, keys: &[SigningActor], change: &Change) -> CertifiedChange {
    let mut approvals = Approvals::default();
    let mut certified = keys.iter().filter_map(|key| {
        let added = approvals.add(last, change, approve(last, key, change));
        added.expect("a change that can be made")
    });
    certified.next().expect("a quorum approves")
}

fn report<'a>(
    last: &Boundary,
    member: &SigningActor,
    heads: &[(&SigningActor, Head)],
    locks: impl IntoIterator<Item = &'a Signed<Echo>>,
) -> Verified<Report> {
    let mut report = Report::of(last);
    report.heads = heads
        .iter()
        .map(|(source, head)| (source.actor(), *head))
        .collect();
    let locks = locks
        .into_iter()
        .map(|lock| (lock.signer, Mark::Lock(*lock)));
    report.marks = locks.collect();
    member.sign(last.network(), report)
}

fn counts(last: &Boundary, report: &Verified<Report>) -> Result<(), ReportError> {
    CheckedReport::of(last, report.clone()).map(drop)
}

fn value(last: &Boundary, changes: &[CertifiedChange], reports: &[Verified<Report>]) -> Told {
    Told::of(last, changes, reports, opaque(digest(0xee)))
}

/// What these reports and a renewal make of `last`.
fn renewed(
    last: &Boundary,
    keys: &[SigningActor],
    reports: &[Verified<Report>],
) -> Result<CheckedProposal, GenerationProposalError> {
    value(last, &[certify(last, keys, &RENEW)], reports).check(last)
}

/// Reports of the first members, all empty but for these locks, one each.
fn locked(last: &Boundary, keys: &[SigningActor], locks: &[Signed<Echo>]) -> Boundary {
    let reports: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(seat, key)| report(last, key, &[], locks.get(seat)))
        .collect();
    renewed(last, keys, &reports).expect("a good value").next
}

mod a_change {
    use super::*;

    #[test]
    fn is_certified_by_a_quorum_and_not_by_less() {
        let (last, keys) = (boundary(4), members(4));
        let (change, mut approvals) = (Change::Leave(keys[3].actor()), Approvals::default());
        for key in &keys[..2] {
            let added = approvals.add(&last, &change, approve(&last, key, &change));
            assert_eq!(added, Ok(None));
            let again = approvals.add(&last, &change, approve(&last, key, &change));
            assert_eq!(again, Ok(None), "one approval a seat");
        }
        let added = approvals.add(&last, &change, approve(&last, &keys[2], &change));
        let certified = added.expect("good").expect("a quorum");
        assert_eq!(certified.change(), &change);
        assert_eq!(certified.claim().verify(&last), Ok(certified));
    }

    #[test]
    fn to_let_somebody_in_shows_the_newcomers_signature_on_this_very_generation() {
        let last = boundary(4);
        assert_eq!(entry(&last, &stranger(1)).check(&last), Ok(()));
        let stale = Entry {
            generation: last.generation(),
            value: digest(1),
        };
        let stale = Change::Join(*stranger(1).sign(last.network(), stale));
        assert_eq!(stale.check(&last), Err(ChangeError::Stale));
        let Change::Join(mut mistyped) = entry(&last, &stranger(1)) else {
            unreachable!()
        };
        mistyped.signer = stranger(2).actor();
        let mistyped = Change::Join(mistyped).check(&last);
        assert!(matches!(mistyped, Err(ChangeError::BadSignature(_))));
    }

    #[test]
    fn that_cannot_be_made_is_refused() {
        let (last, keys) = (boundary(4), members(4));
        let member = keys[0].actor();
        assert_eq!(
            entry(&last, &keys[0]).check(&last),
            Err(ChangeError::Member(member))
        );
        let nobody = stranger(1).actor();
        let leaves = Change::Leave(nobody).check(&last);
        assert_eq!(leaves, Err(ChangeError::NoMember(nobody)));
        let alone = boundary(1);
        let leaves = Change::Leave(members(1)[0].actor()).check(&alone);
        assert_eq!(leaves, Err(ChangeError::LastMember));
    }

    #[test]
    fn does_not_exceed_seats_or_lanes() {
        let mut limits = Limits::default();
        limits.seats = 4;
        let full = boundary_within(4, limits.clone());
        assert_eq!(
            entry(&full, &stranger(1)).check(&full),
            Err(ChangeError::Full)
        );
        (limits.seats, limits.lanes) = (5, 5);
        let last = boundary_within(5, limits);
        let gone = certify(&last, &members(5), &Change::Leave(members(5)[4].actor()));
        let moved = [(&members(5)[4], head(1, 1))];
        let reports: Vec<_> = members(5)
            .iter()
            .map(|key| report(&last, key, &moved, []))
            .collect();
        let next = value(&last, &[gone], &reports)
            .check(&last)
            .expect("good")
            .next;
        assert_eq!(next.committee().size(), 4);
        assert_eq!(
            entry(&next, &stranger(1)).check(&next),
            Err(ChangeError::Full)
        );
        assert_eq!(
            entry(&next, &members(5)[4]).check(&next),
            Ok(()),
            "it has a lane"
        );
    }

    #[test]
    fn of_a_ninth_newcomer_is_refused_and_nothing_before_is_forgotten() {
        let (last, keys) = (boundary(4), members(4));
        let mut approvals = Approvals::default();
        let newcomers: Vec<_> = (0..20).map(|i| entry(&last, &stranger(i))).collect();
        for (index, change) in newcomers.iter().enumerate() {
            let added = approvals.add(&last, change, approve(&last, &keys[0], change));
            let room = index < CHANGES;
            let outcome = if room {
                Ok(None)
            } else {
                Err(ChangeError::TooMany)
            };
            assert_eq!(added, outcome);
        }
        let leave = Change::Leave(keys[1].actor());
        for change in [RENEW, leave] {
            let added = approvals.add(&last, &change, approve(&last, &keys[0], &change));
            assert_eq!(added, Ok(None));
        }
        let seat = last.committee().seat(&keys[0].actor()).expect("a member");
        let held: Vec<_> = approvals.of(seat).map(|(change, _)| *change).collect();
        assert_eq!(held[..CHANGES], newcomers[..CHANGES]);
        assert_eq!(held[CHANGES..], [RENEW, leave]);
    }

    #[test]
    fn approved_by_a_stranger_or_in_another_generation_does_not_count() {
        let (last, keys) = (boundary(4), members(4));
        let mut approvals = Approvals::default();
        let foreign = approve(&last, &stranger(1), &RENEW);
        let added = approvals.add(&last, &RENEW, foreign);
        assert_eq!(added, Err(ChangeError::NoMember(stranger(1).actor())));
        let other = approve(&last, &keys[0], &Change::Leave(keys[1].actor()));
        assert_eq!(approvals.add(&last, &RENEW, other), Err(ChangeError::Stale));
        let claim = certify(&last, &keys, &RENEW).claim();
        let next = locked(&last, &keys, &[]);
        assert_eq!(claim.verify(&next).err(), Some(ChangeError::Stale));
    }

    /// Two members, each of whose leaving is certified: both cannot. Were the value bad, they would be
    /// frozen for ever.
    #[test]
    fn that_cannot_be_made_together_with_another_has_no_effect() {
        let (last, keys) = (boundary(2), members(2));
        let leave = [0, 1].map(|i| certify(&last, &keys, &Change::Leave(keys[i].actor())));
        let reports = [0, 1].map(|i| report(&last, &keys[i], &[], []));
        let next = value(&last, &leave, &reports)
            .check(&last)
            .expect("good")
            .next;
        assert_eq!(next.committee().actors(), [keys[1].actor()]);
        assert_eq!(next.generation().number(), 1);
    }
}

mod a_report {
    use super::*;

    fn check(
        last: &Boundary,
        heads: &[(&SigningActor, Head)],
        mark: Mark,
    ) -> Result<(), ReportError> {
        let mut report = Report::clone(&report(last, &members(4)[0], heads, []).statement);
        report.marks = BTreeMap::from([(members(4)[1].actor(), mark)]);
        counts(last, &members(4)[0].sign(last.network(), report))
    }

    #[test]
    fn has_its_marks_right_after_its_heads() {
        let (last, keys) = (boundary(4), members(4));
        let source = &keys[1];
        let wrong = Err(ReportError::Mark(source.actor()));
        let lock = |seq| Mark::Lock(echo(&last, source, seq, 1));
        assert_eq!(check(&last, &[], lock(1)), Ok(()));
        assert_eq!(check(&last, &[], lock(2)), wrong);
        let heads = [(source, head(3, 1))];
        assert_eq!(check(&last, &heads, lock(4)), Ok(()));
        assert_eq!(check(&last, &heads, lock(3)), wrong);
        let heads = [(source, head(u64::MAX, 1))];
        assert_eq!(check(&last, &heads, lock(4)), wrong);
    }

    #[test]
    fn shows_the_sources_own_signatures() {
        let (last, keys) = (boundary(4), members(4));
        let mut forged = echo(&last, &keys[1], 1, 1);
        forged.statement.digest = digest(2);
        let error = check(&last, &[], Mark::Lock(forged));
        assert!(matches!(error, Err(ReportError::BadSignature(_))));
        let wrong = Err(ReportError::Mark(keys[1].actor()));
        let foreign = echo(&last, &keys[2], 1, 1);
        assert_eq!(check(&last, &[], Mark::Lock(foreign)), wrong);
        let [left, right] = [1, 1].map(|name| echo(&last, &keys[1], 1, name));
        assert_eq!(
            check(&last, &[], Mark::Seal(Conflict { left, right })),
            wrong
        );
        let right = echo(&last, &keys[1], 1, 2);
        assert_eq!(
            check(&last, &[], Mark::Seal(Conflict { left, right })),
            Ok(())
        );
    }

    #[test]
    fn is_signed_once_and_two_convict() {
        let (last, keys) = (boundary(4), members(4));
        let one = report(&last, &keys[0], &[], []);
        let other = report(&last, &keys[0], &[(&keys[1], head(1, 1))], []);
        assert_eq!(Conflict::between(&one, &one), None);
        let evidence = Conflict::between(&one, &other).expect("two reports");
        assert_eq!(evidence.verify(last.network()), Ok(keys[0].actor()));
    }

    #[test]
    fn names_as_many_lanes_as_speak_and_not_one_more() {
        let mut limits = Limits::default();
        (limits.seats, limits.lanes) = (4, 4);
        let (last, keys) = (boundary_within(4, limits), members(4));
        let ends = [0, 1, 2, 3].map(|source| (&keys[source], head(1, 1)));
        let locks = [0, 1, 2, 3].map(|source| echo(&last, &keys[source], 2, 1));
        let check = |heads: &[_], locks: &[_]| {
            let report = report(&last, &keys[0], heads, locks);
            counts(&last, &report)
        };
        assert_eq!(check(&ends, &locks), Ok(()));
        let (outsider, mut more) = (stranger(1), ends.to_vec());
        more.push((&outsider, head(1, 1)));
        let foreign = outsider.actor();
        assert_eq!(check(&more, &[]), Err(ReportError::Head(foreign)));
        let mut more = locks.to_vec();
        more.push(echo(&last, &outsider, 1, 1));
        assert_eq!(check(&ends, &more), Err(ReportError::Mark(foreign)));
    }

    #[test]
    fn names_only_lanes_that_moved_and_could() {
        let (last, keys) = (boundary(4), members(4));
        let heads = |source: &SigningActor, head| {
            counts(&last, &report(&last, &keys[0], &[(source, head)], []))
        };
        assert_eq!(heads(&keys[1], head(1, 1)), Ok(()));
        let still = heads(&keys[1], Head::empty(last.network()));
        assert_eq!(still, Err(ReportError::Head(keys[1].actor())));
        let foreign = heads(&stranger(1), head(1, 1));
        assert_eq!(foreign, Err(ReportError::Head(stranger(1).actor())));
    }
}

mod a_tally {
    use super::*;

    #[test]
    fn counts_one_statement_by_members_each_once_and_is_a_certificate_once() {
        let (last, keys) = (boundary(4), members(4));
        let sign = |key: &SigningActor, round| {
            let kind = VoteKind::Prevote(None);
            let (generation, round) = (last.generation(), Round::new(round));
            key.sign(
                last.network(),
                Vote {
                    generation,
                    round,
                    kind,
                },
            )
        };
        let mut tally = Tally::new(sign(&keys[0], 0).statement);
        for key in &keys[..2] {
            assert_eq!(tally.add(last.committee(), &sign(key, 0)), None);
            let other = keys.iter().map(|key| sign(key, 1));
            let outside = [1, 2, 3].map(|i| sign(&stranger(i), 0));
            for fact in [sign(key, 0)].into_iter().chain(other).chain(outside) {
                assert_eq!(tally.add(last.committee(), &fact), None);
            }
        }
        let quorum = tally.add(last.committee(), &sign(&keys[2], 0));
        let signers = quorum.expect("a quorum").signatures.clone();
        let signers: Vec<_> = signers.iter().map(|(seat, _)| seat.index()).collect();
        assert_eq!(signers, [0, 1, 2]);
        assert_eq!(tally.add(last.committee(), &sign(&keys[3], 0)), None);
    }
}

mod a_value {
    use super::*;

    #[test]
    fn has_as_many_changes_as_a_seat_may_approve_and_not_one_more() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], []));
        let changes = (0..=CHANGES as u8).map(|i| entry(&last, &stranger(i)));
        let mut changes: Vec<_> = changes.map(|c| certify(&last, &keys, &c)).collect();
        changes.sort_by_key(|certified| certified.change().key());
        let mut many = value(&last, &changes, &reports);
        assert_eq!(many.draft.changes.len(), CHANGES);
        assert!(many.check(&last).is_ok());
        many.draft.changes.push(changes[CHANGES].claim());
        assert_eq!(
            many.check(&last).err(),
            Some(GenerationProposalError::Changes)
        );
    }

    #[test]
    fn lets_the_sealed_dot_of_one_who_left_be_delivered_and_nothing_after_it() {
        let (last, keys) = (boundary(4), members(4));
        let leave = certify(&last, &keys, &Change::Leave(keys[3].actor()));
        let locks = [1, 2, 2].map(|name| echo(&last, &keys[3], 1, name));
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], [&locks[seat]]));
        let next = value(&last, &[leave], &reports).check(&last);
        let next = next.expect("good").next;
        assert!(next.sealed().contains_key(&keys[3].actor()));
        let (first, second) = (dot(&keys[3], 1), dot(&keys[3], 2));
        assert!(next.names(&first, &locks[0].statement.digest));
        assert!(!next.names(&second, &locks[0].statement.digest));
        assert!(locks.iter().all(|lock| !next.echoes(&lock.statement)));
    }

    #[test]
    fn takes_the_maximum_of_each_lane_and_lists_what_remains_to_be_shown() {
        let (last, keys) = (boundary(4), members(4));
        let lock = echo(&last, &keys[2], 1, 9);
        let reports = [
            report(
                &last,
                &keys[0],
                &[(&keys[0], head(2, 2)), (&keys[1], head(1, 1))],
                [&lock],
            ),
            report(&last, &keys[1], &[(&keys[0], head(5, 5))], []),
            report(&last, &keys[2], &[], []),
        ];
        let checked = renewed(&last, &keys, &reports).expect("good");
        let frontier =
            Frontier::from([(keys[0].actor(), head(5, 5)), (keys[1].actor(), head(1, 1))]);
        assert_eq!(checked.next.frontier(), &frontier);
        assert_eq!(checked.preconditions.heads, frontier);
        let payloads = BTreeMap::from([(dot(&keys[2], 1), digest(9))]);
        assert_eq!(checked.preconditions.payloads, payloads);
        assert_eq!(checked.preconditions.state, checked.next.state());
        let reports = [0, 1, 2].map(|seat| report(&checked.next, &keys[seat], &[], []));
        let later = renewed(&checked.next, &keys, &reports).expect("good");
        assert_eq!(later.next.frontier(), &frontier, "it never goes back");
        assert!(later.preconditions.heads.is_empty());
    }

    #[test]
    fn is_bad_with_two_heads_of_one_number_in_whatever_order() {
        let (last, keys) = (boundary(4), members(4));
        let heads = [head(5, 1), head(7, 1), head(5, 2)];
        let reports: Vec<_> = (0..3)
            .map(|seat| report(&last, &keys[seat], &[(&keys[0], heads[seat])], []))
            .collect();
        assert!(
            renewed(&last, &keys, &reports).is_ok(),
            "below the maximum it does not matter"
        );
        let heads = [head(5, 1), head(5, 2), head(4, 2)];
        for turn in 0..3 {
            let of = |seat: usize| [(&keys[0], heads[(seat + turn) % 3])];
            let reports: Vec<_> = (0..3)
                .map(|seat| report(&last, &keys[seat], &of(seat), []))
                .collect();
            let error = renewed(&last, &keys, &reports).err();
            assert_eq!(error, Some(GenerationProposalError::Heads(keys[0].actor())));
        }
    }

    #[test]
    fn adopts_one_reported_digest_and_seals_two() {
        let (last, keys) = (boundary(4), members(4));
        let source = keys[1].actor();
        let one = locked(&last, &keys, &[echo(&last, &keys[1], 1, 1)]);
        assert_eq!(one.adopted()[&source], echo(&last, &keys[1], 1, 1));
        assert!(one.sealed().is_empty());
        let [left, right] = [1, 2].map(|name| echo(&last, &keys[1], 1, name));
        let two = locked(&last, &keys, &[left, right]);
        assert!(two.adopted().is_empty());
        let evidence = two.sealed()[&source].evidence();
        assert_eq!(evidence.verify(last.network()), Ok(source));
    }

    /// One liar of four: of three reported digests any may be the certified one, and each must stay
    /// deliverable.
    #[test]
    fn that_seals_a_dot_names_every_reported_digest() {
        let (last, keys) = (boundary(4), members(4));
        let locks = [1, 2, 3].map(|name| echo(&last, &keys[3], 1, name));
        let next = locked(&last, &keys, &locks);
        for name in 1..=3 {
            let admission = next.admits(last.generation(), &dot(&keys[3], 1), &digest(name));
            assert_eq!(admission, Admission::Named);
        }
        let other = next.admits(last.generation(), &dot(&keys[3], 1), &digest(4));
        assert_eq!(other, Admission::Refused);
    }

    #[test]
    fn carries_the_last_locks_and_seals_on_without_anybody_reporting_them() {
        let (last, keys) = (boundary(4), members(4));
        let locks = [(1, 1), (2, 2), (2, 3)];
        let locks = locks.map(|(source, name)| echo(&last, &keys[source], 1, name));
        let next = locked(&last, &keys, &locks);
        let later = locked(&next, &keys, &[]);
        assert_eq!(later.adopted(), next.adopted());
        assert_eq!(later.sealed(), next.sealed());
        // Nobody correct echoes anything else there, so that nothing else counts.
        for source in [&keys[1], &keys[2]] {
            let against = echo(&last, source, 1, 9);
            assert!(!next.counts(&against.statement.dot));
            let report = report(&next, &keys[0], &[], [&against]);
            let refused = Err(ReportError::Mark(source.actor()));
            assert_eq!(counts(&next, &report), refused);
        }
    }

    #[test]
    fn forgets_locks_that_the_frontier_has_passed_or_not_reached() {
        let (last, keys) = (boundary(4), members(4));
        let lock = echo(&last, &keys[1], 1, 1);
        let reports = [
            report(&last, &keys[0], &[], [&lock]),
            report(&last, &keys[1], &[(&keys[1], head(1, 1))], []),
            report(
                &last,
                &keys[2],
                &[(&keys[2], head(1, 1))],
                [&echo(&last, &keys[2], 2, 1)],
            ),
            report(&last, &keys[3], &[(&keys[2], head(2, 2))], []),
        ];
        let next = renewed(&last, &keys, &reports).expect("good").next;
        assert!(next.adopted().is_empty() && next.sealed().is_empty());
    }

    /// A retired key, or one that was never in, with one lying member: nothing of theirs is
    /// adopted.
    #[test]
    fn has_no_locks_of_those_who_have_no_voice() {
        let (last, keys) = (boundary(4), members(4));
        let refused = |last: &Boundary, source: &SigningActor| {
            let lock = echo(last, source, 1, 1);
            let report = report(last, &keys[0], &[], [&lock]);
            let mark = ReportError::Mark(source.actor());
            assert_eq!(counts(last, &report), Err(mark));
        };
        refused(&last, &stranger(1));
        let leave = certify(&last, &keys, &Change::Leave(keys[3].actor()));
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], []));
        let next = value(&last, &[leave], &reports)
            .check(&last)
            .expect("good")
            .next;
        refused(&next, &keys[3]);
    }

    #[test]
    fn lets_an_adopted_lock_of_one_who_left_be_delivered_and_nothing_after_it() {
        let (last, keys) = (boundary(4), members(4));
        let leave = certify(&last, &keys, &Change::Leave(keys[3].actor()));
        let lock = echo(&last, &keys[3], 1, 1);
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], [&lock]));
        let next = value(&last, &[leave], &reports)
            .check(&last)
            .expect("good")
            .next;
        let after = echo(&next, &keys[3], 2, 1);
        assert!(next.echoes(&lock.statement) && !next.echoes(&after.statement));
        let moved = |end| counts(&next, &report(&next, &keys[0], &[(&keys[3], end)], []));
        assert_eq!(moved(head(1, 1)), Ok(()));
        assert_eq!(moved(head(1, 2)), Err(ReportError::Head(keys[3].actor())));
        assert_eq!(moved(head(2, 1)), Err(ReportError::Head(keys[3].actor())));
    }

    #[test]
    fn is_bad_without_its_parent_a_change_and_a_quorum_of_reports() {
        let (last, keys) = (boundary(4), members(4));
        let renew = certify(&last, &keys, &RENEW);
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], []));
        let good = value(&last, std::slice::from_ref(&renew), &reports);
        assert!(good.check(&last).is_ok());
        let with = |spoil: &dyn Fn(&mut GenerationDraft)| {
            let mut bad = good.clone();
            spoil(&mut bad.draft);
            bad.check(&last).err()
        };
        assert_eq!(
            with(&|draft| draft.parent = digest(1)),
            Some(GenerationProposalError::Parent)
        );
        assert_eq!(
            with(&|draft| draft.changes.clear()),
            Some(GenerationProposalError::NoChange)
        );
        let twice = draft_twice(&good);
        assert_eq!(
            twice.check(&last).err(),
            Some(GenerationProposalError::Changes)
        );
        assert_eq!(
            with(&|draft| assert!(draft.reports.pop_last().is_some())),
            Some(GenerationProposalError::TooFewReports)
        );
        // It is known before any of the reports is here.
        let mut foreign = good.draft.clone();
        let stranger = stranger(1).actor();
        foreign.reports.insert(stranger, good.reports[0].digest());
        assert_eq!(
            foreign.check_reporters(&last),
            Err(GenerationProposalError::NoSeat(stranger))
        );
    }

    fn draft_twice(good: &Told) -> Told {
        let mut bad = good.clone();
        let again = bad.draft.changes[0].clone();
        bad.draft.changes.push(again);
        bad
    }

    #[test]
    fn is_bad_with_a_forged_approval() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], []));
        let mut bad = value(&last, &[certify(&last, &keys, &RENEW)], &reports);
        bad.draft.changes[0].change = Change::Leave(keys[0].actor());
        assert!(matches!(
            bad.check(&last),
            Err(GenerationProposalError::Change(ChangeError::Stale))
        ));
    }

    /// Members that report the same have reports with one digest: it names none without its
    /// reporter.
    #[test]
    #[should_panic(expected = "the reports that a value names")]
    fn is_not_judged_on_other_reports_than_it_names() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [0, 1, 2, 3].map(|seat| report(&last, &keys[seat], &[], []));
        let told = value(&last, &[certify(&last, &keys, &RENEW)], &reports[..3]);
        let others = value(&last, &[certify(&last, &keys, &RENEW)], &reports[1..]);
        let _ = told
            .value
            .check(&last, &named(&others.draft, &others.reports));
    }

    /// What it says of the next generation is in the header, which outlives the reports: who holds
    /// the header alone believes it.
    #[test]
    fn is_bad_when_it_says_of_the_next_generation_what_does_not_follow() {
        let (last, keys) = (boundary(4), members(4));
        let lock = echo(&last, &keys[1], 1, 1);
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], [&lock]));
        let good = value(&last, &[certify(&last, &keys, &RENEW)], &reports);
        assert!(good.check(&last).is_ok());
        let lies: [fn(&mut GenerationProposal); 5] = [
            |value| value.generation = Generation::GENESIS,
            |value| assert!(value.members.pop_first().is_some()),
            |value| assert!(value.members.insert(stranger(1).actor())),
            |value| value.frontier = digest(1),
            |value| value.marks = Tree::EMPTY,
        ];
        for lie in lies {
            let mut bad = good.clone();
            lie(&mut bad);
            let outcome = bad.check(&last).map(|_| ());
            assert_eq!(outcome, Err(GenerationProposalError::Header));
            assert_ne!(bad.digest(last.network()), good.digest(last.network()));
        }
    }

    /// A body that does not belong to a header has another header: none can be shown in the place of
    /// one that was agreed on.
    #[test]
    fn has_another_digest_with_another_body_under_the_same_claims() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [0, 1, 2, 3].map(|seat| report(&last, &keys[seat], &[], []));
        let value = value(&last, &[certify(&last, &keys, &RENEW)], &reports);
        let mut other = value.clone();
        other.draft.reports.pop_last();
        let [header, another] = [&value, &other].map(|value| value.header(last.network()));
        assert_ne!(header.body, another.body);
        let body = header.body;
        assert_eq!(header, Header { body, ..another });
        assert_ne!(value.digest(last.network()), other.digest(last.network()));
    }

    #[test]
    fn has_one_encoding_and_a_digest_that_covers_everything() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [2, 0, 1].map(|seat| report(&last, &keys[seat], &[], []));
        let value = value(&last, &[certify(&last, &keys, &RENEW)], &reports);
        let bytes = encode(&value.value);
        assert_eq!(
            decode::<GenerationProposal>(&bytes, bytes.len()).as_ref(),
            Ok(&value.value)
        );
        let mut other = value.clone();
        other.state = opaque(digest(1));
        assert_ne!(value.digest(last.network()), other.digest(last.network()));
    }
}

mod a_generation_proof {
    use super::*;
    use bft_crdts::membership::Foundation;

    fn precommits(
        last: &Boundary,
        committee: &Committee,
        keys: &[SigningActor],
        vote: Vote,
    ) -> Option<bft_crdts::quorum::QuorumCertificate<Vote>> {
        let mut tally = Tally::new(vote);
        let mut facts = keys.iter().map(|key| key.sign(last.network(), vote));
        facts.find_map(|fact| tally.add(committee, &fact))
    }

    #[test]
    fn is_a_value_with_precommits_of_one_round_for_it() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], []));
        let value = Arc::new(value(&last, &[certify(&last, &keys, &RENEW)], &reports));
        let vote = |kind| Vote {
            generation: last.generation(),
            round: Round::new(3),
            kind,
        };
        let next = value.check(&last).expect("a good value").next;
        let found = |said| {
            let quorum = precommits(&last, last.committee(), &keys, vote(said));
            GenerationProof::of(&value, &next, &quorum.expect("a quorum")).verify(&last)
        };
        let named = Some(value.digest(last.network()));
        let founded = found(VoteKind::Precommit(named)).expect("good");
        assert_eq!(
            (founded.generation().number(), Some(founded.value())),
            (1, named)
        );
        let ending = Arc::clone(next.ending());
        assert_eq!(founded.clone().begin(ending).as_ref(), Ok(&next));
        let other = OtherEnding(founded.generation());
        let mut ending = Ending::default();
        let (source, end) = (keys[0].actor(), head(1, 1));
        ending.frontier.insert(source, end);
        assert_eq!(founded.begin(Arc::new(ending)), Err(other));
        assert_eq!(
            found(VoteKind::Prevote(named)),
            Err(GenerationProofError::NoDecision)
        );
        assert_eq!(
            found(VoteKind::Precommit(None)),
            Err(GenerationProofError::NoDecision)
        );
        let other = found(VoteKind::Precommit(Some(digest(1))));
        assert_eq!(other, Err(GenerationProofError::OtherValue));
        let later = Vote {
            generation: last.generation().next().expect("small"),
            ..vote(VoteKind::Precommit(named))
        };
        let quorum = precommits(&last, last.committee(), &keys, later);
        let proof = GenerationProof::of(&value, &next, &quorum.expect("a quorum"));
        assert_eq!(proof.verify(&last), Err(GenerationProofError::NoDecision));
    }

    /// What is adopted and what is sealed are records of one tree, each under its lane: were two of
    /// one lane taken, one of them would be nobody's.
    #[test]
    fn begins_with_no_ending_that_has_two_marks_in_a_lane_or_one_of_another() {
        let (last, keys) = (boundary(4), members(4));
        let lock = echo(&last, &keys[1], 1, 1);
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], [&lock]));
        let next = renewed(&last, &keys, &reports).expect("a good value").next;
        let founded = Foundation::clone(&next);
        let (frontier, adopted) = (next.frontier(), next.adopted());
        assert_eq!(adopted.len(), 1);
        type Locks = BTreeMap<Actor, Signed<Echo>>;
        type Seals = BTreeMap<Actor, (Signed<Echo>, Signed<Echo>, Vec<Digest>)>;
        let begin = |adopted: &Locks, sealed: &Seals| {
            let bytes = encode(&(frontier, adopted, sealed));
            let ending: Ending = decode(&bytes, bytes.len()).expect("its own fields");
            founded.clone().begin(Arc::new(ending))
        };
        assert_eq!(begin(adopted, &BTreeMap::new()), Ok(next.clone()));
        let refused = Err(OtherEnding(founded.generation()));
        let source = keys[1].actor();
        for other in 0..20u8 {
            let seal = (lock, echo(&last, &keys[1], 1, 2), vec![digest(other)]);
            let sealed = [(source, seal)].into();
            assert_eq!(begin(adopted, &sealed), refused);
            assert_eq!(begin(&BTreeMap::new(), &sealed), refused);
        }
        let elsewhere = [(keys[2].actor(), lock)].into();
        assert_eq!(begin(&elsewhere, &BTreeMap::new()), refused);
    }

    #[test]
    fn does_not_count_precommits_of_different_rounds_together() {
        let (last, keys) = (boundary(4), members(4));
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &[], []));
        let value = Arc::new(value(&last, &[certify(&last, &keys, &RENEW)], &reports));
        let vote = |round| Vote {
            generation: last.generation(),
            round: Round::new(round),
            kind: VoteKind::Precommit(Some(value.digest(last.network()))),
        };
        let quorum = precommits(&last, last.committee(), &keys, vote(0)).expect("a quorum");
        let next = value.check(&last).expect("a good value").next;
        let mut proof = GenerationProof::of(&value, &next, &quorum);
        let mut mixed = proof.certificate.as_ref().clone();
        mixed.signatures[2].1 = keys[2].sign(last.network(), vote(1)).sig;
        proof.certificate = Arc::new(mixed);
        let verified = proof.verify(&last);
        assert!(matches!(
            verified,
            Err(GenerationProofError::Certificate(_))
        ));
    }
}

mod the_closing_rule {
    use super::*;

    #[test]
    fn admits_of_the_past_what_the_boundary_covers_or_names_and_nothing_else() {
        let (last, keys) = (boundary(4), members(4));
        let lock = echo(&last, &keys[1], 1, 7);
        let moved = [(&keys[0], head(5, 5))];
        let reports = [0, 1, 2].map(|seat| report(&last, &keys[seat], &moved, [&lock]));
        let next = renewed(&last, &keys, &reports).expect("good").next;
        let past = |source: &SigningActor, seq, name| {
            next.admits(last.generation(), &dot(source, seq), &digest(name))
        };
        assert_eq!(past(&keys[0], 5, 5), Admission::Within(head(5, 5)));
        assert_eq!(past(&keys[0], 3, 9), Admission::Within(head(5, 5)));
        assert_eq!(past(&keys[0], 5, 6), Admission::Refused);
        assert_eq!(past(&keys[0], 6, 6), Admission::Refused);
        assert_eq!(past(&keys[0], 0, 6), Admission::Refused);
        assert_eq!(past(&keys[1], 1, 7), Admission::Named);
        assert_eq!(past(&keys[1], 1, 8), Admission::Refused);
        assert_eq!(past(&keys[2], 1, 1), Admission::Refused);
        let now = |generation: Generation| next.admits(generation, &dot(&keys[2], 1), &digest(1));
        assert_eq!(now(next.generation()), Admission::Current);
        let later = next.generation().next().expect("small");
        assert_eq!(now(later), Admission::Later);
    }
}

/// Any mix of reports, honest or not, that makes a good value.
fn any_boundary(
    chance: &mut ChaCha8Rng,
    last: &Boundary,
    keys: &[SigningActor],
) -> Option<Boundary> {
    let reports: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut report = Report::of(last);
            for source in keys {
                let end = last.head(&source.actor()).seq.number();
                let seq = end + chance.random_range(0..3);
                if seq > end {
                    report
                        .heads
                        .insert(source.actor(), head(seq, u8::try_from(seq).unwrap_or(0)));
                }
                let next = dot(source, seq + 1);
                if chance.random_bool(0.6) && last.counts(&next) {
                    let name = chance.random_range(1..3);
                    let lock = Mark::Lock(echo(last, source, seq + 1, name));
                    report.marks.insert(source.actor(), lock);
                }
            }
            key.sign(last.network(), report)
        })
        .collect();
    let first = chance.random_range(0..=keys.len() - last.committee().quorum());
    Some(renewed(last, keys, &reports[first..]).ok()?.next)
}

#[quickcheck]
fn boundaries_never_go_back_and_mark_at_most_one_dot_a_lane_right_after_the_frontier(seed: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let (keys, mut last) = (members(4), boundary(4));
    for _ in 0..3 {
        let next = any_boundary(&mut chance, &last, &keys).expect("good reports");
        for (source, head) in last.frontier() {
            assert!(next.head(source).seq >= head.seq);
        }
        let adopted = next.adopted().values().map(|lock| lock.statement.dot);
        let sealed = next.sealed().values().map(bft_crdts::membership::Seal::dot);
        let marked: Vec<Dot> = adopted.chain(sealed).collect();
        let mut lanes: Vec<Actor> = marked.iter().map(|dot| dot.source).collect();
        lanes.sort_unstable();
        lanes.dedup();
        assert_eq!(lanes.len(), marked.len());
        assert!(
            marked
                .iter()
                .all(|dot| dot.seq.follows(next.head(&dot.source).seq))
        );
        let old = last.adopted().values().map(|lock| lock.statement);
        for lock in old.filter(|lock| lock.dot.seq.follows(next.head(&lock.dot.source).seq)) {
            assert!(next.names(&lock.dot, &lock.digest), "a lock is lost");
        }
        last = next;
    }
}

#[test]
fn entries_take_effect_first_so_that_a_whole_committee_can_be_replaced() {
    let one = members(1)[0].actor();
    assert!(
        ChangeKey::Join(one) < ChangeKey::Leave(one) && ChangeKey::Leave(one) < ChangeKey::Renew
    );
    let (last, keys) = (boundary(2), members(2));
    let leaves = keys.iter().map(|key| Change::Leave(key.actor()));
    let changes: Vec<_> = leaves.chain([entry(&last, &stranger(1))]).collect();
    let changes = changes.iter().map(|change| certify(&last, &keys, change));
    let reports = [0, 1].map(|seat| report(&last, &keys[seat], &[], []));
    let replaced = value(&last, &changes.collect::<Vec<_>>(), &reports);
    let next = replaced.check(&last).expect("good").next;
    assert_eq!(next.committee().actors(), [stranger(1).actor()]);
}

#[test]
fn with_each_generation_another_seat_is_the_first_to_coordinate() {
    let (mut last, keys) = (boundary(4), members(4));
    for turn in 0..6 {
        let awaits = |key: &SigningActor| {
            let opened = Agreement::open(&last, key.actor(), Timeouts::default(), []);
            opened.expect("a member").awaits_offer()
        };
        let coordinators: Vec<_> = keys.iter().map(awaits).collect();
        let expected: Vec<_> = (0..4).map(|seat| seat == turn % 4).collect();
        assert_eq!(coordinators, expected);
        last = locked(&last, &keys, &[]);
    }
}
