//! A network of which every key is known, made by hand: whatever can be put into a file can be made
//! here, good or bad.

use std::collections::BTreeMap;

use crate::common::{dot, genesis_of, key};
use crate::support::torsion::with_torsion;
use bft_crdts::actor::{Sig, Signed, SigningActor, Statement};
use bft_crdts::codec::{Digest, Limits, NetworkId};
use bft_crdts::deterministic_secure_broadcast::{Echo, Message};
use bft_crdts::dot::{Head, Seq};
use bft_crdts::membership::{Ending, Genesis, Header, Round, Vote, VoteKind};
use bft_crdts::merkle::Tree;
use bft_crdts::quorum::{Committee, Generation};
use bft_crdts::snapshot::Commitment;
use bft_crdts::verify::{Chain, End, Link, Receipt, Root, Signatures, StateProof, Trust};

/// The members of each generation, by the numbers of their keys.
const MEMBERS: [&[u8]; 4] = [
    &[1, 2, 3, 4],
    &[1, 2, 3, 4],
    &[2, 3, 4, 5],
    &[2, 3, 4, 5, 6, 7, 8],
];

pub(super) struct World {
    pub(super) network: NetworkId,
    pub(super) genesis: Genesis,
    /// Of each generation after the first, with how the one before ended.
    links: Vec<(Link, Ending)>,
}

/// The state of each generation: texts with their lengths.
pub(super) fn records() -> Vec<(Vec<u8>, Vec<u8>)> {
    // More than two leaves of a tree have, so that paths have branches.
    let words = ["apple", "pear", "plum", "quince", "medlar"].map(str::to_owned);
    let more = (0..30).map(|number| format!("berry {number}"));
    let record = |word: String| (word.as_bytes().to_vec(), vec![word.len() as u8]);
    words.into_iter().chain(more).map(record).collect()
}

pub(super) fn generation(number: u64) -> Generation {
    (0..number).fold(Generation::GENESIS, |generation, _| {
        generation.next().expect("few")
    })
}

/// Members in seat order, of the numbers of their keys.
fn seated(numbers: &[u8]) -> Vec<SigningActor> {
    let mut keys: Vec<_> = numbers.iter().map(|number| key(*number)).collect();
    keys.sort_by_key(SigningActor::actor);
    keys
}

impl World {
    /// Three generations after the first. In generation 0 key 9, a stranger's, wrote five messages, of
    /// which three are within the first frontier and the fourth was carried on.
    pub(super) fn new() -> Self {
        let keys = seated(MEMBERS[0]);
        let genesis = genesis_of(&keys, Limits::default());
        let mut world = Self {
            network: genesis.network(),
            genesis,
            links: Vec::new(),
        };
        let lane = world.lane(9, 5);
        let head = |message: &Message| Head {
            seq: message.seq,
            digest: message.digest(&world.network),
        };
        let lock = world.echo(0, &lane[3]);
        let lock = key(9).sign(&world.network, lock).into_claim();
        let mut first = Ending::default();
        first.frontier.insert(key(9).actor(), head(&lane[2]));
        for number in (1..40).filter(|number| *number != 9) {
            let seq = Seq::new(u64::from(number));
            let digest = Digest::from_bytes([number; 32]);
            first
                .frontier
                .insert(key(number).actor(), Head { seq, digest });
        }
        first.adopted.insert(key(9).actor(), lock);
        let mut second = first.clone();
        second.adopted.clear();
        second.frontier.insert(key(9).actor(), head(&lane[3]));
        for ending in [first, second.clone(), second] {
            world.begin(ending);
        }
        world
    }

    fn begin(&mut self, ending: Ending) {
        let number = self.links.len() as u64 + 1;
        let header = Header {
            parent: self.digest(number - 1),
            generation: generation(number),
            members: seated(MEMBERS[number as usize])
                .iter()
                .map(SigningActor::actor)
                .collect(),
            frontier: ending.frontier_tree().digest(),
            marks: ending.marks_tree().digest(),
            state: Commitment {
                snapshot: Digest::from_bytes([7; 32]),
                records: Tree::of(records()).digest(),
            },
            body: Digest::from_bytes([8; 32]),
        };
        let vote = Vote {
            generation: generation(number - 1),
            round: Round::new(number as u32),
            kind: VoteKind::Precommit(Some(header.digest(&self.network))),
        };
        let signatures = self.certify(number - 1, &vote);
        let round = vote.round;
        let link = Link {
            header,
            round,
            signatures,
        };
        self.links.push((link, ending));
    }

    /// The digest of a generation's header.
    pub(super) fn digest(&self, number: u64) -> Digest {
        match number.checked_sub(1) {
            None => self.network.digest(),
            Some(index) => self.links[index as usize].0.header.digest(&self.network),
        }
    }

    pub(super) fn trust(&self, number: u64) -> Trust {
        Trust::Header {
            generation: generation(number),
            digest: self.digest(number),
        }
    }

    pub(super) fn ending(&self, number: u64) -> &Ending {
        &self.links[number as usize - 1].1
    }

