//! Random histories of any algorithm, held against the six laws after every step.

use bft_crdts::codec::encode;
use bft_crdts::traits::Wire;
use bft_crdts::{Actor, Verdict};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEPS: usize = 80;
const REMEMBERED: usize = 24;

/// An algorithm, and how to write operations for it: valid and hostile ones.
pub(crate) struct Subject<'a, A: Wire> {
    pub(crate) fresh: &'a A,
    pub(crate) actors: &'a [Actor],
    pub(crate) op: fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
    pub(crate) invariant: fn(&A) -> bool,
}

type Judged<A> = (Actor, A, Verdict);

impl<A: Wire> Subject<'_, A> {
    /// Yields how many operations were applied.
    pub(crate) fn obeys_the_laws(&self, seed: u64) -> usize {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut state = self.fresh.clone();
        let mut judged: Vec<Judged<A::Op>> = Vec::new();
        let mut applied = 0;
        for _ in 0..STEPS {
            let from = self.actors[random.random_range(0..self.actors.len())];
            self.judges_batches_like_a_walk(&mut random, &state, &from);
            let op = (self.op)(&mut random, &state, &from);
            let verdict = one_opinion(&state, &from, &op);
            if verdict.is_valid() && random.random_ratio(3, 4) {
                commutes(&state, &from, &op, &judged);
                state.apply(op);
                applied += 1;
                judged.retain(|(source, ..)| *source != from);
                assert!((self.invariant)(&state), "after {state:?}");
                stable_and_final(&state, &judged);
                self.is_faithful(&state, &judged);
            } else {
                judged.push((from, op, verdict));
                judged.drain(..judged.len().saturating_sub(REMEMBERED));
            }
        }
        applied
    }

    fn judges_batches_like_a_walk(&self, random: &mut ChaCha8Rng, state: &A, from: &Actor) {
        let mut writer = state.clone();
        let mut batch = Vec::new();
        for _ in 0..random.random_range(0..6) {
            let op = (self.op)(random, &writer, from);
            let valid = writer.validate(from, &op);
            if valid {
                writer.apply(op.clone());
            }
            // Mostly without the ops that end the walk, or no walk would be long.
            if valid || random.random_ratio(1, 3) {
                batch.push(op);
            }
        }
        let judged = state.verdict_batch(from, &batch);
        assert_eq!(
            judged,
            walk(state, from, &batch),
            "{from:?}: {batch:?} on {state:?}"
        );
    }

    fn is_faithful(&self, state: &A, judged: &[Judged<A::Op>]) {
        let mut copy = self.fresh.clone();
        copy.sync_from(state.state());
        assert_eq!(copy.state(), state.state());
        assert_eq!(encode(&copy.state()), encode(&state.state()));
        for (from, op, _) in judged {
            assert_eq!(copy.verdict(from, op), state.verdict(from, op), "{op:?}");
        }
    }
}

fn one_opinion<A: Wire>(state: &A, from: &Actor, op: &A::Op) -> Verdict {
    let verdict = state.verdict(from, op);
    assert_eq!(verdict, state.verdict(from, op));
    assert_eq!(state.validate(from, op), verdict.is_valid());
    verdict
}

fn walk<A: Wire>(state: &A, from: &Actor, ops: &[A::Op]) -> Verdict {
    let mut walker = state.clone();
    for op in ops {
        match walker.verdict(from, op) {
            Verdict::Valid => walker.apply(op.clone()),
            verdict => return verdict,
        }
    }
    Verdict::Valid
}

fn commutes<A: Wire>(state: &A, from: &Actor, op: &A::Op, judged: &[Judged<A::Op>]) {
    for (source, other, verdict) in judged {
        if source == from || !verdict.is_valid() {
            continue;
        }
        let after = |first: &A::Op, second: &A::Op| {
            let mut state = state.clone();
            state.apply(first.clone());
            state.apply(second.clone());
            encode(&state.state())
        };
        assert_eq!(
            after(op, other),
            after(other, op),
            "{op:?} and {other:?} on {state:?}"
        );
    }
}

fn stable_and_final<A: Wire>(state: &A, judged: &[Judged<A::Op>]) {
    for (from, op, before) in judged {
        let now = one_opinion(state, from, op);
        match before {
            Verdict::Valid => assert_eq!(now, Verdict::Valid, "{from:?}: {op:?} on {state:?}"),
            Verdict::Never(_) => {
                assert!(
                    matches!(now, Verdict::Never(_)),
                    "{from:?}: {op:?} is {now:?} on {state:?}"
                );
            }
            Verdict::NotYet(_) => {}
        }
    }
}
