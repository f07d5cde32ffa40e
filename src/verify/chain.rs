//! The headers of a network's generations, one after the other, and what is believed of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::refusal::Unproven;
use super::{Grade, NotProven, Proven, Trust};
use crate::actor::{Actor, Claim, PublicKey, Sig, Statement, check_all};
use crate::codec::{Digest, NetworkId};
use crate::membership::{Genesis, Header, Round, Vote, VoteKind};
use crate::quorum::{Generation, Seat};
use crate::snapshot::Commitment;

/// Members' signatures on one statement, each with its seat, in the order of the seats.
pub type Signatures = Vec<(Seat, Sig)>;

/// Signatures of links that are checked together: more cost memory and gain nothing.
const TOGETHER: usize = 256;

/// Headers, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// With which it begins.
    pub root: Root,
    /// Those after it.
    pub links: Vec<Link>,
}

/// What a chain begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a file")]
pub enum Root {
    /// The description of the network.
    Genesis(Box<Genesis>),
    /// The header of a later generation.
    Header(Header),
}

/// A header and what proves it to who believes the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The header.
    pub header: Header,
    /// The round in which it was agreed on.
    pub round: Round,
    /// Precommits of the members of the generation before.
    pub signatures: Signatures,
}

/// What a chain says of one generation.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) generation: Generation,
    pub(super) digest: Digest,
    pub(super) members: &'a BTreeSet<Actor>,
    pub(super) state: Commitment,
    /// The genesis has none: its lanes are empty.
    pub(super) header: Option<&'a Header>,
}

/// A chain that holds together from its anchor on, as far as its signatures prove it.
pub(super) struct Anchored<'a> {
    network: &'a NetworkId,
    trust: &'a Trust,
    anchor: Generation,
    nodes: Vec<Node<'a>>,
    keys: Keys,
}

/// The keys that were looked at: the members of a chain hardly change.
#[derive(Default)]
struct Keys(BTreeMap<Actor, Option<PublicKey>>);

impl Chain {
    /// Steps 2 to 5 of `docs/formats.md`.
    pub(super) fn anchor<'a>(
        &'a self,
        network: &'a NetworkId,
        trust: &'a Trust,
    ) -> Result<Anchored<'a>, NotProven> {
        if matches!(trust, Trust::Network(name) if name != network) {
            return Err(NotProven::Elsewhere);
        }
        let nodes = self.nodes(network)?;
        let anchor = match trust {
            Trust::Network(_) if matches!(self.root, Root::Header(_)) => {
                return Err(NotProven::Unproven(Unproven::NameAlone));
            }
            Trust::Network(_) => Generation::GENESIS,
            Trust::Header { generation, digest } => {
                let named = nodes
                    .iter()
                    .find(|node| node.generation == *generation)
                    .ok_or(NotProven::Unproven(Unproven::OutOfReach))?;
                if named.digest != *digest {
                    return Err(NotProven::Elsewhere);
                }
                *generation
            }
        };
        let mut anchored = Anchored {
            network,
            trust,
            anchor,
            nodes,
            keys: Keys::default(),
        };
        anchored.check_links(&self.links)?;
        Ok(anchored)
    }

    /// Step 3: the generations that the chain speaks of, each naming the one before.
    fn nodes(&self, network: &NetworkId) -> Result<Vec<Node<'_>>, NotProven> {
        let root = match &self.root {
            Root::Genesis(genesis) => Node {
                generation: Generation::GENESIS,
                digest: genesis.network().digest(),
                members: genesis.members(),
                state: genesis.state(),
                header: None,
            },
            Root::Header(header) => Node::of(header, network),
        };
        let named = match self.root {
            Root::Genesis(_) => root.digest == network.digest(),
            Root::Header(_) => root.generation != Generation::GENESIS,
        };
        let mut nodes = vec![root];
        if !named || !root.is_committee() {
            return Err(NotProven::Chain(root.generation));
        }
        for link in &self.links {
            let before = nodes.last().expect("the root at least");
            let node = Node::of(&link.header, network);
            let follows = before.generation.next() == Some(node.generation);
            if !follows || link.header.parent != before.digest || !node.is_committee() {
                return Err(NotProven::Chain(node.generation));
            }
            nodes.push(node);
        }
        Ok(nodes)
    }
}

