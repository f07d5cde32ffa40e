//! One history, and the laws checked at each of its steps.

use std::fmt::Debug;

use super::{Checked, Law};
use crate::actor::Actor;
use crate::codec::{decode, encode};
use crate::traits::{Verdict, WireAlgorithm};

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

/// Operations of one source that are remembered and judged again.
///
/// The cost of a step grows with what is remembered, and with its square where pairs are tried.
const REMEMBERED: usize = 4;

/// What was found against a law.
///
/// The operations and the words of [`Broken`](super::Broken); the history is the run's.
pub(super) struct Fault<Op> {
    pub(super) law: Law,
    pub(super) ops: Vec<(Actor, Op)>,
    pub(super) explanation: String,
}

type Checks<A> = Result<(), Fault<<A as crate::traits::SecureBroadcastAlgorithm>::Op>>;

/// An operation and its verdict on the present state.
///
/// Judged again whenever an operation is applied, so that the verdict is always that on the present
/// state.
struct Remembered<Op> {
    from: Actor,
    op: Op,
    verdict: Verdict,
}

/// A run is a function of its steps: replaying them gives the same verdicts and the same fault.
pub(super) struct Run<'a, A: WireAlgorithm> {
    fresh: &'a dyn Fn(Actor) -> A,
    actors: &'a [Actor],
    /// It belongs to the first actor, which by the laws makes no difference.
    replica: A,
    /// Per source the latest few, oldest first; equal operations only once.
    pool: Vec<Remembered<A::Op>>,
    /// What was applied, in order.
    history: Vec<(Actor, A::Op)>,
    checked: Checked,
}

impl<'a, A: WireAlgorithm> Run<'a, A> {
    pub(super) fn new(fresh: &'a dyn Fn(Actor) -> A, actors: &'a [Actor]) -> Self {
        Self {
            fresh,
            actors,
            replica: fresh(actors[0]),
            pool: Vec::new(),
            history: Vec::new(),
            checked: Checked::default(),
        }
    }

