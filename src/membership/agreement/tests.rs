//! A test for each rule of Algorithm 1, named by its lines. Seat `r` coordinates round `r`:
//! generation 0.

use std::collections::BTreeSet;
use std::ops::Deref;

use super::*;
use crate::actor::SigningActor;
use crate::codec::{Domain, Limits};
use crate::evidence::Exclusive;
use crate::membership::Genesis;
use crate::quorum::{Certificate, Generation, Tally};
use crate::traits::SecureBroadcastAlgorithm;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Nothing;

impl SecureBroadcastAlgorithm for Nothing {
    type Op = u8;
    type ReplicatedState = u8;
    fn new(_: Actor) -> Self {
        Self
    }
    fn state(&self) -> u8 {
        0
    }
    fn sync_from(&mut self, _: u8) {}
    fn validate(&self, _: &Actor, _: &u8) -> bool {
        true
    }
    fn apply(&mut self, _: u8) {}
}

/// Four members, one of whom is under test.
struct Table {
    members: Vec<SigningActor>,
    last: Boundary,
}

impl Table {
    fn of(n: u8) -> Self {
        let mut members: Vec<_> = (1..=n)
            .map(|i| SigningActor::from_secret(&[i; 32]))
            .collect();
        members.sort_by_key(SigningActor::actor);
        let actors: BTreeSet<_> = members.iter().map(SigningActor::actor).collect();
        let genesis =
            Genesis::new(&Nothing, actors, Limits::default(), [0; 32]).expect("a good genesis");
        let last = Boundary::genesis(&genesis).expect("a good genesis");
        Self { members, last }
    }

    fn member(&self, seat: usize, records: Vec<Record>) -> Member {
        let key = self.members[seat].clone();
        let opened = Agreement::open(&self.last, key.actor(), Timeouts::default(), records);
        Member {
            agreement: opened.expect("our records"),
            signer: Signer::new(key, *self.last.network()),
        }
    }

    fn vote(&self, seat: usize, round: u32, kind: VoteKind) -> Verified<Vote> {
        let vote = Vote {
            generation: Generation::GENESIS,
            round: Round::new(round),
            kind,
        };
        self.members[seat].sign(self.last.network(), vote)
    }

    fn message(&self, seat: usize, round: u32, kind: VoteKind) -> AgreementMessage {
        AgreementMessage {
            votes: vec![*self.vote(seat, round, kind)],
            quorums: vec![],
        }
    }

    fn quorum(&self, seats: [usize; 3], round: u32, kind: VoteKind) -> Arc<Certificate<Vote>> {
        let facts = seats.map(|seat| self.vote(seat, round, kind));
        let mut tally = Tally::new(facts[0].statement);
        let mut facts = facts.iter();
        let quorum = facts.find_map(|fact| tally.add(self.last.committee(), fact));
        quorum.expect("three of four").claim()
    }

    /// Lets `seats` say the same; all that the member under test does, in one.
    fn all_say(
        &self,
        member: &mut Member,
        seats: &[usize],
        round: u32,
        kind: VoteKind,
    ) -> AgreementOutput {
        let mut all = AgreementOutput::default();
        for seat in seats {
            let message = self.message(*seat, round, kind);
            merge(
                &mut all,
                member.hear(&message).expect("a member's statement"),
            );
        }
        all
    }
}

/// A member's part in the agreement, and its key, as a replica holds them.
struct Member {
    agreement: Agreement,
    signer: Signer,
}

impl Deref for Member {
    type Target = Agreement;
    fn deref(&self) -> &Agreement {
        &self.agreement
    }
}

impl Member {
    fn start(&mut self) -> AgreementOutput {
        let output = self.agreement.start(&self.signer);
        self.heed(output)
    }

    fn offer(&mut self, value: Digest) -> AgreementOutput {
        let output = self.agreement.offer(value, &self.signer);
        self.heed(output)
    }

    fn validated(&mut self, value: Digest, good: bool) -> AgreementOutput {
        let output = self.agreement.validated(value, good, &self.signer);
        self.heed(output)
    }

