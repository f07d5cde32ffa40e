//! A whole network in one thread, for benchmarks: every replica does its own work, and nothing is shared between them.
//!
//! Each packet is encoded as for a link, handed over in memory in the order of sending, and decoded. Records are dropped: no disk is
//! measured. Time is processor time, since these machines have other things to do.
//! It is this thread's: with feature `parallel`, what others check for it is counted in its work and not in its time.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bft_crdts::actor::Work;
use bft_crdts::codec::Limits;
use bft_crdts::deterministic_secure_broadcast::{Packet, Prechecked, Replica, Step};
use bft_crdts::dot::{Dot, Head};
use bft_crdts::membership::{Change, Genesis};
use bft_crdts::quorum::Generation;
use bft_crdts::traits::WireAlgorithm;
use bft_crdts::{Actor, SigningActor};

/// Replicas in one thread, and what is under way between them.
pub(crate) struct Cluster<A: WireAlgorithm> {
    actors: Vec<Actor>,
    replicas: Vec<Replica<A>>,
    queue: VecDeque<Sent>,
    limits: Limits,
    taking: Taking,
    /// Packets that were handed over.
    pub(crate) packets: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// A packet on its link.
struct Sent {
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

/// How a replica takes in what waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Taking {
    /// One packet after the other, each of which checks its own signatures.
    Singly,
    /// All that waits, with the signatures of all checked together first, as a node does.
    #[default]
    Together,
}

impl Taking {
    pub(crate) const ALL: [Self; 2] = [Self::Singly, Self::Together];
}

/// What one replica did with one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handled {
    /// The replica's seat.
    pub(crate) by: usize,
    /// The packet's kind.
    pub(crate) kind: &'static str,
    /// The dot that the packet speaks of.
    pub(crate) dot: Option<Dot>,
    /// What it took, on the clock, from the decoded packet to the step.
    pub(crate) time: Duration,
}

impl<A: WireAlgorithm> Cluster<A> {
    /// `members` replicas, each of which starts as `make` says.
    pub(crate) fn new(members: u8, make: impl Fn(&[Actor], Actor) -> A) -> Self {
        let keys = (1..=members).map(|byte| SigningActor::from_secret(&[byte; 32]));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(SigningActor::actor);
        let actors: Vec<_> = keys.iter().map(SigningActor::actor).collect();
        let limits = Limits::default();
        let seated = actors.iter().copied().collect();
        let genesis = Genesis::new(&make(&actors, actors[0]), seated, limits.clone(), [0; 32]);
        let genesis = genesis.expect("a committee");
        let replica = |key: SigningActor| {
            let algorithm = make(&actors, key.actor());
            let recovered = Replica::recover(key, algorithm, genesis.clone(), []);
            recovered.expect("the genesis fits").0
        };
        let replicas = keys.into_iter().map(replica).collect();
        Self {
            actors,
            replicas,
            queue: VecDeque::new(),
            limits,
            taking: Taking::default(),
            packets: 0,
            bytes: 0,
        }
    }

    /// The same, whose replicas take in packets so.
    pub(crate) fn taking(self, taking: Taking) -> Self {
        Self { taking, ..self }
    }

    /// The members, in seat order.
    pub(crate) fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The replica in this seat.
    pub(crate) fn replica(&self, index: usize) -> &Replica<A> {
        &self.replicas[index]
    }

    /// One replica's algorithm, with what it delivered.
    pub(crate) fn algorithm(&self, index: usize) -> &A {
        self.replica(index).algorithm()
    }

    /// Where a replica's own lane ends.
    pub(crate) fn head(&self, index: usize) -> Head {
        let head = self.replica(index).head(&self.actors[index]);
        head.expect("a member's lane")
    }

    /// Makes an operation on what the replica itself has ahead, and proposes it. It is sent, and not yet received.
    pub(crate) fn propose(&mut self, index: usize, make: impl FnOnce(&A) -> A::Op) {
        self.propose_all(index, |ahead| vec![make(ahead)]);
    }

    /// The same with operations that are proposed at once.
    pub(crate) fn propose_all(&mut self, index: usize, make: impl FnOnce(&A) -> Vec<A::Op>) {
        let ops = make(self.replicas[index].ahead());
        let step = self.replicas[index].propose_all(ops).expect("valid");
        self.send(&step);
    }

    /// All members approve a new generation, and everything that follows at once happens.
    pub(crate) fn renew(&mut self) {
        for index in 0..self.replicas.len() {
            // The last ones are frozen by the others' already.
            if let Ok(step) = self.replicas[index].approve(Change::Renew) {
                self.send(&step);
            }
        }
        self.run();
    }

