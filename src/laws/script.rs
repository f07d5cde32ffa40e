//! A history as a list of steps: drawn at random, replayed, and made shorter.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::run::{Fault, Run};
use crate::actor::Actor;
use crate::traits::Wire;

/// One step of a history. A step says all that it needs, so that any other step can be dropped.
#[derive(Clone)]
pub(super) enum Step<Op> {
    /// Judge, and remember.
    Offer(Actor, Op),
    /// Apply, if valid.
    Apply(Actor, Op),
    /// Judge in one go.
    Batch(Actor, Vec<Op>),
}

/// The next step of `run`.
pub(super) fn draw<A: Wire>(
    random: &mut ChaCha8Rng,
    run: &Run<'_, A>,
    generate: &impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
) -> Step<A::Op> {
    let from = *pick(random, run.actors());
    match random.random_range(0..8) {
        0..3 => {
            let valid: Vec<_> = run.remembered_valid().collect();
            if !valid.is_empty() {
                let (from, op) = *pick(random, &valid);
                return Step::Apply(from, op.clone());
            }
        }
        3 => return draw_batch(random, run, generate, from),
        _ => {}
    }
    let op = generate(random, &run.replica_of(from), &from);
    Step::Offer(from, op)
}

/// A batch whose operations mostly build on each other; some are remembered from earlier states.
fn draw_batch<A: Wire>(
    random: &mut ChaCha8Rng,
    run: &Run<'_, A>,
    generate: &impl Fn(&mut ChaCha8Rng, &A, &Actor) -> A::Op,
    from: Actor,
) -> Step<A::Op> {
    let known: Vec<_> = run.remembered_of(from).cloned().collect();
    let mut walker = run.replica_of(from);
    let mut ops = Vec::new();
    for _ in 0..random.random_range(0..6) {
        let op = if !known.is_empty() && random.random_bool(0.2) {
            pick(random, &known).clone()
        } else {
            generate(random, &walker, &from)
        };
        if walker.verdict(&from, &op).is_valid() {
            walker.apply(op.clone());
        }
        ops.push(op);
    }
    Step::Batch(from, ops)
}

fn pick<'a, T>(random: &mut ChaCha8Rng, choices: &'a [T]) -> &'a T {
    &choices[random.random_range(0..choices.len())]
}

/// The fault of a part of `script`, with what that part applied: no step can be left out of it.
///
/// Delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, 2002): leaves out ever
/// smaller stretches, so long as the same law breaks.
pub(super) fn shrink<A: Wire>(
    fresh: &dyn Fn(Actor) -> A,
    actors: &[Actor],
    mut script: Vec<Step<A::Op>>,
    mut fault: Fault<A::Op>,
) -> (Fault<A::Op>, Vec<(Actor, A::Op)>) {
    let law = fault.law;
    let mut stretch = script.len().div_ceil(2);
    while stretch > 0 {
        let (mut start, mut shorter) = (0, false);
        while start < script.len() {
            let end = (start + stretch).min(script.len());
            let rest = [&script[..start], &script[end..]].concat();
            match replay(fresh, actors, &rest) {
                Some(found) if found.fault.law == law => {
                    script = rest;
                    script.truncate(found.steps);
                    fault = found.fault;
                    shorter = true;
                }
                _ => start = end,
            }
        }
        if !(shorter && stretch == 1) {
            stretch /= 2;
        }
    }
    match replay(fresh, actors, &script) {
        Some(found) => (found.fault, found.history),
        // Only an algorithm that is not pure behaves differently when it is played again.
        None => (fault, applies(script)),
    }
}

struct Found<Op> {
    fault: Fault<Op>,
    steps: usize,
    history: Vec<(Actor, Op)>,
}

fn replay<A: Wire>(
    fresh: &dyn Fn(Actor) -> A,
    actors: &[Actor],
    script: &[Step<A::Op>],
) -> Option<Found<A::Op>> {
    let mut run = Run::new(fresh, actors);
    for (i, step) in script.iter().enumerate() {
        if let Err(fault) = run.take(step.clone()) {
            return Some(Found {
                fault,
                steps: i + 1,
                history: run.into_history(),
            });
        }
    }
    None
}

fn applies<Op>(script: Vec<Step<Op>>) -> Vec<(Actor, Op)> {
    let applied = |step| match step {
        Step::Apply(from, op) => Some((from, op)),
        Step::Offer(..) | Step::Batch(..) => None,
    };
    script.into_iter().filter_map(applied).collect()
}