    fn hear(
        &mut self,
        message: &AgreementMessage,
    ) -> Result<AgreementOutput, AgreementMessageError> {
        let output = self.agreement.hear(message, &self.signer)?;
        Ok(self.heed(output))
    }

    fn tick(&mut self) -> AgreementOutput {
        let output = self.agreement.tick(&self.signer);
        self.heed(output)
    }

    /// A key that has signed elsewhere signs no more.
    fn heed(&mut self, output: AgreementOutput) -> AgreementOutput {
        if output.forgotten.is_some() {
            self.signer.silence();
        }
        output
    }
}

fn merge(all: &mut AgreementOutput, output: AgreementOutput) {
    all.persist.extend(output.persist);
    all.decided = all.decided.take().or(output.decided);
    all.validate.extend(output.validate);
    all.faults.extend(output.faults);
    all.forgotten = all.forgotten.take().or(output.forgotten);
    if let Some(message) = output.send {
        let send = all.send.get_or_insert_default();
        send.votes.extend(message.votes);
        send.quorums.extend(message.quorums);
    }
}

fn value(name: u8) -> Digest {
    Digest::of(Domain::Header, &NetworkId::NONE, &name)
}

fn proposal(name: u8) -> VoteKind {
    VoteKind::Proposal {
        value: value(name),
        valid_round: None,
    }
}

fn reproposal(name: u8, valid_round: u32) -> VoteKind {
    VoteKind::Proposal {
        value: value(name),
        valid_round: Some(Round::new(valid_round)),
    }
}

fn prevote(name: u8) -> VoteKind {
    VoteKind::Prevote(Some(value(name)))
}

fn precommit(name: u8) -> VoteKind {
    VoteKind::Precommit(Some(value(name)))
}

const NO_PREVOTE: VoteKind = VoteKind::Prevote(None);
const NO_PRECOMMIT: VoteKind = VoteKind::Precommit(None);

/// What an output makes the member sign.
fn signed(output: &AgreementOutput) -> Vec<VoteKind> {
    let records = output.persist.iter();
    let said = records.filter_map(|record| match record {
        Record::Vote(claim) => Some(claim.statement.kind),
        Record::Valid(_) | Record::Left(_) => None,
    });
    said.collect()
}

/// Ticks until something is signed or the round ends.
fn wait(member: &mut Member) -> AgreementOutput {
    let round = member.round();
    for _ in 0..100 {
        let output = member.tick();
        if !output.persist.is_empty() || member.round() != round {
            return output;
        }
    }
    panic!("nothing happens");
}

/// A member that locked value 1 in round 0 and went on to round 1.
fn locked(table: &Table, seat: usize) -> Member {
    let mut member = table.member(seat, vec![]);
    let others: Vec<_> = (0..4).filter(|other| *other != seat).collect();
    let _ = member.hear(&table.message(0, 0, proposal(1)));
    let _ = member.validated(value(1), true);
    let output = table.all_say(&mut member, &others[..2], 0, prevote(1));
    assert_eq!(signed(&output), [precommit(1)]);
    let _ = table.all_say(&mut member, &others[..2], 0, NO_PRECOMMIT);
    let _ = wait(&mut member);
    assert_eq!(member.round(), Round::new(1));
    member
}

#[test]
fn lines_14_to_19_the_coordinator_proposes_its_candidate_once() {
    let table = Table::of(4);
    let mut member = table.member(0, vec![]);
    let _ = member.start();
    assert!(member.awaits_offer());
    let output = member.offer(value(1));
    assert_eq!(signed(&output), [proposal(1), prevote(1)]);
    assert!(signed(&member.offer(value(2))).is_empty());
    assert!(!table.member(1, vec![]).awaits_offer());
}

#[test]
fn lines_14_to_19_the_coordinator_prefers_its_valid_value_and_sends_its_prevotes() {
    let table = Table::of(4);
    let mut member = locked(&table, 2);
    let _ = member.offer(value(2));
    let output = table.all_say(&mut member, &[0, 1], 2, NO_PREVOTE);
    assert_eq!(signed(&output), [reproposal(1, 0), prevote(1)]);
    let message = output.send.expect("it speaks");
    assert_eq!(message.quorums[0].statement.kind, prevote(1));
}

