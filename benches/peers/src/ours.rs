//! This crate's own set and bank, with `n` replicas in one thread.

use bft_crdts::bank::{Bank, Money};
use bft_crdts::orswot::Orswot;
use bft_crdts::{Actor, SecureBroadcastAlgorithm};

use crate::cluster::Cluster;
use crate::measure::{Contender, Traffic, member};

/// Messages after which everybody's clock ticks once, so that what replicas tell each other of where they stand is counted.
const PACE: u64 = 100;

/// What accounts begin with.
pub(crate) const BALANCE: u64 = 1_000;

/// Who adds to a set, and what they wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One after the other, each when everybody has the addition before.
    OneAtATime,
    /// One, with so many more as soon as its last message has come back to it.
    Batches(u64),
    /// All at once, each with so many more as soon as its last message has come back to it.
    All(u64),
}

/// Sets whose members come as the load says.
pub(crate) struct Sets {
    cluster: Cluster<Orswot<String>>,
    load: Load,
    made: u64,
    messages: u64,
}

impl Sets {
    pub(crate) fn new(members: u8, load: Load) -> Self {
        Self {
            cluster: set_cluster(members),
            load,
            made: 0,
            messages: 0,
        }
    }

    fn add(&mut self, source: usize, count: u64) {
        let numbers = self.made..self.made + count;
        self.made = numbers.end;
        self.cluster
            .propose_all(source, |set| set.add_each(numbers.map(member)));
    }

    fn pace(&mut self) {
        self.messages += 1;
        if self.messages.is_multiple_of(PACE) {
            self.cluster.tick();
        }
    }

    /// Each addition by the next replica, when everybody has the one before.
    fn one_at_a_time(&mut self, ops: u64) -> u64 {
        for number in 0..ops {
            self.add(number as usize % self.cluster.actors().len(), 1);
            self.cluster.run();
            self.pace();
            self.cluster.run();
        }
        ops
    }

    fn in_batches(&mut self, ops: u64, batch: u64) -> u64 {
        let source = self.messages as usize % self.cluster.actors().len();
        let (before, end) = (self.made, self.made + ops / batch * batch);
        self.add(source, batch);
        let mut reached = self.cluster.head(source);
        while self.cluster.step() {
            if self.made < end && reached != self.cluster.head(source) {
                reached = self.cluster.head(source);
                self.add(source, batch);
                self.pace();
            }
        }
        self.made - before
    }

    fn by_all(&mut self, ops: u64, batch: u64) -> u64 {
        let sources = self.cluster.actors().len();
        let (before, end) = (self.made, self.made + ops);
        let mut reached = vec![None; sources];
        while self.made < end {
            for (source, reached) in reached.iter_mut().enumerate() {
                let head = Some(self.cluster.head(source));
                if self.made < end && *reached != head {
                    *reached = head;
                    self.add(source, batch);
                    self.pace();
                }
            }
            self.cluster.step();
        }
        self.cluster.run();
        self.made - before
    }
}

impl Contender for Sets {
    fn run(&mut self, ops: u64) -> u64 {
        let made = match self.load {
            Load::OneAtATime => self.one_at_a_time(ops),
            Load::Batches(batch) => self.in_batches(ops, batch),
            Load::All(batch) => self.by_all(ops, batch),
        };
        for index in 0..self.cluster.actors().len() {
            let set = self.cluster.algorithm(index);
            assert_eq!(set.len() as u64, self.made, "everything arrived");
        }
        made
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            packets: self.cluster.packets,
            bytes: self.cluster.bytes,
        }
    }
}

/// Sets of strings, empty.
pub(crate) fn set_cluster(members: u8) -> Cluster<Orswot<String>> {
    Cluster::new(members, |_, actor| Orswot::new(actor))
}

/// A bank in which every member's account is open.
pub(crate) fn bank(members: &[Actor], actor: Actor) -> Bank {
    let mut bank = Bank::new(actor);
    for owner in members {
        bank.apply(Bank::new(*owner).open(Money::new(BALANCE)));
    }
    bank
}

/// Payments go round a ring, one at a time.
pub(crate) struct Ring {
    pub(crate) cluster: Cluster<Bank>,
    made: u64,
}

impl Ring {
    pub(crate) fn new(members: u8) -> Self {
        Self {
            cluster: Cluster::new(members, bank),
            made: 0,
        }
    }

    /// Pays `amount`, and lets it arrive.
    pub(crate) fn pay(&mut self, from: usize, to: usize, amount: u64) {
        let to = self.cluster.actors()[to];
        self.cluster
            .propose(from, |bank| bank.transfer(to, Money::new(amount)));
        self.cluster.run();
        self.made += 1;
        if self.made.is_multiple_of(PACE) {
            self.cluster.tick();
            self.cluster.run();
        }
    }

    pub(crate) fn balance(&self, index: usize, owner: usize) -> Option<Money> {
        let owner = self.cluster.actors()[owner];
        self.cluster.algorithm(index).balance(&owner)
    }
}

impl Contender for Ring {
    fn run(&mut self, ops: u64) -> u64 {
        for _ in 0..ops {
            let (members, number) = (self.cluster.actors().len(), self.made as usize);
            self.pay(number % members, (number + 1) % members, 1);
        }
        ops
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            packets: self.cluster.packets,
            bytes: self.cluster.bytes,
        }
    }
}
