//! The laws of the shipped algorithms, and proof that the checker notices when one does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bft_crdts::laws::{self, Broken, ChaCha8Rng, Checked, Law, Trial};
use bft_crdts::orswot::{Clock, Dot, MEMBERS_PER_OP, Members, Op, Orswot};
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::{Actor, SecureBroadcastAlgorithm, Verdict};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Few members, so that actors meet on them.
const MEMBERS: std::ops::Range<u16> = 0..6;

/// Those who take part in a trial, and a stranger.
static ACTORS: LazyLock<Vec<Actor>> = LazyLock::new(|| laws::actors(5));

fn someone(random: &mut ChaCha8Rng) -> Actor {
    ACTORS[random.random_range(0..ACTORS.len())]
}

/// Mostly near what is valid, sometimes absurd.
fn counter(random: &mut ChaCha8Rng) -> u64 {
    match random.random_range(0..10) {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX - 1,
        _ => random.random_range(1..8),
    }
}

fn some_members(random: &mut ChaCha8Rng) -> Members<u16> {
    match random.random_range(0..20) {
        0 => [].into(),
        1 => (0..=MEMBERS_PER_OP).map(|i| i as u16).collect(),
        _ => (0..random.random_range(1..4))
            .map(|_| random.random_range(MEMBERS))
            .collect(),
    }
}

/// What an honest replica proposes, or a liar.
fn set_op(random: &mut ChaCha8Rng, set: &Orswot<u16>, from: &Actor) -> Op<u16> {
    match random.random_range(0..10) {
        0..4 => set.add_all((0..random.random_range(1..4)).map(|_| random.random_range(MEMBERS))),
        4..7 => match set.remove(&random.random_range(MEMBERS)) {
            Some(op) => op,
            None => set.add(random.random_range(MEMBERS)),
        },
        7 => {
            let actor = if random.random_bool(0.7) {
                *from
            } else {
                someone(random)
            };
            let dot = Dot {
                actor,
                counter: counter(random),
            };
            let members = some_members(random);
            Op::Add { dot, members }
        }
        _ => {
            let clock: Clock = (0..random.random_range(0..3))
                .map(|_| (someone(random), counter(random)))
                .collect();
            let members = some_members(random);
            Op::Rm { clock, members }
        }
    }
}

#[test]
fn the_set_keeps_the_laws() {
    let checked = laws::check(Orswot::new, &Trial::from_env(1), set_op);
    let checked = checked.unwrap_or_else(|broken| panic!("{broken}"));
    let Checked {
        cases,
        valid,
        not_yet,
        never,
        applied,
        ..
    } = checked;
    let least = [
        valid,
        not_yet,
        never,
        applied,
        checked.batches,
        checked.commuted,
    ];
    assert!(least.iter().all(|&count| count >= cases / 2), "{checked:?}");
    let again = [checked.still_valid, checked.still_never];
    assert!(again.iter().all(|&count| count >= cases / 2), "{checked:?}");
}

#[test]
fn a_trial_is_a_function_of_its_seed() {
    let trial = |seed| laws::check(Orswot::new, &Trial::new(seed).cases(3), set_op);
    assert_eq!(trial(5), trial(5));
    assert_ne!(trial(5), trial(6));
}

// ---- algorithms that break one law each ----

/// A register of votes, with what is wrong with it. Sound, it keeps the laws.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Votes<const FLAW: u8> {
    actor: Actor,
    votes: BTreeMap<Actor, BTreeSet<u8>>,
    last: u8,
    unsaved: u64,
}

/// A vote for a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Vote {
    by: Actor,
    candidate: u8,
    #[serde(skip)]
    whispered: bool,
}

/// `order` is part of the bytes and not of equality.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
struct Tally {
    votes: BTreeMap<Actor, BTreeSet<u8>>,
    last: u8,
    order: u8,
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.votes == other.votes && self.last == other.last
    }
}