#[test]
fn lines_22_to_27_a_first_proposal_is_prevoted_when_good_and_waits_for_an_opinion() {
    let table = Table::of(4);
    for (good, said) in [(true, prevote(1)), (false, NO_PREVOTE)] {
        let mut member = table.member(3, vec![]);
        let output = member
            .hear(&table.message(0, 0, proposal(1)))
            .expect("good");
        assert!(signed(&output).is_empty());
        assert_eq!(output.validate, BTreeSet::from([value(1)]));
        assert_eq!(signed(&member.validated(value(1), good)), [said]);
    }
}

#[test]
fn lines_22_to_27_who_is_locked_prevotes_no_other_first_proposal() {
    let table = Table::of(4);
    for (name, said) in [(2, NO_PREVOTE), (1, prevote(1))] {
        let mut member = locked(&table, 3);
        let mut output = member.validated(value(1), true);
        merge(
            &mut output,
            member
                .hear(&table.message(1, 1, proposal(name)))
                .expect("good"),
        );
        merge(&mut output, member.validated(value(name), true));
        assert_eq!(signed(&output), [said]);
    }
}

#[test]
fn lines_22_to_27_only_the_coordinator_proposes() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let heard = member.hear(&table.message(1, 0, proposal(1)));
    assert_eq!(heard, Err(AgreementMessageError::NotCoordinator));
}

#[test]
fn lines_28_to_33_a_newer_valid_round_frees_from_a_lock_when_its_prevotes_are_here() {
    let table = Table::of(4);
    let mut member = locked(&table, 3);
    let _ = table.all_say(&mut member, &[0, 1], 2, NO_PREVOTE);
    assert_eq!(member.round(), Round::new(2));
    let mut message = table.message(2, 2, reproposal(2, 1));
    let output = member.hear(&message).expect("good");
    assert!(signed(&output).is_empty() && output.validate.contains(&value(2)));
    assert!(
        signed(&member.validated(value(2), true)).is_empty(),
        "no prevotes yet"
    );
    message.quorums = vec![table.quorum([0, 1, 2], 1, prevote(2))];
    assert_eq!(signed(&member.hear(&message).expect("good")), [prevote(2)]);
}

#[test]
fn lines_28_to_33_an_older_valid_round_does_not_free_from_a_lock() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[0, 1], 1, NO_PREVOTE);
    let _ = member.hear(&table.message(1, 1, proposal(1)));
    let _ = member.validated(value(1), true);
    // Two nil prevotes are here; a certificate brings the quorum for the value.
    let message = AgreementMessage {
        votes: vec![],
        quorums: vec![table.quorum([0, 1, 2], 1, prevote(1))],
    };
    assert_eq!(
        signed(&member.hear(&message).expect("good")),
        [precommit(1)]
    );
    let _ = table.all_say(&mut member, &[0, 1], 2, NO_PRECOMMIT);
    let mut message = table.message(2, 2, reproposal(2, 0));
    message.quorums = vec![table.quorum([0, 1, 2], 0, prevote(2))];
    let _ = member.hear(&message).expect("good");
    assert_eq!(signed(&member.validated(value(2), true)), [NO_PREVOTE]);
}

#[test]
fn lines_34_to_35_and_61_to_64_mixed_prevotes_end_in_nil_after_a_while() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = member.hear(&table.message(0, 0, proposal(1)));
    let _ = member.validated(value(1), true);
    let _ = table.all_say(&mut member, &[0], 0, NO_PREVOTE);
    for _ in 0..50 {
        assert!(
            signed(&member.tick()).is_empty(),
            "two of three have prevoted"
        );
    }
    let _ = table.all_say(&mut member, &[1], 0, NO_PREVOTE);
    assert_eq!(signed(&wait(&mut member)), [NO_PRECOMMIT]);
}

#[test]
fn lines_36_to_41_a_quorum_of_prevotes_locks_and_its_record_comes_first() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = member.hear(&table.message(0, 0, proposal(1)));
    let _ = member.validated(value(1), true);
    let output = table.all_say(&mut member, &[0, 1], 0, prevote(1));
    assert!(matches!(
        output.persist[..],
        [Record::Valid(_), Record::Vote(_)]
    ));
    assert_eq!(signed(&output), [precommit(1)]);
}