    /// The generation of the member that is furthest behind.
    pub(crate) fn oldest(&self) -> Generation {
        let generations = self.replicas.iter().map(Replica::generation);
        generations.min().expect("members")
    }

    /// Lets everybody's clock tick once.
    pub(crate) fn tick(&mut self) {
        for index in 0..self.replicas.len() {
            let step = self.replicas[index].tick();
            self.send(&step);
        }
    }

    /// Hands over what is under way until nothing is.
    pub(crate) fn run(&mut self) {
        while self.step() {}
    }

    /// What is under way to a replica.
    pub(crate) fn waiting_for(&self, index: usize) -> Vec<Packet> {
        let waiting = self.queue.iter().filter(|sent| sent.to == index);
        waiting.map(|sent| self.decode(sent)).collect()
    }

    /// Hands over the next packet, or with it all that wait for the same replica. Whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        match self.taking {
            Taking::Singly => self.handle_one().is_some(),
            Taking::Together => self.handle_waiting(),
        }
    }

    fn handle_waiting(&mut self) -> bool {
        let Some(by) = self.queue.front().map(|sent| sent.to) else {
            return false;
        };
        let queue = std::mem::take(&mut self.queue).into_iter();
        let (waiting, others): (Vec<_>, _) = queue.partition(|sent| sent.to == by);
        self.queue = others.into();
        self.packets += waiting.len() as u64;
        self.bytes += waiting
            .iter()
            .map(|sent| sent.bytes.len() as u64)
            .sum::<u64>();
        let packets: Vec<_> = waiting.iter().map(|sent| self.decode(sent)).collect();
        let replica = &mut self.replicas[by];
        let checked = replica.precheck(&packets).run();
        replica.trust(checked);
        for packet in packets {
            let step = self.replicas[by].handle_packet(packet);
            self.send(&step.expect("nobody lies"));
        }
        self.replicas[by].trust(Prechecked::default());
        true
    }

    /// The same, and what was done with it.
    pub(crate) fn handle_one(&mut self) -> Option<Handled> {
        let sent = self.queue.pop_front()?;
        Some(self.hand_over(&sent))
    }

    /// Hands over the packet that `draw` chooses among so many. Whether there was one.
    pub(crate) fn step_in_disorder(&mut self, draw: impl FnOnce(usize) -> usize) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let chosen = draw(self.queue.len());
        if let Some(sent) = self.queue.swap_remove_back(chosen) {
            self.hand_over(&sent);
        }
        true
    }

    fn decode(&self, sent: &Sent) -> Packet {
        let (from, to) = (self.actors[sent.from], self.actors[sent.to]);
        Packet::decode_linked(&sent.bytes, from, to, &self.limits).expect("just encoded")
    }

    fn hand_over(&mut self, sent: &Sent) -> Handled {
        self.packets += 1;
        self.bytes += sent.bytes.len() as u64;
        let packet = self.decode(sent);
        let by = sent.to;
        let (kind, dot) = (packet.body.kind(), packet.body.dot());
        let start = Instant::now();
        let step = self.replicas[by].handle_packet(packet);
        let time = start.elapsed();
        self.send(&step.expect("nobody lies"));
        Handled {
            by,
            kind,
            dot,
            time,
        }
    }

    fn send(&mut self, step: &Step) {
        for packet in step.packets() {
            let seat = |actor| self.actors.binary_search(actor).expect("a member");
            self.queue.push_back(Sent {
                from: seat(&packet.from),
                to: seat(&packet.to),
                bytes: packet.encode_linked(),
            });
        }
    }
}

/// What some work cost this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Processor time.
    pub(crate) time: Duration,
    /// Signatures made and checked.
    pub(crate) work: Work,
}

impl Cost {
    /// Of `act`.
    pub(crate) fn of(act: impl FnOnce()) -> Self {
        let (time, work) = (processor_time(), Work::so_far());
        act();
        let now = Work::so_far();
        Self {
            time: processor_time().saturating_sub(time),
            work: Work {
                signatures: now.signatures - work.signatures,
                verifications: now.verifications - work.verifications,
                snapshots: now.snapshots - work.snapshots,
            },
        }
    }
}

/// Of this thread. Wall time where there is no `/proc`.
///
/// It yields first, since the kernel else counts only up to its last tick, which may be 4 ms ago.
pub(crate) fn processor_time() -> Duration {
    std::thread::yield_now();
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = nanos.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(
        || std::time::UNIX_EPOCH.elapsed().unwrap_or_default(),
        Duration::from_nanos,
    )
}

/// Of this process; 0 where there is no `/proc`.
pub(crate) fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4096
}