const SOUND: u8 = 0;
const EVERY_OTHER_TIME: u8 = 1;
const APPLIES_BY_OWNER: u8 = 2;
const TWO_MINDS: u8 = 3;
const HASTY_BATCH: u8 = 4;
const FIRST_COME: u8 = 5;
const FORGIVES: u8 = 6;
const LAST_WINS: u8 = 7;
const FORGETS: u8 = 8;
const UNSAVED: u8 = 9;
const UNEQUAL_BYTES: u8 = 10;
const WHISPERS: u8 = 11;

static ASKED: AtomicU64 = AtomicU64::new(0);

impl<const FLAW: u8> Votes<FLAW> {
    fn taken(&self, candidate: u8) -> bool {
        self.votes.values().any(|voted| voted.contains(&candidate))
    }

    fn count(&self) -> u64 {
        self.votes.values().map(|voted| voted.len() as u64).sum()
    }
}

impl<const FLAW: u8> SecureBroadcastAlgorithm for Votes<FLAW> {
    type Op = Vote;
    type ReplicatedState = Tally;

    fn new(actor: Actor) -> Self {
        Self {
            actor,
            votes: BTreeMap::new(),
            last: 0,
            unsaved: 0,
        }
    }

    fn state(&self) -> Tally {
        let order = if FLAW == UNEQUAL_BYTES {
            self.unsaved as u8
        } else {
            0
        };
        Tally {
            votes: self.votes.clone(),
            last: self.last,
            order,
        }
    }

    fn sync_from(&mut self, other: Tally) {
        self.votes = other.votes;
        self.last = other.last;
        if FLAW == FORGETS {
            self.votes.retain(|_, voted| voted.len() < 2);
        }
    }

    fn validate(&self, from: &Actor, op: &Vote) -> bool {
        if FLAW == TWO_MINDS && op.candidate == 3 {
            return false;
        }
        self.verdict(from, op).is_valid()
    }

    fn verdict(&self, from: &Actor, op: &Vote) -> Verdict {
        if op.by != *from {
            return Verdict::Never("in another's name");
        }
        if op.candidate > 5 {
            let forgiven = FLAW == FORGIVES && self.count() > 2;
            return if forgiven {
                Verdict::Valid
            } else {
                Verdict::Never("no candidate")
            };
        }
        let own = self
            .votes
            .get(from)
            .is_some_and(|voted| voted.contains(&op.candidate));
        match FLAW {
            _ if own => Verdict::NotYet("voted already"),
            EVERY_OTHER_TIME if ASKED.fetch_add(1, Ordering::Relaxed) % 2 == 1 => {
                Verdict::NotYet("no time")
            }
            FIRST_COME if self.taken(op.candidate) => Verdict::NotYet("taken"),
            UNSAVED if self.unsaved > 2 => Verdict::NotYet("tired"),
            _ => Verdict::Valid,
        }
    }

    fn verdict_batch(&self, from: &Actor, ops: &[Vote]) -> Verdict {
        let mut walker = self.clone();
        for op in ops {
            match walker.verdict(from, op) {
                Verdict::Valid if FLAW == HASTY_BATCH => {}
                Verdict::Valid => walker.apply(op.clone()),
                verdict => return verdict,
            }
        }
        Verdict::Valid
    }

    fn apply(&mut self, op: Vote) {
        self.unsaved += 1;
        if FLAW == LAST_WINS || FLAW == APPLIES_BY_OWNER && self.actor == op.by {
            self.last = op.candidate;
        }
        self.votes.entry(op.by).or_default().insert(op.candidate);
    }
}

fn vote<const FLAW: u8>(random: &mut ChaCha8Rng, _: &Votes<FLAW>, from: &Actor) -> Vote {
    let by = if random.random_bool(0.1) {
        someone(random)
    } else {
        *from
    };
    let candidate = random.random_range(0..7);
    let whispered = FLAW == WHISPERS && candidate == 4;
    Vote {
        by,
        candidate,
        whispered,
    }
}

fn found<A: WireAlgorithm>(
    fresh: impl Fn(Actor) -> A,
    generate: impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
) -> Broken<A::Op> {
    let found = laws::check(fresh, &Trial::new(11), generate);
    *found.expect_err("the flaw is found")
}