#[test]
fn lines_36_to_41_no_lock_on_what_is_not_known_to_be_good() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    assert_eq!(signed(&wait(&mut member)), [NO_PREVOTE]);
    let output = table.all_say(&mut member, &[0, 1, 2], 0, prevote(1));
    assert!(signed(&output).is_empty() && output.validate.contains(&value(1)));
    assert_eq!(signed(&member.validated(value(1), true)), [precommit(1)]);
}

#[test]
fn lines_42_to_43_prevotes_passed_on_by_others_make_the_value_valid_here_too() {
    let table = Table::of(4);
    let mut member = table.member(1, vec![]);
    let _ = member.offer(value(2));
    let _ = table.all_say(&mut member, &[0, 2, 3], 0, NO_PRECOMMIT);
    let passed_on = AgreementMessage {
        votes: vec![],
        quorums: vec![table.quorum([0, 2, 3], 0, prevote(1))],
    };
    let output = member.hear(&passed_on).expect("good");
    assert!(output.validate.contains(&value(1)));
    let mut output = member.validated(value(1), true);
    while member.round() == Round::FIRST {
        merge(&mut output, member.tick());
    }
    assert!(signed(&output).contains(&reproposal(1, 0)));
}

#[test]
fn lines_44_to_46_a_quorum_of_nil_prevotes_is_precommitted_at_once() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    assert_eq!(signed(&wait(&mut member)), [NO_PREVOTE]);
    let output = table.all_say(&mut member, &[0, 1], 0, NO_PREVOTE);
    assert_eq!(signed(&output), [NO_PRECOMMIT]);
}

#[test]
fn lines_47_to_48_and_65_to_67_any_quorum_of_precommits_ends_the_round_and_is_passed_on() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[0], 0, precommit(1));
    let _ = table.all_say(&mut member, &[1, 2], 0, NO_PRECOMMIT);
    for _ in 0..10 {
        let _ = member.tick();
    }
    assert_eq!(member.round(), Round::new(1));
    let again = member.tick().send.expect("it speaks");
    let precommits = again
        .votes
        .iter()
        .filter(|claim| claim.statement.round == Round::FIRST);
    assert_eq!(precommits.count(), 3);
}

/// Nobody lies; the fourth says nothing. One member has left the first round, in which the two
/// others are, and all crash.
#[test]
fn who_left_a_round_takes_the_others_along_after_a_crash_of_all() {
    let table = Table::of(4);
    let mut records = [vec![], vec![], vec![]];
    let mut ahead = table.member(0, vec![]);
    records[0].extend(wait(&mut ahead).persist);
    for (said, seats) in [(NO_PREVOTE, [1, 2]), (NO_PRECOMMIT, [1, 2])] {
        let output = table.all_say(&mut ahead, &seats, 0, said);
        records[0].extend(output.persist);
        for seat in seats {
            records[seat].push(Record::Vote(*table.vote(seat, 0, said)));
        }
    }
    records[0].extend(wait(&mut ahead).persist);
    assert_eq!(ahead.round(), Round::new(1));
    records[0].extend(wait(&mut ahead).persist);
    let mut seat = 0..;
    let mut members = records.map(|records| table.member(seat.next().expect("endless"), records));
    for _ in 0..100 {
        let said = members.each_mut().map(|member| member.tick().send);
        for message in said.iter().flatten() {
            for member in &mut members {
                let _ = member.hear(message).expect("a member's statements");
            }
        }
    }
    let rounds = members.map(|member| member.round());
    assert!(
        rounds.iter().all(|round| *round > Round::new(1)),
        "{rounds:?}"
    );
}

#[test]
fn lines_49_to_54_a_quorum_of_precommits_of_one_round_decides_and_answers_from_then_on() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let output = table.all_say(&mut member, &[0, 1, 2], 0, precommit(1));
    let decision = output.decided.expect("decided");
    assert_eq!(decision.statement.kind, precommit(1));
    assert_eq!(member.decision(), Some(&decision));
    let output = member.hear(&table.message(0, 5, NO_PREVOTE)).expect("good");
    let reply = output.reply.expect("the decision");
    assert_eq!(reply.quorums, [decision.claim()]);
    assert_eq!(
        member.hear(&reply).expect("good"),
        AgreementOutput::default(),
        "no ping-pong"
    );
    assert_eq!(member.tick(), AgreementOutput::default(), "quiet");
    let mut late = table.member(2, vec![]);
    assert_eq!(late.hear(&reply).expect("good").decided, Some(decision));
}

