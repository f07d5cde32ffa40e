//! One row of the table: what is done, and what it cost.

use std::fmt;
use std::ops::Range;

use bft_crdts::at2_impl::At2;
use bft_crdts::bank::{Bank, Money};
use bft_crdts::dot::Head;
use bft_crdts::orswot::Orswot;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

use crate::cluster::{Cluster, Cost, Taking};

/// Messages after which everybody's clock ticks once.
const PACE: usize = 100;

/// Owns an account and is no member.
const STRANGER: Actor = Actor::from_bytes([7; 32]);

/// On each member's account.
const RICH: Money = Money::new(1_000_000_000);

/// Parts of which the median is taken.
const PARTS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    /// Additions of members of 40 bytes.
    Set,
    /// Each pays the next.
    Ring,
    /// One pays somebody who pays nobody.
    Sink,
    /// Each pays the next, in AT2.
    At2,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 4] = [Self::Set, Self::Ring, Self::Sink, Self::At2];
}

/// What a network is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Workload {
    pub(crate) algorithm: Algorithm,
    pub(crate) members: u8,
    /// Members that propose.
    pub(crate) sources: usize,
    /// Operations of each source that leave as one message; 1 is one at a time.
    pub(crate) batch: usize,
    /// Whether a batch is proposed with one call when the last has arrived, and not one by one while it is under way: sets alone.
    pub(crate) at_once: bool,
    /// Whether those who propose do so all at once, each when its own last operation has arrived.
    pub(crate) in_flight: bool,
    pub(crate) taking: Taking,
    /// Operations before those that are measured.
    pub(crate) history: usize,
    /// Of one part; 0 for as many as take a second or so.
    pub(crate) ops: usize,
}

impl Workload {
    pub(crate) fn of(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            members: 4,
            sources: 1,
            batch: 1,
            at_once: false,
            in_flight: false,
            taking: Taking::Together,
            history: 0,
            ops: 0,
        }
    }

    /// So small that it only shows that it runs.
    pub(crate) fn tried_out(self) -> Self {
        Self {
            history: self.history.min(20),
            ops: self.batch * self.sources,
            ..self
        }
    }

    /// Operations of one part: whole batches, fewer in larger committees.
    fn ops(&self) -> usize {
        if self.ops > 0 {
            return self.ops;
        }
        let square = usize::from(self.members) * usize::from(self.members);
        let messages = match self.history {
            0 => (4_000 / square).clamp(2, 200),
            _ => 1_024 / self.batch,
        };
        // At once, several sources make a set as large as one does.
        let each = if self.at_once { 1 } else { self.sources };
        messages * self.batch * each
    }

    pub(crate) fn measure(&self) -> Measured {
        match self.algorithm {
            Algorithm::Set => self.run(
                |_, actor| Orswot::new(actor),
                |set, numbers, _| set.add_each(numbers.map(member)),
            ),
            Algorithm::Ring | Algorithm::Sink => {
                self.run(bank, |bank, _, to| vec![bank.transfer(to, Money::new(1))])
            }
            Algorithm::At2 => self.run(at2, |at2, _, to| {
                vec![at2.transfer(to, Money::new(1)).expect("rich enough")]
            }),
        }
    }

    fn run<A: WireAlgorithm>(
        &self,
        make: impl Fn(&[Actor], Actor) -> A,
        ops: impl Fn(&A, Range<usize>, Actor) -> Vec<A::Op>,
    ) -> Measured {
        let mut load = Load::new(
            *self,
            Cluster::new(self.members, make).taking(self.taking),
            ops,
        );
        if self.history > 0 {
            // What has happened before need not have happened one at a time.
            load.make_batches(self.history, 512);
            load.cluster.run();
            load.heads.fill(None);
        }
        load.make(self.batch);
        let mut parts: Vec<_> = (0..PARTS).map(|_| load.measure(self.ops())).collect();
        parts.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        parts[PARTS / 2]
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            algorithm,
            members,
            sources,
            batch,
            at_once,
            in_flight,
            taking,
            history,
            ..
        } = self;
        let name = format!("{algorithm:?}").to_lowercase();
        write!(f, "{name} n={members} sources={sources} batch={batch}")?;
        if *at_once {
            write!(f, " at-once")?;
        }
        if *in_flight {
            write!(f, " in-flight")?;
        }
        if *taking == Taking::Singly {
            write!(f, " singly")?;
        }
        if *history > 0 {
            write!(f, " history={history}")?;
        }
        Ok(())
    }
}

/// Of one operation, for all members together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Operations a second of one processor.
    pub(crate) rate: f64,
    pub(crate) packets: f64,
    pub(crate) bytes: f64,
    pub(crate) signatures: f64,
    pub(crate) verifications: f64,
}

