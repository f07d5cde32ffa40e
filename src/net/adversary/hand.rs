//! What a liar can do: anything that its own key allows, and nothing that takes another's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Input;
use crate::actor::{Actor, SigningActor, Statement, Verified};
use crate::codec::{Bytes, Digest};
use crate::deterministic_secure_broadcast::{Body, Echo, Message, Packet, Proposal, Replica};
use crate::dot::{Head, Seq};
use crate::membership::Genesis;
use crate::quorum::Tally;
use crate::traits::WireAlgorithm;

/// The powers of a liar: its own key, an honest replica to hide behind, and the right to send
/// anything to anybody. It has nobody else's key, and sees only what is sent to it.
pub struct Hand<'a, A: WireAlgorithm> {
    /// The only key that signs anything here.
    key: &'a SigningActor,
    /// A replica that follows the protocol, without a store.
    half: &'a mut Replica<A>,
    origin: Origin<'a, A>,
    /// The run's own: what a vice draws is a part of the run.
    random: &'a mut ChaCha8Rng,
    /// What the vice wants sent, until the frame takes it.
    packets: Vec<Packet>,
    /// It goes out after all packets.
    noise: Vec<(Actor, Vec<u8>)>,
    /// Of this input, by the names of vices.
    lies: BTreeMap<&'static str, u64>,
}

/// What every member starts from, and everybody knows.
pub(in crate::net) struct Origin<'a, A> {
    pub(in crate::net) genesis: &'a Genesis,
    pub(in crate::net) algorithm: &'a dyn Fn(Actor) -> A,
}

/// What a liar made of an input.
#[derive(Default)]
pub(in crate::net) struct Output {
    /// In the order in which they leave.
    pub(in crate::net) packets: Vec<Packet>,
    /// Bytes that need be no packet, and for whom.
    pub(in crate::net) noise: Vec<(Actor, Vec<u8>)>,
    /// How often it lied, by vice.
    pub(in crate::net) lies: BTreeMap<&'static str, u64>,
}

impl<'a, A: WireAlgorithm> Hand<'a, A> {
    /// For one input: what is kept between inputs is the vice's.
    pub(in crate::net) fn new(
        key: &'a SigningActor,
        half: &'a mut Replica<A>,
        origin: Origin<'a, A>,
        random: &'a mut ChaCha8Rng,
    ) -> Self {
        Self {
            key,
            half,
            origin,
            random,
            packets: Vec::new(),
            noise: Vec::new(),
            lies: BTreeMap::new(),
        }
    }

    // ---- who it is and what it knows