#[test]
fn lines_49_to_54_precommits_of_different_rounds_never_make_a_certificate() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[0, 1], 0, precommit(1));
    let output = table.all_say(&mut member, &[1, 2], 1, precommit(1));
    assert_eq!(output.decided, None);
    let mut forged = Certificate::clone(&table.quorum([0, 1, 2], 0, precommit(1)));
    forged.signatures[2].1 = table.vote(2, 1, precommit(1)).sig;
    let message = AgreementMessage {
        votes: vec![],
        quorums: vec![Arc::new(forged)],
    };
    assert!(matches!(
        member.hear(&message),
        Err(AgreementMessageError::Quorum(_))
    ));
    assert_eq!(member.decision(), None);
}

#[test]
fn lines_55_to_56_f_plus_one_members_beyond_our_round_take_us_along_and_one_liar_does_not() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[0], u32::MAX, NO_PREVOTE);
    assert_eq!(member.round(), Round::FIRST);
    let _ = table.all_say(&mut member, &[1], 7, NO_PREVOTE);
    assert_eq!(
        member.round(),
        Round::new(7),
        "the second highest of the rounds"
    );
    let _ = table.all_say(&mut member, &[2], 9, NO_PREVOTE);
    assert_eq!(
        member.round(),
        Round::new(9),
        "the liar's far round still counts as beyond"
    );
}

#[test]
fn lines_57_to_60_silence_of_the_coordinator_is_prevoted_nil_and_later_rounds_wait_longer() {
    let table = Table::of(4);
    let ticks_until_prevote = |round: u32| {
        let mut member = table.member(3, vec![]);
        let _ = table.all_say(&mut member, &[1, 2], round, NO_PRECOMMIT);
        (1..100).find(|_| signed(&member.tick()) == [NO_PREVOTE])
    };
    assert!(ticks_until_prevote(0).is_some());
    assert!(ticks_until_prevote(0) < ticks_until_prevote(5));
}

#[test]
fn a_crash_at_any_record_never_makes_a_second_vote() {
    let table = Table::of(4);
    let mut member = table.member(0, vec![]);
    let mut records = member.offer(value(1)).persist;
    records.extend(table.all_say(&mut member, &[1, 2], 0, prevote(1)).persist);
    for kept in 0..=records.len() {
        let mut again = table.member(0, records[..kept].to_vec());
        let mut output = again.start();
        merge(&mut output, again.offer(value(2)));
        merge(
            &mut output,
            table.all_say(&mut again, &[1, 2], 0, NO_PREVOTE),
        );
        (0..20).for_each(|_| merge(&mut output, again.tick()));
        let new = output.persist.iter();
        let said = new
            .chain(&records[..kept])
            .filter_map(|record| match record {
                Record::Vote(claim) => Some(claim),
                Record::Valid(_) | Record::Left(_) => None,
            });
        let said: Vec<_> = said.collect();
        for (left, right) in said.iter().flat_map(|l| said.iter().map(move |r| (l, r))) {
            assert!(
                !left.statement.excludes(&right.statement),
                "after {kept} records"
            );
        }
    }
}

#[test]
fn a_lock_and_the_valid_value_survive_a_crash() {
    let table = Table::of(4);
    let mut member = table.member(2, vec![]);
    let mut records = Vec::new();
    let _ = member.hear(&table.message(0, 0, proposal(1)));
    records.extend(member.validated(value(1), true).persist);
    records.extend(table.all_say(&mut member, &[0, 1], 0, prevote(1)).persist);
    let mut again = table.member(2, records.clone());
    let _ = table.all_say(&mut again, &[0, 1], 1, NO_PRECOMMIT);
    let _ = again.hear(&table.message(1, 1, proposal(2)));
    assert_eq!(signed(&again.validated(value(2), true)), [NO_PREVOTE]);
    let mut again = table.member(2, records);
    let output = table.all_say(&mut again, &[0, 1], 2, NO_PREVOTE);
    assert_eq!(signed(&output), [reproposal(1, 0), prevote(1)]);
}