    pub(super) fn actors(&self) -> &'a [Actor] {
        self.actors
    }

    pub(super) fn checked(&self) -> &Checked {
        &self.checked
    }

    pub(super) fn into_history(self) -> Vec<(Actor, A::Op)> {
        self.history
    }

    /// A replica in the present state that belongs to `actor`.
    pub(super) fn replica_of(&self, actor: Actor) -> A {
        let mut replica = (self.fresh)(actor);
        replica.sync_from(self.replica.state());
        replica
    }

    /// What may be applied next, of all sources.
    pub(super) fn remembered_valid(&self) -> impl Iterator<Item = (Actor, &A::Op)> {
        let valid = self.pool.iter().filter(|known| known.verdict.is_valid());
        valid.map(|known| (known.from, &known.op))
    }

    /// Valid or not: hostile batches repeat what was refused.
    pub(super) fn remembered_of(&self, from: Actor) -> impl Iterator<Item = &A::Op> {
        let own = self.pool.iter().filter(move |known| known.from == from);
        own.map(|known| &known.op)
    }

    /// Takes one step and checks what it shows.
    ///
    /// # Errors
    /// The first law that the step breaks. The run is not to be gone on with then.
    pub(super) fn take(&mut self, step: Step<A::Op>) -> Checks<A> {
        match step {
            Step::Offer(from, op) => self.offer(from, op),
            Step::Apply(from, op) => self.apply(from, op),
            Step::Batch(from, ops) => self.batch(from, &ops),
        }
    }

    /// As long as nothing was applied the fresh replica is checked here; later states are checked
    /// when they come about.
    fn offer(&mut self, from: Actor, op: A::Op) -> Checks<A> {
        if self.history.is_empty() {
            self.faithful()?;
        }
        self.carried(from, &op)?;
        let verdict = self.judge(from, &op)?;
        match verdict {
            Verdict::Valid => self.checked.valid += 1,
            Verdict::NotYet(_) => self.checked.not_yet += 1,
            Verdict::Never(_) => self.checked.never += 1,
        }
        self.remember(Remembered { from, op, verdict });
        Ok(())
    }

    /// One more of a source takes the place of its oldest.
    fn remember(&mut self, new: Remembered<A::Op>) {
        let same = |known: &Remembered<A::Op>| known.from == new.from && known.op == new.op;
        if self.pool.iter().any(same) {
            return;
        }
        if self.remembered_of(new.from).count() == REMEMBERED {
            let oldest = self.pool.iter().position(|known| known.from == new.from);
            self.pool.remove(oldest.expect("there are some"));
        }
        self.pool.push(new);
    }

    /// An operation survives the wire.
    fn carried(&self, from: Actor, op: &A::Op) -> Checks<A> {
        let bytes = encode(op);
        match decode::<A::Op>(&bytes, bytes.len()) {
            Ok(decoded) if decoded == *op => Ok(()),
            other => fault(
                Law::Faithful,
                vec![(from, op.clone())],
                format!("the operation decodes as {other:?}"),
            ),
        }
    }

    /// The verdict on `op`, whoever asks, and however.
    ///
    /// Asked twice of the replica, of a clone, and of a replica of each actor that starts from the
    /// state: laws 1, 2 and 6. Batches are judged [elsewhere](Self::batch).
    fn judge(&self, from: Actor, op: &A::Op) -> Result<Verdict, Fault<A::Op>> {
        let ops = || vec![(from, op.clone())];
        let verdict = self.replica.verdict(&from, op);
        let again = self.replica.verdict(&from, op);
        if again != verdict {
            let seen = format!("{verdict:?}, and asked again {again:?}");
            return fault(Law::Pure, ops(), seen);
        }
        let cloned = self.replica.clone().verdict(&from, op);
        if cloned != verdict {
            let seen = format!("{verdict:?}, on a clone {cloned:?}");
            return fault(Law::Pure, ops(), seen);
        }
        let validate = self.replica.validate(&from, op);
        if validate != verdict.is_valid() {
            let seen = format!("{verdict:?}, but validate says {validate}");
            return fault(Law::OneOpinion, ops(), seen);
        }
        for &actor in self.actors {
            let restored = self.replica_of(actor).verdict(&from, op);
            if restored != verdict {
                let seen = format!(
                    "{verdict:?}, on a replica of {actor:?} in an equal state {restored:?}"
                );
                return fault(Law::Faithful, ops(), seen);
            }
        }
        Ok(verdict)
    }

    /// A batch is judged like a walk.
    fn batch(&mut self, from: Actor, ops: &[A::Op]) -> Checks<A> {
        let batch = self.replica.verdict_batch(&from, ops);
        let walk = self.walk(from, ops);
        self.checked.batches += u64::from(ops.len() > 1);
        if batch == walk {
            return Ok(());
        }
        let ops = ops.iter().map(|op| (from, op.clone())).collect();
        let seen = format!("{batch:?} as a batch, {walk:?} one by one");
        fault(Law::OneOpinion, ops, seen)
    }

    /// What [`verdict_batch`](crate::traits::SecureBroadcastAlgorithm::verdict_batch) has to say:
    /// the first verdict that is not valid, each operation on the state after those before it.
    fn walk(&self, from: Actor, ops: &[A::Op]) -> Verdict {
        let mut walker = self.replica.clone();
        for op in ops {
            match walker.verdict(&from, op) {
                Verdict::Valid => walker.apply(op.clone()),
                verdict => return verdict,
            }
        }
        Verdict::Valid
    }

    /// An operation that is not valid is passed over: scripts that were made shorter contain such.
    /// The order matters: pairs are tried on the state before the operation, what is remembered is
    /// judged on the one after.
    fn apply(&mut self, from: Actor, op: A::Op) -> Checks<A> {
        if !self.judge(from, &op)?.is_valid() {
            return Ok(());
        }
        let mut after = self.replica.clone();
        after.apply(op.clone());
        for known in &self.pool {
            if known.from != from && known.verdict.is_valid() {
                self.commuting((from, &op), &after, (known.from, &known.op))?;
                self.checked.commuted += 1;
            }
        }
        self.same_effect(from, &op, &after)?;
        self.replica = after;
        self.history.push((from, op));
        self.checked.applied += 1;
        self.judge_again(from)?;
        self.faithful()
    }

    /// What an operation does depends on the state alone.
    fn same_effect(&self, from: Actor, op: &A::Op, after: &A) -> Checks<A> {
        let restored = self.actors.iter().map(|&actor| self.replica_of(actor));
        for mut replica in restored.chain([self.replica.clone()]) {
            replica.apply(op.clone());
            if replica.state() != after.state() {
                let seen = differ(&after.state(), &replica.state());
                let seen = format!("it leads from equal states to unequal ones: {seen}");
                return fault(Law::Pure, vec![(from, op.clone())], seen);
            }
        }
        Ok(())
    }

    /// `first` and `second` are valid here and of different sources; `after` is here and then
    /// `first`.
    ///
    /// Tries the laws *stable* and *commuting* in both orders, and that the results are equal byte
    /// by byte.
    fn commuting(&self, first: (Actor, &A::Op), after: &A, second: (Actor, &A::Op)) -> Checks<A> {
        let mut other_way = self.replica.clone();
        other_way.apply(second.1.clone());
        let mut one_way = after.clone();
        still_valid(&one_way, second, first)?;
        still_valid(&other_way, first, second)?;
        one_way.apply(second.1.clone());
        other_way.apply(first.1.clone());
        let (one, other) = (one_way.state(), other_way.state());
        let ops = || [first, second].map(|(from, op)| (from, op.clone())).into();
        if one != other {
            let seen = format!("the two in both orders: {}", differ(&one, &other));
            return fault(Law::Commuting, ops(), seen);
        }
        if encode(&one) != encode(&other) {
            let seen = "the two in both orders lead to equal states with unequal bytes".to_string();
            return fault(Law::Faithful, ops(), seen);
        }
        if records(&one_way) != records(&other_way) {
            let seen = "the two in both orders lead to equal states with other records".to_string();
            return fault(Law::Faithful, ops(), seen);
        }
        self.same_verdicts(&one_way, &other_way, "after both orders of two operations")
    }

    /// Equal states give equal verdicts on all that is remembered.
    fn same_verdicts(&self, left: &A, right: &A, when: &str) -> Checks<A> {
        for Remembered { from, op, .. } in &self.pool {
            let (one, other) = (left.verdict(from, op), right.verdict(from, op));
            if one != other {
                let seen = format!("{one:?} and {other:?} on equal states, {when}");
                return fault(Law::Faithful, vec![(*from, op.clone())], seen);
            }
        }
        Ok(())
    }

    /// After an operation of `source`: what others were told still holds.
    ///
    /// What its own source remembers may change its verdict, and is only judged anew.
    fn judge_again(&mut self, source: Actor) -> Checks<A> {
        for known in &mut self.pool {
            let now = self.replica.verdict(&known.from, &known.op);
            let before = std::mem::replace(&mut known.verdict, now);
            if known.from == source {
                continue;
            }
            let law = match before {
                Verdict::Valid => Law::Stable,
                Verdict::Never(_) => Law::Final,
                Verdict::NotYet(_) => continue,
            };
            let kept = match law {
                Law::Stable => now.is_valid(),
                _ => matches!(now, Verdict::Never(_)),
            };
            if !kept {
                let seen = format!(
                    "it was {before:?}, and after the last operation, of another source, it is {now:?}"
                );
                return fault(law, vec![(known.from, known.op.clone())], seen);
            }
            self.checked.still_valid += u64::from(law == Law::Stable);
            self.checked.still_never += u64::from(law == Law::Final);
        }
        Ok(())
    }

    /// A newcomer that starts from the snapshot is like the replica that took it.
    fn faithful(&self) -> Checks<A> {
        let state = self.replica.state();
        let bytes = encode(&state);
        if encode(&self.replica.state()) != bytes {
            let seen = "two snapshots of one replica have unequal bytes".to_string();
            return fault(Law::Pure, Vec::new(), seen);
        }
        match decode::<A::ReplicatedState>(&bytes, bytes.len()) {
            Ok(decoded) if decoded == state => {}
            other => {
                let seen = format!("the state {state:?} decodes as {other:?}");
                return fault(Law::Faithful, Vec::new(), seen);
            }
        }
        let shown = records(&self.replica);
        for &actor in self.actors {
            if !(self.fresh)(actor).admits(&state) {
                let seen = format!("{actor:?} does not admit the state {state:?}");
                return fault(Law::Faithful, Vec::new(), seen);
            }
            let newcomer = self.replica_of(actor);
            let restored = newcomer.state();
            if restored != state {
                let seen = format!("a newcomer, {actor:?}: {}", differ(&state, &restored));
                return fault(Law::Faithful, Vec::new(), seen);
            }
            if encode(&restored) != bytes {
                let seen =
                    format!("a newcomer's equal state has other bytes: {state:?}, {restored:?}");
                return fault(Law::Faithful, Vec::new(), seen);
            }
            if records(&newcomer) != shown {
                let seen = format!("a newcomer's equal state has other records: {state:?}");
                return fault(Law::Faithful, Vec::new(), seen);
            }
            if shown.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                let seen = format!("two records of one key: {state:?}");
                return fault(Law::Faithful, Vec::new(), seen);
            }
            self.same_verdicts(&self.replica, &newcomer, "here and on a newcomer")?;
        }
        Ok(())
    }
}

/// `op` was valid before `other`, of another source, was applied.
fn still_valid<A: WireAlgorithm>(
    after: &A,
    op: (Actor, &A::Op),
    other: (Actor, &A::Op),
) -> Checks<A> {
    let now = after.verdict(&op.0, op.1);
    if now.is_valid() {
        return Ok(());
    }
    let seen = format!(
        "it was Valid, and after {:?} of {:?} it is {now:?}",
        other.1, other.0
    );
    fault(Law::Stable, vec![(op.0, op.1.clone())], seen)
}

/// The records in one order: which they come in is the algorithm's affair.
///
/// The members certify a digest of them: were they others on equal states, no value would get a
/// quorum, and no generation begin.
fn records<A: WireAlgorithm>(replica: &A) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records: Vec<_> = replica.records().collect();
    records.sort();
    records
}

fn differ<S: Debug>(left: &S, right: &S) -> String {
    format!("{left:?} is not {right:?}")
}

fn fault<T, Op>(law: Law, ops: Vec<(Actor, Op)>, explanation: String) -> Result<T, Fault<Op>> {
    Err(Fault {
        law,
        ops,
        explanation,
    })
}
