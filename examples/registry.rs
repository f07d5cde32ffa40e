//! A registry of certificates of several organisations: on a simulated network with a liar, then,
//! the same type, as a node.
//!
//! Everybody looks up; only the organisation that issued a certificate revokes it; look-ups are
//! counted, for the audit; and all keep write one text of policy.
#![allow(clippy::print_stdout)]

use std::error::Error;

use bft_crdts::net::{Equivocator, Faults, Net};
use bft_crdts::types::{Counter, Map, Text, map};
use bft_crdts::{
    Actor, DurableStore, Genesis, Limits, Node, SecureBroadcastAlgorithm, SigningActor, Verdict,
    product,
};
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

/// Who issued a certificate, and for what.
type Name = (Actor, String);

/// Whether each holds or was revoked. An organisation writes under its own name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificates(Map<Name, bool>);

impl SecureBroadcastAlgorithm for Certificates {
    type Op = map::Op<Name, bool>;
    type ReplicatedState = map::State<Name, bool>;
    const NAME: &'static str = "certificates/1";

    fn new(actor: Actor) -> Self {
        Self(Map::new(actor))
    }
    fn state(&self) -> Self::ReplicatedState {
        self.0.state()
    }
    fn sync_from(&mut self, other: Self::ReplicatedState) {
        self.0.sync_from(other);
    }
    fn validate(&self, from: &Actor, op: &Self::Op) -> bool {
        self.verdict(from, op).is_valid()
    }
    fn verdict(&self, from: &Actor, op: &Self::Op) -> Verdict {
        self.verdict_batch(from, std::slice::from_ref(op))
    }
    fn verdict_batch(&self, from: &Actor, ops: &[Self::Op]) -> Verdict {
        // Who issued is in the key, so nothing that others do changes this.
        let foreign = ops.iter().position(|op| match op {
            map::Op::Put { key, .. } | map::Op::Remove { key, .. } => key.0 != *from,
        });
        let own = &ops[..foreign.unwrap_or(ops.len())];
        match self.0.verdict_batch(from, own) {
            Verdict::Valid if foreign.is_some() => Verdict::Never("another's certificate"),
            verdict => verdict,
        }
    }
    fn apply(&mut self, op: Self::Op) {
        self.0.apply(op);
    }
    fn configuration(&self) -> Vec<u8> {
        self.0.configuration()
    }
}

product! {
    /// All that the organisations share.
    struct Registry("registry/1"), op Change {
        certificates: Certificate(Certificates),
        audit: Audit(Counter),
        policy: Policy(Text),
    }
}

impl Registry {
    /// Issues or revokes.
    fn certify(&self, issuer: Actor, subject: &str, holds: bool) -> Change {
        let name = (issuer, subject.to_owned());
        Change::Certificate(self.certificates.0.put(name, holds))
    }
    fn look_up(&self, issuer: Actor, subject: &str) -> (Option<bool>, Change) {
        let found = self.certificates.0.get(&(issuer, subject.to_owned()));
        (found.copied(), Change::Audit(self.audit.add(1)))
    }
}

fn simulated() -> Result<(), Box<dyn Error>> {
    let mut net = Net::<Registry>::builder(7)
        .members(4)
        .byzantine(Equivocator::default())
        .faults(Faults::hostile())
        .build();
    let (liar, ann, bob) = (net.liars()[0], net.honest(0), net.honest(1));
    let policy = net.ahead(&ann).policy.insert(0, "We meet them.");
    net.propose(&ann, Change::Policy(policy.expect("the start")))?;
    let op = net.ahead(&ann).certify(ann, "carol", true);
    net.propose(&ann, op)?;
    let op = net.ahead(&bob).certify(ann, "carol", false);
    assert!(net.propose(&bob, op).is_err(), "only the issuer revokes");
    // The liar issues to some and revokes to others, in one place of its log.
    for holds in [true, false] {
        let op = net.ahead(&liar).certify(liar, "dave", holds);
        net.propose(&liar, op)?;
    }
    net.settle();
    let policy = net.ahead(&bob).policy.insert(12, " first");
    net.propose(&bob, Change::Policy(policy.expect("before the full stop")))?;
    let (found, audit) = net.ahead(&bob).look_up(ann, "carol");
    net.propose(&bob, audit)?;
    assert_eq!(found, Some(true));
    let op = net.ahead(&ann).certify(ann, "carol", false);
    net.propose(&ann, op)?;
    net.settle();
    let dave = net.read(&ann).look_up(liar, "dave").0;
    for registry in net.honest_actors().iter().map(|who| net.read(who)) {
        assert_eq!(registry.look_up(ann, "carol").0, Some(false));
        assert_eq!(registry.look_up(liar, "dave").0, dave);
        assert_eq!(registry.audit.value(), 1);
        assert_eq!(registry.policy.to_string(), "We meet them first.");
    }
    println!("Carol's is revoked; all see the liar's alike: {dave:?}");
    Ok(())
}

async fn as_a_node() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("registry-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let key = SigningActor::generate();
    let me = key.actor();
    let nonce = UnwrapErr(SysRng).random();
    let genesis = Genesis::new(&Registry::new(me), [me].into(), Limits::default(), nonce)?;
    let mut store = DurableStore::create(directory.join("store.redb"), key.clone())?;
    store.found(&genesis)?;
    let node = Node::builder(key, Registry::new(me), genesis)
        .listen("127.0.0.1:0".parse()?)
        .start(store)
        .await?;
    node.propose_with(move |registry| Some(registry.certify(me, "erin", true)))
        .await?;
    let found = node.read(move |replica| replica.algorithm().look_up(me, "erin").0);
    println!("Durable, and signed by all members: {:?}", found.await?);
    node.shutdown().await?;
    Ok(std::fs::remove_dir_all(directory)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    simulated()?;
    as_a_node().await
}