fn flaw<const FLAW: u8>() -> Broken<Vote> {
    found(Votes::<FLAW>::new, vote)
}

#[test]
fn an_algorithm_without_a_flaw_passes() {
    let checked = laws::check(Votes::<SOUND>::new, &Trial::new(11), vote);
    let checked = checked.unwrap_or_else(|broken| panic!("{broken}"));
    assert!(
        checked.commuted > 100 && checked.still_never > 100,
        "{checked:?}"
    );
}

#[test]
fn a_verdict_that_changes_when_asked_again_is_caught_as_impure() {
    assert_eq!(flaw::<EVERY_OTHER_TIME>().law, Law::Pure);
}

#[test]
fn an_effect_that_depends_on_who_owns_the_replica_is_caught_as_impure() {
    let broken = flaw::<APPLIES_BY_OWNER>();
    assert_eq!(broken.law, Law::Pure);
    assert_eq!(broken.history, []);
}

#[test]
fn a_validate_that_contradicts_the_verdict_is_caught_as_two_opinions() {
    let broken = flaw::<TWO_MINDS>();
    assert_eq!(broken.law, Law::OneOpinion);
    assert_eq!((broken.ops[0].1.candidate, broken.history.len()), (3, 0));
}

#[test]
fn a_batch_that_is_not_judged_like_a_walk_is_caught_as_two_opinions() {
    let broken = flaw::<HASTY_BATCH>();
    assert_eq!(broken.law, Law::OneOpinion);
    assert_eq!(broken.ops.len(), 2, "no more than it takes: {broken}");
}

#[test]
fn a_verdict_that_depends_on_a_foreign_op_is_caught_as_unstable() {
    let broken = flaw::<FIRST_COME>();
    assert_eq!(broken.law, Law::Stable);
    assert!(broken.history.len() <= 1, "{broken}");
}

#[test]
fn a_never_that_a_foreign_op_turns_is_caught_as_not_final() {
    let broken = flaw::<FORGIVES>();
    assert_eq!(broken.law, Law::Final);
    assert_eq!(
        broken.history.len(),
        3,
        "as many votes as it takes: {broken}"
    );
}

#[test]
fn an_effect_that_depends_on_the_order_is_caught_as_not_commuting() {
    let broken = flaw::<LAST_WINS>();
    assert_eq!(broken.law, Law::Commuting);
    assert_eq!((broken.ops.len(), broken.history.len()), (2, 0), "{broken}");
}

#[test]
fn a_newcomer_that_loses_a_part_of_the_state_is_caught_as_unfaithful() {
    let broken = flaw::<FORGETS>();
    assert_eq!(broken.law, Law::Faithful);
    assert_eq!(broken.history.len(), 2, "{broken}");
}

#[test]
fn a_verdict_that_reads_what_the_state_does_not_hold_is_caught_as_unfaithful() {
    let broken = flaw::<UNSAVED>();
    assert_eq!(broken.law, Law::Faithful);
    assert_eq!(broken.history.len(), 3, "{broken}");
}

#[test]
fn equal_states_with_unequal_bytes_are_caught_as_unfaithful() {
    let broken = flaw::<UNEQUAL_BYTES>();
    assert_eq!(broken.law, Law::Faithful);
    assert_eq!(broken.history.len(), 1, "{broken}");
}

#[test]
fn an_operation_that_changes_on_the_wire_is_caught_as_unfaithful() {
    let broken = flaw::<WHISPERS>();
    assert_eq!(broken.law, Law::Faithful);
    assert_eq!(broken.history, []);
}

#[test]
fn a_broken_law_is_told_with_the_operations_that_show_it() {
    let broken = flaw::<FIRST_COME>();
    let told = broken.to_string();
    assert!(told.starts_with("law 3, stable: "), "{told}");
    let (from, op) = &broken.ops[0];
    assert!(told.contains(&format!("{from:?}: {op:?}")), "{told}");
    assert!(told.contains("(seed 11, case "), "{told}");
}
