//! A history as a list of steps: drawn at random, replayed, and made shorter.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::run::{Fault, Run, Step};
use crate::actor::Actor;
use crate::traits::WireAlgorithm;

/// The next step of `run`.
///
/// Three of eight steps apply what is remembered as valid, where there is any; one judges a batch;
/// the others ask the generator.
pub(super) fn draw<A: WireAlgorithm>(
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
fn draw_batch<A: WireAlgorithm>(
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

/// Panics when there is nothing to pick.
fn pick<'a, T>(random: &mut ChaCha8Rng, choices: &'a [T]) -> &'a T {
    &choices[random.random_range(0..choices.len())]
}

/// A fault, and what had been applied when it showed.
pub(super) struct Found<Op> {
    pub(super) fault: Fault<Op>,
    pub(super) history: Vec<(Actor, Op)>,
}

/// What a part of `script` shows of the law that `found` is about: a part that no step can be left
/// out of.
///
/// Delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, 2002).
pub(super) fn shrink<A: WireAlgorithm>(
    fresh: &dyn Fn(Actor) -> A,
    actors: &[Actor],
    script: Vec<Step<A::Op>>,
    found: Found<A::Op>,
) -> Found<A::Op> {
    let mut shrinker = Shrinker {
        fresh,
        actors,
        script,
        found,
    };
    shrinker.leave_out_steps();
    shrinker.leave_out_of_batches();
    shrinker.found
}

/// Invariant: `script` shows `found`, in its last step.
struct Shrinker<'a, A: WireAlgorithm> {
    fresh: &'a dyn Fn(Actor) -> A,
    actors: &'a [Actor],
    script: Vec<Step<A::Op>>,
    found: Found<A::Op>,
}

impl<A: WireAlgorithm> Shrinker<'_, A> {
    /// Leaves out ever smaller stretches, and single steps until none can go.
    fn leave_out_steps(&mut self) {
        let mut stretch = self.script.len().div_ceil(2);
        while stretch > 0 {
            let (mut start, mut shorter) = (0, false);
            while start < self.script.len() {
                let end = (start + stretch).min(self.script.len());
                let rest = [&self.script[..start], &self.script[end..]].concat();
                if self.take_if_broken(rest) {
                    shorter = true;
                } else {
                    start = end;
                }
            }
            if !(shorter && stretch == 1) {
                stretch /= 2;
            }
        }
    }

    /// Only the last step can be a batch that matters: a batch changes nothing.
    fn leave_out_of_batches(&mut self) {
        let mut i = 0;
        while let Some(Step::Batch(from, ops)) = self.script.last()
            && i < ops.len()
        {
            let (from, mut ops) = (*from, ops.clone());
            ops.remove(i);
            let mut script = self.script.clone();
            script.pop();
            script.push(Step::Batch(from, ops));
            if !self.take_if_broken(script) {
                i += 1;
            }
        }
    }

    /// Goes on with `script` if it breaks the same law.
    ///
    /// Returns whether it did. What comes after the step that shows it is cut off.
    fn take_if_broken(&mut self, mut script: Vec<Step<A::Op>>) -> bool {
        match replay(self.fresh, self.actors, &script) {
            Some((steps, found)) if found.fault.law == self.found.fault.law => {
                script.truncate(steps);
                (self.script, self.found) = (script, found);
                true
            }
            _ => false,
        }
    }
}

/// What `script` shows, and after how many steps.
///
/// `None` when no law is broken by it.
fn replay<A: WireAlgorithm>(
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