impl Measured {
    pub(crate) const HEADER: &str =
        "                                               ops/s  packets    bytes   signed  checked";
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate,
            packets,
            bytes,
            signatures,
            verifications,
        } = self;
        write!(
            f,
            "{rate:>8.0} {packets:>8.3} {bytes:>8.0} {signatures:>8.3} {verifications:>8.3}"
        )
    }
}

/// A network at work.
pub(crate) struct Load<A: WireAlgorithm, F> {
    cluster: Cluster<A>,
    workload: Workload,
    /// Where each source's lane ended when operations were last added to those that wait there.
    heads: Vec<Option<Head>>,
    made: usize,
    /// Makes the operations with these numbers; several only of a type that makes them on one state.
    ops: F,
}

impl<A: WireAlgorithm, F: Fn(&A, Range<usize>, Actor) -> Vec<A::Op>> Load<A, F> {
    pub(crate) fn new(workload: Workload, cluster: Cluster<A>, ops: F) -> Self {
        Self {
            heads: vec![None; workload.sources],
            cluster,
            workload,
            made: 0,
            ops,
        }
    }

    /// Of about so many operations.
    fn measure(&mut self, ops: usize) -> Measured {
        let (packets, bytes, made) = (self.cluster.packets, self.cluster.bytes, self.made);
        let cost = Cost::of(|| self.make(ops));
        let ops = (self.made - made) as f64;
        let per = |count: u64| count as f64 / ops;
        Measured {
            rate: ops / cost.time.as_secs_f64(),
            packets: per(self.cluster.packets - packets),
            bytes: per(self.cluster.bytes - bytes),
            signatures: per(cost.work.signatures),
            verifications: per(cost.work.verifications),
        }
    }

    pub(crate) fn make(&mut self, ops: usize) {
        match self.workload.batch {
            1 if !self.workload.in_flight => self.make_one_by_one(ops),
            batch => self.make_batches(ops, batch),
        }
    }

    /// Each when everybody has the one before.
    fn make_one_by_one(&mut self, ops: usize) {
        for _ in 0..ops {
            self.propose(self.made % self.proposers(), 1);
            self.cluster.run();
            if self.made.is_multiple_of(PACE) {
                self.cluster.tick();
                self.cluster.run();
            }
        }
    }

    /// Each source proposes a batch when its last message is delivered. Where it proposes one by one, what it proposes waits for the
    /// next message, and leaves with the one after.
    fn make_batches(&mut self, ops: usize, batch: usize) {
        let end = self.made + ops;
        while self.made < end {
            let mut moved = false;
            for source in 0..self.heads.len() {
                let head = Some(self.cluster.head(source));
                if self.heads[source] != head {
                    self.heads[source] = head;
                    moved = true;
                    match self.workload.at_once {
                        true => self.propose(source, batch),
                        false => (0..batch).for_each(|_| self.propose(source, 1)),
                    }
                    if (self.made / batch).is_multiple_of(PACE) {
                        self.cluster.tick();
                    }
                }
            }
            assert!(self.cluster.step() || moved, "nobody is stuck");
        }
    }

    fn proposers(&self) -> usize {
        match self.workload.algorithm {
            Algorithm::Ring | Algorithm::At2 => self.cluster.actors().len(),
            Algorithm::Set | Algorithm::Sink => self.workload.sources,
        }
    }

    fn propose(&mut self, source: usize, count: usize) {
        let actors = self.cluster.actors();
        let to = match self.workload.algorithm {
            Algorithm::Sink => STRANGER,
            _ if actors.len() == 1 => STRANGER,
            _ => actors[(source + 1) % actors.len()],
        };
        let numbers = self.made..self.made + count;
        self.made = numbers.end;
        self.cluster.propose_all(source, |algorithm| {
            let ops = (self.ops)(algorithm, numbers, to);
            assert_eq!(ops.len(), count, "all are made");
            ops
        });
    }
}

/// Members of one length, in no order.
fn member(number: usize) -> String {
    let scattered = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{scattered:016x}{number:024}")
}

pub(crate) fn bank(actors: &[Actor], actor: Actor) -> Bank {
    let mut bank = Bank::new(actor);
    for owner in actors {
        bank.apply(Bank::new(*owner).open(RICH));
    }
    bank.apply(Bank::new(STRANGER).open(Money::ZERO));
    bank
}

fn at2(actors: &[Actor], actor: Actor) -> At2 {
    let balances = actors.iter().map(|owner| (*owner, RICH));
    let balances = balances.chain([(STRANGER, Money::ZERO)]);
    At2::with_balances(actor, balances.collect()).expect("not too much")
}