    /// The headers from one generation to another.
    pub(super) fn chain(&self, since: u64, until: u64) -> Chain {
        let root = match since.checked_sub(1) {
            None => Root::Genesis(Box::new(self.genesis.clone())),
            Some(index) => Root::Header(self.links[index as usize].0.header.clone()),
        };
        let links = &self.links[since as usize..until as usize];
        let links = links.iter().map(|(link, _)| link.clone()).collect();
        Chain { root, links }
    }

    /// A quorum of a generation's members, the last ones, say it.
    pub(super) fn certify<T: Statement + Clone>(&self, number: u64, statement: &T) -> Signatures {
        self.certified_by(number, |member| {
            member.sign(&self.network, statement.clone()).sig
        })
    }

    /// The same with signatures whose `R` has torsion.
    pub(super) fn certify_with_torsion<T: Statement>(&self, number: u64, said: &T) -> Signatures {
        let numbers = MEMBERS[number as usize];
        let number_of = |member: &SigningActor| {
            let mut numbers = numbers.iter();
            *numbers
                .find(|number| key(**number).actor() == member.actor())
                .expect("a member")
        };
        let digest = said.digest(&self.network);
        self.certified_by(number, |member| with_torsion(number_of(member), &digest))
    }

    fn certified_by(&self, number: u64, sign: impl Fn(&SigningActor) -> Sig) -> Signatures {
        let members = seated(MEMBERS[number as usize]);
        let actors = members.iter().map(SigningActor::actor).collect();
        let committee = Committee::new(generation(number), &actors, &Limits::default());
        let committee = committee.expect("good keys");
        let signing = committee.seats().zip(&members).skip(committee.tolerated());
        signing
            .map(|((seat, _), member)| (seat, sign(member)))
            .collect()
    }

    /// The first messages of a lane.
    pub(super) fn lane(&self, number: u8, many: u64) -> Vec<Message> {
        let mut parent = self.network.digest();
        let message = |seq| {
            let message = Message {
                source: key(number).actor(),
                seq: Seq::new(seq),
                parent,
                ops: vec![seq as u8; 20].into(),
            };
            parent = message.digest(&self.network);
            message
        };
        (1..=many).map(message).collect()
    }

    pub(super) fn echo(&self, number: u64, message: &Message) -> Echo {
        Echo {
            generation: generation(number),
            dot: dot(message.source, message.seq.number()),
            digest: message.digest(&self.network),
        }
    }

    /// The digests of the operations of these messages, as a receipt has them.
    pub(super) fn later(&self, messages: &[Message]) -> Vec<Digest> {
        let domain = bft_crdts::codec::Domain::Operations;
        let ops = messages.iter().map(|message| &message.ops);
        ops.map(|ops| Digest::of(domain, &self.network, ops))
            .collect()
    }

    /// A message of a generation with its certificate.
    pub(super) fn receipt(&self, since: u64, until: u64) -> Receipt {
        let message = self.lane(9, 5).remove(4);
        Receipt {
            network: self.network,
            chain: self.chain(since, until),
            end: End::Certificate {
                generation: generation(until),
                signatures: self.certify(until, &self.echo(until, &message)),
            },
            message,
            later: Vec::new(),
        }
    }

    /// The first message of the stranger, which is within the frontier of generation 1.
    pub(super) fn anchored(&self, since: u64, until: u64) -> Receipt {
        let mut lane = self.lane(9, 3);
        Receipt {
            network: self.network,
            chain: self.chain(since, until),
            later: self.later(&lane[1..]),
            message: lane.remove(0),
            end: End::Frontier {
                generation: generation(1),
                path: self
                    .ending(1)
                    .frontier_tree()
                    .path(key(9).actor().as_bytes()),
            },
        }
    }

    /// The fourth message, which was certified in generation 0 and carried on into generation 1.
    pub(super) fn carried(&self, since: u64, until: u64) -> Receipt {
        let message = self.lane(9, 4).remove(3);
        let source = message.source;
        Receipt {
            network: self.network,
            chain: self.chain(since, until),
            end: End::Carried {
                generation: generation(0),
                signatures: self.certify(0, &self.echo(0, &message)),
                into: generation(1),
                lock: self.ending(1).adopted[&source],
                path: self.ending(1).marks_tree().path(source.as_bytes()),
            },
            message,
            later: Vec::new(),
        }
    }

    /// What the state of a generation has under a key.
    pub(super) fn state(&self, since: u64, until: u64, of: u64, key: &str) -> StateProof {
        let records: BTreeMap<_, _> = records().into_iter().collect();
        let value = records.get(key.as_bytes()).cloned();
        StateProof {
            network: self.network,
            chain: self.chain(since, until),
            generation: generation(of),
            key: key.as_bytes().to_vec().into(),
            value: value.map(Into::into),
            path: Tree::of(records).path(key.as_bytes()),
        }
    }

    pub(super) fn signed<T: Statement>(&self, by: u8, statement: T) -> Signed<T> {
        key(by).sign(&self.network, statement).into_claim()
    }
}
