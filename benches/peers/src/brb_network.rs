//! The predecessor's published successor, `brb`, with `n` replicas in one thread: its set and its bank.
//!
//! Its members are seated by its `force_join`, so that it has no history of members to fold, which it otherwise does several
//! times a packet.

use std::collections::VecDeque;

use brb::BRBDataType;
use brb::net::{Actor, Packet, SigningActor, State};
use brb_dt_at2::Bank;
use brb_dt_orswot::BRBOrswot;
use ed25519_dalek_1::{Keypair, PublicKey, SecretKey};
use serde::de::DeserializeOwned;

use crate::measure::{Contender, Traffic, member};

/// Its set.
pub(crate) type Set = BRBOrswot<Actor, String>;
/// Its bank.
pub(crate) type Money = Bank<Actor>;

/// Replicas, and what is under way between them.
pub(crate) struct Network<T: BRBDataType<Actor>> {
    pub(crate) replicas: Vec<State<T>>,
    queue: VecDeque<Vec<u8>>,
    traffic: Traffic,
    made: u64,
}

impl<T: BRBDataType<Actor, Op: DeserializeOwned>> Network<T> {
    pub(crate) fn new(members: u8) -> Self {
        let mut replicas: Vec<State<T>> = (1..=members).map(replica).collect();
        let actors: Vec<_> = replicas.iter().map(State::actor).collect();
        for replica in &mut replicas {
            actors.iter().for_each(|actor| replica.force_join(*actor));
        }
        Self {
            replicas,
            queue: VecDeque::new(),
            traffic: Traffic::default(),
            made: 0,
        }
    }

    pub(crate) fn actor(&self, index: usize) -> Actor {
        self.replicas[index].actor()
    }

    /// Makes an operation and sends it. Whether the replica took it.
    pub(crate) fn propose(&mut self, index: usize, make: impl FnOnce(&T) -> T::Op) -> bool {
        let replica = &mut self.replicas[index];
        let op = make(&replica.dt);
        let packets = replica.exec_op(op);
        let taken = packets.is_ok();
        self.send(packets.unwrap_or_default());
        taken
    }

    /// Sends again what each replica waits for an answer to, as its documentation demands.
    pub(crate) fn resend(&mut self) {
        for index in 0..self.replicas.len() {
            let packets = self.replicas[index].resend_pending_msgs();
            self.send(packets.unwrap_or_default());
        }
    }

    /// Has everybody ask everybody else for what it lacks: what onboarding is made of.
    pub(crate) fn ask_around(&mut self) {
        for index in 0..self.replicas.len() {
            let me = &self.replicas[index];
            let others = self.replicas.iter().map(State::actor);
            let others = others.filter(|other| *other != me.actor());
            let packets: Vec<_> = others
                .filter_map(|other| me.anti_entropy(other).ok())
                .collect();
            self.send(packets);
        }
    }

    /// Whether a source may go on to its next operation, as its documentation demands: nothing of its own is unanswered.
    pub(crate) fn is_idle(&self, index: usize) -> bool {
        let pending = self.replicas[index].resend_pending_msgs();
        pending.is_ok_and(|pending| pending.is_empty())
    }

    /// How many operations of `source` the replica at `index` has applied.
    pub(crate) fn delivered(&self, index: usize, source: usize) -> u64 {
        self.replicas[index].delivered.get(&self.actor(source))
    }

    /// Hands over everything in the order of sending.
    pub(crate) fn run_in_order(&mut self) {
        while let Some(bytes) = self.queue.pop_front() {
            self.hand_over(&bytes);
        }
    }

    /// Hands over the packet that `draw` chooses among so many. Whether there was one.
    pub(crate) fn step(&mut self, draw: impl FnOnce(usize) -> usize) -> bool {
        let Some(last) = self.queue.len().checked_sub(1) else {
            return false;
        };
        let chosen = draw(last + 1).min(last);
        let bytes = self.queue.swap_remove_back(chosen);
        bytes.iter().for_each(|bytes| self.hand_over(bytes));
        true
    }

    /// What a replica refuses it refuses: some of its answers come too late for it even in order.
    fn hand_over(&mut self, bytes: &[u8]) {
        self.traffic.count(bytes);
        let packet: Packet<T::Op> = bincode::deserialize(bytes).expect("just encoded");
        let to = |replica: &&mut State<T>| replica.actor() == packet.dest;
        let replica = self.replicas.iter_mut().find(to).expect("a member");
        let packets = replica.handle_packet(packet);
        self.send(packets.unwrap_or_default());
    }

    fn send(&mut self, packets: Vec<Packet<T::Op>>) {
        let encode = |packet| bincode::serialize(&packet).expect("plain data");
        self.queue.extend(packets.into_iter().map(encode));
    }
}

/// A replica whose key is made from a number.
fn replica<T: BRBDataType<Actor>>(number: u8) -> State<T> {
    let secret = SecretKey::from_bytes(&[number; 32]).expect("32 bytes");
    let public = PublicKey::from(&secret);
    let mut replica = State::<T>::new();
    replica.membership.id = SigningActor(Keypair { secret, public });
    replica.dt = T::new(replica.actor());
    replica
}

/// Additions one at a time, each by the next replica.
impl Contender for Network<Set> {
    fn run(&mut self, ops: u64) -> u64 {
        for _ in 0..ops {
            let number = self.made;
            let source = number as usize % self.replicas.len();
            let taken = self.propose(source, |set| set.add(member(number)));
            assert!(taken, "in order and one at a time it takes everything");
            self.run_in_order();
            self.made += 1;
        }
        let members = |replica: &State<Set>| replica.dt.orswot().read().val.len() as u64;
        let last = self.replicas.last().map(members);
        assert_eq!(last, Some(self.made), "everything arrived");
        ops
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl Network<Money> {
    /// Accounts are opened by their owners, one after the other.
    pub(crate) fn open(members: u8, balance: u64) -> Self {
        let mut network = Self::new(members);
        for index in 0..network.replicas.len() {
            let owner = network.actor(index);
            network.propose(index, |bank| bank.open_account(owner, balance));
            network.run_in_order();
        }
        network
    }

    /// Pays `amount`, and lets it arrive.
    pub(crate) fn pay(&mut self, from: usize, to: usize, amount: u64) {
        let (payer, payee) = (self.actor(from), self.actor(to));
        let pay = |bank: &Money| bank.transfer(payer, payee, amount);
        self.propose(from, |bank| pay(bank).expect("the money is there"));
        self.run_in_order();
    }

    pub(crate) fn balance(&self, index: usize, owner: usize) -> u64 {
        self.replicas[index].dt.balance(&self.actor(owner))
    }
}

/// Payments go round a ring, one at a time.
impl Contender for Network<Money> {
    fn run(&mut self, ops: u64) -> u64 {
        for _ in 0..ops {
            let (members, number) = (self.replicas.len(), self.made as usize);
            self.pay(number % members, (number + 1) % members, 1);
            self.made += 1;
        }
        ops
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}