#[test]
fn records_of_somebody_else_are_refused() {
    let table = Table::of(4);
    let record = Record::Vote(*table.vote(1, 0, NO_PREVOTE));
    let (me, pace) = (table.members[0].actor(), Timeouts::default());
    let opened = Agreement::open(&table.last, me, pace, [record]);
    assert_eq!(opened.err(), Some(RecoverError::NotOurs));
    let stranger = SigningActor::from_secret(&[99; 32]);
    let opened = Agreement::open(&table.last, stranger.actor(), pace, []);
    assert_eq!(opened.err(), Some(RecoverError::NoMember));
}

#[test]
fn a_vote_of_ours_that_we_do_not_remember_silences_us() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let message = table.message(3, 0, prevote(1));
    let output = member.hear(&message).expect("our key signed it");
    assert_eq!(output.forgotten, Some(message.votes[0]));
    for _ in 0..50 {
        assert!(signed(&member.tick()).is_empty());
    }
    let output = table.all_say(&mut member, &[0, 1, 2], 0, precommit(1));
    assert!(output.decided.is_some(), "it still learns");
}

#[test]
fn a_double_vote_convicts_its_signer_once_also_when_a_quorum_shows_it() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[0], 0, prevote(1));
    let output = table.all_say(&mut member, &[0, 0], 0, NO_PREVOTE);
    let [evidence] = &output.faults[..] else {
        panic!("one evidence");
    };
    assert_eq!(
        evidence.verify(table.last.network()),
        Ok(table.members[0].actor())
    );

    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[2], 0, NO_PREVOTE);
    let message = AgreementMessage {
        votes: vec![],
        quorums: vec![table.quorum([0, 1, 2], 0, prevote(1))],
    };
    let output = member.hear(&message).expect("good");
    let convicted: Vec<_> = output
        .faults
        .iter()
        .map(|e| e.verify(table.last.network()))
        .collect();
    assert_eq!(convicted, [Ok(table.members[2].actor())]);
}

#[test]
fn a_member_alone_decides_by_itself() {
    let table = Table::of(1);
    let mut member = table.member(0, vec![]);
    let output = member.offer(value(1));
    assert_eq!(signed(&output), [proposal(1), prevote(1), precommit(1)]);
    assert!(output.decided.is_some());
}

#[test]
fn statements_of_other_generations_and_strangers_do_not_count() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let mut later = table.vote(0, 0, NO_PREVOTE).statement;
    later.generation = later.generation.next().expect("small");
    let network = table.last.network();
    let hear = |member: &mut Member, claim| {
        let votes = vec![claim];
        let quorums = vec![];
        member.hear(&AgreementMessage { votes, quorums }).err()
    };
    let claim = *table.members[0].sign(network, later);
    assert_eq!(
        hear(&mut member, claim),
        Some(AgreementMessageError::Generation)
    );
    let stranger = SigningActor::from_secret(&[99; 32]);
    let claim = *stranger.sign(network, table.vote(0, 0, NO_PREVOTE).statement);
    assert!(matches!(
        hear(&mut member, claim),
        Some(AgreementMessageError::Vote(_))
    ));
    let mut claim = *table.vote(0, 0, NO_PREVOTE);
    claim.statement.kind = prevote(1);
    assert!(matches!(
        hear(&mut member, claim),
        Some(AgreementMessageError::Vote(_))
    ));
    let many = vec![*table.vote(0, 0, NO_PREVOTE); 8];
    let message = AgreementMessage {
        votes: many,
        quorums: vec![],
    };
    assert_eq!(
        member.hear(&message).err(),
        Some(AgreementMessageError::TooMany)
    );
}

fn quorums(quorums: impl IntoIterator<Item = Arc<Certificate<Vote>>>) -> AgreementMessage {
    AgreementMessage {
        votes: vec![],
        quorums: quorums.into_iter().collect(),
    }
}

