//! Reliable broadcast of `hbbft`, with `n` nodes in one thread.
//!
//! It is less than the others do: nothing is signed, since its links are taken to be authenticated; so nothing that was
//! delivered can be proved to anybody else, and no set or bank is behind it. It sends shares of the payload, not copies.

use std::collections::VecDeque;
use std::sync::Arc;

use hbbft::broadcast::{Broadcast, Message, Step};
use hbbft::{NetworkInfo, Target};
use rand_0_6::SeedableRng;
use rand_0_6::rngs::StdRng;

use crate::measure::{Contender, Traffic};

/// What stands for one operation.
const OP_BYTES: usize = 100;

/// Nodes that broadcast in turn, each time so many operations as one payload.
pub(crate) struct Network {
    infos: Vec<Arc<NetworkInfo<usize>>>,
    queue: VecDeque<(usize, usize, Vec<u8>)>,
    ops: usize,
    made: u64,
    traffic: Traffic,
}

impl Network {
    pub(crate) fn new(members: usize, ops: usize) -> Self {
        let mut random = StdRng::seed_from_u64(7);
        let infos = NetworkInfo::generate_map(0..members, &mut random).expect("keys");
        Self {
            infos: infos.into_values().map(Arc::new).collect(),
            queue: VecDeque::new(),
            ops,
            made: 0,
            traffic: Traffic::default(),
        }
    }

    fn broadcast(&mut self) {
        let source = self.made as usize % self.infos.len();
        let mut payload = vec![0; OP_BYTES * self.ops];
        payload[..8].copy_from_slice(&self.made.to_le_bytes());
        let node = |info: &Arc<_>| Broadcast::new(Arc::clone(info), source).expect("few nodes");
        let mut nodes: Vec<_> = self.infos.iter().map(node).collect();
        let step = nodes[source].broadcast(payload.clone());
        let mut delivered = self.send(source, step.expect("its turn"), &payload);
        while let Some((from, to, bytes)) = self.queue.pop_front() {
            self.traffic.count(&bytes);
            let message: Message = bincode::deserialize(&bytes).expect("just encoded");
            let step = nodes[to].handle_message(&from, message);
            delivered += self.send(to, step.expect("a member's"), &payload);
        }
        assert_eq!(delivered, nodes.len(), "everything arrived");
        self.made += self.ops as u64;
    }

    /// Sends what a step says. How often it delivers.
    fn send(&mut self, from: usize, step: Step<usize>, payload: &[u8]) -> usize {
        for sent in step.messages {
            let bytes = bincode::serialize(&sent.message).expect("plain data");
            match sent.target {
                Target::Node(to) => self.queue.push_back((from, to, bytes)),
                Target::All => {
                    let others = (0..self.infos.len()).filter(|to| *to != from);
                    let copies = others.map(|to| (from, to, bytes.clone()));
                    self.queue.extend(copies);
                }
            }
        }
        assert!(step.output.iter().all(|output| output == payload));
        step.output.len()
    }
}

impl Contender for Network {
    fn run(&mut self, ops: u64) -> u64 {
        let broadcasts = ops.div_ceil(self.ops as u64);
        (0..broadcasts).for_each(|_| self.broadcast());
        broadcasts * self.ops as u64
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}
