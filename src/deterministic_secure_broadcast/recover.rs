//! Building a replica from what it made durable: the first start has nothing, every later one goes on where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Replica;
use super::error::RecoverError;
use super::lane::{Certified, Lane};
use super::message::{Certificate, Entry, Proposal};
use super::propose::Outbox;
use super::step::{Record, Step};
use super::sync::Peer;
use crate::actor::SigningActor;
use crate::codec::{Bytes, decode};
use crate::dot::Dot;
use crate::membership::Genesis;
use crate::traits::Wire;

impl<A: Wire> Replica<A> {
    /// The replica of `key`'s actor in the network that `genesis` describes, as its `records` left it: with none,
    /// the first start. `algorithm` is in the genesis state. An actor that is no member follows the network and signs nothing.
    ///
    /// The step announces the replica to the members. A crash between any two records is no loss, as long as each step
    /// was spent in order.
    ///
    /// # Errors
    /// [`RecoverError`] when the algorithm is not the one described, or a record does not follow from those
    /// before it.
    pub fn recover(
        key: SigningActor,
        algorithm: A,
        genesis: Genesis,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(Self, Step<A::Op>), RecoverError> {
        let mut replica = Self::fresh(key, algorithm, genesis)?;
        for (index, record) in records.into_iter().enumerate() {
            replica
                .replay(record)
                .ok_or(RecoverError::Record { index })?;
        }
        let mut step = Step::default();
        if replica.committee.contains(&replica.actor()) {
            for member in replica.committee.actors().to_vec() {
                replica.announce(member, &mut step);
            }
        }
        replica.echo_locks(&mut step);
        replica.ready.extend(replica.lanes.keys().copied());
        replica.flush(replica.outbox.len(), &mut step);
        replica.settle(&mut step);
        Ok((replica, step))
    }

    fn fresh(key: SigningActor, algorithm: A, genesis: Genesis) -> Result<Self, RecoverError> {
        genesis.check(&algorithm)?;
        let committee = genesis.committee()?;
        let network = genesis.network();
        let members = committee.actors();
        let lanes = members.iter().map(|actor| (*actor, Lane::new(&network)));
        let peers = members.iter().map(|actor| (*actor, Peer::new(*actor, 0)));
        Ok(Self {
            lanes: lanes.collect(),
            peers: peers.filter(|(actor, _)| *actor != key.actor()).collect(),
            key,
            genesis,
            network,
            committee: Arc::new(committee),
            algorithm,
            outbox: Outbox::new(),
            ready: BTreeSet::new(),
            convicted: BTreeMap::new(),
            silenced: false,
            standing: None,
            now: 0,
        })
    }

    /// Does again what a record says was done. `None` when it does not follow from what was done before.
    fn replay(&mut self, record: Record) -> Option<()> {
        match record {
            Record::Queued(bytes) => self.replay_queued(bytes),
            Record::Locked {
                proposal,
                from_outbox,
            } => self.replay_locked(proposal, from_outbox),
            Record::Certified {
                proposals,
                certificate,
            } => self.replay_certified(&proposals, certificate),
            Record::Delivered(dot) => self.replay_delivered(dot),
            Record::Convicted(evidence) => {
                self.convicted.insert(evidence.accused(), evidence);
                Some(())
            }
            Record::Silenced(_) => {
                self.silenced = true;
                Some(())
            }
        }
    }

    fn replay_queued(&mut self, bytes: Bytes) -> Option<()> {
        let op = decode(bytes.as_slice(), bytes.len()).ok()?;
        self.outbox.push(op, bytes);
        Some(())
    }

    fn replay_locked(&mut self, proposal: Arc<Proposal>, from_outbox: u32) -> Option<()> {
        let entry = Entry::new(&self.network, proposal);
        let lane = self.lanes.get(&entry.message().source)?;
        let follows = entry.message().seq.follows(lane.head().seq);
        if !follows || entry.message().parent != lane.head().digest {
            return None;
        }
        let ops = entry.message().decode(self.genesis.limits()).ok()?;
        self.lock(entry, ops, 1);

        self.outbox.drop_first(from_outbox as usize).then_some(())
    }

    fn replay_certified(
        &mut self,
        proposals: &[Arc<Proposal>],
        certificate: Arc<Certificate>,
    ) -> Option<()> {
        let lane = self.lanes.get_mut(&certificate.statement.dot.source)?;
        let mut head = lane.head();
        let entries = proposals
            .iter()
            .map(|p| Entry::new(&self.network, Arc::clone(p)));
        let mut tail: Vec<_> = entries.collect();
        if tail.is_empty() {
            tail.push(lane.lock()?.entry.clone());
        }
        for entry in &tail {
            let follows = entry.message().seq.follows(head.seq);
            if !follows || entry.message().parent != head.digest {
                return None;
            }
            head = entry.head();
        }
        if head != certificate.head() {
            return None;
        }
        let tail = tail.into();
        lane.certified = Some(Certified { certificate, tail });
        Some(())
    }

    fn replay_delivered(&mut self, dot: Dot) -> Option<()> {
        let lane = self.lanes.get_mut(&dot.source)?;
        let entry = lane.certified.as_ref()?.tail.front()?.clone();
        if entry.message().dot() != dot {
            return None;
        }
        let ops = entry.message().decode(self.genesis.limits()).ok()?;
        lane.advance(&entry, self.genesis.limits());
        self.apply(dot.source, ops);
        Some(())
    }
}