#[test]
fn a_speech_holds_as_much_as_a_member_has_to_say_and_not_more() {
    let table = Table::of(4);
    let claim = *table.vote(0, 0, NO_PREVOTE);
    let quorum = table.quorum([0, 1, 2], 0, prevote(1));
    let hear = |votes: usize, quorums: usize| {
        let message = AgreementMessage {
            votes: vec![claim; votes],
            quorums: vec![Arc::clone(&quorum); quorums],
        };
        table.member(3, vec![]).hear(&message).err()
    };
    let (votes, most) = (4 + AgreementMessage::OWN, AgreementMessage::QUORUMS);
    assert_eq!(hear(votes, most), None);
    assert_eq!(hear(votes + 1, 0), Some(AgreementMessageError::TooMany));
    assert_eq!(hear(0, most + 1), Some(AgreementMessageError::TooMany));
}

#[test]
fn what_can_no_longer_matter_is_not_even_checked() {
    let table = Table::of(4);
    let forged = |round| {
        let mut claim = *table.vote(0, round, NO_PREVOTE);
        claim.sig = table.vote(1, round, NO_PREVOTE).sig;
        AgreementMessage {
            votes: vec![claim],
            quorums: vec![],
        }
    };
    let mut member = locked(&table, 3);
    assert_eq!(member.hear(&forged(0)), Ok(AgreementOutput::default()));
    assert!(member.hear(&forged(1)).is_err());
    let mut old = Certificate::clone(&table.quorum([0, 1, 2], 0, prevote(1)));
    old.signatures[2].1 = table.vote(3, 0, prevote(1)).sig;
    let _ = member.hear(&table.message(1, 1, proposal(2)));
    assert_eq!(
        member.hear(&quorums([Arc::new(old)])),
        Ok(AgreementOutput::default()),
        "one as new is held"
    );
    let _ = table.all_say(&mut member, &[0, 1, 2], 1, precommit(1));
    assert!(member.decision().is_some());
    assert!(member.hear(&forged(1)).is_ok());
}

#[test]
fn the_newest_quorum_of_prevotes_counts_in_whatever_order_they_come() {
    let table = Table::of(4);
    let polkas = [0, 1].map(|round| table.quorum([0, 1, 3], round, prevote(1 + round as u8)));
    for order in [[0, 1], [1, 0]] {
        let mut member = table.member(2, vec![]);
        let _ = member.hear(&table.message(0, 0, proposal(1)));
        for polka in order {
            let _ = member.hear(&quorums([Arc::clone(&polkas[polka])]));
            let _ = member.validated(value(1 + polka as u8), true);
        }
        assert_eq!(member.round(), Round::new(1));
        let output = table.all_say(&mut member, &[0, 1], 2, NO_PREVOTE);
        assert_eq!(signed(&output), [reproposal(2, 1), prevote(2)]);
    }
}

#[test]
fn who_precommitted_is_locked() {
    let table = Table::of(4);
    assert!(!table.member(3, vec![]).is_locked());
    assert!(locked(&table, 3).is_locked());
}

#[test]
fn what_a_member_said_itself_or_in_a_round_that_is_over_does_not_silence_it() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    assert_eq!(signed(&wait(&mut member)), [NO_PREVOTE]);
    let output = member.hear(&table.message(3, 0, NO_PREVOTE)).expect("good");
    assert_eq!(output.forgotten, None);
    let _ = table.all_say(&mut member, &[0, 1], 2, NO_PREVOTE);
    assert_eq!(member.round(), Round::new(2));
    let over = quorums([table.quorum([0, 1, 3], 1, prevote(1))]);
    let output = member.hear(&over).expect("good");
    assert_eq!(output.forgotten, None);
}

#[test]
fn a_vote_of_ours_in_a_later_round_or_beside_the_one_that_we_know_silences_us() {
    let table = Table::of(4);
    for (round, said) in [(5, NO_PREVOTE), (0, prevote(1)), (0, precommit(1))] {
        let mut member = table.member(3, vec![]);
        assert_eq!(signed(&wait(&mut member)), [NO_PREVOTE]);
        let message = table.message(3, round, said);
        let output = member.hear(&message).expect("our key signed it");
        assert_eq!(output.forgotten, Some(message.votes[0]));
    }
}

