//! What it costs to check a proof that left the process: `cargo bench --bench proofs`.
//!
//! A receipt beside its signatures alone, and the chain of a network that began many generations. Medians; the two of a row are
//! measured in turns.

#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bft_crdts::actor::{Signed, Statement};
use bft_crdts::codec::{Digest, Limits, encode};
use bft_crdts::deterministic_secure_broadcast::{Echo, Message};
use bft_crdts::dot::Seq;
use bft_crdts::membership::{Ending, Header, Round, Vote, VoteKind};
use bft_crdts::merkle::Tree;
use bft_crdts::orswot::Orswot;
use bft_crdts::quorum::{Committee, Generation};
use bft_crdts::snapshot::Commitment;
use bft_crdts::verify::{Chain, End, Link, Proof, Receipt, Root, Signatures, Trust, check};
use bft_crdts::{Genesis, NetworkId, SecureBroadcastAlgorithm, SigningActor};

/// A network of four of which every key is known.
struct Network {
    keys: Vec<SigningActor>,
    genesis: Genesis,
    name: NetworkId,
    generation: Generation,
    parent: Digest,
}

impl Network {
    fn new() -> Self {
        let mut keys: Vec<_> = (1..=4)
            .map(|byte| SigningActor::from_secret(&[byte; 32]))
            .collect();
        keys.sort_by_key(SigningActor::actor);
        let members = keys.iter().map(SigningActor::actor).collect();
        let set = Orswot::<String>::new(keys[0].actor());
        let genesis =
            Genesis::new(&set, members, Limits::default(), [0; 32]).expect("four members");
        let name = genesis.network();
        let generation = Generation::GENESIS;
        let parent = name.digest();
        Self {
            keys,
            genesis,
            name,
            generation,
            parent,
        }
    }

    fn members(&self) -> BTreeSet<bft_crdts::Actor> {
        self.keys.iter().map(SigningActor::actor).collect()
    }

    fn certify<T: Statement + Clone>(&self, statement: &T) -> Signatures {
        let committee = Committee::new(self.generation, &self.members(), &Limits::default())
            .expect("good keys");
        let seats = committee.seats().zip(&self.keys).take(committee.quorum());
        seats
            .map(|((seat, _), key)| (seat, key.sign(&self.name, statement.clone()).sig))
            .collect()
    }

    /// Begins a generation.
    fn next(&mut self) -> Link {
        let ending = Ending::default();
        let next = self.generation.next().expect("few");
        let header = Header {
            parent: self.parent,
            generation: next,
            members: self.members(),
            frontier: ending.frontier_tree().digest(),
            marks: ending.marks_tree().digest(),
            state: Commitment {
                snapshot: self.parent,
                records: Tree::EMPTY,
            },
            body: self.parent,
        };
        let digest = header.digest(&self.name);
        let round = Round::FIRST;
        let kind = VoteKind::Precommit(Some(digest));
        let signatures = self.certify(&Vote {
            generation: self.generation,
            round,
            kind,
        });
        (self.generation, self.parent) = (next, digest);
        Link {
            header,
            round,
            signatures,
        }
    }

    fn trust(&self) -> Trust {
        Trust::Header {
            generation: self.generation,
            digest: self.parent,
        }
    }

    /// The receipt of an addition to a set, in the newest generation.
    fn receipt(&self, chain: Chain) -> (Receipt, Echo) {
        let mut set = Orswot::<String>::new(self.keys[1].actor());
        let addition = set.add("apple".to_owned());
        set.apply(addition.clone());
        let message = Message {
            source: self.keys[1].actor(),
            seq: Seq::new(1),
            parent: self.name.digest(),
            ops: encode(&vec![addition]).into(),
        };
        let echo = Echo {
            generation: self.generation,
            dot: message.dot(),
            digest: message.digest(&self.name),
        };
        let end = End::Certificate {
            generation: self.generation,
            signatures: self.certify(&echo),
        };
        (
            Receipt {
                network: self.name,
                chain,
                message,
                later: Vec::new(),
                end,
            },
            echo,
        )
    }
}

/// The medians of two things that are done in turns, so many times.
fn in_turns(times: usize, mut one: impl FnMut(), mut other: impl FnMut()) -> [Duration; 2] {
    let mut spent = [Vec::new(), Vec::new()];
    for _ in 0..times {
        let begin = Instant::now();
        one();
        spent[0].push(begin.elapsed());
        let begin = Instant::now();
        other();
        spent[1].push(begin.elapsed());
    }
    spent.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

fn receipts(times: usize) {
    let mut network = Network::new();
    let header = Root::Header(network.next().header);
    let trust = network.trust();
    let link = network.next();
    let vote = Vote {
        generation: Generation::GENESIS.next().expect("a number"),
        round: link.round,
        kind: VoteKind::Precommit(Some(network.parent)),
    };
    let (receipt, echo) = network.receipt(Chain {
        root: header,
        links: vec![link.clone()],
    });
    let End::Certificate { signatures, .. } = &receipt.end else {
        unreachable!("it was made so");
    };
    let votes: Vec<_> = signed(&network, &link.signatures, vote);
    let echoes: Vec<_> = signed(&network, signatures, echo);
    let bytes = Proof::Receipt(receipt).to_bytes();
    let [whole, alone] = in_turns(
        times,
        || {
            check(black_box(&bytes), &trust).expect("a good receipt");
        },
        || {
            // Each key is made ready once.
            let keys: Vec<_> = votes
                .iter()
                .map(|vote| vote.signer.public_key().expect("a key"))
                .collect();
            for (vote, key) in votes.iter().zip(&keys) {
                black_box(*vote).verify(&network.name, key).expect("good");
            }
            for (echo, key) in echoes.iter().zip(&keys) {
                black_box(*echo).verify(&network.name, key).expect("good");
            }
        },
    );
    println!(
        "receipt of an addition, n = 4, one generation after the trusted header: {} bytes; checked in {whole:.0?}, its six signatures \
         one by one in {alone:.0?}: {:.2} of that",
        bytes.len(),
        whole.as_secs_f64() / alone.as_secs_f64()
    );
}

fn signed<T: Copy>(network: &Network, signatures: &Signatures, statement: T) -> Vec<Signed<T>> {
    let members: Vec<_> = network.keys.iter().map(SigningActor::actor).collect();
    let claims = signatures.iter().map(|(seat, sig)| Signed {
        statement,
        signer: members[seat.index()],
        sig: *sig,
    });
    claims.collect()
}

fn chains(generations: usize, times: usize) {
    let mut network = Network::new();
    let root = Root::Genesis(Box::new(network.genesis.clone()));
    let links: Vec<_> = (0..generations).map(|_| network.next()).collect();
    let first = Trust::Header {
        generation: Generation::GENESIS,
        digest: network.name.digest(),
    };
    let newest = network.trust();
    let (receipt, _) = network.receipt(Chain {
        root,
        links: links.clone(),
    });
    let (all, chain) = (Proof::Receipt(receipt).to_bytes(), encode(&links).len());
    let [signatures, hashes] = in_turns(
        times,
        || {
            check(black_box(&all), &first).expect("a good chain");
        },
        || {
            check(black_box(&all), &newest).expect("a good chain");
        },
    );
    println!(
        "chain of {generations} generations, n = 4: {chain} bytes; checked from the first members on in {signatures:.0?}, from the newest \
         header back in {hashes:.1?}"
    );
}

fn main() {
    // With `--test` it only shows that it runs.
    let test = std::env::args().any(|word| word == "--test");
    receipts(if test { 1 } else { 2_000 });
    chains(if test { 10 } else { 1_000 }, if test { 1 } else { 11 });
}