    /// Who it is.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.key.actor()
    }

    /// The other members, in seat order.
    #[must_use]
    pub fn others(&self) -> Vec<Actor> {
        let members = self.half.committee().actors().iter().copied();
        members.filter(|member| *member != self.actor()).collect()
    }

    /// The honest half.
    #[must_use]
    pub fn half(&self) -> &Replica<A> {
        self.half
    }

    /// The honest half, to drive it by hand: what its steps want sent is then up to the liar.
    pub fn half_mut(&mut self) -> &mut Replica<A> {
        self.half
    }

    /// A second replica with the same key, that knows nothing yet: as if the store were lost.
    #[must_use]
    pub fn another_half(&self) -> Replica<A> {
        let algorithm = (self.origin.algorithm)(self.actor());
        let genesis = self.origin.genesis.clone();
        let (replica, _) = Replica::recover(self.key.clone(), algorithm, genesis, [])
            .expect("the first half was built from the same");
        replica
    }

    // ---- chance

    /// The run's chance.
    pub fn random(&mut self) -> &mut ChaCha8Rng {
        self.random
    }

    /// One of the other members, if there are any.
    pub fn draw_other(&mut self) -> Option<Actor> {
        self.draw(&self.others()).copied()
    }

    /// About half of the other members.
    pub fn draw_others(&mut self) -> BTreeSet<Actor> {
        let mut others = self.others();
        others.retain(|_| self.random.random_bool(0.5));
        others.into_iter().collect()
    }

    /// One of these, if there are any.
    pub fn draw<'b, T>(&mut self, all: &'b [T]) -> Option<&'b T> {
        (!all.is_empty()).then(|| &all[self.random.random_range(0..all.len())])
    }

    // ---- what it does

    /// Signs anything, with its own key.
    pub fn sign<T: Statement>(&self, statement: T) -> Verified<T> {
        self.key.sign(self.half.network(), statement)
    }

    /// A message of its own, with its signature, anywhere in its lane and about anything.
    #[must_use]
    pub fn sign_message(&self, seq: Seq, parent: Digest, ops: impl Into<Bytes>) -> Arc<Proposal> {
        let message = Message {
            source: self.actor(),
            seq,
            parent,
            ops: ops.into(),
        };
        let echo = Echo {
            generation: self.half.generation(),
            dot: message.dot(),
            digest: message.digest(self.half.network()),
        };
        Arc::new(Proposal {
            message,
            generation: echo.generation,
            sig: self.sign(echo).sig,
        })
    }

    /// The echoes of a proposal of its own, with its own: a certificate, when a quorum is here.
    pub(super) fn tally(&self, proposal: &Proposal) -> Tally<Echo> {
        let echo = self.sign(Echo {
            generation: self.half.generation(),
            dot: proposal.message.dot(),
            digest: proposal.message.digest(self.half.network()),
        });
        let mut tally = Tally::new(echo.statement);
        tally.add(self.half.committee(), &echo);
        tally
    }

    /// Signs a message after this end of its lane, and proposes it to some. None when the lane has
    /// no numbers left.
    pub fn propose_to(
        &mut self,
        to: &BTreeSet<Actor>,
        head: Head,
        ops: impl Into<Bytes>,
    ) -> Option<Arc<Proposal>> {
        let proposal = self.sign_message(head.seq.next()?, head.digest, ops);
        for member in to {
            self.send(*member, Body::Proposal(Arc::clone(&proposal)));
        }
        Some(proposal)
    }

    /// Sends anything to anybody.
    pub fn send(&mut self, to: Actor, body: Body) {
        self.send_as(self.actor(), to, body);
    }

    /// Sends anything to anybody, with the return address of anybody: it needs no key.
    pub fn send_as(&mut self, from: Actor, to: Actor, body: Body) {
        self.packets.push(Packet { from, to, body });
    }

    /// Sends bytes that need be no packet. No vice of the member changes them any more.
    pub fn send_bytes(&mut self, to: Actor, bytes: Vec<u8>) {
        self.noise.push((to, bytes));
    }

    /// Counts a lie, under the name of the vice: to be read from
    /// [`Net::lies`](crate::net::Net::lies). A run in which nobody lied shows nothing.
    pub fn lied(&mut self, vice: &'static str) {
        *self.lies.entry(vice).or_default() += 1;
    }

    // ---- the frame

    /// What the honest half wants sent. What it refuses is not sent.
    ///
    /// The records and deliveries of the half are dropped: its store is nowhere, and it never
    /// crashes.
    pub(super) fn behave(&mut self, input: Input<A::Op>) -> Vec<Packet> {
        let step = match input {
            Input::Packet(packet) => self.half.handle_packet(packet).ok(),
            Input::Tick(_) => Some(self.half.tick()),
            Input::Op(op) => self.half.propose(op).ok(),
        };
        step.map_or_else(Vec::new, |step| step.packets().collect())
    }

    /// What was said through the hand since it was last asked.
    pub(super) fn take_packets(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.packets)
    }

    /// `packets` is all that the member sends, as the vice left it.
    pub(super) fn into_output(self, packets: Vec<Packet>) -> Output {
        Output {
            packets,
            noise: self.noise,
            lies: self.lies,
        }
    }
}