impl<'a> Node<'a> {
    fn of(header: &'a Header, network: &NetworkId) -> Self {
        Self {
            generation: header.generation,
            digest: header.digest(network),
            members: &header.members,
            state: header.state,
            header: Some(header),
        }
    }

    fn is_committee(&self) -> bool {
        (1..=usize::from(u16::MAX)).contains(&self.members.len())
    }
}

impl<'a> Anchored<'a> {
    /// Step 5. Those up to the anchor are proven by hashes.
    fn check_links(&mut self, links: &'a [Link]) -> Result<(), NotProven> {
        let mut claims = Vec::new();
        for (index, link) in links.iter().enumerate() {
            let before = self.nodes[index];
            if before.generation < self.anchor {
                continue;
            }
            let vote = Vote {
                generation: before.generation,
                round: link.round,
                kind: VoteKind::Precommit(Some(self.nodes[index + 1].digest)),
            };
            // What is bad already must not wait until much more is made ready.
            if claims.len() + link.signatures.len() > TOGETHER {
                let good = check_all(&std::mem::take(&mut claims));
                good.map_err(|_| NotProven::Certificate(before.generation))?;
            }
            claims.extend(self.claims(&before, &vote, &link.signatures)?);
        }
        let good = check_all(&claims);
        good.map_err(|_| NotProven::Certificate(self.anchor))
    }

    /// Whether the members of a generation made this certificate.
    pub(super) fn certified<T: Statement>(
        &mut self,
        node: &Node<'a>,
        statement: &T,
        signatures: &Signatures,
    ) -> Result<(), NotProven> {
        let claims = self.claims(node, statement, signatures)?;
        check_all(&claims).map_err(|_| NotProven::Certificate(node.generation))
    }

    /// What has to be asked of the signatures of a certificate, if it is one otherwise.
    fn claims<T: Statement>(
        &mut self,
        node: &Node<'a>,
        statement: &T,
        signatures: &Signatures,
    ) -> Result<Vec<Claim>, NotProven> {
        let bad = NotProven::Certificate(node.generation);
        let members = node.members.len();
        let ascending = signatures.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if signatures.len() != members - (members - 1) / 3 || !ascending {
            return Err(bad);
        }
        let digest = statement.digest(self.network);
        let mut seated = node.members.iter().enumerate();
        let mut claims = Vec::with_capacity(signatures.len());
        for (seat, sig) in signatures {
            let member = seated.find(|(index, _)| *index == seat.index());
            let (_, member) = member.ok_or(bad)?;
            let key = self.keys.of(member).ok_or(bad)?;
            claims.push(Claim::new(key, digest, *sig));
        }
        Ok(claims)
    }

    pub(super) fn node(&self, generation: Generation) -> Result<Node<'a>, NotProven> {
        let mut nodes = self.nodes.iter();
        let node = nodes.find(|node| node.generation == generation);
        node.copied().ok_or(NotProven::Generation(generation))
    }

    pub(super) fn is_newest(&self, generation: Generation) -> bool {
        self.nodes.last().map(|node| node.generation) == Some(generation)
    }

    /// What is proven by hashes from a header on: up to the anchor by hashes alone.
    pub(super) fn by_header(&self, by: Generation) -> Result<Proven, NotProven> {
        if by > self.anchor {
            return self.by_signatures(by);
        }
        Ok(Proven {
            grade: Grade::Anchored,
            anchor: self.anchor,
            by,
        })
    }

    /// What is proven by signatures of members, of a generation that is not over.
    pub(super) fn by_signatures(&self, by: Generation) -> Result<Proven, NotProven> {
        match self.trust {
            Trust::Network(_) => Err(NotProven::Unproven(Unproven::NameAlone)),
            Trust::Header { .. } => Ok(Proven {
                grade: Grade::Signed,
                anchor: self.anchor,
                by,
            }),
        }
    }
}

impl Keys {
    fn of(&mut self, actor: &Actor) -> Option<&PublicKey> {
        let known = self.0.entry(*actor);
        known.or_insert_with(|| actor.public_key().ok()).as_ref()
    }
}