#[test]
fn the_newest_lock_of_several_survives_a_crash() {
    let table = Table::of(4);
    let records = [(0, precommit(1)), (1, precommit(2))]
        .map(|(round, said)| Record::Vote(*table.vote(3, round, said)));
    for (name, said) in [(1, NO_PREVOTE), (2, prevote(2))] {
        let mut member = table.member(3, records.to_vec());
        assert_eq!(member.round(), Round::new(1));
        let _ = table.all_say(&mut member, &[0, 1], 2, NO_PRECOMMIT);
        let mut output = member
            .hear(&table.message(2, 2, proposal(name)))
            .expect("good");
        merge(&mut output, member.validated(value(name), true));
        assert_eq!(signed(&output), [said]);
    }
}

#[test]
fn the_prevotes_that_a_proposal_rests_on_are_passed_on_after_a_crash_too() {
    let table = Table::of(4);
    let records = vec![
        Record::Valid(table.quorum([0, 1, 2], 0, prevote(1))),
        Record::Vote(*table.vote(2, 2, reproposal(1, 0))),
        Record::Valid(table.quorum([0, 1, 3], 1, prevote(2))),
    ];
    let mut member = table.member(2, records);
    let _ = member.start();
    let sent = member.tick().send.expect("it speaks");
    let rounds = sent.quorums.iter().map(|quorum| quorum.statement.round);
    assert_eq!(rounds.collect::<Vec<_>>(), [Round::FIRST, Round::new(1)]);
}

#[test]
fn a_start_after_a_crash_goes_on_where_the_records_end() {
    let table = Table::of(1);
    let records = table.member(0, vec![]).offer(value(1)).persist;
    for kept in 1..=records.len() {
        let mut member = table.member(0, records[..kept].to_vec());
        let _ = member.validated(value(1), true);
        assert!(member.decision().is_some(), "after {kept} records");
    }
    let mut member = table.member(0, records);
    assert!(member.start().decided.is_some());
}

#[test]
fn what_is_said_in_a_round_ahead_counts_there_whatever_else_its_speaker_says() {
    let table = Table::of(4);
    let ahead = [(7, precommit(1)), (7, NO_PREVOTE), (5, precommit(1))];
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let mut member = table.member(3, vec![]);
        for (round, said) in order.map(|next| ahead[next]) {
            let _ = table.all_say(&mut member, &[0], round, said);
        }
        let output = table.all_say(&mut member, &[1, 2], 7, precommit(1));
        assert!(output.decided.is_some(), "{order:?}");
    }
}

#[test]
fn nobody_goes_back_to_a_round() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let _ = table.all_say(&mut member, &[0], 5, NO_PREVOTE);
    let _ = member.hear(&quorums([table.quorum([0, 1, 2], 7, prevote(1))]));
    assert_eq!(member.round(), Round::new(7));
    let _ = table.all_say(&mut member, &[1], 9, NO_PREVOTE);
    assert_eq!(member.round(), Round::new(7));
}

#[test]
fn lines_42_to_43_prevotes_of_an_earlier_round_are_enough_to_propose_their_value() {
    let table = Table::of(4);
    let mut member = table.member(1, vec![]);
    let _ = table.all_say(&mut member, &[0, 2], 1, NO_PREVOTE);
    let output = member.hear(&quorums([table.quorum([0, 2, 3], 0, prevote(1))]));
    assert!(signed(&output.expect("good")).is_empty());
    let output = member.validated(value(1), true);
    assert_eq!(signed(&output), [reproposal(1, 0), prevote(1)]);
}

#[test]
fn an_opinion_is_asked_for_once_a_tick_until_there_is_one() {
    let table = Table::of(4);
    let mut member = table.member(3, vec![]);
    let message = table.message(0, 0, proposal(1));
    let asked = |output: AgreementOutput| !output.validate.is_empty();
    assert!(asked(member.hear(&message).expect("good")));
    assert!(!asked(member.hear(&message).expect("good")));
    assert!(asked(member.tick()));
    let _ = member.validated(value(1), false);
    assert!(!asked(member.tick()));
}
