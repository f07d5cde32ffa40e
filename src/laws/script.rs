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

/// A fault, and what had been applied when it showed.
pub(super) struct Found<Op> {
    pub(super) fault: Fault<Op>,
    pub(super) history: Vec<(Actor, Op)>,
}

/// What a part of `script` shows of the law that `found` is about: a part that no step can be left out of.
///
/// Delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, 2002): leaves out ever
/// smaller stretches, so long as the same law breaks.
pub(super) fn shrink<A: Wire>(
    fresh: &dyn Fn(Actor) -> A,
    actors: &[Actor],
    mut script: Vec<Step<A::Op>>,
    mut found: Found<A::Op>,
) -> Found<A::Op> {
    let mut stretch = script.len().div_ceil(2);
    while stretch > 0 {
        let (mut start, mut shorter) = (0, false);
        while start < script.len() {
            let end = (start + stretch).min(script.len());
            let mut rest = [&script[..start], &script[end..]].concat();
            match replay(fresh, actors, &rest) {
                Some((steps, shown)) if shown.fault.law == found.fault.law => {
                    rest.truncate(steps);
                    (script, found, shorter) = (rest, shown, true);
                }
                _ => start = end,
            }
        }
        if !(shorter && stretch == 1) {
            stretch /= 2;
        }
    }
    found
}

/// What `script` shows, and after how many steps.
fn replay<A: Wire>(
    fresh: &dyn Fn(Actor) -> A,
    actors: &[Actor],
    script: &[Step<A::Op>],
) -> Option<(usize, Found<A::Op>)> {
    let mut run = Run::new(fresh, actors);
    for (i, step) in script.iter().enumerate() {
        if let Err(fault) = run.take(step.clone()) {
            let history = run.into_history();
            return Some((i + 1, Found { fault, history }));
        }
    }
    None
}
